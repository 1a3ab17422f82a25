"""Sets of sizes that repeat: where a relation between two sizes holds, for every size of the input from 1 on.

A difference d with d(h + P) = d(h) + c from some h on is known everywhere once it is known at P sizes in a row and c: with
c = 0 its answers repeat, else each residue class changes its answer once and then stays. So what `where` returns is proved.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from archgen.records import Record
from archgen.sizes import LONGEST_PERIOD, Number, Size, axes_of

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_START = 2**20


class SizeSet(Record):
    """A set of integers from 1 on: `early` has a bit for each below `start`, 1 the lowest; `pattern` repeats from there."""

    start: int
    period: int
    early: int
    pattern: int

    @property
    def everything(self) -> bool:
        return self == ALL

    @property
    def nothing(self) -> bool:
        return not self.early and not self.pattern

    @property
    def finite(self) -> bool:
        return not self.pattern

    def __contains__(self, size: int) -> bool:
        if size < self.start:
            return size > 0 and bool(self.early >> (size - 1) & 1)
        return bool(self.pattern >> ((size - self.start) % self.period) & 1)

    def least(self, bound: int = 1) -> int | None:
        """The smallest member that is at least a bound."""
        if self.nothing:
            return None
        last = max(self.start, bound) + self.period
        return next((size for size in range(bound, last) if size in self), None)

    def bits(self, length: int) -> int:
        """The members from 1 to a length, as bits."""
        if length < self.start:
            return self.early & ((1 << length) - 1)
        count = -(-(length - self.start + 1) // self.period)
        repeated = self.pattern * (((1 << self.period * count) - 1) // ((1 << self.period) - 1))
        return (self.early | repeated << (self.start - 1)) & ((1 << length) - 1)

    def __and__(self, other: SizeSet) -> SizeSet:
        return _joined(self, other, lambda a, b: a & b)

    def __or__(self, other: SizeSet) -> SizeSet:
        return _joined(self, other, lambda a, b: a | b)

    def __sub__(self, other: SizeSet) -> SizeSet:
        return _joined(self, other, lambda a, b: a & ~b)

    def rule(self, name: str) -> str:
        """The set in words, as `H mod 32 == 0`."""
        if self.everything:
            return f"every {name}"
        if self.nothing:
            return f"no {name}"
        ways = [_listed(name, self._early_members())] if self.early else []
        if self.pattern:
            ways.append(self._later_rule(name))
        return ", or ".join(ways)

    def _early_members(self) -> list[int]:
        return [size for size in range(1, self.start) if size in self]

    def _later_rule(self, name: str) -> str:
        first = self.least(self.start)
        from_on = f"{name} >= {first}"
        if self.period == 1:
            return from_on
        residues = sorted((self.start + i) % self.period for i in range(self.period) if self.pattern >> i & 1)
        rule = _residues(name, residues, self.period)
        alike = first is not None and not any(size % self.period in residues for size in range(1, first))
        return rule if alike else f"{from_on} and {rule}"


def _residues(name: str, residues: list[int], period: int) -> str:
    missing = sorted(set(range(period)) - set(residues))
    what = f"{name} mod {period}"
    if len(residues) == 1:
        return f"{what} == {residues[0]}"
    return f"{what} != {missing[0]}" if len(missing) == 1 else _listed(what, residues)


def _listed(what: str, numbers: list[int]) -> str:
    """`H is 3, 5 or 8 to 12`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = [text for a, b in runs for text in ([f"{a} to {b}"] if b > a + 1 else map(str, range(a, b + 1)))]
    return f"{what} is " + (" or ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0])


def size_set(bits: int, start: int, period: int) -> SizeSet:
    """The set with these members from 1 to start + period - 1, which repeats from start on; in its shortest form."""
    early, pattern = bits & ((1 << (start - 1)) - 1), bits >> (start - 1) & ((1 << period) - 1)
    for divisor in _divisors(period):
        if pattern == (pattern & ((1 << divisor) - 1)) * (((1 << period) - 1) // ((1 << divisor) - 1)):
            pattern, period = pattern & ((1 << divisor) - 1), divisor
            break
    while start > 1 and (early >> (start - 2) & 1) == (pattern >> (period - 1) & 1):  # the last of them begins the pattern
        pattern = (pattern << 1 & ((1 << period) - 1)) | (pattern >> (period - 1))
        start -= 1
        early &= (1 << (start - 1)) - 1
    return SizeSet(start, period, early, pattern)


def _divisors(number: int) -> list[int]:
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]


ALL = SizeSet(1, 1, 0, 1)


class TooLong(Exception):
    """Two sets repeat together only after more sizes than are looked at."""


def _joined(left: SizeSet, right: SizeSet, join: Callable[[int, int], int]) -> SizeSet:
    start, period = max(left.start, right.start), math.lcm(left.period, right.period)
    if period > LONGEST_PERIOD:
        raise TooLong
    length = start + period - 1
    return size_set(join(left.bits(length), right.bits(length)), start, period)


def where(left: Number, relation: str, right: Number) -> SizeSet | None:
    """The sizes of the input, all of them, at which a relation holds; None where that is beyond proof.

    left, right: of one axis of the input at most. relation: `>=`, `==`, `divides`, or `broadcasts`: equal, or one of them 1.
    """
    (axis,) = axes_of(left) | axes_of(right)
    if relation == "divides":
        return _where_divides(left, right, axis)
    if relation == "broadcasts":
        return _any(where(left, "==", right), _where_one(left), _where_one(right))
    difference = left - right
    if isinstance(difference, int):
        return ALL if _HOLDS[relation](difference) else size_set(0, 1, 1)
    if relation == ">=" and difference.increasing:
        return _from_least(difference, axis)
    return _where_difference(difference, relation, axis)


_HOLDS: dict[str, Callable[[int], bool]] = {">=": lambda d: d >= 0, "==": lambda d: d == 0}


def _where_one(size: Number) -> SizeSet | None:
    if isinstance(size, int):
        return ALL if size == 1 else size_set(0, 1, 1)
    return where(size, "==", 1)


def _any(*sets: SizeSet | None) -> SizeSet | None:
    found = size_set(0, 1, 1)
    for one in sets:
        if one is None:
            return None
        found = found | one
    return found


def _from_least(size: Size, axis: str) -> SizeSet | None:
    """Where a size that never falls is not negative: from a least input on, found by halving."""
    high = 1
    while size.at({axis: high}) < 0:
        high *= 2
        if high > LONGEST_START:
            return None
    low = high // 2  # negative there, or 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if size.at({axis: middle}) < 0 else (low, middle)
    return SizeSet(high, 1, 0, 1)


def _where_difference(difference: Size, relation: str, axis: str) -> SizeSet | None:
    rhythm = difference.rhythm()
    if rhythm is None:
        return None
    period, growth, start = rhythm
    holds = _HOLDS[relation]
    if growth:  # past this size every residue class has given its last answer
        most = max(abs(difference.at({axis: h})) for h in range(start, start + period))
        start += period * (most // abs(growth) + 1)
        if start > LONGEST_PERIOD:
            return None
    bits = sum(holds(difference.at({axis: h})) << (h - 1) for h in range(1, start + period))
    return size_set(bits, start, period)


def _where_divides(left: Number, right: Number, axis: str) -> SizeSet | None:
    if not isinstance(left, int) or left <= 0:
        return None
    if isinstance(right, int):
        return ALL if right % left == 0 else size_set(0, 1, 1)
    return where(left * (right // left), "==", right)
