"""Builds that are killed, that fail at every call of the system, that run all at once: no file may be torn, none left over.

`python -m tests.faults --kills 1000 --concurrent 32` runs it all and reports; the test suite runs a little of each. Two
versions of a project, with other numbers in their specs, are built into one folder by turns: at any moment each file there is
one of the two, whole. Only where processes can be forked.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgen import cli, load
from archgen.emit import write

if TYPE_CHECKING:
    from collections.abc import Callable

SPEC = """\
name: Net
input: [3, 32, 32]
stem:
  conv1: {{conv: {channels}, kernel_size: 3}}
stages:
  layer1: {{BasicBlock: {channels}, depth: 2}}
  layer2: {{BasicBlock: {channels}, depth: 3, stride: 2}}
"""
NAMES = ("a", "b")
CHANNELS = {"old": 16, "new": 24}
ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EINTR)
CALLS = ("open", "write", "fsync", "close", "replace", "read", "lstat", "mkdir", "listdir")


class Torn(AssertionError):
    """A file that is neither the old one nor the new one, or one that nobody should have left."""


@dataclass
class Scene:
    """Two versions of a project and the folder that both are built into."""

    folder: Path
    whole: dict[str, dict[str, bytes]] = field(default_factory=dict)  # version -> file -> bytes

    def __post_init__(self) -> None:
        for version, channels in CHANNELS.items():
            specs = self.folder / version / "specs"
            specs.mkdir(parents=True)
            (self.folder / version / "pyproject.toml").write_text("[tool.archgen]\n")
            for name in NAMES:
                (specs / f"{name}.yaml").write_text(SPEC.format(channels=channels))
            found = {f"{name}.py": load(specs / f"{name}.yaml").source(self.out).encode() for name in NAMES}
            self.whole[version] = found

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def build(self, version: str) -> int:
        """Builds one version in this process, and says nothing."""
        specs = [str(self.folder / version / "specs" / f"{name}.yaml") for name in NAMES]
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            return cli.main(["build", *specs, "-o", str(self.out)])

    def look(self) -> tuple[str, ...]:
        """Returns the version of each file, "" where there is none. Raises Torn for a file of no version."""
        found = []
        for name in self.whole["old"]:
            try:
                data = (self.out / name).read_bytes()
            except FileNotFoundError:
                found.append("")
                continue
            versions = [version for version, files in self.whole.items() if files[name] == data]
            if not versions:
                raise Torn(f"{name} is torn: {len(data)} bytes")
            found.append(versions[0])
        return tuple(found)

    def left(self) -> list[str]:
        """What lies in the folder beside the files themselves."""
        return sorted(set(os.listdir(self.out)) - set(self.whole["old"])) if self.out.exists() else []

    def repair(self, version: str) -> None:
        """The next run writes whatever is not there and removes what a dead one left."""
        code = self.build(version)
        if code != 0 or self.look() != (version,) * len(NAMES) or self.left():
            raise Torn(f"the next build ended with {code}, has {self.look()} and leaves {self.left()}")


def forked(work: Callable[[], int]) -> int:
    """Starts a process that does some work and ends with what it returns; no exception leaves it."""
    process = os.fork()
    if process:
        return process
    try:
        os._exit(work())
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        os._exit(99)


def ended(process: int) -> int:
    """Waits for a process and returns its exit code, or the signal that ended it as a negative number."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


# ---- the trials


def kills(scene: Scene, count: int, seed: int) -> dict[str, int]:
    """Kills at random moments processes that build or write without end.

    Returns how many kills left a temporary file, and how many hit between the two files.
    """
    chance = random.Random(seed)
    found = {"killed": 0, "left a temporary file": 0, "between two files": 0}
    scene.repair("old")
    for _ in range(count):
        work = chance.choice([_build_on, _write_on])
        process = forked(partial(work, scene))
        time.sleep(chance.uniform(0, 0.05))
        os.kill(process, signal.SIGKILL)
        if ended(process) == -signal.SIGKILL:
            found["killed"] += 1
        versions = scene.look()
        found["left a temporary file"] += bool(scene.left())
        found["between two files"] += len(set(versions)) > 1
        scene.repair(chance.choice(list(CHANNELS)))
    return found


def _build_on(scene: Scene) -> int:
    for _ in range(10**6):
        for version in ("new", "old"):
            if code := scene.build(version):
                return code
    return 0


def _write_on(scene: Scene) -> int:
    """Only the writing, over and over: a whole build spends most of its time before that."""
    for _ in range(10**6):
        for version in ("new", "old"):
            write.write({scene.out / name: data.decode() for name, data in scene.whole[version].items()}, scene.out)
    return 0


def concurrent(scene: Scene, processes: int, builds: int, seed: int) -> dict[str, int]:
    """Lets processes build at once, each by turns one version and the other, while this one looks on."""
    scene.repair("old")
    running = {forked(partial(_build_often, scene, builds, seed + number)): number for number in range(processes)}
    looks = 0
    while running:
        scene.look()
        looks += 1
        process, status = os.waitpid(-1, os.WNOHANG)
        if not process:
            time.sleep(0.001)
            continue
        del running[process]
        if code := os.waitstatus_to_exitcode(status):
            raise Torn(f"a build among {processes} ended with {code}")
    if len(set(scene.look())) != 1 or scene.left():
        raise Torn(f"the last build is mixed with another: {scene.look()}, {scene.left()}")
    return {"builds": processes * builds, "looks": looks}


def _build_often(scene: Scene, builds: int, seed: int) -> int:
    chance = random.Random(seed)
    return max(scene.build(chance.choice(list(CHANNELS))) for _ in range(builds))


def calls(scene: Scene, errors: tuple[int, ...] = ERRORS) -> dict[str, int]:
    """Lets each call of a build that touches the output fail in each way, and dies before and after it.

    Returns how many calls a build makes, and how many faults were tried. A failing call ends a build with 3, or does no harm.
    """
    scene.repair("old")
    total = _count_calls(scene)
    tried = 0
    for number in range(total):
        for error in errors:
            code = ended(forked(partial(_with_faults, scene, number, _raising(error))))
            versions = scene.look()
            if code not in (0, 3) or (code == 0 and set(versions) != {"new"}):
                raise Torn(f"call {number} failed with {errno.errorcode[error]}: exit code {code}, {versions}")
            if scene.left():
                raise Torn(f"call {number} failed with {errno.errorcode[error]} and left {scene.left()}")
            scene.repair("old")
            tried += 1
        for after in (False, True):
            if ended(forked(partial(_with_faults, scene, number, _dying(after)))) != -signal.SIGKILL:
                raise Torn(f"call {number} was not reached")
            scene.look()
            scene.repair("old")
            tried += 1
    return {"calls": total, "faults": tried}


def _count_calls(scene: Scene) -> int:
    reader, writer = os.pipe()

    def counted() -> int:
        seen: list[str] = []
        code = _with_faults(scene, -1, lambda call, *_: call(), seen)
        os.write(writer, bytes([len(seen)]))
        return code

    if ended(forked(counted)) != 0:
        raise Torn("a build without a fault fails")
    count = os.read(reader, 1)[0]
    os.close(reader)
    os.close(writer)
    scene.repair("old")
    return count


def _raising(error: int) -> Callable[[Callable[[], Any]], Any]:
    def fail(_: Callable[[], Any]) -> Any:
        raise OSError(error, os.strerror(error))

    return fail


def _dying(after: bool) -> Callable[[Callable[[], Any]], Any]:
    def die(call: Callable[[], Any]) -> Any:
        try:
            if after:
                call()
        finally:  # some calls fail as they should: `mkdir` of a folder that is there
            os.kill(os.getpid(), signal.SIGKILL)

    return die


def _with_faults(scene: Scene, number: int, fault: Callable[..., Any], seen: list[str] | None = None) -> int:
    """Builds the new version while one call, counted from the first that touches the output, goes as `fault` has it."""
    made = [] if seen is None else seen
    descriptors: set[int] = set()

    def patched(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            about = arguments[0]
            ours = about in descriptors if isinstance(about, int) else os.fspath(about).startswith(str(scene.out))
            if not ours:
                return original(*arguments, **named)
            made.append(name)
            if len(made) - 1 == number:
                return fault(lambda: original(*arguments, **named))
            result = original(*arguments, **named)
            if name == "open":
                descriptors.add(result)
            if name == "close":
                descriptors.discard(about)
            return result

        return call

    for name in CALLS:
        setattr(os, name, patched(name, getattr(os, name)))
    return scene.build("new")


def full(scene: Scene) -> dict[str, int]:
    """Lets the system itself refuse the bytes beyond a limit, in the middle of a file."""
    import resource

    def limited(most: int) -> int:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        return scene.build("new")

    size = len(scene.whole["new"]["a.py"])
    limits = (0, 1, size // 2, size - 1)
    for most in limits:
        scene.repair("old")
        code = ended(forked(partial(limited, most)))
        if code != 3 or set(scene.look()) != {"old"} or scene.left():
            raise Torn(f"no room after {most} bytes: exit code {code}, {scene.look()}, left {scene.left()}")
    return {"limits": len(limits)}


# ---- the command


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--kills", type=int, default=100, help="builds to kill at random moments (default 100)")
    parser.add_argument("--concurrent", type=int, default=8, help="processes that build at once (default 8)")
    parser.add_argument("--builds", type=int, default=100, help="builds of each of them (default 100)")
    parser.add_argument("--errors", type=int, default=len(ERRORS), help="ways in which each call fails (default all)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    trials: dict[str, Callable[[Scene], dict[str, int]]] = {
        "a fault at every call": lambda scene: calls(scene, ERRORS[: options.errors]),
        "no room for a whole file": full,
        "kills": lambda scene: kills(scene, options.kills, options.seed),
        "builds at once": lambda scene: concurrent(scene, options.concurrent, options.builds, options.seed),
    }
    torn = 0
    for name, trial in trials.items():
        with tempfile.TemporaryDirectory() as folder:
            try:
                figures = ", ".join(f"{value:,} {key}" for key, value in trial(Scene(Path(folder))).items())
                print(f"{name}: {figures}; 0 torn, 0 left over", flush=True)
            except Torn as error:
                torn += 1
                print(f"{name}, seed {options.seed}: {error}", flush=True)
    return 1 if torn else 0


if __name__ == "__main__":
    sys.exit(main())
