"""What an expression is once its names have values, and the language's operators and functions on numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from archgen.arithmetic.expressions import (
    CONDITION,
    COUNTED,
    DIVISIONS,
    LARGEST,
    MOST_LISTED,
    Binary,
    Call,
    Conditional,
    Expression,
    ExpressionError,
    Failed,
    Index,
    Name,
    Select,
    TooLong,
    Unary,
    is_number,
    limited,
    parts_of,
    refuse_lists,
    symbolic,
)
from archgen.arithmetic.spelling import describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.arithmetic.expressions import Environment, Value


# Its source, to the letter, is what a generated module brings.
def make_divisible(x: float, divisor: int = 8) -> int:
    """Round to the nearest multiple of divisor, but not below nine tenths of x."""
    rounded = max(divisor, int(x + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * x else rounded + divisor


FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {  # with the least and the most arguments
    "min": (min, 2, 8),
    "max": (max, 2, 8),
    "round": (round, 1, 1),
    "ceil": (math.ceil, 1, 1),
    "floor": (math.floor, 1, 1),
    "make_divisible": (make_divisible, 1, 2),
}

_OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_ARITHMETIC = ("+", "-", "*", "/", "//", "%")


def bounded(value: Any) -> Any:
    if type(value) is bool:
        return value
    if not -LARGEST <= value <= LARGEST:  # also true of nan
        raise ExpressionError("a value of this expression lies beyond 2**40")
    return value


def binary(operator: str, left: Value, right: Value) -> Value:
    """Applies an operator to two values: a number if both are, else an expression, kept as short as a person would write it."""
    if isinstance(left, Expression) or isinstance(right, Expression):
        return symbolic(operator, left, right)
    if operator in ("==", "!=") and (type(left) is tuple) == (type(right) is tuple):
        return bool(_OPERATIONS[operator](left, right))
    if not (is_number(left) and is_number(right)):
        help = COUNTED if tuple in (type(left), type(right)) else ""
        raise ExpressionError(f"`{operator}` takes two numbers, not {describe(left)} and {describe(right)}", help=help)
    if operator in DIVISIONS and right == 0:
        raise ExpressionError(f"`{operator}` divides by zero")
    return bounded(_OPERATIONS[operator](left, right))  # type: ignore[no-any-return]


def select(test: Value, then: Value, otherwise: Value) -> Any:
    """A shape rule's own conditional."""
    return limited(Select(test, then, otherwise)) if isinstance(test, Expression) else then if test else otherwise


def evaluate(value: Value, names: Environment) -> Any:
    """Returns the value with its names replaced; raises ExpressionError where a number can't be had (`/ 0`, a list + 1)."""
    if not isinstance(value, Expression):
        return _list([evaluate(item, names) for item in value]) if type(value) is tuple else value
    if isinstance(value, Name):
        found = names[value.name]
        if type(found) is Failed:
            raise found.error
        return found
    if type(value) is Binary:
        if value.operator in ("and", "or"):
            return _logic(value.operator, value.left, value.right, names)
        return binary(value.operator, evaluate(value.left, names), evaluate(value.right, names))
    return _EVALUATORS[type(value)](value, names)


def _list(items: list[Any]) -> tuple[Any, ...]:
    """A list of lists may name the same list many times, and so double with each constant."""
    made = tuple(items)
    if any(type(item) is tuple for item in made) and parts_of(made) > MOST_LISTED:
        raise ExpressionError(f"a list of lists holds at most {MOST_LISTED:,} values in all")
    return made


def _logic(operator: str, left: Value, right: Value, names: Environment) -> Value:
    first = evaluate(left, names)
    if not isinstance(first, Expression):
        if truth(first) is (operator == "or"):
            return bool(first)
        second = evaluate(right, names)
        return second if isinstance(second, Expression) else truth(second)
    second = evaluate(right, names)
    if not isinstance(second, Expression) and truth(second) is (operator == "and"):
        return first
    return limited(Binary(operator, first, second))  # type: ignore[no-any-return]


def truth(value: Value) -> bool:
    """Returns a truth value; raises ExpressionError for anything else."""
    if type(value) is not bool:
        raise ExpressionError(f"a condition is true or false, not {describe(value)}", help=CONDITION)
    return value


def _unary(value: Unary, names: Environment) -> Value:
    operand = evaluate(value.operand, names)
    if isinstance(operand, Expression):
        return limited(Unary(value.operator, operand))  # type: ignore[no-any-return]
    if value.operator == "not":
        return not truth(operand)
    return binary("-", 0, operand) if type(operand) is int else binary("*", -1, operand)


def _conditional(value: Conditional, names: Environment) -> Value:
    test = evaluate(value.test, names)
    if isinstance(test, Expression):
        made = type(value)(test, evaluate(value.then, names), evaluate(value.otherwise, names))
        return limited(made)  # type: ignore[no-any-return]
    return evaluate(value.then if truth(test) else value.otherwise, names)  # type: ignore[no-any-return]


def _call(value: Call, names: Environment) -> Value:
    arguments = [evaluate(argument, names) for argument in value.arguments]
    result: Value = call(value.function, *arguments)
    return result


def call(name: str, *arguments: Value) -> Any:
    """Applies one of the language's functions."""
    if any(isinstance(argument, Expression) for argument in arguments):
        refuse_lists(f"`{name}` takes numbers", *arguments)
        if name in ("max", "min") and len(set(arguments)) == 1:
            return arguments[0]
        return limited(Call(name, arguments))
    for argument in arguments:
        if not is_number(argument):
            raise ExpressionError(f"`{name}` takes numbers, not {describe(argument)}")
    if name == "make_divisible" and len(arguments) == 2 and (type(arguments[1]) is not int or arguments[1] < 1):
        raise ExpressionError(f"`make_divisible` takes a divisor of at least 1, not {describe(arguments[1])}")
    return bounded(FUNCTIONS[name][0](*arguments))


def minimum(left: Any, right: Any) -> Any:
    """The smaller of two sizes, on every domain."""
    if isinstance(left, Expression) or isinstance(right, Expression):
        return call("min", left, right)
    if is_number(left):
        return min(left, right) if is_number(right) else right.minimum(left)
    return left.minimum(right)


def broadcast(left: Any, right: Any) -> Any:
    """The size that two make where one of them may be 1 and is stretched to the other, on every domain."""
    if left == right or (type(right) is int and right == 1):
        return left
    if type(left) is int and left == 1:
        return right
    if isinstance(left, Expression) or isinstance(right, Expression):
        return call("max", left, right)
    if type(left) is int:
        return left
    return right if type(right) is int else left.maximum(right)


def _index(value: Index, names: Environment) -> Value:
    of, index = evaluate(value.of, names), evaluate(value.index, names)
    if isinstance(of, Expression) or isinstance(index, Expression):
        return limited(Index(of, index))  # type: ignore[no-any-return]
    if not isinstance(of, tuple):
        raise ExpressionError(f"only a list has items, not {describe(of)}")
    if type(index) is not int or not 0 <= index < len(of):
        raise ExpressionError(f"the list has {len(of)} items, numbered from 0; there is no item {describe(index)}")
    return of[index]  # type: ignore[no-any-return]


_EVALUATORS: dict[type[Expression], Callable[[Any, Environment], Value]] = {
    Unary: _unary,
    Conditional: _conditional,
    Select: _conditional,
    Call: _call,
    Index: _index,
    TooLong: lambda value, _: value,
}
