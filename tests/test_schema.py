"""The JSON Schema of specs: it takes every spec that the reader takes, and sees the faults of structure and type."""

from __future__ import annotations

import json
import random
import re
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

import archgen
from archgen.diagnostics import Place, Source, SpecError
from archgen.language import extends, library, schema
from archgen.language import reader as spec
from archgen.ops import OPS
from archgen.ops.options import KINDS
from archgen.syntax import parser
from archgen.syntax.trees import Mapping, Scalar, Sequence, Tree
from tests.conftest import ROOT, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DOCUMENT = json.loads(schema.FILE.read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(DOCUMENT)
SPECS = sorted([*ROOT.glob("specs/*.yaml"), *ROOT.glob("tests/networks/*.yaml")])
CASES = sorted(ROOT.glob("tests/errors/*.yaml"))
START = "name: Net\ninput: [3, 32, 32]\nstem:\n"


def read(text: str) -> Any:
    return schema.plain(parser.parse(Source("x.yaml", text)))


def faults(data: Any) -> list[str]:
    """What the schema refuses, each with its place in the spec."""
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in VALIDATOR.iter_errors(data)]


def test_the_file_is_what_the_records_give() -> None:
    assert schema.FILE.read_text(encoding="utf-8") == schema.text(), "write it anew: python -m archgen.language.schema"


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(DOCUMENT)
    assert DOCUMENT["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "oneOf" not in schema.text()


# ---- what it takes


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_it_takes_every_spec_as_written_and_as_merged(path: Path) -> None:
    assert faults(schema.plain(parser.read(path))) == []
    assert faults(schema.plain(extends.load(path).tree)) == []


@pytest.mark.parametrize("name", library.block_names())
def test_it_takes_every_block_of_the_library(name: str) -> None:
    block = schema.plain(parser.read(ROOT / f"archgen/library/{name}.yaml"))
    validator = jsonschema.Draft202012Validator({"$ref": "#/$defs/block", "$defs": DOCUMENT["$defs"]})
    assert list(validator.iter_errors(block)) == []
    assert list(validator.iter_errors({**block, "layer": {}}))


NODES = """\
relu
{relu}
activation
{activation, when: a == 1}
{conv: "max(4, c)", kernel_size: [1, k], bias: false}
{conv, out_channels: 8, kernel_size: 3, from: input}
{upsample: 2, mode: bilinear}
{Own: c, depth: 3, first: {stride: 2}, anything: [1, [2]], act: {leaky_relu, negative_slope: 0.1}, op: silu}
{Own, depth: n, first: {Other: 3}}
[relu, [batch_norm, {conv: 4, kernel_size: 1}]]
{sequence: {0: relu, named: relu}, when: true}
{residual: {a: relu}, shortcut: {}, from: b}
{shortcut: {a: relu}, residual: {a: relu}}
{concat: {a: relu, b: [relu]}, split: true}
{add, from: [input, a], when: c == 2}
{concat, from: a}
"""


@pytest.mark.parametrize("node", NODES.splitlines())
def test_it_takes_every_form_of_a_node(node: str) -> None:
    assert faults(read(f"{START}  a: {node}\n")) == []


def test_a_spec_that_extends_another_may_name_changes_alone() -> None:
    changes = "{a: {stride: 2}, b: {when: false}, c: {Own, depth: 2}, d: {residual: {e: {bias: true}}}, f: {any: [1]}}"
    inherits = f"extends: a.yaml\nstem: {changes}\nblocks: {{Own: {{args: {{a: 1}}, layers: {changes}}}}}\n"
    assert faults(read(inherits)) == []
    assert len(faults(read(inherits.replace("extends: a.yaml", "name: Net\ninput: [3, 9]")))) == 8


# ---- what it sees

# The faults of structure and type, by what the reader says of them.
MUST_SEE = [
    "there is no key",
    "the spec has no `(?:name|input)`",
    "the network has no layers",
    "has no `layers`",
    "is expected here",
    "the name of a layer is expected",
    "a value is missing here",
    "`assert` is a list",
    "`input` lists",
    r"whole numbers of at least 1, not `[\d.]+`$",
    "^`(?:conv|residual|concat)` has no option",
    "only a block takes",
    "`first` needs a `depth`",
    r"^`[a-z]\w*` takes no value of its own$",
    "holds an op with its options",
    "a node has one kind",
    "^`conv.*` is no op or block",
    r"of `\w+` takes (?:an integer.*|true or false), not (?:a list|`true`|`1`)$",
    r"of `\w+` is a word",
    "a number or an expression is expected, not a mapping",
    "`depth` is a whole number of at least 1, not",
    r"a condition is true or false, not `\d+`$",
    "`split` is true or false",
    "a merge is none",
    "needs at least one (?:layer|node)",
    "this node has no kind",
    "is no name (?:for Python code|of a class)$",
    "is longer than 48",
]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_it_sees_structure_and_type_and_refuses_nothing_that_the_reader_takes(path: Path) -> None:
    try:
        tree = extends.load(path).tree
    except SpecError:
        return  # no tree: what YAML and `extends` may hold is not the schema's to say
    found = faults(schema.plain(tree))
    if any(re.search(fault, sentence) for fault in MUST_SEE for sentence in told(path)):
        assert found
    if found and accepted(tree):
        with pytest.raises(SpecError):  # the reader knows no names; what it leaves is refused where they are known
            archgen.load(path)


def told(path: Path) -> list[str]:
    """What a user reads of a bad spec."""
    return re.findall("error: (.*)", re.sub(r"\n {6}", " ", path.with_suffix(".txt").read_text(encoding="utf-8")))


def accepted(tree: Mapping) -> bool:
    """Whether the reader finds no fault by itself; that something is never used is none of the schema's business."""
    reader = spec.Reader(library.block_names())
    try:
        reader.spec(tree)
    except SpecError:
        return False
    return not reader.problems


@pytest.mark.parametrize("fault", MUST_SEE)
def test_every_kind_of_fault_has_its_case(fault: str) -> None:
    assert any(re.search(fault, sentence) for path in CASES for sentence in told(path))


GOOD: dict[str, Any] = {
    "an integer": 3, "an integer, or a list with one for each axis": [1, "k"], "a list of integers": [1, 2],
    "an integer, a list with one for each axis, `same` or `valid`": [1, "k"], "a number": 0.5, "true or false": False,
    "an integer, or a list of integers": [2, 3], "an integer, or a list with two for each axis": [1, 2],
    "a number, or a list with one for each axis": [1.5, "k"],
}  # fmt: skip
BAD: dict[str, list[Any]] = {
    "an integer": [0.5, True, [1], None, {}], "an integer, or a list with one for each axis": [0.5, True, [0.5], {}],
    "an integer, a list with one for each axis, `same` or `valid`": [0.5, True, [0.5], {}],
    "an integer, or a list of integers": [0.5, True, [0.5], {}],
    "an integer, or a list with two for each axis": [0.5, True, [0.5], {}],
    "a number, or a list with one for each axis": [True, [True], {}],
    "a list of integers": [3, True, ["k", 0.5]], "a number": [True, [1], None], "true or false": [1, 0.5, [], None],
    "a word": ["no_such_word", 1, True],
}  # fmt: skip


@pytest.mark.parametrize("name", OPS)
def test_every_option_of_every_op(name: str) -> None:
    op = OPS[name]

    def of(node: Any) -> list[str]:
        return faults({"name": "Net", "input": [3, 9], "stem": {"a": node}, "defaults": {}})

    assert of(name) == of({name: None}) == []
    assert of({name: None, "no_such_option": 1}) == [
        "stem.a: Additional properties are not allowed ('no_such_option' was unexpected)"
    ]
    assert of({name: {}})
    for option in op.fields:
        kind, words = op.kind(option), op.words.get(option, ())
        values = () if kind is KINDS["Word"] else (GOOD[kind.article], "channels // 2")
        for value in (*values, *words):
            assert of({name: None, option: value}) == []
            assert faults({"name": "Net", "input": [3, 9], "stem": {}, "defaults": {name: {option: value}}}) == []
        for value in BAD[kind.article]:
            (fault,) = {fault.partition(": ")[0] for fault in of({name: None, option: value})}
            assert fault.startswith(f"stem.a.{option}"), "the option that has the fault, and it alone, is told"
    assert {kind.article for kind in KINDS.values()} == BAD.keys()


@pytest.mark.parametrize("name", OPS)
def test_the_completions_of_an_op_are_its_options(name: str) -> None:
    described = DOCUMENT["$defs"][f"op.{name}"]
    assert tuple(described["properties"]) == OPS[name].fields
    assert described["description"].startswith((OPS[name].__doc__ or "").split("\n")[0].split(".")[0])
    for option, about in described["properties"].items():
        assert about["description"]
        default = OPS[name].defaults.get(option)
        assert about.get("default") == (list(default) if isinstance(default, tuple) else default)


# ---- beside the reader

NOWHERE = Place(Source("", ""), 0, 0)
VALUES: list[Tree] = [
    *(Scalar(text, True, NOWHERE) for text in ["", *"-1 0 1 1.5 1e-3 true false null 1_000 .5 1. input relu 1==1 ~".split()]),
    *(Scalar(text, False, NOWHERE) for text in ["", "64", "true", "1 + 1"]),
    Sequence((), NOWHERE),
    Mapping((), NOWHERE),
    Sequence((Scalar("1", True, NOWHERE), Scalar("2", True, NOWHERE)), NOWHERE),
    Sequence((Scalar("relu", True, NOWHERE),), NOWHERE),
    Mapping(((Scalar("relu", True, NOWHERE), Scalar("", True, NOWHERE)),), NOWHERE),
]


def parts(tree: Tree) -> Iterator[Tree]:
    yield tree
    for value in [value for _, value in tree.entries] if isinstance(tree, Mapping) else getattr(tree, "items", ()):
        yield from parts(value)


def replaced(tree: Tree, old: Tree, new: Tree) -> Tree:
    if tree is old:
        return new
    if isinstance(tree, Mapping):
        return tree.replace(entries=tuple((key, replaced(value, old, new)) for key, value in tree.entries))
    if isinstance(tree, Sequence):
        return tree.replace(items=tuple(replaced(item, old, new) for item in tree.items))
    return tree


@pytest.mark.parametrize("seed", range(4))
def test_it_takes_whatever_the_reader_takes(seed: int) -> None:
    """Specs with a part replaced by a value, or by a part of another spec."""
    chance = random.Random(seed)
    trees = [extends.load(path).tree for path in SPECS]
    pool = [part for tree in trees for part in parts(tree)]
    taken = 0
    for _ in range(400):
        tree = chance.choice(trees)
        changed = replaced(tree, chance.choice(list(parts(tree))[1:]), chance.choice([*VALUES, *chance.choices(pool, k=9)]))
        assert isinstance(changed, Mapping)
        if accepted(changed):
            schema.agree(changed)
            taken += 1
    assert taken >= 20


def test_plain_values() -> None:
    given = {
        "3": 3, "-3": -3, "0": 0, "1.5": 1.5, "1e-3": 0.001, ".5": 0.5, "-1.": -1.0, "true": True, "false": False, "": None,
        "010": "010", "1_000": "1_000", "0x10": "0x10", "null": "null", "~": "~", "True": "True", "3x3": "3x3", ".nan": ".nan",
        "9" * 5000: "9" * 5000, "a b": "a b",
    }  # fmt: skip
    for text, value in given.items():
        found = schema.plain(Scalar(text, True, NOWHERE))
        assert (found, type(found)) == (value, type(value)), text
        assert schema.plain(Scalar(text, False, NOWHERE)) == text
    assert read("a: [1, {b: c}]\n") == {"a": [1, {"b": "c"}]}


def test_validate_tells_a_disagreement_as_its_own_bug(
    project: Path, archgen: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert archgen("validate", "specs/small.yaml") == Result(0, "specs/small.yaml: ok\n", "")
    stricter = json.loads(schema.text())
    stricter["$defs"]["op.conv"]["properties"]["kernel_size"] = {"maximum": 2}
    (project / "stricter.json").write_text(json.dumps(stricter), encoding="utf-8")
    monkeypatch.setattr(schema, "FILE", project / "stricter.json")
    schema._document.cache_clear()
    try:
        result = archgen("validate", "specs/small.yaml")
    finally:
        schema._document.cache_clear()
    assert (result.code, result.out) == (70, "")
    assert result.err == (
        "specs/small.yaml: internal error: the schema refuses stem.conv1.kernel_size, which the reader of specs accepts: "
        "3 is greater than the maximum of 2; please report it\n"
    )


def test_equal_parts_are_looked_at_once_and_the_first_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    stricter = json.loads(schema.text())
    stricter["$defs"]["op.max_pool"]["properties"]["kernel_size"] = {"maximum": 2}
    monkeypatch.setattr(schema, "_document", lambda: stricter)
    monkeypatch.setattr(schema, "MOST_PARTS", 40)
    equal = "".join(f"  a{number}: {{conv: 3, kernel_size: 3}}\n" for number in range(60))
    different = "".join(f"  a{number}: {{dropout: {number} / 100}}\n" for number in range(60))
    bad = "  z: {max_pool, kernel_size: 3}\n"
    with pytest.raises(schema.Disagreement):
        schema.agree(parser.parse(Source("x.yaml", START + equal + bad)))
    schema.agree(parser.parse(Source("x.yaml", START + different + bad)))
    with pytest.raises(schema.Disagreement):
        schema.agree(parser.parse(Source("x.yaml", START + bad + different)))


def test_only_validate_reads_it(project: Path, archgen: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "FILE", project / "missing.json")
    schema._document.cache_clear()
    for command in (["shapes"], ["show"], ["build", "-o", "out"]):
        assert archgen(*command, "specs/small.yaml").code == 0
    assert archgen("validate", "specs/small.yaml").code == 3
