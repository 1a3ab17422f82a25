"""What is allowed and seldom meant: each case is a file beside the exact text that a user sees.

`ARCHGEN_WRITE_CASES=1 python -m pytest tests/test_notes.py` writes the texts anew; read the difference before you commit it.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

import archgen
from archgen import cli
from archgen.diagnostics import render_all
from archgen.language import extends
from archgen.views import show
from tests.test_errors import faults

FOLDER = Path(__file__).parent / "notes"
CASES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def notes(name: str) -> str:
    """What a user reads of a spec in the current folder, beside its result."""
    network = archgen.load(f"{name}.yaml").checked()
    network.source()
    return render_all(network.notes) + "\n"


@pytest.mark.parametrize("name", CASES)
def test_the_note(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    found, expected = notes(name), FOLDER / f"{name}.txt"
    if os.environ.get("ARCHGEN_WRITE_CASES"):
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")
    assert faults(found) == []


@pytest.mark.parametrize("name", CASES)
def test_a_note_is_no_fault_unless_strict(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(FOLDER)
    assert cli.main(["validate", f"{name}.yaml"]) == 0
    assert capsys.readouterr().err == (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    assert cli.main(["validate", "--strict", f"{name}.yaml"]) == 2


def test_layers_that_are_left_out_are_said_as_the_note_tells(tmp_path: Path) -> None:
    """What the help says takes these layers out, and with them all that only they use; so does the note alone."""
    shutil.copytree(FOLDER / "parents", tmp_path / "parents")
    path = tmp_path / "small.yaml"
    text = (FOLDER / "layers_that_reach_no_output.yaml").read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    before = archgen.load(path)
    (note,) = before.notes
    path.write_text(text + "\n".join(re.findall("`([^`]*)`", note.help)) + "\n", encoding="utf-8")
    after = archgen.load(path)
    assert after.notes == ()
    assert after.spec == before.spec
    assert [parameter.name for parameter in after.spec.parameters] == []
    assert (after.spec.constants, after.graph.with_defaults, list(after.graph.blocks)) == (
        (),
        frozenset(),
        ["SqueezeExcite", "BasicBlock"],
    )
    shown = show.text(extends.load(path), show.Used(after.spec, after.graph))
    path.write_text(shown, encoding="utf-8")
    assert archgen.load(path).spec == after.spec.replace(option_defaults=(), blocks=())


def test_the_zoo_has_no_notes() -> None:
    """A note that every honest spec gets would be read by nobody."""
    for path in sorted((Path(__file__).parents[1] / "specs").glob("*.yaml")):
        assert archgen.load(path).notes == (), path.name


def test_every_text_has_its_case() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.txt")) == CASES
