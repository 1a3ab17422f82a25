"""Expressions on names: what a spec's arithmetic is where a name has no value yet.

An expression is a frozen record, kept as short as a person would write it, and exact: see `symbolic`.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias, Union

from archgen.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archgen.diagnostics import Place


LONGEST = 256
DEEPEST = 16
LARGEST = 2**40
MOST_PARTS = 200  # operators, names and numbers of an expression on names
MOST_LISTED = 1000  # values in a list of lists, counted to the innermost


CONDITION = "compare it, as in `stride != 1`, or name `true` or `false`"
COUNTED = "what is counted with is given a number, not a list"
NAME_A_PART = "name a part of it in `let`"


class ExpressionError(Exception):
    """What is wrong with an expression, and where in its text (0-based), if a place in it is to blame."""

    def __init__(self, sentence: str, offset: int = 0, length: int = 1, help: str = "") -> None:
        super().__init__(sentence)
        self.sentence, self.offset, self.length, self.help = sentence, offset, length, help
        self.place: Place | None = None  # of the constant that has no value, if one has none


class Expression(Record):
    """Arithmetic that waits for names. The operators build larger expressions, so a shape rule runs on it as on a number.

    What is asked often is worked out once: an expression never changes, and larger ones share it.
    """

    @property
    def operands(self) -> tuple[Value, ...]:
        """The values that it is made of."""
        return tuple(getattr(self, field) for field in self.fields)

    @cached_property
    def parts(self) -> int:
        """How many operators, names and numbers it is made of."""
        return 1 + sum(map(parts_of, self.operands))

    @cached_property
    def free(self) -> frozenset[str]:
        """The names that it waits for."""
        return frozenset().union(*map(names_of, self.operands))

    @cached_property
    def whole(self) -> bool:
        """Whether it is an integer for certain, whatever its names stand for."""
        return False

    @cached_property
    def may_fail(self) -> bool:
        """Whether it has no value for some values of its names: it divides by them, or takes an item of a list."""
        return any(map(may_fail, self.operands))

    @cached_property
    def selects(self) -> bool:
        """Whether a shape rule's own conditional is in it."""
        return isinstance(self, Select) or any(map(selects, self.operands))

    @cached_property
    def _hash(self) -> int:
        return super().__hash__()

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        """Two are equal if they give the same, type included: `a * 2` and `a * 2.0` are not."""
        if self is other:
            return True
        return type(self) is type(other) and all(_alike(getattr(self, name), getattr(other, name)) for name in self.fields)

    def __add__(self, other: Value) -> Any:
        return symbolic("+", self, other)

    def __radd__(self, other: Value) -> Any:
        return symbolic("+", other, self)

    def __sub__(self, other: Value) -> Any:
        return symbolic("-", self, other)

    def __rsub__(self, other: Value) -> Any:
        return symbolic("-", other, self)

    def __mul__(self, other: Value) -> Any:
        return symbolic("*", self, other)

    def __rmul__(self, other: Value) -> Any:
        return symbolic("*", other, self)

    def __floordiv__(self, other: Value) -> Any:
        return symbolic("//", self, other)

    def __rfloordiv__(self, other: Value) -> Any:
        return symbolic("//", other, self)

    def __mod__(self, other: Value) -> Any:
        return symbolic("%", self, other)

    def __rmod__(self, other: Value) -> Any:
        return symbolic("%", other, self)


class Name(Expression):
    """A name, and the type of what it stands for, as arguments have one.

    A "float" may be an integer in one call and not in the next; it is also the type of what nobody knows more of.
    """

    name: str
    type: str = "float"

    @property
    def operands(self) -> tuple[Value, ...]:
        return ()

    @cached_property
    def free(self) -> frozenset[str]:
        return frozenset((self.name,))

    @cached_property
    def whole(self) -> bool:
        return self.type == "int"


class ManyName(Name):
    """A name that stands for a list with a value for each spatial axis: it has items, and nothing counts with it."""

    @cached_property
    def whole(self) -> bool:
        return False


class Unary(Expression):
    operator: str  # "-" or "not"
    operand: Value

    @property
    def operands(self) -> tuple[Value, ...]:
        return (self.operand,)

    @cached_property
    def whole(self) -> bool:
        return self.operator == "-" and is_whole(self.operand)


class Binary(Expression):
    operator: str
    left: Value
    right: Value

    @property
    def operands(self) -> tuple[Value, ...]:
        return self.left, self.right

    @cached_property
    def whole(self) -> bool:
        return self.operator in ("+", "-", "*", "//", "%") and is_whole(self.left) and is_whole(self.right)

    @cached_property
    def may_fail(self) -> bool:
        divides = self.operator in DIVISIONS and (isinstance(self.right, Expression) or self.right == 0)
        return divides or any(map(may_fail, self.operands))


class Conditional(Expression):
    """`then if test else otherwise`."""

    test: Value
    then: Value
    otherwise: Value

    @cached_property
    def whole(self) -> bool:
        return is_whole(self.then) and is_whole(self.otherwise)


class Select(Conditional):
    """A conditional that a shape rule made, not the author: dropped in generated code where every call decides it alike."""


class Call(Expression):
    function: str
    arguments: tuple[Value, ...]

    @property
    def operands(self) -> tuple[Value, ...]:
        return self.arguments

    @cached_property
    def whole(self) -> bool:
        rounded = 0 if self.function in ("min", "max") else 1  # the others round their first argument
        return all(map(is_whole, self.arguments[rounded:]))

    @cached_property
    def may_fail(self) -> bool:
        divides = self.function == "make_divisible" and any(isinstance(value, Expression) for value in self.arguments[1:])
        return divides or any(map(may_fail, self.operands))


class Index(Expression):
    of: Value
    index: Value

    @cached_property
    def whole(self) -> bool:
        if isinstance(self.of, ManyName):
            return self.of.type == "int"
        return type(self.of) is tuple and all(map(is_whole, self.of))

    @cached_property
    def may_fail(self) -> bool:
        return not (isinstance(self.of, ManyName) and type(self.index) is int)


class TooLong(Expression):
    """What arithmetic makes instead of an expression of more than MOST_PARTS parts. All that is made of it is it again.

    So a size may grow beyond all bounds where nobody reads it, and is refused where generated code needs it.
    """

    @cached_property
    def parts(self) -> int:
        return MOST_PARTS


class Failed(Record):
    """What a constant is that has no value, as one that divides by zero: the reason is told where it is read."""

    error: ExpressionError


Value: TypeAlias = Union[int, float, bool, str, "tuple[Any, ...]", Expression, Record]
Environment: TypeAlias = "Mapping[str, Value]"
TOO_LONG = TooLong()


def parts_of(value: Value) -> int:
    """How many operators, names and numbers a value is made of."""
    if type(value) is tuple:
        return sum(map(parts_of, value))
    return value.parts if isinstance(value, Expression) else 1


def is_whole(value: Value) -> bool:
    """Whether a value is an integer for certain, whatever its names stand for."""
    return type(value) is int or (isinstance(value, Expression) and value.whole)


def may_fail(value: Value) -> bool:
    """Whether a value is none for some values of its names."""
    return any(map(may_fail, value)) if type(value) is tuple else isinstance(value, Expression) and value.may_fail


def selects(value: Value) -> bool:
    """Whether a shape rule's own conditional is in a value."""
    return any(map(selects, value)) if type(value) is tuple else isinstance(value, Expression) and value.selects


def limited(value: Expression) -> Any:
    """Returns an expression just made, or TOO_LONG if it has too many parts. Whatever makes one of names asks here."""
    return value if value.parts <= MOST_PARTS else TOO_LONG


def _alike(left: Any, right: Any) -> bool:
    if type(left) is not type(right):
        return False
    if type(left) is tuple:
        return len(left) == len(right) and all(map(_alike, left, right))
    return bool(left == right) and (type(left) is not float or math.copysign(1, left) == math.copysign(1, right))


DIVISIONS = ("/", "//", "%")


def is_number(value: Value) -> bool:
    """Tells whether a value is an int or a float; true and false are not."""
    return type(value) is int or type(value) is float


def refuse_lists(sentence: str, *values: Value) -> None:
    for value in values:
        if isinstance(value, ManyName):
            raise ExpressionError(f"{sentence}, and `{value.name}` is given a list by some call", help=COUNTED)


def symbolic(operator: str, left: Value, right: Value) -> Value:
    """An operator on names. What it gives for numbers is what the operator itself gives, to the last bit and in its type.

    Integers are exact in any order. A float is rounded at each step, and 0 times a float may be -0.0; times 1 it stays itself.
    """
    refuse_lists(f"`{operator}` takes two numbers", left, right)
    if operator == "*" and (_is_one(left) or _is_one(right)):
        return right if _is_one(left) else left
    exact = _exact(operator, left, right) if is_whole(left) and is_whole(right) else None
    return limited(Binary(operator, left, right)) if exact is None else exact


def _is_one(value: Value) -> bool:
    return type(value) is int and value == 1


def _exact(operator: str, left: Value, right: Value) -> Value | None:
    """A shorter way to say what two integers make, if there is one. What may have no value stays in it."""
    if operator in ("+", "-"):
        return _sum(left, right, 1 if operator == "+" else -1)
    if operator == "*" and 0 in (left, right):
        return None if may_fail(left) or may_fail(right) else 0
    if operator == "//" and type(right) is int:
        return left if right == 1 else _divided(left, right)
    return None


def _sum(left: Value, right: Value, sign: int) -> Value | None:
    """Adds two sums of terms; like terms meet, the first to appear stays first."""
    counts: dict[Value, int] = {}
    as_written: dict[Value, Value] = {}
    for term, count, written in [*_terms(left, 1), *_terms(right, sign)]:
        counts[term] = counts.get(term, 0) + count
        as_written.setdefault(term, written)
    if any(not count and may_fail(term) for term, count in counts.items()):
        return None
    total: Value = 0
    for term, count in sorted(counts.items(), key=lambda item: item[1] < 0):  # `a - b`, not `-b + a`
        if not count:
            continue
        if total == 0:
            total = _scaled(term, count, as_written[term])
        else:
            total = limited(Binary("+" if count > 0 else "-", total, _scaled(term, abs(count), as_written[term])))
    return total


def _terms(value: Value, sign: int) -> list[tuple[Value, int, Value]]:
    """Returns the terms of a sum: each without its factor, the factor, and the term as it was written."""
    if isinstance(value, Binary) and value.operator in ("+", "-"):
        return _terms(value.left, sign) + _terms(value.right, sign if value.operator == "+" else -sign)
    if type(value) is int:
        return [(1, sign * value, value)]
    if isinstance(value, Binary) and value.operator == "*":
        if type(value.left) is int:
            return [(value.right, sign * value.left, value)]
        if type(value.right) is int:
            return [(value.left, sign * value.right, value)]
    return [(value, sign, value)]


def _scaled(term: Value, count: int, written: Value) -> Value:
    """Returns count times a term, the number on the side where the author wrote it."""
    if type(term) is int:
        return count
    if count == 1:
        return term
    number_last = isinstance(written, Binary) and written.operator == "*" and type(written.right) is int
    return limited(Binary("*", term, count) if number_last else Binary("*", count, term))  # type: ignore[no-any-return]


def _divided(value: Value, by: int) -> Value | None:
    """Returns the exact quotient of a number's multiple by that number, or None."""
    if not (isinstance(value, Binary) and value.operator == "*" and by):
        return None
    ((term, count, written),) = _terms(value, 1)
    return _scaled(term, count // by, written) if count % by == 0 else None


def names_of(value: Any) -> frozenset[str]:
    """Returns the names that a value waits for."""
    if isinstance(value, Expression):
        return value.free
    if isinstance(value, tuple):
        return frozenset().union(*map(names_of, value))
    if isinstance(value, Record):
        return frozenset().union(*(names_of(getattr(value, field)) for field in value.fields))
    return frozenset()


def surely_read(value: Value) -> frozenset[str]:
    """The names that are read whatever they stand for: of `a if b else c` it is `b` alone."""
    if isinstance(value, Conditional):
        return surely_read(value.test) | (surely_read(value.then) & surely_read(value.otherwise))
    if isinstance(value, Name):
        return value.free
    if isinstance(value, Expression):
        lazy = isinstance(value, Binary) and value.operator in ("and", "or")
        return frozenset().union(*map(surely_read, value.operands[:1] if lazy else value.operands))
    return frozenset().union(*map(surely_read, value)) if type(value) is tuple else frozenset()
