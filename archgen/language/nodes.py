"""Nodes: a use of an op or a block, a sequence, a residual, a merge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen.arithmetic.expressions import Expression, Value
from archgen.diagnostics import Place, quote, suggest
from archgen.language import names
from archgen.language.model import Again, Argument, Layer, Merge, Parts, Reference, Residual, Sequence, Use
from archgen.language.options import MERGED, Options
from archgen.language.values import entries_of
from archgen.language.vocabulary import COMPOSITIONS, is_kind, kinds_of
from archgen.ops import MERGES, OPS, PARTS
from archgen.ops.number import BY_NUMBER
from archgen.ops.parts import MOST_PARTS
from archgen.syntax import trees
from archgen.syntax.trees import is_empty

if TYPE_CHECKING:
    from archgen.language.model import AnyNode, Layers
    from archgen.language.values import Names


OUTSIDE = "name `{0}`, or write the layers of `{0}` one by one, outside it"
_NAMED = "layers have names: write lines as `conv1: {conv: 64, kernel_size: 3}` below its key"
_LISTED = "layers have names, and a list is one layer: write `{body: [...]}`"


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

    def layers(self, tree: trees.Tree | None, scope: Names, outer: set[str]) -> Layers:
        """Reads named nodes in order; `outer` holds the values of the scopes around, which references may name too."""
        found = []
        earlier = set(outer)
        if isinstance(tree, trees.Mapping) and self.is_node(tree, scope):
            help = f"give it a name: `conv1: {{{tree.entries[0][0].text}: ...}}`"
            self.problem(tree.place, "named layers are expected here, and this is one node", help)
            return ()
        entries = self.mapping(tree, _LISTED if isinstance(tree, trees.Sequence) else _NAMED)
        here = {key.text for key, _ in entries}
        for key, value in entries:
            self.layer_name(key)
            self.earlier = earlier
            found.append(self.layer(key, value, scope, earlier, here))
            earlier.add(key.text)
        return tuple(found)

    def is_node(self, tree: trees.Mapping, scope: Names) -> bool:
        """Whether a mapping is one node where named nodes are expected: an op with a value that is no node itself.

        `{conv: act}` is a layer called `conv` where `act` is an argument that holds an op, and a node where it is a number.
        """
        kinds = [(key, value) for key, value in tree.entries if key.text in OPS]
        if len(kinds) != 1:
            return False
        (key, value), others = kinds[0], [name.text for name, _ in tree.entries if name is not kinds[0][0]]
        names_an_op = isinstance(value, trees.Scalar) and (is_kind(value.text) or value.text in scope.ops)
        is_value = isinstance(value, trees.Scalar) and not names_an_op and not is_empty(value)
        return is_value and all(name in OPS[key.text].fields or name in ("when", "from", "else") for name in others)

    def branches(self, tree: trees.Tree, scope: Names, earlier: set[str]) -> Layers:
        """Reads the branches of a merge: they run beside each other, so each sees what comes before the merge, and no other."""
        found = []
        entries = self.mapping(tree)
        here = {key.text for key, _ in entries}
        for key, value in entries:
            self.layer_name(key)
            count = next((option for name, option in entries_of(value) if name.text == "copies"), None)
            if isinstance(value, trees.Mapping) and count is not None:
                value = trees.Mapping(tuple(entry for entry in value.entries if entry[0].text != "copies"), value.place)
                copies = Argument("copies", self.depth(count, scope, "copies"), count.place)
                found.append(self.layer(key, value, scope, earlier, here).replace(copies=copies))
            else:
                found.append(self.layer(key, value, scope, earlier, here))
        return tuple(found)

    def layer(self, key: trees.Scalar, tree: trees.Tree, scope: Names, earlier: set[str], here: set[str]) -> Layer:
        """A named node, with what stands for it where it is left out. here: the names of all layers beside it."""
        other = next((value for name, value in entries_of(tree) if name.text == "else"), None)
        if isinstance(tree, trees.Mapping) and other is not None:
            tree = trees.Mapping(tuple(entry for entry in tree.entries if entry[0].text != "else"), tree.place)
        node = self.node(tree, scope, earlier)
        self.sources_known(node, earlier, key.text, here)
        otherwise: Reference | AnyNode | None = None
        if other is not None:
            otherwise = self.otherwise(key, node, other, scope, earlier, here)
        return Layer(key.text, node, key.place, otherwise)

    def otherwise(
        self, key: trees.Scalar, node: AnyNode, tree: trees.Tree, scope: Names, earlier: set[str], here: set[str]
    ) -> Reference | AnyNode | None:
        if node.when is None:
            self.problem(
                tree.place, "`else` needs a `when`: it says what stands for a node that is left out", "write `when: ...`"
            )
        named = isinstance(tree, trees.Scalar) and (tree.text in earlier or not is_kind(tree.text))
        if isinstance(tree, trees.Scalar) and named and tree.text not in scope.ops:
            (reference,) = self.references(tree)
            if reference.name not in earlier and reference.name != "input":
                self.unknown_source(reference, earlier, key.text, here)
            return reference
        other = self.node(tree, scope, earlier)
        if other.sources or other.when is not None or (isinstance(other, Use) and other.to is not None):
            help = "leave it out: the node under `else` takes what the other takes, wherever that is left out"
            self.problem(tree.place, "a node under `else` has no `from`, `to` or `when`", help)
        if not isinstance(node, (Use, Sequence)) or not isinstance(other, (Use, Sequence)):
            help = "put each in a block, and write these: `{Mixed: 64, when: ..., else: {Plain: 64}}`"
            self.problem(tree.place, "one node or another: both are an op, a block or a sequence", help)
        return other

    def sources_known(self, node: AnyNode, earlier: set[str], layer: str, here: set[str]) -> None:
        like = [node.to] if isinstance(node, Use) and node.to is not None else []
        for reference in (*node.sources, *like):
            if reference.name not in earlier and reference.name != "input":
                self.unknown_source(reference, earlier, layer, here)

    def layer_name(self, key: trees.Scalar) -> None:
        self.refuse_layer_name(key, names.why_no_attribute(key.text))

    def refuse_layer_name(self, key: trees.Scalar, reason: str) -> None:
        if reason:
            self.problem(key.place, f"a layer can't be called {quote(key.text)}: it {reason}", names.rule(reason))

    def unknown_source(self, reference: Reference, earlier: set[str], layer: str, here: set[str]) -> None:
        known = ["input", *sorted(earlier)]
        if self.is_taken_out(reference, f"write as well what `{layer}` takes instead: `{layer}: {{from: ...}}`"):
            return
        way = self.inside.get(reference.name, ())
        around = next((name for name in way if name in earlier or name in here), "")
        if around and around in earlier:
            self.problem(reference.place, stands_inside(reference.name, around, "can be read"), OUTSIDE.format(around))
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

    def node(self, tree: trees.Tree, scope: Names, earlier: set[str]) -> AnyNode:
        if isinstance(tree, trees.Sequence):
            return self.sequence(None, (), tree.place, self.items(tree, scope))
        if isinstance(tree, trees.Scalar):
            self.kind_known(tree, scope)
            if tree.text in OPS and tree.text not in scope.ops:
                self.incomplete.append((tree, set()))
            return Use(None, (), tree.place, tree.text)
        kinds = kinds_of(tree)
        if not kinds:  # an argument that holds an op stands as a bare key, so that it may also be passed on under its own name
            kinds = [(key, value) for key, value in tree.entries if key.text in scope.ops and is_empty(value)]
        if len(kinds) != 1:
            self.not_one_kind(tree, kinds, scope)
            return Use(None, (), tree.place, "identity")
        (key, value) = kinds[0]
        options = [(name, option) for name, option in tree.entries if name is not key]
        when, sources = self.common(options, scope)
        rest = [(name, option) for name, option in options if name.text not in ("when", "from", "else")]
        if key.text in BY_NUMBER and self.is_number(value, scope):
            key = key.replace(text=BY_NUMBER[key.text])
        if key.text not in COMPOSITIONS:
            return self.use(key, value, rest, scope, when, sources, tree.place)
        return self.composition(key, value, rest, scope, when, sources, tree, earlier)

    def items(self, tree: trees.Tree, scope: Names) -> Layers:
        """The nodes of a sequence: a list, or named."""
        if isinstance(tree, trees.Sequence):
            named = [(str(number), item, item.place) for number, item in enumerate(tree.items)]
        else:
            named = [(key.text, item, key.place) for key, item in self.mapping(tree)]
            for key, _ in self.mapping(tree):
                if not key.text.isdecimal():
                    self.refuse_layer_name(key, names.why_no_child(key.text))
        if not named:
            self.problem(tree.place, "a sequence needs at least one node", "where nothing is to be done write `identity`")
        layers = tuple(Layer(name, self.node(item, scope, self.earlier), place) for name, item, place in named)
        for _, item, _ in named:
            if lost := next((key for key, _ in entries_of(item) if key.text == "else"), None):
                self.problem(lost.place, "`else` can't stand inside a sequence", "write it as a layer of its own")
        for number, layer in enumerate(layers):
            if isinstance(layer.node, Use) and layer.node.to is not None:
                self.problem(layer.node.to.place, "`to` can't stand inside a sequence", "write it as a layer of its own")
            if layer.node.sources and number:
                help = "write it in the first node, or give the layers names, outside a list"
                self.problem(
                    layer.node.sources[0].place, "`from` can't stand inside a sequence: each takes what is before it", help
                )
            if isinstance(layer.node, (Residual, Merge, Parts, Again)):
                what = {Parts: "split", Again: "use of another layer"}.get(type(layer.node), "merge")
                sentence = f"a sequence holds ops, blocks and sequences: a {what} is none"
                self.problem(layer.place, sentence, f"put the {what} in a block")
        return layers

    def sequence(self, when: Value | None, sources: tuple[Reference, ...], place: Place, layers: Layers) -> Sequence:
        """A sequence takes what its first node names, where that names a value and the sequence does not."""
        if layers and (inner := layers[0].node.sources):
            if sources:
                self.problem(inner[0].place, "what enters this sequence is named twice", "leave one `from` out")
            sources = inner
            layers = (layers[0].replace(node=layers[0].node.replace(sources=())), *layers[1:])
        return Sequence(when, sources, place, layers)

    def composition(
        self,
        key: trees.Scalar,
        value: trees.Tree,
        options: list[tuple[trees.Scalar, trees.Tree]],
        scope: Names,
        when: Value | None,
        sources: tuple[Reference, ...],
        tree: trees.Mapping,
        earlier: set[str],
    ) -> AnyNode:
        allowed: tuple[str, ...] = {"residual": ("shortcut",)}.get(key.text, ("dim",) if key.text in PARTS else ())
        if key.text in MERGES:
            allowed = ("split", *MERGES[key.text].fields)
        for name, _ in options:
            if name.text not in allowed:
                known = (*allowed, "when", "from")
                if name.text in ("depth", "first", "collect"):
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
            return self.sequence(when, sources, tree.place, self.items(value, scope))
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
        if key.text == "use":
            return self.again(value, when, sources, tree.place, earlier)
        if key.text in PARTS:
            return self.parts(key, value, options, scope, when, sources, tree.place)
        return self.merge(key, value, options, scope, when, sources, tree.place, earlier)

    def again(
        self, value: trees.Tree, when: Value | None, sources: tuple[Reference, ...], place: Place, earlier: set[str]
    ) -> Again:
        """A layer that runs again. Which layers can is for the steps to say: here only names are known."""
        found = self.references(value)
        if when is not None:
            self.problem(place, "`use` takes no `when`", "put both layers in a block, and the `when` beside the block")
        if len(found) != 1 or is_empty(value):
            if len(found) != 1 or isinstance(value, trees.Scalar):
                self.problem(value.place, "`use` names one earlier layer", "as in `{use: head, from: p4}`")
            return Again(when, sources, place, Reference("", value.place))
        if found[0].text not in earlier:
            help = suggest(found[0].text, sorted(earlier), "layers") if earlier else "no layer comes before it"
            self.problem(found[0].place, f"no layer {quote(found[0].text)} comes before this one, in the same class", help)
        return Again(when, sources, place, found[0])

    def parts(
        self,
        key: trees.Scalar,
        value: trees.Tree,
        options: list[tuple[trees.Scalar, trees.Tree]],
        scope: Names,
        when: Value | None,
        sources: tuple[Reference, ...],
        place: Place,
    ) -> Parts:
        """A value in parts: `{split: [16, 48]}`, `{split: {left: 16, right: 48}}`, `{chunk: 2}`."""
        if when is not None:
            self.problem(place, f"`{key.text}` takes no `when`", "put it in a block, and the `when` beside the block")
        if len(sources) > 1:
            self.takes_one_value(key, sources)
        names, argument = self.shares(key, value, scope) if key.text == "chunk" else self.sizes(key, value, scope)
        beside = tuple(self.option(key.text, name, option, scope, ("from",)) for name, option in options)
        return Parts(when, sources, place, key.text, names, (argument, *beside))

    def sizes(self, key: trees.Scalar, value: trees.Tree, scope: Names) -> tuple[tuple[str, ...], Argument]:
        """The names of the parts of a `split`, which are numbers where it lists sizes alone, and the sizes."""
        entries: list[tuple[str, trees.Tree]] = []
        if isinstance(value, trees.Sequence):
            entries = [(str(number), item) for number, item in enumerate(value.items)]
        elif isinstance(value, trees.Mapping):
            entries = [(name.text, item) for name, item in value.entries]
            for name, _ in value.entries:
                self.layer_name(name)
        if not 2 <= len(entries) <= MOST_PARTS:
            said = "two parts at least" if len(entries) < 2 else f"at most {MOST_PARTS} parts"
            equal = "; equal parts are `{chunk: 2}`" if isinstance(value, trees.Scalar) else ""
            self.problem(value.place, f"{quote(key.text)} lists the sizes of {said}", f"as in `{{split: [16, 48]}}`{equal}")
            entries = [("0", trees.Scalar("1", True, value.place)), ("1", trees.Scalar("1", True, value.place))]
        sizes = tuple(self.value(item, scope) for _, item in entries)
        for size, (_, item) in zip(sizes, entries):
            if type(size) is not int and not isinstance(size, Expression):
                self.problem(item.place, f"a part of {quote(key.text)} takes an integer", "")
        return tuple(name for name, _ in entries), Argument("sizes", sizes, value.place)

    def shares(self, key: trees.Scalar, value: trees.Tree, scope: Names) -> tuple[tuple[str, ...], Argument]:
        before = len(self.problems)
        count = self.value(value, scope)
        if type(count) is not int or not 2 <= count <= MOST_PARTS:
            if len(self.problems) == before:
                help = f"write a number of 2 to {MOST_PARTS}, as `{{chunk: 2}}`; `split` takes sizes that follow from arguments"
                self.problem(value.place, f"{quote(key.text)} takes the number of parts, written out", help)
            count = 2
        return tuple(map(str, range(count))), Argument("chunks", count, value.place)

    def merge(
        self,
        key: trees.Scalar,
        value: trees.Tree,
        options: list[tuple[trees.Scalar, trees.Tree]],
        scope: Names,
        when: Value | None,
        sources: tuple[Reference, ...],
        place: Place,
        earlier: set[str],
    ) -> Merge:
        given = {name.text: option for name, option in options}
        branches: Layers = ()
        before = len(self.problems)
        if isinstance(value, trees.Sequence):
            self.list_of_branches(key, value)
            return Merge(when, sources, place, key.text)
        if self.names_values(value):
            names = ", ".join(item.text for _, item in value.entries)  # type: ignore[union-attr]
            help = f"to merge earlier values write `{{{key.text}, from: [{names}]}}`"
            self.problem(value.place, f"the branches of {quote(key.text)} are nodes, and these are values", help)
            return Merge(when, sources, place, key.text)
        if not is_empty(value):
            branches = self.branches(value, scope, earlier)
            if len(sources) > 1:
                self.problem(
                    sources[1].place,
                    f"`{key.text}` has branches, so it takes one value",
                    "leave the branches out to merge earlier values",
                )
        count = len(branches) if branches else len(sources)
        copied = any(branch.copies is not None for branch in branches)
        if count < MERGES[key.text].least and not copied and len(self.problems) == before:
            help = f"write {MERGED.format(key.text)}"
            if branches:
                help = "what enters can be a branch too: `same: identity`"
            number = "three" if MERGES[key.text].least == 3 else "two"
            help = "name queries, keys and values in `from`" if number == "three" else help
            self.problem(key.place, f"`{key.text}` needs at least {number} values", help)
        split = self.value(given["split"], scope) if "split" in given else False
        if type(split) is not bool or (split and not branches):
            help = "write `true`: each branch gets as many" if branches else "leave it out: the values of `from` are whole"
            self.problem(given["split"].place, "`split` is true or false, and shares the channels among branches", help)
        for branch in branches if split is True else ():
            if branch.node.sources:
                help = "leave it out, or write the parts as a node of their own: `parts: {chunk: 2}`"
                self.problem(
                    branch.node.sources[0].place, "with `split: true` a branch takes its share, not another value", help
                )
        arguments = [
            self.option(key.text, name, option, scope) for name, option in options if name.text in MERGES[key.text].fields
        ]
        return Merge(when, sources, place, key.text, branches, split is True, tuple(arguments))

    def list_of_branches(self, key: trees.Scalar, tree: trees.Sequence) -> None:
        """Values or nodes in a list: the first are named in `from`, the others need names."""
        names = [item.text for item in tree.items if isinstance(item, trees.Scalar)]
        if names and all(name in self.earlier or name == "input" for name in names):
            help = f"to merge earlier values write `{{{key.text}, from: [{', '.join(names)}]}}`"
        else:
            help = f"a branch has a name: `{{{key.text}: {{a: ..., b: ...}}}}`; earlier values are merged by `from: [A, B]`"
        self.problem(tree.place, f"the branches of {quote(key.text)} are a mapping of names to nodes, not a list", help)

    def names_values(self, tree: trees.Tree) -> bool:
        """Whether each branch is the name of an earlier value, which is no node."""
        entries = tree.entries if isinstance(tree, trees.Mapping) else ()
        return bool(entries) and all(isinstance(item, trees.Scalar) and self.is_value(item.text) for _, item in entries)

    def is_number(self, tree: trees.Tree, scope: Names) -> bool:
        """Whether what stands beside a merge is a number, or an expression for one: neither branches nor a node."""
        if not isinstance(tree, trees.Scalar) or is_empty(tree):
            return False
        return not (is_kind(tree.text) or tree.text in scope.ops or self.is_value(tree.text))

    def is_value(self, name: str) -> bool:
        return (name in self.earlier or name == "input") and not is_kind(name)


def stands_inside(name: str, around: str, can: str) -> str:
    return f"{quote(name)} stands inside {quote(around)}, which alone {can}"
