"""Values of a spec: expressions, names, and which names are known where."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archgen.arithmetic.evaluation import evaluate
from archgen.arithmetic.expressions import Expression, ExpressionError, Value, names_of
from archgen.arithmetic.parser import parse as parse_expression
from archgen.diagnostics import Place, nearest, quote, suggest
from archgen.language import names, other_names
from archgen.language.model import Reference
from archgen.language.problems import Problems, shape_of
from archgen.language.vocabulary import BLOCK, DEPTH_NAMES, WORDS
from archgen.ops import OPS, own_classes
from archgen.syntax import trees

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archgen.language.model import Constant, Parameter


TRUTHS = {"yes": "true", "on": "true", "no": "false", "off": "false"}  # as YAML 1.1 has them, and Python's in lowercase
_SIZES = "write a number, for a size the usual one: the module runs on others too"
_NO_NAMES = "a default names nothing: what follows from other values is a constant, in `let`"
_TUPLE = re.compile(r"\(\s*([^()]+,[^()]*?),?\s*\)")  # Python's way to write a list


def why_no_class(name: str) -> str:
    return names.why_no_class(name) or ("is the class of an op" if name in own_classes() else "")


class Names:
    """The names that the expressions and references of one block or network may use, and which of them are read."""

    def __init__(
        self, parameters: Iterable[Parameter], constants: Iterable[Constant], others: Iterable[str] = ("in_channels",)
    ) -> None:
        self.ops = {parameter.name for parameter in parameters if parameter.type == "op"}
        named: tuple[Parameter | Constant, ...] = (*parameters, *constants)
        self.known = {*others, *(item.name for item in named)}
        self.read: set[str] = set()
        self.later: set[str] = set()  # while the constants are read: all of them
        self.no_names = _NO_NAMES  # what helps where none are known


class Values(Problems):
    """Reads values, which are expressions, and names."""

    def class_name(self, tree: trees.Tree | None) -> str:
        text = self.text(tree)
        reason = why_no_class(text)
        if isinstance(tree, trees.Scalar) and reason:
            sentence = f"the network can't be called {quote(text)}: it {reason}" if text else "a name is missing here"
            self.problem(tree.place, sentence, names.rule(reason))
        return text

    def constant_int(self, tree: trees.Tree) -> int:
        count = len(self.problems)
        value = self.value(tree, Names((), (), ()))
        if type(value) is not int or not value >= 1 or len(self.problems) > count:
            del self.problems[count:]
            found = f", not {shape_of(tree)}"
            self.problem(tree.place, f"the channels and sizes of `input` are whole numbers of at least 1{found}", _SIZES)
            return 1
        return value

    def argument_name(self, key: trees.Scalar, what: str) -> None:
        """Refuses a name. That of an op is none to refuse: a later version may bring an op of any name that specs have."""
        reason = names.why_no_argument(key.text)
        if not reason and BLOCK.fullmatch(key.text):
            reason = "starts with a capital, as only blocks do"
        if not reason and key.text in WORDS:
            reason = "is a word of the language"
        if reason:
            self.problem(key.place, f"{what} can't be called {quote(key.text)}: it {reason}", names.rule(reason))

    def references(self, tree: trees.Tree) -> tuple[Reference, ...]:
        items = tree.items if isinstance(tree, trees.Sequence) else (tree,)
        found = []
        for item in items:
            if isinstance(item, trees.Scalar):
                name, _, part = item.text.partition(".")
                found.append(Reference(name, item.place, part) if part else Reference(item.text, item.place))
            else:
                names = ", ".join(key.text for key, _ in entries_of(item)) or "A, B"
                help = f"list the names of layers: `[{names}]`"
                self.problem(item.place, f"the name of a layer is expected, not {shape_of(item)}", help)
        return tuple(found)

    def value(self, tree: trees.Tree, scope: Names, also: Iterable[str] = ()) -> Value:
        """Reads a number, an expression or a list; `also` are words that may be meant by a name that is unknown."""
        if isinstance(tree, trees.Sequence):
            return tuple(self.value(item, scope) for item in tree.items)
        if not isinstance(tree, trees.Scalar):
            values = [item.text for _, item in entries_of(tree) if isinstance(item, trees.Scalar) and item.text]
            help = f"values for the axes are a list: `[{', '.join(values)}]`" if 1 < len(values) == len(keys_of(tree)) else ""
            self.problem(tree.place, "a number or an expression is expected, not a mapping", help)
            return 0
        if listed := _TUPLE.fullmatch(tree.text):
            self.problem(tree.place, "a list stands in square brackets", f"write `[{listed[1]}]`")
            return 0
        if tree.text == "":
            self.problem(tree.place, "a value is missing here", "write one, or leave the key out")
            return 0
        try:
            value = parse_expression(tree.text)
            if isinstance(value, Expression) and not names_of(value):
                value = evaluate(value, {})
        except ExpressionError as error:
            self.problem(_inside(tree, error.offset, error.length), error.sentence, error.help)
            return 0
        for name in sorted(names_of(value)):
            if name in scope.known:
                scope.read.add(name)
            elif name in OPS:
                help = f"an op is a node of its own: `[{{conv: 64, kernel_size: 3}}, {name}]`"
                self.problem(tree.place, f"{quote(name)} is an op: no number can be made of it", help)
            else:
                offset = re.search(rf"\b{name}\b", tree.text)
                place = _inside(tree, offset.start() if offset else 0, len(name))
                self.problem(place, f"there is no name {quote(name)} here", self.suggest_name(name, scope, also))
        return value

    def suggest_name(self, name: str, scope: Names, also: Iterable[str]) -> str:
        if name in DEPTH_NAMES:
            return f"`{name}` is known only in the arguments of a node with `depth`"
        if name in scope.later:
            return "a constant sees only those before it"
        if name.lower() in TRUTHS:
            return f"write `{TRUTHS[name.lower()]}`"
        if other_names.written(name) == "identity":
            return "where the block takes an op write `identity`; else leave it out"
        if name.lower() in ("true", "false"):
            return f"write `{name.lower()}`"
        near = nearest(name, also)
        if near and not nearest(name, scope.known):
            return f"the nearest is {quote(near)}"
        if not scope.known:
            return scope.no_names
        known = suggest(name, sorted(scope.known), "names")
        counts = "in_channels" in scope.known and not nearest(name, scope.known)
        return f"write a number, or name it in `let`; {known}" if counts else known


def keys_of(tree: trees.Mapping) -> list[str]:
    return [key.text for key, _ in tree.entries]


def entries_of(tree: trees.Tree | None) -> Iterable[tuple[trees.Scalar, trees.Tree]]:
    return tree.entries if isinstance(tree, trees.Mapping) else ()


def _inside(tree: trees.Scalar, offset: int, length: int) -> Place:
    """The place of a part of a text, if the text stands there as it is, between quotes or without."""
    place = tree.place
    quotes = 0 if tree.plain else 1
    start = place.column - 1 + quotes
    if place.source.line(place.line)[start : start + len(tree.text)] != tree.text:
        return place
    return Place(place.source, place.line, place.column + quotes + offset, max(1, length))
