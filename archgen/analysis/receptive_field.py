"""Receptive fields: which positions of the input a position of each value reads, along each axis.

Where several branches meet, a position reads what any of them reads; its field reaches from the first of these to the last.
After an upsampling, neighbours read different amounts: the field is then that of the position that reads most. Position i and
position i + period read the same, `growth` positions apart, so a table of one period says it all. A value that a pooling to a
fixed size made has no such field, nor has one that such a value flowed into: what it reads depends on the size of the input.
Where the budget is spent, a field is not worked out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from archgen.graph.model import Input
from archgen.ops.value import MOST_PHASES, POINTWISE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archgen.arithmetic.sizes import Number
    from archgen.budget import Budget
    from archgen.graph.model import Body, Graph
    from archgen.ops.value import Reads
    from archgen.trace.traced import Traced


MOST_READS = 16 * MOST_PHASES  # positions and their taps that are worked out for one layer

Span: TypeAlias = "tuple[int, int] | None"  # the first and last position that is read; None where there is none


class Field(NamedTuple):
    """Position q * period + r of a value reads spans[r], moved by q * growth, of one axis of the input."""

    axis: str
    period: int
    growth: int
    spans: tuple[Span, ...]

    @property
    def size(self) -> int:
        """The positions from the first to the last that is read."""
        return max((last - first + 1 for first, last in filter(None, self.spans)), default=0)

    def at(self, position: int) -> Span:
        turns, phase = divmod(position, self.period)
        span = self.spans[phase]
        return None if span is None else (span[0] + turns * self.growth, span[1] + turns * self.growth)


Fields: TypeAlias = "tuple[Field | None, ...]"  # for each spatial axis of a value


class View(NamedTuple):
    """What a value reads; and what its last ancestor with such fields reads, through ops with one input alone."""

    fields: Fields
    local: Fields


def entering(axes: tuple[str, ...]) -> View:
    """The view of the input itself."""
    fields = tuple(Field(axis, 1, 1, ((0, 0),)) for axis in axes)
    return View(fields, fields)


def through(field: Field | None, reads: Reads | None, budget: Budget) -> Field | None:
    """The field behind an op that reads so of a value with this field."""
    if field is None or reads is None:
        return None
    stride, taps, up = reads.stride, reads.taps, reads.up
    if up == field.period == 1 and field.spans[0] is not None:
        (first, last), growth = field.spans[0], field.growth
        return Field(field.axis, 1, growth * stride, ((first + growth * taps[0], last + growth * taps[-1]),))
    turn = up * field.period
    period = turn // math.gcd(stride, turn)
    if period * len(taps) > MOST_READS or not budget.spend(period * len(taps)):
        return None
    spans = [
        _hull([field.at((phase * stride + tap) // up) for tap in taps if (phase * stride + tap) % up == 0])
        for phase in range(period)
    ]
    return Field(field.axis, period, field.growth * (period * stride // turn), tuple(spans))


def union(left: Field | None, right: Field | None, budget: Budget) -> Field | None:
    """The field of a value that two values make, position by position."""
    if left is None or right is None or left.axis != right.axis:
        return None
    if left == right:
        return left
    period = math.lcm(left.period, right.period)
    if left.growth * right.period != right.growth * left.period or period > MOST_PHASES:
        return None
    if not budget.spend(2 * period):
        return None
    spans = tuple(_hull([left.at(phase), right.at(phase)]) for phase in range(period))
    return Field(left.axis, period, left.growth * (period // left.period), spans)


def _hull(spans: list[Span]) -> Span:
    there = [span for span in spans if span is not None]
    return (min(first for first, _ in there), max(last for _, last in there)) if there else None


class Followed(NamedTuple):
    """The view of each output of the network, and of each layer and merge by its path."""

    outputs: tuple[View, ...]
    layers: dict[str, View]


def follow(graph: Graph, steps: tuple[Traced, ...], axes: tuple[str, ...], budget: Budget) -> Followed:
    """Returns what every value of a traced network reads of its input, whose spatial axes have these names."""
    layers: dict[str, View] = {}
    outputs = _Follower(graph.blocks, layers, budget).body(graph.network, steps, entering(axes), "")
    return Followed(outputs, layers)


class _Follower:
    def __init__(self, blocks: Mapping[str, Body], layers: dict[str, View], budget: Budget) -> None:
        self.blocks, self.layers, self.budget = blocks, layers, budget

    def body(self, body: Body, steps: tuple[Traced, ...], view: View, prefix: str) -> tuple[View, ...]:
        values = [view]
        for step in steps:
            values.append(self.step(step, [values[source.value] for source in step.values or (Input(0),)], prefix))
        return tuple(values[result.value] for result in (*body.results, *body.training_results))

    def step(self, step: Traced, views: list[View], prefix: str) -> View:
        path = prefix + step.name
        view = self.layers[path] = self.made(step, views, path)
        return view

    def made(self, step: Traced, views: list[View], path: str) -> View:
        view = views[0]
        if step.role == "block":
            return self.body(self.blocks[step.type], step.children, view, path + ".")[0]
        if step.role == "chain":
            for child in step.children:
                view = self.step(child, [view], path + ".")
            return view
        if step.role == "merge":
            return _merged([one for one, condition in zip(views, step.conditions) if condition is not False], self.budget)
        return view if step.op is None else _behind(view, step.op.reads(step.inputs[0]), step.output.spatial, self.budget)


def _merged(views: list[View], budget: Budget) -> View:
    fields = views[0].fields
    for view in views[1:]:
        fields = tuple(union(left, right, budget) for left, right in zip(fields, view.fields))
    return View(fields, views[0].local if len(views) == 1 else fields)


def _behind(view: View, reads: tuple[Reads | None, ...], sizes: tuple[Number, ...], budget: Budget) -> View:
    """What an op's result reads; `sizes` are its own. Only where these are numbers does the last local value stand for it."""
    if reads.count(POINTWISE) == len(view.fields) == len(reads):
        return view
    sources = [axis if one is None or one.source < 0 else one.source for axis, one in enumerate(reads)]
    entering = [view.fields[source] if source < len(view.fields) else None for source in sources]
    fields = tuple(through(field, one, budget) for field, one in zip(entering, reads))
    if fields and None not in fields:
        return View(fields, fields)
    fixed = all(field is not None or isinstance(size, int) for field, size in zip(fields, sizes))
    return View(fields, view.local if fixed else (None,) * len(fields))
