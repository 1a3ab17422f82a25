"""The arithmetic of specs: Python's own evaluator is the oracle on every expression that the language accepts."""

from __future__ import annotations

import ast
import itertools
import keyword
import math
import re
import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from archgen.arithmetic.evaluation import FUNCTIONS, binary, bounded, call, evaluate, make_divisible, minimum, select
from archgen.arithmetic.expressions import (
    DEEPEST,
    LARGEST,
    LONGEST,
    MOST_PARTS,
    Binary,
    Conditional,
    Expression,
    ExpressionError,
    Failed,
    Index,
    Name,
    Select,
    TooLong,
    Unary,
    Value,
    names_of,
    parts_of,
    surely_read,
)
from archgen.arithmetic.parser import parse
from archgen.arithmetic.spelling import SPEC, render
from tests.conftest import examples

if TYPE_CHECKING:
    from collections.abc import Iterable

NAMES: dict[str, Any] = {"a": 3, "b": 8, "c": 40}
SYMBOLS: dict[str, Value] = {name: Name(name, "int") for name in (*NAMES, "channels")}
TYPED: dict[str, Value] = {"n": Name("n", "int"), "m": Name("m", "int"), "u": Name("u", "float"), "v": Name("v", "float")}
PYTHON = {"__builtins__": {}, "math": math, "true": True, "false": False} | {n: f for n, (f, _, _) in FUNCTIONS.items()}


def numbers(whole: bool = False, names: Iterable[str] = NAMES) -> st.SearchStrategy[str]:
    """Texts whose value is a number; only such that are integers where asked."""
    atoms = st.sampled_from(
        [*names, *names, "1", "2", "7", "0", "64", "1_000", *([] if whole else ["0.5", ".25", "1e-3", "2.5"])]
    )
    signs = st.sampled_from("+ - * // %".split() if whole else "+ - * / // %".split())

    def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.tuples(inner, signs, inner).map(" ".join),
            st.tuples(inner, signs, inner).map(lambda t: f"({t[0]}{t[1]}{t[2]})"),
            inner.map(lambda text: f"-{text}"),
            inner.map(lambda text: f"({text})"),
            st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
            st.tuples(st.sampled_from(["round", "ceil", "floor", "make_divisible"]), inner).map(lambda t: f"{t[0]}({t[1]})"),
            st.tuples(inner, truths(inner), inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
            st.tuples(inner, truths(inner), inner).map(lambda t: f"{t[0]} if {t[1]} else {t[2]}"),
        )

    return st.recursive(atoms, larger, max_leaves=9).filter(lambda text: len(text) <= LONGEST)


def truths(number: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    compared = st.tuples(number, st.sampled_from("== != < <= > >=".split()), number).map(" ".join)
    return st.recursive(
        st.sampled_from(["true", "false"]) | compared,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
            inner.map(lambda text: f"not {text}"),
            inner.map(lambda text: f"({text})"),
        ),
        max_leaves=4,
    )


TEXTS = st.one_of(numbers(), truths(numbers())).filter(lambda text: len(text) <= LONGEST)
REFUSED = object()


def outcome(compute: Any) -> Any:
    try:
        return compute()
    except (ExpressionError, ArithmeticError):
        return REFUSED


def on_numbers(text: str, names: dict[str, Any] = NAMES) -> Any:
    return outcome(lambda: evaluate(parse(text), names))


def pythons(text: str, names: dict[str, Any] = NAMES) -> Any:
    return eval(text, {**PYTHON, **names})


def alike(left: Any, right: Any) -> bool:
    return type(left) is type(right) and bool(left == right)


# ---- the meaning is Python's


@settings(max_examples=examples(400))
@given(TEXTS)
def test_values_are_pythons(text: str) -> None:
    """In precedence too: half of the texts have no parentheses."""
    found = on_numbers(text)
    if found is not REFUSED:
        assert alike(found, pythons(text))


@settings(max_examples=examples(300))
@given(TEXTS)
def test_rendering_and_parsing_again_gives_the_same(text: str) -> None:
    value = outcome(lambda: parse(text))
    if value is REFUSED:
        return
    python, again = render(value), render(value, spelling=SPEC)
    assert again.count("\n") == 0
    if len(again) <= LONGEST:
        assert parse(again) == value
        assert render(parse(again)) == python
    found = on_numbers(text)
    if found is not REFUSED:
        assert alike(pythons(python), found)


def test_a_spec_keeps_its_grouping_and_python_needs_none() -> None:
    value = parse("a and (b and not (c and true))")
    assert render(value, spelling=SPEC) == "a and (b and not (c and true))"
    assert render(value) == "a and b and not (c and True)"


@settings(max_examples=examples(200))
@given(TEXTS)
def test_no_parentheses_are_rendered_that_python_does_not_need(text: str) -> None:
    value = outcome(lambda: parse(text))
    if value is REFUSED or not isinstance(value, Expression):
        return
    python = render(value)
    tree = ast.dump(ast.parse(python, mode="eval"))
    for place in (i for i, sign in enumerate(python) if sign == "(" and not python[i - 1 : i].isalnum()):
        depth = itertools.accumulate((sign == "(") - (sign == ")") for sign in python[place:])
        end = place + next(i for i, level in enumerate(depth) if level == 0)
        bare = python[:place] + python[place + 1 : end] + python[end + 1 :]
        try:
            same = ast.dump(ast.parse(bare, mode="eval")) == tree
        except SyntaxError:
            same = False
        assert not same, f"{python} could be {bare}"


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("a - (b - c)", "a - (b - c)"), ("(a - b) - c", "a - b - c"), ("a*(b+c)", "a * (b + c)"), ("(a * b) + c", "a * b + c"),
        ("-(a + b)", "-(a + b)"), ("-a * b", "-a * b"), ("a - -2", "a - -2"), ("- -a", "--a"), ("a // (b * c)", "a // (b * c)"),
        ("not (a == b)", "not a == b"), ("(not a) == b", "(not a) == b"), ("not (a and b)", "not (a and b)"),
        ("a and (b or c)", "a and (b or c)"), ("(a == b) == c", "(a == b) == c"), ("a == (b == c)", "a == (b == c)"),
        ("(a if b else c) if a else b", "(a if b else c) if a else b"), ("a[b + 1]", "a[b + 1]"),
        ("a if b else (c if a else b)", "a if b else c if a else b"), ("(a if b else c) + 1", "(a if b else c) + 1"),
        ("min(a if b else c, 1)", "min(a if b else c, 1)"),
        ("ceil(a / 2)", "math.ceil(a / 2)"), ("floor(a / 2)", "math.floor(a / 2)"), ("true and a", "True and a"),
        ("1e-5", "1e-05"), ("1_000", "1000"),
    ],
)  # fmt: skip
def test_the_text_is_what_a_person_would_write(text: str, rendered: str) -> None:
    assert render(parse(text)) == rendered


def test_negative_numbers_and_lists_are_rendered_as_python_needs_them() -> None:
    assert render((1,)) == "(1,)"
    assert render((1, Name("k"))) == "(1, k)"
    assert render(()) == "()"
    assert render(Index(Name("k"), 0)) == "k[0]"
    assert render(Unary("-", -2)) == "--2"
    for value in (-2, -0.5):
        assert eval(render(Binary("*", Name("a"), value)), {"a": 3}) == 3 * value
        assert eval(render(Binary("-", value, Name("a"))), {"a": 3}) == value - 3


# ---- names first, numbers later


@settings(max_examples=examples(400))
@given(numbers(whole=True) | truths(numbers(whole=True)), st.tuples(*[st.integers(-3, 70)] * 3))
def test_integers_put_in_later_give_the_same(text: str, given: tuple[int, ...]) -> None:
    """What the generated code computes: the expression is simplified on names, and Python evaluates what is left."""
    names = dict(zip(NAMES, given))
    expected = on_numbers(text, names)
    simplified = outcome(lambda: evaluate(parse(text), SYMBOLS))
    if expected is REFUSED or simplified is REFUSED:
        return
    assert alike(evaluate(simplified, names), expected), render(simplified)
    assert alike(pythons(render(simplified), names), expected), render(simplified)
    assert names_of(simplified) <= names_of(parse(text))


def exactly(value: Any) -> tuple[Any, str]:
    """A value by which two differ if one bit or the type does."""
    return type(value), repr(value)


REAL = st.sampled_from([0.0, -0.0, 0.1, -0.5, 1.0, 2.5, 1e-3, 1e9, 2**53 + 1.0]) | st.floats(-1e6, 1e6)
TYPED_TEXTS = numbers(names=TYPED) | truths(numbers(names=TYPED)) | st.sampled_from(
    ["u // 1", "4 * u // 2", "u + v - u", "0 * u", "u * 0", "u + 0", "u - u", "u * 1", "1 * u", "u - 0", "0 - u", "-u + u",
     "u + u", "2 * u + u", "u + n - u", "n + u - n", "n * u // n", "0 * (n // m)", "n % m - n % m", "min(u, n) // 1",
     "round(u) // 1", "4 * round(u) // 2", "max(n, 2.0) // 1", "make_divisible(u, n) // 1", "(n if u > 0 else u) + 0"]
)  # fmt: skip


@settings(max_examples=examples(1000))
@given(TYPED_TEXTS, st.tuples(*[st.integers(-3, 70)] * 2), st.tuples(*[REAL | st.integers(-3, 70)] * 2))
def test_what_is_simplified_gives_the_same_to_the_last_bit(text: str, whole: tuple[int, ...], real: tuple[float, ...]) -> None:
    """And in its type: floats round, 0 times one may be -0.0, and an argument of that type may be given as an integer."""
    names = dict(zip(TYPED, (*whole, *real)))
    simplified = outcome(lambda: evaluate(parse(text), TYPED))
    if simplified is REFUSED:
        return  # a part without names has no value
    expected = outcome(lambda: pythons(text, names))
    if expected is not REFUSED and on_numbers(text, names) is REFUSED:
        return  # Python alone takes a number for a truth value
    python = render(simplified)
    found = outcome(lambda: pythons(python.replace("True", "true").replace("False", "false"), names))
    assert (found is REFUSED) == (expected is REFUSED), python
    if expected is not REFUSED:
        assert exactly(found) == exactly(expected), python
        evaluated = outcome(lambda: evaluate(simplified, names))
        assert evaluated is REFUSED or exactly(evaluated) == exactly(expected), python


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("u // 1", "u // 1"), ("4 * u // 2", "4 * u // 2"), ("u + v - u", "u + v - u"), ("0 * u", "0 * u"), ("u * 0", "u * 0"),
        ("u + 0", "u + 0"), ("u - u", "u - u"), ("u * 1", "u"), ("1 * u", "u"), ("u * 1.0", "u * 1.0"), ("n * 1.0", "n * 1.0"),
        ("n + u - n", "n + u - n"), ("n // 1", "n"), ("n + m - n", "m"), ("round(u) // 1", "round(u)"),
        ("ceil(u) - ceil(u)", "0"),
        ("4 * round(8 * u) // 2", "2 * round(8 * u)"), ("min(n, m) // 1", "min(n, m)"), ("min(n, u) // 1", "min(n, u) // 1"),
        ("n // m - n // m", "n // m - n // m"), ("0 * (n // m)", "0 * (n // m)"), ("0 * (n // 2)", "0"), ("-n + n", "-n + n"),
        ("k[n] // 1", "k[n] // 1"), ("n / 2 // 1", "n / 2 // 1"), ("make_divisible(n, u) // 1", "make_divisible(n, u) // 1"),
        ("make_divisible(u) // 1", "make_divisible(u)"),
    ],
)  # fmt: skip
def test_what_may_be_simplified_follows_from_the_types_of_the_names(text: str, expected: str) -> None:
    assert render(evaluate(parse(text), {**TYPED, "k": Name("k", "list")})) == expected


def test_an_expression_has_so_many_parts_and_no_more() -> None:
    """Each constant may name the one before it twice: what would double is given up, and costs no time."""
    names: dict[str, Value] = {"a0": Name("w", "int"), "f": (Name("w", "int"), 2)}
    for number in range(300):
        a = f"a{number}"
        names[f"a{number + 1}"] = evaluate(parse(f"{a} * {a} + f[0] if {a} > 1 else min({a}, round({a} / 2))"), names)
    assert type(names["a300"]) is TooLong
    assert render(names["a300"]) == "..."
    assert not names_of(names["a300"])
    assert type(evaluate(parse("-(a300 * 1 // 1) + a1"), names)) is TooLong
    assert parts_of(names["a1"]) < MOST_PARTS
    names["l"] = (1, 2)
    for _ in range(8):
        names["l"] = evaluate((Name("l"), Name("l")), names)
    with pytest.raises(ExpressionError, match="at most 1,000 values"):
        evaluate((Name("l"), Name("l")), names)


def test_equal_expressions_give_the_same() -> None:
    a = Name("a")
    assert Binary("*", a, 2) == Binary("*", Name("a"), 2)
    assert hash(Binary("*", a, 2)) == hash(Binary("*", Name("a"), 2))
    for other in (Binary("*", a, 2.0), Binary("*", Name("a", "int"), 2), Binary("+", a, 2), Unary("-", a)):
        assert Binary("*", a, 2) != other
    assert Binary("+", a, 0.0) != Binary("+", a, -0.0)


def test_a_constant_without_a_value_is_told_where_it_is_read() -> None:
    names = {**NAMES, "q": Failed(ExpressionError("`//` divides by zero"))}
    assert evaluate(parse("q if a > 3 else b"), names) == 8
    assert evaluate(parse("a > 3 and q > 1"), names) is False
    with pytest.raises(ExpressionError, match="divides by zero"):
        evaluate(parse("q if a > 2 else b"), names)
    assert surely_read(parse("q if a > 3 else b")) == {"a"}
    assert surely_read(parse("b + (q if a > 3 else q * c)")) == {"a", "b", "q"}
    assert surely_read(parse("a > 3 and q > 1")) == {"a"}


@settings(max_examples=examples(200))
@given(TEXTS, st.sets(st.sampled_from(list(NAMES))))
def test_some_names_now_and_the_others_later(text: str, now: set[str]) -> None:
    expected = on_numbers(text)
    partly = outcome(lambda: evaluate(parse(text), {name: NAMES[name] if name in now else Name(name) for name in NAMES}))
    if expected is REFUSED or partly is REFUSED:
        return
    assert names_of(partly).isdisjoint(now)
    assert outcome(lambda: evaluate(partly, NAMES)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("64 + b + b", "64 + 2 * b"),
        ("b + 64 + b", "2 * b + 64"),
        ("a + b + c", "a + b + c"),
        ("c + b + a", "c + b + a"),
        ("c + a + b + a", "c + 2 * a + b"),
        ("b * 2 + a + b", "b * 3 + a"),
        ("b * 4 // 4", "b"),
        ("4 * b // 2", "2 * b"),
        ("b * 4 // 2", "b * 2"),
        ("b * 3 // 2", "b * 3 // 2"),
        ("b * 1", "b"),
        ("1 * b", "b"),
        ("b * 0", "0"),
        ("b - b", "0"),
        ("b + 0", "b"),
        ("a - (b - c)", "a + c - b"),
        ("-1 + b", "b - 1"),
        ("(b * 4 + 4) // 4", "(b * 4 + 4) // 4"),
        ("channels * 4", "channels * 4"),
        ("4 * channels", "4 * channels"),
        ("0.2 * b / c", "0.2 * b / c"),
        ("0.5 + a + 0.5", "0.5 + a + 0.5"),
        ("0.5 * a + 1 - 1", "0.5 * a + 1 - 1"),
        ("b // 1", "b"),
        ("b / 2 // 1", "b / 2 // 1"),
        ("b / 3 * 4 // 4", "b / 3 * 4 // 4"),
        ("ceil(b / 3) * 4 // 4", "math.ceil(b / 3)"),
        ("(b if a > 2 else 0.5) * 2 // 2", "(b if a > 2 else 0.5) * 2 // 2"),
        ("true and a > 1", "a > 1"),
        ("a > 1 and true", "a > 1"),
        ("false and a > 1", "False"),
        ("false or a > 1", "a > 1"),
        ("not a > 1", "not a > 1"),
        ("a if true else b", "a"),
        ("a if 2 < 1 else b", "b"),
        ("(2 + 3) * a", "5 * a"),
    ],
)
def test_sums_are_put_together_and_keep_the_authors_order(text: str, expected: str) -> None:
    assert render(evaluate(parse(text), SYMBOLS)) == expected


@given(st.integers(-9, 9), st.integers(-9, 9).filter(bool), st.integers(-50, 50), st.booleans())
def test_an_exact_quotient_is_exact(factor: int, by: int, b: int, number_first: bool) -> None:
    value = binary("*", factor, SYMBOLS["b"]) if number_first else binary("*", SYMBOLS["b"], factor)
    quotient = binary("//", value, by)
    assert evaluate(quotient, {"b": b}) == factor * b // by
    if factor % by == 0 and factor != 1:  # `b` alone is no product
        assert "//" not in render(quotient)
        assert Fraction(factor * b, by) == evaluate(quotient, {"b": b})


def test_operators_on_expressions_build_what_the_parser_reads() -> None:
    a, b = Name("a", "int"), Name("b", "int")
    built = {"a + b": a + b, "2 + a": 2 + a, "a - 2": a - 2, "2 - a": 2 - a, "a * b": a * b, "3 * a": 3 * a, "a // b": a // b,
             "9 // a": 9 // a, "a % b": a % b, "9 % a": 9 % a}  # fmt: skip
    for text, value in built.items():
        assert value == evaluate(parse(text), SYMBOLS), text
        assert evaluate(value, NAMES) == pythons(text), text


def test_a_shape_rules_own_conditional_and_minimum() -> None:
    test = binary("==", Name("a"), 3)
    assert select(True, 1, 2) == 1
    assert select(False, 1, 2) == 2
    assert type(select(test, 1, 2)) is Select
    assert evaluate(select(test, 1, 2), NAMES) == 1
    assert type(evaluate(select(test, Name("b"), 2), SYMBOLS)) is Select
    assert type(evaluate(parse("b if a == 3 else 2"), SYMBOLS)) is Conditional
    assert minimum(3, 5) == 3
    assert render(minimum(Name("a"), 5)) == "min(a, 5)"


# ---- lists and functions


def test_an_index_reads_a_list() -> None:
    assert evaluate(parse("k[1]"), {"k": (3, 5)}) == 5
    assert evaluate(parse("k[i + 1]"), {"k": (3, 5), "i": 0}) == 5
    later = evaluate(parse("k[i]"), {"k": (3, 5), "i": Name("i")})
    assert isinstance(later, Expression)
    assert evaluate(later, {"i": 1}) == 5
    assert evaluate((Name("a"), (Name("b"), 1)), NAMES) == (3, (8, 1))
    assert names_of((Name("a"), (parse("b + c"), 1))) == {"a", "b", "c"}


@pytest.mark.parametrize("index", ["2", "-1", "true", "0.0", "k", "1 // 1 + 1"])
def test_an_index_beyond_the_list_is_refused(index: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(parse(f"k[{index}]"), {"k": (3, 5)})


@pytest.mark.parametrize(("x", "expected"), [(32 * 1.1, 32), (16 * 1.4, 24), (10, 16), (3, 8), (24 * 0.35, 8), (96 * 1.4, 136)])
def test_make_divisible_is_mobilenets_rule(x: float, expected: int) -> None:
    assert make_divisible(x) == expected


@given(st.floats(1, 1e6), st.integers(1, 64))
def test_make_divisible_keeps_its_promise(x: float, divisor: int) -> None:
    found = call("make_divisible", x, divisor)
    assert type(found) is int
    assert found % divisor == 0
    assert found >= divisor
    assert found >= 0.9 * x
    assert abs(found - x) <= divisor


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_takes_its_number_of_numbers(name: str) -> None:
    _, least, most = FUNCTIONS[name]
    for count in range(1, 12):
        text = f"{name}({', '.join(['2'] * count)})"
        if least <= count <= most:
            assert alike(evaluate(parse(text), {}), pythons(text))
        else:
            with pytest.raises(ExpressionError, match=f"`{name}` takes"):
                parse(text)
    for wrong in ("true", "k", "w"):
        with pytest.raises(ExpressionError, match="takes numbers"):
            evaluate(parse(f"{name}({', '.join([wrong] * least)})"), {"k": (1, 2), "w": "word"})


# ---- refusals


@pytest.mark.parametrize(
    ("text", "offset", "length"),
    [
        ("010", 0, 3), ("1:30", 1, 1), ("0x10", 1, 3), ("+1", 0, 1), ("a**2", 2, 1), ("9**9**9", 2, 1), ("f(2)", 0, 1),
        ("1 +", 3, 1), ("(", 1, 1), ("x y", 2, 1), ("a.b", 1, 1), ("lambda: 1", 6, 1), ("[1]", 0, 1), ("a < b < c", 6, 1),
        ("`a`", 0, 1), ("'a'", 0, 1), ('"a"', 0, 1), ("f'a'", 1, 1), ("1j", 1, 1), ("a := 1", 2, 1), ("\u0663", 0, 1),
        ("1_0", 0, 3), ("1__000", 0, 6), ("1__0.5", 0, 6), ("1_.5", 0, 4), ("1_e3", 0, 4), ("00.5", 0, 4), ("1_000_", 0, 6),
        ("1e5_0", 3, 2), ("min(1)", 0, 3), ("round(1, 2)", 0, 5), ("min(1, 2,)", 9, 1), ("min()", 4, 1), ("not", 3, 1),
        ("a if b", 6, 1), ("if", 0, 2), ("a if else b", 5, 4), ("", 0, 1), ("   ", 3, 1), ("a[", 2, 1), ("a[]", 2, 1),
        ("a[0][1]", 4, 1), ("(a)(1)", 3, 1), ("(a, b)", 2, 1), ("{}", 0, 1), ("a; b", 1, 1), ("a = b", 2, 1), ("a & b", 2, 1),
        ("~a", 0, 1), ("a @ b", 2, 1), ("a << 2", 3, 1), ("a ! b", 2, 1), ("a # b", 2, 1), ("a\\b", 1, 1), ("a\x00", 1, 1),
        ("\ud800", 0, 1), ("a\u00e9", 1, 1), ("a\u2028b", 1, 1), ("__import__('os')", 11, 1), ("__import__(a)", 0, 10),
        ("[x for x in a]", 0, 1), ("a in b", 2, 2), ("a is b", 2, 2), ("1e999", 0, 5), ("1099511627777", 0, 13),
        ("9" * 31, 0, 31), ("9" * 200, 0, 200), ("a" * 257, 0, 257), ("a == b != c", 7, 2), ("1 2", 2, 1), ("1.2.3", 3, 2),
        ("...", 0, 1), ("eval(a)", 0, 4), ("pow(a, 2)", 0, 3), ("abs(a)", 0, 3), ("None()", 0, 4),
    ],
)  # fmt: skip
def test_what_is_no_expression_is_refused_at_its_place(text: str, offset: int, length: int) -> None:
    with pytest.raises(ExpressionError) as refused:
        parse(text)
    assert (refused.value.offset, refused.value.length) == (offset, length), refused.value.sentence


def test_a_power_is_told_what_to_write_instead() -> None:
    for text in ("a**2", "2 ** a"):
        with pytest.raises(ExpressionError) as refused:
            parse(text)
        assert "product" in refused.value.help


@pytest.mark.parametrize(
    "text",
    [
        "1 // 0", "1 % 0", "1 / (2 - 2)", "1 % 0.0", "b * 1099511627776", "0 - b * 1000000000000", "1 / 1e-300", "true + 1",
        "1 - true", "a[0]", "not 1", "make_divisible(8, 0)", "make_divisible(8, -8)", "make_divisible(8, 2.0)", "1 if 2 else 3",
        "-true", "a and b", "a < true", "min(true, 1)", "k + 1", "-k", "k < k", "w + w", "w * 2", "w < w", "k[k]", "not w",
        "1 if w else 2",
    ],
)  # fmt: skip
def test_what_has_no_value_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(parse(text), {**NAMES, "k": (1, 2), "w": "word"})


@settings(max_examples=examples(300))
@given(st.text(max_size=40) | st.text("ab10._+-*/%<>=!()[], \n", max_size=60) | st.text("0123456789_.eE+-", max_size=12))
@example("with / 0")
@example("0or 1")
@example("a \v+ b")
@example("A/-0")
def test_any_text_is_an_expression_or_refused_in_its_bounds(text: str) -> None:
    try:
        value = parse(text)
    except ExpressionError as error:
        assert 0 <= error.offset <= len(text)
        assert error.length >= 1
        assert error.sentence
        return
    if any(map(keyword.iskeyword, names_of(value))):
        return  # nothing can have such a name, so nobody renders it: whoever evaluates the text says that it is unknown
    # what the language takes, Python takes too, and reads alike
    again = render(value)
    expected = ast.unparse(WithoutNegativeZero().visit(ast.parse(f"({as_python(text)})", mode="eval")))
    for function in ("ceil", "floor"):
        again = again.replace(f"math.{function}", function)
    assert (
        ast.unparse(ast.parse(again, mode="eval")).replace("--", "") == expected.replace("--", "") or names_of(value) == set()
    )


class WithoutNegativeZero(ast.NodeTransformer):
    """`-0` is the integer 0, and is written so."""

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        of = node.operand
        is_zero = isinstance(node.op, ast.USub) and isinstance(of, ast.Constant) and type(of.value) is int and of.value == 0
        return of if is_zero else self.generic_visit(node)


def as_python(text: str) -> str:
    """The text with Python's truth values; a vertical tab is no space to Python, and `0o` starts an octal number."""
    return re.sub(r"\b0or\b", "0 or", re.sub(r"\b(true|false)\b", lambda word: word[0].title(), text.replace("\v", " ")))


def nested(levels: int) -> list[str]:
    return [
        "(" * levels + "1" + ")" * levels,
        "-" * levels + "a",
        "not " * levels + "true",
        "a if b else " * levels + "1",
        "k[" * levels + "0" + "]" * levels,
        "ceil(" * levels + "a" + ")" * levels,
    ]


@pytest.mark.parametrize("index", range(6))
def test_nesting_has_a_bound(index: int) -> None:
    parse(nested(DEEPEST - 1)[index])
    with pytest.raises(ExpressionError, match="nests at most"):
        parse(nested(DEEPEST)[index])


HOSTILE = {
    "minus signs": "-" * 10**6 + "1",
    "additions": "1" + "+1" * 10**5,
    "additions that fit": "1" + "+1" * 127,
    "names that fit": "+".join(["a"] * 128),
    "differences that fit": "-a" * 128,
    "products that fit": "*".join(["a"] * 128),
    "divisions that fit": "a" + "//1" * 85,
    "parentheses": "(" * 201 + "1" + ")" * 201,
    "a million digits": "1" * 2**20,
    "5000 digits": "9" * 5000,
    "256 digits": "9" * 256,
    "nots": "not " * 60 + "true",
    "spaces": " " * 10**6,
    "spaces that fit": " " * 255 + "a",
    "newlines": "\n" * 200 + "a",
    "fractions": "." + "1" * 250,
    "underscores": "1" + "_" * 250 + ".5",
    "an exponent": "1e-" + "9" * 200,
    "squarings": "*".join(["99999999999"] * 20),
    "nested differences": "a-(b-" * 14 + "c" + ")" * 14,
    "ands": " and ".join(["a < b"] * 25),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_nothing_swells_or_hangs(name: str) -> None:
    text = HOSTILE[name]
    start = time.process_time()
    for names in (NAMES, SYMBOLS):
        value = outcome(lambda names=names: evaluate(parse(text), names))
        assert value is REFUSED or isinstance(value, (bool, Expression)) or abs(value) <= LARGEST
        assert value is REFUSED or len(render(value)) <= 4 * LONGEST
    assert time.process_time() - start < 0.5


def test_values_are_bounded_and_nan_is_none() -> None:
    assert bounded(LARGEST) == LARGEST
    assert bounded(-LARGEST) == -LARGEST
    assert bounded(True) is True
    for value in (LARGEST + 1, -LARGEST - 1, math.inf, -math.inf, math.nan):
        with pytest.raises(ExpressionError, match=r"2\*\*40"):
            bounded(value)


def test_growth_stops_at_the_first_value_beyond_the_bound() -> None:
    values: list[Any] = [9]
    while values[-1] is not REFUSED:
        values.append(on_numbers("x * x", {"x": values[-1]}))
    assert values == [9, 9**2, 9**4, 9**8, REFUSED]
    assert values[-2] <= LARGEST


def test_truth_values_and_words_stay_what_they_are() -> None:
    for value in (True, False, "word", (1, 2), 0.5, 3):
        found = evaluate(value, {})
        assert (found, type(found)) == (value, type(value))
    assert evaluate(parse("w == w"), {"w": "word"}) is True
    assert evaluate(parse("k != j"), {"k": (1, 2), "j": (1, 3)}) is True
    assert evaluate(parse("false and 1 // 0 == 1"), {}) is False, "the right side is not asked, as in Python"
    assert evaluate(parse("1 if true else 1 // 0"), {}) == 1
