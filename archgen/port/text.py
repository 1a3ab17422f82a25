"""A comparison as text: what is equal, then where weights and values differ."""

from __future__ import annotations

import itertools
import textwrap
from typing import TYPE_CHECKING, NamedTuple

from archgen.diagnostics import WIDTH, printable
from archgen.port.pairs import NAME, ORDER
from archgen.views.columns import GAP, aligned, facts, shape_text

if TYPE_CHECKING:
    from archgen.port.comparison import Comparison
    from archgen.port.pairs import Pair, Weight

EQUAL, DIFFERENT, NONE = "equal", "DIFFERENT", "-"


def text(comparison: Comparison) -> str:
    """Returns a comparison as lines of text, without a last line break."""
    return "\n\n".join(filter(None, ["\n".join(part) for part in _parts(comparison)]))


def _parts(found: Comparison) -> list[list[str]]:
    rows = [("", "spec", "model", ""), *_compared(found)]
    sentences = [found.other_macs, *(run.difference for run in found.runs)]
    return [
        aligned(rows, frozenset((1, 2))),
        facts(_facts(found)),
        _weights(found),
        [
            line
            for sentence in filter(None, sentences)
            for line in textwrap.wrap(sentence, WIDTH, break_long_words=False, break_on_hyphens=False)
        ],
    ]


def _compared(found: Comparison) -> list[tuple[str, ...]]:
    ours, theirs, pairs = found.ours, found.theirs, found.paired.pairs
    macs = NONE if theirs.macs is None else _verdict(ours.macs == theirs.macs and not found.other_macs)
    weights = [sum(pair.ours is not None for pair in pairs), sum(pair.theirs is not None for pair in pairs)]
    rows = [
        ("parameters", _count(ours.parameters), _count(theirs.parameters), _verdict(ours.parameters == theirs.parameters)),
        ("MACs", _count(ours.macs), _count(theirs.macs), macs),
        ("weights", *map(_count, weights), _verdict(all(pair.fits for pair in pairs))),
    ]
    if found.paired.carried:
        rows.append(("their names", "", "", _verdict(found.paired.carried == NAME)))
        rows.append(("their order", "", "", _verdict(not any(pair.moved for pair in pairs))))
    return [*rows, *((run.name, "", "", _verdict(not run.difference)) for run in found.runs)]


def _count(value: int | None) -> str:
    return NONE if value is None else f"{value:,}"


def _verdict(equal: bool) -> str:
    return EQUAL if equal else DIFFERENT


def _facts(found: Comparison) -> list[tuple[str, str]]:
    carried = {
        NAME: "by name",
        ORDER: "by order: all shapes agree, and not all names",
        None: "not: the shapes differ, so outputs can't be compared",
    }
    pairs = [
        ("spec", f"{found.name}, {printable(found.spec)}"),
        ("model", printable(found.model)),
        ("input", shape_text(found.input_shape)),
        ("carried over", carried[found.paired.carried]),
    ]
    if found.runs:
        pairs.append(("tolerance", f"{found.tolerance:.1g} of the largest number, in {found.dtype}"))
    return pairs


# ---- the weights that differ


class _Group(NamedTuple):
    """What pairs have in common that are told in one row: the paths to both, and in what they differ."""

    ours: str
    theirs: str
    what: str


def _weights(found: Comparison) -> list[str]:
    """A row for each run of weights that differ alike; none where all are equal."""
    rows = []
    for group, run in itertools.groupby(found.paired.pairs, _group):
        pairs = list(run)
        if group is not None:
            ours, theirs = (_called(pairs, side, path) for side, path in (("ours", group.ours), ("theirs", group.theirs)))
            rows.append((ours, theirs, f"{len(pairs):,}", group.what))
    if not rows:
        return []
    titles = ("in the spec", "in the model", "weights", "")
    left = WIDTH - max(len(row[2]) for row in (titles, *rows)) - max(len(row[3]) for row in rows) - 3 * len(GAP)
    return aligned([titles, *((_cut(row[0], left // 2), _cut(row[1], left // 2), *row[2:]) for row in rows)], frozenset([2]))


def _group(pair: Pair) -> _Group | None:
    ours, theirs = pair.ours, pair.theirs
    if ours is None or theirs is None:
        only = "only in the model" if ours is None else "only in the spec"
        return _Group(ours.layer if ours else "", theirs.layer if theirs else "", only)
    if not pair.fits:
        return _Group(ours.name, theirs.name, f"{_shape(ours)}, in the model {_shape(theirs)}")
    if ours.name != theirs.name:
        return _Group(*_without_common_end(ours.name, theirs.name), "renamed")
    return _Group(ours.layer, theirs.layer, "in another place") if pair.moved else None


def _without_common_end(ours: str, theirs: str) -> tuple[str, str]:
    """Two paths up to where they go on alike."""
    one, other = ours.split("."), theirs.split(".")
    while one and other and one[-1] == other[-1]:
        del one[-1], other[-1]
    return ".".join(one), ".".join(other)


def _called(pairs: list[Pair], side: str, path: str) -> str:
    """What a row calls the weights of a side: one by its name, several by their path."""
    weights = [getattr(pair, side) for pair in pairs]
    if weights[0] is None:
        return NONE
    return printable(weights[0].name if len(weights) == 1 else f"{path}.*".lstrip("."))


def _cut(name: str, width: int) -> str:
    """A name that is too long for its column, without its middle: the JSON has it whole."""
    half = (width - 3) // 2
    return name if len(name) <= width else f"{name[:half]}...{name[-half:]}"


def _shape(weight: Weight) -> str:
    return shape_text(weight.shape) or "one number"
