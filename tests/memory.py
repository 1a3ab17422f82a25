"""What torch really holds while a generated module runs, beside what `archgen shapes --memory` says.

    python -m tests.memory [--batch 1] [--dtype float32] [SPEC ...]

Torch's own profiler notes each call of the CPU's allocator, and the operator in which it is made. So the bytes are exact, and
torch runs as it runs for everybody: what looks on from inside, as a dispatch mode does, makes it take other operators.

Two things are left out, on both sides. The gradients of parameters; and what a kernel takes for itself, which is allocated and
freed within one operator: that hangs on the machine and its libraries. The last column counts it, in evaluation.
"""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.utils._pytree import tree_leaves

from archgen.network import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.network import Network

ROOT = Path(__file__).parents[1]


class Memory(NamedTuple):
    """Bytes that were allocated. `start`, `end`: numbers in the order of all events. counted: not what is left out."""

    start: int
    end: int
    size: int
    address: int
    counted: bool


NEVER = 2**62  # the end of what is still there
MAKES_A_NUMBER = "aten::scalar_tensor"  # of one of Python's
ACCUMULATES = "torch::autograd::AccumulateGrad"  # takes the gradient of a parameter, or a copy in the parameter's own layout


class Around(NamedTuple):
    """Where an event stands. kernel: the number of the outermost operator that torch does not compose of others, or 0.

    operator: whether it is in any; what is allocated outside is a number of Python's, which torch takes for a tensor.
    """

    kernel: int = 0
    operator: bool = False
    accumulates: bool = False


class Events:
    """What the allocator did within each part of a profile that has a name, in order."""

    def __init__(self, profile: Any, parts: tuple[str, ...]) -> None:
        self.number = 0
        self.parts: dict[str, list[Memory]] = {}
        self.open: dict[int, tuple[int, int, int]] = {}  # address -> start, size, kernel
        roots = profile.profiler.kineto_results.experimental_event_tree()
        for event in sorted(roots, key=lambda event: int(event.start_time_ns)):
            if event.name in parts:
                self.found: list[Memory] = []
                self.open.clear()
                self.walk(event, Around())
                self.found += [Memory(start, NEVER, size, key, True) for key, (start, size, _) in self.open.items()]
                self.parts[event.name] = self.found

    def walk(self, event: Any, around: Around) -> None:
        self.number += 1
        if event.tag == torch._C._profiler._EventType.Allocation:
            self.allocation(event.extra_fields, around)
        elif event.name == MAKES_A_NUMBER:
            return
        elif event.name.startswith("aten::"):
            around = around._replace(kernel=around.kernel or (self.number if is_kernel(event.name) else 0), operator=True)
        elif event.name == ACCUMULATES:
            around = around._replace(accumulates=True)
        for child in event.children:
            self.walk(child, around)

    def allocation(self, fields: Any, around: Around) -> None:
        address, size = fields.ptr, fields.alloc_size
        if size >= 0 and around.operator:
            self.open[address] = self.number, size, around.kernel
        elif address in self.open:
            start, size, maker = self.open.pop(address)
            counted = not around.accumulates and (not maker or maker != around.kernel)
            self.found.append(Memory(start, self.number, size, address, counted))


@functools.cache
def is_kernel(name: str) -> bool:
    """Whether torch dispatches an operator as a whole; the others only call operators, each of which returns what it makes."""
    packet = getattr(torch.ops.aten, name.removeprefix("aten::"))
    names = [name if overload == "default" else f"{name}.{overload}" for overload in packet.overloads()]
    known = filter(torch._C._dispatch_has_kernel, names)  # some are of TorchScript alone
    has = torch._C._dispatch_has_kernel_for_dispatch_key
    return not all(has(one, "CompositeImplicitAutograd") and not has(one, "CPU") for one in known)


def peak(memories: list[Memory]) -> int:
    """The most bytes at any time."""
    changes = [(memory.start, memory.size) for memory in memories] + [(memory.end, -memory.size) for memory in memories]
    live = most = 0
    for _, change in sorted(changes):
        live += change
        most = max(most, live)
    return most


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


class Bytes(NamedTuple):
    """The most in evaluation and in training, and what is kept between the way forward and the way back."""

    inference: int
    training: int
    kept: int


def predicted(network: Network, batch: int = 1, dtype: str = "float32") -> Bytes:
    costs = network.costs(None, batch, dtype)
    return Bytes(costs.inference.size, costs.training.size, costs.kept)


class Measured(NamedTuple):
    """The bytes without what kernels take for themselves; `allocator`: the most in evaluation with it."""

    bytes: Bytes
    allocator: int


def measured(network: Network, batch: int = 1, dtype: str = "float32") -> Measured:
    """Runs the generated module in evaluation without gradients, then forward and back in training."""
    module = network.module().to(getattr(torch, dtype))
    sizes = (batch, *network.spec.input)
    return runs({"it": (module, sizes)}, dtype)["it"]


def runs(modules: dict[str, tuple[Any, tuple[int, ...]]], dtype: str = "float32") -> dict[str, Measured]:
    """The same of many modules, each with the sizes of its input: to start a profile takes longer than to run them."""
    found, grown = {}, {}
    steps: dict[str, Callable[..., Any]] = {"evaluation": evaluate, "training": train, "kept": forward}
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        for name, (module, sizes) in modules.items():
            for step, run in steps.items():
                with torch.profiler.record_function(f"{name} {step}"):
                    held = run(module, torch.zeros(sizes, dtype=getattr(torch, dtype)))
                if step == "training":
                    grown[name] = {held.data_ptr() for p in module.parameters() if (held := own_gradient(p)) is not None}
                del held
            module.zero_grad()
    events = Events(profile, tuple(f"{name} {step}" for name in modules for step in steps)).parts
    for name in modules:
        evaluation, training, kept = (events[f"{name} {step}"] for step in steps)
        training = [memory for memory in training if memory.end != NEVER or memory.address not in grown[name]]
        peaks = [peak([memory for memory in part if memory.counted]) for part in (evaluation, training)]
        left = sum(memory.size for memory in kept if memory.end == NEVER) - torch.zeros((), dtype=getattr(torch, dtype)).nbytes
        found[name] = Measured(Bytes(peaks[0], peaks[1], left), peak(evaluation))
    return found


def own_gradient(parameter: torch.nn.Parameter) -> Any:
    """The memory of a parameter's gradient; of one image, a class token's is a part of the sequence's, which is counted."""
    gradient = parameter.grad
    found = None if gradient is None else gradient.untyped_storage()
    return found if found is not None and gradient is not None and found.nbytes() == gradient.nbytes else None


def evaluate(module: Any, x: torch.Tensor) -> None:
    with torch.no_grad():
        module.eval()(x)


def train(module: Any, x: torch.Tensor) -> None:
    outputs = tree_leaves(module.train()(x))
    found = loss(outputs)
    if found.requires_grad:
        found.backward()  # type: ignore[no-untyped-call]


def forward(module: Any, x: torch.Tensor) -> torch.Tensor:
    """Whoever holds the loss that is returned holds what is kept for the way back, and one number."""
    return loss(tree_leaves(module.train()(x)))


def loss(outputs: list[torch.Tensor]) -> torch.Tensor:
    found: torch.Tensor = Loss.apply(*outputs)  # type: ignore[no-untyped-call]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("specs", nargs="*", type=Path, help="by default the whole zoo")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    options = parser.parse_args()
    torch.set_num_threads(1)
    titles = ["network"]
    for what in ("inference", "training", "kept"):
        titles += [f"{what}, predicted", "measured", "error"]
    titles.append("with kernels, inference")
    print("| " + " | ".join(titles) + " |")
    print("|---" + "|---:" * (len(titles) - 1) + "|")
    worst = 0.0
    for path in options.specs or sorted((ROOT / "specs").glob("*.yaml")):
        network = load(path)
        ours, theirs = predicted(network, options.batch, options.dtype), measured(network, options.batch, options.dtype)
        cells = [path.stem]
        for one, other in zip(ours, theirs.bytes):
            error = one / other - 1 if other else 0.0
            worst = max(worst, abs(error))
            cells += [f"{one / 2**20:,.2f}", f"{other / 2**20:,.2f}", f"{error:+.2%}"]
        print("| " + " | ".join([*cells, f"{theirs.allocator / 2**20:,.2f}"]) + " |", flush=True)
    print(f"\nMiB; the largest error is {worst:.2%}")


if __name__ == "__main__":
    main()
