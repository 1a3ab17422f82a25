"""What several test files use."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from archgen import cli

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]

# Random tests draw the same examples on every run, and no clock judges them: a change alone turns a green run red. `long` draws
# new ones, a hundred times as many. What depends on the machine's speed, or on luck, is no fault of a test.
_UNJUDGED = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci")


def examples(count: int) -> int:
    """How many examples a random test draws whose usual number is `count`."""
    return count * 100 if PROFILE == "long" else count


settings.register_profile("ci", deadline=None, suppress_health_check=_UNJUDGED, derandomize=True)
settings.register_profile("long", deadline=None, suppress_health_check=_UNJUDGED, max_examples=examples(100), print_blob=True)
settings.load_profile(PROFILE)

SMALL = """\
name: Small
input: [3, 32, 32]
args: {num_classes: 10}
stem:
  conv1: {conv: 16, kernel_size: 3}
  relu: relu
head:
  avgpool: {adaptive_avg_pool: 1}
  flatten: flatten
  fc: {linear: num_classes}
"""


@dataclass(frozen=True)
class Result:
    """Of a command: its exit code and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Random values of torch, weights too, are a test's own, whatever ran before it in this process."""
    if (torch := sys.modules.get("torch")) is not None:
        torch.manual_seed(0)


@pytest.fixture
def archgen(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Runs the command line in this process."""

    def run(*arguments: str | Path) -> Result:
        code = cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, and the current folder: specs/small.yaml and a pyproject.toml."""
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "small.yaml").write_text(SMALL)
    (tmp_path / "pyproject.toml").write_text("[tool.archgen]\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def python(code: str, *arguments: str, path: Path | None = None, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Runs Python code in a process of its own, at the top of the project or in a `folder`; `path` is searched first."""
    folders = [str(ROOT)] if path is None else [str(path), str(ROOT)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=600, check=False)
