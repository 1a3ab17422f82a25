"""The contract of a network: which inputs it takes, how much it shrinks them, how far its outputs see.

It follows from the symbolic trace alone, so both the report and the generated module may state it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from archgen.analysis import receptive_field, regions
from archgen.analysis.regions import EVERYWHERE, Region
from archgen.arithmetic.sizes import Size, difference_of, where
from archgen.arithmetic.sizesets import ALL, SizeSet, TooLong, meet
from archgen.budget import Budget
from archgen.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archgen.analysis.regions import Box
    from archgen.graph.model import Graph
    from archgen.trace.on_sizes import SizeConstraint, SymbolicTrace
    from archgen.trace.traced import Traced


# What each question about one network may cost, in steps of about a microsecond; the zoo needs 6,000 in all.
MOST_TO_JUDGE = 400_000  # where the layers' constraints hold; the same again for those of training, and for what is not cropped
MOST_TO_SEARCH = 400_000  # for the smallest input
MOST_TO_FOLLOW = 600_000  # receptive fields
MOST_TO_REDUCE = 200_000  # how much the smallest value is smaller than the input

PerAxis: TypeAlias = "int | float | tuple[int | float, ...]"  # one number where all axes are alike


class Contract(Record):
    """What a network asks of its input and does to it; sizes are those of the spatial axes.

    min_size: the smallest input with all sizes equal that it runs on; None where there is none.
    sizes: the inputs that it runs on, as a rule. training_sizes: while training, None if it does the same then.
    exact_sizes: those of them at which no layer leaves out a last row or column,
    "" where that is beyond proof.
    reduction: how many positions of the input stand for one of the smallest value in the network, its stride.
    receptive_field: how many positions, from the first to the last, an output reads, or else the value that the last pooling
    to a fixed size took; None where there is no such number, mostly because a gate lets every value see the whole input.
    complete: False where a question would have cost more than its budget: then what is None or "" is not known.
    """

    min_size: int | None
    sizes: str
    training_sizes: str | None
    exact_sizes: str
    reduction: PerAxis
    receptive_field: PerAxis | None
    complete: bool = True

    def brief(self) -> list[tuple[str, str]]:
        """What a report says of it: names and values for people."""
        runs = [("runs on", self.sizes), *([("trains on", self.training_sizes)] if self.training_sizes else [])]
        return [*runs, ("reduction", _text(self.reduction)), ("field", self._field())]

    def told(self) -> list[tuple[str, str]]:
        """All of it, as names and values for people."""
        none = "none with all sizes equal" if self.complete else "not known: the search ended early"
        least = none if self.min_size is None else str(self.min_size)
        return [*self.brief(), ("smallest", least), ("uncropped", self.exact_sizes or "not known")]

    def sentence(self) -> str:
        """All of it in one sentence, for the generated module."""
        if not self.exact_sizes:
            cropped = ""
        else:
            cropped = ", none cropped" if self.exact_sizes == self.sizes else f", uncropped where {self.exact_sizes}"
        none = "no square size" if self.complete else "min size not known"
        least = none if self.min_size is None else f"min size {self.min_size}"
        unseen = "no fixed receptive field" if self.complete else "receptive field not known"
        seen = unseen if self.receptive_field is None else f"receptive field {_text(self.receptive_field)}"
        trained = f", while training {self.training_sizes}" if self.training_sizes else ""
        return f"Input: {self.sizes}{cropped}{trained}; {least}, reduction {_text(self.reduction)}, {seen}."

    def _field(self) -> str:
        if self.receptive_field is not None:
            return _text(self.receptive_field)
        return "no fixed number" if self.complete else "not known"


def _text(value: PerAxis) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


class Judged(Record):
    """A constraint and where it holds. holds: if it is about one axis; boxes: if about several. Neither: it is beyond proof."""

    constraint: SizeConstraint
    holds: SizeSet | None
    boxes: tuple[Box, ...] | None = None

    @property
    def decided(self) -> bool:
        return self.holds is not None or self.boxes is not None

    @property
    def axis(self) -> str:
        (axis,) = self.constraint.axes
        return axis


class Examined(Record):
    """A network on symbolic sizes, every constraint judged. region: the inputs that it runs on in evaluation."""

    traced: SymbolicTrace
    followed: receptive_field.Followed
    judged: tuple[Judged, ...]
    region: Region
    contract: Contract

    @property
    def runs(self) -> dict[str, SizeSet]:
        """By axis, the sizes that satisfy all that is about this axis alone."""
        return self.region.runs


def examine(graph: Graph, traced: SymbolicTrace) -> Examined:
    """Examines a network, traced on symbolic sizes, for inputs of every size."""
    own = traced.own
    following, judging, training, cropping, searching, reducing = budgets = (
        Budget(MOST_TO_FOLLOW),
        *(Budget(MOST_TO_JUDGE) for _ in range(3)),
        Budget(MOST_TO_SEARCH),
        Budget(MOST_TO_REDUCE),
    )
    followed = receptive_field.follow(graph, traced.steps, traced.axes, following)
    judged, region = judge(traced.constraints, everywhere(own), own, judging)
    whole, exact = judge(traced.whole, region, own, cropping)
    _, trained = judge(traced.training, region, own, training)
    outputs = followed.outputs[: len(graph.network.results)]
    rule, training_rule = region.rule(), trained.rule()
    contract = Contract(
        region.smallest(searching),
        rule,
        None if training_rule == rule else training_rule,
        exact.rule() if all(one.decided for one in whole) else "",
        _alike([_reduction(traced, axis, reducing) for axis in traced.axes]),
        _receptive_field(outputs, len(traced.axes)),
        not any(budget.exhausted for budget in budgets),
    )
    return Examined(traced, followed, judged, region, contract)


def everywhere(own: dict[str, int]) -> Region:
    """Every input with these axes."""
    return Region(dict.fromkeys(own, ALL), EVERYWHERE, (), ())


def judge(
    constraints: Iterable[SizeConstraint], within: Region, own: dict[str, int], budget: Budget
) -> tuple[tuple[Judged, ...], Region]:
    """Judges each constraint, and narrows a region to the inputs that satisfy them: first what is about one axis alone."""
    runs = dict(within.runs)
    known: dict[tuple[object, ...], SizeSet | None] = {}  # of the same two sizes, wherever they meet
    found = [_along_an_axis(one, runs, known, budget) for one in constraints]
    least = {axis: sizes.least() or 1 for axis, sizes in runs.items()}
    boxes, joint, left = within.boxes, list(within.joint), list(within.open)
    for number, judged in enumerate(found):
        if judged.decided:
            continue
        judged = _joint(judged.constraint, least, budget)
        try:
            boxes = boxes if judged.boxes is None else regions.crossed(boxes, judged.boxes, budget)
        except TooLong:
            judged = Judged(judged.constraint, None)
        if judged.boxes != EVERYWHERE and not any(map(judged.constraint.follows_from, (*joint, *left))):
            (joint if judged.decided else left).append(judged.constraint)
        found[number] = judged
    return tuple(found), regions.region(runs, boxes, joint, left, own)


def _along_an_axis(
    one: SizeConstraint, runs: dict[str, SizeSet], known: dict[tuple[object, ...], SizeSet | None], budget: Budget
) -> Judged:
    """Judges a constraint about one axis, and narrows the sizes along it."""
    if len(one.axes) > 1:
        return Judged(one, None)
    (axis,) = one.axes
    key = (one.left, one.relation, one.right)
    try:
        if key not in known:
            known[key] = holds = where(one.left, one.relation, one.right, budget)
            runs[axis] = runs[axis] if holds is None else meet(runs[axis], holds, budget)
    except TooLong:
        known[key] = None
    return Judged(one, known[key])


def _joint(one: SizeConstraint, least: dict[str, int], budget: Budget) -> Judged:
    """Judges a constraint among the sizes from the least on: one that never falls and holds there holds everywhere."""
    if not budget.spend(one.parts + 1):
        return Judged(one, None)
    bound = difference_of(one.left, one.right)
    if one.relation == ">=" and isinstance(bound, Size) and bound.increasing and one.holds_at(least):
        return Judged(one, None, EVERYWHERE)
    return Judged(one, None, regions.boxes(one.left, one.relation, one.right, least, budget))


def _reduction(traced: SymbolicTrace, axis: str, budget: Budget) -> int | float:
    reduction: int | float = 1
    for size in _sizes(tuple(step for step in traced.steps if not step.training)):
        rhythm = size.rhythm(budget) if size.axes == {axis} else None
        if rhythm is not None and rhythm.growth > 0:
            whole = rhythm.period % rhythm.growth == 0
            reduction = max(reduction, rhythm.period // rhythm.growth if whole else rhythm.period / rhythm.growth)
    return reduction


def _sizes(steps: tuple[Traced, ...]) -> set[Size]:
    """The sizes of all values."""
    found: set[Size] = set()
    seen: set[int] = set()

    def visit(steps: tuple[Traced, ...]) -> None:
        for step in steps:
            found.update(size for size in step.output.spatial if isinstance(size, Size))
            if step.children and id(step.children) not in seen:
                seen.add(id(step.children))
                visit(step.children)

    visit(steps)
    return found


def _receptive_field(outputs: tuple[receptive_field.View, ...], rank: int) -> PerAxis | None:
    sizes = [0] * rank
    for view in outputs:
        if len(view.local) != rank or None in view.local:
            return None
        sizes = [max(size, field.size) for size, field in zip(sizes, view.local) if field is not None]
    return _alike(sizes)


def _alike(values: Iterable[int | float]) -> PerAxis:
    listed = tuple(values)
    return listed[0] if len(set(listed)) == 1 else listed
