"""Verification from the outside: the file on disk is held against the spec, then a child process runs what the spec generates.

Nothing on disk is imported: the child generates the module anew and runs those bytes, alone, with limits on time, memory and
output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen import files, project
from archgen.diagnostics import quote
from archgen.emit import header, write
from archgen.verify import limits, process
from archgen.verify.result import Check, Verification

if TYPE_CHECKING:
    from pathlib import Path

    from archgen.network import Network


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
    checks = [] if path_on_disk is None else [_on_disk(path_on_disk, network)]
    if any(check.difference for check in checks):
        return Verification(tuple(checks))
    if too_much := limits.too_much(network, batch):
        return Verification(tuple(checks), too_much)
    order = process.order(network, settings, device=device, batch=batch, threads=threads)
    answer = process.ask(order, "archgen.verify.child")
    return Verification((*checks, *(Check(*found) for found in answer["checks"])))


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
