"""A spec as frozen records: what the author wrote, no more and no less.

Reading refuses, by itself and with places, whatever can be seen without knowing the other blocks: the structure, the names, the
expressions, the options of ops, and what is read by nobody. Which blocks exist and what they take is the graph's to say.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archgen.arithmetic.expressions import Value
from archgen.diagnostics import MOST_QUOTED, Place, SpecError, nearest, printable, quote, suggest
from archgen.language import names
from archgen.language.model import Assertion, Block, Constant, Default, Entering, Parameter, Reference, Spec, attributes
from archgen.language.nodes import OUTSIDE, stands_inside
from archgen.language.problems import LINES
from archgen.language.unread import Unread
from archgen.language.values import TRUTHS, Names, entries_of, why_no_class
from archgen.language.vocabulary import BLOCK, BLOCK_KEYS, COMPOSITIONS, CONTRACT, COSTS, DEPTH_NAMES, SPEC_KEYS, TOTALS, TYPES
from archgen.ops import OPS
from archgen.ops.value import channel_names
from archgen.syntax import trees
from archgen.syntax.trees import is_empty

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from archgen.language.model import Layers, TakenOut, Way


IMAGE_CHANNELS = (1, 3, 4)  # grey, colours, colours and opacity
LEAST_IMAGE = 8  # positions of the smallest image that anybody trains on
_SECTIONS = ("stem", "stages", "head")
_NO_LAYERS = "write `stem:`, `stages:` or `head:`, and below it lines as `conv1: {conv: 64, kernel_size: 3}`"
_BLOCKS = "a block is written `Unit: {layers: {conv1: {conv: 64, kernel_size: 3}}}`"
_NETWORKS = "an argument of the network has a value as its default: `num_classes: 1000`"
_NO_NAMES_OF_OPS = "a default names nothing: write an op of other values where it is used, without an argument"
_LIST_OF_NAMES = "each has a value: `{{{0}: ...}}`"
_SIZED = re.compile(r"\(?\s*[0-9]{1,9}(?:\s*[x,]\s*[0-9]{1,9}){1,3}\s*\)?")


def _held() -> list[str]:
    """The ops that an argument may hold."""
    return [name for name, op in OPS.items() if op.torch_class and (op.of_channels or not op.infers)]


def _argument_names(block: trees.Tree) -> set[str]:
    """The names of a block's arguments, before it is read."""
    return {key.text for name, args in entries_of(block) if name.text == "args" for key, _ in entries_of(args)}


class Reader(Unread):
    """Reads a spec, or a block of the library."""

    def spec(self, tree: trees.Mapping) -> Spec:
        self.own = tree.place.source
        keys = self.keys(tree, SPEC_KEYS, "keys of a spec")
        whole = Place(tree.place.source, tree.entries[0][0].place.line if tree.entries else 1, 1)
        for key in ("name", "input"):
            if key not in keys:
                help = "write `name: ResNet18`" if key == "name" else "write `input: [3, 224, 224]`: channels, then the sizes"
                self.missing(whole, f"the spec has no `{key}`", help, key)
        blocks_tree = self.mapping(keys.get("blocks"), _BLOCKS)
        self.blocks = tuple(key.text for key, _ in blocks_tree)
        self.taken_by = {key.text: _argument_names(block) for key, block in blocks_tree}
        self.distinct((key.text, key.place) for key, _ in blocks_tree)
        self.network = self.class_name(keys.get("name"))
        parameters = self.parameters(keys.get("args"), _NETWORKS)
        for parameter in parameters:
            if parameter.default is None:
                sentence = f"the network's argument {quote(parameter.name)} has no default"
                self.problem(parameter.place, sentence, "write a value instead of a type: `num_classes: 1000`")
        entering = self.entering(keys.get("input"))
        inputs = tuple(Reference(one.name, one.place) for one in entering)
        scope = Names(parameters, (), channel_names([one.name for one in inputs]))
        constants = self.constants(keys.get("let"), scope)
        count = len(self.problems)
        self.inside = dict(_nested(entry for section in _SECTIONS for entry in entries_of(keys.get(section))))
        sections: list[Layers] = []
        layers: Layers = ()
        for section in _SECTIONS:  # one scope in three parts
            sections.append(
                self.layers(keys.get(section), scope, {*(one.name for one in inputs), *(layer.name for layer in layers)})
            )
            layers += sections[-1]
        self.unique(layers, parameters, constants, inputs)
        if not layers and len(self.problems) == count:
            self.missing(whole, "the network has no layers", _NO_LAYERS, *_SECTIONS)
        spec = Spec(
            name=self.network,
            description=self.text(keys.get("description")),
            input=entering[0].shape if entering else self.input(keys.get("input")),
            inputs=entering,
            parameters=parameters,
            constants=constants,
            option_defaults=self.defaults(keys.get("defaults"), scope),
            stem=sections[0],
            stages=sections[1],
            head=sections[2],
            outputs=self.outputs("outputs", keys, layers),
            training_outputs=self.outputs("training_outputs", keys, layers),
            register=self.registered(keys, layers),
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

    def block(self, key: trees.Scalar, tree: trees.Tree) -> Block:
        reason = why_no_class(key.text)
        if not reason and key.text == self.network:
            reason = "is the name of the network"
        if reason:
            self.problem(key.place, f"a block can't be called {quote(key.text)}: it {reason}", names.rule(reason))
        count = len(self.problems)
        keys = self.keys(tree, BLOCK_KEYS, "keys of a block", _BLOCKS)
        if "layers" not in keys and (isinstance(tree, trees.Mapping) or len(self.problems) == count):
            sentence = f"the block {quote(key.text)} has no `layers`"
            self.missing(key.place, sentence, "write `layers:`, its nodes below", "layers")
        required = f"a required argument has a type ({', '.join(TYPES)}), an optional one a value as its default"
        parameters = self.parameters(keys.get("args"), required)
        inputs = self.inputs(keys.get("inputs"))
        scope = Names(parameters, (), channel_names([one.name for one in inputs]))
        constants = self.constants(keys.get("let"), scope)
        self.inside = dict(_nested(entries_of(keys.get("layers"))))
        layers = self.layers(keys.get("layers"), scope, {one.name for one in inputs})
        self.unique(layers, parameters, constants, inputs)
        outputs = self.outputs("outputs", keys, layers)
        self.distinct_outputs(outputs)
        (kept,) = self.reached([(("blocks", key.text, "layers"), layers)], {one.name for one in outputs}, inputs=inputs)
        self.forget(scope, layers, kept)
        self.all_used(parameters, constants, scope, f"block {quote(key.text)}", key.place)
        description, paper = self.text(keys.get("description")), self.text(keys.get("paper"))
        return Block(
            key.text, description, paper, parameters, constants, kept, key.place, inputs, outputs, self.registered(keys, layers)
        )

    def inputs(self, tree: trees.Tree | None) -> tuple[Reference, ...]:
        """The names of the values that enter a block: two at least, for a single one has none."""
        if tree is None:
            return ()
        before = len(self.problems)
        found = self.references(tree)
        for one in found:
            self.input_name(one)
        if len(found) < 2 and len(self.problems) == before:
            help = "leave it out: a single value has no name, and `input` is it"
            self.problem(tree.place, "`inputs` lists the names of two values or more", help)
        return found

    def entering(self, tree: trees.Tree | None) -> tuple[Entering, ...]:
        """The values that enter the network, where `input` names several."""
        if not isinstance(tree, trees.Mapping):
            return ()
        for number, (key, value) in enumerate(tree.entries):
            self.input_name(Reference(key.text, key.place))
            items = value.items if isinstance(value, trees.Sequence) else ()
            if not 1 + (not number) <= len(items) <= 4:
                sizes = "the channels, then one, two or three sizes" if not number else "the channels, then up to three sizes"
                help = f"as in `{key.text}: [3, 224, 224]`"
                help = f"name an input with sizes first; {help}" if len(items) == 1 else help
                self.problem(value.place, f"the input {quote(key.text)} lists {sizes}", help)
        if len(tree.entries) < 2:
            help = "write its shape alone: `input: [3, 224, 224]`"
            self.problem(tree.place, "`input` names two values or more, or is the shape of one", help)
        return tuple(
            Entering(key.text, tuple(self.constant_int(item) for item in value.items), key.place)
            for key, value in tree.entries
            if isinstance(value, trees.Sequence)
        )

    def input_name(self, one: Reference) -> None:
        reason = names.NO_NAME if one.part else names.why_no_input(one.name)
        if reason:
            self.problem(one.place, f"an input can't be called {quote(one.text)}: it {reason}", names.rule(reason))

    def input(self, tree: trees.Tree | None) -> tuple[int, ...]:
        if tree is None:
            return ()
        items = tree.items if isinstance(tree, trees.Sequence) else ()
        sizes = tuple(self.constant_int(item) for item in items)
        if not 2 <= len(items) <= 4:
            self.problem(tree.place, "`input` lists the channels, then one, two or three sizes", _as_input(tree))
        elif meant := _meant_input(sizes):
            self.note(tree.place, *meant)
        return sizes

    def parameters(self, tree: trees.Tree | None, help: str) -> tuple[Parameter, ...]:
        """Reads arguments; `help` says what may stand for one."""
        if isinstance(tree, trees.Sequence):
            return self.listed_parameters(tree)
        entries = self.mapping(tree)
        names = {"in_channels", *(key.text for key, _ in entries)}
        return tuple(self.parameter(key, value, names, help) for key, value in entries)

    def listed_parameters(self, tree: trees.Sequence) -> tuple[Parameter, ...]:
        """Arguments without values, in a list: refused, and read, so that not every use of one is a problem too."""
        listed = [item for item in tree.items if isinstance(item, trees.Scalar) and names.NAME.fullmatch(item.text)]
        help = _LIST_OF_NAMES.format(": ..., ".join(item.text for item in listed)) if listed else LINES
        self.mapping(tree, help)
        return tuple(Parameter(item.text, "int", 1, item.place) for item in listed)

    def parameter(self, key: trees.Scalar, tree: trees.Tree, names: set[str], help: str) -> Parameter:
        self.argument_name(key, "an argument")
        nothing = Names((), (), ())
        if isinstance(tree, trees.Scalar) and tree.text in TYPES:
            if tree.text == "op":
                self.held_name(key)
            return Parameter(key.text, tree.text, None, key.place)
        if isinstance(tree, trees.Mapping) or (isinstance(tree, trees.Scalar) and tree.text in OPS):
            self.held_name(key)
            nothing.no_names = _NO_NAMES_OF_OPS
            return Parameter(key.text, "op", self.op_value(tree, nothing), key.place)
        count = len(self.problems)
        value = self.value(tree, nothing)
        if len(self.problems) > count and isinstance(tree, trees.Scalar) and tree.text not in names.union(TRUTHS):
            near = nearest(tree.text, _held()) if tree.text.isidentifier() else None
            if near:
                self.problems[count] = self.problems[count].replace(help=f"the nearest is `{near}`; {help}")
                return Parameter(key.text, "op", value, key.place)
            if is_empty(tree) or tree.text.isidentifier():
                self.problems[count] = self.problems[count].replace(help=help)
        return Parameter(key.text, _type_of(value), value, key.place)

    def held_name(self, key: trees.Scalar) -> None:
        """An argument that holds an op stands as a node: it takes no name of what is composed of others."""
        if key.text in COMPOSITIONS or key.text == "identity":
            sentence = f"an argument that holds an op can't be called {quote(key.text)}: it is the name of a kind of node"
            self.problem(key.place, sentence, names.rule(""))

    def constants(self, tree: trees.Tree | None, scope: Names) -> tuple[Constant, ...]:
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

    def defaults(self, tree: trees.Tree | None, scope: Names) -> tuple[Default, ...]:
        found = []
        for key, options in self.mapping(tree):
            if key.text not in OPS and not BLOCK.fullmatch(key.text):
                self.problem(key.place, f"{quote(key.text)} is no op or block", self.suggest_kind(key.text))
                continue
            inside = Names((), ())
            inside.known = scope.known | DEPTH_NAMES
            arguments = tuple(self.option(key.text, option, value, inside) for option, value in self.mapping(options))
            scope.read |= inside.read
            found.append(Default(key.text, arguments, key.place))
        return tuple(found)

    def assertions(self, tree: trees.Tree | None) -> tuple[Assertion, ...]:
        if tree is None:
            return ()
        if not isinstance(tree, trees.Sequence):
            written = _shown_in_quotes(tree) or '"parameters <= 12_000_000"'
            self.problem(tree.place, "`assert` is a list of conditions", f"write `assert: [{written}]`")
            return ()
        scope = Names((), ())
        scope.known = {*TOTALS, *CONTRACT, *COSTS}
        return tuple(Assertion(self.text(item), self.value(item, scope), item.place) for item in tree.items)

    def distinct_outputs(self, outputs: tuple[Reference, ...]) -> None:
        """What a block gives is read by the last word of its name, so no two are alike."""
        if len(outputs) > 1:
            self.distinct((one.part or one.name, one.place) for one in outputs)

    def registered(self, keys: dict[str, trees.Tree], layers: Layers) -> tuple[Reference, ...]:
        """The layers that a class registers first."""
        found = self.references(keys["register"]) if "register" in keys else ()
        known = dict.fromkeys(name for name, _ in attributes(layers))
        for number, one in enumerate(found):
            if one.text in [other.text for other in found[:number]]:
                self.problem(one.place, f"{quote(one.text)} is named twice", "leave it out here")
            elif one.text not in known:
                self.problem(one.place, f"there is no layer {quote(one.text)}", suggest(one.text, known, "layers"))
        return found

    def outputs(self, key: str, keys: dict[str, trees.Tree], layers: Layers) -> tuple[Reference, ...]:
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
                sentence = stands_inside(reference.name, around, "can be an output")
                self.problem(reference.place, sentence, OUTSIDE.format(around))
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


def _as_input(tree: trees.Tree) -> str:
    """How an input is written, with the numbers of what stands there: `3x224x224`, or `(3, 224, 224)`."""
    text = tree.text if isinstance(tree, trees.Scalar) else ""
    sizes = re.findall(r"[0-9]+", text) if _SIZED.fullmatch(text) else ["3", "224", "224"]
    return f"write `input: [{', '.join(sizes)}]`"


def _shown_in_quotes(tree: trees.Tree) -> str:
    """A condition as an item of a list; "" where it is none, or where the quotes would not hold it."""
    text = tree.text if isinstance(tree, trees.Scalar) else ""
    return f'"{text}"' if text and len(text) < MOST_QUOTED and printable(text) == text and not set(text) & set('"\\`') else ""


def _counted_channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"


def _nested(entries: Iterable[tuple[trees.Scalar, trees.Tree]], way: Way = ()) -> Iterable[tuple[str, Way]]:
    """The names that stand inside layers, each with the names of these layers, the outermost first."""
    for name, node in entries:
        for key, value in entries_of(node):
            if key.text in COMPOSITIONS or key.text == "shortcut":  # below these, layers have names
                inner = (*way, name.text)
                yield from ((one.text, inner) for one, _ in entries_of(value))
                yield from _nested(entries_of(value), inner)


def _type_of(value: Value) -> str:
    if type(value) is bool:
        return "bool"
    if isinstance(value, tuple):
        return "list"
    return "float" if type(value) is float else "int"


def read(
    tree: trees.Mapping,
    library: Iterable[str] = (),
    taken_out: dict[str, TakenOut] | None = None,
    replaced: Container[Place] = (),
) -> Spec:
    """Returns the spec of a tree, which may be merged of several. Raises SpecError with every problem found."""
    reader = Reader(library, taken_out, replaced)
    spec = reader.spec(tree)
    reader.finish()
    return spec


def read_block(tree: trees.Mapping, name: str, library: Iterable[str] = ()) -> Block:
    """Returns a block of the library, one to a file."""
    reader = Reader(library)
    reader.own = tree.place.source
    block = reader.block(trees.Scalar(name, True, Place(tree.place.source, 1, 1)), tree)
    reader.finish()
    if reader.idle:
        raise SpecError(*reader.idle)
    return block
