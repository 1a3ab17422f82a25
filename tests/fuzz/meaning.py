"""What a spec's tree means, worked out once more and only for shapes: Python's `eval` for expressions, the ops' own records.

It knows no names, no classes and no code, so it is short; the generator asks it which of its proposals fit.
"""

from __future__ import annotations

import functools
import math
import re
from collections import ChainMap, Counter
from typing import Any, NamedTuple

import yaml

from archgen.language.library import block_names
from archgen.ops import LIKE, OPS, PARTS, MergeOp, Op, Shape
from archgen.ops import MERGES as MERGES_OF
from archgen.ops.value import same
from archgen.resources import LIBRARY as FOLDER
from tests.fuzz.trees import MERGES, Tree, is_node, network_layers, nodes, sources, words

TYPES = ("int", "float", "bool", "op")
LIBRARY = {name: yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")) for name in block_names()}
_LARGEST = 3000  # values of one image: the networks stay small enough to run thousands


class Misfit(Exception):
    """The tree does not fit; what makes it so."""


class Avoided(Misfit):
    """It may fit, and is not drawn: it is large, or its rule has more to it than this module says."""


def make_divisible(x: float, divisor: int = 8) -> int:
    rounded = max(divisor, int(x + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * x else rounded


_FUNCTIONS = {"max": max, "min": min, "round": round, "ceil": math.ceil, "floor": math.floor, "make_divisible": make_divisible}
_TRUTHS = {"true": True, "false": False}


def value_of(tree: Tree, names: dict[str, Any]) -> Any:
    """The value of an option: an expression is Python's, too. A constant that has no value is none of the names."""
    if isinstance(tree, (list, tuple)):
        return tuple(value_of(item, names) for item in tree)
    if isinstance(tree, str):
        lists = {name for name, value in names.items() if isinstance(value, tuple) and tree != name and f"{name}[" not in tree}
        if lists & words(tree):
            raise Misfit("a list is no number")
        try:
            return eval(tree, {"__builtins__": {}}, {**_FUNCTIONS, **_TRUTHS, **names})  # our own texts alone
        except (ArithmeticError, LookupError, NameError, TypeError) as error:
            raise Misfit("no value") from error
    return tree


def with_constants(names: dict[str, Any], let: dict[str, Tree]) -> dict[str, Any]:
    """The names and the constants, each of which sees those before it; one is worked out only where it is read."""
    known = dict(names)
    for name, tree in let.items():
        try:
            known[name] = value_of(tree, known)
        except Misfit:
            continue
    return known


class Called(NamedTuple):
    """One call of a block: what its arguments are, those by default among them, and what enters."""

    block: str
    given: dict[str, Any]
    x: Shape


def too_many(kind: str, values: int) -> None:
    most, least = MERGES_OF[kind].most, MERGES_OF[kind].least
    if most is not None and values > most:
        raise Avoided("more values than this merge takes")
    if values < least > 2:
        raise Avoided("fewer values than this merge takes")


def needs_module(node: Tree) -> None:
    """An op that is a line of `forward` alone is no part of a sequence, and takes no `when`."""
    op = OPS.get(node if isinstance(node, str) else next(iter(node), "") if isinstance(node, dict) else "")
    if op is not None and not (op.torch_class or op.module_source):
        raise Avoided("a line of `forward`")


class Meaning:
    """Shapes of the nodes of one spec. `blocks` and `defaults` are the spec's own trees, read anew at each use."""

    def __init__(self, blocks: dict[str, Tree], defaults: dict[str, Tree], constants: dict[str, Any]) -> None:
        self.blocks, self.defaults, self.constants = ChainMap(blocks, LIBRARY), defaults, constants
        self.strict = True  # that a node with `when` keeps the channels whatever its condition, which is simpler than the rule
        self.axes: dict[str, tuple[int, ...]] = {}  # a block is one class, so it is called on values of the same axes
        self.multiplications = 0
        self.drawn: Counter[str] = Counter()  # what only the values tell, as `tally` counts the rest
        self.called: list[Called] = []
        self.known: dict[str, tuple[Tree, Shape]] = {}  # the layers of the class at hand, and what each took first

    def value(self, tree: Tree, names: dict[str, Any]) -> Any:
        """The value of an expression, and which of its arithmetic a float took part in."""
        found = value_of(tree, names)
        if isinstance(tree, str) and any(type(names.get(word)) is float for word in words(tree)):
            self.drawn.update(f"float {sign}" for sign in set(FLOAT_SIGNS.findall(tree)))
        return found

    def op(self, kind: str, options: dict[str, Tree], names: dict[str, Any]) -> Op:
        op = OPS[kind]
        given = {key: (tree, {**names, **self.constants}) for key, tree in self.defaults.get(kind, {}).items()}
        for key, tree in options.items():
            given[op.first() if key == kind else key] = tree, names
        values = {
            key: tree if tree in op.words.get(key, ()) else self.value(tree, known)
            for key, (tree, known) in given.items()
            if tree is not None
        }
        if any(op.kind(key).refuses(value, 0) for key, value in values.items()):
            raise Misfit("another type")
        return op(**values)

    def apply(self, op: Op, x: Shape) -> Shape:
        constraint = next((constraint for constraint in op.constraints(x) if not constraint.holds()), None)
        if constraint is not None:
            raise Misfit(constraint.text())
        y = op.output(x)
        if math.prod(y.sizes) > _LARGEST:
            raise Avoided("too large")
        self.drawn.update(f"{op.name}.{key}" for key in op.fields if not same(getattr(op, key), op.defaults.get(key, ())))
        self.drawn.update(f"{op.name}.{key} {getattr(op, key)}" for key in op.words)
        if "{n}" in op.torch_class:
            self.drawn[f"{op.name} {x.rank}-D"] += 1
        return y

    def node(self, node: Tree, x: Shape, names: dict[str, Any], values: dict[str, Shape] | None = None) -> Shape:
        """What a node makes of a value; `values` are those that a residual's layers may name."""
        if isinstance(node, list):
            for item in node:
                needs_module(item)
                x = self.node(item, x, names)
            return x
        if isinstance(node, str):
            node = {node: None}
        node = {key: value for key, value in node.items() if key != "from"}
        if "else" in node:
            return self.one_or_other(node, x, names, values or {})
        if "when" in node:
            return self.perhaps(node, x, names, values)
        kind = next(iter(node))
        if kind == "sequence":
            items = node[kind]
            return self.node(list(items.values()) if isinstance(items, dict) else items, x, names)
        if "residual" in node:
            ways = [self.body(node.get(key, {}), x, names, dict(values or {})) for key in ("residual", "shortcut")]
            return self.merged("add", ways)
        if kind in MERGES:
            return self.branches(kind, node, x, names, values or {})
        if kind in names and isinstance(names[kind], (str, dict)):
            return self.node(names[kind], x, {})
        if kind in OPS:
            return self.apply(self.op(kind, node, names), x)
        return self.calls(kind, node, x, names)

    def one_or_other(self, node: Tree, x: Shape, names: dict[str, Any], values: dict[str, Shape]) -> Shape:
        """A node, or what stands for it: here both have the same shape, which is simpler than the rule."""
        other = node["else"]
        there = self.value(node["when"], names)
        ways = {key: value for key, value in node.items() if key not in ("when", "else")}
        y = self.node(ways, x, names)
        z = values[other.partition(".")[0]] if isinstance(other, str) and other in values else self.node(other, x, names)
        if y != z:
            raise Avoided("both ways have the same shape")
        return y if there else z

    def perhaps(self, node: Tree, x: Shape, names: dict[str, Any], values: dict[str, Shape] | None) -> Shape:
        """A node with `when`; one that is left out need not fit, nor must its options have a value."""
        present = self.value(node["when"], names)
        needs_module(_without(node, "when"))
        try:
            y = self.node(_without(node, "when"), x, names, values)
        except Misfit as misfit:
            if present or isinstance(misfit, Avoided):
                raise
            self.drawn["left out, and could not run"] += 1
            return x
        if self.strict and (y.channels, y.channel_axis, y.rank) != (x.channels, x.channel_axis, x.rank):
            raise Avoided("a node with `when` keeps the channels")
        return y if present else x

    def branches(self, kind: str, node: Tree, x: Shape, names: dict[str, Any], values: dict[str, Shape]) -> Shape:
        parts = node[kind]
        too_many(kind, len(parts))
        if node.get("split"):
            if x.channels % len(parts):
                raise Misfit("split")
            x = x.with_channels(x.channels // len(parts))
        present = [
            part
            for part in parts.values()
            if not (isinstance(part, dict) and "when" in part) or self.value(part["when"], names) is not False
        ]
        if not present:
            raise Misfit("all branches are absent")
        if len(present) < len(parts):
            self.drawn[f"{kind} with branches left out"] += 1
            self.drawn[f"{kind} of one branch that is left"] += len(present) == 1
        taken = [_named(values, part["from"]) if isinstance(part, dict) and "from" in part else x for part in present]
        made: list[Shape] = []
        for part, y in zip(present, taken):
            count = self.value(part["copies"], names) if isinstance(part, dict) and "copies" in part else 1
            if type(count) is not int or count < 1 or ("copies" in part and "when" in part):
                raise Misfit("copies")
            made += [self.node(_without(part, "when", "copies"), y, names)] * count
        if MERGES_OF[kind].most == 2:
            return functools.reduce(lambda one, two: self.merged(kind, [one, two]), made)
        return self.merged(kind, made)

    def merged(self, kind: str, shapes: list[Shape]) -> Shape:
        """The shape of a merge: of the four that the language began with by rules of this file's own."""
        first = shapes[0]
        if kind not in ("add", "subtract", "multiply", "concat"):
            return self.merged_by_op(MERGES_OF[kind](), shapes)
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
            return first._replace(sizes=tuple(full))
        if any(shape != first for shape in shapes):
            raise Misfit("shapes")
        return first

    def merged_by_op(self, op: MergeOp, shapes: list[Shape]) -> Shape:
        constraint = next((constraint for constraint in op.constraints(*shapes) if not constraint.holds()), None)
        if constraint is not None:
            raise Misfit(constraint.text())
        return op.output(*shapes)

    def calls(self, kind: str, node: Tree, x: Shape, names: dict[str, Any]) -> Shape:
        """A block, `depth` times."""
        block = self.blocks[kind]
        if block.get("inputs") or len(block.get("outputs", [])) > 1:
            raise Avoided("several values")
        arguments = {key: value for key, value in node.items() if key not in ("depth", "first", "collect")}
        joined = [x]
        depth = self.value(node.get("depth", 1), names)
        if type(depth) is not int or not 1 <= depth <= 8:
            raise Misfit("depth")
        for index in range(depth):
            inside = {**names, "index": index, "block_index": 0, "block_count": 1} if "depth" in node else names
            given = arguments
            if index == 0 and "first" in node:
                first = node["first"]
                if is_node(first):
                    needs_module(first)
                    x = self.node(first, x, inside)
                    continue
                given = {**self.arguments(kind, given), **first}
            elif index and "stride" in self.blocks[kind].get("args", {}):
                given = {**self.arguments(kind, arguments), "stride": 1}
            x = self.call(kind, given, x, inside)
            joined.append(x)
        if "collect" in node:
            self.drawn["collect"] += 1
            return self.merged("concat", joined)
        return x

    def arguments(self, kind: str, node: Tree) -> dict[str, Tree]:
        """The arguments of a call by name: the value beside the block's name is its first."""
        first = next(iter(self.blocks[kind].get("args", {})), "")
        return {first if key == kind else key: value for key, value in node.items() if not (key == kind and value is None)}

    def call(self, kind: str, node: Tree, x: Shape, names: dict[str, Any]) -> Shape:
        block = self.blocks[kind]
        if block.get("inputs") or len(block.get("outputs", [])) > 1:
            raise Avoided("several values")
        return self.call_of_several(kind, node, [x], names)[""]

    def call_of_several(self, kind: str, node: Tree, taken: list[Shape], names: dict[str, Any]) -> dict[str, Shape]:
        """What leaves a call of a block, by the names of its outputs; one alone has none."""
        block, x = self.blocks[kind], taken[0]
        inputs = block.get("inputs", [])
        if len(taken) != max(1, len(inputs)):
            raise Misfit("another number of values")
        axes = [number for one in taken for number in (len(one.sizes), one.channel_axis)]
        if self.axes.setdefault(kind, tuple(axes)) != tuple(axes):
            raise Avoided("a block is called on values of the same axes")
        known: dict[str, Any] = {"in_channels": x.channels}
        known |= {f"{name}_channels": other.channels for name, other in zip(inputs[1:], taken[1:])}
        default = {name: (tree, {**names, **self.constants}) for name, tree in self.defaults.get(kind, {}).items()}
        given = {**default, **{name: (tree, names) for name, tree in self.arguments(kind, node).items()}}
        for name, own in block.get("args", {}).items():
            tree, around = given.get(name, (own, {}))
            if isinstance(tree, str) and tree in TYPES:
                raise Misfit(f"`{name}` is missing")
            known[name] = self.argument(tree, around)
            whole, listed = own == "int" or type(own) is int, isinstance(own, list)
            if (whole and type(known[name]) is float) or (listed and not isinstance(known[name], tuple)):
                raise Misfit("another type")
        if not inputs:
            self.called.append(Called(kind, {name: known[name] for name in block.get("args", {})}, x))
        known = with_constants(known, block.get("let", {}))
        strict, self.strict = self.strict, self.strict and kind not in LIBRARY
        try:
            values = dict(zip(inputs, taken))
            y = self.body(block["layers"], x, known, values)
        finally:
            self.strict = strict
        outputs = block.get("outputs", [])
        if self.unread(block["layers"], known, outputs) or self.unread_parts(block["layers"], outputs):
            raise Misfit("nobody reads a value: what would read it is left out")
        return {name: values[name] for name in outputs} if len(outputs) > 1 else {"": values[outputs[0]] if outputs else y}

    def argument(self, tree: Tree, names: dict[str, Any]) -> Any:
        """The value of an argument; an op keeps its tree, its options worked out."""
        if isinstance(tree, dict):
            kind = next(iter(tree))
            return {
                key: value if value in OPS[kind].words.get(key, ()) else self.value(value, names) for key, value in tree.items()
            }
        if isinstance(tree, str) and (tree in OPS or isinstance(names.get(tree), (str, dict))):
            return names.get(tree, tree)
        return self.value(tree, names)

    def body(self, layers: dict[str, Tree], x: Shape, names: dict[str, Any], values: dict[str, Shape]) -> Shape:
        """Named nodes in order; `values` gathers what each makes."""
        values["input"] = x
        around, self.known = self.known, dict(self.known)
        for name, node in layers.items():
            x = self.add(name, node, x, names, values)
        self.known = around
        return x

    def add(self, name: str, node: Tree, x: Shape, names: dict[str, Any], values: dict[str, Shape]) -> Shape:
        """A named node: its value, or each of its values, is among those that later ones may name."""
        kind = next(iter(node)) if isinstance(node, dict) else ""
        taken = [_named(values, source) for source in _sources(node)] or [x]
        if kind in PARTS:
            made = self.parts(kind, node, taken[0], names)
        elif kind in self.blocks and (self.blocks[kind].get("inputs") or len(self.blocks[kind].get("outputs", [])) > 1):
            given = {key: value for key, value in node.items() if key != "from"}
            made = self.call_of_several(kind, given, taken, names)
        else:
            made = {"": self.layer(node, x, names, values)}
        self.known.setdefault(name, (node, taken[0]))
        for part, shape in made.items():
            values[f"{name}.{part}" if part else name] = shape
        return next(iter(made.values()))

    def parts(self, kind: str, node: Tree, x: Shape, names: dict[str, Any]) -> dict[str, Shape]:
        """By rules of this file's own: the parts lie one after the other along the axis."""
        axis = node["dim"] % (len(x.sizes) + 1) - 1 if "dim" in node else x.channel_axis
        said = node[kind]
        if kind == "chunk":
            if axis < 0 or x.sizes[axis] % said:
                raise Misfit("parts")
            sizes = {str(number): x.sizes[axis] // said for number in range(said)}
        else:
            pairs = said.items() if isinstance(said, dict) else ((str(number), size) for number, size in enumerate(said))
            sizes = {name: self.value(size, names) for name, size in pairs}
        if axis < 0 or sum(sizes.values()) != x.sizes[axis] or min(sizes.values()) < 1:
            raise Misfit("parts")
        self.drawn[f"{kind} of parts"] += 1
        return {name: Shape((*x.sizes[:axis], size, *x.sizes[axis + 1 :]), x.channel_axis) for name, size in sizes.items()}

    def unread_parts(self, layers: Tree, outputs: Any) -> bool:
        """Whether a block gives a value that nobody names."""
        read = {name for node in nodes(layers.values()) for name in self.every_source(node)} | set(outputs)
        for name, node in layers.items():
            kind = next(iter(node)) if isinstance(node, dict) else ""
            given = self.blocks[kind].get("outputs", []) if kind in self.blocks else []
            if len(given) > 1 and not {f"{name}.{part}" for part in given} <= read:
                return True
        return False

    def every_source(self, node: Tree) -> list[str]:
        return [*_sources(node), *(one for one in (node.get("to"), node.get("else")) if isinstance(one, str))]

    def unread(self, layers: Tree, names: dict[str, Any], outputs: Any = ()) -> set[str]:
        """The layers that run, though nothing that runs takes their value: not the last, whose value leaves the body."""
        taken: dict[str, set[str]] = {}
        last, there, inside = "input", {"input"}, set[str]()
        for name, node in layers.items():
            taking = _taken(node, last)
            also = sources({key: value for key, value in node.items() if key != "from"}) if isinstance(node, dict) else []
            present = not isinstance(node, dict) or "when" not in node or self.value(node["when"], names)
            inner = {source for part in nodes([node]) for source in sources(part)} if present else set(also)
            for part in nodes([node]) if present else ():
                inside |= set().union(
                    *(self.unread(part[way], names) for way in ("residual", "shortcut") if way in part and "residual" in part)
                )
            other = node.get("else") if isinstance(node, dict) and not present else None
            if isinstance(other, str):  # an earlier value stands for it
                taking = []
            taken[name] = {*(taking if present or other is not None else taking[:1]), *(inner & taken.keys())}
            there |= {name} if present else set()
            last = name
        read, pending = set(), [one.partition(".")[0] for one in outputs] or [last]
        while pending:
            one = pending.pop()
            if one not in read:
                read.add(one)
                pending += taken.get(one, ())
        return (there - read - {"input"}) | inside

    def layer(self, node: Tree, x: Shape, names: dict[str, Any], values: dict[str, Shape]) -> Shape:
        """A named node, which may take other values than the last."""
        named = node.get("from") if isinstance(node, dict) else None
        if isinstance(named, list):
            return self.merge_of_values(node, [_named(values, name) for name in named], names)
        x = _named(values, named) if named else x
        if isinstance(node, dict) and "use" in node:
            return self.again(node["use"], x, names)
        if isinstance(node, dict) and "to" in node:
            return self.like(node, x, _named(values, node["to"]))
        return self.node(node, x, names, values)

    def again(self, name: str, x: Shape, names: dict[str, Any]) -> Shape:
        """The layer of that name on another value, which has the same sizes: fewer than the rule takes."""
        node, met = _named(self.known, name)
        kinds = {key for part in nodes([node]) for key in part}
        if x != met or kinds & {"when", "use", "to", "collect", "from", "residual", *MERGES, *PARTS} or not kinds & _MODULES:
            raise Avoided("no layer to use again")
        self.drawn["use"] += 1
        return self.node(node, x, names)

    def like(self, node: Tree, x: Shape, other: Shape) -> Shape:
        kind = LIKE[next(iter(node))]
        op = kind(**{key: value for key, value in node.items() if key in kind.fields})
        if any(not constraint.holds() for constraint in op.constraints(x, other)):
            raise Misfit("another number of axes")
        if math.prod(other.spatial) * x.channels > _LARGEST:
            raise Avoided("too large")
        self.drawn[f"{op.name} to"] += 1
        return Shape((x.channels, *other.spatial))

    def merge_of_values(self, node: Tree, taken: list[Shape], names: dict[str, Any]) -> Shape:
        """A merge of earlier values; with `when` it may be left out, and then hands the first on."""
        kind = next(iter(node))
        too_many(kind, len(taken))
        if "when" not in node:
            return self.merged(kind, taken)
        if kind == "concat" and len(taken) > 1:
            raise Misfit("a merge with `when` keeps the channels")
        return self.merged(kind, taken) if self.value(node["when"], names) else taken[0]


_MODULES = {name for name, op in OPS.items() if op.torch_class and not op.line} | {"sequence"}


def _named(values: dict[str, Any], name: str) -> Any:
    """A value by its name, which a changed spec may not have."""
    if name not in values:
        raise Misfit("there is no such value")
    return values[name]


def _sources(node: Tree) -> list[str]:
    found = node.get("from", []) if isinstance(node, dict) else []
    return found if isinstance(found, list) else [found]


def _taken(node: Tree, last: str) -> list[str]:
    """The layers whose values a named node takes: those that it names, or the one before it."""
    taking = [source.partition(".")[0] for source in _sources(node)] or [last]
    kind = next(iter(node)) if isinstance(node, dict) else ""
    if kind in MERGES and isinstance(node[kind], dict):
        given = [part["from"] if isinstance(part, dict) and "from" in part else None for part in node[kind].values()]
        return [source for one in given for source in (taking if one is None else [one.partition(".")[0]])]
    return taking


def sources_of(node: Tree) -> set[str]:
    """Every name in a node's tree that may be that of a value."""
    return {source for part in nodes([node]) for source in sources(part)}


def heads(spec: Tree) -> dict[str, str]:
    """The outputs of training that nobody else reads and that a `when` may leave out, each with what it takes."""
    layers = network_layers(spec)
    before = dict(zip(layers, ["input", *layers]))
    read = {source for node in nodes(layers.values()) for source in sources(node)}
    read.update(source for name, node in layers.items() for source in _taken(node, before[name]))
    read.update(spec.get("outputs") or list(layers)[-1:])
    named = [name for name in spec.get("training_outputs", []) if name not in read and isinstance(layers.get(name), dict)]
    return {
        name: _taken(layers[name], before[name])[0] for name in named if "when" in layers[name] and "else" not in layers[name]
    }


def without_heads(spec: Tree, names: dict[str, Any]) -> tuple[Tree, list[str]]:
    """The layers of a network without the heads that are left out, the others without their `when`; and what leaves."""
    layers = network_layers(spec)
    before, own = dict(zip(layers, ["input", *layers])), heads(spec)
    found, leaving = {}, [*(spec.get("outputs") or list(network_layers(spec))[-1:]), *spec.get("training_outputs", [])]
    for source in own.values():
        readers = [name for name, node in layers.items() if source in {*_taken(node, before[name]), *sources_of(node)}]
        if source != "input" and source not in leaving and set(readers) <= own.keys():
            raise Misfit("left out, a head leaves a layer without a reader")
    for name, node in layers.items():
        if name not in own:
            found[name] = node
            continue
        needs_module(_without(node, "when"))
        if value_of(node["when"], names):
            found[name] = _without(node, "when")
        else:
            leaving.remove(name)
    return found, leaving


FLOAT_SIGNS = re.compile(r"//|[-+*/%]|\b(?:round|floor|ceil|min|max|make_divisible)\b")


def network(spec: Tree) -> tuple[Meaning, dict[str, Shape]]:
    """Works out the values of a spec's network, by name; raises Misfit where it does not fit."""
    entering = spec["input"] if isinstance(spec["input"], dict) else {"": spec["input"]}
    shapes = {name: Shape(tuple(sizes), arranged=len(sizes) == 2) for name, sizes in entering.items()}
    x = next(iter(shapes.values()))
    let = spec.get("let", {})
    arguments = {name: tuple(value) if isinstance(value, list) else value for name, value in spec.get("args", {}).items()}
    constants = with_constants({}, {key: tree for key, tree in let.items() if not words(tree) & {"in_channels", *arguments}})
    meaning = Meaning(spec.get("blocks", {}), spec.get("defaults", {}), constants)
    sizes = {f"{name}_channels": shape.channels for name, shape in list(shapes.items())[1:]}
    values: dict[str, Shape] = {name: shape for name, shape in shapes.items() if name}
    names = with_constants({"in_channels": x.channels, **arguments, **sizes}, let)
    layers, leaving = without_heads(spec, names)
    meaning.body(layers, x, names, values)
    if meaning.unread(layers, names, leaving) or meaning.unread_parts(layers, leaving):
        raise Misfit("nobody reads a value: what would read it is left out")
    return meaning, values


def _without(node: Tree, *keys: str) -> Tree:
    return {key: value for key, value in node.items() if key not in keys} if isinstance(node, dict) else node
