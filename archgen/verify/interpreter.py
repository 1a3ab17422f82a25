"""A second, independent way from the steps to the outputs: it runs the graph itself, on the weights of the generated module.

Shapes and counts do not see the flow of data: a lost residual addition keeps them all. This interpreter never looks at the
text of `forward`; it builds every layer from its op's record, and adds and concatenates by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from archgen.graph.model import Input
    from archgen.network import Network
    from archgen.trace.traced import Traced


class Interpreter:
    """Runs a network's steps. `source` holds the classes that the generated module brings for ops that torch lacks."""

    def __init__(self, network: Network, module: nn.Module) -> None:
        self.network, self.module = network, module
        self.weights = module.state_dict()
        self.traced = network.trace(network.spec.input)

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        """Returns the outputs for a batch, in the module's own mode."""
        body = self.network.graph.network
        results = (*body.results, *body.training_results) if self.module.training else body.results
        return self.body(self.traced.steps, results, x, "")

    def body(self, steps: tuple[Traced, ...], results: tuple[Input, ...], x: Tensor, prefix: str) -> tuple[Tensor, ...]:
        values: list[Any] = [x]

        def value(source: Input) -> Tensor:
            found = values[source.value]
            taken: Tensor = found if source.part < 0 else found[source.part]
            return taken

        for step in steps:
            if step.training and not self.module.training:
                values.append(None)  # nobody asks for it now
                continue
            taken = [value(source) for source in step.values]
            if step.role == "split":
                values.append(torch.chunk(taken[0], len(step.conditions), dim=step.inputs[0].channel_axis + 1))
            elif step.role == "merge":
                present = [tensor for tensor, condition in zip(taken, step.conditions, strict=True) if condition]
                values.append(_merged(step, present))
            else:
                values.append(self.step(step, taken[0], prefix))
        return tuple(value(result) for result in results)

    def step(self, step: Traced, x: Tensor, prefix: str) -> Tensor:
        path = prefix + step.name
        if step.role == "absent":
            return x
        if step.role == "chain":
            for child in step.children:
                x = self.step(child, x, path + ".")
            return x
        if step.role == "block":
            (result,) = self.body(step.children, self.network.graph.blocks[step.type].results, x, path + ".")
            return result
        return self.layer(step, path).to(x.device)(x)  # type: ignore[no-any-return]

    def layer(self, step: Traced, path: str) -> nn.Module:
        """Builds a layer from its op, with the weights and the mode of the module's layer of that path."""
        layer = fresh(step)
        if step.role == "line":  # here a layer like the others; in the module its weight, if it has one, is of the class
            layer.load_state_dict({key: self.weights[path].clone() for key in layer.state_dict()})
            return layer
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


def _merged(step: Traced, present: list[Tensor]) -> Tensor:
    if step.type == "concat":
        return torch.cat(present, dim=step.inputs[0].channel_axis + 1)
    total = present[0]
    for other in present[1:]:
        total = total + other if step.type == "add" else total - other if step.type == "subtract" else total * other
    return total


def _own_class(source: str, name: str) -> type[nn.Module]:
    scope: dict[str, Any] = {"torch": torch, "nn": nn, "Tensor": Tensor}
    exec(source, scope)
    found: type[nn.Module] = scope[name]
    return found
