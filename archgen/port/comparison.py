"""What a comparison found, as values."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archgen.records import Record

if TYPE_CHECKING:
    from archgen.port.pairs import Paired

EVALUATION, BATCH_STATISTICS, RUNNING = RUNS = (
    "outputs in evaluation",
    "outputs with batch statistics",
    "running statistics",
)
DTYPES = ("float64", "float32")  # in which both run: the first that both can
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
