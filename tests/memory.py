"""What torch really holds while a generated module runs, beside what `archgen shapes --memory` says: the table of docs/memory.md.

    python -m tests.memory [--batch 1] [--write] [SPEC ...]

Every tensor that eager torch makes on the CPU is followed from the operator that returns it until its storage dies; parameters,
buffers and the gradients of parameters are left out, on both sides. So the bytes are exact and the same on every machine. What a
kernel takes for itself and gives back before it returns is not seen.
"""

from __future__ import annotations

import argparse
import sys
import weakref
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from archgen.network import Network, load

ROOT = Path(__file__).parents[1]


class Tracker(TorchDispatchMode):
    """Follows every storage that an operator makes: when it came, when it went, and how large it is."""

    def __init__(self, known: list[torch.Tensor]) -> None:
        super().__init__()
        self.serials = {tensor.untyped_storage()._cdata: -1 for tensor in known}
        self.sizes: list[int] = []
        self.events: list[tuple[int, int]] = []  # (serial, +1 or -1)
        self.known = known

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, torch.Tensor):
                self.see(leaf)
        return made

    def see(self, tensor: torch.Tensor) -> int:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key not in self.serials:
            serial = self.serials[key] = len(self.sizes)
            self.sizes.append(storage.nbytes())
            self.events.append((serial, 1))
            weakref.finalize(storage, self.gone, key, serial)
        return self.serials[key]

    def gone(self, key: int, serial: int) -> None:
        if self.serials.get(key) == serial:
            del self.serials[key]
        self.events.append((serial, -1))

    def peak(self, apart: set[int]) -> int:
        """The most bytes at any time, without the storages of these serials."""
        live = most = 0
        for serial, sign in self.events:
            if serial not in apart:
                live += sign * self.sizes[serial]
                most = max(most, live)
        return most


class Measured(NamedTuple):
    inference: int
    training: int


def measure(module: Any, input_shape: tuple[int, ...], batch: int, dtype: torch.dtype = torch.float32) -> Measured:
    """Runs a module in evaluation without gradients, then forward and back in training; returns the peaks in bytes."""
    module = module.to(dtype)
    x = torch.zeros(batch, *input_shape, dtype=dtype)
    known = [*module.parameters(), *module.buffers()]
    with Tracker(known) as evaluating, torch.no_grad():
        evaluating.see(x)
        module.eval()(x)
    module.train()
    with Tracker(known) as training:
        training.see(x)
        outputs = module(x)
        tensors = [tensor for tensor in tree_leaves(outputs) if tensor.requires_grad]
        del outputs
        torch.autograd.backward(tensors, [torch.ones_like(tensor) for tensor in tensors])
        grads = {training.see(parameter.grad) for parameter in module.parameters() if parameter.grad is not None}
        del tensors
    module.zero_grad()
    return Measured(evaluating.peak(set()), training.peak(grads))
