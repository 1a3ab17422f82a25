"""What torch refuses while training though it runs in evaluation: a batch normalisation of one value for each channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen.diagnostics import Note, quote
from archgen.ops.norm import BatchNorm
from archgen.ops.value import product

if TYPE_CHECKING:
    from archgen.analysis.report import Row
    from archgen.diagnostics import Place


def notes(rows: tuple[Row, ...], batch: int) -> tuple[Note, ...]:
    """Returns a note for each layer of the spec that torch refuses to train on so many images."""
    found: dict[Place, Note] = {}
    for row in rows:
        if isinstance(row.op, BatchNorm) and batch * product(row.traced.inputs[0].spatial) == 1:
            sentence = f"training stops at {quote(row.path)}: one image has one value for each channel there"
            found.setdefault(row.traced.place, Note(row.traced.place, sentence, "`--batch 2` is the least that trains"))
    return tuple(found.values())
