"""Pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from archgen.arithmetic.evaluation import minimum, select
from archgen.ops.base import Op, axis_constraints, list_constraints, spatial_constraints, window_reads
from archgen.ops.options import Bool, Int, PerAxis
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
        dilation = getattr(self, "dilation", 1)
        return zip(axes(option.kernel_size, rank), axes(stride, rank), axes(option.padding, rank), axes(dilation, rank))

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
        for kernel, _, padding, _ in self.windows(x.rank):
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


class AvgPool(Pool):
    """Mean over a window: torch.nn.AvgPool1d, 2d or 3d. Without `stride` it is the kernel size."""

    name: ClassVar[str] = "avg_pool"
    example: ClassVar[str] = "{avg_pool: 2}"
    torch_class: ClassVar[str] = "AvgPool{n}d"

    kernel_size: PerAxis
    stride: PerAxis = None
    padding: PerAxis = 0
    ceil_mode: Bool = False
    count_include_pad: Bool = True

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from super().constraints(x)
        if x.rank == 3:  # torch.nn.AvgPool3d alone refuses a window that only ceil mode or padding would make fit
            for size, (kernel, _, _, _) in zip(x.sizes[1:], self.windows(x.rank)):
                yield Constraint(
                    size, ">=", kernel, "the window spans {right} positions, but the input has {left}", "kernel_size"
                )


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
