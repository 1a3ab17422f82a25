"""What archgen says of any kind of node: an op, a merge, a composition, or a block that comes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen import resources
from archgen.handbook import ops, text
from archgen.language import library
from archgen.language.vocabulary import COMPOSITIONS
from archgen.ops import MERGES, OPS, PARTS, MergeOp
from archgen.ops.torch_text import Function, Method, Operator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archgen.ops import PartsOp

_MEET = {"==": "equal shapes", "broadcasts": "sizes that are equal, or of which one is 1"}


def listing() -> str:
    """Returns a table of all kinds: the ops by family, the merges, the other compositions, the blocks."""
    others = [(name, COMPOSITIONS[name]) for name in COMPOSITIONS if name not in MERGES and name not in PARTS]
    rows = {
        "Merges of several values": [(name, _in_torch(op), ops.summary(op)) for name, op in MERGES.items()],
        "Parts of a value": [(name, _in_torch(op), ops.summary(op)) for name, op in PARTS.items()],
        "Other compositions": [(name, "-", meaning.rstrip(".")) for name, meaning in others],
        "Blocks": [(name, "-", library.block(name).description.rstrip(".")) for name in library.block_names()],
    }
    lines = text.tables(rows)
    return "\n".join([text.all_ops(), "", *lines, "archgen ops NAME says what a kind takes, does and costs"])


def one(name: str) -> str:
    """Returns all there is to say about a kind. Raises SpecError where there is none of this name."""
    if name in OPS:
        return text.one_op(name)
    if name in MERGES:
        return "\n".join(_merge(MERGES[name]))
    if name in PARTS:
        return "\n".join(_parts(PARTS[name]))
    if name in COMPOSITIONS:
        return "\n".join([f"{name}: a composition of nodes", "", *text.wrapped("", COMPOSITIONS[name]), "", *_PAGE])
    if name in library.block_names():
        return "\n".join(_block(name))
    raise text.unknown("archgen ops", "kind", name, (*OPS, *COMPOSITIONS, *library.block_names()), "archgen ops")


_PAGE = ["docs/language.md has examples of it"]


def _in_torch(op: type[MergeOp | PartsOp]) -> str:
    if isinstance(op.line, Operator):
        return f"a {op.line.sign} b"
    if isinstance(op.line, Method):
        return f"x.{op.line.name}"
    assert isinstance(op.line, Function)
    return op.line.name


def _merge(op: type[MergeOp]) -> Iterator[str]:
    most = "" if op.most is None else f" to {op.most}"
    count = f"{op.least} values" if op.most == op.least else f"{op.least}{most or ' and more'} values"
    meet = _MEET[op.relation] if hasattr(op, "relation") else op.meets
    yield f"{op.name}: `{_in_torch(op)}` in `forward`"
    yield ""
    yield from text.wrapped("", ops.summary(op) + ".")
    yield ""
    yield from text.wrapped("takes       ", f"{count}, with {meet}")
    if op.fields:
        yield from ("", "options, with their defaults")
        yield from text.columns([(one, ops.value_text(op.defaults[one]), op.kind(one).article) for one in op.fields])
        yield ""
    if op.macs_of is MergeOp.macs_of:
        branches = f"{{{op.name}: {{a: {{conv: 8, kernel_size: 1}}, b: identity}}}}"
        yield from text.wrapped("example     ", f"{branches}, of branches")
        yield from text.wrapped("            ", f"{{{op.name}, from: [a, b]}}, of earlier values")
    else:
        yield from text.wrapped("example     ", f"{{{op.name}, from: [{', '.join('qkv'[: op.least])}]}}")


def _parts(op: type[PartsOp]) -> Iterator[str]:
    yield f"{op.name}: `{_in_torch(op)}` in `forward`"
    yield ""
    yield from text.wrapped("", ops.summary(op) + ".")
    yield ""
    yield from text.wrapped("gives       ", "several values, each read by its name: `from: parts.left`, or `parts.0`")
    yield from text.wrapped("example     ", op.example)


def _block(name: str) -> Iterator[str]:
    block = library.block(name)
    yield f"{name}: a block that comes with archgen"
    yield ""
    yield from text.wrapped("", block.description)
    yield from text.wrapped("", f"{block.paper}.")
    yield from ("", "arguments, with their defaults")
    kinds = [
        (one.name, "required" if one.default is None else ops.value_text(one.default), one.type) for one in block.parameters
    ]
    yield from text.columns(kinds)
    yield from ("", f"its file, archgen/library/{name}.yaml", "")
    yield from resources.read(resources.LIBRARY / f"{name}.yaml").decode().rstrip("\n").split("\n")
