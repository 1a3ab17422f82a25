"""What is allowed in a body and seldom meant: notes, no problems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen.arithmetic.spelling import SPEC, render
from archgen.diagnostics import Note, quote
from archgen.graph.model import Apply, Input, Merge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from archgen.graph.model import Step


def sums_with_itself(steps: Sequence[Step]) -> Iterator[Note]:
    """Merges that take one value twice where that says nothing new, such as a sum."""
    origins = _origins(steps, _hands_on)
    for step in steps:
        if not isinstance(step.node, Merge) or not step.node.op.noted:
            continue
        there = [value for value, condition in zip(step.inputs, step.node.conditions) if condition is not False]
        same = [origins.get(value, value) for value in there]
        twice = _said_again(same, step.node.op.of_the_first)
        if twice is not None:
            sentence = f"{quote(step.name)} {step.node.op.noted.format(_called(steps, twice))}"
            yield Note(step.place, sentence, "name the value that is meant instead of one of them")


def shortcuts(steps: Sequence[Step], sums: list[int]) -> Iterator[Note]:
    """A shortcut that is left out hands on what it takes: seldom anything but the block's input is meant."""
    origins = _origins(steps, _may_be_left_out)
    read = {value for step in steps if not _may_be_left_out(step) for value in step.read}
    for added in map(steps.__getitem__, sums):
        handed = [(value, origins[value]) for value in added.inputs if value in origins]
        if any(origin == Input(0) for _, origin in handed) or Input(0) in added.inputs:
            continue
        for value, origin in handed:
            if origin in read and steps[value.value - 1].when != added.when:
                yield _shortcut(steps, steps[value.value - 1], added, origin)


def _shortcut(steps: Sequence[Step], step: Step, added: Step, origin: Input) -> Note:
    sentence = f"left out, {quote(step.name)} hands {_called(steps, origin)}, not what enters the block, "
    sentence += f"to the sum {quote(added.name)}"
    help = "add `input` instead"
    if step.when is not False:
        when = render(step.when, spelling=SPEC)
        made = [steps[value.value - 1] for value in added.inputs]
        ordered = ", ".join(one.name for one in sorted(made, key=lambda one: one is step))  # left out, a sum is its first
        help = f"if the input is meant: write `{added.name}: {{add, from: [{ordered}], when: {when}}}`, and add the input "
        help += f"in a sum below it: `{{add, from: [{added.name}, input], when: not ({when})}}`"
    return Note(step.place, sentence, help)


def _origins(steps: Sequence[Step], passes: Callable[[Step], bool]) -> dict[Input, Input]:
    """The values of steps that hand on what they take, each with the one that it is in the end."""
    found: dict[Input, Input] = {}
    for number, step in enumerate(steps):
        if passes(step):
            found[Input(number + 1)] = found.get(step.handed_on, step.handed_on)
    return found


def _called(steps: Sequence[Step], value: Input) -> str:
    return quote(steps[value.value - 1].name) if value.value else "what enters"


def _said_again(values: list[Input], first_alone: bool) -> Input | None:
    """A value that stands in a list for a second time, where asked the first of the list alone; None where there is none."""
    seen: set[Input] = set()
    for value in values:
        if value in seen:
            return value
        if not (first_alone and seen):
            seen.add(value)
    return None


def _hands_on(step: Step) -> bool:
    """Whether a step hands on what it takes, whatever the arguments."""
    identity = isinstance(step.node, Apply) and step.node.op.name == "identity"
    return identity or (step.when is False and not step.optional and step.alternative is None)


def _may_be_left_out(step: Step) -> bool:
    return step.when is not True and not step.optional and step.alternative is None
