"""validate, shapes and build run without torch, and each command imports only what it needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.conftest import python

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = """
import json, sys
from archgen.cli import main
code = main(sys.argv[1:])
print("\\n" + json.dumps([code, sorted(sys.modules)]))
"""
# A command that imports torch, as a careless change would make it do.
CARELESS = """
from archgen.network import Network
report = Network.report
def careless(self, *arguments):
    import torch
    return report(self, *arguments)
Network.report = careless
"""
HANDBOOK: dict[str, list[str]] = {"list": [], "ops": ["conv"], "init": ["alexnet"]}  # the commands that take no spec


def imported(code: str, *arguments: str, path: Path | None = None) -> set[str]:
    """Returns the names of the modules that a command has imported when it ends."""
    done = python(code, *arguments, path=path)
    assert done.returncode == 0, done.stderr
    exit_code, modules = json.loads(done.stdout.splitlines()[-1])
    assert exit_code == 0, done.stderr
    return set(modules)


def arguments_of(command: str, folder: Path) -> list[str]:
    if command in HANDBOOK:
        return [command, *HANDBOOK[command], *(["-o", str(folder) + ".yaml"] if command == "init" else [])]
    extra = {"build": ["-o", str(folder)], "graph": ["-o", str(folder / "resnet18.html")]}
    return [command, "specs/resnet18.yaml", *extra.get(command, [])]


@pytest.mark.parametrize("command", ["validate", "shapes", "explain", "graph", "show", "build", *HANDBOOK])
def test_no_torch(command: str, tmp_path: Path) -> None:
    modules = imported(COMMAND, *arguments_of(command, tmp_path))
    assert "torch" not in modules
    assert "archgen.verify" not in modules


@pytest.mark.parametrize("command", ["validate", "shapes", "show", "build"])
def test_the_check_can_fail(command: str, tmp_path: Path) -> None:
    fake = tmp_path / "modules"  # so that this test needs no torch
    (fake / "torch").mkdir(parents=True)
    (fake / "torch" / "__init__.py").touch()
    assert "torch" in imported(CARELESS + COMMAND, *arguments_of(command, tmp_path / "out"), path=fake)


@pytest.mark.parametrize(
    ("command", "unneeded"),
    [
        ("validate", {"yaml", "rich", "numpy", "difflib", "archgen.build"}),
        ("shapes", {"yaml", "jinja2", "jsonschema", "rich", "numpy", "difflib", "archgen.emit.module", "archgen.build"}),
        ("ops", {"jinja2", "jsonschema", "rich", "numpy", "difflib", "archgen.emit.module", "archgen.build"}),
        ("list", {"jinja2", "jsonschema", "rich", "numpy", "difflib", "archgen.emit.module", "archgen.build"}),
        ("init", {"jinja2", "jsonschema", "rich", "numpy", "archgen.emit.module", "archgen.build"}),
        ("show", {"jinja2", "jsonschema", "rich", "numpy", "difflib", "archgen.emit.module", "archgen.views.table"}),
        ("explain", {"jinja2", "jsonschema", "rich", "numpy", "difflib", "archgen.emit.module", "archgen.build"}),
        ("build", {"jsonschema", "rich", "numpy", "archgen.views.table"}),
    ],
)
def test_imports_only_what_it_needs(command: str, unneeded: set[str], tmp_path: Path) -> None:
    assert not unneeded & imported(COMMAND, *arguments_of(command, tmp_path))
