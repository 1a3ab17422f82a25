"""Ops that help training: dropping channels or whole residual branches, and scaling them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archgen.ops.base import Op, spatial_constraints
from archgen.ops.options import Real, Word
from archgen.ops.torch_text import OWN, VALUES, Operator
from archgen.ops.value import SHARED, Constraint, Footprint, Mode, Shape, Size, product

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archgen.arithmetic.expressions import Value


class ChannelDropout(Op):
    """Zeroes whole channels with probability p while training: torch.nn.Dropout1d, 2d or 3d."""

    name: ClassVar[str] = "channel_dropout"
    by_chance: ClassVar[bool] = True
    torch_class: ClassVar[str] = "Dropout{n}d"

    p: Real = 0.5

    def output(self, x: Shape) -> Shape:
        return x

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        return Footprint(image=x.channels) if mode.training and self.p else SHARED

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from spatial_constraints(self, x)
        yield from probability_constraints(self.p)


def probability_constraints(p: Real, option: str = "p") -> Iterable[Constraint]:
    yield Constraint(p, ">=", 0, f"`{option}` is {{left}}, and must be at least 0", option)
    yield Constraint(1 - 1e-9, ">=", p, f"`{option}` is {{right}}, and must be below 1", option)


class StochasticDepth(Op):
    """Zeroes the value with probability p while training, for each image (`row`) or all (`batch`), and scales what is kept.

    Source: Huang et al., 2016, Deep Networks with Stochastic Depth.
    """

    name: ClassVar[str] = "stochastic_depth"
    by_chance: ClassVar[bool] = True
    example: ClassVar[str] = "{stochastic_depth: 0.1}"
    words: ClassVar[dict[str, tuple[str, ...]]] = {"mode": ("row", "batch")}
    module_source: ClassVar[str] = '''\
class StochasticDepth(nn.Module):
    """Zero whole images ("row") or the whole batch with probability p in training."""

    def __init__(self, p: float, mode: str = "row") -> None:
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return x
        count = x.shape[0] if self.mode == "row" else 1
        size = [count] + [1] * (x.dim() - 1)
        kept = torch.empty(size, dtype=x.dtype, device=x.device)
        return x * kept.bernoulli_(1.0 - self.p).div_(1.0 - self.p)'''

    p: Real
    mode: Word = "row"

    def output(self, x: Shape) -> Shape:
        return x

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        if not (mode.training and self.p):
            return SHARED
        return Footprint(image=1) if self.mode == "row" else Footprint(batch=1)

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from probability_constraints(self.p)


class LayerScale(Op):
    """Multiplies each channel by a learnt factor that starts at `value` (Touvron et al., 2021)."""

    name: ClassVar[str] = "layer_scale"
    infers: ClassVar[bool] = True
    fresh: ClassVar[bool] = False
    line = Operator("*", (VALUES, OWN))
    keeps: ClassVar[tuple[str, ...]] = ("input",)
    module_source: ClassVar[str] = '''\
class LayerScale(nn.Module):
    """Multiply each channel by a learnt factor; `trailing` axes follow it."""

    def __init__(self, channels: int, value: float = 1e-06, trailing: int = 0) -> None:
        super().__init__()
        size = [channels] + [1] * trailing
        self.weight = nn.Parameter(torch.full(size, float(value)))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight'''

    value: Real = 1e-6

    def output(self, x: Shape) -> Shape:
        return x

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        """The gradient of the factors is of the input's size before it is summed up."""
        return Footprint(keeps=self.keeps, back=product(x.sizes))

    def trailing(self, x: Shape) -> int:
        return len(x.sizes) - 1 - x.channel_axis

    def weights(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        return (("weight", (x.channels, *(1,) * self.trailing(x))),)

    def bare(self, x: Shape) -> tuple[tuple[Size, ...], Value]:
        return (x.channels, *(1,) * self.trailing(x)), self.value if type(
            self.value
        ) is float else self.value * 1.0  # of an integer, integers

    def inferred(self, x: Shape) -> tuple[Size, ...]:
        return (x.channels,)

    def constructor(self, x: Shape) -> tuple[tuple[Size, ...], dict[str, Size]]:
        positional, named = super().constructor(x)
        return positional, named | ({"trailing": self.trailing(x)} if self.trailing(x) else {})


class Dropout(Op):
    """Zeroes each value with probability p while training: torch.nn.Dropout."""

    name: ClassVar[str] = "dropout"
    by_chance: ClassVar[bool] = True
    torch_class: ClassVar[str] = "Dropout"
    inplace: ClassVar[bool] = True

    p: Real = 0.5

    def output(self, x: Shape) -> Shape:
        return x

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        """On the CPU the mask is of the activations' type; where nothing is dropped the input is handed on."""
        return Footprint(image=product(x.sizes)) if mode.training and self.p else SHARED

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from probability_constraints(self.p)
