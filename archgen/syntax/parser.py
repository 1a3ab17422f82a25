"""YAML text to a plain tree that knows where each value stands.

The tree is text: what a scalar means (a number, `true`, an expression, a word) is for its reader to say. Nothing is resolved
here, so `no`, `on` and `1:30` arrive as written. A spec may come from a stranger, so only the plain part of YAML is read: a
mapping of lists, mappings and scalars with unique keys. Anchors, aliases, merge keys, tags, directives, a second document are
refused, and so is what is too big, too deep or not clean UTF-8. The events come from PyYAML's parser in Python: libyaml crashes
on deep nesting.
"""

from __future__ import annotations

import errno
import functools
import os
import re
from typing import TYPE_CHECKING, Any

from archgen import files
from archgen.diagnostics import MOST_SHOWN, EnvironmentFault, Place, Problem, Source, SpecError, quote
from archgen.syntax import errors
from archgen.syntax.errors import place_at
from archgen.syntax.trees import Mapping, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from yaml import error, events
    from yaml.parser import Parser
    from yaml.scanner import Scanner

    from archgen.syntax.trees import Tree
else:
    from archgen.syntax.pyyaml import error, events
    from archgen.syntax.pyyaml.parser import Parser
    from archgen.syntax.pyyaml.scanner import Scanner


MOST_BYTES = 256 * 1024
MOST_EVENTS = 50_000  # keys, values, and the starts and ends of lists and mappings
DEEPEST = 32
LONGEST = 256  # characters of an expression


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


def refuse_outside(path: Path, name: str, help: str) -> None:
    """Raises SpecError where a link leads a path out of its tree: what is not read can't be shown."""
    if files.leads_out(path):
        sentence = f"this path leads out of {quote(files.shown(files.top(path.parent)))} through a link"
        raise SpecError(_whole(Source(name, ""), sentence, help, "E-FILE"))


_SMALLER = "say repeated layers once, as a block with `depth`, or share a part with `extends`"


def load(path: Path, name: str | None = None, what: str = "the spec", smaller: str = _SMALLER) -> Source:
    """Returns the text of a regular file of at most 256 KiB, its lines ended by line feeds; raises as `read` does.

    what, smaller: what to call one that is larger, and what helps.
    """
    name = name or path.as_posix()
    data = _bytes(path, name)
    if len(data) > MOST_BYTES:
        raise SpecError(_too_large(Source(name, ""), what, smaller))
    try:
        return Source(name, _unix(data.decode()))
    except UnicodeDecodeError as error:
        raise SpecError(_not_utf8(name, data, error)) from None


def _bytes(path: Path, name: str) -> bytes:
    """Reads one byte more than is allowed, at most: a device may never end, and opening a pipe may never return."""
    try:
        return files.contents(path, MOST_BYTES)
    except files.NotAFile as other:
        raise SpecError(_not_a_file(name, other.kind)) from None
    except (OSError, ValueError) as error:
        raise _cannot_open(path, name, error) from None


def _cannot_open(path: Path, name: str, error: OSError | ValueError) -> Exception:
    """Tells a wrong path, which a spec may hold, from a fault of the system."""
    if not isinstance(error, OSError) or error.errno in _NO_SUCH_FILE:  # ValueError: the path holds a NUL or a surrogate
        sentence = "this is a link that leads nowhere" if os.path.islink(path) else "there is no such file"
        return SpecError(_whole(Source(name, ""), sentence, code="E-FILE"))
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


def _too_large(source: Source, what: str = "the spec", smaller: str = _SMALLER) -> Problem:
    return _whole(source, f"{what} is larger than 256 KiB", smaller, "E-SIZE")


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _not_utf8(name: str, data: bytes, error: UnicodeDecodeError) -> Problem:
    before = _unix(data[: error.start].decode())
    place = place_at(Source(name, before + _unix(data[error.start :].decode(errors="backslashreplace"))), len(before), 4)
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    sentence = "the file is UTF-16, not UTF-8" if utf16 else f"the byte 0x{data[error.start]:02x} is not UTF-8"
    return Problem(place, sentence, "save the file as UTF-8", "E-ENC")


# What YAML or an editor may take for a line end, what nobody sees, what can't be written: all but tabs, line feeds and text.
_UNCLEAN_ASCII = re.compile("[^\t\n -~]")


@functools.cache  # the longer one takes 5 ms to compile, and most specs are ASCII
def _unclean_anywhere() -> re.Pattern[str]:
    return re.compile("[^\t\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def _unclean_in(text: str) -> Iterator[re.Match[str]]:
    return (_UNCLEAN_ASCII if text.isascii() else _unclean_anywhere()).finditer(text)


def _clean(source: Source) -> Source:
    """Returns the source, its lines ended by line feeds. Raises SpecError where it is too large or holds unclean characters."""
    text = _unix(source.text)
    if len(text.encode(errors="surrogatepass")) > MOST_BYTES:
        raise SpecError(_too_large(source))
    source = source if text == source.text else Source(source.name, text)
    firsts: dict[str, int] = {}  # one problem for each character: a file in a wrong encoding is full of them
    for match in _unclean_in(text):
        firsts.setdefault(match.group(), match.start())
    if firsts:
        raise SpecError(*(_unclean(place_at(source, index), character) for character, index in firsts.items()))
    return source


def _unclean(place: Place, character: str) -> Problem:
    if character == "\ufeff" and place[1:3] == (1, 1):
        return Problem(place, "the file starts with a byte order mark", "save the file as UTF-8 without one", "E-ENC")
    return Problem(place, f"a spec can't hold the character U+{ord(character):04X}", "remove it", "E-ENC")


class _Reader:
    """A clean text as PyYAML's scanner reads it; PyYAML's own reader decodes and checks, which takes long to get ready for."""

    encoding = None  # it is text already

    def __init__(self, source: Source) -> None:
        self.name, self.buffer = source.name, source.text + "\0"
        self.index = self.line = self.column = 0

    def peek(self, index: int = 0) -> str:
        return self.buffer[self.index + index]

    def prefix(self, length: int = 1) -> str:
        return self.buffer[self.index : self.index + length]

    def forward(self, length: int = 1) -> None:
        start, self.index = self.index, self.index + length
        last = self.buffer.rfind("\n", start, self.index)
        if last < 0:
            self.column += length
        else:
            self.line += self.buffer.count("\n", start, self.index)
            self.column = self.index - last - 1

    def get_mark(self) -> error.Mark:
        return error.Mark(self.name, self.index, self.line, self.column, self.buffer, self.index)


class _Events(_Reader, Scanner, Parser):
    """PyYAML's parser in Python: text to events, without its composer, resolver and constructors."""

    def __init__(self, source: Source) -> None:
        _Reader.__init__(self, source)
        Scanner.__init__(self)
        Parser.__init__(self)
        self.source = source
        self.enough = False  # whether the next token is sure: the parser asks some ten times for each, which takes a search

    def need_more_tokens(self) -> bool:
        self.enough = self.enough or not super().need_more_tokens()
        return not self.enough

    def get_token(self) -> Any:
        token = super().get_token()  # type: ignore[no-untyped-call]
        self.enough = False
        return token

    def fetch_directive(self) -> None:
        place = place_at(self.source, self.index)
        raise SpecError(Problem(place, "directives (`%YAML`) are not part of a spec", "leave the line out", "E-YAML-DIRECTIVE"))


def _events(source: Source) -> Iterator[Any]:
    """Yields the events. Raises SpecError where the text is not YAML, or where there are too many."""
    parser = _Events(source)
    get_event: Callable[[], Any] = parser.get_event
    for _ in range(MOST_EVENTS):
        try:
            event = get_event()
        except error.MarkedYAMLError as fault:
            around = parser.marks[-1].index if parser.marks else None
            raise SpecError(errors.explained(source, fault, around)) from None
        except _FAULTS_OF_PYYAML:
            raise SpecError(errors.unexpected(source, parser.index)) from None
        if isinstance(event, events.StreamEndEvent):
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
    error.YAMLError,
)


class _Open:
    """A list or mapping whose end has not come yet."""

    __slots__ = ("items", "key", "keys", "start")

    def __init__(self, start: Any) -> None:
        self.start = start  # its event
        self.items: list[Any] = []  # trees, or pairs of key and value
        self.keys: dict[str, Scalar] | None = {} if isinstance(start, events.MappingStartEvent) else None
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
        if isinstance(event, events.ScalarEvent):
            self._refuse_properties(event)
            self._add(self._scalar(event))
        elif isinstance(event, (events.MappingStartEvent, events.SequenceStartEvent)):
            self._refuse_properties(event)
            self._start(event)
        elif isinstance(event, events.CollectionEndEvent):
            self._add(self._end(event))
        elif isinstance(event, events.AliasEvent):
            self._alias(event)
        elif isinstance(event, events.DocumentStartEvent):
            self._document(event)

    def _scalar(self, event: Any) -> Scalar:
        start, end, text = event.start_mark, event.end_mark, event.value
        if start.line == end.line:
            length = end.column - start.column or 1
        else:
            length = self.source.text.index("\n", start.index) - start.index
        scalar = Scalar(text, event.style is None, Place(self.source, start.line + 1, start.column + 1, length))
        if event.style == '"' and (unclean := next(_unclean_in(text), None)):  # by an escape, as "\ud800"
            self.problems.append(_unclean(scalar.place, unclean.group()))
        elif scalar.plain and "(" in text:
            self._refuse_cut_expression(scalar, start.index, end.index)
        if scalar.plain and start.line != end.line:
            self._refuse_deeper_item(start.index, end.index)
        return scalar

    def _refuse_deeper_item(self, start: int, end: int) -> None:
        """An item of a list that is indented deeper than the one above it goes on with the text of that, by YAML's rules."""
        deeper = re.compile(r"(?<=\n) *(- +)").search(self.source.text, start, end)
        if deeper and self._open and self._open[-1].keys is None and not self._open[-1].start.flow_style:
            place = place_at(self.source, deeper.start(1))
            sentence = "this item is indented deeper than the complete one above it"
            self.problems.append(Problem(place, sentence, "indent it as far as the items it belongs with", "E-YAML"))

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
            self._fail(event, errors.TAG, errors.NO_TAG, "E-YAML-TAG")

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
        if not (in_brackets and halved) or len(self.problems) > MOST_SHOWN:  # a hostile line may hold thousands of these
            return
        whole = _expression(self.source.text, start)
        if not whole:
            index = start + scalar.text.index("(")
            help = "close it, and quote the expression: a comma inside brackets or braces ends a value that is not quoted"
            self.problems.append(Problem(place_at(self.source, index), "this `(` is never closed", help, "E-YAML-COMMA"))
            return
        sentence = f"a comma inside brackets or braces ends the value: this is {quote(scalar.text)}"
        if scalar.text.startswith("(") and whole.count("(") == 1:
            help = f"a list stands in square brackets: `[{whole[1:-1]}]`"
        else:
            help = f"quote the expression, as in {quote(chr(34) + whole + chr(34))}, or name it in `let`"
        rest = self.source.text.find("\n", start)  # not beyond the line, where the expression goes on in the next
        length = min(len(whole), rest - start if rest >= 0 else len(whole))
        self.problems.append(Problem(scalar.place._replace(length=length), sentence, help, "E-YAML-COMMA"))


_COMMA = re.compile(r"\s*,")
_WORD = re.compile(r"[^\s,\[\]{}]+")
_SHARE = "write it out; shared options stand once under `defaults`, and `extends` shares a whole spec"


def _expression(text: str, index: int) -> str:
    """Returns what starts at the index up to the parenthesis that closes its first one, or "" where none does."""
    depth = 0
    part = text[index : index + LONGEST]
    for count, character in enumerate(part, 1):
        depth += (character in "([") - (character in ")]")
        if character == ")" and depth == 0:
            return " ".join(part[:count].split())
        if depth < 0 or character in "{}:":  # the list or mapping around it goes on
            return ""
    return ""


def _refused_key(key: Scalar) -> Problem | None:
    """Returns what is wrong with a key that was not quoted, or None."""
    if key.text == "<<":
        return Problem(key.place, "merge keys (`<<`) are not part of a spec", _SHARE, "E-YAML-ALIAS")
    if not key.text:
        return Problem(key.place, "a key is missing before this colon", "write `name: value`", "E-YAML-KEY")
    if ":" in key.text:
        return Problem(key.place, f"{quote(key.text)} is one word", errors.SPACE, "E-YAML-SPACE")
    return None


def _no_mapping(source: Source, root: Tree | None) -> Problem:
    if root is None or (isinstance(root, Scalar) and root.plain and not root.text):
        return _whole(source, "the spec is empty", _START)
    kind = "a list" if isinstance(root, Sequence) else "one text"
    help = errors.SPACE if isinstance(root, Scalar) and ":" in root.text else _START
    return Problem(root.place, f"this is {kind}; a spec is a mapping of names to values", help, "E-YAML")


_START = "start with `name: MyNet`, `input: [3, 224, 224]` and `stem: {conv1: {conv: 64, kernel_size: 3}}`"
