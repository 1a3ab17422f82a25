"""Rule R2, and what YAML 1.1 would make of a word: lists generated from Python, torch and YAML, and names of every script."""

from __future__ import annotations

import builtins
import keyword
import unicodedata
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from hypothesis import strategies as st

import archgen
from archgen.language import names
from archgen.proof.recorder import BUILTINS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WHYS = (names.why_no_attribute, names.why_no_argument, names.why_no_class)


@pytest.mark.parametrize("word", sorted({*keyword.kwlist, *keyword.softkwlist} - {"_"}))
def test_keywords_of_python_are_no_names(word: str) -> None:
    for why in WHYS:
        assert why(word)


@pytest.mark.parametrize("why", WHYS)
def test_the_names_that_generated_code_uses_itself_are_no_names(why: Callable[[str], str]) -> None:
    for word in (*names.MODULE_NAMES, *(f"__{name}__" for name in ("init", "class", "dict", "call"))):
        assert why(word), word


def test_attributes_of_a_module_are_no_names() -> None:
    """The committed list holds every attribute of the torch that is here; one of another release fails this test."""
    torch = pytest.importorskip("torch")
    found = {name for name in dir(torch.nn.Module()) if not name.startswith("__")}
    assert found <= names.MODULE_ATTRIBUTES
    for name in found:
        assert names.why_no_attribute(name)


def test_methods_of_a_sequence_are_no_names_of_its_children() -> None:
    torch = pytest.importorskip("torch")
    found = {name for name in dir(torch.nn.Sequential()) if not name.startswith("__")} - names.MODULE_ATTRIBUTES
    assert found <= names.SEQUENTIAL_ATTRIBUTES
    for name in found:
        assert names.why_no_child(name)
    assert not names.why_no_attribute("append")


def test_builtins_that_generated_code_calls_are_no_names() -> None:
    assert set(BUILTINS) <= set(dir(builtins))
    for word in BUILTINS:
        assert names.why_no_argument(word), word


@pytest.mark.parametrize("category", ["Ll", "Lu", "Lo", "Lm", "Nd", "No", "Mn", "Cf", "Zs", "Pd", "So", "Pc"])
def test_no_sign_but_ascii_makes_a_name(category: str) -> None:
    signs = [chr(code) for code in range(128, 0x30000) if unicodedata.category(chr(code)) == category]
    assert signs or category == "Pc"
    for sign in signs[:2000]:
        for text in (sign, f"a{sign}", f"{sign}a", f"a{sign}b"):
            for why in WHYS:
                assert why(text), ascii(text)


@hypothesis.given(st.text(max_size=60))
def test_a_name_is_one_to_python_and_to_torch(text: str) -> None:
    for why in WHYS:
        if not why(text):
            assert text.isidentifier()
            assert text.isascii()
            assert "__" not in text
            assert len(text) <= names.LONGEST
            assert unicodedata.normalize("NFKC", text) == text


# ---- a value as YAML 1.1 would have it

NUMBER, FLOAT, TRUTH = "{{conv: {}, kernel_size: 1}}", "{{batch_norm, eps: {}}}", "{{conv: 8, kernel_size: 1, bias: {}}}"
TAKEN: dict[str, dict[str, Any]] = {
    NUMBER: {"8": 8, "'8'": 8, "1_000": 1000, "2020-13-45": 1962},  # the last is a difference, as it reads
    FLOAT: {"1e-3": 1e-3, "5E-1": 0.5, "1e3": 1000.0, ".5": 0.5},
    TRUTH: {"true": True, "'true'": True, "false": False},
}
REFUSED = {
    NUMBER: (
        "010", "0o10", "0x10", "0b1", "1:30", "1_0", "1__0", "_1", "+8", "\u0663", "8.0", "8.", "1e1", "yes", "on", "true", "0",
        "null", "~", "[8]", "{}", "2020-01-01", ".nan", ".inf", "NaN", "inf", "1.0e+400", "4 / 2", "4 / 3", "-0", "-8", "!8",
        "!!int 8", "!!int ''", "<<", "=", "9" * 4301, "!!set {8}", "!!binary OA==", "!!timestamp 2020-01-01",
    ),
    FLOAT: (".nan", ".inf", "-.inf", "nan", "1.0e+400", "1e-400", "0", "-1", "1_0.5", "0x1p3", "true", "'x'", "190:20:30.15"),
    TRUTH: ("yes", "no", "on", "off", "y", "n", "True", "TRUE", "FALSE", "1", "0", "null", "~", "''", "!!bool true"),
}  # fmt: skip


def read(tmp_path: Path, form: str, value: str) -> archgen.Network:
    path = tmp_path / "x.yaml"
    path.write_text(f"name: Net\ninput: [3, 8, 8]\nstem:\n  a: {form.format(value)}\n", encoding="utf-8")
    return archgen.load(path).checked()


@pytest.mark.parametrize(("form", "value"), [(form, value) for form, values in TAKEN.items() for value in values])
def test_a_value_means_what_it_says(form: str, value: str, tmp_path: Path) -> None:
    field = {NUMBER: "out_channels", FLOAT: "eps", TRUTH: "bias"}[form]
    found = getattr(read(tmp_path, form, value).report().rows[0].op, field)
    assert (type(found), found) == (type(TAKEN[form][value]), TAKEN[form][value])


@pytest.mark.parametrize(("form", "value"), [(form, value) for form, values in REFUSED.items() for value in values])
def test_no_spelling_of_yaml_1_1_is_taken_for_another(form: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(archgen.SpecError) as error:
        read(tmp_path, form, value)
    assert error.value.problems[0].place.line == 4


@pytest.mark.parametrize("p", ["1", "1.0", "-0.1", "1.1", "1 / 0", "2 ** -1"])
def test_a_probability_is_one(p: str, tmp_path: Path) -> None:
    with pytest.raises(archgen.SpecError):
        read(tmp_path, "{{dropout: {}}}", p)
