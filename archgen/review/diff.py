"""Two versions of a network beside each other: what was done to its layers, and what that means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen.diagnostics import Place
from archgen.records import Record
from archgen.review import align, changes, checkpoint, interface, meaning
from archgen.review.align import Side

if TYPE_CHECKING:
    from archgen.network import Network
    from archgen.review.align import Pair
    from archgen.review.changes import Change
    from archgen.review.checkpoint import Checkpoint
    from archgen.review.interface import Interface


class Total(Record):
    """A figure of the whole network before and after. unit: `B` for bytes, or ''."""

    name: str
    old: int
    new: int
    unit: str = ""

    @property
    def percent(self) -> float | None:
        """By how much it grew, of what it was; None where it was nothing."""
        return 100 * (self.new - self.old) / self.old if self.old else None


class Diff(Record):
    """What differs between two networks.

    old, new: what they are called. pairs: which layer became which. changes: what was done. weights: what of an old
    checkpoint loads. same: whether both compute the same of the same weights, in evaluation and in training; False says
    that this could not be shown. permuted: whether the outputs are the same ones in another order. alike: whether the two
    say the same, for other values of their arguments too. arguments: whether there are any. totals: for one image of each
    one's own input.
    """

    old: str
    new: str
    pairs: tuple[Pair, ...]
    changes: tuple[Change, ...]
    weights: Checkpoint
    interface: Interface
    same: tuple[bool, bool]
    permuted: bool
    alike: bool
    arguments: bool
    totals: tuple[Total, ...]

    @property
    def equal(self) -> bool:
        """Whether nothing differs, names included; a comment and a description are not looked at."""
        return self.alike and not self.interface.differences


def between(old: Network, new: Network) -> Diff:
    """Compares two networks, each for its own input. Raises SpecError where one does not fit that, or breaks an `assert`."""
    before, after = (Side(one.graph, one.checked().traced().steps) for one in (old, new))
    pairs = align.align(before, after)
    became = checkpoint.modules(pairs)
    evaluated, trained = (meaning.outputs(before, after, became, training) for training in (False, True))
    return Diff(
        old.path.as_posix(),
        new.path.as_posix(),
        pairs,
        changes.changes(before, after, pairs),
        checkpoint.compare(before, after, pairs),
        interface.compare(old, new),
        (evaluated[0] == evaluated[1], trained[0] == trained[1]),
        evaluated[0] != evaluated[1] and sorted(evaluated[0]) == sorted(evaluated[1]),
        alike(old, new),
        bool(old.spec.parameters or new.spec.parameters),
        _totals(old, new),
    )


def alike(old: Network, new: Network) -> bool:
    """Whether two specs say the same, wherever it is written, and whatever their descriptions."""
    before, after = (_said((one.network, one.blocks, one.entering)) for one in (old.session.bare, new.session.bare))
    return before == after


def _said(value: object) -> object:
    """A value without the places in it; numbers of two types are two."""
    if isinstance(value, Record):
        fields = [name for name in value.fields if name not in value.uncompared]
        return type(value), tuple(_said(getattr(value, name)) for name in fields)
    if isinstance(value, Place):
        return None
    if isinstance(value, dict):
        return {name: _said(one) for name, one in value.items()}
    return tuple(map(_said, value)) if isinstance(value, tuple) else (type(value), value)


def _totals(old: Network, new: Network) -> tuple[Total, ...]:
    before, after = ({**_counts(one), **_memory(one)} for one in (old, new))
    return tuple(Total(name, before[name], after[name], "B" if name.endswith("memory") else "") for name in before)


def _counts(network: Network) -> dict[str, int]:
    found = network.report().totals
    return {"parameters": found.parameters, "buffers": found.buffers, "MACs": found.macs}


def _memory(network: Network) -> dict[str, int]:
    found = network.costs()
    peaks = {"inference memory": found.inference.size, "training memory": found.training.size}
    return {"activations": found.activations, **peaks}
