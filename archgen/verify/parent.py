"""Verification from the outside: the file on disk is held against the spec, then a child process runs what the spec generates.

Nothing on disk is imported: the child generates the module anew and runs those bytes, alone (`-I`), with an empty
environment, in an empty folder, with limits on time, memory and output.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from archgen import files, project
from archgen.diagnostics import EnvironmentFault, quote
from archgen.emit import header, write
from archgen.verify import limits
from archgen.verify.result import Check, Verification

if TYPE_CHECKING:
    from archgen.network import Network

SECONDS = 600
_READ_BYTES = 2**20  # of the child's output, its end
# of the environment: which device is ours, how many threads torch may take, and what Windows needs to start
_KEPT = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "SYSTEMROOT")
# archgen comes from its own folder, which is not searched for anything else: a checkout may hold a `torch.py`. It is read as
# source: bytecode can be planted that says that nobody need compare it. That of torch was installed with torch.
_START = """
import os, sys
from importlib import machinery, util

folder = os.path.join(os.path.dirname(sys.argv[1]), "")

class Source(machinery.SourceFileLoader):
    def get_code(self, name):
        return self.source_to_code(self.get_data(self.path), self.path)

def finder(path):
    if not os.path.join(path, "").startswith(folder):
        raise ImportError(path)
    return machinery.FileFinder(path, (Source, [".py"]))

sys.path_hooks.insert(0, finder)
spec = util.spec_from_file_location("archgen", sys.argv[1], loader=Source("archgen", sys.argv[1]))
sys.modules["archgen"] = util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["archgen"])
from archgen.verify.child import main
main()
"""


def verify(
    network: Network,
    path_on_disk: Path | None,
    device: str = "auto",
    batch: int = 2,
    settings: tuple[str, ...] = (),
    threads: int | None = None,
) -> Verification:
    """Compares the generated module of a network with its report.

    path_on_disk: the generated file, or None to verify what would be written. device: auto, cpu or cuda.
    threads: of torch, None for as many as it takes by itself.
    Raises EnvironmentFault without torch, without the CUDA asked for, and where the child breaks off.
    """
    source = network.source()
    checks = [] if path_on_disk is None else [_on_disk(path_on_disk, network)]
    if any(check.difference for check in checks):
        return Verification(tuple(checks))
    if too_much := _too_much(network, batch):
        return Verification(tuple(checks), too_much)
    order = {
        "spec": str(network.path.resolve()),
        "settings": settings,
        "device": device,
        "batch": batch,
        "seconds": SECONDS,
        "threads": threads,
        "digest": hashlib.sha256(source.encode()).hexdigest(),
    }
    answer = _ask(order)
    return Verification((*checks, *(Check(*found) for found in answer["checks"])))


def _too_much(network: Network, batch: int) -> str:
    """Why a network is not run, or '': to try would only bring the machine down."""
    needed, memory = limits.needed(network, batch), limits.memory()
    if memory is None or needed <= memory:
        return ""
    return f"it needs about {needed / 2**30:,.0f} GiB of memory, and this machine has {memory / 2**30:,.0f}"


def _on_disk(path: Path, network: Network) -> Check:
    """A file in a folder tells the way to its spec; one that a program wrote of `source()` may not."""
    name, shown = "the file on disk", files.shown(path)
    command = project.build_command(network.path, path.parent)
    found = files.old(path)
    if found is None:
        return Check(name, 1, f"{shown} is missing: run `{command}`")
    source, alone = network.source(path.parent), network.source()
    if found.splitlines()[:2] == alone.encode().splitlines()[:2]:
        source = alone
    if found == source.encode():
        return Check(name, len(source.splitlines()))
    have, wanted = found.split(b"\n"), source.encode().split(b"\n")
    shorter = min(len(have), len(wanted))
    line = next((number for number in range(shorter) if have[number] != wanted[number]), shorter) + 1
    if other := header.other_spec(found, source, path):
        advice = "rename one of the two, or build this one into another folder with `-o`, and verify it with the same `-o`"
        return Check(name, 1, f"{shown} is the module of {quote(other)}: {advice}")
    reason = write.not_ours(found)
    advice = f"it was {reason}, and `{command} --force` replaces it" if reason else f"run `{command}`"
    return Check(name, 1, f"{shown}:{line} is not what the spec generates: {advice}")


def _ask(order: dict[str, Any]) -> dict[str, Any]:
    """Returns the child's answer. Its output goes to files: a pipe has no limit, and a grandchild could hold it open."""
    package = str(Path(__file__).resolve().parents[1] / "__init__.py")
    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        command = [sys.executable, "-I", "-B", "-c", _START, package]
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=err,
            cwd=empty,
            env={"PATH": "/usr/bin:/bin", "HOME": empty, **kept},
        )
        assert process.stdin is not None
        try:  # it stays open: when this process ends, however it ends, the child reads its end, and ends too
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(json.dumps(order).encode() + b"\n")
                process.stdin.flush()
            process.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            raise EnvironmentFault(f"the verification took more than {SECONDS} seconds") from None
        finally:
            process.kill()
            process.wait()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        printed, said = _last(out), _last(err)
    try:
        answer: dict[str, Any] = json.loads(printed[-1])
    except (IndexError, ValueError):
        last = " / ".join(said[-2:]) or f"exit code {process.returncode}"
        raise EnvironmentFault(f"the verifying process broke off: {last[:300]}") from None
    if "fault" in answer:
        raise EnvironmentFault(*answer["fault"])
    return answer


def _last(file: IO[bytes]) -> list[str]:
    """Returns the last lines of a file, however much was written."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _READ_BYTES))
    return file.read().decode(errors="replace").strip().splitlines()
