"""The tree of a YAML text: scalars, sequences and mappings, each with its place."""

from __future__ import annotations

from typing import TypeAlias

from archgen.diagnostics import Place
from archgen.records import Record
from archgen.syntax import trees


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


def is_empty(tree: trees.Tree) -> bool:
    """Tells whether a key has no value, as in `{batch_norm, eps: 0.001}`."""
    return isinstance(tree, trees.Scalar) and tree.text == "" and tree.plain
