"""The report as text: a table for people, and JSON with a line for each layer."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from archgen.analysis import built_text
from archgen.analysis.columns import GAP, WIDTH, aligned, facts, shape_text
from archgen.diagnostics import printable

if TYPE_CHECKING:
    from archgen.analysis.cost import Costs
    from archgen.analysis.report import Report, Row

TITLES = ("layer", "type", "output", "parameters", "MACs")
NONE = "-"  # a layer without weights or MACs: a column of zeros would hide the numbers


def table(report: Report, depth: int | None = None, batch: int = 1) -> str:
    """Returns the rows down to a depth, and below them the totals, the input and what a MAC is; no line break at the end.

    Shapes and MACs are those of the whole batch. Where a layer did not fit, the totals are left out: they would be of a part.
    """
    shown = [_cells(row, batch) for row in report.rows if depth is None or row.depth <= depth]
    lines = [*aligned([TITLES, *shown]), ""] if shown else []
    return "\n".join([*lines, *_below(report, batch), *built_text.lines(report.built)])


def _cells(row: Row, batch: int) -> tuple[str, ...]:
    name = GAP * (row.depth - 1) + row.path.rpartition(".")[2]
    return name, row.type, shape_text(row.output_shape, batch), _number(row.parameters), _number(row.macs * batch)


def _number(value: int) -> str:
    return f"{value:,}" if value else NONE


def _below(report: Report, batch: int) -> list[str]:
    pairs = []
    if report.output_shapes:
        pairs = [
            ("parameters", f"{report.totals.parameters:,}"),
            ("buffers", f"{report.totals.buffers:,}"),
            ("MACs", f"{report.totals.macs * batch:,}" + (f" for a batch of {batch}" if batch > 1 else "")),
        ]
    pairs.append(("input", shape_text(report.input_shape, batch)))
    pairs.append(("spec", f"{report.name}, {printable(report.spec)}"))
    if report.contract is not None:
        pairs += report.contract.brief()
    notes = [report.mac_convention[:1].upper() + report.mac_convention[1:], *_training_notes(report, batch)]
    return [*facts(pairs), "", *(line for note in notes for line in textwrap.wrap(note, WIDTH))]


def _training_notes(report: Report, batch: int) -> list[str]:
    """What runs only while training: the total does not count it."""
    return [
        f"{row.path} runs only while training: its {row.macs * batch:,} MACs are not in the total"
        for row in report.rows
        if row.training and row.depth == 1
    ]


def json_text(report: Report, depth: int | None = None, batch: int = 1, costs: Costs | None = None) -> str:
    """Returns the report as JSON text, rows down to a depth. Shapes are without the batch.

    For a batch of several images, MACs are those of all of them, and a key `batch` says so. costs: for this batch, if wanted.
    """
    values = report.as_json()
    every = values.pop("layers")
    if costs is not None:
        values["memory"] = costs.as_json()
        every = [{**layer, **cost.as_json()} for layer, cost in zip(every, costs.layers)]
    layers = [layer for layer in every if depth is None or layer["depth"] <= depth]
    if batch > 1:
        values = {**values, "batch": batch, "totals": _batched(values["totals"], batch)}
        layers = [_batched(layer, batch) for layer in layers]
    return json_lines(values, layers)


def json_lines(values: dict[str, Any], layers: list[dict[str, Any]]) -> str:
    """Returns JSON text with a line for each value, and for each layer, which come last; it stands in the logs of CI, too."""
    import json

    head = [f"  {json.dumps(key)}: {json.dumps(value)},\n" for key, value in values.items()]
    body = ",\n".join("    " + json.dumps(layer) for layer in layers)
    text = "{\n" + "".join(head) + '  "layers": [\n' + body + ("\n" if body else "") + "  ]\n}"
    return text.replace("##[", "##\\u005b")  # as `printable` does it


def _batched(counts: dict[str, Any], batch: int) -> dict[str, Any]:
    return {**counts, "macs": counts["macs"] * batch}
