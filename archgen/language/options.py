"""An op or a block, and the options that a spec gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen.arithmetic.expressions import CONDITION, Expression, Value
from archgen.diagnostics import Place, nearest, quote, suggest
from archgen.language import other_names
from archgen.language.model import Argument, Reference, Use
from archgen.language.values import Names, Values, entries_of, keys_of
from archgen.language.vocabulary import BLOCK, COMPOSITIONS, DEPTH_NAMES, WITH_OPTIONS, WORDS, is_kind
from archgen.ops import LIKE, OPS
from archgen.ops.options import KINDS
from archgen.syntax import trees
from archgen.syntax.trees import is_empty

if TYPE_CHECKING:
    from archgen.language.model import AnyNode, Default
    from archgen.ops import Op


_AS_MAPPING = {"sequence": "`{sequence: [...]}`, or a list alone", "residual": "`residual:`, its layers below"}
MERGED = "`{0}:`, its branches below, or `{{{0}, from: [A, B]}}`"
_NOTHING = ("", "~", "null", "none", "false", "no", "off", "remove", "delete")  # as nodes: no layer is meant
NO_COPIES = "only a branch of a merge has `copies`"
HOW_COPIES = "it makes equal branches: `{add: {conv: {conv: 64, copies: 4}}}`"
_OTHER_SECTION = "write it under the name and in the section that the layer has where it is taken over from"


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


class Options(Values):
    """Reads an op or a block with its options."""

    def node(self, tree: trees.Tree, scope: Names, earlier: set[str]) -> AnyNode:
        raise NotImplementedError  # `Nodes` has it: an op's option may hold a node

    def kind_known(self, key: trees.Scalar, scope: Names) -> bool:
        text = key.text
        if text in scope.ops:
            scope.read.add(text)
        elif text in COMPOSITIONS:
            self.problem(key.place, f"{quote(text)} can't stand alone", f"write {_AS_MAPPING.get(text, MERGED.format(text))}")
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
        if BLOCK.fullmatch(word):
            return "define it under `blocks`; `archgen list` lists the blocks that come with archgen"
        return "`archgen ops` lists the ops, `archgen list` the blocks that come with archgen"

    def kinds(self) -> list[str]:
        return [*OPS, *COMPOSITIONS, *self.blocks, *self.library]

    def not_one_kind(self, tree: trees.Mapping, kinds: list[tuple[trees.Scalar, trees.Tree]], scope: Names) -> None:
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
            options = {name for op in OPS.values() for name in op.fields}
            unknown = [key for key, _ in tree.entries if key.text not in WORDS and key.text not in options]
            if not unknown:
                takes_out = self.extending and keys_of(tree) == ["when"]
                help = _OTHER_SECTION if takes_out else "name its op or block: `{conv: 64, kernel_size: 3}`"
                self.problem(tree.place, "this node has no kind", help)
                return
            alone = [key for key, value in tree.entries if key in unknown and is_empty(value)]
            near = [key for key in unknown if other_names.help_for(key.text) or nearest(key.text, self.kinds())]
            key = (alone or near or unknown)[0]
            self.problem(key.place, f"{quote(key.text)} is no op or block", self.suggest_kind(key.text))

    def common(
        self, options: list[tuple[trees.Scalar, trees.Tree]], scope: Names
    ) -> tuple[Value | None, tuple[Reference, ...]]:
        given = {key.text: value for key, value in options}
        before = len(self.problems)
        when = self.value(given["when"], scope) if "when" in given else None
        if when is not None and not isinstance(when, (bool, Expression)) and len(self.problems) == before:
            self.problem(given["when"].place, f"a condition is true or false, not {_shown(when)}", CONDITION)
        return when, self.references(given["from"]) if "from" in given else ()

    def use(
        self,
        key: trees.Scalar,
        value: trees.Tree,
        options: list[tuple[trees.Scalar, trees.Tree]],
        scope: Names,
        when: Value | None,
        sources: tuple[Reference, ...],
        place: Place,
    ) -> Use:
        self.kind_known(key, scope)
        is_op = key.text in OPS and key.text not in scope.ops
        if len(sources) > 1 and (key.text in OPS or key.text in scope.ops):
            self.takes_one_value(key, sources)
        depth_tree = next((option for name, option in options if name.text == "depth"), None)
        inside = scope
        if depth_tree is not None:
            inside = Names((), ())
            inside.ops, inside.known, inside.read = scope.ops, scope.known | DEPTH_NAMES, scope.read
        depth = None if depth_tree is None or is_op else self.depth(depth_tree, scope)
        arguments: list[Argument] = []
        first: tuple[Argument, ...] | Use | None = None
        collect, to = "", None
        if not is_empty(value):
            arguments.append(self.first_argument(key, value, inside))
        for name, option in options:
            if name.text == "depth" and not is_op:
                continue
            if name.text == "first" and not is_op:
                first = self.first(key, name, option, depth, inside)
                continue
            if name.text == "to" and key.text in LIKE and is_op:
                to = self.value_like(option)
                continue
            if name.text == "collect" and not is_op:
                collect = self.collect(name, option, depth_tree is not None)
                continue
            if key.text in scope.ops:
                self.holds_its_options(key.text, name.place)
                continue
            arguments.append(
                self.option(key.text, name, option, inside, ("when", "from", *(["to"] if key.text in LIKE else [])))
            )
            if is_op and name.text in {argument.name for argument in arguments[:-1]}:
                other = arguments[0].place.seen_from(name.place)
                help = f"it is the value beside `{key.text}` at {other}: leave one of them out"
                self.problem(name.place, f"the option {quote(name.text)} is given twice", help)
        if to is not None:
            for argument in arguments:
                if argument.name not in LIKE[key.text].fields:
                    sentence = f"`to` says the size already, so {quote(argument.name)} can't"
                    self.problem(argument.place, sentence, "leave one of them out")
            arguments = [argument for argument in arguments if argument.name in LIKE[key.text].fields]
        elif is_op:
            given = {argument.name for argument in arguments}.union(
                key.text for key, _ in entries_of(value)
            )  # where they stand in it
            known = OPS[key.text].fields
            meant = {other_names.option(name, known) or nearest(name, known) or "" for name in given.difference(known)}
            self.incomplete.append((key, given | meant))
        return Use(when, sources, place, key.text, tuple(arguments), depth, first, collect, to)

    def value_like(self, tree: trees.Tree) -> Reference:
        """The value whose size an op takes."""
        found = self.references(tree)
        if len(found) != 1:
            self.problem(tree.place, "`to` names one value", "as in `{upsample, to: skip}`")
        return found[0] if found else Reference("input", tree.place)

    def collect(self, key: trees.Scalar, tree: trees.Tree, has_depth: bool) -> str:
        """How the values of all blocks become one: they are joined."""
        if not has_depth:
            self.problem(key.place, "`collect` needs a `depth`: it joins what several blocks give", "give the node a `depth`")
        if not isinstance(tree, trees.Scalar) or tree.text != "concat":
            self.problem(tree.place, "`collect` joins what enters and every block's value", "write `collect: concat`")
        return "concat"

    def depth(self, tree: trees.Tree, scope: Names, word: str = "depth") -> Value:
        """A number of blocks, or of copies."""
        depth = self.value(tree, scope)
        if isinstance(depth, Expression) or (type(depth) is int and depth >= 1):
            return depth
        if not isinstance(tree, trees.Scalar) or tree.text:  # else its value is missing, which is a problem already
            help = "each stage is a node of its own, with its own `depth`" if isinstance(depth, tuple) else ""
            help = (
                f"where no {'block' if word == 'depth' else 'branch'} is meant, leave the node out"
                if type(depth) is int
                else help
            )
            self.problem(tree.place, f"`{word}` is a whole number of at least 1, not {_shown(depth)}", help)
        return 1

    def takes_one_value(self, key: trees.Scalar, sources: tuple[Reference, ...]) -> None:
        names = ", ".join(reference.name for reference in sources)
        help = f"name one of them, or first merge them: `both: {{add, from: [{names}]}}`"
        self.problem(sources[1].place, f"{quote(key.text)} takes one value", help)

    def first(
        self, key: trees.Scalar, name: trees.Scalar, tree: trees.Tree, depth: Value | None, scope: Names
    ) -> tuple[Argument, ...] | Use | None:
        if depth is None:
            help = "give the node a `depth`, or write the arguments beside the block itself"
            self.problem(name.place, "`first` needs a `depth`: it changes the first of several blocks", help)
        own = self.taken_by.get(key.text, ())
        if isinstance(tree, trees.Mapping) and not any(is_kind(one.text) and one.text not in own for one, _ in tree.entries):
            return tuple(self.option(key.text, option, value, scope) for option, value in tree.entries)
        node = self.node(tree, scope, set())
        if isinstance(node, Use) and node.depth is None and not node.sources and node.when is None:
            return node
        help = "write arguments, as `first: {stride: 2}`, or put the nodes in a block: `first: {Unit: 64}`"
        self.problem(tree.place, "`first` takes changed arguments, or one block or op", help)
        return None

    def first_argument(self, key: trees.Scalar, value: trees.Tree, scope: Names) -> Argument:
        if key.text in OPS and key.text not in scope.ops:
            first = OPS[key.text].first()
            if not first:
                inferred = f"what enters tells its channels: write `{key.text}` alone, or options by their names"
                options = "; ".join(f"`{{{key.text}, {option}: ...}}`" for option in OPS[key.text].fields)
                help = inferred if OPS[key.text].infers else f"name the option: {options}" if options else "leave it out"
                self.problem(value.place, f"{quote(key.text)} takes no value of its own", help)
                return Argument("", 0, value.place)
            if isinstance(value, trees.Mapping) and value.entries and set(keys_of(value)) <= set(OPS[key.text].fields):
                self.stands_beside(key, value, "options", "op")
                return Argument(first, 0, value.place)
            return Argument(first, self.op_option(key.text, first, value, scope), value.place)
        if key.text in scope.ops:
            self.holds_its_options(key.text, value.place)
        if isinstance(value, trees.Mapping) and not any(map(is_kind, keys_of(value))):
            self.stands_beside(key, value, "arguments", "block")
            return Argument("", 0, value.place)
        return Argument("", self.argument_value(value, scope), value.place)

    def stands_beside(self, key: trees.Scalar, value: trees.Mapping, what: str, kind: str) -> None:
        said = ", ".join(f"{name}: ..." for name in keys_of(value))
        self.problem(value.place, f"{what} stand beside the {kind}, not in it", f"write `{{{key.text}, {said}}}`")

    def holds_its_options(self, argument: str, place: Place) -> None:
        help = f"write them where the argument is given its op, as `{argument}: {{leaky_relu: 0.2}}`"
        self.problem(place, f"{quote(argument)} holds an op with its options: it takes none here", help)

    def option(self, kind: str, key: trees.Scalar, value: trees.Tree, scope: Names, also: tuple[str, ...] = ()) -> Argument:
        if kind not in WITH_OPTIONS:
            return Argument(key.text, self.argument_value(value, scope), key.place)
        known = WITH_OPTIONS[kind].fields
        if key.text not in known:
            if key.text == "copies":
                self.problem(key.place, NO_COPIES, HOW_COPIES)
            elif key.text in ("depth", "first", "collect"):
                self.problem(key.place, f"only a block takes `{key.text}`", "put the op in a block")
            else:
                meant = other_names.option(key.text, known)
                help = _NO_OPTIONS.get(key.text, "") or (f"write `{meant}`" if meant else "")
                help = help or suggest(key.text, [*known, *also], f"options of `{kind}`")
                self.problem(key.place, f"{quote(kind)} has no option {quote(key.text)}", help)
            return Argument(key.text, 0, key.place)
        return Argument(key.text, self.op_option(kind, key.text, value, scope), value.place)

    def op_option(self, kind: str, option: str, tree: trees.Tree, scope: Names) -> Value:
        op = WITH_OPTIONS[kind]
        words = op.words.get(option, ())
        if op.kind(option) is KINDS["Word"]:
            text = self.text(tree)
            if text not in words:
                self.problem(tree.place, f"`{option}` of `{kind}` is a word", suggest(text, words, "words"))
            return text
        if isinstance(tree, trees.Scalar) and tree.text in words:
            return tree.text
        value = self.value(tree, scope)
        reason = op.kind(option).refuses(value, 0)
        if reason and not isinstance(value, str):
            help = op.kind(option).instead(value, tree.text if isinstance(tree, trees.Scalar) else "")
            self.problem(tree.place, f"`{option}` of `{kind}` {reason}, not {_shown(value)}", help)
        return value

    def argument_value(self, tree: trees.Tree, scope: Names) -> Value:
        """The value of a block's argument: an expression, a list, or an op."""
        word = tree.text if isinstance(tree, trees.Scalar) and tree.text not in scope.known else ""
        if isinstance(tree, trees.Mapping) or word in OPS:
            return self.op_value(tree, scope)
        return self.value(tree, scope, OPS)

    def op_value(self, tree: trees.Tree, scope: Names) -> Value:
        """An op that is the value of an argument: one that infers nothing from its input but the channels, as norms do."""
        count = len(self.problems)
        node = self.node(tree, scope, set())
        if len(self.problems) > count:
            return 0
        if not isinstance(node, Use) or node.kind not in OPS or node.when is not None or node.sources:
            help = "put it in the block itself, or give an op alone"
            self.problem(tree.place, "an argument takes a number, a list or an op", help)
            return 0
        op = OPS[node.kind]
        if (op.infers and not op.of_channels) or not op.torch_class:
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


def _give(op: type[Op], option: str) -> str:
    """How an op is given an option that it needs."""
    return f"write `{{{op.name}: ...}}`" if option == op.first() else f"write `{option}: ...` beside it"


def _shown(value: Value) -> str:
    from archgen.arithmetic.spelling import describe

    return describe(value)
