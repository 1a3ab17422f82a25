"""The trace on names: a block is traced once for all its calls, and its sizes become expressions of its arguments, which is
what the generated code says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archgen.arithmetic.evaluation import binary, evaluate
from archgen.arithmetic.expressions import (
    Environment,
    Expression,
    ExpressionError,
    ManyName,
    Name,
    TooLong,
    Value,
    is_number,
    is_whole,
    names_of,
)
from archgen.diagnostics import Place, Problem, SpecError
from archgen.graph.free_names import calls, open_names
from archgen.graph.lower import callers_first
from archgen.graph.model import Apply, Body, Call, Graph, Hold, Repeat, Step
from archgen.language.vocabulary import DEPTH_NAMES
from archgen.ops.base import Op
from archgen.ops.value import AXIS_NAMES, CHANNELS, Constraint, Shape, axis_names, same, size_name
from archgen.trace.traced import Role, Stopped, Traced, TracedBody, training_results
from archgen.trace.walk import Tracer, channels_entering, constant_of, given_to, spread, value_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archgen.arithmetic.expressions import Environment
    from archgen.language.model import Parameter


OPEN_NAMES = {rank: tuple(name.replace("in_", "out ") for name in names) for rank, names in AXIS_NAMES.items()}  # none's own
ANY_SIZES = tuple(Name(f"size {axis}") for axis in range(1 + max(AXIS_NAMES)))  # each axis has one, which nothing is known of
OPEN = frozenset(name for names in OPEN_NAMES.values() for name in names)
LEAST_LOOPED = 3  # blocks that are written as a loop, not one by one


class _Names(Tracer):
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
        self.outputs: dict[Any, tuple[Shape, ...]] = {}
        self.words: tuple[tuple[str, Value], ...] = ()  # of the call whose arguments were worked out last
        self.given: dict[str, set[str]] = {}
        for body in (graph.network, *graph.blocks.values()):
            for call in calls(body):
                self.given.setdefault(call.block, set()).update(name for name, _, _ in call.arguments)

    def judge(self, constraint: Constraint, place: Place, places: tuple[tuple[str, Place], ...] = ()) -> None:
        """Numbers have judged what runs. Of what no call ever reaches, what no argument and no size can mend is judged here."""
        if is_number(constraint.left) and is_number(constraint.right) and not constraint.holds():
            help = constraint.help or "no call runs this node, and none could: mend it, or remove it"
            raise Stopped(Problem(dict(places).get(constraint.option, place), constraint.text(), help))

    def judged(self, x: Shape) -> Shape:
        """Without its sizes: a node that is left out at those of the spec's input may fit others."""
        return x._replace(sizes=ANY_SIZES[: len(x.sizes)]).with_channels(x.channels)

    def steps(self, body: Body, entering: tuple[Shape, ...], names: Environment) -> tuple[tuple[Traced, ...], list[Any]]:
        around, self.inside = self.inside, body
        try:
            return super().steps(body, entering, names)
        finally:
            self.inside = around

    def keeps_channels(self, step: Step, condition: Expression) -> bool:
        """Not where the user of the generated module may still choose, nor where a node could not run that was left out."""
        return step.place in self.keeping and not names_of(condition) & self.open[self.inside.name]

    def block(self, body: Body, entering: tuple[Shape, ...]) -> TracedBody:
        """Traces a block for every input of these ranks: the sizes are named."""
        key = (body.name, tuple((x.rank, x.channel_axis) for x in entering))
        found = self.bodies.get(key)
        if found is None:
            named = tuple(_named_sizes(name, x) for name, x in zip(("in", *body.inputs[1:]), entering))
            names = channels_entering(body, named)
            for parameter in body.parameters:
                names[parameter.name] = self.parameter(body, parameter)
            found = self.bodies[key] = self.traced(body, named, names)
        return found

    def parameter(self, body: Body, parameter: Parameter) -> Value:
        """An argument is its name; one of a library block that no call gives is its default, and the class does without it."""
        name, default = parameter.name, parameter.default
        if body.from_library and default is not None and name not in self.given.get(body.name, ()):
            return default
        return (ManyName if (body.name, name) in self.listed else Name)(name, parameter.type)

    def network(self, input_shape: tuple[int, ...]) -> TracedBody:
        body = self.graph.network
        channels = Name(CHANNELS, "int")
        entering = self.graph.at(Shape((channels, *input_shape[1:])))
        names = channels_entering(body, entering)
        names |= {parameter.name: self.parameter(body, parameter) for parameter in body.parameters}
        return self.traced(body, entering, names)

    def traced(self, body: Body, entering: tuple[Shape, ...], names: dict[str, Value]) -> TracedBody:
        for constant in body.constants:
            value = constant_of(constant, names)
            named = isinstance(value, Expression) and not isinstance(value, Name)
            names[constant.name] = Name(constant.name, "int" if is_whole(value) else "float") if named else value
        steps, values = self.steps(body, entering, names)
        leaving = (*body.results, *training_results(body, steps))
        return TracedBody(entering, steps, tuple(value_of(values, result) for result in leaving), names)

    def arguments(self, node: Call, names: Environment) -> dict[str, Value]:
        """Notes how a float is said that each block of a stage works out of its number: `0.2 * 3 / 16`, not 0.0375..."""
        given = super().arguments(node, names)
        numbered = names
        for name in DEPTH_NAMES & names.keys():
            if type(names[name]) is int:
                numbered = {**numbered, name: Name(repr(names[name]), "int")}
        self.words = tuple(
            (name, evaluate(value, numbered))
            for name, value, _ in node.arguments
            if type(given[name]) is float and given[name] and names_of(value) & DEPTH_NAMES
        )
        return given

    def call(self, name: str, node: Call, arguments: dict[str, Value], entering: tuple[Shape, ...], place: Place) -> Traced:
        body, words = self.graph.blocks[node.block], self.words
        try:
            traced = self.block(body, entering)
            leaving = self.called(body, traced.outputs, entering, self.inside_call(body, arguments, entering), place)
        except Stopped as stopped:
            if stopped.problem.place is place:
                raise
            raise Stopped(stopped.problem.replace(calls=(*stopped.problem.calls, (place, body.name)))) from None
        made = Traced(name, body.name, Role.BLOCK, entering, leaving[0], place, arguments=tuple(arguments.items()), words=words)
        return made if len(leaving) == 1 else made.replace(parts=body.outputs, outputs=leaving)

    def inside_call(self, body: Body, arguments: dict[str, Value], entering: tuple[Shape, ...]) -> dict[str, Value]:
        """What the names of a block stand for in a call."""
        names, rank = sizes_entering(body, entering), entering[0].rank
        for parameter in body.parameters:
            value = given_to(parameter, arguments)
            listed = (body.name, parameter.name) in self.listed
            names[parameter.name] = spread(value, rank) if listed else value
        for constant in body.constants:
            names[constant.name] = constant_of(constant, names)
        return names

    def called(
        self, body: Body, leaving: tuple[Shape, ...], entering: tuple[Shape, ...], names: dict[str, Value], place: Place
    ) -> tuple[Shape, ...]:
        """What leaves this call of a block, `leaving` being what leaves any; where that is not known, the call is traced."""
        if not any(isinstance(size, TooLong) or names_of(size) & OPEN for out in leaving for size in out.sizes):
            return tuple(out._replace(sizes=tuple(self.value(size, names, place) for size in out.sizes)) for out in leaving)
        key = (body.name, repr(names), entering)
        found = self.outputs.get(key)
        if found is None:
            _, values = self.steps(body, entering, names)
            found = self.outputs[key] = tuple(value_of(values, result) for result in body.results)
        return found

    def leaf(self, name: str, op: Op, x: Shape, y: Shape, place: Place) -> Traced:
        return Traced(name, op.type_name(x), Role.OP, (x,), y, place, op)

    def held(self, name: str, parameter: str, x: Shape, place: Place, names: Environment) -> Traced:
        held = names[parameter]
        if isinstance(held, Op):
            return self.op(name, held, x, place, ())
        held_here = self.ops.get((self.inside.name, parameter), ())
        y = x if all(self.op(name, op, x, place, ()).output == x for op in held_here) else self.open_sizes(x)
        return Traced(name, parameter, Role.HELD, (x,), y, place)

    def open_sizes(self, x: Shape) -> Shape:
        """What leaves an op, or a loop, that changes the sizes in a way that each call of the block chooses."""
        sizes: list[Any] = [Name(name, "int") for name in OPEN_NAMES[x.rank]]
        sizes.insert(x.channel_axis, x.channels)
        return x._replace(sizes=tuple(sizes))

    def container(self, name: str, x: Shape, children: tuple[Traced, ...], place: Place) -> Traced:
        return Traced(name, "Sequential", Role.CHAIN, (x,), children[-1].output if children else x, place, children=children)

    def equal(self, name: str, x: Shape, first: Traced, count: Any, place: Place) -> Traced:
        return self.container(name, x, (first,), place).replace(count=count)

    def absent(self, step: Step, inputs: tuple[Shape, ...], handed_on: Shape, names: Environment) -> Traced:
        return self.left_out(step, handed_on)

    def counted_blocks(
        self, name: str, node: Repeat, count: int, x: Shape, names: Environment, offset: Value, place: Place
    ) -> Traced:
        """Three and more that one expression says become a loop, as a person would write them."""
        before = dict(self.bodies), self.seen
        try:
            loop = self.many(name, node, count, x, names, offset, place) if count >= LEAST_LOOPED else None
        except (Stopped, ExpressionError):  # they change in no steady way
            loop = None
        if loop is not None and self.is_loop(loop, count):
            return loop
        self.bodies, self.seen = before  # the attempt met blocks and steps that are not there
        return super().counted_blocks(name, node, count, x, names, offset, place)

    def is_loop(self, loop: Traced, count: int) -> bool:
        """Whether enough blocks are said by one call, whose sizes are known."""
        repeated = loop.children[-1]
        sizes = (*loop.output.sizes, *repeated.inputs[0].sizes, *repeated.output.sizes)
        return count - len(loop.children) + 1 >= LEAST_LOOPED and not names_of(sizes) & OPEN

    def same_call(self, first: Traced, others: Traced) -> bool:
        """Whether both call one block with the same arguments, those that a default gives among them."""
        if first.type != others.type or first.role is not Role.BLOCK:
            return False
        parameters = self.graph.blocks[first.type].parameters
        both = [[given_to(one, dict(called.arguments)) for one in parameters] for called in (first, others)]
        return all(map(same, *both))

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
        one = node.first == node.others or self.same_call(first, others)  # a single call may stand for all
        one = one and _axes_alike(x, after)
        same_sizes = others.output.spatial == after.spatial and (keeps or x.spatial == after.spatial)
        if not same_sizes:  # each block may change them in its own way
            after = self.open_sizes(after)
            others = block(node.others, turn, after)
        if keeps:
            one = one and x.channels == after.channels and (x.sizes == after.sizes or not same_sizes)
            children = (others,) if one else (first, others)
            return Traced(name, "Sequential", Role.CHAIN, (x,), after, place, children=children, count=count)
        growth = binary("-", after.channels, x.channels)
        entering = after.with_channels(binary("+", x.channels, binary("*", growth, turn)))
        steady = block(node.others, turn, entering)
        grown = binary("+", entering.channels, growth)
        if not one or "i" in names_of(growth) or not _axes_alike(steady.output, after) or steady.output.channels != grown:
            sentence = "`depth` depends on an argument, but from one block to the next the channels change in no steady way"
            raise Stopped(Problem(place, sentence, "write a number, or blocks that keep the channels or each add as many"))
        output = after.with_channels(binary("+", x.channels, binary("*", growth, count)))
        return Traced(name, "Sequential", Role.CHAIN, (x,), output, place, children=(steady,), count=count)


def _named_sizes(value: str, x: Shape) -> Shape:
    """The shape of a value that enters, of which nothing is known but its axes; some call may have arranged them."""
    sizes = [Name(name, "int") for name in axis_names(x.rank, value)]
    sizes.insert(x.channel_axis, Name(size_name(CHANNELS, value), "int"))
    return Shape(tuple(sizes), x.channel_axis, arranged=True)


def sizes_entering(body: Body, entering: tuple[Shape, ...]) -> dict[str, Value]:
    """All sizes of the values that enter a body, by their names."""
    names = channels_entering(body, entering)
    for value, x in zip(("in", *body.inputs[1:]), entering):
        names |= zip(axis_names(x.rank, value), x.spatial)
    return names


def _axes_alike(left: Shape, right: Shape) -> bool:
    return (left.rank, left.channel_axis) == (right.rank, right.channel_axis)


def names(graph: Graph, input_shape: tuple[int, ...], traced: TracedBody) -> dict[str, TracedBody]:
    """Traces the network, under its name "", and each block that it calls on names; `traced` is the same network on numbers.

    Raises SpecError where one block would need two classes, or where a size can't be said in Python.
    """
    tracer = _Names(graph, {*_written(graph), *_given_arguments(traced.steps)}, traced.keeping)
    for (block, name), ops in tracer.ops.items():
        if len({op.of_channels for op in ops if op.name != "identity"}) > 1:
            owner = graph.network if block == graph.network.name else graph.blocks[block]
            place = next(one.place for one in owner.parameters if one.name == name)
            sentence = f"the argument `{name}` holds a norm in one call of `{block}`, and what takes no channels in another"
            raise SpecError(Problem(place, sentence, "write two arguments, or two blocks"))
    try:
        found = {"": tracer.network(input_shape)}
    except Stopped as stopped:
        raise SpecError(stopped.problem) from None
    for (name, _), body in tracer.bodies.items():
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
    said = repr(step.op.text_options(step.inputs[0])) if step.op and step.role.is_said else ""
    return step.name, step.type, repr(built), said, step.arguments, tuple(map(_signature, step.children))


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
