"""Receptive fields against torch: which positions of the input move an output when they are raised.

All weights are made positive and every layer is increasing where the inputs are, so nothing cancels; a raised position moves
every output that reads it. That is the support of the gradient, and a maximum shows all it reads, not only the one it took.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import archgen
from archgen.analysis import receptive_field
from archgen.analysis.receptive_field import Field
from archgen.ops import OPS, Op, Shape
from archgen.ops.value import POINTWISE

if TYPE_CHECKING:
    from archgen.ops.value import Reads

torch = pytest.importorskip("torch")

ROOT = Path(__file__).parent.parent
LENGTH = 40


def support(module: Any, x: Shape, axis: int, along: int) -> list[tuple[int, ...]]:
    """For each output position along an axis, the input positions along another, or the same, that move it."""
    count = x.sizes[axis]
    values = torch.zeros(count + 1, *x.sizes, dtype=torch.float64)
    for position in range(count):
        raised = values[position].select(axis, position)
        raised.copy_(torch.arange(1.0, raised.numel() + 1).reshape(raised.shape))  # unequal, or a softmax would not move
    with torch.no_grad():
        outputs = module(values)
    moved = (outputs[:-1] - outputs[-1]).abs() > 1e-12
    other = [dim for dim in range(1, moved.dim()) if dim != along + 1]
    table = moved.amax(dim=other) if other else moved
    return [tuple(int(i) for i in table[:, position].nonzero().flatten()) for position in range(table.shape[1])]


def positive(module: Any) -> Any:
    """Makes every weight positive and every normalisation a constant factor."""
    for parameter in module.parameters():
        parameter.data = 0.1 + parameter.data.abs()
    return module.double().eval()


# ---- each op


def predicted(field: Field | None, position: int) -> set[int]:
    span = None if field is None else field.at(position)
    return set() if span is None else set(range(span[0], span[1] + 1))


def op_faults(op: Op, reads: Reads | None, x: Shape) -> list[str]:
    """Where the op's last axis reads other positions than it says; only positions that no padding touches are compared."""
    from tests.test_ops import built

    axis = len(x.sizes) - 1
    found = support(positive(built(op, x)), x, axis, axis)
    count = x.sizes[axis]
    if reads is None:
        nearest = getattr(op, "size", None) is not None  # reads one each, in no rhythm
        return [] if nearest or any(len(positions) > 1 for positions in found) or len(found) == 1 else [f"{op}: reads {found}"]
    told = []
    for position, positions in enumerate(found):
        taps = [position * reads.stride + tap for tap in reads.taps]
        expected = [tap // reads.up for tap in taps if tap % reads.up == 0]
        if expected and min(expected) >= 0 and max(expected) < count and sorted(set(expected)) != list(positions):
            told.append(f"{op} at {position}: reads {positions}, not {sorted(expected)}")
    return told


def op_cases() -> list[Any]:
    from tests.test_ops import ROWS

    cases = []
    for name, row in ROWS.items():
        for point in row.points():
            op = OPS[name](**point)
            inputs = [
                x
                for x in (Shape((4, LENGTH)), Shape((4, 2, LENGTH)))
                if all(constraint.holds() for constraint in op.constraints(x))
            ]
            cases += [(op, x) for x in inputs[:1]]
    return cases


# these mix positions only through the statistics of a value, which fields do not count, or have none of their own
# `roll` reads one position each, of which those at one end lie at the other
# `glu`: its second half is a gate, which shows nothing where its first is zero
# `reshape` says of no axis what it reads: that hangs on all sizes
STATISTICS = {"glu", "instance_norm", "group_norm", "local_response_norm", "normalize", "roll", "stochastic_depth", "reshape"}


def test_every_op_reads_what_it_says() -> None:
    tried = set()
    for op, x in op_cases():
        reads = op.reads(x)
        if op.name in STATISTICS or not reads or (op.name == "conv" and getattr(op, "padding_mode", "zeros") == "circular"):
            continue
        y = op.output(x)
        if (y.rank, y.channel_axis) != (x.rank, x.channel_axis) or (
            reads[-1] is not None and reads[-1].source not in (-1, x.rank - 1)
        ):
            continue  # an op that moves or joins axes: the next tests
        assert op_faults(op, reads[-1], x) == []
        tried.add(op.name)
    others = {"linear", "layer_norm", "permute", "transpose", "flatten", "mean", "sum", "amax", "norm", "select"}
    others |= {"attention", "class_token", "position_embedding", "unflatten"}
    others |= {"window_attention", "window_attention_v2", "grid_attention", "merge_patches"}  # of images with channels last
    assert tried >= OPS.keys() - STATISTICS - others


def test_what_a_gate_reads() -> None:
    """`glu` reads a value and its gate, half an axis apart: found by the gradient where neither is zero."""
    x = torch.randn(1, 4, 6, requires_grad=True)
    for dim, places in ((2, {(0, 1), (0, 4)}), (1, {(0, 1), (2, 1)})):
        (gradient,) = torch.autograd.grad(torch.nn.GLU(dim)(x)[0, 0, 1], x)
        assert {tuple(place) for place in gradient[0].nonzero().tolist()} == places
    assert (OPS["glu"](2).reads(Shape((4, 6))), OPS["glu"](1).reads(Shape((4, 6)))) == ((None,), (POINTWISE,))


@pytest.mark.parametrize("axis", [0, 1])
def test_what_a_patch_reads(axis: int) -> None:
    from tests.test_ops import built

    x = Shape((7, 5, 2), 2)
    op = OPS["merge_patches"](3)
    reads = op.reads(x)[axis]
    assert reads is not None
    expected = [[3 * at + tap for tap in reads.taps if 3 * at + tap < x.sizes[axis]] for at in range(op.output(x).sizes[axis])]
    assert [list(positions) for positions in support(built(op, x).double(), x, axis, axis)] == expected


def test_a_wrong_tap_is_seen() -> None:
    """The meta-test."""
    conv = OPS["conv"](4, 3)
    x = Shape((4, LENGTH))
    (reads,) = conv.reads(x)
    assert reads is not None
    assert op_faults(conv, reads, x) == []
    assert op_faults(conv, reads._replace(taps=range(3)), x) != []
    assert op_faults(conv, reads._replace(stride=2), x) != []
    assert op_faults(OPS["upsample"](2, mode="linear"), POINTWISE, x) != []


def test_a_permuted_axis_keeps_its_field() -> None:
    x = Shape((4, 6, 7))
    reads = OPS["permute"]((0, 3, 2, 1)).reads(x)
    assert [one.source for one in reads if one is not None] == [1, 0]


def test_an_axis_that_is_joined_has_no_field() -> None:
    x = Shape((4, 6, 7))
    assert OPS["flatten"]().reads(x) == ()
    assert OPS["flatten"](2).reads(x) == (None,)
    assert OPS["flatten"](1, 2).reads(x) == (POINTWISE._replace(source=1),)
    for start, end in ((1, 3), (2, 3), (1, 2), (1, 1), (3, 3)):
        op = OPS["flatten"](start, end)
        assert len(op.reads(x)) == op.output(x).rank


# ---- networks

HEAD = "name: Net\ninput: [2, 8, 6]\nstem:\n"
NETWORKS = {
    "chain": "  a: {conv: 2, kernel_size: 3, stride: 2}\n  b: {max_pool: 3, stride: 2}\n  c: {conv: 2, kernel_size: 2}\n",
    "dilated": "  a: {conv: 2, kernel_size: 3, dilation: 2}\n  b: {conv: 2, kernel_size: 3, stride: 2, padding: 0}\n",
    "residual": "  a: {residual: {c: {conv: 2, kernel_size: 5}}}\n  b: {residual: {d: {conv: 2, kernel_size: 3}, r: relu}}\n",
    "shortcut": "  a:\n    residual: {c: {conv: 2, kernel_size: 3, stride: 2}}\n"
    "    shortcut: {d: {conv: 2, kernel_size: 1, stride: 2}}\n",
    "one_sided": "  a: {conv: 2, kernel_size: 2}\n  b: {add: {c: {pad: [1, 0, 1, 0]}, d: {pad: [0, 1, 0, 1]}}}\n",
    "concat": "  a: {concat: {b: {conv: 2, kernel_size: 1}, c: [{conv: 2, kernel_size: 3}, {conv: 2, kernel_size: 5}]}}\n",
    "nearest": "  a: {max_pool: 2}\n  b: {conv: 2, kernel_size: 3}\n  c: {upsample: 2}\n  d: {conv: 2, kernel_size: 3}\n",
    "bilinear": "  a: {max_pool: 3}\n  c: {upsample: 3, mode: bilinear}\n  d: {conv: 2, kernel_size: 3}\n",
    "transposed": "  a: {conv: 2, kernel_size: 3, stride: 2}\n  b: {conv_transpose: 2, kernel_size: 3, stride: 2, padding: 1,"
    " output_padding: 1}\n  c: {conv: 2, kernel_size: 3}\n",
    "unet": "  a: {conv: 2, kernel_size: 3}\n  p: {max_pool: 2}\n  b: {conv: 2, kernel_size: 3}\n  q: {max_pool: 2}\n"
    "  u: {conv_transpose: 2, kernel_size: 2, stride: 2}\n  s: {concat, from: [b, u]}\n  c: {conv: 2, kernel_size: 3}\n"
    "  v: {upsample: 2}\n  t: {concat, from: [a, v]}\n",
    "shuffled": "  a: {pixel_unshuffle: 2}\n  b: {conv: 8, kernel_size: 3}\n  c: {pixel_shuffle: 2}\n",
    "permuted": "  a: {permute: [0, 1, 3, 2]}\n  b: {conv: 2, kernel_size: [3, 1], padding: 0}\n  c: {max_pool: [1, 2]}\n",
    "skips": "  a: {conv: 2, kernel_size: 1, stride: 3}\n  b: {conv: 2, kernel_size: 2, padding: 0}\n",
}


def network_faults(network: archgen.Network, size: int) -> list[str]:
    """Where the field of the output and what moves it differ, along each axis, far from the borders."""
    found = network.examine()
    (view,) = found.followed.outputs
    module = positive(network.module())
    told = []
    for along, field in enumerate(view.fields, start=1):
        assert field is not None
        axis = found.traced.axes.index(field.axis) + 1
        x = Shape(tuple(size if number == axis else other for number, other in enumerate(network.spec.input)))
        extents = []
        for position, positions in enumerate(support(module, x, axis, along)):
            span = field.at(position)
            if span is None or span[0] < 0 or span[1] >= size:
                continue
            extents.append(positions[-1] - positions[0] + 1)
            if (positions[0], positions[-1]) != span:
                told.append(f"axis {axis} at {position}: {positions[0]} to {positions[-1]}, not {span}")
        if max(extents, default=0) != field.size:
            told.append(f"axis {axis}: {max(extents, default=0)}, not {field.size}")
    return told


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_sees_what_its_field_says(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(HEAD.replace("8, 6", "12, 12") + NETWORKS[name])
    assert network_faults(archgen.load(path), 60) == []


@pytest.mark.parametrize("name", ["dense", "list_arg", "nested_residual", "long", "optional_item", "multi_add", "op_arg"])
def test_a_network_of_blocks_sees_what_its_field_says(name: str) -> None:
    assert network_faults(archgen.load(ROOT / f"tests/networks/{name}.yaml"), 40) == []


def test_a_wrong_union_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The meta-test: a merge that forgets its second branch."""
    path = tmp_path / "net.yaml"
    path.write_text(HEAD.replace("8, 6", "12, 12") + NETWORKS["concat"])
    monkeypatch.setattr(receptive_field, "union", lambda left, right, budget: left)
    assert network_faults(archgen.load(path), 40) != []


def test_a_gate_sees_the_whole_input() -> None:
    found = archgen.load(ROOT / "tests/networks/gate.yaml").examine()
    assert found.followed.outputs[0].fields == (None, None)
    assert found.contract.receptive_field is None


def test_a_softmax_over_positions_sees_the_whole_input(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(HEAD + "  a: {conv: 2, kernel_size: 3}\n  b: {softmax: 2}\n")
    found = archgen.load(path).examine()
    assert [field and field.size for field in found.followed.outputs[0].fields] == [None, 3]
    assert found.contract.receptive_field is None


def test_before_a_pooling_to_a_fixed_size_the_field_is_known(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(HEAD + "  a: {conv: 2, kernel_size: 3}\n  b: {adaptive_avg_pool: 2}\n  c: {upsample: 2}\n  d: flatten\n")
    assert archgen.load(path).examine().contract.receptive_field == 3


def test_what_is_too_much_to_work_out_has_no_number(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(HEAD + "  a: {conv: 2, kernel_size: 3}\n  b: {upsample: 5000}\n")
    assert archgen.load(path).examine().contract.receptive_field is None
