"""Generated files on the disk: which are archgen's own, and so may be replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen import files
from archgen.emit import header

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def is_ours(data: bytes) -> bool:
    """Whether archgen wrote this file: its first line says so."""
    return data.startswith(header.MARKER.encode())


def is_generated(path: Path) -> bool:
    """Whether a plain file is archgen's own; what can't be read is another's."""
    try:
        return is_ours(files.contents(path, len(header.MARKER), follow=False))
    except (files.NotAFile, OSError):
        return False


def not_ours(data: bytes) -> str:
    """Returns why a file is not as archgen wrote it, or ''. A checkout may have changed the line ends: that is no edit."""
    if not is_ours(data):
        return "not written by archgen"
    text = data.decode(errors="replace").replace("\r\n", "\n")
    return "" if header.is_sealed(text) else "edited since archgen wrote it"


def write(texts: Mapping[Path, str], folder: Path, force: bool = False) -> dict[Path, bool]:
    """Writes generated files as `files.write` does; what is not archgen's own is replaced with `force` alone."""
    return files.write(texts, folder, (lambda _: "") if force else not_ours)
