"""A network traced on symbolic sizes: each layer's output as a function of the input's size, and what must hold for it to run.

The walk is the trace on numbers with another judge: a constraint about sizes is kept, not insisted on. Numbers of channels stay
numbers. Where a flattened size becomes a number of features, a built network has fixed it: whoever infers something from it
takes the number that it has at the spec's own input, and that the two are equal becomes a constraint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen.arithmetic.expressions import names_of
from archgen.arithmetic.sizes import Number, Size, Variable, axes_of, number_at, surely_divides, text_of
from archgen.ops.value import AXES, Constraint, Shape, channel_names
from archgen.records import Record
from archgen.trace.on_numbers import NumberTracer
from archgen.trace.traced import Role, Traced, TracedBody

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archgen.arithmetic.expressions import Environment, Value
    from archgen.diagnostics import Place
    from archgen.graph.model import Body, Graph, Step
    from archgen.ops import Op


FIXED = "a built network has fixed its {right} features"
FIXED_POSITIONS = "a built network has fixed its {right} positions"


class SizeConstraint(Record):
    """What a layer needs: `left relation right`, a constraint about sizes.

    path: the first layer that needs it; layers of a block that meets the same sizes again need the same.
    """

    path: tuple[str, ...]
    left: Number
    relation: str
    right: Number
    sentence: str
    place: Place

    @property
    def axes(self) -> frozenset[str]:
        return axes_of(self.left) | axes_of(self.right)

    def follows_from(self, other: SizeConstraint) -> bool:
        """Whether another says as much, maybe the other way round."""
        sides, others = (self.left, self.right), (other.left, other.right)
        if other.relation == "==":  # then one may be stretched to the other too
            return self.relation in ("==", "broadcasts") and sides in (others, others[::-1])
        return self.relation == other.relation and sides == others

    def formula(self, ascii_only: bool = False) -> str:
        relation = {"divides": "divides", "broadcasts": "=="}.get(self.relation, self.relation)
        return f"{text_of(self.left, ascii_only)} {relation} {text_of(self.right, ascii_only)}"

    @property
    def parts(self) -> int:
        """How many floors and joints must be evaluated to judge it."""
        return sum(side.parts for side in (self.left, self.right) if isinstance(side, Size))

    @property
    def of_the_built(self) -> bool:
        """Whether only a built network needs it: the spec itself would be built with other weights."""
        return self.sentence in (FIXED, FIXED_POSITIONS)

    def holds_at(self, sizes: Mapping[str, int]) -> bool:
        """Judges it for an input with these sizes."""
        left, right = number_at(self.left, sizes), number_at(self.right, sizes)
        return Constraint(left, self.relation, right, self.sentence).holds()


class SymbolicTrace(Record):
    """A network on symbolic sizes.

    own: the input's sizes, by the names of its axes, at which a built network has fixed its features.
    outputs: without those of training. whole: what must hold for no layer to crop its input.
    training: what the layers need that run only while training; the other constraints are those of evaluation.
    """

    own: dict[str, int]
    steps: tuple[Traced, ...]
    outputs: tuple[Shape, ...]
    constraints: tuple[SizeConstraint, ...]
    whole: tuple[SizeConstraint, ...]
    training: tuple[SizeConstraint, ...]

    @property
    def axes(self) -> tuple[str, ...]:
        return tuple(self.own)


def trace(graph: Graph, input_shape: tuple[int, ...]) -> SymbolicTrace:
    """Traces a network that runs on `input_shape`, for inputs of all sizes with its channels."""
    axes = AXES[len(input_shape) - 1]
    own = dict(zip(axes, input_shape[1:]))
    tracer = _Symbolic(graph, own)
    body = tracer.body(graph.network, {}, graph.at(Shape((input_shape[0], *map(Variable, axes)))))
    outputs = body.outputs[: len(graph.network.results)]
    kept = tracer.constraints, tracer.whole, tracer.training
    return SymbolicTrace(own, body.steps, outputs, *map(_distinct, kept))


def _distinct(constraints: list[SizeConstraint]) -> tuple[SizeConstraint, ...]:
    """The first of those that ask the same of the same step."""
    found: dict[tuple[object, ...], SizeConstraint] = {}
    for one in constraints:
        merge = one.place if one.relation in ("==", "broadcasts") else None  # a bound is the same wherever it is asked
        found.setdefault((one.left, one.relation, one.right, merge), one)
    return tuple(found.values())


class _Symbolic(NumberTracer):
    def __init__(self, graph: Graph, own: dict[str, int]) -> None:
        super().__init__(graph)
        self.own = own
        self.constraints: list[SizeConstraint] = []
        self.whole: list[SizeConstraint] = []
        self.training: list[SizeConstraint] = []
        self.path: list[str] = []
        self.by_channels = {
            body.name: not names_of((body.constants, body.steps)).isdisjoint(channel_names(body.inputs))
            for body in graph.blocks.values()
        }

    def judge(self, constraint: Constraint, place: Place, places: tuple[tuple[str, Place], ...] = ()) -> None:
        if isinstance(constraint.left, Size) or isinstance(constraint.right, Size):
            if constraint.relation == "divides" and surely_divides(constraint.left, constraint.right):
                return
            blamed = dict(places).get(constraint.option, place)
            self.constraints.append(
                SizeConstraint(
                    tuple(self.path), constraint.left, constraint.relation, constraint.right, constraint.sentence, blamed
                )
            )
        else:
            super().judge(constraint, place, places)

    def node(self, step: Step, inputs: tuple[Shape, ...], names: Environment) -> Traced:
        self.path.append(step.name)
        try:
            return self.apart(step, inputs, names) if step.training else super().node(step, inputs, names)
        finally:
            self.path.pop()

    def apart(self, step: Step, inputs: tuple[Shape, ...], names: Environment) -> Traced:
        """Traces a step of training: evaluation does not ask what it asks, even where both meet the same block."""
        state = self.bodies, self.plain, self.constraints, self.whole
        self.bodies, self.plain, self.constraints, self.whole = {}, {}, self.training, []
        try:
            return super().node(step, inputs, names)
        finally:
            self.bodies, self.plain, self.constraints, self.whole = state

    def fixed(self, x: Shape, place: Place) -> Shape:
        """The same shape with its channels as a number."""
        return x.with_channels(self.number(x.channels, FIXED, place))

    def fixed_for(self, op: Op, x: Shape, place: Place) -> Shape:
        """The same shape with those sizes as numbers that the op's layer is built for."""
        sizes = list(x.sizes)
        for axis in op.insists_on(x):
            sizes[axis] = self.number(sizes[axis], FIXED if axis == x.channel_axis else FIXED_POSITIONS, place)
        return x._replace(sizes=tuple(sizes))

    def number(self, size: Number, sentence: str, place: Place) -> int:
        """What a built network has fixed a size to."""
        if not isinstance(size, Size):
            return size
        known = size.at(self.own)
        self.judge(Constraint(size, "==", known, sentence), place)
        return known

    def body(self, body: Body, given: dict[str, Value], entering: tuple[Shape, ...]) -> TracedBody:
        if self.by_channels.get(body.name):
            entering = tuple(self.fixed(x, body.place) for x in entering)
        return super().body(body, given, entering)

    def op(self, name: str, op: Op, x: Shape, place: Place, places: tuple[tuple[str, Place], ...]) -> Traced:
        return super().op(name, op, self.fixed_for(op, x, place), place, places)

    def leaf(self, name: str, op: Op, x: Shape, y: Shape, place: Place) -> Traced:
        for size, made, reads in zip(x.spatial, y.spatial, op.reads(x)):
            if reads is not None and reads.up == 1 and reads.stride > 1:
                skipped = max(0, reads.stride - 1 - reads.taps[-1] + reads.taps[0])  # between windows, at every size
                read = (made - 1) * reads.stride + reads.taps[-1] + 1 + skipped
                if isinstance(read, Size) or isinstance(size, Size):
                    self.whole.append(SizeConstraint(tuple(self.path), read, ">=", size, "", place))
        return Traced(name, op.type_name(x), Role.OP, (x,), y, place, op)

    def absent(self, step: Step, inputs: tuple[Shape, ...], handed_on: Shape, names: Environment) -> Traced:
        return self.left_out(step, handed_on)


class Side(Record):
    """One of the values that a merge takes: the step that gave it its size, and what it gave."""

    name: str
    place: Place
    shape: Shape


def sides(found: SymbolicTrace, constraint: SizeConstraint) -> tuple[Side, ...]:
    """The values that a merge with this constraint takes; nothing where it is no merge."""
    steps = found.steps
    for name in constraint.path[:-1]:
        steps = next(step for step in steps if step.name == name).children
    merge = next(step for step in steps if step.name == constraint.path[-1])
    if merge.role is not Role.MERGE:
        return ()
    there = [source.value for source, condition in zip(merge.values, merge.conditions) if condition is not False]
    return tuple(_side(steps, value, merge) for value in there)


def _side(steps: tuple[Traced, ...], value: int, merge: Traced) -> Side:
    """Goes back from a value to the step that gave it its size; a value that has the input's is named itself."""
    if not value:
        return Side("input", merge.place, steps[0].inputs[0])
    giver = value
    while steps[giver - 1].output.spatial == steps[giver - 1].inputs[0].spatial and len(steps[giver - 1].values) == 1:
        giver = steps[giver - 1].values[0].value
        if not giver:
            giver = value
            break
    step, name = steps[giver - 1], steps[giver - 1].name
    while step.role is Role.CHAIN:  # the item that changed the size
        changed = [child for child in step.children if child.output.spatial != child.inputs[0].spatial]
        step = (changed or list(step.children))[-1]
        name += f".{step.name}"
    return Side(name, step.place, step.output)
