"""A second, independent way from the steps to the outputs: it runs the graph itself, on the weights of the generated module.

Shapes and counts do not see the flow of data: a lost residual addition keeps them all. This interpreter never looks at the
text of `forward`; it builds every layer from its op's record, and adds and concatenates by itself.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from archgen.trace.run import Run

if TYPE_CHECKING:
    from archgen.network import Network
    from archgen.trace.traced import Traced


class Interpreter(Run[Tensor]):
    """Runs a network's steps, in the mode of its module."""

    def __init__(self, network: Network, module: nn.Module) -> None:
        super().__init__(network.graph, module.training)
        self.module = module
        self.weights = module.state_dict()
        self.traced = network.trace(network.spec.input)

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        """Returns the outputs for a batch."""
        return self.network(self.traced.steps, x)

    def leaf(self, step: Traced, x: Tensor, path: str) -> Tensor:
        if step.role == "line":
            made: Tensor = self.said(step, [x], self.weights.get(path))
            return made
        return self.layer(step, path).to(x.device)(x)  # type: ignore[no-any-return]

    def function(self, name: str) -> Any:
        return functools.reduce(getattr, name.split(".")[1:], torch)

    def layer(self, step: Traced, path: str) -> nn.Module:
        """Builds a layer from its op, with the weights and the mode of the module's layer of that path."""
        layer = fresh(step)
        own = {key[len(path) + 1 :]: tensor for key, tensor in self.weights.items() if key.startswith(path + ".")}
        layer.load_state_dict({key: tensor.clone() for key, tensor in own.items()})
        return layer.train(self.module.get_submodule(path).training)


def fresh(step: Traced) -> nn.Module:
    """Builds a layer from its op's record, with weights as they start."""
    assert step.op is not None
    positional, named = step.op.constructor(step.inputs[0])
    kind = getattr(nn, step.type) if step.op.torch_class else _own_class(step.op.module_source, type(step.op).__name__)
    layer: nn.Module = kind(*positional, **named)
    return layer


def _own_class(source: str, name: str) -> type[nn.Module]:
    scope: dict[str, Any] = {"torch": torch, "nn": nn, "Tensor": Tensor}
    exec(source, scope)
    found: type[nn.Module] = scope[name]
    return found
