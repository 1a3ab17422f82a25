"""The settings of a project: every fault of a pyproject.toml is told at its place, and none leads out of the project."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from archgen import SpecError, settings
from archgen.diagnostics import Source
from tests import budgets
from tests.conftest import SMALL, Result

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., Result]

HEAD = "[tool.archgen]\n"
USES = [("build",), ("build", "--check"), ("verify", "specs/small.yaml"), ("validate", "specs/small.yaml")]


@pytest.fixture
def write(project: Path) -> Callable[[str | bytes], None]:
    (project / ".git").mkdir()

    def write(text: str | bytes) -> None:
        (project / "pyproject.toml").write_bytes(text.encode() if isinstance(text, str) else text)

    return write


# ---- where the folders may be


@pytest.mark.parametrize("key", settings.FOLDERS)
@pytest.mark.parametrize(
    "value",
    [
        "../else",
        "..",
        "a/../../else",
        "./../else",
        "a/b/../../..",
        "/ABSOLUTE",
        "//ABSOLUTE",
        "~/else",
        "~",
        "C:\\else",
        "C:else",
        "\\\\host\\share",
        "..\\else",
        "file:///else",
        "",
        " ",
        "a\0b",
        "a\x1b[31m",
        "a\nb",
    ],
)
def test_a_folder_that_is_not_the_projects(
    key: str, value: str, archgen: Run, project: Path, write: Callable[[str | bytes], None]
) -> None:
    value = value.replace("ABSOLUTE", str(project / "inside")[1:])  # no path that starts elsewhere, even if it ends here
    escaped = "".join(f"\\u{ord(sign):04x}" if sign in '"\\' or not sign.isprintable() else sign for sign in value)
    write(f'{HEAD}{key} = "{escaped}"\n')
    before = sorted(project.parent.rglob("*"))
    for command in USES:
        result = archgen(*command)
        assert result.code == 2
        assert result.err.startswith(f"pyproject.toml:2:{len(key) + 4}: error: `{key}` ")
        assert f'help: name a folder below this one: `{key} = "{key}"`' in result.err
    assert sorted(project.parent.rglob("*")) == before
    write(f'{HEAD}{key} = "{key}"\n')  # what the help says
    (project / key).mkdir(exist_ok=True)
    assert archgen("build").code == 0


@pytest.mark.parametrize("value", ["out", "./out", "out/", "a/../out", "deep/out", "o u t", "\u00fcber"])
def test_a_folder_of_the_project(value: str, archgen: Run, project: Path, write: Callable[[str | bytes], None]) -> None:
    write(f'{HEAD}generated = "{value}"\n')
    assert archgen("build").code == 0
    assert (project / os.path.normpath(value) / "small.py").is_file()


def test_a_step_back_from_a_link(archgen: Run, project: Path, write: Callable[[str | bytes], None]) -> None:
    """`link/../out` is `out` to who reads it, and another folder to the system."""
    elsewhere = project.parent / f"{project.name}-elsewhere"
    (elsewhere / "inner").mkdir(parents=True)
    (elsewhere / "x.yaml").write_text(SMALL)
    (project / "link").symlink_to(elsewhere / "inner")
    write(f'{HEAD}generated = "link/../out"\n')
    assert archgen("build").code == 0
    assert (project / "out/small.py").is_file()
    for command in [
        ("build", "specs/small.yaml", "-o", "link/../more"),
        ("graph", "specs/small.yaml", "-o", "link/../x.svg"),
        ("init", "alexnet", "-o", "link/../alexnet.yaml"),
        ("validate", "link/../x.yaml"),
    ]:
        result = archgen(*command)
        assert result.code == (2 if command[0] == "validate" else 3)
        assert "leads out of" in result.err
    assert sorted(path.name for path in elsewhere.iterdir()) == ["inner", "x.yaml"]


def test_specs_behind_a_link_that_leads_out(archgen: Run, project: Path, write: Callable[[str | bytes], None]) -> None:
    elsewhere = project.parent / f"{project.name}-elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret.yaml").write_text("BOOM")
    (project / "linked").symlink_to(elsewhere)
    write(f'{HEAD}specs = "linked"\n')
    result = archgen("build")
    assert result.code == 2
    assert result.err.startswith("linked: error: this path leads out of")
    assert "secret" not in result.err


def test_settings_behind_a_link_that_leads_out(archgen: Run, project: Path, write: Callable[[str | bytes], None]) -> None:
    """Of a file whose lines are shown beside its faults, none may be another's."""
    secret = project.parent / f"{project.name}-secret"
    secret.write_text("archgen\nBOOM\n")
    (project / "pyproject.toml").unlink()
    (project / "pyproject.toml").symlink_to(secret)
    for command in USES:
        result = archgen(*command)
        assert (result.code, "BOOM" in result.err) == (2, False)
        assert result.err.startswith("pyproject.toml: error: this path leads out of")


# ---- what is told, and where


@pytest.mark.parametrize(
    ("text", "place", "sentence", "help"),
    [
        ('tool = "archgen"', "1:8", "`tool` is no table", "write `[tool.archgen]`, and its keys below"),
        ("[tool]\narchgen = 3", "2:11", "`archgen` is no table", "write `[tool.archgen]`, and its keys below"),
        ("[[tool.archgen]]\nspecs = 1", "1:3", "`archgen` is no table", "write `[tool.archgen]`, and its keys below"),
        (
            f"{HEAD}specs = 3",
            "2:9",
            "`specs` takes the name of a folder, in quotes",
            'name a folder below this one: `specs = "',
        ),
        ("tool.archgen.specs = [\n]", "1:22", "`specs` takes the name", "name a folder"),
        ("[tool]\narchgen = {specs = true}", "2:20", "`specs` takes the name", "name a folder"),
        ("[tool]\nx = [{a = 1}]\n[ tool . archgen ] # x\n  generated\t=\t1979-01-01", "4:15", "`generated` takes", "name a f"),
        ('[tool.x]\na = """\n[tool.archgen]\nspecs = 3"""\n[tool.archgen]\nspecs = 4', "6:9", "`specs` takes", "name a"),
        ("[tool.archgen]\r\nspecs = 3\r\n", "2:9", "`specs` takes the name", "name a folder"),
        (f"{HEAD}genrated = 'x'", "2:1", "`[tool.archgen]` has no key `genrated`", "the nearest is `generated`; known keys"),
        (f"{HEAD}[tool.archgen.Specs]", "2:2", "`[tool.archgen]` has no key `Specs`", "the nearest is `specs`"),
        (f"{HEAD}'out' = 'x'", "2:1", "`[tool.archgen]` has no key `out`", "known keys of `[tool.archgen]`: `specs`, `gen"),
        ("[tool.archgen", "1:14", "this is no TOML: expected ']'", "close the name of the table with `]`"),
        (f"{HEAD}specs = specs", "2:9", "this is no TOML: invalid value", "a text stands in quotes"),
        (f"{HEAD}specs = 'a'\nspecs = 'b'", "3:12", "this is no TOML: cannot overwrite", "a key stands in a table once"),
        (HEAD + HEAD, "2:14", "this is no TOML: cannot declare", "a table stands in a file once"),
        (f'{HEAD}specs = "a', "2:11", "this is no TOML: unterminated string", "close the text"),
        (f"{HEAD}specs = [1,\n\n", "2:9", "this `[` is never closed", "close it with `]`"),
        (f"{HEAD}specs = [{{a = [1]", "2:10", "this `{` is never closed", "close it with `}`"),
        (f"{HEAD}specs 'a'", "2:7", "this is no TOML: expected '='", "a key is followed by `=` and its value"),
        (f'{HEAD}specs = "a\\x"', "2:13", "this is no TOML: unescaped '\\'", "write a `\\` as `\\\\`"),
        (f"{HEAD}specs = \0", "2:9", "this is no TOML: invalid value", "a text"),
        ("# archgen\0", "1:10", "this is no TOML: found invalid character", "remove the character"),
        (f"{HEAD}x = {'1' * 5000}", "2:5", "this value has more than 1,000 characters", "a text stands in quotes"),
        (f"{HEAD}x = [0, -{'1' * 5000}]", "2:9", "this value has more than 1,000 characters", "a text stands in quotes"),
        (f"{HEAD}x = {'[' * 100_000}", "2:37", "lists and tables are nested more than 32 deep", "simplify it"),
        (f"{HEAD}x = {'{a=' * 50_000}", "2:101", "lists and tables are nested more than 32 deep", "simplify it"),
        (f"{HEAD}{'.'.join('a' * 20_000)} = 1", "2:1", "this key has more than 32 parts", "shorten it"),
        (f"[tool.archgen]\n[{'.'.join('a' * 20_000)}]", "2:2", "this key has more than 32 parts", "shorten it"),
        (f"[[{' . '.join(['a'] * 20_000)}]] # archgen", "1:3", "this key has more than 32 parts", "shorten it"),
        (f"archgen = {{{'.'.join('a' * 20_000)} = 1}}", "1:12", "this key has more than 32 parts", "shorten it"),
        ("# archgen\n" + "#" * 2**18, "", "the file is larger than 256 KiB", "move what another tool needs"),
    ],
    ids=lambda value: repr(value[:30]) if len(value) > 12 else value,
)
def test_a_fault_is_told_at_its_place(
    text: str, place: str, sentence: str, help: str, archgen: Run, write: Callable[[str | bytes], None]
) -> None:
    write(text)
    for command in USES:
        result = archgen(*command)
        assert result.code == 2, result
        told = " ".join(result.err.split())
        assert told.startswith(f"pyproject.toml{place and ':' + place}: error: {sentence}"), told
        assert f"help: {help}" in told
        assert "sys." not in told
        assert not place or "^" in told


def test_a_file_that_is_no_text(archgen: Run, write: Callable[[str | bytes], None]) -> None:
    write(HEAD.encode() + b"specs = '\xff'\n")
    result = archgen("build")
    assert result.code == 2
    assert result.err.startswith("pyproject.toml:2:10: error: the byte 0xff is not UTF-8\n")


def test_all_faults_are_told_at_once(archgen: Run, write: Callable[[str | bytes], None]) -> None:
    write(f"{HEAD}specs = '..'\ngenerated = 3\nverify = true\n")
    assert archgen("build").err.count("error: ") == 3


@pytest.mark.parametrize("line", ['x.y = "a"', "x = [[1, 2], {a = 'b'}]", "'x' = '''a'''", 'x = """a""""'])
def test_what_other_tools_have_there_is_no_matter(line: str, archgen: Run, write: Callable[[str | bytes], None]) -> None:
    write(f"[tool.other]\n{line}\n[tool.archgen]\ngenerated = 'here'\n[[tool.other.more]]\n{line}\n")
    assert archgen("build").out == "wrote here/small.py\n"


def test_a_file_that_does_not_name_archgen_is_not_parsed(archgen: Run, write: Callable[[str | bytes], None]) -> None:
    write("[tool.other\n")
    assert archgen("build").code == 0


def test_a_parser_with_other_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw is a message too: another version's words, a fault without a place."""
    toml = pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")
    for error, sentence, help in [
        (ValueError("Odd thing (at line 1, column 2)"), "this is no TOML: odd thing", "https://toml.io says how it is written"),
        (ValueError("use sys.set_int_max_str_digits()"), "this file is no TOML that Python can read", "simplify it"),
        (RecursionError(), "this file is no TOML that Python can read", "simplify it"),
    ]:

        def loads(_: str, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(toml, "loads", loads)
        with pytest.raises(SpecError) as caught:
            settings._settings(Source("pyproject.toml", f"archgen {sentence}"))
        (problem,) = caught.value.problems
        assert (problem.sentence, problem.help) == (sentence, help)


# ---- bounds

PATH = ".".join(chr(97 + number % 26) for number in range(31))
SLOW = {
    "a key of 130,000 parts": ".".join("a" * 130_000) + " = 1",
    "keys below a table of 130,000 parts": f"[{'.'.join('a' * 100_000)}]\n" + "".join(f"k{n} = 1\n" for n in range(5_000)),
    "long keys below a long table": f"[x.{PATH[:-4]}]\n" + "".join(f"{PATH}.k{n} = 1\n" for n in range(3_400)),
    "long tables": "".join(f"[x{n}.{PATH}]\n" for n in range(3_600)),
    "lists of tables": "[[a]]\n" * 40_000,
    "lists": f"a = [{('[' * 31 + ']' * 31 + ',') * 4_000}]",
    "tables in braces": "".join(f"k{n} = {{{PATH} = {{{PATH} = 1}}}}\n" for n in range(1_800)),
    "texts that do not end": 'a = "\\"\n' * 30_000,
    "quotes": "'''a'''" * 30_000,
    "numbers": f"a = [{'1,' * 125_000}]",
}


@pytest.mark.parametrize("text", SLOW.values(), ids=SLOW)
def test_a_hostile_file_takes_no_time(text: str, project: Path, write: Callable[[str | bytes], None]) -> None:
    write(f"# archgen\n{text}\n")
    took = budgets.run("check", project / "specs/small.yaml", limit=5)
    assert took.code in (1, 2), took
    assert took.peak < 2**28


def test_a_large_file_that_is_honest(archgen: Run, write: Callable[[str | bytes], None]) -> None:
    """The largest of well-known projects have some 100 KiB."""
    tables = "".join(f"[tool.t{n}]\nfiles = ['a', 'b']\n'x.y'.z = {{a = [1, 2.0], b = '''c'''}}\n" for n in range(3_000))
    assert len(tables) > 200_000
    write(f"{tables}{HEAD}generated = 'here'\n")
    assert archgen("build").out == "wrote here/small.py\n"


# ---- which files are specs


@pytest.mark.parametrize("what", ["pipe", "device", "nothing", "folder", "loop"])
@pytest.mark.parametrize("name", ["x.yaml", "x.yml", "X.YAML"])
@pytest.mark.parametrize("options", [(), ("--check",)])
def test_what_is_called_like_a_spec_is_one(
    what: str, name: str, options: tuple[str, ...], archgen: Run, project: Path, write: Callable[[str | bytes], None]
) -> None:
    """What can't be read is refused as if it were named, not left out in silence."""
    path = project / "specs" / name
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    else:
        path.symlink_to({"device": "/dev/zero", "nothing": "gone.yaml", "loop": name}[what])
    result = archgen("build", *options)
    assert result.code == 2
    assert result.err == archgen("build", f"specs/{name}", *options).err
    assert result.err.startswith(f"specs/{name}: error: this ")
    assert not (project / "generated").exists()


def test_the_files_of_an_editor_are_no_specs(archgen: Run, project: Path, write: Callable[[str | bytes], None]) -> None:
    (project / "specs/.#small.yaml").symlink_to("me@here.123")
    (project / "specs/._small.yaml").write_bytes(b"\0\5\26\7")
    (project / "specs/small.yaml~").write_text("x")
    assert archgen("build").out == "wrote generated/small.py\n"
