"""The lines of `forward`: which value lives in which variable, and what is written inside what.

A variable is reused when its value is dead; else the new one takes its branch's name. The last value is always `x`. A branch
of one call is written inside its merge, and a sum inside the call that reads it. The order of calls is the order of the steps.
"""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING

from archgen.emit.layout import Group, Text, flat, statement
from archgen.flow import Flow
from archgen.graph import Input

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.trace import Traced

_SIGNS = {"add": " + ", "subtract": " - ", "multiply": " * "}


class Forward(Flow):
    """Builds the lines of one body's `forward`."""

    def __init__(
        self, steps: tuple[Traced, ...], results: tuple[Input, ...], width: int, comment: Callable[[int], str] = lambda _: ""
    ) -> None:
        super().__init__(steps, results)
        self.width, self.comment = width, comment
        self.results = tuple(map(self.source, results))
        self.variables: dict[Input, str] = {Input(0): "x"}
        self.inlined: dict[Input, Text] = {}
        self.lines: list[str] = []
        self.conditions: dict[str, str] = {}  # step -> the attribute that holds its condition

    def build(self) -> list[str]:
        for number, step in enumerate(self.steps):
            if step.role != "absent":
                self.step(number, step)
        texts = [flat(self.text(result)) for result in self.results]
        self.lines.append(f"        return {', '.join(texts)}")
        return self.lines

    def text(self, value: Input) -> Text:
        return self.inlined.pop(value) if value in self.inlined else self.variables[value]

    def step(self, number: int, step: Traced) -> None:
        value = Input(number + 1)
        inputs = self.inputs(step)
        if step.role == "split":
            self.split(number, step, inputs[0])
            return
        text = self.merge(step, inputs) if step.role == "merge" else self.call(step, inputs[0])
        if self.is_inlined(number):
            self.inlined[value] = text
            return
        target = self.target(number, inputs)
        self.variables[value] = target
        if step.role == "merge" and step.condition is not True:
            self.conditional_merge(step, target, inputs, text)
            return
        self.lines += statement(target, text, 8, self.width, self.comment(number))

    def call(self, step: Traced, value: Input) -> Text:
        return Group(f"self.{step.name}(", (self.text(value),), ")")

    def conditional_merge(self, step: Traced, target: str, inputs: tuple[Input, ...], text: Text) -> None:
        """A merge that may be left out hands its first value on."""
        attribute = f"self.use_{step.name}"
        self.conditions[step.name] = attribute
        first = self.variables[inputs[0]]
        self.lines.append(f"        if {attribute}:")
        self.lines += statement(target, text, 12, self.width)
        if first != target:
            self.lines += ["        else:", f"            {target} = {first}"]

    def split(self, number: int, step: Traced, source: Input) -> None:
        parts = [Input(number + 1, part) for part in range(len(step.conditions))]
        taken = set(self.live(number))
        names = []
        for part in parts:
            readers = self.readers.get(part, [])
            name = self.steps[readers[0]].name if readers else "_"
            names.append(_free(name, taken))
            taken.add(names[-1])
            self.variables[part] = names[-1]
        axis = step.inputs[0].channel_axis + 1
        text = f"{flat(self.text(source))}.chunk({len(parts)}, dim={axis})"
        self.lines += statement(", ".join(names), text, 8, self.width)

    def merge(self, step: Traced, inputs: tuple[Input, ...]) -> Text:
        texts = [self.text(value) for value in inputs]
        if step.type == "concat":
            axis = step.inputs[0].channel_axis + 1
            return Group("torch.cat(", (Group("[", tuple(texts), "]"), f"dim={axis}"), ")") if len(texts) > 1 else texts[0]
        return _SIGNS[step.type].join(map(flat, texts))

    # ---- what is written where

    def live(self, number: int) -> list[str]:
        """The variables whose values are still read after a step."""
        pending = {name for text in self.inlined.values() for name in _names(flat(text))}
        held = [
            name for value, name in self.variables.items() if any(reader > number for reader in self.readers.get(value, []))
        ]
        return [*held, *pending]

    def target(self, number: int, inputs: tuple[Input, ...]) -> str:
        if all(
            reader <= number or reader == len(self.steps) for reader in self.readers.get(Input(number + 1), [])
        ) and self.is_last(number):
            return "x"
        live = self.live(number)
        for value in inputs:
            name = self.variables.get(value)
            if name is not None and name not in live:
                return name
        return _free(self.branch_name(number), set(live))

    def is_last(self, number: int) -> bool:
        value = Input(number + 1)
        return len(self.results) == 1 and self.results[0] == value

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


def _names(text: str) -> set[str]:
    """The bare names in a text; attributes of self are none."""
    import re

    return {match[1] for match in re.finditer(r"(?<![.\w])([A-Za-z_]\w*)", text)} - {"self", "torch"}


def _free(name: str, taken: set[str]) -> str:
    if name in ("self", "torch", "x") or name in taken:
        number = 2
        while f"{name}_{number}" in taken:
            number += 1
        return f"{name}_{number}"
    return name
