"""The walk over a graph's steps that each domain shares: it evaluates options and applies shape rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archgen.arithmetic.evaluation import binary, evaluate, truth
from archgen.arithmetic.expressions import (
    Conditional,
    Environment,
    Expression,
    ExpressionError,
    Failed,
    ManyName,
    Name,
    Value,
    is_number,
    limited,
    names_of,
)
from archgen.arithmetic.spelling import SPEC, describe, render, stand_for
from archgen.diagnostics import BUDGET, Place, Problem
from archgen.graph.model import Again, Apply, Body, Call, Chain, Copies, Graph, Hold, Input, Merge, Repeat, Split, Step
from archgen.language.vocabulary import DEPTH_NAMES
from archgen.ops import MergeOp
from archgen.ops.base import Op
from archgen.ops.value import Constraint, Shape, channel_names, shape_text
from archgen.trace import fitting
from archgen.trace.traced import Role, Stopped, Traced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from archgen.language.model import Constant, Parameter


MOST_LAYERS = 10_000
MOST_STEPS = 5 * MOST_LAYERS  # steps looked at, each once for each arguments and shape; those left out cost time too
NAMES_OF_A_STEP = 16  # arguments and constants of a block that cost about as much as a step


class Tracer:
    """What both domains share: the walk over the steps."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.seen = 0
        self.depths: tuple[Value, ...] = ()  # of the body at hand
        self.before: list[Any] = [0]  # its repeated blocks before each of its stages, as far as somebody asked

    # -- what a domain decides

    def judge(self, constraint: Constraint, place: Place, places: tuple[tuple[str, Place], ...] = ()) -> None:
        """Judges a constraint; `places` tells where the option to blame was written, else the step is."""
        raise NotImplementedError

    def judged(self, x: Shape) -> Shape:
        """The shape that constraints are made of."""
        return x

    def met(self, step: Step) -> None:
        """Told of a node with `when` that is there."""

    def call(self, name: str, node: Call, arguments: dict[str, Value], entering: tuple[Shape, ...], place: Place) -> Traced:
        raise NotImplementedError

    def leaf(self, name: str, op: Op, x: Shape, y: Shape, place: Place) -> Traced:
        raise NotImplementedError

    def held(self, name: str, parameter: str, x: Shape, place: Place, names: Environment) -> Traced:
        raise NotImplementedError

    def container(self, name: str, x: Shape, children: tuple[Traced, ...], place: Place) -> Traced:
        raise NotImplementedError

    def absent(self, step: Step, inputs: tuple[Shape, ...], handed_on: Shape, names: Environment) -> Traced:
        raise NotImplementedError

    def left_out(self, step: Step, x: Shape) -> Traced:
        return Traced(step.name, "Identity", Role.ABSENT, (x,), x, step.place, layers=0)

    def many(self, name: str, node: Repeat, count: Value, x: Shape, names: Environment, offset: Value, place: Place) -> Traced:
        """Traces blocks that are as many as an expression says."""
        raise NotImplementedError

    # -- the walk

    def steps(self, body: Body, entering: tuple[Shape, ...], names: Environment) -> tuple[tuple[Traced, ...], list[Any]]:
        around = self.depths, self.before
        self.depths, self.before = body.depths, [0]
        try:
            return self.each(body, entering, names)
        finally:
            self.depths, self.before = around

    def each(self, body: Body, entering: tuple[Shape, ...], names: Environment) -> tuple[tuple[Traced, ...], list[Any]]:
        values: list[Any] = [entering if body.inputs else entering[0]]
        done: list[Traced] = []
        for step in body.steps:
            try:
                inputs = tuple([value_of(values, source) for source in step.read])
                if isinstance(step.node, Again):
                    traced = self.again(step, done[step.node.step], inputs, names)
                else:
                    traced = self.step(step, inputs, names)
            except Stopped as stopped:
                problem = stopped.problem
                if isinstance(step.node, Merge) and problem.place is step.place and not problem.help:
                    makers = _makers(step.inputs, done, values)
                    called = {} if body is self.graph.network else names  # the network is there once: numbers say all
                    advice = "" if body.from_library else _fitting(step.inputs, step.node, body, done, values, called)
                    problem = problem.replace(help="\n".join(filter(None, (makers, advice))))
                raise Stopped(problem, (*done, *stopped.finished)) from None
            done.append(traced)
            values.append(traced.outputs or traced.output)
        return tuple(done), values

    def step(self, step: Step, inputs: tuple[Shape, ...], names: Environment) -> Traced:
        """Traces a step. inputs: of all values that it may read, that which may stand for it last."""
        condition = True if step.when is True else self.value(step.when, names, step.place)
        handed_on = inputs[-1] if step.otherwise is not None else inputs[0]
        inputs, values = inputs[: len(step.inputs)] or inputs, step.inputs
        try:
            if step.alternative is not None:
                return self.one_or_other(step, condition, inputs, names)
            if condition is not True and not isinstance(condition, Expression) and not self.condition(condition, step.place):
                traced = self.left_out(step, handed_on) if step.optional else self.absent(step, inputs, handed_on, names)
                values = (step.handed_on,) if step.inputs else ()
            else:
                traced = self.node(step, inputs, names)
                if step.when is not True:
                    self.met(step)
                if isinstance(condition, Expression) and not step.optional:
                    traced = traced.replace(
                        output=self.either(condition, traced.output, handed_on, step), otherwise=step.otherwise
                    )
                    values = step.read
        except ExpressionError as error:  # a shape rule counts with what no number stands for, or makes too long a formula
            raise Stopped(Problem(step.place, error.sentence, error.help)) from None
        if condition is not True or step.inputs:
            traced.__dict__.update(
                condition=condition, values=values, training=step.training
            )  # made just now, so nobody has seen it yet
        return traced

    def again(self, step: Step, first: Traced, inputs: tuple[Shape, ...], names: Environment) -> Traced:
        """An earlier step on other values. Its module was built for those that it met first."""
        assert isinstance(step.node, Again)
        for x, met in zip(inputs, first.inputs):
            axes = f"`{first.name}` was built for a value with {met.rank} spatial axes, and here there are {x.rank}"
            self.judge(Constraint(x.rank, "==", met.rank, axes, "", _AGAIN), step.place)
            self.judge(
                Constraint(x.channel_axis, "==", met.channel_axis, _OTHER_AXIS.format(first.name), "", _AGAIN), step.place
            )
            sentence = f"`{first.name}` was built for {{right}} channels, and {{left}} enter here"
            self.judge(Constraint(x.channels, "==", met.channels, sentence, "", _AGAIN), step.place)
        traced = self.step(step.replace(node=step.node.node), inputs, names)
        for one, other in _weights_that_differ(traced, first):
            sentence = f"`{first.name}` was built with a weight of {{right}} there, where {{left}} are needed here"
            self.judge(Constraint(one, "==", other, sentence, "", _AGAIN), step.place)
        return traced.replace(again=first.name, parameters=0, buffers=0)

    def one_or_other(self, step: Step, condition: Any, inputs: tuple[Shape, ...], names: Environment) -> Traced:
        """A node, or the one that stands for it; on names, where an argument decides, both."""
        assert step.alternative is not None
        if not isinstance(condition, Expression):
            node = step.node if condition is True or self.condition(condition, step.place) else step.alternative
            made = self.node(step.replace(node=node), inputs, names)
        else:
            both = tuple(self.node(step.replace(node=node), inputs, names) for node in (step.node, step.alternative))
            output = self.either(condition, both[0].output, both[1].output, step)
            made = Traced(
                step.name, both[0].type, Role.CHOICE, inputs, output, step.place, children=both, conditions=(condition,)
            )
        return made.replace(values=step.inputs, training=step.training)

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
        return x._replace(sizes=tuple(sizes))

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
        if kind is Apply and len(inputs) > 1:
            return self.like(name, node, inputs, names, place)  # type: ignore[arg-type]
        if kind is Apply:
            return self.apply(name, node, inputs[0], names, place)  # type: ignore[arg-type]
        if kind is Call:
            return self.call(name, node, self.arguments(node, names), inputs, place)  # type: ignore[arg-type]
        if isinstance(node, Merge):
            return self.merge(name, node, inputs, names, place)
        if isinstance(node, Repeat):
            return self.repeat(name, node, inputs[0], names, place)
        if isinstance(node, Copies):
            return self.copies(name, node, inputs[0], names, place)
        if isinstance(node, Chain):
            return self.chain(name, node, inputs[0], names, place)
        if isinstance(node, Split):
            return self.split(name, node, inputs[0], names, place)
        assert isinstance(node, Hold)
        return self.held(name, node.parameter, inputs[0], place, names)

    def apply(self, name: str, node: Apply, x: Shape, names: Environment, place: Place) -> Traced:
        op = self.with_options(node, names, x, place)
        try:
            traced = self.op(name, op, x, place, node.places)
        except Stopped as stopped:
            raise self.counted(stopped, node, names) from None
        return traced.replace(role=Role.LINE, type=op.name) if node.line else traced

    def like(self, name: str, node: Apply, inputs: tuple[Shape, ...], names: Environment, place: Place) -> Traced:
        """An op of a value and of another, whose size it takes."""
        op = self.with_options(node, names, inputs[0], place)
        for constraint in op.constraints(*map(self.judged, inputs)):
            self.judge(constraint, place, node.places)
        return Traced(name, op.name, Role.LINE, inputs, op.output(*inputs), place, op)

    def with_options(self, node: Apply | Split | Merge, names: Environment, x: Shape, place: Place) -> Any:
        """The op of a node, with what the names in its options stand for."""
        if not node.dynamic:
            return node.op
        return node.op.replace(**{field: self.option(node, field, names, x, place) for field in node.dynamic})

    def counted(self, stopped: Stopped, node: Apply | Split, names: Environment) -> Stopped:
        """The same, with what the names stand for in the option that is to blame."""
        places = dict(node.places)
        blamed = [getattr(node.op, field) for field in node.dynamic if places.get(field) is stopped.problem.place]
        if not blamed or stopped.problem.help:
            return stopped
        return Stopped(stopped.problem.replace(help=stand_for(blamed[0], names)), stopped.finished)

    def option(self, node: Apply | Split | Merge, field: str, names: Environment, x: Shape, place: Place) -> Any:
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
        for constraint in op.constraints(self.judged(x)):
            self.judge(constraint, place, places)
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
        names = {**names, "block_count": total}
        if isinstance(count, Expression):
            traced = self.many(name, node, count, x, names, offset, place)
        else:
            traced = self.counted_blocks(name, node, count, x, names, offset, place)
        return traced if node.collect is None else self.collected(traced, node.collect, x, place)

    def collected(self, blocks: Traced, op: MergeOp, x: Shape, place: Place) -> Traced:
        """What enters and every block's value, merged. In a loop that a count says, the last child stands for the rest."""
        made = [child.output for child in blocks.children]
        for constraint in op.constraints(*map(self.judged, (x, *made))):
            self.judge(
                constraint._replace(help="blocks that are joined keep the size: change it in a layer before them"), place
            )
        if not blocks.count:
            output = op.output(x, *made)
        else:
            others = binary("-", blocks.count, len(made) - 1)  # of which there are more than this one
            output = op.output(x, *made[:-1], made[-1].with_channels(binary("*", others, made[-1].channels)))
            if made[-1].channels != blocks.children[-1].inputs[0].channels:
                sentence = "`collect` joins blocks of a number that an argument says, and these change their channels"
                raise Stopped(Problem(place, sentence, "write the depth as a number"))
        return blocks.replace(type="ModuleList", role=Role.COLLECT, op=op, output=output)

    def copies(self, name: str, node: Copies, x: Shape, names: Environment, place: Place) -> Traced:
        """Equal nodes on one value. All are as the first; on names that one stands for them."""
        count = self.depth(node.count, names, place, "copies")
        first = self.node(Step("0", node.node, (), True, place), (x,), names)
        made = self.equal(name, x, first, count, place)
        one, most = first.output, first.output.channels
        if isinstance(count, Expression):
            output = node.op.output(one, one).with_channels(
                binary("*", count, most) if node.op.output(one, one).channels != most else most
            )
        else:
            output = node.op.output(*([one] * count))
        return made.replace(type="ModuleList", role=Role.COPIES, op=node.op, output=output)

    def equal(self, name: str, x: Shape, first: Traced, count: Any, place: Place) -> Traced:
        """A container of so many children that are as the first."""
        raise NotImplementedError

    def counted_blocks(
        self, name: str, node: Repeat, count: int, x: Shape, names: Environment, offset: Value, place: Place
    ) -> Traced:
        """Traces so many blocks, one after the other."""
        children: list[Traced] = []
        steady = not any(names_of(value) & DEPTH_NAMES for _, value, _ in node.others.arguments)
        for index in range(count):
            if steady and index > 1 and x == children[-1].inputs[0]:  # so will it be to the end
                last = children[-1]
                children += [last.named(str(number)) for number in range(index, count)]
                break
            inside = {**names, "index": index, "block_index": binary("+", offset, index)}
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

    def depth(self, value: Value, names: Environment, place: Place, word: str = "depth") -> Any:
        """Returns how many blocks a node with `depth` has, or `copies`: a number, or on names an expression."""
        count = self.value(value, names, place)
        if isinstance(count, Expression):
            return count
        if type(count) is not int or count < 1:
            help = stand_for(value, names)
            if isinstance(count, tuple) and isinstance(value, Name):
                help = f'take one of its items: `{word}: "{value.name}[0]"`'
            raise Stopped(Problem(place, f"`{word}` is {describe(count)}, and must be a whole number of at least 1", help))
        if count > MOST_LAYERS:
            sentence = f"`{word}` is {count:,}, and at most {MOST_LAYERS:,} layers are allowed"
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
            number += child.role is not Role.ABSENT
            children.append(child)
            x = child.output
        return self.container(name, first, tuple(children), place)

    def merge(self, name: str, node: Merge, inputs: tuple[Shape, ...], names: Environment, place: Place) -> Traced:
        conditions = tuple(self.value(condition, names, place) for condition in node.conditions)
        present = [shape for shape, condition in zip(inputs, conditions) if condition is not False]
        if not present:
            help = "take the `when` from its branches, or put the merge in a block, and the `when` beside the block"
            raise Stopped(Problem(place, f"every branch of this `{node.op.name}` is left out", help))
        op = self.with_options(node, names, inputs[0], place)
        for constraint in op.constraints(*map(self.judged, present)):
            self.judge(constraint, place, node.places)
        if not op.pairwise:  # what is joined has its channels only where it is there
            there = [condition for condition in conditions if condition is not False]
            present = [
                shape.with_channels(limited(Conditional(condition, shape.channels, 0)))
                if isinstance(condition, Expression)
                else shape
                for shape, condition in zip(present, there)
            ]
        else:  # what is there in any case has the sizes of all
            sure = [shape for shape, condition in zip(inputs, conditions) if condition is True]
            present = [*sure, *(shape for shape in present if shape not in sure)]
        return Traced(name, op.name, Role.MERGE, inputs, op.output(*present), place, op, conditions=conditions)

    def split(self, name: str, node: Split, x: Shape, names: Environment, place: Place) -> Traced:
        op = self.with_options(node, names, x, place)
        try:
            for constraint in op.constraints(self.judged(x)):
                self.judge(constraint, place, node.places)
        except Stopped as stopped:
            raise self.counted(stopped, node, names) from None
        made = op.outputs(x)
        return Traced(name, op.name, Role.SPLIT, (x,), made[0], place, op, parts=node.names, outputs=made)


_AGAIN = "write a layer of its own for this value, or bring it to the same channels first"
_OTHER_AXIS = "`{0}` was built for channels on another axis"


def _weights_that_differ(step: Traced, first: Traced) -> Iterator[tuple[Any, Any]]:
    """The sizes of weights that a step needs and another, of the same nodes, was built without."""
    if step.op is not None and first.op is not None:
        pairs = zip(_fixed_sizes(step.op, step.inputs[0]), _fixed_sizes(first.op, first.inputs[0]))
        yield from ((one, other) for one, other in pairs if one != other)
    for child, other in zip(step.children, first.children):
        yield from _weights_that_differ(child, other)


def _fixed_sizes(op: Op, x: Shape) -> list[Any]:
    tensors = (*op.weights(x), *op.buffers(x), *op.built_for(x))
    return [size for _, shape in tensors for size in shape]


def _makers(inputs: tuple[Input, ...], done: list[Traced], values: list[Any]) -> str:
    """Says which steps made the values that a merge can't put together, where they stand, and what they give."""
    told = []
    for source in inputs:
        if source.value:
            step = done[source.value - 1]
            name = step.name if source.part < 0 else f"{step.name}.{step.parts[source.part]}"
            told.append(f"`{name}` (line {step.place.line}) gives {shape_text(value_of(values, source))}")
        else:
            told.append(f"what enters is {shape_text(value_of(values, source))}")
    return ", ".join(told)


def _fitting(
    inputs: tuple[Input, ...], node: Merge, body: Body, done: list[Traced], values: list[Any], names: Environment
) -> str:
    """Says what makes the values of a merge fit, with the numbers that these names stand for."""
    given = []
    for source in inputs:
        step = done[source.value - 1] if source.value else None
        if step is None or source.part >= 0:
            given.append(fitting.Given("", value_of(values, source)))
            continue
        made = body.steps[source.value - 1].node
        waiting = made.dynamic if isinstance(made, Apply) else ()
        op = None if isinstance(made, Split) or len(step.inputs) > 1 else step.op  # no option of that makes it fit
        given.append(fitting.Given(step.name, step.output, op, step.inputs[0], waiting))

    def fits(left: Shape, right: Shape) -> bool:
        return all(constraint.holds() for constraint in node.op.constraints(left, right))

    there = [value for value, condition in zip(given, node.conditions) if condition is not False]
    counts = ("channels", *(one.name for one in body.parameters if one.name != "stride"), "in_channels")
    return fitting.advice(node.op.name, node.bare, there, fits, fitting.spelling(names, counts))


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


def given_to(parameter: Parameter, given: dict[str, Value]) -> Value:
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


def constant_of(constant: Constant, names: Environment) -> Value:
    """What a constant stands for. One without a value, as `1 / n` where n is 0, is a mistake only where something reads it."""
    try:
        return evaluate(constant.value, names)  # type: ignore[no-any-return]
    except ExpressionError as error:
        error.place = error.place or constant.place
        return Failed(error)


def channels_entering(body: Body, entering: tuple[Shape, ...]) -> dict[str, Value]:
    """The channels of the values that enter a body, by their names: `in_channels` those of the first."""
    return {name: x.channels for name, x in zip(channel_names(body.inputs), entering)}


def scope(body: Body, given: dict[str, Value], entering: tuple[Shape, ...]) -> dict[str, Value]:
    """Returns what the names of a body stand for: its inputs' channels, its arguments, those of a call first, its constants."""
    names = channels_entering(body, entering)
    for parameter in body.parameters:
        names[parameter.name] = given_to(parameter, given)
    for constant in body.constants:
        names[constant.name] = constant_of(constant, names)
    return names


def spread(value: Value, rank: int) -> Value:
    """Returns a number, or a name of one, as a list of it for each axis: what an argument takes that some call gives a list."""
    return value if type(value) is tuple or isinstance(value, ManyName) else (value,) * rank


def value_of(values: list[Any], source: Input) -> Shape:
    value = values[source.value]
    return value if source.part < 0 else value[source.part]  # type: ignore[no-any-return]


def too_many_layers(place: Place) -> Stopped:
    return Stopped(Problem(place, f"the network has more than {MOST_LAYERS:,} layers", code=BUDGET))
