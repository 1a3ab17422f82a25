"""What PyYAML's errors mean: in the words of the language, at the place to mend, with what to write instead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archgen.diagnostics import Place, Problem, Source, quote

if TYPE_CHECKING:
    from collections.abc import Callable

    import yaml


TAG = "tags (`!!int`, `!name`) are not part of a spec"
NO_TAG = "leave it out; quote a value that starts with `!`"
QUOTE = "quote the whole value"
SPACE = "a colon separates only with a space after it: `name: value`"


def place_at(source: Source, index: int, length: int = 1) -> Place:
    """Returns the place of a character; what ends too early is shown after the last text of the file.

    It counts lines from the start, so it serves the one problem that ends the reading, and marks serve the many.
    """
    index = min(index, len(source.text.rstrip()))
    return Place(source, source.text.count("\n", 0, index) + 1, index - source.text.rfind("\n", 0, index), length)


class _Fault:
    """An error of PyYAML, with what its explanation asks of the text around it."""

    def __init__(self, source: Source, error: yaml.MarkedYAMLError, around: int | None) -> None:
        mark = error.problem_mark or error.context_mark
        self.source, self.text = source, source.text
        self.message = f"{error.context}: {error.problem}"
        self.index = mark.index if mark else 0
        self.start = error.context_mark.index if error.context_mark else self.index  # of the value, quote or bracket around it
        self.found = self.text[self.index : self.index + 1]  # "" at the end
        self.around = self.index if around is None else around

    def problem(self, sentence: str, help: str, index: int | None = None, length: int = 1, code: str = "E-YAML") -> Problem:
        return Problem(place_at(self.source, self.index if index is None else index, length), sentence, help, code)

    def line_start(self, index: int) -> int:
        return self.text.rfind("\n", 0, index) + 1

    def word_start(self, index: int) -> int:
        """Returns where the text of a character's line begins, behind the indentation."""
        start = self.line_start(index)
        while self.text[start : start + 1] == " ":
            start += 1
        return start

    def indent(self, index: int) -> int:
        return self.word_start(index) - self.line_start(index)

    def above(self) -> int:
        """Returns the end of the nearest line above the error's own that is neither blank nor a comment; 0 if there is none."""
        end = self.line_start(self.index) - 1
        while end > 0:
            line = self.text[self.line_start(end) : end].strip()
            if line and not line.startswith("#"):
                return end
            end = self.line_start(end) - 1
        return 0


def explained(source: Source, error: yaml.MarkedYAMLError, around: int | None) -> Problem:
    """Returns an error of PyYAML in the words of this language; one that nobody foresaw keeps its own.

    around: where the list or mapping starts that the error is in, if it is in one.
    """
    fault = _Fault(source, error, around)
    for part, explain in _EXPLANATIONS:
        if part in fault.message:
            return explain(fault)
    return fault.problem(error.problem or "the text is not YAML", QUOTE)


def unexpected(source: Source, index: int) -> Problem:
    """Explains an exception of PyYAML that is no error of its own."""
    if source.text[:index].endswith("\\U"):
        return Problem(place_at(source, index - 2, 10), "this escape stands for no character", _ESCAPE, "E-YAML")
    return Problem(place_at(source, index), "the text is not YAML from here on", QUOTE, "E-YAML")


def _says(sentence: str, help: str, code: str = "E-YAML", at_start: bool = False) -> Callable[[_Fault], Problem]:
    """Returns an explanation that needs no look around; `{found}` in its sentence is the character where it points."""

    def explain(fault: _Fault) -> Problem:
        index = fault.start if at_start else fault.index
        return fault.problem(sentence.replace("{found}", quote(fault.text[index : index + 1])), help, index, code=code)

    return explain


def _token(fault: _Fault) -> Problem:
    if fault.found == "\t":
        return fault.problem("a tab stands where YAML allows only spaces", "indent and separate with spaces")
    return fault.problem(f"a value can't start with {quote(fault.found)}", QUOTE)


def _colon(fault: _Fault) -> Problem:
    """Explains a colon that ends no key."""
    end = fault.above()
    if re.search(r":\s", fault.text[fault.line_start(fault.index) : fault.index]) or not end:
        return fault.problem("this colon ends no key", "start a new line for a new key, or quote the whole value")
    if missing := _missing_space(fault, end):
        return missing
    if fault.indent(fault.index) > fault.indent(end):
        help = "indent it as far as the keys it belongs with"
        return fault.problem("this line is indented deeper than a complete one above it", help, fault.word_start(fault.index))
    return _no_key(fault, end)


def _no_key(fault: _Fault, end: int) -> Problem:
    start = fault.word_start(end)
    help = "end the name with a colon and a space, or indent the line to continue the value above"
    return fault.problem("this line is no `name: value`", help, start, end - start)


def _missing_space(fault: _Fault, end: int) -> Problem | None:
    """Explains `depth:2`, if that is what stands in the line that ends there."""
    word = re.compile(r" *(?:- +)*[\w\"']+:(?=\S)").match(fault.text, fault.line_start(end), end)
    return fault.problem("a space is missing after this colon", SPACE, word.end() - 1) if word else None


def _lonely_word(fault: _Fault) -> Problem:
    end = fault.text.find("\n", fault.start)
    end = len(fault.text) if end < 0 else end
    return _missing_space(fault, end) or _no_key(fault, end)


def _after_the_end(fault: _Fault) -> Problem:
    return _missing_space(fault, fault.above()) or fault.problem(
        "the spec has ended before this", "start all its keys in the same column, and give each spec a file of its own"
    )


def _in_brackets(fault: _Fault) -> Problem:
    """Explains what can't follow a value in a list in brackets or a mapping in braces."""
    bracket = fault.text[fault.around]
    below = "\n" in fault.text[fault.around : fault.index] and fault.indent(fault.index) <= fault.indent(fault.around)
    if fault.found in ("]", "}"):
        return fault.problem(f"{quote(fault.found)} can't close {quote(bracket)}", f"write {quote(_CLOSING[bracket])}")
    if not fault.found or below:
        return _never_closed(fault)
    if fault.found in ":?[{":
        return fault.problem(f"{quote(fault.found)} ends the value before it", "put a comma between entries, or " + QUOTE)
    return fault.problem("a comma is missing before this", "put a comma between entries, or " + QUOTE)


def _never_closed(fault: _Fault) -> Problem:
    bracket = fault.text[fault.around]
    return fault.problem(f"this {quote(bracket)} is never closed", f"close it with {quote(_CLOSING[bracket])}", fault.around)


_CLOSING = {"[": "]", "{": "}"}


def _no_value(fault: _Fault) -> Problem:
    if fault.found == ":":
        return fault.problem("a key is missing before this colon", "write `name: value`")
    if not fault.found and fault.text[fault.around] in _CLOSING:
        return _never_closed(fault)
    return fault.problem("a value is missing before this", "write it, or remove a comma")


def _in_block(fault: _Fault) -> Problem:
    """Explains what can't follow a complete key or item."""
    if fault.found in ("]", "}"):
        return fault.problem(f"{quote(fault.found)} closes nothing", "remove it, or open the bracket before it")
    if fault.found == ":":
        return fault.problem("a key is missing before this colon", "write `name: value`")
    if fault.text[fault.line_start(fault.index) : fault.index].strip(" -"):
        return fault.problem("the value has ended before this", "quote the whole value, or start a new line")
    if "start>" in fault.message:
        return _missing_space(fault, fault.above()) or fault.problem(
            "the indentation of this line fits nothing above it", "indent it as far as the lines it belongs with"
        )
    return fault.problem("keys and list items are mixed here", "one level holds either `name: value` lines or `- item` lines")


_ESCAPE = "write `\\\\` for a backslash, or use single quotes, which have no escapes"
_EXPLANATIONS: tuple[tuple[str, Callable[[_Fault], Problem]], ...] = (  # the first whose text occurs in PyYAML's message
    ("that cannot start any token", _token),
    ("quoted scalar: found unexpected", _says("this quote is never closed", "close it", at_start=True)),
    ("scanning a double-quoted scalar", _says("this is no escape of double quotes", _ESCAPE)),
    ("scanning a block scalar", _says("{found} can't follow `|` or `>`", "start the text on the next line, or " + QUOTE)),
    ("scanning an a", _says("a value can't start with {found}", QUOTE, at_start=True)),  # an alias or anchor without a name
    ("tag", _says(TAG, NO_TAG, "E-YAML-TAG", at_start=True)),
    (
        "sequence entries are not",
        _says("a list can't start on the line of its key", "start it on the next line, or write `[a, b]`"),
    ),
    ("mapping keys are not", _says("a value can't start with `? `", QUOTE)),
    ("mapping values are not", _colon),
    ("could not find expected ':'", _lonely_word),
    ("expected the node content", _no_value),
    ("<document start>", _after_the_end),
    ("expected ',' or", _in_brackets),
    ("expected <block end>", _in_block),
)
