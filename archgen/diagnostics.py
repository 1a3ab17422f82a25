"""Problems as values, and how they look.

A problem says what is wrong, where, and what helps. A phase collects all of its problems and raises them in one `SpecError`;
`render` turns each into

    specs/x.yaml:12:12: error: `BasicBlok` is no op or block
      12 |   layer2: {BasicBlok: 128, depth: 2}
         |            ^^^^^^^^^
    help: the nearest is `BasicBlock`

A spec may come from a stranger, and what is printed lands in terminals and in the logs of CI. So everything shown is printable
ASCII, other characters escaped as `ascii()` does it, and no line can be a GitHub workflow command (`::error::`, `##[debug]`).
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from archgen.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Style = Callable[[str, str], str]  # (text, role) -> text; the roles: place, error, note, line, caret, help

WIDTH = 80  # columns of a rendered line
HANGING = " " * 6  # before the further lines of a sentence or a help
MOST_QUOTED = 70  # characters of a spec that a sentence quotes: they fit in a line behind the indent
MOST_SHOWN = 20  # problems; a reader mends the first few and runs again
MOST_CALLS = 3  # of the calls that lead to a problem, the outermost
MOST_NAMES = 12  # known names that a help lists
BUDGET = "E-BUDGET"  # the code of a problem with how much a spec asks for: no other size of the input would help
MOST_CANDIDATES = 500  # a hostile spec may define thousands of names, and difflib takes some 30 us for each


class Source(Record):
    """A text and the name it goes by: the path as the user gave it."""

    name: str
    text: str

    def line(self, number: int) -> str:
        """Returns a line, counted from 1; the line 0, and one after the last, are empty."""
        lines = self.text.split("\n")
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"Source({self.name!r})"


class Place(NamedTuple):
    """Where something is written. Line and column count from 1, in characters; line 0 means the file as a whole."""

    source: Source
    line: int
    column: int
    length: int = 1  # characters to underline, all on that line

    def seen_from(self, other: Place) -> str:
        """Line and column, after the file's name where the other place is in another file."""
        position = f"{self.line}:{self.column}"
        return position if self.source == other.source else f"{self.source.name}:{position}"


class Problem(Record):
    """One thing that is wrong. The sentence starts in lowercase, without a full stop; only the help says what to do.

    Where it is inside a block, `calls` are the places that call the block, the innermost first, with its name.

    The code (`E-DUP`) names the kind of problem for programs: it is not printed.
    """

    uncompared: ClassVar[frozenset[str]] = frozenset()  # here the place is part of the meaning
    label: ClassVar[str] = "error"

    place: Place
    sentence: str
    help: str = ""
    code: str = ""
    calls: tuple[tuple[Place, str], ...] = ()


class Note(Problem):
    """Something that is allowed and seldom meant: told beside the result, and refused with `--strict` alone."""

    label: ClassVar[str] = "note"


class SpecError(Exception):
    """The spec is refused, for all these reasons (exit code 2)."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        return render_all(self.problems)


class EnvironmentFault(Exception):
    """The spec is not to blame: no torch, no permission, a full disk (exit code 3)."""

    def __init__(self, sentence: str, help: str = "") -> None:
        super().__init__(sentence, help)
        self.sentence = sentence
        self.help = help

    def __str__(self) -> str:
        return render_fault(self).removeprefix("error: ")


# ---- spec text inside sentences


def printable(text: str) -> str:
    """Returns the text in printable ASCII: other characters, line breaks too, are escaped as `ascii()` does it."""
    if not (text.isascii() and text.isprintable()):
        text = "".join(map(_escaped, text))
    return text.replace("##[", "##\\x5b")  # the older form of a workflow command, which works anywhere in a line


def _escaped(character: str) -> str:
    return character if " " <= character <= "~" else ascii(character)[1:-1]


def quote(text: str) -> str:
    """Returns the text in backticks, safe to print and at most 70 characters long."""
    shown = printable(text[: MOST_QUOTED + 1])
    return f"`{shown}`" if len(shown) <= MOST_QUOTED else f"`{shown[: MOST_QUOTED - 3]}...`"


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """Returns the candidate that the word was probably meant to be, whatever its case, or None. Looks at the first 500."""
    import difflib

    if len(word) > MOST_QUOTED:  # no name is so long, and difflib takes quadratic time
        return None
    by_folded: dict[str, str] = {}  # of equal ones the first
    for candidate in itertools.islice(candidates, MOST_CANDIDATES):
        by_folded.setdefault(candidate.casefold(), candidate)
    found = difflib.get_close_matches(word.casefold(), by_folded, n=1)
    return by_folded[found[0]] if found else None


def suggest(word: str, candidates: Iterable[str], what: str) -> str:
    """Returns a help for an unknown word: the nearest known one, then all; `what` names them, as in "options of `conv`"."""
    known = list(candidates)
    if not known:
        return f"there are no {what}"
    near = nearest(word, known)
    start = f"the nearest is {quote(near)}; " if near else ""
    more = f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES else ""
    return f"{start}known {what}: {', '.join(map(quote, known[:MOST_NAMES]))}{more}"


# ---- rendering


def plain(text: str, role: str) -> str:
    """The style without colour."""
    return text


def render_all(problems: Iterable[Problem], style: Style = plain) -> str:
    """Returns the problems in the order of their places, each said once; after 20 of them, how many more there are."""
    found = {(_where(problem.place), problem.sentence): problem for problem in reversed(list(problems))}
    ordered = [found[key] for key in sorted(found)]
    shown = [render(problem, style) for problem in ordered[:MOST_SHOWN]]
    if len(ordered) > MOST_SHOWN:
        shown.append(f"and {len(ordered) - MOST_SHOWN} more")
    return "\n\n".join(shown)


def _where(place: Place) -> tuple[str, int, int]:
    return place.source.name, place.line, place.column


def render(problem: Problem, style: Style = plain) -> str:
    """Returns a problem as lines of text without a last line break: the sentence, the line with a caret, the help."""
    head = _said([(_position(problem.place), "place"), (problem.label, problem.label)], problem.sentence, style)
    notes = [line for call in problem.calls[-MOST_CALLS:] for line in _call(*call, style)]
    return "\n".join([*head, *_excerpt(problem.place, style), *notes, *_help(problem.help, style)])


def render_fault(found: EnvironmentFault, style: Style = plain) -> str:
    """Returns a fault of the machine as lines of text without a last line break."""
    return "\n".join([*_said([("error", "error")], found.sentence, style), *_help(found.help, style)])


def _position(place: Place) -> str:
    return printable(place.source.name) + (f":{place.line}:{place.column}" if place.line else "")


def _call(place: Place, block: str, style: Style) -> list[str]:
    """Returns the lines that show where the block that holds a problem is called: it may be a line of archgen's library."""
    return [
        *_said([(_position(place), "place"), ("note", "")], f"{quote(block)} is called here", style),
        *_excerpt(place, style),
    ]


def _said(labels: list[tuple[str, str]], sentence: str, style: Style) -> list[str]:
    """Returns a sentence behind its labels, each with its role, in lines of 80 columns; no word is broken, a path neither."""
    labels = [(no_command(label) + ":", role) for label, role in labels]
    shown = " ".join(style(label, role) if role else label for label, role in labels)
    first, *others = sentence.split("\n")
    head, *rest = _wrapped(first, sum(len(label) + 1 for label, _ in labels))
    for line in others:
        start, *more = _wrapped(line, len(HANGING))
        rest += [HANGING + start, *more]
    return [f"{shown} {head}", *rest]


def no_command(line: str) -> str:
    """Returns a line that starts no workflow command of a CI."""
    start = line.lstrip()
    return line if not start.startswith("::") else line[: len(line) - len(start)] + "\\x3a" + start[1:]


def _help(text: str, style: Style) -> list[str]:
    return _said([("help", "help")], text, style) if text else []


def _wrapped(line: str, before: int) -> list[str]:
    """Returns a line in parts for 80 columns: the first stands behind so many of them, the others have an indent."""
    parts = [printable(line)]
    if before + len(parts[0]) > WIDTH and not line.startswith(" "):  # an indented line is a row of a table or an example
        import textwrap

        wrapper = textwrap.TextWrapper(WIDTH, " " * before, HANGING, break_long_words=False, break_on_hyphens=False)
        parts = wrapper.wrap(parts[0]) or [""]
        parts[0] = parts[0][before:]
    return list(map(no_command, parts))


def _excerpt(place: Place, style: Style) -> list[str]:
    """Returns the line of the place and, below it, the carets; nothing where there is no text to show."""
    line = place.source.line(place.line)
    if not line.strip():
        return []
    before, marked = line[: place.column - 1], line[place.column - 1 :][: place.length]
    text, start, length = printable(line), len(printable(before)), max(1, len(printable(marked)))
    gutter = f"{place.line:4d} | "
    text, start, length = _window(text, start, length, WIDTH - len(gutter))
    empty = " " * (len(gutter) - 2) + "| "
    shown = style(gutter, "line") + text.rstrip()
    return [shown, style(empty, "line") + " " * start + style("^" * length, "caret")]


def _window(text: str, start: int, length: int, width: int) -> tuple[str, int, int]:
    """Cuts a long line to what stands around the marked part; returns the text, where the mark begins in it, and its length."""
    left = max(0, min(start - width // 3, max(len(text), start + 1) - width))
    right = left + width
    shown = text[left:right]
    if right < len(text):
        shown = shown[:-3] + "..."
    if left:
        shown = "..." + shown[3:]
    return shown, start - left, min(length, width - (start - left))
