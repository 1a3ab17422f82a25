"""The trace on numbers: every constraint is judged, and each distinct call of a block is traced once, however often it is
repeated.
"""

from __future__ import annotations

from typing import Any

from archgen.arithmetic.expressions import Environment, ExpressionError, Name, Value
from archgen.diagnostics import MOST_NAMES, Place, Problem
from archgen.graph.model import Apply, Body, Call, Graph, Input, Merge, Step
from archgen.ops.base import Op
from archgen.ops.value import Constraint, Shape, product, shape_text
from archgen.trace.flow import Flow, taken
from archgen.trace.traced import Role, Stopped, Traced, TracedBody, training_results
from archgen.trace.walk import MOST_LAYERS, NAMES_OF_A_STEP, Tracer, scope, too_many_layers, value_of

MOST_VALUES = 2**61  # of a weight or an output: its bytes must be a number that torch can hold


class NumberTracer(Tracer):
    def __init__(self, graph: Graph, with_bias: bool = False) -> None:
        super().__init__(graph)
        self.with_bias = with_bias
        self.bodies: dict[Any, TracedBody] = {}
        self.plain: dict[tuple[int, str, Shape], Traced] = {}
        self.entering: tuple[Shape, ...] = (Shape((0,)),)  # what entered the body at hand
        self.conditional: set[Place] = set()  # the nodes with `when` that were there, or were judged where they are not
        self.unlike: set[Place] = set()  # those of them that could not run where they are not, or would change the channels
        self.present = 0  # steps that were traced, without those left out: the network has at least as many layers

    def node(self, step: Step, inputs: tuple[Shape, ...], names: Environment) -> Traced:
        self.present += 1
        if self.present > MOST_LAYERS:
            raise too_many_layers(step.place)
        return super().node(step, inputs, names)

    def steps(self, body: Body, entering: tuple[Shape, ...], names: Environment) -> tuple[tuple[Traced, ...], list[Any]]:
        around, self.entering = self.entering, entering
        try:
            return super().steps(body, entering, names)
        finally:
            self.entering = around

    def apply(self, name: str, node: Apply, x: Shape, names: Environment, place: Place) -> Traced:
        """An op that waits for no name is the same wherever its block meets the same shape."""
        if node.dynamic:
            return super().apply(name, node, x, names, place)
        key = (id(node), name, x)
        found = self.plain.get(key)
        if found is None:
            found = self.plain[key] = super().apply(name, node, x, names, place)
        return found

    def judge(self, constraint: Constraint, place: Place, places: tuple[tuple[str, Place], ...] = ()) -> None:
        if not constraint.holds():
            raise Stopped(Problem(dict(places).get(constraint.option, place), constraint.text(), constraint.help))

    def body(self, body: Body, given: dict[str, Value], entering: tuple[Shape, ...]) -> TracedBody:
        key = (body.name, repr(given), entering)  # repr tells 1 from 1.0, and 0.0 from -0.0
        found = self.bodies.get(key)
        if found is None:
            self.count((len(body.parameters) + len(body.constants)) // NAMES_OF_A_STEP, body.place)
            names = scope(body, given, entering)
            steps, values = self.steps(body, entering, names)
            leaving = (*body.results, *training_results(body, steps))
            outputs = tuple(value_of(values, result) for result in leaving)
            _refuse_unread(steps, leaving)
            found = self.bodies[key] = TracedBody(entering, steps, outputs, names, _totals(steps, body.place))
        return found

    def call(self, name: str, node: Call, arguments: dict[str, Value], entering: tuple[Shape, ...], place: Place) -> Traced:
        body = self.graph.blocks[node.block]
        for parameter, value, _ in node.arguments:
            if isinstance(value, Name) and isinstance(arguments[parameter], Op):
                self.same_layer(arguments[parameter], entering[0], place)
        try:
            traced = self.body(body, arguments, entering)
        except Stopped as stopped:
            open_block = self.block(name, body, entering, entering[:1], (), stopped.finished, place)
            called = (*stopped.problem.calls, (place, body.name))
            raise Stopped(stopped.problem.replace(calls=called), (open_block,)) from None
        return self.block(name, body, entering, traced.outputs, tuple(arguments.items()), traced.steps, place, traced.totals)

    def block(
        self,
        name: str,
        body: Body,
        entering: tuple[Shape, ...],
        leaving: tuple[Shape, ...],
        arguments: tuple[tuple[str, Value], ...],
        children: tuple[Traced, ...],
        place: Place,
        totals: tuple[int, int, int, int] | None = None,
    ) -> Traced:
        traced = Traced(
            name, body.name, Role.BLOCK, entering, leaving[0], place, None, arguments, children, True, (), (), False, 0,
            *(totals or _totals(children, place)),
        )  # fmt: skip
        return traced if len(leaving) == 1 else traced.replace(parts=body.outputs, outputs=leaving)

    def leaf(self, name: str, op: Op, x: Shape, y: Shape, place: Place) -> Traced:
        parameters, buffers, macs = _count(op.weights(x)), _count(op.buffers(x)), op.macs(x, y)
        if self.with_bias:
            macs += op.bias_macs(x, y)
        if parameters > MOST_VALUES or product(y.sizes) > MOST_VALUES:
            sentence = f"this layer has {parameters:,} parameters and an output of {shape_text(y)}: no tensor can hold so much"
            raise Stopped(Problem(place, sentence, "a tensor has less than 2**63 bytes"))
        totals = parameters, buffers, macs
        return Traced(name, op.type_name(x), Role.OP, (x,), y, place, op, (), (), True, (), (), False, 0, *totals, 1)

    def merge(self, name: str, node: Merge, inputs: tuple[Shape, ...], names: Environment, place: Place) -> Traced:
        traced = super().merge(name, node, inputs, names, place)
        there = tuple(shape for shape, condition in zip(traced.inputs, traced.conditions) if condition is not False)
        macs = traced.op.macs_of(there, traced.output) if len(there) > 1 else 0  # type: ignore[union-attr]  # it is a merge's
        return traced.replace(macs=macs) if macs else traced

    def held(self, name: str, parameter: str, x: Shape, place: Place, names: Environment) -> Traced:
        op = names[parameter]
        assert isinstance(op, Op)
        self.same_layer(op, x, place)
        traced = self.op(name, op, x, place, ())
        if traced.output.rank != x.rank or traced.output.channels != x.channels:
            made = f"`{op.name}` makes {shape_text(traced.output)} of {shape_text(x)}"
            sentence = f"an op in an argument keeps channels and axes; {made}"
            raise Stopped(Problem(place, sentence, f"write `{op.name}` itself here, instead of an argument"))
        return traced

    def same_layer(self, op: Value, x: Shape, place: Place) -> None:
        """An argument holds one class, which is chosen where it is given: by the axes of what enters the block."""
        assert isinstance(op, Op)
        if op.type_name(x) != (meant := op.type_name(self.entering[0])):
            sentence = f"`{op.name}` was given as the `{meant}` of what enters this block; here {shape_text(x)} needs another"
            raise Stopped(Problem(place, sentence, f"write `{op.name}` itself here, instead of an argument"))

    def container(self, name: str, x: Shape, children: tuple[Traced, ...], place: Place) -> Traced:
        output = children[-1].output if children else x
        totals = _totals(children, place)
        return Traced(name, "Sequential", Role.CHAIN, (x,), output, place, None, (), children, True, (), (), False, 0, *totals)

    def equal(self, name: str, x: Shape, first: Traced, count: Any, place: Place) -> Traced:
        self.present += (count - 1) * first.layers
        if self.present > MOST_LAYERS:
            raise too_many_layers(place)
        return self.container(name, x, tuple(first.named(str(number)) for number in range(count)), place)

    def absent(self, step: Step, inputs: tuple[Shape, ...], handed_on: Shape, names: Environment) -> Traced:
        """A node with `when` keeps the number of channels, there or not."""
        self.met(step)
        x = inputs[0]
        present = self.present
        try:
            y = self.node(step, (x,) * max(1, len(step.inputs)), names).output
        except (Stopped, ExpressionError):
            self.unlike.add(step.place)
            y = handed_on  # it would not fit here, and it is not here
        self.present = present
        if y.channels != handed_on.channels:
            self.unlike.add(step.place)
            sentence = f"left out, `{step.name}` hands on {handed_on.channels} channels instead of {y.channels}"
            sentence += ": a node with `when` keeps their number"
            help = "let it give as many as it takes, `in_channels`, or write two blocks, one without it"
            raise Stopped(Problem(step.place, sentence, help))
        return self.left_out(step, handed_on)

    def met(self, step: Step) -> None:
        self.conditional.add(step.place)


def _refuse_unread(steps: tuple[Traced, ...], results: tuple[Input, ...]) -> None:
    """Refuses a step that runs for nothing, since what would read its value is left out."""
    needed = {result.value for result in results}
    idle: list[int] = []
    for number in range(len(steps), 0, -1):
        step = steps[number - 1]
        if number in needed:
            needed.update(value.value for value in taken(step))
        elif step.role is not Role.ABSENT:
            idle.append(number)
    if idle:
        raise Stopped(_unread(steps, results, idle[::-1]))
    read = {*results, *(value for step in steps for value in taken(step))}
    for number, step in enumerate(steps, 1):
        for part, name in enumerate(step.parts if step.role is Role.BLOCK else ()):
            if Input(number, part) not in read:
                sentence = f"nobody reads the value `{step.name}.{name}`, which `{step.type}` gives"
                help = f"name it in a `from`, or write a block without this output beside `{step.type}`"
                raise Stopped(Problem(step.place, sentence, help))


def _unread(steps: tuple[Traced, ...], results: tuple[Input, ...], idle: list[int]) -> Problem:
    """Of the steps that run for nothing the last is told, with those that it alone reads."""
    source = Flow(steps, results).source
    step = steps[idle[-1] - 1]
    readers = [one.name for one in steps if one.role is Role.ABSENT and Input(idle[-1]) in map(source, one.values)]
    why = f": `{readers[0]}` is left out" if readers else ""
    before = [f"`{steps[number - 1].name}`" for number in idle[:-1]]
    them = " and ".join(["it", *before]) if len(before) < MOST_NAMES else "it and what it alone reads"
    both = "them" if before else "both"
    help = f"give {them} the `when` of `{readers[0]}`, or write a second block, without {both}" if readers else ""
    return Problem(step.place, f"nobody reads the value of `{step.name}`{why}", help or f"leave {them} out too")


def _count(tensors: tuple[tuple[str, tuple[int, ...]], ...]) -> int:
    total = 0
    for _, shape in tensors:
        total += product(shape)
    return total


def _totals(steps: tuple[Traced, ...], place: Place) -> tuple[int, int, int, int]:
    """Returns the parameters, buffers, MACs and layers of a container; refuses one that has too many layers."""
    parameters = buffers = macs = 0
    layers = 1
    for step in steps:
        parameters += step.parameters
        buffers += step.buffers
        macs += 0 if step.training else step.macs
        layers += step.layers
    if layers > MOST_LAYERS:
        raise too_many_layers(place)
    return parameters, buffers, macs, layers


def numbers(graph: Graph, input_shape: tuple[int, ...], overrides: dict[str, Value], with_bias: bool = False) -> TracedBody:
    """Traces the network on an input of (channels, sizes...). Raises Stopped at the first step that does not fit.

    with_bias: whether the MACs count biases.
    """
    tracer = NumberTracer(graph, with_bias)
    network = tracer.body(graph.network, overrides, graph.at(Shape(input_shape)))
    called = tuple((key[0], body.names) for key, body in tracer.bodies.items())
    return network.replace(calls=called, keeping=frozenset(tracer.conditional - tracer.unlike))
