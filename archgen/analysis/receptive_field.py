"""Receptive fields: which positions of the input a position of each value reads, along each axis.

Where several branches meet, a position reads what any of them reads; its field reaches from the first of these to the last.
After an upsampling, neighbours read different amounts: the field is then that of the position that reads most. Position i and
position i + period read the same, `growth` positions apart, so a table of one period says it all. A value that a pooling to a
fixed size made has no such field, nor has one that such a value flowed into: what it reads depends on the size of the input.
Where the budget is spent, a field is not worked out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from archgen.ops import PartsOp
from archgen.ops.value import MOST_PHASES, POINTWISE
from archgen.trace.run import Run

if TYPE_CHECKING:
    from archgen.arithmetic.sizes import Number
    from archgen.budget import Budget
    from archgen.graph.model import Graph
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
    run = _Follower(graph, budget)
    own, *others = graph.entering
    views = [entering(axes) if x.spatial == own.spatial else View((None,) * x.rank, (None,) * x.rank) for x in others]
    return Followed(run.network(steps, entering(axes), *views), run.layers)


class _Follower(Run[View]):
    def __init__(self, graph: Graph, budget: Budget) -> None:
        super().__init__(graph, training=True)
        self.layers: dict[str, View] = {}
        self.budget = budget

    def met(self, step: Traced, made: Any, path: str, module: str) -> None:
        self.layers[path] = made[0] if step.parts else made

    def leaf(self, step: Traced, x: View, module: str) -> View:
        return x if step.op is None else _behind(x, step.op.reads(step.inputs[0]), step.output.spatial, self.budget)

    def merged(self, step: Traced, values: list[View]) -> View:
        fields = values[0].fields
        for view in values[1:]:
            fields = tuple(union(left, right, self.budget) for left, right in zip(fields, view.fields))
        return View(fields, fields)

    def alike(self, step: Traced, values: list[View]) -> View:
        """By how much it grows follows from both, so a position reads another stretch at each size."""
        return View((None,) * step.output.rank, (None,) * step.output.rank)

    def parts(self, step: Traced, x: View) -> tuple[View, ...]:
        assert isinstance(step.op, PartsOp)
        reads = step.op.part_reads(step.inputs[0])
        pairs = zip(reads, step.outputs)
        return tuple(_behind(x, one, shape.spatial, self.budget) for one, shape in pairs)


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
