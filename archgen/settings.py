"""The settings of a project: the table `[tool.archgen]` of a pyproject.toml, each value with its place.

The file may be a stranger's. Python's parser is the judge of its text, but it knows no places, and it can take hours over some
hundred kilobytes: so the text is first looked through, once and in one direction, for where its keys and values stand and for
what is too long.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from archgen import files
from archgen.diagnostics import Place, Problem, Source, SpecError, quote, suggest
from archgen.records import Record
from archgen.syntax import parser
from archgen.syntax.errors import place_at

if TYPE_CHECKING:
    from pathlib import Path

FILE = "pyproject.toml"
FOLDERS = ("specs", "generated", "templates")
BREAKING = "breaking"  # a table of its own, which the room that reviews understands
KEYS = (*FOLDERS, "width", BREAKING)
NARROWEST, WIDEST = 88, 320  # ruff's default, and the widest that it knows
MOST_PARTS = 32  # of a key: `a.b.c` has three
DEEPEST = 32  # lists and tables in lists and tables
LONGEST = 1000  # characters of a number; Python reads none of more than 4,300 digits
_SMALLER = "move what another tool needs to a file of that tool"

_LOST = ("",)  # the table of what stands in a list: none of the settings does


class Setting(NamedTuple):
    """A key of a table, with its value, and where both stand."""

    name: str
    value: Any
    key: Place
    place: Place


class Settings(Record):
    """What a project says of itself; '' and 0 where it says nothing.

    width: of a line of generated code. breaking: the keys of the table of that name, not yet looked at.
    """

    specs: str = ""
    generated: str = ""
    templates: str = ""
    width: int = 0
    breaking: tuple[Setting, ...] = ()


def read(folder: Path) -> Settings | None:
    """Returns what a folder's pyproject.toml says, or None where it has no table `[tool.archgen]`.

    The folders that it names are relative to it and lie in it, as they are written: a link on the way is for those to refuse
    who use them.

    Raises SpecError for what is wrong with them or with the file, EnvironmentFault where the system refuses to read it.
    """
    path = folder / FILE
    if not os.path.lexists(path):
        return None
    parser.refuse_outside(path, files.shown(path), "put a copy of what it leads to in its place")
    text = parser.load(path, files.shown(path), "the file", _SMALLER)
    if "archgen" not in text.text:  # most files on the way up are of other projects: none of our business whether they parse
        return None
    return _settings(text)


@functools.lru_cache(maxsize=4)  # each generated file asks for its project
def _settings(text: Source) -> Settings | None:
    scan = _Scan(text)
    table: Any = _parsed(text, scan.unclosed)
    for depth, name in enumerate(("tool", "archgen"), 1):
        table = table.get(name)
        if table is None:
            return None
        if not isinstance(table, dict):
            place = scan.place(("tool", "archgen")[:depth])
            raise SpecError(Problem(place, f"{quote(name)} is no table", "write `[tool.archgen]`, and its keys below"))
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in table.items():
        key, place = scan.key(("tool", "archgen", name)), scan.place(("tool", "archgen", name))
        if name not in KEYS:
            help = suggest(name, KEYS, "keys of `[tool.archgen]`")
            problems.append(Problem(key, f"`[tool.archgen]` has no key {quote(name)}", help, "E-KEY"))
        elif name == "width":
            if type(value) is not int or not NARROWEST <= value <= WIDEST:
                sentence = f"`width` takes a whole number from {NARROWEST} to {WIDEST}"
                problems.append(Problem(place, sentence, "write the line length of your formatter: `width = 100`"))
            found[name] = value
        elif name == BREAKING:
            if isinstance(value, dict):
                path = ("tool", "archgen", name)
                found[name] = tuple(
                    Setting(*one, scan.key((*path, one[0])), scan.place((*path, one[0]))) for one in value.items()
                )
            else:
                problems.append(
                    Problem(place, f"{quote(name)} is no table", "write `[tool.archgen.breaking]`, and its keys below")
                )
        elif sentence := _why_no_folder(name, value):
            problems.append(Problem(place, sentence, f'name a folder below this one: `{name} = "{name}"`', "E-PATH"))
        else:
            found[name] = os.path.normpath(value)
    if problems:
        raise SpecError(*problems)
    return Settings(**found)


def _why_no_folder(name: str, value: object) -> str:
    """Returns why a value names no folder of the project, on any system, or ''."""
    if not isinstance(value, str):
        return f"{quote(name)} takes the name of a folder, in quotes"
    if not value.strip() or not value.isprintable():
        return f"{quote(name)} names no folder"
    if files.is_foreign(value):
        return f"{quote(name)} can't name {quote(value)}: it takes a path from this file, with `/`"
    if os.path.normpath(value).split(os.sep)[0] == os.pardir:
        return f"{quote(name)} leads out of the project"
    return ""


def _parsed(text: Source, unclosed: Place | None) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        parsed: dict[str, Any] = tomllib.loads(text.text)
        return parsed
    except (ValueError, RecursionError) as error:
        raise SpecError(_explained(text, str(error), unclosed)) from None


# ---- what Python's parser says


_CLOSES = {"[": "]", "{": "}"}
_TABLE = "a table stands in a file once: write its keys below one `[name]`"
_HELPS = {  # by what stands in the message
    "Cannot declare": _TABLE,
    "Cannot redefine": _TABLE,
    "Cannot mutate": _TABLE,
    "Cannot overwrite": "a key stands in a table once: remove one of the two",
    "Invalid statement": 'a line is a table `[name]`, or a key with its value: `generated = "models"`',
    "after a key": 'a key is followed by `=` and its value: `generated = "models"`',
    "newline or end": "each key stands on a line of its own; a `#` begins a comment",
    "Invalid value": 'a text stands in quotes: `generated = "models"`',
    "Invalid initial character": "a key is letters, digits, `-` and `_`, or stands in quotes",
    "Unclosed array": "close the list with `]`",
    "Unclosed inline table": "close the table with `}`, on the same line",
    "table declaration": "close the name of the table with `]`",
    "array declaration": "close the name of the list of tables with `]]`",
    "backslash": "write a `\\` as `\\\\`, or the text in single quotes",
    "escape": "write a `\\` as `\\\\`, or the text in single quotes",
    "Unterminated string": "close the text with the sign that it starts with",
    'Expected "': "close the text with the sign that it starts with",
    "Illegal character": "end the text in its line, or write the character as an escape: `\\n`",
    "invalid character": "remove the character",
}


def _explained(text: Source, message: str, unclosed: Place | None) -> Problem:
    """A fault in the words of Python's parser: since 3.14 alone its exception has the place as numbers."""
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message, re.DOTALL)
    if found is None:
        return Problem(Place(text, 0, 0), "this file is no TOML that Python can read", "simplify it", "E-TOML")
    said, line, column = found.groups()
    end = place_at(text, len(text.text))
    place = end if line is None else Place(text, int(line), int(column))
    if unclosed is not None and place >= end:  # the parser tells it where it found no more
        sign = text.line(unclosed.line)[unclosed.column - 1]
        return Problem(unclosed, f"this {quote(sign)} is never closed", f"close it with {quote(_CLOSES[sign])}", "E-TOML")
    help = next((help for part, help in _HELPS.items() if part in said), "https://toml.io says how it is written")
    return Problem(place, f"this is no TOML: {said[:1].lower()}{said[1:]}", help, "E-TOML")


# ---- where keys and values stand

_TOKEN = re.compile(
    r'''(?P<skip>[ \t]+|\#[^\n]*)
    |(?P<text>"""(?:[^"\\]|\\.|"(?!""))*"{3,5}|\'\'\'(?:[^']|'(?!''))*'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')
    |(?P<word>[^\s"'\[\]{},=.\#]+)
    |(?P<sign>[\[\]{},=.\n])''',
    re.VERBOSE | re.DOTALL,
)


class _Scan:
    """Looks through a text up to the first sign that is no TOML. Raises SpecError for what is too long or too deep."""

    def __init__(self, text: Source) -> None:
        self._text = text
        self._keys: dict[tuple[str, ...], int] = {}  # full key -> where its first part begins
        self._values: dict[tuple[str, ...], tuple[int, int]] = {}  # full key -> where its value begins, and the length of that
        self._table: tuple[str, ...] = ()  # whose keys come
        self._key: list[str] = []
        self._start = 0  # of the key
        self._state = "key"  # key, table (a key in `[...]`), value (the sign that begins it), rest
        self._open: list[tuple[int, str, tuple[str, ...]]] = []  # brackets around, where they are, which tables they interrupt
        at = 0
        while token := _TOKEN.match(text.text, at):
            if token.lastgroup == "sign":
                self._sign(token.group(), at)
            elif token.lastgroup != "skip":
                self._word(token.group(), at, token.lastgroup == "word")
            at = token.end()

    @property
    def unclosed(self) -> Place | None:
        """The innermost bracket that is open at the end."""
        return place_at(self._text, self._open[-1][0]) if self._open else None

    def key(self, path: tuple[str, ...]) -> Place:
        """Returns where a key stands; what the look did not understand is the file as a whole."""
        at = self._keys.get(path)
        return Place(self._text, 0, 0) if at is None else place_at(self._text, at, len(path[-1]))

    def place(self, path: tuple[str, ...]) -> Place:
        """Returns where the value of a key stands, or else the key, as of a table."""
        at = self._values.get(path)
        return self.key(path) if at is None else place_at(self._text, *at)

    def _word(self, word: str, at: int, bare: bool) -> None:
        if self._state in ("key", "table"):
            if not self._key:
                self._start = at
            self._key.append(word if bare else word[1:-1])
            if len(self._key) > MOST_PARTS:
                raise self._refused(self._start, f"this key has more than {MOST_PARTS} parts", "shorten it")
            return
        if bare and len(word) > LONGEST:
            raise self._refused(at, f"this value has more than {LONGEST:,} characters", "a text stands in quotes")
        self._value(at, len(word))

    def _sign(self, sign: str, at: int) -> None:
        if sign == "\n":
            if not self._open:
                self._state, self._key = "key", []
        elif self._state == "key" and sign == "[" and not self._key and not self._open:
            self._state = "table"
        elif self._state == "table":
            if sign == "]" and self._key:
                self._table = tuple(self._key)
                self._keys.setdefault(self._table, self._start)
                self._state, self._key = "rest", []
        elif self._state == "key" and sign == "=":
            self._keys.setdefault((*self._table, *self._key), self._start)
            self._state = "value"
        elif sign in "[{":
            self._begin(sign, at)
        elif sign in "]}" and self._open:
            self._table = self._open.pop()[2]
            self._state, self._key = "rest", []
        elif sign == "," and self._open and self._open[-1][1] == "{":
            self._state, self._key = "key", []

    def _begin(self, sign: str, at: int) -> None:
        """A list or a table in braces: what is in it belongs to its key, and in a list to nothing that is asked for."""
        self._value(at, 1)
        if len(self._open) == DEEPEST:
            raise self._refused(at, f"lists and tables are nested more than {DEEPEST} deep", "simplify it")
        self._open.append((at, sign, self._table))
        inside = any(bracket == "[" for _, bracket, _ in self._open)
        self._table = _LOST if inside else (*self._table, *self._key)
        self._state, self._key = "key" if sign == "{" else "rest", []

    def _value(self, at: int, length: int) -> None:
        if self._state == "value":
            self._values.setdefault((*self._table, *self._key), (at, length))
            self._state = "rest"

    def _refused(self, at: int, sentence: str, help: str) -> SpecError:
        return SpecError(Problem(place_at(self._text, at), sentence, help, "E-SIZE"))
