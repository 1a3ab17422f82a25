"""Sets of sizes that repeat: where a relation between two sizes holds, for every size of the input from 1 on.

A difference d with d(h + P) = d(h) + c from some h on is known everywhere once it is known at P sizes in a row and c: with
c = 0 its answers repeat, else each residue class changes its answer once and then stays. So what `where` returns is proved.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from archgen.records import Record
from archgen.sizes import LONGEST_PERIOD, Floor, Number, Size, Variable, axes_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.budget import Budget

LONGEST_START = 2**20  # sizes that are looked at before a set repeats
LARGEST = 2**40  # least sizes are looked for up to this one; no tensor is so long
MOST_LISTED = 12  # numbers and runs of numbers that a rule lists
BITS_A_STEP = 32  # of a set that is joined with another, for a step of the budget


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

    @property
    def from_least(self) -> bool:
        """Whether it is all sizes from its least one on."""
        return self.period == 1 and not self.early and bool(self.pattern)

    def least(self, bound: int = 1) -> int | None:
        """The smallest member that is at least a bound."""
        if bound < self.start:
            early = self.early >> (bound - 1)
            if early:
                return bound + _lowest(early)
            bound = self.start
        later = _turned(self.pattern, self.period, bound - self.start)
        return bound + _lowest(later) if later else None

    def greatest(self, bound: int) -> int | None:
        """The largest member that is at most a bound."""
        if bound >= self.start and self.pattern:
            last = bound - self.period + _turned(self.pattern, self.period, bound + 1 - self.start).bit_length()
            if last >= self.start:
                return last
        early = self.early & ((1 << max(bound, 0)) - 1)
        return early.bit_length() or None

    def bits(self, length: int) -> int:
        """The members from 1 to a length, as bits."""
        if length < self.start:
            return self.early & ((1 << length) - 1)
        count = -(-(length - self.start + 1) // self.period)
        repeated = _repeated(self.pattern, self.period, count)
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
        ways = [_listed(name, _runs(self.early, 1))] if self.early else []
        if self.pattern:
            ways.append(self._later_rule(name))
        return ", or ".join(ways)

    def rule_between(self, name: str, first: int, last: int) -> str:
        """The members from one size to another in words, as `H in 224 to 255`."""
        if self.from_least:
            runs = [(max(first, self.start), last)]
        else:
            span = last - first + 1
            runs = _runs(sum((size in self) << (size - first) for size in range(first, first + span)), first)
        return _listed(name, runs) if runs else f"no {name}"

    def _later_rule(self, name: str) -> str:
        first = self.least(self.start)
        from_on = f"{name} >= {first}"
        if self.period == 1:
            return from_on
        residues = _turned(self.pattern, self.period, -self.start)  # a bit for each, 0 the lowest
        rule = _residues(name, residues, self.period)
        whole = SizeSet(1, self.period, 0, _turned(residues, self.period, 1))  # those residues from 1 on
        return rule if whole.least() == first else f"{from_on} and {rule}"


def _turned(pattern: int, period: int, by: int) -> int:
    """A pattern that repeats, begun so many places later."""
    by %= period
    return pattern >> by | (pattern & ((1 << by) - 1)) << (period - by)


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


def _runs(bits: int, first: int) -> list[tuple[int, int]]:
    """The first and last number of each run of bits, of which the lowest stands for `first`."""
    return [(found.start() + first, found.end() + first - 1) for found in re.finditer("1+", bin(bits)[:1:-1])]


def _residues(name: str, residues: int, period: int) -> str:
    missing = residues ^ ((1 << period) - 1)
    what = f"{name} mod {period}"
    if residues.bit_count() == 1:
        return f"{what} == {_lowest(residues)}"
    return f"{what} != {_lowest(missing)}" if missing.bit_count() == 1 else _listed(what, _runs(residues, 0))


def _listed(what: str, runs: list[tuple[int, int]]) -> str:
    """`H is 3, 5 or 8 to 12`; of one run, `H in 8 to 12`."""
    if len(runs) > MOST_LISTED:
        count = sum(last - first + 1 for first, last in runs)
        return f"{what} is one of {count:,} numbers from {runs[0][0]} to {runs[-1][1]}"
    if len(runs) == 1 and runs[0][1] > runs[0][0] and " " not in what:
        return f"{what} in {runs[0][0]} to {runs[0][1]}"
    shown = [text for a, b in runs for text in ([f"{a} to {b}"] if b > a + 1 else map(str, range(a, b + 1)))]
    return f"{what} is " + (" or ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0])


def size_set(bits: int, start: int, period: int) -> SizeSet:
    """The set with these members from 1 to start + period - 1, which repeats from start on; in its shortest form."""
    early, pattern = bits & ((1 << (start - 1)) - 1), bits >> (start - 1) & ((1 << period) - 1)
    for prime in _prime_factors(period):
        while period % prime == 0 and pattern == _turned(pattern, period, period // prime):
            period //= prime
            pattern &= (1 << period) - 1
    first = (early ^ _before(pattern, period, start)).bit_length() + 1  # from there on it is as the pattern has it
    return SizeSet(first, period, early & ((1 << (first - 1)) - 1), _turned(pattern, period, first - start))


def _before(pattern: int, period: int, start: int) -> int:
    """The bits of the sizes below `start`, if a pattern that begins there had begun long before."""
    count = -(-(start - 1) // period)
    return _repeated(pattern, period, count) >> (period * count - (start - 1))


def _repeated(pattern: int, period: int, count: int) -> int:
    """A pattern so many times, by doubling."""
    bits, have = (pattern, 1) if count else (0, 0)
    while have < count:
        more = min(have, count - have)
        bits |= (bits & ((1 << period * more) - 1)) << (period * have)
        have += more
    return bits


def _prime_factors(number: int) -> list[int]:
    found = []
    for divisor in range(2, math.isqrt(number) + 1):
        if number % divisor == 0:
            found.append(divisor)
            while number % divisor == 0:
                number //= divisor
    return [*found, number] if number > 1 else found


ALL = SizeSet(1, 1, 0, 1)
NONE = SizeSet(1, 1, 0, 0)


class TooLong(Exception):
    """More sizes than are looked at, or more work than the budget has."""


def _joined(left: SizeSet, right: SizeSet, join: Callable[[int, int], int]) -> SizeSet:
    start, period = max(left.start, right.start), math.lcm(left.period, right.period)
    length = start + period - 1
    if period > LONGEST_PERIOD or length > LONGEST_START:
        raise TooLong
    return size_set(join(left.bits(length), right.bits(length)), start, period)


def meet(left: SizeSet, right: SizeSet, budget: Budget) -> SizeSet:
    """What is in both sets; raises TooLong where the budget has too little for that."""
    if left.from_least and right.from_least:
        return left if left.start >= right.start else right
    length = max(left.start, right.start) + math.lcm(left.period, right.period)
    if not budget.spend(min(length, LONGEST_START) // BITS_A_STEP + 1):
        raise TooLong
    return left & right


def where(left: Number, relation: str, right: Number, budget: Budget) -> SizeSet | None:
    """The sizes of the input, all of them, at which a relation holds; None where that is beyond proof or the budget.

    left, right: of one axis of the input at most. relation: `>=`, `==`, `divides`, or `broadcasts`: equal, or one of them 1.
    """
    (axis,) = axes_of(left) | axes_of(right)
    if relation == "divides":
        return _where_divides(left, right, axis, budget)
    if relation == "broadcasts":
        return _any(where(left, "==", right, budget), _where_one(left, budget), _where_one(right, budget))
    difference = left - right
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


def _where_divides(left: Number, right: Number, axis: str, budget: Budget) -> SizeSet | None:
    if not isinstance(left, int) or left <= 0:
        return None
    if isinstance(right, int):
        return ALL if right % left == 0 else NONE
    return where(left * (right // left), "==", right, budget)
