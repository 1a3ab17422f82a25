"""Which step of a body reads which value, and which may overwrite what it reads.

The generated `forward` is written by it, and the analysis of memory goes by the same answers.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from archgen.graph.model import Input
from archgen.ops.torch_text import Operator
from archgen.trace.traced import Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archgen.trace.traced import Traced


def taken(step: Traced) -> tuple[Input, ...]:
    """The values that a step takes as its body numbers them, without those of branches that are left out."""
    if step.role is Role.ABSENT:  # it hands on the first
        return step.values[:1]
    if step.role is Role.SPLIT or not step.conditions:
        return step.values
    other = () if step.otherwise is None else (step.otherwise,)
    return (*(value for value, condition in zip(step.values, step.conditions) if condition is not False), *other)


def handed_on(step: Traced) -> Input | None:
    """The value that a step hands on as it is: one that is absent, or a merge of which one branch is left."""
    if step.role is Role.ABSENT:
        return step.values[0]
    if step.role is Role.MERGE and step.condition is True and len(there := taken(step)) == 1:
        return there[0]
    return None


class Flow:
    """The readers of each value of a body; a step that hands its input on reads nothing."""

    def __init__(self, steps: tuple[Traced, ...], results: tuple[Input, ...]) -> None:
        self.steps = steps
        self.alias: dict[Input, Input] = {}
        self.passed = [handed_on(step) for step in steps]
        for number, value in enumerate(self.passed):
            if value is not None:
                self.alias[Input(number + 1)] = self.source(value)
        self.readers: dict[Input, list[int]] = {}  # value -> the steps that read it; one past the last is the return
        for number in range(len(steps)):
            for value in self.inputs(number):
                self.readers.setdefault(value, []).append(number)
        for result in results:
            self.readers.setdefault(self.source(result), []).append(len(steps))

    def source(self, value: Input) -> Input:
        while value in self.alias:
            value = self.alias[value]
        return value

    def inputs(self, number: int) -> tuple[Input, ...]:
        return () if self.passed[number] is not None else tuple(map(self.source, taken(self.steps[number])))

    def may_overwrite(self, number: int) -> bool:
        """Whether a step may work in place: wherever its module is called, it is the only reader of a new tensor."""
        return all(map(self.reads_alone, self.calls[self.steps[number].attribute]))

    @cached_property
    def calls(self) -> dict[str, list[int]]:
        """By the module: the steps that call it, more than one where a layer runs again."""
        found: dict[str, list[int]] = {}
        for number, step in enumerate(self.steps):
            found.setdefault(step.attribute, []).append(number)
        return found

    def reads_alone(self, number: int) -> bool:
        """Whether a step is the only reader of a new tensor that its maker's backward does not need."""
        source = self.source(self.steps[number].values[0])
        if source.value == 0 or source.part >= 0 or len(self.readers[source]) != 1:
            return False
        return is_fresh(self.steps[source.value - 1])

    # ---- what is written where

    def is_inlined(self, number: int) -> bool:
        """Whether a value goes to its reader without a variable: a sum into a call, a branch of one call into a merge."""
        return number in self.inlined

    @cached_property
    def inlined(self) -> frozenset[int]:
        found: set[int] = set()
        for number, step in enumerate(self.steps):
            if step.role is Role.MERGE and step.condition is True and self.passed[number] is None:
                found.update(self.branches_inside(number))
            if self.is_sum_in_call(number, step):
                found.add(number)
        return frozenset(found)

    def is_sum_in_call(self, number: int, step: Traced) -> bool:
        reader = self.only_reader(number)
        if reader is None or step.role is not Role.MERGE or not is_infix(step) or not is_settled(step):
            return False
        alone = self.steps[reader].role.is_called and len(self.inputs(reader)) == 1
        return alone and self.present_before[reader] == number

    def branches_inside(self, merge: int) -> Iterator[int]:
        """The steps written inside a merge: those just before it that it alone reads, in the order in which it reads them."""
        positions: dict[Input, int] = {}
        for position, value in enumerate(self.inputs(merge)):
            positions.setdefault(value, position)
        first = len(positions) + 1
        for number in range(merge - 1, -1, -1):
            if self.passed[number] is not None:
                continue
            value = Input(number + 1)
            called = self.steps[number].role.is_called and len(self.inputs(number)) == 1
            if value not in positions or not called or len(self.readers[value]) != 1:
                return
            position, source = positions[value], self.inputs(number)[0]
            if position > first or (len(self.readers[source]) == 1 and source.part < 0):
                return  # it has a line of its own, above which those before it must run
            yield number
            first = position

    def only_reader(self, number: int) -> int | None:
        """The step that alone reads a value; None where there are more, or where it is returned."""
        readers = self.readers.get(Input(number + 1), [])
        return readers[0] if len(readers) == 1 and readers[0] < len(self.steps) else None

    @cached_property
    def present_before(self) -> list[int]:
        """For each step, the one that runs just before it; -1 for the first."""
        found: list[int] = []
        before = -1
        for number, passed in enumerate(self.passed):
            found.append(before)
            before = number if passed is None else before
        return found


def is_settled(step: Traced) -> bool:
    """Whether a step and all that it takes are there, or not, whatever the arguments."""
    return step.condition is True and all(type(condition) is bool for condition in step.conditions)


def is_infix(step: Traced) -> bool:
    """Whether a step is written with an operator."""
    return step.op is not None and isinstance(step.op.line, Operator)


def follows_fresh(children: Sequence[Traced], number: int) -> bool:
    """The same in a sequence, where each child is the only reader of the one before it; children that are absent left out."""
    return number > 0 and is_fresh(children[number - 1])


def is_fresh(step: Traced) -> bool:
    """Whether a step makes a new tensor, whatever the arguments: a merge with one branch left hands that branch on."""
    if step.condition is not True:
        return False
    if step.role is Role.MERGE:  # one value alone is handed on; a branch that an argument decides may not be there
        return step.op is not None and step.op.fresh and step.conditions.count(True) > 1
    if step.role is Role.COPIES:
        count = step.count or len(step.children)
        return step.op is not None and step.op.fresh and type(count) is int and count > 1
    return step.op is not None and step.op.fresh
