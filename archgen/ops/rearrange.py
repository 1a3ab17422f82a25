"""Ops that rearrange, repeat or pad values without weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from archgen.arithmetic.expressions import names_of
from archgen.arithmetic.spelling import render
from archgen.ops.base import Op, batched_axis_constraints, reordered_reads, spatial_constraints, value_axis_constraints
from archgen.ops.options import Around, Axes, Axis, Dims, Int, Ints
from archgen.ops.torch_text import Images, Index, Method, Option
from archgen.ops.value import (
    POINTWISE,
    SHARED,
    Constraint,
    Footprint,
    Mode,
    Reads,
    Shape,
    Size,
    divisors,
    product,
    same,
    shape_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Permute(Op):
    """Reorders the axes, counted with the batch, which stays first: torch.permute."""

    name: ClassVar[str] = "permute"
    line = Method("permute", (Option("dims", spread=True),))
    example: ClassVar[str] = "{permute: [0, 2, 3, 1]}"
    module_source: ClassVar[str] = '''\
class Permute(nn.Module):
    """Reorder the axes, counted with the batch."""

    def __init__(self, dims: tuple[int, ...]) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.dims)'''

    dims: Axes

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        return SHARED

    def output(self, x: Shape) -> Shape:
        axes = [dim - 1 for dim in self.dims[1:]]
        return Shape(tuple(x.sizes[axis] for axis in axes), axes.index(x.channel_axis), arranged=True)

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        return reordered_reads(x, (dim - 1 for dim in self.dims[1:]))

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        count = len(x.sizes) + 1
        yield Constraint(x.rank, ">=", 1, "`permute` has nothing to reorder: the value has one axis beside the batch")
        known = sorted(self.dims) == list(range(count))
        yield Constraint(int(known), "==", 1, f"`dims` must name each of the axes 0 to {count - 1} once", "dims")
        yield Constraint(self.dims[0] if self.dims else -1, "==", 0, "`dims` must begin with 0: the batch stays first", "dims")


class Transpose(Op):
    """Swaps two axes, counted with the batch, which stays first: torch.transpose, as `[dim0, dim1]`."""

    name: ClassVar[str] = "transpose"
    line = Method("transpose", (Option("dims", spread=True),))
    example: ClassVar[str] = "{transpose: [1, 2]}"
    module_source: ClassVar[str] = '''\
class Transpose(nn.Module):
    """Swap two axes, counted with the batch."""

    def __init__(self, dims: tuple[int, int]) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(*self.dims)'''

    dims: Axes

    def order(self, x: Shape) -> list[int]:
        """Which axis comes where, without the batch."""
        order = list(range(len(x.sizes)))
        first, second = (dim % (len(order) + 1) - 1 for dim in self.dims)
        order[first], order[second] = order[second], order[first]
        return order

    def output(self, x: Shape) -> Shape:
        order = self.order(x)
        return Shape(tuple(x.sizes[axis] for axis in order), order.index(x.channel_axis), arranged=True)

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield Constraint(
            len(self.dims),
            "==",
            2,
            "`transpose` swaps two axes, `[dim0, dim1]`, and here are {left}",
            "dims",
            "as in `{transpose: [1, 2]}`",
        )
        for dim in self.dims:
            yield from batched_axis_constraints(x, "dims", dim)
            sentence = "`dims` names axis 0, the batch, which stays first"
            yield Constraint(dim % (len(x.sizes) + 1), ">=", 1, sentence, "dims")

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        return SHARED

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        return reordered_reads(x, self.order(x))


class Roll(Op):
    """Shifts values along axes, counted with the batch; what leaves at one end enters at the other: torch.roll."""

    name: ClassVar[str] = "roll"
    line = Method("roll", (), (("shifts", Option("shifts")), ("dims", Option("dims"))))
    example: ClassVar[str] = "{roll: [-1, -1], dims: [2, 3]}"
    fresh: ClassVar[bool] = True
    module_source: ClassVar[str] = '''\
class Roll(nn.Module):
    """Shift along axes, counted with the batch."""

    def __init__(self, shifts: int | tuple[int, ...], dims: int | tuple[int, ...]) -> None:
        super().__init__()
        self.shifts = shifts
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        return x.roll(shifts=self.shifts, dims=self.dims)'''

    shifts: Dims
    dims: Dims

    def listed(self) -> tuple[int, ...]:
        return self.dims if type(self.dims) is tuple else (self.dims,)

    def output(self, x: Shape) -> Shape:
        return x

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        dims = self.listed()
        yield Constraint(len(dims), ">=", 1, "`dims` names no axis", "dims")
        count = len(self.shifts) if type(self.shifts) is tuple else 1
        yield Constraint(
            count, "==", len(dims), "`shifts` and `dims` must be of one length, and have {left} and {right}", "shifts"
        )
        for dim in dims:
            yield from value_axis_constraints(x, "dims", dim)

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        moved = {dim % (len(x.sizes) + 1) - 1 for dim in self.listed()}
        return tuple(None if axis in moved else POINTWISE for axis in range(len(x.sizes)) if axis != x.channel_axis)


class Select(Op):
    """One position of an axis, counted with the batch, which goes: torch.select, as `[dim, index]`."""

    name: ClassVar[str] = "select"
    line = Method("select", (Option("at", spread=True),))
    example: ClassVar[str] = "{select: [2, 0]}"
    module_source: ClassVar[str] = '''\
class Select(nn.Module):
    """One position of an axis, counted with the batch: `at` is the axis and the position."""

    def __init__(self, at: tuple[int, int]) -> None:
        super().__init__()
        self.at = at

    def forward(self, x: Tensor) -> Tensor:
        return x.select(*self.at)'''

    at: Axes

    def axis(self, x: Shape) -> int:
        """The axis that goes, without the batch."""
        return self.at[0] % (len(x.sizes) + 1) - 1  # type: ignore[no-any-return]

    def output(self, x: Shape) -> Shape:
        gone = self.axis(x)
        return x._replace(sizes=(*x.sizes[:gone], *x.sizes[gone + 1 :]), channel_axis=x.channel_axis - (gone < x.channel_axis))

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield Constraint(len(self.at), "==", 2, "`select` takes an axis and a position, `[dim, index]`", "at")
        dim, index = self.at
        yield from value_axis_constraints(x, "at", dim)
        axis = self.axis(x)
        sentence = f"without axis {axis + 1}, the channels', nothing would be left that a layer could count on"
        yield Constraint(int(axis != x.channel_axis), "==", 1, sentence, "at")
        sentence = f"axis {axis + 1} has {{left}} positions, and no position {index}"
        yield Constraint(x.sizes[axis], ">=", max(index + 1, -index), sentence, "at")

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        return reordered_reads(x, (axis for axis in range(len(x.sizes)) if axis != self.axis(x)))

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        return Footprint(shared=True, part=True)


class Slice(Op):
    """Part of the channels, or of the axis `dim`, counted with the batch: of every `step` positions one: `x[:, 4:8]` in torch.

    It goes from a start to a stop, `[4, 8]`, or from a start to the end, `[4]`.
    """

    name: ClassVar[str] = "slice"
    line = Index(Option("span"))
    example: ClassVar[str] = "{slice: [0, 8]}"
    module_source: ClassVar[str] = '''\
class Slice(nn.Module):
    """Part of the channels, or of another axis, from a start to a stop or to the end."""

    def __init__(self, span: tuple[int, ...] = (0,), dim: int | None = None, step: int = 1) -> None:
        super().__init__()
        self.start = span[0]
        self.stop = span[1] if len(span) > 1 else None
        self.dim = 1 if dim is None else dim
        self.step = step

    def forward(self, x: Tensor) -> Tensor:
        return x.movedim(self.dim, 0)[self.start : self.stop : self.step].movedim(0, self.dim)'''

    span: Ints = (0,)
    dim: Axis = None
    step: Int = 1

    def axis(self, x: Shape) -> int:
        """The axis that is cut, without the batch."""
        return x.channel_axis if self.dim is None else int(self.dim) % (len(x.sizes) + 1) - 1

    def bounds(self, x: Shape) -> tuple[Size, Size]:
        """Where it starts and stops."""
        return self.span[0], self.span[1] if len(self.span) > 1 else x.sizes[self.axis(x)]

    def output(self, x: Shape) -> Shape:
        axis, (start, stop) = self.axis(x), self.bounds(x)
        length = stop - start if same(self.step, 1) else (stop - start + self.step - 1) // self.step
        return x._replace(sizes=(*x.sizes[:axis], length, *x.sizes[axis + 1 :]))

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        if self.dim is not None:
            yield from value_axis_constraints(x, "dim", self.dim)
        sentence = f"`slice` takes a start and a stop, `[0, 8]`, or a start alone, not {len(self.span)} numbers"
        yield Constraint(int(len(self.span) in (1, 2)), "==", 1, sentence, "span")
        yield Constraint(self.step, ">=", 1, "`step` is {left}, and must be at least {right}", "step")
        axis, start = self.axis(x), self.span[0]
        what = "channels" if axis == x.channel_axis else f"positions of axis {axis + 1}"
        length = x.sizes[axis]
        known = type(start) is int and type(length) is int
        help = f"positions count from the first, 0: write `[{max(0, start + length)}]`" if known else ""
        yield Constraint(start, ">=", 0, "`slice` starts at {left}, and must start at 0 or behind it", "span", help)
        if len(self.span) == 1:
            yield Constraint(length, ">=", start + 1, f"`slice` leaves nothing of {{left}} {what}", "span")
            return
        stop = self.span[1]
        sentence = "`slice` stops at {left} and leaves nothing: the first stop that leaves something is {right}"
        yield Constraint(stop, ">=", start + 1, sentence, "span")
        help = f"write `[{render(start)}]`, which goes on to the end"
        yield Constraint(length, ">=", stop, f"`slice` goes to {{right}}, past the end of {{left}} {what}", "span", help)

    def torch_options(self, x: Shape) -> dict[str, Any]:
        axis = x.channel_axis + 1
        return super().torch_options(x) | {"dim": axis if self.dim is None and axis > 1 else self.dim}

    def text_options(self, x: Shape) -> dict[str, Any]:
        start, stop = self.span[0], self.span[1] if len(self.span) > 1 else None
        cut = slice(None if same(start, 0) else start, stop, None if same(self.step, 1) else self.step)
        return {"span": (slice(None),) * (self.axis(x) + 1) + (cut,)}

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        cut = Reads(self.step, (self.span[0],)) if type(self.span[0]) is int else None
        return tuple(cut if axis == self.axis(x) else POINTWISE for axis in range(len(x.sizes)) if axis != x.channel_axis)

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        """Of the whole axis torch makes nothing."""
        return Footprint(shared=True, part=not (y.sizes == x.sizes and same(self.step, 1)))


class Reshape(Op):
    """Lays the values of each image out anew; one of the sizes may be -1, which the others leave: torch.reshape.

    The sizes are said without the batch. As nothing else is known of them, axis 1 counts as that of the channels.
    """

    name: ClassVar[str] = "reshape"
    line = Method("reshape", (Images(), Option("shape", spread=True)))
    example: ClassVar[str] = "{reshape: [64, -1]}"
    module_source: ClassVar[str] = '''\
class Reshape(nn.Module):
    """Lay the values of each image out anew; one size may be -1."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[:1] + self.shape)'''

    shape: Ints

    def output(self, x: Shape) -> Shape:
        return Shape(_inferred(product(x.sizes), self.shape), arranged=True)

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        count = len(self.shape)
        yield Constraint(count, ">=", 1, "`shape` lists no size", "shape", "`flatten` makes one axis of all")
        yield Constraint(
            4, ">=", count, "`shape` lists {right} sizes, and a value has at most {left} beside the batch", "shape"
        )
        yield from _filled_constraints(product(x.sizes), self.shape, "shape", f"the values of {shape_text(x)}")

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        return (None,) * (len(self.shape) - 1)

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        return SHARED


class Unflatten(Op):
    """Makes several axes of one, counted with the batch: torch.nn.Unflatten. One size may be -1, which the others leave.

    Of the axis of the channels the first has the channels where it is axis 1, as in groups, and else the last, as in heads.
    """

    name: ClassVar[str] = "unflatten"
    line = Method("unflatten", (Option("dim"), Option("sizes")))
    example: ClassVar[str] = "{unflatten: [8, 7], dim: 2}"
    torch_class: ClassVar[str] = "Unflatten"
    positional: ClassVar[int] = 2

    dim: Axis
    unflattened_size: Ints

    @classmethod
    def first(cls) -> str:
        return "unflattened_size"

    def axis(self, x: Shape) -> int:
        """The axis that becomes several, without the batch."""
        return int(self.dim) % (len(x.sizes) + 1) - 1

    def output(self, x: Shape) -> Shape:
        axis, more = self.axis(x), len(self.unflattened_size) - 1
        sizes = _inferred(x.sizes[axis], self.unflattened_size)
        moved = axis < x.channel_axis or axis == x.channel_axis > 0
        return Shape((*x.sizes[:axis], *sizes, *x.sizes[axis + 1 :]), x.channel_axis + more * moved, arranged=True)

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from value_axis_constraints(x, "dim", self.dim)
        count = len(self.unflattened_size)
        yield Constraint(count, ">=", 1, "`unflattened_size` lists no size", "unflattened_size")
        sentence = "the value would have {right} axes beside the batch, and may have at most {left}"
        yield Constraint(4, ">=", len(x.sizes) + count - 1, sentence, "unflattened_size")
        what = f"the positions of axis {self.axis(x) + 1}"
        yield from _filled_constraints(x.sizes[self.axis(x)], self.unflattened_size, "unflattened_size", what)

    def text_options(self, x: Shape) -> dict[str, Any]:
        return {"dim": self.dim, "sizes": self.unflattened_size}

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        axis, y = self.axis(x), self.output(x)
        more = len(y.sizes) - len(x.sizes)
        found: list[Reads | None] = []
        for own in range(len(y.sizes)):
            if own == y.channel_axis:
                continue
            came = own if own < axis else own - more
            split = axis <= own <= axis + more and more > 0
            found.append(None if split or came == x.channel_axis else POINTWISE._replace(source=came - (came > x.channel_axis)))
        return tuple(found)

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        return SHARED


def _inferred(total: Size, sizes: tuple[Size, ...]) -> tuple[Size, ...]:
    """The sizes, with what the others leave in the place of -1."""
    known = product(size for size in sizes if not same(size, -1))
    return tuple(total // known if same(size, -1) else size for size in sizes)


def _filled_constraints(total: Size, sizes: tuple[Size, ...], option: str, what: str) -> Iterable[Constraint]:
    """The sizes hold as many values as there are, at most one of them left open."""
    known = [size for size in sizes if not same(size, -1)]
    for size in known:
        yield Constraint(size, ">=", 1, f"a size of `{option}` is {{left}}: it is at least {{right}}, or -1, once", option)
    yield Constraint(1, ">=", len(sizes) - len(known), f"`{option}` has -1 {{right}} times: the others leave one size", option)
    if len(known) < len(sizes):
        sentence = f"{what}, {{right}} in all, can't be shared by the other sizes, {{left}} together"
        yield Constraint(product(known), "divides", total, sentence, option, divisors(product(known), total))
    else:
        help = "one of the sizes may be -1: it is then what the others leave"
        yield Constraint(product(sizes), "==", total, f"`{option}` holds {{left}}, and {what} are {{right}}", option, help)


class ChannelShuffle(Op):
    """Interleaves groups of channels (Zhang et al., 2018): torch.nn.ChannelShuffle."""

    name: ClassVar[str] = "channel_shuffle"
    example: ClassVar[str] = "{channel_shuffle: 4}"
    torch_class: ClassVar[str] = "ChannelShuffle"

    groups: Int

    def output(self, x: Shape) -> Shape:
        return x

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from spatial_constraints(self, x)
        yield Constraint(self.groups, ">=", 1, "`groups` is {left}, and must be at least {right}", "groups")
        sentence = "`groups` is {left}, which does not divide the {right} channels"
        yield Constraint(self.groups, "divides", x.channels, sentence, "groups", divisors(self.groups, x.channels))


class PixelShuffle(Op):
    """Moves channels into space, each axis growing by a factor (Shi et al., 2016): torch.nn.PixelShuffle."""

    name: ClassVar[str] = "pixel_shuffle"
    example: ClassVar[str] = "{pixel_shuffle: 2}"
    torch_class: ClassVar[str] = "PixelShuffle"

    upscale_factor: Int

    def output(self, x: Shape) -> Shape:
        factor = self.upscale_factor
        return Shape((x.channels // (factor * factor), *(size * factor for size in x.sizes[1:])))

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        return (_repeated(self.upscale_factor),) * x.rank

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from _image_constraints(self, x)
        yield Constraint(
            self.upscale_factor, ">=", 1, "`upscale_factor` is {left}, and must be at least {right}", "upscale_factor"
        )
        square = self.upscale_factor * self.upscale_factor
        sentence = "the square of `upscale_factor` is {left}, which does not divide the {right} channels"
        yield Constraint(square, "divides", x.channels, sentence, "upscale_factor")


class PixelUnshuffle(Op):
    """Moves space into channels, each axis shrinking by a factor: torch.nn.PixelUnshuffle."""

    name: ClassVar[str] = "pixel_unshuffle"
    example: ClassVar[str] = "{pixel_unshuffle: 2}"
    torch_class: ClassVar[str] = "PixelUnshuffle"

    downscale_factor: Int

    def output(self, x: Shape) -> Shape:
        factor = self.downscale_factor
        return Shape((x.channels * factor * factor, *(size // factor for size in x.sizes[1:])))

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        return (Reads(self.downscale_factor, range(self.downscale_factor)),) * x.rank

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from _image_constraints(self, x)
        yield Constraint(
            self.downscale_factor, ">=", 1, "`downscale_factor` is {left}, and must be at least {right}", "downscale_factor"
        )
        for size in x.sizes[1:]:
            sentence = "`downscale_factor` is {left}, which does not divide the size {right}"
            yield Constraint(self.downscale_factor, "divides", size, sentence, "downscale_factor")


def _image_constraints(op: Op, x: Shape) -> Iterable[Constraint]:
    yield from spatial_constraints(op, x)
    yield Constraint(x.rank, "==", 2, f"`{op.name}` takes two spatial axes, not {{left}}")


def _repeated(factor: int) -> Reads:
    """Each position is read `factor` times: i reads i // factor."""
    return Reads(1, range(1 - factor, 1), factor)


class Padding(Op):
    """What the paddings share. One number is for each side of each axis; a list begins with the last axis, as torch's."""

    example: ClassVar[str] = "{pad: [1, 1, 1, 1]}"

    padding: Around

    def sides(self, x: Shape) -> tuple[Size, ...]:
        return self.padding if type(self.padding) is tuple else (self.padding,) * (2 * x.rank)

    def output(self, x: Shape) -> Shape:
        sides = self.sides(x)
        pairs = zip(x.sizes[1:], reversed(sides[::2]), reversed(sides[1::2]))
        return x.with_spatial(size + left + right for size, left, right in pairs)

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        return tuple(Reads(1, (-before,)) for before in reversed(self.sides(x)[::2]))

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from spatial_constraints(self, x)
        sides = self.sides(x)
        sentence = "`padding` lists {left} values; two for each spatial axis are {right}"
        yield Constraint(len(sides), "==", 2 * x.rank, sentence, "padding")
        for value in sides:
            yield Constraint(value, ">=", 0, "`padding` is {left}, and must be at least 0", "padding")


class Pad(Padding):
    """Zeros around the spatial axes: torch.nn.ZeroPad1d, 2d or 3d; a list begins with the last axis, as torch's."""

    name: ClassVar[str] = "pad"
    torch_class: ClassVar[str] = "ZeroPad{n}d"


class ReflectionPad(Padding):
    """The values mirrored at the border, without the border itself: torch.nn.ReflectionPad1d, 2d or 3d."""

    name: ClassVar[str] = "reflection_pad"
    example: ClassVar[str] = "{reflection_pad: 1}"
    torch_class: ClassVar[str] = "ReflectionPad{n}d"
    keeps: ClassVar[tuple[str, ...]] = ("input",)

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from super().constraints(x)
        sides = self.sides(x)
        for size, before, after in zip(x.sizes[1:], reversed(sides[::2]), reversed(sides[1::2])):
            for value in (before, after):
                sentence = "to mirror that many positions beside the border takes an axis of {right}, and this one has {left}"
                yield Constraint(size, ">=", value + 1, sentence, "padding")


class ReplicationPad(Padding):
    """The value at the border repeated: torch.nn.ReplicationPad1d, 2d or 3d."""

    name: ClassVar[str] = "replication_pad"
    example: ClassVar[str] = "{replication_pad: 1}"
    torch_class: ClassVar[str] = "ReplicationPad{n}d"
    keeps: ClassVar[tuple[str, ...]] = ("input",)


class CircularPad(Padding):
    """The values from the other end, as if the axis were a ring: torch.nn.CircularPad1d, 2d or 3d."""

    name: ClassVar[str] = "circular_pad"
    example: ClassVar[str] = "{circular_pad: 1}"
    torch_class: ClassVar[str] = "CircularPad{n}d"

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from super().constraints(x)
        sides = self.sides(x)
        for size, before, after in zip(x.sizes[1:], reversed(sides[::2]), reversed(sides[1::2])):
            for value in (before, after):
                sentence = "a ring of {left} positions can't be continued by {right}: that is more than once around"
                yield Constraint(size, ">=", value, sentence, "padding")

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        """torch fills a new tensor piece by piece, and goes back likewise."""
        sides = self.sides(x)
        return circular_footprint(x, y.sizes, map(max, reversed(sides[::2]), reversed(sides[1::2])))


def circular_footprint(x: Shape, padded: Sequence[Size], sides: Iterable[Size]) -> Footprint:
    """What padding in a ring takes on the way back. sides: the longer side of each axis."""
    whole, values = product(padded), product(x.sizes)
    pieces = [2 * side * whole // wide for side, wide in zip(sides, padded[1:])]
    return Footprint(back=whole + max(values, *pieces) - values)


class Flatten(Op):
    """Joins the axes from `start_dim` on into one, counted with the batch: torch.nn.Flatten."""

    name: ClassVar[str] = "flatten"
    torch_class: ClassVar[str] = "Flatten"
    positional: ClassVar[int] = 0

    start_dim: Axis = 1
    end_dim: Axis = -1

    def span(self, x: Shape) -> tuple[int, int]:
        """The first and last axis to join, without the batch."""
        axes = len(x.sizes) + 1
        if names_of((self.start_dim, self.end_dim)):  # only where there is one axis to join (`Kind.refuses`)
            return 0, 0
        return int(self.start_dim) % axes - 1, int(self.end_dim) % axes - 1

    def output(self, x: Shape) -> Shape:
        start, end = self.span(x)
        sizes = (*x.sizes[:start], product(x.sizes[start : end + 1]), *x.sizes[end + 1 :])
        axis = x.channel_axis
        return Shape(sizes, axis if axis < start else start if axis <= end else axis - (end - start), arranged=True)

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        start, end = self.span(x)
        kept: list[Reads | None] = []
        for axis in range(len(x.sizes)):
            if axis == x.channel_axis or start < axis <= end or (axis == start and start <= x.channel_axis <= end):
                continue  # the channels, or joined with what came before, or with the channels
            joined = axis == start and end > start
            kept.append(None if joined else POINTWISE._replace(source=axis - (axis > x.channel_axis)))
        return tuple(kept)

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        return SHARED

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        for option in ("start_dim", "end_dim"):
            yield from batched_axis_constraints(x, option, getattr(self, option))
        start, end = self.span(x)
        yield Constraint(start + 1, ">=", 1, "`start_dim` is {left}: the batch, axis 0, can't be joined", "start_dim")
        yield Constraint(end, ">=", start, "`end_dim` comes before `start_dim`", "end_dim")
