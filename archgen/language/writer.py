"""A spec's tree as YAML text, laid out as people write specs: a line for each node, options in braces, layers below their name.

The text is printable ASCII: any other character stands in double quotes, escaped. So nothing in it can act on a terminal or in
the log of CI, and whoever reads it gets the same tree.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archgen.diagnostics import WIDTH
from archgen.language.vocabulary import COMPOSITIONS
from archgen.records import Record
from archgen.syntax.trees import Mapping, Scalar, Sequence, Tree, is_empty

if TYPE_CHECKING:
    from collections.abc import Container, Iterator


_SECTIONS = ("stem", "stages", "head", "blocks")  # with a blank line around each
_OPEN = (*_SECTIONS, "layers", "shortcut")  # below these and below compositions, every entry has a line of its own
_PROSE = ("description", "paper")
_BREAK = re.compile(r"(?<=[^ \\]) (?=[\w(])", re.ASCII)  # a line break there is read as this space
_PLAIN = re.compile(r"(?:[\w(./]|-(?=[\w(.]))[ -~]*", re.ASCII)  # what YAML reads as it stands, unless it holds
_SPECIAL = re.compile(r": |:$| #|##\[| $|^\.\.\.")  # one of these,
_SPECIAL_IN_BRACES = re.compile(r"[][{},:?]")  # or inside braces, brackets or a key one of these


class Line(Record):
    """A line of the text.

    value: what starts on it, None for a key alone. key: None for an item of a list. goes_on: in the next line.
    """

    text: str
    key: Scalar | None = None
    value: Tree | None = None
    goes_on: bool = False


def text(tree: Mapping) -> str:
    """Returns a spec's tree as YAML text."""
    return "".join(line.text + "\n" for line in lines(tree))


def lines(tree: Mapping, opened: Container[str] = ()) -> Iterator[Line]:
    """Yields the lines of a spec's tree, at most 80 characters wide where no single value is wider.

    opened: keys of the spec whose entries have a line each, even if they would fit in one.
    """
    before = ""
    for key, value in tree.entries:
        if before and not {before, key.text}.isdisjoint(_SECTIONS):
            yield Line("")
        yield from _entry(key, value, 0, key.text in opened and isinstance(value, Mapping))
        before = key.text


def _entry(key: Scalar, value: Tree, indent: int, opened: bool = False) -> Iterator[Line]:
    start = " " * indent + scalar(key, inside=True) + ":"
    one_line = f"{start} {flow(value)}".rstrip()
    if opened or _is_open(value, key.text) or (len(one_line) > WIDTH and not _wraps(value)):
        yield Line(start)
        yield from _below(value, indent + 2)
    else:
        yield from _wrapped(one_line, start, key, value)


def _below(tree: Tree, indent: int) -> Iterator[Line]:
    """The entries or items of a value, each on lines of its own."""
    if isinstance(tree, Mapping):
        for key, value in tree.entries:
            yield from _entry(key, value, indent)
    elif isinstance(tree, Sequence):
        for item in tree.items:
            yield from _item(item, indent)


def _item(item: Tree, indent: int) -> Iterator[Line]:
    start = " " * indent + "-"
    one_line = f"{start} {flow(item)}"
    if _is_open(item) or (len(one_line) > WIDTH and not _wraps(item)):
        first, *rest = _below(item, indent + 2)
        yield first.replace(text=start + first.text[len(start) :])
        yield from rest
    else:
        yield from _wrapped(one_line, start, None, item)


def _is_open(tree: Tree, key: str = "") -> bool:
    """Tells whether a value holds named layers, its own or of a node inside it."""
    if isinstance(tree, Sequence):
        return any(map(_is_open, tree.items))
    if not isinstance(tree, Mapping) or not tree.entries:
        return False
    return key in _OPEN or key in COMPOSITIONS or any(_is_open(value, name.text) for name, value in tree.entries)


def _wraps(tree: Tree) -> bool:
    """Tells whether a value too long for one line goes on in the next: options do, nodes of a list have a line for each."""
    if isinstance(tree, Mapping):
        nodes = any(isinstance(value, Sequence) and key.text in COMPOSITIONS for key, value in tree.entries)
        return not nodes and not (tree.entries and all(isinstance(value, Mapping) for _, value in tree.entries))
    return isinstance(tree, Scalar) or not tree.items


def _wrapped(one_line: str, start: str, key: Scalar | None, value: Tree) -> Iterator[Line]:
    prose = isinstance(value, Scalar) and key is not None and key.text in _PROSE
    if len(one_line) <= WIDTH or (isinstance(value, Scalar) and not prose):
        yield Line(one_line, key, value)
        return
    indent = " " * (len(start) - len(start.lstrip()) + 4)
    line = Line(start, key, value)
    for piece in _BREAK.split(flow(value)) if prose else _pieces("", value, WIDTH - len(indent) - 2):
        if len(line.text) + 1 + len(piece) > WIDTH:
            yield line.replace(goes_on=True)
            line = Line(indent + piece)
        else:
            line = line.replace(text=f"{line.text} {piece}")
    yield line


def _pieces(name: str, tree: Tree, room: int) -> list[str]:
    """A named value in parts that a line break may part: what holds the value, and what in it does not fit in the room."""
    if isinstance(tree, Scalar):
        return [name + scalar(tree, inside=True)]
    ends = "[]" if isinstance(tree, Sequence) else "{}"
    pieces = [name + ends[0]]
    for part, value in _parts(tree):
        whole = part + flow(value, inside=True)
        inner = [whole] if len(whole) <= room else _pieces(part, value, room)
        if pieces[-1] == name + ends[0]:
            inner[0] = pieces.pop() + inner[0]
        pieces += inner
        pieces[-1] += ","
    return [*pieces[:-1], pieces[-1].removesuffix(",") + ends[1]]


def flow(tree: Tree, inside: bool = False) -> str:
    """A value in one line; `inside` braces or brackets, a comma would end it."""
    if isinstance(tree, Scalar):
        return scalar(tree, inside)
    ends = "[]" if isinstance(tree, Sequence) else "{}"
    return ends[0] + ", ".join(name + flow(value, inside=True) for name, value in _parts(tree)) + ends[1]


def _parts(tree: Sequence | Mapping) -> list[tuple[str, Tree]]:
    """The items, or the values behind their keys."""
    if isinstance(tree, Sequence):
        return [("", item) for item in tree.items]
    return [(scalar(key, inside=True) + ("" if is_empty(value) else ": "), value) for key, value in tree.entries]


def scalar(tree: Scalar, inside: bool = False) -> str:
    """Returns a text as YAML writes it: plain where it was plain and can be."""
    text = tree.text
    if tree.plain and not text:
        return ""
    plain = tree.plain and _PLAIN.fullmatch(text) and not _SPECIAL.search(text)
    halved = text.count("(") > text.count(")")  # `source` takes it for an expression that a comma ended
    if plain and not (inside and (halved or _SPECIAL_IN_BRACES.search(text))):
        return text
    escaped = text.encode("unicode_escape").decode().replace('"', '\\"')
    return '"' + escaped.replace("##[", "#\\x23[") + '"'
