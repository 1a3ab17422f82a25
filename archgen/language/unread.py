"""Layers that nobody reads, and what nobody uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archgen.arithmetic.expressions import Expression, names_of
from archgen.diagnostics import MOST_NAMES, Place, Problem, quote
from archgen.language.model import Again, Merge, Parameter, Reference, Residual, Use
from archgen.language.nodes import Nodes
from archgen.records import Record
from archgen.syntax import trees

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archgen.language.model import AnyNode, Constant, Layer, Layers, Spec, Way
    from archgen.language.values import Names


class Unread(Nodes):
    """Finds the layers that nobody reads, and what nobody uses."""

    def reached_network(self, spec: Spec, scope: Names, outputs: trees.Tree | None) -> Spec:
        """Returns the network without the layers that it took over and that reach no output."""
        parts: list[tuple[Way, Layers]] = [(("stem",), spec.stem), (("stages",), spec.stages), (("head",), spec.head)]
        named = {reference.name for reference in spec.outputs}
        also = {reference.name for reference in spec.training_outputs}
        inputs = tuple(Reference(one.name, one.place) for one in spec.inputs)
        stem, stages, head = self.reached(parts, named, also, inputs)
        self.forget(scope, spec.layers, stem + stages + head)
        scope.read |= names_of(spec.option_defaults)
        self.tell_lost(outputs.place if outputs is not None else spec.place, spec.place)
        return spec.replace(stem=stem, stages=stages, head=head)

    def reached(
        self,
        parts: list[tuple[Way, Layers]],
        outputs: Iterable[str] = (),
        also: Iterable[str] = (),
        inputs: tuple[Reference, ...] = (),
    ) -> tuple[Layers, ...]:
        """Returns the layers of one scope, in the parts that it is written in, whose values reach what leaves it.

        parts: each with the keys that lead to it. outputs: the values that leave, by default the last; also: further ones.
        inputs: those that enter, where they are several.
        A layer that reaches none of them is a problem if the spec's own file says it, and else is left out.
        """
        parts = [(way, tuple(self.inside_reached(layer, way) for layer in layers)) for way, layers in parts]
        scope = [layer for _, layers in parts for layer in layers]
        before = ["input", *(layer.name for layer in scope)]
        reads = {layer.name: _layer_reads(layer, last) for layer, last in zip(scope, before)}
        needed = (set(outputs) or {before[-1]}) | set(also)
        for name in reversed(reads):
            if name in needed:
                needed |= reads[name]
        for number, one in enumerate(inputs):
            if one.name not in needed and (number or "input" not in needed):
                help = "name it in a `from`, or leave it out of `inputs`"
                self.idle.append(Problem(one.place, f"nobody reads the input {quote(one.name)}", help))
        lost = [(way, layer) for way, layers in parts for layer in layers if layer.name not in needed]
        self.lost += [(way, layer) for way, layer in lost if layer.place.source is not self.own]
        readers: dict[str, list[str]] = {layer.name: [] for _, layer in lost}
        for name, read in reads.items():
            for taken in read & readers.keys():
                readers[taken].append(name)
        own = [layer for _, layer in lost if layer.place.source is self.own]
        self.idle += [_unread(layer, readers[layer.name], bool(outputs)) for layer in own]
        return tuple(tuple(layer for layer in layers if layer.name in needed) for _, layers in parts)

    def inside_reached(self, layer: Layer, way: Way) -> Layer:
        """The same for the scopes inside a layer: the two of a residual, and those in the branches of a merge."""
        node, inside = layer.node, (*way, layer.name)
        if isinstance(node, Residual):
            (residual,) = self.reached([((*inside, "residual"), node.residual)])
            (shortcut,) = self.reached([((*inside, "shortcut"), node.shortcut)])
            return layer.replace(node=node.replace(residual=residual, shortcut=shortcut))
        if isinstance(node, Merge) and node.branches:
            branches = tuple(self.inside_reached(branch, (*inside, node.kind)) for branch in node.branches)
            return layer.replace(node=node.replace(branches=branches))
        return layer

    def forget(self, scope: Names, layers: Layers, kept: Layers) -> None:
        """Takes back what only layers have read that are left out."""
        if kept != layers:
            scope.read -= _mentioned(layers)
            scope.read |= _mentioned(kept)

    def tell_lost(self, outputs: Place, whole: Place) -> None:
        """Notes the layers that are left out, of the network and of each block, and how to say so."""
        scopes: dict[Way, list[tuple[Way, Layer]]] = {}
        for way, layer in self.lost:
            scopes.setdefault(way[:2] if way[0] == "blocks" else (), []).append((way, layer))
        for block, lost in scopes.items():
            files = " and ".join(dict.fromkeys(quote(layer.place.source.name) for _, layer in lost))
            names = [quote(layer.name) for _, layer in lost]
            if len(names) > MOST_NAMES:
                names[MOST_NAMES:] = [f"{len(names) - MOST_NAMES} more"]
            told = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
            where = f" in block {quote(block[1])}" if block else ""
            reach = "reaches no output and is" if len(lost) == 1 else "reach no output and are"
            place = outputs if not block and outputs.source is self.own else whole
            help = f"to say so, write {_left_out(lost)}"
            self.note(place, f"{told} of {files}{where} {reach} left out", help)

    def all_used(
        self, parameters: tuple[Parameter, ...], constants: tuple[Constant, ...], scope: Names, owner: str, place: Place
    ) -> set[str]:
        """Returns the names that the owner, written at `place`, took over from a spec that it extends and does not use."""
        for constant in reversed(constants):
            if constant.name in scope.read:
                scope.read |= names_of(constant.value)
        named: tuple[Parameter | Constant, ...] = (*parameters, *constants)
        inherited = set()
        for item in named:
            if item.name in scope.read:
                continue
            if item.place.source is not place.source:
                inherited.add(item.name)
            else:
                what = "argument" if isinstance(item, Parameter) else "constant"
                self.idle.append(Problem(item.place, f"{owner} never uses its {what} {quote(item.name)}", "remove it"))
        return inherited


def _layer_reads(layer: Layer, before: str) -> set[str]:
    return _reads(layer.node, before) | _else_reads(layer)


def _else_reads(layer: Layer) -> set[str]:
    return {layer.otherwise.name} if isinstance(layer.otherwise, Reference) else set()


def _reads(node: AnyNode, before: str) -> set[str]:
    """The values of a scope that a node in it reads; `before` is the one before it, `input` what enters the scope."""
    given = {reference.name for reference in node.sources} or {before}
    if isinstance(node, Use) and node.to is not None:
        given.add(node.to.name)
    if isinstance(node, Again):
        given.add(node.layer.name)
    if isinstance(node, Merge) and node.branches:  # a branch that names no value takes what the merge does
        return set[str]().union(
            *(_layer_reads(layer, "") if layer.node.sources else given | _else_reads(layer) for layer in node.branches)
        )
    if not isinstance(node, Residual):
        return given
    found: set[str] = set()
    for layers in (node.residual, node.shortcut):
        names = [layer.name for layer in layers]
        read = {"input"} if not layers else set()  # the way hands on what enters
        read = read.union(*(_layer_reads(layer, last) for layer, last in zip(layers, ["input", *names])))
        found |= read - {"input", *names}
        if "input" in read:
            found |= given
    return found


def _unread(layer: Layer, readers: list[str], outputs: bool) -> Problem:
    help = "remove it, or name it in a `from`" + (" or in `outputs`" if outputs else "")
    if not readers:
        return Problem(layer.place, f"nobody reads the value of {quote(layer.name)}", help)
    told = " and ".join(map(quote, readers[:2])) + (f" and {len(readers) - 2} more" if len(readers) > 2 else "")
    return Problem(layer.place, f"the value of {quote(layer.name)} goes to {told} and no further", help)


def _mentioned(value: object) -> set[str]:
    """The names that layers read: those in expressions, and the arguments that hold an op."""
    found: set[str] = set(names_of(value)) if isinstance(value, Expression) else set()
    if isinstance(value, Use):
        found.add(value.kind)
    parts = value if isinstance(value, tuple) else vars(value).values() if isinstance(value, Record) else ()
    return found.union(*(_mentioned(part) for part in parts if not isinstance(part, Place)))


def _left_out(lost: list[tuple[Way, Layer]]) -> str:
    """What takes these layers out, as YAML in braces."""
    tree: dict[str, Any] = {}
    for way, layer in lost:
        inside = tree
        for key in way:
            inside = inside.setdefault(key, {})
        inside[layer.name] = {"when": "false"}
    return " and ".join(f"`{key}: {_in_braces(value)}`" for key, value in tree.items())


def _in_braces(tree: Any) -> str:
    return (
        tree if isinstance(tree, str) else "{" + ", ".join(f"{key}: {_in_braces(value)}" for key, value in tree.items()) + "}"
    )
