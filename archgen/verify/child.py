"""The process in which a generated module runs: it reads one order from standard input and prints one result."""

from __future__ import annotations

import hashlib
import json
import sys


def main() -> None:
    order = json.load(sys.stdin)
    from archgen.diagnostics import EnvironmentFault
    from archgen.network import load

    try:
        network = load(order["spec"], tuple(order["settings"]))
        source = network.source()
        if hashlib.sha256(source.encode()).hexdigest() != order["digest"]:
            raise EnvironmentFault("the spec changed while it was verified", "run it again")
        device = _device(order["device"])
        from archgen.verify.compare import compare

        checks = compare(network, source, device, order["batch"])
        print(json.dumps({"checks": [[check.name, check.count, check.difference] for check in checks]}))
    except EnvironmentFault as fault:
        print(json.dumps({"fault": [fault.sentence, fault.help]}))


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
