"""A second, independent way from the steps to the outputs: it runs the graph itself, on the weights of the generated module.

Shapes and counts do not see the flow of data: a lost residual addition keeps them all. This interpreter never looks at the
text of `forward`; it builds every layer from its op's record, and adds and concatenates by itself.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archgen.ops import own_functions
from archgen.trace.run import Run
from archgen.trace.traced import Role

if TYPE_CHECKING:
    from archgen.network import Network
    from archgen.trace.traced import Traced

MODULES = {"torch": torch, "F": F}  # by the names that a generated module imports them as


class Interpreter(Run[Tensor]):
    """Runs a network's steps, in the mode of its module, for an input of (channels, sizes...)."""

    def __init__(self, network: Network, module: nn.Module, input: tuple[int, ...]) -> None:
        super().__init__(network.graph, module.training)
        self.of, self.module, self.input = network, module, input
        self.traced = network.trace(input)
        self.weights: dict[str, Tensor] = {}
        self.layers: dict[str, nn.Module] = {}  # by their paths, built once

    def run(self, *entering: Tensor) -> tuple[Tensor, ...]:
        """Returns the outputs for a batch."""
        self.training = self.module.training
        self.weights = self.module.state_dict()
        return self.network(self.traced.steps, *entering)

    def leaf(self, step: Traced, x: Tensor, module: str) -> Tensor:
        if step.role is Role.LINE:
            return self.said(step, [x], self.weights.get(module))  # type: ignore[no-any-return]
        layer, same = self.layer(step, module), self.module.get_submodule(module)
        layer.load_state_dict(same.state_dict())
        made: Tensor = layer.train(same.training)(x)
        return made

    def function(self, name: str) -> Any:
        module, *names = name.split(".")
        if not names:
            return _own(own_functions()[name], name)
        return functools.reduce(getattr, names, MODULES[module])

    def layer(self, step: Traced, path: str) -> nn.Module:
        """The layer of a path, built from its op."""
        if path not in self.layers:
            self.layers[path] = fresh(step)
        return self.layers[path]


def fresh(step: Traced) -> nn.Module:
    """Builds a layer from its op's record, with weights as they start."""
    assert step.op is not None
    positional, named = step.op.constructor(step.inputs[0])
    kind = getattr(nn, step.type) if step.op.torch_class else _own(step.op.module_source, type(step.op).__name__)
    layer: nn.Module = kind(*positional, **named)
    return layer


def _own(source: str, name: str) -> Any:
    scope: dict[str, Any] = {**MODULES, "nn": nn, "Tensor": Tensor}
    exec(source, scope)
    return scope[name]
