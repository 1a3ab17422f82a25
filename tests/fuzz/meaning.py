"""What a spec's tree means, worked out once more and only for shapes: Python's `eval` for expressions, the ops' own records.

It knows no names, no classes and no code, so it is short; the generator asks it which of its proposals fit.
"""

from __future__ import annotations

import math
import re
from collections import ChainMap
from typing import Any

import yaml

from archgen.library import block_names
from archgen.ops import OPS, Op, Shape
from archgen.resources import LIBRARY as FOLDER

Tree = Any
MERGES = ("add", "subtract", "multiply", "concat")
TYPES = ("int", "float", "bool", "op")
LIBRARY = {name: yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")) for name in block_names()}
_LARGEST = 3000  # values of one image: the networks stay small enough to run thousands


class Misfit(Exception):
    """The tree does not fit; what makes it so."""


def make_divisible(x: float, divisor: int = 8) -> int:
    rounded = max(divisor, int(x + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * x else rounded


_WORD = re.compile(r"[A-Za-z_]\w*")
_FUNCTIONS = {"max": max, "min": min, "round": round, "ceil": math.ceil, "floor": math.floor, "make_divisible": make_divisible}
_TRUTHS = {"true": True, "false": False}


def value_of(tree: Tree, names: dict[str, Any]) -> Any:
    """The value of an option: an expression is Python's, too."""
    if isinstance(tree, (list, tuple)):
        return tuple(value_of(item, names) for item in tree)
    if isinstance(tree, str):
        lists = {name for name, value in names.items() if isinstance(value, tuple) and tree != name and f"{name}[" not in tree}
        if lists & set(_WORD.findall(tree)):
            raise Misfit("a list is no number")
        return eval(tree, {"__builtins__": {}}, {**_FUNCTIONS, **_TRUTHS, **names})  # our own texts alone
    return tree


class Meaning:
    """Shapes of the nodes of one spec. `blocks` and `defaults` are the spec's own trees, read anew at each use."""

    def __init__(self, blocks: dict[str, Tree], defaults: dict[str, Tree]) -> None:
        self.blocks, self.defaults = ChainMap(blocks, LIBRARY), defaults
        self.strict = True  # that a node with `when` keeps the channels whatever its condition, which is simpler than the rule
        self.axes: dict[str, tuple[int, int]] = {}  # a block is one class, so it is called on values of the same axes
        self.multiplications = 0

    def op(self, kind: str, options: dict[str, Tree], names: dict[str, Any]) -> Op:
        op = OPS[kind]
        given = dict(self.defaults.get(kind, {}))
        for key, tree in options.items():
            given[op.first() if key == kind else key] = tree
        options = {key: tree if key in op.words else value_of(tree, names) for key, tree in given.items() if tree is not None}
        if any(op.kind(key).refuses(value, 0) for key, value in options.items()):
            raise Misfit("another type")
        return op(**options)

    def apply(self, op: Op, x: Shape) -> Shape:
        claim = next((claim for claim in op.claims(x) if not claim.holds()), None)
        if claim is not None:
            raise Misfit(claim.text())
        y = op.output(x)
        if math.prod(y.sizes) > _LARGEST:
            raise Misfit("too large")
        return y

    def node(self, node: Tree, x: Shape, names: dict[str, Any]) -> Shape:
        """What a node that is one module, or an op, makes of a value."""
        if isinstance(node, list):
            for item in node:
                x = self.node(item, x, names)
            return x
        if isinstance(node, str):
            node = {node: None}
        node = {key: value for key, value in node.items() if key != "from"}
        if "when" in node:
            present = value_of(node["when"], names)
            y = self.node({key: value for key, value in node.items() if key != "when"}, x, names)
            if self.strict and (y.channels, y.channel_axis, y.rank) != (x.channels, x.channel_axis, x.rank):
                raise Misfit("a node with `when` keeps the channels")
            return y if present else x
        kind = next(iter(node))
        if kind == "sequence":
            items = node[kind]
            return self.node(list(items.values()) if isinstance(items, dict) else items, x, names)
        if kind == "residual":
            return self.merged("add", [self.body(node[kind], x, names), self.body(node.get("shortcut", {}), x, names)])
        if kind in MERGES:
            return self.branches(kind, node, x, names)
        if kind in names and isinstance(names[kind], (str, dict)):
            return self.node(names[kind], x, {})
        if kind in OPS:
            return self.apply(self.op(kind, node, names), x)
        return self.calls(kind, node, x, names)

    def branches(self, kind: str, node: Tree, x: Shape, names: dict[str, Any]) -> Shape:
        parts = node[kind]
        if node.get("split"):
            if x.channels % len(parts):
                raise Misfit("split")
            x = x.with_channels(x.channels // len(parts))
        absent = [value_of(part["when"], names) is False if isinstance(part, dict) and "when" in part else False
                  for part in parts.values()]  # fmt: skip
        outputs = [self.node(_without_when(part), x, names) for part in parts.values()]
        if not all(absent):
            self.merged(kind, outputs)  # what follows must fit in either case
            return self.merged(kind, [output for output, gone in zip(outputs, absent) if not gone])
        raise Misfit("all branches are absent")

    def merged(self, kind: str, shapes: list[Shape]) -> Shape:
        """The shape of a merge."""
        first = shapes[0]
        if any((shape.channel_axis, len(shape.sizes)) != (first.channel_axis, len(first.sizes)) for shape in shapes):
            raise Misfit("ranks")
        if kind == "concat":
            if any(shape.spatial != first.spatial for shape in shapes):
                raise Misfit("sizes")
            return first.with_channels(sum(shape.channels for shape in shapes))
        if kind == "multiply":
            self.multiplications += 1
            full = [max(sizes) for sizes in zip(*(shape.sizes for shape in shapes))]
            if any(size not in (1, whole) for shape in shapes for size, whole in zip(shape.sizes, full)):
                raise Misfit("no gate")
            return Shape(tuple(full), first.channel_axis)
        if any(shape != first for shape in shapes):
            raise Misfit("shapes")
        return first

    def calls(self, kind: str, node: Tree, x: Shape, names: dict[str, Any]) -> Shape:
        """A block, `depth` times."""
        arguments = {key: value for key, value in node.items() if key not in ("depth", "first")}
        depth = value_of(node.get("depth", 1), names)
        for index in range(depth):
            inside = {**names, "index": index, "block_index": 0, "block_count": 1} if "depth" in node else names
            given = arguments
            if index == 0 and "first" in node:
                first = node["first"]
                if not isinstance(first, dict) or any(key in OPS or key[0].isupper() for key in first):
                    x = self.node(first, x, inside)
                    continue
                given = {**self.arguments(kind, given), **first}
            elif index and "stride" in self.blocks[kind].get("args", {}):
                given = {**self.arguments(kind, arguments), "stride": 1}
            x = self.call(kind, given, x, inside)
        return x

    def arguments(self, kind: str, node: Tree) -> dict[str, Tree]:
        """The arguments of a call by name: the value beside the block's name is its first."""
        first = next(iter(self.blocks[kind].get("args", {})), "")
        return {first if key == kind else key: value for key, value in node.items() if not (key == kind and value is None)}

    def call(self, kind: str, node: Tree, x: Shape, names: dict[str, Any]) -> Shape:
        block = self.blocks[kind]
        if self.axes.setdefault(kind, (len(x.sizes), x.channel_axis)) != (len(x.sizes), x.channel_axis):
            raise Misfit("a block is called on values of the same axes")
        known: dict[str, Any] = {"in_channels": x.channels}
        given = {**self.defaults.get(kind, {}), **self.arguments(kind, node)}
        for name, default in block.get("args", {}).items():
            tree = given.get(name, default)
            if isinstance(tree, str) and tree in TYPES:
                raise Misfit(f"`{name}` is missing")
            is_op = isinstance(tree, dict) or (
                isinstance(tree, str) and (tree in OPS or isinstance(names.get(tree), (str, dict)))
            )
            known[name] = (names.get(tree, tree) if isinstance(tree, str) else tree) if is_op else value_of(tree, names)
        for name, tree in block.get("let", {}).items():
            known[name] = value_of(tree, known)
        strict, self.strict = self.strict, self.strict and kind not in LIBRARY
        try:
            return self.body(block["layers"], x, known)
        finally:
            self.strict = strict

    def body(self, layers: dict[str, Tree], x: Shape, names: dict[str, Any], values: dict[str, Shape] | None = None) -> Shape:
        """Named nodes in order; `values` gathers what each makes."""
        values = {} if values is None else values
        values["input"] = x
        for name, node in layers.items():
            x = values[name] = self.layer(node, x, names, values)
        return x

    def layer(self, node: Tree, x: Shape, names: dict[str, Any], values: dict[str, Shape]) -> Shape:
        """A named node, which may take other values than the last."""
        sources = node.get("from") if isinstance(node, dict) else None
        if isinstance(sources, list):
            if value_of(node.get("when", True), names) is False:
                return values[sources[0]]
            return self.merged(next(iter(node)), [values[name] for name in sources])
        return self.node(node, values[sources] if sources else x, names)


def _without_when(node: Tree) -> Tree:
    return {key: value for key, value in node.items() if key != "when"} if isinstance(node, dict) else node
