"""The process in which a generated module runs: it reads one order from standard input and prints one result."""

from __future__ import annotations

import hashlib
import json
import signal
import sys

_FILE_BYTES = 16 * 2**20
_CPU_BYTES = 16 * 2**30  # address space, of which torch reserves much and uses little


def main() -> None:
    limit_files()
    order = json.load(sys.stdin)
    if sys.platform != "win32":
        signal.alarm(order["seconds"] + 5)  # for a parent that was killed and can't end this process
    from archgen.diagnostics import EnvironmentFault, SpecError
    from archgen.network import load

    changed = EnvironmentFault("the spec changed while it was verified", "run it again")
    try:
        try:
            network = load(order["spec"], tuple(order["settings"]))
            source = network.source()
        except SpecError:  # the parent has just read it without a problem
            raise changed from None
        if hashlib.sha256(source.encode()).hexdigest() != order["digest"]:
            raise changed
        device = _device(order["device"])
        if device == "cpu":
            limit_memory()
        from archgen.verify.compare import compare

        checks = compare(network, source, device, order["batch"])
        print(json.dumps({"checks": [[check.name, check.count, check.difference] for check in checks]}))
    except EnvironmentFault as fault:
        print(json.dumps({"fault": [fault.sentence, fault.help]}))


def limit_files() -> None:
    """Limits every file that this process writes, its own output among them; Windows has no such limit."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_memory() -> None:
    """Limits the address space on a CPU. CUDA maps more of it than any limit would leave."""
    if sys.platform != "win32":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = _CPU_BYTES if hard == resource.RLIM_INFINITY else min(_CPU_BYTES, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _device(asked: str) -> str:
    """CUDA that was asked for and is absent is a fault, never a silent CPU."""
    from archgen.diagnostics import EnvironmentFault

    try:
        import torch
    except ImportError as error:
        raise EnvironmentFault(f"torch can't be imported: {error}", 'install it: pip install "archgen[torch]"') from None
    if asked == "cuda" and not torch.cuda.is_available():
        raise EnvironmentFault("CUDA was asked for, and torch finds none here", "use --device cpu")
    return ("cuda" if torch.cuda.is_available() else "cpu") if asked == "auto" else asked
