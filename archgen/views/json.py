"""The report as JSON: tables of keys, from which `docs/report.schema.json` is written, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archgen.analysis.cost import DTYPES
from archgen.analysis.report import SCHEMA_VERSION
from archgen.published import (
    COUNT,
    NUMBER,
    POSITIVE,
    SHAPE,
    TEXT,
    TRUTH,
    ByName,
    Form,
    Key,
    Kind,
    Listed,
    OrNull,
    Shared,
    document,
    version,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.analysis.cost import Costs, LayerCost
    from archgen.analysis.report import Report, Row
    from archgen.published import Schema


class Printed(NamedTuple):
    """A report as it is printed: for a batch of images, rows down to a depth; costs: for this batch, if wanted."""

    report: Report
    depth: int | None = None
    images: int = 1
    costs: Costs | None = None

    @property
    def layers(self) -> list[Line]:
        costs = self.costs.layers if self.costs else [None] * len(self.report.rows)
        lines = (Line(row, cost, self.images) for row, cost in zip(self.report.rows, costs, strict=True))
        return [line for line in lines if self.depth is None or line.row.depth <= self.depth]


class Line(NamedTuple):
    """A row of the report, with what it costs where that is asked for."""

    row: Row
    cost: LayerCost | None
    images: int


def _of_cost(name: str) -> Callable[[Line], int | None]:
    return lambda line: None if line.cost is None else getattr(line.cost, name)


PER_AXIS = Shared(
    "per_axis",
    Kind(anyOf=[{"type": "number", "minimum": 0}, {"type": "array", "items": {"type": "number", "minimum": 0}}]),
    "One number where all axes are alike, else one for each.",
)

CONTRACT = Form(
    Key(
        "min_size",
        OrNull(POSITIVE),
        "The smallest input with all sizes equal that it runs on; null where there is none, or where `complete` is false: "
        "then it is not known.",
    ),
    Key(
        "sizes",
        TEXT,
        "The sizes that it runs on, as built for the spec's own input: `H >= 32 and W >= 32`, `H and W in 224 to 255`, "
        "`every size`. L, D, H, W: the input's length, depth, height, width.",
    ),
    Key("training_sizes", OrNull(TEXT), "The sizes that it runs on while training, as a rule; null where these are the same."),
    Key(
        "exact_sizes",
        TEXT,
        "Those of them at which no layer leaves out a last row or column; empty where that is beyond proof.",
    ),
    Key(
        "reduction",
        PER_AXIS,
        "How many positions of the input stand for one of the smallest value: the network's stride.",
    ),
    Key(
        "receptive_field",
        OrNull(PER_AXIS),
        "How many positions, from the first to the last, an output reads, or else the value that the last pooling to a fixed "
        "size took; null where there is no such number, mostly because a gate lets every value see the whole input.",
    ),
    Key("complete", TRUTH, "False where a question would have cost too much: then what is null or empty is not known."),
)

OTHER_WEIGHT = Form(
    Key("name", TEXT, "In the module, as `fc.weight`; a parameter or a buffer."),
    Key("shape", OrNull(SHAPE), "For the other input; null where it has none."),
    Key("built_shape", OrNull(SHAPE), "As built; null where it has none.", of="built"),
)

BUILT = Form(
    Key("input_shape", SHAPE, "The spec's own.", of="own"),
    Key(
        "other_weights",
        Listed(OTHER_WEIGHT),
        "Those that a network for the other input would have otherwise. If there are any, the module does not run on it.",
        of="others",
    ),
    Key(
        "nearest",
        Listed(SHAPE),
        "The nearest inputs on which the module runs, where it does not run on the other one and some are known.",
    ),
)

CONTRACT_KEY = (CONTRACT, "What the network asks of an input of any size, and does to it.")
BUILT_KEY = (BUILT, "With --input, where the spec also runs on its own: what that means for the module as it is built.")

PEAK = (Key("bytes", COUNT, of="size"), Key("path", TEXT, "The layer at which it is reached."))
MEMORY = Form(
    Key("dtype", Kind(enum=list(DTYPES)), "Of weights and values."),
    Key("activations", COUNT, "Elements that convolutions and linear layers put out, for one image."),
    Key("inference_peak", Form(*PEAK), "In evaluation, without gradients.", of="inference"),
    Key("training_peak", Form(*PEAK, Key("backward", TRUTH, "Whether that is on the way back.")), of="training"),
    Key("kept_bytes", COUNT, "What the backward pass needs.", of="kept"),
    Key("parameter_bytes", COUNT, of="parameters"),
    Key("buffer_bytes", COUNT, of="buffers"),
    Key("traffic_bytes", COUNT, "What the layers read and write, each its inputs, weights and output once.", of="traffic"),
    Key(
        "intensity",
        NUMBER,
        "FLOPs, two for each MAC, for each byte of traffic.",
        of=lambda costs: round(costs.intensity, 3),
    ),
)

TYPE = "The class, as `Conv2d`; of a merge its kind, as `add`; of a line of `forward` its op, as `permute`."
LAYER = Form(
    Key(
        "path",
        TEXT,
        "The attributes that lead to it in the generated module, as `layer1.0.conv1`; of a merge, its name in the spec.",
        of="row.path",
    ),
    Key("type", TEXT, TYPE, of="row.type"),
    Key("line", COUNT, "Of the spec, or of the block's own file.", of="row.line"),
    Key("depth", POSITIVE, "1 for what stands in the network itself.", of="row.depth"),
    Key(
        "leaf",
        TRUTH,
        "Whether no other rows are in it. The leaves' counts add up to the totals; `training_only` ones without their MACs.",
        of="row.leaf",
    ),
    Key("input_shape", SHAPE, "Of a merge: of its first input.", of="row.input_shape"),
    Key("output_shape", SHAPE, of="row.output_shape"),
    Key("parameters", COUNT, of="row.parameters"),
    Key("macs", COUNT, of=lambda line: line.row.macs * line.images),
    Key(
        "module",
        TEXT,
        "Of a layer that runs again: the path of the one whose module and weights it uses.",
        of=lambda line: line.row.module if line.row.again else None,
        optional=True,
    ),
    Key(
        "training_only",
        TRUTH,
        "Whether it runs only while training: then the total does not count its MACs.",
        of="row.training",
    ),
    *(
        Key(f"{name}_bytes", COUNT, f"With --memory: {what}.", of=_of_cost(name), optional=True)
        for name, what in (
            ("activation", "what it makes new in evaluation"),
            ("kept", "what it is the first to keep for the backward pass"),
            ("live", "all there is while it runs in evaluation"),
            ("traffic", "what it reads and writes"),
        )
    ),
)

TOTALS = Form(
    Key("parameters", COUNT, "Trained values.", of="report.totals.parameters"),
    Key("buffers", COUNT, "Values that are kept, not trained: running statistics.", of="report.totals.buffers"),
    Key("macs", COUNT, of=lambda printed: printed.report.totals.macs * printed.images),
)

REPORT = Form(
    version(SCHEMA_VERSION),
    Key("name", TEXT, "The class of the generated module.", of="report.name"),
    Key("spec", TEXT, "The spec's file, as it was given.", of="report.spec"),
    Key("input_shape", SHAPE, "Channels, then sizes; of the first, where several values enter.", of="report.input_shape"),
    Key(
        "inputs",
        ByName(SHAPE),
        "Where several values enter: the shape of each by its name.",
        of=lambda printed: printed.report.inputs or None,
        optional=True,
    ),
    Key("output_shapes", Listed(SHAPE), "Of each output, those of training last.", of="report.output_shapes"),
    Key("mac_convention", TEXT, "What is counted as a MAC.", of="report.mac_convention"),
    Key(
        "batch",
        Kind(type="integer", minimum=2),
        "With --batch: every `macs` is for this many images. Without it, for one.",
        of=lambda printed: printed.images if printed.images > 1 else None,
        optional=True,
    ),
    Key("totals", TOTALS, of=lambda printed: printed),
    Key("contract", *CONTRACT_KEY, of="report.contract", optional=True),
    Key("built", *BUILT_KEY, of="report.built", optional=True),
    Key(
        "memory",
        MEMORY,
        "With --memory: for the whole batch, in bytes unless it says otherwise. Peaks are of the input, the activations, what "
        "is kept for the backward pass and the gradients of activations; parameters, their gradients and what a kernel takes "
        "for itself are not in them.",
        of="costs",
        optional=True,
    ),
    Key("layers", Listed(LAYER), "Each container, then what is in it, in the order in which they run."),
)


def schema() -> Schema:
    return document(
        "archgen report",
        "What `archgen shapes SPEC --format json` prints. Shapes are without the batch. Where a layer does not fit, "
        "`output_shapes` is empty, `layers` ends before it and `totals` are of the rows up to it; the exit code is then 2.",
        REPORT,
    )


def values(report: Report) -> dict[str, Any]:
    """Returns the report as JSON values, for one image."""
    return REPORT.values(Printed(report))


def json_text(report: Report, depth: int | None = None, batch: int = 1, costs: Costs | None = None) -> str:
    """Returns the report as JSON text, rows down to a depth. Shapes are without the batch.

    For a batch of several images, MACs are those of all of them, and a key `batch` says so. costs: for this batch, if wanted.
    """
    return json_lines(REPORT.values(Printed(report, depth, batch, costs)))


def json_lines(values: dict[str, Any]) -> str:
    """Returns JSON text with a line for each value, and for each entry of the last; it stands in the logs of CI, too."""
    import json

    *head, (last, entries) = values.items()
    lines = [f"  {json.dumps(key)}: {json.dumps(value)},\n" for key, value in head]
    body = ",\n".join("    " + json.dumps(entry) for entry in entries)
    text = "{\n" + "".join(lines) + f'  "{last}": [\n' + body + ("\n" if body else "") + "  ]\n}"
    return text.replace("##[", "##\\u005b")  # as `printable` does it
