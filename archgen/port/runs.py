"""Both run on the same input with the same weights: how far apart they are, and where the first difference comes from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from archgen.diagnostics import quote
from archgen.port.comparison import BATCH_STATISTICS, DTYPES, EVALUATION, IMAGES, RUNNING, Run
from archgen.port.found import theirs
from archgen.verify.measure import distance, outputs, size_text, spread

if TYPE_CHECKING:
    from collections.abc import Collection

    from archgen.port.pairs import Paired

STATISTICS = ("running_mean", "running_var")


class Precision(NamedTuple):
    """A type of numbers, and how far apart two values may be, as a part of the largest number."""

    dtype: torch.dtype
    tolerance: float


# float64 tells an eps of 1e-6 from one of 1e-5; what is below its tolerance, float32 rounds away
DOUBLE, SINGLE = (Precision(getattr(torch, name), tolerance) for name, tolerance in zip(DTYPES, (1e-6, 1e-4), strict=True))


class Both:
    """The module of a spec and a model, brought to the same weights, which are made up."""

    def __init__(self, ours: nn.Module, model: nn.Module, shapes: tuple[tuple[int, ...], ...], paired: Paired) -> None:
        generator = torch.Generator().manual_seed(1)
        spread(ours, generator)
        entering = tuple(torch.randn(IMAGES, *shape, generator=generator) for shape in shapes)
        self.precision = DOUBLE if all(_runs(one, entering, DOUBLE.dtype) for one in (ours, model)) else SINGLE
        dtype = self.precision.dtype
        self.ours, self.model, self.entering = ours.to(dtype), model.to(dtype), tuple(one.to(dtype) for one in entering)
        self.paired, self.names = paired, {one.name: other.name for one, other in paired.fitting}
        wanted, have = self.ours.state_dict(), self.model.state_dict()
        for name, other_name in self.names.items():
            have[other_name].copy_(wanted[name])

    def told(self) -> dict[str, Any]:
        dtype = str(self.precision.dtype).removeprefix("torch.")
        return {"runs": self.runs(), "dtype": dtype, "tolerance": self.precision.tolerance}

    def runs(self) -> tuple[Run, ...]:
        """In evaluation, and then with the statistics of the batch, up to the first difference.

        All but the norms stays in evaluation, layers of chance too.
        """
        found = [self.run(EVALUATION, batch_statistics=False)]
        norms = any(isinstance(layer, _NormBase) for both in (self.ours, self.model) for layer in both.modules())
        if norms and not found[-1].difference:
            found.append(self.run(BATCH_STATISTICS, batch_statistics=True))
            if not found[-1].difference:
                found.append(self.statistics())
        return tuple(found)

    def run(self, name: str, batch_statistics: bool) -> Run:
        for both in (self.ours, self.model):
            both.eval()
            for layer in both.modules():
                if isinstance(layer, _NormBase):
                    layer.train(batch_statistics)
        with torch.no_grad():
            wanted, have = outputs(self.ours(*copied(self.entering))), outputs(self.run_model())
        if len(wanted) != len(have):
            return Run(name, math.inf, f"{name}: the spec gives {_tensors(wanted)}, the model {_tensors(have)}")
        far = [distance(*both) for both in zip(wanted, have)]
        first = next((number for number, apart in enumerate(far) if not apart < self.precision.tolerance), None)
        if first is None:
            return Run(name, max(far, default=0.0), "")
        one, other = (size_text(tuple(side[first].shape[1:])) for side in (wanted, have))
        what = _apart(far[first]) if one == other else f"{one} in the spec, {other} in the model"
        return Run(name, max(far), f"{name}: output {first} is {what}; {self.first_difference()}")

    def run_model(self) -> Any:
        with theirs("the model raises with the weights of the spec's module"):
            return self.model(*copied(self.entering))

    def statistics(self) -> Run:
        """What batch norms keep of the batch, which shows their momentum."""
        name, wanted, have = RUNNING, self.ours.state_dict(), self.model.state_dict()
        far = {
            one: distance(wanted[one], have[other]) for one, other in self.names.items() if one.rpartition(".")[2] in STATISTICS
        }
        first = next((one for one, apart in far.items() if not apart < self.precision.tolerance), None)
        sentence = (
            "" if first is None else f"{name}: {quote(first)} is {_apart(far[first])} after a batch: look at the `momentum`"
        )
        return Run(name, max(far.values(), default=0.0), sentence)

    def first_difference(self) -> str:
        """Which layer to look at, in the order in which the spec's module runs."""
        layers = self.paired.layers
        wanted, have = self.watched(self.ours, layers), self.watched(self.model, layers.values())
        for path, (entered, left) in wanted.items():
            other, shown = layers[path], self.paired.layer_text(path)
            if other not in have:
                return f"{shown} is the first layer that the model does not run"
            if not self.alike(entered, have[other][0]):
                return f"{shown} is the first layer with weights that gets another input: look at what comes before it"
            if not self.alike(left, have[other][1]):
                return f"{shown} is the first layer with weights that makes something else of its input: look at its options"
        return "all layers with weights do the same: look at what comes after the last"

    def watched(self, module: nn.Module, paths: Collection[str]) -> dict[str, tuple[tuple[Tensor, ...], tuple[Tensor, ...]]]:
        """What enters and leaves layers when each runs first, of one image; in the order in which they are done."""
        entered: dict[str, tuple[Tensor, ...]] = {}
        seen: dict[str, tuple[tuple[Tensor, ...], tuple[Tensor, ...]]] = {}
        hooks = []
        for path in filter(None, paths):

            def enter(_: nn.Module, given: Any, path: str = path) -> None:
                entered.setdefault(path, _first_image(given))

            def leave(_: nn.Module, __: Any, made: Any, path: str = path) -> None:
                seen.setdefault(path, (entered[path], _first_image(made)))

            layer = module.get_submodule(path)
            hooks += [layer.register_forward_pre_hook(enter), layer.register_forward_hook(leave)]
        with torch.no_grad():
            module(*copied(self.entering))
        for hook in hooks:
            hook.remove()
        return seen

    def alike(self, wanted: tuple[Tensor, ...], have: tuple[Tensor, ...]) -> bool:
        return len(wanted) == len(have) and all(distance(*both) < self.precision.tolerance for both in zip(wanted, have))


def copied(entering: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """What enters, for a module that may overwrite it."""
    return tuple(one.clone() for one in entering)


def _runs(module: nn.Module, entering: tuple[Tensor, ...], dtype: torch.dtype) -> bool:
    """Whether a module runs on numbers of a type; it may make some of its own of another."""
    try:
        with torch.no_grad():
            module.to(dtype).eval()(*(one.to(dtype) for one in entering))
    except Exception:
        return False
    return True


def _first_image(values: Any) -> tuple[Tensor, ...]:
    """A copy of each tensor's part for one image: what comes later may overwrite it, and of all it would take long."""
    return tuple(tensor[:1].clone() for tensor in outputs(values))


def _apart(far: float) -> str:
    return f"apart by {far:.1g} of the largest number"


def _tensors(values: tuple[Tensor, ...]) -> str:
    return "1 tensor" if len(values) == 1 else f"{len(values)} tensors"
