"""What a comparison found, as values, and as JSON: `docs/comparison.schema.json` is its schema."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from archgen.records import Record

if TYPE_CHECKING:
    from archgen.port.pairs import Pair, Paired, Weight

FORMAT_VERSION = 1
IMAGES = 4  # that both run on: of two, batch norm over a single position keeps no more than a sign


class Side(NamedTuple):
    """One of the two. macs: for one image, None where it does not run."""

    parameters: int
    macs: int | None


class Run(NamedTuple):
    """One thing that was compared with equal weights, how far apart the two are, and the difference in words, or ''.

    apart: as a part of the largest number; without end where the two can't be set beside each other.
    """

    name: str
    apart: float
    difference: str


class Comparison(Record):
    """A spec's module and a model, for one input.

    other_macs: the first layer with other MACs, in words, or ''. runs: of both with equal weights; none where these can't be
    carried over, or where the model does not run. dtype, tolerance: in which they ran, and how far apart they may be. fault:
    what the model raised on the input, or ''.
    """

    name: str
    spec: str
    model: str
    input_shape: tuple[int, ...]
    ours: Side
    theirs: Side
    paired: Paired
    other_macs: str
    runs: tuple[Run, ...]
    dtype: str
    tolerance: float
    fault: str

    @property
    def equal(self) -> bool:
        """Whether the module can stand in for the model, its checkpoints and the order of its weights included."""
        return (
            not self.fault
            and self.ours == self.theirs
            and not self.other_macs
            and all(pair.ours == pair.theirs and not pair.moved for pair in self.paired.pairs)
            and not any(run.difference for run in self.runs)
        )

    def as_json(self) -> dict[str, Any]:
        """All but the weights."""
        return {
            "schema_version": FORMAT_VERSION,
            "name": self.name,
            "spec": self.spec,
            "model": self.model,
            "input_shape": list(self.input_shape),
            "equal": self.equal,
            "totals": {"spec": self.ours._asdict(), "model": self.theirs._asdict()},
            "other_macs": self.other_macs,
            "carried": self.paired.carried,
            "dtype": self.dtype,
            "tolerance": self.tolerance,
            "runs": [{**run._asdict(), "apart": run.apart if math.isfinite(run.apart) else None} for run in self.runs],
            "fault": self.fault,
            "names": self.paired.names,
        }

    def weights_as_json(self) -> list[dict[str, Any]]:
        return [_pair_as_json(pair) for pair in self.paired.pairs]


def _pair_as_json(pair: Pair) -> dict[str, Any]:
    def one(weight: Weight | None) -> dict[str, Any] | None:
        return None if weight is None else {"name": weight.name, "shape": list(weight.shape)}

    return {"spec": one(pair.ours), "model": one(pair.theirs), "paired_by": pair.by, "moved": pair.moved}
