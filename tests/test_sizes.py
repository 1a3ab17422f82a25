"""Symbolic sizes against ints: every rule on every domain, what is proved against what is counted out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from archgen.arithmetic import sizesets
from archgen.arithmetic.evaluation import broadcast, minimum
from archgen.arithmetic.sizes import MOST_PARTS, Floor, Joined, Size, TooManyParts, Variable, axes_of, floor, number_at, where
from archgen.arithmetic.sizesets import ALL, LONGEST_PERIOD, SizeSet, size_set
from archgen.budget import Budget
from archgen.ops import OPS, Op, Shape
from archgen.ops.conv import window_size
from archgen.ops.pool import pooled_size
from tests.conftest import examples

if TYPE_CHECKING:
    from collections.abc import Callable

H, W = Variable("H"), Variable("W")
small = st.integers(1, 5)


def plenty() -> Budget:
    """More than any question of these tests needs."""
    return Budget(10**7)


def convolution(kernel: int, stride: int, padding: int, dilation: int) -> Any:
    return lambda size: window_size(size, kernel, stride, padding, dilation)


def pooling(kernel: int, stride: int, padding: int, ceil_mode: bool) -> Any:
    return lambda size: pooled_size(size, kernel, stride, min(padding, kernel // 2), 1, ceil_mode)


rules: Any = st.one_of(
    st.builds(convolution, small, small, st.integers(0, 3), st.integers(1, 2)),
    st.builds(pooling, small, small, st.integers(0, 2), st.booleans()),
    st.builds(lambda factor: lambda size: size * factor, small),
    st.builds(lambda factor: lambda size: size // factor, small),
    st.builds(lambda more: lambda size: size + more, st.integers(-4, 4)),
    st.builds(lambda whole: lambda size: whole - size, st.integers(-9, 9)),
    st.builds(lambda stride, kernel: lambda size: (size - 1) * stride + kernel, small, small),
    st.builds(lambda bound: lambda size: minimum(size, bound), st.integers(0, 20)),
    st.builds(lambda factor: lambda size: minimum(size // factor, 9 - size), small),
)
chains: Any = st.lists(rules, max_size=5)
pairs: Any = st.tuples(chains, chains, st.sampled_from(["+", "-", "min", "max", ""]))


def run(pair: Any, size: Any) -> Any:
    """Two chains of rules on one size, put together as two branches would be."""
    first, second, joint = pair
    left = right = size
    for rule in first:
        left = rule(left)
    for rule in second:
        right = rule(right)
    if joint == "max":
        if isinstance(left, int) and isinstance(right, int):
            return max(left, right)
        return left.maximum(right) if isinstance(left, Size) else right.maximum(left)
    return {"+": lambda: left + right, "-": lambda: left - right, "min": lambda: minimum(left, right), "": lambda: left}[
        joint
    ]()


def on_a_size(pair: Any) -> Any:
    """The same on the size of every input; a formula that grows too long is refused, and says nothing."""
    try:
        return run(pair, H)
    except TooManyParts:
        reject()


def differences(pair: Any, symbolic: Any) -> list[int]:
    return [h for h in range(1, 300) if number_at(symbolic, {"H": h}) != run(pair, h)]


@settings(max_examples=examples(300))
@given(pairs)
def test_a_chain_of_rules_gives_the_same_on_a_size_as_on_numbers(pair: Any) -> None:
    symbolic = on_a_size(pair)
    assert differences(pair, symbolic) == []
    assert axes_of(symbolic) <= {"H"}


def test_a_wrong_carrier_is_seen() -> None:
    """The meta-test: a floor that forgets to scale what is added to the inner one."""
    pair: Any = ([lambda size: size // 2, lambda size: (size + 1) // 3], [], "")
    assert differences(pair, run(pair, H)) == []
    assert differences(pair, Floor(H, 1, 1, 6)) != []


@settings(max_examples=examples(200))
@given(pairs)
def test_the_rhythm_holds_from_its_start_on(pair: Any) -> None:
    symbolic = on_a_size(pair)
    rhythm = symbolic.rhythm(plenty()) if isinstance(symbolic, Size) else None
    if rhythm is None:
        return
    for h in range(rhythm.start, rhythm.start + min(2 * rhythm.period, 500)):
        assert symbolic.at({"H": h + rhythm.period}) == symbolic.at({"H": h}) + rhythm.growth


@settings(max_examples=examples(200))
@given(pairs)
def test_what_is_called_increasing_is(pair: Any) -> None:
    symbolic = on_a_size(pair)
    if isinstance(symbolic, Size) and symbolic.increasing:
        values = [symbolic.at({"H": h}) for h in range(1, 200)]
        assert values == sorted(values)


HOLDS: dict[str, Callable[[int, int], bool]] = {
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "divides": lambda a, b: a > 0 and b % a == 0,
    "broadcasts": lambda a, b: a == b or 1 in (a, b),
}


def counterexamples(found: SizeSet, left: Any, relation: str, right: Any) -> list[int]:
    """The sizes up to 1,500 at which a set and the relation on numbers part."""
    holds = HOLDS[relation]
    sizes = range(1, 1500)
    return [h for h in sizes if (h in found) != holds(number_at(left, {"H": h}), number_at(right, {"H": h}))]


@settings(max_examples=examples(300))
@given(pairs, pairs, st.sampled_from([">=", "==", "broadcasts"]))
def test_what_is_proved_of_two_chains_holds_of_numbers(one: Any, other: Any, relation: str) -> None:
    left, right = on_a_size(one), on_a_size(other)
    if isinstance(left, Size) or isinstance(right, Size):
        found = where(left, relation, right, plenty())
        assert found is None or counterexamples(found, left, relation, right) == []


@settings(max_examples=examples(100))
@given(st.integers(-1, 7), pairs)
def test_what_is_proved_to_divide_divides(factor: int, pair: Any) -> None:
    size = on_a_size(pair)
    if isinstance(size, Size):
        found = where(factor, "divides", size, plenty())
        assert found is None or counterexamples(found, factor, "divides", size) == []


def test_what_grows_too_long_while_it_is_judged_is_not_known() -> None:
    """Each of the two may be as long as is allowed; their difference is longer."""

    def long(start: int) -> Any:
        size: Any = H
        for by in range(start, 2000, 2):
            if size.parts > MOST_PARTS // 2:
                break
            size = size + minimum(H // by, 9 + by - H)
        return size

    left, right = long(2), long(3)
    with pytest.raises(TooManyParts):
        left - right
    assert [where(left, relation, right, plenty()) for relation in ("==", ">=", "broadcasts")] == [None] * 3


def test_a_wrong_proof_is_seen() -> None:
    """The meta-test: equal at the sizes that were looked at is not equal at all."""
    left, right = (H + 3) // 4, (H + 1) // 4
    found = where(left, "==", right, plenty())
    assert found is not None
    assert counterexamples(found, left, "==", right) == []
    assert counterexamples(ALL, left, "==", right)[:2] == [1, 2]


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (H // 1, "H"),
        ((H + 1) // 4, "⌊(H + 1) / 4⌋"),
        (((H - 1) // 2 + 1 - 1) // 2 + 1, "⌊(H + 3) / 4⌋"),
        (2 * (H // 2), "2⌊H / 2⌋"),
        ((2 * (H // 2) + 1) // 2, "⌊H / 2⌋"),
        ((3 * (H // 2) + 1) // 2, "⌊(3⌊H / 2⌋ + 1) / 2⌋"),
        (2 * ((H - 16) // 16) + 2, "2⌊H / 16⌋"),
        (5 - H // 2, "⌊(-H + 11) / 2⌋"),
        (256 * (H // 32) * (W // 32), "256⌊H / 32⌋ · ⌊W / 32⌋"),
        ((H + 1) * (W + 2), "(H + 1) · (W + 2)"),
        (minimum(H // 2, 7), "min(⌊H / 2⌋, 7)"),
        (minimum(H // 2, H), "⌊H / 2⌋"),
        (H // 2 - H // 3, "⌊H / 2⌋ - ⌊H / 3⌋"),
        (3 * (H // 2 + H // 3), "3(⌊H / 2⌋ + ⌊H / 3⌋)"),
        (2 * H - H, "H"),
        (broadcast(H // 2, 1), "⌊H / 2⌋"),
        (broadcast(1, H), "H"),
        (broadcast(H // 7, H), "H"),
    ],
    ids=str,
)
def test_the_shortest_form(size: Any, text: str) -> None:
    assert size.text() == text


@settings(max_examples=examples(200))
@given(pairs)
def test_the_ascii_form_is_python(pair: Any) -> None:
    symbolic = on_a_size(pair)
    if isinstance(symbolic, Size):
        text = symbolic.text(ascii_only=True)
        assert text.isascii()
        for h in (1, 2, 7, 100):
            assert eval(text, {"floor": math.floor, "H": h}) == symbolic.at({"H": h})


def test_differences_that_vanish_are_numbers() -> None:
    assert (H + 3) - H == 3
    assert 0 * H == 0
    assert floor(H, 0, 7, 2) == 3


def test_a_function_of_two_axes_has_no_rhythm() -> None:
    both = H * W
    assert isinstance(both, Joined)
    assert both.rhythm(plenty()) is None
    assert both.at({"H": 3, "W": 5}) == 15


def test_a_period_that_is_too_long_is_no_proof() -> None:
    size: Any = H
    for divisor in (7, 11, 13, 17):
        size = 3 * (size // divisor) + 1
    assert size.rhythm(plenty()) is None
    assert where(size, "==", H // 5, plenty()) is None
    assert math.prod((7, 11, 13, 17)) > LONGEST_PERIOD


# ---- sets

sets: Any = st.builds(
    lambda start, period, bits: size_set(bits, start, period), st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**24 - 1)
)


@settings(max_examples=examples(300))
@given(sets, sets)
def test_sets_are_joined_as_pythons(left: SizeSet, right: SizeSet) -> None:
    sizes = range(1, 200)
    a, b = ({size for size in sizes if size in one} for one in (left, right))
    assert {size for size in sizes if size in left & right} == a & b
    assert {size for size in sizes if size in left | right} == a | b
    assert {size for size in sizes if size in left - right} == a - b
    assert (left == right) == (a == b)  # the form is canonical
    assert left.least() == min(a, default=None)
    assert left.least(50) == min((size for size in a if size >= 50), default=None)


@settings(max_examples=examples(200))
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**24 - 1))
def test_the_shortest_set_is_the_same_set(start: int, period: int, bits: int) -> None:
    found = size_set(bits, start, period)
    for size in range(1, 100):
        place = size if size < start + period else start + (size - start) % period
        assert (size in found) == bool(bits >> (place - 1) & 1)


def evaluated(rule: str, size: int) -> bool:
    """Judges a rule as a reader would."""
    return any(all(_clause(clause, size) for clause in way.split(" and ")) for way in rule.split(", or "))


def _clause(clause: str, size: int) -> bool:
    if clause in ("every H", "no H"):
        return clause == "every H"
    what, _, rest = clause.replace("H in ", "H is ").partition(" is ")
    value = size % int(what.split()[-1]) if " mod " in what and rest else size
    if not rest:
        left, sign, right = clause.rpartition(" == ") if " == " in clause else clause.rpartition(" != ")
        if not sign or (" == " not in clause and " != " not in clause):
            return size >= int(clause.removeprefix("H >= "))
        value = size % int(left.split()[-1])
        return (value == int(right)) == (sign == " == ")
    return any(
        int(part.split(" to ")[0]) <= value <= int(part.split(" to ")[-1]) for part in rest.replace(" or ", ", ").split(", ")
    )


@settings(max_examples=examples(300))
@given(sets)
def test_a_rule_says_what_the_set_is(found: SizeSet) -> None:
    rule = found.rule("H")
    assert [size for size in range(1, 100) if evaluated(rule, size)] == [size for size in range(1, 100) if size in found]


@pytest.mark.parametrize(
    ("found", "rule"),
    [
        (where(H // 32, ">=", 1, plenty()), "H >= 32"),
        (where(16 * (H // 16), "==", H, plenty()), "H mod 16 == 0"),
        (where((H + 3) // 4, "==", (H + 1) // 4, plenty()), "H mod 4 is 0 or 3"),
        (where(H // 32, "==", 7, plenty()), "H in 224 to 255"),
        (where(2, "divides", H + 1, plenty()), "H mod 2 == 1"),
        (where(H // 7, "broadcasts", H, plenty()), "H is 1 or 7 to 13"),
        (where(H, "==", H + 1, plenty()), "no H"),
        (where(H, "==", H, plenty()), "every H"),
        (size_set(0b11011, 6, 3) | size_set(0b11 << 10, 11, 3), "H is 1, 2, 4 or 5, or H >= 11 and H mod 3 != 1"),
    ],
)
def test_rules_are_short(found: SizeSet, rule: str) -> None:
    assert found.rule("H") == rule


def test_sets_that_repeat_together_after_too_long_are_refused() -> None:
    one, other = (size_set(1, 1, period) for period in (LONGEST_PERIOD, LONGEST_PERIOD - 1))
    with pytest.raises(sizesets.TooLong):
        _ = one & other


# ---- every op


def ops() -> list[tuple[Op, Shape]]:
    """Every op of the table of tests/test_ops.py that takes its input, with that input."""
    pytest.importorskip("torch")
    from tests.test_ops import ROWS

    found = []
    for name, row in ROWS.items():
        for point in row.points():
            op = OPS[name](**point)
            found += [(op, x) for x in row.inputs if x.rank and all(constraint.holds() for constraint in op.constraints(x))]
    return found


def test_every_rule_runs_on_sizes_as_on_numbers() -> None:
    """Shapes and constraints of each op on symbols, put in the numbers, are those on numbers."""
    tried = set()
    for op, x in ops():
        names = tuple(Variable(f"A{axis}") for axis in range(len(x.sizes)))
        sizes = tuple(size if axis == x.channel_axis else names[axis] for axis, size in enumerate(x.sizes))
        symbolic = op.output(Shape(sizes, x.channel_axis))
        constraints = list(op.constraints(Shape(sizes, x.channel_axis)))
        for more in (0, 1, 2, 5):
            numbers = Shape(tuple(s if axis == x.channel_axis else s + more for axis, s in enumerate(x.sizes)), x.channel_axis)
            here = {f"A{axis}": size for axis, size in enumerate(numbers.sizes)}
            y = op.output(numbers)
            assert (tuple(number_at(size, here) for size in symbolic.sizes), symbolic.channel_axis) == (y.sizes, y.channel_axis)
            held = all(HOLDS[c.relation](_at(c.left, here), _at(c.right, here)) for c in constraints)
            assert held == all(constraint.holds() for constraint in op.constraints(numbers)), (op, x, more)
        tried.add(op.name)
    assert tried == OPS.keys()


def _at(value: Any, sizes: dict[str, int]) -> Any:
    return value.at(sizes) if isinstance(value, Size) else value
