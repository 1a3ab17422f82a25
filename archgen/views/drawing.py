"""A network as pictures: one of the whole, with its stages as boxes, and one of each block that differs.

What is drawn is the same in every format: a `Drawing` of boxes and arrows, made from the trace. `mermaid` writes it as text
that the usual code hosts draw, `svg` lays it out itself, `page` adds plots over depth.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

from archgen.graph.model import Input
from archgen.ops.value import axes
from archgen.trace.flow import Flow
from archgen.trace.traced import Role, training_results
from archgen.views.columns import shape_text
from archgen.views.op_text import op_title

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archgen.graph.model import Body, Graph
    from archgen.ops.base import Op
    from archgen.ops.value import Shape
    from archgen.trace.traced import Traced, TracedBody


TOLD = "do not edit."
MOST_UNFOLDED = 4  # blocks in a row that a block's own picture shows one by one
SAID = ("kernel_size", "stride", "groups")  # the options that a box has room for


class Box(NamedTuple):
    """A step. kind: input, op, block, stage, merge or split. shape: of what leaves it; last: whether that is a result."""

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
    found = [drawing(graph.network.name, graph.network, traced.entering, traced.steps, stages=True)]
    seen: set[tuple[object, ...]] = set()
    for path, step in _blocks(traced.steps, ""):
        body = graph.blocks[step.type]
        drawn = drawing(f"{step.type}, as {path}", body, step.inputs, step.children)
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
        if step.role is Role.BLOCK:
            yield path, step
        if step.role in (Role.BLOCK, Role.CHAIN, Role.COLLECT, Role.COPIES):
            yield from _blocks(step.children, f"{path}.")


def drawing(title: str, body: Body, entering: tuple[Shape, ...], steps: tuple[Traced, ...], stages: bool = False) -> Drawing:
    """Draws the steps of a body. stages: whether blocks in a row are one box, as in the network."""
    results = body.results + training_results(body, steps)
    flow = Flow(steps, results)
    leaving = {flow.source(result) for result in results}
    names = body.inputs or ("input",)
    boxes = [Box(name, "", "input", _shape(x)) for name, x in zip(names, entering)]
    arrows: list[tuple[int, int]] = []
    made = {Input(0, number): number for number in range(len(names))} if body.inputs else {Input(0): 0}
    for number, step in enumerate(steps):
        if flow.passed[number] is not None:
            continue
        sources = [made[source] for source in flow.inputs(number)]
        for box in _boxes(step, "", stages):
            arrows += [(source, len(boxes)) for source in sources]
            sources = [len(boxes)]
            boxes.append(box)
        values = [Input(number + 1), *(Input(number + 1, part) for part in range(len(step.parts)))]
        made |= dict.fromkeys(values, sources[0])
        if Input(number + 1) in leaving:
            boxes[-1] = boxes[-1]._replace(last=True)
    return Drawing(title, tuple(boxes), tuple(dict.fromkeys(arrows)))


def _boxes(step: Traced, prefix: str, stages: bool) -> Iterator[Box]:
    """The boxes of a step: a stage is one, a sequence of layers one for each."""
    name = prefix + step.name
    present = [child for child in step.children if child.role is not Role.ABSENT]
    is_stage = all(child.role is Role.BLOCK for child in present) and (stages or len(present) > MOST_UNFOLDED)
    if step.role is Role.CHAIN and not is_stage:
        for child in present:
            yield from _boxes(child, f"{name}.", stages)
    elif step.role in (Role.CHAIN, Role.COLLECT, Role.COPIES):
        kinds = [(kind, len(list(group))) for kind, group in itertools.groupby(child.type for child in present)]
        joined = {Role.COLLECT: ", all joined", Role.COPIES: f" in {step.op.name if step.op else ''}"}.get(step.role, "")
        yield Box(name, ", ".join(f"{count} x {kind}" for kind, count in kinds) + joined, "stage", _shape(step.output))
    elif step.role is Role.MERGE:
        yield Box(name, step.type, "merge", _shape(step.output))
    elif step.role is Role.SPLIT:
        shapes = dict.fromkeys(map(_shape, step.outputs))  # those that are equal once
        yield Box(name, f"{step.type} in {len(step.parts)}", "split", " ".join(shapes))
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


def _shape(shape: Shape) -> str:
    return shape_text(shape.sizes)
