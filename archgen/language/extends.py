"""A spec over another: the trees are merged by meaning before anything reads them, and each value keeps its own place.

Mappings merge key by key in the parent's order, new keys at the end; the rest, lists too, replaces. A node of no kind or of
the same kind changes options, one of another kind replaces, and `{when: false}` takes a layer out. A parent lies in the
folder of the spec that extends it, or below, or comes with archgen.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from archgen import files, resources
from archgen.arithmetic.spelling import SPEC, render
from archgen.diagnostics import Note, Place, Problem, Source, SpecError, nearest, quote
from archgen.language import writer
from archgen.language.model import TakenOut
from archgen.language.vocabulary import COMPOSITIONS, SECTIONS, is_kind, kinds_of
from archgen.ops import OPS, PARTS, Op
from archgen.records import Record
from archgen.syntax import parser, trees
from archgen.syntax.trees import is_empty

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from archgen.arithmetic.expressions import Value
    from archgen.language.model import Parameter


MOST_FILES = 8
SHIPPED = "archgen:"  # before the name of a spec that comes with archgen


class Loaded(Record):
    """A spec's tree, merged over the specs that it extends; all their texts, its own first; what the values replaced.

    changed: the nodes of another kind than those whose place they take, the old one before the new.
    taken_out: the layers that some spec takes out, by name.
    """

    tree: trees.Mapping
    texts: tuple[str, ...]
    replaced: Mapping[Place, trees.Tree]
    changed: tuple[tuple[trees.Mapping, trees.Mapping], ...]
    taken_out: dict[str, TakenOut]


def load(path: Path, name: str | None = None) -> Loaded:
    """Reads a spec and those that it extends. name: what messages call it, by default its path. Raises SpecError."""
    parser.refuse_outside(path, path.as_posix(), "give the path that it leads to")
    tree = parser.read(path, name)
    chain, seen = [tree], [path.resolve()]
    root = path.resolve().parent
    shipped = False  # whether the chain has come to what archgen brings
    while (parent := tree.get("extends")) is not None:
        if isinstance(parent, trees.Scalar) and parent.text.startswith(SHIPPED):
            path, shipped = _shipped(parent, seen), True
            root = path.parent
        else:
            path = _parent(parent, seen, root)
        label = (Path(chain[0].place.source.name).parent / path.relative_to(root)).as_posix()
        tree = parser.read(path, f"{SHIPPED}{path.stem}" if shipped else label)
        chain.append(tree)
        seen.append(path)
        if sum(len(one.place.source.text) for one in chain) > parser.MOST_BYTES:
            raise SpecError(Problem(parent.place, f"with {quote(path.name)} the spec is larger than 256 KiB"))
    texts = tuple(tree.place.source.text for tree in chain)
    merged, merge = chain.pop(), _Merge()
    while chain:
        merged = merge.spec(merged, chain.pop())
    return Loaded(merged, texts, merge.replaced, tuple(merge.changed), merge.taken_out)


def _shipped(tree: trees.Scalar, seen: list[Path]) -> Path:
    """The file of a spec that comes with archgen."""
    name, folder = tree.text.removeprefix(SHIPPED), resources.folder("specs").resolve()
    known = [path.stem for path in files.listed(folder) if path.suffix == ".yaml"]
    if name not in known:
        near = nearest(name, known)
        help = f"the nearest is `{SHIPPED}{near}`" if near else "`archgen list` lists those that come with archgen"
        raise SpecError(Problem(tree.place, f"no spec {quote(name)} comes with archgen", help))
    path = folder / f"{name}.yaml"
    if path in seen:
        sentence = f"{quote(tree.text)} would extend itself"
        raise SpecError(Problem(tree.place, sentence, "a spec extends another, and in the end one that extends none"))
    return path


def _parent(tree: trees.Tree, seen: list[Path], root: Path) -> Path:
    def refuse(sentence: str, help: str = "") -> SpecError:
        return SpecError(Problem(tree.place, sentence, help))

    if not isinstance(tree, trees.Scalar) or not tree.text:
        raise refuse("`extends` names the file of another spec", "give its path from here, as in `extends: resnet50.yaml`")
    text = tree.text
    if not text.endswith(".yaml") or files.is_foreign(text):
        raise refuse(f"`extends` can't name {quote(text)}", "name a `.yaml` file by its path from this spec, with `/`")
    missing = refuse(f"there is no spec {quote(text)} here", "the path starts in the folder of the spec that extends it")
    try:
        path = (seen[-1].parent / text).resolve()
    except (OSError, RuntimeError):  # links that lead to each other
        raise missing from None
    if not path.is_relative_to(root):
        raise refuse(f"{quote(text)} lies outside the spec's own folder", "a spec extends files in its folder or below")
    if path in seen:
        raise refuse(f"{quote(text)} would extend itself", "a spec extends another, and in the end one that extends none")
    if len(seen) == MOST_FILES:
        raise refuse(f"a chain of `extends` has at most {MOST_FILES} files")
    if not os.path.isfile(path):  # which a name that is too long is not; `Path.is_file` would raise
        raise missing
    return path


class _Merge:
    """Merges trees and keeps what each value replaced."""

    def __init__(self) -> None:
        self.replaced: dict[Place, trees.Tree] = {}
        self.changed: list[tuple[trees.Mapping, trees.Mapping]] = []
        self.taken_out: dict[str, TakenOut] = {}
        self.older: frozenset[Source] = frozenset()  # the texts merged before the child at hand

    def spec(self, parent: trees.Mapping, child: trees.Mapping) -> trees.Mapping:
        self.older |= {parent.place.source}
        own = trees.Mapping(tuple(entry for entry in child.entries if entry[0].text != "extends"), child.place)
        base = trees.Mapping(tuple(entry for entry in parent.entries if entry[0].text != "extends"), child.place)
        return self.mappings(base, own, self.section)

    def section(self, key: str, old: trees.Tree, new: trees.Tree) -> trees.Tree:
        if not (isinstance(old, trees.Mapping) and isinstance(new, trees.Mapping)):
            return new
        if key in SECTIONS:
            return self.layers(old, new)
        if key == "blocks":
            return self.mappings(old, new, lambda _, a, b: self.block(a, b))
        if key in ("args", "let"):
            return self.options(old, new)
        if key == "defaults":
            return self.mappings(old, new, lambda _, a, b: self.options(a, b))
        return new

    def mappings(
        self, parent: trees.Mapping, child: trees.Mapping, combine: Callable[[str, trees.Tree, trees.Tree], trees.Tree]
    ) -> trees.Mapping:
        given = {key.text: (key, value) for key, value in child.entries}
        entries = []
        for key, value in parent.entries:
            if key.text in given:
                new_key, new_value = given.pop(key.text)
                combined = combine(key.text, value, new_value)
                if combined is new_value:
                    self.replaced[new_value.place] = value
                entries.append((new_key, combined))
            else:
                entries.append((key, value))
        return trees.Mapping((*entries, *given.values()), child.place)

    def options(self, old: trees.Tree, new: trees.Tree) -> trees.Tree:
        if isinstance(old, trees.Mapping) and isinstance(new, trees.Mapping):
            return self.mappings(old, new, lambda _, a, b: b)
        return new

    def block(self, old: trees.Tree, new: trees.Tree) -> trees.Tree:
        def part(key: str, a: trees.Tree, b: trees.Tree) -> trees.Tree:
            return self.layers(a, b) if key == "layers" else self.options(a, b)

        if isinstance(old, trees.Mapping) and isinstance(new, trees.Mapping):
            return self.mappings(old, new, part)
        return new

    def layers(self, old: trees.Tree, new: trees.Tree) -> trees.Tree:
        if not (isinstance(old, trees.Mapping) and isinstance(new, trees.Mapping)):
            return new
        merged = self.mappings(old, new, lambda _, a, b: self.node(a, b))
        there = {key.text for key, _ in old.entries}  # else the name may be misspelt: the reader refuses such a node
        gone = {
            key.text: TakenOut(key.place, self.older) for key, node in merged.entries if _deleted(node) and key.text in there
        }
        self.taken_out |= gone
        return trees.Mapping(tuple(entry for entry in merged.entries if entry[0].text not in gone), merged.place)

    def node(self, old: trees.Tree, new: trees.Tree) -> trees.Tree:
        if _deleted(new) or isinstance(new, trees.Sequence) or isinstance(old, trees.Sequence):
            return new
        if isinstance(new, trees.Scalar) and not is_kind(new.text):  # an argument that holds an op
            return new
        old_node, new_node = _as_mapping(old), _as_mapping(new)
        if _kind(new_node) not in ("", _kind(old_node)):
            self.changed.append((old_node, new_node))
            return new
        return self.mappings(old_node, new_node, self.option)

    def option(self, key: str, old: trees.Tree, new: trees.Tree) -> trees.Tree:
        if key == "shortcut" or (key in COMPOSITIONS and key not in PARTS):
            return self.layers(old, new)
        if key == "first":
            return self.node(old, new)
        return old if is_empty(new) else new


def dropped_options(loaded: Loaded, blocks: Mapping[str, tuple[Parameter, ...]]) -> Iterator[Note]:
    """Notes the options that a node of the spec's own file took none of, though its kind has them: another kind replaces all.

    blocks: the parameters of those that the network calls.
    """
    for old, new in loaded.changed:
        if new.place.source is not loaded.tree.place.source:
            continue
        kind = _kind(new)
        options: dict[str, Value | None] = {"from": None}  # with their defaults
        options |= {"when": True} if kind not in COMPOSITIONS else {}
        options |= {name: OPS[kind].defaults.get(name) for name in OPS[kind].fields} if kind in OPS else {}
        if kind in blocks:
            options |= {"depth": None, "first": None}
            options |= {parameter.name: parameter.default for parameter in blocks[kind]}
        given = _given(new, blocks)
        lost = [
            f"{name}: {writer.flow(value)}"
            for name, value in _given(old, blocks).items()
            if name in options and name not in given and writer.flow(value) != _text(options[name])
        ]
        if lost:
            place = next(key.place for key, _ in new.entries if key.text == kind)
            dropped = f"{' and '.join(map(quote, lost))} {'is' if len(lost) == 1 else 'are'} dropped"
            sentence = f"this {quote(kind)} replaces a {quote(_kind(old))}, whose {dropped}"
            yield Note(place, sentence, "write here what is meant: the same, or another value")


def _text(default: Value | None) -> str:
    """What a spec would write for a default."""
    if isinstance(default, Op):
        return default.name
    return default if isinstance(default, str) else render(default, spelling=SPEC)


def _given(node: trees.Mapping, blocks: Mapping[str, tuple[Parameter, ...]]) -> dict[str, trees.Tree]:
    """The options of a node; the value beside its kind is that of its first one."""
    found = {}
    for key, value in node.entries:
        name = OPS[key.text].first() if key.text in OPS and key.text == _kind(node) else key.text
        if key.text in blocks:
            name = next((parameter.name for parameter in blocks[key.text]), "")
        if not is_empty(value):
            found[name] = value
    return found


def _deleted(node: trees.Tree) -> bool:
    if not isinstance(node, trees.Mapping) or len(node.entries) != 1:
        return False
    key, value = node.entries[0]
    return key.text == "when" and isinstance(value, trees.Scalar) and value.text == "false"


def _as_mapping(node: trees.Tree) -> trees.Mapping:
    if isinstance(node, trees.Mapping):
        return node
    assert isinstance(node, trees.Scalar)
    return trees.Mapping(((node, trees.Scalar("", True, node.place)),), node.place)


def _kind(node: trees.Mapping) -> str:
    return next((key.text for key, _ in kinds_of(node)), "")
