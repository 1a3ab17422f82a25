"""Where the files that come with archgen lie: beside the package in a wheel, at the top of the project in a checkout."""

from __future__ import annotations

from pathlib import Path

from archgen import files

PACKAGE = Path(__file__).parent


def folder(name: str) -> Path:
    """Returns the folder of the templates or of the specs that come with archgen."""
    packaged = PACKAGE / name
    return packaged if packaged.is_dir() else PACKAGE.parent / name


def read(path: Path) -> bytes:
    """Returns what a file that comes with archgen holds."""
    return files.contents(path, files.MOST_BYTES)


LIBRARY = PACKAGE / "library"
