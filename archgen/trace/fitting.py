"""What makes two values of different shapes fit a merge: an option of the layer that gives one, or a layer behind it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from archgen.ops.value import Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

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


Spell: TypeAlias = "Callable[[str, int], str]"


def spelling(names: Mapping[str, Any], channels: Iterable[str]) -> Spell:
    """How a number is written in a block, of which other calls may give others: as the argument that stands for it here."""

    def spell(option: str, number: int) -> str:
        candidates = channels if option == "out_channels" else (option,)
        return next((name for name in candidates if type(names.get(name)) is int and names[name] == number), str(number))

    return spell


def advice(kind: str, bare: bool, values: list[Given], fits: Callable[[Shape, Shape], bool], spell: Spell) -> str:
    """Returns a help, or '' where no simple change makes the first value fit the next that does not.

    bare: it is the sum of a residual without a shortcut. fits: whether two shapes can be merged.
    spell: writes the number of an option.
    """
    if any(type(size) is not int for value in values for size in value.shape.sizes):
        return ""
    first = values[0]
    other = next((value for value in values[1:] if not fits(first.shape, value.shape)), None)
    if other is None:
        return ""
    if bare:
        layer = _projection(other.shape, first.shape, spell)
        return f"write `shortcut: {{project: {layer}}}` beside `residual`" if layer else ""
    ways = [(value, _wanted(kind, value.shape, to.shape)) for value, to in ((other, first), (first, other))]
    return next(filter(None, (*(_option(*way, spell) for way in ways), *(_behind(kind, *way, spell) for way in ways))), "")


def _wanted(kind: str, shape: Shape, other: Shape) -> Shape:
    """The shape that a value needs: that of the other, but in a `concat` with its own channels."""
    if kind != "concat":
        return other
    if not other.rank:
        return Shape((math.prod(shape.sizes),))
    return other.with_channels(shape.channels) if shape.rank == other.rank else other


def _option(value: Given, wanted: Shape, spell: Spell) -> str:
    """The options that make the layer itself give this shape."""
    for changed in _changes(value, wanted):
        assert value.op is not None
        assert value.x is not None
        op = value.op.replace(**changed)
        if all(constraint.holds() for constraint in op.constraints(value.x)) and op.output(value.x) == wanted:
            keys = {name: op.name if name == op.first() else name for name in changed}
            told = [f"`{keys[name]}: {spell(name, number)}`" for name, number in changed.items()]
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


def _behind(kind: str, value: Given, wanted: Shape, spell: Spell) -> str:
    """A layer behind the value. What a `concat` takes is seldom meant to be projected: some option is wrong."""
    layer = _rearranged(value.shape, wanted) or ("" if kind == "concat" else _projection(value.shape, wanted, spell))
    if not layer:
        return ""
    return f"`{layer}` behind `{value.name}` makes them fit" if value.name else f"`{layer}` makes what enters fit"


def _rearranged(shape: Shape, wanted: Shape) -> str:
    """A layer without weights that makes one shape of another, or ''."""
    if shape.rank and not wanted.rank:
        return "flatten" if math.prod(shape.sizes) == wanted.channels else ""
    if not _alike(shape, wanted) or shape.channels != wanted.channels:
        return ""
    factors = (factor for factor in STRIDES if all(size * factor == to for size, to in zip(shape.spatial, wanted.spatial)))
    return next((f"{{upsample: {factor}}}" for factor in factors), "")


def _projection(shape: Shape, wanted: Shape, spell: Spell) -> str:
    """A convolution by 1, or a linear layer, that makes one shape of another, or ''."""
    if not shape.rank and not wanted.rank:
        return f"{{linear: {spell('out_channels', wanted.channels)}}}"
    if not _alike(shape, wanted):
        return ""
    pairs = list(zip(shape.spatial, wanted.spatial))
    stride = next((stride for stride in STRIDES if all(-(-size // stride) == to for size, to in pairs)), 0)
    step = spell("stride", stride)
    options = f"{spell('out_channels', wanted.channels)}, kernel_size: 1{'' if step == '1' else f', stride: {step}'}"
    return f"{{conv: {options}}}" if stride else ""


def _alike(shape: Shape, wanted: Shape) -> bool:
    """Whether both have channels first, and as many axes."""
    return shape.rank == wanted.rank > 0 and not shape.channel_axis and not wanted.channel_axis
