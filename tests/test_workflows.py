"""What a stranger's pull request may do in the CI: the rules that every workflow keeps, and that the rules can fail."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.y*ml"))


def faults(text: str) -> list[str]:
    """What is wrong with a workflow."""
    workflow = yaml.load(text, yaml.BaseLoader)
    found = []
    if workflow["on"] != "pull_request":
        found.append("runs on more than a pull request")
    if workflow.get("permissions") != {"contents": "read"}:
        found.append("its token can do more than read")
    for word in ("secrets.", "pull_request_target", "workflow_run", "github.head_ref", "github.event"):
        if word in re.sub("#.*", "", text):
            found.append(f"uses {word}")
    for job in workflow["jobs"].values():
        if "permissions" in job:
            found.append("a job changes what its token can do")
        if "timeout-minutes" not in job:
            found.append("a job without an end")
        for step in job["steps"]:
            found += faults_of_step(step)
    return found


def faults_of_step(step: dict[str, Any]) -> list[str]:
    found = []
    action = step.get("uses", "")
    if action and not re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action):
        found.append("an action that is not named by its hash")
    if "checkout" in action and step.get("with", {}).get("persist-credentials") != "false":
        found.append("the token stays in the checkout")
    if "cache" in action or "cache" in step.get("with", {}):
        found.append("a cache that others use")
    if "${{" in step.get("run", ""):
        found.append("a shell runs what a stranger named")
    return found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_gives_a_stranger_nothing(path: Path) -> None:
    assert faults(path.read_text()) == []


def test_there_is_a_workflow() -> None:
    assert [path.name for path in WORKFLOWS] == ["ci.yml"]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("on: pull_request", "on: pull_request_target", "runs on more than a pull request"),
        ("on: pull_request", "on: [pull_request, push]", "runs on more than a pull request"),
        ("contents: read", "contents: write", "its token can do more than read"),
        ("    needs: generated", "    needs: generated\n    permissions: write-all", "a job changes what its token can do"),
        ("    timeout-minutes: 30\n", "", "a job without an end"),
        ("@34e114876b0b11c390a56381ad16ebd13914f8d5", "@v4", "an action that is not named by its hash"),
        ("actions/setup-python@", "someone/setup-python@", "an action that is not named by its hash"),
        ("persist-credentials: false", "persist-credentials: true", "the token stays in the checkout"),
        ('python-version: "3.11"', 'python-version: "3.11"\n          cache: pip', "a cache that others use"),
        ("run: .ci/run", "run: .ci/run ${{ github.head_ref }}", "a shell runs what a stranger named"),
        ("run: .ci/run", "run: .ci/run\n        env: {T: '${{ secrets.TOKEN }}'}", "uses secrets."),
    ],
)
def test_a_fault_would_be_seen(old: str, new: str, fault: str) -> None:
    text = (ROOT / ".github/workflows/ci.yml").read_text()
    assert old in text
    assert fault in faults(text.replace(old, new, 1))
