"""The process in which a generated module runs: it reads one order from standard input and prints one result."""

from __future__ import annotations

from typing import Any

from archgen import modules
from archgen.diagnostics import EnvironmentFault
from archgen.verify import limits, process


def main() -> None:
    limits.limit_files()
    process.answer(_verified)


def _verified(order: dict[str, Any]) -> dict[str, Any]:
    network, source = process.ordered(order)
    device = _device(order["device"], order["threads"])
    if device == "cpu":
        limits.limit_memory(limits.needed(network, order["batch"]))
    from archgen.verify.compare import compare

    checks = compare(network, source, device, order["batch"])
    return {"checks": [[check.name, check.count, check.difference] for check in checks]}


def _device(asked: str, threads: int | None) -> str:
    """The device on which torch runs, with so many threads. CUDA that is asked for and absent is a fault, no silent CPU."""
    modules.need_torch()
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    if asked == "cuda" and not torch.cuda.is_available():
        raise EnvironmentFault("CUDA was asked for, and torch finds none here", "use --device cpu")
    return ("cuda" if torch.cuda.is_available() else "cpu") if asked == "auto" else asked
