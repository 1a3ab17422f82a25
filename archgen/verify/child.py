"""The process in which a generated module runs: it reads one order from standard input and prints one result."""

from __future__ import annotations

import hashlib
import json
import sys

from archgen.verify import limits


def main() -> None:
    limits.limit_files()
    order = json.loads(sys.stdin.readline())
    limits.end_with_parent()
    limits.limit_time(order["seconds"])
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
        device = _device(order["device"], order["threads"])
        if device == "cpu":
            limits.limit_memory(limits.needed(network, order["batch"]))
        from archgen.verify.compare import compare

        checks = compare(network, source, device, order["batch"])
        print(json.dumps({"checks": [[check.name, check.count, check.difference] for check in checks]}))
    except EnvironmentFault as fault:
        print(json.dumps({"fault": [fault.sentence, fault.help]}))


def _device(asked: str, threads: int | None) -> str:
    """The device on which torch runs, with so many threads. CUDA that is asked for and absent is a fault, no silent CPU."""
    from archgen.diagnostics import EnvironmentFault

    try:
        import torch
    except ImportError as error:
        raise EnvironmentFault(f"torch can't be imported: {error}", 'install it: pip install "archgen[torch]"') from None
    if threads is not None:
        torch.set_num_threads(threads)
    if asked == "cuda" and not torch.cuda.is_available():
        raise EnvironmentFault("CUDA was asked for, and torch finds none here", "use --device cpu")
    return ("cuda" if torch.cuda.is_available() else "cpu") if asked == "auto" else asked
