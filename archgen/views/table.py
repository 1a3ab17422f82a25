"""The report as text: a table for people, and JSON with a line for each layer."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from archgen.diagnostics import WIDTH, printable
from archgen.views import built_text
from archgen.views.columns import GAP, aligned, facts, shape_text

if TYPE_CHECKING:
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
    named = ", ".join(f"{name} {shape_text(shape, batch)}" for name, shape in report.inputs)
    pairs.append(("input", named or shape_text(report.input_shape, batch)))
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
