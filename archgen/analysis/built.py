"""Another input beside the network as it is built: which of its weights are not those that the other input would give.

A linear layer behind `flatten` takes its number of features from the spec's own input. At another one the report counts the
weights that a network for that input would have; the module that was built has its own, and does not run there.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

from archgen.analysis.table import GAP, WIDTH, shape_text
from archgen.diagnostics import Note, Place, Source, printable
from archgen.records import Record

if TYPE_CHECKING:
    from archgen.analysis.report import Row

MOST_SHOWN = 8  # weights that a table lists


class OtherWeight(NamedTuple):
    """A parameter or buffer by its name in the module; None for the shape where there is none of that name."""

    name: str
    shape: tuple[int, ...] | None
    built: tuple[int, ...] | None

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "shape": None if self.shape is None else list(self.shape),
            "built_shape": None if self.built is None else list(self.built),
        }


class Built(Record):
    """The network as it is built, seen from another input. own: the spec's input; others: the weights that differ.

    nearest: the inputs nearest to the other one on which the module runs, where it does not run on that.
    """

    spec: str
    own: tuple[int, ...]
    other: tuple[int, ...]
    others: tuple[OtherWeight, ...]
    nearest: tuple[tuple[int, ...], ...]

    def as_json(self) -> dict[str, Any]:
        """As JSON values; `docs/report.schema.json` is their schema."""
        return {
            "input_shape": list(self.own),
            "other_weights": [one.as_json() for one in self.others],
            "nearest": [list(shape) for shape in self.nearest],
        }

    def sentence(self) -> str:
        """What is to be known, in one sentence."""
        what = "1 weight differs" if len(self.others) == 1 else f"{len(self.others):,} weights differ"
        return f"the module, built for {shape_text(self.own)}, does not run on {shape_text(self.other)}: {what}"

    def advice(self) -> str:
        """Where the module runs instead."""
        command = f"`archgen shapes {printable(self.spec)} --symbolic`"
        if not self.nearest:
            return f"{command} says on which inputs it runs"
        return f"the nearest that it runs on: {', '.join(map(shape_text, self.nearest))}; {command} says which others"

    def weights(self) -> list[str]:
        """The weights that differ, each with both shapes."""
        width = max((len(one.name) for one in self.others[:MOST_SHOWN]), default=0)
        lines = [
            f"{GAP}{printable(one.name).ljust(width)}{GAP}built {_shape(one.built)}, here {_shape(one.shape)}"
            for one in self.others[:MOST_SHOWN]
        ]
        more = len(self.others) - MOST_SHOWN
        return [*lines, f"{GAP}and {more:,} more"] if more > 0 else lines

    def note(self) -> Note:
        """The same beside another result."""
        place = Place(Source("--input", shape_text(self.other)), 0, 0)
        return Note(place, self.sentence(), "\n".join([*self.weights(), self.advice()]).strip())

    def lines(self) -> list[str]:
        """All of it for the end of a report; nothing where the module runs on the other input too."""
        if not self.others:
            return []
        first, last = (text[:1].upper() + text[1:] for text in (self.sentence(), self.advice()))
        return ["", *_wrapped(first), *self.weights(), *_wrapped(last)]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _shape(shape: tuple[int, ...] | None) -> str:
    return "none" if shape is None else shape_text(shape) or "one number"


def other_weights(rows: tuple[Row, ...], built: tuple[Row, ...]) -> tuple[OtherWeight, ...]:
    """The parameters and buffers that differ between the rows of a report and those of the network as it is built."""
    here, there = _tensors(rows), _tensors(built)
    names = dict.fromkeys((*here, *there))
    return tuple(OtherWeight(name, here.get(name), there.get(name)) for name in names if here.get(name) != there.get(name))


def _tensors(rows: tuple[Row, ...]) -> dict[str, tuple[int, ...]]:
    """Every parameter and buffer of a network by its name in the module."""
    found: dict[str, tuple[int, ...]] = {}
    for row in rows:
        if row.op is not None:
            x = row.traced.inputs[0]
            bare = row.role == "line"  # its parameter belongs to the class around it
            tensors = (*row.op.weights(x), *row.op.buffers(x))
            found |= {row.path if bare else f"{row.path}.{name}": shape for name, shape in tensors}
    return found
