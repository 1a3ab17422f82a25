"""Bad specs: each case is a file beside the exact text that a user sees.

`ARCHGEN_WRITE_CASES=1 python -m pytest tests/test_errors.py` writes the texts anew; read the difference before you commit it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import archgen

FOLDER = Path(__file__).parent / "errors"
CASES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def message(name: str) -> str:
    """What a user reads of a spec in the current folder."""
    with pytest.raises(archgen.SpecError) as refused:
        archgen.load(f"{name}.yaml").checked()
    return str(refused.value) + "\n"


@pytest.mark.parametrize("name", CASES)
def test_the_message(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    expected = FOLDER / f"{name}.txt"
    found = message(name)
    if os.environ.get("ARCHGEN_WRITE_CASES"):
        expected.write_text(found)
    assert found == expected.read_text()


def test_every_text_has_its_case() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.txt")) == CASES
    assert len(CASES) >= 60


def faults(text: str) -> list[str]:
    """The rules for messages: a place, lowercase, no full stop, plain words, at most 80 columns."""
    found = []
    for line in text.splitlines():
        head = re.fullmatch(r"[\w.]+(?::\d+:\d+)?: error: (.*)", line)
        said = head[1] if head else line.removeprefix("help: ") if line.startswith("help: ") else ""
        if said and (said[0].isupper() or said.endswith(".") or re.search(r"did you mean|illegal|please", said)):
            found.append(line)
        if len(line) > 80 and not head:
            found.append(line)
    if not re.match(r"[\w.]+(?::\d+:\d+)?: error: ", text):
        found.append("no place")
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_message_reads_well(name: str) -> None:
    assert faults((FOLDER / f"{name}.txt").read_text()) == []


def test_the_rules_can_fail() -> None:
    assert faults("x.yaml:1:1: error: Bad thing.\nhelp: did you mean this\n") != []
    assert faults("something is wrong\n") != []


@pytest.mark.parametrize(("path", "sentence"), [("none.yaml", "there is no such file"), (".", "is a folder, not a file")])
def test_a_path_that_is_no_spec(path: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    with pytest.raises(archgen.SpecError, match=sentence):
        archgen.load(path)
