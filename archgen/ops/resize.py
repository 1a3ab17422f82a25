"""Ops that bring the spatial axes to another size, without weights."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

from archgen.arithmetic.evaluation import binary, call
from archgen.arithmetic.expressions import Expression, is_whole
from archgen.ops.base import Op, axis_constraints, list_constraints, spatial_constraints
from archgen.ops.options import Bool, PerAxis, Scale, Word
from archgen.ops.value import MOST_PHASES, Constraint, Footprint, Mode, Reads, Shape, Size, axes, product

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

INTERPOLATED = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}  # spatial axes that a mode takes
MODES = ("nearest", "nearest-exact", *INTERPOLATED, "area")
_REACH = {"linear": 1, "bilinear": 1, "trilinear": 1, "bicubic": 2}  # positions read on each side
_LONGEST = 1000  # of a fraction's denominator: sizes up to 2**40 then can't come near a whole number without being one


def mode_constraints(op: Any, x: Shape) -> Iterable[Constraint]:
    """A way to interpolate takes so many axes, and only one that interpolates can align the corners."""
    rank = INTERPOLATED.get(op.mode, x.rank)
    yield Constraint(rank, "==", x.rank, f"`{op.mode}` takes {{left}} spatial axes; here there are {{right}}", "mode")
    aligns = op.align_corners is None or op.mode in INTERPOLATED
    sentence = f"`{op.mode}` reads no position between others, so it has no corners to align"
    yield Constraint(int(aligns), "==", 1, sentence, "align_corners", "leave it out, or write `mode: bilinear`" * (x.rank == 2))


def area_footprint(op: Any, y: Shape) -> Footprint:
    """`area` is an adaptive average pooling, which to one position is a plain mean."""
    return Footprint(keeps=("input",) if op.mode == "area" and any(size != 1 for size in y.sizes[1:]) else ())


class Upsample(Op):
    """Repeats or interpolates values, each axis growing by a factor, or to a size: torch.nn.Upsample.

    A factor may be a fraction, and below 1; the size is rounded down, as torch does. `area` is the mean of what a position
    covers.
    """

    name: ClassVar[str] = "upsample"
    example: ClassVar[str] = "{upsample: 2, mode: bilinear}"
    torch_class: ClassVar[str] = "Upsample"
    positional: ClassVar[int] = 0
    keeps: ClassVar[tuple[str, ...]] = ("input",)
    words: ClassVar[dict[str, tuple[str, ...]]] = {"mode": MODES}
    instead_of: ClassVar[dict[str, str]] = {"size": "scale_factor"}

    size: PerAxis = None
    scale_factor: Scale = None
    mode: Word = "nearest"
    align_corners: Bool = None

    @classmethod
    def first(cls) -> str:
        return "scale_factor"

    def output(self, x: Shape) -> Shape:
        if self.size is not None:
            return x.with_spatial(axes(self.size, x.rank))
        return x.with_spatial(map(scaled, x.sizes[1:], axes(self.scale_factor, x.rank)))

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        """By a factor, each position reads likewise; to a size, or with the corners aligned, that depends on the input's."""
        if self.scale_factor is None or self.align_corners not in (None, False):
            return (None,) * x.rank
        return tuple(_reads(fraction(factor), self.mode) for factor in axes(self.scale_factor, x.rank))

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        return area_footprint(self, y)

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from spatial_constraints(self, x)
        given = sum(one is not None for one in (self.size, self.scale_factor))
        sentence = "`upsample` takes a `scale_factor` or a `size`, and here are {left} of them"
        help = "leave one of them out" if given else "write one of them"
        yield Constraint(given, "==", 1, sentence, "size" if given else "", help)
        yield from list_constraints(self, x.rank, "size", "scale_factor")
        yield from axis_constraints(self, x.rank, {"size": 1})
        if self.scale_factor is not None:
            for size, factor in zip(x.sizes[1:], axes(self.scale_factor, x.rank)):
                yield from _factor_constraints(size, factor)
        yield from mode_constraints(self, x)


def fraction(factor: float) -> Fraction:
    """The short fraction that a float stands for: 1/3, not 0.333333333333333314829616256247..."""
    exact = Fraction(factor)
    short = exact.limit_denominator(_LONGEST)
    return short if float(short) == factor else exact


def _is_exact(factor: float) -> bool:
    """Whether torch's product of a size and this float, rounded down, is that of the short fraction, at every size.

    A product that is whole in fractions comes out below that where the float is less than the fraction by more than a product
    of two floats is rounded by: 90 * 0.7 is 62.99..., and 90 * 0.3 is 27.
    """
    short = fraction(factor)
    return short.denominator <= _LONGEST and (short - Fraction(factor)) * 2**54 <= short


def scaled(size: Size, factor: Size) -> Size:
    """The product of a size and a factor, rounded down."""
    if isinstance(factor, Expression):
        product = binary("*", size, factor)
        return product if is_whole(factor) else call("floor", product)
    short = fraction(factor)
    return size * short.numerator if short.denominator == 1 else size * short.numerator // short.denominator


def _factor_constraints(size: Size, factor: Size) -> Iterable[Constraint]:
    if not isinstance(factor, Expression):
        sentence = f"`scale_factor` is {factor}, and must be above 0"
        yield Constraint(int(factor > 0), "==", 1, sentence, "scale_factor")
        short = fraction(factor)
        sentence = f"`scale_factor` is {factor}: a float times a size, rounded down, is not what {short} makes of every size"
        help = f"write `{max(1, round(factor * 64)) / 64}`, which a float holds exactly, or a `size`"
        yield Constraint(int(_is_exact(factor)), "==", 1, sentence, "scale_factor", help)
    sentence = f"`scale_factor` is {factor}, which leaves nothing of {size} positions"
    yield Constraint(scaled(size, factor), ">=", 1, sentence, "scale_factor")


def _reads(factor: Fraction, mode: str) -> Reads | None:
    """What position i reads; `p / q` is the factor.

    The nearest is i * q // p, which by a whole factor is all that `area` covers. The centre of i lies at
    ((2i + 1) * q - p) / 2p, and the position nearest to it is read by `nearest-exact`; of what is interpolated, that at a
    whole distance has weight 0.
    """
    up, stride = factor.numerator, factor.denominator
    if mode == "area" and stride > 1:
        return None  # what the windows cover hangs on the input's size
    if mode in ("nearest", "area") or (mode == "nearest-exact" and stride == 1):
        return Reads(stride, range(1 - up, 1), up)
    if mode == "nearest-exact":
        return Reads(2 * stride, range(stride - 2 * up + 1, stride + 1), 2 * up)
    reach = 2 * up * _REACH[mode]
    centre = stride - up
    first, last = centre + 1 - reach, centre + reach
    taps: Sequence[int] = range(first, last)
    if mode == "bicubic" and up <= MOST_PHASES:
        near, far = centre - 2 * up, centre + 2 * up  # at distance 1
        taps = [*range(first, near), *range(near + 1, far), *range(far + 1, last)]
    return Reads(2 * stride, taps, 2 * up)


class Crop(Op):
    """The middle of the spatial axes; of an odd rest, one more position goes behind: as a U-Net crops.

    `size` is what remains, one number or a list with one for each axis.
    """

    name: ClassVar[str] = "crop"
    example: ClassVar[str] = "{crop: 24}"
    module_source: ClassVar[str] = '''\
class Crop(nn.Module):
    """Crop the spatial axes around the middle."""

    def __init__(self, size: tuple[int, ...]) -> None:
        super().__init__()
        self.size = list(size)

    def forward(self, x: Tensor) -> Tensor:
        for number, size in enumerate(self.size):
            x = x.narrow(number + 2, (x.shape[number + 2] - size) // 2, size)
        return x'''

    size: PerAxis

    def output(self, x: Shape) -> Shape:
        return x.with_spatial(axes(self.size, x.rank))

    def torch_options(self, x: Shape) -> dict[str, Any]:
        return {"size": axes(self.size, x.rank)}

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        return crop_reads(x, self.output(x))

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        return crop_footprint(x, y)

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from spatial_constraints(self, x)
        yield from list_constraints(self, x.rank, "size")
        yield from axis_constraints(self, x.rank, {"size": 1})
        for size, wanted in zip(x.sizes[1:], axes(self.size, x.rank)):
            sentence = "`crop` can't leave {right} of {left} positions"
            yield Constraint(size, ">=", wanted, sentence, "size", "`pad` adds positions, and `upsample` takes any `size`")


def crop_reads(x: Shape, y: Shape) -> tuple[Reads | None, ...]:
    """What a crop reads: a position so far on that each size says it."""
    starts = tuple((size - left) // 2 for size, left in zip(x.sizes[1:], y.sizes[1:]))
    return tuple(Reads(1, (start,)) if type(start) is int else None for start in starts)


def crop_footprint(x: Shape, y: Shape) -> Footprint:
    """A part of the input, cut axis by axis; the way back makes a tensor for each cut."""
    first = product((*y.sizes[:2], *x.sizes[2:]))
    return Footprint(shared=True, part=True, back=first - product(y.sizes))
