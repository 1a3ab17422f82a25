"""The emitter's own words, used by an author in every role: each builds and verifies, or is refused where it stands."""

from __future__ import annotations

import ast
import functools
import re
from typing import TYPE_CHECKING

import pytest

import archgen
from archgen.language import names
from archgen.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# Every construct for which the emitter makes up a name; what stands in braces is the author's to choose.
SPEC = """\
name: {network}
input: [4, 8, 8]
args: {{{argument}: 3, flag: true, gate: false}}
let: {{{constant}: 2 * {argument}, n: 2}}
stem:
  {layer}: {{conv: 6, kernel_size: {argument}}}
  mixed:
    concat: {{{branch}: identity, changed: {{conv: 2, kernel_size: 1}}, skipped: {{relu, when: false}}}}
    split: true
  joined: {{add, from: [mixed, mixed], when: flag}}
stages:
  many: [{{conv: {constant}, kernel_size: 1}}, {{relu, when: flag}}, {{batch_norm, when: gate}}]
  stage: {{{block}: 6, depth: n}}
  deep: {{Deep: 6, {inner}: 2, count: 3}}
  tail: {{sequence: {{{child}: relu, other: {{sigmoid, when: flag}}}}}}
  moved: [{{permute: [0, 1, 3, 2]}}, {{layer_scale: 0.1}}, {{stochastic_depth: 0.1}}]
outputs: [stage, moved]
blocks:
  {block}:
    args: {{channels: int, act: relu}}
    layers:
      body:
        residual:
          {inside}: {{conv: channels, kernel_size: 3}}
          two: act
        shortcut: {{short: {{batch_norm, when: channels == 6}}}}
  Deep:
    args: {{channels: int, {inner}: int, count: 2}}
    let: {{half: make_divisible(channels / 2), wide: ceil(half / 3)}}
    layers:
      a: [{{relu, when: {inner} > 1}}, {{conv: half + wide, kernel_size: 1}}]
      b: [{{relu, when: {inner} > 2}}, {{conv: channels, kernel_size: 1}}]
      c: {{{block}: channels, depth: count, act: {{leaky_relu: 0.2}}}}
      gated: {{multiply, from: [c, b], when: {inner} < 5}}
"""
ROLES = {
    "network": "Net", "argument": "first_kernel", "constant": "width", "layer": "conv1", "branch": "kept", "block": "Unit",
    "inner": "amount", "child": "one", "inside": "conv2",
}  # fmt: skip
SCOPES = (("layer", "branch"), ("argument", "constant"), ("network", "block"))  # roles whose names stand beside each other
WRITTEN = {  # role -> the lines where its name is given
    role: {number for number, line in enumerate(SPEC.splitlines(), 1) if f"{{{role}}}:" in line or f"name: {{{role}}}" in line}
    for role in ROLES
}
PREFIXES = ["class", "import", "self", "torch", "True", "list", "x", "layers", "lambda", "out"]  # of names, so of a variable


def spec(folder: Path, text: str) -> archgen.Network:
    path = folder / "net.yaml"
    path.write_text(text, encoding="utf-8")
    return archgen.load(path)


@functools.cache
def made_up(folder: Path) -> list[str]:
    """The names in the module of `SPEC` that are none of its author's."""
    text = SPEC.format(**ROLES)
    tree = ast.parse(spec(folder, text).source())
    found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    found |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    found |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    found |= {node.name for node in ast.walk(tree) if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.alias))}
    return sorted(found - set(re.findall(r"(\w+):", text)) | {"layers"})


@pytest.fixture(scope="session")
def words(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    found = made_up(tmp_path_factory.mktemp("words"))
    assert {"use_joined", "layers", "layers_2", "x", "math", "partial", "Callable", "Permute", "make_divisible", "_"} <= {
        *found
    }
    second = [f"{word}_2" for word in found if word.islower() and not word.startswith("_")]  # what a free name is then
    others = [*names.MODULE_NAMES, *names.CONSTRUCTOR_NAMES, *names.LANGUAGE_NAMES, *names.SEQUENTIAL_ATTRIBUTES]
    kept = [
        "modules",
        "mixed_shares",
        "mixed_shares_2",
        "out_height",
        "shortcut",
        *(op.__name__ for op in OPS.values() if op.module_source),
    ]
    return sorted({*found, *second, *others, *kept})


def taken(folder: Path, word: str, among: Iterable[str]) -> tuple[set[str], archgen.Network]:
    """The roles in which a word is taken, and the spec that uses it in all of them; each refusal stands where the word does."""
    kept: set[str] = set()
    for role in among:
        if not any({role, other} <= set(scope) for scope in SCOPES for other in kept):
            kept.add(role)
    while True:
        text = SPEC.format(**ROLES | dict.fromkeys(kept, word))
        try:
            return kept, spec(folder, text)
        except archgen.SpecError as error:
            lines = {problem.place.line for problem in error.problems}
            guilty = {role for role in kept if lines & WRITTEN[role]}
            assert guilty, str(error)
            kept -= guilty


@pytest.mark.parametrize("part", range(2))
def test_each_word_builds_or_is_refused_where_it_stands(words: list[str], part: int, tmp_path: Path) -> None:
    """The build's proof runs each module with recorders: two things under one name do not get past it."""
    built = dict.fromkeys(ROLES, 0)
    for number, word in enumerate(words[part::2]):
        orders = [ROLES, [*reversed(ROLES)]]  # a class may take only a name with a capital, so such a word is tried both ways
        for order in orders if word[0].isupper() else orders[number % 2 :][:1]:
            roles, network = taken(tmp_path, word, order)
            for role in roles:
                built[role] += 1
            network.source()
    assert all(built.values()), built


def test_an_ordinary_word_is_taken_in_every_role(tmp_path: Path) -> None:
    tried = [taken(tmp_path, word, roles)[0] for word in ("odd", "Odd") for roles in (ROLES, reversed(ROLES))]
    assert set().union(*tried) == {*ROLES}


@pytest.mark.parametrize("word", ["use_joined", "layers", "modules", "x_2", "mixed_shares"])
def test_a_word_of_the_emitter_verifies(word: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from archgen.verify.compare import compare

    _, network = taken(tmp_path, word, ("layer", "constant", "inner", "child", "inside"))
    assert [check.difference for check in compare(network, network.source())] == [""] * 6


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_start_of_names_is_a_variable_only_where_python_takes_it(prefix: str, tmp_path: Path) -> None:
    """A variable of `forward` has the common start of the names of a chain: `class_a`, `class_b` make no `class`."""
    source = spec(
        tmp_path,
        "name: Net\ninput: [4, 8, 8]\nstem:\n"
        "  start: {conv: 4, kernel_size: 1}\n"
        f"  {prefix}_a: {{conv: 4, kernel_size: 3, from: start}}\n"
        f"  {prefix}_b: relu\n"
        f"  sum: {{add, from: [start, {prefix}_b]}}\n",
    ).source()
    ast.parse(source)
    assert f"self.{prefix}_a(" in source


def test_parts_that_nobody_reads_are_underscores(tmp_path: Path) -> None:
    source = spec(
        tmp_path,
        "name: Net\ninput: [6, 8, 8]\nstem:\n"
        "  mixed:\n"
        "    concat: {a: {relu, when: false}, b: {conv: 2, kernel_size: 1}, c: {relu, when: 1 > 2}}\n"
        "    split: true\n",
    ).source()
    assert "        _, b, _ = x.chunk(3, dim=1)\n" in source


def test_what_is_imported_is_used(tmp_path: Path) -> None:
    """A name that only ends like a helper's brings none."""
    source = spec(
        tmp_path,
        "name: MyPermute\ninput: [4, 8, 8]\nstem:\n  my_partial: relu\n  aftermath: sigmoid\n  my_make_divisible: tanh\n",
    ).source()
    assert [line for line in source.splitlines() if "import" in line] == ["from torch import Tensor, nn"]
    assert re.findall(r"^(?:class|def) (\w+)", source, re.MULTILINE) == ["MyPermute"]


def test_free_names_are_given_in_order() -> None:
    scope = names.Scope(["layers", "layers_2"])
    assert [scope.take("layers"), scope.take("layers"), scope.free("layers", "modules")] == ["layers_3", "layers_4", "modules"]
    assert scope.free("modules", beside={"modules", "modules_2"}) == "modules_3"
    scope.again("modules_2")
    assert scope.free("modules", beside={"modules"}) == "modules_2"
    assert [scope.free(word) for word in ("class", "x", "torch", "list")] == ["class_2", "x_2", "torch_2", "list_2"]
