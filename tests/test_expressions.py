"""The arithmetic of specs: Python's own evaluator is the oracle on every expression that the language accepts."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archgen.expressions import Expression, ExpressionError, Name, Value, evaluate, make_divisible, parse, render

NAMES = {"a": 3, "b": 8, "c": 40}
PYTHON: dict[str, Any] = {"math": math, "make_divisible": make_divisible, **NAMES}


def texts() -> st.SearchStrategy[str]:
    atoms = st.sampled_from([*NAMES, "1", "2", "7", "0.5", "64"])

    def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        operator = st.sampled_from("+ - * / // % == < >=".split())
        return st.one_of(
            st.tuples(inner, operator, inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
            st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(" ".join),
            inner.map(lambda text: f"-({text})"),
            st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
            st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} > 2 else {t[2]})"),
            inner.map(lambda text: f"round({text})"),
        )

    return st.recursive(atoms, larger, max_leaves=8).filter(lambda text: len(text) <= 256)


def outcome(compute: Any) -> Any:
    try:
        return compute()
    except (ExpressionError, ArithmeticError):
        return "refused"


def on_numbers(text: str) -> Any:
    return outcome(lambda: evaluate(parse(text), NAMES))


def plain(value: Any) -> bool:
    """Python calculates with true and false as with 1 and 0; the language does not, so such values are no test."""
    return not isinstance(value, bool)


@given(texts())
def test_values_are_pythons(text: str) -> None:
    found = on_numbers(text)
    if found != "refused":
        expected = eval(text, {"__builtins__": {}, "min": min, "max": max, "round": round}, PYTHON)
        assert found == expected
        assert type(found) is type(expected)


@given(texts())
def test_the_text_of_an_expression_means_the_same(text: str) -> None:
    value = outcome(lambda: parse(text))
    if value != "refused":
        again = parse(render(value)) if not isinstance(value, bool) else value
        assert outcome(lambda: evaluate(again, NAMES)) == on_numbers(text)


@given(texts())
def test_names_first_and_numbers_later_give_the_same(text: str) -> None:
    """What the generated code computes: the expression is simplified on names, and Python evaluates what is left."""
    symbols: dict[str, Value] = {name: Name(name) for name in NAMES}
    expected = on_numbers(text)
    simplified = outcome(lambda: evaluate(parse(text), symbols))
    if expected == "refused" or simplified == "refused":
        return
    found = evaluate(simplified, NAMES)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("64 + b + b", "64 + 2 * b"),
        ("b + 64 + b", "2 * b + 64"),
        ("b * 4 // 4", "b"),
        ("4 * b // 2", "2 * b"),
        ("b * 1", "b"),
        ("b - b", "0"),
        ("a - (b - c)", "a + c - b"),
        ("(b * 4 + 4) // 4", "(b * 4 + 4) // 4"),
        ("channels * 4", "channels * 4"),
        ("4 * channels", "4 * channels"),
        ("0.2 * b / c", "0.2 * b / c"),
        ("b // 1", "b"),
    ],
)
def test_sums_are_put_together_and_keep_the_authors_order(text: str, expected: str) -> None:
    symbols = {name: Name(name) for name in ("a", "b", "c", "channels")}
    assert render(evaluate(parse(text), symbols)) == expected


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("010", 0), ("1:30", 1), ("0x10", 1), ("+1", 0), ("a**2", 2), ("f(2)", 0), ("1 +", 3), ("(", 1), ("x y", 2), ("a.b", 1),
        ("lambda: 1", 6), ("[1]", 0), ("a < b < c", 6), ("`a`", 0), ("'a'", 0), ("1j", 1), ("a := 1", 2),
        ("\u0663", 0), ("1_0", 0), ("min(1)", 0), ("round(1, 2)", 0), ("not", 3), ("a if b", 6), ("if", 0),
    ],
)  # fmt: skip
def test_what_is_no_expression_is_refused_at_its_place(text: str, offset: int) -> None:
    with pytest.raises(ExpressionError) as refused:
        parse(text)
    assert refused.value.offset == offset


@pytest.mark.parametrize(
    "text",
    [
        "1 // 0",
        "1 % 0",
        "1 / (2 - 2)",
        "b * 1099511627776",
        "true + 1",
        "a[0]",
        "not 1",
        "make_divisible(8, 0)",
        "1 if 2 else 3",
        "-true",
    ],
)
def test_what_has_no_value_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(parse(text), NAMES)


@pytest.mark.parametrize(
    "text", ["-" * 200 + "1", "(" * 100 + "1" + ")" * 100, "1" + "+1" * 127, "not " * 60 + "true", "9" * 200, "1e999"]
)
def test_nothing_swells(text: str) -> None:
    assert on_numbers(text) == "refused" or abs(on_numbers(text)) <= 2**40


def test_growth_stops_at_the_first_value_beyond_the_bound() -> None:
    x = 9
    for _ in range(3):
        x = evaluate(parse("x * x"), {"x": x})
    with pytest.raises(ExpressionError, match=r"2\*\*40"):
        evaluate(parse("x * x"), {"x": evaluate(parse("x * x"), {"x": x})})


@pytest.mark.parametrize(("x", "expected"), [(32 * 1.1, 32), (16 * 1.4, 24), (10, 16), (3, 8), (24 * 0.35, 8), (96 * 1.4, 136)])
def test_make_divisible_is_mobilenets_rule(x: float, expected: int) -> None:
    assert make_divisible(x) == expected


def test_an_index_reads_a_list() -> None:
    assert evaluate(parse("k[1]"), {"k": (3, 5)}) == 5
    assert isinstance(evaluate(parse("k[i]"), {"k": (3, 5), "i": Name("i")}), Expression)
