"""Ops that make one number of many along axes. Axes are counted as torch counts them, with the batch, which stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from archgen.ops.base import Op, batched_axis_constraints
from archgen.ops.options import Dims, Flag, Real
from archgen.ops.torch_text import VALUES, Function, Method, Option
from archgen.ops.value import POINTWISE, Constraint, Footprint, Mode, Reads, Shape, product

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAMED = (("dim", Option("dim")), ("keepdim", Option("keepdim")))


def _module_source(name: str, what: str, method: str) -> str:
    """The class of a reduction that is a method of a tensor."""
    return f'''\
class {name}(nn.Module):
    """{what} along axes, counted with the batch."""

    def __init__(self, dim: int | tuple[int, ...], keepdim: bool = False) -> None:
        super().__init__()
        self.dim = dim
        self.keepdim = keepdim

    def forward(self, x: Tensor) -> Tensor:
        return x.{method}(dim=self.dim, keepdim=self.keepdim)'''


class Reduction(Op):
    """What the reductions share: the axes go, or stay with one position where `keepdim` is true."""

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
            return x._replace(sizes=tuple(1 if axis in gone else size for axis, size in enumerate(x.sizes)))
        sizes = tuple(size for axis, size in enumerate(x.sizes) if axis not in gone)
        return x._replace(sizes=sizes, channel_axis=x.channel_axis - sum(axis < x.channel_axis for axis in gone))

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


class Mean(Reduction):
    """The mean along axes, counted with the batch, which go, or stay with one position: torch.mean."""

    name: ClassVar[str] = "mean"
    line = Method("mean", (), _NAMED)
    example: ClassVar[str] = "{mean: [2, 3]}"
    fresh: ClassVar[bool] = True
    module_source: ClassVar[str] = _module_source("Mean", "Mean", "mean")


class Sum(Reduction):
    """The sum along axes, counted with the batch, which go, or stay with one position: torch.sum."""

    name: ClassVar[str] = "sum"
    line = Method("sum", (), _NAMED)
    example: ClassVar[str] = "{sum: [2, 3]}"
    fresh: ClassVar[bool] = True
    module_source: ClassVar[str] = _module_source("Sum", "Sum", "sum")

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        return Footprint(hands_back=True)


class Amax(Reduction):
    """The largest value along axes, counted with the batch, which go, or stay with one position: torch.amax."""

    name: ClassVar[str] = "amax"
    line = Method("amax", (), _NAMED)
    example: ClassVar[str] = "{amax: [2, 3]}"
    keeps: ClassVar[tuple[str, ...]] = ("input", "output")
    module_source: ClassVar[str] = _module_source("Amax", "Maximum", "amax")

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        """The gradient is shared among all the places of the largest value: which they are, and how many."""
        return Footprint(keeps=self.keeps, back=product(y.sizes), back_bytes=product(x.sizes) + 8 * product(y.sizes))


class VectorNorm(Reduction):
    """The norm along axes, counted with the batch, which go, or stay with one position: torch.linalg.vector_norm.

    `ord: 2` is the root of the sum of the squares, `ord: 1` the sum of the absolute values.
    """

    name: ClassVar[str] = "norm"
    line = Function("torch.linalg.vector_norm", (VALUES,), (("ord", Option("ord")), *_NAMED))
    example: ClassVar[str] = "{norm: [2, 3], keepdim: true}"
    keeps: ClassVar[tuple[str, ...]] = ("input", "output")
    module_source: ClassVar[str] = '''\
class VectorNorm(nn.Module):
    """Norm along axes, counted with the batch."""

    def __init__(self, dim: int | tuple[int, ...], keepdim: bool = False, ord: float = 2) -> None:
        super().__init__()
        self.dim = dim
        self.keepdim = keepdim
        self.ord = ord

    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.vector_norm(x, ord=self.ord, dim=self.dim, keepdim=self.keepdim)'''

    ord: Real = 2

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from super().constraints(x)
        yield Constraint(self.ord, ">=", 1, "`ord` is {left}; below {right} it would be no norm", "ord")

    def text_options(self, x: Shape) -> dict[str, Any]:
        return super().text_options(x) | {"ord": self.ord}

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        """What the gradient is multiplied with; and where the norm is 0, or, of an order that is not 2, a power of it."""
        values, norms = product(x.sizes), product(y.sizes)
        if self.ord == 2:
            return Footprint(keeps=self.keeps, back=values, back_bytes=norms)
        return Footprint(keeps=self.keeps, back=values if self.ord == 1 else 2 * values if self.ord < 2 else values + norms)
