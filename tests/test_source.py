"""The reader of YAML: which tree comes out, where each value stands, and that a hostile document gets a refusal and no more."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import os
import re
import socket
import string
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from yaml import parser as yaml_parser
from yaml import scanner

from archgen.diagnostics import EnvironmentFault, Problem, Source, SpecError
from archgen.syntax import errors, parser
from archgen.syntax.parser import DEEPEST, MOST_BYTES, MOST_EVENTS, load, parse, read
from archgen.syntax.trees import Mapping, Scalar, Sequence, Tree
from tests.conftest import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parent.parent
relaxed = settings(max_examples=examples(400))


def tree(text: str) -> Mapping:
    return parse(Source("x.yaml", text))


def plain(value: Tree) -> Any:
    """Returns the tree as Python's own dict, list and str."""
    if isinstance(value, Scalar):
        return value.text
    if isinstance(value, Sequence):
        return [plain(item) for item in value.items]
    return {key.text: plain(item) for key, item in value.entries}


def scalars(value: Tree) -> Iterator[Scalar]:
    if isinstance(value, Scalar):
        yield value
    for item in value.items if isinstance(value, Sequence) else ():
        yield from scalars(item)
    for key, item in value.entries if isinstance(value, Mapping) else ():
        yield from (key, *scalars(item))


def refusal(text: str) -> tuple[Problem, ...]:
    with pytest.raises(SpecError) as caught:
        tree(text)
    assert caught.value.problems
    assert caught.value.__context__ is None
    return caught.value.problems


def said(problem: Problem) -> str:
    """Returns a problem in one line, the marked part of the text between > and <."""
    place = problem.place
    if not place.line:
        return f"{problem.code}: {problem.sentence}"
    line, start = place.source.line(place.line), place.column - 1
    marked = f"{line[:start]}>{line[start : start + place.length]}<{line[start + place.length :]}"
    return f"{place.line} {marked} {problem.code}: {problem.sentence}"


# ---- trees


WORDS = ["no", "on", "true", "010", "0o10", "0x1", "1_0", "1e-3", "~", "null", "2020-13-45", ".nan", "=", "1."]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1", {"a": "1"}),
        ("a: 1:30", {"a": "1:30"}),
        ("\n".join(f"k{word}: {word}" for word in WORDS), {f"k{word}": word for word in WORDS}),
        ("a: stride != 1 or in_channels != channels", {"a": "stride != 1 or in_channels != channels"}),
        ("a: max(8, c // 4)\nb: x[0] * 2", {"a": "max(8, c // 4)", "b": "x[0] * 2"}),
        ("{conv: 64, kernel_size: [1, 7]}", {"conv": "64", "kernel_size": ["1", "7"]}),
        ("a: {DenseLayer, growth: 32}", {"a": {"DenseLayer": "", "growth": "32"}}),
        ("a: [{conv: 32}, batch_norm, relu: x, ]", {"a": [{"conv": "32"}, "batch_norm", {"relu": "x"}]}),
        ("a:\nb:\n", {"a": "", "b": ""}),
        ("a: []\nb: {}\nc: ''\nd: \"\"", {"a": [], "b": {}, "c": "", "d": ""}),
        ("a:\n- 1\n-\n- - 2\n  - 3\n", {"a": ["1", "", ["2", "3"]]}),
        ("a: one\n  two\n\n  three", {"a": "one two\nthree"}),
        ("a: |\n  one\n   two\nb: >-\n  one\n  two\n", {"a": "one\n two\n", "b": "one two"}),
        ('a: "tab\\tline\\n\\u00e9\\\\"', {"a": "tab\tline\n\xe9\\"}),
        ("a: 'it''s \\n'", {"a": "it's \\n"}),
        ("\"a\": 1\n'b': 2\n? c\n: 3", {"a": "1", "b": "2", "c": "3"}),
        ('"<<": 1\n"a:b": 2\n"": 3', {"<<": "1", "a:b": "2", "": "3"}),
        ("a: <<", {"a": "<<"}),
        ("--- # the spec\na: 1\n...\n# the end", {"a": "1"}),
        ("# yaml-language-server: x\na: 1 # one\n", {"a": "1"}),
        ("a: 'x\ty' #\tz", {"a": "x\ty"}),
        ("a: 1\r\nb: 2\rc: |\r\n  x\r\n  y", {"a": "1", "b": "2", "c": "x\ny"}),
        ("ключ: 漢😀", {"ключ": "漢😀"}),
        ("a: {b: f(x), c: (x + 1) * (y)}", {"a": {"b": "f(x)", "c": "(x + 1) * (y)"}}),
        ("a: f(x\nb: ':('\nc: {d: (x}", {"a": "f(x", "b": ":(", "c": {"d": "(x"}}),
        ("a: http://x.y/z#w", {"a": "http://x.y/z#w"}),
    ],
)
def test_tree(text: str, expected: dict[str, Any]) -> None:
    found = tree(text)
    assert plain(found) == expected
    assert list(plain(found)) == list(expected)
    assert yaml.load(text, Loader=yaml.BaseLoader) == expected


def test_plain_scalars_are_told_from_quoted_ones() -> None:
    found = tree("a: x\nb: 'x'\nc: \"x\"\nd: |-\n  x\ne: >-\n  x\nf:\n'g': [y, 'y']")
    assert [(scalar.text, scalar.plain) for scalar in scalars(found)] == [
        *[("a", True), ("x", True), ("b", True), ("x", False), ("c", True), ("x", False), ("d", True), ("x", False)],
        *[("e", True), ("x", False), ("f", True), ("", True), ("g", False), ("y", True), ("y", False)],
    ]


def test_get() -> None:
    found = tree("a: 1\nb: [2]")
    assert found.get("a") == Scalar("1", True, found.place)
    assert found.get("b") == tree("b:\n  - 2").get("b")
    assert found.get("c") is None


def test_places_are_not_compared() -> None:
    assert tree("a: {b: [1, 2]}") == tree("a:\n    b:\n    - 1\n    - 2\n")
    assert tree("a: 1") != tree("a: '1'")


# ---- places


def places(value: Tree) -> Iterator[tuple[str, int, int, int]]:
    yield type(value).__name__, *value.place[1:]
    for item in value.items if isinstance(value, Sequence) else ():
        yield from places(item)
    for key, item in value.entries if isinstance(value, Mapping) else ():
        yield from (*places(key), *places(item))


def test_places_in_flow_style() -> None:
    assert list(places(tree("  {conv: 64, size: [1, 'é'] , pad, \n   x: {y: [\n 3]}}"))) == [
        ("Mapping", 1, 3, 1),  # it ends on another line
        *[("Scalar", 1, 4, 4), ("Scalar", 1, 10, 2)],
        *[("Scalar", 1, 14, 4), ("Sequence", 1, 20, 8), ("Scalar", 1, 21, 1), ("Scalar", 1, 24, 3)],
        *[("Scalar", 1, 31, 3), ("Scalar", 1, 34, 1)],
        *[("Scalar", 2, 4, 1), ("Mapping", 2, 7, 1), ("Scalar", 2, 8, 1), ("Sequence", 2, 11, 1), ("Scalar", 3, 2, 1)],
    ]


def test_places_in_block_style() -> None:
    text = "# first\n\nstem:\n  conv1: 漢字 64 # c\n  list:\n    - one\n    -   two: 2\n    -\nempty:\nlast: [a: 1 ]"
    assert list(places(tree(text))) == [
        ("Mapping", 3, 1, 4),  # its first key
        *[("Scalar", 3, 1, 4), ("Mapping", 4, 3, 5), ("Scalar", 4, 3, 5), ("Scalar", 4, 10, 5)],
        *[("Scalar", 5, 3, 4), ("Sequence", 6, 5, 1), ("Scalar", 6, 7, 3)],
        *[("Mapping", 7, 9, 3), ("Scalar", 7, 9, 3), ("Scalar", 7, 14, 1), ("Scalar", 8, 6, 1)],
        *[("Scalar", 9, 1, 5), ("Scalar", 9, 7, 1)],
        *[("Scalar", 10, 1, 4), ("Sequence", 10, 7, 7), ("Mapping", 10, 8, 5), ("Scalar", 10, 8, 1), ("Scalar", 10, 11, 1)],
    ]


def test_places_of_texts_of_several_lines() -> None:
    """The place is the part on the first line."""
    text = "a: one\n  two\nb: 'one\n  two'\nc: |\n  one\nd: >- # x\n  one\n\ne: \"x\\\n  y\"\nf: 1"
    values = [value.place[1:] for _, value in tree(text).entries]
    assert values == [(1, 4, 3), (3, 4, 4), (5, 4, 1), (7, 4, 6), (10, 4, 3), (12, 4, 1)]


def test_places_after_other_line_ends() -> None:
    found = tree("a: 1\r\nb: 2\rc: 3")
    assert [key.place[1:3] for key, _ in found.entries] == [(1, 1), (2, 1), (3, 1)]
    assert found.place.source.line(2) == "b: 2"


# ---- refusals

SENTENCES = {
    "(ALIAS)": "E-YAML-ALIAS: aliases (`*name`) are not part of a spec",
    "(ANCHOR)": "E-YAML-ALIAS: anchors (`&name`) are not part of a spec",
    "(MERGE)": "E-YAML-ALIAS: merge keys (`<<`) are not part of a spec",
    "(TAG)": "E-YAML-TAG: tags (`!!int`, `!name`) are not part of a spec",
    "(COMMA)": "E-YAML-COMMA: a comma inside brackets or braces ends the value: this is",
    "(SPACE)": "E-YAML: a space is missing after this colon",
}
REFUSED = {
    # what is YAML, but no spec
    "a: &x 1\nb: *x": ["1 a: >&x< 1 (ANCHOR)", "2 b: >*x< (ALIAS)"],
    "*x : 1": ["1 >*x< : 1 (ALIAS)"],
    "*x": ["1 >*x< (ALIAS)"],
    "&x\na: *x": ["1 >&x< (ANCHOR)", "2 a: >*x< (ALIAS)"],
    "a: {<<: *x, b: 1}": ["1 a: {>\u2060<<<: *x, b: 1} (MERGE)"],
    "<<: [*x, *y]": ["1 >\u2060<<<: [*x, *y] (MERGE)", "1 <<: [>*x<, *y] (ALIAS)", "1 <<: [*x, >*y<] (ALIAS)"],
    "a: !!int 3": ["1 a: >!!int< 3 (TAG)"],
    "a: !x [!y 1]": ["1 a: >!x< [!y 1] (TAG)", "1 a: !x [>!y< 1] (TAG)"],
    "a: !": ["1 a: >!< (TAG)"],
    "a: !e!x 1": ["1 a: >!<e!x 1 (TAG)"],
    "a: !<> 1": ["1 a: >!<<> 1 (TAG)"],
    "a: !%ff 1": ["1 a: >!<%ff 1 (TAG)"],
    "%YAML 1.2\n---\na: 1": ["1 >%<YAML 1.2 E-YAML-DIRECTIVE: directives (`%YAML`) are not part of a spec"],
    "a: 1\n%x": ["2 >%<x E-YAML-DIRECTIVE: directives (`%YAML`) are not part of a spec"],
    "a: 1\n--- # b\nb: 2": ["2 >---< # b E-YAML-DOCUMENT: a second document starts here"],
    "a: " + "[" * 40: [f"1 a: {'[' * 31}>[<{'[' * 8} E-YAML-DEPTH: lists and mappings are nested more than 32 deep"],
    # keys
    "a: 1\nb: 2\na: 3\n'a': 4": [
        "3 >a<: 3 E-DUP: the key `a` stands twice: first in line 1, then here",
        "4 >'a'<: 4 E-DUP: the key `a` stands twice: first in line 1, then here",
    ],
    'a: {b: 1, c, "b": 2, c}': [
        '1 a: {b: 1, c, >"b"<: 2, c} E-DUP: the key `b` stands twice: first in column 5, then here',
        '1 a: {b: 1, c, "b": 2, >c<} E-DUP: the key `c` stands twice: first in column 11, then here',
    ],
    "[a, b]: 1": ["1 >[a, b]<: 1 E-YAML-KEY: a list can't be a key"],
    "a: {{ b }}": ["1 a: {>{ b }<} E-YAML-KEY: a mapping can't be a key"],
    "? - a\n: 1": ["1 ? >-< a E-YAML-KEY: a list can't be a key"],
    "? : x": ["1 ? >:< x E-YAML: a key is missing before this colon"],
    "?\n: x": ["1 ?>< E-YAML-KEY: a key is missing before this colon"],
    ": 1": ["1 >:< 1 E-YAML: a key is missing before this colon"],
    "a: {: 1}": ["1 a: {>:< 1} E-YAML: a key is missing before this colon"],
    "a: {size:3}": ["1 a: {>size:3<} E-YAML-SPACE: `size:3` is one word"],
    "conv1:{conv: 64}": ["1 >conv1:{conv<: 64} E-YAML-SPACE: `conv1:{conv` is one word"],
    # commas of an expression
    "{a: max(8, c // 4), b: 1}": ["1 {a: >max(8, c // 4)<, b: 1} (COMMA) `max(8`"],
    "a: [min(max(1, x), 9), 2]": ["1 a: [>min(max(1, x), 9)<, 2] (COMMA) `min(max(1`"],
    "a: {b: (1 + 2, c: 3}": ["1 a: {b: >(<1 + 2, c: 3} E-YAML-COMMA: this `(` is never closed"],
    "a: [max(8, c]": ["1 a: [max>(<8, c] E-YAML-COMMA: this `(` is never closed"],
    "a: [f(1\n, 2)]": ["1 a: [>f(1< (COMMA) `f(1`"],
    # the whole
    "": ["E-YAML: the spec is empty"],
    "\n# nothing\n": ["E-YAML: the spec is empty"],
    "---\n...": ["E-YAML: the spec is empty"],
    "- a": ["1 >-< a E-YAML: this is a list; a spec is a mapping of names to values"],
    "[a, b]": ["1 >[a, b]< E-YAML: this is a list; a spec is a mapping of names to values"],
    "a:1": ["1 >a:1< E-YAML: this is one text; a spec is a mapping of names to values"],
    "''": ["1 >''< E-YAML: this is one text; a spec is a mapping of names to values"],
    # tabs, quotes, escapes
    "\ta: 1": ["1 >\t<a: 1 E-YAML: a tab stands where YAML allows only spaces"],
    "a:\n  b: 1\n\tc: 2": ["3 >\t<c: 2 E-YAML: a tab stands where YAML allows only spaces"],
    "a: 1\t# x": ["1 a: 1>\t<# x E-YAML: a tab stands where YAML allows only spaces"],
    "a: @x": ["1 a: >@<x E-YAML: a value can't start with `@`"],
    "a: %x": ["1 a: >%<x E-YAML: a value can't start with `%`"],
    "a: [|]": ["1 a: [>|<] E-YAML: a value can't start with `|`"],
    "a: * 2": ["1 a: >*< 2 E-YAML: a value can't start with `*`"],
    "a: &": ["1 a: >&< E-YAML: a value can't start with `&`"],
    "a: ? b": ["1 a: >?< b E-YAML: a value can't start with `? `"],
    'a: "x\nb: 1': ['1 a: >"<x E-YAML: this quote is never closed'],
    "a: 'x\n---\n'": ["1 a: >'<x E-YAML: this quote is never closed"],
    'a: "\\q"': ['1 a: "\\>q<" E-YAML: this is no escape of double quotes'],
    'a: "\\x4"': ['1 a: "\\x>4<" E-YAML: this is no escape of double quotes'],
    'a: "\\UFFFFFFFF"': ['1 a: ">\\UFFFFFFFF<" E-YAML: this escape stands for no character'],
    'a: "\\ud800"': ['1 a: >"\\ud800"< E-ENC: a spec can\'t hold the character U+D800'],
    'a: "\\0\\a"': ['1 a: >"\\0\\a"< E-ENC: a spec can\'t hold the character U+0000'],
    'a: "\\r"': ['1 a: >"\\r"< E-ENC: a spec can\'t hold the character U+000D'],
    '"\\N": 1': ['1 >"\\N"<: 1 E-ENC: a spec can\'t hold the character U+0085'],
    "a: | x\n  y": ["1 a: | >x< E-YAML: `x` can't follow `|` or `>`"],
    "a: >=3": ["1 a: >>=<3 E-YAML: `=` can't follow `|` or `>`"],
    "a: |0\n  y": ["1 a: |>0< E-YAML: `0` can't follow `|` or `>`"],
    # brackets
    "a: [1, 2\nb: 3": ["1 a: >[<1, 2 E-YAML: this `[` is never closed"],
    "x:\n  a: {b: 1,\n  c: {d: 1}": ["2   a: >{<b: 1, E-YAML: this `{` is never closed"],
    "a: {b: 1, c: [1, 2}": ["1 a: {b: 1, c: [1, 2>}< E-YAML: `}` can't close `[`"],
    "a: {b: 1]": ["1 a: {b: 1>]< E-YAML: `]` can't close `{`"],
    "a: [1]]": ["1 a: [1]>]< E-YAML: `]` closes nothing"],
    "a: {b: x[0]}": ["1 a: {b: x>[<0]} E-YAML: `[` ends the value before it"],
    "a: {b: c: d}": ["1 a: {b: c>:< d} E-YAML: `:` ends the value before it"],
    "a: {b ? c}": ["1 a: {b >?< c} E-YAML: `?` ends the value before it"],
    'a: {\n  b: "1"\n  c: "2"\n}': ['3   >c<: "2" E-YAML: a comma is missing before this'],
    "a: {b: [1,\n": ["1 a: {b: >[<1, E-YAML: this `[` is never closed"],
    "a: {b:": ["1 a: >{<b: E-YAML: this `{` is never closed"],
    "a: [1,, 2]": ["1 a: [1,>,< 2] E-YAML: a value is missing before this"],
    # lines
    "a: b: c": ["1 a: b>:< c E-YAML: this colon ends no key"],
    "a: x if y else z: w": ["1 a: x if y else z>:< w E-YAML: this colon ends no key"],
    "a:1\nb: 2": ["1 a>:<1 (SPACE)"],
    "a:\n  - b:1\n\n  # c\n    c: 2": ["2   - b>:<1 (SPACE)"],
    "# x\na:1\n# y\nb: 2": ["2 a>:<1 (SPACE)"],
    "a: 1\nb:2\nc: 3": ["2 b>:<2 (SPACE)"],
    "a: 1\n  b: 2": ["2   >b<: 2 E-YAML: this line is indented deeper than a complete one above it"],
    "a\nb: 1": ["1 >a< E-YAML: this line is no `name: value`"],
    "a: 1\nb\nc: 2": ["2 >b< E-YAML: this line is no `name: value`"],
    "a: 1\nb c": ["2 >b c< E-YAML: this line is no `name: value`"],
    "a:\n    b: 1\n  c: 2": ["3   >c<: 2 E-YAML: the indentation of this line fits nothing above it"],
    "  a: 1\nb: 2": ["2 >b<: 2 E-YAML: the spec has ended before this"],
    "a: 1\n...\nb: 2": ["3 >b<: 2 E-YAML: the spec has ended before this"],
    "a: - b": ["1 a: >-< b E-YAML: a list can't start on the line of its key"],
    "a: 1\n- b": ["2 >-< b E-YAML: keys and list items are mixed here"],
    "- a\nb: 1": ["2 >b<: 1 E-YAML: keys and list items are mixed here"],
    'a: "x" + 1': ['1 a: "x" >+< 1 E-YAML: the value has ended before this'],
    "a: [1, 2][0]": ["1 a: [1, 2]>[<0] E-YAML: the value has ended before this"],
    # problems before a syntax error are told with it
    "a: 1\na: 2\nb: [": [
        "2 >a<: 2 E-DUP: the key `a` stands twice: first in line 1, then here",
        "3 b: >[< E-YAML: this `[` is never closed",
    ],
}


@pytest.mark.parametrize("text", REFUSED)
def test_refusal(text: str) -> None:
    expected = [re.sub(r"\([A-Z]+\)", lambda short: SENTENCES[short.group()], line) for line in REFUSED[text]]
    assert [said(problem) for problem in refusal(text)] == [line.replace("\u2060", "") for line in expected]


def test_refusals_are_written_as_the_style_asks() -> None:
    for text in REFUSED:
        for problem in refusal(text):
            for words in filter(None, (problem.sentence, problem.help)):
                assert words[0].islower() or words[0] == "`", words
                assert not words.endswith((".", "!")), words
                assert not re.search(r"illegal|did you mean", words), words
            assert problem.help or problem.code == "E-FILE"


def test_every_message_of_pyyaml_has_an_explanation() -> None:
    """The parts that explanations are found by are PyYAML's own words: a release that changes them fails here."""
    parts = [part for part, _ in errors._EXPLANATIONS]
    used: set[str] = set()
    for context, message in pyyaml_messages():
        found = next((part for part in parts if part in f"{context}: {message}"), None)
        assert found, f"{context}: {message}"
        used.add(found)
    assert used == set(parts)


def pyyaml_messages() -> Iterator[tuple[str, str]]:
    for file in (scanner, yaml_parser):
        for node in ast.walk(ast.parse(inspect.getsource(file))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("ScannerError", "ParserError")
            ):
                context, message = (first_text(argument) for argument in (node.args[0], node.args[2]))
                if "directive" not in context + message and "YAML document" not in message:  # never come so far
                    for form, word in (("a %s node", "a flow node"), ("an %s", "an alias"), ("a %s", "a tag")):
                        context = context.replace(form, word)
                    yield context, message


def first_text(node: ast.AST) -> str:
    texts = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str))
    return next(texts, "None")


def test_an_error_that_nobody_foresaw_keeps_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "_EXPLANATIONS", ())
    assert [said(problem) for problem in refusal("a: b: c")] == ["1 a: b>:< c E-YAML: mapping values are not allowed here"]


@pytest.mark.parametrize("fault", [RecursionError, IndexError, KeyError, AttributeError, ValueError, AssertionError, TypeError])
def test_a_slip_of_pyyaml_becomes_a_problem(fault: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def slip(self: parser._Events) -> None:
        raise fault

    monkeypatch.setattr(parser._Events, "fetch_flow_sequence_start", slip)
    assert [said(problem) for problem in refusal("a: [1]")] == ["1 a: >[<1] E-YAML: the text is not YAML from here on"]


STANDARD_TAGS = ["binary", "bool", "float", "int", "map", "merge", "null", "omap", "pairs", "seq", "set", "str", "timestamp"]
VALUES = [
    *["", "1", "''", '"x"', "x", "[]", "{}", "[1, 2]", "{a: 1}", "~"],
    *["true", "1.5", ".nan", "2020-01-01", "<<", "=", "0x1", "1_0", "|-\n  x", "\n- x"],
]


@pytest.mark.parametrize(
    "tag", [*(f"!!{name}" for name in STANDARD_TAGS), "!", "!foo", "!!python/object/apply:os.system", "!<x>"]
)
def test_tags_are_refused_on_every_value(tag: str) -> None:
    for value in VALUES:
        assert [problem.code for problem in refusal(f"a: {tag} {value}")] == ["E-YAML-TAG"]


@pytest.mark.parametrize("depth", [DEEPEST, DEEPEST + 1])
@pytest.mark.parametrize("form", ["[", "{a: ", "- ", "lines"])
def test_depth(form: str, depth: int) -> None:
    texts = {
        "[": "a: " + "[" * (depth - 1) + "]" * (depth - 1),
        "{a: ": "{a: " * depth + "1" + "}" * depth,
        "- ": "a:\n" + "- " * (depth - 1) + "1",
        "lines": "\n".join("  " * level + "a:" for level in range(depth)),
    }
    if depth <= DEEPEST:
        assert tree(texts[form])
    else:
        assert [problem.code for problem in refusal(texts[form])] == ["E-YAML-DEPTH"]


def test_number_of_events() -> None:
    rest = 2 + 2 + 2 + 1 + 2  # starts and ends of stream, document and mapping; the key; start and end of the list
    most = "a: [" + "1," * (MOST_EVENTS - rest)
    assert len(plain(tree(most + "]"))["a"]) == MOST_EVENTS - rest
    assert [said(problem) for problem in refusal(most + "1]")] == ["E-SIZE: the spec has more than 50,000 parts"]


# ---- files and encodings


def test_read(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"name: Net\r\ninput: [3, 8, 8]")
    assert plain(read(path)) == {"name": "Net", "input": ["3", "8", "8"]}
    assert read(path).place.source == Source(path.as_posix(), "name: Net\ninput: [3, 8, 8]")
    assert read(path, "specs/x.yaml").place.source.name == "specs/x.yaml"
    assert load(path).text.count("\n") == 1


def file_refusal(path: Path) -> list[str]:
    with pytest.raises(SpecError) as caught:
        read(path, "x.yaml")
    assert all(problem.place.source.name == "x.yaml" for problem in caught.value.problems)
    assert caught.value.__cause__ is None
    return [said(problem) for problem in caught.value.problems]


def test_the_size_limit_is_exact(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"a: " + b"x" * (MOST_BYTES - 3))
    assert read(path)
    path.write_bytes(b"a: " + b"x" * (MOST_BYTES - 2))
    assert file_refusal(path) == ["E-SIZE: the spec is larger than 256 KiB"]
    assert [said(problem) for problem in refusal("a: " + "é" * (MOST_BYTES // 2))] == [
        "E-SIZE: the spec is larger than 256 KiB"
    ]


@pytest.mark.parametrize("name", ["missing.yaml", "x.yaml/y", "a\0b", "x" * 5000, "\ud800"])
def test_no_such_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "x.yaml").write_text("a: 1")
    assert file_refusal(tmp_path / name) == ["E-FILE: there is no such file"]


def test_a_folder_is_no_spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert file_refusal(tmp_path) == ["E-FILE: this is a folder, not a file"]
    monkeypatch.setattr(os, "open", refusing(PermissionError(13, "Permission denied")))  # as Windows does
    assert file_refusal(tmp_path) == ["E-FILE: this is a folder, not a file"]


def refusing(error: OSError) -> Callable[..., int]:
    def call(*_: object) -> int:
        raise error

    return call


@pytest.mark.skipif(os.name == "nt", reason="no such files on Windows")
def test_pipes_and_devices_are_no_specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    os.symlink(tmp_path / "loop", tmp_path / "loop")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # the path of a socket must be short
        server.bind("socket")
        for path in (tmp_path / "pipe", tmp_path / "socket", Path("/dev/zero"), Path("/dev/null")):
            assert file_refusal(path) == ["E-FILE: this is a pipe or a device, not a file"]
    assert file_refusal(tmp_path / "loop") == ["E-FILE: this is a link that leads nowhere"]


def test_a_file_that_the_system_refuses_is_a_fault_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: 1")

    for name, error, reason in (
        ("open", PermissionError(13, "Permission denied"), "permission denied"),
        ("open", OSError(24, "Too many open files"), "Too many open files"),
        ("fstat", OSError(5, "Input/output error"), "Input/output error"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, refusing(error))
            with pytest.raises(EnvironmentFault) as caught:
                read(path, "x.yaml")
        assert caught.value.sentence == f"`x.yaml` can't be read: {reason}"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xef\xbb\xbfa: 1", "1 >\ufeff<a: 1 E-ENC: the file starts with a byte order mark"),
        ("a: 1".encode("utf-16"), "E-ENC: the file is UTF-16, not UTF-8"),
        ("\ufeffa: 1".encode("utf-16-be"), "E-ENC: the file is UTF-16, not UTF-8"),
        ("a: 1".encode("utf-16-le"), "1 a>\0<:\0 \x001\0 E-ENC: a spec can't hold the character U+0000"),
        ("a: 1\r\nb: é\n".encode("latin-1"), "2 b: >\\xe9< E-ENC: the byte 0xe9 is not UTF-8"),
        (b"a: \xc0\xaf", "1 a: >\\xc0<\\xaf E-ENC: the byte 0xc0 is not UTF-8"),
        (b"a: \xed\xa0\x80", "1 a: >\\xed<\\xa0\\x80 E-ENC: the byte 0xed is not UTF-8"),
        ("a: é\nb: \u0085 \x07 \x07".encode(), "2 b: >\u0085< \x07 \x07 E-ENC: a spec can't hold the character U+0085"),
        ("a: x\u2028y".encode(), "1 a: x>\u2028<y E-ENC: a spec can't hold the character U+2028"),
        (b"a: 1\n\xff", "2 >\\xff< E-ENC: the byte 0xff is not UTF-8"),
    ],
)
def test_encodings(tmp_path: Path, data: bytes, expected: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(data)
    assert file_refusal(path)[0].endswith(expected)


def test_each_unclean_character_is_told_once() -> None:
    assert [problem.place[1:3] for problem in refusal("a: \x07\x07 \x00\nb: \x07\x7f")] == [(1, 4), (1, 7), (2, 5)]


@pytest.mark.parametrize(
    "spot", ["{}name: x", "na{}me: x", "name: x{}y", "name: 'x{}y'", "name: x # {}", "name: x{}", "{}", "a: |\n  x{}y"]
)
def test_every_byte_at_every_spot(tmp_path: Path, spot: str) -> None:
    path = tmp_path / "x.yaml"
    before, _, after = spot.partition("{}")
    for byte in range(256):
        path.write_bytes(before.encode() + bytes([byte]) + after.encode())
        unclean = byte >= 0x7F or (byte < 0x20 and chr(byte) not in "\t\n\r")
        try:
            assert isinstance(read(path), Mapping)
            assert not unclean, byte
        except SpecError as error:
            assert ([problem.code for problem in error.problems] == ["E-ENC"]) == unclean, byte
            assert str(error).isascii()


# ---- properties

SOUP = st.lists(
    st.sampled_from(
        [
            "\n",
            "  ",
            " ",
            "\t",
            ":",
            ": ",
            "- ",
            "? ",
            "[",
            "]",
            "{",
            "}",
            ",",
            "'",
            '"',
            "|",
            ">",
            "#",
            " #",
            "&a",
            "*a",
            "!",
            "!!int ",
            "%",
            "---\n",
            "...\n",
            "\\",
            "\\x",
            "\\U",
            "\\ud800",
            "<<: ",
            "a",
            "b: 1\n",
            "(",
            ")",
            "\r",
            "é",
            "\x00",
            "@",
            "`",
            "::error::x",
            "a: ",
            "x:1",
            "\n  ",
            "max(8, c)",
            "2-",
            "!e!x ",
            "漢",
            "a: [",
            "b: {",
            "'x'",
        ]
    ),
    max_size=14,
).map("".join)


@relaxed
@given(SOUP | st.text())
def test_any_text_gives_a_mapping_or_a_refusal(text: str) -> None:
    try:
        found = tree(text)
    except SpecError as error:
        assert error.problems
        shown = str(error)
        assert all(character == "\n" or " " <= character <= "~" for character in shown)
        for problem in error.problems:
            lines = problem.place.source.text.split("\n")
            assert problem.place.line == 0 or problem.place.column <= len(lines[problem.place.line - 1]) + 1
    else:
        assert plain(found) == yaml.load(text, Loader=yaml.BaseLoader)  # PyYAML's own composer, which resolves nothing
        assert_places(found)


def assert_places(found: Mapping) -> None:
    """A scalar on one line stands where its place says, as it was written."""
    for scalar in scalars(found):
        written = scalar.place.source.line(scalar.place.line)[scalar.place.column - 1 :][: scalar.place.length]
        if scalar.plain and "\n" not in scalar.text and written and scalar.text:
            assert scalar.text.startswith(written)
        elif scalar.text and not scalar.plain:
            assert written[0] in "'\"|>"


CLEAN = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufeff\u2028\u2029\ufffe\uffff"), max_size=20
)
TREES = st.dictionaries(
    CLEAN, st.recursive(CLEAN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(CLEAN, inner, max_size=4))
)


@settings(relaxed, max_examples=examples(150))
@given(TREES, st.sampled_from([None, 2]))
def test_json_reads_back(value: dict[str, Any], indent: int | None) -> None:
    """JSON text is YAML: whatever is written so comes back, and every text at its place."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    found = tree(text)
    assert plain(found) == value
    for scalar in scalars(found):
        line, start = scalar.place.source.line(scalar.place.line), scalar.place.column - 1
        assert json.loads(line[start : start + scalar.place.length]) == scalar.text


@relaxed
@given(st.lists(st.text(string.ascii_lowercase, min_size=1, max_size=4), min_size=1), st.booleans())
def test_duplicate_keys_are_found_wherever_they_stand(keys: list[str], flow: bool) -> None:
    text = "top: {" + ", ".join(keys) + "}" if flow else "\n".join(f"{key}:" for key in keys)
    if len(set(keys)) == len(keys):
        assert tree(text)
        return
    problems = refusal(text)
    assert [problem.code for problem in problems] == ["E-DUP"] * (len(keys) - len(set(keys)))
    for problem in problems:
        start = problem.place.column - 1
        assert f"`{problem.place.source.line(problem.place.line)[start : start + problem.place.length]}`" in problem.sentence


# ---- hostile documents: each in a process of its own, with 20 s of processor time and 256 MiB of memory


def filled(unit: str, start: str = "", end: str = "", size: int = MOST_BYTES) -> str:
    return start + unit * ((size - len((start + end).encode())) // len(unit.encode())) + end


def numbered(unit: str, start: str = "", end: str = "", size: int = MOST_BYTES) -> str:
    units, used = [start], len(start + end)
    while used + len(unit) + 4 <= size:
        units.append(unit.format(len(units)))
        used += len(units[-1])
    return "".join(units) + end


def stairs(size: int = MOST_BYTES) -> str:
    steps, used = [""], 0
    while used + len(steps) + 2 <= size:
        steps.append(" " * (len(steps) - 1) + "a:\n")
        used += len(steps[-1])
    return "".join(steps)


def laughs(size: int = MOST_BYTES) -> str:
    names = "abcdefghi"
    lines = [f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]" for before, name in itertools.pairwise(names)]
    return filled("# ha\n", "\n".join(["a: &a [ha]", *lines, ""]), size=size)


def merges(size: int = MOST_BYTES) -> str:
    lines = [f"m{level}: &m{level} {{<<: [*m{level - 1}, *m{level - 1}]}}" for level in range(1, 23)]
    return filled("# m\n", "\n".join(["m0: &m0 {a: 1}", *lines, ""]), size=size)


READS = ""  # the document is read: it is long, but it is nothing bad
HOSTILE: dict[str, tuple[Callable[[int], str], str]] = {
    "integers": (lambda size: filled("- 1\n", "a:\n", size=size), "E-SIZE"),
    "integers in brackets": (lambda size: filled("1,", "a: [", "]", size=size), "E-SIZE"),
    "keys": (lambda size: numbered("k{}: 1\n", size=size), "E-SIZE"),
    "equal keys": (lambda size: filled("k: 1\n", size=size), "E-DUP"),
    "brackets": (lambda size: filled("[", size=size), "E-YAML-DEPTH"),
    "braces": (lambda size: filled("{", size=size), "E-YAML-DEPTH"),
    "dashes in a line": (lambda size: filled("- ", size=size), "E-YAML-DEPTH"),
    "questions": (lambda size: filled("? ", size=size), "E-YAML-DEPTH"),
    "one scalar": (lambda size: filled("x", "a: ", size=size), READS),
    "words": (lambda size: filled("x\n ", "a: ", size=size), READS),
    "escapes": (lambda size: filled("\\x41", 'a: "', '"', size=size), READS),
    "open quote": (lambda size: filled("x ", 'a: "', size=size), "E-YAML"),
    "colons": (lambda size: filled(":", "a: ", size=size), "E-YAML"),
    "empty mappings": (lambda size: filled("{},", "a: [", "]", size=size), "E-SIZE"),
    "indentation": (lambda size: filled(" ", "a:\n", "b", size=size), READS),
    "stairs": (lambda size: stairs(size), "E-YAML-DEPTH"),
    "comments": (lambda size: filled("# c\n", "a: 1\n", size=size), READS),
    "documents": (lambda size: filled("---\n", size=size), "E-YAML-DOCUMENT"),
    "tags": (lambda size: filled("!!int 1,", "a: [", "]", size=size), "E-YAML-TAG"),
    "percents": (lambda size: filled("%a\n", size=size), "E-YAML-DIRECTIVE"),
    "block scalar": (lambda size: filled(" x\n", "a: |\n", size=size), READS),
    "dashes": (lambda size: filled("-", size=size), "E-YAML"),
    "quotes": (lambda size: filled("'", "a: ", size=size), "E-YAML"),
    "commas": (lambda size: filled(",", "a: [", "]", size=size), "E-YAML"),
    "commas and spaces": (lambda size: filled(", ", size=size), "E-YAML"),
    "billion laughs": (laughs, "E-YAML-ALIAS"),
    "merge doubling": (merges, "E-YAML-ALIAS"),
    "anchors": (lambda size: filled("&a 1,", "a: [", "]", size=size), "E-YAML-ALIAS"),
    "an alias to itself": (lambda size: filled("# a\n", "a: &a [*a]\n", size=size), "E-YAML-ALIAS"),
    "parentheses": (lambda size: filled("a(,", "a: [", "]", size=size), "E-YAML-COMMA"),
    "missing spaces": (lambda size: numbered("k:{},", "a: {", "}", size=size), "E-YAML-SPACE"),
    "long keys": (lambda size: numbered("x" * 1000 + "{}, ", "a: {", "}", size=size), READS),
    "control characters": (lambda size: filled("".join(map(chr, range(1, 32))), size=size), "E-ENC"),
    "wide characters": (lambda size: filled("😀", "a: ", size=size), READS),
}

CHILD = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
resource.setrlimit(resource.RLIMIT_AS, (2**28, 2**28))
from pathlib import Path
from archgen.diagnostics import SpecError
from archgen.syntax.parser import read
for name in sys.argv[1:]:
    try:
        read(Path(name))
        print("read")
    except SpecError as error:
        str(error)
        print(error.problems[0].code)
"""


def child(*paths: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", "-c", CHILD, *map(str, paths)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


limited = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of a process as Linux has them")


@limited
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_document(name: str, tmp_path: Path) -> None:
    """At the largest size that is read, and at 1 MiB, where size alone refuses it."""
    make, code = HOSTILE[name]
    for size in (MOST_BYTES, 4 * MOST_BYTES):
        data = make(size).encode()
        assert size - 1100 < len(data) <= size
        (tmp_path / f"{size}.yaml").write_bytes(data)
    found = child(*(tmp_path / f"{size}.yaml" for size in (MOST_BYTES, 4 * MOST_BYTES)))
    assert (found.returncode, found.stdout.split(), found.stderr) == (0, [code or "read", "E-SIZE"], "")


@limited
def test_a_document_that_were_read_whole_would_break_the_limit(tmp_path: Path) -> None:
    """The limits are real: under them, what archgen never does fails."""
    path = tmp_path / "x.yaml"
    path.touch()
    os.truncate(path, 2**29)
    assert child(path).stdout.split() == ["E-SIZE"]
    greedy = CHILD.replace("read(Path(name))", "Path(name).read_bytes()")
    found = subprocess.run([sys.executable, "-c", greedy, str(path)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "MemoryError" in found.stderr
