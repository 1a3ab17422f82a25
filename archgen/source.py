"""YAML text to a plain tree that knows where each value stands.

The tree is text: what a scalar means (a number, `true`, an expression, a word) is for its reader to say. Nothing is resolved
here, so `no`, `on` and `1:30` arrive as written. A spec may come from a stranger, so only the plain part of YAML is read: a
mapping of lists, mappings and scalars with unique keys. Anchors, aliases, merge keys, tags, directives, a second document are
refused, and so is what is too big, too deep or not clean UTF-8. The events come from PyYAML's parser in Python: libyaml crashes
on deep nesting.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

from archgen.diagnostics import WIDTH, EnvironmentFault, Place, Problem, Source, SpecError, quote
from archgen.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MOST_BYTES = 256 * 1024
MOST_EVENTS = 50_000  # keys, values, and the starts and ends of lists and mappings
DEEPEST = 32


class Scalar(Record):
    """A text; plain unless it was quoted or a block (`|`, `>`). A key without a value has the plain text ""."""

    text: str
    plain: bool
    place: Place


class Sequence(Record):
    """A list. In brackets on one line its place is all of it; else it is the bracket, or the dash of the first item."""

    items: tuple[Tree, ...]
    place: Place


class Mapping(Record):
    """Unique keys with values, in order. In braces on one line its place is all of it; else it's the brace or the first key."""

    entries: tuple[tuple[Scalar, Tree], ...]
    place: Place

    def get(self, key: str) -> Tree | None:
        """Returns the value of a key, or None."""
        return next((value for name, value in self.entries if name.text == key), None)


Tree: TypeAlias = Scalar | Sequence | Mapping


def read(path: Path, name: str | None = None) -> Mapping:
    """Returns the tree of a file. Messages call the file `name`, or else its path.

    Raises SpecError for what is wrong with the file or its text, EnvironmentFault where the system refuses to read it.
    """
    return parse(load(path, name))


def parse(source: Source) -> Mapping:
    """Returns the tree of a text. Raises SpecError with all problems that were found up to the first that ends the reading."""
    source = _clean(source)
    builder = _Builder(source)
    problems = builder.problems
    try:
        for event in _events(source):
            builder.take(event)
    except SpecError as error:
        problems.extend(error.problems)
    root = builder.root
    if problems or not isinstance(root, Mapping):
        raise SpecError(*(problems or [_no_mapping(source, root)]))
    return root


# ---- from the file to clean text


def load(path: Path, name: str | None = None) -> Source:
    """Returns the text of a regular file of at most 256 KiB, its lines ended by line feeds; raises as `read` does."""
    name = name or path.as_posix()
    data = _bytes(path, name)
    if len(data) > MOST_BYTES:
        raise SpecError(_too_large(Source(name, "")))
    try:
        return Source(name, _unix(data.decode()))
    except UnicodeDecodeError as error:
        raise SpecError(_not_utf8(name, data, error)) from None


def _bytes(path: Path, name: str) -> bytes:
    """Reads one byte more than is allowed, at most: a device may never end, and opening a pipe may never return."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        raise _cannot_open(path, name, error) from None
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise SpecError(_not_a_file(name, "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"))
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise _unreadable(name, error) from None
    finally:
        os.close(descriptor)


def _cannot_open(path: Path, name: str, error: OSError | ValueError) -> Exception:
    """Tells a wrong path, which a spec may hold, from a fault of the system."""
    if not isinstance(error, OSError) or error.errno in _NO_SUCH_FILE:  # ValueError: the path holds a NUL or a surrogate
        return SpecError(_whole(Source(name, ""), "there is no such file", code="E-FILE"))
    if error.errno == errno.ENXIO:  # a socket
        return SpecError(_not_a_file(name, "a pipe or a device"))
    if os.path.isdir(path):  # Windows doesn't open folders
        return SpecError(_not_a_file(name, "a folder"))
    return _unreadable(name, error)


_NO_SUCH_FILE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL}


def _unreadable(name: str, error: OSError) -> EnvironmentFault:
    reason = "permission denied" if isinstance(error, PermissionError) else error.strerror or "unknown error"
    return EnvironmentFault(f"{quote(name)} can't be read: {reason}")


def _not_a_file(name: str, kind: str) -> Problem:
    return _whole(Source(name, ""), f"this is {kind}, not a file", code="E-FILE")


def _whole(source: Source, sentence: str, help: str = "", code: str = "E-YAML") -> Problem:
    return Problem(Place(source, 0, 0), sentence, help, code)


def _too_large(source: Source) -> Problem:
    help = "say repeated layers once, as a block with `depth`, or share a part with `extends`"
    return _whole(source, "the spec is larger than 256 KiB", help, "E-SIZE")


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _not_utf8(name: str, data: bytes, error: UnicodeDecodeError) -> Problem:
    before = _unix(data[: error.start].decode())
    place = _place(Source(name, before + _unix(data[error.start :].decode(errors="backslashreplace"))), len(before), 4)
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    sentence = "the file is UTF-16, not UTF-8" if utf16 else f"the byte 0x{data[error.start]:02x} is not UTF-8"
    return Problem(place, sentence, "save the file as UTF-8", "E-ENC")


# What YAML or an editor may take for a line end, what nobody sees, what can't be written: all but tabs, line feeds and text.
_UNCLEAN = re.compile("[^\t\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def _clean(source: Source) -> Source:
    """Returns the source, its lines ended by line feeds. Raises SpecError where it is too large or holds unclean characters."""
    text = _unix(source.text)
    if len(text.encode(errors="surrogatepass")) > MOST_BYTES:
        raise SpecError(_too_large(source))
    source = source if text == source.text else Source(source.name, text)
    firsts: dict[str, int] = {}  # one problem for each character: a file in a wrong encoding is full of them
    for match in _UNCLEAN.finditer(text):
        firsts.setdefault(match.group(), match.start())
    if firsts:
        raise SpecError(*(_unclean(_place(source, index), character) for character, index in firsts.items()))
    return source


def _unclean(place: Place, character: str) -> Problem:
    if character == "\ufeff" and place[1:3] == (1, 1):
        return Problem(place, "the file starts with a byte order mark", "save the file as UTF-8 without one", "E-ENC")
    return Problem(place, f"a spec can't hold the character U+{ord(character):04X}", "remove it", "E-ENC")


# ---- from text to events


class _Events(Reader, Scanner, Parser):
    """PyYAML's parser in Python: text to events, without its composer, resolver and constructors."""

    def __init__(self, source: Source) -> None:
        Reader.__init__(self, source.text)
        Scanner.__init__(self)
        Parser.__init__(self)
        self.source = source

    def fetch_directive(self) -> None:
        place = _place(self.source, self.index)
        raise SpecError(Problem(place, "directives (`%YAML`) are not part of a spec", "leave the line out", "E-YAML-DIRECTIVE"))


def _events(source: Source) -> Iterator[Any]:
    """Yields the events. Raises SpecError where the text is not YAML, or where there are too many."""
    parser = _Events(source)
    get_event: Callable[[], Any] = parser.get_event
    for _ in range(MOST_EVENTS):
        try:
            event = get_event()
        except yaml.MarkedYAMLError as error:
            raise SpecError(_explained(parser, error)) from None
        except _FAULTS_OF_PYYAML:
            raise SpecError(_unexpected(source, parser.index)) from None
        if isinstance(event, yaml.StreamEndEvent):
            return
        yield event
    help = "say repeated layers once, as a block with `depth`"
    raise SpecError(_whole(source, f"the spec has more than {MOST_EVENTS:,} parts", help, "E-SIZE"))


_FAULTS_OF_PYYAML = (  # OverflowError and IndexError were seen; the others are what a parser's slip would raise
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    yaml.YAMLError,
)


def _place(source: Source, index: int, length: int = 1) -> Place:
    """Returns the place of a character; what ends too early is shown after the last text of the file.

    It counts lines from the start, so it serves the one problem that ends the reading, and marks serve the many.
    """
    index = min(index, len(source.text.rstrip()))
    return Place(source, source.text.count("\n", 0, index) + 1, index - source.text.rfind("\n", 0, index), length)


# ---- from events to the tree


class _Open:
    """A list or mapping whose end has not come yet."""

    __slots__ = ("items", "key", "keys", "start")

    def __init__(self, start: Any) -> None:
        self.start = start  # its event
        self.items: list[Any] = []  # trees, or pairs of key and value
        self.keys: dict[str, Scalar] | None = {} if isinstance(start, yaml.MappingStartEvent) else None
        self.key: Scalar | None = None  # waits for its value


class _Builder:
    """Takes events and builds the tree, on a stack of its own: a document can't make it recurse."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.root: Tree | None = None
        self.problems: list[Problem] = []
        self._open: list[_Open] = []
        self._documents = 0

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._refuse_properties(event)
            self._add(self._scalar(event))
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._refuse_properties(event)
            self._start(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._add(self._end(event))
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._document(event)

    def _scalar(self, event: Any) -> Scalar:
        start, end, text = event.start_mark, event.end_mark, event.value
        if start.line == end.line:
            length = end.column - start.column or 1
        else:
            length = self.source.text.index("\n", start.index) - start.index
        scalar = Scalar(text, event.style is None, Place(self.source, start.line + 1, start.column + 1, length))
        if event.style == '"' and (unclean := _UNCLEAN.search(text)):  # by an escape; "\ud800" could not even be written
            self.problems.append(_unclean(scalar.place, unclean.group()))
        elif scalar.plain and "(" in text:
            self._refuse_cut_expression(scalar, start.index, end.index)
        return scalar

    def _start(self, event: Any) -> None:
        if len(self._open) == DEEPEST:
            help = "give an inner part a name of its own under `blocks`"
            self._fail(event, f"lists and mappings are nested more than {DEEPEST} deep", help, "E-YAML-DEPTH")
            raise SpecError
        self._open.append(_Open(event))

    def _end(self, event: Any) -> Tree:
        ended = self._open.pop()
        start, end = ended.start.start_mark, event.end_mark
        one_line = ended.start.flow_style and start.line == end.line
        place = Place(self.source, start.line + 1, start.column + 1, end.column - start.column if one_line else 1)
        if ended.keys is None:
            return Sequence(tuple(ended.items), place)
        if not ended.start.flow_style:
            place = ended.items[0][0].place
        return Mapping(tuple(ended.items), place)

    def _add(self, tree: Tree) -> None:
        if not self._open:
            self.root = tree
            return
        parent = self._open[-1]
        if parent.keys is None:
            parent.items.append(tree)
        elif parent.key is None:
            parent.key = self._key(parent.keys, tree)
        else:
            parent.items.append((parent.key, tree))
            parent.key = None

    def _key(self, keys: dict[str, Scalar], tree: Tree) -> Scalar:
        if not isinstance(tree, Scalar):
            kind = "a list" if isinstance(tree, Sequence) else "a mapping"
            self.problems.append(
                Problem(tree.place, f"{kind} can't be a key", "a key is a name, as in `name: value`", "E-YAML-KEY")
            )
            return Scalar("", False, tree.place)
        if tree.plain and (problem := _refused_key(tree)):
            self.problems.append(problem)
        elif (first := keys.setdefault(tree.text, tree)) is not tree:
            where = f"line {first.place.line}" if first.place.line != tree.place.line else f"column {first.place.column}"
            sentence = f"the key {quote(tree.text)} stands twice: first in {where}, then here"
            self.problems.append(Problem(tree.place, sentence, "rename one of them or leave it out", "E-DUP"))
        return tree

    # what is YAML, but no spec

    def _fail(self, event: Any, sentence: str, help: str, code: str) -> None:
        mark = event.start_mark
        word = _WORD.match(self.source.text, mark.index)
        place = Place(self.source, mark.line + 1, mark.column + 1, len(word.group()) if word else 1)  # 1: a bracket
        self.problems.append(Problem(place, sentence, help, code))

    def _refuse_properties(self, event: Any) -> None:
        if event.anchor is not None:
            self._fail(event, "anchors (`&name`) are not part of a spec", _SHARE, "E-YAML-ALIAS")
        if event.tag is not None:
            self._fail(event, _TAG, _NO_TAG, "E-YAML-TAG")

    def _alias(self, event: Any) -> None:
        parent = self._open[-1] if self._open else None
        if not (parent and parent.key and parent.key.plain and parent.key.text == "<<"):  # that says enough
            self._fail(event, "aliases (`*name`) are not part of a spec", _SHARE, "E-YAML-ALIAS")
        mark = event.start_mark
        self._add(Scalar(f"*{event.anchor}", False, Place(self.source, mark.line + 1, mark.column + 1)))

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            self._fail(event, "a second document starts here", "give each spec a file of its own", "E-YAML-DOCUMENT")
            raise SpecError

    def _refuse_cut_expression(self, scalar: Scalar, start: int, end: int) -> None:
        """In brackets or braces a comma ends the word before it, so `[max(8, c)]` is a list of two halves."""
        in_brackets = self._open and self._open[-1].start.flow_style
        halved = scalar.text.count("(") > scalar.text.count(")") and _COMMA.match(self.source.text, end)
        if not (in_brackets and halved):
            return
        whole = _expression(self.source.text, start)
        sentence = f"a comma inside brackets or braces ends the value: this is {quote(scalar.text)}"
        help = f"quote the expression, as in {quote(chr(34) + whole + chr(34))}, or name it in `let`"
        self.problems.append(Problem(scalar.place._replace(length=len(whole)), sentence, help, "E-YAML-COMMA"))


_COMMA = re.compile(r"\s*,")
_WORD = re.compile(r"[^\s,\[\]{}]+")
_SHARE = "say shared options once under `defaults`, or share a whole spec with `extends`"
_TAG = "tags (`!!int`, `!name`) are not part of a spec"
_NO_TAG = "leave it out; quote a value that starts with `!`"
_QUOTE = "quote the whole value"
_SPACE = "a colon separates only with a space after it: `name: value`"


def _expression(text: str, index: int) -> str:
    """Returns what starts at the index up to the parenthesis that closes its first one, or else the rest of the line."""
    depth = 0
    line = text[index : index + WIDTH].partition("\n")[0]  # no more: a line may hold thousands of these
    for count, character in enumerate(line, 1):
        depth += (character == "(") - (character == ")")
        if character == ")" and depth == 0:
            return line[:count]
    return line


def _refused_key(key: Scalar) -> Problem | None:
    """Returns what is wrong with a key that was not quoted, or None."""
    if key.text == "<<":
        return Problem(key.place, "merge keys (`<<`) are not part of a spec", _SHARE, "E-YAML-ALIAS")
    if not key.text:
        return Problem(key.place, "a key is missing before this colon", "write `name: value`", "E-YAML-KEY")
    if ":" in key.text:
        return Problem(key.place, f"{quote(key.text)} is one word", _SPACE, "E-YAML-SPACE")
    return None


def _no_mapping(source: Source, root: Tree | None) -> Problem:
    if root is None or (isinstance(root, Scalar) and root.plain and not root.text):
        return _whole(source, "the spec is empty", _START)
    kind = "a list" if isinstance(root, Sequence) else "one text"
    help = _SPACE if isinstance(root, Scalar) and ":" in root.text else _START
    return Problem(root.place, f"this is {kind}; a spec is a mapping of names to values", help, "E-YAML")


_START = "start with `name: MyNet` and `input: [3, 224, 224]`"


# ---- what PyYAML's errors mean


class _Fault:
    """An error of PyYAML, with what its explanation asks of the text around it."""

    def __init__(self, parser: _Events, error: yaml.MarkedYAMLError) -> None:
        mark = error.problem_mark or error.context_mark
        self.source = parser.source
        self.text = parser.source.text
        self.message = f"{error.context}: {error.problem}"
        self.index = mark.index if mark else 0
        self.start = error.context_mark.index if error.context_mark else self.index  # of the value, quote or bracket around it
        self.found = self.text[self.index : self.index + 1]  # "" at the end
        self.around = parser.marks[-1].index if parser.marks else self.index  # the start of the list or mapping around it

    def problem(self, sentence: str, help: str, index: int | None = None, length: int = 1, code: str = "E-YAML") -> Problem:
        return Problem(_place(self.source, self.index if index is None else index, length), sentence, help, code)

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


def _explained(parser: _Events, error: yaml.MarkedYAMLError) -> Problem:
    """Returns an error of PyYAML in the words of this language; one that nobody foresaw keeps its own."""
    fault = _Fault(parser, error)
    for part, explain in _EXPLANATIONS:
        if part in fault.message:
            return explain(fault)
    return fault.problem(error.problem or "the text is not YAML", _QUOTE)


def _unexpected(source: Source, index: int) -> Problem:
    """Explains an exception of PyYAML that is no error of its own."""
    if source.text[:index].endswith("\\U"):
        return Problem(_place(source, index - 2, 10), "this escape stands for no character", _ESCAPE, "E-YAML")
    return Problem(_place(source, index), "the text is not YAML from here on", _QUOTE, "E-YAML")


def _says(sentence: str, help: str, code: str = "E-YAML", at_start: bool = False) -> Callable[[_Fault], Problem]:
    """Returns an explanation that needs no look around; `{found}` in its sentence is the character where it points."""

    def explain(fault: _Fault) -> Problem:
        index = fault.start if at_start else fault.index
        return fault.problem(sentence.replace("{found}", quote(fault.text[index : index + 1])), help, index, code=code)

    return explain


def _token(fault: _Fault) -> Problem:
    if fault.found == "\t":
        return fault.problem("a tab stands where YAML allows only spaces", "indent and separate with spaces")
    return fault.problem(f"a value can't start with {quote(fault.found)}", _QUOTE)


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
    return fault.problem("a space is missing after this colon", _SPACE, word.end() - 1) if word else None


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
        return fault.problem(f"{quote(fault.found)} ends the value before it", "put a comma between entries, or " + _QUOTE)
    return fault.problem("a comma is missing before this", "put a comma between entries, or " + _QUOTE)


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
    ("scanning a block scalar", _says("{found} can't follow `|` or `>`", "start the text on the next line, or " + _QUOTE)),
    ("scanning an a", _says("a value can't start with {found}", _QUOTE, at_start=True)),  # an alias or anchor without a name
    ("tag", _says(_TAG, _NO_TAG, "E-YAML-TAG", at_start=True)),
    (
        "sequence entries are not",
        _says("a list can't start on the line of its key", "start it on the next line, or write `[a, b]`"),
    ),
    ("mapping keys are not", _says("a value can't start with `? `", _QUOTE)),
    ("mapping values are not", _colon),
    ("could not find expected ':'", _lonely_word),
    ("expected the node content", _no_value),
    ("<document start>", _after_the_end),
    ("expected ',' or", _in_brackets),
    ("expected <block end>", _in_block),
)
