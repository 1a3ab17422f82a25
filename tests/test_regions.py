"""Boxes against counting: where a product of sizes lies in bounds, what is nearest, what a rule says."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archgen.analysis import contract, regions
from archgen.analysis.regions import EVERYWHERE, Range, Region, boxes, crossed
from archgen.arithmetic.sizes import Size, Variable, number_at
from archgen.arithmetic.sizesets import ALL, NONE, TooLong, size_set
from archgen.budget import Budget
from archgen.diagnostics import Place, Source
from archgen.trace.on_sizes import SizeConstraint
from tests.conftest import examples

if TYPE_CHECKING:
    from collections.abc import Mapping

H, W, D = Variable("H"), Variable("W"), Variable("D")
MOST = 40  # sizes that are counted out


def plenty() -> Budget:
    return Budget(10**7)


def inside(found: tuple[regions.Box, ...], here: Mapping[str, int]) -> bool:
    return any(all(here[axis] in along for axis, along in box.items()) for box in found)


def differences(found: tuple[regions.Box, ...], left: Any, relation: str, right: Any, least: dict[str, int]) -> list[Any]:
    """The sizes from the least on at which boxes and the relation on numbers part."""
    told = []
    for sizes in itertools.product(*(range(first, first + MOST) for first in least.values())):
        here = dict(zip(least, sizes))
        a, b = number_at(left, here), number_at(right, here)
        if inside(found, here) != (a >= b if relation == ">=" else a == b):
            told.append(here)
    return told


small = st.integers(1, 4)
steps: Any = st.one_of(
    st.builds(lambda by, plus: lambda size: (size + plus) // by, small, st.integers(-3, 3)),
    st.builds(lambda times: lambda size: size * times, small),
    st.builds(lambda more: lambda size: size + more, st.integers(-3, 3)),
)
towers: Any = st.lists(steps, max_size=3)


def run(tower: Any, size: Any) -> Any:
    for step in tower:
        size = step(size)
    return size


def least_with_one(size: Size, axis: str) -> int:
    """The least input at which a tower is 1 or more, as the constraints of its layers would have it."""
    return next(h for h in range(1, 1000) if size.at({axis: h}) >= 1)


@settings(max_examples=examples(150))
@given(towers, towers, towers, st.sampled_from(["==", ">="]), st.integers(1, 60))
def test_a_product_is_a_union_of_boxes(one: Any, other: Any, around: Any, relation: str, right: int) -> None:
    left, top = run(one, H), run(other, W)
    least = {"H": least_with_one(left, "H"), "W": least_with_one(top, "W")}
    size = run(around, left * top)
    found = boxes(size, relation, right, least, plenty())
    assert found is not None or (relation == "==" and len(around))
    if found is not None:
        assert differences(found, size, relation, right, least) == []


def test_a_product_of_three_axes() -> None:
    least = {"D": 1, "H": 2, "W": 1}
    for relation, right in (("==", 24), (">=", 9), ("==", 7)):
        size = D * (H // 2) * W
        found = boxes(size, relation, right, least, plenty())
        assert found is not None
        for sizes in itertools.product(range(1, 12), range(2, 12), range(1, 12)):
            here = dict(zip(least, sizes))
            holds = size.at(here) >= right if relation == ">=" else size.at(here) == right
            assert inside(found, here) == holds, (relation, right, here)


def test_wrong_boxes_are_seen() -> None:
    """The meta-test: the ways to write 36 without those in which the first factor is the larger."""
    least = {"H": 1, "W": 1}
    found = boxes(H * W, "==", 36, least, plenty())
    assert found is not None
    assert differences(found, H * W, "==", 36, least) == []
    assert differences(found[:5], H * W, "==", 36, least) != []


@pytest.mark.parametrize(
    ("size", "relation", "right"),
    [
        (H * W - H, "==", 12),  # no product
        (H * H * W, "==", 12),  # an axis twice
        ((5 - H) * W, "==", 4),  # a factor that falls
        ((H - 3) * (W - 3), "==", 4),  # two factors below 0 make a product above: their least sizes are 1 here
        (H * W, "divides", 12),
    ],
    ids=str,
)
def test_what_is_no_union_of_boxes_is_left_open(size: Any, relation: str, right: int) -> None:
    assert boxes(size, relation, right, {"H": 1, "W": 1}, plenty()) is None


def test_a_product_with_too_many_ways_is_left_open() -> None:
    assert boxes(H * W, "==", 2**61, {"H": 1, "W": 1}, Budget(100_000)) is None
    assert boxes(D * H * W, "==", 2**10 * 3**6, {"D": 1, "H": 1, "W": 1}, plenty()) is None
    huge = boxes(H // 2, "==", 10**9, {"H": 2}, Budget(1000))
    assert huge == ({"H": Range(2 * 10**9, 2 * 10**9 + 1)},)


@settings(max_examples=examples(100))
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 4))
def test_unions_cross_as_sets_do(first: int, second: int, by: int) -> None:
    least = {"H": by, "W": 1}
    one, other = (boxes(size, ">=", right, least, plenty()) for size, right in (((H // by) * W, first), (H * W, second)))
    assert one is not None
    assert other is not None
    both = crossed(one, other, plenty())
    for sizes in itertools.product(range(by, 40), range(1, 40)):
        here = dict(zip(least, sizes))
        assert inside(both, here) == (inside(one, here) and inside(other, here))


def test_crossing_counts_against_the_budget() -> None:
    one = boxes(H * W, "==", 720, {"H": 1, "W": 1}, plenty())
    assert one is not None
    with pytest.raises(TooLong):
        crossed(one, one, Budget(100))


# ---- regions

PLACE = Place(Source("x", ""), 1, 1)


def constraint(left: Any, relation: str, right: Any) -> SizeConstraint:
    return SizeConstraint(("a",), left, relation, right, "", PLACE)


def region(own: dict[str, int], *needs: tuple[Any, str, Any]) -> Region:
    return contract.judge([constraint(*need) for need in needs], contract.everywhere(own), own, plenty())[1]


def meets(needs: tuple[tuple[Any, str, Any], ...], here: dict[str, int]) -> bool:
    return all(constraint(*need).holds_at(here) for need in needs)


NEEDS: dict[str, tuple[tuple[Any, str, Any], ...]] = {
    "a linear layer behind a pooling": ((H // 4, ">=", 1), (W // 4, ">=", 1), (5 * ((H // 4) * (W // 4)), "==", 20)),
    "many ways": ((H * W, "==", 24),),
    "and the sizes divide": ((2, "divides", H), (2, "divides", W), ((H // 2) * (W // 2), "==", 36)),
    "an instance norm": ((H // 2, ">=", 1), (W // 3, ">=", 1), ((H // 2) * (W // 3), ">=", 5)),
    "two linear layers": ((H // 2, ">=", 1), (W, ">=", 1), ((H // 2) * W, "==", 12), (H * W, ">=", 26)),
    "equal sizes": ((H, "==", W), (H // 3, ">=", 1)),
    "features of two flattened values": (((H // 2) * (W // 2) + H * W, "==", 20),),
    "nothing fits": ((H // 2, ">=", 1), (H // 2, "==", H)),
    "no square": ((2, "divides", H), (2, "divides", W + 1)),
    "no need": (),
}
OWN = {
    "and the sizes divide": {"H": 12, "W": 12},
    "many ways": {"H": 4, "W": 6},
    "two linear layers": {"H": 7, "W": 4},
    "equal sizes": {"H": 9, "W": 9},
    "features of two flattened values": {"H": 4, "W": 4},
}


@pytest.mark.parametrize("name", NEEDS)
def test_a_region_is_where_all_needs_are_met(name: str) -> None:
    needs, own = NEEDS[name], OWN.get(name, {"H": 8, "W": 8})
    found = region(own, *needs)
    for sizes in itertools.product(range(1, MOST), repeat=2):
        here = dict(zip(("H", "W"), sizes))
        assert found.holds(here) == meets(needs, here), here
        assert stated(found.rule(), here) == meets(needs, here), (found.rule(), here)
    squares = [size for size in range(1, 200) if meets(needs, {"H": size, "W": size})]
    assert found.smallest(plenty()) == (squares[0] if squares else None)


def stated(rule: str, here: Mapping[str, int]) -> bool:
    """Judges a rule as a reader would, with the help of Python."""
    text = re.sub(r"([HW]) and ([HW]) in (\d+) to (\d+)", r"\1 in \3 to \4 and \2 in \3 to \4", rule)
    text = re.sub(r"([HW]) in (\d+) to (\d+)", r"\2 <= \1 <= \3", text)
    text = re.sub(r"([HW]) mod (\d+)", r"\1 % \2", text).replace(", or else ", " or ")
    text = re.sub(r"([HW]) is (\d+)(?![\d,]| or \d)", r"\1 == \2", text)
    text = re.sub(r"no [HW]", "False", text)
    assert " is " not in text
    return bool(eval(text.replace("every size", "True"), {"floor": lambda number: number // 1, **here}))


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("a linear layer behind a pooling", "(H and W in 8 to 11) or (H in 4 to 7 and W in 16 to 19) or "
         "(H in 16 to 19 and W in 4 to 7)"),
        ("many ways", "H is 4 and W is 6, or else H * W == 24"),
        ("and the sizes divide", "H is 12 and W is 12, or else H mod 2 == 0 and W mod 2 == 0 and "
         "floor(H / 2) * floor(W / 2) == 36"),
        ("an instance norm", "(H >= 6 and W >= 6) or (H >= 4 and W >= 9) or (H >= 10 and W >= 3) or (H >= 2 and W >= 15)"),
        ("equal sizes", "H >= 3 and H == W"),
        ("features of two flattened values", "H is 4 and W is 4, or else floor(H / 2) * floor(W / 2) + H * W == 20"),
        ("nothing fits", "no H"),
        ("no need", "every size"),
    ],
)  # fmt: skip
def test_a_rule_names_sizes(name: str, rule: str) -> None:
    assert region(OWN.get(name, {"H": 8, "W": 8}), *NEEDS[name]).rule() == rule


@pytest.mark.parametrize("name", NEEDS)
def test_the_nearest_are_the_nearest(name: str) -> None:
    needs, own = NEEDS[name], OWN.get(name, {"H": 8, "W": 8})
    found = region(own, *needs)
    good = [here for here in itertools.product(range(1, 60), repeat=2) if meets(needs, {"H": here[0], "W": here[1]})]
    for sizes in ((7, 9), (13, 13), (5, 21), (2, 2), (20, 30)):
        if sizes in good:
            continue
        near = [tuple(one.values()) for one in found.near(dict(zip(("H", "W"), sizes)), False, plenty())]
        assert all(one in good for one in near)
        below = [one for one in good if all(b <= a <= 2 * b for a, b in zip(sizes, one))]
        above = [one for one in good if all(b >= a for a, b in zip(sizes, one))]
        for side in (below, above):
            best = min((away(one, sizes) for one in side), default=None)
            if best is not None and not found.open:
                assert best in [away(one, sizes) for one in near if one in side], (sizes, near, side)


def away(one: Any, other: Any) -> float:
    return float(max(max(a / b, b / a) for a, b in zip(one, other)))


def test_the_smallest_is_not_told_where_the_budget_ends() -> None:
    periods = {"H": size_set(1 << 4092, 1, 4093), "W": size_set(1 << 4090, 1, 4091)}
    found = Region(periods, EVERYWHERE, (), ())
    little, much = Budget(1000), Budget(10**6)
    assert found.smallest(little) is None
    assert little.exhausted
    assert found.smallest(much) == 4093 * 4091
    assert not much.exhausted
    assert Region({"H": NONE, "W": ALL}, EVERYWHERE, (), ()).smallest(plenty()) is None


def test_a_set_with_many_members_is_not_listed() -> None:
    bits = sum(1 << (size * size % 1009) for size in range(1009))
    assert size_set(bits, 1, 1009).rule("H").startswith("H mod 1009 is one of 504 numbers from ")
