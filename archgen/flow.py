"""Which step of a body reads which value, and which may overwrite what it reads.

The generated `forward` is written by it, and the analysis of memory goes by the same answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen.graph import Input

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archgen.trace import Traced


_INFIX = ("add", "subtract", "multiply")
_CALLS = ("op", "held", "block", "chain")


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

    # ---- what is written where

    def is_inlined(self, number: int) -> bool:
        """Whether a value goes to its reader without a variable: a sum into a call, a branch of one call into a merge."""
        step = self.steps[number]
        readers = self.readers.get(Input(number + 1), [])
        if len(readers) != 1 or readers[0] == len(self.steps) or step.role == "line":
            return False
        reader = self.steps[readers[0]]
        if step.role == "merge":
            following = readers[0] == number + 1 or all(other.role == "absent" for other in self.steps[number + 1 : readers[0]])
            return step.type in _INFIX and step.condition is True and reader.role in _CALLS and following
        if reader.role != "merge" or reader.condition is not True:
            return False
        first = self.inputs(step)[0]
        own = len(self.readers[first]) > 1 or first.part >= 0
        between = range(number + 1, readers[0])
        if not own or not all(self.is_branch_of(other, reader) for other in between):
            return False
        merged = self.inputs(reader)  # what runs first must be written first
        later = [merged.index(Input(other + 1)) for other in between if self.steps[other].role != "absent"]
        return all(merged.index(Input(number + 1)) < position for position in later)

    def is_branch_of(self, number: int, merge: Traced) -> bool:
        """Whether a step too will be written inside the merge, after those before it."""
        step, value = self.steps[number], Input(number + 1)
        if step.role == "absent":
            return True
        return step.role in _CALLS and value in self.inputs(merge) and len(self.readers.get(value, [])) == 1


def follows_fresh(children: Sequence[Traced], number: int) -> bool:
    """The same in a sequence, where each child is the only reader of the one before it; children that are absent left out."""
    return number > 0 and is_fresh(children[number - 1])


def is_fresh(step: Traced) -> bool:
    """Whether a step makes a new tensor, whatever the arguments: a merge with one branch left hands that branch on."""
    if step.condition is not True:
        return False
    if step.role == "merge":  # one value alone is handed on; a branch that an argument decides may not be there
        return step.type != "multiply" and step.conditions.count(True) > 1
    return step.op is not None and step.op.fresh
