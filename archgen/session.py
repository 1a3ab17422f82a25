"""What is worked out of a network, once for each input: everything else asks here."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from archgen.diagnostics import Place, Problem, Source, SpecError
from archgen.trace import on_numbers
from archgen.trace.traced import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.graph.model import Graph
    from archgen.trace.on_sizes import SymbolicTrace
    from archgen.trace.traced import TracedBody


Shape: TypeAlias = "tuple[int, ...]"  # channels, then sizes
Found = TypeVar("Found")
MOST_KEPT = 3  # inputs beside its own of which a network keeps what was worked out: a sweep never comes back to one


class Kept(Generic[Found]):
    """What was worked out for one input, and for the newest few others."""

    def __init__(self, own: Shape) -> None:
        self.own = own
        self.found: dict[Shape, Found] = {}

    def get(self, shape: Shape, work_out: Callable[[Shape], Found]) -> Found:
        if shape not in self.found:
            made = work_out(shape)
            others = [other for other in self.found if other != self.own]
            for oldest in others[: len(others) - MOST_KEPT + 1]:
                del self.found[oldest]
            self.found[shape] = made
        return self.found[shape]


class Session:
    """The traces of a network in each domain. own: the input of its spec."""

    def __init__(self, graph: Graph, own: Shape) -> None:
        self.graph, self.own = graph, own
        self._on_numbers: Kept[TracedBody | Stopped] = Kept(own)
        self._on_names: Kept[dict[str, TracedBody]] = Kept(own)
        self._on_sizes: Kept[SymbolicTrace | None] = Kept(own)

    def numbers(self, shape: Shape, with_bias: bool = False) -> TracedBody:
        """The trace on numbers; raises trace.Stopped, and SpecError for an input with another number of sizes."""
        if len(shape) != len(self.own):
            raise SpecError(_other_rank(shape, self.own))
        if with_bias:
            return on_numbers.numbers(self.graph, shape, {}, with_bias)
        found = self._on_numbers.get(shape, self._trace_on_numbers)
        if isinstance(found, Stopped):
            raise found.with_traceback(None)
        return found

    def _trace_on_numbers(self, shape: Shape) -> TracedBody | Stopped:
        try:
            return on_numbers.numbers(self.graph, shape, {})
        except Stopped as stopped:
            return stopped

    def names(self, shape: Shape, numbers: TracedBody) -> dict[str, TracedBody]:
        """The network and each of its blocks traced on names. Raises SpecError where a size can't be said in Python.

        Free texts of the spec are not in the graph that is traced, so none can be in what is generated of the trace.
        """
        from archgen.trace import on_names  # the plain report does without

        return self._on_names.get(shape, lambda shape: on_names.names(self.bare, shape, numbers))

    @cached_property
    def bare(self) -> Graph:
        """The graph without the free texts of the spec."""
        return self.graph.without_texts()

    def sizes(self, shape: Shape) -> SymbolicTrace | None:
        """The trace on symbolic sizes; None where these grow too long, or where something else does not fit."""
        return self._on_sizes.get(shape, self._trace_on_sizes)

    def _trace_on_sizes(self, shape: Shape) -> SymbolicTrace | None:
        from archgen.arithmetic import sizes
        from archgen.trace import on_sizes

        try:
            return on_sizes.trace(self.graph, shape)
        except (Stopped, sizes.TooManyParts):
            return None


def _other_rank(given: tuple[int, ...], own: tuple[int, ...]) -> Problem:
    """What is wrong with an input of another number of sizes than the spec's; a single number may be meant for all of them."""
    numbers = "1 number" if len(given) == 1 else f"{len(given)} numbers"
    sentence = f"`{'x'.join(map(str, given))}` is {numbers}, and this network takes {len(own)}: channels, then sizes"
    meant = (own[0], *given * (len(own) - 1)) if len(given) == 1 else own
    return Problem(Place(Source("--input", ""), 0, 0), sentence, f"write `--input {'x'.join(map(str, meant))}`")
