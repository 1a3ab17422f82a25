"""What archgen says of itself: `archgen ops`, `list` and `init`, and the pages that are made from the same facts."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import archgen as package
from archgen.handbook import catalogue, ops, text
from archgen.language import library
from archgen.language.vocabulary import COMPOSITIONS
from archgen.ops import MERGES, OPS, PARTS, Op, Shape
from archgen.ops.activation import PReLU, ReLU
from archgen.ops.conv import Conv
from tests.conftest import ROOT, Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.handbook.ops import Entry

SPECS = sorted((ROOT / "specs").glob("*.yaml"))


# ---- an op's facts: what is printed is true of the numbers


def evaluated(formula: str, known: dict[str, object]) -> object:
    """Python's value of a printed formula, `H'` being a name like another."""
    return eval(
        formula.replace("'", "_"),
        {"min": min, "max": max, "math": math},
        {name.replace("'", "_"): v for name, v in known.items()},
    )


def faults(op: type[Op], entry: Entry) -> list[str]:
    """Where an entry's texts, read by Python, give other numbers than the example's."""
    figures = entry.figures
    options = op.defaults | ops.written(op)
    layer = op(**options)
    layout = entry.shape[0].partition(" -> ")[0].strip("[]").split(", ")
    known: dict[str, object] = dict(zip(layout, figures.input))
    x = Shape(figures.input, layout.index("C"))
    known |= options | {"stride": options.get("stride") or options.get("kernel_size")}
    known |= {"padding": layer.torch_options(x).get("padding")}
    first = ""
    for line in entry.shape[1:]:
        name, _, formula = line.partition(" = ")
        if line.endswith(" likewise"):  # as the axis before it
            name, formula = line.split()[0], first.replace("H", line[0])
        first = formula
        known[name] = evaluated(formula, known)
    found: list[str] = []
    sizes = [evaluated(size, known) for size in entry.shape[0].partition(" -> ")[2][1:-1].split(", ")]
    if sizes != list(figures.output):
        found.append(f"shape: {sizes} instead of {figures.output}")
    total = 0
    for weight in entry.parameters:
        if all(options[flag] for flag in weight.where):
            count = 1
            for size in weight.shape.strip("[]").split(", "):
                value = evaluated(size, known)
                assert isinstance(value, int)
                count *= value
            total += count
    if total != figures.parameters:
        found.append(f"parameters: {total} instead of {figures.parameters}")
    if evaluated(entry.macs or "0", known) != figures.macs:
        found.append(f"MACs: {entry.macs} instead of {figures.macs}")
    found += [f"constraint: {constraint}" for constraint in entry.constraints if not holds(constraint, known)]
    return found


def holds(constraint: str, known: dict[str, object]) -> bool:
    match = re.fullmatch(r"`([^`]*)`", constraint)
    if not match:  # one with a word or a condition beside it
        return True
    left, divides, right = match[1].partition(" divides ")
    if divides:
        return evaluated(f"({right}) % ({left})", known) == 0
    return evaluated(match[1], known) is True


@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_the_formulas_give_the_figures(op: type[Op]) -> None:
    assert faults(op, ops.entry(op)) == []


def test_a_wrong_formula_is_found() -> None:
    entry = ops.entry(Conv)
    wrong = entry.replace(shape=(entry.shape[0], entry.shape[1].replace("+ 1", "+ 2"), entry.shape[2]))
    assert faults(Conv, wrong)[0].startswith("shape: ")
    assert any(fault.startswith("parameters: ") for fault in faults(Conv, entry.replace(parameters=entry.parameters[:1])))
    assert faults(Conv, entry.replace(constraints=("`groups >= 2`",))) == ["constraint: `groups >= 2`"]
    assert faults(Conv, entry.replace(macs="1")) == [f"MACs: 1 instead of {entry.figures.macs}"]


@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_an_example_is_in_the_language(op: type[Op], project: Path) -> None:
    entry = ops.entry(op)
    if len(entry.figures.input) == 1:
        spec = f"input: [{entry.figures.input[0]}, 1]\nstem: {{flatten: flatten, node: {entry.example}}}\n"
    elif entry.takes == ("[L, C]",):
        spec = f"input: {list(entry.figures.input[::-1])}\nstem: {{last: {{permute: [0, 2, 1]}}, node: {entry.example}}}\n"
    elif entry.takes == ("[H, W, C]",):
        height, width, channels = entry.figures.input
        spec = f"input: {[channels, height, width]}\nstem: {{last: {{permute: [0, 2, 3, 1]}}, node: {entry.example}}}\n"
    else:
        spec = f"input: {list(entry.figures.input)}\nstem: {{node: {entry.example}}}\n"
    (project / "example.yaml").write_text(f"name: Example\n{spec}")
    report = package.load("example.yaml").checked().report()
    assert (report.output_shapes, report.totals.parameters, report.totals.macs) == (
        (entry.figures.output,),
        entry.figures.parameters,
        entry.figures.macs,
    )


def test_the_one_default_that_is_not_torchs() -> None:
    differing = {op.name: name for op in OPS.values() for name in op.defaults if op.defaults[name] != op.torch_defaults()[name]}
    assert differing == {"conv": "padding"}
    padding = next(option for option in ops.entry(Conv).options if option.name == "padding")
    assert padding.default == "dilation * ((kernel_size - 1) // 2) if kernel_size % 2 == 1 else 0; torch has 0"


def test_what_an_entry_says() -> None:
    conv, prelu = ops.entry(Conv), ops.entry(PReLU)
    assert conv.takes == ("[C, L]", "[C, H, W]", "[C, D, H, W]", "[L, C]")
    assert conv.classes == ("Conv1d", "Conv2d", "Conv3d")
    assert "`groups divides C`" in conv.constraints
    assert "`H >= padding + 1`, with `padding_mode: reflect`" in conv.constraints
    assert conv.parameters[1].where == ("bias",)
    assert prelu.constraints == ("`num_parameters == C`, unless `num_parameters` is 1",)
    assert "`mode: linear` takes [C, L]" in ops.entry(OPS["upsample"]).constraints
    assert ops.entry(OPS["flatten"]).messages[-1] == "`end_dim` comes before `start_dim`"
    assert ops.entry(OPS["linear"]).refuses[0][0] == "[C, L], [C, H, W], [C, D, H, W]"
    assert ops.summary(ReLU) == "max(0, x)"


def test_all_ops_are_in_one_family() -> None:
    listed = [op.name for family in ops.families().values() for op in family]
    assert sorted(listed) == sorted(OPS)


# ---- archgen ops


COMPOSITIONS_LAST = [*MERGES, *PARTS, *(name for name in COMPOSITIONS if name not in MERGES and name not in PARTS)]


@pytest.mark.parametrize("name", [*COMPOSITIONS_LAST, *library.block_names()])
def test_ops_says_what_any_kind_is(name: str, archgen: Callable[..., Result]) -> None:
    result = archgen("ops", name)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"{name}: ")
    assert max(map(len, result.out.splitlines())) <= 80 or name in library.block_names()  # a block's own file


@pytest.mark.parametrize("name", sorted(MERGES))
def test_the_examples_of_a_merge_are_valid(name: str, archgen: Callable[..., Result], tmp_path: Path) -> None:
    said = archgen("ops", name).out
    examples = re.findall(r"^(?:example)? +(\{.*\})(?:,|$)", said, re.M)
    assert examples
    spec = tmp_path / "net.yaml"
    for example in examples:
        names = re.search(r"from: \[(.*)\]", example)
        before = "".join(f"{one}: {{relu, from: input}}, " for one in names[1].split(", ")) if names else ""
        spec.write_text(f"name: Net\ninput: [8, 4, 4]\nstem: {{{before}last: {example}}}\n")
        assert archgen("validate", str(spec)).code == 0


def test_ops_lists_every_op(archgen: Callable[..., Result]) -> None:
    result = archgen("ops")
    assert (result.code, result.err) == (0, "")
    listed = [op.name for family in ops.families().values() for op in family]
    assert re.findall(r"^  (\w+) ", result.out, re.M) == [*listed, *COMPOSITIONS_LAST, *library.block_names()]
    assert re.search(r"^  conv +Conv1d-3d +Convolution$", result.out, re.M)
    assert max(map(len, result.out.splitlines())) <= 80


@pytest.mark.parametrize("name", OPS)
def test_an_op_fits_a_terminal(name: str, archgen: Callable[..., Result]) -> None:
    result = archgen("ops", name)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"{name}: ")
    assert max(map(len, result.out.splitlines())) <= 80
    assert "\xa0" not in result.out
    for option in OPS[name].fields:
        assert re.search(rf"^  {option} ", result.out, re.M)


def test_an_op_that_is_not_there(archgen: Callable[..., Result]) -> None:
    assert archgen("ops", "cnov") == Result(2, "", "archgen ops: error: there is no kind `cnov`\nhelp: the nearest is `conv`\n")
    assert archgen("ops", "zzz").err == "archgen ops: error: there is no kind `zzz`\nhelp: `archgen ops` lists them all\n"


# ---- archgen list


def test_list(archgen: Callable[..., Result]) -> None:
    result = archgen("list")
    assert (result.code, result.err) == (0, "")
    assert max(map(len, result.out.splitlines())) <= 80
    assert set(re.findall(r"^  (\S+)", result.out, re.M)) >= {path.stem for path in SPECS} | set(library.block_names())
    one_line = " ".join(result.out.split())
    for path in SPECS:
        assert package.load(path).spec.description in one_line
    assert "args: {channels: int, kernel_size: 1, stride: 1, groups: 1, dilation: 1, activation: relu}" in one_line
    for name in library.block_names():
        assert library.block(name).paper in one_line


# ---- archgen init


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_a_spec_to_start_from_stands_alone(
    spec: Path, archgen: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = archgen("init", spec.stem)
    assert (result.code, result.err) == (0, "")
    assert Path(spec.name).read_bytes() == spec.read_bytes()
    own, shipped = package.load(spec.name).checked().report(), package.load(spec).report()
    assert [row[:2] for row in own.rows] == [row[:2] for row in shipped.rows]
    assert (own.totals, own.output_shapes) == (shipped.totals, shipped.output_shapes)


def test_init(archgen: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my specs").mkdir()
    result = archgen("init", "resnet50", "-o", "my specs/mine.yaml")
    assert result == Result(
        0,
        "wrote my specs/resnet18.yaml\nwrote my specs/mine.yaml\n\nnext:\n"
        "  archgen shapes 'my specs/mine.yaml'\n  archgen build --verify 'my specs/mine.yaml'\n",
        "",
    )
    again = archgen("init", "wide_resnet50_2", "-o", "my specs/other.yaml")  # the same parent again
    assert again.out.splitlines()[:3] == [
        "kept my specs/resnet18.yaml",
        "wrote my specs/resnet50.yaml",
        "wrote my specs/other.yaml",
    ]
    assert archgen("validate", "my specs/mine.yaml", "my specs/other.yaml").code == 0


@pytest.mark.parametrize("taken", ["resnet50.yaml", "resnet18.yaml"])
def test_init_never_overwrites(
    taken: str, archgen: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / taken).write_text("mine")
    result = archgen("init", "resnet50")
    assert (result.code, result.out) == (3, "")
    assert f"error: `{taken}` exists already" in result.err
    assert "\nhelp: " in result.err
    assert [path.name for path in tmp_path.iterdir()] == [taken]
    assert (tmp_path / taken).read_text() == "mine"


def test_init_follows_no_link(archgen: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "alexnet.yaml").symlink_to(tmp_path / "elsewhere")
    assert archgen("init", "alexnet").code == 3
    assert not (tmp_path / "elsewhere").exists()


def test_init_loses_a_race(archgen: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    target = tmp_path / "alexnet.yaml"
    target.write_text("mine")
    monkeypatch.setattr(os.path, "lexists", lambda _: False)
    assert archgen("init", "alexnet").code == 3
    assert target.read_text() == "mine"


def test_init_of_a_spec_that_is_not_there(
    archgen: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    error = "archgen init: error: there is no spec `resnet55`\nhelp: the nearest is `resnet50`\n"
    assert archgen("init", "resnet55") == Result(2, "", error)
    assert archgen("init", "../specs/resnet50").code == 2
    assert list(tmp_path.iterdir()) == []


def test_init_under_the_name_of_its_parent(
    archgen: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = archgen("init", "resnet50", "-o", "resnet18.yaml")
    assert (result.code, list(tmp_path.iterdir())) == (2, [])
    assert "`resnet50` extends `resnet18.yaml`" in result.err


def test_init_makes_its_folder(archgen: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert archgen("init", "alexnet", "-o", "new/specs/alexnet.yaml").code == 0
    (tmp_path / "file").touch()
    result = archgen("init", "alexnet", "-o", "file/alexnet.yaml")
    assert (result.code, result.err) == (3, "error: can't make the folder `file`: File exists\n")


def test_values_as_a_spec_writes_them() -> None:
    leaky = OPS["leaky_relu"]
    assert ops.value_text(leaky()) == "leaky_relu"
    assert ops.value_text(leaky(negative_slope=0.2)) == "{leaky_relu, negative_slope: 0.2}"
    assert [ops.value_text(value) for value in (None, True, 1, 0.5, "nearest")] == ["none", "true", "1", "0.5", "nearest"]
    assert ops.value_text((12, 24)) == "[12, 24]"
    assert catalogue.arguments(library.block("BasicBlock")) == (
        "{channels: int, stride: 1, dilation: 1, reduction: 0, avg_down: false, activation: relu}"
    )
    assert list(text.wrapped("a: ", "")) == ["a:"]
