"""How each number of a report comes about, in words and arithmetic.

Nothing here knows a formula: an op's own rules run on names, and what they give is written with the numbers put in. So
`Conv2d 3x3, stride 2, padding 1` says `⌊(56 + 2·1 - 1·(3 - 1) - 1) / 2⌋ + 1 = 28` because its shape rule does.
"""

from __future__ import annotations

import itertools
import textwrap
from typing import TYPE_CHECKING, Any

from archgen.arithmetic.evaluation import evaluate
from archgen.arithmetic.expressions import Expression, Name, Value
from archgen.arithmetic.spelling import render
from archgen.diagnostics import WIDTH, Place, Problem, Source, SpecError, no_command, printable, suggest
from archgen.graph.model import Again, Apply, Chain, Copies, Hold, Merge, Repeat
from archgen.graph.model import Call as BlockCall
from archgen.ops import LikeOp
from archgen.ops.base import Op
from archgen.ops.value import Shape
from archgen.records import Record
from archgen.trace.traced import Role
from archgen.trace.walk import scope
from archgen.views.arithmetic import PRETTY
from archgen.views.columns import shape_text
from archgen.views.op_text import axis_labels, op_parts, op_title, sums_of, value_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archgen.graph.model import AnyNode, Body, Graph, Step
    from archgen.trace.traced import Traced, TracedBody
    from archgen.views.arithmetic import Signs


LABEL = 12  # columns of what stands before an explanation


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
    shape = " and ".join(shape_text(x.sizes) for x in traced.entering)
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
        if step.role is Role.CHAIN:
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
        sums = sums_of(body, traced)
        for number, (step, done) in enumerate(zip(body.steps, traced)):
            if done.role is Role.SPLIT:
                continue
            why = [*self.why(step, done, names), *self.meets(step, done, sums.get(number + 1))]
            entries.append(self.entry(self.node(step, names), done, names, prefix + done.name, why))
        return tuple(entries)

    def node(self, step: Step, names: dict[str, Value]) -> AnyNode:
        """The node that runs: the one under `else` where the other is left out."""
        return step.node if step.alternative is None or evaluate(step.when, names) else step.alternative

    def entry(self, node: AnyNode, done: Traced, names: dict[str, Value], path: str, why: list[tuple[str, str]]) -> Entry:
        change = _change(done)
        if done.role is Role.ABSENT:
            return Entry(path, f"{_kind(node)} left out: {change}", tuple(why))
        if done.role is Role.MERGE:
            return Entry(path, f"{done.type}: {change}", (*why, *self.merge_parts(node, done)))
        if isinstance(done.op, LikeOp):
            size = ("size", f"that of the other value, {shape_text(done.inputs[1].sizes)}")
            return Entry(
                path, f"{done.type}: {change}", (*why, size), (), done.op.name, _first_line(type(done.op).__doc__ or "")
            )
        if done.op is not None and done.role not in (Role.COLLECT, Role.COPIES):
            title = f"{op_title(done.op, done.type, done.inputs[0])}: {change}"
            parts = self.op_parts(done.op, done.inputs[0], done.output)
            return Entry(path, title, (*why, *parts), (), done.op.name, _first_line(type(done.op).__doc__ or ""))
        arguments = ", ".join(f"{name} {value_text(value)}" for name, value in done.arguments)
        title = f"{done.type}{' (' if arguments else ''}{arguments}{')' if arguments else ''}: {change}"
        key = (done.type, done.arguments, done.inputs) if done.role is Role.BLOCK else None
        if key in self.seen and self.once:
            return Entry(path, title, (), key=key)
        entries, does = self.inside(node, done, names, path), ""
        if done.role is Role.BLOCK:
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
        if isinstance(node, Again):
            return self.inside(node.node, done, names, path)
        if isinstance(node, BlockCall):
            body = self.graph.blocks[node.block]
            return self.body(body, done.children, scope(body, dict(done.arguments), done.inputs), f"{path}.")
        if isinstance(node, Repeat):
            nodes: Iterable[AnyNode] = [node.first, *[node.others] * (len(done.children) - 1)]
            whys: list[list[tuple[str, str]]] = [[] for _ in done.children]
        elif isinstance(node, Copies):
            nodes, whys = [node.node] * len(done.children), [[] for _ in done.children]
        else:
            assert isinstance(node, Chain)
            nodes = [step.node for step in node.steps]
            whys = [self.why(step, child, names) for step, child in zip(node.steps, done.children)]
        both = zip(nodes, done.children, whys)
        return tuple(self.entry(inner, child, names, f"{path}.{child.name}", why) for inner, child, why in both)

    def why(self, step: Step, done: Traced, names: dict[str, Value]) -> list[tuple[str, str]]:
        """The condition under which a step is there, with its numbers."""
        parts = []
        if done.again:
            parts.append(("weights", f"those of `{done.again}`, which runs here again"))
        if isinstance(step.node, Hold):
            parts.append(("given by", f"the argument `{step.node.parameter}`"))
        if step.when is not True:
            verdict = "not there" if done.role is Role.ABSENT else "there"
            parts.append((verdict, self.condition(step.when, names)))
        return parts

    def condition(self, value: Value, names: dict[str, Value]) -> str:
        return f"{render(value)}: {render(_with_numbers(value, names))} is {str(evaluate(value, names)).lower()}"

    def meets(self, step: Step, done: Traced, merge: Traced | None) -> list[tuple[str, str]]:
        """What a way around needs its layers for: without them the shapes that a sum meets would differ."""
        if step.when is True or done.role is Role.MERGE or merge is None:
            return []
        entering, needed = shape_text(done.inputs[0].sizes), shape_text(merge.output.sizes)
        if entering == needed:
            return [("so", f"`{merge.name}` takes {needed} as it is")]
        return [("needed for", f"`{merge.name}`: its other side is {needed}, and the input {entering}")]

    def merge_parts(self, node: AnyNode, done: Traced) -> list[tuple[str, str]]:
        assert isinstance(node, Merge)
        present = [shape for shape, condition in zip(done.inputs, done.conditions) if condition is not False]
        if done.macs:
            return [("shapes", " and ".join(shape_text(shape.sizes) for shape in present)), ("MACs", f"{done.macs:,}")]
        if not node.op.pairwise:
            terms = " + ".join(f"{shape.channels:,}" for shape in present)
            return [(axis_labels(done.output)[done.output.channel_axis], f"{terms} = {done.output.channels:,}")]
        sizes = list(dict.fromkeys(shape_text(shape.sizes) for shape in present))
        if len(sizes) > 1:
            return [("shapes", f"{' and '.join(sizes)}: a size of 1 is stretched")]
        every = "both" if len(present) == 2 else f"all {len(present)}"
        return [("shapes", f"{every} are {sizes[0]}, as `{done.type}` needs them")]

    def constants(self, body: Body, done: Traced) -> Iterator[tuple[str, str]]:
        """The block's own constants, with the numbers that they are made of."""
        names = scope(body, dict(done.arguments), done.inputs)
        for constant in body.constants:
            if isinstance(constant.value, Expression):
                numbers, result = render(_with_numbers(constant.value, names)), value_text(names[constant.name])
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


def _kind(node: AnyNode) -> str:
    if isinstance(node, Apply):
        return node.op.name
    if isinstance(node, Hold):
        return node.parameter
    if isinstance(node, Merge):
        return node.op.name
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
        return known if isinstance(known, tuple) else Name(value_text(known))
    if isinstance(value, Expression):
        return type(value)(*(_with_numbers(getattr(value, field), names) for field in value.fields))
    return tuple(_with_numbers(item, names) for item in value) if type(value) is tuple else value


def _first_line(text: str) -> str:
    return " ".join(text.strip().split("\n\n")[0].split())
