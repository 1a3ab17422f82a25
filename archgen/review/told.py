"""A diff in words: what every form of it says, each in its own way."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archgen.review.changes import ADDED, MOVED, REMOVED, RENAMED
from archgen.views.columns import shape_text
from archgen.views.costs import mib

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archgen.review.align import Node, Pair
    from archgen.review.changes import Change
    from archgen.review.checkpoint import Checkpoint
    from archgen.review.diff import Diff, Total

MOST_PATHS = 3  # of the layers that one line of a spec says, the first


class Told(NamedTuple):
    """What was done to the layers of one line of the spec. details: what of each is another."""

    kind: str
    where: str
    title: str
    place: str
    details: tuple[str, ...]


class Part(NamedTuple):
    """A part of the network whose figures are others: its output before and after, and how its counts grew."""

    name: str
    output: str
    parameters: str
    macs: str


class Verdict(NamedTuple):
    """What the change means for one who uses the module. good: whether nothing is asked of him."""

    name: str
    good: bool
    sentences: tuple[str, ...]


def told(diff: Diff) -> list[Told]:
    """What was done; where calls of a block differ in the values alone, once for all of them."""
    groups: dict[object, list[Change]] = {}
    for change in diff.changes:
        key = (
            change.kind,
            change.type,
            change.file,
            change.line,
            tuple(one.name for one in change.differences),
            _last(change.paths[0]),
        )
        groups.setdefault(key, []).append(change)
    return [_told(group, (diff.old, diff.new)) for group in groups.values()]


def _last(path: str) -> str:
    name = path.rpartition(".")[2]
    return "" if name.isdigit() else name


def _told(group: list[Change], specs: tuple[str, ...]) -> Told:
    first = group[0]
    paths = [path for change in group for path in change.paths]
    details = []
    if first.kind == RENAMED:
        olds = [path for change in group for path in change.olds]
        details.append(f"was {_some(olds)}")
    for number, difference in enumerate(first.differences):
        counts: dict[str, int] = {}
        for change in group:
            one = change.differences[number]
            text = f"{one.old} -> {one.new}"
            counts[text] = counts.get(text, 0) + len(change.paths)
        shown = [text if len(counts) == 1 else f"{text} ({count})" for text, count in counts.items()]
        details.append(f"{difference.name} {', '.join(shown)}")
    title = first.title if first.kind in (ADDED, REMOVED) and first.title else first.type
    place = f"line {first.line}" if first.file in specs else f"{first.file}:{first.line}"
    return Told(first.kind, _some(paths), title, place, tuple(details))


def _some(paths: list[str]) -> str:
    more = len(paths) - MOST_PATHS
    shown = ", ".join(paths[:MOST_PATHS] if more > 0 else paths)
    return f"{shown} and {more} more" if more > 0 else shown


SIGNS = {ADDED: "+", REMOVED: "-", RENAMED: ">", MOVED: "^"}  # in front of a line; what has changed has `~`


def parts(diff: Diff) -> list[Part]:
    """The parts of the network, one deep, whose output or counts differ."""
    return [_part(pair) for pair in diff.pairs if _figures(pair.old) != _figures(pair.new)]


def _figures(node: Node | None) -> tuple[object, ...]:
    return () if node is None else (node.step.output.sizes, node.step.parameters, node.step.macs)


def _part(pair: Pair) -> Part:
    shapes = [shape_text(node.step.output.sizes) if node else "-" for node in (pair.old, pair.new)]
    output = shapes[0] if shapes[0] == shapes[1] else " -> ".join(shapes)
    parameters, macs = (
        [getattr(node.step, name) if node else 0 for node in (pair.old, pair.new)] for name in ("parameters", "macs")
    )
    return Part(pair.node.step.name, output, grown(*parameters), grown(*macs))


def grown(old: int, new: int) -> str:
    return f"{new - old:+,}" if new != old else "-"


def amount(total: Total, value: int) -> str:
    return mib(value) if total.unit == "B" else f"{value:,}"


def percent(total: Total) -> str:
    """By how much a total grew, for people: what rounds to nothing is shown as less than that."""
    if total.old == total.new:
        return "-"
    if total.percent is None:
        return "new"
    return f"{total.percent:+.1f} %" if abs(total.percent) >= 0.05 else f"{'+' if total.percent > 0 else '-'}0.0 %"


def verdicts(diff: Diff) -> list[Verdict]:
    """What the change means for checkpoints, for callers, for the function and for the cost."""
    return [_weights(diff.weights), _interface(diff), _meaning(diff), _cost(diff.totals)]


def _weights(found: Checkpoint) -> Verdict:
    entries = found.kept + len(found.renamed) + len(found.reshaped) + len(found.removed)
    if found.loads:
        order = "; its optimizer does not: the parameters come in another order" if found.reordered else ""
        return Verdict("weights", not order, (f"an old checkpoint loads as it is, all {entries:,} entries{order}",))
    counted = [
        (len(found.renamed), "renamed"),
        (len(found.reshaped), "of another shape"),
        (len(found.removed), "gone"),
        (len(found.added), "new"),
    ]
    listed = ", ".join(f"{count:,} {what}" for count, what in counted if count)
    start = "an old checkpoint loads once its entries are renamed" if found.loads_renamed else "an old checkpoint does not load"
    sentences = [f"{start}: {found.kept:,} of {entries:,} entries stay, {listed}"]
    if found.swapped:
        sentences.append(f"{len(found.swapped):,} load into another layer, of the same name and shape: {found.swapped[0].old}")
    return Verdict("weights", False, tuple(sentences))


def _interface(diff: Diff) -> Verdict:
    found = diff.interface
    sentences = [f"{one.name}: {one.old} -> {one.new}" for one in found.differences]
    if found.lost is not None:
        sentences.append(f"an input of {shape_text(found.lost)} runs no more")
    return Verdict("interface", not sentences, tuple(sentences) or ("the same for callers",))


def _meaning(diff: Diff) -> Verdict:
    evaluation, training = diff.same
    if evaluation:
        sentence = "the same function of the same weights"
        sentence += "" if training else " in evaluation, another one in training"
        sentence += ", with the defaults of all arguments" if diff.arguments and not diff.alike else ""
        return Verdict("meaning", training, (sentence,))
    return Verdict("meaning", False, ("another function, or one that could not be shown to be the same",))


def _cost(totals: Iterable[Total]) -> Verdict:
    grew = [f"{one.name} {percent(one)}" for one in totals if one.old != one.new]
    return Verdict("cost", not grew, (", ".join(grew) or "the same",))
