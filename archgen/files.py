"""The only place that opens a user's files: a checkout may be a stranger's, and hold links, pipes and devices.

A reader never waits, never reads without an end, and tells what is no plain file. A path that is written inside a tree must lie
in it when its links are followed: else a link in a checkout could show or replace what lies outside.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

ROOTS = (".git", "pyproject.toml")  # a folder that holds one of these is the top of a tree
_FLAGS = os.O_RDONLY | sum(getattr(os, flag, 0) for flag in ("O_NONBLOCK", "O_BINARY", "O_CLOEXEC"))
_CHUNK = 2**20


class NotAFile(Exception):
    """What stands at a path is no plain file: `kind` says what it is, with its article."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def contents(path: Path, most: int, follow: bool = True) -> bytes:
    """Returns what a plain file holds, and of one that is larger its first `most` + 1 bytes.

    follow: whether the path itself may be a link. Raises NotAFile and OSError.
    """
    if not follow and os.path.islink(path):
        raise NotAFile("a symbolic link")
    descriptor = os.open(path, _FLAGS | (0 if follow else getattr(os, "O_NOFOLLOW", 0)))
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise NotAFile(kind(mode))
        parts, left = [], most + 1
        while left and (part := os.read(descriptor, min(left, _CHUNK))):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def kind(mode: int) -> str:
    """What a file's mode says that it is."""
    if stat.S_ISLNK(mode):
        return "a symbolic link"
    return "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"


def top(folder: Path) -> Path:
    """Returns the top of the tree that a folder, as it is written, belongs to: the nearest upwards with one of `ROOTS`.

    Without one, it is the current folder, if that is above, or else the folder itself.
    """
    written = Path(os.path.abspath(folder))
    for one in (written, *written.parents):
        if any(os.path.lexists(one / name) for name in ROOTS):
            return one
    current = Path.cwd()
    return current if written.is_relative_to(current) else written


def leads_out(path: Path) -> bool:
    """Whether a path, its links followed, leaves the tree in which it is written."""
    written = Path(os.path.abspath(path))
    try:
        return not Path(os.path.realpath(written)).is_relative_to(os.path.realpath(top(written.parent)))
    except OSError:  # links that lead to each other
        return True


def shown(path: Path) -> str:
    """Returns a path as a user would type it: relative to the current folder if it lies in it."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive
        return path.as_posix()
    return path.as_posix() if relative.startswith("..") else relative.replace(os.sep, "/")
