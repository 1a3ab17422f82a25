"""Generated files on the disk: what stands there, and how it is replaced.

A reader, or a build that is killed at any moment, sees the old file or the new one, never a part of one. Files that archgen did
not write are left alone.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from archgen import files
from archgen.diagnostics import EnvironmentFault, quote
from archgen.emit import module

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MOST_BYTES = 2**24
_OTHER_FOLDER = "give the folder that it leads to, with -o"
TEMPORARY = ".archgen-tmp"  # how the names of temporary files end


def is_ours(data: bytes) -> bool:
    """Whether archgen wrote this file: its first line says so."""
    return data.startswith(module.MARKER.encode())


def not_ours(data: bytes) -> str:
    """Returns why a file is not as archgen wrote it, or ''. A checkout may have changed the line ends: that is no edit."""
    if not is_ours(data):
        return "not written by archgen"
    text = data.decode(errors="replace").replace("\r\n", "\n")
    return "" if module.is_sealed(text) else "edited since archgen wrote it"


def read(path: Path) -> bytes | None:
    """Returns what a generated file holds, or None where there is none.

    Raises EnvironmentFault for what is no plain file of a size that archgen writes, and where the path leads out of its tree.
    """
    try:
        if files.leads_out(path.parent):
            raise EnvironmentFault(f"{_shown(path.parent)} leads out of {_shown(files.top(path.parent))}", _OTHER_FOLDER)
        data = files.contents(path, MOST_BYTES, follow=False)
    except FileNotFoundError:
        return None
    except files.NotAFile as other:
        raise EnvironmentFault(
            f"{_shown(path)} is {other.kind}, not a file", "remove it, or choose another folder with -o"
        ) from None
    except OSError as error:
        raise _fault(path, "read", error) from error
    if len(data) > MOST_BYTES:
        raise EnvironmentFault(f"{_shown(path)} is larger than any file that archgen writes", "remove it")
    return data


def write(texts: Mapping[Path, str], folder: Path, force: bool = False) -> dict[Path, bool]:
    """Writes the files of one folder, which is made if there is none; returns for each whether it had to be written.

    All are written beside their targets before the first target is replaced. Raises EnvironmentFault, and leaves the targets as
    they are, where one of them is not archgen's own (unless `force`) or can't be written.
    """
    _make(folder)
    with _locked(folder) as alone:
        if alone:
            _remove_left(folder)
        changed = {}
        for path, text in texts.items():
            data, old = text.encode(), read(path)
            if data != old:
                _refuse(path, old, force)
                changed[path] = data
        _replace_all(changed, folder)
    return {path: path in changed for path in texts}


def _make(folder: Path) -> None:
    """Makes the folder; a link on the way to it, in a stranger's pull request, would send the files anywhere."""
    if files.leads_out(folder):
        raise EnvironmentFault(f"{_shown(folder)} leads out of {_shown(files.top(folder))}", _OTHER_FOLDER)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _fault(folder, "make the folder", error) from error


def _refuse(path: Path, old: bytes | None, force: bool) -> None:
    if old is None:
        return
    if not os.access(path, os.W_OK):  # a replacement would succeed, against the will of who made the file read-only
        raise EnvironmentFault(f"{_shown(path)} is read-only")
    reason = not_ours(old)
    if reason and not force:
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
        for temporary in waiting.values():
            with contextlib.suppress(OSError):
                os.unlink(temporary)


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
    for name in names:
        if name.startswith(".") and name.endswith(TEMPORARY):
            with contextlib.suppress(OSError):
                os.unlink(folder / name)


def _fault(path: Path, action: str, error: OSError) -> EnvironmentFault:
    return EnvironmentFault(f"can't {action} {_shown(path)}: {error.strerror or error}")


def _shown(path: Path) -> str:
    return quote(files.shown(path))
