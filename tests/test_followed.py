"""A help works when it is followed: beside each case stands the spec of a user who did what its helps say, and no more.

`tests/errors/followed/NAME.yaml` is `tests/errors/NAME.yaml` after that, `tests/notes/followed/NAME.yaml` the same for a note.
Who adds a case with a help writes that file too; who changes a help follows it anew.
"""

from __future__ import annotations

import difflib
import re
import shutil
from pathlib import Path

import pytest

import archgen

ERRORS, NOTES = (Path(__file__).parent / folder for folder in ("errors", "notes"))
MOST_CHANGED = 3  # lines for each problem of a case

# Cases whose help is not followed, with the reason.
NOT_FOLLOWED: dict[str, str] = {}

# Cases that take more lines: "remove it" of a block, "put it in a block".
LONGER = {"unused_block": 5, "copies_of_a_residual": 5, "copies_with_when": 6}

# What the help writes out has a key that the spec has already: it stands below that.
JOINED = {"layers_in_a_block_that_reach_nothing"}


def helped(folder: Path) -> list[str]:
    """The cases of which some help says what to do."""
    texts = sorted(folder.glob("*.txt"))
    return [path.stem for path in texts if re.search("^help: ", path.read_text(encoding="utf-8"), re.MULTILINE)]


CASES = [(folder, name) for folder in (ERRORS, NOTES) for name in helped(folder) if name not in NOT_FOLLOWED]


def followed(folder: Path, name: str, here: Path) -> archgen.Network:
    """Copies the followed case with what it extends; returns its network. Raises SpecError."""
    shutil.copytree(folder / "parents", here / "parents")
    network = archgen.load(shutil.copy(folder / "followed" / f"{name}.yaml", here)).checked()
    network.source()
    return network


def changed(before: str, after: str) -> int:
    """How many lines differ."""
    pieces = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False).get_opcodes()
    return sum(max(i2 - i1, j2 - j1) for kind, i1, i2, j1, j2 in pieces if kind != "equal")


@pytest.mark.parametrize(("folder", "name"), CASES, ids=[name for _, name in CASES])
def test_what_the_help_says_is_a_spec(folder: Path, name: str, tmp_path: Path) -> None:
    network = followed(folder, name, tmp_path)
    if folder == NOTES:
        assert network.notes == ()


@pytest.mark.parametrize(("folder", "name"), CASES, ids=[name for _, name in CASES])
def test_no_more_is_done_than_the_help_says(folder: Path, name: str) -> None:
    case, text = folder / f"{name}.yaml", (folder / f"{name}.txt").read_text(encoding="utf-8")
    lines = changed(case.read_text(encoding="utf-8"), (folder / "followed" / case.name).read_text(encoding="utf-8"))
    problems = len(re.findall(r"^[\w./]+(?::\d+:\d+)?: (?:error|note): ", text, re.MULTILINE))
    assert 0 < lines <= LONGER.get(name, MOST_CHANGED * problems)


@pytest.mark.parametrize(("folder", "name"), CASES, ids=[name for _, name in CASES])
def test_what_a_help_writes_out_is_written(folder: Path, name: str) -> None:
    """Where it says "write" and a text without a gap, that text stands in the followed spec."""
    said = " ".join((folder / f"{name}.txt").read_text(encoding="utf-8").split())
    spec = " ".join((folder / "followed" / f"{name}.yaml").read_text(encoding="utf-8").split())
    missing = [text for text in re.findall("write `([^`]*)`", said) if "..." not in text and text not in spec]
    assert bool(missing) == (name in JOINED)


def test_each_followed_spec_has_its_case() -> None:
    for folder in (ERRORS, NOTES):
        names = sorted(path.stem for path in (folder / "followed").glob("*.yaml"))
        assert names == sorted(set(helped(folder)) - set(NOT_FOLLOWED))


@pytest.mark.parametrize("name", ["misspelt_op", "residual_that_does_not_fit", "unquoted_comma"])
def test_a_help_that_leads_nowhere_would_be_seen(name: str, tmp_path: Path) -> None:
    """A case that is its own followed spec is refused, and has no line changed."""
    text = (ERRORS / f"{name}.yaml").read_text(encoding="utf-8")
    (tmp_path / "followed").mkdir()
    (tmp_path / "parents").mkdir()
    (tmp_path / "followed" / f"{name}.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "here").mkdir()
    with pytest.raises(archgen.SpecError):
        followed(tmp_path, name, tmp_path / "here")
    assert changed(text, text) == 0
