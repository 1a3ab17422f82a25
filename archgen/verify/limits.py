"""What a verification may use of the machine: its memory follows from what the report predicts."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archgen.network import Network

_FILE_BYTES = 16 * 2**20
_TORCH_BYTES = 4 * 2**30  # address space that torch reserves and hardly uses: 0.6 GiB on 2 cores, and more with each core
_GRACE = 5  # seconds for a parent to end this process by itself


def needed(network: Network, batch: int) -> int:
    """Returns about how many bytes a verification holds at once.

    What a training step takes beside the weights, these, their gradients, and those of the second interpreter: it was measured
    to be right within a third on 0.04 to 2.4 GiB of weights.
    """
    costs = network.costs(batch=max(2, batch))
    return costs.training.size + 3 * costs.parameters


def too_much(network: Network, batch: int) -> str:
    """Why a network is not run, or '': to try would only bring the machine down."""
    asked, there = needed(network, batch), memory()
    if there is None or asked <= there:
        return ""
    return f"it needs about {asked / 2**30:,.0f} GiB of memory, and this machine has {there / 2**30:,.0f}"


def memory() -> int | None:
    """Returns the bytes of memory that this machine has, or None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no `sysconf`
        return None


def end_with_parent() -> None:
    """Ends this process when nobody holds the other end of its standard input any more, whatever became of the parent."""

    def wait() -> None:
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def limit_time(seconds: int) -> None:
    """Ends this process if its parent was killed and can't: after some seconds, or as long on every core."""
    if sys.platform != "win32":
        import resource
        import signal

        signal.alarm(seconds + _GRACE)
        most = (seconds + _GRACE) * (os.cpu_count() or 1)
        resource.setrlimit(resource.RLIMIT_CPU, (most, most + 1))  # beyond the first the process is told why it ends


def limit_files() -> None:
    """Limits every file that this process writes, its own output among them; Windows has no such limit."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_memory(bytes_needed: int) -> None:
    """Limits the address space on a CPU. CUDA maps more of it than any limit would leave."""
    if sys.platform != "win32":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = _TORCH_BYTES + 2 * bytes_needed
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
