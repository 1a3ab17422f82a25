"""The parts of a spec's tree: its nodes, wherever they stand, and the words that they read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from archgen import ops
from archgen.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Tree = Any
MERGES = tuple(ops.MERGES)
COMPOSITIONS = ("sequence", "residual", *MERGES)
SECTIONS = ("stem", "stages", "head")
WORD = re.compile(r"[A-Za-z_]\w*")


def network_layers(spec: Tree) -> Tree:
    """The network's layers, whatever their section."""
    return {name: node for key in SECTIONS for name, node in spec.get(key, {}).items()}


def is_node(tree: Tree) -> bool:
    """Whether what `first` holds stands in the block's place, or changes its arguments."""
    return not isinstance(tree, dict) or any(key in OPS or key in COMPOSITIONS or key[0].isupper() for key in tree)


def nodes(trees: Iterable[Tree]) -> Iterator[Tree]:
    """Every node in these, as a mapping with its kind: a list is a sequence, a word a kind alone."""
    pending = list(trees)
    while pending:
        node = pending.pop()
        node = {node: None} if isinstance(node, str) else {"sequence": node} if isinstance(node, list) else node
        yield node
        for key in COMPOSITIONS:
            inner = node.get(key) or ()
            pending += inner.values() if isinstance(inner, dict) else inner
        pending += node.get("shortcut", {}).values() if "residual" in node else ()
        if isinstance(node.get("else"), (dict, list)):
            pending.append(node["else"])
        if "first" in node and is_node(node["first"]):
            pending.append(node["first"])


def values(node: Tree) -> Iterator[Tree]:
    """What the options of one node hold, those of ops in its arguments too: numbers and expressions."""
    for key, value in node.items():
        if key in (*COMPOSITIONS, "shortcut", "from", "to", "use", "else", "collect") or (key == "first" and is_node(value)):
            continue
        inner = [value]
        while inner:
            one = inner.pop()
            if isinstance(one, dict):
                inner += one.values()
            elif isinstance(one, (list, tuple)):
                inner += one
            elif one is not None:
                yield one


def sources(node: Tree) -> list[str]:
    """The layers whose values a node names, without the names of parts."""
    found = [*_listed(node.get("from", [])), *_listed(node.get("to", []))]
    if isinstance(node.get("else"), str):
        found.append(node["else"])
    return [name.partition(".")[0] for name in found]


def _listed(names: Tree) -> list[str]:
    return names if isinstance(names, list) else [names]


def words_read(layers: Tree) -> set[str]:
    """The words that some node of these layers reads as a name, or has as its kind."""
    found: set[str] = set()
    for node in nodes(layers.values()):
        found.add(next(iter(node)))
        for value in values(node):
            found |= words(value)
    return found


def words(tree: Tree) -> set[str]:
    """The words of an expression, or of all in a tree."""
    if isinstance(tree, dict):
        return set().union(*map(words, tree), *map(words, tree.values()))
    if isinstance(tree, (list, tuple)):
        return set().union(*map(words, tree))
    return set(WORD.findall(tree)) if isinstance(tree, str) else set()


def used(block: Tree, also: Tree = ()) -> Tree:
    """A block without the constants and arguments that it never reads: they would be refused. `also` are read beside them."""
    read = words_read(block["layers"]) | words(also)
    let = dict(block["let"])
    for key in reversed(list(let)):
        if key not in read:
            del let[key]
        else:
            read |= words(let[key])
    kept = {"args": {key: value for key, value in block["args"].items() if key in read}, "let": let}
    return {**block, **kept}


def pruned(spec: Tree) -> Tree:
    """A spec without blocks, arguments, constants, defaults and keys that nobody uses."""
    layers = network_layers(spec)
    read, todo = set(), words_read(layers)
    while todo:
        read |= todo
        todo = set().union(*(words_read(block["layers"]) for name, block in spec["blocks"].items() if name in todo)) - read
    blocks = {name: without_empty(block) for name, block in spec["blocks"].items() if name in read}
    defaults = {kind: options for kind, options in spec["defaults"].items() if kind in read}
    read_by_defaults = [[*options.values()] for options in defaults.values()]
    kept = used({"args": spec["args"], "let": spec["let"], "layers": layers}, read_by_defaults)
    return without_empty({**spec, "args": kept["args"], "let": kept["let"], "defaults": defaults, "blocks": blocks})


def without_empty(tree: Tree) -> Tree:
    """A mapping without the keys that hold nothing."""
    return {key: value for key, value in tree.items() if value not in ({}, [], "", None)}
