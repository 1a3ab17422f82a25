"""A network as pictures: one of the whole, with its stages as boxes, and one of each block that differs.

What is drawn is the same in every format: a `Drawing` of boxes and arrows, made from the trace. `mermaid` writes it as text that
the usual code hosts draw, `archgen.analysis.svg` lays it out itself, `archgen.analysis.page` adds plots over depth.
"""

from __future__ import annotations

import html
import itertools
from typing import TYPE_CHECKING, NamedTuple

from archgen.analysis.explain import op_title
from archgen.analysis.table import shape_text
from archgen.flow import Flow
from archgen.graph import Input
from archgen.ops.base import axes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archgen.graph import Body, Graph
    from archgen.ops.base import Op, Shape
    from archgen.trace import Traced, TracedBody

MOST_UNFOLDED = 4  # blocks in a row that a block's own picture shows one by one
SAID = ("kernel_size", "stride", "groups")  # the options that a box has room for


class Box(NamedTuple):
    """A step. kind: `input`, `op`, `block`, `stage`, `merge` or `split`; shape: of what leaves it; last: whether that is a result."""

    name: str
    detail: str
    kind: str
    shape: str
    last: bool = False


class Drawing(NamedTuple):
    """Boxes in the order in which they run, and arrows as pairs of their numbers."""

    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[tuple[int, int], ...]


def drawings(graph: Graph, traced: TracedBody) -> tuple[Drawing, ...]:
    """Returns the network, then its blocks, each way that a block is built once, in the order in which they are met."""
    found = [drawing(graph.network.name, graph.network, traced.steps, stages=True)]
    seen: set[tuple[object, ...]] = set()
    for path, step in _blocks(traced.steps, ""):
        body = graph.blocks[step.type]
        drawn = drawing(f"{step.type}, as {path}", body, step.children)
        key = (step.type, *((box.name, box.kind, box.detail.split(" ")[0]) for box in drawn.boxes), drawn.arrows)
        if key not in seen:
            seen.add(key)
            found.append(drawn)
    return tuple(found)


def _blocks(steps: tuple[Traced, ...], prefix: str) -> Iterator[tuple[str, Traced]]:
    """Every block with its path, those inside after the one around; of equal ones in a row the first."""
    for _, group in itertools.groupby(steps, lambda step: (step.type, step.inputs, id(step.children))):
        step = next(group)
        path = prefix + step.name
        if step.role == "block":
            yield path, step
        if step.role in ("block", "chain"):
            yield from _blocks(step.children, f"{path}.")


def drawing(title: str, body: Body, steps: tuple[Traced, ...], stages: bool = False) -> Drawing:
    """Draws the steps of a body. stages: whether blocks in a row are one box, as in the network."""
    results = body.results + body.training_results
    flow = Flow(steps, results)
    leaving = {flow.source(result) for result in results}
    entering = steps[0].inputs[0] if steps else None
    boxes = [Box("input", "", "input", _shape(entering))]
    arrows: list[tuple[int, int]] = []
    made: dict[Input, int] = {Input(0): 0}
    for number, step in enumerate(steps):
        if step.role == "absent":
            continue
        sources = [made[source] for source in flow.inputs(step)]
        for box in _boxes(step, "", stages):
            arrows += [(source, len(boxes)) for source in sources]
            sources = [len(boxes)]
            boxes.append(box)
        values = [Input(number + 1), *(Input(number + 1, part) for part in range(len(step.conditions)))]
        made |= dict.fromkeys(values, sources[0])
        if Input(number + 1) in leaving:
            boxes[-1] = boxes[-1]._replace(last=True)
    return Drawing(title, tuple(boxes), tuple(dict.fromkeys(arrows)))


def _boxes(step: Traced, prefix: str, stages: bool) -> Iterator[Box]:
    """The boxes of a step: a stage is one, a sequence of layers one for each."""
    name = prefix + step.name
    present = [child for child in step.children if child.role != "absent"]
    is_stage = all(child.role == "block" for child in present) and (stages or len(present) > MOST_UNFOLDED)
    if step.role == "chain" and not is_stage:
        for child in present:
            yield from _boxes(child, f"{name}.", stages)
    elif step.role == "chain":
        kinds = [(kind, len(list(group))) for kind, group in itertools.groupby(child.type for child in present)]
        yield Box(name, ", ".join(f"{count} x {kind}" for kind, count in kinds), "stage", _shape(step.output))
    elif step.role == "merge":
        yield Box(name, step.type, "merge", _shape(step.output))
    elif step.role == "split":
        yield Box(name, f"split in {len(step.conditions)}", "split", _shape(step.output))
    elif step.op is not None:
        yield Box(name, _short(step.op, step.type, step.inputs[0]), "op", _shape(step.output))
    else:
        yield Box(name, _call(step), "block", _shape(step.output))


def _call(step: Traced) -> str:
    """A block with those of its arguments that a box has room for: `ConvNormAct 3x3, stride 2`."""
    given = dict(step.arguments)
    kernel = given.get("kernel_size")
    window = "" if kernel is None else " " + "x".join(str(size) for size in axes(kernel, step.inputs[0].rank))
    return step.type + window + "".join(f", {name} {given[name]}" for name in SAID[1:] if given.get(name, 1) != 1)


def _short(op: Op, type_name: str, x: Shape) -> str:
    """The class with the options that a box has room for."""
    first, *rest = op_title(op, type_name, x).split(", ")
    return ", ".join([first, *(part for part in rest if part.split(" ")[0] in SAID)])


def _shape(shape: Shape | None) -> str:
    return "" if shape is None else shape_text(shape.sizes)


def escaped(text: str) -> str:
    """Returns free text for XML and HTML: markup is quoted, and what is not printable becomes an escape."""
    return html.escape("".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text))


# ---- Mermaid


def mermaid(drawn: tuple[Drawing, ...], head: str) -> str:
    """Returns the drawings as a Mermaid flowchart. head: a line that says where it comes from."""
    lines = [f"%% {head}", "flowchart TB"]
    for number, one in enumerate(drawn):
        lines.append(f'  subgraph d{number}["{_quoted(one.title)}"]')
        lines.append("    direction TB")
        lines += [f"    {_id(number, place)}{_mermaid_box(box)}" for place, box in enumerate(one.boxes)]
        for source, target in one.arrows:
            lines.append(f'    {_id(number, source)} -->|"{one.boxes[source].shape}"| {_id(number, target)}')
        for place, box in enumerate(one.boxes):
            if box.last:
                lines.append(f'    {_id(number, place)} -->|"{box.shape}"| {_id(number, place)}o(["output"])')
        lines.append("  end")
    return "\n".join(lines) + "\n"


def _id(number: int, place: int) -> str:
    return f"d{number}n{place}"


def _mermaid_box(box: Box) -> str:
    text = _quoted(box.name) + (f"<br/>{_quoted(box.detail)}" if box.detail else "")
    opening, closing = {"input": ("([", "])"), "merge": ("((", "))"), "stage": ("[[", "]]")}.get(box.kind, ("[", "]"))
    return f'{opening}"{text}"{closing}'


def _quoted(text: str) -> str:
    """Mermaid writes a sign that means something to it as its number."""
    return "".join(sign if sign.isalnum() or sign in " .,_-()/+" else f"#{ord(sign)};" for sign in text)
