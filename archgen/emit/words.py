"""The words about a class: its docstring, and the shapes behind the lines of `forward`."""

from __future__ import annotations

import re
from collections import ChainMap
from functools import cached_property
from typing import TYPE_CHECKING

from archgen.arithmetic.evaluation import evaluate
from archgen.arithmetic.expressions import Environment, Name, Value, is_number, names_of
from archgen.arithmetic.spelling import render
from archgen.emit.decisions import Decisions
from archgen.ops.value import AXES, AXIS_NAMES, CALLED, Shape, axis_names
from archgen.trace.on_names import OPEN_NAMES
from archgen.trace.traced import Role

if TYPE_CHECKING:
    from archgen.graph.model import Body
    from archgen.trace.traced import TracedBody

_AXES = {name: letter for letter, name in CALLED.items()}
_AXES |= {left: f"{_AXES[name]}_out" for rank, names in AXIS_NAMES.items() for name, left in zip(names, OPEN_NAMES[rank])}

LONG = 30  # characters of a rule that is not said twice
LONGEST = 80  # that is said at all


class Words(Decisions):
    """on_numbers: of the network, the trace on numbers: its shapes become comments."""

    def __init__(self, body: Body, traced: TracedBody, samples: list[dict[str, Value]], on_numbers: TracedBody | None) -> None:
        super().__init__(body, traced, samples)
        self.on_numbers = on_numbers

    @cached_property
    def axis_words(self) -> dict[str, str]:
        """The sizes of the values that enter beside the first: `H_skip`."""
        found: dict[str, str] = {}
        for name, x in zip(self.body.inputs[1:], self.traced.entering[1:]):
            found |= {size: f"{axis}_{name}" for size, axis in zip(axis_names(x.rank, name), AXES[x.rank])}
        return found

    def shapes(self) -> str:
        """What enters and what leaves, as a sentence."""
        if self.on_numbers is None:
            return f"{self.all_words(self.traced.entering)} to {self.all_words(self.traced.outputs)}."
        outputs = [self.shape_words(shape) for shape in self.on_numbers.outputs]
        count = len(self.body.results)
        told = " and ".join(outputs[:count])
        if outputs[count:]:
            told += f", while training also {' and '.join(outputs[count:])}"
        entering = (Shape(self.body_input()), *self.traced.entering[1:])
        return f"{self.all_words(entering)} to {told}; other sizes of input work where the layers allow."

    def all_words(self, shapes: tuple[Shape, ...]) -> str:
        return " and ".join(map(self.shape_words, shapes))

    def body_input(self) -> tuple[int, ...]:
        assert self.on_numbers is not None
        channels = self.on_numbers.names["in_channels"]
        assert isinstance(channels, int)
        return (channels, *self.entering().sizes[1:])

    def shape_words(self, shape: Shape) -> str:
        """A shape with the batch. A long rule that each spatial axis follows alike is said of the first."""
        words = [render(self.in_words(size)) for size in shape.sizes]
        first, *others = [axis for axis in range(len(words)) if axis != shape.channel_axis] or [0]
        names = AXES.get(shape.rank, ())
        for axis, name in zip(others, names[1:]):
            if len(words[axis]) > LONG and words[axis] == re.sub(rf"\b{names[0]}\b", name, words[first]):
                words[axis] = f"{name} alike"
        words = [word if len(word) <= LONGEST else "..." for word in words]
        return f"[{', '.join(['N', *words])}]"

    def in_words(self, size: Value) -> Value:
        if is_number(size):
            return size
        said = evaluate(size, ChainMap(self.expanded, self.by_name(names_of(size))))
        plain = self.specialised(said)
        words: Environment = {
            name: Name(self.axis_words.get(name, _AXES.get(name, name)), "int")
            if name in self.axis_words or name in _AXES
            else value
            for name, value in self.by_name(names_of(plain)).items()
        }
        return evaluate(plain, words)  # type: ignore[no-any-return]

    def shape_comment(self, number: int) -> str:
        """The shape after a line of the network's `forward`, where it changes."""
        if self.on_numbers is None:
            return ""
        step = self.on_numbers.steps[number]
        before, after = step.inputs[0], step.output
        changes = (before.sizes, before.channel_axis) != (after.sizes, after.channel_axis)
        return self.shape_words(after) if step.role is Role.MERGE or changes else ""
