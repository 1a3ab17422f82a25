"""What `archgen build` does: which specs of a project go to which files, which files are up to date, and how they differ."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archgen.diagnostics import EnvironmentFault, Place, Problem, Source, SpecError, printable, quote
from archgen.emit import write
from archgen.names import DEVICES
from archgen.network import Network, load

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class Project:
    """The folders of a project.

    root: where its pyproject.toml is. found: whether there is one with a table `[tool.archgen]`.
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


def project(start: Path) -> Project:
    """Returns the project around a folder: the nearest pyproject.toml upwards with `[tool.archgen]`, else the folder itself."""
    start = start.resolve()
    for root in (start, *start.parents):
        settings = _settings(root / "pyproject.toml")
        if settings is not None:
            return Project(root, _folder(root, settings, "specs"), _folder(root, settings, "generated"), True)
    return Project(start, start / "specs", start / "generated")


def _settings(path: Path) -> dict[str, object] | None:
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise EnvironmentFault(f"can't read {quote(write.shown(path))}: {error.strerror or error}") from error
    if b"archgen" not in data:  # most files on the way up are of other projects: none of our business whether they parse
        return None
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        settings = tomllib.loads(data.decode()).get("tool", {}).get("archgen")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise EnvironmentFault(f"{quote(write.shown(path))} is no TOML: {error}") from error
    return settings if isinstance(settings, dict) else None


def _folder(root: Path, settings: dict[str, object], name: str) -> Path:
    value = settings.get(name, name)
    if not isinstance(value, str) or not value:
        file = quote(write.shown(root / "pyproject.toml"))
        raise EnvironmentFault(f"`{name}` of [tool.archgen] in {file} is no folder's name")
    return root / value


@dataclass(frozen=True)
class Output:
    """A generated file: its place, its new text, and the bytes that stand there now (None: no file).

    network: None for a file whose spec is gone; then the new text is empty.
    """

    path: Path
    text: str
    old: bytes | None
    network: Network | None

    @property
    def current(self) -> bool:
        return self.old == self.text.encode()

    @property
    def edited(self) -> bool:
        """Whether what stands there is another's work, in part or whole: only `--force` replaces it."""
        return self.old is not None and not self.current and bool(write.not_ours(self.old))


def plan(specs: Sequence[Path], folder: Path) -> tuple[Output, ...]:
    """Renders the specs; nothing is written. Raises one SpecError with the problems of all."""
    problems: list[Problem] = []
    outputs: dict[str, Output] = {}
    for path in specs:
        name = f"{path.stem}.py"
        twin = outputs.get(name.casefold())  # two names that differ in case alone are one file on some systems
        if twin is not None and twin.network is not None:
            problems.append(_twice(path, twin.network.path, name))
            continue
        if path.stem.casefold() in DEVICES:
            problems.append(_device(path, name))
            continue
        try:
            network = load(path).checked()
            text = network.source()
        except SpecError as error:
            problems.extend(error.problems)
            continue
        target = folder / name
        outputs[name.casefold()] = Output(target, text, write.read(target), network)
    if problems:
        raise SpecError(*problems)
    return tuple(outputs.values())


def _twice(path: Path, other: Path, name: str) -> Problem:
    place = Place(Source(path.as_posix(), ""), 0, 0)
    return Problem(place, f"both this spec and {quote(other.as_posix())} would write {quote(name)}", "rename one of the two")


def _device(path: Path, name: str) -> Problem:
    place = Place(Source(path.as_posix(), ""), 0, 0)
    return Problem(
        place, f"{quote(name)} is the name of a device on Windows, where no checkout could hold it", "rename the spec"
    )


def left_over(folder: Path, outputs: Iterable[Output]) -> tuple[Output, ...]:
    """Returns the generated files in a folder that none of the outputs writes: their specs are gone or renamed."""
    if not folder.is_dir():
        return ()
    written = {output.path.name for output in outputs}
    found = []
    for path in sorted(folder.glob("*.py")):
        if path.name not in written and path.is_file() and not path.is_symlink():
            old = write.read(path)
            if old is not None and write.is_ours(old):
                found.append(Output(path, "", old, None))
    return tuple(found)


def difference(output: Output) -> str:
    """Returns what a build would change in a file, as a unified diff in printable ASCII; empty if it is up to date."""
    if output.current:
        return ""
    import difflib

    name, old = write.shown(output.path), output.old or b""
    if output.old is not None and _unix(old) == output.text.encode():
        return f"{printable(name)}: only the line endings differ; `*.py text eol=lf` in .gitattributes keeps them as they are"
    state = f"{printable(name)}: {_state(output)}"
    before = name if output.old is not None else "/dev/null"
    after = name if output.network is not None else "/dev/null"
    old_lines = _unix(old).decode(errors="backslashreplace").splitlines()
    lines = difflib.unified_diff(old_lines, output.text.splitlines(), before, after, lineterm="")
    return "\n".join([state, *map(_safe, lines)])


def _state(output: Output) -> str:
    if output.old is None:
        return "missing"
    if output.network is None:
        return "left over, its spec is gone"
    return write.not_ours(output.old) or "stale, its spec or archgen has changed"


def _unix(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _safe(line: str) -> str:
    """Escapes what a terminal or the log of a CI would take for a command."""
    text = printable(line)
    return text.replace("::", ":\\x3a", 1) if text.lstrip().startswith("::") else text
