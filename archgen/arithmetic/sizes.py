"""The symbolic domain: a size as a function of the input's sizes, on which the shape rules run as they do on ints.

A `Variable` is the input's size along one axis. Everything that `+ - *` and `//` by numbers make of a size is a tower of
floors, `⌊(times * of + plus) / by⌋`, kept short by what holds of every integer: a common factor of `times` and `by` goes, and a
floor of a shifted floor is one floor. A tower of one level is canonical, so two branches of ordinary convolutions and poolings
agree at every size if and only if they are equal. What has no such form (a product of two axes, an undecided minimum) is a
`Joined`, which can still be evaluated at any sizes.

`rhythm` says of a function of one axis that f(h + period) = f(h) + growth for every h from `start` on. It turns a question
about all sizes into one about finitely many: `where` asks it.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, Union

from archgen.arithmetic.sizesets import ALL, LARGEST, LONGEST_PERIOD, NONE, SizeSet, size_set
from archgen.budget import Budget
from archgen.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from archgen.budget import Budget


MOST_PARTS = 100  # floors and joints of one size; the zoo needs 3
MOST_TO_DECIDE = 128  # steps to find out which of two sizes is the smaller one everywhere; else it stays `min(...)`
PRODUCT = " · "

Number: TypeAlias = Union[int, "Size"]


class TooManyParts(Exception):
    """A size would be a longer formula than anyone can read; its evaluation would take as long."""


class Rhythm(NamedTuple):
    """f(h + period) = f(h) + growth for every h >= start."""

    period: int
    growth: int
    start: int


class Size(Record):
    """A whole number that depends on the input's sizes. Arithmetic gives another one, or an int where nothing depends.

    A tower shares the sizes below it with others, so what follows from one alone is worked out once.
    """

    def __eq__(self, other: object) -> bool:
        return self is other or super().__eq__(other)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return super().__hash__()

    def at(self, sizes: Mapping[str, int]) -> int:
        """The number for an input with these sizes, by the names of its axes."""
        raise NotImplementedError

    @cached_property
    def axes(self) -> frozenset[str]:
        """The axes of the input that it depends on."""
        raise NotImplementedError

    @cached_property
    def parts(self) -> int:
        """How many floors and joints it is made of."""
        return 0

    def rhythm(self, budget: Budget) -> Rhythm | None:
        """None where none is known, where its period is too long to look at, or where the budget is spent."""
        raise NotImplementedError

    @cached_property
    def increasing(self) -> bool:
        """Whether it is known never to fall when the input grows."""
        raise NotImplementedError

    def text(self, ascii_only: bool = False) -> str:
        """As people write it, `2⌊(H + 1) / 4⌋`; in ASCII as Python does, `2 * floor((H + 1) / 4)`."""
        raise NotImplementedError

    def __add__(self, other: Number) -> Any:
        return _sum(self, other, 1)

    __radd__ = __add__

    def __sub__(self, other: Number) -> Any:
        return _sum(self, other, -1)

    def __rsub__(self, other: int) -> Any:
        return floor(self, -1, other, 1)

    def __mul__(self, other: Number) -> Any:
        return floor(self, other, 0, 1) if type(other) is int else joined("*", self, other)

    __rmul__ = __mul__

    def __floordiv__(self, other: Number) -> Any:
        return floor(self, 1, 0, other) if type(other) is int else joined("//", self, other)

    def __rfloordiv__(self, other: int) -> Any:
        return joined("//", other, self)

    def minimum(self, other: Number) -> Any:
        return _extreme("min", self, other)

    def maximum(self, other: Number) -> Any:
        return _extreme("max", self, other)

    def __str__(self) -> str:
        return self.text()


class Variable(Size):
    """The input's size along one axis."""

    name: str

    def at(self, sizes: Mapping[str, int]) -> int:
        return sizes[self.name]

    @cached_property
    def axes(self) -> frozenset[str]:
        return frozenset((self.name,))

    def rhythm(self, budget: Budget) -> Rhythm | None:
        return Rhythm(1, 1, 1)

    @cached_property
    def increasing(self) -> bool:
        return True

    def text(self, ascii_only: bool = False) -> str:
        return self.name


class Floor(Size):
    """`⌊(times * of + plus) / by⌋`, made by `floor` alone: times and by have no common factor, and by is positive."""

    of: Size
    times: int
    plus: int
    by: int

    @cached_property
    def parts(self) -> int:
        return self.of.parts + 1

    def at(self, sizes: Mapping[str, int]) -> int:
        return (self.times * self.of.at(sizes) + self.plus) // self.by

    @cached_property
    def axes(self) -> frozenset[str]:
        return self.of.axes

    def rhythm(self, budget: Budget) -> Rhythm | None:
        inner = self.of.rhythm(budget) if budget.spend(1) else None
        if inner is None:
            return None
        repeats = self.by // math.gcd(self.times * inner.growth, self.by)
        if repeats * inner.period > LONGEST_PERIOD:
            return None
        return Rhythm(repeats * inner.period, self.times * inner.growth * repeats // self.by, inner.start)

    @cached_property
    def increasing(self) -> bool:
        return self.times > 0 and self.of.increasing

    def text(self, ascii_only: bool = False) -> str:
        inner = self.of.text(ascii_only)
        if self.times != 1:
            inner = f"({inner})" if _is_sum(self.of) else inner
            factor = "-" if self.times == -1 else f"{self.times} * " if ascii_only else str(self.times)
            inner = f"{factor}{inner}"
        if self.plus:
            inner += f" {'+' if self.plus > 0 else '-'} {abs(self.plus)}"
        if self.by == 1:
            return inner
        inner = f"({inner})" if self.plus or isinstance(self.of, Joined) else inner
        return f"floor({inner} / {self.by})" if ascii_only else f"⌊{inner} / {self.by}⌋"


_OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b,
    "min": min,
    "max": max,
}


class Joined(Size):
    """Two sizes, or a number and a size, that make no tower."""

    operator: str
    left: Number
    right: Number

    @cached_property
    def parts(self) -> int:
        return 1 + sum(value.parts for value in (self.left, self.right) if isinstance(value, Size))

    def at(self, sizes: Mapping[str, int]) -> int:
        left, right = (value if isinstance(value, int) else value.at(sizes) for value in (self.left, self.right))
        return _OPERATIONS[self.operator](left, right)

    @cached_property
    def axes(self) -> frozenset[str]:
        return axes_of(self.left) | axes_of(self.right)

    def rhythm(self, budget: Budget) -> Rhythm | None:
        if len(self.axes) > 1 or self.operator in ("*", "//") or not budget.spend(1):
            return None
        left, right = (Rhythm(1, 0, 1) if isinstance(v, int) else v.rhythm(budget) for v in (self.left, self.right))
        if left is None or right is None:
            return None
        period = math.lcm(left.period, right.period)
        start = max(left.start, right.start)
        if period > LONGEST_PERIOD:
            return None
        a, b = left.growth * period // left.period, right.growth * period // right.period
        if self.operator in ("+", "-"):
            return Rhythm(period, a + b if self.operator == "+" else a - b, start)
        if a == b:
            return Rhythm(period, a, start)
        if not budget.spend(period * self.parts):
            return None
        return Rhythm(period, min(a, b) if self.operator == "min" else max(a, b), self._parted(period, start, a - b))

    def _parted(self, period: int, start: int, growth: int) -> int:
        """The size from which on the side that grows faster stays the larger one."""
        (axis,) = self.axes
        difference = joined("-", self.left, self.right)
        most = max(abs(difference.at({axis: h})) for h in range(start, start + period))
        return start + period * (most // abs(growth) + 1)

    @cached_property
    def increasing(self) -> bool:
        left, right = (isinstance(value, int) or value.increasing for value in (self.left, self.right))
        return self.operator in ("+", "min", "max") and left and right

    def text(self, ascii_only: bool = False) -> str:
        left, right = (text_of(value, ascii_only) for value in (self.left, self.right))
        if self.operator in ("min", "max"):
            return f"{self.operator}({left}, {right})"
        if self.operator == "//":
            return f"floor(({left}) / ({right}))" if ascii_only else f"⌊({left}) / ({right})⌋"
        if self.operator == "*":
            left, right = (f"({text})" if _is_sum(value) else text for value, text in ((self.left, left), (self.right, right)))
            return f"{left}{' * ' if ascii_only else PRODUCT}{right}"
        return f"{left} {self.operator} {f'({right})' if _is_sum(self.right) else right}"


def _is_sum(value: Number) -> bool:
    if isinstance(value, Floor):
        return value.by == 1 and value.plus != 0
    return isinstance(value, Joined) and value.operator in ("+", "-")


def axes_of(value: Number) -> frozenset[str]:
    return frozenset() if isinstance(value, int) else value.axes


def text_of(value: Number, ascii_only: bool = False) -> str:
    return str(value) if isinstance(value, int) else value.text(ascii_only)


def number_at(value: Number, sizes: Mapping[str, int]) -> int:
    return value if isinstance(value, int) else value.at(sizes)


def floor(of: Size, times: int, plus: int, by: int) -> Any:
    """Returns `⌊(times * of + plus) / by⌋` in its shortest form; an int where times is 0."""
    if by < 0:
        times, plus, by = -times, -plus, -by
    if times == 0:
        return plus // by
    common = math.gcd(times, by)
    times, plus, by = times // common, plus // common, by // common  # ⌊x / (c b)⌋ = ⌊⌊x / c⌋ / b⌋
    if isinstance(of, Floor):
        if of.by == 1:
            return floor(of.of, times * of.times, times * of.plus + plus, by)
        if times == 1:
            return floor(of.of, of.times, of.plus + plus * of.by, of.by * by)
        if times == -1:  # -⌊x / b⌋ = ⌊(b - 1 - x) / b⌋
            return floor(of.of, -of.times, of.by - 1 - of.plus + plus * of.by, of.by * by)
        turns, plus = plus // abs(times), plus % abs(times)  # 2⌊x / b⌋ + 3 = 2⌊(x + b) / b⌋ + 1
        of = floor(of, 1, turns if times > 0 else -turns, 1)
    return of if (times, plus, by) == (1, 0, 1) else _bounded(Floor(of, times, plus, by))


def joined(operator: str, left: Number, right: Number) -> Size:
    return _bounded(Joined(operator, left, right))


def _bounded(size: Size) -> Size:
    if size.parts > MOST_PARTS:
        raise TooManyParts
    return size


def _linear(size: Size) -> tuple[Size, int, int]:
    """A size as times * of + plus, where `of` is no such sum itself."""
    return (size.of, size.times, size.plus) if isinstance(size, Floor) and size.by == 1 else (size, 1, 0)


def _sum(left: Size, right: Number, sign: int) -> Any:
    if isinstance(right, int):
        return floor(left, 1, sign * right, 1)
    (of, times, plus), (other, count, more) = _linear(left), _linear(right)
    if of == other:
        return floor(of, times + sign * count, plus + sign * more, 1)
    return joined("+" if sign == 1 else "-", left, right)


def _extreme(which: str, left: Size, right: Number) -> Any:
    """The smaller or the larger of two, decided where one of them is so at every size of the input from 1 on."""
    if len(left.axes | axes_of(right)) == 1:
        for small, large in ((left, right), (right, left)):
            never_less = where(large, ">=", small, Budget(MOST_TO_DECIDE))
            if never_less is not None and never_less.everything:
                return small if which == "min" else large
    return joined(which, left, right)


def difference_of(left: Number, right: Number) -> Number | None:
    """One size less another; None where that would be too long to go on with."""
    try:
        return left - right
    except TooManyParts:
        return None


def where(left: Number, relation: str, right: Number, budget: Budget) -> SizeSet | None:
    """The sizes of the input, all of them, at which a relation holds; None where that is beyond proof or the budget.

    left, right: of one axis of the input at most. relation: `>=`, `==`, `divides`, or `broadcasts`: equal, or one of them 1.
    """
    (axis,) = axes_of(left) | axes_of(right)
    if relation == "divides":
        return _where_divides(left, right, axis, budget)
    if relation == "broadcasts":
        return _any(where(left, "==", right, budget), _where_one(left, budget), _where_one(right, budget))
    difference = difference_of(left, right)
    if difference is None:
        return None
    if isinstance(difference, int):
        return ALL if _HOLDS[relation](difference) else NONE
    if relation == ">=" and difference.increasing:
        least = least_with(difference, axis, 0, budget)
        return None if least is None else SizeSet(least, 1, 0, 1)
    return _where_difference(difference, relation, axis, budget)


_HOLDS: dict[str, Callable[[int], bool]] = {">=": lambda d: d >= 0, "==": lambda d: d == 0}


def _where_one(size: Number, budget: Budget) -> SizeSet | None:
    if isinstance(size, int):
        return ALL if size == 1 else NONE
    return where(size, "==", 1, budget)


def _any(*sets: SizeSet | None) -> SizeSet | None:
    found = NONE
    for one in sets:
        if one is None:
            return None
        found = found | one
    return found


def least_with(size: Size, axis: str, bound: int, budget: Budget) -> int | None:
    """The least input at which a size that never falls has reached a bound; None where it is beyond LARGEST.

    Through floors the bound is worked back; what is inside, if it is more than the input's size, is searched by halving.
    """
    size, least, _ = peeled(size, bound, None)
    if least is None or not budget.spend(1):
        return None
    if isinstance(size, Variable):
        return max(least, 1)
    high = 1
    while budget.spend(size.parts + 1) and size.at({axis: high}) < least:
        high *= 2
        if high > LARGEST:
            return None
    low = high // 2  # below the bound there, or 0
    while high - low > 1 and budget.spend(size.parts + 1):
        middle = (low + high) // 2
        low, high = (low, middle) if size.at({axis: middle}) >= least else (middle, high)
    return None if budget.exhausted else high


def peeled(size: Size, low: int | None, high: int | None) -> tuple[Size, int | None, int | None]:
    """What is inside a tower of floors, and the bounds on it that bounds on the tower mean."""
    while isinstance(size, Floor):
        least = None if low is None else low * size.by - size.plus  # of times * of
        most = None if high is None else high * size.by + size.by - 1 - size.plus
        if size.times < 0:
            least, most = (None if most is None else -most), (None if least is None else -least)
        times = abs(size.times)
        low, high = (None if least is None else -(-least // times)), (None if most is None else most // times)
        size = size.of
    return size, low, high


def _where_difference(difference: Size, relation: str, axis: str, budget: Budget) -> SizeSet | None:
    rhythm = difference.rhythm(budget)
    if rhythm is None or not budget.spend(rhythm.period * (difference.parts + 1)):
        return None
    period, growth, start = rhythm
    holds = _HOLDS[relation]
    if growth:  # past this size every residue class has given its last answer
        most = max(abs(difference.at({axis: h})) for h in range(start, start + period))
        start += period * (most // abs(growth) + 1)
    if start > LONGEST_PERIOD or not budget.spend((start + period) * (difference.parts + 1)):
        return None
    bits = int("".join("01"[holds(difference.at({axis: h}))] for h in range(start + period - 1, 0, -1)), 2)
    return size_set(bits, start, period)


def surely_divides(left: Number, right: Number) -> bool:
    """Whether one divides the other for every input, as the formula shows by itself."""
    if not isinstance(left, int) or left <= 0:
        return False
    if isinstance(right, Joined) and right.operator == "*":
        return surely_divides(left, right.left) or surely_divides(left, right.right)
    return _multiple_below(left, right) == right


def _multiple_below(left: int, right: Number) -> Number | None:
    """The largest multiple of a number that is not above a size; None where that would be too long to go on with."""
    try:
        return left * (right // left)
    except TooManyParts:
        return None


def _where_divides(left: Number, right: Number, axis: str, budget: Budget) -> SizeSet | None:
    if not isinstance(left, int) or left <= 0:
        return None
    if isinstance(right, int):
        return ALL if right % left == 0 else NONE
    whole = _multiple_below(left, right)
    return None if whole is None else where(whole, "==", right, budget)
