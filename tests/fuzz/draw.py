"""Random valid specs over the whole language, from `random.Random(seed)` alone: the same seed gives the same spec.

Every node is a proposal: options drawn by the op's own record, then kept if `meaning` finds that it fits where it stands.
"""

from __future__ import annotations

import math
import random
from itertools import count
from typing import Any

from archgen.arithmetic.expressions import LONGEST
from archgen.language import names as rules
from archgen.ops import MERGES as MERGES_OF
from archgen.ops import OPS, PARTS, Shape
from archgen.ops.options import KINDS
from tests.fuzz import meaning, tally
from tests.fuzz.meaning import LIBRARY, TYPES, Avoided, Meaning, Misfit, needs_module, value_of, with_constants
from tests.fuzz.trees import MERGES, Tree, nodes, pruned, sources, used, without_empty, words, words_read

ARGUMENT_OPS = sorted(name for name, op in OPS.items() if op.torch_class and not op.infers)
IN_PLACE = sorted(name for name, op in OPS.items() if op.inplace)
MADE_UP = [word for word in tally.MADE_UP if not rules.why_no_attribute(word)]

SEQUENCE = [name for name, op in OPS.items() if op.__module__ == "archgen.ops.attention"]
# What an argument is for, and how it may be called: by the emitter's own words, too. Those of the library have their own.
ROLES = {
    "channels": ("channels", "planes"), "stride": ("stride",), "width": ("width", "k", "power"), "rate": ("rate", "out"),
    "flag": ("flag", "use_n1"), "act": ("act", "normal"), "count": ("n", "total"), "normed": ("normed",),
}  # fmt: skip
ROLE = {name: role for role, names in ROLES.items() for name in names}
ROLE |= {"activation": "act", "gate": "act", "drop": "rate", "squeeze": "squeeze", "kernel_size": "kernel_size"}
ROLE |= {"expansion": "squeeze", "groups": "one", "heads": "one"}
ACTIVATIONS = ("relu", "silu", {"leaky_relu": 0.2}, "gelu", "tanh", "sigmoid", "hardswish", {"elu": 0.5}, {"dropout": 0.1},
               "identity", "mish", {"softplus": None, "beta": 2})  # fmt: skip
NORMS = ({"group_norm": 1}, {"group_norm": 1, "eps": 0.001}, "identity")  # whose class is the same whatever the axes
_TRIES = 12


def valid(seed: int) -> Tree:
    """Returns the tree of a valid spec, the first whose values can't grow beyond all bounds: products of products do."""
    for attempt in count():
        tree = Drawer(seed * 1000 + attempt).spec()
        try:
            found, _ = meaning.network(tree)
        except Misfit:  # the outputs or what is not used have been taken away since it was drawn
            continue
        if found.multiplications <= 3:
            return tree
    raise AssertionError


class Drawer:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.blocks: dict[str, Tree] = {}
        self.defaults: dict[str, Tree] = {}
        self.constant: dict[str, Any] = {}  # those of the network that no argument changes
        self.meaning = Meaning(self.blocks, self.defaults, self.constant)
        self.turns: list[str] = []  # the blocks that keep the shape, which a loop may repeat
        self.pinned: dict[tuple[str, str], Tree] = {}  # arguments that every call gives this value, which is not the default
        self.count = 0
        self.taken: list[str] = []  # the names of the class at hand
        self.settled: set[str] = set()  # its constants that no argument changes
        self.let: Tree = {}
        self.last = ""  # the value before the layer at hand

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def begin(self) -> None:
        """A class has names, and constants, of its own."""
        self.taken, self.settled, self.let = [], set(), {}

    def name(self) -> str:
        """A name that the class does not have yet, now and then one that the emitter makes up."""
        word = f"n{self.count + 1}"
        if self.chance(0.2):
            word = self.random.choice(MADE_UP)
            if self.taken and self.chance(0.4):
                word = self.random.choice(("use_{}", "{}_shares", "{}_2")).format(self.random.choice(self.taken))
        if word.casefold() in self.taken or rules.why_no_attribute(word):
            word = f"n{self.count + 1}"
        self.count += 1
        self.taken.append(word.casefold())
        return word

    # ---- the whole

    def input(self) -> Shape:
        rank = self.random.choice((1, 1, 2, 2, 2, 3))
        largest = {1: 16, 2: 9, 3: 5}[rank]
        channels = self.random.choice((1, 2, 3, 4, 4, 6, 8, 8))
        return Shape((channels, *(self.random.randint(2, largest) for _ in range(rank))))

    def spec(self) -> Tree:
        pick = self.random
        x = self.input()
        args = self.network_arguments(x.rank)
        known = {key: tuple(value) if isinstance(value, list) else value for key, value in args.items()}
        names: dict[str, Any] = {"in_channels": x.channels, **known}
        self.constants(names)
        let, settled = self.let, self.settled
        self.constant |= {key: names[key] for key in let if key in settled}
        self.draw_defaults()
        if self.chance(0.5):
            self.turn(x)
        for number in range(pick.choice((0, 1, 1, 2, 3))):
            self.block(pick.choice(tally.TORCH_CLASSES) if self.chance(0.1) else f"B{number}", x)
        self.draw_defaults_of_a_block()
        if self.chance(0.3):
            self.pair(x)
        self.begin()
        self.let, self.settled = let, settled
        entering = self.entering(x) if self.chance(0.12) else {}
        names |= {f"{name}_channels": shape.channels for name, shape in list(entering.items())[1:]}
        layers, values = self.layers(x, names, pick.randint(1, 7), outer=entering)
        read = {source for node in nodes(layers.values()) for source in sources(node)}
        if not entering.keys() - {"image"} <= read:
            entering = {}  # nobody reads it
            self.begin()
            self.let, self.settled = let, settled
            names = {name: value for name, value in names.items() if not name.endswith("e_channels")}
            layers, values = self.layers(x, names, pick.randint(1, 7))
        outputs, training = self.results(layers)
        if self.chance(0.1):
            outputs = outputs or self.last_value(layers)
            head = self.head(values, names, layers)
            layers, training = layers | head, [*training, *head]
        places = sorted(pick.randint(0, len(layers)) for _ in range(2))
        items = list(layers.items())
        sections = (items[: places[0]], items[places[0] : places[1]], items[places[1] :])
        name = pick.choice(tally.TORCH_CLASSES) if self.chance(0.08) else "Net"
        spec: Tree = {"name": name if name not in self.blocks else "Net", "description": "A network." * self.chance(0.1)}
        several = {name: list(shape.sizes) for name, shape in entering.items()}
        spec |= {"input": several or list(x.sizes), "args": args, "let": let, "defaults": self.defaults}
        spec |= {key: dict(section) for key, section in zip(("stem", "stages", "head"), sections)}
        spec |= {"outputs": outputs, "training_outputs": training, "register": self.registered(layers)}
        spec |= {"assert": ["parameters >= 0 and macs < 1e9"] * self.chance(0.1), "blocks": self.blocks}
        return pruned(spec)

    def entering(self, x: Shape) -> dict[str, Shape]:
        """The values that enter a network: beside the first another of its sizes, or of sizes of its own."""
        pick = self.random
        sizes = x.spatial if self.chance(0.6) else tuple(pick.randint(2, 5) for _ in range(pick.randint(0, 2)))
        return {"image": x, "side": Shape((pick.choice((1, 2, 4)), *sizes))}

    def registered(self, layers: Tree) -> list[str]:
        """Some layers, which the class registers first."""
        return self.random.sample(list(layers), self.random.randint(1, len(layers))) if self.chance(0.12) else []

    def pair(self, x: Shape) -> None:
        """Adds a block that takes two values, and one that gives two."""
        pick = self.random
        self.begin()
        channels = pick.choice(("channels", "right_channels", "in_channels"))
        first = {self.name(): {"conv": "channels", "kernel_size": 1, "from": "left"}}
        second = {self.name(): {"conv": channels, "kernel_size": pick.choice((1, 3)), "from": "right"}}
        third = {self.name(): pick.choice(("relu", "batch_norm", "tanh"))}
        layers = {**first, **second, **third}
        outputs = [next(iter(first)), pick.choice([*second, *third])] if self.chance(0.7) else []
        if not outputs or next(iter(third)) not in outputs:
            del layers[next(iter(third))]
        if not outputs:
            layers[self.name()] = {"upsample": None, "to": "right", "from": next(iter(first))}
            layers[self.name()] = {"concat": None, "from": [*list(layers)[-1:], next(iter(second))]}
        pick.shuffle(outputs)
        block = {"inputs": ["left", "right"], "args": {"channels": "int"}, "layers": layers, "outputs": outputs}
        self.blocks["Pair"] = without_empty({**block, "register": self.registered(layers)})
        self.blocks["Fork"] = {
            "args": {"channels": "int"},
            "layers": {"one": {"conv": "channels", "kernel_size": 1}, "two": {"tanh": None, "from": "input"}},
            "outputs": ["two", "one"],
        }

    def network_arguments(self, rank: int) -> Tree:
        possible = {
            "classes": self.random.randint(1, 8), "rate": self.random.choice((0.1, 0.25, 0.5)), "n": self.random.randint(1, 3),
            "ratio": self.random.choice((0.5, 1.0, 1.5, 2.75)), "flag": self.chance(0.5),
            "act": self.random.choice(ACTIVATIONS), "width": [self.random.choice((1, 3)) for _ in range(rank)],
        }  # fmt: skip
        return {key: value for key, value in possible.items() if self.chance(0.25)}

    def draw_defaults(self) -> None:
        numbers = [key for key, value in self.constant.items() if type(value) in (int, float) and value > 0]
        if self.chance(0.3):
            self.defaults["conv"] = {"bias": self.random.choice((True, False))}
        if self.chance(0.3):
            self.defaults["batch_norm"] = {"eps": self.random.choice(numbers) if numbers and self.chance(0.6) else 0.001}

    def draw_defaults_of_a_block(self) -> None:
        """For every call that does not give this argument."""
        takes = [(kind, key) for kind, block in self.blocks.items() for key, own in block.get("args", {}).items()
                 if ROLE[key] != "channels" and not isinstance(own, list)]  # fmt: skip
        if takes and self.chance(0.3):
            kind, key = self.random.choice(takes)
            if (kind, key) not in self.pinned:
                self.defaults[kind] = {key: self.argument(key, Shape((4,)), {})}

    def results(self, layers: Tree) -> tuple[list[str], list[str]]:
        """Which values leave the network beside the last, or, with that only while it trains, instead of it."""
        pick = self.random
        kinds = {name: next(iter(node)) if isinstance(node, dict) else "" for name, node in layers.items()}
        *before, last = [self.one_value(name, layers[name], kind) for name, kind in kinds.items()]
        outputs = [name for name in before if self.chance(0.3)] if self.chance(0.35) else []
        training = [name for name in before if name not in outputs and self.chance(0.3)] if self.chance(0.15) else []
        if outputs and self.chance(0.2):
            return pick.sample(outputs, len(outputs)), [*training, last]
        if outputs or self.chance(0.05) or "." in last:
            outputs.append(last)
        return pick.sample(outputs, len(outputs)), training

    def head(self, values: dict[str, Shape], names: dict[str, Any], layers: Tree) -> Tree:
        """What only training needs, and only where a condition holds."""
        source = self.random.choice([name for name in values if name in layers] or ["input"])
        op = self.op(values[source], names)
        node = {"sequence": [op, "relu"]} if self.chance(0.3) else {op: None} if isinstance(op, str) else op
        try:
            needs_module(op)
        except Misfit:
            return {}
        return {self.name(): {**node, "from": source, "when": self.condition(names)}} if node and op else {}

    def last_value(self, layers: Tree) -> list[str]:
        """The value of the last layer, as an output."""
        name, node = [*layers.items()][-1]
        return [self.one_value(name, node, next(iter(node)) if isinstance(node, dict) else "")]

    def one_value(self, name: str, node: Tree, kind: str) -> str:
        """How a layer is named as an output: of one with several values the first."""
        if kind in PARTS:
            said = node[kind]
            return f"{name}.{next(iter(said)) if isinstance(said, dict) else 0}"
        outputs = self.blocks.get(kind, {}).get("outputs", [])
        return f"{name}.{outputs[0]}" if len(outputs) > 1 else name

    def constants(self, names: dict[str, Any]) -> None:
        """Named expressions; they are added to the names."""
        for _ in range(self.random.choice((0, 0, 1, 2, 3))):
            value = self.random.choice((1, 2, 3, 4, 8, 0.5, 0.25, True, False, [3, 1, 5]))
            tree = value if isinstance(value, list) else self.expression(value, names, 0.7)
            self.constant_named(tree, names)

    def constant_named(self, tree: Tree, names: dict[str, Any]) -> str:
        self.count += 1
        key = f"let{self.count}"
        self.let[key] = tree
        names |= with_constants(names, {key: tree})
        if not words(tree) & (set(names) - self.settled - {key}):
            self.settled.add(key)
        return key

    def block(self, name: str, x: Shape) -> None:
        """Adds a block that fits some shape, where one is found."""
        pick = self.random
        if name in self.blocks:
            return
        channels = pick.choice((2, 3, 4, 6, 8))
        x = Shape((pick.choice((x.channels, channels)), *x.sizes[1:]))
        possible = {
            "channels": channels,
            "stride": pick.choice((1, 2)),
            "width": [pick.choice((1, 3)) for _ in range(x.rank)] if self.chance(0.25) else pick.choice((1, 2, 3)),
            "rate": 0.2,
            "flag": self.chance(0.5),
            "act": pick.choice(ACTIVATIONS),
            "normed": pick.choice(NORMS),
            "count": pick.choice((1, 2)),
        }
        given = {pick.choice(ROLES[role]): value for role, value in possible.items() if role == "channels" or self.chance(0.5)}
        known = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
        names: dict[str, Any] = {"in_channels": x.channels, **known}
        self.begin()
        self.constants(names)
        self.meaning.axes[name] = (len(x.sizes), x.channel_axis)
        layers, _ = self.layers(x, names, pick.randint(1, 4))
        args = {key: self.declared(name, key, value) for key, value in given.items()}
        block = used({"args": args, "let": self.let, "layers": layers})
        about = {"description": "A block." * self.chance(0.1), "paper": "Nobody, 2020" * self.chance(0.1)}
        self.blocks[name] = {**{key: text for key, text in about.items() if text}, **block}

    def declared(self, block: str, key: str, value: Tree) -> Tree:
        """A type or a default; some defaults are never used, for every call gives another value."""
        role = ROLE[key]
        if role in ("width", "rate") and not isinstance(value, list) and self.chance(0.35):
            self.pinned[block, key] = self.random.choice((0.1, 0.3) if role == "rate" else (2, 4, 5))
            return self.random.choice((0.0, 0.5) if role == "rate" else (1, 3))
        types = {
            "channels": "int",
            "count": "int",
            "rate": "float",
            "flag": "bool",
            "act": "op",
            "normed": "op",
            "width": "int",
        }
        return types[role] if role in types and not isinstance(value, list) and self.chance(0.4) else value

    def turn(self, x: Shape) -> None:
        """Adds a block that keeps the shape behind the first, so that an argument may say how many there are."""
        pick = self.random
        rate = pick.choice(ROLES["rate"])
        self.begin()
        layers: Tree = {self.name(): {"conv": "channels", "kernel_size": pick.choice((1, 3))}}
        more = pick.sample(["batch_norm", "relu", "tanh", {"dropout": rate}, {"stochastic_depth": rate}], 3)
        layers |= {self.name(): node for node in more}
        self.meaning.axes["Turn"] = (len(x.sizes), x.channel_axis)
        self.blocks["Turn"] = used(
            {"args": {"channels": "int", rate: pick.choice((0.0, "float"))}, "let": {}, "layers": layers}
        )
        self.turns.append("Turn")

    # ---- layers

    def layers(
        self, x: Shape, names: dict[str, Any], most: int, deep: int = 2, outer: dict[str, Shape] | None = None
    ) -> tuple[Tree, dict[str, Shape]]:
        """Returns named nodes, and their values beside those of the layers around."""
        layers: Tree = {}
        values = {**(outer or {}), "input": x}
        last = "input"
        around = self.meaning.known
        for _ in range(most * 3):
            if len(layers) >= most:
                break
            more = self.next_layers(last, names, values, deep)
            try:
                y = values[last]
                reached = dict(values)
                known, self.meaning.known = self.meaning.known, dict(self.meaning.known)
                for key, node in more.items():
                    y = self.meaning.add(key, node, y, names, reached)
            except (Misfit, KeyError):
                self.meaning.known = known
                continue
            if more and next(reversed(more)) in reached:  # one value, which the next may take
                values, last = reached, next(reversed(more))
                layers |= more
        if not layers:
            last = self.name()
            layers[last], values[last] = "identity", x
        self.meaning.known = around
        return layers, values

    def next_layers(self, last: str, names: dict[str, Any], values: dict[str, Shape], deep: int) -> Tree:
        """Proposes the next layers: one, or a few that belong together."""
        if last != "input" and self.chance(0.25):
            return self.from_elsewhere(last, names, values, deep)
        if last != "input" and self.chance(0.15):
            return self.merge_of_values(last, names, values)
        if self.chance(0.12 if last == "input" else 0.06):
            return self.in_place_behind_a_merge(values[last], names)
        if self.chance(0.06):
            return self.behind_a_when(values[last], names)
        if self.chance(0.2):
            return self.several(last, names, values)
        if self.chance(0.04):
            return self.could_not_run(values[last], names)
        proposed = self.node(values[last], names, deep, layer=True, values=values)
        return {} if proposed is None else {self.name(): proposed}

    def several(self, last: str, names: dict[str, Any], values: dict[str, Shape]) -> Tree:
        """Nodes of several values: parts, a layer again, all values of a stage, one node or another, another's size."""
        x, self.last = values[last], last
        makes = [self.parts, self.parts, self.again, self.collected, self.another_size, self.one_or_other, self.branches_from]
        makes += [self.copied, self.products]
        make = self.random.choice([*makes, *[self.pair_of_values] * (3 * ("Pair" in self.blocks))])
        return make(x, names, values)

    def products(self, x: Shape, names: dict[str, Any], values: dict[str, Shape]) -> Tree:
        """A value times itself turned, and that times the value; or its attention to itself."""
        if not 1 <= x.rank <= 2:
            return {}
        if self.chance(0.5):
            options = {"is_causal": self.chance(0.5), "scale": self.expression(0.5, names, 0.5)}
            written = {key: value for key, value in options.items() if self.chance(0.5)}
            return {self.name(): {"scaled_dot_product_attention": None, "from": [self.last] * 3, **written}}
        turned, scores = self.name(), self.name()
        return {
            turned: {"transpose": [-2, -1]},
            scores: {"matmul": None, "from": [self.last, turned]},
            self.name(): {"matmul": None, "from": [scores, self.last]},
        }

    def pair_of_values(self, x: Shape, names: dict[str, Any], values: dict[str, Shape]) -> Tree:
        """A call of a block that takes or gives two values, and what takes each of these."""
        pick, kind, name = self.random, self.random.choice(("Pair", "Fork")), self.name()
        node: Tree = {kind: self.expression(pick.choice((2, 4)), names, 0.3)}
        if kind == "Pair":
            node["from"] = pick.sample([self.last, pick.choice(list(values))], 2)
        outputs = [f"{name}.{output}" for output in self.blocks[kind].get("outputs", [])]
        if not outputs:
            return {name: node}
        first, second = self.name(), self.name()
        act = {pick.choice(("tanh", "sigmoid", "relu")): None, "from": pick.choice(outputs)}
        return {name: node, first: act, second: {pick.choice(("concat", "multiply")): None, "from": [first, *outputs]}}

    def branches_from(self, x: Shape, names: dict[str, Any], values: dict[str, Shape]) -> Tree:
        """Branches of which some take an earlier value."""
        alike = [name for name, value in values.items() if value == x]
        branches: Tree = {}
        for _ in range(2):
            node = self.op(x, names) if self.chance(0.6) else "identity"
            node = {node: None} if isinstance(node, str) else node
            if node is None or not self.keeps(node, x, names):
                node = {"identity": None}
            elsewhere = bool(branches) and bool(alike) and self.chance(0.7)  # the first takes what enters
            branches[self.name()] = {**node, "from": self.random.choice(alike)} if elsewhere else node
        return {self.name(): {self.random.choice(MERGES): branches}}

    def copied(self, x: Shape, names: dict[str, Any], values: dict[str, Shape]) -> Tree:
        """Equal branches of a merge, alone or with another beside them."""
        pick, node = self.random, self.node(x, names, 0)
        node = {"sequence": node} if isinstance(node, list) else {node: None} if isinstance(node, str) else node
        if node is None or node.keys() & {"when", "from", "to", "first", "depth", "identity", "residual", *MERGES, *PARTS}:
            return {}
        needs_module(node)
        counts = [
            key for key, value in names.items() if value in (1, 2, 3) and type(value) is int and not key.startswith("in_")
        ]
        count = pick.choice(counts) if counts and self.chance(0.5) else self.expression(pick.randint(1, 3), names, 0.4)
        branches = [(self.name(), {**node, "copies": count})]
        if self.chance(0.5):
            beside: list[Tree] = ["identity", "tanh", {**node}]
            branches.append((self.name(), pick.choice(beside)))
            pick.shuffle(branches)
        return {self.name(): {pick.choice([kind for kind in MERGES if not MERGES_OF[kind].of_the_first]): dict(branches)}}

    def keeps(self, node: Tree, x: Shape, names: dict[str, Any]) -> bool:
        try:
            return self.meaning.node(node, x, names) == x
        except Misfit:
            return False

    def parts(self, x: Shape, names: dict[str, Any], values: dict[str, Shape]) -> Tree:
        """A value in parts, a node on one of them, and, where they fit, all of them joined in some order."""
        pick, name, count = self.random, self.name(), self.random.choice((2, 2, 3))
        axis = x.channel_axis if self.chance(0.8) or not x.rank else pick.randrange(len(x.sizes))
        length = x.sizes[axis]
        dim = {} if axis == x.channel_axis and self.chance(0.8) else {"dim": pick.choice((axis + 1, axis - len(x.sizes)))}
        if length % count == 0 and self.chance(0.5):
            node: Tree = {"chunk": count, **dim}
            parts = {str(number): length // count for number in range(count)}
        elif length >= count:
            cuts = sorted(pick.sample(range(1, length), count - 1))
            sizes = [end - start for start, end in zip([0, *cuts], [*cuts, length])]
            named = self.chance(0.5)
            parts = {self.name() if named else str(number): size for number, size in enumerate(sizes)}
            said = {part: self.expression(size, names, 0.4) for part, size in parts.items()}
            node = {"split": said if named else list(said.values()), **dim}
        else:
            return {}
        which = pick.choice(list(parts))
        part = Shape((*x.sizes[:axis], parts[which], *x.sizes[axis + 1 :]), x.channel_axis)
        behind = self.node(part, names, 0)
        if behind is None or isinstance(behind, list):
            return {}
        behind = {behind: None} if isinstance(behind, str) else behind
        if "from" in behind or next(iter(behind)) in MERGES:
            return {}
        after, joined = self.name(), self.name()
        found = {name: node, after: {**behind, "from": f"{name}.{which}"}}
        made = self.meaning.node(behind, part, names)
        others = [one for one in parts if axis == x.channel_axis or parts[one] == parts[which]]
        if made.spatial == part.spatial and made.channel_axis == part.channel_axis and self.chance(0.7):
            taken = [after, *(f"{name}.{one}" for one in pick.sample(others, pick.randint(1, len(others))))]
            pick.shuffle(taken)
            found[joined] = {"concat": None, "from": taken}
        return found

    def again(self, x: Shape, names: dict[str, Any], values: dict[str, Shape]) -> Tree:
        known = [name for name, (_, met) in self.meaning.known.items() if met == x and name in values]
        return {self.name(): {"use": self.random.choice(known)}} if known else {}

    def collected(self, x: Shape, names: dict[str, Any], values: dict[str, Shape]) -> Tree:
        """Blocks whose values are joined; how many there are may be for an argument to say."""
        if x.channel_axis or not x.rank:
            return {}
        node = self.loop(x, names) if self.chance(0.6) else None
        if node is None:
            kind = self.random.choice([*self.turns, "BasicBlock"])
            node = {kind: self.random.choice((x.channels, 2, 4)), "depth": self.random.randint(1, 3)}
            if any(value in TYPES for key, value in self.meaning.blocks[kind].get("args", {}).items() if key != "channels"):
                return {}
        return {self.name(): {**node, "collect": "concat"}}

    def another_size(self, x: Shape, names: dict[str, Any], values: dict[str, Shape]) -> Tree:
        like = [name for name, value in values.items() if value.rank == x.rank > 0 and not value.channel_axis]
        if not like or x.channel_axis:
            return {}
        other = self.random.choice(like)
        if self.chance(0.4):  # whichever fits
            grows = all(theirs >= own for theirs, own in zip(values[other].spatial, x.spatial))
            return {self.name(): {"pad" if grows else "crop": None, "to": other}}
        interpolated = {1: "linear", 2: "bilinear", 3: "trilinear"}[x.rank]
        mode = {"mode": self.random.choice(("nearest", "nearest-exact", "area", interpolated))} if self.chance(0.5) else {}
        corners = {"align_corners": self.chance(0.5)} if mode.get("mode") == interpolated and self.chance(0.5) else {}
        return {self.name(): {"upsample": None, "to": other, **mode, **corners}}

    def one_or_other(self, x: Shape, names: dict[str, Any], values: dict[str, Shape]) -> Tree:
        """Two nodes of which one runs, or a node for which an earlier value stands."""
        node, condition = self.node(x, names, 0), self.condition(names)
        if node is None or isinstance(node, list):
            return {}
        node = {node: None} if isinstance(node, str) else node
        if node.keys() & {"when", "from", "first", "depth"} or next(iter(node)) in MERGES:
            return {}
        y = self.meaning.node(node, x, names)
        alike = [name for name, value in values.items() if value == y and name in self.meaning.known]
        if alike and self.chance(0.5):
            return {self.name(): {**node, "when": condition, "else": self.random.choice(alike)}}
        for _ in range(_TRIES):
            other = self.op(x, names)
            try:
                needs_module(other)
                needs_module(node)
                if other is not None and self.meaning.node(other, x, names) == y:
                    return {
                        self.name(): {**node, "when": condition, "else": other if isinstance(other, dict) else {other: None}}
                    }
            except Misfit:
                continue
        return {}

    def from_elsewhere(self, last: str, names: dict[str, Any], values: dict[str, Shape], deep: int) -> Tree:
        """A node that takes an earlier value, and a merge of what it makes with the last."""
        source = self.random.choice(list(values))
        node = self.node(values[source], names, deep, layer=True, values=values)
        if node is None or source == last:
            return {}
        node = {"sequence": node} if isinstance(node, list) else {node: None} if isinstance(node, str) else node
        name, merged = self.name(), self.name()
        branch = self.meaning.layer({**node, "from": source}, values[last], names, values)
        kinds = [kind for kind in MERGES if self.fits({kind: None, "from": ["a", "b"]}, {"a": values[last], "b": branch})]
        if not kinds:
            return {}
        return {name: {**node, "from": source}, merged: {self.random.choice(kinds): None, "from": [last, name]}}

    def merge_of_values(self, last: str, names: dict[str, Any], values: dict[str, Shape]) -> Tree:
        others = [other for other in values if other != last]
        sources = [last, *(self.random.choice(others) for _ in range(self.random.choice((1, 1, 1, 2))))]
        self.random.shuffle(sources)
        kinds = [kind for kind in MERGES if self.fits({kind: None, "from": sources}, values)]
        if not kinds:
            return {}
        node = {self.random.choice(kinds): None, "from": sources}
        if self.chance(0.4):
            there = self.chance(0.6)
            if not there:  # it hands the first on: nothing that was made would be for nothing
                sources.sort(key=lambda name: name != last)
            node["when"] = self.expression(there, names, 0.9)
        return {self.name(): node}

    def in_place_behind_a_merge(self, x: Shape, names: dict[str, Any]) -> Tree:
        """An op that may overwrite its input, behind a merge of which one branch may be all that is left."""
        kind = self.random.choice([kind for kind in MERGES if (MERGES_OF[kind].most or 4) > 3])
        merge = {kind: {self.name(): "identity", **self.left_out_branches(x, names)}}
        branches = list(merge[kind].items())
        self.random.shuffle(branches)
        op = self.random.choice(IN_PLACE)
        try:
            self.meaning.node(op, x, {})
        except (Misfit, TypeError):
            op = "relu"
        return {self.name(): {kind: dict(branches)}, self.name(): op}

    def left_out_branches(self, x: Shape, names: dict[str, Any]) -> Tree:
        """Branches that are not there, whatever the arguments; they need not even fit."""
        found: Tree = {}
        for _ in range(self.random.choice((1, 1, 2))):
            node = self.unfit(x, names) if self.chance(0.2) else self.op(x, names)
            try:
                needs_module(node)
            except Misfit:
                node = None
            node = {"tanh": None} if node is None else {node: None} if isinstance(node, str) else node
            found[self.name()] = {**node, "when": self.settled_condition(False, names)}
        return found

    def settled_condition(self, value: bool, names: dict[str, Any]) -> Tree:
        """A condition that no argument changes."""
        settled = [key for key in self.let if key in self.settled and type(names.get(key)) in (int, float, bool)]
        if not settled or self.chance(0.3):
            return value
        return self.expression(value, {key: names[key] for key in settled}, 1)

    def behind_a_when(self, x: Shape, names: dict[str, Any]) -> Tree:
        """A constant that has no value where nothing reads it."""
        numbers = [key for key, known in names.items() if type(known) is int and not key.startswith("in_")]
        if not numbers:
            return {}
        key = self.random.choice(numbers)
        least = self.random.choice((names[key] - 1, names[key] - 1, names[key]))
        constant = self.constant_named(f"{self.random.choice((4, 8))} // ({key} - {least})", names)
        kinds = [{"leaky_relu": constant}, {"elu": constant}, {"layer_scale": constant}, {"SqueezeExcite": constant}]
        return {self.name(): {**self.random.choice(kinds), "when": f"{key} > {least}"}}

    def could_not_run(self, x: Shape, names: dict[str, Any]) -> Tree:
        """A node that is left out where it would not fit."""
        node = self.unfit(x, names)
        if node is None:
            return {}
        try:
            needs_module(node)
        except Misfit:
            return {}
        keeps_axes = not x.channel_axis and x.rank and not self.reaches(next(iter(node))) & {"flatten", "permute"}
        when = self.expression(False, names, 0.8) if keeps_axes else self.settled_condition(False, names)
        return {self.name(): {**node, "when": when}}

    def reaches(self, kind: str) -> set[str]:
        """The kinds of the nodes in a block, and in those that it uses."""
        if kind in OPS or kind not in self.meaning.blocks:
            return {kind}
        return {kind}.union(*map(self.reaches, words_read(self.meaning.blocks[kind]["layers"])))

    def unfit(self, x: Shape, names: dict[str, Any]) -> Tree | None:
        for _ in range(_TRIES):
            node = self.call(x, names) if self.chance(0.6) else self.wrong_op(x)
            node = {node: None} if isinstance(node, str) else node
            lists = node is not None and any(isinstance(value, list) for value in node.values())  # one is for every call
            if node is not None and not lists and self.cannot_run(node, x, names):
                return node
        return None

    def wrong_op(self, x: Shape) -> Tree:
        kind = self.random.choice(("conv", "max_pool", "group_norm", "pixel_shuffle", "channel_shuffle", "avg_pool"))
        options = self.options(kind, x, wild=True)
        return {kind: None, **{key: 7 if isinstance(value, list) else value for key, value in options.items()}}

    def cannot_run(self, node: Tree, x: Shape, names: dict[str, Any]) -> bool:
        try:
            self.meaning.node(node, x, names)
        except Misfit as misfit:
            return not isinstance(misfit, Avoided)
        except (ValueError, IndexError, TypeError):
            return True
        return False

    def fits(self, node: Tree, values: dict[str, Shape]) -> bool:
        try:
            self.meaning.layer(node, next(iter(values.values())), {}, values)
        except Misfit:
            return False
        return True

    def node(
        self, x: Shape, names: dict[str, Any], deep: int, layer: bool = False, values: dict[str, Shape] | None = None
    ) -> Tree | None:
        """Proposes a node that fits a value, or gives up; a layer may name earlier values."""
        kinds: list[Any] = [self.op] * 10 + [self.channels_last] * (1 if deep else 0)
        if deep:
            kinds += [self.sequence, self.sequence]
        kinds += [self.call] * (5 if self.blocks else 1)
        kinds += [self.loop] * (2 if self.turns else 0)
        if any(isinstance(value, (str, dict)) for value in names.values()):
            kinds += [self.held] * 2
        if deep and layer:
            kinds += [self.residual, self.residual, self.merge, self.merge, self.gate]
        for _ in range(_TRIES):
            make = self.random.choice(kinds)
            if make == self.residual:
                node = self.residual(x, names, deep - 1, values or {})
            else:
                node = make(x, names, deep - 1) if make in (self.sequence, self.merge) else make(x, names)
            if node is None:
                continue
            if make in (self.op, self.call, self.sequence) and self.chance(0.08):
                node = {"sequence": node} if isinstance(node, list) else {node: None} if isinstance(node, str) else node
                if "first" not in node and "depth" not in node:
                    node = {**node, "when": self.condition(names)}
            try:
                self.meaning.node(node, x, names, values)
            except Misfit:
                continue
            return node
        return None

    def condition(self, names: dict[str, Any]) -> Tree:
        flags = [key for key, value in names.items() if value is True]
        if flags and self.chance(0.5):
            return self.random.choice(flags)
        return self.expression(self.chance(0.7), names, 0.8)

    def channels_last(self, x: Shape, names: dict[str, Any]) -> Tree | None:
        """What works on the last axis, behind what moves the channels there."""
        axes = list(range(1, len(x.sizes) + 1))
        front = axes.pop(x.channel_axis)
        before: Tree = {"permute": [0, *axes, front]} if self.chance(0.5) else "flatten"
        images = ("window_attention", "window_attention_v2", "grid_attention", "merge_patches") if x.rank == 2 else ()
        op = self.random.choice(("linear", "layer_norm", "attention", *images, *images))
        return [before, {op: None, **self.options(op, x)}]

    def held(self, x: Shape, names: dict[str, Any]) -> Tree:
        return next(key for key, value in names.items() if isinstance(value, (str, dict)))

    def sequence(self, x: Shape, names: dict[str, Any], deep: int) -> Tree | None:
        items = []
        for _ in range(self.random.randint(1, 3)):
            item = self.node(x, names, deep)
            if item is not None and "block_index" not in words(item):  # in a sequence its count is 0: a fault, reported
                items.append(item)
                x = self.meaning.node(item, x, names)
        if items and self.chance(0.3):
            self.taken, taken = [], self.taken
            named = {self.name(): item for item in items}
            self.taken = taken
            return {"sequence": named}
        return items or None

    def residual(self, x: Shape, names: dict[str, Any], deep: int, values: dict[str, Shape]) -> Tree | None:
        layers, inner = self.layers(x, names, self.random.randint(1, 3), deep, values)
        y = inner[next(reversed(layers))]
        if y == x and self.chance(0.7):
            return {"residual": layers}
        strides = [-(-a // b) for a, b in zip(x.spatial, y.spatial)]
        project: Tree = {"conv": y.channels, "kernel_size": 1}
        if set(strides) - {1}:
            project["stride"] = strides[0] if len(set(strides)) == 1 else strides
            if names.get("stride") == project["stride"] and self.chance(0.7):
                project["stride"] = "stride"
        if y.channels == x.channels and self.chance(0.5):
            test = "stride != 1" if project.get("stride") == "stride" else self.expression(True, names, 0.7)
            project["when"] = test
        elif self.chance(0.5):
            return self.ways({self.name(): [project, "batch_norm"]}, layers)
        return self.ways({self.name(): project}, layers)

    def ways(self, shortcut: Tree, residual: Tree) -> Tree:
        """The two in either order, which is that of the module's layers."""
        if self.chance(0.4):
            return {"shortcut": shortcut, "residual": residual}
        return {"residual": residual, "shortcut": shortcut}

    def merge(self, x: Shape, names: dict[str, Any], deep: int) -> Tree | None:
        kind = self.random.choice(MERGES)
        of_two = MERGES_OF[kind].most == 2
        if of_two and self.chance(0.3):
            branches = [(self.name(), "identity"), *list(self.left_out_branches(x, names).items())[:1]]
            self.random.shuffle(branches)
            return {kind: dict(branches)}
        parts = 2 if of_two else self.random.choice((2, 2, 3))
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
                branches = [(self.name(), node) for node in group]
                if not split and not of_two and self.chance(0.4):
                    branches += self.left_out_branches(part, names).items()
                    self.random.shuffle(branches)
                if not split and self.chance(0.25):
                    self.by_an_argument(branches, names)
                return {kind: dict(branches), "split": True} if split else {kind: dict(branches)}
        return None

    def by_an_argument(self, branches: list[tuple[str, Tree]], names: dict[str, Any]) -> None:
        """Gives one of several branches a condition, where it can have one."""
        number = self.random.randrange(len(branches))
        name, node = branches[number]
        node = {node: None} if isinstance(node, str) else node
        try:
            needs_module(node)
        except Misfit:
            return
        if isinstance(node, dict) and "when" not in node and next(iter(node)) not in (*MERGES, "residual"):
            branches[number] = (name, {**node, "when": self.condition(names)})

    def gate(self, x: Shape, names: dict[str, Any]) -> Tree:
        """A gate for each channel, or, as in CBAM, one for each position."""
        gate: list[Tree] = [{"conv": 1, "kernel_size": 1}, "sigmoid"]
        if self.chance(0.5):
            gate = [{"adaptive_avg_pool": 1}, {"conv": x.channels, "kernel_size": 1}, "sigmoid"]
        return {"multiply": {self.name(): "identity", self.name(): gate}}

    # ---- calls of blocks

    def call(self, x: Shape, names: dict[str, Any]) -> Tree | None:
        known = list(LIBRARY) if not self.blocks or self.chance(0.2) else list(self.blocks)
        kind = self.random.choice(known)
        args = self.meaning.blocks[kind].get("args", {})
        if any(default in TYPES and key not in ROLE for key, default in args.items()):
            return None
        node: Tree = {kind: None}
        repeated = self.chance(0.3)
        inside = {**names, "index": 0, "block_index": 0, "block_count": 1} if repeated else names
        for number, (key, default) in enumerate(args.items()):
            pinned = (kind, key) in self.pinned
            if key not in ROLE or (not pinned and default not in TYPES and self.chance(0.4)):
                continue
            node[kind if number == 0 and self.chance(0.8) else key] = (
                self.pinned[kind, key] if pinned else self.argument(key, x, inside, isinstance(default, list))
            )
        if repeated:
            node["depth"] = self.random.randint(1, 3)
            if self.chance(0.3):
                self.change_first(node, kind, args, x, names)
        return kind if node == {kind: None} else node

    def change_first(self, node: Tree, kind: str, args: Tree, x: Shape, names: dict[str, Any]) -> None:
        other = self.call(x, names) if self.chance(0.4) else self.op(x, names)
        if isinstance(other, dict) and "depth" in other:
            return
        changed = {
            key: self.argument(key, x, names, isinstance(default, list))
            for key, default in args.items()
            if key in ROLE and (kind, key) not in self.pinned and self.chance(0.5)
        }
        first = changed if changed and self.chance(0.6) else other
        if first is None:
            return
        node["first"] = first
        if first is not changed or "stride" in changed:
            node.pop("stride", None)
            if next(iter(args), "") == "stride":
                node[kind] = None

    def loop(self, x: Shape, names: dict[str, Any]) -> Tree | None:
        """Blocks that keep the shape, as many as a name says."""
        counts = [key for key, value in names.items() if type(value) is int and 1 <= value <= 3 and not key.startswith("in_")]
        if not counts:
            return None
        preferred = [key for key in counts if ROLE.get(key) == "count"]
        key = self.random.choice(preferred or counts)
        kind = self.random.choice([*self.turns, *self.turns, "BasicBlock"])
        node: Tree = {kind: self.expression(self.random.choice((x.channels, 4)), names, 0.5)}
        inside = {**names, "index": 0, "block_index": 0, "block_count": 1}
        for argument, default in self.blocks.get(kind, {"args": {}}).get("args", {}).items():
            if ROLE[argument] == "rate" and (default in TYPES or self.chance(0.7)):
                node[argument] = self.argument(argument, x, inside)
        return {**node, "depth": key if self.chance(0.7) else f"{key} + 1"}

    def argument(self, key: str, x: Shape, names: dict[str, Any], listed: bool = False) -> Tree:
        """A value for an argument; a list where its default is one."""
        pick, role = self.random, ROLE[key]
        if role in ("act", "normed"):
            held = [name for name, value in names.items() if isinstance(value, (str, dict)) and ROLE[name] == role]
            rates = [name for name, value in names.items() if type(value) is float and 0 <= value < 1]
            if held and self.chance(0.4):
                return pick.choice(held)
            if role == "normed":
                return pick.choice(NORMS)
            return {"dropout": pick.choice(rates)} if rates and self.chance(0.3) else pick.choice(ACTIVATIONS)
        if role in ("width", "kernel_size") and (listed or self.chance(0.2)):
            return [pick.choice((1, 3)) for _ in range(x.rank)]
        if role == "rate" and "block_index" in names and self.chance(0.6):
            rates = [name for name, value in names.items() if type(value) is float and 0 <= value <= 0.3]
            texts = ["0.2 * block_index / block_count", "0.1 * index"]
            texts += [f"{name} * {turn}" for name in rates for turn in ("index", "index / block_count", "(index + 1) / 4")]
            return pick.choice(texts)
        if role == "channels" and "index" in names and self.chance(0.3):
            return f"{x.channels} + 2 * index"
        value = {
            "channels": x.channels if self.chance(0.5) else pick.choice((2, 3, 4, 6, 8)),
            "stride": pick.choice((1, 2)),
            "width": pick.choice((1, 2, 3)),
            "squeeze": pick.choice((1, 2)),
            "rate": pick.choice((0.1, 0.3)),
            "kernel_size": pick.choice((1, 3)),
            "flag": self.chance(0.5),
            "count": pick.choice((1, 2)),
            "one": 1,
        }[role]
        return self.expression(value, names, 0.3)

    # ---- ops and their options

    def op(self, x: Shape, names: dict[str, Any]) -> Tree | None:
        """An op whose constraints hold on the value: first which op, then options until they do."""
        for _ in range(_TRIES):
            of_a_sequence = (x.rank, x.channel_axis) == (1, 1) and self.chance(0.3)  # few values are one
            kinds = SEQUENCE if of_a_sequence else list(OPS)
            kind = "conv" if self.chance(0.08) else self.random.choice(kinds)  # as in networks, oftener than the others
            if isinstance(names.get(kind), (str, dict)):
                continue  # an argument of this name holds an op, and is meant
            if kind == "local_response_norm" and x.rank == 3:
                continue  # torch's code for it takes no value whose axes were permuted
            for _ in range(_TRIES // 2):
                options = self.options(kind, x)
                written = {key: self.waiting(kind, key, value, names) for key, value in options.items()}
                lists = [key for key, value in names.items() if isinstance(value, tuple) and len(value) == x.rank]
                if "kernel_size" in written and lists and self.chance(0.6):
                    written["kernel_size"] = self.random.choice(lists)
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
        for option, other in op.instead_of.items():  # one of them, and now and then both
            one = option if self.chance(0.3) else other
            written = [name for name in written if name not in (option, other) or (wild and self.chance(0.3))]
            written.append(one)
        written = list(dict.fromkeys(written))
        return {option: self.option(kind, option, x, wild) for option in written}

    def option(self, kind: str, option: str, x: Shape, wild: bool) -> Tree:
        """A value of the option's kind; `wild` ones break constraints more often than not."""
        pick, op = self.random, OPS[kind]
        family = next(key for key, known in KINDS.items() if known is op.kind(option))
        if wild and self.chance(0.4) and family in ("Int", "PerAxis", "Padding"):
            return pick.choice((-3, -1, 0, 5, 7, 11, 13, 40))
        if wild and self.chance(0.4) and family == "Real":
            return pick.choice((-1.0, 0.0, 1.0, 1.5))
        if family == "Word" or (family == "Padding" and self.chance(0.3)):
            return pick.choice(op.words[option])
        if family in ("Bool", "Flag"):
            return self.chance(0.5)
        if family == "Scale":
            factors = (-1, 0, 0.7, 1, 1.5) if wild else (1, 2, 2, 3, 0.5, 1.5, 2.0)
            few_axes = [pick.choice(factors) for _ in range(max(1, x.rank))]
            return few_axes if self.chance(0.3) else few_axes[0]
        if family == "Real":
            chances = (1.0, 2.0, 3.0) if kind == "normalize" else (0.0, 0.1, 0.5)  # `p` is of a norm there
            few = {"eps": (1e-5, 1e-3), "norm_type": (1.0, 2.0), "p": chances, "momentum": (0.1, 0.01)}
            return pick.choice(few.get(option, (0.1, 0.5, 1.0, 2.0, 1e-4)))
        if family == "Dims" and self.chance(0.5):
            return pick.sample(range(-1 if wild else 1, len(x.sizes) + 1 + wild), pick.randint(not wild, len(x.sizes)))
        if family in ("Axis", "Dims"):
            return pick.randint(-6, 6) if wild else pick.choice((pick.randint(1, len(x.sizes)), pick.randint(-2, -1)))
        if option == "at":
            return [pick.randint(-1, len(x.sizes) + wild), pick.randint(-2, 1 + 8 * wild)]
        if kind == "transpose":
            return [
                pick.choice((axis, axis - len(x.sizes) - 1)) for axis in pick.choices(range(1, len(x.sizes) + 1 + wild), k=2)
            ]
        if family == "Axes":
            axes = list(range(1, len(x.sizes) + 1))
            pick.shuffle(axes)
            return [*axes[: pick.randint(0, len(axes))], 0, 7] if wild and self.chance(0.5) else [0, *axes]
        if family == "Around" and self.chance(0.6):
            return [pick.randint(-1 if wild else 0, 2) for _ in range(pick.randint(0, 7) if wild else 2 * x.rank)]
        if family == "Ints":
            return self.sizes(kind, x, wild)
        divisors = [number for number in (1, 2, 3, 4, 6, 8) if x.channels % number == 0]
        many = {
            "out_channels": (1, 2, 3, 4, 6, 8),
            "out_features": (1, 2, 5, 8),
            "groups": divisors,
            "num_groups": divisors,
            "num_heads": divisors,
            "num_parameters": (1, x.channels),
            "padding": (0, 0, 1, 2),
            "output_padding": (0, 1),
            "stride": (1, 2, 3),
            "shift_size": (0, 1),
            "dilation": (1,) if kind == "max_pool" and min(x.spatial, default=1) < 2 else (1, 1, 2),  # else -inf is drawn
            "kernel_size": (1, 2, 3, 3, 5),
            "output_size": (1, 1, 2, 3),
            "dim": (1, 2, 3),
        }
        values = many.get(option, (1, 2, 3))
        if family in ("PerAxis", "Padding") and self.chance(0.2):
            return [pick.choice(values) for _ in range(pick.randint(1, 4) if wild else max(1, x.rank))]
        return pick.choice(values)

    def sizes(self, kind: str, x: Shape, wild: bool) -> list[int]:
        """A list of sizes: what a value is laid out to, what an axis becomes, or where a slice starts and stops."""
        pick = self.random
        if wild and self.chance(0.5):
            return [pick.randint(-2, 6) for _ in range(pick.randint(0, 5))]
        if kind == "slice":
            return sorted(pick.sample(range(max(x.sizes) + 1), pick.choice((1, 2, 2))))
        rest = math.prod(x.sizes) if kind == "reshape" else pick.choice(x.sizes)
        found = []
        for _ in range(pick.randint(0, 2)):
            found.append(pick.choice([number for number in range(1, rest + 1) if rest % number == 0]))
            rest //= found[-1]
        found.append(rest if self.chance(0.5) else -1)
        pick.shuffle(found)
        return found

    def waiting(self, kind: str, option: str, value: Tree, names: dict[str, Any]) -> Tree:
        """The value as a spec may write it: itself, or an expression for it."""
        op = OPS[kind].kind(option)
        if op.literal or op in (KINDS["Word"],):
            return value
        if op is KINDS["Ints"]:
            return [item if item < 0 else self.expression(item, names, 0.3) for item in value]
        if isinstance(value, list) or value in OPS[kind].words.get(option, ()):
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
        other = value / 2 if type(value) is float else near
        texts = [f"{value} if {key} == {known} else {other}", f"({value})"]
        if type(value) is bool:
            texts = self.truths(value, key, known)
        elif type(value) is int:
            texts += self.integers(value, key, known, names)
        elif type(value) is float:
            texts += [key] * (3 * (known == value and type(known) is float)) + [f"{value} + 0 * {key}", f"{value} * 1"]
        floats = [name for name, known in names.items() if type(known) is float]
        if floats and self.chance(0.5):
            texts = self.of_floats(value, names)
        text = pick.choice(texts).replace("True", "true").replace("False", "false").replace("- -", "+ ")
        try:
            found = value_of(text, names)
        except Misfit:
            return value
        return text if type(found) is type(value) and found == value and len(text) <= LONGEST else value

    def truths(self, value: bool, key: str, known: Any) -> list[str]:
        test = f"{key} == {known}" if type(known) is not bool else key if known else f"not {key}"
        texts = [f"{test}" if value else f"not ({test})", f"{test} and {value}", f"{test} or {value}", f"not {not value}"]
        if type(known) is not bool:
            texts += [f"{key} < {known + 1}", f"{key} <= {known}"] if value else [f"{key} > {known}", f"{key} != {known}"]
            texts += [f"{key} >= {known}"] if value else [f"{key} >= {known + 1}"]
        return texts

    def integers(self, value: int, key: str, known: Any, names: dict[str, Any]) -> list[str]:
        lists = [name for name, listed in names.items() if isinstance(listed, tuple)]
        texts = [f"{name}[{place}]" for name in lists for place, item in enumerate(names[name]) if item == value]
        if type(known) is not int:
            return texts
        stepped = f"{key} + {value - known}" if value >= known else f"{key} - {known - value}"
        return [*texts, *[key] * (3 * (known == value)), stepped,
                f"max({value}, {key} - {known})", f"min({key} + {value}, {value})", f"round({value} * 1.0)",
                f"{key} * {value} // {known or 1}", f"{value} + {key} % 1", f"ceil({value} - 0.5)",
                f"floor({value} + 0.5)", f"make_divisible({value}, {value or 1})",
                f"{key} + {value} - {key}", f"{value} * {key} // {key}" if known else key]  # fmt: skip

    def of_floats(self, value: Tree, names: dict[str, Any]) -> list[str]:
        """Texts with arithmetic that is exact for integers and not for the floats that take part in it."""
        terms = [self.arithmetic(names, 3) for _ in range(4)]
        texts = []
        for term in terms:
            try:
                found = value_of(term, names)
            except Misfit:
                continue
            if not -(10**4) < found < 10**4:
                continue
            if type(value) is bool:
                texts.append(f"{term} < {found + 0.5}" if value else f"{term} > {found + 0.5}")
            elif type(value) is float:
                texts.append(f"max({value}, min({term}, {value}))")
            else:
                function = self.random.choice(("round", "floor", "ceil"))
                rest = value - value_of(f"{function}({term})", names)
                texts.append(f"{function}({term}) + {rest}")
                texts.append(f"make_divisible({value} + 0 * {term}, {value or 1})")
                texts.append(f"max({value}, floor(min({term}, {value})))")
        return texts or [str(value)]

    def arithmetic(self, names: dict[str, Any], deep: int) -> str:
        """Arithmetic of numbers and names, floats among them; it divides by numbers alone."""
        pick = self.random
        floats = [name for name, value in names.items() if type(value) is float]
        whole = [name for name, value in names.items() if type(value) is int and not name.startswith("block_")]
        if not deep or self.chance(0.25):
            return pick.choice([*floats * 3, *whole, "0", "1", "2", "4", "0.5"])
        left = self.arithmetic(names, deep - 1)
        sign = pick.choice(("+", "-", "*", "*", "//", "//", "%", "/", "same"))
        if sign in ("//", "%", "/"):
            return f"({left} {sign} {pick.choice(('1', '2', '3', '0.1', '0.5'))})"
        if sign == "same":  # what is taken away again, or divided by what it was multiplied with
            right = self.arithmetic(names, deep - 1)
            return pick.choice((f"({left} + {right} - {left})", f"(4 * {left} // 2)", f"({left} - {left})", f"(0 * {left})"))
        return f"({left} {sign} {self.arithmetic(names, deep - 1)})"
