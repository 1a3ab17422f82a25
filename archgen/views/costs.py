"""`shapes --memory` as a table."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from archgen.diagnostics import WIDTH, printable
from archgen.views.columns import GAP, aligned, facts, shape_text
from archgen.views.table import NONE

if TYPE_CHECKING:
    from archgen.analysis.cost import Costs, LayerCost


TITLES = ("layer", "output", "activation", "kept", "live")
CONVENTION = (
    "Bytes. Activation: what a layer makes new. Kept: what it is the first to keep for the backward pass. Live: all there is "
    "while it runs in evaluation, the input and what waits for later layers included. Peaks leave out parameters, their "
    "gradients and what a kernel takes for itself."
)


def table(found: Costs, name: str, spec: str, depth: int | None = None) -> str:
    """Returns the costs as a table down to a depth, with the totals below it; no line break at the end."""
    rows = [_cells(layer, found.batch) for layer in found.layers if depth is None or layer.row.depth <= depth]
    return "\n".join([*aligned([TITLES, *rows]), "", *_below(found, name, spec)])


def _cells(layer: LayerCost, batch: int) -> tuple[str, ...]:
    name = GAP * (layer.row.depth - 1) + layer.row.path.rpartition(".")[2]
    numbers = (f"{value:,}" if value else NONE for value in (layer.activation, layer.kept, layer.live))
    return (name, shape_text(layer.row.output_shape, batch), *numbers)


def _below(found: Costs, name: str, spec: str) -> list[str]:
    way = "back through" if found.training.backward else "at"
    pairs = [
        ("inference peak", f"{mib(found.inference.size)} at {found.inference.path}"),
        ("training peak", f"{mib(found.training.size)} {way} {found.training.path}"),
        ("kept for backward", mib(found.kept)),
        ("parameters", f"{mib(found.parameters)}, their gradients the same again"),
        ("buffers", mib(found.buffers)),
        ("activations", f"{found.activations:,} elements of convolutions and linear layers" + ", an image" * (found.batch > 1)),
        ("traffic", f"{mib(found.traffic)} read and written in evaluation"),
        ("intensity", f"{found.intensity:,.1f} FLOPs a byte, two for each MAC"),
        ("batch, dtype", f"{found.batch:,} of {found.dtype}"),
        ("spec", f"{name}, {printable(spec)}"),
    ]
    return [*facts(pairs), "", *textwrap.wrap(CONVENTION, WIDTH)]


def mib(size: int) -> str:
    """Returns bytes as `12.34 MiB`, small ones as KiB."""
    return f"{size / 2**20:,.2f} MiB" if size >= 2**17 else f"{size / 2**10:,.2f} KiB"
