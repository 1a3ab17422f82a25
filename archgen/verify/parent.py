"""Verification from the outside: the file on disk is held against the spec, then a child process runs what the spec generates.

Nothing on disk is imported: the child generates the module anew and runs those bytes, alone (`-I`), with an empty
environment, in an empty folder, with limits on time, memory and output.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgen.diagnostics import EnvironmentFault
from archgen.verify.result import Check, Verification

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.network import Network

SECONDS = 600
_CPU_BYTES = 16 * 2**30  # address space, of which torch reserves much and uses little
_FILE_BYTES = 16 * 2**20
_START = "import sys; sys.path.insert(0, sys.argv[1]); from archgen.verify.child import main; main()"


def verify(
    network: Network, path_on_disk: Path | None, device: str = "auto", batch: int = 2, settings: tuple[str, ...] = ()
) -> Verification:
    """Compares the generated module of a network with its report.

    path_on_disk: the generated file, or None to verify what would be written. device: auto, cpu or cuda.
    Raises EnvironmentFault without torch, without the CUDA asked for, and where the child breaks off.
    """
    source = network.source()
    checks = [] if path_on_disk is None else [_on_disk(path_on_disk, source)]
    if any(check.difference for check in checks):
        return Verification(tuple(checks))
    order = {
        "spec": str(network.path.resolve()),
        "settings": settings,
        "device": device,
        "batch": batch,
        "digest": hashlib.sha256(source.encode()).hexdigest(),
    }
    answer = _ask(order)
    return Verification((*checks, *(Check(*found) for found in answer["checks"])))


def _on_disk(path: Path, source: str) -> Check:
    name = "the file on disk"
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        return Check(name, 1, f"{path.as_posix()} is missing: run `archgen build`")
    if found == source.encode():
        return Check(name, len(source.splitlines()))
    pairs = zip(found.decode(errors="replace").splitlines(), source.splitlines())
    line = next((number for number, (a, b) in enumerate(pairs, start=1) if a != b), 1)
    return Check(name, 1, f"{path.as_posix()}:{line} is not what the spec generates: run `archgen build`")


def _ask(order: dict[str, Any]) -> dict[str, Any]:
    package = str(Path(__file__).resolve().parents[2])
    with tempfile.TemporaryDirectory() as empty:
        command = [sys.executable, "-I", "-B", "-X", f"pycache_prefix={empty}", "-c", _START, package]
        try:
            run = subprocess.run(
                command,
                input=json.dumps(order),
                capture_output=True,
                text=True,
                cwd=empty,
                env={"PATH": "/usr/bin:/bin", "HOME": empty},
                timeout=SECONDS,
                preexec_fn=_limits(order["device"]),
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise EnvironmentFault(f"the verification took more than {SECONDS} seconds") from None
    try:
        answer: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = " / ".join(run.stderr.strip().splitlines()[-2:]) or f"exit code {run.returncode}"
        raise EnvironmentFault(f"the verifying process broke off: {last[:300]}") from None
    if "fault" in answer:
        raise EnvironmentFault(*answer["fault"])
    return answer


def _limits(device: str) -> Callable[[], None] | None:
    """Limits for the child, where the system has them. CUDA maps more address space than any limit would leave."""
    if sys.platform == "win32":
        return None

    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if device == "cpu":
            resource.setrlimit(resource.RLIMIT_AS, (_CPU_BYTES, _CPU_BYTES))

    return limit
