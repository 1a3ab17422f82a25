"""The JSON Schema of specs, for editors: derived from the op records, the blocks of the library and the table of compositions.

A comment `# yaml-language-server: $schema=...` at the top of a spec gives completions, descriptions, and faults of structure
and type while one writes. Which names there are and which shapes fit is for archgen to say: the schema takes any text where an
expression may stand, and any argument of a block. Its rules hang on the kind that a node has (`if`/`then`), so a fault is told
of the option that has it, not of every kind that the node might have been.

`python -m archgen.language.schema` writes `archgen/spec.schema.json` anew. `archgen validate` holds specs against that file,
beside its own reading: what the reader accepts and the schema refuses is a bug of archgen.
"""

from __future__ import annotations

import inspect
import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from archgen import files, resources
from archgen.budget import Budget
from archgen.language import dump, library, names, writer
from archgen.language.model import Block, Parameter
from archgen.language.vocabulary import BLOCK_KEYS, COMPOSITIONS, CONTRACT, COSTS, SPEC_KEYS, TOTALS, TYPES
from archgen.ops import LIKE, MERGES, OPS, PARTS, Op
from archgen.ops.number import BY_NUMBER
from archgen.ops.options import KINDS
from archgen.syntax.trees import Mapping, Scalar, is_empty

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

    from archgen.syntax.trees import Tree


Schema: TypeAlias = dict[str, Any]

FILE = resources.PACKAGE / "spec.schema.json"
MOST_PARTS = 2_000  # of one spec that `agree` looks at, those that are equal once: jsonschema takes some 0.3 ms for each


def document() -> Schema:
    """Returns the schema. A spec that extends another may leave out what that has, so its nodes are held to less."""
    alone = _parts_of_a_spec("node", "layers", "block")
    required = {"required": ["name", "input"], "if": {"properties": {"stem": False, "stages": False}}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "archgen spec",
        "description": "A convolutional network: what enters, its layers in order, and the blocks that they are made of.",
        "type": "object",
        "properties": {key: _SPEC[key] for key in SPEC_KEYS},
        "additionalProperties": False,
        "if": {"required": ["extends"]},
        "then": _parts_of_a_spec("change", "changes", "changed_block"),
        "else": {**alone, **required, "then": {"required": ["head"]}},
        "$defs": _definitions(),
    }


def text() -> str:
    """Returns the text of the schema's file."""
    return _lines(document(), 0) + "\n"


def _lines(value: Any, indent: int) -> str:
    """JSON with a line for whatever fits in one."""
    one_line = json.dumps(value)
    if len(one_line) + indent <= 120 or not isinstance(value, dict | list):
        return one_line
    inner = indent + 1
    if isinstance(value, list):
        parts = [_lines(item, inner) for item in value]
    else:
        parts = [f"{json.dumps(key)}: {_lines(item, inner)}" for key, item in value.items()]
    start, end = "[]" if isinstance(value, list) else "{}"
    return start + ",".join("\n" + " " * inner + part for part in parts) + "\n" + " " * indent + end


# ---- small parts


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _of(*types: str) -> Schema:
    return {"type": list(types)}


def _where(kind: str, then: Schema) -> Schema:
    """A rule for the mappings of a kind. Beside a block the name of an op is that of an argument."""
    beside = {} if re.match(_BLOCK, kind) else _NO_BLOCK
    return {"if": {"required": [kind], **beside}, "then": then}


def _where_kind(kind: str, then: Schema) -> Schema:
    """The same; `split` beside a merge is an option of that."""
    beside: Schema = {"not": {"anyOf": [{"required": [merge]} for merge in MERGES]}} if kind in PARTS else {}
    return {"if": {"required": [kind], **beside, **_NO_BLOCK}, "then": then}


def _described(description: str, schema: Schema) -> Schema:
    return {"description": description, **schema}


def _name(expression: re.Pattern[str]) -> Schema:
    return {"pattern": f"^(?:{expression.pattern})$", "maxLength": names.LONGEST}


_NO_BLOCK: Schema = {"propertyNames": {"not": {"pattern": "^[A-Z]"}}}
_BLOCK = "^[A-Z]"  # how the name of a block starts, and no other
_TEXT = _of("string", "number", "boolean", "null")
_NUMBER = _of("number", "string")
_VALUE = _of("number", "boolean", "string", "array", "object")
_NAMES: Schema = {"type": ["string", "array"], "items": {"type": "string"}}
_COMMON: dict[str, Schema] = {
    "when": _described("Where this is false, the node is left out: its input is its output.", _of("boolean", "string")),
    "else": _described("What stands for a node that is left out: a value, or another node.", _of("string", "object", "array")),
    "copies": _described("Of a branch: how many such branches the merge takes.", {"type": ["integer", "string"], "minimum": 1}),
    "from": _described("The earlier values that enter, by the names of their layers; `input`: what enters the block.", _NAMES),
}
_COMMON_REFS = {name: _ref(name) for name in _COMMON}
_ARGUMENTS: Schema = {
    "type": "object",
    "propertyNames": _name(names.NAME),
    "additionalProperties": {**_VALUE, "examples": list(TYPES)},
}
_CONSTANTS: Schema = {
    "type": "object",
    "propertyNames": _name(names.NAME),
    "additionalProperties": _of("number", "boolean", "string", "array"),
}

# ---- the spec and its blocks

_SPEC: dict[str, Schema] = {
    "name": _described("The class of the generated module.", {"type": "string", **_name(names.CLASS)}),
    "description": _described("One sentence: what the network is, and where it is from.", _TEXT),
    "extends": _described(
        "The spec that this one changes: a file in its folder or below, or `archgen:resnet18`.", {"type": "string"}
    ),
    "input": _described(
        "What enters: channels, then one, two or three sizes; or several such values by their names.",
        {
            "type": ["array", "object"],
            "items": {"type": ["integer", "string"], "minimum": 1},
            "minItems": 2,
            "maxItems": 4,
            "minProperties": 2,
            "additionalProperties": {"type": "array", "items": {"type": ["integer", "string"], "minimum": 1}, "maxItems": 4},
        },
    ),
    "args": _described("Arguments of the network's constructor with their defaults.", _ARGUMENTS),
    "let": _described("Constants in order; each sees the arguments and those before it.", _CONSTANTS),
    "defaults": _described("Options for all nodes of a kind; what a node says itself wins.", _ref("defaults")),
    "stem": _described("The first layers: names and nodes, in order.", {"type": "object"}),
    "stages": _described("The stages: names and nodes, in order.", {"type": "object"}),
    "head": _described("The last layers: names and nodes, in order.", {"type": "object"}),
    "outputs": _described("The layers whose values come out; without it, the last.", _NAMES),
    "training_outputs": _described("The layers whose values come out, too, while training.", _NAMES),
    "register": _described("The layers whose modules are registered first, in this order.", _NAMES),
    "assert": _described(
        f"Conditions that must hold, on {', '.join(f'`{name}`' for name in sorted(TOTALS | CONTRACT | COSTS))}.",
        {
            "type": "array",
            "items": {"type": ["string", "boolean", "number"], "examples": ["parameters <= 12_000_000", "macs <= 2e9"]},
        },
    ),
    "blocks": _described("The spec's own blocks. Those of archgen's library need no definition.", {"type": "object"}),
}
_BLOCK_PARTS: dict[str, Schema] = {
    "description": _described("One sentence: what the block does.", _TEXT),
    "paper": _described("Where it was published.", _TEXT),
    "inputs": _described("The names of the values that enter, where these are several.", _NAMES),
    "outputs": _described("The layers whose values leave; without it, the last.", _NAMES),
    "register": _described("The layers whose modules are registered first, in this order.", _NAMES),
    "args": _described("Arguments: a type (int, float, bool, op) where one must be given, or a default.", _ARGUMENTS),
    "let": _described("Constants in order; each sees the arguments, `in_channels` and those before it.", _CONSTANTS),
    "layers": _described("Names and nodes, in order.", {"type": "object"}),
}


def _parts_of_a_spec(node: str, layers: str, block: str) -> Schema:
    sections = dict.fromkeys(("stem", "stages", "head"), _ref(layers))
    blocks = {"propertyNames": _name(names.CLASS), "additionalProperties": _ref(block)}
    return {"properties": {**sections, "blocks": blocks}}


def _block(layers: str) -> Schema:
    properties = {key: _BLOCK_PARTS[key] for key in BLOCK_KEYS} | {"layers": _ref(layers)}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _definitions() -> dict[str, Schema]:
    return {
        **_COMMON,
        **{f"op.{name}": _op(op) for name, op in OPS.items()},
        **{f"block.{name}": _library_block(library.block(name)) for name in library.block_names()},
        "defaults": _defaults(),
        "use": {"allOf": [*map(_use_of_op, OPS.values()), _use_of_block()]},
        "layers": _layers("node"),
        "block": _block("layers") | {"required": ["layers"]},
        **_nodes("node", "layers"),
        "changes": _layers("change"),
        "changed_block": _block("changes"),
        **_nodes("change", "changes"),
    }


# ---- ops and blocks


def _doc(op: type[Op]) -> str:
    paragraphs = (inspect.getdoc(op) or op.name).split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _option(op: type[Op], option: str) -> Schema:
    kind = op.kind(option)
    schema: Schema = {**kind.schema, "enum": list(op.words[option])} if kind is KINDS["Word"] else kind.schema
    default = op.defaults.get(option)
    if default is None:
        return _described(f"Takes {kind.article}.", schema)
    described = f"Takes {kind.article}. By default {writer.flow(dump.value_tree(default))}."
    return {**_described(described, schema), "default": default}


def _op(op: type[Op]) -> Schema:
    return {"description": _doc(op), "type": "object", "properties": {field: _option(op, field) for field in op.fields}}


def _use_of_op(op: type[Op]) -> Schema:
    first = op.kind(op.first()).schema if op.first() else {"type": []}
    beside = {**first, "type": [*([first["type"]] if isinstance(first["type"], str) else first["type"]), "null"]}
    known = {op.name: _described(_doc(op), beside), **dict.fromkeys(op.fields, True), **_COMMON_REFS}
    if op.name in LIKE:
        known["to"] = _described("The value whose size it takes.", {"type": "string"})
    return _where(op.name, {**_ref(f"op.{op.name}"), "properties": known, "additionalProperties": False})


def _library_block(block: Block) -> Schema:
    """What a block of the library takes: a help, not a rule, since a spec may have a block of its own under that name."""
    properties = {parameter.name: {"description": _parameter(parameter)} for parameter in block.parameters}
    return {"properties": {block.name: {"description": block.description}, **properties}}


def _parameter(parameter: Parameter) -> str:
    if parameter.default is None:
        return f"Takes {parameter.type}."
    return f"By default {writer.flow(dump.value_tree(parameter.default))}."


def _use_of_block() -> Schema:
    then = {
        "allOf": [_where(name, _ref(f"block.{name}")) for name in library.block_names()],
        "properties": {
            "depth": _described("The number of blocks, one after the other.", {"type": ["integer", "string"], "minimum": 1}),
            "collect": _described("Joins what enters and every block's value.", {"enum": ["concat"]}),
            "first": _described("Other arguments for the first of them, or another block.", _of("object", "string")),
            **_COMMON_REFS,
        },
        "patternProperties": {_BLOCK: _of(*_VALUE["type"], "null")},
        "additionalProperties": _VALUE,
    }
    return {"if": {"not": {"propertyNames": {"not": {"pattern": _BLOCK}}}}, "then": then}


def _defaults() -> Schema:
    ops = {
        name: {**_ref(f"op.{name}"), "properties": dict.fromkeys(op.fields, True), "additionalProperties": False}
        for name, op in OPS.items()
    }
    blocks = {_BLOCK: {"type": "object", "additionalProperties": _VALUE}}
    return {"type": "object", "properties": ops, "patternProperties": blocks, "additionalProperties": False}


# ---- nodes and compositions


def _layers(node: str) -> Schema:
    return {"type": "object", "propertyNames": _name(names.NAME), "additionalProperties": _ref(node)}


def _nodes(node: str, layers: str) -> dict[str, Schema]:
    """The forms of a node; a `change` is one of a spec that extends another, and may have no kind."""
    words = {op.name: _doc(op) for op in OPS.values() if op.defaults.keys() == set(op.fields)}
    words |= {name: library.block(name).description for name in library.block_names()}
    kinds = {op.name: _doc(op) for op in OPS.values()} | _compositions()
    no_kind = {"propertyNames": {"not": {"pattern": f"^(?:[A-Z]|{'|'.join(f'{name}$' for name in kinds)})"}}}
    suggested = {"properties": {**{name: {"description": doc} for name, doc in kinds.items()}, **_COMMON_REFS}}
    beside_each_other: Schema = dict.fromkeys(("residual", "use", *MERGES, *PARTS), False)
    beside_each_other |= {kind: {"type": ["number", "string"]} for kind in BY_NUMBER}  # which is an op of one value
    return {
        node: {
            "description": "An op, a block or a composition: a word, a mapping with one of these and its options, or a list.",
            "type": ["string", "object", "array"],
            "items": _ref(f"{node}_of_a_sequence"),
            "minItems": 1,
            "anyOf": [{"enum": list(words), "enumDescriptions": list(words.values())}, {}],  # never refuses
            "if": {"type": "object"},
            "then": {
                "allOf": [
                    _ref("use"),
                    *(_where_kind(kind, _composition(kind, node, layers)) for kind in COMPOSITIONS),
                    {"if": no_kind, "then": suggested | (_HOLDS_AN_OP if node == "node" else {})},
                ]
            },
            **({"dependentRequired": {"first": ["depth"], "collect": ["depth"]}} if node == "node" else {}),
        },
        f"{node}_of_a_sequence": {**_ref(node), "if": _NO_BLOCK, "then": {"properties": beside_each_other}},
    }


_NO_KIND = "no op, no block, and no argument that holds an op"
_HOLDS_AN_OP: Schema = {
    "not": {"propertyNames": {"enum": list(_COMMON)}},
    "additionalProperties": {"type": "null", "errorMessage": _NO_KIND},
    "errorMessage": _NO_KIND,
}


def _compositions() -> dict[str, str]:
    """What each composition is."""
    return {name: said if isinstance(said, str) else _doc(said) for name, said in COMPOSITIONS.items()}


def _composition(kind: str, node: str, layers: str) -> Schema:
    item = _ref(f"{node}_of_a_sequence")
    value: Schema
    rules: Schema = {}
    options: Schema = {}
    if kind == "sequence":
        value = {"type": ["array", "object"], "minItems": 1, "minProperties": 1, "items": item, "additionalProperties": item}
    elif kind == "residual":
        value = {**_ref(layers), "minProperties": 1}
        options = {"shortcut": _described("Layers on the way beside; without them, what enters is added.", _ref(layers))}
    elif kind == "use":
        value = {"type": "string"}
    elif kind in PARTS:
        op = PARTS[kind]
        value = op.kind(op.fields[0]).schema
        options = {field: _option(op, field) for field in op.fields[1:]}
    else:
        number = ["number", "string"] if kind in BY_NUMBER else []
        value = {"type": ["object", "null", *number], "additionalProperties": _ref(node)}
        options = {"split": _described("Each branch takes an equal share of the channels.", _of("boolean", "string"))}
        options |= {field: _option(MERGES[kind], field) for field in MERGES[kind].fields}
        if node == "node":
            rules = {"if": {"properties": {kind: {"type": "null"}}}, "then": {"required": ["from"]}}
    properties = {kind: _described(_compositions()[kind], value), **options, **_COMMON_REFS}
    return {"properties": properties, "additionalProperties": False, **rules}


# ---- a spec held against the schema


class Disagreement(Exception):
    """The reader accepts what the schema refuses: a bug of archgen."""


def agree(tree: Mapping) -> None:
    """Holds a spec that the reader accepted, `extends` merged in, against the schema's file. Raises Disagreement.

    Of a spec with thousands of different nodes it looks at the first: this is a check of archgen, not of the spec.
    """
    for error in _validator().iter_errors(plain(tree)):
        where = ".".join(map(str, error.absolute_path)) or "the spec as a whole"
        raise Disagreement(f"the schema refuses {where}, which the reader of specs accepts: {error.message}")


@lru_cache(maxsize=1)
def _document() -> Schema:
    return json.loads(resources.read(FILE))  # type: ignore[no-any-return]


def _validator() -> Validator:
    """A validator of one spec: it looks at equal parts once, at so many in all, and for a node at the rules of its kind."""
    import jsonschema

    draft = jsonschema.Draft202012Validator
    every_rule, refer, others = (draft.VALIDATORS[keyword] for keyword in ("allOf", "$ref", "additionalProperties"))
    budget, seen = Budget(MOST_PARTS), set[tuple[str, str]]()

    def those_of_the_kind(validator: Validator, rules: list[Schema], node: Any, schema: Schema) -> Iterable[ValidationError]:
        yield from every_rule(validator, [rule for rule in rules if not _is_of_another_kind(rule, node)], node, schema)

    def unless_seen(validator: Validator, name: str, part: Any, schema: Schema) -> Iterable[ValidationError]:
        known = (name, repr(part))
        if known not in seen and budget.spend(1):
            seen.add(known)
            yield from refer(validator, name, part, schema)

    def in_order(validator: Validator, rule: Any, node: Any, schema: Schema) -> Iterable[ValidationError]:
        """jsonschema goes through a set, which has another order in each process."""
        by_one = isinstance(node, dict) and isinstance(rule, dict)
        for part in [{name: value} for name, value in node.items()] if by_one else [node]:
            yield from others(validator, rule, part, schema)

    rules = {"allOf": those_of_the_kind, "$ref": unless_seen, "additionalProperties": in_order}
    kind: Any = jsonschema.validators.extend(draft, rules)  # type: ignore[no-untyped-call]
    validator: Validator = kind(_document())
    return validator


def _is_of_another_kind(rule: Schema, node: Any) -> bool:
    """Whether a rule as `_where` makes it has nothing to say of a node."""
    test = rule.get("if", {})
    return isinstance(node, dict) and "required" in test and "else" not in rule and test["required"][0] not in node


def plain(tree: Tree) -> Any:
    """Returns a tree as JSON values: numbers and truths as archgen and YAML 1.2 read them, None for a key without a value."""
    if isinstance(tree, Mapping):
        return {key.text: plain(value) for key, value in tree.entries}
    if not isinstance(tree, Scalar):
        return [plain(item) for item in tree.items]
    if is_empty(tree):
        return None
    if tree.plain and re.fullmatch(r"-?(0|[1-9]\d{0,15})", tree.text, re.ASCII):
        return int(tree.text)
    if tree.plain and re.fullmatch(r"-?((\d+\.\d*|\.\d+)([eE][-+]?\d+)?|\d+[eE][-+]?\d+)", tree.text, re.ASCII):
        return float(tree.text)
    return {"true": True, "false": False}.get(tree.text, tree.text) if tree.plain else tree.text


if __name__ == "__main__":
    files.write({FILE: text()}, FILE.parent)
    print(f"wrote {FILE.name}")
