"""How problems look, and that nothing which a spec holds can reach a terminal or a CI log as anything but text."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archgen.diagnostics import (
    EnvironmentFault,
    Place,
    Problem,
    Source,
    SpecError,
    nearest,
    printable,
    quote,
    render,
    render_all,
    render_fault,
    suggest,
)
from tests.conftest import examples

ROOT = Path(__file__).parent.parent
relaxed = settings(max_examples=examples(200))


def problem(
    text: str, line: int, column: int, length: int = 1, sentence: str = "no", help: str = "", name: str = "x.yaml"
) -> Problem:
    return Problem(Place(Source(name, text), line, column, length), sentence, help)


# ---- exact looks

NUMBERED = "name: Net\n" * 11 + "  layer2: {BasicBlok: 128, depth: 2}\n"
LOOKS = {
    "the usual": (
        problem(NUMBERED, 12, 12, 9, "`BasicBlok` is no op or block", "the nearest is `BasicBlock`", "specs/x.yaml"),
        """\
specs/x.yaml:12:12: error: `BasicBlok` is no op or block
  12 |   layer2: {BasicBlok: 128, depth: 2}
     |            ^^^^^^^^^
help: the nearest is `BasicBlock`""",
    ),
    "without a help": (
        problem("a: b", 1, 4),
        """\
x.yaml:1:4: error: no
   1 | a: b
     |    ^""",
    ),
    "the file as a whole": (
        problem("a: b", 0, 0, help="mend it"),
        """\
x.yaml: error: no
help: mend it""",
    ),
    "tabs are shown as escapes": (
        problem("\ta:\tb", 1, 5),
        r"""
x.yaml:1:5: error: no
   1 | \ta:\tb
     |       ^""".lstrip("\n"),
    ),
    "a tab itself": (
        problem("a:\tb", 1, 3),
        r"""
x.yaml:1:3: error: no
   1 | a:\tb
     |   ^^""".lstrip("\n"),
    ),
    "wide characters are shown as escapes": (
        problem("é漢😀: bad", 1, 6, 3),
        r"""
x.yaml:1:6: error: no
   1 | \xe9\u6f22\U0001f600: bad
     |                       ^^^""".lstrip("\n"),
    ),
    "wide characters marked": (
        problem("a: 漢字", 1, 4, 2),
        r"""
x.yaml:1:4: error: no
   1 | a: \u6f22\u5b57
     |    ^^^^^^^^^^^^""".lstrip("\n"),
    ),
    "one past the end of the line": (
        problem("a:\nb: 1", 1, 3),
        """\
x.yaml:1:3: error: no
   1 | a:
     |   ^""",
    ),
    "far past the end of the line": (
        problem("a:", 1, 300, 20),
        """\
x.yaml:1:300: error: no
   1 | a:
     |   ^""",
    ),
    "a mark past the end stops there": (
        problem("a: bc", 1, 4, 50),
        """\
x.yaml:1:4: error: no
   1 | a: bc
     |    ^^""",
    ),
    "an empty line has no excerpt": (
        problem("a:\n\n", 2, 1),
        "x.yaml:2:1: error: no",
    ),
    "no such line": (
        problem("a:", 9, 1),
        "x.yaml:9:1: error: no",
    ),
    "a long line, marked in the middle": (
        problem("a" * 100 + "HERE" + "b" * 100, 1, 101, 4),
        """\
x.yaml:1:101: error: no
   1 | ...aaaaaaaaaaaaaaaaaaaaaHEREbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb...
     |                         ^^^^""",
    ),
    "a long line, marked at its start": (
        problem("HERE" + "b" * 200, 1, 1, 4),
        """\
x.yaml:1:1: error: no
   1 | HEREbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb...
     | ^^^^""",
    ),
    "a long line, marked at its end": (
        problem("a" * 200 + "HERE", 1, 201, 4),
        """\
x.yaml:1:201: error: no
   1 | ...aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaHERE
     |                                                                      ^^^^""",
    ),
    "a long line, marked past its end": (
        problem("a" * 73, 1, 74),
        """\
x.yaml:1:74: error: no
   1 | ...aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
     |                                                                         ^""",
    ),
    "a long mark": (
        problem("a: " + "b" * 200, 1, 4, 200),
        """\
x.yaml:1:4: error: no
   1 | a: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb...
     |    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^""",
    ),
    "a long help is wrapped, a table is not": (
        problem("a", 1, 1, help="known are " + " ".join(["`kernel_size`,"] * 6) + "\n  layer     " + "shape " * 12),
        """\
x.yaml:1:1: error: no
   1 | a
     | ^
help: known are `kernel_size`, `kernel_size`, `kernel_size`, `kernel_size`,
      `kernel_size`, `kernel_size`,
        layer     shape shape shape shape shape shape shape shape shape shape shape shape """,
    ),
    "a long sentence is wrapped behind an indent": (
        problem("a: b", 1, 4, sentence="the value of " + "`kernel_size` " * 6 + "`" + "x" * 70 + "` is no number"),
        """\
x.yaml:1:4: error: the value of `kernel_size` `kernel_size` `kernel_size`
      `kernel_size` `kernel_size` `kernel_size`
      `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx`
      is no number
   1 | a: b
     |    ^""",
    ),
    "a long path is not broken": (
        problem("", 0, 0, sentence="is a folder", name="folder of specs/" * 5 + "x.yaml"),
        "folder of specs/" * 5 + "x.yaml: error: is\n      a folder",
    ),
    "large line numbers": (
        problem("\n" * 123455 + "a: b", 123456, 4),
        """\
x.yaml:123456:4: error: no
123456 | a: b
       |    ^""",
    ),
}


@pytest.mark.parametrize("name", LOOKS)
def test_look(name: str) -> None:
    given_problem, expected = LOOKS[name]
    assert render(given_problem) == expected


def test_style_colours_parts_and_never_the_text_of_the_spec() -> None:
    shown = render(problem("a: b", 1, 4, help="mend it"), lambda text, role: f"<{role}>{text}</>")
    assert shown == (
        "<place>x.yaml:1:4:</> <error>error:</> no\n"
        "<line>   1 | </>a: b\n"
        "<line>     | </>   <caret>^</>\n"
        "<help>help:</> mend it"
    )  # fmt: skip


def test_code_is_not_printed() -> None:
    coded = problem("a: b", 1, 4).replace(code="E-DUP")
    assert "E-DUP" not in render(coded)
    assert coded != problem("a: b", 1, 4)


# ---- several problems


def test_problems_come_in_the_order_of_their_places_and_once() -> None:
    problems = [
        problem("a\nb", 2, 1, sentence="second"),
        problem("a\nb", 1, 1, sentence="first"),
        problem("a\nb", 2, 1, sentence="second", help="said again"),
        problem("a\nb", 0, 0, sentence="whole"),
    ]
    assert re.findall(r"error: (\w+)", render_all(problems)) == ["whole", "first", "second"]
    assert "said again" not in render_all(problems)


def test_twenty_problems_are_shown() -> None:
    text = "a\n" * 30
    shown = render_all(problem(text, line, 1) for line in range(1, 31))
    assert shown.count("error:") == 20
    assert shown.endswith("\n\nand 10 more")
    assert "more" not in render_all(problem(text, line, 1) for line in range(1, 21))


def test_spec_error_holds_its_problems_and_reads_well() -> None:
    first, second = problem("a", 1, 1, sentence="one"), problem("a", 0, 0, sentence="two")
    error = SpecError(first, second)
    assert error.problems == (first, second)
    assert str(error) == "x.yaml: error: two\n\nx.yaml:1:1: error: one\n   1 | a\n     | ^"


def test_environment_fault_reads_well() -> None:
    assert (
        str(EnvironmentFault("torch is not installed", "pip install torch"))
        == "torch is not installed\nhelp: pip install torch"
    )
    assert str(EnvironmentFault("no \x1b[31mspace")) == "no \\x1b[31mspace"


def test_a_long_environment_fault_is_wrapped() -> None:
    fault = EnvironmentFault("a " * 60, "mend it")
    assert render_fault(fault) == "error:" + " a" * 37 + "\n      " + "a " * 22 + "a\nhelp: mend it"
    assert render_fault(fault) == f"error: {fault}"


def test_places_compare_by_value_and_show_no_text() -> None:
    one, two = (Place(Source("x.yaml", "a" * 9999), 1, 2) for _ in range(2))
    assert one == two
    assert hash(one) == hash(two)
    assert one != one._replace(column=3)
    assert repr(one) == "Place(source=Source('x.yaml'), line=1, column=2, length=1)"
    assert problem("a", 1, 1) != problem("a", 1, 2)


def test_lines_count_from_one() -> None:
    source = Source("x", "a\nb\n")
    assert [source.line(number) for number in (-1, 0, 1, 2, 3, 4)] == ["", "", "a", "b", "", ""]


# ---- words


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("conv", "`conv`"),
        ("", "``"),
        ("a\nb\r\t\x00", r"`a\nb\r\t\x00`"),
        ("\x1b[31mred", r"`\x1b[31mred`"),
        ("naïve 漢 😀 \u202e", r"`na\xefve \u6f22 \U0001f600 \u202e`"),
        ("\ud800", r"`\ud800`"),
        ("##[add-mask]x", r"`##\x5badd-mask]x`"),
        ("x" * 70, "`" + "x" * 70 + "`"),
        ("x" * 71, "`" + "x" * 67 + "...`"),
        ("漢" * 20, "`" + (r"\u6f22" * 20)[:67] + "...`"),
    ],
)
def test_quote(text: str, shown: str) -> None:
    assert quote(text) == shown


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("kernel_sise", "kernel_size"),
        ("KERNEL_SIZE", "kernel_size"),
        ("basicblock", "BasicBlock"),
        ("BasicBlok", "BasicBlock"),
        ("strid", "stride"),
        ("zzz", None),
        ("", None),
        ("k" * 10_000, None),
    ],
)
def test_nearest(word: str, expected: str | None) -> None:
    assert nearest(word, ["kernel_size", "stride", "BasicBlock", "padding"]) == expected


def test_nearest_of_equal_candidates_is_the_first() -> None:
    assert nearest("RELU", ["relu", "Relu"]) == "relu"
    assert nearest("relu", []) is None
    assert nearest("relu", [*map(str, range(499)), "relu_"]) == "relu_"
    assert nearest("relu", [*map(str, range(500)), "relu_"]) is None


def test_suggest() -> None:
    assert (
        suggest("pading", ["bias", "padding"], "options of `conv`")
        == "the nearest is `padding`; known options of `conv`: `bias`, `padding`"
    )
    assert suggest("zzz", ["bias"], "options") == "known options: `bias`"
    assert suggest("zzz", [], "options of `relu`") == "there are no options of `relu`"
    names = [f"name{number}" for number in range(20)]
    assert suggest("zzz", iter(names), "ops").endswith("`name10`, `name11` and 8 more")


# ---- nothing gets through

TEXTS = st.text() | st.lists(
    st.sampled_from(
        ["::error::x", "##[debug]", "##", "[", "\x1b[31m", "\n", "\r", " ", "\t", "漢", "a" * 40, "`", "\u2028", "::"]
    )
).map("".join)


def assert_inert(text: str) -> None:
    assert all(character == "\n" or " " <= character <= "~" for character in text), text
    assert not re.search(r"^\s*::", text, re.MULTILINE), text
    assert "##[" not in text


@relaxed
@given(text=TEXTS, name=TEXTS, sentence=TEXTS, help=TEXTS, data=st.data())
def test_rendered_text_is_inert(text: str, name: str, sentence: str, help: str, data: st.DataObject) -> None:
    lines = text.split("\n")
    line = data.draw(st.integers(0, len(lines) + 1))
    place = Place(Source(name, text), line, data.draw(st.integers(1, 300)), data.draw(st.integers(1, 300)))
    shown = render(Problem(place, sentence, help))
    assert_inert(shown)
    assert_inert(quote(text))
    assert len(quote(text)) <= 72


@relaxed
@given(text=st.text(min_size=1).filter(str.strip), data=st.data())
def test_caret_stands_below_its_character(text: str, data: st.DataObject) -> None:
    text = text.replace("\n", " ").replace("##[", "") or "x"
    column = data.draw(st.integers(1, len(text)))
    excerpt = render(problem(text, 1, column)).split("\n")[1:]
    if not excerpt:
        assert not text.strip()
        return
    above, carets = (line[7:] for line in excerpt)
    assert len(excerpt[0]) <= 80
    assert len(excerpt[1]) <= 80
    start, end = carets.index("^"), len(carets)
    character = printable(text[column - 1])
    assert above[start:end].ljust(len(character)) == character


def test_a_wrapped_help_starts_no_workflow_command() -> None:
    assert render(problem("", 0, 0, help="x" * 73 + " ::error::x")).endswith("x\n      \\x3a:error::x")


def test_a_file_name_starts_no_workflow_command() -> None:
    assert render(problem("a", 1, 1, name="::error::.yaml")).startswith(r"\x3a:error::.yaml:1:1: error")


# ---- it is cheap to import

LOADED = """
import sys, types
package = sys.modules["archgen"] = types.ModuleType("archgen")  # without what the package itself imports
package.__path__ = ["archgen"]
from archgen import diagnostics
{}
print(*sorted({{"difflib", "textwrap", "yaml", "dataclasses"}} & set(sys.modules)))
"""


def loaded_after(statement: str) -> list[str]:
    code = LOADED.format(statement)
    return subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()


def test_import_loads_little() -> None:
    assert loaded_after("pass") == []


def test_the_test_above_can_fail() -> None:
    assert loaded_after("diagnostics.nearest('a', ['b'])") == ["difflib"]
