"""A spec as frozen records: what the author wrote, no more and no less.

Reading refuses, by itself and with places, whatever can be seen without knowing the other blocks: the structure, the names, the
expressions, the options of ops, and what is read by nobody. Which blocks exist and what they take is the graph's to say.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from archgen import names, other_names, source
from archgen.diagnostics import (
    MOST_NAMES,
    MOST_QUOTED,
    Note,
    Place,
    Problem,
    Source,
    SpecError,
    nearest,
    printable,
    quote,
    suggest,
)
from archgen.expressions import CONDITION, Expression, ExpressionError, Value, evaluate, names_of
from archgen.expressions import parse as parse_expression
from archgen.ops import OPS
from archgen.ops.base import KINDS
from archgen.records import Record

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from archgen.ops import Op

MERGES = ("add", "subtract", "multiply", "concat")
COMPOSITIONS = ("sequence", "residual", *MERGES)
_AS_MAPPING = {"sequence": "`{sequence: [...]}`, or a list alone", "residual": "`residual:`, its layers below"}
_MERGED = "`{0}:`, its branches below, or `{{{0}, from: [A, B]}}`"
TYPES = ("int", "float", "bool", "op")
IMAGE_CHANNELS = (1, 3, 4)  # grey, colours, colours and opacity
LEAST_IMAGE = 8  # positions of the smallest image that anybody trains on
_WORDS = ("depth", "first", "when", "from", "shortcut", "split")
_TRUTHS = {"yes": "true", "on": "true", "no": "false", "off": "false"}  # as YAML 1.1 has them, and Python's in lowercase
_NOTHING = ("", "~", "null", "none", "false", "no", "off", "remove", "delete")  # as nodes: no layer is meant
_SECTIONS = ("stem", "stages", "head")
_NO_LAYERS = "write `stem:`, `stages:` or `head:`, and below it lines as `conv1: {conv: 64, kernel_size: 3}`"
_HOLDING = (*COMPOSITIONS, "shortcut")  # keys of a node below which layers have names
_OUTSIDE = "name `{0}`, or write the layers of `{0}` one by one, outside it"
_BRANCH = "a branch takes the value that enters the merge, not another"
_ABOVE = "put the node above, and name it in the merge: `from: [A, B]`"
_LINES = "write `name: value` lines below its key"
_NAMED = "layers have names: write lines as `conv1: {conv: 64, kernel_size: 3}` below its key"
_LISTED = "layers have names, and a list is one layer: write `{body: [...]}`"
_OTHER_SECTION = "write it under the name and in the section that the layer has where it is taken over from"
_BLOCKS = "a block is written `Unit: {layers: {conv1: {conv: 64, kernel_size: 3}}}`"
_TEXT = "write a text, in quotes where it has signs of YAML"
_SIZES = "write a number, for a size the usual one: the module runs on others too"
_NETWORKS = "an argument of the network has a value as its default: `num_classes: 1000`"
_NO_NAMES = "a default names nothing: what follows from other values is a constant, in `let`"
_NO_NAMES_OF_OPS = "a default names nothing: write an op of other values where it is used, without an argument"
_LIST_OF_NAMES = "each has a value: `{{{0}: ...}}`"
MOST_PROBLEMS = 50  # then reading stops: each may search for the nearest name, and only the first are shown
DEPTH_NAMES = frozenset({"index", "block_index", "block_count"})
_TUPLE = re.compile(r"\(\s*([^()]+,[^()]*?),?\s*\)")  # Python's way to write a list
_SIZED = re.compile(r"\(?\s*[0-9]{1,9}(?:\s*[x,]\s*[0-9]{1,9}){1,3}\s*\)?")
_BLOCK = re.compile(r"[A-Z]\w*", re.ASCII)

SPEC_KEYS = (
    "name", "description", "extends", "input", "args", "let", "defaults", "stem", "stages", "head", "outputs",
    "training_outputs", "assert", "blocks",
)  # fmt: skip
# What a claim of `assert` may name: the report's totals, the contract, and the costs of one image in float32.
TOTALS = frozenset({"parameters", "buffers", "macs"})
CONTRACT = frozenset({"min_size", "reduction", "receptive_field"})
COSTS = frozenset({"activations", "inference_memory", "training_memory"})
BLOCK_KEYS = ("description", "paper", "args", "let", "layers")


def is_kind(text: str) -> bool:
    """Tells whether a key of a node is its kind: an op, a composition or a block. Ops are snake_case, blocks CapWords."""
    return text in OPS or text in COMPOSITIONS or _BLOCK.fullmatch(text) is not None


def is_empty(tree: source.Tree) -> bool:
    """Tells whether a key has no value, as in `{batch_norm, eps: 0.001}`."""
    return isinstance(tree, source.Scalar) and tree.text == "" and tree.plain


_OPTIONS = frozenset(name for op in OPS.values() for name in op.fields)
_HELD = [name for name, op in OPS.items() if op.torch_class and not op.infers]  # ops that an argument may hold
_OWN_CLASSES = frozenset(op.__name__ for op in OPS.values() if op.module_source)


def _why_no_class(name: str) -> str:
    return names.why_no_class(name) or ("is the class of an op" if name in _OWN_CLASSES else "")


# Options of torch or of other libraries that no op has here, and what stands for them.
_NO_OPTIONS = {
    **dict.fromkeys(
        ("in_channels", "in_features", "num_features", "num_channels", "normalized_shape", "input_channels"),
        "leave it out: it follows from what comes before",
    ),
    **dict.fromkeys(("activation", "act"), "leave it out, and put the activation behind: `[{conv: 64, kernel_size: 3}, relu]`"),
    **dict.fromkeys(
        ("norm", "batch_norm", "bn"), "leave it out, and put the norm behind: `[{conv: 64, kernel_size: 3}, batch_norm]`"
    ),
    "inplace": "leave it out: archgen works in place wherever nobody reads the value any more",
    **dict.fromkeys(("device", "dtype"), "leave it out: a module is moved by its user, `module.to(...)`"),
}

# Keys that people write at the top of a spec, and what stands for them.
_NO_KEYS = {
    **dict.fromkeys(
        ("in_channels", "in_chans", "input_channels", "channels", "input_shape", "input_size", "image_size", "img_size"),
        "`input` lists the channels and then the sizes: `input: [3, 224, 224]`",
    ),
    **dict.fromkeys(
        ("num_classes", "classes", "n_classes"), "an argument of the module stands in `args`: `args: {num_classes: 10}`"
    ),
    **dict.fromkeys(("layers", "backbone", "body", "model"), "the layers of a network stand in `stem`, `stages` and `head`"),
    **dict.fromkeys(("const", "constants", "vars", "variables"), "constants stand in `let`"),
}


class TakenOut(Record):
    """A layer that a spec takes out of those that it extends: where it says so, and the texts that don't know of it."""

    uncompared: ClassVar[frozenset[str]] = frozenset()

    place: Place
    older: frozenset[Source]


class Argument(Record):
    """An option or argument as it was written; "" is the name of the value beside the kind."""

    name: str
    value: Value
    place: Place


class Reference(Record):
    """The name of a value that a node takes."""

    name: str
    place: Place


class Node(Record):
    """What every node may have: a condition, and the value it takes instead of the one before it."""

    when: Value | None
    sources: tuple[Reference, ...]
    place: Place


class Use(Node):
    """An op, a block, or an argument that holds an op. `first` changes or replaces the first of `depth` blocks."""

    kind: str
    arguments: tuple[Argument, ...] = ()
    depth: Value | None = None
    first: tuple[Argument, ...] | Use | None = None


class Layer(Record):
    """A named node."""

    name: str
    node: AnyNode
    place: Place


Layers: TypeAlias = "tuple[Layer, ...]"
Way: TypeAlias = "tuple[str, ...]"  # the keys that lead to some layers of a spec


class Sequence(Node):
    """Modules in order; the names of a list are its indices."""

    layers: Layers = ()


class Residual(Node):
    """The sum of two ways from one value; `shortcut_first` tells which was written first."""

    residual: Layers = ()
    shortcut: Layers = ()
    shortcut_first: bool = False


class Merge(Node):
    """Branches from one value, or earlier values, made into one."""

    kind: str = "add"
    branches: Layers = ()
    split: bool = False


AnyNode: TypeAlias = "Use | Sequence | Residual | Merge"


class Parameter(Record):
    """An argument of a block or network: `type` is int, float, bool, op or list; `default` is None where one must be given."""

    name: str
    type: str
    default: Value | None
    place: Place


class Constant(Record):
    """A named expression of `let`."""

    name: str
    value: Value
    place: Place


class Block(Record):
    name: str
    description: str
    paper: str
    parameters: tuple[Parameter, ...]
    constants: tuple[Constant, ...]
    layers: Layers
    place: Place


class Assertion(Record):
    text: str
    value: Value
    place: Place


class Default(Record):
    """Option defaults for every node of a kind."""

    kind: str
    arguments: tuple[Argument, ...]
    place: Place


class Spec(Record):
    uncompared: ClassVar[frozenset[str]] = frozenset({"place", "notes", "idle"})

    name: str
    description: str
    input: tuple[int, ...]
    parameters: tuple[Parameter, ...]
    constants: tuple[Constant, ...]
    option_defaults: tuple[Default, ...]
    stem: Layers
    stages: Layers
    head: Layers
    outputs: tuple[Reference, ...]
    training_outputs: tuple[Reference, ...]
    assertions: tuple[Assertion, ...]
    blocks: tuple[Block, ...]
    notes: tuple[Note, ...]
    idle: tuple[Problem, ...]
    place: Place

    @property
    def layers(self) -> Layers:
        return self.stem + self.stages + self.head


class _Scope:
    """The names that the expressions and references of one block or network may use, and which of them are read."""

    def __init__(
        self, parameters: Iterable[Parameter], constants: Iterable[Constant], others: Iterable[str] = ("in_channels",)
    ) -> None:
        self.ops = {parameter.name for parameter in parameters if parameter.type == "op"}
        named: tuple[Parameter | Constant, ...] = (*parameters, *constants)
        self.known = {*others, *(item.name for item in named)}
        self.read: set[str] = set()
        self.later: set[str] = set()  # while the constants are read: all of them
        self.no_names = _NO_NAMES  # what helps where none are known


class Problems:
    """Reads one file's tree and collects every problem in it. `library` names the blocks that come with archgen.

    taken_out, replaced: what a spec did to the layers of those that it extends, by their names and by the places of the new.
    """

    def __init__(
        self, library: Iterable[str] = (), taken_out: dict[str, TakenOut] | None = None, replaced: Container[Place] = ()
    ) -> None:
        self.taken_out, self.replaced = taken_out or {}, replaced
        self.extending = taken_out is not None
        self.problems: list[Problem] = []
        self.idle: list[
            Problem
        ] = []  # what nobody uses: told only where nothing else is wrong, since a typo leaves much unused
        self.notes: list[Note] = []
        self.library = tuple(library)
        self.blocks: tuple[str, ...] = ()
        self.meant: set[str | None] = set()  # what the unknown keys of the last mapping were probably meant to be
        self.network = ""
        self.incomplete: list[tuple[source.Scalar, set[str]]] = []  # ops with the options that they have
        self.earlier: set[str] = set()  # the values that the layer at hand may name
        self.own: Source | None = None  # the file that is read; what it extends has other sources
        self.inside: dict[str, Way] = {}  # of the class at hand: layers inside others, by the names of these
        self.hidden: tuple[set[str], ...] = ()  # in a branch: the values around it, which it can't take
        self.lost: list[tuple[Way, Layer]] = []  # layers that were taken over and reach no output, and where they were

    def problem(self, place: Place, sentence: str, help: str = "") -> None:
        self.problems.append(Problem(place, sentence, help))
        if len(self.problems) == MOST_PROBLEMS:
            raise SpecError(*self.problems)

    def note(self, place: Place, sentence: str, help: str = "") -> None:
        """Says something that is allowed and seldom meant."""
        self.notes.append(Note(place, sentence, help))

    def finish(self) -> None:
        """Raises SpecError if there was a problem; what nobody uses is told later, where the blocks have no fault either."""
        if self.problems:
            raise SpecError(*self.problems)

    def keys(self, tree: source.Tree, known: tuple[str, ...], what: str, help: str = _LINES) -> dict[str, source.Tree]:
        found = {}
        self.meant = set()
        for key, value in self.mapping(tree, help):
            if key.text in known:
                found[key.text] = value
            else:
                self.meant.add(nearest(key.text, known))
                other = _NO_KEYS.get(key.text, "") if known == SPEC_KEYS else ""
                self.problem(key.place, f"there is no key {quote(key.text)} here", other or suggest(key.text, known, what))
        return found

    def missing(self, place: Place, sentence: str, help: str, *keys: str) -> None:
        """A problem, unless one of the keys stands there misspelt, which is a problem already."""
        if self.meant.isdisjoint(keys):
            self.problem(place, sentence, help)

    def mapping(self, tree: source.Tree | None, help: str = _LINES) -> tuple[tuple[source.Scalar, source.Tree], ...]:
        if isinstance(tree, source.Mapping):
            return tree.entries
        if tree is not None:
            expected = "a mapping of names to values is expected here"
            found = "" if is_empty(tree) else f", not {_shape_of(tree)}"
            self.problem(tree.place, expected + found, help)
        return ()

    def text(self, tree: source.Tree | None) -> str:
        if tree is None:
            return ""
        if not isinstance(tree, source.Scalar):
            self.problem(tree.place, f"a text is expected here, not {_shape_of(tree)}", _TEXT)
            return ""
        return tree.text

    def unique(self, layers: Layers, parameters: tuple[Parameter, ...], constants: tuple[Constant, ...]) -> None:
        """No two arguments and no two attributes of a class share a name, whatever the case of its letters."""
        named: tuple[Parameter | Constant, ...] = (*parameters, *constants)
        self.distinct((item.name, item.place) for item in named)
        self.distinct(attributes(layers))

    def distinct(self, named: Iterable[tuple[str, Place]]) -> None:
        seen: dict[str, tuple[str, Place]] = {}
        for name, place in named:
            folded = name.casefold()
            if folded in seen:
                first, where = seen[folded]
                kind = "used twice" if first == name else f"too like {quote(first)}"
                self.problem(
                    place,
                    f"the name {quote(name)} is {kind}; the other is at {where.seen_from(place)}",
                    "give it another name",
                )
            else:
                seen[folded] = (name, place)


class Values(Problems):
    """Reads values, which are expressions, and names."""

    def class_name(self, tree: source.Tree | None) -> str:
        text = self.text(tree)
        reason = _why_no_class(text)
        if isinstance(tree, source.Scalar) and reason:
            sentence = f"the network can't be called {quote(text)}: it {reason}" if text else "a name is missing here"
            self.problem(tree.place, sentence, names.rule(reason))
        return text

    def constant_int(self, tree: source.Tree) -> int:
        count = len(self.problems)
        value = self.value(tree, _Scope((), (), ()))
        if type(value) is not int or not value >= 1 or len(self.problems) > count:
            del self.problems[count:]
            found = f", not {_shape_of(tree)}"
            self.problem(tree.place, f"the channels and sizes of `input` are whole numbers of at least 1{found}", _SIZES)
            return 1
        return value

    def argument_name(self, key: source.Scalar, what: str) -> None:
        reason = names.why_no_argument(key.text)
        if not reason and (key.text in OPS or key.text in COMPOSITIONS):
            reason = "is the name of a kind of node"
        if not reason and _BLOCK.fullmatch(key.text):
            reason = "starts with a capital, as only blocks do"
        if not reason and key.text in _WORDS:
            reason = "is a word of the language"
        if reason:
            self.problem(key.place, f"{what} can't be called {quote(key.text)}: it {reason}", names.rule(reason))

    def references(self, tree: source.Tree) -> tuple[Reference, ...]:
        items = tree.items if isinstance(tree, source.Sequence) else (tree,)
        found = []
        for item in items:
            if isinstance(item, source.Scalar):
                found.append(Reference(item.text, item.place))
            else:
                names = ", ".join(key.text for key, _ in _entries(item)) or "A, B"
                help = f"list the names of layers: `[{names}]`"
                self.problem(item.place, f"the name of a layer is expected, not {_shape_of(item)}", help)
        return tuple(found)

    def value(self, tree: source.Tree, scope: _Scope, also: Iterable[str] = ()) -> Value:
        """Reads a number, an expression or a list; `also` are words that may be meant by a name that is unknown."""
        if isinstance(tree, source.Sequence):
            return tuple(self.value(item, scope) for item in tree.items)
        if not isinstance(tree, source.Scalar):
            values = [item.text for _, item in _entries(tree) if isinstance(item, source.Scalar) and item.text]
            help = f"values for the axes are a list: `[{', '.join(values)}]`" if 1 < len(values) == len(_keys(tree)) else ""
            self.problem(tree.place, "a number or an expression is expected, not a mapping", help)
            return 0
        if listed := _TUPLE.fullmatch(tree.text):
            self.problem(tree.place, "a list stands in square brackets", f"write `[{listed[1]}]`")
            return 0
        if tree.text == "":
            self.problem(tree.place, "a value is missing here", "write one, or leave the key out")
            return 0
        try:
            value = parse_expression(tree.text)
            if isinstance(value, Expression) and not names_of(value):
                value = evaluate(value, {})
        except ExpressionError as error:
            self.problem(_inside(tree, error.offset, error.length), error.sentence, error.help)
            return 0
        for name in sorted(names_of(value)):
            if name in scope.known:
                scope.read.add(name)
            elif name in OPS:
                help = f"an op is a node of its own: `[{{conv: 64, kernel_size: 3}}, {name}]`"
                self.problem(tree.place, f"{quote(name)} is an op: no number can be made of it", help)
            else:
                offset = re.search(rf"\b{name}\b", tree.text)
                place = _inside(tree, offset.start() if offset else 0, len(name))
                self.problem(place, f"there is no name {quote(name)} here", self.suggest_name(name, scope, also))
        return value

    def suggest_name(self, name: str, scope: _Scope, also: Iterable[str]) -> str:
        if name in DEPTH_NAMES:
            return f"`{name}` is known only in the arguments of a node with `depth`"
        if name in scope.later:
            return "a constant sees only those before it"
        if name.lower() in _TRUTHS:
            return f"write `{_TRUTHS[name.lower()]}`"
        if other_names.written(name) == "identity":
            return "where the block takes an op write `identity`; else leave it out"
        if name.lower() in ("true", "false"):
            return f"write `{name.lower()}`"
        near = nearest(name, also)
        if near and not nearest(name, scope.known):
            return f"the nearest is {quote(near)}"
        if not scope.known:
            return scope.no_names
        known = suggest(name, sorted(scope.known), "names")
        counts = "in_channels" in scope.known and not nearest(name, scope.known)
        return f"write a number, or name it in `let`; {known}" if counts else known


class Options(Values):
    """Reads an op or a block with its options."""

    def node(self, tree: source.Tree, scope: _Scope, earlier: set[str]) -> AnyNode:
        raise NotImplementedError  # `Nodes` has it: an op's option may hold a node

    def kind_known(self, key: source.Scalar, scope: _Scope) -> bool:
        text = key.text
        if text in scope.ops:
            scope.read.add(text)
        elif text in COMPOSITIONS:
            self.problem(key.place, f"{quote(text)} can't stand alone", f"write {_AS_MAPPING.get(text, _MERGED.format(text))}")
        elif text not in OPS and text not in self.blocks and text not in self.library:
            what = "is no op or block" if text else "a node is expected here"
            meant = key.place in self.replaced and text.lower() in _NOTHING
            help = "to take the layer out write `{when: false}`" if meant else self.suggest_kind(text)
            self.problem(key.place, f"{quote(text)} {what}" if text else what, help)
            return False
        return True

    def suggest_kind(self, word: str) -> str:
        if not word:
            return "write an op (`relu`), a block (`BasicBlock`), a mapping with one, or a list"
        if word in self.earlier:
            return f"{quote(word)} is a value; earlier values are merged without branches: `{{add, from: [A, B]}}`"
        meant = other_names.help_for(word)
        if meant:
            return meant
        near = nearest(word, self.kinds())
        if near:
            return f"the nearest is {quote(near)}"
        if word[0].isdecimal():
            return "a number is no node: name what takes it, as `{conv: 64, kernel_size: 3}`"
        if _BLOCK.fullmatch(word):
            return "define it under `blocks`; `archgen list` lists the blocks that come with archgen"
        return "`archgen ops` lists the ops, `archgen list` the blocks that come with archgen"

    def kinds(self) -> list[str]:
        return [*OPS, *COMPOSITIONS, *self.blocks, *self.library]

    def not_one_kind(self, tree: source.Mapping, kinds: list[tuple[source.Scalar, source.Tree]], scope: _Scope) -> None:
        if kinds:
            both = " and ".join(quote(key.text) for key, _ in kinds)
            help = f"nodes one after the other are a list, `[{', '.join(f'{{{key.text}: ...}}' for key, _ in kinds[:2])}]`; "
            help += "else give the other a name of its own"
            self.problem(kinds[1][0].place, f"a node has one kind, but this one has {both}", help)
            return
        for key, value in tree.entries:
            if is_empty(value) and not key.text.isidentifier():
                help = "put an expression that contains a comma in quotes, or name it in `let`"
                self.problem(key.place, f"{quote(key.text)} stands here as a key without a value", help)
                return
        if not tree.entries:
            self.problem(tree.place, "a node is expected here, not an empty mapping", self.suggest_kind(""))
        else:
            unknown = [key for key, _ in tree.entries if key.text not in _WORDS and key.text not in _OPTIONS]
            if not unknown:
                takes_out = self.extending and _keys(tree) == ["when"]
                help = _OTHER_SECTION if takes_out else "name its op or block: `{conv: 64, kernel_size: 3}`"
                self.problem(tree.place, "this node has no kind", help)
                return
            alone = [key for key, value in tree.entries if key in unknown and is_empty(value)]
            near = [key for key in unknown if other_names.help_for(key.text) or nearest(key.text, self.kinds())]
            key = (alone or near or unknown)[0]
            self.problem(key.place, f"{quote(key.text)} is no op or block", self.suggest_kind(key.text))

    def common(
        self, options: list[tuple[source.Scalar, source.Tree]], scope: _Scope
    ) -> tuple[Value | None, tuple[Reference, ...]]:
        given = {key.text: value for key, value in options}
        before = len(self.problems)
        when = self.value(given["when"], scope) if "when" in given else None
        if when is not None and not isinstance(when, (bool, Expression)) and len(self.problems) == before:
            self.problem(given["when"].place, f"a condition is true or false, not {_shown(when)}", CONDITION)
        return when, self.references(given["from"]) if "from" in given else ()

    def use(
        self,
        key: source.Scalar,
        value: source.Tree,
        options: list[tuple[source.Scalar, source.Tree]],
        scope: _Scope,
        when: Value | None,
        sources: tuple[Reference, ...],
        place: Place,
    ) -> Use:
        self.kind_known(key, scope)
        if len(sources) > 1:
            self.takes_one_value(key, sources)
        depth_tree = next((option for name, option in options if name.text == "depth"), None)
        inside = scope
        if depth_tree is not None:
            inside = _Scope((), ())
            inside.ops, inside.known, inside.read = scope.ops, scope.known | DEPTH_NAMES, scope.read
        depth = None if depth_tree is None or key.text in OPS else self.depth(depth_tree, scope)
        arguments, first = [], None
        if not is_empty(value):
            arguments.append(self.first_argument(key, value, inside))
        for name, option in options:
            if name.text == "depth" and key.text not in OPS:
                continue
            if name.text == "first" and key.text not in OPS:
                first = self.first(key, name, option, depth, inside)
                continue
            if key.text in scope.ops:
                self.holds_its_options(key.text, name.place)
                continue
            arguments.append(self.option(key.text, name, option, inside, ("when", "from")))
            if key.text in OPS and name.text in {argument.name for argument in arguments[:-1]}:
                other = arguments[0].place.seen_from(name.place)
                help = f"it is the value beside `{key.text}` at {other}: leave one of them out"
                self.problem(name.place, f"the option {quote(name.text)} is given twice", help)
        if key.text in OPS:
            given = {argument.name for argument in arguments}.union(
                key.text for key, _ in _entries(value)
            )  # where they stand in it
            known = OPS[key.text].fields
            meant = {other_names.option(name, known) or nearest(name, known) or "" for name in given.difference(known)}
            self.incomplete.append((key, given | meant))
        return Use(when, sources, place, key.text, tuple(arguments), depth, first)

    def depth(self, tree: source.Tree, scope: _Scope) -> Value:
        depth = self.value(tree, scope)
        if isinstance(depth, Expression) or (type(depth) is int and depth >= 1):
            return depth
        if not isinstance(tree, source.Scalar) or tree.text:  # else its value is missing, which is a problem already
            help = "each stage is a node of its own, with its own `depth`" if isinstance(depth, tuple) else ""
            help = "where no block is meant, leave the node out" if type(depth) is int else help
            self.problem(tree.place, f"`depth` is a whole number of at least 1, not {_shown(depth)}", help)
        return 1

    def takes_one_value(self, key: source.Scalar, sources: tuple[Reference, ...]) -> None:
        names = ", ".join(reference.name for reference in sources)
        help = f"name one of them, or first merge them: `both: {{add, from: [{names}]}}`"
        self.problem(sources[1].place, f"{quote(key.text)} takes one value", help)

    def first(
        self, key: source.Scalar, name: source.Scalar, tree: source.Tree, depth: Value | None, scope: _Scope
    ) -> tuple[Argument, ...] | Use | None:
        if depth is None:
            help = "give the node a `depth`, or write the arguments beside the block itself"
            self.problem(name.place, "`first` needs a `depth`: it changes the first of several blocks", help)
        if isinstance(tree, source.Mapping) and not any(is_kind(option.text) for option, _ in tree.entries):
            return tuple(self.option(key.text, option, value, scope) for option, value in tree.entries)
        node = self.node(tree, scope, set())
        if isinstance(node, Use) and node.depth is None and not node.sources and node.when is None:
            return node
        help = "write arguments, as `first: {stride: 2}`, or put the nodes in a block: `first: {Unit: 64}`"
        self.problem(tree.place, "`first` takes changed arguments, or one block or op", help)
        return None

    def first_argument(self, key: source.Scalar, value: source.Tree, scope: _Scope) -> Argument:
        if key.text in OPS:
            first = OPS[key.text].first()
            if not first:
                inferred = f"what enters tells its channels: write `{key.text}` alone, or options by their names"
                options = "; ".join(f"`{{{key.text}, {option}: ...}}`" for option in OPS[key.text].fields)
                help = inferred if OPS[key.text].infers else f"name the option: {options}" if options else "leave it out"
                self.problem(value.place, f"{quote(key.text)} takes no value of its own", help)
                return Argument("", 0, value.place)
            if isinstance(value, source.Mapping) and value.entries and set(_keys(value)) <= set(OPS[key.text].fields):
                self.stands_beside(key, value, "options", "op")
                return Argument(first, 0, value.place)
            return Argument(first, self.op_option(key.text, first, value, scope), value.place)
        if key.text in scope.ops:
            self.holds_its_options(key.text, value.place)
        if isinstance(value, source.Mapping) and not any(map(is_kind, _keys(value))):
            self.stands_beside(key, value, "arguments", "block")
            return Argument("", 0, value.place)
        return Argument("", self.argument_value(value, scope), value.place)

    def stands_beside(self, key: source.Scalar, value: source.Mapping, what: str, kind: str) -> None:
        said = ", ".join(f"{name}: ..." for name in _keys(value))
        self.problem(value.place, f"{what} stand beside the {kind}, not in it", f"write `{{{key.text}, {said}}}`")

    def holds_its_options(self, argument: str, place: Place) -> None:
        help = f"write them where the argument is given its op, as `{argument}: {{leaky_relu: 0.2}}`"
        self.problem(place, f"{quote(argument)} holds an op with its options: it takes none here", help)

    def option(self, kind: str, key: source.Scalar, value: source.Tree, scope: _Scope, also: tuple[str, ...] = ()) -> Argument:
        if kind not in OPS:
            return Argument(key.text, self.argument_value(value, scope), key.place)
        known = OPS[kind].fields
        if key.text not in known:
            if key.text in ("depth", "first"):
                self.problem(key.place, f"only a block takes `{key.text}`", "put the op in a block")
            else:
                meant = other_names.option(key.text, known)
                help = _NO_OPTIONS.get(key.text, "") or (f"write `{meant}`" if meant else "")
                help = help or suggest(key.text, [*known, *also], f"options of `{kind}`")
                self.problem(key.place, f"{quote(kind)} has no option {quote(key.text)}", help)
            return Argument(key.text, 0, key.place)
        return Argument(key.text, self.op_option(kind, key.text, value, scope), value.place)

    def op_option(self, kind: str, option: str, tree: source.Tree, scope: _Scope) -> Value:
        op = OPS[kind]
        words = op.words.get(option, ())
        if op.kind(option) is KINDS["Word"]:
            text = self.text(tree)
            if text not in words:
                self.problem(tree.place, f"`{option}` of `{kind}` is a word", suggest(text, words, "words"))
            return text
        if isinstance(tree, source.Scalar) and tree.text in words:
            return tree.text
        value = self.value(tree, scope)
        reason = op.kind(option).refuses(value, 0)
        if reason and not isinstance(value, str):
            help = op.kind(option).instead(value, tree.text if isinstance(tree, source.Scalar) else "")
            self.problem(tree.place, f"`{option}` of `{kind}` {reason}, not {_shown(value)}", help)
        return value

    def argument_value(self, tree: source.Tree, scope: _Scope) -> Value:
        """The value of a block's argument: an expression, a list, or an op."""
        if isinstance(tree, source.Mapping) or (isinstance(tree, source.Scalar) and tree.text in OPS):
            return self.op_value(tree, scope)
        return self.value(tree, scope, OPS)

    def op_value(self, tree: source.Tree, scope: _Scope) -> Value:
        """An op that is the value of an argument: one that infers nothing from its input."""
        count = len(self.problems)
        node = self.node(tree, scope, set())
        if len(self.problems) > count:
            return 0
        if not isinstance(node, Use) or node.kind not in OPS or node.when is not None or node.sources:
            help = "put it in the block itself, or give an op alone"
            self.problem(tree.place, "an argument takes a number, a list or an op", help)
            return 0
        op = OPS[node.kind]
        if op.infers or not op.torch_class:
            reason = "is made for the size of its input" if op.infers else "has no class in torch.nn"
            self.problem(tree.place, f"{quote(node.kind)} can't be an argument: it {reason}", "put it in the block itself")
            return 0
        given = {argument.name: argument.value for argument in node.arguments}
        missing = [field for field in op.fields if field not in given and field not in op.defaults]
        if missing:
            self.problem(tree.place, f"{quote(node.kind)} needs `{missing[0]}`", _give(op, missing[0]))
            return 0
        return op(**given)

    def complete(self, defaults: tuple[Default, ...]) -> None:
        """Tells which op lacks an option that has no default."""
        also = {default.kind: {argument.name for argument in default.arguments} for default in defaults}
        for key, given in self.incomplete:
            op = OPS[key.text]
            missing = [name for name in op.fields if name not in op.defaults and name not in given | also.get(key.text, set())]
            if missing:
                self.problem(key.place, f"{quote(key.text)} needs `{missing[0]}`", _give(op, missing[0]))


class Nodes(Options):
    """Reads nodes: a use of an op or a block, or what is composed of others."""

    def is_taken_out(self, reference: Reference, help: str) -> bool:
        """Whether a later spec took the layer out that one before it names: that is told where it was taken out."""
        gone = self.taken_out.get(reference.name)
        if gone is None or reference.place.source not in gone.older:
            return False
        where = reference.place.seen_from(gone.place)
        self.problem(gone.place, f"this takes out {quote(reference.name)}, which is named at {where}", help)
        return True

    def layers(self, tree: source.Tree | None, scope: _Scope, outer: set[str]) -> Layers:
        """Reads named nodes in order; `outer` holds the values of the scopes around, which references may name too."""
        found = []
        earlier = set(outer)
        if isinstance(tree, source.Mapping) and self.is_node(tree, scope):
            help = f"give it a name: `conv1: {{{tree.entries[0][0].text}: ...}}`"
            self.problem(tree.place, "named layers are expected here, and this is one node", help)
            return ()
        entries = self.mapping(tree, _LISTED if isinstance(tree, source.Sequence) else _NAMED)
        here = {key.text for key, _ in entries}
        for key, value in entries:
            self.layer_name(key)
            self.earlier = earlier
            node = self.node(value, scope, earlier)
            found.append(Layer(key.text, node, key.place))
            for reference in node.sources:
                if reference.name not in earlier and reference.name != "input":
                    self.unknown_source(reference, earlier, key.text, here)
            earlier.add(key.text)
        return tuple(found)

    def is_node(self, tree: source.Mapping, scope: _Scope) -> bool:
        """Whether a mapping is one node where named nodes are expected: an op with a value that is no node itself.

        `{conv: act}` is a layer called `conv` where `act` is an argument that holds an op, and a node where it is a number.
        """
        kinds = [(key, value) for key, value in tree.entries if key.text in OPS]
        if len(kinds) != 1:
            return False
        (key, value), others = kinds[0], [name.text for name, _ in tree.entries if name is not kinds[0][0]]
        names_an_op = isinstance(value, source.Scalar) and (is_kind(value.text) or value.text in scope.ops)
        is_value = isinstance(value, source.Scalar) and not names_an_op and not is_empty(value)
        return is_value and all(name in OPS[key.text].fields or name in ("when", "from") for name in others)

    def branches(self, tree: source.Tree, scope: _Scope) -> Layers:
        """Reads the branches of a merge: they run beside each other, so each sees only what enters."""
        found = []
        for key, value in self.mapping(tree):
            self.layer_name(key)
            node = self.node(value, scope, set())
            found.append(Layer(key.text, node, key.place))
            if node.sources:
                self.problem(node.sources[0].place, _BRANCH, _ABOVE)
        return tuple(found)

    def layer_name(self, key: source.Scalar) -> None:
        self.refuse_layer_name(key, names.why_no_attribute(key.text))

    def refuse_layer_name(self, key: source.Scalar, reason: str) -> None:
        if reason:
            self.problem(key.place, f"a layer can't be called {quote(key.text)}: it {reason}", names.rule(reason))

    def unknown_source(self, reference: Reference, earlier: set[str], layer: str, here: set[str]) -> None:
        known = ["input", *sorted(earlier)]
        if self.is_taken_out(reference, f"write as well what `{layer}` takes instead: `{layer}: {{from: ...}}`"):
            return
        way = self.inside.get(reference.name, ())
        around = next((name for name in way if name in earlier or name in here), "")
        if around and around in earlier:
            self.problem(reference.place, _stands_inside(reference.name, around, "can be read"), _OUTSIDE.format(around))
            return
        if any(reference.name in values for values in self.hidden):
            self.problem(reference.place, _BRANCH, _ABOVE)
            return
        if way and not around:  # they meet in a layer around both
            sentence = f"{quote(reference.name)} runs beside {quote(layer)}, in another branch of {quote(way[-1])}"
            self.problem(reference.place, sentence, suggest(reference.name, known, "values"))
            return
        if reference.name == layer:
            sentence = f"{quote(layer)} can't take its own value"
        elif around == layer:
            sentence = f"{quote(layer)} can't take the value of {quote(reference.name)}, which stands inside it"
        elif reference.name in here or around:
            sentence = f"{quote(layer)} can't take the value of {quote(reference.name)}, which comes after it"
        else:
            sentence = f"no value {quote(reference.name)} comes before {quote(layer)}"
        self.problem(reference.place, sentence, suggest(reference.name, known, "values"))

    def node(self, tree: source.Tree, scope: _Scope, earlier: set[str]) -> AnyNode:
        if isinstance(tree, source.Sequence):
            return Sequence(None, (), tree.place, self.items(tree, scope))
        if isinstance(tree, source.Scalar):
            self.kind_known(tree, scope)
            if tree.text in OPS and tree.text not in scope.ops:
                self.incomplete.append((tree, set()))
            return Use(None, (), tree.place, tree.text)
        kinds = [(key, value) for key, value in tree.entries if is_kind(key.text)]
        if not kinds:  # an argument that holds an op stands as a bare key, so that it may also be passed on under its own name
            kinds = [(key, value) for key, value in tree.entries if key.text in scope.ops and is_empty(value)]
        if len(kinds) != 1:
            self.not_one_kind(tree, kinds, scope)
            return Use(None, (), tree.place, "identity")
        (key, value) = kinds[0]
        options = [(name, option) for name, option in tree.entries if name is not key]
        when, sources = self.common(options, scope)
        rest = [(name, option) for name, option in options if name.text not in ("when", "from")]
        if key.text not in COMPOSITIONS:
            return self.use(key, value, rest, scope, when, sources, tree.place)
        return self.composition(key, value, rest, scope, when, sources, tree, earlier)

    def items(self, tree: source.Tree, scope: _Scope) -> Layers:
        """The nodes of a sequence: a list, or named."""
        if isinstance(tree, source.Sequence):
            named = [(str(number), item, item.place) for number, item in enumerate(tree.items)]
        else:
            named = [(key.text, item, key.place) for key, item in self.mapping(tree)]
            for key, _ in self.mapping(tree):
                if not key.text.isdecimal():
                    self.refuse_layer_name(key, names.why_no_child(key.text))
        if not named:
            self.problem(tree.place, "a sequence needs at least one node", "where nothing is to be done write `identity`")
        layers = tuple(Layer(name, self.node(item, scope, set()), place) for name, item, place in named)
        for layer in layers:
            if layer.node.sources:
                self.problem(
                    layer.node.sources[0].place, "`from` can't stand inside a sequence", "give the layers names, outside a list"
                )
            if isinstance(layer.node, (Residual, Merge)):
                self.problem(
                    layer.place, "a sequence holds ops, blocks and sequences: a merge is none", "put the merge in a block"
                )
        return layers

    def composition(
        self,
        key: source.Scalar,
        value: source.Tree,
        options: list[tuple[source.Scalar, source.Tree]],
        scope: _Scope,
        when: Value | None,
        sources: tuple[Reference, ...],
        tree: source.Mapping,
        earlier: set[str],
    ) -> AnyNode:
        allowed = {"residual": ("shortcut",), "sequence": ()}.get(key.text, ("split",))
        for name, _ in options:
            if name.text not in allowed:
                known = (*allowed, "when", "from")
                if name.text in ("depth", "first"):
                    self.problem(name.place, f"only a block takes `{name.text}`", f"put the {key.text} in a block")
                    continue
                if name.text == "split":
                    help = "leave it out; a merge with branches takes it: `{concat: {a: ..., b: ...}, split: true}`"
                    self.problem(name.place, f"{quote(key.text)} has no option `split`", help)
                    continue
                self.problem(
                    name.place, f"{quote(key.text)} has no option {quote(name.text)}", suggest(name.text, known, "options")
                )
        given = {name.text: option for name, option in options}
        if key.text == "sequence":
            return Sequence(when, sources, tree.place, self.items(value, scope))
        if key.text == "residual":
            if len(sources) > 1:
                self.takes_one_value(key, sources)
            before = len(self.problems)
            residual = self.layers(value, scope, earlier)
            if not residual and len(self.problems) == before:
                self.problem(value.place, "`residual` needs at least one layer", _NAMED)
            shortcut = self.layers(given["shortcut"], scope, earlier) if "shortcut" in given else ()
            order = [name.text for name, _ in tree.entries]  # places don't tell: each way may be from a file of its own
            shortcut_first = "shortcut" in given and order.index("shortcut") < order.index("residual")
            return Residual(when, sources, tree.place, residual, shortcut, shortcut_first)
        hidden, self.hidden = self.hidden, (*self.hidden, earlier)
        node = self.merge(key, value, given, scope, when, sources, tree.place)
        self.hidden = hidden
        return node

    def merge(
        self,
        key: source.Scalar,
        value: source.Tree,
        given: dict[str, source.Tree],
        scope: _Scope,
        when: Value | None,
        sources: tuple[Reference, ...],
        place: Place,
    ) -> Merge:
        branches: Layers = ()
        before = len(self.problems)
        if isinstance(value, source.Sequence):
            self.list_of_branches(key, value)
            return Merge(when, sources, place, key.text)
        if self.names_values(value):
            names = ", ".join(item.text for _, item in value.entries)  # type: ignore[union-attr]
            help = f"to merge earlier values write `{{{key.text}, from: [{names}]}}`"
            self.problem(value.place, f"the branches of {quote(key.text)} are nodes, and these are values", help)
            return Merge(when, sources, place, key.text)
        if not is_empty(value):
            branches = self.branches(value, scope)
            if len(sources) > 1:
                self.problem(
                    sources[1].place,
                    f"`{key.text}` has branches, so it takes one value",
                    "leave the branches out to merge earlier values",
                )
        count = len(branches) if branches else len(sources)
        if count < 2 and not (count and key.text == "concat") and len(self.problems) == before:
            help = f"write {_MERGED.format(key.text)}"
            if branches:
                help = "what enters can be a branch too: `same: identity`"
            self.problem(key.place, f"`{key.text}` needs at least two values", help)
        split = self.value(given["split"], scope) if "split" in given else False
        if type(split) is not bool or (split and not branches):
            help = "write `true`: each branch gets as many" if branches else "leave it out: the values of `from` are whole"
            self.problem(given["split"].place, "`split` is true or false, and shares the channels among branches", help)
        return Merge(when, sources, place, key.text, branches, split is True)

    def list_of_branches(self, key: source.Scalar, tree: source.Sequence) -> None:
        """Values or nodes in a list: the first are named in `from`, the others need names."""
        names = [item.text for item in tree.items if isinstance(item, source.Scalar)]
        if names and set(names) <= self.earlier | {"input"}:
            help = f"to merge earlier values write `{{{key.text}, from: [{', '.join(names)}]}}`"
        else:
            help = f"a branch has a name: `{{{key.text}: {{a: ..., b: ...}}}}`; earlier values are merged by `from: [A, B]`"
        self.problem(tree.place, f"the branches of {quote(key.text)} are a mapping of names to nodes, not a list", help)

    def names_values(self, tree: source.Tree) -> bool:
        """Whether each branch is the name of an earlier value, which is no node."""
        values = {name for name in self.earlier | {"input"} if not is_kind(name)}
        entries = tree.entries if isinstance(tree, source.Mapping) else ()
        return bool(entries) and all(isinstance(item, source.Scalar) and item.text in values for _, item in entries)


class Unread(Nodes):
    """Finds the layers that nobody reads, and what nobody uses."""

    def reached_network(self, spec: Spec, scope: _Scope, outputs: source.Tree | None) -> Spec:
        """Returns the network without the layers that it took over and that reach no output."""
        parts: list[tuple[Way, Layers]] = [(("stem",), spec.stem), (("stages",), spec.stages), (("head",), spec.head)]
        named = {reference.name for reference in spec.outputs}
        also = {reference.name for reference in spec.training_outputs}
        stem, stages, head = self.reached(parts, named, also)
        self.forget(scope, spec.layers, stem + stages + head)
        scope.read |= names_of(spec.option_defaults)
        self.tell_lost(outputs.place if outputs is not None else spec.place, spec.place)
        return spec.replace(stem=stem, stages=stages, head=head)

    def reached(
        self, parts: list[tuple[Way, Layers]], outputs: Iterable[str] = (), also: Iterable[str] = ()
    ) -> tuple[Layers, ...]:
        """Returns the layers of one scope, in the parts that it is written in, whose values reach what leaves it.

        parts: each with the keys that lead to it. outputs: the values that leave, by default the last; also: further ones.
        A layer that reaches none of them is a problem if the spec's own file says it, and else is left out.
        """
        parts = [(way, tuple(self.inside_reached(layer, way) for layer in layers)) for way, layers in parts]
        scope = [layer for _, layers in parts for layer in layers]
        before = ["input", *(layer.name for layer in scope)]
        reads = {layer.name: _reads(layer.node, last) for layer, last in zip(scope, before)}
        needed = (set(outputs) or {before[-1]}) | set(also)
        for name in reversed(reads):
            if name in needed:
                needed |= reads[name]
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

    def forget(self, scope: _Scope, layers: Layers, kept: Layers) -> None:
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
        self, parameters: tuple[Parameter, ...], constants: tuple[Constant, ...], scope: _Scope, owner: str, place: Place
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


class Reader(Unread):
    """Reads a spec, or a block of the library."""

    def spec(self, tree: source.Mapping) -> Spec:
        self.own = tree.place.source
        keys = self.keys(tree, SPEC_KEYS, "keys of a spec")
        whole = Place(tree.place.source, tree.entries[0][0].place.line if tree.entries else 1, 1)
        for key in ("name", "input"):
            if key not in keys:
                help = "write `name: ResNet18`" if key == "name" else "write `input: [3, 224, 224]`: channels, then the sizes"
                self.missing(whole, f"the spec has no `{key}`", help, key)
        blocks_tree = self.mapping(keys.get("blocks"), _BLOCKS)
        self.blocks = tuple(key.text for key, _ in blocks_tree)
        self.distinct((key.text, key.place) for key, _ in blocks_tree)
        self.network = self.class_name(keys.get("name"))
        parameters = self.parameters(keys.get("args"), _NETWORKS)
        for parameter in parameters:
            if parameter.default is None:
                sentence = f"the network's argument {quote(parameter.name)} has no default"
                self.problem(parameter.place, sentence, "write a value instead of a type: `num_classes: 1000`")
        scope = _Scope(parameters, ())
        constants = self.constants(keys.get("let"), scope)
        count = len(self.problems)
        self.inside = dict(_nested(entry for section in _SECTIONS for entry in _entries(keys.get(section))))
        sections: list[Layers] = []
        layers: Layers = ()
        for section in _SECTIONS:  # one scope in three parts
            sections.append(self.layers(keys.get(section), scope, {layer.name for layer in layers}))
            layers += sections[-1]
        self.unique(layers, parameters, constants)
        if not layers and len(self.problems) == count:
            self.missing(whole, "the network has no layers", _NO_LAYERS, *_SECTIONS)
        spec = Spec(
            name=self.network,
            description=self.text(keys.get("description")),
            input=self.input(keys.get("input")),
            parameters=parameters,
            constants=constants,
            option_defaults=self.defaults(keys.get("defaults"), scope),
            stem=sections[0],
            stages=sections[1],
            head=sections[2],
            outputs=self.outputs("outputs", keys, layers),
            training_outputs=self.outputs("training_outputs", keys, layers),
            assertions=self.assertions(keys.get("assert")),
            blocks=tuple(self.block(key, value) for key, value in blocks_tree),
            notes=(),
            idle=(),
            place=whole,
        )
        self.complete(spec.option_defaults)
        spec = self.reached_network(spec, scope, keys.get("outputs"))
        unused = self.all_used(parameters, constants, scope, "the network", whole)
        return spec.replace(
            parameters=tuple(item for item in parameters if item.name not in unused),
            constants=tuple(item for item in constants if item.name not in unused),
            notes=tuple(self.notes),
            idle=tuple(self.idle),
        )

    def block(self, key: source.Scalar, tree: source.Tree) -> Block:
        reason = _why_no_class(key.text)
        if not reason and key.text == self.network:
            reason = "is the name of the network"
        if reason:
            self.problem(key.place, f"a block can't be called {quote(key.text)}: it {reason}", names.rule(reason))
        count = len(self.problems)
        keys = self.keys(tree, BLOCK_KEYS, "keys of a block", _BLOCKS)
        if "layers" not in keys and (isinstance(tree, source.Mapping) or len(self.problems) == count):
            sentence = f"the block {quote(key.text)} has no `layers`"
            self.missing(key.place, sentence, "write `layers:`, its nodes below", "layers")
        required = f"a required argument has a type ({', '.join(TYPES)}), an optional one a value as its default"
        parameters = self.parameters(keys.get("args"), required)
        scope = _Scope(parameters, ())
        constants = self.constants(keys.get("let"), scope)
        self.inside = dict(_nested(_entries(keys.get("layers"))))
        layers = self.layers(keys.get("layers"), scope, set())
        self.unique(layers, parameters, constants)
        (kept,) = self.reached([(("blocks", key.text, "layers"), layers)])
        self.forget(scope, layers, kept)
        self.all_used(parameters, constants, scope, f"block {quote(key.text)}", key.place)
        description, paper = self.text(keys.get("description")), self.text(keys.get("paper"))
        return Block(key.text, description, paper, parameters, constants, kept, key.place)

    def input(self, tree: source.Tree | None) -> tuple[int, ...]:
        if tree is None:
            return ()
        items = tree.items if isinstance(tree, source.Sequence) else ()
        sizes = tuple(self.constant_int(item) for item in items)
        if not 2 <= len(items) <= 4:
            self.problem(tree.place, "`input` lists the channels, then one, two or three sizes", _as_input(tree))
        elif meant := _meant_input(sizes):
            self.note(tree.place, *meant)
        return sizes

    def parameters(self, tree: source.Tree | None, help: str) -> tuple[Parameter, ...]:
        """Reads arguments; `help` says what may stand for one."""
        if isinstance(tree, source.Sequence):
            return self.listed_parameters(tree)
        entries = self.mapping(tree)
        names = {"in_channels", *(key.text for key, _ in entries)}
        return tuple(self.parameter(key, value, names, help) for key, value in entries)

    def listed_parameters(self, tree: source.Sequence) -> tuple[Parameter, ...]:
        """Arguments without values, in a list: refused, and read, so that not every use of one is a problem too."""
        listed = [item for item in tree.items if isinstance(item, source.Scalar) and names.NAME.fullmatch(item.text)]
        help = _LIST_OF_NAMES.format(": ..., ".join(item.text for item in listed)) if listed else _LINES
        self.mapping(tree, help)
        return tuple(Parameter(item.text, "int", 1, item.place) for item in listed)

    def parameter(self, key: source.Scalar, tree: source.Tree, names: set[str], help: str) -> Parameter:
        self.argument_name(key, "an argument")
        nothing = _Scope((), (), ())
        if isinstance(tree, source.Scalar) and tree.text in TYPES:
            return Parameter(key.text, tree.text, None, key.place)
        if isinstance(tree, source.Mapping) or (isinstance(tree, source.Scalar) and tree.text in OPS):
            nothing.no_names = _NO_NAMES_OF_OPS
            return Parameter(key.text, "op", self.op_value(tree, nothing), key.place)
        count = len(self.problems)
        value = self.value(tree, nothing)
        if len(self.problems) > count and isinstance(tree, source.Scalar) and tree.text not in names.union(_TRUTHS):
            near = nearest(tree.text, _HELD) if tree.text.isidentifier() else None
            if near:
                self.problems[count] = self.problems[count].replace(help=f"the nearest is `{near}`; {help}")
                return Parameter(key.text, "op", value, key.place)
            if is_empty(tree) or tree.text.isidentifier():
                self.problems[count] = self.problems[count].replace(help=help)
        return Parameter(key.text, _type_of(value), value, key.place)

    def constants(self, tree: source.Tree | None, scope: _Scope) -> tuple[Constant, ...]:
        """Each constant sees those before it."""
        constants = []
        entries = self.mapping(tree)
        scope.later = {key.text for key, _ in entries}
        for key, value in entries:
            self.argument_name(key, "a constant")
            constants.append(Constant(key.text, self.value(value, scope), key.place))
            scope.known.add(key.text)
        scope.later = set()
        scope.read = set()  # what a constant names is used if the constant is: `all_used` sees to that
        return tuple(constants)

    def defaults(self, tree: source.Tree | None, scope: _Scope) -> tuple[Default, ...]:
        found = []
        for key, options in self.mapping(tree):
            if key.text not in OPS and not _BLOCK.fullmatch(key.text):
                self.problem(key.place, f"{quote(key.text)} is no op or block", self.suggest_kind(key.text))
                continue
            inside = _Scope((), ())
            inside.known = scope.known | DEPTH_NAMES
            arguments = tuple(self.option(key.text, option, value, inside) for option, value in self.mapping(options))
            scope.read |= inside.read
            found.append(Default(key.text, arguments, key.place))
        return tuple(found)

    def assertions(self, tree: source.Tree | None) -> tuple[Assertion, ...]:
        if tree is None:
            return ()
        if not isinstance(tree, source.Sequence):
            written = _shown_in_quotes(tree) or '"parameters <= 12_000_000"'
            self.problem(tree.place, "`assert` is a list of conditions", f"write `assert: [{written}]`")
            return ()
        scope = _Scope((), ())
        scope.known = {*TOTALS, *CONTRACT, *COSTS}
        return tuple(Assertion(self.text(item), self.value(item, scope), item.place) for item in tree.items)

    def outputs(self, key: str, keys: dict[str, source.Tree], layers: Layers) -> tuple[Reference, ...]:
        if key not in keys:
            return ()
        found = self.references(keys[key])
        known = dict.fromkeys(layer.name for layer in layers)
        kept = ", ".join(reference.name for reference in found if reference.name in known)
        for reference in found:
            if reference.name not in known and self.is_taken_out(reference, f"write `{key}: [{kept}]` as well"):
                continue
            if reference.name not in known and reference.name in self.inside:
                around = self.inside[reference.name][0]
                sentence = _stands_inside(reference.name, around, "can be an output")
                self.problem(reference.place, sentence, _OUTSIDE.format(around))
            elif reference.name not in known:
                self.problem(
                    reference.place, f"there is no layer {quote(reference.name)}", suggest(reference.name, known, "layers")
                )
        return found


def _meant_input(sizes: tuple[int, ...]) -> tuple[str, str] | None:
    """Where an input looks like images with a batch in front, or with their channels last: what it is, and what helps."""
    if len(sizes) == 4 and sizes[1] in IMAGE_CHANNELS and min(sizes[2:]) >= LEAST_IMAGE:
        shown = "x".join(map(str, sizes[1:]))
        sentence = f"these are volumes of {shown} with {_counted_channels(sizes[0])}, not a batch of images"
        return sentence, f"the batch is no part of it: `input: {list(sizes[1:])}`, if these are images"
    batch = len(sizes) == 4 and sizes[0] in IMAGE_CHANNELS
    if len(sizes) < 3 or sizes[-1] not in IMAGE_CHANNELS or min(sizes[int(batch) : -1]) < LEAST_IMAGE:
        return None
    image = [sizes[-1], *sizes[-3:-1]]
    volume = f", or `input: {[sizes[-1], *sizes[:-1]]}`, if these are volumes" if len(sizes) == 4 and not batch else ""
    without = ", without the batch" if len(sizes) == 4 else ""
    sentence = f"the last size of this input is {sizes[-1]}, and it has {_counted_channels(sizes[0])}"
    return sentence, f"the channels come first{without}: `input: {image}`, if these are images{volume}"


def _as_input(tree: source.Tree) -> str:
    """How an input is written, with the numbers of what stands there: `3x224x224`, or `(3, 224, 224)`."""
    text = tree.text if isinstance(tree, source.Scalar) else ""
    sizes = re.findall(r"[0-9]+", text) if _SIZED.fullmatch(text) else ["3", "224", "224"]
    return f"write `input: [{', '.join(sizes)}]`"


def _shown_in_quotes(tree: source.Tree) -> str:
    """A condition as an item of a list; "" where it is none, or where the quotes would not hold it."""
    text = tree.text if isinstance(tree, source.Scalar) else ""
    return f'"{text}"' if text and len(text) < MOST_QUOTED and printable(text) == text and not set(text) & set('"\\`') else ""


def _keys(tree: source.Mapping) -> list[str]:
    return [key.text for key, _ in tree.entries]


def _give(op: type[Op], option: str) -> str:
    """How an op is given an option that it needs."""
    return f"write `{{{op.name}: ...}}`" if option == op.first() else f"write `{option}: ...` beside it"


def _counted_channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"


def _entries(tree: source.Tree | None) -> Iterable[tuple[source.Scalar, source.Tree]]:
    return tree.entries if isinstance(tree, source.Mapping) else ()


def _nested(entries: Iterable[tuple[source.Scalar, source.Tree]], way: Way = ()) -> Iterable[tuple[str, Way]]:
    """The names that stand inside layers, each with the names of these layers, the outermost first."""
    for name, node in entries:
        for key, value in _entries(node):
            if key.text in _HOLDING:
                inner = (*way, name.text)
                yield from ((one.text, inner) for one, _ in _entries(value))
                yield from _nested(_entries(value), inner)


def _stands_inside(name: str, around: str, can: str) -> str:
    return f"{quote(name)} stands inside {quote(around)}, which alone {can}"


def _reads(node: AnyNode, before: str) -> set[str]:
    """The values of a scope that a node in it reads; `before` is the one before it, `input` what enters the scope."""
    given = {reference.name for reference in node.sources} or {before}
    if not isinstance(node, Residual):
        return given
    found: set[str] = set()
    for layers in (node.residual, node.shortcut):
        names = [layer.name for layer in layers]
        read = {"input"} if not layers else set()  # the way hands on what enters
        read = read.union(*(_reads(layer.node, last) for layer, last in zip(layers, ["input", *names])))
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


def attributes(layers: Layers) -> Iterable[tuple[str, Place]]:
    """The names that become attributes of one class: residuals and branches have no module of their own."""
    for layer in layers:
        yield layer.name, layer.place
        if isinstance(layer.node, Residual):
            yield from attributes(layer.node.residual + layer.node.shortcut)
        elif isinstance(layer.node, Merge):
            yield from attributes(layer.node.branches)


def _inside(tree: source.Scalar, offset: int, length: int) -> Place:
    """The place of a part of a text, if the text stands there as it is, between quotes or without."""
    place = tree.place
    quotes = 0 if tree.plain else 1
    start = place.column - 1 + quotes
    if place.source.line(place.line)[start : start + len(tree.text)] != tree.text:
        return place
    return Place(place.source, place.line, place.column + quotes + offset, max(1, length))


def _type_of(value: Value) -> str:
    if type(value) is bool:
        return "bool"
    if isinstance(value, tuple):
        return "list"
    return "float" if type(value) is float else "int"


def _shown(value: Value) -> str:
    from archgen.expressions import describe

    return describe(value)


def _shape_of(tree: source.Tree) -> str:
    if isinstance(tree, source.Mapping):
        return "a mapping"
    return "a list" if isinstance(tree, source.Sequence) else quote(tree.text) if tree.text else "nothing"


def read(
    tree: source.Mapping,
    library: Iterable[str] = (),
    taken_out: dict[str, TakenOut] | None = None,
    replaced: Container[Place] = (),
) -> Spec:
    """Returns the spec of a tree, which may be merged of several. Raises SpecError with every problem found."""
    reader = Reader(library, taken_out, replaced)
    spec = reader.spec(tree)
    reader.finish()
    return spec


def read_block(tree: source.Mapping, name: str, library: Iterable[str] = ()) -> Block:
    """Returns a block of the library, one to a file."""
    reader = Reader(library)
    reader.own = tree.place.source
    block = reader.block(source.Scalar(name, True, Place(tree.place.source, 1, 1)), tree)
    reader.finish()
    if reader.idle:
        raise SpecError(*reader.idle)
    return block
