"""Ops of a value and of another, whose size they take: `{upsample, to: skip}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from archgen.ops.base import Op, spatial_constraints
from archgen.ops.options import Word
from archgen.ops.torch_text import Function, Nth, Option, SizeOf
from archgen.ops.value import Constraint, Shape

if TYPE_CHECKING:
    from collections.abc import Iterable


class LikeOp(Op):
    """The base of the ops that bring a value to the size of another; each has the name of an op of one value."""

    registry: ClassVar[dict[str, type[Op]]] = {}

    def output(self, x: Shape, *others: Shape) -> Shape:
        raise NotImplementedError

    def constraints(self, x: Shape, *others: Shape) -> Iterable[Constraint]:
        raise NotImplementedError


_INTERPOLATED = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}  # spatial axes that a mode takes


class UpsampleTo(LikeOp):
    """Repeats or interpolates values, to the size of another value: torch.nn.functional.interpolate."""

    name: ClassVar[str] = "upsample"
    example: ClassVar[str] = "{upsample, to: skip, mode: bilinear}"
    positional: ClassVar[int] = 0
    line = Function("F.interpolate", (Nth(0),), (("size", SizeOf(1)), ("mode", Option("mode"))))
    words: ClassVar[dict[str, tuple[str, ...]]] = {"mode": ("nearest", "nearest-exact", *_INTERPOLATED)}

    mode: Word = "nearest"

    def output(self, x: Shape, *others: Shape) -> Shape:
        (other,) = others
        return x.with_spatial(other.sizes[1:])

    def constraints(self, x: Shape, *others: Shape) -> Iterable[Constraint]:
        (other,) = others
        yield from spatial_constraints(self, x)
        yield from spatial_constraints(self, other)
        sentence = "`upsample` brings {left} spatial axes to the size of a value with {right}"
        yield Constraint(x.rank, "==", other.rank, sentence, "to")
        rank = _INTERPOLATED.get(self.mode, x.rank)
        yield Constraint(rank, "==", x.rank, f"`{self.mode}` takes {{left}} spatial axes; here there are {{right}}", "mode")

    def text_options(self, x: Shape) -> dict[str, Any]:
        return {} if self.mode == "nearest" else {"mode": self.mode}
