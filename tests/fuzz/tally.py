"""Counts what of the language a random spec uses: a generator that never draws a construct tests nothing of it."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from archgen.arithmetic.evaluation import FUNCTIONS
from archgen.language.vocabulary import BLOCK_KEYS, SPEC_KEYS
from archgen.ops import MERGES as MERGES_OF
from archgen.ops import OPS, PARTS
from tests.fuzz.meaning import LIBRARY, TYPES, heads, network
from tests.fuzz.trees import COMPOSITIONS, MERGES, Tree, is_node, network_layers, nodes, values, words

if TYPE_CHECKING:
    from collections.abc import Iterable

MADE_UP = (
    "out", "layers", "i", "shortcut", "residual", "in_channels", "in_height", "in_width", "in_length", "in_depth", "out_height",
    "channels", "stride", "index", "weight", "bias", "mask", "keep", "scale", "cat", "chunk", "split", "relu", "conv", "add",
    "concat", "when", "first", "depth", "stem", "args", "block_index", "x_2", "out_2", "layers_2", "shares", "Permute",
    "LayerScale", "StochasticDepth", "Sequential", "Identity", "Conv2d", "parameter", "size", "no", "null", "on", "value",
    "dims",
)  # fmt: skip
HELPERS = tuple(op.__name__ for op in OPS.values() if op.module_source)
TORCH_CLASSES = ("Sequential", "Identity", "Conv2d", "ReLU", "Module", "ModuleList", "Parameter", "Dropout", "Linear")
SIGNS = ("+", "-", "*", "/", "//", "%", "==", "!=", "<", "<=", ">", ">=", "and", "or", "not", "if", "[", *FUNCTIONS)
FLOAT = ("+", "-", "*", "/", "//", "%", *FUNCTIONS)

# Of each op: itself, each option with another value than its default, and each dimension that it has a class for.
OF_OPS = tuple(
    name
    for op in OPS.values()
    for name in (
        op.name,
        *(f"{op.name}.{option}" for option in op.fields),
        *(f"{op.name}.{option} {word}" for option, words in op.words.items() for word in words),
        *(f"{op.name} {rank}-D" for rank in (1, 2, 3) if "{n}" in op.torch_class),
    )
)
CONSTRUCTS = (
    *(key for key in SPEC_KEYS if key not in ("name", "input")),
    *(f"{key} of a block" for key in BLOCK_KEYS if key != "layers"),
    *COMPOSITIONS,
    *(f"{kind} from" for kind in MERGES),
    *(f"{kind} of one branch that is left" for kind, op in MERGES_OF.items() if op.least < 3),
    *(f"{kind} with branches left out" for kind, op in MERGES_OF.items() if op.most not in (2, 3)),  # of more, two are left
    *(f"{type} argument" for type in TYPES),
    *(f"{type} argument of the network" for type in (*TYPES, "list")),
    *(f"expression {sign}" for sign in SIGNS),
    *(f"float {sign}" for sign in FLOAT),
    *(f"{count}-D" for count in (1, 2, 3)),
    "several inputs of the network",
    *(f"{kind} of parts" for kind in PARTS),
    "use",
    "collect",
    "upsample to",
    "crop to",
    "pad to",
    "else, a value",
    "else, a node",
    "from in a branch",
    "branch left out by an argument",
    "copies",
    "copies by an argument",
    "list",
    "sequence of names",
    "first option by its name",
    "shortcut",
    "shortcut first",
    "shortcut with when",
    "residual in a residual",
    "split",
    "branch left out by a constant",
    "merge at the start",
    "in place behind a merge",
    "in place behind a merge at the start",
    "from",
    "from of a block",
    "from of a composition",
    "from in a residual",
    "input in from",
    "when",
    "when of a merge",
    "when of a block",
    "when of a sequence",
    "when in a sequence",
    "when of an argument",
    "when of a constant",
    "left out, and could not run",
    "constant behind a when",
    "block",
    "library block",
    "block in a block",
    "block in a sequence",
    "default of an argument",
    "argument never at its default",
    "op with options as argument",
    "op handed on",
    "norm as argument",
    "list as argument",
    "list as default",
    "depth",
    "depth of a library block",
    "depth by an argument",
    "depth by an argument, with index",
    "depth by an argument of the network",
    "depth by a constant",
    "first with arguments",
    "first with an op",
    "first with a block",
    "index",
    "block_index",
    "block_count",
    "float * index",
    "defaults of a block",
    "defaults that name a constant",
    "outputs without the last layer",
    "outputs in another order",
    "output of training by an argument",
    "name that the emitter makes up",
    "layer named like a flag",
    "layer named like an argument",
    "network named like a class of torch",
    "block named like a class of torch",
    "number with an exponent",
)
ALL = (*OF_OPS, *CONSTRUCTS)
ENOUGH = 2000  # specs, after which nothing of all this may be missing
_SIGN = re.compile(r"//|[<>=!]=|[-+*/%<>\[]|\b(?:and|or|not|if|" + "|".join(FUNCTIONS) + r")\b")
_IN_PLACE = {name for name, op in OPS.items() if op.inplace}


def missing(drawn: Counter[str]) -> list[str]:
    """What was never drawn."""
    return [name for name in ALL if not drawn[name]]


def table(drawn: Counter[str]) -> str:
    """Everything that may be drawn, with how often it was, in columns."""
    width, columns = max(map(len, ALL)) + 9, 3
    cells = [f"{name:<{width - 9}} {drawn[name]:>7,}" for name in ALL]
    rows = -(-len(cells) // columns)
    return "\n".join("  ".join(cells[row::rows]).rstrip() for row in range(rows))


def tally(spec: Tree) -> Counter[str]:
    """Counts the ops, options and constructs of a valid spec."""
    meaning, _ = network(spec)
    found = Counter({name: count for name, count in meaning.drawn.items() if name in ALL})
    found.update(key for key in spec if key in CONSTRUCTS)
    first = next(iter(spec["input"].values())) if isinstance(spec["input"], dict) else spec["input"]
    found[f"{len(first) - 1}-D"] += 1
    found["several inputs of the network"] += isinstance(spec["input"], dict)
    blocks = spec.get("blocks", {})
    _count_network(spec, found)
    for name, block in blocks.items():
        found.update(f"{key} of a block" for key in block if key != "layers")
        found["block named like a class of torch"] += name in TORCH_CLASSES
        for argument, own in block.get("args", {}).items():
            kind = _type(own)
            found[f"{'int' if kind == 'list' else kind} argument"] += 1
            found["default of an argument"] += own not in TYPES if isinstance(own, str) else 1
            found["list as default"] += kind == "list"
            given = [call.given[argument] for call in meaning.called if call.block == name]
            found["argument never at its default"] += kind in ("int", "float") and own not in TYPES and own not in given
        found.update(_count_layers(block["layers"], blocks, block))
    found.update(_count_layers(network_layers(spec), blocks, spec))
    return +found


def _type(value: Tree) -> str:
    if isinstance(value, str):
        return value if value in TYPES else "op"
    return {bool: "bool", int: "int", float: "float", list: "list"}.get(type(value), "op")


def _count_network(spec: Tree, found: Counter[str]) -> None:
    layers = network_layers(spec)
    found.update(f"{_type(value)} argument of the network" for value in spec.get("args", {}).values())
    found["network named like a class of torch"] += spec["name"] in TORCH_CLASSES
    defaults = spec.get("defaults", {})
    found["defaults of a block"] += any(kind not in OPS for kind in defaults)
    found["defaults that name a constant"] += bool(
        words([[*options.values()] for options in defaults.values()]) & set(spec.get("let", {}))
    )
    outputs = spec.get("outputs", [])
    places = [list(layers).index(name.partition(".")[0]) for name in outputs]
    found["outputs without the last layer"] += bool(outputs) and len(layers) - 1 not in places
    found["outputs in another order"] += places != sorted(places)
    args = set(spec.get("args", {}))
    found["output of training by an argument"] += any(words(layers[name]["when"]) & args for name in heads(spec))
    first, second = [*layers.values(), "", ""][:2]
    if isinstance(first, dict) and next(iter(first)) in MERGES:
        found["merge at the start"] += 1
        found["in place behind a merge at the start"] += _kind(second) in _IN_PLACE and "from" not in second


def _kind(node: Tree) -> str:
    return node if isinstance(node, str) else next(iter(node)) if isinstance(node, dict) else ""


def _count_layers(layers: Tree, blocks: Tree, owner: Tree) -> Counter[str]:
    """Counts in the layers of one block, or of the network."""
    found: Counter[str] = Counter()
    network = "name" in owner
    args, let = owner.get("args", {}), owner.get("let", {})
    flags = {f"use_{name}" for name, _ in _named(layers)}
    for name, _ in _named(layers):
        found["name that the emitter makes up"] += name in MADE_UP
        found["layer named like a flag"] += name in flags
        found["layer named like an argument"] += name in args
    for before, after in zip(list(layers.values()), list(layers.values())[1:]):
        found["in place behind a merge"] += _kind(before) in MERGES and _kind(after) in _IN_PLACE and "from" not in after
    behind: set[str] = set()
    always: set[str] = set()
    for node in nodes(layers.values()):
        found.update(_count_node(node, blocks, args, let, network))
        (behind if "when" in node else always).update(*(words(value) for key, value in node.items() if key != "when"))
    found["constant behind a when"] += any("//" in str(let[name]) for name in (behind - always) & set(let))
    return found


def _named(layers: Tree) -> Iterable[tuple[str, Tree]]:
    """The names that are attributes of one class."""
    for name, node in layers.items():
        yield name, node
        if isinstance(node, dict):
            for key in (*(("residual", "shortcut") if "residual" in node else ()), *MERGES):
                yield from _named(node.get(key) or {})


def _count_node(node: Tree, blocks: Tree, args: Tree, let: Tree, network: bool) -> Counter[str]:
    kind = next(key for key in node if key != "shortcut")
    found: Counter[str] = Counter({kind: kind in OPS or kind in COMPOSITIONS})
    found.update(f"expression {sign}" for value in values(node) if isinstance(value, str) for sign in _SIGN.findall(value))
    found["number with an exponent"] += any("e-" in repr(value) for value in values(node) if type(value) is float)
    own = set().union(*(words(value) for key, value in node.items() if key not in COMPOSITIONS and key != "shortcut"))
    found.update(own & {"index", "block_index", "block_count"})
    floats = {name for name, value in args.items() if value == "float" or type(value) is float}
    found["float * index"] += any(re.search(rf"\b{name} \* index", str(value)) for name in floats for value in values(node))
    found["first option by its name"] += kind in OPS and node[kind] is None and OPS[kind].first() in node
    if "else" in node:
        found["else, a value" if isinstance(node["else"], str) and node["else"] not in OPS else "else, a node"] += 1
    if kind in MERGES and isinstance(node[kind], dict):
        parts = [part for part in node[kind].values() if isinstance(part, dict)]
        found["from in a branch"] += any("from" in part for part in parts)
        copies = [part["copies"] for part in parts if "copies" in part]
        found["copies"] += bool(copies)
        found["copies by an argument"] += any(words(count) & set(args) for count in copies)
        found["branch left out by an argument"] += any(words(part.get("when", "")) & set(args) for part in parts)
    if kind in COMPOSITIONS:
        _count_composition(kind, node, let, found)
    inner = node.get("sequence") or []
    for item in inner.values() if isinstance(inner, dict) else inner:
        found["when in a sequence"] += isinstance(item, dict) and "when" in item
        found["block in a sequence"] += _kind(item)[:1].isupper()
    if "from" in node:
        sources = node["from"] if isinstance(node["from"], list) else [node["from"]]
        found[f"{kind} from" if isinstance(node["from"], list) else "from"] += 1
        found["input in from"] += "input" in sources
        found["from of a block"] += kind[0].isupper()
        found["from of a composition"] += kind in COMPOSITIONS and not isinstance(node["from"], list)
    if "when" in node:
        found["when"] += 1
        found["when of a merge"] += kind in MERGES
        found["when of a block"] += kind[0].isupper()
        found["when of a sequence"] += kind == "sequence"
        found["when of an argument"] += bool(words(node["when"]) & set(args))
        found["when of a constant"] += bool(words(node["when"]) & set(let))
    if kind[0].isupper():
        _count_call(kind, node, blocks, args, let, network, found)
    return found


def _count_composition(kind: str, node: Tree, let: Tree, found: Counter[str]) -> None:
    inner: Tree = node[kind] or {}
    found["sequence of names"] += kind == "sequence" and isinstance(inner, dict)
    found["list"] += kind == "sequence" and isinstance(inner, list)
    found["split"] += node.get("split", False)
    if kind == "residual":
        found["shortcut"] += "shortcut" in node
        found["shortcut first"] += next(iter(node)) == "shortcut"
        ways = [*inner.values(), *node.get("shortcut", {}).values()]
        found["residual in a residual"] += any(isinstance(one, dict) and "residual" in one for one in ways)
        found["from in a residual"] += any(isinstance(one, dict) and "from" in one for one in ways)
        found["shortcut with when"] += any(isinstance(one, dict) and "when" in one for one in node.get("shortcut", {}).values())
    elif kind in MERGES and inner:
        conditions = [part["when"] for part in inner.values() if isinstance(part, dict) and "when" in part]
        found["branch left out by a constant"] += any(words(condition) & set(let) for condition in conditions)


def _count_call(kind: str, node: Tree, blocks: Tree, args: Tree, let: Tree, network: bool, found: Counter[str]) -> None:
    own = kind in blocks
    found["block" if own else "library block"] += 1
    found["block in a block"] += not network
    takes = ({**LIBRARY, **blocks}[kind]).get("args", {})
    given = {next(iter(takes), "") if key == kind else key: value for key, value in node.items() if value is not None}
    ops = [value for name, value in given.items() if name in takes and _type(takes[name]) == "op"]
    found["op with options as argument"] += any(isinstance(value, dict) for value in ops)
    found["norm as argument"] += any("group_norm" in value for value in ops)
    found["op handed on"] += any(isinstance(value, str) and value in args for value in ops)
    found["list as argument"] += any(isinstance(given.get(name), list) for name in takes)
    if "depth" not in node:
        return
    by = words(node["depth"])
    found["depth"] += 1
    found["depth of a library block"] += not own
    found["depth by an argument of the network" if network else "depth by an argument"] += bool(by & set(args))
    found["depth by a constant"] += bool(by & set(let))
    found["depth by an argument, with index"] += bool(by & set(args)) and "index" in words(list(values(node)))
    if "first" in node:
        what = "arguments" if not is_node(node["first"]) else "a block" if _kind(node["first"])[0].isupper() else "an op"
        found[f"first with {what}"] += 1
