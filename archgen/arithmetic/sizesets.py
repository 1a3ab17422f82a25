"""Sets of sizes that repeat: where a relation between two sizes holds, for every size of the input from 1 on.

A difference d with d(h + P) = d(h) + c from some h on is known everywhere once it is known at P sizes in a row and c: with
c = 0 its answers repeat, else each residue class changes its answer once and then stays. So what `where` returns is proved.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from archgen.budget import Budget
from archgen.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.budget import Budget


LONGEST_PERIOD = 4096  # sizes that one question may look at; the zoo needs 64
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
