"""The lines of `forward`: which value lives in which variable, and what is written inside what.

A variable is reused when its value is dead; else the new one takes its branch's name. The last value is always `x`. A branch
of one call is written inside its merge, and a sum inside the call that reads it. The order of calls is the order of the steps.
"""

from __future__ import annotations

import os.path
from collections import Counter
from typing import TYPE_CHECKING, Any

from archgen.arithmetic.expressions import Expression, Name
from archgen.emit.layout import Group, Text, flat, statement
from archgen.emit.said import said
from archgen.graph.model import Input
from archgen.language.names import MODULE_ATTRIBUTES, Scope
from archgen.trace.flow import Flow

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.arithmetic.expressions import Value
    from archgen.trace.traced import Traced


class Forward(Flow):
    """Builds the lines of one body's `forward`."""

    def __init__(
        self,
        steps: tuple[Traced, ...],
        results: tuple[Input, ...],
        training_results: tuple[Input, ...],
        width: int,
        comment: Callable[[int], str],
    ) -> None:
        super().__init__(steps, (*results, *training_results))
        self.width, self.comment = width, comment
        self.results = tuple(map(self.source, results))
        self.training_results = tuple(map(self.source, training_results))
        self.returned = {*self.results, *self.training_results}
        self.variables: dict[Input, str] = {}
        self.live = Live()
        self.inner: dict[Input, Text] = {}
        self.lines: list[str] = []
        self.indent = 8
        self.conditions: dict[str, str] = {}  # step -> the attribute that holds its condition
        self.kept: dict[str, list[tuple[str, Value]]] = {}  # step -> attributes for its options, and what they hold
        self.attributes = Scope(MODULE_ATTRIBUTES, (step.name for step in steps))
        self.names = Scope()  # of the variables, which are used again

    def build(self) -> list[str]:
        self.hold(Input(0), "x")
        for number, step in enumerate(self.steps):
            if step.role == "absent":
                continue
            if step.training and self.indent == 8:
                self.lines.append("        if self.training:")
            self.indent = 12 if step.training else 8
            for dead in self.live.pass_by(number):
                self.names.again(dead)
            self.step(number, step)
        texts = [flat(self.text(result)) for result in self.results]
        if self.training_results:
            more = [flat(self.text(result)) for result in self.training_results]
            self.lines += ["        if self.training:", f"            return {', '.join([*texts, *more])}"]
        self.lines.append(f"        return {', '.join(texts)}")
        return self.lines

    def text(self, value: Input) -> Text:
        return self.inner.pop(value) if value in self.inner else self.variables[value]

    def step(self, number: int, step: Traced) -> None:
        value = Input(number + 1)
        inputs = self.inputs(step)
        if step.role == "split":
            self.split(number, step, inputs[0])
            return
        text = self.line(step, inputs) if step.role in ("merge", "line") else self.call(step, inputs[0])
        if self.is_inlined(number):
            self.inner[value] = text
            return
        target = self.target(number, inputs)
        self.hold(value, target)
        if step.role == "merge" and step.condition is not True:
            self.conditional_merge(step, target, inputs, text)
            return
        self.lines += statement(target, text, self.indent, self.width, self.comment(number))

    def call(self, step: Traced, value: Input) -> Text:
        return Group(f"self.{step.name}(", (self.text(value),), ")")

    def conditional_merge(self, step: Traced, target: str, inputs: tuple[Input, ...], text: Text) -> None:
        """A merge that may be left out hands its first value on."""
        attribute = f"self.{self.attributes.take(f'use_{step.name}')}"
        self.conditions[step.name] = attribute
        first = self.variables[inputs[0]]
        margin = " " * self.indent
        self.lines.append(f"{margin}if {attribute}:")
        self.lines += statement(target, text, self.indent + 4, self.width)
        if first != target:
            self.lines += [f"{margin}else:", f"{margin}    {target} = {first}"]

    def split(self, number: int, step: Traced, source: Input) -> None:
        parts = [Input(number + 1, part) for part in range(len(step.conditions))]
        text, names = self.line(step, (source,)), []
        for part in parts:
            readers = self.readers.get(part, [])
            names.append(self.names.free(self.steps[readers[0]].name, beside=self.live) if readers else "_")
            self.hold(part, names[-1])
        self.lines += statement(", ".join(names), text, self.indent, self.width)

    def line(self, step: Traced, inputs: tuple[Input, ...]) -> Text:
        """An op said here; of several values of which one is there, that one."""
        texts = tuple([self.text(value) for value in inputs])
        if step.role == "merge" and len(texts) == 1:
            return texts[0]
        assert step.op is not None
        assert step.op.line is not None
        given = step.op.text_options(step.inputs[0])
        options = {name: self.at_hand(step, name, value) for name, value in given.items()}
        return said(step.op.line, texts, options, f"self.{step.name}")

    def at_hand(self, step: Traced, name: str, value: Any) -> Any:
        """An option as `forward` can say it: what waits for the constructor's arguments is worked out there, and kept."""
        if isinstance(value, slice):
            start, stop, stride = (self.at_hand(step, part, getattr(value, part)) for part in ("start", "stop", "step"))
            return slice(start, stop, stride)
        if type(value) is tuple:
            return tuple(self.at_hand(step, name, item) for item in value)
        if not isinstance(value, Expression):
            return value
        attribute = f"self.{self.attributes.take(f'{step.name}_{name}')}"
        self.kept.setdefault(step.name, []).append((attribute, value))
        return Name(attribute)

    # ---- what is written where

    def hold(self, value: Input, name: str) -> None:
        """Puts a value into a variable, where it stays until its last reader has run."""
        self.variables[value] = name
        if value in self.readers:
            self.live.add(name, self.readers[value][-1])

    def target(self, number: int, inputs: tuple[Input, ...]) -> str:
        if self.is_last(number) and "x" not in self.live:
            return "x"
        if self.is_result(Input(number + 1)):  # it waits for the return under its own name
            return self.names.free(self.branch_name(number), beside=self.live)
        for value in inputs:
            name = self.variables.get(value)
            if name is not None and name not in self.live:
                return name
        if "x" not in self.live and any(map(self.is_result, inputs)):
            return "x"
        return self.names.free(self.branch_name(number), beside=self.live)

    def is_result(self, value: Input) -> bool:
        """Whether a value is returned, beside others."""
        return value in self.returned and self.results != (value,)

    def is_last(self, number: int) -> bool:
        value = Input(number + 1)
        return self.results == (value,) and self.readers[value] == [len(self.steps)]

    def branch_name(self, number: int) -> str:
        """The common start of the names of a chain of calls, or its last name; a residual's way is `out`."""
        names = [self.steps[number].name]
        value = Input(number + 1)
        while True:
            readers = self.readers.get(value, [])
            if len(readers) != 1 or readers[0] == len(self.steps):
                break
            reader = self.steps[readers[0]]
            if reader.role == "merge":
                if reader.type == "add" and len(names) > 1:
                    return "out"
                break
            if reader.role == "split":
                break
            names.append(reader.name)
            value = Input(readers[0] + 1)
        common = os.path.commonprefix(names).rstrip("_")  # noqa: RUF071  a common start of letters is what is meant
        return common if len(common) > 2 else names[-1]


class Live:
    """The variables whose values are still read after the step at hand."""

    def __init__(self) -> None:
        self.names: Counter[str] = Counter()
        self.ending: dict[int, list[str]] = {}  # the step that reads a value last -> the variables that hold such
        self.passed = 0

    def add(self, name: str, last_reader: int) -> None:
        self.names[name] += 1
        self.ending.setdefault(last_reader, []).append(name)

    def pass_by(self, number: int) -> list[str]:
        """Comes to a step: what it and those before it were the last to read is dead, and returned."""
        dead = [name for passed in range(self.passed, number + 1) for name in self.ending.pop(passed, ())]
        self.names.subtract(dead)
        self.passed = number + 1
        return dead

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.names[name] > 0
