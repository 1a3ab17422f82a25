"""What a check found, as the programs around archgen take it: annotations of a GitHub workflow, JUnit's XML, and JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archgen.diagnostics import printable
from archgen.published import COUNT, TEXT, TRUTH, Form, Key, Kind, Listed, document, version

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archgen.diagnostics import Problem
    from archgen.published import Schema

SCHEMA_VERSION = 1
ERROR, WARNING, NOTE = LEVELS = ("error", "warning", "note")
_COMMANDS = {ERROR: "error", WARNING: "warning", NOTE: "notice"}  # of a GitHub workflow


class Annotation(NamedTuple):
    """One thing that was found. line, column: from 1; 0 where it is about the file as a whole. title: of what kind it is."""

    level: str
    file: str
    line: int
    column: int
    title: str
    sentence: str
    help: str = ""


class Checked(NamedTuple):
    """A file that was looked at, and what was found in it."""

    file: str
    found: tuple[Annotation, ...] = ()


def of_problem(problem: Problem) -> Annotation:
    place = problem.place
    return Annotation(
        problem.label,
        place.source.name,
        place.line,
        place.column if place.line else 0,
        problem.code,
        problem.sentence,
        problem.help,
    )


def github(checked: Sequence[Checked], command: str) -> str:
    """Returns a line for each thing that was found, which a GitHub workflow shows at its place."""
    lines = [_command(one) for file in checked for one in file.found]
    return "\n".join(lines or [f"{command}: nothing found"])


def _command(one: Annotation) -> str:
    place = [f"file={_property(one.file)}"]
    place += [f"line={one.line}"] if one.line else []
    place += [f"col={one.column}"] if one.column else []
    place += [f"title={_property(one.title)}"] if one.title else []
    text = "; ".join(filter(None, (one.sentence, one.help)))
    return f"::{_COMMANDS[one.level]} {','.join(place)}::{_data(text)}"


def _data(text: str) -> str:
    return printable(text.replace("\n", "; ")).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def junit(checked: Sequence[Checked], command: str) -> str:
    """Returns a document in which each file is a test case; what was found makes it fail, notes and warnings aside."""
    from xml.etree import ElementTree

    suite = ElementTree.Element("testsuite", name=command, tests=str(len(checked)))
    suite.set("failures", str(sum(any(one.level == ERROR for one in file.found) for file in checked)))
    for file in checked:
        case = ElementTree.SubElement(suite, "testcase", classname=command, name=printable(file.file))
        for one in file.found:
            where = f"{one.file}:{one.line}:{one.column}: " if one.line else f"{one.file}: "
            text = printable("; ".join(filter(None, (where + one.sentence, one.help))))
            if one.level == ERROR:
                ElementTree.SubElement(case, "failure", message=printable(one.sentence), type=one.title or ERROR).text = text
            else:
                ElementTree.SubElement(case, "system-out").text = text
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


FOUND = Form(
    Key("level", Kind(enum=list(LEVELS))),
    Key("file", TEXT, "Where it is written: perhaps in a spec that this one extends."),
    Key("line", COUNT, "Counted from 1; 0 for the file as a whole."),
    Key("column", COUNT),
    Key("title", TEXT, "Of what kind it is, as `E-DUP`; empty where it has no name."),
    Key("sentence", TEXT),
    Key("help", TEXT, "What would mend it, or empty."),
)
CHECKED = Form(
    version(SCHEMA_VERSION),
    Key("command", TEXT, of=lambda both: both[1]),
    Key(
        "fine",
        TRUTH,
        "Whether there is no error.",
        of=lambda both: all(one.level != ERROR for file in both[0] for one in file.found),
    ),
    Key("files", Listed(Form(Key("file", TEXT), Key("found", Listed(FOUND)))), of=lambda both: both[0]),
)


def schema() -> Schema:
    return document("archgen check", "What `archgen validate` and `archgen build --check` print with `--format json`.", CHECKED)


def json(checked: Sequence[Checked], command: str) -> str:
    """Returns the same as JSON text."""
    import json

    return json.dumps(CHECKED.values((checked, command)), indent=2).replace("##[", "##\\u005b")


FORMS: dict[str, Callable[[Sequence[Checked], str], str]] = {"github": github, "junit": junit, "json": json}
