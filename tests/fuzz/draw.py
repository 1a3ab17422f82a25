"""Random valid specs over the whole language, from `random.Random(seed)` alone: the same seed gives the same spec.

Every node is a proposal: options drawn by the op's own record, then kept if `meaning` finds that it fits where it stands.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from itertools import count
from typing import Any

from archgen.ops import OPS, Shape
from archgen.ops.base import KINDS
from tests.fuzz.meaning import LIBRARY, MERGES, TYPES, Meaning, Misfit, Tree, value_of

ARGUMENT_OPS = sorted(name for name, op in OPS.items() if op.torch_class and not op.infers)
CONSTRUCTS = (
    "sequence",
    "list",
    "residual",
    "shortcut",
    *MERGES,
    "split",
    "from",
    "merge from",
    "when",
    "block",
    "library block",
    "depth",
    "first",
    "index",
    "block_index",
    "let",
    "args",
    "defaults",
    "expression",
    "op argument",
    "list argument",
    "outputs",
    "training_outputs",
    "block in block",
    "1-D",
    "2-D",
    "3-D",
)
ARGUMENTS = ("channels", "stride", "width", "rate", "flag", "act", "activation", "drop", "squeeze", "kernel_size", "expansion")
_TRIES = 12
_WORD = re.compile(r"[A-Za-z_]\w*")


def tally(spec: Tree) -> Counter[str]:
    """Counts the ops and constructs of a spec."""
    found: Counter[str] = Counter([f"{len(spec['input']) - 1}-D"])
    blocks = spec.get("blocks", {})
    arguments = {key for block in (spec, *blocks.values()) for key in block.get("args", {})}

    def walk(tree: Tree, inside: bool) -> None:
        if isinstance(tree, dict):
            keys = set(tree)
            found.update(keys & {*CONSTRUCTS, *OPS} - {"block"})
            kind = next((key for key in tree if key[0].isupper()), "")
            if kind:
                found["block" if kind in blocks else "library block"] += 1
                found["block in block"] += inside
                found["op argument"] += any(
                    isinstance(value, dict) or value in ARGUMENT_OPS
                    for key, value in tree.items()
                    if key in arguments and not isinstance(value, list)
                )
                found["list argument"] += any(isinstance(value, list) for key, value in tree.items() if key in arguments)
            found["merge from"] += isinstance(tree.get("from"), list)
            for value in tree.values():
                walk(value, inside)
        elif isinstance(tree, (list, tuple)):
            found["list"] += 1
            for item in tree:
                walk(item, inside)
        elif isinstance(tree, str):
            if tree in OPS:
                found[tree] += 1
            elif tree[0].isupper() and tree.isalnum():
                walk({tree: None}, inside)
            else:
                words = set(_WORD.findall(tree))
                found.update(words & {"index", "block_index"})
                found["expression"] += not tree.isidentifier()

    for key in ("stem", "stages", "head"):
        for node in spec.get(key, {}).values():
            walk(node, False)
    for block in blocks.values():
        found.update({"let", "args"} & set(block))
        for node in block["layers"].values():
            walk(node, True)
    found.update({"let", "args", "defaults", "outputs", "training_outputs"} & set(spec))
    return +found


def valid(seed: int) -> Tree:
    """Returns the tree of a valid spec, the first whose values can't grow beyond all bounds: products of products do."""
    for attempt in count():
        tree = Drawer(seed * 1000 + attempt).spec()
        meaning, x, names = scope(tree)
        meaning.body(network_layers(tree), x, names)
        if meaning.multiplications <= 3:
            return tree
    raise AssertionError


def scope(tree: Tree) -> tuple[Meaning, Shape, dict[str, Any]]:
    """A meaning for the network of a spec, what enters it, and the names that its layers know."""
    x = Shape(tuple(tree["input"]))
    names = {"in_channels": x.channels, **tree.get("args", {})}
    for key, constant in tree.get("let", {}).items():
        names[key] = value_of(constant, names)
    return Meaning(tree.get("blocks", {}), tree.get("defaults", {})), x, names


def network_layers(tree: Tree) -> Tree:
    """The network's layers, whatever their section."""
    return {name: node for key in ("stem", "stages", "head") for name, node in tree.get(key, {}).items()}


class Drawer:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.blocks: dict[str, Tree] = {}
        self.defaults: dict[str, Tree] = {}
        self.meaning = Meaning(self.blocks, self.defaults)
        self.count = 0

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def name(self) -> str:
        self.count += 1
        return f"n{self.count}"

    # ---- the whole

    def input(self) -> Shape:
        rank = self.random.choice((1, 2, 2, 2, 3))
        largest = {1: 16, 2: 9, 3: 5}[rank]
        channels = self.random.choice((1, 2, 3, 4, 4, 6, 8, 8))
        return Shape((channels, *(self.random.randint(2, largest) for _ in range(rank))))

    def spec(self) -> Tree:
        pick = self.random
        x = self.input()
        if self.chance(0.3):
            self.defaults["conv"] = {"bias": pick.choice((True, False))}
        if self.chance(0.2):
            self.defaults["batch_norm"] = {"eps": 0.001}
        for number in range(pick.choice((0, 1, 1, 2, 3))):
            self.block(f"B{number}", x)
        args: dict[str, Tree] = {}
        if self.chance(0.5):
            args["classes"] = pick.randint(1, 8)
        if self.chance(0.3):
            args["rate"] = pick.choice((0.1, 0.25, 0.5))
        names: dict[str, Any] = {"in_channels": x.channels, **args}
        let = self.constants(names)
        layers, outputs, training = self.layers(x, names, pick.randint(1, 7), results=True)
        places = sorted(pick.randint(0, len(layers)) for _ in range(2))
        items = list(layers.items())
        sections = (items[: places[0]], items[places[0] : places[1]], items[places[1] :])
        spec: Tree = {"name": "Net", "input": list(x.sizes), "args": args, "let": let, "defaults": self.defaults}
        spec |= {key: dict(section) for key, section in zip(("stem", "stages", "head"), sections)}
        spec |= {"outputs": outputs, "training_outputs": training, "blocks": self.blocks}
        return _pruned(spec)

    def constants(self, names: dict[str, Any]) -> Tree:
        """Named expressions; they are added to the names."""
        let: Tree = {}
        for number in range(self.random.choice((0, 0, 1, 2))):
            value = self.random.choice((1, 2, 3, 4, 8, 0.5, [3, 1, 5]))
            key = f"let{number}_{self.name()}"
            let[key] = value if isinstance(value, list) else self.expression(value, names, 0.7)
            names[key] = value_of(value, {})
        return let

    def block(self, name: str, x: Shape) -> None:
        """Adds a block that fits some shape, where one is found."""
        pick = self.random
        channels = pick.choice((2, 3, 4, 6, 8))
        x = Shape((pick.choice((x.channels, channels)), *x.sizes[1:]))
        possible = {
            "channels": channels,
            "stride": pick.choice((1, 2)),
            "width": pick.choice((1, 3)),
            "rate": 0.2,
            "flag": self.chance(0.5),
            "act": pick.choice(("relu", "silu", {"leaky_relu": 0.2}, "gelu", "tanh")),
        }
        given = {key: value for key, value in possible.items() if key == "channels" or self.chance(0.5)}
        names: dict[str, Any] = {"in_channels": x.channels, **given}
        let = self.constants(names)
        self.meaning.axes[name] = (len(x.sizes), x.channel_axis)
        layers, _, _ = self.layers(x, names, pick.randint(1, 4), results=False)
        types = {"channels": "int", "rate": "float", "flag": "bool", "act": "op"}
        args = {key: types[key] if key in types and self.chance(0.4) else value for key, value in given.items()}
        self.blocks[name] = _used({"args": args, "let": let, "layers": layers})

    # ---- layers

    def layers(self, x: Shape, names: dict[str, Any], most: int, results: bool) -> tuple[Tree, list[str], list[str]]:
        """Returns named nodes, and which of them leave the network beside the last."""
        layers: Tree = {}
        values = {"input": x}
        outputs: list[str] = []
        training: list[str] = []
        last = "input"
        for _ in range(most * 3):
            if len(layers) >= most:
                break
            name = self.name()
            if last != "input" and self.chance(0.25):
                source = self.random.choice(list(values))
                node = self.op(values[source], names)
                if node is None or source == last:
                    continue
                node = {**({node: None} if isinstance(node, str) else node), "from": source}
                branch = self.meaning.layer(node, x, names, values)
                kinds = [
                    kind for kind in MERGES if self.fits({kind: None, "from": ["a", "b"]}, {"a": values[last], "b": branch})
                ]
                if kinds:
                    merged = self.name()
                    more = {name: node, merged: {self.random.choice(kinds): None, "from": [last, name]}}
                elif results:
                    more = {name: node}
                    (training if outputs == [] and self.chance(0.4) else outputs).append(last)
                else:
                    continue
            elif last != "input" and self.chance(0.1):
                others = [other for other in values if other != last]
                sources = [last, self.random.choice(others)]
                kinds = [kind for kind in MERGES if self.fits({kind: None, "from": sources}, values)]
                if not kinds:
                    continue
                more = {name: {self.random.choice(kinds): None, "from": sources}}
            else:
                proposed = self.node(values[last], names, 2, layer=True)
                if proposed is None:
                    continue
                more = {name: proposed}
            try:
                y = values[last]
                reached = dict(values)
                for key, node in more.items():
                    y = reached[key] = self.meaning.layer(node, y, names, reached)
            except Misfit:
                continue
            values, last = reached, next(reversed(more))
            layers |= more
        if not layers:
            layers, last = {self.name(): "identity"}, next(iter(layers), "")
        final = next(reversed(layers))
        if outputs or (results and training):
            outputs = [*dict.fromkeys(outputs), final]
        return layers, outputs, [name for name in training if name not in outputs]

    def fits(self, node: Tree, values: dict[str, Shape]) -> bool:
        try:
            self.meaning.layer(node, next(iter(values.values())), {}, values)
        except Misfit:
            return False
        return True

    def node(self, x: Shape, names: dict[str, Any], deep: int, layer: bool = False) -> Tree | None:
        """Proposes a node that fits a value, or gives up."""
        kinds: list[Any] = [self.op] * 10
        if deep:
            kinds += [self.sequence, self.sequence]
        kinds += [self.call] * (5 if self.blocks else 1)
        if any(isinstance(value, (str, dict)) for value in names.values()):
            kinds += [lambda x, names: next(key for key, value in names.items() if isinstance(value, (str, dict)))] * 2
        if deep and layer:
            kinds += [self.residual, self.residual, self.merge, self.merge, self.gate]
        for _ in range(_TRIES):
            make = self.random.choice(kinds)
            nested = make in (self.sequence, self.residual, self.merge)
            node = make(x, names, deep - 1) if nested else make(x, names)
            if node is None:
                continue
            if make in (self.op, self.call, self.sequence) and self.chance(0.08):
                node = {"sequence": node} if isinstance(node, list) else {node: None} if isinstance(node, str) else node
                if "first" not in node and "depth" not in node:
                    node = {**node, "when": self.expression(self.chance(0.7), names, 0.8)}
            try:
                self.meaning.node(node, x, names)
            except (Misfit, ZeroDivisionError):
                continue
            return node
        return None

    def sequence(self, x: Shape, names: dict[str, Any], deep: int) -> Tree | None:
        items = []
        for _ in range(self.random.randint(1, 3)):
            item = self.node(x, names, deep)
            if item is not None and "block_index" not in _words(item):  # in a sequence its count is 0: a fault, reported
                items.append(item)
                x = self.meaning.node(item, x, names)
        if items and self.chance(0.3):
            return {"sequence": {self.name(): item for item in items}}
        return items or None

    def residual(self, x: Shape, names: dict[str, Any], deep: int) -> Tree | None:
        layers: Tree = {}
        y = x
        for _ in range(self.random.randint(1, 3)):
            node = self.node(y, names, deep, layer=True)
            if node is not None:
                layers[self.name()] = node
                y = self.meaning.node(node, y, names)
        if not layers:
            return None
        if y == x:
            return {"residual": layers}
        strides = [-(-a // b) for a, b in zip(x.spatial, y.spatial)]
        project: Tree = {"conv": y.channels, "kernel_size": 1}
        if set(strides) != {1}:
            project["stride"] = strides[0] if len(set(strides)) == 1 else strides
        return {"residual": layers, "shortcut": {self.name(): self.random.choice((project, [project, "batch_norm"]))}}

    def merge(self, x: Shape, names: dict[str, Any], deep: int) -> Tree | None:
        kind = self.random.choice(MERGES)
        parts = self.random.choice((2, 2, 3))
        split = x.channels % parts == 0 and self.chance(0.3)
        part = x.with_channels(x.channels // parts) if split else x
        found: dict[Any, list[Tree]] = {}
        for _ in range(10):
            node = self.node(part, names, deep) if self.chance(0.8) else "identity"
            if node is None or (isinstance(node, dict) and "when" in node):
                node = "identity"  # a branch's `when` is drawn beside its merge alone, below
            try:
                y = self.meaning.node(node, part, names)
            except Misfit:
                continue
            group = found.setdefault((y.spatial, y.channel_axis) if kind == "concat" else y, [])
            group.append(node)
            if len(group) == parts:
                merged = {kind: {self.name(): node for node in group}}
                if kind == "concat" and not split and self.chance(0.2):
                    merged[kind][self.name()] = {"tanh": None, "when": False}
                return {**merged, "split": True} if split else merged
        return None

    def gate(self, x: Shape, names: dict[str, Any]) -> Tree:
        """A gate for each channel, or, as in CBAM, one for each position."""
        gate: list[Tree] = [{"conv": 1, "kernel_size": 1}, "sigmoid"]
        if self.chance(0.5):
            gate = [{"adaptive_avg_pool": 1}, {"conv": x.channels, "kernel_size": 1}, "sigmoid"]
        return {"multiply": {self.name(): "identity", self.name(): gate}}

    def call(self, x: Shape, names: dict[str, Any]) -> Tree | None:
        known = list(LIBRARY) if not self.blocks or self.chance(0.2) else list(self.blocks)
        kind = self.random.choice(known)
        args = self.meaning.blocks[kind].get("args", {})
        node: Tree = {kind: None}
        repeated = self.chance(0.3)
        inside = {**names, "index": 0, "block_index": 0, "block_count": 1} if repeated else names
        for number, (key, default) in enumerate(args.items()):
            if key not in ARGUMENTS or (default not in TYPES and self.chance(0.4)):
                continue
            node[kind if number == 0 and self.chance(0.8) else key] = self.argument(key, x, inside)
        if repeated:
            node["depth"] = self.random.randint(1, 3)
            if self.chance(0.3):
                other = self.op(x, names)
                changed = {key: self.argument(key, x, names) for key in args if key in ARGUMENTS and self.chance(0.5)}
                node["first"] = changed if changed and self.chance(0.6) else other
                if node["first"] is None:
                    del node["first"]
                elif node["first"] is not changed or "stride" in changed:
                    node.pop("stride", None)
                    if next(iter(args), "") == "stride":
                        node[kind] = None
        return kind if node == {kind: None} else node

    def argument(self, key: str, x: Shape, names: dict[str, Any]) -> Tree:
        pick = self.random
        if key in ("act", "activation"):
            return pick.choice(("relu", "sigmoid", "hardswish", {"elu": 0.5}, {"dropout": 0.1}, "identity", "mish"))
        if key in ("width", "kernel_size") and self.chance(0.3):
            return [pick.choice((1, 3)) for _ in range(x.rank)]
        if key == "rate" and "block_index" in names and self.chance(0.5):
            return "0.2 * block_index / block_count"
        if key == "channels" and "index" in names and self.chance(0.3):
            return f"{x.channels} + 2 * index"
        value = {
            "channels": x.channels if self.chance(0.5) else pick.choice((2, 3, 4, 6, 8)),
            "stride": pick.choice((1, 2)),
            "width": pick.choice((1, 3)),
            "rate": pick.choice((0.1, 0.3)),
            "drop": 0.2,
            "squeeze": pick.choice((1, 2)),
            "kernel_size": pick.choice((1, 3)),
            "expansion": pick.choice((1, 2)),
            "flag": self.chance(0.5),
        }[key]
        return self.expression(value, names, 0.3)

    # ---- ops and their options

    def op(self, x: Shape, names: dict[str, Any]) -> Tree | None:
        """An op whose claims hold on the value: first which op, then options until they do."""
        for _ in range(_TRIES):
            kind = self.random.choice(list(OPS))
            if kind == "local_response_norm" and x.rank == 3:
                continue  # torch's code for it takes no value whose axes were permuted
            for _ in range(_TRIES // 2):
                options = self.options(kind, x)
                written = {key: self.waiting(kind, key, value, names) for key, value in options.items()}
                try:
                    self.meaning.apply(self.meaning.op(kind, written, names), x)
                except Misfit:
                    continue
                first = OPS[kind].first()
                if not written:
                    return kind
                return {kind: written.pop(first) if first in written and self.chance(0.9) else None, **written}
        return None

    def options(self, kind: str, x: Shape, wild: bool = False) -> dict[str, Tree]:
        """The options that are written, with their values."""
        op = OPS[kind]
        written = [option for option in op.fields if option not in op.defaults or self.chance(0.35)]
        return {option: self.option(kind, option, x, wild) for option in written}

    def option(self, kind: str, option: str, x: Shape, wild: bool) -> Tree:
        """A value of the option's kind; `wild` ones break claims more often than not."""
        pick, op = self.random, OPS[kind]
        family = next(key for key, known in KINDS.items() if known is op.kind(option))
        if wild and self.chance(0.4) and family in ("Int", "PerAxis"):
            return pick.choice((-3, -1, 0, 5, 7, 11, 13, 40))
        if wild and self.chance(0.4) and family == "Real":
            return pick.choice((-1.0, 0.0, 1.0, 1.5))
        if family == "Word":
            return pick.choice(op.words[option])
        if family == "Bool":
            return self.chance(0.5)
        if family == "Real":
            few = {"eps": (1e-5, 1e-3), "p": (0.0, 0.1, 0.5), "momentum": (0.1, 0.01)}
            return pick.choice(few.get(option, (0.1, 0.5, 1.0, 2.0, 1e-4)))
        if family == "Axis":
            return (
                pick.randint(-6, 6)
                if wild
                else pick.randint(1, len(x.sizes))
                if option == "start_dim"
                else pick.randint(-2, -1)
            )
        if family == "Axes":
            axes = list(range(1, len(x.sizes) + 1))
            pick.shuffle(axes)
            return [*axes[: pick.randint(0, len(axes))], 0, 7] if wild and self.chance(0.5) else [0, *axes]
        if family == "Ints":
            return [pick.randint(-1 if wild else 0, 2) for _ in range(pick.randint(0, 7) if wild else 2 * x.rank)]
        divisors = [number for number in (1, 2, 3, 4, 6, 8) if x.channels % number == 0]
        many = {
            "out_channels": (1, 2, 3, 4, 6, 8),
            "out_features": (1, 2, 5, 8),
            "groups": divisors,
            "num_groups": divisors,
            "num_parameters": (1, x.channels),
            "padding": (0, 0, 1, 2),
            "output_padding": (0, 1),
            "stride": (1, 2, 3),
            "dilation": (1,) if kind == "max_pool" and min(x.spatial, default=1) < 2 else (1, 1, 2),  # else -inf is drawn
            "kernel_size": (1, 2, 3, 3, 5),
            "output_size": (1, 1, 2, 3),
            "dim": (1, 2, 3),
        }
        values = many.get(option, (1, 2, 3))
        if family == "PerAxis" and self.chance(0.2):
            return [pick.choice(values) for _ in range(pick.randint(1, 4) if wild else max(1, x.rank))]
        return pick.choice(values)

    def waiting(self, kind: str, option: str, value: Tree, names: dict[str, Any]) -> Tree:
        """The value as a spec may write it: itself, or an expression for it."""
        op = OPS[kind].kind(option)
        if op.literal or op in (KINDS["Word"], KINDS["Ints"]):
            return value
        if isinstance(value, list):
            return value
        if option == "kernel_size" and names.get("width") == value and self.chance(0.6):
            return "width"
        return self.expression(value, names, 0.3)

    def expression(self, value: Tree, names: dict[str, Any], probability: float) -> Tree:
        """An expression of the value, by some name if there is one; each is checked by Python's own arithmetic."""
        if not self.chance(probability):
            return value
        pick = self.random
        near = 3
        fitting = (int, float, bool) if type(value) is bool else (int, float)
        usable = [key for key, known in names.items() if type(known) in fitting and not key.startswith("block_")]
        key = pick.choice(usable) if usable else str(near)
        known = names.get(key, near)
        lists = [name for name, listed in names.items() if isinstance(listed, tuple)]
        other = value / 2 if type(value) is float else near
        texts = [f"{value} if {key} == {known} else {other}", f"({value})"]
        if type(value) is bool:
            test = f"{key} == {known}" if type(known) is not bool else key if known else f"not {key}"
            texts = [f"{test}" if value else f"not ({test})", f"{test} and {value}", f"{test} or {value}", f"not {not value}"]
            if type(known) is not bool:
                texts.append(f"{key} < {known + 1}" if value else f"{key} > {known}")
        elif type(value) is int and type(known) is int:
            stepped = f"{key} + {value - known}" if value >= known else f"{key} - {known - value}"
            texts += [key] * (3 * (known == value)) + [stepped,
                      f"max({value}, {key} - {known})", f"min({key} + {value}, {value})", f"round({value} * 1.0)",
                      f"{key} * {value} // {known or 1}", f"{value} + {key} % 1", f"ceil({value} - 0.5)",
                      f"floor({value} + 0.5)", f"make_divisible({value}, {value or 1})"]  # fmt: skip
            texts += [f"{name}[{place}]" for name in lists for place, item in enumerate(names[name]) if item == value]
        elif type(value) is float:
            texts += [key] * (3 * (known == value and type(known) is float)) + [f"{value} + 0 * {key}", f"{value} * 1"]
        text = pick.choice(texts).replace("True", "true").replace("False", "false").replace("- -", "+ ")
        try:
            found = value_of(text, names)
        except (ArithmeticError, TypeError):
            return value
        return text if type(found) is type(value) and found == value else value


# ---- what nobody uses is refused, so it goes


def _words(tree: Tree) -> set[str]:
    if isinstance(tree, dict):
        return set(tree).union(*map(_words, tree.values()))
    if isinstance(tree, (list, tuple)):
        return set().union(*map(_words, tree))
    return set(_WORD.findall(tree)) if isinstance(tree, str) else set()


def _values(tree: Tree) -> set[str]:
    """The words of values, and of keys that stand alone: an argument that holds an op."""
    if isinstance(tree, dict):
        return {key for key, value in tree.items() if value is None}.union(*map(_values, tree.values()))
    return _words(tree) if not isinstance(tree, list) else set().union(*map(_values, tree))


def _used(block: Tree) -> Tree:
    """A block without the constants and arguments that it never reads."""
    used = _values(block["layers"])
    let = dict(block["let"])
    for key in reversed(list(let)):
        if key not in used:
            del let[key]
        else:
            used |= _words(let[key])
    kept = {"args": {key: value for key, value in block["args"].items() if key in used}, "let": let}
    return {**{key: value for key, value in kept.items() if value}, "layers": block["layers"]}


def _pruned(spec: Tree) -> Tree:
    """A spec without blocks, arguments, constants, defaults and keys that nobody uses."""
    body = {key: spec[key] for key in ("stem", "stages", "head")}
    used, todo = set(), _words(body)
    while todo:
        used |= todo
        todo = set().union(*(_words(block) for name, block in spec["blocks"].items() if name in used)) - used
    blocks = {name: block for name, block in spec["blocks"].items() if name in used}
    nodes = _words(body) | _words(blocks)
    defaults = {kind: options for kind, options in spec["defaults"].items() if kind in nodes}
    kept = _used({"args": spec["args"], "let": spec["let"], "layers": body})
    spec = {**spec, "args": kept.get("args"), "let": kept.get("let"), "blocks": blocks, "defaults": defaults}
    return {key: value for key, value in spec.items() if value}
