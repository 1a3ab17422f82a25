"""What of an old checkpoint a new module loads: by the names alone, as torch does it, and by which layer became which."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archgen.analysis.weights import state

if TYPE_CHECKING:
    from archgen.analysis.weights import Weight
    from archgen.review.align import Pair, Side


class Moved(NamedTuple):
    """An entry of the `state_dict` of both networks, under the name and with the shape that it has in each."""

    old: str
    new: str
    shape: tuple[int, ...]
    other: tuple[int, ...]


class Checkpoint(NamedTuple):
    """What becomes of the entries of an old `state_dict`.

    kept: how many have their name and shape. renamed, reshaped: those that stand under another name, or with another shape.
    removed, added: those of one side alone. swapped: those whose name and shape another layer has now: they load, and are wrong
    there. reordered: whether the parameters that both have come in another order, by which an optimizer counts them.
    """

    kept: int
    renamed: tuple[Moved, ...]
    reshaped: tuple[Moved, ...]
    removed: tuple[Weight, ...]
    added: tuple[Weight, ...]
    swapped: tuple[Moved, ...]
    reordered: bool

    @property
    def loads(self) -> bool:
        """Whether `load_state_dict` takes the old one as it is, each entry for the layer that it belongs to."""
        return not (self.renamed or self.reshaped or self.removed or self.added)

    @property
    def loads_renamed(self) -> bool:
        """Whether it does so with other names."""
        return not (self.reshaped or self.removed or self.added)

    @property
    def names(self) -> dict[str, str]:
        """The new name of each entry that has another one."""
        return {one.old: one.new for one in self.renamed}


def modules(pairs: tuple[Pair, ...]) -> dict[str, str]:
    """The path of the new module for each old one that was paired."""
    return {pair.old.module: pair.new.module for top in pairs for pair in top.walk() if pair.old and pair.new}


def compare(old: Side, new: Side, pairs: tuple[Pair, ...]) -> Checkpoint:
    """Compares the entries of two networks."""
    before, after = state(old.graph, old.steps), state(new.graph, new.steps)
    there = {weight.name: weight for weight in after}
    became = modules(pairs)
    renamed, reshaped, removed, swapped = [], [], [], []
    met: set[str] = set()
    order: list[str] = []
    kept = 0
    for weight in before:
        name = became.get(weight.layer, "") + weight.name.removeprefix(weight.layer)
        found = there.get(name) if weight.layer in became else None
        if found is None:
            removed.append(weight)
        else:
            met.add(name)
            moved = Moved(weight.name, name, weight.shape, found.shape)
            if weight.shape != found.shape:
                reshaped.append(moved)
            elif weight.name != name:
                renamed.append(moved)
            else:
                kept += 1
            if weight.trained:
                order.append(name)
        other = there.get(weight.name)
        if other is not None and other.shape == weight.shape and (found is None or name != weight.name):
            swapped.append(Moved(weight.name, weight.name, weight.shape, other.shape))
    both = set(order)
    return Checkpoint(
        kept,
        tuple(renamed),
        tuple(reshaped),
        tuple(removed),
        tuple(weight for weight in after if weight.name not in met),
        tuple(swapped),
        order != [weight.name for weight in after if weight.name in both],
    )
