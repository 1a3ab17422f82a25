"""Which weight of one side is which of the other: by name where the names agree, else by order where the shapes do."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from archgen.diagnostics import quote
from archgen.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

NAME, ORDER = "name", "order"


class Weight(NamedTuple):
    """An entry of a `state_dict`: a parameter or a buffer."""

    name: str
    shape: tuple[int, ...]

    @property
    def layer(self) -> str:
        """The path of the module that holds it; '' is the network itself."""
        return self.name.rpartition(".")[0]

    @property
    def last(self) -> str:
        """Its name in that module."""
        return self.name.rpartition(".")[2]


class Pair(Record):
    """A weight of the spec's module and the model's, or one that stands in one of the two alone.

    by: how the two were found, `name` or `order`. moved: whether it stands elsewhere in the order.
    """

    ours: Weight | None
    theirs: Weight | None
    by: str | None = None
    moved: bool = False

    @property
    def fits(self) -> bool:
        return self.ours is not None and self.theirs is not None and self.ours.shape == self.theirs.shape


class Paired(NamedTuple):
    """All pairs, in the order of the spec's module. carried: how weights can be carried over, None where they can't."""

    pairs: tuple[Pair, ...]
    carried: str | None

    @property
    def fitting(self) -> list[tuple[Weight, Weight]]:
        """Those that are found on both sides with one shape."""
        both = [(pair.ours, pair.theirs) for pair in self.pairs if pair.fits]
        return [(ours, theirs) for ours, theirs in both if ours is not None and theirs is not None]

    @property
    def names(self) -> dict[str, str] | None:
        """The spec's name for each of the model's, with which a checkpoint is loaded; None where it does not fit."""
        return {theirs.name: ours.name for ours, theirs in self.fitting} if self.carried else None

    @property
    def layers(self) -> dict[str, str]:
        """The model's layer for each of the spec's that has weights, in order."""
        found: dict[str, str] = {}
        for ours, theirs in self.fitting:
            found.setdefault(ours.layer, theirs.layer)
        return found

    def layer_text(self, path: str) -> str:
        """A layer of the spec's in words, with the model's where that has another name."""
        other = self.layers[path]
        return quote(path) if path == other else f"{quote(path)} ({quote(other)} in the model)"


def paired(ours: Sequence[Weight], theirs: Sequence[Weight]) -> Paired:
    """Pairs the weights of the spec's module with those of the model."""
    if {weight.name for weight in ours} == {weight.name for weight in theirs}:
        pairs = _by_name(ours, theirs)
    elif [weight.shape for weight in ours] == [weight.shape for weight in theirs]:
        pairs = [Pair(one, other, NAME if one.name == other.name else ORDER) for one, other in zip(ours, theirs)]
    else:
        pairs = list(_aligned(_placed(ours), _placed(theirs), _KEYS))
    by = NAME if all(pair.by == NAME for pair in pairs) else ORDER
    return Paired(tuple(pairs), by if all(pair.fits for pair in pairs) else None)


def _by_name(ours: Sequence[Weight], theirs: Sequence[Weight]) -> list[Pair]:
    known = {weight.name: weight for weight in theirs}
    runs = _runs([weight.name for weight in ours], [weight.name for weight in theirs])
    kept = {ours[i].name for start, _, size in runs for i in range(start, start + size)}
    return [Pair(one, known[one.name], NAME, one.name not in kept) for one in ours]


class _Placed(NamedTuple):
    """A weight with all that its layer has: their names there, and shapes."""

    weight: Weight
    layer: tuple[tuple[str, tuple[int, ...]], ...]


def _placed(weights: Sequence[Weight]) -> list[_Placed]:
    layers: dict[str, list[tuple[str, tuple[int, ...]]]] = {}
    for weight in weights:
        layers.setdefault(weight.layer, []).append((weight.last, weight.shape))
    return [_Placed(weight, tuple(layers[weight.layer])) for weight in weights]


Key: TypeAlias = "Callable[[_Placed], Hashable]"
# what makes two weights alike, the surest first
_KEYS: tuple[tuple[Key, str], ...] = (
    (lambda placed: placed.weight, NAME),
    (lambda placed: (placed.weight.last, placed.layer), ORDER),
    (lambda placed: (placed.weight.last, placed.weight.shape), ORDER),
    (lambda placed: placed.weight.shape, ORDER),
    (lambda placed: placed.weight.name, NAME),
)


def _aligned(ours: Sequence[_Placed], theirs: Sequence[_Placed], keys: Sequence[tuple[Key, str]]) -> Iterator[Pair]:
    """Pairs in order what is alike by the first key, and what is left between by the next; the rest stands alone."""
    if not keys:
        yield from (Pair(one.weight, None) for one in ours)
        yield from (Pair(None, other.weight) for other in theirs)
        return
    (key, by), *others = keys
    here = there = 0
    for start, other, size in _runs(list(map(key, ours)), list(map(key, theirs))):
        yield from _aligned(ours[here:start], theirs[there:other], others)
        here, there = start + size, other + size
        yield from (Pair(one.weight, same.weight, by) for one, same in zip(ours[start:here], theirs[other:there]))


def _runs(ours: Sequence[Hashable], theirs: Sequence[Hashable]) -> list[tuple[int, int, int]]:
    """Where runs begin that are alike in both, and how long they are; the last is empty, at the ends."""
    blocks = SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    return [(block.a, block.b, block.size) for block in blocks]
