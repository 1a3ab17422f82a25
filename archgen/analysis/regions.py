"""Regions: the inputs on which a network runs, as sets of sizes along each axis, boxes of ranges, and what stays a formula.

A condition on one axis is a set of sizes (`sizesets`). One on several axes is mostly about a product, since a flattened
size becomes a number of features: `256 * floor(H / 32) * floor(W / 32) == 9216`. None of its factors falls when the input
grows, so each value of a factor is a range of sizes, and the condition is a finite union of boxes: one for each way to write 36
as a product of two. A bound, `floor(H / 2) * floor(W / 2) >= 2`, is a union of boxes without end. Both are exact.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from archgen.arithmetic.sizes import Floor, Joined, Number, Size, difference_of, least_with, number_at, peeled
from archgen.arithmetic.sizesets import LONGEST_PERIOD, SizeSet, TooLong, meet
from archgen.budget import Budget
from archgen.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from archgen.trace.on_sizes import SizeConstraint


MOST_BOXES = 256
MOST_SHOWN = 4  # boxes that a rule lists; of more it has one, and the conditions
MOST_FORMULAS = 3  # conditions that a rule lists
SPREAD = 16  # bits of the distance at which the end of a box is looked for
MOST_AROUND = 10_000  # inputs near another one that are tried


class Range(NamedTuple):
    """Sizes along one axis, both ends among them; without a last one, all from the first on."""

    first: int
    last: int | None

    def __contains__(self, size: object) -> bool:
        return isinstance(size, int) and self.first <= size and (self.last is None or size <= self.last)


Box: TypeAlias = "dict[str, Range]"  # along an axis that has no range, every size
EVERYWHERE: tuple[Box, ...] = ({},)


def boxes(left: Number, relation: str, right: Number, least: Mapping[str, int], budget: Budget) -> tuple[Box, ...] | None:
    """Where a relation holds among the sizes from `least` on; None where that is no bounded product, or beyond the budget."""
    difference = difference_of(left, right)
    if relation not in ("==", ">=") or not isinstance(difference, Size):
        return None
    size, low, high = peeled(difference, 0, 0 if relation == "==" else None)
    count, factors = _factors(size)
    along = [(axis, factor) for factor in factors for axis in factor.axes]
    if count <= 0 or low is None or len(along) != len(factors) or len({axis for axis, _ in along}) != len(factors):
        return None
    if any(not factor.increasing or factor.at(least) < 1 for factor in factors):
        return None
    if high is None and size.at(least) >= low:
        return EVERYWHERE
    try:
        found = _product(along, -(-low // count), None if high is None else high // count, least, budget)
    except TooLong:
        return None
    return tuple(found) if len(found) <= MOST_BOXES else None


def _factors(size: Size) -> tuple[int, list[Size]]:
    """A size as a number times sizes that are no products."""
    if isinstance(size, Joined) and size.operator == "*":
        count = 1
        factors: list[Size] = []
        for side in (size.left, size.right):
            number, more = (side, []) if isinstance(side, int) else _factors(side)
            count *= number
            factors += more
        return count, factors
    if isinstance(size, Floor) and size.by == 1 and not size.plus:
        number, inner = _factors(size.of)
        return size.times * number, inner
    return 1, [size]


def _product(
    factors: list[tuple[str, Size]], low: int, high: int | None, least: Mapping[str, int], budget: Budget
) -> list[Box]:
    """Where a product of factors, each at least 1 and of an axis of its own, lies in these bounds."""
    (axis, factor), *others = factors
    if not others:
        return [{axis: found} for found in _range(factor, axis, low, high, least, budget)]
    others_least = math.prod(other.at(least) for _, other in others)
    if high is None:
        return [
            {axis: along, **box}
            for value, rest in _stairs(factor.at(least), low, others_least)
            for along in _range(factor, axis, value, None, least, budget)
            for box in _product(others, rest, None, least, budget)
        ]
    values = _divisors(low, budget) if low == high else range(factor.at(least), high // others_least + 1)
    found = []
    for value in values:
        if not budget.spend(1):
            raise TooLong
        for along in _range(factor, axis, value, value, least, budget):
            for box in _product(others, -(-low // value), high // value, least, budget):
                found.append({axis: along, **box})
                if len(found) > MOST_BOXES:
                    raise TooLong
    return found


def _stairs(value: int, low: int, others_least: int) -> Iterator[tuple[int, int]]:
    """The least values of a factor, each with what the others must have at least, for the product to reach a bound."""
    while True:
        rest = max(-(-low // value), others_least)
        yield value, rest
        if rest == others_least:
            return
        value = -(-low // (rest - 1))  # the least value with which the others need less


def _divisors(number: int, budget: Budget) -> list[int]:
    if number < 1:
        return []
    last = math.isqrt(number)
    if not budget.spend(last // 10):
        raise TooLong
    small = [divisor for divisor in range(1, last + 1) if number % divisor == 0]
    return small + [number // divisor for divisor in reversed(small) if divisor * divisor != number]


def _range(size: Size, axis: str, low: int, high: int | None, least: Mapping[str, int], budget: Budget) -> list[Range]:
    """The sizes, one range or none, at which a size that never falls lies in these bounds."""
    first = least_with(size, axis, low, budget)
    beyond = None if high is None else least_with(size, axis, high + 1, budget)
    if first is None or (high is not None and beyond is None):
        raise TooLong
    first = max(first, least[axis])
    return [] if beyond is not None and beyond <= first else [Range(first, None if beyond is None else beyond - 1)]


def crossed(left: tuple[Box, ...], right: tuple[Box, ...], budget: Budget) -> tuple[Box, ...]:
    """The union of boxes that two unions have in common, none inside another; raises TooLong beyond the budget."""
    if EVERYWHERE in (left, right):
        return right if left == EVERYWHERE else left
    if not budget.spend(len(left) * len(right) * 3):
        raise TooLong
    met = [box for one in left for other in right for box in _both(one, other)]
    if not budget.spend(len(met) ** 2):
        raise TooLong
    found: list[Box] = []
    for box in met:
        if not any(_inside(box, other) for other in found):
            found = [*(other for other in found if not _inside(other, box)), box]
    if len(found) > MOST_BOXES:
        raise TooLong
    return tuple(found)


def _both(one: Box, other: Box) -> list[Box]:
    """What is in both boxes: a box or nothing."""
    box = {**one, **other}
    for axis in one.keys() & other.keys():
        ends = [end for end in (one[axis].last, other[axis].last) if end is not None]
        box[axis] = Range(max(one[axis].first, other[axis].first), min(ends) if ends else None)
        if ends and min(ends) < box[axis].first:
            return []
    return [box]


def _inside(one: Box, other: Box) -> bool:
    return all(axis in one and _within(one[axis], along) for axis, along in other.items())


def _within(one: Range, other: Range) -> bool:
    return one.first >= other.first and (other.last is None or (one.last is not None and one.last <= other.last))


class Region(Record):
    """Inputs: those whose size along each axis is in its set, that lie in one of the boxes, and meet the open constraints.

    joint: the constraints that the boxes stand for. open: those that are neither sets nor boxes; there the formula says it all.
    sure: where some are open, a box around the spec's own input in which they are met, if one is known.
    """

    runs: dict[str, SizeSet]
    boxes: tuple[Box, ...]
    joint: tuple[SizeConstraint, ...]
    open: tuple[SizeConstraint, ...]
    sure: Box | None = None

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """Whether an input of these sizes is one of them."""
        return (
            all(size in self.runs[axis] for axis, size in sizes.items())
            and any(all(sizes[axis] in along for axis, along in box.items()) for box in self.boxes)
            and self.meets(sizes)
        )

    def meets(self, sizes: Mapping[str, int]) -> bool:
        """Whether an input meets the open constraints."""
        return all(one.holds_at(sizes) for one in self.open)

    @property
    def effort(self) -> int:
        """What it costs to judge one input, in steps of a budget."""
        return len(self.boxes) + sum(one.parts + 2 for one in self.open)

    def smallest(self, budget: Budget) -> int | None:
        """The smallest of them with all sizes equal; None if there is none, or the budget was spent before one was found."""
        sets = tuple(self.runs.values())
        with contextlib.suppress(TooLong):  # then they are looked at one after the other
            sets = (functools.reduce(lambda one, other: meet(one, other, budget), sets),) if sets else ()
        bounds = [_equal(box) for box in self.boxes]
        size = 0
        while budget.spend(self.effort):
            reached = [_next(sets, one._replace(first=max(one.first, size + 1)), budget) for one in bounds]
            found = min((at for at in reached if at is not None), default=None)
            if found is None or self.meets(dict.fromkeys(self.runs, found)):
                return None if budget.exhausted else found
            size = found
        return None

    def near(self, sizes: dict[str, int], far: bool, budget: Budget) -> tuple[dict[str, int], ...]:
        """Of them, the nearest below some sizes and above; where they are on neither side, the nearest of all.

        Below means that no size grows, and none to less than half: such an input is another one. far: it is an answer too.
        """
        known = self.boxes if self.sure is None else (self.sure,)
        found = [near for box in known for near in self._near_in(box, sizes)]
        if self.open:
            found = [near for near in found if self.meets(near)] or self._near_around(sizes, budget)
        return _sides(found, sizes, far)

    def _near_in(self, box: Box, sizes: dict[str, int]) -> Iterator[dict[str, int]]:
        """The nearest in a box: below, above, and along each axis the nearer of the two."""
        below, above = {}, {}
        for axis, size in sizes.items():
            first, last = box.get(axis, Range(1, None))
            least = self.runs[axis].least(max(first, size))
            most = self.runs[axis].greatest(size if last is None else min(last, size))
            above[axis] = least if least is not None and (last is None or least <= last) else None
            below[axis] = most if most is not None and most >= first else None
        nearer = {axis: _nearer(size, below[axis], above[axis]) for axis, size in sizes.items()}
        for found in (below, above, nearer):
            if None not in found.values():
                yield {axis: size for axis, size in found.items() if size is not None}

    def _near_around(self, sizes: dict[str, int], budget: Budget) -> list[dict[str, int]]:
        """What is near, tried one by one: where a formula decides, nothing tells where to look."""
        reach = next(n for n in range(1, MOST_AROUND) if (2 * n + 3) ** len(sizes) > MOST_AROUND)
        moves = sorted(itertools.product(range(-reach, reach + 1), repeat=len(sizes)), key=lambda move: sum(map(abs, move)))
        found = []
        for move in moves:
            here = {axis: size + by for (axis, size), by in zip(sizes.items(), move)}
            if not budget.spend(self.effort):
                break
            if min(here.values()) > 0 and self.holds(here):
                found.append(here)
        return found

    # -- in words

    def rule(self) -> str:
        """The inputs in words, as `H mod 32 == 0 and W mod 32 == 0`, or `H and W in 224 to 255`."""
        formulas = _formulas(self.open)
        boxes = [self._box_rule(box) for box in self.boxes[:MOST_SHOWN]]
        few = len(self.boxes) <= MOST_SHOWN
        union = " or ".join(f"({rule})" for rule in boxes) if len(boxes) > 1 else "".join(boxes)
        union = union if few else " and ".join(filter(None, (self._box_rule({}), *_formulas(self.joint))))
        union = f"({union})" if few and len(boxes) > 1 and formulas else union
        whole = " and ".join(filter(None, (union, *formulas)))
        first = boxes[0] if not (few or formulas) else "" if self.sure is None else self._box_rule(self.sure)
        return f"{first}, or else {whole}" if first else whole or "every size"

    def _box_rule(self, box: Box) -> str:
        """What holds of the sizes in a box, "" where every size does."""
        rules = {axis: _along(axis, sizes, box.get(axis)) for axis, sizes in self.runs.items()}
        spans = {rule.removeprefix(f"{axis} in ") if rule.startswith(f"{axis} in ") else "" for axis, rule in rules.items()}
        if len(rules) > 1 and len(spans) == 1 and spans != {""}:
            *names, last = rules
            return f"{', '.join(names)} and {last} in {spans.pop()}"
        shown = [rule for rule in rules.values() if rule]
        return " and ".join(f"({rule})" if " or " in rule and len(shown) > 1 else rule for rule in shown)


def region(
    runs: dict[str, SizeSet],
    boxes: tuple[Box, ...],
    joint: Iterable[SizeConstraint],
    left: Iterable[SizeConstraint],
    own: dict[str, int],
) -> Region:
    """A region without boxes that no input lies in; the box of the spec's own input first, then the nearest to it."""
    there = [box for box in boxes if all(_next((runs[axis],), along, Budget(2)) is not None for axis, along in box.items())]

    def away(box: Box) -> int:
        return sum(abs(along.first - own[axis]) for axis, along in box.items() if own[axis] not in along)

    there.sort(key=away)
    sure = _around(own, tuple(left)) if left and there and not away(there[0]) else None
    within = [] if sure is None else _both(sure, there[0])
    return Region(runs, tuple(there), tuple(joint), tuple(left), within[0] if within else None)


def _around(own: dict[str, int], constraints: tuple[SizeConstraint, ...]) -> Box | None:
    """A box around an input that meets constraints on sizes that never fall, in which all of it does."""
    box = {axis: Range(size, size) for axis, size in own.items()}
    if len(constraints) > MOST_FORMULAS or not all(one.holds_at(own) for one in constraints):
        return None
    for axis in own:
        for sign in (-1, 1):
            away = 0  # so far it is met
            for step in (1 << power for power in range(SPREAD, -1, -1)):
                there = {**own, axis: own[axis] + sign * (away + step)}
                if there[axis] > 0 and all(one.holds_at(there) for one in constraints):
                    away += step
            first, last = box[axis]
            box[axis] = Range(first - away, last) if sign < 0 else Range(first, own[axis] + away)
    corners = ({axis: along.first for axis, along in box.items()}, {axis: along.last or 1 for axis, along in box.items()})
    safe = all(one.holds_at(corner) and _grows(one, corners[0]) for one in constraints for corner in corners)
    return box if safe else None


def _grows(one: SizeConstraint, least: Mapping[str, int]) -> bool:
    """Whether a constraint is about a size that never falls from some sizes on: then it holds between two where it holds."""
    difference = difference_of(one.left, one.right)
    return one.relation in ("==", ">=") and isinstance(difference, Size) and _never_falls(difference, least)


def _never_falls(size: Number, least: Mapping[str, int]) -> bool:
    if isinstance(size, Joined) and size.operator in ("+", "min", "max", "*"):
        sides = (size.left, size.right)
        positive = size.operator != "*" or all(number_at(side, least) >= 0 for side in sides)
        return positive and all(_never_falls(side, least) for side in sides)
    if isinstance(size, Floor):
        return size.times > 0 and _never_falls(size.of, least)
    return isinstance(size, int) or size.increasing


def _next(sets: tuple[SizeSet, ...], bounds: Range, budget: Budget) -> int | None:
    """The smallest size in a range that is in all sets; None if there is none, or the budget is spent."""
    size = bounds.first
    while budget.spend(len(sets)):
        reached = size
        for one in sets:
            found = one.least(reached)
            if found is None:
                return None
            reached = found
        if bounds.last is not None and reached > bounds.last:
            return None
        if reached == size:
            return size
        size = reached
    return None


def _equal(box: Box) -> Range:
    """The sizes that lie in all of a box's ranges."""
    ends = [along.last for along in box.values() if along.last is not None]
    return Range(max((along.first for along in box.values()), default=1), min(ends) if ends else None)


def _nearer(size: int, below: int | None, above: int | None) -> int | None:
    if below is None or above is None:
        return below if above is None else above
    return below if size - below < above - size else above


def _sides(found: list[dict[str, int]], sizes: dict[str, int], far: bool) -> tuple[dict[str, int], ...]:
    """Of some inputs the nearest below and above; if there are none, the nearest: that of which no size changes by much."""

    def away(near: dict[str, int]) -> tuple[float, int]:
        changes = [(near[axis], size) for axis, size in sizes.items()]
        return max(max(a / b, b / a) for a, b in changes), sum(abs(a - b) for a, b in changes)

    below = [near for near in found if all(size <= 2 * near[axis] and near[axis] <= size for axis, size in sizes.items())]
    above = [near for near in found if all(near[axis] >= size for axis, size in sizes.items())]
    others = [near for near in found if far or any(near[axis] > size for axis, size in sizes.items())]
    sides = (below, above) if below or above else (others,)
    return tuple(min(side, key=away) for side in sides if side)


def _formulas(constraints: tuple[SizeConstraint, ...]) -> list[str]:
    shown = [one.formula(ascii_only=True) for one in constraints[:MOST_FORMULAS]]
    more = len(constraints) - len(shown)
    return [*shown, f"{more:,} more conditions"] if more else shown


def _along(name: str, sizes: SizeSet, along: Range | None) -> str:
    """What holds of the size along one axis, "" where every size does."""
    first, last = along or Range(1, None)
    if sizes.from_least and last is None:
        sizes, first = SizeSet(max(first, sizes.start), 1, 0, 1), 1
    if last is not None and (sizes.from_least or last - first <= LONGEST_PERIOD):
        return sizes.rule_between(name, first, last)
    rules = [] if sizes.everything else [sizes.rule(name)]
    if last is not None:
        rules.append(f"{name} in {first} to {last}")
    elif (sizes.least() or first) < first:
        rules.append(f"{name} >= {first}")
    return " and ".join(f"({rule})" if " or " in rule and len(rules) > 1 else rule for rule in rules)
