"""In words: what another input means for the module as it is built."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from archgen.diagnostics import WIDTH, Note, Place, Source, printable
from archgen.views.columns import GAP, shape_text

if TYPE_CHECKING:
    from archgen.analysis.report import Built


MOST_SHOWN = 8  # weights that a table lists


def note(built: Built) -> Note:
    """What there is to say beside another result."""
    place = Place(Source("--input", shape_text(built.other)), 0, 0)
    return Note(place, _sentence(built), "\n".join([*_weights(built), _advice(built)]).strip())


def lines(built: Built | None) -> list[str]:
    """The same for the end of a report; nothing where the module runs on the other input too."""
    if built is None or not built.others:
        return []
    first, last = (text[:1].upper() + text[1:] for text in (_sentence(built), _advice(built)))
    return ["", *_wrapped(first), *_weights(built), *_wrapped(last)]


def _sentence(built: Built) -> str:
    what = "1 weight differs" if len(built.others) == 1 else f"{len(built.others):,} weights differ"
    return f"the module, built for {shape_text(built.own)}, does not run on {shape_text(built.other)}: {what}"


def _advice(built: Built) -> str:
    """Where the module runs instead."""
    command = f"`archgen shapes {printable(built.spec)} --symbolic`"
    if not built.nearest:
        return f"{command} says on which inputs it runs"
    return f"the nearest that it runs on: {', '.join(map(shape_text, built.nearest))}; {command} says which others"


def _weights(built: Built) -> list[str]:
    """The weights that differ, each with both shapes."""
    width = max((len(one.name) for one in built.others[:MOST_SHOWN]), default=0)
    shown = [
        f"{GAP}{printable(one.name).ljust(width)}{GAP}built {_shape(one.built)}, here {_shape(one.shape)}"
        for one in built.others[:MOST_SHOWN]
    ]
    more = len(built.others) - MOST_SHOWN
    return [*shown, f"{GAP}and {more:,} more"] if more > 0 else shown


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _shape(shape: tuple[int, ...] | None) -> str:
    return "none" if shape is None else shape_text(shape) or "one number"
