"""What a shape rule speaks of: shapes, what must hold of them, what an op reads, and which tensors it keeps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from archgen.arithmetic.expressions import Index, ManyName, Value
from archgen.arithmetic.spelling import render
from archgen.diagnostics import MOST_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from archgen.ops.options import PerAxis


# The spatial axes by how many there are, as the field calls them, and as a block's constructor does.
AXES = {0: (), 1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}
CALLED = {"L": "in_length", "D": "in_depth", "H": "in_height", "W": "in_width"}


CHANNELS = "in_channels"


def size_name(size: str, value: str) -> str:
    """How a size of the first value that enters a block is called of another one: `skip_height` for `in_height`."""
    return size.replace("in_", f"{value}_", 1)


def channel_names(inputs: Sequence[str]) -> tuple[str, ...]:
    """How the channels of the values that enter are called; a single value has no name of its own."""
    return (CHANNELS, *(size_name(CHANNELS, one) for one in inputs[1:]))


def axis_names(rank: int, value: str = "in") -> tuple[str, ...]:
    """The spatial sizes of a value that enters a block, as its constructor calls them: `in_height` is one of the first's."""
    return tuple(size_name(CALLED[axis], value) for axis in AXES[rank])


AXIS_NAMES = {rank: axis_names(rank) for rank in AXES}

Size: TypeAlias = Any  # an int, or an Expression; the rules do not care which


class Shape(NamedTuple):
    """The shape of a value without the batch: `sizes[channel_axis]` counts channels or features, the others are spatial.

    arranged: somebody said in which order its axes stand, as by a `transpose` or a `reshape`. Then `linear` takes the last one,
    whatever it holds; behind a convolution that would be a width, which nobody means who forgot a `flatten`.
    """

    sizes: tuple[Size, ...]
    channel_axis: int = 0
    arranged: bool = False

    @property
    def channels(self) -> Size:
        return self.sizes[self.channel_axis]

    @property
    def spatial(self) -> tuple[Size, ...]:
        return self.sizes[: self.channel_axis] + self.sizes[self.channel_axis + 1 :]

    @property
    def rank(self) -> int:
        """The number of spatial axes."""
        return len(self.sizes) - 1

    def with_channels(self, channels: Size) -> Shape:
        sizes, axis = self.sizes, self.channel_axis
        return self._replace(sizes=(*sizes[:axis], channels, *sizes[axis + 1 :]))

    def with_spatial(self, spatial: Iterable[Size]) -> Shape:
        """Replaces the spatial sizes of a shape whose channels come first."""
        return self._replace(sizes=(self.sizes[0], *spatial))


def shape_text(shape: Shape) -> str:
    """A shape as people write it: `64x56x56`."""
    return "x".join(render(size) for size in shape.sizes)


class Constraint(NamedTuple):
    """Something that must hold: `left relation right`. The sentence may name `{left}` and `{right}`; `option` is to blame."""

    left: Size
    relation: str  # ">=", "==", "divides", or "broadcasts": equal, or one of them 1
    right: Size
    sentence: str
    option: str = ""
    help: str = ""

    def holds(self) -> bool:
        """Judges a constraint about numbers."""
        if self.relation == ">=":
            return bool(self.left >= self.right)
        if self.relation == "==":
            return bool(self.left == self.right)
        if self.relation == "broadcasts":
            return bool(self.left == self.right or 1 in (self.left, self.right))
        return bool(self.left) and self.right % self.left == 0

    def text(self) -> str:
        return self.sentence.format(left=self.left, right=self.right)


class Reads(NamedTuple):
    """What an output position reads along one spatial axis: position i reads every j with j * up = i * stride + tap.

    A convolution has a tap for each place of its kernel; one that is transposed divides instead (`up` is its stride).
    taps: in rising order. source: the spatial axis of the input, where the op moves axes; -1: the axis with the same number.
    """

    stride: int
    taps: Sequence[int]
    up: int = 1
    source: int = -1


POINTWISE = Reads(1, (0,))
MOST_DIVIDED = 4096  # channels whose divisors are looked for
MOST_PHASES = 4096  # positions in a row that read differently; beyond, what they read is not worked out


class Mode(NamedTuple):
    """How a call runs. gradient: whether a backward pass will come to it; further: whether that goes on to its input.

    batch: how many images; item: the bytes of a value.
    """

    training: bool = False
    gradient: bool = False
    further: bool = False
    batch: int = 1
    item: int = 4


class Footprint(NamedTuple):
    """What a call of an op takes in memory in torch's eager mode, beside its result and parameters.

    shared: the result is the memory of the input, so the call makes nothing new.
    part: and that is a part of it, so the backward pass makes a tensor of the input's size.
    view: the result is a view of what the call makes: where it is overwritten, its gradient is copied twice on the way back.
    keeps: `input`, `output`: what the backward pass needs of them.
    image, batch: how many further values of the activations' type it makes, for each image and for the batch; indices: how many
    int64 values for each image; singles: how many of float32, whatever the activations are. They are kept for the backward
    pass, or thrown away where there is none.
    passing: how many values for each image the call throws away in any case.
    back: how many the backward pass throws away, beside the gradient of the input; back_bytes: of other types, how many bytes.
    hands_back: the gradient of the input is that of the result, spread over the input, or a part of it: no tensor of its own.
    dense: the backward pass lays out a gradient that is spread so.
    forward, backward: of a class that calls several operators, how many bytes it takes for the whole batch, and below 0 gives
    back, in order; all else is then left out but `keeps`, `view` and `dense`. What stays of `forward` are the result and what
    is kept; `backward` gives that back, and what stays is the gradient of the input. None in it: the one that came is let go,
    and the result where that was kept.
    first, between: where the call makes another tensor of the input first, of so many values for each image, the footprint of
    that; all else is then said of a call that takes that tensor.
    """

    shared: bool = False
    part: bool = False
    view: bool = False
    keeps: tuple[str, ...] = ()
    image: Size = 0
    batch: Size = 0
    indices: Size = 0
    singles: Size = 0
    passing: Size = 0
    back: Size = 0
    back_bytes: Size = 0
    hands_back: bool = False
    dense: bool = False
    forward: tuple[int, ...] = ()
    backward: tuple[int | None, ...] = ()
    first: Footprint | None = None
    between: Size = 0


SHARED = Footprint(shared=True)


def same(left: Value, right: Value) -> bool:
    return type(left) is type(right) and left == right


def axes(value: PerAxis, rank: int) -> tuple[Size, ...]:
    """Spreads an option over the spatial axes."""
    if type(value) is int:
        return (value,) * rank
    if type(value) is tuple:
        return value
    if isinstance(value, ManyName):
        return tuple(Index(value, axis) for axis in range(rank))
    return (value,) * rank


def together(values: tuple[Size, ...]) -> PerAxis:
    """Undoes `axes`: one value where all are the same."""
    return values[0] if values and all(same(value, values[0]) for value in values) else values


def product(values: Iterable[Size]) -> Size:
    total: Size = 1
    for value in values:
        total = total * value
    return total


def known_at_least(left: Size, right: Size) -> bool:
    """Whether two plain numbers satisfy a bound, so that no constraint need be made of it: every layer passes here."""
    return type(left) is int and type(right) is int and left >= right


def divisors(refused: Size, *counts: Size) -> str:
    """Returns a help that lists what divides some numbers, where one that is given does not and few do."""
    if any(type(number) is not int for number in (refused, *counts)) or (
        refused and not any(count % refused for count in counts)
    ):
        return ""
    common = math.gcd(*counts)
    found = [number for number in range(1, min(common, MOST_DIVIDED) + 1) if common % number == 0]
    if common > MOST_DIVIDED or not 0 < len(found) <= MOST_NAMES:
        return ""
    *most, last = map(str, found)
    told = f"{', '.join(most)} and {last} divide" if most else "only 1 divides"
    return f"{told} {'both' if len(set(counts)) > 1 else 'them'}"
