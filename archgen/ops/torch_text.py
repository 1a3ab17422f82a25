"""How an op is said in `forward`, as a small tree, where it is no layer that is built and called.

The generated line, the calls that the proof allows, what the proof records and what the second interpreter runs come from it.
A tree belongs to a class of ops; what differs from one node to the next is an `Option`, which the op gives (`text_options`).
"""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING, Any, TypeAlias

from archgen.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "@": operator.matmul,
}


class Values(Record):
    """The values that the op takes, in order."""


class Nth(Record):
    """One of the values that the op takes, by its number."""

    number: int


class SizeOf(Record):
    """The spatial sizes of one of them, whose channels come first: `skip.shape[2:]`."""

    number: int


class Images(Record):
    """How many images the first value holds: `x.shape[0]`."""


class Own(Record):
    """The parameter that belongs to the class around the line."""


class Option(Record):
    """What the op says under this name. spread: a list, each item an argument of its own.

    A keyword argument whose option the op does not give is left out: its value is torch's default.
    """

    name: str
    spread: bool = False


class Listed(Record):
    """A list, as the one that `torch.cat` takes."""

    items: tuple[Tree, ...]


class Function(Record):
    """`torch.cat(...)`; `name` has its dots."""

    name: str
    arguments: tuple[Tree, ...]
    named: tuple[tuple[str, Tree], ...] = ()


class Method(Record):
    """`x.permute(...)`: a method of the first value, or of the parameter."""

    name: str
    arguments: tuple[Tree, ...] = ()
    named: tuple[tuple[str, Tree], ...] = ()
    of: Values | Own = Values()


class Operator(Record):
    """`a + b + c`, from the left."""

    sign: str
    operands: tuple[Tree, ...]


class Index(Record):
    """`x[:, :8]`: the first value at what the option says, an integer, a `slice`, None or `...` for each axis."""

    at: Option


Tree: TypeAlias = "Values | Nth | SizeOf | Images | Own | Option | Listed | Function | Method | Operator | Index"
VALUES, OWN = Values(), Own()


def parts(tree: Tree) -> Iterator[Tree]:
    """A tree and all that it is made of."""
    yield tree
    inside: tuple[Tree, ...] = ()
    if isinstance(tree, Listed):
        inside = tree.items
    elif isinstance(tree, (Function, Method)):
        inside = (*tree.arguments, *(value for _, value in tree.named))
    elif isinstance(tree, Operator):
        inside = tree.operands
    for part in inside:
        yield from parts(part)


def modules(tree: Tree) -> frozenset[str]:
    """The modules whose functions a tree calls, by the names that they are imported as."""
    return frozenset(part.name.partition(".")[0] for part in parts(tree) if isinstance(part, Function))


def named(tree: Function | Method, options: Mapping[str, Any]) -> list[tuple[str, Tree]]:
    """The keyword arguments of a call, but those whose option is not given."""
    return [(name, value) for name, value in tree.named if not isinstance(value, Option) or value.name in options]


def run(tree: Tree, values: Sequence[Any], options: Mapping[str, Any], function: Callable[[str], Any], own: Any = None) -> Any:
    """What a tree makes of values: tensors, or what stands in for them. function: finds a function by its name with dots."""

    def each(trees: tuple[Tree, ...]) -> list[Any]:
        made: list[Any] = []
        for one in trees:
            if isinstance(one, Values):
                made += values
            elif isinstance(one, Option) and one.spread:
                made += options[one.name]
            else:
                made.append(run(one, values, options, function, own))
        return made

    if isinstance(tree, Own):
        return own
    if isinstance(tree, Nth):
        return values[tree.number]
    if isinstance(tree, SizeOf):
        return values[tree.number].shape[2:]
    if isinstance(tree, Images):
        return values[0].shape[0]
    if isinstance(tree, Option):
        return options[tree.name]
    if isinstance(tree, Listed):
        return each(tree.items)
    if isinstance(tree, Operator):
        return functools.reduce(OPERATORS[tree.sign], each(tree.operands))
    if isinstance(tree, Index):
        return values[0][options[tree.at.name]]
    if isinstance(tree, Values):
        return values[0]
    called = function(tree.name) if isinstance(tree, Function) else getattr(own if tree.of == OWN else values[0], tree.name)
    given = {name: run(value, values, options, function, own) for name, value in named(tree, options)}
    return called(*each(tree.arguments), **given)
