"""Arithmetic for people: `⌊(H + 2·p - k) / s⌋`, and what its names stand for."""

from __future__ import annotations

from typing import Any, NamedTuple

from archgen.arithmetic.evaluation import evaluate
from archgen.arithmetic.expressions import Binary, Call, Name, Select, Value
from archgen.ops.base import Op
from archgen.ops.value import Shape


class Signs(NamedTuple):
    """How arithmetic is written."""

    times: str
    floor: str
    close: str

    @property
    def text(self) -> str:
        return self.times + self.floor + self.close


PRETTY, PLAIN = Signs("·", "⌊", "⌋"), Signs("*", "floor(", ")")


def figures(value: Value, numbers: dict[str, Value], signs: Signs = PRETTY) -> str:
    """Returns an expression as text with its names replaced by numbers, nothing worked out: `⌊(56 - 3) / 2⌋ + 1`."""
    return _written(value, numbers, signs, 0)


_LEVELS = {"+": 5, "-": 5, "*": 6, "//": 6}


def _written(value: Value, numbers: dict[str, Value], signs: Signs, outer: int) -> str:
    if isinstance(value, Name):
        return f"{numbers[value.name]:,}"
    if isinstance(value, Select):
        return _written(value.then if evaluate(value.test, numbers) else value.otherwise, numbers, signs, outer)
    if isinstance(value, Call):
        return f"{value.function}({', '.join(_written(argument, numbers, signs, 0) for argument in value.arguments)})"
    if not isinstance(value, Binary):
        return f"{value:,}"
    if value.operator == "//":
        return _quotient(value, numbers, signs, outer)
    if value.operator == "*" and not outer:  # a product that stands alone has room
        return f" {signs.times} ".join(_written(factor, numbers, signs, 6) for factor in _factors(value))
    level = _LEVELS[value.operator]
    sign = signs.times if value.operator == "*" else f" {value.operator} "
    left = _written(value.left, numbers, signs, level)
    right = _written(value.right, numbers, signs, level + (value.operator == "-"))
    return f"({left}{sign}{right})" if level < outer else f"{left}{sign}{right}"


def _factors(value: Value) -> list[Value]:
    if isinstance(value, Binary) and value.operator == "*":
        return [*_factors(value.left), *_factors(value.right)]
    return [value]


def _quotient(value: Binary, numbers: dict[str, Value], signs: Signs, outer: int) -> str:
    """A quotient is rounded down; where it is seen to be whole, that is not said."""
    if evaluate(value.right, numbers) == 1:
        return _written(value.left, numbers, signs, outer)
    whole = not isinstance(value.left, Binary) and evaluate(value.left, numbers) % evaluate(value.right, numbers) == 0
    joined = f"{_written(value.left, numbers, signs, 6)} / {_written(value.right, numbers, signs, 7)}"
    if not whole:
        return f"{signs.floor}{joined}{signs.close}"
    return f"({joined})" if outer else joined


def equation(value: Value, numbers: dict[str, Value], result: int, signs: Signs = PRETTY) -> str:
    """Returns `figures` with what they come to: `64 · 3 = 192`; a single number stands alone."""
    left, right = figures(value, numbers, signs), f"{result:,}"
    return left if left == right else f"{left} = {right}"


AXIS = "axis"  # how the sizes of the input are called, each with its number: no option is


class Named(NamedTuple):
    """An op and its input with a name in place of each number, and what the names stand for."""

    op: Op
    x: Shape
    numbers: dict[str, Value]


def named(op: Op, x: Shape) -> Named:
    numbers: dict[str, Value] = {}

    def name(key: str, value: Any) -> Any:
        if type(value) is tuple:
            return tuple(name(f"{key} {position}", item) for position, item in enumerate(value))
        if type(value) is not int or value < 0:  # what lies below 0 may mean something else than a number, as in `reshape`
            return value
        numbers[key] = value
        return Name(key, "int")

    options = {field: value for field, value in op.torch_options(x).items() if field in op.fields}
    changed = {field: name(field, value) for field, value in options.items() if not op.kind(field).literal}
    return Named(op.replace(**changed), x._replace(sizes=name(AXIS, x.sizes)), numbers)
