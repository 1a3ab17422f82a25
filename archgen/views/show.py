"""A spec as it is once those that it extends are merged in: YAML again, and where each value is from as a comment beside it."""

from __future__ import annotations

import textwrap
from collections import Counter
from itertools import groupby
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from archgen.diagnostics import WIDTH, plain, printable
from archgen.language import writer
from archgen.language.model import Merge, Residual
from archgen.language.vocabulary import SECTIONS, SPEC_KEYS
from archgen.syntax.trees import Mapping, Scalar, is_empty

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from archgen.diagnostics import Place, Style
    from archgen.graph.model import Graph
    from archgen.language.extends import Loaded
    from archgen.language.model import AnyNode, Layers, Spec
    from archgen.syntax.trees import Tree


_NAMED = ("args", "let", "defaults")  # if they are from several files, each entry has a line of its own
LONGEST = 24  # characters of a replaced value that a comment shows


class Used(NamedTuple):
    """What a spec was read as, which says what of it is used."""

    spec: Spec
    graph: Graph


def text(loaded: Loaded, used: Used | None, style: Style = plain) -> str:
    """Returns a merged spec as YAML that is read as the same network; `used` is None where it is refused.

    What the spec took over and does not use is left out, as it is of the network.

    A comment says which file and line gave what the spec's own file did not, and what its own values stand instead of. It ends
    the line that it is about, or stands above where the two are too long together; `style` draws it, in the role `remark`.
    """
    origins = _Origins(loaded)
    merged = loaded.tree if used is None else _without_unused(loaded.tree, used)
    tree = merged.replace(entries=tuple(sorted(merged.entries, key=_rank)))
    shown: list[str] = []
    mixed = [key.text for key, value in tree.entries if key.text in _NAMED and origins.mixed(key, value)]
    for _, section in groupby(writer.lines(tree, mixed), lambda line: bool(line.text)):
        shown += _drawn([(line, origins.remark(line)) for line in section], style)
    return "".join(line + "\n" for line in shown)


def _without_unused(tree: Mapping, used: Used) -> Mapping:
    spec, graph = used
    names = {
        "args": {parameter.name for parameter in spec.parameters},
        "let": {constant.name for constant in spec.constants},
        "defaults": graph.with_defaults,
        "blocks": graph.blocks.keys(),
    }
    sections = {section: getattr(spec, section) for section in SECTIONS}
    blocks = {block.name: block.layers for block in spec.blocks}

    def block(name: str, definition: Tree) -> Tree:
        return _each(definition, lambda key, value: _kept(value, blocks[name]) if key == "layers" else value)

    def part(key: str, value: Tree) -> Tree:
        if key in names and isinstance(value, Mapping):
            value = value.replace(entries=tuple(entry for entry in value.entries if entry[0].text in names[key]))
        if key in sections:
            return _kept(value, sections[key])
        return _each(value, block) if key == "blocks" else value

    whole = _each(tree, part)
    assert isinstance(whole, Mapping)
    return whole.replace(entries=tuple((key, value) for key, value in whole.entries if value != Mapping((), value.place)))


def _each(tree: Tree, change: Callable[[str, Tree], Tree]) -> Tree:
    """The same mapping with its values changed, each by its key."""
    if not isinstance(tree, Mapping):
        return tree
    return tree.replace(entries=tuple((key, change(key.text, value)) for key, value in tree.entries))


def _kept(tree: Tree, layers: Layers) -> Tree:
    """Named layers as they are written, those alone that the spec has."""
    known = {layer.name: layer.node for layer in layers}
    if isinstance(tree, Mapping):
        tree = tree.replace(entries=tuple(entry for entry in tree.entries if entry[0].text in known))
    return _each(tree, lambda name, node: _each(node, lambda key, value: _inside(key, value, known[name])))


def _inside(key: str, tree: Tree, node: AnyNode) -> Tree:
    """The layers inside a node, under `residual`, `shortcut` or a merge's kind."""
    if isinstance(node, Residual) and key in ("residual", "shortcut"):
        return _kept(tree, node.residual if key == "residual" else node.shortcut)
    return _kept(tree, node.branches) if isinstance(node, Merge) and key == node.kind and node.branches else tree


def _rank(entry: tuple[Scalar, Tree]) -> int:
    """The place of a key among those of a spec: what only the child has would come last."""
    key = entry[0].text
    return SPEC_KEYS.index(key) if key in SPEC_KEYS else len(SPEC_KEYS)


def _drawn(section: list[tuple[writer.Line, str]], style: Style) -> Iterator[str]:
    """The lines with their remarks, those beside a line in one column as far as the width allows."""
    column = max((len(line.text) + 2 for line, remark in section if remark and _fits(line, remark)), default=0)
    for line, remark in section:
        if remark and _fits(line, remark):
            yield line.text.ljust(min(column, WIDTH - len(remark) - 2)) + style(f"# {remark}", "remark")
            continue
        indent = " " * (len(line.text) - len(line.text.lstrip()))
        for part in textwrap.wrap(remark, WIDTH - len(indent) - 2, break_long_words=False, break_on_hyphens=False):
            yield indent + style(f"# {part}", "remark")
        yield line.text


def _fits(line: writer.Line, remark: str) -> bool:
    return not line.goes_on and len(line.text) + len(remark) + 3 <= WIDTH


class _Origins:
    """Tells where the values of a line are from."""

    def __init__(self, loaded: Loaded) -> None:
        self.replaced = loaded.replaced
        self.own = loaded.tree.place.source
        self.folder = PurePath(self.own.name).parent

    def remark(self, line: writer.Line) -> str:
        """Names the file that gave most of the line, then each value that is from elsewhere or stands instead of another."""
        if line.value is None:
            return ""
        values = list(self.values("", line.key, line.value))
        given = Counter(value.place.source for _, value in values if value.place.source != self.own)
        most = next((source for source, _ in given.most_common(1)), self.own)
        held = [value for _, value in values if value.place.source == most]
        if line.key is not None and line.key.place.source == most:
            held.append(line.key)  # which may stand in a line above its value, and is in this one
        parts = [self.where(*held)] if given else []
        said = set(parts)
        for name, value in values:
            if value.place.source not in (most, self.own):
                parts.append(f"{name} from {self.where(value)}")
            old = self.replaced.get(value.place)
            if old is None and given and value.place.source == self.own:
                parts.append(f"{name} is new")
            elif old is not None and old != value:
                parts.append(f"{name} {self.instead(old, said)}".lstrip())
        return ", ".join(dict.fromkeys(parts))

    def mixed(self, key: Scalar, tree: Tree) -> bool:
        """Tells whether a value has parts from several files, or parts that replaced others."""
        values = [value for _, value in self.values("", key, tree)]
        return len({value.place.source for value in values}) > 1 or any(value.place in self.replaced for value in values)

    def values(self, name: str, key: Scalar | None, tree: Tree) -> Iterator[tuple[str, Tree]]:
        """The smallest parts of a value that one file gave, each with the name of its option; "" is the value as a whole."""
        if tree.place in self.replaced or isinstance(tree, Scalar):
            yield name, key if key is not None and is_empty(tree) else tree
        elif isinstance(tree, Mapping):
            for inner, value in tree.entries:
                yield from self.values(inner.text, inner, value)
        else:
            for item in tree.items:
                yield from self.values(name, None, item)

    def instead(self, old: Tree, said: set[str]) -> str:
        """Says what a value replaced, and where that stands unless it was said before."""
        shown, where = writer.flow(old), self.where(old)
        if len(shown) > LONGEST:
            return f"replaces {where}"
        known = where in said
        said.add(where)
        return f"was {shown}" + ("" if known else f" ({where})")

    def where(self, *values: Tree) -> str:
        lines = sorted(place.line for value in values for place in _places(value))
        path = PurePath(values[0].place.source.name)
        name = (
            path.relative_to(self.folder) if path.is_relative_to(self.folder) else path
        ).as_posix()  # else archgen brings it
        return printable(f"{name}:{lines[0]}" + (f"-{lines[-1]}" if lines[-1] > lines[0] else ""))


def _places(tree: Tree) -> Iterator[Place]:
    yield tree.place
    if isinstance(tree, Mapping):
        for key, value in tree.entries:
            yield key.place
            yield from _places(value)
    elif not isinstance(tree, Scalar):
        for item in tree.items:
            yield from _places(item)
