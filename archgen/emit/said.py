"""The text of an op in `forward`, from its tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archgen.arithmetic.spelling import render
from archgen.emit.layout import Group, Infix, Text, flat
from archgen.ops.torch_text import VALUES, Function, Images, Index, Listed, Nth, Operator, Option, Own, SizeOf, Values, named
from archgen.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archgen.ops.torch_text import Tree


class ListOf(Record):
    """The variable that holds a list of all values that an op takes."""

    name: str


def said(tree: Tree, values: tuple[Text, ...] | ListOf, options: Mapping[str, Any], own: str) -> Text:
    """The text of a tree. values: of those that the op takes. own: of the parameter that belongs to the class."""
    if isinstance(values, ListOf):
        assert isinstance(tree, Function)
        assert tree.arguments == (Listed((VALUES,)),)  # as `torch.cat`: no other op is given a list
        return said(tree.replace(arguments=(VALUES,)), (values.name,), options, own)

    def each(trees: tuple[Tree, ...]) -> list[Text]:
        found: list[Text] = []
        for one in trees:
            if isinstance(one, Values):
                found += values
            elif isinstance(one, Option) and one.spread:
                found += map(render, options[one.name])
            else:
                found.append(said(one, values, options, own))
        return found

    if isinstance(tree, Own):
        return own
    if isinstance(tree, Nth):
        return values[tree.number]
    if isinstance(tree, SizeOf):
        return f"{flat(values[tree.number])}.shape[2:]"
    if isinstance(tree, Images):
        return f"{flat(values[0])}.shape[0]"
    if isinstance(tree, Option):
        value = options[tree.name]
        if type(value) is str:
            return f'"{value}"'
        return Group("[", tuple(map(render, value)), "]") if type(value) is list else render(value)
    if isinstance(tree, Listed):
        return Group("[", tuple(each(tree.items)), "]")
    if isinstance(tree, Operator):
        return Infix(tree.sign, tuple(each(tree.operands)))
    if isinstance(tree, Index):
        return f"{flat(values[0])}[{', '.join(map(_place, options[tree.at.name]))}]"
    if isinstance(tree, Values):
        return values[0]
    given = [f"{name}={flat(said(value, values, options, own))}" for name, value in named(tree, options)]
    opened = f"{tree.name}(" if isinstance(tree, Function) else f"{flat(said(tree.of, values, options, own))}.{tree.name}("
    return Group(opened, (*each(tree.arguments), *given), ")")


def _place(at: Any) -> str:
    """What stands in brackets for one axis, with the spaces that `ruff format` gives a slice."""
    if at is ...:
        return "..."
    if not isinstance(at, slice):
        return render(at)
    parts = [
        "" if one is None else render(one) for one in ((at.start, at.stop) if at.step is None else (at.start, at.stop, at.step))
    ]
    simple = all(part.isidentifier() or part.lstrip("-").isdigit() or not part for part in parts)
    if simple:
        return ":".join(parts)
    spaced = [f"{part} " if part and number < len(parts) - 1 else part for number, part in enumerate(parts)]
    return spaced[0] + "".join(f": {part}" if part else ":" for part in spaced[1:])
