"""What hostile specs take, by command: processor time and memory of whole processes, as tables of Markdown.

    python -m tests.budgets [--limit 60] [--only TEXT] [--commands validate,show]

Each document of `tests/hostile.py` is given to each command that reads a spec, in a process of its own; the operating system
says then what that took. `-`: the command refused the spec (exit code 2). More than the limit of seconds is `> LIMIT`. The last
table has the most that documents of a kind took.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.hostile import DOCUMENTS, KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[1]
COMMANDS: dict[str, tuple[str, ...]] = {
    "validate": ("validate", "{spec}"),
    "shapes": ("shapes", "{spec}"),
    "symbolic": ("shapes", "{spec}", "--symbolic"),
    "memory": ("shapes", "{spec}", "--memory"),
    "explain": ("explain", "{spec}"),
    "svg": ("graph", "{spec}", "-o", "{folder}/net.svg"),
    "mmd": ("graph", "{spec}", "-o", "{folder}/net.mmd"),
    "html": ("graph", "{spec}", "-o", "{folder}/net.html"),
    "show": ("show", "{spec}"),
    "build": ("build", "{spec}", "-o", "{folder}/generated"),
    "check": ("build", "{spec}", "-o", "{folder}/generated", "--check"),
}


class Run(NamedTuple):
    """code: the exit code, negative where a signal ended the process. seconds: of processor time. peak: bytes in memory."""

    code: int
    seconds: float
    peak: int
    errors: str

    def text(self, limit: float) -> str:
        if self.code < 0:
            return f"> {limit:g}"
        code = {0: "", 2: "-"}.get(self.code, f"exit {self.code} ")
        return f"{code}{self.seconds:.1f} s {self.peak / 2**20:.0f}"


# Runs the command of its arguments under limits and says what that took. It is a small process of its own since Linux hands
# the peak of a process on to the program that the process becomes: below a large one (pytest) every command looks large.
_MEASURE = """
import os, resource, sys
seconds, most_bytes = int(sys.argv[1]), int(sys.argv[2])
child = os.fork()
if not child:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.execv(sys.argv[3], sys.argv[3:])
_, status, used = os.wait4(child, 0)
print(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
"""


def run(command: str, spec: Path, limit: int, most_bytes: int = 2**31) -> Run:
    """Runs a command in a process that has so many seconds of processor time and so many bytes, no more."""
    words = [word.format(spec=spec.name, folder=".") for word in COMMANDS[command]]
    measure = [sys.executable, "-I", "-S", "-c", _MEASURE, str(limit), str(most_bytes)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
    with tempfile.TemporaryFile() as errors:
        took = subprocess.run(
            [*measure, sys.executable, "-m", "archgen", *words],
            cwd=spec.parent,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            check=True,
        )
        errors.seek(0)
        said = errors.read(20_000).decode(errors="replace")
    code, seconds, peak = took.stdout.split()
    return Run(int(code), float(seconds), int(peak), said)


def table(rows: Iterable[tuple[str, list[str]]], titles: list[str]) -> Iterable[str]:
    yield "| " + " | ".join(["document", *titles]) + " |"
    yield "|---" + "|---:" * len(titles) + "|"
    for name, cells in rows:
        yield "| " + " | ".join([name, *cells]) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=60, help="seconds of processor time for each run")
    parser.add_argument("--only", default="", help="documents whose names hold this text")
    parser.add_argument("--commands", default=",".join(COMMANDS))
    options = parser.parse_args()
    commands = options.commands.split(",")
    chosen = {name: files for name, files in DOCUMENTS.items() if options.only in name}
    found: dict[str, list[Run]] = {}

    def measured() -> Iterable[tuple[str, list[str]]]:
        for name, files in chosen.items():
            with tempfile.TemporaryDirectory() as folder:
                for file, text in files.items():
                    Path(folder, file).write_text(text)
                found[name] = [run(command, Path(folder, "net.yaml"), options.limit) for command in commands]
            size = sum(map(len, files.values())) / 1024
            yield f"{name}, {size:.0f} KiB", [one.text(options.limit) for one in found[name]]

    def by_kind() -> Iterable[tuple[str, list[str]]]:
        for kind, documents in KINDS.items():
            rows = [found[name] for name in documents if name in found]
            if rows:
                yield f"{len(rows)} of {kind}", list(map(most, zip(*rows)))

    for rows in (measured(), by_kind()):
        for line in table(rows, commands):
            print(line, flush=True)
        print()
    print("The most seconds of processor time, and MiB at the peak.")


def most(runs: tuple[Run, ...]) -> str:
    return f"{max(one.seconds for one in runs):.1f} s {max(one.peak for one in runs) / 2**20:.0f}"


if __name__ == "__main__":
    main()
