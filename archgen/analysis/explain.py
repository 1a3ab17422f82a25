"""How each number of a report comes about, in words and arithmetic.

Nothing here knows a formula: an op's own rules run on names, and what they give is written with the numbers put in. So
`Conv2d 3x3, stride 2, padding 1` says `⌊(56 + 2·1 - 1·(3 - 1) - 1) / 2⌋ + 1 = 28` because its shape rule does.
"""

from __future__ import annotations

import itertools
import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

from archgen.analysis.columns import WIDTH, shape_text
from archgen.diagnostics import Place, Problem, Source, SpecError, no_command, printable, suggest
from archgen.expressions import Binary, Call, Expression, Failed, Name, Select, Value, evaluate, render
from archgen.graph import Apply, Chain, Hold, Merge, Repeat
from archgen.graph import Call as BlockCall
from archgen.ops.base import Op, Shape, axes, product, same
from archgen.records import Record
from archgen.trace import AXIS_NAMES, scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archgen.graph import AnyNode, Body, Graph, Step
    from archgen.trace import Traced, TracedBody

LABEL = 12  # columns of what stands before an explanation
LEADING = ("out_channels", "out_features", "kernel_size")  # said otherwise than as `option value`


class Signs(NamedTuple):
    """How arithmetic is written."""

    times: str
    floor: str
    close: str

    @property
    def text(self) -> str:
        return self.times + self.floor + self.close


PRETTY, PLAIN = Signs("·", "⌊", "⌋"), Signs("*", "floor(", ")")


class Entry(Record):
    """A layer, or a container with what is in it. `parts` are pairs of a label and a text.

    kind: of an op or a block its name; what it does is said where it first appears. key: equal ones are explained once.
    """

    path: str
    title: str
    parts: tuple[tuple[str, str], ...]
    entries: tuple[Entry, ...] = ()
    kind: str = ""
    does: str = ""
    key: Any = None


def text(graph: Graph, traced: TracedBody, layer: str = "", signs: Signs = PRETTY) -> str:
    """Returns the explanation of a traced network, or of one layer and what is in it; no line break at the end.

    layer: a path as the report shows it, as `layer2.0.conv1`. Raises SpecError, with the nearest, where there is none.
    """
    entries = _Explainer(graph, signs, once=not layer).body(graph.network, traced.steps, traced.names, "")
    if layer:
        return "\n".join(_shown((found(entries, layer),)))
    shape = shape_text(traced.steps[0].inputs[0].sizes) if traced.steps else ""
    outputs = " and ".join(shape_text(output.sizes) for output in traced.outputs)
    title = textwrap.wrap(f"{graph.network.name}: {shape} to {outputs}", WIDTH, subsequent_indent="  ")
    head = [*title, *_folded("sizes", " -> ".join(map(str, way(traced.steps))))]
    return "\n".join([*head, "", *_shown(entries)])


def found(entries: tuple[Entry, ...], layer: str) -> Entry:
    known = {entry.path: entry for entry in _all(entries)}
    if layer not in known:
        place = Place(Source("LAYER", ""), 0, 0)
        raise SpecError(Problem(place, f"there is no layer `{printable(layer)}`", suggest(layer, known, "layers")))
    return known[layer]


def _all(entries: Iterable[Entry]) -> Iterator[Entry]:
    for entry in entries:
        yield entry
        yield from _all(entry.entries)


def way(steps: tuple[Traced, ...]) -> list[int]:
    """Returns the sizes of the first spatial axis that the values take one after the other, blocks seen as a whole."""
    sizes: list[int] = []
    for step in steps:
        if step.role == "chain":
            sizes += way(step.children)
        else:
            sizes += [shape.spatial[0] for shape in (step.inputs[0], step.output) if shape.spatial]
    return [size for size, _ in itertools.groupby(sizes)]


def _shown(entries: tuple[Entry, ...]) -> Iterator[str]:
    """The lines of all entries, each type said once, and each block that is repeated."""
    said: set[str] = set()
    first: dict[Any, str] = {}

    def again(entries: list[Entry]) -> Iterator[str]:
        last = f" to {entries[-1].path}" if len(entries) > 1 else ""
        start = f"{entries[0].path}{last}  {entries[0].title}: as {first[entries[0].key]}"
        yield from ("", *textwrap.wrap(start, WIDTH, subsequent_indent="    "))

    def lines(entries: tuple[Entry, ...]) -> Iterator[str]:
        for _, group in itertools.groupby(entries, lambda entry: entry.key or id(entry)):
            entry, *others = group
            if entry.key in first:
                yield from again([entry, *others])
                continue
            yield from whole(entry)
            if entry.key is not None:
                first[entry.key] = entry.path
            if others:
                yield from again(others)

    def whole(entry: Entry) -> Iterator[str]:
        if entry.entries:
            yield ""
        yield from textwrap.wrap(f"{entry.path}  {entry.title}", WIDTH, subsequent_indent="    ")
        if entry.does and entry.kind not in said:
            said.add(entry.kind)
            yield from _folded("what it is", entry.does)
        for label, part in entry.parts:
            yield from _folded(label, part)
        yield from lines(entry.entries)

    shown = list(lines(entries))
    return iter(shown[1:] if shown and not shown[0] else shown)


def _folded(label: str, part: str) -> list[str]:
    indent = " " * (LABEL + 2)
    lines = textwrap.wrap(f"  {label:<{LABEL}}{part}", WIDTH, subsequent_indent=indent, break_on_hyphens=False)
    return list(map(no_command, lines))


# ---- arithmetic


def figures(value: Value, numbers: dict[str, Value], signs: Signs = PRETTY) -> str:
    """Returns an expression as text with its names replaced by numbers, nothing worked out: `⌊(56 - 3) / 2⌋ + 1`."""
    return _written(value, numbers, signs, 0)


_LEVELS = {"+": 5, "-": 5, "*": 6, "//": 6}


def _written(value: Value, numbers: dict[str, Value], signs: Signs, outer: int) -> str:
    if isinstance(value, Name):
        return f"{numbers[value.name]:,}"
    if isinstance(value, Select):
        return _written(value.then if evaluate(value.test, numbers) else value.otherwise, numbers, signs, outer)
    if isinstance(value, Call):
        return f"{value.function}({', '.join(_written(argument, numbers, signs, 0) for argument in value.arguments)})"
    if not isinstance(value, Binary):
        return f"{value:,}"
    if value.operator == "//":
        return _quotient(value, numbers, signs, outer)
    if value.operator == "*" and not outer:  # a product that stands alone has room
        return f" {signs.times} ".join(_written(factor, numbers, signs, 6) for factor in _factors(value))
    level = _LEVELS[value.operator]
    sign = signs.times if value.operator == "*" else f" {value.operator} "
    left = _written(value.left, numbers, signs, level)
    right = _written(value.right, numbers, signs, level + (value.operator == "-"))
    return f"({left}{sign}{right})" if level < outer else f"{left}{sign}{right}"


def _factors(value: Value) -> list[Value]:
    if isinstance(value, Binary) and value.operator == "*":
        return [*_factors(value.left), *_factors(value.right)]
    return [value]


def _quotient(value: Binary, numbers: dict[str, Value], signs: Signs, outer: int) -> str:
    """A quotient is rounded down; where it is seen to be whole, that is not said."""
    if evaluate(value.right, numbers) == 1:
        return _written(value.left, numbers, signs, outer)
    whole = not isinstance(value.left, Binary) and evaluate(value.left, numbers) % evaluate(value.right, numbers) == 0
    joined = f"{_written(value.left, numbers, signs, 6)} / {_written(value.right, numbers, signs, 7)}"
    if not whole:
        return f"{signs.floor}{joined}{signs.close}"
    return f"({joined})" if outer else joined


def equation(value: Value, numbers: dict[str, Value], result: int, signs: Signs = PRETTY) -> str:
    """Returns `figures` with what they come to: `64 · 3 = 192`; a single number stands alone."""
    left, right = figures(value, numbers, signs), f"{result:,}"
    return left if left == right else f"{left} = {right}"


class Named(NamedTuple):
    """An op and its input with a name in place of each number, and what the names stand for."""

    op: Op
    x: Shape
    numbers: dict[str, Value]


def named(op: Op, x: Shape) -> Named:
    numbers: dict[str, Value] = {}

    def name(key: str, value: Any) -> Any:
        if type(value) is tuple:
            return tuple(name(f"{key} {position}", item) for position, item in enumerate(value))
        if type(value) is not int:
            return value
        numbers[key] = value
        return Name(key, "int")

    options = {field: value for field, value in op.torch_options(x).items() if field in op.fields}
    changed = {field: name(field, value) for field, value in options.items() if not op.kind(field).literal}
    return Named(op.replace(**changed), Shape(name("size", x.sizes), x.channel_axis), numbers)


def axis_labels(shape: Shape) -> list[str]:
    """What the axes are called: channels (features where there is nothing else), height, width."""
    labels = [name.removeprefix("in_") for name in AXIS_NAMES[shape.rank]] if shape.rank < 4 else ["size"] * shape.rank
    labels.insert(shape.channel_axis, "channels" if shape.rank else "features")
    return labels


# ---- the parts of an op


def op_title(op: Op, type_name: str, x: Shape) -> str:
    """The class with the options that matter: `Conv2d 3x3, stride 2, padding 1`."""
    options, defaults = op.torch_options(x), op.torch_defaults()
    kernel = "x".join(map(str, axes(options["kernel_size"], x.rank))) if "kernel_size" in options else ""
    given = [
        f"{name} {_value_text(value)}"
        for name, value in options.items()
        if name not in LEADING and not (name in defaults and same(value, defaults[name]))
    ]
    return ", ".join([f"{type_name} {kernel}".rstrip(), *given])


def _value_text(value: Value) -> str:
    if isinstance(value, Op):
        return value.class_name(2) or type(value).__name__
    if type(value) is tuple:
        return "x".join(map(_value_text, value))
    if isinstance(value, Failed):
        return "no value"
    return str(value).lower() if type(value) is bool else str(value)


def op_parts(op: Op, x: Shape, y: Shape, signs: Signs = PRETTY) -> list[tuple[str, str]]:
    """Each axis of the result that changes, the parameters, the buffers and the MACs: pairs of a label and an equation."""
    on_names = named(op, x)
    parts = _axis_parts(on_names, y, signs)
    for label, said, tensors in (
        ("parameters", on_names.op.weights(on_names.x), op.weights(x)),
        ("buffers", on_names.op.buffers(on_names.x), op.buffers(x)),
    ):
        if said:
            terms = [f"{name} {figures(product(shape), on_names.numbers, signs)}" for name, shape in said]
            total = sum(product(shape) for _, shape in tensors)
            parts.append((label, f"{' + '.join(terms)} = {total:,}"))
    if op.macs(x, y):
        leaving = {f"output {axis}": size for axis, size in enumerate(y.sizes)}
        macs = on_names.op.macs(on_names.x, Shape(tuple(Name(name, "int") for name in leaving), y.channel_axis))
        parts.append(("MACs", equation(macs, {**on_names.numbers, **leaving}, op.macs(x, y), signs)))
    return parts


def _axis_parts(on_names: Named, y: Shape, signs: Signs) -> list[tuple[str, str]]:
    entering, leaving = on_names.x, on_names.op.output(on_names.x)
    parts = []
    for axis, (label, size) in enumerate(zip(axis_labels(y), leaving.sizes)):
        if len(entering.sizes) == len(leaving.sizes) and size == entering.sizes[axis]:
            continue
        said = f", its {size.name}" if isinstance(size, Name) and not size.name.startswith("size ") else ""
        parts.append((label, equation(size, on_names.numbers, y.sizes[axis], signs) + said))
    spatial = [part for label, part in parts if label not in ("channels", "features")]
    if len(spatial) == y.rank > 1 and len(set(spatial)) == 1:  # all axes alike
        return [*(part for part in parts if part[0] == "channels"), ("size", spatial[0])]
    return parts


# ---- the walk


class _Explainer:
    """Goes through the steps of each body and what the trace made of them, side by side.

    once: whether what is in a block is wanted only where its key first appears.
    """

    def __init__(self, graph: Graph, signs: Signs, once: bool) -> None:
        self.graph, self.signs, self.once = graph, signs, once
        self.seen: set[Any] = set()
        self.known: dict[tuple[Op, Shape, Shape], list[tuple[str, str]]] = {}

    def body(self, body: Body, traced: tuple[Traced, ...], names: dict[str, Value], prefix: str) -> tuple[Entry, ...]:
        entries = []
        sums = _sums(body, traced)
        for number, (step, done) in enumerate(zip(body.steps, traced)):
            if done.role == "split":
                continue
            why = [*self.why(step, done, names), *self.meets(step, done, sums.get(number + 1))]
            entries.append(self.entry(step.node, done, names, prefix + done.name, why))
        return tuple(entries)

    def entry(self, node: AnyNode, done: Traced, names: dict[str, Value], path: str, why: list[tuple[str, str]]) -> Entry:
        change = _change(done)
        if done.role == "absent":
            return Entry(path, f"{_kind(node)} left out: {change}", tuple(why))
        if done.role == "merge":
            return Entry(path, f"{done.type}: {change}", (*why, *self.merge_parts(node, done)))
        if done.op is not None:
            title = f"{op_title(done.op, done.type, done.inputs[0])}: {change}"
            parts = self.op_parts(done.op, done.inputs[0], done.output)
            return Entry(path, title, (*why, *parts), (), done.op.name, _first_line(type(done.op).__doc__ or ""))
        arguments = ", ".join(f"{name} {_value_text(value)}" for name, value in done.arguments)
        title = f"{done.type}{' (' if arguments else ''}{arguments}{')' if arguments else ''}: {change}"
        key = (done.type, done.arguments, done.inputs) if done.role == "block" else None
        if key in self.seen and self.once:
            return Entry(path, title, (), key=key)
        entries, does = self.inside(node, done, names, path), ""
        if done.role == "block":
            self.seen.add(key)
            block = self.graph.blocks[done.type]
            does, why = printable(" ".join(block.description.split())), [*why, *self.constants(block, done)]
        return Entry(path, title, (*why, *self.container_parts(done)), entries, done.type, does, key)

    def op_parts(self, op: Op, x: Shape, y: Shape) -> list[tuple[str, str]]:
        """The parts of an op, which are worked out once for each shape that it meets."""
        if (op, x, y) not in self.known:
            self.known[op, x, y] = op_parts(op, x, y, self.signs)
        return self.known[op, x, y]

    def inside(self, node: AnyNode, done: Traced, names: dict[str, Value], path: str) -> tuple[Entry, ...]:
        if isinstance(node, BlockCall):
            body = self.graph.blocks[node.block]
            return self.body(body, done.children, scope(body, dict(done.arguments), done.inputs[0]), f"{path}.")
        if isinstance(node, Repeat):
            nodes: Iterable[AnyNode] = [node.first, *[node.others] * (len(done.children) - 1)]
            whys: list[list[tuple[str, str]]] = [[] for _ in done.children]
        else:
            assert isinstance(node, Chain)
            nodes = [step.node for step in node.steps]
            whys = [self.why(step, child, names) for step, child in zip(node.steps, done.children)]
        both = zip(nodes, done.children, whys)
        return tuple(self.entry(inner, child, names, f"{path}.{child.name}", why) for inner, child, why in both)

    def why(self, step: Step, done: Traced, names: dict[str, Value]) -> list[tuple[str, str]]:
        """The condition under which a step is there, with its numbers."""
        parts = []
        if isinstance(step.node, Hold):
            parts.append(("given by", f"the argument `{step.node.parameter}`"))
        if step.when is not True:
            verdict = "not there" if done.role == "absent" else "there"
            parts.append((verdict, self.condition(step.when, names)))
        return parts

    def condition(self, value: Value, names: dict[str, Value]) -> str:
        return f"{render(value)}: {render(_with_numbers(value, names))} is {str(evaluate(value, names)).lower()}"

    def meets(self, step: Step, done: Traced, merge: Traced | None) -> list[tuple[str, str]]:
        """What a way around needs its layers for: without them the shapes that a sum meets would differ."""
        if step.when is True or done.role == "merge" or merge is None:
            return []
        entering, needed = shape_text(done.inputs[0].sizes), shape_text(merge.output.sizes)
        if entering == needed:
            return [("so", f"`{merge.name}` takes {needed} as it is")]
        return [("needed for", f"`{merge.name}`: its other side is {needed}, and the input {entering}")]

    def merge_parts(self, node: AnyNode, done: Traced) -> list[tuple[str, str]]:
        assert isinstance(node, Merge)
        present = [shape for shape, condition in zip(done.inputs, done.conditions) if condition is not False]
        if done.type == "concat":
            terms = " + ".join(f"{shape.channels:,}" for shape in present)
            return [(axis_labels(done.output)[done.output.channel_axis], f"{terms} = {done.output.channels:,}")]
        sizes = list(dict.fromkeys(shape_text(shape.sizes) for shape in present))
        if len(sizes) > 1:
            return [("shapes", f"{' and '.join(sizes)}: a size of 1 is stretched")]
        every = "both" if len(present) == 2 else f"all {len(present)}"
        return [("shapes", f"{every} are {sizes[0]}, as `{done.type}` needs them")]

    def constants(self, body: Body, done: Traced) -> Iterator[tuple[str, str]]:
        """The block's own constants, with the numbers that they are made of."""
        names = scope(body, dict(done.arguments), done.inputs[0])
        for constant in body.constants:
            if isinstance(constant.value, Expression):
                numbers, result = render(_with_numbers(constant.value, names)), _value_text(names[constant.name])
                yield "let", f"{constant.name} = {render(constant.value)} = {numbers} = {result}"

    def container_parts(self, done: Traced) -> list[tuple[str, str]]:
        parts = []
        x, y = done.inputs[0], done.output
        if len(x.sizes) == len(y.sizes):
            for label, before, after in zip(axis_labels(y), x.sizes, y.sizes):
                if before != after:
                    where = ", ".join(child.name for child in done.children if _changes(child, label))
                    parts.append((label, f"{before} -> {after}{_times(before, after)}, in {where}"))
            parts = _both(parts)
        for label in ("parameters", "MACs"):
            parts += self.sum_of(label, [getattr(child, label.lower()) for child in done.children])
        return parts

    def sum_of(self, label: str, counts: list[int]) -> list[tuple[str, str]]:
        groups = [(count, len(list(group))) for count, group in itertools.groupby(filter(None, counts))]
        terms = [f"{times:,} {self.signs.times} {count:,}" if times > 1 else f"{count:,}" for count, times in groups]
        if not terms:
            return []
        total = f"{sum(counts):,}"
        return [(label, total if terms == [total] else f"{' + '.join(terms)} = {total}")]


def _sums(body: Body, traced: tuple[Traced, ...]) -> dict[int, Traced]:
    """The first sum or product that reads each value of a body."""
    found: dict[int, Traced] = {}
    for step, merge in zip(body.steps, traced):
        if isinstance(step.node, Merge) and step.node.kind != "concat":
            for source in step.inputs:
                found.setdefault(source.value, merge)
    return found


def _kind(node: AnyNode) -> str:
    if isinstance(node, Apply):
        return node.op.name
    if isinstance(node, Hold):
        return node.parameter
    if isinstance(node, Merge):
        return node.kind
    return node.block if isinstance(node, BlockCall) else "sequence"


def _both(parts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Height and width that do the same are said as one."""
    spatial = {text for label, text in parts if label != "channels"}
    if len(spatial) != 1 or len(parts) < 2:
        return parts
    return [*(part for part in parts if part[0] == "channels"), ("size", spatial.pop())]


def _change(done: Traced) -> str:
    before, after = shape_text(done.inputs[0].sizes), shape_text(done.output.sizes)
    return after if before == after else f"{before} -> {after}"


def _changes(child: Traced, label: str) -> bool:
    x, y = child.inputs[0], child.output
    sizes = zip(axis_labels(y), x.sizes, y.sizes)
    return len(x.sizes) == len(y.sizes) and any(label == name and a != b for name, a, b in sizes)


def _times(before: int, after: int) -> str:
    if after % before == 0:
        return f" (times {after // before})"
    return f" (divided by {before // after})" if before % after == 0 else ""


def _with_numbers(value: Any, names: dict[str, Value]) -> Any:
    """Puts numbers, as the words that they are, in place of names; nothing is worked out."""
    if isinstance(value, Name):
        known = names[value.name]
        return known if isinstance(known, tuple) else Name(_value_text(known))
    if isinstance(value, Expression):
        return type(value)(*(_with_numbers(getattr(value, field), names) for field in value.fields))
    return tuple(_with_numbers(item, names) for item in value) if type(value) is tuple else value


def _first_line(text: str) -> str:
    return " ".join(text.strip().split("\n\n")[0].split())
