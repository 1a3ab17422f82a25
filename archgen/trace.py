"""The shape rules run over the graph, on numbers and on names.

On numbers, every claim is judged, and each distinct pair of block, arguments and input shape is traced once, however often
it is repeated. On names, a block is traced once for all its calls: its sizes become expressions of its arguments, which is
what the generated code says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archgen import fitting
from archgen.diagnostics import BUDGET, MOST_NAMES, Place, Problem, SpecError
from archgen.expressions import (
    SPEC,
    Conditional,
    Environment,
    Expression,
    ExpressionError,
    Failed,
    ManyName,
    Name,
    TooLong,
    Value,
    binary,
    broadcast,
    describe,
    evaluate,
    is_number,
    is_whole,
    limited,
    names_of,
    render,
    select,
    stand_for,
    truth,
)
from archgen.flow import Flow, taken
from archgen.graph import (
    DEPTH_NAMES,
    Apply,
    Body,
    Call,
    Chain,
    Graph,
    Hold,
    Input,
    Merge,
    Repeat,
    Split,
    Step,
    callers_first,
    calls,
    open_names,
)
from archgen.ops.base import Claim, Op, Shape, Size, product
from archgen.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from archgen.spec import Constant, Parameter

MOST_LAYERS = 10_000
MOST_STEPS = 5 * MOST_LAYERS  # steps looked at, each once for each arguments and shape; those left out cost time too
NAMES_OF_A_STEP = 16  # arguments and constants of a block that cost about as much as a step
MOST_VALUES = 2**61  # of a weight or an output: its bytes must be a number that torch can hold
AXIS_NAMES = {0: (), 1: ("in_length",), 2: ("in_height", "in_width"), 3: ("in_depth", "in_height", "in_width")}
OPEN_NAMES = {rank: tuple(name.replace("in_", "out ") for name in names) for rank, names in AXIS_NAMES.items()}  # none's own
ANY_SIZES = tuple(Name(f"size {axis}") for axis in range(1 + max(AXIS_NAMES)))  # each axis has one, which nothing is known of
OPEN = frozenset(name for names in OPEN_NAMES.values() for name in names)


class Traced(Record):
    """One step with what the trace knows of it. Repeats of a block share their children."""

    name: str
    type: str  # the class in the generated module; for a merge, its kind; for a line of `forward`, its op
    role: str  # "op", "line", "held", "merge", "split", "block", "chain" or "absent"
    inputs: tuple[Shape, ...]
    output: Shape
    place: Place
    op: Op | None = None
    arguments: tuple[tuple[str, Value], ...] = ()
    children: tuple[Traced, ...] = ()
    condition: Value = True
    conditions: tuple[Value, ...] = ()  # of a merge's inputs
    values: tuple[Input, ...] = ()
    training: bool = False  # runs only while training
    count: Value = 0  # of a chain of blocks on names: how many, where that depends on an argument; the last is the repeated one
    parameters: int = 0
    buffers: int = 0
    macs: int = 0
    layers: int = 1

    def unrolled(self, count: int) -> tuple[Traced, ...]:
        """The children of a chain on names, which has `count` of them on numbers: a loop's last child stands for the rest."""
        return self.children + self.children[-1:] * (count - len(self.children)) if self.count else self.children

    def named(self, name: str) -> Traced:
        """The same step under another name: `replace`, for a thousand blocks."""
        step = object.__new__(Traced)
        step.__dict__.update(self.__dict__)
        step.__dict__["name"] = name
        return step


class TracedBody(Record):
    """A body's steps, the shapes that leave it, what its names stand for, and on numbers the same of every block called."""

    steps: tuple[Traced, ...]
    outputs: tuple[Shape, ...]
    names: dict[str, Value]
    totals: tuple[int, int, int, int] = (0, 0, 0, 0)  # parameters, buffers, MACs and layers
    calls: tuple[tuple[str, dict[str, Value]], ...] = ()
    keeping: frozenset[Place] = frozenset()  # nodes with `when` that keep the channels wherever they may be left out


class Stopped(Exception):
    """A step does not fit. `finished` are the steps before it, those of the open blocks among them."""

    def __init__(self, problem: Problem, finished: tuple[Traced, ...] = ()) -> None:
        super().__init__(problem.sentence)
        self.problem, self.finished = problem, finished


class _Tracer:
    """What both carriers share: the walk over the steps."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.seen = 0
        self.depths: tuple[Value, ...] = ()  # of the body at hand
        self.before: list[Any] = [0]  # its repeated blocks before each of its stages, as far as somebody asked

    # -- what a carrier decides

    def judge(self, claim: Claim, place: Place, places: tuple[tuple[str, Place], ...] = ()) -> None:
        """Judges a claim; `places` tells where the option to blame was written, else the step is."""
        raise NotImplementedError

    def judged(self, x: Shape) -> Shape:
        """The shape that claims are made of."""
        return x

    def met(self, step: Step) -> None:
        """Told of a node with `when` that is there."""

    def call(self, name: str, node: Call, arguments: dict[str, Value], x: Shape, place: Place) -> Traced:
        raise NotImplementedError

    def leaf(self, name: str, op: Op, x: Shape, y: Shape, place: Place) -> Traced:
        raise NotImplementedError

    def held(self, name: str, parameter: str, x: Shape, place: Place, names: Environment) -> Traced:
        raise NotImplementedError

    def container(self, name: str, x: Shape, children: tuple[Traced, ...], place: Place) -> Traced:
        raise NotImplementedError

    def absent(self, step: Step, x: Shape, names: Environment) -> Traced:
        raise NotImplementedError

    def left_out(self, step: Step, x: Shape) -> Traced:
        return Traced(step.name, "Identity", "absent", (x,), x, step.place, layers=0)

    def many(self, name: str, node: Repeat, count: Value, x: Shape, names: Environment, offset: Value, place: Place) -> Traced:
        """Traces blocks that are as many as an expression says."""
        raise NotImplementedError

    # -- the walk

    def steps(self, body: Body, entering: Shape, names: Environment) -> tuple[tuple[Traced, ...], list[Any]]:
        around = self.depths, self.before
        self.depths, self.before = body.depths, [0]
        try:
            return self.each(body, entering, names)
        finally:
            self.depths, self.before = around

    def each(self, body: Body, entering: Shape, names: Environment) -> tuple[tuple[Traced, ...], list[Any]]:
        values: list[Any] = [entering]
        done: list[Traced] = []
        for step in body.steps:
            try:
                traced = self.step(step, tuple([_value(values, source) for source in step.inputs]), names)
            except Stopped as stopped:
                problem = stopped.problem
                if isinstance(step.node, Merge) and problem.place is step.place and not problem.help:
                    makers = _makers(step.inputs, done, entering)
                    called = {} if body is self.graph.network else names  # the network is there once: numbers say all
                    advice = "" if body.from_library else _fitting(step.inputs, step.node, body, done, entering, called)
                    problem = problem.replace(help="\n".join(filter(None, (makers, advice))))
                raise Stopped(problem, (*done, *stopped.finished)) from None
            done.append(traced)
            values.append(traced.output if traced.role != "split" else (traced.output,) * len(traced.conditions))
        return tuple(done), values

    def step(self, step: Step, inputs: tuple[Shape, ...], names: Environment) -> Traced:
        condition = True if step.when is True else self.value(step.when, names, step.place)
        try:
            if condition is not True and not isinstance(condition, Expression) and not self.condition(condition, step.place):
                traced = self.left_out(step, inputs[0]) if step.branch else self.absent(step, inputs[0], names)
            else:
                traced = self.node(step, inputs, names)
                if step.when is not True:
                    self.met(step)
                if isinstance(condition, Expression) and not step.branch:
                    traced = traced.replace(output=self.either(condition, traced.output, inputs[0], step))
        except ExpressionError as error:  # a shape rule counts with what no number stands for, or makes too long a formula
            raise Stopped(Problem(step.place, error.sentence, error.help)) from None
        if condition is not True or step.inputs:
            traced.__dict__.update(
                condition=condition, values=step.inputs, training=step.training
            )  # made just now, so nobody has seen it yet
        return traced

    def either(self, condition: Expression, y: Shape, x: Shape, step: Step) -> Shape:
        """What leaves a node that an argument may leave out: where it is there `y`, else `x`."""
        if (y.rank, y.channel_axis) != (x.rank, x.channel_axis):
            sentence = f"left out, `{step.name}` hands on a value with other axes, and its `when` depends on an argument"
            raise Stopped(
                Problem(step.place, sentence, "write two blocks, one without it, or make the argument a constant of `let`")
            )
        sizes = [a if a == b else limited(Conditional(condition, a, b)) for a, b in zip(y.sizes, x.sizes)]
        if self.keeps_channels(step, condition):
            sizes[x.channel_axis] = y.channels
        return Shape(tuple(sizes), x.channel_axis)

    def keeps_channels(self, step: Step, condition: Expression) -> bool:
        """Whether every call of the block has been judged to keep the channels where it leaves a node out."""
        raise NotImplementedError

    def condition(self, value: Value, place: Place) -> bool:
        try:
            return truth(value)
        except ExpressionError as error:
            raise Stopped(Problem(place, error.sentence, error.help)) from None

    def value(self, value: Value, names: Environment, place: Place) -> Any:
        return _evaluated(value, names, place)

    def count(self, steps: int, place: Place) -> None:
        self.seen += steps
        if self.seen > MOST_STEPS:
            sentence = f"the network has more than {MOST_STEPS:,} steps, those among them that are left out"
            sentence += f", each {NAMES_OF_A_STEP} arguments and constants of a block counted as one"
            raise Stopped(Problem(place, sentence, code=BUDGET))

    def node(self, step: Step, inputs: tuple[Shape, ...], names: Environment) -> Traced:
        node, name, place = step.node, step.name, step.place
        self.count(1, place)
        kind = type(node)
        if kind is Apply:
            return self.apply(name, node, inputs[0], names, place)  # type: ignore[arg-type]
        if kind is Call:
            return self.call(name, node, self.arguments(node, names), inputs[0], place)  # type: ignore[arg-type]
        if isinstance(node, Merge):
            return self.merge(name, node, inputs, names, place)
        if isinstance(node, Repeat):
            return self.repeat(name, node, inputs[0], names, place)
        if isinstance(node, Chain):
            return self.chain(name, node, inputs[0], names, place)
        if isinstance(node, Split):
            return self.split(name, node, inputs[0], place)
        assert isinstance(node, Hold)
        return self.held(name, node.parameter, inputs[0], place, names)

    def apply(self, name: str, node: Apply, x: Shape, names: Environment, place: Place) -> Traced:
        op = node.op
        if node.dynamic:
            changed = {field: self.option(node, field, names, x, place) for field in node.dynamic}
            op = op.replace(**changed)
        try:
            traced = self.op(name, op, x, place, node.places)
        except Stopped as stopped:
            raise self.counted(stopped, node, names) from None
        return traced.replace(role="line", type=op.name) if node.line else traced

    def counted(self, stopped: Stopped, node: Apply, names: Environment) -> Stopped:
        """The same, with what the names stand for in the option that is to blame."""
        places = dict(node.places)
        blamed = [getattr(node.op, field) for field in node.dynamic if places.get(field) is stopped.problem.place]
        if not blamed or stopped.problem.help:
            return stopped
        return Stopped(stopped.problem.replace(help=stand_for(blamed[0], names)), stopped.finished)

    def option(self, node: Apply, field: str, names: Environment, x: Shape, place: Place) -> Any:
        try:
            value = evaluate(getattr(node.op, field), names)
        except ExpressionError as error:
            raise _stopped(error, dict(node.places).get(field, place), stand_for(getattr(node.op, field), names)) from None
        reason = node.op.kind(field).refuses(value, x.rank)
        if reason:
            sentence = f"`{field}` of `{node.op.name}` {reason}, not {describe(value)}"
            help = node.op.kind(field).instead(value, render(getattr(node.op, field), spelling=SPEC))
            raise Stopped(Problem(dict(node.places).get(field, place), sentence, help))
        return value

    def op(self, name: str, op: Op, x: Shape, place: Place, places: tuple[tuple[str, Place], ...]) -> Traced:
        for claim in op.claims(self.judged(x)):
            self.judge(claim, place, places)
        return self.leaf(name, op, x, op.output(x), place)

    def arguments(self, node: Call, names: Environment) -> dict[str, Value]:
        body = self.graph.blocks[node.block]
        types = {parameter.name: parameter.type for parameter in body.parameters}
        given: dict[str, Value] = {}
        for name, value, place in node.arguments:
            given[name] = self.value(value, names, place)
            article, test = ARGUMENT_TYPES[types[name]]
            if not isinstance(given[name], Expression) and not test(given[name]):
                sentence = f"argument `{name}` of block `{node.block}` takes {article}, not {describe(given[name])}"
                help = "write an op, as `relu` or `{leaky_relu: 0.2}`" if types[name] == "op" else ""
                raise Stopped(Problem(place, sentence, help))
        return given

    def repeat(self, name: str, node: Repeat, x: Shape, names: Environment, place: Place) -> Traced:
        count = self.depth(node.count, names, place)
        offset = self.blocks_before(node.before, names, place)
        total = self.blocks_before(len(self.depths), names, place)
        if isinstance(count, Expression):
            return self.many(name, node, count, x, {**names, "block_count": total}, offset, place)
        children: list[Traced] = []
        steady = not any(names_of(value) & DEPTH_NAMES for _, value, _ in node.others.arguments)
        for index in range(count):
            if steady and index > 1 and x == children[-1].inputs[0]:  # so will it be to the end
                last = children[-1]
                children += [last.named(str(number)) for number in range(index, count)]
                break
            inside = {**names, "index": index, "block_index": binary("+", offset, index), "block_count": total}
            block = node.others if index else node.first
            try:
                child = self.node(Step(str(index), block, (), True, place), (x,), inside)
            except Stopped as stopped:
                raise Stopped(stopped.problem, (self.container(name, x, (*children, *stopped.finished), place),)) from None
            children.append(child)
            x = child.output
        return self.container(name, children[0].inputs[0], tuple(children), place)

    def blocks_before(self, number: int, names: Environment, place: Place) -> Any:
        """How many repeated blocks the body at hand has before the stage of this number."""
        while len(self.before) <= number:
            self.before.append(binary("+", self.before[-1], self.depth(self.depths[len(self.before) - 1], names, place)))
        return self.before[number]

    def depth(self, value: Value, names: Environment, place: Place) -> Any:
        """Returns how many blocks a node with `depth` has: a number, or on names an expression."""
        count = self.value(value, names, place)
        if isinstance(count, Expression):
            return count
        if type(count) is not int or count < 1:
            help = stand_for(value, names)
            if isinstance(count, tuple) and isinstance(value, Name):
                help = f'take one of its items: `depth: "{value.name}[0]"`'
            raise Stopped(Problem(place, f"`depth` is {describe(count)}, and must be a whole number of at least 1", help))
        if count > MOST_LAYERS:
            sentence = f"`depth` is {count:,}, and at most {MOST_LAYERS:,} layers are allowed"
            raise Stopped(Problem(place, sentence, code=BUDGET))
        return count

    def chain(self, name: str, node: Chain, x: Shape, names: Environment, place: Place) -> Traced:
        children: list[Traced] = []
        first = x
        number = 0
        for step in node.steps:
            named = step.replace(name=str(number)) if step.name.isdecimal() else step
            try:
                child = self.step(named, (x,), names)
            except Stopped as stopped:
                raise Stopped(stopped.problem, (self.container(name, first, (*children, *stopped.finished), place),)) from None
            number += child.role != "absent"
            children.append(child)
            x = child.output
        return self.container(name, first, tuple(children), place)

    def merge(self, name: str, node: Merge, inputs: tuple[Shape, ...], names: Environment, place: Place) -> Traced:
        conditions = tuple(self.value(condition, names, place) for condition in node.conditions)
        present = [shape for shape, condition in zip(inputs, conditions) if condition is not False]
        if not present:
            help = "take the `when` from its branches, or put the merge in a block, and the `when` beside the block"
            raise Stopped(Problem(place, f"every branch of this `{node.kind}` is left out", help))
        output = present[0]
        for other in present[1:]:
            for claim in _merge_claims(node.kind, self.judged(output), self.judged(other)):
                self.judge(claim, place)
            output = merged_shape(node.kind, output, other)
        return Traced(name, node.kind, "merge", inputs, output, place, conditions=conditions)

    def split(self, name: str, node: Split, x: Shape, place: Place) -> Traced:
        self.judge(_split_claim(node.parts, x), place)
        share = x.with_channels(x.channels // node.parts)
        return Traced(name, "split", "split", (x,), share, place, conditions=(True,) * node.parts)


def _split_claim(parts: int, x: Shape) -> Claim:
    help = ""
    if type(x.channels) is int:
        more = -(-x.channels // parts) * parts
        help = f"give it {more} channels, as by a `{{conv: {more}, kernel_size: 1}}` before it"
    return Claim(parts, "divides", x.channels, "{right} channels can't be shared among {left} branches", "", help)


def _makers(inputs: tuple[Input, ...], done: list[Traced], entering: Shape) -> str:
    """Says which steps made the values that a merge can't put together, where they stand, and what they give."""
    told = []
    for source in inputs:
        if source.value:
            step = done[source.value - 1]
            told.append(f"`{step.name}` (line {step.place.line}) gives {shape_text(step.output)}")
        else:
            told.append(f"what enters is {shape_text(entering)}")
    return ", ".join(told)


def _fitting(
    inputs: tuple[Input, ...], node: Merge, body: Body, done: list[Traced], entering: Shape, names: Environment
) -> str:
    """Says what makes the values of a merge fit, with the numbers that these names stand for."""
    given = []
    for source in inputs:
        step = done[source.value - 1] if source.value else None
        if step is None or source.part >= 0:
            given.append(fitting.Given("", entering))
            continue
        made = body.steps[source.value - 1].node
        waiting = made.dynamic if isinstance(made, Apply) else ()
        given.append(fitting.Given(step.name, step.output, step.op, step.inputs[0], waiting))

    def fits(left: Shape, right: Shape) -> bool:
        return all(claim.holds() for claim in _merge_claims(node.kind, left, right))

    there = [value for value, condition in zip(given, node.conditions) if condition is not False]
    counts = ("channels", *(one.name for one in body.parameters if one.name != "stride"), "in_channels")
    return fitting.advice(node.kind, node.bare, there, fits, fitting.spelling(names, counts))


# What an argument of each type takes. An int may be given a list where it feeds options that have a value for each axis.
ARGUMENT_TYPES: dict[str, tuple[str, Callable[[Value], bool]]] = {
    "int": (
        "an integer",
        lambda value: type(value) is int or (isinstance(value, tuple) and all(type(item) is int for item in value)),
    ),
    "float": ("a number", is_number),
    "bool": ("true or false", lambda value: type(value) is bool),
    "op": ("an op", lambda value: isinstance(value, Op)),
    "list": ("a list", lambda value: isinstance(value, tuple)),
}


def _given(parameter: Parameter, given: dict[str, Value]) -> Value:
    """An argument's value in a call; the graph has seen that every required one is there."""
    value = given.get(parameter.name, parameter.default)
    assert value is not None
    return value


def _evaluated(value: Value, names: Environment, place: Place) -> Any:
    if not isinstance(value, (Expression, tuple, Op)):
        return value
    try:
        return value.evaluated(names) if isinstance(value, Op) else evaluate(value, names)
    except ExpressionError as error:
        raise _stopped(error, place, "" if isinstance(value, Op) else stand_for(value, names)) from None


def _stopped(error: ExpressionError, place: Place, counted: str) -> Stopped:
    return Stopped(Problem(error.place or place, error.sentence, error.help or counted))


def _constant(constant: Constant, names: Environment) -> Value:
    """What a constant stands for. One without a value, as `1 / n` where n is 0, is a mistake only where something reads it."""
    try:
        return evaluate(constant.value, names)  # type: ignore[no-any-return]
    except ExpressionError as error:
        error.place = error.place or constant.place
        return Failed(error)


def scope(body: Body, given: dict[str, Value], x: Shape) -> dict[str, Value]:
    """Returns what the names of a body stand for: its input's channels, its arguments, those of a call first, its constants."""
    names: dict[str, Value] = {"in_channels": x.channels}
    for parameter in body.parameters:
        names[parameter.name] = _given(parameter, given)
    for constant in body.constants:
        names[constant.name] = _constant(constant, names)
    return names


def spread(value: Value, rank: int) -> Value:
    """Returns a number, or a name of one, as a list of it for each axis: what an argument takes that some call gives a list."""
    return value if type(value) is tuple or isinstance(value, ManyName) else (value,) * rank


def _value(values: list[Any], source: Input) -> Shape:
    value = values[source.value]
    return value if source.part < 0 else value[source.part]  # type: ignore[no-any-return]


def _merge_claims(kind: str, left: Shape, right: Shape) -> list[Claim]:
    lengths = len(left.sizes), len(right.sizes)
    unlike = [(axis, a, b) for axis, (a, b) in enumerate(zip(left.sizes, right.sizes)) if a != b]
    if kind == "concat":
        unlike = [one for one in unlike if one[0] != left.channel_axis]
    if not unlike and lengths[0] == lengths[1]:
        return []  # as nearly always: no need to say what might be wrong
    sizes = f"{shape_text(left)} and {shape_text(right)}"
    claims = [Claim(lengths[0], "==", lengths[1], f"`{kind}` can't merge {sizes}: they differ in their number of axes")]
    for axis, a, b in unlike:
        what = "channels" if axis == left.channel_axis else "sizes"
        relation = "broadcasts" if kind == "multiply" else "=="
        claims.append(Claim(a, relation, b, f"`{kind}` can't merge {sizes}: their {what} {{left}} and {{right}} differ"))
    return claims


def merged_shape(kind: str, left: Shape, right: Shape) -> Shape:
    """The shape of two values merged. In a product, axes of size 1 are stretched."""
    if kind == "concat":
        return left.with_channels(left.channels + right.channels)
    if kind == "multiply":
        stretched = Shape(tuple(map(broadcast, left.sizes, right.sizes)), left.channel_axis)
        return stretched.with_channels(_stretched_channels(left.channels, right.channels))
    return left


def _stretched_channels(left: Size, right: Size) -> Size:
    """Two numbers of channels that a product has: a gate seldom has one, so the code need not ask where no call has."""
    if isinstance(left, Expression) and isinstance(right, Expression) and left != right:
        return select(binary("==", left, 1), right, left)
    return broadcast(left, right)


def shape_text(shape: Shape) -> str:
    return "x".join(render(size) for size in shape.sizes)


# ---- on numbers


class NumberTracer(_Tracer):
    def __init__(self, graph: Graph, with_bias: bool = False) -> None:
        super().__init__(graph)
        self.with_bias = with_bias
        self.bodies: dict[Any, TracedBody] = {}
        self.plain: dict[tuple[int, str, Shape], Traced] = {}
        self.entering = Shape((0,))  # what entered the body at hand
        self.conditional: set[Place] = set()  # the nodes with `when` that were there, or were judged where they are not
        self.unlike: set[Place] = set()  # those of them that could not run where they are not, or would change the channels
        self.present = 0  # steps that were traced, without those left out: the network has at least as many layers

    def node(self, step: Step, inputs: tuple[Shape, ...], names: Environment) -> Traced:
        self.present += 1
        if self.present > MOST_LAYERS:
            raise _too_many_layers(step.place)
        return super().node(step, inputs, names)

    def steps(self, body: Body, entering: Shape, names: Environment) -> tuple[tuple[Traced, ...], list[Any]]:
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

    def judge(self, claim: Claim, place: Place, places: tuple[tuple[str, Place], ...] = ()) -> None:
        if not claim.holds():
            raise Stopped(Problem(dict(places).get(claim.option, place), claim.text(), claim.help))

    def body(self, body: Body, given: dict[str, Value], x: Shape) -> TracedBody:
        key = (body.name, repr(given), x)  # repr tells 1 from 1.0, and 0.0 from -0.0
        found = self.bodies.get(key)
        if found is None:
            self.count((len(body.parameters) + len(body.constants)) // NAMES_OF_A_STEP, body.place)
            names = scope(body, given, x)
            steps, values = self.steps(body, x, names)
            leaving = (*body.results, *body.training_results)
            outputs = tuple(_value(values, result) for result in leaving)
            _refuse_unread(steps, leaving)
            found = self.bodies[key] = TracedBody(steps, outputs, names, _totals(steps, body.place))
        return found

    def call(self, name: str, node: Call, arguments: dict[str, Value], x: Shape, place: Place) -> Traced:
        body = self.graph.blocks[node.block]
        for parameter, value, _ in node.arguments:
            if isinstance(value, Name) and isinstance(arguments[parameter], Op):
                self.same_layer(arguments[parameter], x, place)
        try:
            traced = self.body(body, arguments, x)
        except Stopped as stopped:
            open_block = self.block(name, body.name, x, x, (), stopped.finished, place, _totals(stopped.finished, place))
            called = (*stopped.problem.calls, (place, body.name))
            raise Stopped(stopped.problem.replace(calls=called), (open_block,)) from None
        given = tuple(arguments.items())
        return self.block(name, body.name, x, traced.outputs[0], given, traced.steps, place, traced.totals)

    def block(
        self,
        name: str,
        type_name: str,
        x: Shape,
        y: Shape,
        arguments: tuple[tuple[str, Value], ...],
        children: tuple[Traced, ...],
        place: Place,
        totals: tuple[int, int, int, int],
    ) -> Traced:
        return Traced(name, type_name, "block", (x,), y, place, None, arguments, children, True, (), (), False, 0, *totals)

    def leaf(self, name: str, op: Op, x: Shape, y: Shape, place: Place) -> Traced:
        parameters, buffers, macs = _count(op.weights(x)), _count(op.buffers(x)), op.macs(x, y)
        if self.with_bias:
            macs += op.bias_macs(x, y)
        if parameters > MOST_VALUES or product(y.sizes) > MOST_VALUES:
            sentence = f"this layer has {parameters:,} parameters and an output of {shape_text(y)}: no tensor can hold so much"
            raise Stopped(Problem(place, sentence, "a tensor has less than 2**63 bytes"))
        totals = parameters, buffers, macs
        return Traced(name, op.type_name(x), "op", (x,), y, place, op, (), (), True, (), (), False, 0, *totals, 1)

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
        if op.type_name(x) != (meant := op.type_name(self.entering)):
            sentence = f"`{op.name}` was given as the `{meant}` of what enters this block; here {shape_text(x)} needs another"
            raise Stopped(Problem(place, sentence, f"write `{op.name}` itself here, instead of an argument"))

    def container(self, name: str, x: Shape, children: tuple[Traced, ...], place: Place) -> Traced:
        output = children[-1].output if children else x
        totals = _totals(children, place)
        return Traced(name, "Sequential", "chain", (x,), output, place, None, (), children, True, (), (), False, 0, *totals)

    def absent(self, step: Step, x: Shape, names: Environment) -> Traced:
        """A node with `when` keeps the number of channels, there or not."""
        self.met(step)
        present = self.present
        try:
            y = self.node(step, (x,) * max(1, len(step.inputs)), names).output
        except (Stopped, ExpressionError):
            self.unlike.add(step.place)
            y = x  # it would not fit here, and it is not here
        self.present = present
        if y.channels != x.channels:
            self.unlike.add(step.place)
            sentence = f"left out, `{step.name}` hands on {x.channels} channels instead of {y.channels}"
            sentence += ": a node with `when` keeps their number"
            help = "let it give as many as it takes, `in_channels`, or write two blocks, one without it"
            raise Stopped(Problem(step.place, sentence, help))
        return self.left_out(step, x)

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
        elif step.role != "absent":
            idle.append(number)
    if idle:
        raise Stopped(_unread(steps, results, idle[::-1]))


def _unread(steps: tuple[Traced, ...], results: tuple[Input, ...], idle: list[int]) -> Problem:
    """Of the steps that run for nothing the last is told, with those that it alone reads."""
    source = Flow(steps, results).source
    step = steps[idle[-1] - 1]
    readers = [one.name for one in steps if one.role == "absent" and Input(idle[-1]) in map(source, one.values)]
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


def _too_many_layers(place: Place) -> Stopped:
    return Stopped(Problem(place, f"the network has more than {MOST_LAYERS:,} layers", code=BUDGET))


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
        raise _too_many_layers(place)
    return parameters, buffers, macs, layers


def numbers(graph: Graph, input_shape: tuple[int, ...], overrides: dict[str, Value], with_bias: bool = False) -> TracedBody:
    """Traces the network on an input of (channels, sizes...). Raises Stopped at the first step that does not fit.

    with_bias: whether the MACs count biases.
    """
    tracer = NumberTracer(graph, with_bias)
    network = tracer.body(graph.network, overrides, Shape(input_shape))
    called = tuple((key[0], body.names) for key, body in tracer.bodies.items())
    return network.replace(calls=called, keeping=frozenset(tracer.conditional - tracer.unlike))


# ---- on names


class _Names(_Tracer):
    def __init__(self, graph: Graph, given: set[tuple[str, str, Value]], keeping: frozenset[Place]) -> None:
        super().__init__(graph)
        self.keeping = keeping
        self.listed = {(block, name) for block, name, value in given if isinstance(value, tuple)}
        self.ops: dict[tuple[str, str], list[Op]] = {}
        for block, name, value in given:
            if isinstance(value, Op):
                self.ops.setdefault((block, name), []).append(value)
        self.inside = graph.network
        self.open = open_names(graph)
        self.bodies: dict[Any, TracedBody] = {}
        self.outputs: dict[Any, Shape] = {}
        self.given: dict[str, set[str]] = {}
        for body in (graph.network, *graph.blocks.values()):
            for call in calls(body):
                self.given.setdefault(call.block, set()).update(name for name, _, _ in call.arguments)

    def judge(self, claim: Claim, place: Place, places: tuple[tuple[str, Place], ...] = ()) -> None:
        """Numbers have judged what runs. Of what no call ever reaches, what no argument and no size can mend is judged here."""
        if is_number(claim.left) and is_number(claim.right) and not claim.holds():
            help = claim.help or "no call runs this node, and none could: mend it, or remove it"
            raise Stopped(Problem(dict(places).get(claim.option, place), claim.text(), help))

    def judged(self, x: Shape) -> Shape:
        """Without its sizes: a node that is left out at those of the spec's input may fit others."""
        return Shape(ANY_SIZES[: len(x.sizes)], x.channel_axis).with_channels(x.channels)

    def steps(self, body: Body, entering: Shape, names: Environment) -> tuple[tuple[Traced, ...], list[Any]]:
        around, self.inside = self.inside, body
        try:
            return super().steps(body, entering, names)
        finally:
            self.inside = around

    def keeps_channels(self, step: Step, condition: Expression) -> bool:
        """Not where the user of the generated module may still choose, nor where a node could not run that was left out."""
        return step.place in self.keeping and not names_of(condition) & self.open[self.inside.name]

    def block(self, body: Body, x: Shape) -> TracedBody:
        """Traces a block for every input of this rank: its sizes are named."""
        key = (body.name, x.rank, x.channel_axis)
        found = self.bodies.get(key)
        if found is None:
            entering = [Name(name, "int") for name in AXIS_NAMES[x.rank]]
            entering.insert(x.channel_axis, Name("in_channels", "int"))
            names: dict[str, Value] = {"in_channels": Name("in_channels", "int")}
            for parameter in body.parameters:
                names[parameter.name] = self.parameter(body, parameter)
            found = self.bodies[key] = self.traced(body, Shape(tuple(entering), x.channel_axis), names)
        return found

    def parameter(self, body: Body, parameter: Parameter) -> Value:
        """An argument is its name; one of a library block that no call gives is its default, and the class does without it."""
        name, default = parameter.name, parameter.default
        if body.from_library and default is not None and name not in self.given.get(body.name, ()):
            return default
        return (ManyName if (body.name, name) in self.listed else Name)(name, parameter.type)

    def network(self, input_shape: tuple[int, ...]) -> TracedBody:
        body = self.graph.network
        channels = Name("in_channels", "int")
        names: dict[str, Value] = {"in_channels": channels}
        names |= {parameter.name: self.parameter(body, parameter) for parameter in body.parameters}
        return self.traced(body, Shape((channels, *input_shape[1:])), names)

    def traced(self, body: Body, entering: Shape, names: dict[str, Value]) -> TracedBody:
        for constant in body.constants:
            value = _constant(constant, names)
            named = isinstance(value, Expression) and not isinstance(value, Name)
            names[constant.name] = Name(constant.name, "int" if is_whole(value) else "float") if named else value
        steps, values = self.steps(body, entering, names)
        return TracedBody(steps, tuple(_value(values, result) for result in (*body.results, *body.training_results)), names)

    def call(self, name: str, node: Call, arguments: dict[str, Value], x: Shape, place: Place) -> Traced:
        body = self.graph.blocks[node.block]
        try:
            traced = self.block(body, x)
        except Stopped as stopped:
            raise Stopped(stopped.problem.replace(calls=(*stopped.problem.calls, (place, body.name)))) from None
        sizes = dict(zip(AXIS_NAMES[x.rank], x.spatial))
        names: dict[str, Value] = {"in_channels": x.channels, **sizes}
        for parameter in body.parameters:
            value = _given(parameter, arguments)
            listed = (body.name, parameter.name) in self.listed
            names[parameter.name] = spread(value, x.rank) if listed else value
        for constant in body.constants:
            names[constant.name] = _constant(constant, names)
        output = self.called(body, traced.outputs[0], x, names, place)
        return Traced(name, body.name, "block", (x,), output, place, arguments=tuple(arguments.items()))

    def called(self, body: Body, out: Shape, x: Shape, names: dict[str, Value], place: Place) -> Shape:
        """What leaves this call of a block, `out` being what leaves any; where that is not known, the call itself is traced."""
        if not any(isinstance(size, TooLong) or names_of(size) & OPEN for size in out.sizes):
            return Shape(tuple(self.value(size, names, place) for size in out.sizes), out.channel_axis)
        key = (body.name, repr(names), x)
        found = self.outputs.get(key)
        if found is None:
            _, values = self.steps(body, x, names)
            found = self.outputs[key] = _value(values, body.results[0])
        return found

    def leaf(self, name: str, op: Op, x: Shape, y: Shape, place: Place) -> Traced:
        return Traced(name, op.type_name(x), "op", (x,), y, place, op)

    def held(self, name: str, parameter: str, x: Shape, place: Place, names: Environment) -> Traced:
        held = names[parameter]
        if isinstance(held, Op):
            return self.op(name, held, x, place, ())
        held_here = self.ops.get((self.inside.name, parameter), ())
        y = x if all(self.op(name, op, x, place, ()).output == x for op in held_here) else self.open_sizes(x)
        return Traced(name, parameter, "held", (x,), y, place)

    def open_sizes(self, x: Shape) -> Shape:
        """What leaves an op, or a loop, that changes the sizes in a way that each call of the block chooses."""
        sizes: list[Any] = [Name(name, "int") for name in OPEN_NAMES[x.rank]]
        sizes.insert(x.channel_axis, x.channels)
        return Shape(tuple(sizes), x.channel_axis)

    def container(self, name: str, x: Shape, children: tuple[Traced, ...], place: Place) -> Traced:
        return Traced(name, "Sequential", "chain", (x,), children[-1].output if children else x, place, children=children)

    def absent(self, step: Step, x: Shape, names: Environment) -> Traced:
        return self.left_out(step, x)

    def many(self, name: str, node: Repeat, count: Value, x: Shape, names: Environment, offset: Value, place: Place) -> Traced:
        """A loop: all blocks but the first keep the number of channels, or each adds the same."""
        turn = Name("i", "int")

        def block(which: Apply | Hold | Call, index: Any, entering: Shape) -> Traced:
            inside = {**names, "index": index, "block_index": binary("+", offset, index)}
            return self.node(Step(str(int(index is turn)), which, (), True, place), (entering,), inside)

        first = block(node.first, 0, x)
        after = first.output
        others = block(node.others, turn, after)
        keeps = _axes_alike(others.output, after) and others.output.channels == after.channels
        one = node.first == node.others and _axes_alike(x, after)  # a single call may stand for all
        same_sizes = others.output.spatial == after.spatial and (keeps or x.spatial == after.spatial)
        if not same_sizes:  # each block may change them in its own way
            after = self.open_sizes(after)
            others = block(node.others, turn, after)
        if keeps:
            one = one and x.channels == after.channels and (x == after or not same_sizes)
            children = (others,) if one else (first, others)
            return Traced(name, "Sequential", "chain", (x,), after, place, children=children, count=count)
        growth = binary("-", after.channels, x.channels)
        entering = after.with_channels(binary("+", x.channels, binary("*", growth, turn)))
        steady = block(node.others, turn, entering)
        grown = binary("+", entering.channels, growth)
        if not one or "i" in names_of(growth) or not _axes_alike(steady.output, after) or steady.output.channels != grown:
            sentence = "`depth` depends on an argument, but from one block to the next the channels change in no steady way"
            raise Stopped(Problem(place, sentence, "write a number, or blocks that keep the channels or each add as many"))
        output = after.with_channels(binary("+", x.channels, binary("*", growth, count)))
        return Traced(name, "Sequential", "chain", (x,), output, place, children=(steady,), count=count)


def _axes_alike(left: Shape, right: Shape) -> bool:
    return (left.rank, left.channel_axis) == (right.rank, right.channel_axis)


def names(graph: Graph, input_shape: tuple[int, ...], traced: TracedBody) -> dict[str, TracedBody]:
    """Traces the network, under its name "", and each block that it calls on names; `traced` is the same network on numbers.

    Raises SpecError where one block would need two classes, or where a size can't be said in Python.
    """
    tracer = _Names(graph, {*_written(graph), *_given_arguments(traced.steps)}, traced.keeping)
    try:
        found = {"": tracer.network(input_shape)}
    except Stopped as stopped:
        raise SpecError(stopped.problem) from None
    for name, rank, axis in tracer.bodies:
        body = tracer.bodies[name, rank, axis]
        if name in found and _class_of(found[name]) != _class_of(body):
            place = graph.blocks[name].place
            sentence = f"block `{name}` is called on values with different axes, which would make two classes"
            raise SpecError(Problem(place, sentence, "write a second block"))
        found.setdefault(name, body)
    return {name: found[name] for name in ("", *graph.blocks) if name in found}


def _written(graph: Graph) -> set[tuple[str, str, Value]]:
    """The lists and ops in defaults and calls, also in calls that this network leaves out: block, argument, value."""
    found: dict[tuple[str, str], set[Value]] = {}
    for body in callers_first(graph):
        for one in body.parameters:
            if isinstance(one.default, (tuple, Op)):
                found.setdefault((body.name, one.name), set()).add(one.default)
        constants = {constant.name: constant.value for constant in body.constants}
        for call in calls(body):
            for name, given, _ in call.arguments:
                value = constants.get(given.name, given) if isinstance(given, Name) else given
                if isinstance(value, (tuple, Op)):
                    found.setdefault((call.block, name), set()).add(value)
                elif isinstance(value, Name):  # what it holds is handed on
                    found.setdefault((call.block, name), set()).update(found.get((body.name, value.name), ()))
    return {(block, name, value) for (block, name), values in found.items() for value in values}


def _class_of(body: TracedBody) -> list[Any]:
    """What a body's class would contain: the types and options of its steps."""
    return [_signature(step) for step in body.steps]


def _signature(step: Traced) -> tuple[Any, ...]:
    built = step.op.constructor(step.inputs[0]) if step.op else ()
    axis = step.inputs[0].channel_axis if step.role == "split" or step.type == "concat" else 0  # a number in `forward`
    return step.name, step.type, repr(built), axis, step.arguments, tuple(map(_signature, step.children))


def _given_arguments(steps: tuple[Traced, ...]) -> Iterator[tuple[str, str, Value]]:
    """The lists and ops that calls give: block, argument, value."""
    seen = set()
    pending = list(steps)
    while pending:
        step = pending.pop()
        if id(step.children) in seen:
            continue
        if step.children:
            seen.add(id(step.children))
        for name, value in step.arguments:
            if isinstance(value, (tuple, Op)):
                yield step.type, name, value
        pending.extend(step.children)
