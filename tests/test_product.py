"""Products of matrices: matmul and the attention of queries to keys, against eager torch on grids of shapes."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

import archgen
from archgen.arithmetic.evaluation import evaluate
from archgen.arithmetic.expressions import Name
from archgen.ops import MERGES, MergeOp, Shape
from archgen.ops.torch_text import run

torch = pytest.importorskip("torch")

from torch.nn.attention import SDPBackend, sdpa_kernel  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

MATRICES = [(3, 4), (4, 3), (4, 4), (2, 3, 4), (2, 4, 3), (3, 4, 3), (1, 3, 4), (4,), (2, 2, 3, 4)]
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "matmul": [{}],
    "scaled_dot_product_attention": [{}, {"is_causal": True}, {"scale": 0.5}, {"is_causal": True, "scale": 2}],
}
STRICTER = ("there are", "multiplies the last two axes", "number of axes")  # torch spreads leading axes, and mixes images


def function(name: str) -> Any:
    return torch.matmul if name == "matmul" else torch.nn.functional.scaled_dot_product_attention


def fault(op: MergeOp, shapes: tuple[tuple[int, ...], ...]) -> str:
    """Where the rules and torch part for values of these shapes, or ''."""
    values = [torch.randn(2, *shape) for shape in shapes]
    broken = next((one for one in op.constraints(*map(Shape, shapes)) if not one.holds()), None)
    counter = FlopCounterMode(display=False)
    try:
        with counter, sdpa_kernel(SDPBackend.MATH):
            made = run(op.line, values, op.text_options(Shape(shapes[0])), lambda name: function(op.name))  # type: ignore[arg-type]
    except RuntimeError as error:
        return "" if broken else f"torch refuses: {error}"
    if broken:
        return "" if any(part in broken.sentence for part in STRICTER) else f"torch runs what is refused: {broken.text()}"
    y = op.output(*map(Shape, shapes))
    if (2, *y.sizes) != tuple(made.shape):
        return f"{tuple(made.shape)}, not {y.sizes}"
    macs = 2 * op.macs_of(tuple(map(Shape, shapes)), y)
    return "" if counter.get_total_flops() == 2 * macs else f"{counter.get_total_flops()} FLOPs, not {2 * macs}"


@pytest.mark.parametrize("name", OPTIONS)
def test_the_rules_are_torchs(name: str) -> None:
    tried = 0
    for options in OPTIONS[name]:
        op: Any = MERGES[name](**options)
        for shapes in itertools.product(MATRICES, repeat=op.least):
            found = fault(op, shapes)
            assert not found, (op, shapes, found)
            tried += all(one.holds() for one in op.constraints(*map(Shape, shapes)))
    assert tried > 5


def test_a_wrong_rule_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MERGES["matmul"], "macs_of", lambda op, inputs, y: 1)
    assert "FLOPs" in fault(MERGES["matmul"](), ((3, 4), (4, 3)))


@pytest.mark.parametrize("name", OPTIONS)
def test_the_rules_run_on_names(name: str) -> None:
    op: Any = MERGES[name]()
    shapes = [Shape((2, 3, 4)), Shape((2, 4, 3)), Shape((2, 4, 3))][: op.least]
    shapes = shapes if name == "matmul" else [Shape((2, 3, 4)), Shape((2, 5, 4)), Shape((2, 5, 6))]
    names = {f"x{n} {axis}": size for n, x in enumerate(shapes) for axis, size in enumerate(x.sizes)}
    on_names = [Shape(tuple(Name(f"x{n} {axis}", "int") for axis in range(3))) for n in range(len(shapes))]
    y, expected = op.output(*on_names), op.output(*shapes)
    assert evaluate(y.sizes, names) == expected.sizes
    assert evaluate(op.macs_of(tuple(on_names), y), names) == op.macs_of(tuple(shapes), expected)
    assert all(
        evaluate(one.left, names) == evaluate(one.right, names) for one in op.constraints(*on_names) if one.relation == "=="
    )


SPEC = """
name: Net
input: [4, 9]
stem:
  tokens: {transpose: [1, 2]}
  q: {linear: 4}
  k: {linear: 4, from: tokens}
  v: {linear: 4, from: tokens}
  mixed: {Attend, from: [q, k, v]}
blocks:
  Attend:
    inputs: [q, k, v]
    layers:
"""
WAYS = (
    "      out: {scaled_dot_product_attention, from: [q, k, v]}\n",
    """
      turned: {transpose: [1, 2], from: k}
      scores: {matmul, from: [q, turned]}
      weights: [{multiply_by: 0.5}, {softmax: -1}]
      out: {matmul, from: [weights, v]}
""",
)


def test_attention_said_in_two_ways_is_the_same(tmp_path: Path) -> None:
    """Written out, and torch's function: the same of the same weights, and the same MACs."""
    made = []
    for way in WAYS:
        spec = tmp_path / "net.yaml"
        spec.write_text(SPEC + way)
        network = archgen.load(spec)
        assert network.report().totals.macs == 3 * 9 * 4 * 4 + 2 * 9 * 9 * 4
        torch.manual_seed(0)
        made.append(network.module().eval()(torch.linspace(-1, 1, 72).reshape(2, 4, 9)))
    assert torch.allclose(*made, atol=1e-6)
