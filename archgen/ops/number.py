"""Ops of a value and a number. A spec may write them as the merges of two values: `{multiply: 0.5}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archgen.arithmetic.expressions import is_number
from archgen.ops.base import Op
from archgen.ops.options import Real
from archgen.ops.torch_text import VALUES, Operator, Option
from archgen.ops.value import Constraint, Shape

if TYPE_CHECKING:
    from collections.abc import Iterable


class ByNumber(Op):
    """What the two share: the shape stays, and the result is a new tensor."""

    fresh: ClassVar[bool] = True

    number: Real

    def output(self, x: Shape) -> Shape:
        return x


class MultiplyBy(ByNumber):
    """x times a number, as the scale of a residual branch."""

    name: ClassVar[str] = "multiply_by"
    line = Operator("*", (VALUES, Option("number")))
    example: ClassVar[str] = "{multiply_by: 0.5}"
    module_source: ClassVar[str] = '''\
class MultiplyBy(nn.Module):
    """Multiply by a number."""

    def __init__(self, number: float) -> None:
        super().__init__()
        self.number = number

    def forward(self, x: Tensor) -> Tensor:
        return x * self.number'''


class DivideBy(ByNumber):
    """x divided by a number."""

    name: ClassVar[str] = "divide_by"
    line = Operator("/", (VALUES, Option("number")))
    example: ClassVar[str] = "{divide_by: 8}"
    module_source: ClassVar[str] = '''\
class DivideBy(nn.Module):
    """Divide by a number."""

    def __init__(self, number: float) -> None:
        super().__init__()
        self.number = number

    def forward(self, x: Tensor) -> Tensor:
        return x / self.number'''

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        if is_number(self.number):
            yield Constraint(int(self.number != 0), "==", 1, "nothing can be divided by 0", "number")


BY_NUMBER = {"multiply": MultiplyBy.name, "divide": DivideBy.name}  # how a merge is called where it takes a number
