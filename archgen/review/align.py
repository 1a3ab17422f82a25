"""Which layer of an old network is which of a new one: by its name where it has one, else by what it is.

The children of two layers that were paired are paired in turn. A layer with a name is taken for the one of the same name. What
is left over on both sides, and the items of a list, which are only numbered, are paired in order by how much they have in
common.
"""

from __future__ import annotations

from bisect import bisect_left
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, NamedTuple

from archgen.trace.traced import Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archgen.graph.model import Graph
    from archgen.trace.traced import Traced

MOST_COMPARED = 1_000_000  # pairs of two lists that are weighed; beyond, only what the lists begin and end with is paired
EQUAL, FITTING, LIKE = 3, 2, 1  # what two layers have in common: all, the kind and the weights, the kind


class Node(NamedTuple):
    """A layer, a merge or a container: where it stands in the module, its step and what is in it.

    path: of the step. module: of its module, which is another's where a layer runs again. inside: the name of its class.
    """

    path: str
    module: str
    inside: str
    step: Traced


class Pair(NamedTuple):
    """A node of the old network and what it became, None on one side for what was added or removed.

    moved: whether it stands elsewhere among its neighbours than it did.
    """

    old: Node | None
    new: Node | None
    children: tuple[Pair, ...] = ()
    moved: bool = False

    @property
    def node(self) -> Node:
        """The new one, or the old one where it was removed."""
        found = self.new or self.old
        assert found is not None
        return found

    def walk(self) -> Iterator[Pair]:
        yield self
        for child in self.children:
            yield from child.walk()


class Side(NamedTuple):
    """One of the two networks, its traced steps in the order in which they run."""

    graph: Graph
    steps: tuple[Traced, ...]


def align(old: Side, new: Side) -> tuple[Pair, ...]:
    """Returns pairs of all that is in two networks, in the new one's order, what was removed where it stood."""
    return _Aligner().lists(
        _nodes(old.steps, "", "", old.graph.network.name), _nodes(new.steps, "", "", new.graph.network.name)
    )


def _nodes(steps: Sequence[Traced], path: str, module: str, inside: str) -> list[Node]:
    return [Node(path + one.name, module + one.attribute, inside, one) for one in steps if one.role is not Role.ABSENT]


def _children(node: Node) -> list[Node]:
    step = node.step
    return _nodes(step.children, f"{node.path}.", f"{node.module}.", step.type if step.role is Role.BLOCK else node.inside)


class _Aligner:
    def __init__(self) -> None:
        self.elsewhere: dict[str, Pair] = {}  # by the new path: what was put into a sequence, or taken out of one
        self.gone: set[str] = set()  # the old paths of these
        self.looks: dict[int, str] = {}  # repeats of a block share their children
        self.kept: list[tuple[Traced, ...]] = []  # so that no other object gets the number of one that was looked at

    def lists(self, old: list[Node], new: list[Node]) -> tuple[Pair, ...]:
        """Pairs of what stands in two containers."""
        partner = self.partners(old, new)
        there = set(partner.values())
        self.regroup(
            [node for number, node in enumerate(old) if number not in there],
            [node for number, node in enumerate(new) if number not in partner],
        )
        in_order = _in_order([partner[number] for number in range(len(new)) if number in partner])
        moved = {number for number in partner if partner[number] not in in_order}
        found: list[
            tuple[int, int, Pair]
        ] = []  # the number of the last old node before it; first what stayed, last what is new
        last = -1
        for number, node in enumerate(new):
            if number in partner:
                last = last if number in moved else partner[number]
                found.append((last, 0, self.pair(old[partner[number]], node, number in moved)))
            else:
                found.append((last, 2, self.added(node)))
        removed = [(number, node) for number, node in enumerate(old) if number not in there and node.path not in self.gone]
        found += [(number - 1, 1, self.removed(node)) for number, node in removed]
        return tuple(pair for _, _, pair in sorted(found, key=lambda one: one[:2]))

    def regroup(self, old: list[Node], new: list[Node]) -> None:
        """Pairs what is left over on both sides through the sequences that it was put into, or taken out of."""
        left, right = ([one for node in side for one in _through(node)] for side in (old, new))
        before, after = (
            [f"{_own_look(one.step, wired=False)} {self.inside(one.step)}" for one in side] for side in (left, right)
        )
        for start, other, length in SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks():
            for one, same in zip(left[start : start + length], right[other : other + length], strict=True):
                self.elsewhere[same.path] = self.pair(one, same, moved=False)
                self.gone.add(one.path)

    def added(self, node: Node) -> Pair:
        return self.elsewhere.get(node.path) or Pair(None, node, tuple(map(self.added, _children(node))))

    def removed(self, node: Node) -> Pair:
        return Pair(node, None, tuple(self.removed(one) for one in _children(node) if one.path not in self.gone))

    def pair(self, old: Node, new: Node, moved: bool) -> Pair:
        return Pair(old, new, self.lists(_children(old), _children(new)), moved)

    def partners(self, old: list[Node], new: list[Node]) -> dict[int, int]:
        """The number of the old node for each number of a new one that has a partner."""
        numbered = all(node.step.name.isdigit() for node in (*old, *new))
        if numbered:
            return self.by_look(list(range(len(old))), list(range(len(new))), old, new, LIKE)
        named = {node.step.name: number for number, node in enumerate(old)}
        found = {number: named[node.step.name] for number, node in enumerate(new) if node.step.name in named}
        taken = set(found.values())
        left = [number for number in range(len(old)) if number not in taken]
        return found | self.by_look(left, [number for number in range(len(new)) if number not in found], old, new, FITTING)

    def by_look(self, left: list[int], right: list[int], old: list[Node], new: list[Node], least: int) -> dict[int, int]:
        """Pairs in order what has most in common, what the two lists begin and end with first."""
        found: dict[int, int] = {}
        while left and right and self.common(old[left[0]], new[right[0]]) == EQUAL:
            found[right.pop(0)] = left.pop(0)
        while left and right and self.common(old[left[-1]], new[right[-1]]) == EQUAL:
            found[right.pop()] = left.pop()
        if len(left) * len(right) > MOST_COMPARED:
            return found
        best = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
        weight = {}
        for i in range(len(left) - 1, -1, -1):
            for j in range(len(right) - 1, -1, -1):
                common = self.common(old[left[i]], new[right[j]])
                weight[i, j] = common if common >= least else 0
                together = best[i + 1][j + 1] + weight[i, j] if weight[i, j] else 0
                best[i][j] = max(best[i + 1][j], best[i][j + 1], together)
        i = j = 0
        while i < len(left) and j < len(right):
            if weight[i, j] and best[i][j] == best[i + 1][j + 1] + weight[i, j]:
                found[right[j]] = left[i]
                i, j = i + 1, j + 1
            elif best[i][j] == best[i + 1][j]:
                i += 1
            else:
                j += 1
        return found

    def common(self, one: Node, other: Node) -> int:
        """How much two nodes have in common, whatever they are called."""
        a, b = one.step, other.step
        if a.role is not b.role or type(a.op) is not type(b.op) or (a.role is Role.BLOCK and a.type != b.type):
            return 0
        if self.look(a) == self.look(b):
            return EQUAL
        return FITTING if _weights(a) == _weights(b) and len(a.children) == len(b.children) else LIKE

    def look(self, step: Traced) -> str:
        """All that makes a node what it is, but its own name."""
        return f"{_own_look(step)} {self.inside(step)}"

    def inside(self, step: Traced) -> str:
        """The same of what is in it."""
        key = id(step.children)
        if step.children and key not in self.looks:
            self.kept.append(step.children)
            self.looks[key] = "; ".join(f"{child.name}: {self.look(child)}" for child in step.children)
        return self.looks[key] if step.children else ""


def _own_look(step: Traced, wired: bool = True) -> str:
    return f"{step.role} {step.type} {step.op!r} {step.values if wired else ''} {_weights(step)}"


def _weights(step: Traced) -> tuple[object, ...]:
    if step.op is None:
        return (step.parameters, step.buffers)
    x = step.inputs[0]
    return tuple(shape for _, shape in (*step.op.weights(x), *step.op.buffers(x)))


def _through(node: Node) -> Iterator[Node]:
    """A node, or what is in it where it is a sequence."""
    if node.step.role is Role.CHAIN:
        for child in _children(node):
            yield from _through(child)
    else:
        yield node


def _in_order(numbers: list[int]) -> set[int]:
    """The longest part of a list that grows: what is not in it has moved."""
    ends: list[int] = []
    at: list[int] = []  # of each end, its place in the list
    before: list[int | None] = []
    for place, number in enumerate(numbers):
        length = bisect_left(ends, number)
        before.append(at[length - 1] if length else None)
        ends[length:] = [number] if length == len(ends) else [number, *ends[length + 1 :]]
        at[length:] = [place] if length == len(at) else [place, *at[length + 1 :]]
    found = set()
    last = at[-1] if at else None
    while last is not None:
        found.add(numbers[last])
        last = before[last]
    return found
