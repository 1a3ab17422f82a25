"""A process of its own with torch: archgen starts one of its modules there, gives it an order, and reads one answer.

`alone` it runs what archgen generated, and nothing on disk is imported: isolated (`-I`), with an empty environment, in an empty
folder. Otherwise it is to run code of the user's own, in the user's folder and environment.
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

from archgen.diagnostics import EnvironmentFault
from archgen.verify import limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.network import Network

SECONDS = 600
_READ_BYTES = 2**20  # of the child's output, its end
# of the environment: which device is ours, how many threads torch may take, and what Windows needs to start
_KEPT = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "SYSTEMROOT")
# archgen comes from its own folder, which is not searched for anything else: a checkout may hold a `torch.py`. It is read as
# source: bytecode can be planted that says that nobody need compare it. That of torch was installed with torch.
START = """
import sys
sys.path = [path for path in sys.path if path]  # not the current folder
import os
from importlib import import_module, machinery, util

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
import_module(sys.argv[2]).main()
"""


# ---- outside


def order(network: Network, settings: tuple[str, ...], **more: Any) -> dict[str, Any]:
    """What a child is told: the spec to read, and by the digest of its module what it has to make of it."""
    digest = hashlib.sha256(network.source().encode()).hexdigest()
    return {"spec": str(network.path.resolve()), "settings": settings, "seconds": SECONDS, "digest": digest, **more}


def ask(order: dict[str, Any], child: str, alone: bool = True) -> dict[str, Any]:
    """Returns the answer of a module of archgen's.

    Its output goes to files: a pipe has no limit, and a grandchild could hold it open.
    Raises EnvironmentFault where the child tells of one, breaks off or takes too long.
    """
    package = str(Path(__file__).resolve().parents[1] / "__init__.py")
    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        command = [sys.executable, *(["-I"] if alone else []), "-B", "-c", START, package, child]
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=err,
            cwd=empty if alone else None,
            env={"PATH": "/usr/bin:/bin", "HOME": empty, **kept} if alone else None,
        )
        assert process.stdin is not None
        try:  # it stays open: when this process ends, however it ends, the child reads its end, and ends too
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(json.dumps(order).encode() + b"\n")
                process.stdin.flush()
            process.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            raise EnvironmentFault(f"the process with torch took more than {SECONDS} seconds") from None
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
        raise EnvironmentFault(f"the process with torch broke off: {last[:300]}") from None
    if "fault" in answer:
        raise EnvironmentFault(*answer["fault"])
    return answer


def _last(file: IO[bytes]) -> list[str]:
    """Returns the last lines of a file, however much was written."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _READ_BYTES))
    return file.read().decode(errors="replace").strip().splitlines()


# ---- inside


def answer(work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Reads one order from standard input and prints one answer, in a process that ends with its parent."""
    order = json.loads(sys.stdin.readline())
    limits.end_with_parent()
    limits.limit_time(order["seconds"])
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)  # what else is printed is no answer
        try:
            found = work(order)
        except EnvironmentFault as fault:
            found = {"fault": [fault.sentence, fault.help]}
        print(json.dumps(found), file=out)


def ordered(order: dict[str, Any]) -> tuple[Network, str]:
    """Returns the network of an order and the text of its module, which is the one that the parent has."""
    from archgen.diagnostics import SpecError
    from archgen.network import load

    changed = EnvironmentFault("the spec changed while its module was run", "run it again")
    try:
        network = load(order["spec"], tuple(order["settings"]))
        source = network.source()
    except SpecError:  # the parent has just read it without a problem
        raise changed from None
    if hashlib.sha256(source.encode()).hexdigest() != order["digest"]:
        raise changed
    return network, source
