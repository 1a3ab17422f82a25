"""Explanations: each equation comes to the number that the report has, and each thing is said once."""

from __future__ import annotations

import math
import re
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from archgen import load
from archgen.arithmetic.evaluation import evaluate
from archgen.arithmetic.expressions import Name
from archgen.ops import OPS, Op, Shape
from archgen.ops.conv import Conv, Linear
from archgen.ops.pool import MaxPool
from archgen.ops.value import product
from archgen.views import explain, op_text
from archgen.views.arithmetic import PLAIN, PRETTY, Signs, figures, named
from archgen.views.op_text import op_parts
from tests.conftest import ROOT, Result, python

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NETWORKS = ["d2l_resnet18", "googlenet", "efficientnet_b0", "shufflenet_v2_x1_0", "densenet121", "unet", "resnet18_video"]


def worked_out(text: str, signs: Signs = PRETTY) -> int:
    """Evaluates the left side of an explanation's equation, less the names of what is counted."""
    left = re.sub(r"(?<=\d),(?=\d{3})", "", text.rsplit(" = ", 1)[0].split(", its ")[0])
    left = left.replace(signs.times, "*").replace("⌊", "floor(").replace("⌋", ")")
    left = re.sub(r"\b(?!floor\b|min\b|max\b)[a-z_][\w.]* ", "", left)
    assert re.fullmatch(r"(floor|min|max|[\d\s+*/(),-])+", left), text
    return int(eval(left, {"__builtins__": {}}, {"floor": math.floor, "min": min, "max": max}))


def reported(text: str) -> int:
    """The number that an explanation ends with."""
    return int(text.split(", its ")[0].rsplit(" = ", 1)[-1].replace(",", ""))


def faults(op: Op, x: Shape, signs: Signs = PRETTY) -> list[str]:
    """Where an explanation of an op and its rules part."""
    y = op.output(x)
    count: dict[str, Any] = {
        "parameters": sum(product(shape) for _, shape in op.weights(x)),
        "buffers": sum(product(shape) for _, shape in op.buffers(x)),
        "MACs": op.macs(x, y),
    }
    sizes = dict(zip(op_text.axis_labels(y), y.sizes))
    parts = dict(op_parts(op, x, y, signs))
    found = [f"no {label}" for label in count if bool(count[label]) != (label in parts)]
    for label, text in parts.items():
        expected = {count[label]} if label in count else set(y.spatial) if label == "size" else {sizes[label]}
        if {worked_out(text, signs)} != expected or {reported(text)} != expected:
            found.append(f"{label}: {text}, not {expected}")
    return found


def ops_of(path: str) -> Iterator[tuple[Op, Shape]]:
    for row in load(ROOT / f"specs/{path}.yaml").report().rows:
        if row.op is not None:
            yield row.op, row.traced.inputs[0]


# ---- arithmetic


@pytest.mark.parametrize("name", NETWORKS)
def test_each_equation_comes_to_the_number_of_the_report(name: str) -> None:
    seen = set(ops_of(name))
    assert len(seen) > 10
    for op, x in seen:
        assert faults(op, x) == []
        assert faults(op, x, PLAIN) == []


@pytest.mark.parametrize("name", sorted(OPS))
def test_every_op_is_explained(name: str) -> None:
    rows = pytest.importorskip("tests.test_ops").ROWS
    tried = 0
    for x in rows[name].inputs:
        for point in rows[name].points():
            op = OPS[name](**point)
            if all(constraint.holds() for constraint in op.constraints(x)):
                tried += 1
                assert faults(op, x) == []
                if tried == 300:
                    return
    assert tried


def test_a_wrong_equation_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The terms are those of the rule on names: where it differs from that on numbers, the check says so."""
    right = Linear.macs

    def wrong(self: Linear, x: Shape, y: Shape) -> Any:
        return right(self, x, y) + (1 if isinstance(x.channels, Name) else 0)

    monkeypatch.setattr(Linear, "macs", wrong)
    assert faults(Linear(10), Shape((512,))) == ["MACs: 10·512 + 1 = 5,120, not {5120}"]


def test_the_issues_example() -> None:
    parts = dict(op_parts(Conv(64, 3, 2, 1), Shape((64, 56, 56)), Shape((64, 28, 28))))
    assert parts["size"] == "⌊(56 + 2·1 - 1·(3 - 1) - 1) / 2⌋ + 1 = 28"
    assert parts["parameters"] == "weight 64 · 64 · 3 · 3 + bias 64 = 36,928"
    assert parts["MACs"] == "64 · 28 · 28 · 64 · 3 · 3 = 28,901,376"


def test_numbers_beyond_those_of_expressions_are_explained() -> None:
    """A spec's own expressions end at 2**40; what follows from its sizes does not."""
    x = Shape((1, 10**6, 10**6))
    op = Conv(1, 3, 1, 1)
    assert faults(op, x) == []
    assert dict(op_parts(op, x, op.output(x)))["MACs"].endswith(" = 9,000,000,000,000")


def test_axes_that_differ_stand_apart() -> None:
    x = Shape((4, 9, 16))
    parts = op_parts(MaxPool((3, 2)), x, MaxPool((3, 2)).output(x))
    assert parts == [
        ("height", "⌊(9 + 2·0 - 1·(3 - 1) - 1) / 3⌋ + 1 = 3"),
        ("width", "⌊(16 + 2·0 - 1·(2 - 1) - 1) / 2⌋ + 1 = 8"),
    ]


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (Name("a") - (Name("b") - Name("a") * 3) // Name("c"), "7 - ⌊(2 - 7·3) / 5⌋"),
        ((Name("a") + Name("b")) * Name("c"), "(7 + 2) · 5"),
        (Name("a") * (Name("d") // Name("c")), "7 · (1,000 / 5)"),
        (Name("d") // Name("c"), "1,000 / 5"),
        (Name("d") // Name("one"), "1,000"),
    ],
)
def test_how_arithmetic_is_written(expression: Any, text: str) -> None:
    numbers: dict[str, Any] = {"a": 7, "b": 2, "c": 5, "d": 1000, "one": 1}
    assert figures(expression, numbers) == text
    assert worked_out(f"{text} = 0") == evaluate(expression, numbers)


def test_padding_that_the_op_works_out_is_said() -> None:
    assert named(Conv(8, 5), Shape((3, 9, 9))).numbers["padding"] == 2


# ---- the whole text


def test_the_walk_through_d2l_resnet18(archgen: Callable[..., Result]) -> None:
    result = archgen("explain", ROOT / "specs/d2l_resnet18.yaml")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[:2] == ["D2LResNet18: 1x224x224 to 10", "  sizes       224 -> 112 -> 56 -> 28 -> 14 -> 7 -> 1"]
    heads = [line.split()[0] for line in lines[3:] if line and not line.startswith(" ")]
    shown = [row.path for row in load(ROOT / "specs/d2l_resnet18.yaml").report().rows]
    repeated = [path for path in shown if path.startswith("b2.1.")]  # the only block that is equal to one before
    left_out = [f"{block}.conv3" for block in ("b2.0", "b3.1", "b4.1", "b5.1")]
    assert [head for head in heads if head not in left_out] == [path for path in shown if path not in repeated]
    assert "b2.1  Residual (channels 64): 64x56x56: as b2.0" in lines


def test_why_a_shortcut_has_its_convolution(archgen: Callable[..., Result]) -> None:
    there = " ".join(archgen("explain", ROOT / "specs/d2l_resnet18.yaml", "b3.0.conv3").out.split())
    assert "stride != 1 or in_channels != channels: 2 != 1 or 64 != 128 is true" in there
    assert "`added`: its other side is 128x28x28, and the input 64x56x56" in there
    absent = " ".join(archgen("explain", ROOT / "specs/d2l_resnet18.yaml", "b3.1.conv3").out.split())
    assert "conv left out: 128x28x28" in absent
    assert "1 != 1 or 128 != 128 is false" in absent


def test_a_container_brings_what_is_in_it(archgen: Callable[..., Result]) -> None:
    lines = archgen("explain", ROOT / "specs/d2l_resnet18.yaml", "b3").out.splitlines()
    heads = [line.split()[0] for line in lines if line and not line.startswith(" ")]
    assert heads[0] == "b3"
    assert all(head.startswith("b3.") for head in heads[1:])
    assert "  size        56 -> 28 (divided by 2), in 0" in lines


def test_repeated_blocks_are_explained_once(archgen: Callable[..., Result]) -> None:
    out = archgen("explain", ROOT / "specs/resnet152.yaml").out
    assert "\nlayer3.2 to layer3.35  Bottleneck (channels 256): 1024x14x14: as layer3.1\n" in out
    assert out.count("\nlayer3.1.conv1 ") == 1
    assert "layer3.2.conv1" not in out
    assert "layer3.2.conv1" in archgen("explain", ROOT / "specs/resnet152.yaml", "layer3.2").out


def test_an_unknown_layer(archgen: Callable[..., Result]) -> None:
    result = archgen("explain", ROOT / "specs/resnet18.yaml", "layer2.0.conv7")
    assert (result.code, result.out) == (2, "")
    assert "there is no layer `layer2.0.conv7`" in result.err
    assert "the nearest is `layer2.0.conv2`" in result.err


def test_another_input_and_argument(archgen: Callable[..., Result]) -> None:
    out = archgen("explain", ROOT / "specs/resnet18.yaml", "--input", "3x64x64", "--set", "num_classes=7").out
    assert out.startswith("ResNet18: 3x64x64 to 7\n  sizes       64 -> 32 -> 16 -> 8 -> 4 -> 2 -> 1\n")


def test_an_input_that_does_not_fit(archgen: Callable[..., Result]) -> None:
    result = archgen("explain", ROOT / "specs/alexnet.yaml", "--input", "3x9x9")
    assert (result.code, result.out) == (2, "")
    assert "error:" in result.err


@pytest.mark.parametrize("path", sorted((ROOT / "specs").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_spec_is_explained_in_80_columns(path: Any) -> None:
    network = load(path)
    text = explain.text(network.graph, network.traced())
    assert max(map(len, text.splitlines())) <= 80
    assert not any(line != line.rstrip() for line in text.splitlines())
    assert textwrap.dedent(text) == text


def test_a_terminal_without_the_signs() -> None:
    code = "import sys; from archgen.cli import main; sys.exit(main(sys.argv[1:]))"
    done = python(f"import sys; sys.stdout.reconfigure(encoding='ascii'); {code}", "explain", "specs/resnet18.yaml", "conv1")
    assert "floor((224 + 2*3 - 1*(7 - 1) - 1) / 2) + 1 = 112" in done.stdout
    network = load(ROOT / "specs/resnet18.yaml")
    assert explain.text(network.graph, network.traced(), signs=PLAIN).isascii()
    assert not explain.text(network.graph, network.traced()).isascii()


def test_a_constant_without_a_value(archgen: Callable[..., Result]) -> None:
    out = archgen("explain", ROOT / "tests/networks/let_behind_a_when.yaml", "a").out
    assert "  let         q = c // s = 8 // 0 = no value\n" in out
