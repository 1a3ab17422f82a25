"""From a spec to steps: defaults filled in, blocks found, names given, what is left out left out."""

from __future__ import annotations

from string import ascii_uppercase
from typing import TYPE_CHECKING

from archgen.arithmetic.evaluation import evaluate
from archgen.arithmetic.expressions import ExpressionError, Name, Value, names_of
from archgen.arithmetic.spelling import stand_for
from archgen.budget import Budget
from archgen.diagnostics import BUDGET, MOST_NAMES, Note, Place, Problem, SpecError, nearest, quote, suggest
from archgen.graph import notes
from archgen.graph.model import Again, Apply, Body, Call, Chain, Copies, Graph, Hold, Input, Merge, Repeat, Split, Step
from archgen.language import library, model, problems
from archgen.language.names import Scope
from archgen.language.options import HOW_COPIES, NO_COPIES
from archgen.language.vocabulary import BLOCK, DEPTH_NAMES
from archgen.ops import LIKE, MERGES, OPS, PARTS, Shape
from archgen.ops.merge import Add
from archgen.ops.parts import Chunk
from archgen.ops.value import channel_names, same

if TYPE_CHECKING:
    from collections.abc import Collection

    from archgen.graph.model import AnyNode
    from archgen.ops import MergeOp, Op


MOST_LEVELS = 64  # of blocks and sequences in each other; each takes some ten calls of Python's for whoever walks them
MOST_NAMES_GIVEN = 200_000  # arguments and constants of blocks, those of each call; the zoo needs 200
_NODE_WORDS = ("depth", "first", "collect", "when", "from")  # beside the arguments of a block


_TOO_DEEP = f"blocks and sequences nest at most {MOST_LEVELS} levels"


def build(spec: model.Spec) -> Graph:
    """Returns the steps of a spec. Raises SpecError with every block that is missing, misused, unused or used by itself."""
    builder = _Builder(spec)
    network = builder.network()
    if not builder.problems:
        builder.unused()
    if builder.problems or spec.idle:  # a fault leaves much unused
        raise SpecError(*(builder.problems or spec.idle))
    entering = (Shape(spec.input), *(Shape(one.shape) for one in spec.inputs[1:]))
    return Graph(network, builder.bodies, frozenset(builder.applied), tuple(builder.notes), entering)


class _Builder:
    def __init__(self, spec: model.Spec) -> None:
        self.spec = spec
        self.own = {block.name: block for block in spec.blocks}
        self.defaults = {default.kind: default for default in spec.option_defaults}
        self.constants = _fixed(spec.constants)
        self.problems: list[Problem] = []
        self.notes: list[Note] = []
        self.bodies: dict[str, Body] = {}
        self.open: list[str] = []  # the blocks being built, to find one that uses itself
        self.level = 0  # how many blocks and sequences are being built
        self.levels: dict[str, int] = {}  # of each block that is built: how many it nests, itself among them
        self.applied: set[str] = set()
        self.names = Budget(MOST_NAMES_GIVEN)

    def problem(self, place: Place, sentence: str, help: str = "") -> None:
        problem = Problem(place, sentence, help)
        if problem in self.problems:
            return  # the first of many blocks and the others share what was written
        self.problems.append(problem)
        if len(self.problems) == problems.MOST_PROBLEMS:
            raise SpecError(*self.problems)

    def network(self) -> Body:
        spec = self.spec
        scope = _Scope(self, spec)
        inputs = scope.enter(tuple(one.name for one in spec.inputs), spec.layers)
        self.not_too_deep(tuple(scope.steps))
        results = tuple(scope.value(reference) for reference in spec.outputs if reference.name in scope.named)
        results = results or (scope.one(scope.last, spec.place),)
        training = tuple(scope.value(reference) for reference in spec.training_outputs if reference.name in scope.named)
        self.notes += notes.sums_with_itself(scope.steps)
        steps = _optional(_marked(tuple(scope.steps), results), training)
        self.heads_alone(steps, training)
        return Body(
            spec.name, spec.description, spec.parameters, spec.constants, steps, results,
            training, tuple(scope.depths), False, spec.place, inputs, (), tuple(one.name for one in spec.register),
        )  # fmt: skip

    def heads_alone(self, steps: tuple[Step, ...], training: tuple[Input, ...]) -> None:
        """Refuses what runs for an output of training alone that may be left out: it would run for nothing."""
        readers_of: dict[int, list[Step]] = {}
        for step in steps:
            for number in {value.value for value in step.read}:
                readers_of.setdefault(number, []).append(step)
        for number, step in enumerate(steps, 1):
            readers = readers_of.get(number, [])
            head = next((other for other in readers if other.optional and other.training), None)
            if step.training and head and Input(number) not in training and all(other.optional for other in readers):
                sentence = f"left out, {quote(head.name)} leaves {quote(step.name)} without a reader"
                self.problem(head.place, sentence, "write both as one node, a list or a block, with the `when` beside it")

    def definition(self, name: str, place: Place) -> model.Block | None:
        if name in self.own:
            return self.own[name]
        if name in library.block_names():
            return library.block(name)
        known = [*self.own, *library.block_names()]
        self.problem(place, f"there is no block {quote(name)}", suggest(name, known, "blocks"))
        return None

    def use_block(self, name: str, place: Place) -> model.Block | None:
        """Builds a block at its first use, those that it calls first."""
        block = self.definition(name, place)
        if block is None or name in self.bodies:
            return block
        if name == self.spec.name:  # one of the library: the reader refuses the spec's own
            self.problem(place, f"the block {quote(name)} has the name of the network", "give the network another name")
        if name in self.open:
            way = " -> ".join([*self.open[self.open.index(name) :], name])
            self.problem(place, f"the block {quote(name)} uses itself: {way}", "leave one of these uses out")
            return block
        self.enter(place)
        self.open.append(name)
        scope = _Scope(self, block)
        inputs = scope.enter(tuple(one.name for one in block.inputs), block.layers)
        results = tuple(scope.value(one) for one in block.outputs if one.name in scope.named)
        results = results or (scope.one(scope.last, block.place),)
        self.open.pop()
        self.level -= 1
        self.levels[name] = 1 + max((self.levels_of(step.node) for step in scope.steps), default=0)
        if name in self.own:
            self.notes += notes.sums_with_itself(scope.steps)
            self.notes += notes.shortcuts(scope.steps, scope.sums)
        self.bodies[name] = Body(
            name, block.description, block.parameters, block.constants, tuple(scope.steps), results, (),
            tuple(scope.depths), name not in self.own, block.place, inputs,
            tuple(one.part or one.name for one in block.outputs) if len(results) > 1 else (),
            tuple(one.name for one in block.register),
        )  # fmt: skip
        return block

    def enter(self, place: Place) -> None:
        """Counts one more level of what is being built. Raises SpecError, which ends the look, where they are too many."""
        if self.level >= MOST_LEVELS:
            raise SpecError(*self.problems, Problem(place, _TOO_DEEP))
        self.level += 1

    def count_names(self, count: int, place: Place) -> None:
        """Counts what a call of a block must find values for. Raises SpecError where all calls have too much of it."""
        if not self.names.spend(count):
            sentence = f"all calls together have more than {MOST_NAMES_GIVEN:,} arguments and constants to find values for"
            raise SpecError(*self.problems, Problem(place, sentence, code=BUDGET))

    def levels_of(self, node: AnyNode) -> int:
        """How many blocks and sequences nest in a node."""
        if isinstance(node, Call):
            return self.levels.get(node.block, 0)
        if isinstance(node, Repeat):
            return 1 + max(self.levels_of(node.first), self.levels_of(node.others))
        if isinstance(node, Copies):
            return 1 + self.levels_of(node.node)
        return 1 + max((self.levels_of(step.node) for step in node.steps), default=0) if isinstance(node, Chain) else 0

    def not_too_deep(self, layers: tuple[Step, ...]) -> None:
        """Blocks may have been built one by one, the innermost first: only here is it known how deep all of them nest."""
        for step in layers:
            if self.levels_of(step.node) > MOST_LEVELS:
                raise SpecError(*self.problems, Problem(step.place, _TOO_DEEP))

    def unused(self) -> None:
        """Only of what the spec's own file says: what it took over, a spec before it used."""
        own = self.spec.place.source
        for block in self.spec.blocks:
            if block.name not in self.bodies and block.place.source is own:
                self.problem(block.place, f"nobody uses the block {quote(block.name)}", "remove it")
        for default in self.spec.option_defaults:
            if default.kind not in self.applied and default.place.source is own:
                self.problem(default.place, f"no node of kind {quote(default.kind)} takes these defaults", "remove them")


def _marked(steps: tuple[Step, ...], results: tuple[Input, ...]) -> tuple[Step, ...]:
    """Marks the steps that the results do not need: they are there for the outputs of training."""
    needed = {result.value for result in results}
    for number in range(len(steps), 0, -1):
        if number in needed:
            needed |= {source.value for source in steps[number - 1].read}
    return tuple(step if number + 1 in needed else step.replace(training=True) for number, step in enumerate(steps))


def _optional(steps: tuple[Step, ...], training: tuple[Input, ...]) -> tuple[Step, ...]:
    """Marks the outputs of training that are not there where their `when` is false: nobody else reads them."""
    heads = {value.value for value in training} - {value.value for step in steps for value in step.read}

    def is_optional(number: int, step: Step) -> bool:
        settled = step.when is True or step.otherwise is not None or step.alternative is not None
        return number in heads and step.training and not settled

    return tuple(step.replace(optional=True) if is_optional(number, step) else step for number, step in enumerate(steps, 1))


def _fixed(constants: tuple[model.Constant, ...]) -> dict[str, Value]:
    """The constants of the network that no argument changes: a default inside a block may use these."""
    known: dict[str, Value] = {}
    for constant in constants:
        if names_of(constant.value) <= known.keys():
            try:
                known[constant.name] = evaluate(constant.value, known)
            except ExpressionError:
                continue  # the trace says so, at its place
    return known


class _Scope:
    """Builds the steps of one body."""

    def __init__(self, builder: _Builder, owner: model.Spec | model.Block) -> None:
        self.builder = builder
        self.holds = {parameter.name for parameter in owner.parameters if parameter.type == "op"}
        self.names = Scope(name for name, _ in model.attributes(owner.layers))
        named: tuple[model.Parameter | model.Constant, ...] = (*owner.parameters, *owner.constants)
        self.known = {*channel_names([one.name for one in owner.inputs]), *(item.name for item in named)}
        self.steps: list[Step] = []
        self.named: dict[str, Input] = {}
        self.several: dict[Input, tuple[str, ...]] = {}  # of a layer with several values: their names
        self.last = Input(0)
        self.depths: list[Value] = []  # of this scope's repeated blocks, in order
        self.sums: list[int] = []  # the steps that add earlier values by `from`

    def enter(self, inputs: tuple[str, ...], layers: model.Layers) -> tuple[str, ...]:
        """Adds all layers behind the values that enter; returns the names of these, where they are several."""
        self.named = {one: Input(0, number) for number, one in enumerate(inputs)}
        self.layers(layers, Input(0, 0 if inputs else -1))
        return inputs

    def add(self, name: str, node: AnyNode, inputs: tuple[Input, ...], when: Value | None, place: Place) -> Input:
        self.steps.append(Step(name, node, inputs, True if when is None else when, place))
        return Input(len(self.steps))

    def with_otherwise(self, layer: model.Layer) -> None:
        """Tells the step that was added last what stands for it where it is left out."""
        if layer.otherwise is None or not self.steps:
            return
        if isinstance(layer.otherwise, model.Reference):
            self.steps[-1] = self.steps[-1].replace(otherwise=self.value(layer.otherwise))
            return
        other = self.node(layer.otherwise)
        for node in (self.steps[-1].node, other):
            self.must_be_module(node, layer.place, "can't stand for another node", "put it in a block")
            self.must_be_one_to_one(node, layer.place, "so no node can stand for it", "put it in a block of one value")
        self.steps[-1] = self.steps[-1].replace(alternative=other)

    def layers(self, layers: model.Layers, entering: Input) -> Input:
        """Adds named layers in order; returns the value of the last. `input` names what enters here."""
        outer = self.named
        self.named = {**outer, "input": entering}
        self.last = entering
        for layer in layers:
            self.last = self.named[layer.name] = self.layer(layer)
        last, self.named = self.last, {**self.named, **({"input": outer["input"]} if "input" in outer else {})}
        return last

    # ---- nodes

    def layer(self, layer: model.Layer) -> Input:
        made = self.step(layer)
        self.with_otherwise(layer)
        return made

    def step(self, layer: model.Layer) -> Input:
        node = layer.node
        sources = self.sources(layer)
        if isinstance(node, model.Residual):
            return self.residual(layer, node, sources[0])
        if isinstance(node, model.Merge):
            return self.merge(layer, node, sources)
        if isinstance(node, model.Parts):
            return self.parts(layer, node, sources[0])
        if isinstance(node, model.Again):
            return self.again(layer, node, sources)
        built = self.node(node)
        if isinstance(built, Apply) and built.op.line is not None and node.when is None:
            built = built.replace(line=True)
        elif node.when is not None:
            self.must_be_module(built, layer.place, "takes no `when`", "put it in a block, and the `when` beside the block")
        if isinstance(node, model.Use) and node.to is not None:
            return self.add(layer.name, built, (*sources[:1], self.value(node.to)), node.when, layer.place)
        made = self.add(layer.name, built, sources, node.when, layer.place)
        self.gives_and_takes(layer, built, made, len(sources))
        return made

    def again(self, layer: model.Layer, node: model.Again, sources: tuple[Input, ...]) -> Input:
        value = self.named.get(node.layer.name, Input(0))
        step = self.steps[value.value - 1] if value.value else None
        reason = "is a value that enters"
        if step is not None:
            reason = _no_module(step)
        if step is None or reason:
            help = "name a layer that is an op with a class in torch, a block or a sequence"
            self.builder.problem(node.layer.place, f"{quote(node.layer.name)} {reason}, and can't be used again", help)
            return value
        made = self.add(layer.name, Again(value.value - 1, step.node), sources, None, layer.place)
        self.gives_and_takes(layer, step.node, made, len(sources))
        return made

    def gives_and_takes(self, layer: model.Layer, built: AnyNode, made: Input, given: int) -> None:
        """Notes the values that a block gives, and refuses it where it is given another number than it takes."""
        body = self.builder.bodies.get(built.block) if isinstance(built, Call) else None
        takes = body.takes if body else 1
        if given != takes:
            what = quote(body.name) if body else quote(layer.name)
            listed = f"{takes} values, {' and '.join(map(quote, body.inputs))}" if body and body.inputs else "one value"
            names = ", ".join(ascii_uppercase[: len(body.inputs)]) if body and body.inputs else ""
            help = f"name as many values: `from: [{names}]`" if names else "name one of them"
            self.builder.problem(layer.node.place, f"{what} takes {listed}, and is given {given}", help)
        if body and (body.inputs or body.outputs) and layer.node.when is not None:
            sentence = f"{quote(body.name)} {_several(body)}, so it takes no `when`"
            self.builder.problem(layer.place, sentence, "put it in a block of one value, and the `when` beside that")
        if body and body.outputs:
            self.several[made] = body.outputs

    def sources(self, layer: model.Layer) -> tuple[Input, ...]:
        """The values that a layer takes: those that it names, or the one before it."""
        node = layer.node
        if isinstance(node, model.Merge) and node.branches and all(branch.node.sources for branch in node.branches):
            return (self.last,)  # nobody reads it
        return tuple(map(self.value, node.sources)) or (self.one(self.last, layer.place),)

    def value(self, reference: model.Reference) -> Input:
        """The value that a reference names; the reader has told of a layer that is not there."""
        found = self.named.get(reference.name)
        if found is None:
            return Input(0)
        if not reference.part:
            return self.one(found, reference.place)
        names = self.several.get(found, ())
        if reference.part not in names:
            layer = quote(reference.name)
            sentence = (
                f"{layer} has no part {quote(reference.part)}" if names else f"{layer} gives one value, which has no parts"
            )
            help = suggest(reference.part, names, "parts") if names else f"write `from: {reference.name}`"
            self.builder.problem(reference.place, sentence, help)
            return Input(found.value, 0) if names else found
        return found._replace(part=names.index(reference.part))

    def one(self, value: Input, place: Place) -> Input:
        """The value itself, where it is one; else which of them is meant must be said."""
        names = self.several.get(value)
        if names is None:
            return value
        name = self.steps[value.value - 1].name
        shown = ", ".join(f"`{name}.{part}`" for part in names[:MOST_NAMES]) + (", ..." if len(names) > MOST_NAMES else "")
        self.builder.problem(place, f"{quote(name)} gives {len(names)} values", f"say which is meant: {shown}")
        return value._replace(part=0)

    def parts(self, layer: model.Layer, node: model.Parts, entering: Input) -> Input:
        op = PARTS[node.kind](**{argument.name: argument.value for argument in node.arguments})
        dynamic = tuple(argument.name for argument in node.arguments if names_of(argument.value))
        places = tuple((argument.name, argument.place) for argument in node.arguments)
        made = self.add(layer.name, Split(op, node.names, dynamic, places), (entering,), None, layer.place)
        self.several[made] = node.names
        return made

    def residual(self, layer: model.Layer, node: model.Residual, entering: Input) -> Input:
        if node.when is not None:
            self.builder.problem(
                layer.place, "`residual` takes no `when`", "put it in a block, and the `when` beside the block"
            )

        def way(layers: model.Layers) -> Input:
            outer = self.named
            value = self.layers(layers, entering)
            self.named = outer
            return value

        if node.shortcut_first:
            shortcut, residual = way(node.shortcut), way(node.residual)
        else:
            residual, shortcut = way(node.residual), way(node.shortcut)
        return self.add(layer.name, Merge(Add(), (True, True), not node.shortcut), (residual, shortcut), None, layer.place)

    def merge(self, layer: model.Layer, node: model.Merge, sources: tuple[Input, ...]) -> Input:
        count, op = len(node.branches or sources), MERGES[node.kind](**{one.name: one.value for one in node.arguments})
        dynamic = tuple(one.name for one in node.arguments if names_of(one.value))
        places = tuple((one.name, one.place) for one in node.arguments)
        if op.most is not None and count > op.most:
            sentence = f"`{node.kind}` takes at most {op.most} values, not {count:,}"
            help = "put some of them in a branch or layer that is a merge of its own"
            self.builder.problem(layer.place, sentence, help)
        if not node.branches:
            if node.kind == "add":
                self.sums.append(len(self.steps))
            made = Merge(op, (True,) * len(sources), False, dynamic, places)
            return self.add(layer.name, made, sources, node.when, layer.place)
        if node.when is not None:
            self.builder.problem(
                layer.place, "a merge with branches takes no `when`", "put it in a block, and the `when` beside the block"
            )
        entering = sources[0]
        parts = [entering] * len(node.branches)
        if node.split:
            chunk = Split(Chunk(len(parts)), tuple(branch.name for branch in node.branches))
            shares = self.add(self.names.take(f"{layer.name}_shares"), chunk, (entering,), None, layer.place)
            parts = [Input(shares.value, part) for part in range(len(parts))]
        results: list[Input] = []
        conditions: list[Value] = []
        for branch, part in zip(map(self.as_called, node.branches), parts):
            if _passes(branch.node) and branch.copies is None:
                results += tuple(map(self.value, branch.node.sources)) or (part,)  # it needs no module
                conditions.append(True)
                continue
            outer = self.named, self.last
            self.last = part
            results.append(self.layer(branch))
            if branch.copies is not None:
                self.copied(branch, branch.copies, op)
            left_out = branch.node.when is not None and branch.otherwise is None
            if left_out:
                self.steps[-1] = self.steps[-1].replace(optional=True)
            conditions.append(branch.node.when if left_out and branch.node.when is not None else True)
            self.named, self.last = outer
        made = Merge(op, tuple(conditions), False, dynamic, places)
        return self.add(layer.name, made, tuple(results), None, layer.place)

    def as_called(self, branch: model.Layer) -> model.Layer:
        """A branch whose block has an argument `copies` of its own gives it that."""
        node, copies = branch.node, branch.copies
        block = self.builder.definition(node.kind, node.place) if isinstance(node, model.Use) and _is_block(node.kind) else None
        if copies is None or block is None or all(parameter.name != "copies" for parameter in block.parameters):
            return branch
        assert isinstance(node, model.Use)
        return branch.replace(node=node.replace(arguments=(*node.arguments, copies)), copies=None)

    def copied(self, branch: model.Layer, copies: model.Argument, op: MergeOp) -> None:
        """Makes so many branches of the one that was added last."""
        step = self.steps[-1]
        if op.of_the_first:
            help = "write the branches one by one, each with its name"
            sentence = f"the first value of `{op.name}` is another than the rest, so no branch has `copies`"
            self.builder.problem(copies.place, sentence, help)
        if step.when is not True or step.otherwise is not None:
            help = "put the merge in a block, and the `when` beside the block"
            self.builder.problem(copies.place, "a branch with `copies` takes no `when`", help)
        if not isinstance(step.node, (Apply, Hold, Call, Chain)):
            help = "put what is to be copied in a block"
            self.builder.problem(copies.place, "an op, a block or a sequence may have `copies`", help)
            return
        self.must_be_module(step.node, branch.place, "can't be copied", "put it in a block")
        self.must_be_one_to_one(step.node, branch.place, "so it can't be copied", "put it in a block of one value")
        node = step.node.replace(line=False) if isinstance(step.node, Apply) else step.node
        self.steps[-1] = step.replace(node=Copies(copies.value, node, op))

    def node(self, node: model.AnyNode) -> AnyNode:
        if isinstance(node, model.Sequence):
            self.builder.enter(node.place)
            items = tuple([self.item(layer) for layer in node.layers])
            self.builder.level -= 1
            return Chain(items)
        assert isinstance(node, model.Use)
        if node.depth is not None:
            return self.repeat(node)
        return self.use(node, repeated=False)

    def item(self, layer: model.Layer) -> Step:
        when, node = layer.node.when, self.node(layer.node)
        self.must_be_one_to_one(node, layer.place, "so it is no part of a sequence", "write it as a layer of its own")
        self.must_be_module(node, layer.place, "is no part of a sequence", "write it as a layer of its own, outside the list")
        return Step(layer.name, node, (Input(0),), True if when is None else when, layer.place)

    def must_be_module(self, node: AnyNode, place: Place, refused: str, help: str) -> None:
        """Refuses an op that can be a line of `forward` alone where a module must stand."""
        if isinstance(node, Apply) and not (node.op.torch_class or node.op.module_source):
            self.builder.problem(place, f"`{node.op.name}` is a line of `forward`, and {refused}", help)
        if isinstance(node, Repeat) and node.collect is not None:
            self.builder.problem(place, f"a node with `collect` is a loop of `forward`, and {refused}", help)

    def must_be_one_to_one(self, node: AnyNode, place: Place, refused: str, help: str) -> None:
        """Refuses a block that takes or gives several values where one goes in and one comes out."""
        body = self.builder.bodies.get(node.block) if isinstance(node, Call) else None
        if body and (body.inputs or body.outputs):
            self.builder.problem(place, f"{quote(body.name)} {_several(body)}, {refused}", help)

    def use(self, node: model.Use, repeated: bool) -> Apply | Hold | Call:
        if node.kind in self.holds:
            return Hold(node.kind)
        if node.kind in OPS:
            return self.apply(node, repeated)
        return self.call(node, repeated)

    def apply(self, node: model.Use, repeated: bool) -> Apply:
        op: type[Op] = OPS[node.kind] if node.to is None else LIKE[node.kind]
        given = self.with_defaults(node, {argument.name: argument for argument in node.arguments}, repeated)
        values = {name: argument.value for name, argument in given.items() if name in op.fields}
        dynamic = tuple(name for name, value in values.items() if names_of(value))
        return Apply(op(**values), dynamic, tuple((name, argument.place) for name, argument in given.items()))

    def with_defaults(self, node: model.Use, given: dict[str, model.Argument], repeated: bool) -> dict[str, model.Argument]:
        default = self.builder.defaults.get(node.kind)
        if default is None:
            return given
        self.builder.applied.add(node.kind)
        known = self.known | DEPTH_NAMES if repeated else self.known
        added = {}
        for argument in default.arguments:
            if argument.name in given:
                continue
            fixed = {name: self.builder.constants.get(name, Name(name)) for name in names_of(argument.value)}
            try:
                value = evaluate(argument.value, fixed)
            except ExpressionError as error:
                help = error.help or stand_for(argument.value, fixed)
                self.builder.problem(argument.place, error.sentence, help)
                continue
            foreign = sorted(names_of(value) - known)
            if foreign:
                self.builder.problem(
                    argument.place,
                    f"this default names {quote(foreign[0])}, which is unknown at line {node.place.line}",
                    "write the option at the node itself, or name a constant that no argument changes",
                )
            added[argument.name] = argument.replace(value=value)
        return given | added

    def call(self, node: model.Use, repeated: bool) -> Call | Hold:
        block = self.builder.use_block(node.kind, node.place)
        if block is None:
            return Hold("")
        return Call(node.kind, self.arguments(node, block, node.arguments, repeated))

    def arguments(
        self, node: model.Use, block: model.Block, written: tuple[model.Argument, ...], repeated: bool
    ) -> tuple[tuple[str, Value, Place], ...]:
        self.builder.count_names(len(block.parameters) + len(block.constants), node.place)
        known = dict.fromkeys(parameter.name for parameter in block.parameters)
        given: dict[str, model.Argument] = {}
        for argument in written:
            name = _name(argument, block)
            if name == "copies" and name not in known:
                self.builder.problem(argument.place, NO_COPIES, HOW_COPIES)
            elif name not in known:
                sentence = (
                    f"block {quote(block.name)} has no argument {quote(name)}"
                    if name
                    else f"{quote(block.name)} takes no value"
                )
                self.builder.problem(argument.place, sentence, self.suggest_argument(name, known, block.name))
            elif name in given:
                other = given[name].place.seen_from(argument.place)
                help = f"it is the value beside `{block.name}` at {other}: leave one of them out"
                self.builder.problem(argument.place, f"the argument {quote(name)} is given twice", help)
            else:
                given[name] = argument.replace(name=name)
        for name, argument in self.with_defaults(node, given, repeated).items():
            if name not in known:
                self.builder.problem(
                    argument.place,
                    f"block {quote(block.name)} has no argument {quote(name)}",
                    suggest(name, known, f"arguments of `{block.name}`"),
                )
            given.setdefault(name, argument)
        for parameter in block.parameters:
            if parameter.name not in given and parameter.default is None:
                help = f"write `{parameter.name}: ...` beside it" + (
                    f", or `{{{block.name}: ...}}`" if parameter is block.parameters[0] else ""
                )
                self.builder.problem(node.place, f"block {quote(block.name)} needs its argument {quote(parameter.name)}", help)
        return tuple((name, given[name].value, given[name].place) for name in known if name in given)

    def suggest_argument(self, name: str, known: Collection[str], block: str) -> str:
        near = nearest(name, [*known, *_NODE_WORDS])
        if near in _NODE_WORDS:
            return f"the nearest is `{near}`"
        if not known:
            return "leave it out: the block has no arguments"
        other = "; leave it out, or add one to the `args` of the block" if not near and block in self.builder.own else ""
        return suggest(name, known, f"arguments of `{block}`") + other

    def repeat(self, node: model.Use) -> AnyNode:
        if node.kind in OPS or node.kind in self.holds:
            self.builder.problem(node.place, "only a block takes `depth`", "put the op in a block")
            return Hold("")
        block = self.builder.use_block(node.kind, node.place)
        if block is None:
            return Hold("")
        stride = [argument for argument in node.arguments if _name(argument, block) == "stride"]
        first: Apply | Hold | Call
        if isinstance(node.first, model.Use):
            first, changed = self.use(node.first, repeated=True), {"stride"}
            self.must_be_module(first, node.first.place, "is no block of a stage", "write it as a layer before the stage")
            self.must_be_one_to_one(first, node.first.place, *_NO_STAGE)
        else:
            changed = {_name(argument, block) for argument in node.first or ()}
            kept = tuple(argument for argument in node.arguments if _name(argument, block) not in changed)
            first = Call(node.kind, self.arguments(node, block, kept + (node.first or ()), True))
        if stride and "stride" in changed:
            sentence = "`stride` is that of the first block, and `first` says what that is: nothing uses this one"
            self.builder.problem(stride[0].place, sentence, "write it in `first` alone")
        others = Call(node.kind, self.later_arguments(node, block))
        assert node.depth is not None
        self.must_be_one_to_one(others, node.place, *_NO_STAGE)
        self.depths.append(node.depth)
        return Repeat(node.depth, first, others, len(self.depths) - 1, MERGES[node.collect]() if node.collect else None)

    def later_arguments(self, node: model.Use, block: model.Block) -> tuple[tuple[str, Value, Place], ...]:
        """The arguments of the blocks behind the first: the `stride` is 1, also where the block's own is another."""
        stride = next((parameter for parameter in block.parameters if parameter.name == "stride"), None)
        if stride is None:
            return self.arguments(node, block, node.arguments, True)
        kept = tuple(argument for argument in node.arguments if _name(argument, block) != "stride")
        found = self.arguments(node, block, (*kept, model.Argument("stride", 1, node.place)), True)
        needless = stride.default is not None and same(stride.default, 1)
        return tuple(argument for argument in found if argument[0] != "stride") if needless else found


_NO_STAGE = "so it takes no `depth`", "write the blocks one by one, or put it in a block of one value"


def _no_module(step: Step) -> str:
    """Why a step is no module that `forward` could call once more, or ''."""
    if isinstance(step.node, (Merge, Split)) or (isinstance(step.node, Apply) and step.node.line):
        return "is a line of `forward`"
    if isinstance(step.node, Copies) or (isinstance(step.node, Repeat) and step.node.collect is not None):
        return "is a loop of `forward`"
    if isinstance(step.node, Again):
        return "is itself another layer again"
    return "has a `when`" if step.when is not True else ""


def _several(body: Body) -> str:
    return "takes several values" if body.inputs else "gives several values"


def _is_block(kind: str) -> bool:
    return BLOCK.fullmatch(kind) is not None


def _passes(node: model.AnyNode) -> bool:
    return isinstance(node, model.Use) and node.kind == "identity" and node.when is None


def _name(argument: model.Argument, block: model.Block) -> str:
    """The name of an argument: the value beside the block's name is for the block's first."""
    return argument.name or (block.parameters[0].name if block.parameters else "")


def callers_first(graph: Graph) -> tuple[Body, ...]:
    """The network and its blocks, each before those that it calls."""
    return (graph.network, *reversed(graph.blocks.values()))
