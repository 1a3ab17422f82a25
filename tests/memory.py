"""What torch really holds while a generated module runs, beside what `archgen shapes --memory` says.

    python -m tests.memory [--batch 1] [--dtype float32] [SPEC ...]

Every tensor that eager torch makes on the CPU is followed from the operator that returns it until its storage dies; parameters,
buffers and the gradients of parameters are left out, on both sides. So the bytes are exact and the same on every machine. What
a kernel takes for itself and gives back before it returns is not seen by that; the last column, with --allocator, is the peak
of torch's own allocator in evaluation, where it is seen.
"""

from __future__ import annotations

import argparse
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from archgen.network import load

if TYPE_CHECKING:
    from archgen.network import Network

ROOT = Path(__file__).parents[1]


class Tracker(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows every storage that an operator makes: when it came, when it went, and how large it is."""

    def __init__(self, known: list[torch.Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.serials = {tensor.untyped_storage()._cdata: -1 for tensor in known}
        self.sizes: list[int] = []
        self.events: list[tuple[int, int]] = []  # (serial, +1 or -1)

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


class Peaks(NamedTuple):
    """Bytes, in evaluation and in training."""

    inference: int
    training: int


class Loss(torch.autograd.Function):
    """A number whose gradients are made on the way back and held by nobody, as those of a loss are."""

    @staticmethod
    def forward(ctx: Any, *outputs: torch.Tensor) -> torch.Tensor:
        ctx.shapes = [output.shape for output in outputs]
        return outputs[0].new_zeros(())

    @staticmethod
    def backward(ctx: Any, coming: Any) -> Any:
        made = tuple(coming.new_ones(shape) for shape in ctx.shapes)
        return made if len(made) > 1 else made[0]


def predicted(network: Network, batch: int = 1, dtype: str = "float32") -> Peaks:
    costs = network.costs(None, batch, dtype)
    return Peaks(costs.inference.size, costs.training.size)


def measured(network: Network, batch: int = 1, dtype: str = "float32") -> Peaks:
    """Runs the generated module in evaluation without gradients, then forward and back in training."""
    module = network.module().to(getattr(torch, dtype))
    x = torch.zeros(batch, *network.spec.input, dtype=getattr(torch, dtype))
    known = [*module.parameters(), *module.buffers()]
    with Tracker(known) as evaluating, torch.no_grad():
        evaluating.see(x)
        module.eval()(x)
    module.train()
    with Tracker(known) as training:
        training.see(x)
        outputs = tree_leaves(module(x))
        loss = Loss.apply(*outputs)  # type: ignore[no-untyped-call]
        if loss.requires_grad:
            loss.backward()
        gradients = {training.see(parameter.grad) for parameter in module.parameters() if parameter.grad is not None}
    peaks = Peaks(evaluating.peak(set()), training.peak(gradients))
    module.zero_grad()  # or what waits for these to die would hold the trackers, and so the module, for good
    return peaks


def allocated(network: Network, batch: int = 1) -> int:
    """The peak of torch's allocator in evaluation, with what the kernels of this machine take for themselves."""
    module = network.module().eval()
    x = torch.zeros(batch, *network.spec.input)
    with torch.no_grad(), torch.profiler.profile(profile_memory=True) as profile:
        module(x)
    events = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    live = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    return int(peak + x.nbytes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("specs", nargs="*", type=Path, help="by default the whole zoo")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--allocator", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    titles = ["network", "inference, predicted", "measured", "error", "training, predicted", "measured", "error"]
    print("| " + " | ".join([*titles, *(["allocator, inference"] * options.allocator)]) + " |")
    print("|---" + "|---:" * (len(titles) - 1 + options.allocator) + "|")
    worst = 0.0
    for path in options.specs or sorted((ROOT / "specs").glob("*.yaml")):
        network = load(path)
        before, after = predicted(network, options.batch, options.dtype), measured(network, options.batch, options.dtype)
        cells = [path.stem]
        for ours, theirs in zip(before, after):
            error = ours / theirs - 1
            worst = max(worst, abs(error))
            cells += [f"{ours / 2**20:,.2f}", f"{theirs / 2**20:,.2f}", f"{error:+.2%}"]
        if options.allocator:
            cells.append(f"{allocated(network, options.batch) / 2**20:,.2f}")
        print("| " + " | ".join(cells) + " |", flush=True)
    print(f"\nMiB; the largest error is {worst:.2%}")


if __name__ == "__main__":
    main()
