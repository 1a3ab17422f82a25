"""What a run costs beside its MACs: memory, and the bytes that move. Worked out where it is asked for: it takes a second trace.

`activations` are the elements that convolutions and linear layers put out, as in Radosavovic et al., 2020 (Designing Network
Design Spaces). Traffic is what a layer must read and write once: its inputs, its weights and buffers, its output; a view moves
nothing. Intensity is floating-point operations, two for each MAC, over these bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archgen.analysis import memory
from archgen.analysis import report as reports
from archgen.analysis.memory import Use
from archgen.ops.value import Mode, product
from archgen.records import Record
from archgen.trace.traced import Role

if TYPE_CHECKING:
    from archgen.analysis.memory import Peak
    from archgen.analysis.report import Row
    from archgen.graph.model import Graph
    from archgen.trace.traced import Traced, TracedBody


DTYPES = {"float32": 4, "float16": 2, "bfloat16": 2}  # bytes of a value


class LayerCost(NamedTuple):
    """Bytes of a row of the report, in a container of all that is in it (live: the most)."""

    row: Row
    activation: int
    kept: int
    live: int
    traffic: int


class Costs(Record):
    """Of a network for one input size, batch and dtype. All but `activations`, which is for one image, are bytes for the batch.

    inference, training: the peaks. kept: in all, for the backward pass. intensity: FLOPs for each byte of traffic.
    """

    dtype: str
    batch: int
    layers: tuple[LayerCost, ...]
    activations: int
    inference: Peak
    training: Peak
    kept: int
    traffic: int
    intensity: float
    parameters: int
    buffers: int

    def assertable(self) -> dict[str, int]:
        """What `assert` may name."""
        return {
            "activations": self.activations,
            "inference_memory": self.inference.size,
            "training_memory": self.training.size,
        }


_NOTHING = Use(0, 0, 0)


def costs(graph: Graph, traced: TracedBody, named: dict[str, TracedBody], batch: int = 1, dtype: str = "float32") -> Costs:
    """Works out what a network costs. traced, named: its traces on numbers and on names, which tell the module's variables."""
    item = DTYPES[dtype]
    evaluating = memory.inference(graph, traced, named, batch, item)
    training = memory.training(graph, traced, named, batch, item)
    rows = reports.rows(traced.steps)
    layers = _layers(rows, evaluating.layers, training.layers, batch, item)
    total = reports.totals(traced.steps)
    traffic = sum(layer.traffic for layer in layers if layer.row.leaf)
    return Costs(
        dtype=dtype,
        batch=batch,
        layers=layers,
        activations=sum(product(row.output_shape) for row in rows if row.leaf and row.macs),
        inference=evaluating.peak,
        training=training.peak,
        kept=sum(use.kept for use in training.layers.values()),
        traffic=traffic,
        intensity=2 * total.macs * batch / traffic if traffic else 0.0,
        parameters=total.parameters * item,
        buffers=_buffer_bytes(traced.steps, item),
    )


def _layers(
    rows: tuple[Row, ...], evaluating: dict[str, Use], training: dict[str, Use], batch: int, item: int
) -> tuple[LayerCost, ...]:
    """A cost for each row; those of a container are added up from behind, where what is in it stands."""
    found: list[LayerCost] = []
    waiting: dict[int, list[LayerCost]] = {}  # the rows of each depth that no container has taken yet
    for row in reversed(rows):
        inside = waiting.pop(row.depth + 1, [])
        # a layer may run in training alone, a merge of one value that is left hands that on, and a loop merges what is in it
        run, own = evaluating.get(row.path, _NOTHING), training.get(row.path, _NOTHING)
        if row.leaf:
            cost = LayerCost(row, run.made, own.kept, run.live, _traffic(row.traced, batch, item))
        else:
            live = max(run.live, *(cost.live for cost in inside), 0)
            activation = run.made + sum(cost.activation for cost in inside)
            kept = own.kept + sum(cost.kept for cost in inside)
            merged = _merge_traffic(row.traced, batch, item) if row.role in (Role.COLLECT, Role.COPIES) else 0
            cost = LayerCost(row, activation, kept, live, merged + sum(cost.traffic for cost in inside))
        waiting.setdefault(row.depth, []).append(cost)
        found.append(cost)
    return tuple(reversed(found))


def _traffic(step: Traced, batch: int, item: int) -> int:
    if step.op is not None and step.op.footprint(step.inputs[0], step.output, Mode()).shared:
        return 0
    if step.role is Role.LINE:
        read_and_written: int = product(step.inputs[0].sizes) + product(step.output.sizes)
        return item * (batch * read_and_written + step.parameters)
    present = [shape for shape, there in zip(step.inputs, step.conditions or (True,)) if there is not False]
    values: int = sum(product(shape.sizes) for shape in (*present, step.output))
    return item * (batch * values + step.parameters + step.buffers)


def _merge_traffic(step: Traced, batch: int, item: int) -> int:
    """Each value that is collected is read once, and all of them written."""
    first = step.inputs if step.role is Role.COLLECT else ()
    shapes = (*first, *(child.output for child in step.children), step.output)
    return item * batch * sum(int(product(shape.sizes)) for shape in shapes)


def _buffer_bytes(steps: tuple[Traced, ...], item: int) -> int:
    """The batches that a normalisation has seen are counted in an int64."""
    total = 0
    for step in steps:
        if step.again:
            continue
        if step.op is not None:
            for _, shape in step.op.buffers(step.inputs[0]):
                total += product(shape) * item if shape else memory.INT64
        total += _buffer_bytes(step.children, item)
    return total
