"""Another input beside the network as it is built: which of its weights are not those that the other input would give.

A linear layer behind `flatten` takes its number of features from the spec's own input. At another one the report counts the
weights that a network for that input would have; the module that was built has its own, and does not run there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen.analysis.report import OtherWeight
from archgen.trace.traced import Role

if TYPE_CHECKING:
    from archgen.analysis.report import Row


def other_weights(rows: tuple[Row, ...], built: tuple[Row, ...]) -> tuple[OtherWeight, ...]:
    """The parameters and buffers that differ between the rows of a report and those of the network as it is built."""
    here, there = _tensors(rows), _tensors(built)
    names = dict.fromkeys((*here, *there))
    return tuple(OtherWeight(name, here.get(name), there.get(name)) for name in names if here.get(name) != there.get(name))


def _tensors(rows: tuple[Row, ...]) -> dict[str, tuple[int, ...]]:
    """Every parameter and buffer of a network by its name in the module, and what else a layer was built for."""
    found: dict[str, tuple[int, ...]] = {}
    for row in rows:
        if row.op is not None:
            x = row.traced.inputs[0]
            bare = row.role is Role.LINE  # its parameter belongs to the class around it
            tensors = (*row.op.weights(x), *row.op.buffers(x), *row.op.built_for(x))
            found |= {row.module if bare else f"{row.module}.{name}": shape for name, shape in tensors}
    return found
