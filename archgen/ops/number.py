"""Ops of a value and numbers. A spec may write four of them as the merges of two values: `{multiply: 0.5}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from archgen.arithmetic.expressions import is_number
from archgen.ops.base import Op
from archgen.ops.options import Real
from archgen.ops.torch_text import VALUES, Method, Operator, Option
from archgen.ops.value import Constraint, Footprint, Mode, Shape, product

if TYPE_CHECKING:
    from collections.abc import Iterable


def _module_source(name: str, what: str, sign: str) -> str:
    """The class of a value and a number with an operator between them."""
    return f'''\
class {name}(nn.Module):
    """{what} a number."""

    def __init__(self, number: float) -> None:
        super().__init__()
        self.number = number

    def forward(self, x: Tensor) -> Tensor:
        return x {sign} self.number'''


class ByNumber(Op):
    """What the four share: the shape stays, and the result is a new tensor."""

    fresh: ClassVar[bool] = True

    number: Real

    def output(self, x: Shape) -> Shape:
        return x


class MultiplyBy(ByNumber):
    """x times a number, as the scale of a residual branch."""

    name: ClassVar[str] = "multiply_by"
    line = Operator("*", (VALUES, Option("number")))
    example: ClassVar[str] = "{multiply_by: 0.5}"
    module_source: ClassVar[str] = _module_source("MultiplyBy", "Multiply by", "*")


class DivideBy(ByNumber):
    """x divided by a number."""

    name: ClassVar[str] = "divide_by"
    line = Operator("/", (VALUES, Option("number")))
    example: ClassVar[str] = "{divide_by: 8}"
    module_source: ClassVar[str] = _module_source("DivideBy", "Divide by", "/")

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        if is_number(self.number):
            yield Constraint(int(self.number != 0), "==", 1, "nothing can be divided by 0", "number")


class AddNumber(ByNumber):
    """x plus a number, as what keeps a gate above 0."""

    name: ClassVar[str] = "add_number"
    line = Operator("+", (VALUES, Option("number")))
    example: ClassVar[str] = "{add_number: 1}"
    module_source: ClassVar[str] = _module_source("AddNumber", "Add", "+")

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        return Footprint(hands_back=True)


class SubtractNumber(AddNumber):
    """x less a number."""

    name: ClassVar[str] = "subtract_number"
    line = Operator("-", (VALUES, Option("number")))
    example: ClassVar[str] = "{subtract_number: 0.5}"
    module_source: ClassVar[str] = _module_source("SubtractNumber", "Subtract", "-")


BY_NUMBER = {  # how a merge is called where it takes a number
    "multiply": MultiplyBy.name,
    "divide": DivideBy.name,
    "add": AddNumber.name,
    "subtract": SubtractNumber.name,
}


class Pow(Op):
    """x to the power of a number: torch.pow."""

    name: ClassVar[str] = "pow"
    line = Method("pow", (Option("exponent"),))
    example: ClassVar[str] = "{pow: 2}"
    keeps: ClassVar[tuple[str, ...]] = ("input",)
    fresh: ClassVar[bool] = True
    module_source: ClassVar[str] = '''\
class Pow(nn.Module):
    """Raise to the power of a number."""

    def __init__(self, exponent: float) -> None:
        super().__init__()
        self.exponent = exponent

    def forward(self, x: Tensor) -> Tensor:
        return x.pow(self.exponent)'''

    exponent: Real

    def output(self, x: Shape) -> Shape:
        return x

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        if is_number(self.exponent):
            yield Constraint(int(self.exponent != 0), "==", 1, "to the power of 0 every value would be 1", "exponent")

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        """The next lower power, and that times the exponent."""
        return Footprint(keeps=self.keeps, back=2 * product(x.sizes))


class Clamp(Op):
    """x, but at least `min` and at most `max`, of which one may be left out: torch.clamp."""

    name: ClassVar[str] = "clamp"
    line = Method("clamp", (), (("min", Option("min")), ("max", Option("max"))))
    example: ClassVar[str] = "{clamp, min: 0, max: 6}"
    keeps: ClassVar[tuple[str, ...]] = ("input",)
    fresh: ClassVar[bool] = True
    positional: ClassVar[int] = 0
    module_source: ClassVar[str] = '''\
class Clamp(nn.Module):
    """Limit to at least one number and at most another."""

    def __init__(self, min: float | None = None, max: float | None = None) -> None:
        super().__init__()
        self.min = min
        self.max = max

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(min=self.min, max=self.max)'''

    min: Real = None
    max: Real = None

    def text_options(self, x: Shape) -> dict[str, Any]:
        return {name: limit for name, limit in super().text_options(x).items() if limit is not None}

    def output(self, x: Shape) -> Shape:
        return x

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        given = self.text_options(x)
        yield Constraint(len(given), ">=", 1, "`clamp` without a limit changes nothing", "", "write `min`, `max` or both")
        if len(given) > 1:
            yield Constraint(self.max, ">=", self.min, "`max` is {left}, and must be at least `min`, {right}", "max")

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        """Where the gradient passes, for each limit."""
        return Footprint(keeps=self.keeps, back_bytes=len(self.text_options(x)) * product(x.sizes))
