"""A spec's records as YAML again: reading the text gives an equal spec, so the records hold all that the author said."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archgen.arithmetic.expressions import LONGEST, Value
from archgen.arithmetic.spelling import SPEC, render
from archgen.diagnostics import Place, Source
from archgen.language import writer
from archgen.language.model import Again, Merge, Parts, Reference, Residual, Use
from archgen.language.model import Sequence as SequenceNode
from archgen.language.vocabulary import SECTIONS
from archgen.ops import OPS, Op
from archgen.ops.value import same
from archgen.syntax.trees import Mapping, Scalar, Sequence, Tree

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archgen.language.model import AnyNode, Argument, Block, Constant, Layer, Layers, Node, Parameter, Spec

    Entries = Iterable[tuple[str, Tree]]
_NOWHERE = Place(Source("dump", ""), 0, 0)


def dump(spec: Spec) -> str:
    """Returns a spec as YAML text."""
    return writer.text(tree(spec))


def tree(spec: Spec) -> Mapping:
    """Returns a spec as the tree that it is read from; its places mean nothing."""
    return _mapping(
        *_said("name", _scalar(spec.name)),
        *_said("description", _text(spec.description)),
        ("input", _inputs(spec)),
        *_said("args", _parameters(spec.parameters)),
        *_said("let", _constants(spec.constants)),
        *_said("defaults", _mapping(*((item.kind, _mapping(*_options(item.arguments))) for item in spec.option_defaults))),
        *(entry for section in SECTIONS for entry in _said(section, _layers(getattr(spec, section)))),
        *_said("outputs", _references(spec.outputs)),
        *_said("training_outputs", _references(spec.training_outputs)),
        *_said("register", _references(spec.register)),
        *_said("assert", _sequence(_text(item.text) for item in spec.assertions)),
        *_said("blocks", _mapping(*((block.name, _block(block)) for block in spec.blocks))),
    )


def _inputs(spec: Spec) -> Tree:
    if not spec.inputs:
        return value_tree(spec.input)
    return _mapping(*((one.name, value_tree(one.shape)) for one in spec.inputs))


def _block(block: Block) -> Mapping:
    return _mapping(
        *_said("description", _text(block.description)),
        *_said("paper", _text(block.paper)),
        *_said("inputs", _references(block.inputs)),
        *_said("args", _parameters(block.parameters)),
        *_said("let", _constants(block.constants)),
        ("layers", _layers(block.layers)),
        *_said("outputs", _references(block.outputs)),
        *_said("register", _references(block.register)),
    )


def _parameters(parameters: Iterable[Parameter]) -> Mapping:
    return _mapping(
        *((item.name, _scalar(item.type) if item.default is None else value_tree(item.default)) for item in parameters)
    )


def _constants(constants: Iterable[Constant]) -> Mapping:
    return _mapping(*((item.name, value_tree(item.value)) for item in constants))


def _references(references: Iterable[Reference]) -> Sequence:
    return _sequence(_scalar(reference.text) for reference in references)


# ---- nodes


def _layers(layers: Layers) -> Mapping:
    return _mapping(*((layer.name, _layer(layer)) for layer in layers))


def _layer(layer: Layer) -> Tree:
    node, other = _node(layer.node), layer.otherwise
    if layer.copies is not None:
        entries = (
            node.entries
            if isinstance(node, Mapping)
            else _mapping(("sequence", node) if isinstance(node, Sequence) else (node.text, _scalar(""))).entries
        )
        node = Mapping((*entries, (_scalar("copies"), value_tree(layer.copies.value))), node.place)
    if other is None:
        return node
    assert isinstance(node, Mapping)  # it has a `when`
    said = _scalar(other.text) if isinstance(other, Reference) else _node(other)
    return Mapping((*node.entries, (_scalar("else"), said)), node.place)


def _node(node: AnyNode) -> Tree:
    """Returns a node in the shortest of its forms: a word, a list, or a mapping."""
    if isinstance(node, Use):
        entries = _use(node)
    elif isinstance(node, SequenceNode):
        entries = [("sequence", _nodes(node.layers))]
    elif isinstance(node, Residual):
        ways = [("residual", _layers(node.residual)), *_said("shortcut", _layers(node.shortcut))]
        entries = ways[::-1] if node.shortcut_first else ways
    elif isinstance(node, Again):
        entries = [("use", _scalar(node.layer.text))]
    elif isinstance(node, Parts):
        entries = _parts(node)
    else:
        branches = _layers(node.branches) if node.branches else _scalar("")
        entries = [(node.kind, branches), *([("split", value_tree(True))] if node.split else [])]
        entries += [(argument.name, value_tree(argument.value)) for argument in node.arguments]
    common = _common(node)
    if not common and len(entries) == 1:
        ((kind, value),) = entries
        if isinstance(node, SequenceNode) and isinstance(value, Sequence):
            return value
        if isinstance(node, Use) and value == _scalar(""):
            return _scalar(kind)
    return _mapping(*entries, *common)


def _common(node: Node) -> list[tuple[str, Tree]]:
    sources = _references(node.sources)
    only = sources.items[0] if len(sources.items) == 1 and not isinstance(node, Merge) else sources
    when = [] if node.when is None else [("when", value_tree(node.when))]
    return [*([("from", only)] if sources.items else []), *when]


def _use(node: Use) -> list[tuple[str, Tree]]:
    beside: Tree = _scalar("")
    rest = node.arguments
    if rest and rest[0].name == (OPS[node.kind].first() if node.kind in OPS else ""):
        beside, rest = value_tree(rest[0].value), rest[1:]
    depth = [] if node.depth is None else [("depth", value_tree(node.depth))]
    first = [] if node.first is None else [("first", _first(node.first))]
    collect = [("collect", _scalar(node.collect))] if node.collect else []
    to = [] if node.to is None else [("to", _scalar(node.to.text))]
    return [(node.kind, beside), *to, *depth, *collect, *_options(rest), *first]


def _parts(node: Parts) -> list[tuple[str, Tree]]:
    value, *rest = node.arguments
    sizes = value.value
    if isinstance(sizes, tuple) and not node.names[0].isdecimal():
        return [(node.kind, _mapping(*zip(node.names, map(value_tree, sizes)))), *_options(rest)]
    return [(node.kind, value_tree(sizes)), *_options(rest)]


def _first(first: tuple[Argument, ...] | Use) -> Tree:
    return _node(first) if isinstance(first, Use) else _mapping(*_options(first))


def _nodes(layers: Layers) -> Tree:
    """The nodes of a sequence: a list where their names are its indices."""
    if [layer.name for layer in layers] == list(map(str, range(len(layers)))):
        return _sequence(_node(layer.node) for layer in layers)
    return _layers(layers)


def _options(arguments: Iterable[Argument]) -> Entries:
    return [(argument.name, value_tree(argument.value)) for argument in arguments]


# ---- values


def value_tree(value: Value) -> Tree:
    """Returns the value of an option as a tree."""
    if isinstance(value, tuple):
        return _sequence(map(value_tree, value))
    if isinstance(value, Op):
        return _op(value)
    return _scalar(value if isinstance(value, str) else _expression(value))


def _expression(value: Value) -> str:
    text = render(value, spelling=SPEC)
    return text if len(text) <= LONGEST else re.sub(r" ?([-+*/%<>=!,]+) ?", r"\1", text)  # as its author must have written it


def _op(op: Op) -> Tree:
    given = [(name, value_tree(getattr(op, name))) for name in op.fields if not _is_default(op, name)]
    if not given:
        return _scalar(op.name)
    if given[0][0] == op.first():
        return _mapping((op.name, given[0][1]), *given[1:])
    return _mapping((op.name, _scalar("")), *given)


def _is_default(op: Op, field: str) -> bool:
    return field in op.defaults and same(getattr(op, field), op.defaults[field])


# ---- trees


def _scalar(text: str) -> Scalar:
    return Scalar(text, True, _NOWHERE)


def _text(text: str) -> Scalar:
    """A text that another reader of YAML might take for a number or a truth value stands in quotes."""
    return Scalar(text, not re.fullmatch(r"[-+.\d]\S*|true|false|null|yes|no|on|off", text, re.IGNORECASE), _NOWHERE)


def _sequence(items: Iterable[Tree]) -> Sequence:
    return Sequence(tuple(items), _NOWHERE)


def _mapping(*entries: tuple[str, Tree]) -> Mapping:
    return Mapping(tuple((_scalar(key), value) for key, value in entries), _NOWHERE)


def _said(key: str, value: Tree) -> Entries:
    """An entry, or none where its value is empty: to leave it out means the same."""
    empty = not (value.text if isinstance(value, Scalar) else value.items if isinstance(value, Sequence) else value.entries)
    return () if empty else ((key, value),)
