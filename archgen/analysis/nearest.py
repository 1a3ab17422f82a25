"""The inputs that a network runs on, nearest to one that it does not run on: what helps where the sizes are to blame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen.analysis import contract
from archgen.budget import Budget

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.trace.on_sizes import SymbolicTrace


MOST_EFFORT = 300_000  # steps that this may cost


def inputs(
    traced: SymbolicTrace, shape: tuple[int, ...], runs: Callable[[tuple[int, ...]], bool]
) -> tuple[tuple[int, ...], ...]:
    """Returns the nearest inputs below a shape and above it; nothing where its sizes are not to blame.

    traced: for the input whose features the network has. Where that is the shape itself they would follow from whatever is
    chosen. runs: tries an input, so that none is named that would be refused in its turn.
    """
    here = dict(zip(traced.axes, shape[1:]))
    built = here != traced.own
    needs = [one for one in (*traced.constraints, *traced.training) if built or not one.of_the_built]
    budget = Budget(MOST_EFFORT)
    _, region = contract.judge(needs, contract.everywhere(traced.own), traced.own, budget)
    if region.holds(here):
        return ()
    near = [(shape[0], *sizes.values()) for sizes in region.near(here, built, budget)]
    return tuple(one for one in near if runs(one))
