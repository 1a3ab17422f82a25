"""Pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from archgen.arithmetic.evaluation import minimum, select
from archgen.arithmetic.expressions import is_number
from archgen.ops.base import Op, axis_constraints, list_constraints, spatial_constraints, window_reads
from archgen.ops.options import Bool, Int, PerAxis, Real
from archgen.ops.value import Constraint, Footprint, Mode, Reads, Shape, Size, axes, product

if TYPE_CHECKING:
    from collections.abc import Iterable


def pooled_size(size: Size, kernel: Size, stride: Size, padding: Size, dilation: Size, ceil_mode: Any) -> Size:
    """Positions of a pooling window. In ceil mode a last window may hang over the end, if it starts inside the input or left
    padding.

    One floor division serves both: torch's `(out - 1) * stride >= size + padding` correction is the minimum below.
    """
    free = 2 * padding - dilation * (kernel - 1) - 1
    return (size + select(ceil_mode, minimum(free + stride - 1, padding - 1), free)) // stride + 1


class Pool(Op):
    """What max and average pooling share; `stride` is the kernel size where none is written."""

    positional: ClassVar[int] = 1
    keeps: ClassVar[tuple[str, ...]] = ("input",)

    def windows(self, rank: int) -> Iterable[tuple[Size, Size, Size, Size]]:
        """Kernel, stride, padding and dilation along each axis."""
        option: Any = self
        stride = option.kernel_size if option.stride is None else option.stride
        padding, dilation = getattr(self, "padding", 0), getattr(self, "dilation", 1)
        return zip(axes(option.kernel_size, rank), axes(stride, rank), axes(padding, rank), axes(dilation, rank))

    def output(self, x: Shape) -> Shape:
        option: Any = self
        ceil_mode = option.ceil_mode
        return x.with_spatial(pooled_size(size, *window, ceil_mode) for size, window in zip(x.sizes[1:], self.windows(x.rank)))

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        return window_reads(self.windows(x.rank))

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from spatial_constraints(self, x)
        options = [option for option in ("kernel_size", "stride", "padding", "dilation") if option in self.fields]
        yield from list_constraints(self, x.rank, *options)
        yield from axis_constraints(self, x.rank, {option: int(option != "padding") for option in options})
        for kernel, _, padding, _ in self.windows(x.rank) if "padding" in self.fields else ():
            yield Constraint(
                kernel // 2, ">=", padding, "`padding` is {right}; at most half of the kernel, {left}, is allowed", "padding"
            )
        for size, pooled in zip(x.sizes[1:], self.output(x).sizes[1:]):
            yield Constraint(
                pooled,
                ">=",
                1,
                f"the window is larger than the input of {size} positions: nothing is left to pool",
                "kernel_size",
            )


class MaxPool(Pool):
    """Maximum over a window: torch.nn.MaxPool1d, 2d or 3d. Without `stride` it is the kernel size."""

    name: ClassVar[str] = "max_pool"
    example: ClassVar[str] = "{max_pool: 3, stride: 2, padding: 1}"
    torch_class: ClassVar[str] = "MaxPool{n}d"

    kernel_size: PerAxis
    stride: PerAxis = None
    padding: PerAxis = 0
    dilation: PerAxis = 1
    ceil_mode: Bool = False

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        """Along one axis torch has a kernel without indices, for where no backward pass will come."""
        return Footprint(keeps=self.keeps, indices=product(y.sizes) if mode.gradient or x.rank > 1 else 0)


class MeanPool(Pool):
    """What the poolings share that torch works out as a mean."""

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from super().constraints(x)
        if x.rank == 3:  # torch.nn.AvgPool3d alone refuses a window that only ceil mode or padding would make fit
            for size, (kernel, _, _, _) in zip(x.sizes[1:], self.windows(x.rank)):
                yield Constraint(
                    size, ">=", kernel, "the window spans {right} positions, but the input has {left}", "kernel_size"
                )


class AvgPool(MeanPool):
    """Mean over a window: torch.nn.AvgPool1d, 2d or 3d. Without `stride` it is the kernel size."""

    name: ClassVar[str] = "avg_pool"
    example: ClassVar[str] = "{avg_pool: 2}"
    torch_class: ClassVar[str] = "AvgPool{n}d"

    kernel_size: PerAxis
    stride: PerAxis = None
    padding: PerAxis = 0
    ceil_mode: Bool = False
    count_include_pad: Bool = True


class BlurPool(Op):
    """Blurs each channel by fixed binomial weights and takes every so many positions (Zhang, 2019).

    The border is mirrored. It stands where a convolution or a pooling would take every second position, behind one that takes
    all.
    """

    name: ClassVar[str] = "blur_pool"
    infers: ClassVar[bool] = True
    fresh: ClassVar[bool] = True
    positional: ClassVar[int] = 0
    keeps: ClassVar[tuple[str, ...]] = ("input",)
    module_source: ClassVar[str] = '''\
class BlurPool(nn.Module):
    """Blur each channel by binomial weights and take every so many positions."""

    weight: Tensor

    def __init__(self, in_channels: int, kernel_size: int = 3, stride: int = 2) -> None:
        super().__init__()
        self.stride = stride
        before, behind = (kernel_size - 1) // 2, kernel_size // 2
        self.padding = [before, behind, before, behind]
        row = [1.0]
        for _ in range(kernel_size - 1):
            row = [(left + right) / 2 for left, right in zip([0.0, *row], [*row, 0.0])]
        weight = torch.outer(torch.tensor(row), torch.tensor(row))
        self.register_buffer("weight", weight.repeat(in_channels, 1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, self.padding, mode="reflect")
        return F.conv2d(x, self.weight, stride=self.stride, groups=x.shape[1])'''

    kernel_size: Int = 3
    stride: Int = 2

    def output(self, x: Shape) -> Shape:
        return x.with_spatial((size - 1) // self.stride + 1 for size in x.sizes[1:])

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from spatial_constraints(self, x)
        yield Constraint(x.rank, "==", 2, "`blur_pool` takes two spatial axes, not {left}")
        yield from axis_constraints(self, x.rank, {"kernel_size": 1, "stride": 1})
        for size in x.sizes[1:]:
            sentence = "to mirror that many positions beside the border takes an axis of {right}, and this one has {left}"
            yield Constraint(size, ">=", self.kernel_size // 2 + 1, sentence, "kernel_size")

    def buffers(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        return (("weight", (x.channels, 1, self.kernel_size, self.kernel_size)),)

    def macs(self, x: Shape, y: Shape) -> Size:
        return product(y.sizes) * self.kernel_size * self.kernel_size

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        return window_reads([(self.kernel_size, self.stride, (self.kernel_size - 1) // 2, 1)] * x.rank)

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        padded = x.channels * product(size + self.kernel_size - 1 for size in x.sizes[1:])
        return Footprint(keeps=self.keeps, first=Footprint(keeps=("input",)), between=padded)

    def inferred(self, x: Shape) -> tuple[Size, ...]:
        return (x.channels,)


class LPPool(MeanPool):
    """The norm of a window: torch.nn.LPPool1d, 2d or 3d. Without `stride` it is the kernel size."""

    name: ClassVar[str] = "lp_pool"
    example: ClassVar[str] = "{lp_pool: 2, kernel_size: 3, stride: 2}"
    torch_class: ClassVar[str] = "LPPool{n}d"
    positional: ClassVar[int] = 2

    norm_type: Real
    kernel_size: PerAxis
    stride: PerAxis = None
    ceil_mode: Bool = False

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from super().constraints(x)
        yield Constraint(self.norm_type, ">=", 1, "`norm_type` is {left}; below {right} it would be no norm", "norm_type")

    def torch_options(self, x: Shape) -> dict[str, Any]:
        """torch.nn.LPPool1d multiplies by its kernel size, so it takes no list."""
        options = super().torch_options(x)
        return options | ({"kernel_size": axes(self.kernel_size, 1)[0]} if x.rank == 1 else {})

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        """The powers and their mean; its sign and its size, whose root is taken, apart."""
        v, m = (mode.batch * mode.item * product(shape.sizes) for shape in (x, y))
        if not mode.gradient:
            return Footprint(forward=(v, m, -v, 3 * m, -m, m, -2 * m, m, -m, m, -2 * m))
        root = (3 * m, -2 * m, None, -m)
        apart = (m, -m, 2 * m, -2 * m, m, -2 * m, 2 * m, -3 * m, m, -2 * m)
        powers = (v, -m - v, 3 * v, -3 * v)
        return Footprint(keeps=self.keeps, forward=(v, 4 * m, -m, 2 * m, -m, m), backward=(*root, *apart, *powers))


class GemPool(Op):
    """Generalised mean over all positions, with a power that is learnt (Radenovic et al., 2018): at 1 the mean, far above the
    maximum."""

    name: ClassVar[str] = "gem_pool"
    positional: ClassVar[int] = 0
    keeps: ClassVar[tuple[str, ...]] = ("input", "output")
    module_source: ClassVar[str] = '''\
class GemPool(nn.Module):
    """Generalised mean over all positions, with a power that is learnt."""

    def __init__(self, p: float = 3.0, eps: float = 1e-6) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.full((1,), float(p)))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        axes = list(range(2, x.dim()))
        return x.clamp(min=self.eps).pow(self.p).mean(axes, keepdim=True).pow(1.0 / self.p)'''

    p: Real = 3.0
    eps: Real = 1e-6

    def output(self, x: Shape) -> Shape:
        return x.with_spatial((1,) * x.rank)

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from spatial_constraints(self, x)
        for option in ("p", "eps"):
            value = getattr(self, option)
            if is_number(value):
                yield Constraint(int(value > 0), "==", 1, f"`{option}` is {value}, and must be above 0", option)

    def weights(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        return (("p", (1,)),)

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        return (None,) * x.rank

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        """The clamped values, their powers and the mean of these; the power and its inverse are single numbers."""
        v, m = (mode.batch * mode.item * product(shape.sizes) for shape in (x, y))
        one = mode.item
        if not mode.gradient:
            return Footprint(forward=(2 * v, -v, m, -v, 2 * one, -one, m, -m - one))
        root = (*_of_the_base(m, one), *_of_the_power(m, one), one, -m, None, -one - m, one, -one, 2 * one, -4 * one, v, -m)
        if mode.further:
            limit = v // one, v, -v // one - v
            powers: tuple[int, ...] = (*_of_the_base(v, one), *_of_the_power(v, one), one, -4 * v - one, *limit)
        else:
            powers = (*_of_the_base(v, one), one, -4 * v - one)
        keeps = self.keeps if mode.further else ("output",)
        return Footprint(keeps=keeps, forward=(2 * v, m, 2 * one, m), backward=(*root, *powers))


def _of_the_base(size: int, one: int) -> tuple[int, ...]:
    """What stays is the gradient of a base whose power is learnt: where it is 0, its lower power, and their product."""
    truths = size // one
    return one, 2 * truths, -truths - one, 4 * size, -3 * size - truths


def _of_the_power(size: int, one: int) -> tuple[int, ...]:
    """And the product of the result and the base's logarithm."""
    return 2 * one + 4 * size, -2 * one - 3 * size


class AdaptivePool(Op):
    """What the adaptive poolings share: the output size is given, the windows follow."""

    keeps: ClassVar[tuple[str, ...]] = ("input",)

    def output(self, x: Shape) -> Shape:
        option: Any = self
        return x.with_spatial(axes(option.output_size, x.rank))

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        return (None,) * x.rank

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from spatial_constraints(self, x)
        yield from list_constraints(self, x.rank, "output_size")
        yield from axis_constraints(self, x.rank, {"output_size": 1})


class AdaptiveAvgPool(AdaptivePool):
    """Mean over windows that give the output size: torch.nn.AdaptiveAvgPool1d, 2d or 3d."""

    name: ClassVar[str] = "adaptive_avg_pool"
    example: ClassVar[str] = "{adaptive_avg_pool: 1}"
    torch_class: ClassVar[str] = "AdaptiveAvgPool{n}d"

    output_size: PerAxis

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        """To one position it is a plain mean, which needs nothing to go back."""
        return Footprint(keeps=() if all(size == 1 for size in y.sizes[1:]) else self.keeps)


class AdaptiveMaxPool(AdaptivePool):
    """Maximum over windows that give the output size: torch.nn.AdaptiveMaxPool1d, 2d or 3d."""

    name: ClassVar[str] = "adaptive_max_pool"
    example: ClassVar[str] = "{adaptive_max_pool: 1}"
    torch_class: ClassVar[str] = "AdaptiveMaxPool{n}d"

    output_size: PerAxis

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        return Footprint(keeps=self.keeps, indices=product(y.sizes))
