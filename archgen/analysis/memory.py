"""The memory of a run, without running: the steps of the generated `forward` are gone through, then its backward pass.

Every tensor is a block of bytes with holders. Who calls a module holds its input until it returns, since Python keeps the
arguments of a call. A value is held until its variable gets another (`trace.variables`), or the `forward` around it returns. A
view holds the memory of its source. While training, an op also holds what its `Footprint` says until the backward pass has been
through it, and a gradient is held until all that it is made into is made.

Counted are the input, the activations, what is kept for the backward pass, and the gradients of activations: all that grows
with the batch. Not counted are parameters, their gradients, the state of an optimiser, and what a kernel takes for itself.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from archgen.graph.model import Input
from archgen.ops import MergeOp
from archgen.ops.value import Footprint, Mode, Shape, product
from archgen.trace.flow import Flow, follows_fresh, is_infix
from archgen.trace.traced import Role, training_results
from archgen.trace.variables import Variables

if TYPE_CHECKING:
    from archgen.graph.model import Body, Graph
    from archgen.trace.traced import Traced, TracedBody

INT64, FLOAT32 = 8, 4


class Use(NamedTuple):
    """Bytes of a layer or a merge.

    made: new activations. kept: what it is the first to keep for the backward pass. live: all there is while it runs.
    """

    made: int
    kept: int
    live: int


class Peak(NamedTuple):
    """The most bytes at any time, the layer at which that is, and whether it is on the way back."""

    size: int
    path: str
    backward: bool


class Usage(NamedTuple):
    """Of a whole run: each layer and merge by its path, and the peak."""

    layers: dict[str, Use]
    peak: Peak


def inference(graph: Graph, traced: TracedBody, named: dict[str, TracedBody], batch: int, item: int) -> Usage:
    """Runs in evaluation, without gradients.

    traced: the network on numbers. named: the same on names, as `trace.names` gives it: what may be done in place hangs on what
    the class says, not on one call. item: the bytes of a value.
    """
    run = _Run(graph, named, batch, item, training=False)
    run.forward(traced)
    return Usage(run.layers, run.heap.peak)


def training(graph: Graph, traced: TracedBody, named: dict[str, TracedBody], batch: int, item: int) -> Usage:
    """Runs forward in training mode, then back from all outputs; the arguments are those of `inference`."""
    run = _Run(graph, named, batch, item, training=True)
    run.backward(run.forward(traced))
    return Usage(run.layers, run.heap.peak)


class _Block:
    """Some memory: it lives while somebody holds it."""

    __slots__ = ("holders", "kept", "size")

    def __init__(self, size: int) -> None:
        self.size, self.holders, self.kept = size, 1, False


class _Heap:
    def __init__(self) -> None:
        self.live = self.highest = 0  # `highest` since somebody set it back
        self.peak = Peak(0, "", False)
        self.where, self.back = "", False

    def new(self, size: int) -> _Block:
        self.take(size)
        return _Block(size)

    def take(self, size: int) -> None:
        """Takes memory that has no block yet, or gives such back."""
        self.live += size
        if self.live > self.highest:
            self.highest = self.live
            if self.live > self.peak.size:
                self.peak = Peak(self.live, self.where, self.back)

    def hold(self, block: _Block) -> _Block:
        block.holders += 1
        return block

    def drop(self, block: _Block) -> None:
        block.holders -= 1
        if not block.holders:
            self.live -= block.size


class _Value:
    """What a step makes: its memory, its own size (a part of a split is smaller), and whether a gradient comes back.

    view: as in `Footprint`.
    """

    __slots__ = ("block", "gradient", "size", "view")

    def __init__(self, block: _Block, size: int, gradient: bool, view: bool = False) -> None:
        self.block, self.size, self.gradient, self.view = block, size, gradient, view


class _Sum:
    """A merge of several that is under way: what its first `count` inputs have made, and which of these are gone.

    inside: its inputs that are written inside it, by their positions.
    """

    __slots__ = ("count", "gone", "inside", "value")

    def __init__(self) -> None:
        self.value: _Value | None = None
        self.count = 0
        self.gone: set[Input] = set()
        self.inside: dict[int, Input] = {}


class _Node(NamedTuple):
    """A step on the way back.

    kind: `op`; `split`; `handed`: each input's gradient is the one that comes, or a part of it; `less`: the first's is, and
    each other's is a tensor of its own; `stretched`: it is a tensor of the result's size, summed up where its input was
    stretched. dense, backward: as in `Footprint`.
    """

    kind: str
    path: str
    inputs: tuple[_Value, ...]
    outputs: tuple[_Value, ...]
    saved: tuple[_Block, ...] = ()
    passing: int = 0  # thrown away on the way back
    dense: bool = False
    backward: tuple[int | None, ...] = ()


class _Run:
    def __init__(self, graph: Graph, named: dict[str, TracedBody], batch: int, item: int, training: bool) -> None:
        self.graph, self.named, self.batch, self.item, self.training = graph, named, batch, item, training
        self.heap = _Heap()
        self.layers: dict[str, Use] = {}
        self.tape: list[_Node] = []
        self.flows: dict[tuple[int, int], Flow] = {}
        self.classes: dict[str, Variables] = {}

    def size(self, shape: Shape) -> int:
        size: int = self.batch * self.item * product(shape.sizes)
        return size

    # -- forward

    def forward(self, traced: TracedBody) -> tuple[_Value, ...]:
        if not traced.steps:
            return ()
        sizes = map(self.size, traced.entering)
        entering = tuple(_Value(self.heap.new(size), size, False) for size in sizes)
        return self.body("", self.graph.network, traced.steps, "", entering)

    def body(
        self, name: str, body: Body, steps: tuple[Traced, ...], prefix: str, entering: tuple[_Value, ...]
    ) -> tuple[_Value, ...]:
        """Runs the steps of a body; returns its results, held for the caller."""
        on_names = self.named[name].steps
        results = body.results + (training_results(body, steps) if self.training else ())
        flow, written = self.flow(steps, results), self.written(on_names, body)
        values: dict[Input, _Value] = dict(zip(written.entering, entering))
        variables: dict[str, _Block] = {}  # what they hold, without what entered: the caller holds that
        idle, start = False, len(self.tape)
        sums: dict[int, _Sum] = {}
        for number, (step, named) in enumerate(zip(steps, on_names)):
            if step.training and not self.training:
                continue
            if flow.passed[number] is not None:
                if number in body.heads:  # its variable is None
                    continue
                if written.passed[number] is None and not written.is_inlined(number):  # its variable gets what enters
                    block = values[flow.source(Input(number + 1))].block
                    self.put(variables, written.variables[Input(number + 1)], self.heap.hold(block))
                continue
            if written.is_inlined(number):
                self.begin_sum(flow, written, number, values, sums, prefix)
            sources = flow.inputs(number)
            inputs = tuple(values[source] for source in sources)
            overwrites = named.role is Role.OP and written.may_overwrite(number)
            begun = sums.pop(number, _Sum())
            last = [source for source in sources if flow.readers[source][-1] == number]
            begun.inside = {
                position: source
                for position, source in enumerate(sources)
                if source in last and source.value and source.part < 0 and written.is_inlined(source.value - 1)
            }
            if step.role is Role.COLLECT:
                made = self.collect(step, named, inputs[0], variables, written.loop_names[0], prefix + step.name)
            elif step.role is Role.COPIES:
                held = written.variables[Input(number + 1)]
                made = self.copies(step, named, inputs[0], variables, (*written.loop_names, held), prefix + step.name)
            else:
                made = self.step(step, named, inputs, overwrites, prefix + step.name, begun)
            parts = range(len(made)) if step.parts else (-1,)
            for part, value in zip(parts, made):
                own = Input(number + 1, part)
                values[own] = value
                idle = idle or own not in flow.readers
                if not written.is_inlined(number):
                    self.put(variables, written.variables[own], value.block)
            for position in begun.inside:
                self.let_go(begun, position, inputs[position])
        leaving = [values[flow.source(result)] for result in results]
        for value in leaving:
            self.heap.hold(value.block)
        for block in variables.values():
            self.heap.drop(block)
        if idle:
            self.forget(start, leaving)
        return tuple(leaving)

    def put(self, variables: dict[str, _Block], name: str, block: _Block) -> None:
        """Gives a variable another value: what it held is let go of then."""
        before = variables.get(name)
        variables[name] = block
        if before is not None:
            self.heap.drop(before)

    def forget(self, start: int, leaving: list[_Value]) -> None:
        """Drops what a body keeps for the way back to values that are in no result: it dies with their variables."""
        wanted, kept = set(leaving), []
        for node in reversed(self.tape[start:]):
            if wanted.isdisjoint(node.outputs):
                for block in node.saved:
                    self.heap.drop(block)
            else:
                wanted |= set(node.inputs)
                kept.append(node)
        self.tape[start:] = reversed(kept)

    def begin_sum(
        self, flow: Flow, written: Flow, number: int, values: dict[Input, _Value], sums: dict[int, _Sum], prefix: str
    ) -> None:
        """Adds `a(x) + b(x)` before `c(x)` is called, as Python does, where the step is written inside such a line."""
        reader = flow.readers.get(Input(number + 1), [len(flow.steps)])[0]
        if reader == len(flow.steps):  # nobody, or the return: what would read it is left out
            return
        merge = flow.steps[reader]
        if merge.role is not Role.MERGE or not is_infix(merge):
            return
        inputs = flow.inputs(reader)
        before = inputs[: inputs.index(Input(number + 1))]
        if len(before) < 2:
            return
        begun = sums.setdefault(reader, _Sum())
        self.heap.where = prefix + merge.name
        self.merge(merge, tuple(values[source] for source in before), prefix + merge.name, begun)
        for source in before:
            if source not in begun.gone and source.value and source.part < 0 and written.is_inlined(source.value - 1):
                begun.gone.add(source)
                self.heap.drop(values[source].block)

    def flow(self, steps: tuple[Traced, ...], results: tuple[Input, ...]) -> Flow:
        key = id(steps), len(results)  # repeated blocks share their steps
        if key not in self.flows:
            self.flows[key] = Flow(steps, results)
        return self.flows[key]

    def written(self, steps: tuple[Traced, ...], body: Body) -> Variables:
        """The steps of a class, with the variables of its `forward`."""
        if body.name not in self.classes:
            self.classes[body.name] = Variables(steps, body.results, training_results(body, steps), body.inputs)
        return self.classes[body.name]

    def step(
        self, step: Traced, named: Traced, inputs: tuple[_Value, ...], overwrites: bool, path: str, begun: _Sum | None = None
    ) -> tuple[_Value, ...]:
        if named.role is Role.CHOICE:
            named = next(one for one in named.children if _alike(one, step))
        if step.role is Role.BLOCK:
            return self.body(step.type, self.graph.blocks[step.type], step.children, f"{path}.", inputs)
        if step.role is Role.CHAIN:
            return (self.chain(step, named, inputs[0], path),)
        self.heap.where, self.heap.highest = path, self.heap.live
        if step.op is not None and step.role not in (Role.MERGE, Role.SPLIT):
            return (self.op(step, inputs[0], overwrites and step.op.inplace, path),)
        if step.role is Role.SPLIT:
            return self.split(step, inputs[0], path)
        return (self.merge(step, inputs, path, begun or _Sum()),)

    def chain(self, step: Traced, named: Traced, entering: _Value, path: str) -> _Value:
        """Runs children in order; the caller holds what enters, and a child's result lives until the next has run."""
        children = named.unrolled(len(step.children))
        present = [child for child in children if child.role is not Role.ABSENT]
        current, number = entering, 0
        for child, named_child in zip(step.children, children):
            overwrites = named_child.role is Role.OP and follows_fresh(present, number)
            number += named_child.role is not Role.ABSENT
            if child.role is Role.ABSENT:
                continue
            made = self.step(child, named_child, (current,), overwrites, f"{path}.{child.name}")[0]
            if current is not entering:
                self.heap.drop(current.block)
            current = made
        if current is entering:
            self.heap.hold(entering.block)
        return current

    def collect(
        self, step: Traced, named: Traced, x: _Value, variables: dict[str, _Block], list_name: str, path: str
    ) -> tuple[_Value, ...]:
        """Runs blocks in order and merges what enters and what each gives; the list of these lives as a variable does."""
        for old in [name for name in variables if name.startswith(f"{list_name}[")]:
            self.heap.drop(variables.pop(old))
        values = [x]
        variables[f"{list_name}[0]"] = self.heap.hold(x.block)
        for number, (child, on_names) in enumerate(zip(step.children, named.unrolled(len(step.children))), 1):
            values += self.step(child, on_names, (values[-1],), False, f"{path}.{child.name}")
            variables[f"{list_name}[{number}]"] = values[-1].block
        self.heap.where, self.heap.highest = path, self.heap.live
        assert isinstance(step.op, MergeOp)
        return (self.merged(step.op, tuple(values), self.size(step.output), path),)

    def copies(
        self, step: Traced, named: Traced, x: _Value, variables: dict[str, _Block], held: tuple[str, ...], path: str
    ) -> tuple[_Value, ...]:
        """Runs equal modules on a value. The list of what they give takes its variable, and the first the target's, then.

        held: the variables of the list, a module, one value of the list, which holds the last from then on, and the target.
        """
        list_name, _, one, target = held
        values: list[_Value] = []
        for child, on_names in zip(step.children, named.unrolled(len(step.children))):
            values += self.step(child, on_names, (x,), False, f"{path}.{child.name}")
        for old in [name for name in variables if name.startswith(f"{list_name}[")]:
            self.heap.drop(variables.pop(old))
        variables |= {f"{list_name}[{number}]": value.block for number, value in enumerate(values)}
        self.heap.where, self.heap.highest = path, self.heap.live
        assert isinstance(step.op, MergeOp)
        if not step.op.pairwise:
            return (self.merged(step.op, tuple(values), self.size(step.output), path),)
        for name in (target, one)[: len(values)]:
            if name in variables:
                self.heap.drop(variables.pop(name))
        if len(values) > 1:
            variables[one] = self.heap.hold(values[-1].block)
        shapes = tuple(child.output for child in step.children)
        return (self.merge(step.replace(inputs=shapes, conditions=(True,) * len(shapes)), tuple(values), path, _Sum()),)

    def op(self, step: Traced, x: _Value, overwrites: bool, path: str) -> _Value:
        op, heap = step.op, self.heap
        assert op is not None
        gradient = self.training and (x.gradient or step.has_weights)
        found: Footprint = op.footprint(step.inputs[0], step.output, self.mode(gradient, x.gradient))
        if found.shared:
            made = _Value(heap.hold(x.block), self.size(step.output), gradient)
            self.record("op" if found.part else "handed", path, (x,), made, (), 0, self.item * self.batch * found.back)
            return made
        if found.forward:
            return self.several(found, x, self.size(step.output), gradient, path)
        taken = x if found.first is None else self.first(found.first, self.item * self.batch * found.between, x, path)
        size = self.size(step.output)
        block = heap.hold(x.block) if overwrites else heap.new(size)
        always = self.batch * (INT64 * found.indices + FLOAT32 * found.singles)
        more = always, self.item * (self.batch * found.image + found.batch)
        extra = [heap.new(bytes) for bytes in more if bytes]
        heap.drop(heap.new(self.item * self.batch * found.passing))
        if gradient:
            keeps = set(found.keeps)
            if overwrites and op.inplace_keeps_output:
                keeps = {"output"}
            if overwrites and "input" in keeps:
                extra.append(heap.new(size))
            elif "input" in keeps:
                extra.append(heap.hold(taken.block))
            if "output" in keeps:
                extra.append(heap.hold(block))
        else:
            for thrown_away in extra:
                heap.drop(thrown_away)
            extra = []
        made = _Value(block, size, gradient, found.view)
        in_a_view = overwrites and x.view
        passing = self.batch * (self.item * found.back + found.back_bytes) + 2 * size * in_a_view
        kind, own = "handed" if found.hands_back else "op", 0 if overwrites else size
        self.record(kind, path, (taken,), made, tuple(extra), own, passing, found.dense or in_a_view)
        if taken is not x:
            heap.drop(taken.block)
        return made

    def mode(self, gradient: bool, further: bool) -> Mode:
        return Mode(self.training, gradient, further, self.batch, self.item)

    def several(self, found: Footprint, x: _Value, size: int, gradient: bool, path: str) -> _Value:
        """A class that calls several operators, each as the footprint says."""
        for change in found.forward:
            self.heap.take(change)
        made = _Value(_Block(size), size, gradient, found.view)
        saved = [_Block(sum(found.forward) - size)]
        if gradient and "input" in found.keeps:
            saved.append(self.heap.hold(x.block))
        if gradient and "output" in found.keeps:
            saved.append(self.heap.hold(made.block))
        self.record("op", path, (x,), made, tuple(saved), size, dense=found.dense, backward=found.backward)
        return made

    def first(self, found: Footprint, size: int, x: _Value, path: str) -> _Value:
        """What a call makes of its input before all else, and then works on; it holds that itself."""
        made = _Value(self.heap.new(size), size, x.gradient)
        saved = (self.heap.hold(x.block),) if x.gradient and found.keeps else ()
        self.record("op", path, (x,), made, saved, 0, self.item * self.batch * found.back)
        return made

    def merge(self, step: Traced, inputs: tuple[_Value, ...], path: str, begun: _Sum) -> _Value:
        if len(inputs) == 1:
            made = _Value(self.heap.hold(inputs[0].block), inputs[0].size, inputs[0].gradient)
            self.record("handed", path, inputs, made, (), 0)
            return made
        op = step.op
        assert isinstance(op, MergeOp)
        there = tuple(shape for shape, condition in zip(step.inputs, step.conditions) if condition is not False)
        found = op.footprint_of(there, step.output, any(value.gradient for value in inputs))
        if found is not None:
            return self.multiplied(found, inputs, self.size(step.output), path)
        if not op.pairwise:
            return self.merged(op, inputs, self.size(step.output), path)
        shapes = [shape for shape, condition in zip(step.inputs, step.conditions) if condition is not False]
        made_shapes = tuple(accumulate(shapes, op.output))
        for number in range(max(begun.count, 1), len(inputs)):  # two by two, as Python does
            made = self.merged(op, (begun.value or inputs[0], inputs[number]), self.size(made_shapes[number]), path)
            if begun.value is not None:
                self.heap.drop(begun.value.block)
            begun.value = made
            for position in (0, number):
                self.let_go(begun, position, inputs[position])
        begun.count = len(inputs)
        assert begun.value is not None
        return begun.value

    def let_go(self, begun: _Sum, position: int, value: _Value) -> None:
        """Drops what is written inside a sum once the sum has taken it: no variable holds it."""
        source = begun.inside.get(position)
        if source is not None and source not in begun.gone:
            begun.gone.add(source)
            self.heap.drop(value.block)

    def merged(self, op: MergeOp, inputs: tuple[_Value, ...], size: int, path: str) -> _Value:
        """One call of torch on several values."""
        made = _Value(self.heap.new(size), size, any(value.gradient for value in inputs))
        kept: list[_Value] = []
        if made.gradient and "inputs" in op.keeps:
            kept = list(inputs)
        elif made.gradient and "others" in op.keeps:  # each for the gradient of the others
            kept = [one for number, one in enumerate(inputs) if any(other.gradient for other in _without(inputs, number))]
        saved = tuple(self.heap.hold(one.block) for one in kept)
        tensors, truths = op.passing
        passing = tensors * size + truths * size // self.item
        kind = "stretched" if not op.hands_back else "less" if op.of_the_first else "handed"
        self.record(kind, path, inputs, made, saved, size, passing)
        return made

    def multiplied(self, found: Footprint, inputs: tuple[_Value, ...], size: int, path: str) -> _Value:
        """A product of matrices."""
        heap, gradient = self.heap, any(value.gradient for value in inputs)
        made = _Value(heap.new(size), size, gradient, found.view)
        more = self.batch * FLOAT32 * found.singles, self.item * self.batch * found.image
        extra = [heap.new(bytes) for bytes in more if bytes]
        heap.drop(heap.new(self.item * self.batch * found.passing))
        if gradient:
            kept = [one for number, one in enumerate(inputs) if any(other.gradient for other in _without(inputs, number))]
            kept = kept if "others" in found.keeps else list(inputs[-1:] if "last" in found.keeps else inputs)
            extra += [heap.hold(one.block) for one in (*kept, *([made] if "output" in found.keeps else ()))]
        else:
            for thrown_away in extra:
                heap.drop(thrown_away)
            extra = []
        self.record("op", path, inputs, made, tuple(extra), size, self.item * self.batch * found.back, found.dense)
        return made

    def split(self, step: Traced, x: _Value, path: str) -> tuple[_Value, ...]:
        parts = tuple(_Value(self.heap.hold(x.block), self.size(shape), x.gradient) for shape in step.outputs)
        if x.gradient:
            self.tape.append(_Node("split", path, (x,), parts))
        return parts

    def record(
        self,
        kind: str,
        path: str,
        inputs: tuple[_Value, ...],
        made: _Value,
        saved: tuple[_Block, ...],
        size: int,
        passing: int = 0,
        dense: bool = False,
        backward: tuple[int | None, ...] = (),
    ) -> None:
        """Notes what a leaf takes, and what it does on the way back; a sum of three is two."""
        before = self.layers.get(path, Use(0, 0, 0))
        kept = before.kept
        for block in saved:
            if not block.kept:
                block.kept = True
                kept += block.size
        self.layers[path] = Use(before.made + size, kept, max(before.live, self.heap.highest))
        if made.gradient:
            self.tape.append(_Node(kind, path, inputs, (made,), saved, passing, dense, backward))

    # -- backward

    def backward(self, outputs: tuple[_Value, ...]) -> None:
        heap = self.heap
        heap.back = True
        gradients: dict[_Value, _Block] = {}
        for value in dict.fromkeys(outputs):
            if value.gradient:
                gradients[value] = heap.new(value.size)
        while self.tape:
            node = self.tape.pop()
            heap.where = node.path
            unread = sum(value.size for value in node.outputs if value not in gradients)  # of parts: zeros stand for it
            coming = [gradients.pop(value) for value in node.outputs if value in gradients]
            if coming:
                if node.dense:  # a gradient may be spread over places that it does not have
                    coming = [self.of_size(coming[0], node.outputs[0].size)]
                zeros = heap.new(unread)
                going = self.going(node, coming[0])
                heap.drop(zeros)
            for block in (*node.saved, *coming):
                heap.drop(block)
            if coming:
                for value, block in going:
                    self.give(gradients, value, block)

    def going(self, node: _Node, coming: _Block) -> list[tuple[_Value, _Block]]:
        """The gradients that a step makes of the one that comes, each held once."""
        heap, inputs = self.heap, [value for value in node.inputs if value.gradient]
        if node.backward:
            return self.back_through(node, coming)
        if node.kind == "handed":
            return [(value, heap.hold(coming)) for value in inputs]
        if node.kind == "less":  # the first value's gradient is what comes, the others' are its negative
            return [
                (value, heap.new(value.size) if number else heap.hold(coming))
                for number, value in enumerate(node.inputs)
                if value.gradient
            ]
        if node.kind == "stretched":
            full = [heap.new(node.outputs[0].size) for _ in inputs]
            heap.drop(heap.new(node.passing))
            return [(value, self.of_size(block, value.size)) for value, block in zip(inputs, full)]
        made = [heap.new(value.size) for value in inputs]
        heap.drop(heap.new(node.passing))
        return list(zip(inputs, made))

    def back_through(self, node: _Node, coming: _Block) -> list[tuple[_Value, _Block]]:
        """The way back through the operators of one class, which lets go early of what came and of what it has kept."""
        let_go = [coming, *(block for block in node.saved[1:] if block is node.outputs[0].block)]
        for change in node.backward:
            if change is not None:
                self.heap.take(change)
                continue
            for block in let_go:
                if block.holders == 1:
                    self.heap.take(-block.size)
                    block.size = 0
        node.saved[0].size = 0
        return [(value, _Block(value.size)) for value in node.inputs if value.gradient]

    def of_size(self, block: _Block, size: int) -> _Block:
        """What is summed up over the axes along which a value was stretched, or laid out over them, in place of the block."""
        if block.size == size:
            return block
        made = self.heap.new(size)
        self.heap.drop(block)
        return made

    def give(self, gradients: dict[_Value, _Block], value: _Value, block: _Block) -> None:
        """Adds a gradient to those that a value has: in place where nobody else holds them, and each has a place of its own."""
        there = gradients.get(value)
        if there is None:
            gradients[value] = block
            return
        if there.holders > 1 or there.size < value.size:
            gradients[value] = self.heap.new(value.size)
            self.heap.drop(there)
        self.heap.drop(block)


def _alike(named: Traced, step: Traced) -> bool:
    """Whether a step is, on numbers, what another is on names."""
    if (named.role, named.type) != (step.role, step.type):
        return False
    children = named.unrolled(len(step.children)) if step.role is Role.CHAIN else ()
    return len(children) == len(step.children if children else ()) and all(map(_alike, children, step.children))


def _without(values: tuple[_Value, ...], number: int) -> tuple[_Value, ...]:
    return values[:number] + values[number + 1 :]
