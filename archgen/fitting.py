"""What makes two values of different shapes fit a merge: an option of the layer that gives one, or a layer behind it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from archgen.ops.base import Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from archgen.ops.base import Op

STRIDES = range(1, 9)  # which are tried


class Given(NamedTuple):
    """A value that a merge takes.

    name: of the step that gives it, "" where it is what enters. op: of that step, if it is one, on an input of shape `x`.
    waiting: the options of the op that are names.
    """

    name: str
    shape: Shape
    op: Op | None = None
    x: Shape | None = None
    waiting: tuple[str, ...] = ()


def advice(kind: str, bare: bool, values: list[Given], fits: Callable[[Shape, Shape], bool]) -> str:
    """Returns a help, or '' where no simple change makes the first value fit the next that does not.

    bare: it is the sum of a residual without a shortcut. fits: whether two shapes can be merged.
    """
    if any(type(size) is not int for value in values for size in value.shape.sizes):
        return ""
    first = values[0]
    other = next((value for value in values[1:] if not fits(first.shape, value.shape)), None)
    if other is None:
        return ""
    if bare:
        layer = _layer(other.shape, first.shape)
        return f"write `shortcut: {{project: {layer}}}` beside `residual`" if layer else ""
    ways = [(value, _wanted(kind, value.shape, to.shape)) for value, to in ((other, first), (first, other))]
    return next(filter(None, (*(_option(*way) for way in ways), *(_behind(*way) for way in ways))), "")


def _wanted(kind: str, shape: Shape, other: Shape) -> Shape:
    """The shape that a value needs: that of the other, but in a `concat` with its own channels."""
    alike = kind == "concat" and (shape.rank, shape.channel_axis) == (other.rank, other.channel_axis)
    return other.with_channels(shape.channels) if alike else other


def _option(value: Given, wanted: Shape) -> str:
    """The options that make the layer itself give this shape."""
    for changed in _changes(value, wanted):
        assert value.op is not None
        assert value.x is not None
        op = value.op.replace(**changed)
        if all(claim.holds() for claim in op.claims(value.x)) and op.output(value.x) == wanted:
            told = [f"`{op.name if name == op.first() else name}: {number}`" for name, number in changed.items()]
            return f"they fit with {' and '.join(told)} in `{value.name}`"
    return ""


def _changes(value: Given, wanted: Shape) -> Iterator[dict[str, Any]]:
    if value.op is None or value.shape.rank != wanted.rank:
        return
    free = [field for field in value.op.fields if field not in value.waiting]
    channels = {} if value.shape.channels == wanted.channels else {"out_channels": wanted.channels}
    if not channels.keys() <= set(free):
        return
    yield channels
    if "stride" in free:
        yield from (channels | {"stride": stride} for stride in STRIDES)


def _behind(value: Given, wanted: Shape) -> str:
    layer = _layer(value.shape, wanted)
    if not layer:
        return ""
    return f"`{layer}` behind `{value.name}` makes them fit" if value.name else f"`{layer}` makes what enters fit"


def _layer(shape: Shape, wanted: Shape) -> str:
    """A layer that makes one shape of another, or ''."""
    if shape.rank and not wanted.rank:
        return "flatten" if math.prod(shape.sizes) == wanted.channels else ""
    if shape.rank != wanted.rank or shape.channel_axis or wanted.channel_axis:
        return ""
    if not shape.rank:
        return f"{{linear: {wanted.channels}}}"
    for stride in STRIDES:
        if all(-(-size // stride) == to for size, to in zip(shape.spatial, wanted.spatial)):
            return f"{{conv: {wanted.channels}, kernel_size: 1{f', stride: {stride}' if stride > 1 else ''}}}"
    for factor in STRIDES:
        if shape.channels == wanted.channels and all(size * factor == to for size, to in zip(shape.spatial, wanted.spatial)):
            return f"{{upsample: {factor}}}"
    return ""
