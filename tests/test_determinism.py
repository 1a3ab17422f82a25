"""Rule R9: the same spec gives the same bytes, whatever the hash seed, the folder, the time zone, the locale or the umask."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SPECS = ("googlenet", "inception_v3", "mobilenet_v2", "squeezenet1_0")
PLACES = (
    {"TZ": "UTC", "LC_ALL": "C"},
    {"TZ": "Asia/Kathmandu", "LC_ALL": "tr_TR.UTF-8", "PYTHONUTF8": "0"},
    {"TZ": "America/St_Johns", "LC_ALL": "de_DE.ISO-8859-1", "PYTHONIOENCODING": "latin-1", "COLUMNS": "20"},
    {"TZ": "Pacific/Apia", "LC_ALL": "ja_JP.eucJP", "HOME": "/nonexistent", "NO_COLOR": "1", "TERM": "dumb"},
)


def run(arguments: list[str], folder: Path, seed: int) -> subprocess.CompletedProcess[bytes]:
    """Runs archgen under a hash seed, and in another place of the world by turns."""
    environment = {**os.environ, **PLACES[seed % len(PLACES)], "PYTHONHASHSEED": str(seed), "PYTHONPATH": str(ROOT)}
    mask = (0o022, 0o077, 0o002)[seed % 3]
    code = f"import os, sys; os.umask({mask}); from archgen.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-B", "-c", code, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)


@pytest.mark.parametrize("name", ["a", "\u00e9t\u00e9 \u732b"])
def test_one_output_under_every_hash_seed(name: str, tmp_path: Path) -> None:
    """16 seeds in each of two folders: 32 builds, one output."""
    digests = set()
    for seed in range(len(name), 32 + len(name), 2):
        project = tmp_path / name / str(seed)
        (project / "specs").mkdir(parents=True)
        (project / "pyproject.toml").write_text("[tool.archgen]\n")
        for spec in SPECS:
            shutil.copy(ROOT / f"specs/{spec}.yaml", project / "specs")
        below = project / "specs" if seed % 4 < 2 else project
        found = run(["build"], below, seed)
        assert (found.returncode, found.stderr) == (0, b"")
        files = sorted((project / "generated").iterdir())
        assert [path.stem for path in files] == list(SPECS)
        digests.add(hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest())
    expected = b"".join((ROOT / f"generated/{spec}.py").read_bytes() for spec in SPECS)
    assert digests == {hashlib.sha256(expected).hexdigest()}


def test_the_whole_zoo_is_up_to_date_from_another_place() -> None:
    found = run(["build", "--check"], ROOT / "docs", 12345)
    assert found.returncode == 0, found.stdout[-500:]


def test_one_report_under_every_hash_seed() -> None:
    shapes = ["shapes", "../specs/googlenet.yaml", "--format", "json"]
    outputs = {run(shapes, ROOT / "specs", seed).stdout for seed in range(4)}
    assert len(outputs) == 1
    assert outputs != {b""}


def test_a_difference_would_be_seen(tmp_path: Path) -> None:
    """The seeds are real: what depends on the order of a set differs under them."""
    code = "print(sorted(map(str, 'abcdefgh'), key=hash))"
    outputs = set()
    for seed in range(4):
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        outputs.add(subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout)
    assert len(outputs) > 1
