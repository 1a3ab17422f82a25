"""Ops that make several values of one: `{split: {left: 16, right: 48}}`, `{chunk: 2}`. Each has a name, by which it is read."""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING, Any, ClassVar

from archgen.ops.base import Op, batched_axis_constraints
from archgen.ops.options import Axis, Int, Lengths
from archgen.ops.torch_text import VALUES, Function, Method, Option
from archgen.ops.value import POINTWISE, SHARED, Constraint, Footprint, Mode, Reads, Shape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archgen.ops.value import Size


MOST_PARTS = 256  # of one value: each is a variable of `forward`


class PartsOp(Op):
    """The base of the ops with several results. All of them lie in the memory of what they are made of."""

    registry: ClassVar[dict[str, type[Op]]] = {}  # those with one result have another: a spec reads these part by part

    @property
    def along(self) -> Axis:
        """The axis that the spec names, counted with the batch, if it names one."""
        raise NotImplementedError

    def axis(self, x: Shape) -> int:
        """The axis that is divided, without the batch: that of the channels, where the spec names none."""
        return x.channel_axis if self.along is None else int(self.along) % (len(x.sizes) + 1) - 1

    def lengths(self, x: Shape) -> tuple[Size, ...]:
        """How much of that axis each part has."""
        raise NotImplementedError

    def outputs(self, x: Shape) -> tuple[Shape, ...]:
        """The shape of each part."""
        axis = self.axis(x)
        return tuple(x._replace(sizes=(*x.sizes[:axis], length, *x.sizes[axis + 1 :])) for length in self.lengths(x))

    def output(self, x: Shape) -> Shape:
        """The shape of the first part."""
        return self.outputs(x)[0]

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        if self.along is not None:
            yield from batched_axis_constraints(x, "dim", self.along)
            yield Constraint(
                self.axis(x), ">=", 0, "`dim` names axis 0, the batch: no op takes it apart", "dim", "the channels are axis 1"
            )

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        return SHARED

    def part_reads(self, x: Shape) -> tuple[tuple[Reads | None, ...], ...]:
        """For each part what `reads` says: part of a spatial axis begins where those before it end."""
        axis, found, start = self.axis(x), [], 0
        for length in self.lengths(x):
            moved = POINTWISE._replace(taps=(start,)) if type(start) is int else None
            found.append(tuple(moved if own == axis else POINTWISE for own in range(len(x.sizes)) if own != x.channel_axis))
            start = start + length
        return tuple(found)


class Split(PartsOp):
    """Parts of the sizes that are listed, along the channels or along `dim`, counted with the batch: torch.split."""

    name: ClassVar[str] = "split"
    line = Function("torch.split", (VALUES, Option("sizes")), (("dim", Option("dim")),))
    example: ClassVar[str] = "{split: {left: 16, right: 48}}"

    sizes: Lengths
    dim: Axis = None

    @property
    def along(self) -> Axis:
        return self.dim

    def lengths(self, x: Shape) -> tuple[Size, ...]:
        sizes: tuple[Size, ...] = self.sizes
        return sizes

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from super().constraints(x)
        for size in self.sizes:
            yield Constraint(size, ">=", 1, "a part of `split` has {left}, and must have at least {right}", "sizes")
        length = x.sizes[self.axis(x)]
        total = functools.reduce(operator.add, self.sizes)
        what = "channels" if self.axis(x) == x.channel_axis else f"positions of axis {self.axis(x) + 1}"
        help = ""
        if type(length) is int and type(total) is int and length > total - self.sizes[-1]:
            help = f"the parts before the last leave {length - total + self.sizes[-1]} for it"
        yield Constraint(total, "==", length, f"the parts of `split` have {{left}} in all, of {{right}} {what}", "sizes", help)

    def text_options(self, x: Shape) -> dict[str, Any]:
        return {"sizes": list(self.sizes), "dim": self.axis(x) + 1}


class Chunk(PartsOp):
    """So many equal parts, along the channels or along `dim`, counted with the batch: torch.chunk."""

    name: ClassVar[str] = "chunk"
    line = Method("chunk", (Option("chunks"),), (("dim", Option("dim")),))
    example: ClassVar[str] = "{chunk: 2}"

    chunks: Int
    dim: Axis = None

    @property
    def along(self) -> Axis:
        return self.dim

    def lengths(self, x: Shape) -> tuple[Size, ...]:
        share: Size = x.sizes[self.axis(x)] // self.chunks
        return (share,) * int(self.chunks)

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from super().constraints(x)
        length, help = x.sizes[self.axis(x)], ""
        if self.axis(x) == x.channel_axis and type(length) is int:
            more = -(-length // self.chunks) * self.chunks
            help = f"give it {more} channels, as by a `{{conv: {more}, kernel_size: 1}}` before it"
        what = "channels" if self.axis(x) == x.channel_axis else f"positions of axis {self.axis(x) + 1}"
        yield Constraint(self.chunks, "divides", length, f"{{right}} {what} are no {{left}} equal parts", "", help)

    def text_options(self, x: Shape) -> dict[str, Any]:
        return {"chunks": self.chunks, "dim": self.axis(x) + 1}
