"""What was changed of each layer, and in how many places at once: a block's line in a spec stands for all of its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archgen.ops.base import Op
from archgen.ops.value import same
from archgen.trace.flow import Flow, taken
from archgen.trace.traced import Role
from archgen.views.op_text import op_title, value_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archgen.arithmetic.expressions import Value
    from archgen.graph.model import Input
    from archgen.review.align import Node, Pair, Side
    from archgen.trace.traced import Traced

ADDED, REMOVED, MOVED, RENAMED, CHANGED = KINDS = ("added", "removed", "moved", "renamed", "changed")
TYPE, TAKES = "type", "takes"  # what else than an option may have changed
DEFAULT = "default"  # of an option that the spec leaves to archgen
INPUT = "input"  # the name of what enters a class


class Difference(NamedTuple):
    """One thing that is another. name: an option, or `type`, or `takes`: the values that it reads."""

    name: str
    old: str
    new: str


class Change(NamedTuple):
    """What was done to layers that one line of the spec says.

    kind: one of KINDS; a layer that was moved or renamed may have differences, too. paths: of the layers in the new network, in
    the old one where they were removed. olds: in the old one, none where they were added. file, line: of the new spec, or of
    the old one.
    """

    kind: str
    type: str
    title: str
    paths: tuple[str, ...]
    olds: tuple[str, ...]
    differences: tuple[Difference, ...]
    file: str
    line: int


def changes(old: Side, new: Side, pairs: tuple[Pair, ...]) -> tuple[Change, ...]:
    """Returns what was done, in the order of the new network; what follows for shapes and sizes is not in it."""
    groups: dict[object, list[Pair]] = {}
    told: dict[object, tuple[str, tuple[Difference, ...]]] = {}
    for pair, kind, differences in _found(old.steps, new.steps, pairs):
        key = (kind, pair.old and _said_at(pair.old), pair.new and _said_at(pair.new), differences)
        groups.setdefault(key, []).append(pair)
        told[key] = kind, differences
    return tuple(_change(*told[key], group) for key, group in groups.items())


def _said_at(node: Node) -> tuple[object, ...]:
    """What the calls of a block share: the name, the class around it and the place."""
    name = "" if node.step.name.isdigit() else node.step.name
    return node.inside, name, node.step.type, node.step.place


def _change(kind: str, differences: tuple[Difference, ...], group: list[Pair]) -> Change:
    node = group[0].node
    title = (
        op_title(node.step.op, node.step.type, node.step.inputs[0]) if node.step.op and node.step.role is not Role.MERGE else ""
    )
    olds = tuple(pair.old.path for pair in group if pair.old)
    place = node.step.place
    paths = tuple(pair.node.path for pair in group)
    return Change(kind, node.step.type, title, paths, olds, differences, place.source.name, place.line)


def _found(
    old: tuple[Traced, ...], new: tuple[Traced, ...], pairs: tuple[Pair, ...]
) -> Iterator[tuple[Pair, str, tuple[Difference, ...]]]:
    own = {id(step) for step in old}
    became = {pair.old.step.name: pair.new.step.name for pair in pairs if pair.old and pair.new and id(pair.old.step) in own}
    before, after = _Sources(old, became), _Sources(new, {name: name for name in became.values()})
    for pair in pairs:
        if pair.new is None or pair.old is None:
            yield pair, ADDED if pair.old is None else REMOVED, ()
            if pair.new is not None:  # what was put into it is no new layer
                yield from _found((), pair.new.step.children, tuple(one for one in pair.children if one.old))
            continue
        a, b = pair.old.step, pair.new.step
        here = id(a) in own  # and not in a sequence beside
        differences = (*_of_kind(a, b), *(_of_sources(before.of(a), after.of(b)) if here else ()))
        renamed = not here or (a.name != b.name and not (a.name.isdigit() and b.name.isdigit()))
        if renamed or pair.moved or differences:
            yield pair, RENAMED if renamed else MOVED if pair.moved else CHANGED, differences
        yield from _found(a.children, b.children, pair.children)


def _of_kind(a: Traced, b: Traced) -> Iterator[Difference]:
    if a.type != b.type:
        yield Difference(TYPE, a.type, b.type)
    if a.op is not None and b.op is not None:
        yield from _options(_given(a.op), _given(b.op))
    yield from _options(dict(a.arguments), dict(b.arguments))


def _given(op: Op) -> dict[str, Value]:
    return {name: getattr(op, name) for name in op.fields}


def _options(old: dict[str, Value], new: dict[str, Value]) -> Iterator[Difference]:
    """The options that both have: those of one kind alone are told by the kind."""
    for name in new:
        if name in old and not same(old[name], new[name]):
            yield Difference(name, *(DEFAULT if one[name] is None else value_text(one[name]) for one in (old, new)))


def _of_sources(old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[Difference]:
    if old != new:
        yield Difference(TAKES, ", ".join(old), ", ".join(new))


class _Sources:
    """Which values the steps of a class take, by the names that those who make them have in the new one.

    became: these names. A step that is there on one side alone is told as added or removed: who takes its value is said to take
    what goes into it, so that not every neighbour of a new layer has changed.
    """

    def __init__(self, steps: tuple[Traced, ...], became: dict[str, str]) -> None:
        self.steps, self.became = steps, became
        self.flow = Flow(steps, ())

    def of(self, step: Traced) -> tuple[str, ...]:
        return tuple(self.name(value) for value in taken(step))

    def name(self, value: Input) -> str:
        value = self.flow.source(value)
        if value.value == 0:
            return INPUT if value.part < 0 else f"{INPUT}.{value.part}"
        maker = self.steps[value.value - 1]
        if maker.name not in self.became:
            return self.name(maker.values[0]) if maker.values else INPUT
        name = self.became[maker.name]
        return name if value.part < 0 else f"{name}.{maker.parts[value.part]}"
