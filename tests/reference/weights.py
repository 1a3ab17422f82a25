"""How the reference outputs were computed, so that a network with other names can be held against them."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


def fill(module: nn.Module) -> None:
    """Fills the floating-point tensors of `state_dict()`, number i of them from a generator with the seed i."""
    tensors = [(name, tensor) for name, tensor in module.state_dict().items() if tensor.is_floating_point()]
    for number, (name, tensor) in enumerate(tensors):
        normal = np.random.RandomState(number).standard_normal(tensor.numel()).astype(np.float32)
        tensor.copy_(torch.from_numpy(_scaled(name, normal, tensor)).reshape(tensor.shape))


def _scaled(name: str, normal: NDArray[np.float32], tensor: Tensor) -> NDArray[np.float32]:
    small: NDArray[np.float32] = np.float32(0.1) * normal
    if name.endswith("running_var"):
        small = 1 + np.abs(small)
    elif tensor.dim() > 1 and not name.endswith("running_mean"):
        small = np.float32(1.4) * normal / np.float32(math.sqrt(math.prod(tensor.shape[1:])))
    elif name.endswith("weight"):
        small = 1 + small
    return small


def images(shape: tuple[int, ...]) -> Tensor:
    """Two images of (channels, height, width)."""
    return torch.from_numpy(np.random.RandomState(10000).standard_normal((2, *shape)).astype(np.float32))


def outputs(module: nn.Module, shape: tuple[int, ...]) -> Tensor:
    """The outputs in evaluation mode with every batch normalisation on batch statistics, so that every layer shows."""
    fill(module)
    module.eval()
    for child in module.modules():
        if isinstance(child, nn.modules.batchnorm._BatchNorm):
            child.train()
    with torch.no_grad():
        result: Tensor = module(images(shape))
    return result
