"""Ops of a value and of another, whose size they take: `{upsample, to: skip}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from archgen.ops.base import Op, spatial_constraints
from archgen.ops.options import Bool, Word
from archgen.ops.resize import MODES, area_footprint, crop_footprint, mode_constraints
from archgen.ops.torch_text import VALUES, Function, Nth, Option, SizeOf
from archgen.ops.value import Constraint, Footprint, Mode, Reads, Shape, same

if TYPE_CHECKING:
    from collections.abc import Iterable


class LikeOp(Op):
    """The base of the ops that bring a value to the size of another; each has the name of an op of one value."""

    registry: ClassVar[dict[str, type[Op]]] = {}

    def output(self, x: Shape, *others: Shape) -> Shape:
        (other,) = others
        return x.with_spatial(other.sizes[1:])

    def constraints(self, x: Shape, *others: Shape) -> Iterable[Constraint]:
        (other,) = others
        yield from spatial_constraints(self, x)
        yield from spatial_constraints(self, other)
        sentence = f"`{self.name}` brings {{left}} spatial axes to the size of a value with {{right}}"
        yield Constraint(x.rank, "==", other.rank, sentence, "to")


class UpsampleTo(LikeOp):
    """Repeats or interpolates values, to the size of another value: torch.nn.functional.interpolate."""

    name: ClassVar[str] = "upsample"
    example: ClassVar[str] = "{upsample, to: skip, mode: bilinear}"
    positional: ClassVar[int] = 0
    line = Function(
        "F.interpolate",
        (Nth(0),),
        (("size", SizeOf(1)), ("mode", Option("mode")), ("align_corners", Option("align_corners"))),
    )
    keeps: ClassVar[tuple[str, ...]] = ("input",)
    words: ClassVar[dict[str, tuple[str, ...]]] = {"mode": MODES}

    mode: Word = "nearest"
    align_corners: Bool = None

    def constraints(self, x: Shape, *others: Shape) -> Iterable[Constraint]:
        yield from super().constraints(x, *others)
        yield from mode_constraints(self, x)

    def text_options(self, x: Shape) -> dict[str, Any]:
        return {name: value for name, value in super().text_options(x).items() if not same(value, self.defaults[name])}

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        return area_footprint(self, y)


class CropTo(LikeOp):
    """The middle of the spatial axes, as much as another value has; of an odd rest, one more position goes behind."""

    name: ClassVar[str] = "crop"
    example: ClassVar[str] = "{crop, to: up}"
    positional: ClassVar[int] = 0
    line = Function("crop_to", (VALUES,))
    function_source: ClassVar[str] = '''\
def crop_to(x: Tensor, other: Tensor) -> Tensor:
    """Crop the spatial axes around the middle to the size of another value."""
    for axis in range(2, x.dim()):
        size = other.shape[axis]
        x = x.narrow(axis, (x.shape[axis] - size) // 2, size)
    return x'''

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        return (None,) * x.rank

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        return crop_footprint(x, y)

    def constraints(self, x: Shape, *others: Shape) -> Iterable[Constraint]:
        yield from super().constraints(x, *others)
        (other,) = others
        for size, wanted in zip(x.sizes[1:], other.sizes[1:]):
            sentence = "`crop` can't leave {right} of {left} positions"
            yield Constraint(size, ">=", wanted, sentence, "to", "`pad` adds positions, and `upsample` brings to any size")


class PadTo(LikeOp):
    """Zeros around the spatial axes up to the size of another value; of an odd number, one more stands behind."""

    name: ClassVar[str] = "pad"
    example: ClassVar[str] = "{pad, to: skip}"
    positional: ClassVar[int] = 0
    line = Function("pad_to", (VALUES,))
    function_source: ClassVar[str] = '''\
def pad_to(x: Tensor, other: Tensor) -> Tensor:
    """Pad the spatial axes with zeros to the size of another value."""
    padding: list[int] = []
    for axis in range(x.dim() - 1, 1, -1):
        missing = other.shape[axis] - x.shape[axis]
        padding += [missing // 2, missing - missing // 2]
    return F.pad(x, padding)'''

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        return (None,) * x.rank

    def constraints(self, x: Shape, *others: Shape) -> Iterable[Constraint]:
        yield from super().constraints(x, *others)
        (other,) = others
        for size, wanted in zip(x.sizes[1:], other.sizes[1:]):
            sentence = "`pad` can't make {left} positions of {right}"
            help = "`crop` takes positions away, and `upsample` brings to any size"
            yield Constraint(wanted, ">=", size, sentence, "to", help)
