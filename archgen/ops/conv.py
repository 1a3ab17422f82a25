"""Convolutions and linear layers: the ops that have MACs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from archgen.arithmetic.evaluation import binary, call, select
from archgen.ops.base import Op, axis_constraints, list_constraints, reads_along, spatial_constraints, window_reads
from archgen.ops.options import Bool, Int, Padding, PerAxis, Word
from archgen.ops.rearrange import circular_footprint
from archgen.ops.value import (
    Constraint,
    Footprint,
    Mode,
    Reads,
    Shape,
    Size,
    axes,
    divisors,
    known_at_least,
    product,
    same,
    together,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


def window_size(size: Size, kernel: Size, stride: Size, padding: Size, dilation: Size) -> Size:
    """Positions of a window along an axis (torch.nn.Conv2d, "Shape")."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def group_constraints(groups: Size, channels: Size, out_channels: Size) -> Iterable[Constraint]:
    """The groups share both the input's and the output's channels."""
    sentence = "`groups` is {left}, which does not divide the {right} "
    help = divisors(groups, channels, out_channels)
    yield Constraint(groups, "divides", channels, sentence + "input channels", "groups", help)
    yield Constraint(groups, "divides", out_channels, sentence + "output channels", "groups", help)


_LEAST = {"out_channels": 1, "kernel_size": 1, "stride": 1, "padding": 0, "dilation": 1, "groups": 1}
_LEAST_BESIDE_A_WORD = {option: least for option, least in _LEAST.items() if option != "padding"}
_SAME_HELP = "leave `padding` out: an odd kernel is padded by half of what it spans, at any stride"


class Conv(Op):
    """Convolution: torch.nn.Conv1d, Conv2d or Conv3d by the input's rank.

    Without `padding`, an odd kernel keeps the size at stride 1, `dilation * (kernel_size - 1) // 2`, as architecture papers
    assume, and an even kernel is not padded; torch's own default is 0. `same` keeps the size of any kernel at stride 1: where
    the padding can't be the same on both sides, there is one more behind. `valid` is 0.
    """

    name: ClassVar[str] = "conv"
    example: ClassVar[str] = "{conv: 64, kernel_size: 7, stride: 2}"
    torch_class: ClassVar[str] = "Conv{n}d"
    infers: ClassVar[bool] = True
    fresh: ClassVar[bool] = True
    keeps: ClassVar[tuple[str, ...]] = ("input",)
    words: ClassVar[dict[str, tuple[str, ...]]] = {
        "padding": ("same", "valid"),
        "padding_mode": ("zeros", "reflect", "replicate", "circular"),
    }

    out_channels: Int
    kernel_size: PerAxis
    stride: PerAxis = 1
    padding: Padding = None
    dilation: PerAxis = 1
    groups: Int = 1
    bias: Bool = True
    padding_mode: Word = "zeros"

    @classmethod
    def torch_defaults(cls) -> dict[str, Any]:
        return cls.defaults | {"padding": 0}

    def paddings(self, rank: int) -> tuple[Size, ...]:
        """What stands before the first position along each axis."""
        if self.padding == "valid":
            return (0,) * rank
        if self.padding == "same":
            return tuple(span // 2 for span in self.spans(rank))
        if self.padding is not None:
            return axes(self.padding, rank)
        kernel, dilation = self.kernel_size, self.dilation
        if type(kernel) is int and type(dilation) is int:
            return (dilation * ((kernel - 1) // 2) if kernel % 2 else 0,) * rank
        pairs = zip(axes(self.kernel_size, rank), axes(self.dilation, rank))
        return tuple(select(binary("==", k % 2, 1), d * ((k - 1) // 2), 0) for k, d in pairs)

    def paddings_behind(self, rank: int) -> tuple[Size, ...]:
        if self.padding == "same":
            return tuple(span - span // 2 for span in self.spans(rank))
        return self.paddings(rank)

    def spans(self, rank: int) -> tuple[Size, ...]:
        """How far the kernel reaches from its first position to its last along each axis."""
        return tuple(d * (k - 1) for k, d in zip(axes(self.kernel_size, rank), axes(self.dilation, rank)))

    def padded(self, x: Shape) -> tuple[Size, ...]:
        """The spatial sizes with their padding."""
        sides = zip(x.sizes[1:], self.paddings(x.rank), self.paddings_behind(x.rank))
        return tuple(size + before + behind for size, before, behind in sides)

    def windows(self, rank: int) -> Iterable[tuple[Size, Size, Size, Size]]:
        """Kernel, stride, padding and dilation along each axis."""
        return zip(axes(self.kernel_size, rank), axes(self.stride, rank), self.paddings(rank), axes(self.dilation, rank))

    def output(self, x: Shape) -> Shape:
        if self.padding == "same":
            return Shape((self.out_channels, *x.sizes[1:]), x.channel_axis)
        spatial = (window_size(size, *window) for size, window in zip(x.sizes[1:], self.windows(x.rank)))
        return Shape((self.out_channels, *spatial), x.channel_axis)

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from spatial_constraints(self, x._replace(channel_axis=0) if x.rank == 1 else x)
        yield from list_constraints(self, x.rank, "kernel_size", "stride", "padding", "dilation")
        yield from axis_constraints(self, x.rank, _LEAST if self.padding not in self.words["padding"] else _LEAST_BESIDE_A_WORD)
        if self.padding == "same":
            for stride in axes(self.stride, x.rank):
                yield Constraint(stride, "==", 1, "`padding: same` needs a stride of {right}, not {left}", "stride", _SAME_HELP)
        if self.groups != 1:
            yield from group_constraints(self.groups, x.sizes[0], self.out_channels)
        for size, padded, (kernel, _, padding, dilation) in zip(x.sizes[1:], self.padded(x), self.windows(x.rank)):
            span = dilation * (kernel - 1) + 1
            if self.padding != "same" and not known_at_least(padded, span):
                sentence = f"the kernel spans {{right}} positions, but the input has {{left}} with padding ({size} without)"
                yield Constraint(padded, ">=", span, sentence, "kernel_size")
            if self.padding_mode in ("reflect", "circular"):
                least = padded - size - padding + int(self.padding_mode == "reflect")
                yield Constraint(
                    size,
                    ">=",
                    least,
                    f"`{self.padding_mode}` padding needs {{right}} positions, but the input has {{left}}",
                    "padding",
                )

    def weights(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        weight = ("weight", (self.out_channels, x.sizes[0] // self.groups, *axes(self.kernel_size, x.rank)))
        return (weight, ("bias", (self.out_channels,))) if self.bias else (weight,)

    def macs(self, x: Shape, y: Shape) -> Size:
        return product(y.sizes) * (x.sizes[0] // self.groups) * product(axes(self.kernel_size, x.rank))

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        return reads_along(x, 1) if x.channel_axis else window_reads(self.windows(x.rank))

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        """torch pads with zeros inside the convolution, the same on both sides; for any other padding it makes a new tensor."""
        sides = tuple(zip(self.paddings(x.rank), self.paddings_behind(x.rank)))
        if self.padding_mode != "zeros":
            padded = x.sizes[0] * product(self.padded(x))
            return Footprint(keeps=self.keeps, first=self.around(x), between=padded)
        if all(same(before, behind) for before, behind in sides):
            return super().footprint(x, y, mode)
        padded = x.sizes[0] * product(size + behind - before for size, (before, behind) in zip(x.sizes[1:], sides))
        return Footprint(keeps=self.keeps, first=Footprint(), between=padded)

    def around(self, x: Shape) -> Footprint:
        """The padding by values of the input."""
        if self.padding_mode != "circular":
            return Footprint(keeps=("input",))
        return circular_footprint(x, (x.sizes[0], *self.padded(x)), self.paddings_behind(x.rank))

    def inferred(self, x: Shape) -> tuple[Size, ...]:
        return x.sizes[:1]

    def insists_on(self, x: Shape) -> tuple[int, ...]:
        return (0,)

    def torch_options(self, x: Shape) -> dict[str, Any]:
        written = self.padding is not None and self.padding != "valid"
        return super().torch_options(x) | {"padding": self.padding if written else together(self.paddings(x.rank))}


class ConvTranspose(Op):
    """Transposed convolution: torch.nn.ConvTranspose1d, 2d or 3d. Its padding is torch's, 0."""

    name: ClassVar[str] = "conv_transpose"
    example: ClassVar[str] = "{conv_transpose: 32, kernel_size: 2, stride: 2}"
    torch_class: ClassVar[str] = "ConvTranspose{n}d"
    infers: ClassVar[bool] = True
    fresh: ClassVar[bool] = True
    keeps: ClassVar[tuple[str, ...]] = ("input",)

    out_channels: Int
    kernel_size: PerAxis
    stride: PerAxis = 1
    padding: PerAxis = 0
    output_padding: PerAxis = 0
    groups: Int = 1
    bias: Bool = True
    dilation: PerAxis = 1

    def output(self, x: Shape) -> Shape:
        options = (self.kernel_size, self.stride, self.padding, self.output_padding, self.dilation)
        spatial = (
            (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1
            for size, kernel, stride, padding, output_padding, dilation in zip(x.sizes[1:], *(axes(o, x.rank) for o in options))
        )
        return Shape((self.out_channels, *spatial))

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from spatial_constraints(self, x)
        yield from list_constraints(self, x.rank, "kernel_size", "stride", "padding", "output_padding", "dilation")
        least = {
            "out_channels": 1,
            "kernel_size": 1,
            "stride": 1,
            "padding": 0,
            "output_padding": 0,
            "dilation": 1,
            "groups": 1,
        }
        yield from axis_constraints(self, x.rank, least)
        yield from group_constraints(self.groups, x.channels, self.out_channels)
        options = (self.stride, self.dilation, self.output_padding)
        for stride, dilation, output_padding in zip(*(axes(option, x.rank) for option in options)):
            yield Constraint(
                call("max", stride, dilation) - 1,
                ">=",
                output_padding,
                "`output_padding` is {right}; it must be smaller than the stride or the dilation",
                "output_padding",
            )
        for size in self.output(x).sizes[1:]:
            yield Constraint(size, ">=", 1, "the output would have {left} positions", "padding")

    def weights(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        weight = ("weight", (x.channels, self.out_channels // self.groups, *axes(self.kernel_size, x.rank)))
        return (weight, ("bias", (self.out_channels,))) if self.bias else (weight,)

    def macs(self, x: Shape, y: Shape) -> Size:
        return product(x.sizes) * (self.out_channels // self.groups) * product(axes(self.kernel_size, x.rank))

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        options = (self.kernel_size, self.stride, self.padding, self.dilation)
        return tuple(
            Reads(1, range(padding - dilation * (kernel - 1), padding + 1, dilation), stride)
            for kernel, stride, padding, dilation in zip(*(axes(option, x.rank) for option in options))
        )

    def inferred(self, x: Shape) -> tuple[Size, ...]:
        return (x.channels,)


class Linear(Op):
    """Linear layer on the last axis: torch.nn.Linear.

    What it holds are the channels, or whatever a `transpose`, a `permute` or a `reshape` has put there; behind a convolution, a
    `flatten` stands before it.
    """

    name: ClassVar[str] = "linear"
    example: ClassVar[str] = "{linear: 10}"
    torch_class: ClassVar[str] = "Linear"
    infers: ClassVar[bool] = True
    fresh: ClassVar[bool] = True
    keeps: ClassVar[tuple[str, ...]] = ("input",)

    out_features: Int
    bias: Bool = True

    def output(self, x: Shape) -> Shape:
        return x._replace(sizes=(*x.sizes[:-1], self.out_features))

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        """torch multiplies two matrices; of more axes it joins all but the last, and parts them again."""
        return Footprint(keeps=self.keeps, view=x.rank > 0, dense=x.rank > 0)

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield Constraint(
            len(x.sizes) - 1 if x.arranged else x.channel_axis,
            "==",
            len(x.sizes) - 1,
            "`linear` works on the last axis, but this value has axes after its channels",
            "",
            "put a `flatten` of all axes before it, or a `permute` that moves the channels last",
        )
        yield Constraint(self.out_features, ">=", 1, "`out_features` is {left}, and must be at least {right}", "out_features")

    def weights(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        weight = ("weight", (self.out_features, x.sizes[-1]))
        return (weight, ("bias", (self.out_features,))) if self.bias else (weight,)

    def macs(self, x: Shape, y: Shape) -> Size:
        return product(y.sizes) * x.sizes[-1]

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        return reads_along(x, -1)

    def inferred(self, x: Shape) -> tuple[Size, ...]:
        return x.sizes[-1:]

    def insists_on(self, x: Shape) -> tuple[int, ...]:
        return (len(x.sizes) - 1,)
