"""The contract of a network: which inputs it takes, how much it shrinks them, how far its outputs see.

It follows from the symbolic trace alone, so both the report and the generated module may state it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

from archgen import fields, symbolic
from archgen.records import Record
from archgen.sizes import LONGEST_PERIOD, Size
from archgen.sizesets import ALL, LONGEST_START, SizeSet, TooLong, where

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archgen.graph import Graph
    from archgen.symbolic import Constraint, SymbolicTrace
    from archgen.trace import Traced

MOST_EFFORT = 1_000_000  # floors that are evaluated for one network, in about a second; the zoo needs 2,000

PerAxis: TypeAlias = "int | float | tuple[int | float, ...]"  # one number where all axes are alike


class Contract(Record):
    """What a network asks of its input and does to it; sizes are those of the spatial axes.

    min_size: the smallest input with all sizes equal that it runs on; None where there is none up to 2**20, or up to
        4,096 where a rule joins several axes.
    sizes: the inputs that it runs on, as a rule. training_sizes: while training, None if it does the same then.
    exact_sizes: those of them at which no layer leaves out a last row or column,
    "" where that is beyond proof.
    reduction: how many positions of the input stand for one of the smallest value in the network, its stride.
    receptive_field: how many positions, from the first to the last, an output reads, or else the value that the last pooling
    to a fixed size took; None where there is no such number, mostly because a gate lets every value see the whole input.
    """

    min_size: int | None
    sizes: str
    training_sizes: str | None
    exact_sizes: str
    reduction: PerAxis
    receptive_field: PerAxis | None

    def brief(self) -> list[tuple[str, str]]:
        """What a report says of it: names and values for people."""
        runs = [("runs on", self.sizes), *([("trains on", self.training_sizes)] if self.training_sizes else [])]
        return [*runs, ("reduction", _text(self.reduction)), ("field", _text(self.receptive_field))]

    def told(self) -> list[tuple[str, str]]:
        """All of it, as names and values for people."""
        least = "none with all sizes equal" if self.min_size is None else str(self.min_size)
        return [*self.brief(), ("smallest", least), ("uncropped", self.exact_sizes or "not known")]

    def sentence(self) -> str:
        """All of it in one sentence, for the generated module."""
        if not self.exact_sizes:
            cropped = ""
        else:
            cropped = ", none cropped" if self.exact_sizes == self.sizes else f", uncropped where {self.exact_sizes}"
        least = "no square size" if self.min_size is None else f"min size {self.min_size}"
        seen = "no fixed receptive field" if self.receptive_field is None else f"receptive field {_text(self.receptive_field)}"
        trained = f", while training {self.training_sizes}" if self.training_sizes else ""
        return f"Input: {self.sizes}{cropped}{trained}; {least}, reduction {_text(self.reduction)}, {seen}."

    def as_json(self) -> dict[str, Any]:
        """The contract as JSON values; `docs/report.schema.json` is their schema."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}


def _text(value: PerAxis | None) -> str:
    if value is None:
        return "no fixed number"
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


class Judged(Record):
    """A constraint and where it holds: None if it is about several axes at once, or beyond proof."""

    constraint: Constraint
    holds: SizeSet | None

    @property
    def axis(self) -> str:
        (axis,) = self.constraint.axes
        return axis


class Examined(Record):
    """A network on symbolic sizes, every constraint judged. runs: by axis, the sizes that satisfy all that were decided."""

    traced: SymbolicTrace
    followed: fields.Followed
    judged: tuple[Judged, ...]
    runs: dict[str, SizeSet]
    contract: Contract


def examine(graph: Graph, input_shape: tuple[int, ...]) -> Examined:
    """Examines a network that runs on an input of (channels, sizes...) for inputs of every size."""
    traced = symbolic.trace(graph, input_shape)
    followed = fields.follow(graph, traced.steps, traced.axes)
    judged, runs = _judged(traced.constraints, dict.fromkeys(traced.axes, ALL))
    open_ones = [one.constraint for one in judged if one.holds is None]
    whole, exact = _judged(traced.whole, runs)
    decided = all(one.holds is not None for one in whole)
    outputs = followed.outputs[: len(graph.network.results)]
    contract = Contract(
        _min_size(runs, open_ones),
        _rules(runs, open_ones),
        _training_rules(traced, runs, open_ones),
        _rules(exact, open_ones) if decided else "",
        _alike([_reduction(traced, axis) for axis in traced.axes]),
        _receptive_field(outputs, len(traced.axes)),
    )
    return Examined(traced, followed, judged, runs, contract)


def _judged(constraints: Iterable[Constraint], runs: dict[str, SizeSet]) -> tuple[tuple[Judged, ...], dict[str, SizeSet]]:
    """Judges each, and narrows the sizes of each axis to those that satisfy them."""
    runs = dict(runs)
    found = []
    effort = 0
    for one in constraints:
        effort += one.effort()
        judged = Judged(one, _decided(one) if effort <= MOST_EFFORT else None)
        if judged.holds is not None and len(one.axes) == 1:
            try:
                runs[judged.axis] = runs[judged.axis] & judged.holds
            except TooLong:
                judged = Judged(one, None)
        found.append(judged)
    return tuple(found), runs


def _decided(one: Constraint) -> SizeSet | None:
    if len(one.axes) == 1:
        try:
            return where(one.left, one.relation, one.right)
        except TooLong:
            return None
    bound = one.left - one.right  # of several axes: true everywhere if it is at the smallest input and never falls
    grows = one.relation == ">=" and isinstance(bound, Size) and bound.increasing
    return ALL if grows and one.holds_at(dict.fromkeys(one.axes, 1)) else None


def _min_size(runs: dict[str, SizeSet], others: list[Constraint]) -> int | None:
    span = LONGEST_PERIOD if others else min(math.lcm(*(one.period for one in runs.values())), LONGEST_START)
    length = max((one.start for one in runs.values()), default=1) + span
    common = (1 << length) - 1
    for one in runs.values():
        common &= one.bits(length)
    while common:
        lowest = common & -common
        size = lowest.bit_length()
        if all(one.holds_at(dict.fromkeys(runs, size)) for one in others):
            return size
        common ^= lowest
    return None


def _rules(runs: dict[str, SizeSet], others: list[Constraint]) -> str:
    rules = [one.rule(axis) for axis, one in runs.items() if not one.everything]
    rules += [one.formula(ascii_only=True) for one in others]
    rules = [f"({rule})" if " or " in rule and len(rules) > 1 else rule for rule in rules]
    return " and ".join(rules) or "every size"


def _training_rules(traced: SymbolicTrace, runs: dict[str, SizeSet], others: list[Constraint]) -> str | None:
    """The rule for the sizes while training, if there is another one then."""
    judged, narrowed = _judged(traced.training, runs)
    more = [one.constraint for one in judged if one.holds is None]
    rules = _rules(narrowed, others + more)
    return None if rules == _rules(runs, others) else rules


def _reduction(traced: SymbolicTrace, axis: str) -> int | float:
    reduction: int | float = 1
    for size in _sizes(tuple(step for step in traced.steps if not step.training)):
        rhythm = size.rhythm() if size.axes == {axis} else None
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


def _receptive_field(outputs: tuple[fields.View, ...], rank: int) -> PerAxis | None:
    sizes = [0] * rank
    for view in outputs:
        if len(view.local) != rank or None in view.local:
            return None
        sizes = [max(size, field.size) for size, field in zip(sizes, view.local) if field is not None]
    return _alike(sizes)


def _alike(values: Iterable[int | float]) -> PerAxis:
    listed = tuple(values)
    return listed[0] if len(set(listed)) == 1 else listed
