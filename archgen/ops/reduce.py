"""Ops that make one number of many along axes. Axes are counted as torch counts them, with the batch, which stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from archgen.ops.base import Op, batched_axis_constraints
from archgen.ops.options import Dims, Flag
from archgen.ops.torch_text import Method, Option
from archgen.ops.value import POINTWISE, Constraint, Reads, Shape

if TYPE_CHECKING:
    from collections.abc import Iterable


class Mean(Op):
    """The mean along axes, counted with the batch, which go, or stay with one position: torch.mean."""

    name: ClassVar[str] = "mean"
    line = Method("mean", (), (("dim", Option("dim")), ("keepdim", Option("keepdim"))))
    example: ClassVar[str] = "{mean: [2, 3]}"
    fresh: ClassVar[bool] = True
    module_source: ClassVar[str] = '''\
class Mean(nn.Module):
    """Mean along axes, counted with the batch."""

    def __init__(self, dim: int | tuple[int, ...], keepdim: bool = False) -> None:
        super().__init__()
        self.dim = dim
        self.keepdim = keepdim

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=self.dim, keepdim=self.keepdim)'''

    dim: Dims
    keepdim: Flag = False

    def listed(self) -> tuple[int, ...]:
        return self.dim if type(self.dim) is tuple else (self.dim,)

    def axes(self, x: Shape) -> set[int]:
        """The axes that are reduced, without the batch."""
        return {dim % (len(x.sizes) + 1) - 1 for dim in self.listed()}

    def output(self, x: Shape) -> Shape:
        gone = self.axes(x)
        if self.keepdim:
            return Shape(tuple(1 if axis in gone else size for axis, size in enumerate(x.sizes)), x.channel_axis)
        sizes = tuple(size for axis, size in enumerate(x.sizes) if axis not in gone)
        return Shape(sizes, x.channel_axis - sum(axis < x.channel_axis for axis in gone))

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        count = len(x.sizes) + 1
        yield Constraint(len(self.listed()), ">=", 1, "`dim` names no axis", "dim")
        for dim in self.listed():
            yield from batched_axis_constraints(x, "dim", dim)
        named = [dim % count for dim in self.listed()]
        yield Constraint(len(set(named)), "==", len(named), "`dim` names an axis twice", "dim")
        yield Constraint(min(named), ">=", 1, "`dim` names axis 0, the batch, whose images are not mixed", "dim")
        channels = self.keepdim or x.channel_axis + 1 not in named
        sentence = f"without axis {x.channel_axis + 1}, the channels', nothing would be left that a layer could count on"
        yield Constraint(int(channels), "==", 1, sentence, "dim", "write `keepdim: true` beside it")

    def text_options(self, x: Shape) -> dict[str, Any]:
        dims = self.listed()
        said: dict[str, Any] = {"dim": dims[0] if len(dims) == 1 else dims}
        return said | ({"keepdim": True} if self.keepdim else {})

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        gone = self.axes(x)
        found: list[Reads | None] = []
        for axis in range(len(x.sizes)):
            if axis == x.channel_axis:
                continue
            if axis not in gone:
                found.append(POINTWISE._replace(source=axis - (axis > x.channel_axis)))
            elif self.keepdim:
                found.append(None)
        return tuple(found)
