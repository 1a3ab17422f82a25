"""A project: which folder it is, where its specs and its generated modules are, and how the two are named.

Its settings are the table `[tool.archgen]` of a pyproject.toml. The search for one goes upwards from a folder and ends at the
top of the repository: what lies above is not the project's.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgen import files
from archgen.diagnostics import EnvironmentFault, printable, quote
from archgen.names import KEYWORDS
from archgen.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIXES = (".yaml", ".yml")
MOST_BYTES = 2**20  # of a pyproject.toml


class Project(Record):
    """The folders of a project.

    root: where its settings are, or where the search began. found: whether there are settings.
    """

    root: Path
    specs: Path
    generated: Path
    found: bool = False

    def all_specs(self) -> tuple[Path, ...]:
        """Returns the project's specs in the order of their names; none where there is no such folder."""
        if not self.specs.is_dir():
            return ()
        found = (path for path in self.specs.iterdir() if path.suffix in SUFFIXES and path.is_file())
        return tuple(sorted(found, key=lambda path: path.name))


def find(start: Path) -> Project:
    """Returns the project around a folder: the nearest pyproject.toml upwards with `[tool.archgen]`, else the folder itself."""
    start = Path(os.path.abspath(start))
    for root in _upwards(start):
        settings = _settings(root / "pyproject.toml")
        if settings is not None:
            return Project(root, _folder(root, settings, "specs"), _folder(root, settings, "generated"), True)
    return Project(start, start / "specs", start / "generated")


def _upwards(start: Path) -> Iterator[Path]:
    for folder in (start, *start.parents):
        yield folder
        if os.path.lexists(folder / ".git"):
            return


def module_file(spec: Path) -> str:
    """Returns the name of a spec's generated file, which an `import` can name: `my-net.yaml` gives `my_net.py`."""
    return f"{spec.stem.replace('-', '_')}.py"


def why_no_module(spec: Path) -> str:
    """Returns why no `import` could name the module of a spec, or ''."""
    stem = module_file(spec)[:-3]
    if stem in KEYWORDS:
        return f"{quote(stem)} is a word of Python"
    if not (stem.isascii() and stem.isidentifier()):
        return "a module is named by letters, digits and `_`, and starts with no digit"
    return ""


def from_root(spec: Path, folder: Path | None) -> tuple[str, str]:
    """Returns how a spec is named in its generated file, and the arguments of `archgen build` that write that file anew.

    The name is the path from the project's settings, and so is the command to be given there. Without settings the name is the
    path from the generated file's folder, and the command is for the spec's own folder. folder: of the generated file.
    """
    written = Path(os.path.abspath(spec))
    project = find(written.parent)
    if project.found and written.is_relative_to(project.root):
        name = written.relative_to(project.root).as_posix()
        target = "" if folder is None else _relative(folder, project.root)
        return name, name if target in ("", _relative(project.generated, project.root)) else f"{name} -o {target}"
    if folder is None:
        return written.name, written.name
    target = _relative(folder, written.parent)
    return _relative(written, folder), written.name if target == "generated" else f"{written.name} -o {target}"


def _relative(path: Path, start: Path) -> str:
    try:
        return os.path.relpath(path, start).replace(os.sep, "/")
    except ValueError:  # another drive
        return path.name


def _settings(path: Path) -> dict[str, Any] | None:
    try:
        data = files.contents(path, MOST_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except files.NotAFile as other:
        raise EnvironmentFault(f"{_shown(path)} is {other.kind}, not a file") from None
    except OSError as error:
        raise EnvironmentFault(f"can't read {_shown(path)}: {error.strerror or error}") from error
    if b"archgen" not in data:  # most files on the way up are of other projects: none of our business whether they parse
        return None
    if len(data) > MOST_BYTES:
        raise EnvironmentFault(f"{_shown(path)} is larger than 1 MiB")
    table = _parsed(path, data)
    for name in ("tool", "archgen"):
        inner = table.get(name)
        if inner is None:
            return None
        if not isinstance(inner, dict):
            raise EnvironmentFault(f"`{name}` in {_shown(path)} is no table", "write `[tool.archgen]`, its keys below")
        table = inner
    return table


def _parsed(path: Path, data: bytes) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        parsed: dict[str, Any] = tomllib.loads(data.decode())
    except RecursionError:
        raise EnvironmentFault(f"{_shown(path)} is no TOML: its lists nest too deep") from None
    except ValueError as error:  # of TOML and of UTF-8
        raise EnvironmentFault(f"{_shown(path)} is no TOML: {printable(str(error))}") from error
    return parsed


def _folder(root: Path, settings: dict[str, Any], name: str) -> Path:
    value = settings.get(name, name)
    if not isinstance(value, str) or not value.isprintable() or not value:
        raise EnvironmentFault(f"`{name}` of [tool.archgen] in {_shown(root / 'pyproject.toml')} is no folder's name")
    return root / value


def _shown(path: Path) -> str:
    return quote(files.shown(path))
