"""Ops that rearrange, repeat or pad values without weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archgen.ops.base import SHARED, Axes, Claim, Footprint, Int, Ints, Op, Shape, Word, spatial_claims

if TYPE_CHECKING:
    from collections.abc import Iterable


class Permute(Op):
    """Reorders the axes, counted with the batch, which stays first: torch.permute."""

    name: ClassVar[str] = "permute"
    module_source: ClassVar[str] = '''\
class Permute(nn.Module):
    """Reorder the axes, counted with the batch."""

    def __init__(self, dims: tuple[int, ...]) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.dims)'''

    dims: Axes

    def footprint(self, x: Shape, y: Shape, training: bool) -> Footprint:
        return SHARED

    def output(self, x: Shape) -> Shape:
        axes = [dim - 1 for dim in self.dims[1:]]
        return Shape(tuple(x.sizes[axis] for axis in axes), axes.index(x.channel_axis))

    def claims(self, x: Shape) -> Iterable[Claim]:
        count = len(x.sizes) + 1
        yield Claim(x.rank, ">=", 1, "`permute` has nothing to reorder: the value has one axis beside the batch")
        known = sorted(self.dims) == list(range(count))
        yield Claim(int(known), "==", 1, f"`dims` must name each of the axes 0 to {count - 1} once", "dims")
        yield Claim(self.dims[0] if self.dims else -1, "==", 0, "`dims` must begin with 0: the batch stays first", "dims")


class ChannelShuffle(Op):
    """Interleaves groups of channels (Zhang et al., 2018): torch.nn.ChannelShuffle."""

    name: ClassVar[str] = "channel_shuffle"
    torch_class: ClassVar[str] = "ChannelShuffle"

    groups: Int

    def output(self, x: Shape) -> Shape:
        return x

    def claims(self, x: Shape) -> Iterable[Claim]:
        yield from spatial_claims(self, x)
        yield Claim(self.groups, ">=", 1, "`groups` is {left}, and must be at least {right}", "groups")
        yield Claim(
            self.groups, "divides", x.channels, "`groups` is {left}, which does not divide the {right} channels", "groups"
        )


class PixelShuffle(Op):
    """Moves channels into space, each axis growing by a factor (Shi et al., 2016): torch.nn.PixelShuffle."""

    name: ClassVar[str] = "pixel_shuffle"
    torch_class: ClassVar[str] = "PixelShuffle"

    upscale_factor: Int

    def output(self, x: Shape) -> Shape:
        factor = self.upscale_factor
        return Shape((x.channels // (factor * factor), *(size * factor for size in x.sizes[1:])))

    def claims(self, x: Shape) -> Iterable[Claim]:
        yield from _image_claims(self, x)
        yield Claim(self.upscale_factor, ">=", 1, "`upscale_factor` is {left}, and must be at least {right}", "upscale_factor")
        square = self.upscale_factor * self.upscale_factor
        sentence = "the square of `upscale_factor` is {left}, which does not divide the {right} channels"
        yield Claim(square, "divides", x.channels, sentence, "upscale_factor")


class PixelUnshuffle(Op):
    """Moves space into channels, each axis shrinking by a factor: torch.nn.PixelUnshuffle."""

    name: ClassVar[str] = "pixel_unshuffle"
    torch_class: ClassVar[str] = "PixelUnshuffle"

    downscale_factor: Int

    def output(self, x: Shape) -> Shape:
        factor = self.downscale_factor
        return Shape((x.channels * factor * factor, *(size // factor for size in x.sizes[1:])))

    def claims(self, x: Shape) -> Iterable[Claim]:
        yield from _image_claims(self, x)
        yield Claim(
            self.downscale_factor, ">=", 1, "`downscale_factor` is {left}, and must be at least {right}", "downscale_factor"
        )
        for size in x.sizes[1:]:
            sentence = "`downscale_factor` is {left}, which does not divide the size {right}"
            yield Claim(self.downscale_factor, "divides", size, sentence, "downscale_factor")


def _image_claims(op: Op, x: Shape) -> Iterable[Claim]:
    yield from spatial_claims(op, x)
    yield Claim(x.rank, "==", 2, f"`{op.name}` takes two spatial axes, not {{left}}")


class Upsample(Op):
    """Repeats or interpolates values, each axis growing by a whole factor: torch.nn.Upsample."""

    name: ClassVar[str] = "upsample"
    torch_class: ClassVar[str] = "Upsample"
    positional: ClassVar[int] = 0
    words: ClassVar[dict[str, tuple[str, ...]]] = {
        "mode": ("nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear")
    }

    scale_factor: Int
    mode: Word = "nearest"

    @classmethod
    def first(cls) -> str:
        return "scale_factor"

    def output(self, x: Shape) -> Shape:
        return x.with_spatial(size * self.scale_factor for size in x.sizes[1:])

    def claims(self, x: Shape) -> Iterable[Claim]:
        yield from spatial_claims(self, x)
        yield Claim(self.scale_factor, ">=", 1, "`scale_factor` is {left}, and must be at least {right}", "scale_factor")
        rank = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}.get(self.mode, x.rank)
        yield Claim(rank, "==", x.rank, f"`{self.mode}` takes {{left}} spatial axes; here there are {{right}}", "mode")


class Pad(Op):
    """Zeros around the spatial axes: torch.nn.ZeroPad1d, 2d or 3d; a list begins with the last axis, as torch's."""

    name: ClassVar[str] = "pad"
    torch_class: ClassVar[str] = "ZeroPad{n}d"

    padding: Ints

    def output(self, x: Shape) -> Shape:
        before, after = self.padding[::2], self.padding[1::2]
        pairs = zip(x.sizes[1:], reversed(before), reversed(after))
        return x.with_spatial(size + left + right for size, left, right in pairs)

    def claims(self, x: Shape) -> Iterable[Claim]:
        yield from spatial_claims(self, x)
        yield Claim(
            len(self.padding),
            "==",
            2 * x.rank,
            "`padding` lists {left} values; two for each spatial axis are {right}",
            "padding",
        )
        for value in self.padding:
            yield Claim(value, ">=", 0, "`padding` is {left}, and must be at least 0", "padding")
