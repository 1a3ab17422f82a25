"""A comparison from the outside: a child process builds both sides and runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen.diagnostics import EnvironmentFault
from archgen.port.comparison import IMAGES, Comparison, Run, Side
from archgen.port.pairs import Weight, paired
from archgen.verify import limits, process

if TYPE_CHECKING:
    from archgen.network import Network


def compare(network: Network, model: str, shape: tuple[int, ...], settings: tuple[str, ...] = ()) -> Comparison:
    """Compares the module of a network with the model at an import path, for an input of (channels, sizes...).

    The model's code runs in the current folder, with all that this process may do. Raises EnvironmentFault without torch, where
    there is no such model, and where the child breaks off.
    """
    if too_much := limits.too_much(network, IMAGES):
        raise EnvironmentFault(f"the module of the spec can't be run: {too_much}")
    found = process.ask(process.order(network, settings, model=model, shape=shape), "archgen.port.child", alone=False)
    if "bug" in found:
        raise RuntimeError(found["bug"])
    ours, theirs = ([Weight(name, tuple(size)) for name, size in side] for side in found["weights"])
    return Comparison(
        network.name,
        network.path.as_posix(),
        model,
        shape,
        Side(*found["spec"]),
        Side(*found["model"]),
        paired(ours, theirs),
        found["other_macs"],
        tuple(Run(*run) for run in found["runs"]),
        found["dtype"],
        found["tolerance"],
        found["raised"],
    )
