"""What checks print for the programs of a CI: annotations, JUnit's XML and JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import jsonschema
import pytest

from archgen import checked
from archgen.checked import Annotation, Checked
from tests.conftest import ROOT, SMALL, Result

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SCHEMA = json.loads((ROOT / "docs/check.schema.json").read_text(encoding="utf-8"))
WRONG = SMALL.replace("relu: relu", "relu: rellu")


def stale(project: Path, archgen: Callable[..., Result]) -> None:
    """A module of each state: up to date, stale, edited, missing, left over."""
    for name in ("fine", "stale", "edited", "missing", "gone"):
        (project / f"specs/{name}.yaml").write_text(SMALL.replace("Small", name.title()))
    (project / "specs/small.yaml").unlink()
    assert archgen("build").code == 0
    (project / "specs/stale.yaml").write_text(SMALL.replace("Small", "Stale").replace("conv: 16", "conv: 8"))
    with (project / "generated/edited.py").open("a") as file:
        file.write("# mine\n")
    (project / "generated/missing.py").unlink()
    (project / "specs/gone.yaml").unlink()


def test_annotations_of_modules(project: Path, archgen: Callable[..., Result]) -> None:
    stale(project, archgen)
    result = archgen("build", "--check", "--format", "github")
    assert result.code == 1
    assert result.out.splitlines() == [
        "::error file=specs/edited.yaml,title=edited::`generated/edited.py`: edited since archgen wrote it; "
        "`archgen build` writes it anew, with `--force`",
        "::error file=specs/missing.yaml,title=missing::`generated/missing.py`: missing; `archgen build` writes it anew",
        "::error file=specs/stale.yaml,title=stale::`generated/stale.py`: stale, its spec, its style or archgen has changed; "
        "`archgen build` writes it anew",
        "::error file=generated/gone.py,title=left over::`generated/gone.py`: left over, its spec is gone; remove it",
    ]


def test_junit_of_modules(project: Path, archgen: Callable[..., Result]) -> None:
    stale(project, archgen)
    suite = ElementTree.fromstring(archgen("build", "--check", "--format", "junit").out)
    assert (suite.get("tests"), suite.get("failures")) == ("5", "4")
    states = {case.get("name"): [one.get("type") for one in case] for case in suite}
    assert states == {
        "generated/edited.py": ["edited"],
        "generated/fine.py": [],
        "generated/missing.py": ["missing"],
        "generated/stale.py": ["stale"],
        "generated/gone.py": ["left over"],
    }


def test_json_of_modules(project: Path, archgen: Callable[..., Result]) -> None:
    stale(project, archgen)
    values = json.loads(archgen("build", "--check", "--format", "json").out)
    jsonschema.validate(values, SCHEMA)
    assert (values["command"], values["fine"], len(values["files"])) == ("archgen build --check", False, 5)


@pytest.mark.parametrize("command", [("validate", "specs/small.yaml", "specs/wrong.yaml"), ("build", "--check")])
def test_a_spec_that_is_refused(command: tuple[str, ...], project: Path, archgen: Callable[..., Result]) -> None:
    (project / "specs/wrong.yaml").write_text(WRONG)
    result = archgen(*command, "--format", "github")
    assert (result.code, result.err) == (2, "")
    assert result.out.startswith("::error file=specs/wrong.yaml,line=6,col=9::`rellu` is no op or block; the nearest is")
    values = json.loads(archgen(*command, "--format", "json").out)
    jsonschema.validate(values, SCHEMA)
    assert [(one["file"], len(one["found"])) for one in values["files"]] == [("specs/small.yaml", 0), ("specs/wrong.yaml", 1)]
    suite = ElementTree.fromstring(archgen(*command, "--format", "junit").out)
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")


def test_a_parent_that_is_refused_is_told_at_its_place(project: Path, archgen: Callable[..., Result]) -> None:
    (project / "specs/small.yaml").write_text(WRONG)
    (project / "specs/child.yaml").write_text("extends: small.yaml\nname: Child\n")
    out = archgen("validate", "specs/child.yaml", "--format", "github").out
    assert out.startswith("::error file=specs/small.yaml,line=6,col=9::")


def test_a_note_is_no_failure(project: Path, archgen: Callable[..., Result]) -> None:
    (project / "specs/small.yaml").write_text(SMALL.replace("  relu: relu\n", "  twice: {add, from: [conv1, conv1]}\n"))
    result = archgen("validate", "specs/small.yaml", "--format", "github")
    assert result.code == 0
    assert result.out.startswith("::notice file=specs/small.yaml,line=6,")
    suite = ElementTree.fromstring(archgen("validate", "specs/small.yaml", "--format", "junit").out)
    assert (suite.get("failures"), [one.tag for one in suite[0]]) == ("0", ["system-out"])
    assert archgen("validate", "specs/small.yaml", "--format", "github", "--strict").code == 2


def test_nothing_found(project: Path, archgen: Callable[..., Result]) -> None:
    assert archgen("validate", "specs/small.yaml", "--format", "github") == Result(0, "archgen validate: nothing found\n", "")


def test_a_format_without_a_check(project: Path, archgen: Callable[..., Result]) -> None:
    result = archgen("build", "--format", "json")
    assert (result.code, (project / "generated").exists()) == (2, False)
    assert "--format goes with --check" in result.err


def test_a_hostile_text_starts_no_command() -> None:
    one = Annotation("error", "a,b:c%\n.yaml", 1, 2, "t", "%0A::set-output name=x::\n::error::y", "##[debug]")
    text = checked.github([Checked("x", (one,))], "x")
    assert text == (
        "::error file=a%2Cb%3Ac%25; .yaml,line=1,col=2,title=t::%250A::set-output name=x::; ::error::y; ##\\x5bdebug]"
    )
    assert "\n" not in text
    assert "<x" not in checked.junit([Checked("<x", (one._replace(sentence="<x>"),))], "x")
