"""The inputs that a network runs on, nearest to one that it does not run on: what helps where the sizes are to blame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen import contract, symbolic, trace
from archgen.budget import Budget
from archgen.sizes import TooManyParts

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.graph import Graph

MOST_EFFORT = 300_000  # steps that this may cost


def inputs(
    graph: Graph, shape: tuple[int, ...], built_for: tuple[int, ...], runs: Callable[[tuple[int, ...]], bool]
) -> tuple[tuple[int, ...], ...]:
    """Returns the nearest inputs below a shape and above it; nothing where its sizes are not to blame.

    built_for: the input whose features the network has; the shape itself, if these would follow from whatever is chosen.
    runs: tries an input, so that none is named that would be refused in its turn.
    """
    try:
        found = symbolic.trace(graph, built_for)
    except (trace.Stopped, TooManyParts):
        return ()
    free = built_for == shape
    needs = [one for one in (*found.constraints, *found.training) if not (free and one.of_the_built)]
    here, own = dict(zip(found.axes, shape[1:])), dict(zip(found.axes, built_for[1:]))
    budget = Budget(MOST_EFFORT)
    _, region = contract.judge(needs, contract.everywhere(own), own, budget)
    if region.holds(here):
        return ()
    near = [(shape[0], *sizes.values()) for sizes in region.near(here, budget)]
    return tuple(one for one in near if runs(one))
