"""One run of a module: which layers ran, in what order, with what shapes, and how many MACs torch counts in each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

if TYPE_CHECKING:
    from collections.abc import Container

    from archgen.network import Network


class Measured(NamedTuple):
    """layers: the leaves that ran, each with its path and the shape for one image. macs: of each module, for one image."""

    layers: list[tuple[str, tuple[int, ...]]]
    macs: dict[str, int]
    total: int
    outputs: tuple[Tensor, ...]


def measure(module: nn.Module, entering: tuple[Tensor, ...], leaves: Container[str]) -> Measured:
    """Runs a module once, in its mode. leaves: the paths of the layers to note.

    Attention takes torch's plain way, two products of matrices: torch's counter does not see those of the CPU's own kernel.
    """
    layers: list[tuple[str, tuple[int, ...]]] = []
    hooks = []
    for path, layer in module.named_modules():
        if path in leaves:

            def note(_: nn.Module, __: Any, output: Tensor, path: str = path) -> None:
                layers.append((path, tuple(output.shape[1:])))

            hooks.append(layer.register_forward_hook(note))
    counter = FlopCounterMode(display=False)
    with counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        made = outputs(module(*entering))
    for hook in hooks:
        hook.remove()
    operations = 2 * len(entering[0])  # for each MAC of one image
    found = counter.get_flop_counts().items()
    macs = {path.partition(".")[2]: sum(flops.values()) // operations for path, flops in found if "." in path}
    return Measured(layers, macs, counter.get_total_flops() // operations, made)


def images(
    network: Network, shape: tuple[int, ...], count: int, generator: torch.Generator | None = None
) -> tuple[Tensor, ...]:
    """Random values that enter a network: images of this shape, and those that it takes beside them."""
    return tuple(torch.randn(count, *one, generator=generator) for one in network.graph.shapes(shape))


def outputs(result: Any) -> tuple[Tensor, ...]:
    """The tensors that a module gives, in order: one alone comes without a tuple, and some models give names to theirs."""
    if isinstance(result, Tensor):
        return (result,)
    if isinstance(result, Mapping):
        result = result.values()
    elif not isinstance(result, (tuple, list)):
        return ()
    return tuple(tensor for one in result for tensor in outputs(one))


def distance(wanted: Tensor, have: Tensor) -> float:
    """How far apart two values are, as a part of the largest number in the first; without end where they are of two kinds.

    That are two shapes, or numbers that are finite in one of them alone.
    """
    if wanted.shape != have.shape or not torch.equal(finite := torch.isfinite(wanted), torch.isfinite(have)):
        return math.inf
    if not finite.any():
        return 0.0
    wanted, have = wanted[finite], have[finite]
    return float((wanted - have).abs().max() / wanted.abs().max().clamp_min(1e-6))


def spread(module: nn.Module, generator: torch.Generator) -> None:
    """Moves the weights that start alike, so that each is seen in the outputs: a scale of 1e-6 would hide its branch."""
    for name, tensor in module.state_dict().items():
        if name.endswith("running_var"):
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
        elif tensor.is_floating_point() and (tensor.dim() < 2 or is_constant(tensor)):
            tensor.add_(torch.randn(tensor.shape, generator=generator) * 0.1)


def is_constant(tensor: Tensor) -> bool:
    return bool(tensor.min() == tensor.max())


def said(error: BaseException) -> str:
    """What an exception says, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


def size_text(shape: tuple[int, ...]) -> str:
    """A shape as `64x56x56`."""
    return "x".join(map(str, shape))
