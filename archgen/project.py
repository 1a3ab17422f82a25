"""A project: which folder it is, where its specs and its generated modules are, and how the two are named.

Its settings are the table `[tool.archgen]` of a pyproject.toml. The search for one goes upwards from a folder and ends at the
top of the repository: what lies above is not the project's.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from archgen import files, settings
from archgen.diagnostics import printable, quote
from archgen.language.names import DEVICES, KEYWORDS
from archgen.records import Record
from archgen.syntax import parser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archgen.settings import Setting

SUFFIXES = (".yaml", ".yml")


class Project(Record):
    """The folders of a project.

    root: where its settings are, or where the search began. found: whether there are settings. templates: its own, if it has
    any. width: of a line of generated code, 0 where it does not say. breaking: what it says of changes that break somebody.
    """

    root: Path
    specs: Path
    generated: Path
    found: bool = False
    templates: Path | None = None
    width: int = 0
    breaking: tuple[Setting, ...] = ()

    def all_specs(self) -> tuple[Path, ...]:
        """Returns the project's specs in the order of their names; none where there is no such folder.

        Whatever is called like a spec is one, a pipe or a link to nothing too: who reads it says what is wrong. A name with a
        dot in front is another program's, as the lock of an editor.
        """
        parser.refuse_outside(self.specs, files.shown(self.specs), "name the specs, by the path that it leads to")
        found = files.listed(self.specs)
        return tuple(path for path in found if path.suffix.casefold() in SUFFIXES and not path.name.startswith("."))


def find(start: Path) -> Project:
    """Returns the project around a folder: the nearest pyproject.toml upwards with `[tool.archgen]`, else the folder itself."""
    start = Path(os.path.abspath(start))
    for root in _upwards(start):
        said = settings.read(root)
        if said is not None:
            specs, generated = root / (said.specs or "specs"), root / (said.generated or "generated")
            templates = root / said.templates if said.templates else None
            return Project(root, specs, generated, True, templates, said.width, said.breaking)
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
    """Returns why a spec can't have a module, because of its name, or ''."""
    name = module_file(spec)
    stem = name[:-3]
    if stem.casefold() in DEVICES:
        return f"{quote(name)} is the name of a device on Windows, where no checkout could hold it"
    if stem in KEYWORDS:
        return f"no `import` could name {quote(name)}: {quote(stem)} is a word of Python"
    if not (stem.isascii() and stem.isidentifier()):
        return f"no `import` could name {quote(name)}: a module is named by letters, digits and `_`, and starts with no digit"
    return ""


def other_spec(before: str, now: str, module: Path) -> str:
    """Returns the other spec that a generated file belongs to, or '': one that is gone has been renamed.

    before, now: the specs that the file and the new text for it name.
    """
    if before in ("", now):
        return ""
    around = find(module.parent)
    starts = [module.parent, *([around.root] if around.found else [])]

    def found(name: str) -> set[str]:
        return {os.path.abspath(start / name) for start in starts if os.path.lexists(start / name)}

    there = found(before)  # one spec has two names where the project got its settings between two builds
    return before if there and there.isdisjoint(found(now)) else ""


def build_command(spec: Path, folder: Path) -> str:
    """Returns the command that builds a spec into a folder, as it is to be given in the current folder."""
    around = find(Path.cwd())
    target = [] if os.path.abspath(folder) == str(around.generated) else ["-o", files.shown(folder)]
    return printable(" ".join(map(shlex.quote, ["archgen", "build", files.shown(spec), *target])))


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
