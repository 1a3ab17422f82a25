"""The hooks and the action that a repository uses: their commands are run, as they stand, in a repository made for the test."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT, SMALL
from tests.test_workflows import faults_of_step

HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}
GH = """#!/bin/sh
printf '%s\\n' "$*" >> "$RUNNER_TEMP/gh"
case "$*" in *--jq*) cat "$RUNNER_TEMP/comments" 2>/dev/null || true;; esac
"""


class Repository:
    """A clone with a spec and its module, its origin, and what a runner of GitHub gives."""

    def __init__(self, folder: Path) -> None:
        self.clone, self.runner, tools = folder / "clone", folder / "runner", folder / "bin"
        for one in (self.clone / "specs", self.runner, tools):
            one.mkdir(parents=True)
        for name, text in (("archgen", f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m archgen "$@"\n'), ("gh", GH)):
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)
        self.environment = {
            **os.environ,
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "RUNNER_TEMP": str(self.runner),
            "GITHUB_STEP_SUMMARY": str(self.runner / "summary"),
            "GITHUB_REPOSITORY": "x/y",
        }
        self.spec = self.clone / "specs/small.yaml"
        self.spec.write_text(SMALL)
        (self.clone / "pyproject.toml").write_text("[tool.archgen]\n")
        self.run("archgen build && git init -q -b main && git add . && git -c user.name=x -c user.email=x@y commit -qm first")
        self.run("git remote add origin .")

    def run(self, script: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Runs a script as GitHub runs that of a step."""
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        environment = {**self.environment, **more}
        return subprocess.run(command, cwd=self.clone, env=environment, capture_output=True, text=True, check=False)

    def step(self, name: str, **more: str) -> subprocess.CompletedProcess[str]:
        return self.run(STEPS[name]["run"], **more)

    def read(self, name: str) -> str:
        return (self.runner / name).read_text(encoding="utf-8")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook(hook: dict[str, Any], repository: Repository) -> None:
    names = "" if hook.get("pass_filenames") is False else " specs/small.yaml"
    assert re.search(hook["files"], "specs/small.yaml")
    assert repository.run(hook["entry"] + names).returncode == 0
    repository.spec.write_text(SMALL.replace("conv: 16", "conv: sixteen"))
    assert repository.run(hook["entry"] + names).returncode == 2


def test_a_stale_module(repository: Repository) -> None:
    assert repository.step("Generated modules").returncode == 0
    repository.spec.write_text(SMALL.replace("conv: 16", "conv: 24"))
    assert repository.step("Generated modules").returncode == 1


def test_the_summary(repository: Repository) -> None:
    repository.spec.write_text(SMALL.replace("conv: 16", "conv: 24"))
    done = repository.step("What a change does", AGAINST="main")
    assert done.returncode == 0, done.stderr
    assert "### <code>specs/small.yaml</code>" in repository.read("summary")
    assert "an old checkpoint does not load" in repository.read("summary")


def test_nothing_changed(repository: Repository) -> None:
    assert repository.step("What a change does", AGAINST="main").returncode == 0
    assert "No spec of a network has changed." in repository.read("summary")


def test_a_spec_that_is_refused_ends_the_step(repository: Repository) -> None:
    repository.spec.write_text(SMALL.replace("conv: 16", "conv: sixteen"))
    assert repository.step("What a change does", AGAINST="main").returncode == 2


def test_what_breaks(repository: Repository) -> None:
    assert repository.step("What breaks", AGAINST="main").returncode == 0
    repository.spec.write_text(SMALL.replace("conv: 16", "conv: 24"))
    done = repository.step("What breaks", AGAINST="main")
    assert done.returncode == 1
    assert "::error file=specs/small.yaml,title=weight-reshaped::conv1.weight was" in done.stdout


def test_a_comment_is_written_once(repository: Repository) -> None:
    repository.step("What a change does", AGAINST="main")
    assert repository.step("Comment", NUMBER="7", GH_TOKEN="x").returncode == 0
    assert "-X POST repos/x/y/issues/7/comments" in repository.read("gh")
    (repository.runner / "comments").write_text("41\n42\n")
    assert repository.step("Comment", NUMBER="7", GH_TOKEN="x").returncode == 0
    assert "-X PATCH repos/x/y/issues/comments/41" in repository.read("gh").splitlines()[-1]
    assert repository.read("archgen.md").startswith("<!-- archgen diff -->\n")


@pytest.mark.parametrize("name", ["main; touch pwned", "$(touch pwned)", "--upload-pack=touch pwned"])
def test_a_hostile_branch(name: str, repository: Repository) -> None:
    assert repository.step("What a change does", AGAINST=name).returncode != 0
    assert not (repository.clone / "pwned").exists()


def test_the_action_gives_a_stranger_nothing() -> None:
    assert [fault for step in STEPS.values() for fault in faults_of_step(step)] == []
    assert all("uses" not in step for step in STEPS.values())
