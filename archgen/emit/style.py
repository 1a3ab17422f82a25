"""How generated code looks, where a project says it: how wide its lines may be, and templates of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archgen import files, resources
from archgen.diagnostics import Place, Problem, Source, SpecError, printable, suggest
from archgen.records import Record
from archgen.syntax import parser
from archgen.syntax.errors import place_at

if TYPE_CHECKING:
    from pathlib import Path

    from archgen.project import Project

WIDTH = 100
MOST_CHARACTERS = 2**14  # of one template: what it says may stand in a file a thousand times
SUFFIX = ".jinja"
_ODD = re.compile(r"[^\n -~]")


class Style(Record):
    """width: of a line. own: the project's templates, each by the path that a message calls it."""

    width: int = WIDTH
    own: tuple[Source, ...] = ()

    def fault(self, said: str) -> Problem:
        """What is wrong where the project's templates write another module than the plan's. said: by the proof."""
        where = self.own[0].name if len(self.own) == 1 else self.own[0].name.rpartition("/")[0]
        sentence = f"what is written is not the module of the plan: {' '.join(printable(said).split())}"
        return _problem(where, sentence, "print each part of the plan once, as archgen's own templates do")


PLAIN = Style()


def names() -> tuple[str, ...]:
    """The templates that there are; a project's own replace single ones."""
    return tuple(path.name for path in files.listed(resources.folder("templates")) if path.suffix == SUFFIX)


def of(project: Project) -> Style:
    """Reads the style of a project. Raises SpecError for a folder or a file in it that is not what it must be."""
    return Style(project.width or WIDTH, () if project.templates is None else _own(project.templates))


def _own(folder: Path) -> tuple[Source, ...]:
    shown = files.shown(folder)
    parser.refuse_outside(folder, shown, "copy the templates into the project")
    if not folder.is_dir():
        raise SpecError(_problem(shown, "there is no such folder", "make it, or remove `templates` from `[tool.archgen]`"))
    found: list[Source] = []
    problems: list[Problem] = []
    for path in files.listed(folder):
        if path.name.startswith("."):
            continue
        name = files.shown(path)
        if path.name not in names():
            problems.append(_problem(name, "archgen has no template of this name", suggest(path.name, names(), "templates")))
            continue
        parser.refuse_outside(path, name, "put a copy of what it leads to in its place")
        text = parser.load(path, name, "the template", "shorten it")
        if len(text.text) > MOST_CHARACTERS:
            problems.append(_problem(name, f"a template has at most {MOST_CHARACTERS:,} characters", "shorten it"))
        elif odd := _ODD.search(text.text):
            what = f"a generated module is ASCII, and this template holds the character U+{ord(odd[0]):04X}"
            problems.append(Problem(place_at(text, odd.start()), what, "write it in ASCII; a tab as spaces"))
        elif not text.text.endswith("\n"):  # else the next line of the module would go on behind its last
            text = Source(text.name, f"{text.text}\n")
        found.append(text)
    if problems:
        raise SpecError(*problems)
    return tuple(found)


def _problem(name: str, sentence: str, help: str) -> Problem:
    return Problem(Place(Source(name, ""), 0, 0), sentence, help)
