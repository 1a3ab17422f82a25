"""Reading: the records that a text gives, with the place of each value, and a spec merged over another."""

from __future__ import annotations

import json
import os
import tempfile
import textwrap
from pathlib import Path
from typing import TypeVar

import hypothesis
import pytest
from hypothesis import example
from hypothesis import strategies as st

import archgen
from archgen.arithmetic.expressions import Name, Value, names_of
from archgen.arithmetic.spelling import render
from archgen.diagnostics import Place, Source, SpecError
from archgen.language import extends, library, model, problems, reader
from archgen.ops import MERGES, OPS
from archgen.syntax import parser, trees

NodeType = TypeVar("NodeType", bound=model.Node)

HEAD = "name: Net\ninput: [3, 32, 32]\n"
OWN = """\
blocks:
  Own:
    args: {channels: int, stride: 1, act: relu}
    layers:
      conv: {conv: channels, kernel_size: 3, stride: stride}
      act: act
"""


def read(text: str) -> model.Spec:
    return reader.read(parser.parse(Source("x.yaml", text)), library.block_names())


def nodes(*lines: str, rest: str = "") -> dict[str, model.AnyNode]:
    """The nodes of a network's stem by their names."""
    return {
        layer.name: layer.node for layer in read(HEAD + "stem:\n" + textwrap.indent("\n".join(lines), "  ") + "\n" + rest).stem
    }


def node(kind: type[NodeType], text: str, rest: str = "") -> NodeType:
    """The one node of a network."""
    found = nodes(f"a: {text}", rest=rest)["a"]
    assert isinstance(found, kind)
    return found


def use(text: str, rest: str = "") -> model.Use:
    return node(model.Use, text, rest)


def given(arguments: tuple[model.Argument, ...] | model.Use | None) -> dict[str, Value]:
    assert isinstance(arguments, tuple)
    return {argument.name: argument.value for argument in arguments}


def text_of(place: Place) -> str:
    """What stands at a place."""
    return place.source.line(place.line)[place.column - 1 :][: place.length]


def refused(text: str) -> list[str]:
    with pytest.raises(SpecError) as error:
        raise SpecError(*read(text).idle)  # what nobody uses is told where nothing else is wrong
    return [problem.sentence for problem in error.value.problems]


# ---- the forms of a node


def test_a_word_is_a_kind_with_its_defaults() -> None:
    found = use("relu")
    assert (found.kind, found.arguments, found.depth, found.first, found.when, found.sources) == (
        "relu",
        (),
        None,
        None,
        None,
        (),
    )
    assert use("BasicBlock").kind == "BasicBlock"


def test_a_mapping_has_a_kind_its_first_argument_and_options() -> None:
    found = use("{conv: 64, kernel_size: 7, stride: 2, bias: false}")
    assert found.kind == "conv"
    assert given(found.arguments) == {"out_channels": 64, "kernel_size": 7, "stride": 2, "bias": False}


def test_the_kind_may_stand_anywhere_and_without_a_value() -> None:
    assert given(use("{kernel_size: 7, conv: 64}").arguments) == {"out_channels": 64, "kernel_size": 7}
    found = use("{batch_norm, eps: 0.001}")
    assert (found.kind, given(found.arguments)) == ("batch_norm", {"eps": 0.001})
    assert use("{relu}") == use("relu")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("{conv: 4, kernel_size: 3}", "out_channels"),
        ("{max_pool: 3}", "kernel_size"),
        ("{adaptive_avg_pool: 1}", "output_size"),
        ("{linear: 4}", "out_features"),
        ("{dropout: 0.5}", "p"),
    ],
)
def test_the_value_beside_an_op_has_the_name_of_its_first_option(text: str, name: str) -> None:
    found = use(text)
    assert found.arguments[0].name == name == OPS[found.kind].first()


def test_the_value_beside_a_block_has_no_name_yet() -> None:
    """Which arguments a block takes is the graph's to know."""
    assert given(use("{Own: 8}", OWN).arguments) == {"": 8}
    assert given(use("{Own, channels: 8}", OWN).arguments) == {"channels": 8}


def test_a_list_is_a_sequence_and_numbers_its_nodes() -> None:
    found = node(model.Sequence, "[{conv: 32, kernel_size: 3}, batch_norm, [relu]]")
    assert [layer.name for layer in found.layers] == ["0", "1", "2"]
    inner = found.layers[2].node
    assert isinstance(inner, model.Sequence)
    assert inner.layers[0].node == use("relu")
    assert found == node(model.Sequence, "{sequence: [{conv: 32, kernel_size: 3}, batch_norm, [relu]]}")


def test_a_sequence_may_name_its_nodes() -> None:
    found = node(model.Sequence, "{sequence: {conv: {conv: 4, kernel_size: 3}, act: relu}, when: in_channels == 3}")
    assert [layer.name for layer in found.layers] == ["conv", "act"]
    assert render(found.when) == "in_channels == 3"


def test_a_residual_keeps_the_order_of_its_ways() -> None:
    found = node(model.Residual, "{residual: {b: relu}, shortcut: {c: silu}}")
    assert [layer.name for layer in found.residual + found.shortcut] == ["b", "c"]
    assert not found.shortcut_first
    assert node(model.Residual, "{shortcut: {c: silu}, residual: {b: relu}}").shortcut_first
    assert node(model.Residual, "{residual: {b: relu}}").shortcut == ()


@pytest.mark.parametrize("kind", MERGES)
def test_a_merge_has_branches_or_values(kind: str) -> None:
    names = ["b", "c", "d"] if MERGES[kind].least == 3 else ["b", "c"]
    found = node(model.Merge, f"{{{kind}: {{{', '.join(f'{name}: relu' for name in names)}}}, split: true}}")
    assert (found.kind, [layer.name for layer in found.branches], found.split) == (kind, names, True)
    sources = ["a", "input", "a"][: len(names)]
    merge = nodes("a: relu", f"b: {{{kind}, from: [{', '.join(sources)}]}}")["b"]
    assert isinstance(merge, model.Merge)
    assert ([reference.name for reference in merge.sources], merge.branches, merge.split) == (sources, (), False)


def test_a_merge_has_options() -> None:
    text = "b: {scaled_dot_product_attention, from: [a, a, a], is_causal: true, scale: 0.5}"
    merge = nodes("a: relu", text)["b"]
    assert isinstance(merge, model.Merge)
    assert given(merge.arguments) == {"is_causal": True, "scale": 0.5}
    assert refused(HEAD + "stem: {a: relu, b: {add, from: [a, input], scale: 2}}\n") == ["`add` has no option `scale`"]


def test_an_argument_that_holds_an_op_is_a_kind() -> None:
    block = read(HEAD + "stem: {a: {Own: 8}}\n" + OWN).blocks[0]
    found = block.layers[1].node
    assert isinstance(found, model.Use)
    assert (found.kind, found.arguments) == ("act", ())
    passed = read(HEAD + "args: {act: relu}\nstem: {a: {Own: 8, act: act}, b: {act, when: true}}\n" + OWN).stem
    assert [layer.node.kind for layer in passed if isinstance(layer.node, model.Use)] == ["Own", "act"]


# ---- depth, first, from, when


def test_depth_and_first() -> None:
    found = use("{Own: 8, depth: 3, first: {stride: 2}}", OWN)
    assert (found.depth, given(found.arguments), given(found.first)) == (3, {"": 8}, {"stride": 2})
    other = use("{Own: 8, depth: 3, first: {Own: 4}}", OWN)
    assert isinstance(other.first, model.Use)
    assert given(other.first.arguments) == {"": 4}


def test_the_arguments_of_a_repeated_block_know_its_number() -> None:
    found = use("{Own: 8 + index * block_index, depth: 3}", OWN)
    assert names_of(found.arguments[0].value) == {"index", "block_index"}
    assert refused(HEAD + "stem: {a: {Own: index}}\n" + OWN) == ["there is no name `index` here"]
    assert refused(HEAD + "stem: {a: {Own: 8, depth: index}}\n" + OWN) == ["there is no name `index` here"]


def test_from_names_earlier_values() -> None:
    found = nodes("a: relu", "b: {relu, from: input}", "c: {add, from: [a, b]}")
    assert [[source.name for source in found[name].sources] for name in "abc"] == [[], ["input"], ["a", "b"]]


def test_a_residual_sees_the_values_around_it_and_a_branch_does_not() -> None:
    found = nodes("a: relu", "b: {residual: {c: {relu, from: a}}}")["b"]
    assert isinstance(found, model.Residual)
    assert found.residual[0].node.sources[0].name == "a"
    merge = "stem: {a: {concat: {b: relu, c: {residual: {d: {relu, from: b}}}}}}\n"
    assert refused(HEAD + merge) == ["`b` runs beside `d`, in another branch of `a`"]


def test_when_is_a_truth_or_an_expression() -> None:
    assert use("{relu, when: false}").when is False
    assert use("{relu, when: 2 > 1}").when is True
    assert render(use("{relu, when: not in_channels > 4}").when) == "not in_channels > 4"


# ---- the parts of a spec


def test_a_whole_spec() -> None:
    found = read(
        HEAD + "description: A net.\nargs: {classes: 10, wide: false, rate: 0.5, sizes: [1, 2], act: {leaky_relu: 0.1}}\n"
        "let: {a: 8, b: a * 2}\ndefaults: {conv: {bias: false}}\n"
        'stem: {x1: {conv: b, kernel_size: "sizes[0]"}}\nstages: {x2: {act, when: wide}}\n'
        "head: {x3: {dropout: rate}, f: flatten, x4: {linear: classes}}\n"
        'outputs: [x4, x1]\nassert: ["parameters <= 4"]\n'
    )
    assert (found.name, found.description, found.input) == ("Net", "A net.", (3, 32, 32))
    types = {"classes": "int", "wide": "bool", "rate": "float", "sizes": "list", "act": "op"}
    assert {parameter.name: parameter.type for parameter in found.parameters} == types
    assert found.parameters[3].default == (1, 2)
    assert found.parameters[4].default == OPS["leaky_relu"](negative_slope=0.1)
    assert [(constant.name, render(constant.value)) for constant in found.constants] == [("a", "8"), ("b", "a * 2")]
    assert [(default.kind, given(default.arguments)) for default in found.option_defaults] == [("conv", {"bias": False})]
    assert [[layer.name for layer in part] for part in (found.stem, found.stages, found.head)] == [
        ["x1"],
        ["x2"],
        ["x3", "f", "x4"],
    ]
    assert [layer.name for layer in found.layers] == ["x1", "x2", "x3", "f", "x4"]
    assert [reference.name for reference in found.outputs] == ["x4", "x1"]
    assert [assertion.text for assertion in found.assertions] == ["parameters <= 4"]


def test_a_block_of_its_own() -> None:
    (block,) = read(HEAD + "stem: {a: {Own: 8}}\n" + OWN).blocks
    assert [(p.name, p.type, p.default) for p in block.parameters] == [
        ("channels", "int", None), ("stride", "int", 1), ("act", "op", OPS["relu"]()),
    ]  # fmt: skip
    assert block.layers[0].node.place.line == 8
    assert given(block.layers[0].node.arguments)["stride"] == Name("stride")  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["int", "float", "bool", "op"])
def test_a_required_argument_has_a_type(kind: str) -> None:
    user = {"bool": "{relu, when: x1}", "op": "x1"}.get(kind, "{dropout: x1}")
    value = {"int": "1", "float": "0.5", "bool": "true", "op": "relu"}[kind]
    found = read(HEAD + f"stem: {{a: {{Two: {value}}}}}\nblocks: {{Two: {{args: {{x1: {kind}}}, layers: {{b: {user}}}}}}}\n")
    assert (found.blocks[0].parameters[0].type, found.blocks[0].parameters[0].default) == (kind, None)


def test_the_constants_see_those_before_them() -> None:
    found = read(HEAD + "let: {a: in_channels, b: a + 1, c: a + b}\nstem: {x1: {conv: c, kernel_size: 1}}\n")
    assert [sorted(names_of(constant.value)) for constant in found.constants] == [["in_channels"], ["a"], ["a", "b"]]
    assert refused(HEAD + "let: {a: b, b: 1}\nstem: {x1: {conv: a + b, kernel_size: 1}}\n") == ["there is no name `b` here"]


def test_numbers_are_worked_out() -> None:
    arguments = given(use("{conv: 4 * 8, kernel_size: [1 + 2, 7], bias: 2 < 1}").arguments)
    assert arguments == {"out_channels": 32, "kernel_size": (3, 7), "bias": False}
    assert given(use("{batch_norm, eps: 1e-3, momentum: 1 / 4}").arguments) == {"eps": 0.001, "momentum": 0.25}
    assert given(use("{upsample, scale_factor: 2, mode: nearest}").arguments)["mode"] == "nearest"


def test_what_is_unused_is_told_only_where_nothing_else_is_wrong() -> None:
    assert refused(HEAD + "args: {classes: 4}\nstem: {a: relu}\n") == ["the network never uses its argument `classes`"]
    assert refused(HEAD + "args: {classes: 4}\nstem: {a: relloo}\n") == ["`relloo` is no op or block"]


def test_every_problem_is_told_until_there_are_too_many() -> None:
    assert len(refused(HEAD + "stem:\n" + "".join(f"  a{n}: what{n}\n" for n in range(9)))) == 9
    assert len(refused(HEAD + "stem:\n" + "".join(f"  a{n}: what{n}\n" for n in range(99)))) == problems.MOST_PROBLEMS


# ---- places


def test_every_value_knows_its_place() -> None:
    text = HEAD + "let: {wide: 64}\nstem:\n  conv1: {conv: wide, kernel_size: 3, from: input, when: true}\n  act: relu\n"
    found = read(text)
    first, second = found.stem
    assert (text_of(first.place), first.place[1:3]) == ("conv1", (5, 3))
    assert text_of(first.node.place) == "{conv: wide, kernel_size: 3, from: input, when: true}"
    assert isinstance(first.node, model.Use)
    assert [text_of(argument.place) for argument in first.node.arguments] == ["wide", "3"]
    assert text_of(first.node.sources[0].place) == "input"
    assert text_of(second.node.place) == "relu"
    assert text_of(found.constants[0].place) == "wide"
    assert found.place[1:3] == (1, 1)


def test_two_records_are_equal_wherever_they_stand() -> None:
    assert use("{relu}") == use("   relu")


@pytest.mark.parametrize("value", ["8 * wode", '"8 * wode"', "'8 * wode'"])
def test_a_name_in_an_expression_is_blamed_alone(value: str) -> None:
    with pytest.raises(SpecError) as error:
        read(HEAD + f"stem: {{a: {{conv: {value}, kernel_size: 3}}}}\n")
    assert text_of(error.value.problems[0].place) == "wode"


# ---- extends

PARENT = """\
name: Parent
input: [3, 32, 32]
args: {classes: 10, wide: 8}
let: {a: 1, b: 2}
defaults: {conv: {bias: false, padding: 1}}
stem:
  conv1: {conv: wide, kernel_size: 3, stride: 2}
  bn1: batch_norm
  act: relu
  pair: [relu, relu]
stages:
  sum:
    residual: {c1: {conv: wide, kernel_size: 3}, r1: relu}
  own: {Own: 8, depth: 2, first: {stride: 2}}
head: {flatten: flatten, fc: {linear: classes}}
outputs: [fc]
blocks:
  Own:
    args: {channels: int, stride: 1}
    layers:
      conv: {conv: channels, kernel_size: 3, stride: stride}
      act: relu
"""


def merged(tmp_path: Path, child: str) -> trees.Mapping:
    (tmp_path / "parent.yaml").write_text(PARENT, encoding="utf-8")
    (tmp_path / "child.yaml").write_text("extends: parent.yaml\n" + child, encoding="utf-8")
    return extends.load(tmp_path / "child.yaml").tree


def flow(tree: trees.Tree | None) -> str:
    """A tree in one line, as one would write it."""
    if isinstance(tree, trees.Mapping):
        return "{" + ", ".join(f"{key.text}: {flow(value)}".removesuffix(": ") for key, value in tree.entries) + "}"
    if isinstance(tree, trees.Sequence):
        return "[" + ", ".join(map(flow, tree.items)) + "]"
    return "" if tree is None else tree.text


def at(tree: trees.Mapping, *keys: str) -> trees.Tree | None:
    found: trees.Tree | None = tree
    for key in keys:
        assert isinstance(found, trees.Mapping)
        found = found.get(key)
    return found


def test_a_child_that_says_nothing_is_its_parent(tmp_path: Path) -> None:
    assert flow(merged(tmp_path, "name: Parent\n")) == flow(parser.parse(Source("x", PARENT)))


RULES = {  # child, the path of a part, and the part after the merge
    "a text replaces": ("name: Child", ["name"], "Child"),
    "a list replaces": ("input: [1, 8, 8]", ["input"], "[1, 8, 8]"),
    "a list of outputs replaces": ("outputs: [act, fc]", ["outputs"], "[act, fc]"),
    "arguments merge": ("args: {wide: 16, new: 3}", ["args"], "{classes: 10, wide: 16, new: 3}"),
    "constants merge": ("let: {c: 3, a: 4}", ["let"], "{a: 4, b: 2, c: 3}"),
    "defaults merge": ("defaults: {conv: {bias: true}}", ["defaults"], "{conv: {bias: true, padding: 1}}"),
    "new defaults": ("defaults: {Own: {stride: 2}}", ["defaults"], "{conv: {bias: false, padding: 1}, Own: {stride: 2}}"),
    "no kind changes options": ("stem: {conv1: {stride: 1}}", ["stem", "conv1"], "{conv: wide, kernel_size: 3, stride: 1}"),
    "options are added": ("stem: {conv1: {groups: 2}}", ["stem", "conv1"],
        "{conv: wide, kernel_size: 3, stride: 2, groups: 2}"),
    "a word gets options": ("stem: {bn1: {eps: 0.1}}", ["stem", "bn1"], "{batch_norm, eps: 0.1}"),
    "the same kind changes its first argument": (
        "stem: {conv1: {conv: 4}}", ["stem", "conv1"], "{conv: 4, kernel_size: 3, stride: 2}",
    ),
    "the same kind alone keeps it": (
        "stem: {conv1: {conv, stride: 1}}", ["stem", "conv1"], "{conv: wide, kernel_size: 3, stride: 1}",
    ),
    "another kind replaces": ("stem: {conv1: {max_pool: 3}}", ["stem", "conv1"], "{max_pool: 3}"),
    "another word replaces": ("stem: {act: silu}", ["stem", "act"], "{silu}"),
    "a list replaces a node": ("stem: {conv1: [relu]}", ["stem", "conv1"], "[relu]"),
    "a node replaces a list": ("stem: {pair: silu}", ["stem", "pair"], "silu"),
    "false takes a layer out": ("stem: {bn1: {when: false}, pair: {when: false}}", ["stem"],
        "{conv1: {conv: wide, kernel_size: 3, stride: 2}, act: relu}"),
    "false with options is a condition": ("stem: {bn1: {eps: 0.1, when: false}}", ["stem", "bn1"],
        "{batch_norm, eps: 0.1, when: false}"),
    "names keep the parent's order, new ones go last": ("stages: {new: relu, own: {depth: 3}}", ["stages"],
        "{sum: {residual: {c1: {conv: wide, kernel_size: 3}, r1: relu}}, own: {Own: 8, depth: 3, first: {stride: 2}}, "
        "new: relu}"),
    "layers inside a residual merge": ("stages: {sum: {residual: {c1: {stride: 1}, r1: {when: false}}}}", ["stages", "sum"],
        "{residual: {c1: {conv: wide, kernel_size: 3, stride: 1}}}"),
    "a way may be added": ("stages: {sum: {shortcut: {c2: relu}}}", ["stages", "sum"],
        "{residual: {c1: {conv: wide, kernel_size: 3}, r1: relu}, shortcut: {c2: relu}}"),
    "changes of the first block merge": ("stages: {own: {first: {channels: 4}}}", ["stages", "own"],
        "{Own: 8, depth: 2, first: {stride: 2, channels: 4}}"),
    "another block for the first": ("stages: {own: {first: {BasicBlock: 4}}}", ["stages", "own"],
        "{Own: 8, depth: 2, first: {BasicBlock: 4}}"),
    "blocks merge": ("blocks: {Own: {args: {stride: 2}, layers: {act: {when: false}, new: silu}}}", ["blocks", "Own"],
        "{args: {channels: int, stride: 2}, layers: {conv: {conv: channels, kernel_size: 3, stride: stride}, new: silu}}"),
    "blocks are added": ("blocks: {New: {layers: {a: relu}}}", ["blocks", "New"], "{layers: {a: relu}}"),
    "the parent's name of its own parent goes": ("name: Child", ["extends"], ""),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_a_spec_over_another(rule: str, tmp_path: Path) -> None:
    child, keys, expected = RULES[rule]
    part = flow(at(merged(tmp_path, child + "\n"), *keys))
    assert part == expected or part == f"{{{expected}}}" or f"{{{part}}}" == expected  # `relu` and `{relu}` are one node


def test_a_layer_that_is_not_there_is_not_taken_out(tmp_path: Path) -> None:
    tree = merged(tmp_path, "stem: {bn2: {when: false}}\n")
    with pytest.raises(SpecError, match=r"this\s+node has no kind") as error:
        reader.read(tree)
    assert text_of(error.value.problems[0].place) == "{when: false}"


def test_an_argument_that_holds_an_op_replaces_another_kind(tmp_path: Path) -> None:
    assert flow(at(merged(tmp_path, "args: {chosen: silu}\nstem: {act: chosen}\n"), "stem", "act")) == "chosen"


def test_each_value_keeps_its_own_place(tmp_path: Path) -> None:
    conv = at(merged(tmp_path, "stem: {conv1: {stride: 1}}\n"), "stem", "conv1")
    assert isinstance(conv, trees.Mapping)
    assert [(key.text, value.place.source.name.rpartition("/")[2]) for key, value in conv.entries] == [
        ("conv", "parent.yaml"), ("kernel_size", "parent.yaml"), ("stride", "child.yaml"),
    ]  # fmt: skip


def test_a_problem_of_the_parent_is_told_in_the_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "parent.yaml").write_text(HEAD + "stem: {a: relloo}\n", encoding="utf-8")
    (tmp_path / "child.yaml").write_text("extends: base/parent.yaml\nhead: {b: silloo}\n", encoding="utf-8")
    with pytest.raises(SpecError) as error:
        reader.read(extends.load(type(tmp_path)("child.yaml")).tree)
    assert sorted(problem.place.source.name for problem in error.value.problems) == ["base/parent.yaml", "child.yaml"]


@pytest.mark.parametrize("shortcut_first", [False, True])
def test_the_two_ways_of_a_residual_may_be_from_two_files(shortcut_first: bool, tmp_path: Path) -> None:
    ways = ["residual: {c: {conv: 3, kernel_size: 1}}", "shortcut: {d: {conv: 3, kernel_size: 1}}"]
    parent = f"stem: {{a: {{{', '.join(reversed(ways) if shortcut_first else ways)}}}}}"
    (tmp_path / "parent.yaml").write_text(f"{HEAD}{parent}\n", encoding="utf-8")
    (tmp_path / "child.yaml").write_text("extends: parent.yaml\nstem: {a: {shortcut: {d: {bias: false}}}}\n", encoding="utf-8")
    (layer,) = reader.read(extends.load(tmp_path / "child.yaml").tree).stem
    assert isinstance(layer.node, model.Residual)
    assert layer.node.shortcut_first is shortcut_first


def test_a_chain_merges_from_its_end(tmp_path: Path) -> None:
    for number in range(extends.MOST_FILES):
        start = f"extends: {number + 1}.yaml\n" if number + 1 < extends.MOST_FILES else ""
        (tmp_path / f"{number}.yaml").write_text(f"{start}name: N{number}\nlet: {{n{number}: {number}, x1: {number}}}\n")
    loaded = extends.load(tmp_path / "0.yaml")
    assert flow(loaded.tree) == "{name: N0, let: {n7: 7, x1: 0, " + ", ".join(f"n{n}: {n}" for n in range(6, -1, -1)) + "}}"
    assert len(loaded.texts) == extends.MOST_FILES
    assert loaded.texts[0].startswith("extends: 1.yaml\nname: N0")


def extends_refused(path: Path) -> str:
    with pytest.raises(SpecError) as error:
        extends.load(path)
    return error.value.problems[0].sentence


def test_a_chain_ends(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.yaml").write_text(f"extends: {number + 1}.yaml\n")
    assert extends_refused(tmp_path / "0.yaml") == "a chain of `extends` has at most 8 files"
    (tmp_path / "2.yaml").write_text("extends: 0.yaml\n")
    assert extends_refused(tmp_path / "0.yaml") == "`0.yaml` would extend itself"


@pytest.mark.parametrize(
    "entry",
    [
        "stem: 3",
        "let: [1]",
        "args: x",
        "defaults: {conv: 3}",
        "blocks: {Own: 3}",
        "blocks: {Own: {layers: [relu]}}",
        "head: [relu]",
    ],
)
def test_what_is_no_mapping_replaces(entry: str, tmp_path: Path) -> None:
    """The merge hands it on as it stands; the reader refuses it then, in its own words."""
    (tmp_path / "parent.yaml").write_text(PARENT)
    (tmp_path / "child.yaml").write_text(f"extends: parent.yaml\n{entry}\n")
    key, _, value = entry.partition(": ")
    found = extends.load(tmp_path / "child.yaml").tree.get(key)
    assert found is not None
    assert value.strip("{}").rpartition(": ")[2] in flow(found)
    with pytest.raises(SpecError):
        archgen.load(tmp_path / "child.yaml")


def test_a_chain_is_no_larger_than_one_spec_may_be(tmp_path: Path) -> None:
    for number in range(3):
        start = f"extends: {number + 1}.yaml\n" if number < 2 else "name: N\ninput: [3, 8, 8]\n"
        (tmp_path / f"{number}.yaml").write_text(start + "# comment\n" * 9000)
    assert extends_refused(tmp_path / "0.yaml") == "with `2.yaml` the spec is larger than 256 KiB"
    (tmp_path / "2.yaml").write_text("name: N\n")
    extends.load(tmp_path / "0.yaml")


def test_what_is_no_file_is_no_spec(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to(tmp_path / "b.yaml")
    (tmp_path / "b.yaml").symlink_to(tmp_path / "a.yaml")
    (tmp_path / "folder.yaml").mkdir()
    names = ["a.yaml", "folder.yaml"]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.yaml")  # a plain open would wait for ever
        names.append("pipe.yaml")
    for name in names:
        (tmp_path / "child.yaml").write_text(f"extends: {name}\n")
        assert extends_refused(tmp_path / "child.yaml") == f"there is no spec `{name}` here"


def targets() -> st.SearchStrategy[str]:
    """Paths of every kind of spelling, few of which name anything."""
    parts = st.sampled_from(
        ["..", ".", "", "a", "in", "down", "\u00e9", "x" * 300, "con", "~", "~root", "a ", "a.", "C:", "file:", "\\", "%2e%2e",
         "*", "$HOME", "a\\b", "?", "\u202e", "out", "child"]
    )  # fmt: skip
    return st.builds(lambda found, end: "/".join(found) + end, st.lists(parts, min_size=1, max_size=8), st.sampled_from(
        [".yaml", ".yml", "", ".yaml ", ".YAML", "/.yaml", "/"]
    ))  # fmt: skip


@hypothesis.given(targets())
@example("/dev/zero")
@example("x" * 5000 + ".yaml")
@example("/".join(["a"] * 3000) + ".yaml")
@example("../../../../../../etc/passwd")
def test_no_path_leads_out_of_the_folder_or_breaks_the_reader(target: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        (root / "in" / "down").mkdir(parents=True)
        (root / "out.yaml").write_text("description: SECRET\n")
        child = root / "in" / "child.yaml"
        child.write_text(f"extends: {json.dumps(target)}\n")
        with pytest.raises(SpecError) as error:
            extends.load(child)
        assert "SECRET" not in str(error.value)


@pytest.mark.parametrize("target", ["../out.yaml", "down/../../out.yaml", "link.yaml"])
def test_a_spec_stays_in_its_folder(target: str, tmp_path: Path) -> None:
    (tmp_path / "out.yaml").write_text(PARENT)
    (tmp_path / "in" / "down").mkdir(parents=True)
    (tmp_path / "in" / "link.yaml").symlink_to(tmp_path / "out.yaml")
    (tmp_path / "in" / "child.yaml").write_text(f"extends: {target}\n")
    assert extends_refused(tmp_path / "in" / "child.yaml") == f"`{target}` lies outside the spec's own folder"
