"""The entries of a module's `state_dict`, in its order, without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archgen.trace.traced import Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archgen.graph.model import Body, Graph
    from archgen.trace.traced import Traced


class Weight(NamedTuple):
    """An entry. name: its key. layer: the path of the module that uses it. trained: whether it is a parameter."""

    name: str
    shape: tuple[int, ...]
    layer: str
    trained: bool


def state(graph: Graph, steps: Sequence[Traced]) -> tuple[Weight, ...]:
    """Returns the entries of the network with these steps: of each module its own, then those of the modules in it."""
    return tuple(_inside(graph, graph.network, steps, ""))


def _inside(graph: Graph, body: Body, steps: Sequence[Traced], prefix: str) -> Iterator[Weight]:
    ordered = [step for step in body.registered(steps) if not step.again and step.role is not Role.ABSENT]
    for step in ordered:
        if step.role is Role.LINE:  # its parameter belongs to the class around it
            yield from (weight._replace(name=weight.layer) for weight in _own(step, prefix + step.name))
    for step in ordered:
        if step.role is not Role.LINE:
            yield from _of(graph, step, prefix + step.name)


def _of(graph: Graph, step: Traced, path: str) -> Iterator[Weight]:
    if step.role is Role.BLOCK:
        yield from _inside(graph, graph.blocks[step.type], step.children, f"{path}.")
    elif step.children:
        for child in step.children:
            yield from _of(graph, child, f"{path}.{child.name}")
    else:
        yield from _own(step, path)


def _own(step: Traced, path: str) -> Iterator[Weight]:
    if step.op is not None:
        x = step.inputs[0]
        for trained, tensors in ((True, step.op.weights(x)), (False, step.op.buffers(x))):
            yield from (Weight(f"{path}.{name}", shape, path, trained) for name, shape in tensors)
