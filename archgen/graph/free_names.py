"""Which blocks a body calls, and which of its names the user of the generated module may still choose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen.arithmetic.evaluation import evaluate
from archgen.arithmetic.expressions import ExpressionError, Failed, Name, Value, names_of
from archgen.graph.lower import callers_first
from archgen.graph.model import Call, Chain, Copies, Repeat, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archgen.arithmetic.expressions import Environment
    from archgen.graph.model import AnyNode, Body, Graph


class _Unknown(dict[str, Value]):
    """Each name without a value stands for itself."""

    def __missing__(self, name: str) -> Value:
        return Name(name)


def calls(body: Body) -> Iterator[Call]:
    """The calls of blocks in a body, wherever they stand, but those that its constants leave out whatever its arguments are."""
    known = _Unknown()
    for constant in body.constants:
        known[constant.name] = _evaluated(constant.value, known)
    pending: list[AnyNode | Step] = [*body.steps]
    while pending:
        node = pending.pop()
        if isinstance(node, Step):
            there = _evaluated(node.when, known)
            pending += [node.node] if there is not False else []
            pending += [node.alternative] if node.alternative is not None and there is not True else []
        elif isinstance(node, Call):
            yield node
        elif isinstance(node, Repeat):
            pending += [node.first] if node.count == 1 else [node.first, node.others]
        elif isinstance(node, Copies):
            pending.append(node.node)
        elif isinstance(node, Chain):
            pending += node.steps


def _evaluated(value: Value, names: Environment) -> Value:
    try:
        return evaluate(value, names)  # type: ignore[no-any-return]
    except ExpressionError as error:
        return Failed(error)


def open_names(graph: Graph) -> dict[str, set[str]]:
    """By body: the names that follow from the network's own arguments, which the user of its module may still choose."""
    found: dict[str, set[str]] = {body.name: set() for body in (graph.network, *graph.blocks.values())}
    found[graph.network.name] |= {"in_channels", *(parameter.name for parameter in graph.network.parameters)}
    for body in callers_first(graph):
        here = found[body.name]
        for constant in body.constants:
            if names_of(constant.value) & here:
                here.add(constant.name)
        for call in calls(body):
            found[call.block] |= {name for name, value, _ in call.arguments if names_of(value) & here}
    return found
