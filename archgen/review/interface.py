"""What the callers of a module meet: its constructor, what it takes and what it gives."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

from archgen.arithmetic.sizesets import TooLong
from archgen.arithmetic.spelling import SPEC, render
from archgen.review.changes import Difference
from archgen.views.columns import shape_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archgen.analysis.contract import Contract, Examined
    from archgen.network import Network

NONE = "none"
MOST_TRIED = 64  # inputs that the old one takes, of which one that the new one refuses is looked for


class Interface(NamedTuple):
    """What differs for callers.

    differences: by name. lost: an input that the old module takes and the new one does not, if one is known. arguments: of
    both, each with its default. outputs: the shapes of both, in evaluation, each for its own input. same_input: whether
    these are one.
    """

    differences: tuple[Difference, ...]
    lost: tuple[int, ...] | None
    arguments: tuple[dict[str, str], dict[str, str]]
    outputs: tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]
    same_input: bool


def compare(old: Network, new: Network) -> Interface:
    return Interface(
        tuple(one for one in _differences(old, new) if one.old != one.new),
        _lost(old, new),
        (_arguments(old), _arguments(new)),
        (_outputs(old)[0], _outputs(new)[0]),
        old.graph.entering == new.graph.entering,
    )


def _differences(old: Network, new: Network) -> Iterator[Difference]:
    yield Difference("class", old.name, new.name)
    yield Difference("arguments", *(_listed(_arguments(one)) for one in (old, new)))
    yield Difference("input", *(_inputs(one) for one in (old, new)))
    for name, before, after in zip(("outputs", "in training"), _outputs(old), _outputs(new), strict=True):
        yield Difference(name, *(", ".join(map(shape_text, shapes)) or NONE for shapes in (before, after)))
    contracts = [one.contract() for one in (old, new)]
    for (name, before), (_, after) in zip(*map(_told, contracts), strict=True):
        yield Difference(name, before, after)


def _arguments(network: Network) -> dict[str, str]:
    return {one.name: render(one.default, spelling=SPEC) for one in network.spec.parameters}


def _listed(arguments: dict[str, str]) -> str:
    return ", ".join(f"{name} = {default}" for name, default in arguments.items()) or NONE


def _inputs(network: Network) -> str:
    names = network.graph.network.inputs or ("",)
    return ", ".join(f"{name} {shape_text(x.sizes)}".lstrip() for name, x in zip(names, network.graph.entering, strict=True))


def _outputs(network: Network) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
    """The shapes of the outputs in evaluation, and of those that training has beside."""
    count = len(network.graph.network.results)
    found = tuple(one.sizes for one in network.traced().outputs)
    return found[:count], found[count:]


def _told(contract: Contract | None) -> list[tuple[str, str]]:
    if contract is None:
        return [(name, "not known") for name in ("runs on", "trains on", "smallest", "reduction", "field")]
    told = dict(contract.told())
    return [(name, told.get(name, told["runs on"])) for name in ("runs on", "trains on", "smallest", "reduction", "field")]


def _lost(old: Network, new: Network) -> tuple[int, ...] | None:
    """An input that the old one takes and the new one refuses, looked for where the two may differ."""
    if [(x.channels, x.rank) for x in old.graph.entering] != [(x.channels, x.rank) for x in new.graph.entering]:
        return None
    contracts = [one.contract() for one in (old, new)]
    if all(contracts) and len({(one.sizes, one.complete) for one in contracts if one}) == 1:
        return None
    channels = old.spec.input[0]
    for sizes in itertools.islice(_candidates(old, new), MOST_TRIED):
        shape = (channels, *sizes)
        if old.runs(shape) and not new.runs(shape):
            return shape
    return None


def _candidates(old: Network, new: Network) -> Iterator[tuple[int, ...]]:
    yield old.spec.input[1:]
    yield new.spec.input[1:]
    before, after = _examined(old), _examined(new)
    if before is None or after is None:
        return
    rank = len(old.spec.input) - 1
    for contract in (before.contract, after.contract):
        if contract.min_size is not None:
            yield (contract.min_size,) * rank
            yield (max(1, contract.min_size - 1),) * rank
    for axis, sizes in before.runs.items():
        try:
            gone = (sizes - after.runs[axis]).least()
        except TooLong:
            continue
        if gone is not None:
            yield (gone,) * rank
            yield tuple(gone if name == axis else own for name, own in zip(before.runs, old.spec.input[1:]))
    for box in before.region.boxes:
        yield tuple(box[axis].first if axis in box else own for axis, own in zip(before.runs, old.spec.input[1:]))


def _examined(network: Network) -> Examined | None:
    return network.examine() if network.contract() is not None else None
