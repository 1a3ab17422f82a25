"""The only place that opens and writes files: a checkout may be a stranger's, and hold links, pipes and devices.

A reader never waits, never reads without an end, and tells what is no plain file. A path that is written inside a tree must lie
in it when its links are followed: else a link in a checkout could show or replace what lies outside. Who reads a file while it
is replaced, or after a build that was killed at any moment, sees the old one or the new one, never a part of one.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from archgen.diagnostics import EnvironmentFault, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

MOST_BYTES = 2**24  # of a file that archgen wrote
TEMPORARY = ".archgen-tmp"  # how the names of temporary files end
_OTHER_FOLDER = "give the folder that it leads to, with -o"
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


def is_foreign(text: str) -> bool:
    """Whether a path starts elsewhere than the file that names it, or another system would read it in another way."""
    return text.startswith(("/", "~")) or any(sign in text for sign in "\\:\0")


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
    try:  # not of the absolute path, which has lost a `..` behind a link: the system goes up from where the link leads to
        return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(top(path.parent)))
    except OSError:  # links that lead to each other
        return True


def listed(folder: Path) -> tuple[Path, ...]:
    """Returns what lies in a folder, sorted by name; nothing where there is no such folder."""
    try:
        return tuple(folder / name for name in sorted(os.listdir(folder)))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise _fault(folder, "list", error) from error


def shown(path: Path) -> str:
    """Returns a path as a user would type it: relative to the current folder if it lies in it."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive
        return path.as_posix()
    return path.as_posix() if relative.startswith("..") else relative.replace(os.sep, "/")


# ---- what archgen writes


def old(path: Path) -> bytes | None:
    """Returns what stands where archgen writes a file, or None where there is nothing.

    Raises EnvironmentFault for what is no plain file of a size that archgen writes, and where the path leads out of its tree.
    """
    try:
        _refuse_outside(path.parent)
        data = contents(path, MOST_BYTES, follow=False)
    except FileNotFoundError:
        return None
    except NotAFile as other:
        raise EnvironmentFault(
            f"{_shown(path)} is {other.kind}, not a file", "remove it, or choose another folder with -o"
        ) from None
    except OSError as error:
        raise _fault(path, "read", error) from error
    if len(data) > MOST_BYTES:
        raise EnvironmentFault(f"{_shown(path)} is larger than any file that archgen writes", "remove it")
    return data


def write(texts: Mapping[Path, str], folder: Path, not_ours: Callable[[bytes], str] = lambda _: "") -> dict[Path, bool]:
    """Writes the files of one folder, which is made if there is none; returns for each whether it had to be written.

    All are written beside their targets before the first target is replaced. Raises EnvironmentFault, and leaves the targets as
    they are, where one of them can't be written or may not be replaced.
    not_ours: says of the bytes that stand there why they are another's work, or ''.
    """
    _make(folder)
    with _locked(folder) as alone:
        if alone:
            _remove_left(folder)
        changed = {}
        for path, text in texts.items():
            data, before = text.encode(), old(path)
            if data != before:
                _refuse(path, before, not_ours)
                changed[path] = data
        _replace_all(changed, folder)
    return {path: path in changed for path in texts}


def create(files: Mapping[Path, bytes]) -> None:
    """Writes new files, all or none; their folders are made. Raises FileExistsError where one is there already."""
    for path in files:
        _make(path.parent)
    made: list[Path] = []
    for path, data in files.items():
        try:
            _write_new(path, data)
        except FileExistsError as error:  # of another, so it stays
            _remove(made)
            raise FileExistsError(error.errno, error.strerror, path) from None
        except OSError as error:
            _remove([*made, path])
            raise _fault(path, "write", error) from error
        made.append(path)


def _refuse_outside(folder: Path) -> None:
    """A link on the way to a folder, in a stranger's pull request, would send what is written anywhere."""
    if leads_out(folder):
        raise EnvironmentFault(f"{_shown(folder)} leads out of {_shown(top(folder))}", _OTHER_FOLDER)


def _make(folder: Path) -> None:
    _refuse_outside(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _fault(folder, "make the folder", error) from error


def _refuse(path: Path, before: bytes | None, not_ours: Callable[[bytes], str]) -> None:
    if before is None:
        return
    if not os.access(path, os.W_OK):  # a replacement would succeed, against the will of who made the file read-only
        raise EnvironmentFault(f"{_shown(path)} is read-only")
    if reason := not_ours(before):
        raise EnvironmentFault(f"{_shown(path)} was {reason}", "`--force` replaces it")


def _replace_all(files: Mapping[Path, bytes], folder: Path) -> None:
    waiting: dict[Path, Path] = {}
    path = folder
    try:
        for number, (path, data) in enumerate(files.items()):  # a name made of the file's own might be too long
            temporary = waiting[path] = path.with_name(f".{os.getpid()}-{number}{TEMPORARY}")
            _write_new(temporary, data)
        for path in files:
            os.replace(waiting[path], path)
            del waiting[path]
        if files:
            _sync(folder)
    except OSError as error:
        raise _fault(path, "write", error) from error
    finally:
        _remove(waiting.values())


def _write_new(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync(folder: Path) -> None:
    """Makes the new names last through a power cut, where the system can do that."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows opens no folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Keeps other builds out of the folder, and tells whether it could; the lock is on the folder, and so leaves no file."""
    try:
        import fcntl
    except ImportError:  # Windows: the replacements are atomic there too, only the order of two builds is open
        yield False
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise _fault(folder, "open", error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            alone = True
        except OSError:  # some network drives have no locks
            alone = False
        yield alone
    finally:
        os.close(descriptor)


def _remove_left(folder: Path) -> None:
    """Removes what a killed build left: under the lock nobody else is writing."""
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise _fault(folder, "list", error) from error
    _remove(folder / name for name in names if name.startswith(".") and name.endswith(TEMPORARY))


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _fault(path: Path, action: str, error: OSError) -> EnvironmentFault:
    return EnvironmentFault(f"can't {action} {_shown(path)}: {error.strerror or error}")


def _shown(path: Path) -> str:
    return quote(shown(path))
