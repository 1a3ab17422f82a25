"""What `archgen build` does: which specs of a project go to which files, which files are up to date, and how they differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from archgen import files, project
from archgen.checked import ERROR, Annotation, Checked, of_problem
from archgen.diagnostics import Place, Problem, Source, SpecError, no_command, printable, quote
from archgen.emit import header, write
from archgen.network import Network, load
from archgen.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Output(Record):
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
        name = project.module_file(path)
        twin = outputs.get(name.casefold())  # two names that differ in case alone are one file on some systems
        if twin is not None and twin.network is not None:
            sentence = f"both this spec and {quote(twin.network.path.as_posix())} would write {quote(name)}"
            problems.append(_refused(path, sentence))
            continue
        if reason := project.why_no_module(path):
            problems.append(_refused(path, reason, "rename the spec"))
            continue
        try:
            network = load(path).checked()
            text = network.source(folder)
        except SpecError as error:
            problems.extend(error.problems)
            continue
        target = folder / name
        old = files.old(target)
        if old is not None and (other := header.other_spec(old, text, target)):
            sentence = f"{quote(files.shown(target))} is the module of {quote(other)}, which this spec would replace"
            problems.append(_refused(path, sentence))
            continue
        outputs[name.casefold()] = Output(target, text, old, network)
    if problems:
        raise SpecError(*problems)
    return tuple(outputs.values())


def _refused(path: Path, sentence: str, help: str = "rename one of the two, or choose another folder with `-o`") -> Problem:
    return Problem(Place(Source(path.as_posix(), ""), 0, 0), sentence, help)


def left_over(folder: Path, outputs: Iterable[Output]) -> tuple[Output, ...]:
    """Returns the generated files in a folder that none of the outputs writes: their specs are gone or renamed."""
    written = {output.path.name for output in outputs}
    found = []
    for path in files.listed(folder):
        if path.suffix == ".py" and path.name not in written and write.is_generated(path):
            old = files.old(path)
            if old is not None:
                found.append(Output(path, "", old, None))
    return tuple(found)


def difference(output: Output) -> str:
    """Returns what a build would change in a file, as a unified diff in printable ASCII; empty if it is up to date."""
    if output.current:
        return ""
    import difflib

    name, old = files.shown(output.path), output.old or b""
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
    return write.not_ours(output.old) or "stale, its spec, its style or archgen has changed"


def checked(output: Output) -> Checked:
    """A generated file, and what is wrong with it, at its spec where that is still there."""
    name = files.shown(output.path)
    if output.current:
        return Checked(name)
    spec = name if output.network is None else output.network.path.as_posix()
    forced = ", with `--force`" if output.edited else ""
    help = "remove it" if output.network is None else f"`archgen build` writes it anew{forced}"
    return Checked(name, (Annotation(ERROR, spec, 0, 0, _kind(output), f"{quote(name)}: {_state(output)}", help),))


def _kind(output: Output) -> str:
    if output.old is None:
        return "missing"
    return "left over" if output.network is None else "edited" if output.edited else "stale"


def refused(specs: Sequence[Path], problems: Sequence[Problem]) -> list[Checked]:
    """The specs, the first of them with all that is wrong in a file of none."""
    names = [path.as_posix() for path in specs]
    found = list(map(of_problem, problems))
    others = tuple(one for one in found if one.file not in names)
    return [
        Checked(name, tuple(one for one in found if one.file == name) + (others if name == names[0] else ())) for name in names
    ]


def _unix(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _safe(line: str) -> str:
    """Escapes what a terminal or the log of a CI would take for a command."""
    return no_command(printable(line))
