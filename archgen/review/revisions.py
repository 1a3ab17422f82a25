"""Specs as a revision of the git repository has them.

The files of a revision are read from git's objects: nothing is checked out, and no filter or hook of the repository runs.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from archgen import files, network
from archgen.diagnostics import EnvironmentFault, Place, Problem, Source, SpecError, printable, quote
from archgen.language import extends
from archgen.project import SUFFIXES
from archgen.syntax.parser import MOST_BYTES

if TYPE_CHECKING:
    from archgen.network import Network

PLAIN = ("100644", "100755")  # the modes of plain files: a link in a tree is no spec
SECONDS = 60  # in which git must have answered: it reads objects that are there
ALONE = {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


class Revision(NamedTuple):
    """A revision of a repository. name: as it was given. top: the folder of the repository."""

    name: str
    commit: str
    top: Path

    def label(self, path: str) -> str:
        """How a file of it is called in messages; path: from the top."""
        return f"{self.name}:{path}"

    def files(self, folder: str) -> dict[str, bytes]:
        """The YAML files of a folder, and of those below, which a spec there may extend, by their paths from the top."""
        inside = ["--", f"{folder}/"] if folder else []
        listed = _git(self.top, "ls-tree", "-r", "-z", "-l", "--full-tree", self.commit, *inside)
        objects = {}
        for entry in filter(None, os.fsdecode(listed).split("\0")):
            head, _, name = entry.partition("\t")
            mode, _, identity, size = head.split()
            is_spec = mode in PLAIN and name.casefold().endswith(SUFFIXES) and int(size) <= MOST_BYTES
            if is_spec and _stays(name):
                objects[name] = identity
        answer = _git(self.top, "cat-file", "--batch", given="".join(f"{one}\n" for one in objects.values()).encode())
        found, at = {}, 0
        for name in objects:
            start = answer.index(b"\n", at) + 1
            end = start + int(answer[at:start].split()[2])
            found[name] = answer[start:end]
            at = end + 1
        return found

    def load(self, path: str, there: dict[str, bytes], settings: tuple[str, ...] = ()) -> Network:
        """Reads a spec of it, and those that it extends. path: from the top. there: the files around it. Raises SpecError."""
        label = self.label(path)
        if path not in there:
            raise SpecError(Problem(Place(Source(label, ""), 0, 0), f"{quote(self.name)} has no spec {quote(path)}"))
        with tempfile.TemporaryDirectory(prefix="archgen-") as temporary:
            for name, data in there.items():
                written = Path(temporary, name)
                written.parent.mkdir(parents=True, exist_ok=True)
                written.write_bytes(data)
            loaded = extends.load(Path(temporary, path), label)
        return network.of(loaded, Path(label), settings)


def find(name: str, folder: Path) -> Revision:
    """Finds a revision by any name that git knows it by, in the repository around a folder.

    Raises SpecError where there is none of that name, EnvironmentFault without git or a repository.
    """
    top = _git(folder, "rev-parse", "--show-toplevel")
    try:
        commit = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    except EnvironmentFault:
        sentence = f"the repository has no revision {quote(name)}"
        help = "`git log --oneline` lists revisions; `git fetch` brings those of a shallow or an old clone"
        raise SpecError(Problem(Place(Source(name, ""), 0, 0), sentence, help)) from None
    return Revision(name, commit.decode().strip(), Path(os.fsdecode(top).strip("\n")))


def _stays(name: str) -> bool:
    """Whether a path of a tree stays in it on any system: git takes a tree that somebody has made up as it is."""
    return not files.is_foreign(name) and not {"", ".", ".."} & set(name.split("/"))


def _git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    """What git prints. Raises EnvironmentFault where it is not there, or fails."""
    command = ["git", "--no-pager", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=SECONDS, env=os.environ | ALONE, check=False)
    except FileNotFoundError:
        raise EnvironmentFault("git is not installed, which keeps the revisions", "install git, or give two files") from None
    except subprocess.TimeoutExpired:
        raise EnvironmentFault(f"git has not answered in {SECONDS} seconds") from None
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())
        help = "give two files" if "not a git repository" in said else ""
        raise EnvironmentFault(f"git says: {printable(said)}", help)
    return done.stdout
