"""Which step of a body reads which value, and which may overwrite what it reads.

The generated `forward` is written by it, and the analysis of memory goes by the same answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen.graph import Input

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archgen.trace import Traced


class Flow:
    """The readers of each value of a body; a step that is absent hands its input on, and so reads nothing."""

    def __init__(self, steps: tuple[Traced, ...], results: tuple[Input, ...]) -> None:
        self.steps = steps
        self.alias: dict[Input, Input] = {}
        for number, step in enumerate(steps):
            if step.role == "absent":
                self.alias[Input(number + 1)] = self.source(step.values[0])
        self.readers: dict[Input, list[int]] = {}  # value -> the steps that read it; one past the last is the return
        for number, step in enumerate(steps):
            for value in self.inputs(step):
                self.readers.setdefault(value, []).append(number)
        for result in results:
            self.readers.setdefault(self.source(result), []).append(len(steps))

    def source(self, value: Input) -> Input:
        while value in self.alias:
            value = self.alias[value]
        return value

    def inputs(self, step: Traced) -> tuple[Input, ...]:
        if step.role == "absent":
            return ()
        kept = step.conditions or (True,) * len(step.values)
        if step.role == "split":
            kept = (True,)
        return tuple(self.source(value) for value, condition in zip(step.values, kept) if condition is not False)

    def may_overwrite(self, number: int) -> bool:
        """Whether a step is the only reader of a new tensor that its maker's backward does not need."""
        source = self.source(self.steps[number].values[0])
        if source.value == 0 or source.part >= 0 or len(self.readers[source]) != 1:
            return False
        return is_fresh(self.steps[source.value - 1])


def follows_fresh(children: Sequence[Traced], number: int) -> bool:
    """The same in a sequence, where each child is the only reader of the one before it; children that are absent left out."""
    return number > 0 and is_fresh(children[number - 1])


def is_fresh(step: Traced) -> bool:
    if step.condition is not True:
        return False
    if step.role == "merge":
        return step.type != "multiply" and len(step.inputs) > 1
    return step.op is not None and step.op.fresh
