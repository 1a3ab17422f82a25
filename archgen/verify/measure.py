"""One run of a module: which layers ran, in what order, with what shapes, and how many MACs torch counts in each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

if TYPE_CHECKING:
    from collections.abc import Container


class Measured(NamedTuple):
    """layers: the leaves that ran, each with its path and the shape for one image. macs: of each module, for one image."""

    layers: list[tuple[str, tuple[int, ...]]]
    macs: dict[str, int]
    total: int
    outputs: tuple[Tensor, ...]


def measure(module: nn.Module, x: Tensor, leaves: Container[str]) -> Measured:
    """Runs a module once, in its mode. leaves: the paths of the layers to note."""
    layers: list[tuple[str, tuple[int, ...]]] = []
    hooks = []
    for path, layer in module.named_modules():
        if path in leaves:

            def note(_: nn.Module, __: Any, output: Tensor, path: str = path) -> None:
                layers.append((path, tuple(output.shape[1:])))

            hooks.append(layer.register_forward_hook(note))
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        made = outputs(module(x))
    for hook in hooks:
        hook.remove()
    operations = 2 * len(x)  # for each MAC of one image
    found = counter.get_flop_counts().items()
    macs = {path.partition(".")[2]: sum(flops.values()) // operations for path, flops in found if "." in path}
    return Measured(layers, macs, counter.get_total_flops() // operations, made)


def outputs(result: Any) -> tuple[Tensor, ...]:
    """The outputs of a module, of which one alone comes without a tuple."""
    return (result,) if isinstance(result, Tensor) else tuple(result)


def size_text(shape: tuple[int, ...]) -> str:
    """A shape as `64x56x56`."""
    return "x".join(map(str, shape))
