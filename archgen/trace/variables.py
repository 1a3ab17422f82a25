"""Which variable of the generated `forward` holds which value.

`x` goes on along the way, and `out` beside it. A value that waits for a later line has the name of the layer that made it; so a
name never says what reads it. The text is written by these names, and memory lives as long as they say.
"""

from __future__ import annotations

import os.path
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING

from archgen.graph.model import Input
from archgen.language.names import Scope
from archgen.trace.flow import Flow
from archgen.trace.traced import Role

if TYPE_CHECKING:
    from archgen.trace.traced import Traced


class Variables(Flow):
    """The variables of one body. What is written inside another line has none, and `_` takes a part that nobody reads."""

    def __init__(
        self,
        steps: tuple[Traced, ...],
        results: tuple[Input, ...],
        training_results: tuple[Input, ...],
        inputs: tuple[str, ...] = (),
    ) -> None:
        super().__init__(steps, (*results, *training_results))
        self.entering = {Input(0, number): name for number, name in enumerate(inputs)} or {Input(0): "x"}
        self.results = tuple(map(self.source, results))
        self.training_results = tuple(map(self.source, training_results))
        self.returned = {*self.results, *self.training_results}

    @cached_property
    def variables(self) -> dict[Input, str]:
        """The variable of each value, gone through in the order of the lines."""
        return _Assignment(self).found

    @cached_property
    def loop_names(self) -> tuple[str, str, str]:
        """What a loop over blocks calls the list of their values, the block, and one of the values."""
        names = Scope(self.entering.values(), *((step.name, *step.parts) for step in self.steps))
        return names.take("values"), names.take("block"), names.take("value")

    def is_result(self, value: Input) -> bool:
        """Whether a value is returned, beside others."""
        return value in self.returned and self.results != (value,)

    def is_last(self, number: int) -> bool:
        value = Input(number + 1)
        return self.results == (value,) and self.readers[value] == [len(self.steps)]

    def waits(self, number: int) -> bool:
        """Whether some line stands between a value's own and that of its last reader."""
        last = self.readers.get(Input(number + 1), [number])[-1]
        return any(not self.is_inlined(between) and self.passed[between] is None for between in range(number + 1, last))

    @cached_property
    def chains(self) -> list[tuple[int, str, Traced | None]]:
        """For each step the calls from it on that are each the only reader of the one before.

        How many they are, what their names begin with, and what reads the last.
        """
        found: list[tuple[int, str, Traced | None]] = []
        for number in range(len(self.steps) - 1, -1, -1):
            name, reader = self.steps[number].name, self.only_reader(number)
            if reader is None or self.steps[reader].role in (Role.MERGE, Role.SPLIT):
                found.append((1, name, None if reader is None else self.steps[reader]))
                continue
            count, start, last = found[len(self.steps) - 1 - reader]
            both = os.path.commonprefix([name, start])  # noqa: RUF071  a common start of letters is what is meant
            found.append((count + 1, both, last))
        return found[::-1]

    def branch_name(self, number: int) -> str:
        """The name of a value beside `x`: its layer's; of a chain of calls their common start, or else `out`."""
        count, _, reader = self.chains[number]
        if count == 1:
            return self.steps[number].name
        if reader is not None and reader.type == "add":
            return "out"  # as everybody calls the way of a residual
        return self.common_start(number) or "out"

    def common_start(self, number: int) -> str:
        """What the names of a chain of calls begin with, if that is a word: `branch3x3` of `branch3x3_1` and `branch3x3_2`."""
        count, start, _ = self.chains[number]
        return start.rstrip("_") if count > 1 and len(start.rstrip("_")) > 2 else ""


class _Assignment:
    """Goes through the lines once, and gives each value its variable."""

    def __init__(self, flow: Variables) -> None:
        self.flow = flow
        self.found: dict[Input, str] = {}
        self.live = _Live()
        self.names = Scope()  # used again when their values are dead
        self.out: set[str] = set()  # the variables that hold what goes on beside `x`
        for value, name in flow.entering.items():
            self.hold(value, name)
        for number, step in enumerate(flow.steps):
            if flow.passed[number] is None:
                for dead in self.live.pass_by(number):
                    self.names.again(dead)
                self.step(number, step)

    def step(self, number: int, step: Traced) -> None:
        if step.parts:
            for part, named in enumerate(step.parts):
                value = Input(number + 1, part)
                name = f"{step.name}_{named}" if named.isdecimal() else named
                self.hold(value, self.names.free(name, beside=self.live) if value in self.flow.readers else "_")
        elif not self.flow.is_inlined(number):
            self.hold(Input(number + 1), self.target(number, self.flow.inputs(number)))

    def hold(self, value: Input, name: str) -> None:
        """Puts a value into a variable, where it stays until its last reader has run."""
        self.found[value] = name
        if value in self.flow.readers:
            self.live.add(name, self.flow.readers[value][-1])

    def target(self, number: int, inputs: tuple[Input, ...]) -> str:
        flow, value, x_is_free = self.flow, Input(number + 1), "x" not in self.live
        if flow.is_last(number) and x_is_free:
            return "x"
        waits = flow.is_result(value) or flow.waits(number)
        if not flow.is_result(value):
            for name in filter(None, map(self.found.get, inputs)):
                goes_on = (name == "x" and not waits) or name in self.out or flow.steps[number].name.startswith(name)
                if name not in self.live and goes_on:
                    return name
        if x_is_free and not waits and (self.live.is_empty() or not flow.common_start(number)):
            return "x"
        name = flow.steps[number].name if waits else flow.branch_name(number)
        found = self.names.free(name, beside=self.live)
        if name == "out":
            self.out.add(found)
        return found


class _Live:
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
        for name in dead:
            self.names[name] -= 1
            if not self.names[name]:
                del self.names[name]
        self.passed = number + 1
        return dead

    def is_empty(self) -> bool:
        return not self.names

    def __contains__(self, name: object) -> bool:
        return name in self.names
