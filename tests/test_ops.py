"""Every op against torch: its options by signature, its rules by the live layer in eager mode on the CPU.

The meta device is no judge here: it accepts padding -1 and kernel 0, which eager torch refuses.
"""

from __future__ import annotations

import inspect
import itertools
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from archgen.ops import OPS, Op, Shape
from archgen.ops.norm import BatchNorm
from archgen.ops.pool import MaxPool

torch = pytest.importorskip("torch")

if TYPE_CHECKING:
    from collections.abc import Iterator

# torch's own arguments that a spec never writes, and why
NOT_IN_A_SPEC = {
    "in_channels", "in_features", "num_features", "num_channels", "normalized_shape",  # inferred from the input
    "inplace",  # the emitter's own decision
    "device", "dtype",  # the caller's
    "return_indices",  # would return two values
    "size", "align_corners", "recompute_scale_factor",  # Upsample takes a factor alone
    "divisor_override",  # AvgPool2d and 3d only
    "bias",  # of batch, group and instance norm: torch 2.13 has it, torch 2.4 does not
}  # fmt: skip
DIFFERENT_DEFAULTS = {
    ("conv", "padding"),  # keeps the size of an odd kernel; the language's one departure
    ("softmax", "dim"),  # torch guesses an axis and warns
    ("upsample", "scale_factor"),  # torch takes a size instead
}
REQUIRED_HERE = {("conv_transpose", "padding_mode")}  # torch allows zeros alone

# (ops, options as lists of choices): all combinations are held against torch, in one to three dimensions
GRIDS: dict[str, dict[str, list[Any]]] = {
    "conv": {
        "out_channels": [4, 6], "kernel_size": [1, 2, 3, 9], "stride": [0, 1, 2], "padding": [None, -1, 0, 1],
        "dilation": [1, 2], "groups": [1, 2, 4], "bias": [True, False],
    },
    "conv_transpose": {
        "out_channels": [4, 6], "kernel_size": [1, 2, 3], "stride": [1, 2], "padding": [0, 1], "output_padding": [0, 1],
        "groups": [1, 2, 3], "bias": [True, False], "dilation": [1, 2],
    },
    "linear": {"out_features": [1, 5], "bias": [True, False]},
    "batch_norm": {"eps": [1e-5, 1e-3], "momentum": [0.1], "affine": [True, False], "track_running_stats": [True, False]},
    "instance_norm": {"eps": [1e-5], "momentum": [0.1], "affine": [True, False], "track_running_stats": [True, False]},
    "group_norm": {"num_groups": [1, 2, 3, 4], "eps": [1e-5], "affine": [True, False]},
    "layer_norm": {"eps": [1e-5], "elementwise_affine": [True, False], "bias": [True, False]},
    "local_response_norm": {"size": [1, 2, 5]},
    "max_pool": {
        "kernel_size": [1, 2, 3, 6, 9], "stride": [None, 1, 2, 3], "padding": [0, 1, 2], "dilation": [1, 2],
        "ceil_mode": [False, True],
    },
    "avg_pool": {
        "kernel_size": [1, 2, 3, 6, 9], "stride": [None, 1, 2, 3], "padding": [0, 1, 2], "ceil_mode": [False, True],
        "count_include_pad": [True, False],
    },
    "adaptive_avg_pool": {"output_size": [1, 3, 7, 9]},
    "adaptive_max_pool": {"output_size": [1, 3, 7, 9]},
    "dropout": {"p": [0.0, 0.5]},
    "channel_dropout": {"p": [0.0, 0.5]},
    "flatten": {"start_dim": [1, 2], "end_dim": [-1, 2]},
    "channel_shuffle": {"groups": [1, 2, 3, 4]},
    "pixel_shuffle": {"upscale_factor": [1, 2, 3]},
    "pixel_unshuffle": {"downscale_factor": [1, 2, 7]},
    "upsample": {"scale_factor": [1, 2, 3], "mode": ["nearest", "linear", "bilinear", "bicubic", "trilinear"]},
    "prelu": {"num_parameters": [1, 3, 4], "init": [0.25]},
    "softmax": {"dim": [1, 2]},
    "leaky_relu": {"negative_slope": [0.01, 0.2]},
    "elu": {"alpha": [1.0, 0.5]},
    "softplus": {"beta": [1.0, 2.0], "threshold": [20.0]},
    "gelu": {"approximate": ["none", "tanh"]},
    **{name: {} for name in "identity relu relu6 silu hardswish hardsigmoid sigmoid tanh mish".split()},
}  # fmt: skip
OWN_ROWS = {"permute", "pad", "stochastic_depth", "layer_scale"}  # held by the tests below


STRICTER = {
    "pixel_shuffle",
    "pixel_unshuffle",
}  # torch takes one spatial axis for an image without a batch; a spec always has one


def classes(op: type[Op]) -> Iterator[type]:
    for rank in (1, 2, 3):
        yield getattr(torch.nn, op.class_name(rank))


def signature_faults(op: type[Op]) -> list[str]:
    """Where the op's options, their order or their defaults differ from those of its torch classes."""
    found = []
    for kind in classes(op):
        torch_options = {
            name: parameter.default
            for name, parameter in inspect.signature(kind).parameters.items()
            if (name in op.fields or name not in NOT_IN_A_SPEC)
            and parameter.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        }
        torch_options = {name: default for name, default in torch_options.items() if (op.name, name) not in REQUIRED_HERE}
        if set(torch_options) != set(op.fields):
            found.append(f"{kind.__name__}: {sorted(set(torch_options) ^ set(op.fields))}")
        for name, default in torch_options.items():
            own = op.defaults.get(name, inspect.Parameter.empty)
            if own != default and (op.name, name) not in DIFFERENT_DEFAULTS:
                found.append(f"{kind.__name__}.{name}: {own} instead of {default}")
    return found


WITH_CLASS = sorted(name for name, op in OPS.items() if op.torch_class)


@pytest.mark.parametrize("name", WITH_CLASS)
def test_the_options_are_torchs(name: str) -> None:
    assert signature_faults(OPS[name]) == []


def test_a_wrong_default_is_seen() -> None:
    class Wrong(BatchNorm):
        name: ClassVar[str] = ""
        eps: float = 1e-3

    assert signature_faults(Wrong) != []


def test_every_op_has_its_row() -> None:
    assert set(GRIDS) | OWN_ROWS == set(OPS)


def options(name: str) -> Iterator[dict[str, Any]]:
    grid = GRIDS[name]
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values))


def entering(op: type[Op], rank: int) -> Shape:
    """An input that the op can take: channels first, or last for what works on the last axis."""
    sizes = (7, 6, 5)[:rank]
    if op.name in ("linear", "layer_norm"):
        return Shape((*sizes, 4), rank)
    return Shape((4, *sizes))


def difference(op: Op, x: Shape) -> str:
    """Builds the layer in torch and runs it; returns where it and the op's rules part, or ''."""
    allowed = all(claim.holds() for claim in op.claims(x))
    positional: tuple[Any, ...]
    try:
        positional, named = op.constructor(x)
        layer = getattr(torch.nn, op.type_name(x))(*positional, **named)
        output = layer(torch.randn(2, *x.sizes))
    except (RuntimeError, ValueError, ZeroDivisionError, NotImplementedError, IndexError, AssertionError) as error:
        return f"torch refuses: {error}" if allowed else ""
    if not allowed:
        return "torch runs what the claims refuse"
    if tuple(output.shape[1:]) != op.output(x).sizes:
        return f"output {tuple(output.shape[1:])}, not {op.output(x).sizes}"
    if [(name, tuple(p.shape)) for name, p in layer.named_parameters()] != list(op.weights(x)):
        return "parameters"
    if [(name, tuple(b.shape)) for name, b in layer.named_buffers()] != list(op.buffers(x)):
        return "buffers"
    return ""


@pytest.mark.parametrize("name", sorted(GRIDS))
def test_the_rules_are_those_of_the_live_layer(name: str) -> None:
    op, compared = OPS[name], 0
    for rank in (1, 2, 3):
        x = entering(op, rank)
        for given in options(name):
            record = op(**given)
            found = difference(record, x)
            tolerated = found == "torch runs what the claims refuse" and (name in STRICTER and rank != 2)
            assert not found or tolerated, f"{record} on {x.sizes}: {found}"
            compared += 1
    assert compared >= 3


def test_a_wrong_shape_rule_is_seen() -> None:
    class Wrong(MaxPool):
        name: ClassVar[str] = ""

        def output(self, x: Shape) -> Shape:
            right: Shape = super().output(x)
            return right.with_spatial(size + 1 for size in right.sizes[1:])

    assert difference(Wrong(3), Shape((4, 7, 6))) != ""


@pytest.mark.parametrize("name", ["conv", "conv_transpose", "linear"])
def test_macs_are_half_of_what_torch_counts(name: str) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    op = OPS[name]
    for rank in (1, 2, 3):
        x = entering(op, rank)
        for given in list(options(name))[::7]:
            record = op(**given)
            if not all(claim.holds() for claim in record.claims(x)):
                continue
            positional, named = record.constructor(x)
            layer = getattr(torch.nn, record.type_name(x))(*positional, **named)
            counter = FlopCounterMode(display=False)
            with counter:
                layer(torch.randn(1, *x.sizes))
            assert counter.get_total_flops() == 2 * record.macs(x, record.output(x)), record


def test_axes_permuted_carry_the_channels() -> None:
    permute = OPS["permute"]
    assert permute((0, 2, 3, 1)).output(Shape((4, 7, 6))) == Shape((7, 6, 4), 2)
    assert permute((0, 3, 1, 2)).output(Shape((7, 6, 4), 2)) == Shape((4, 7, 6))
    assert not all(claim.holds() for claim in permute((1, 0, 2, 3)).claims(Shape((4, 7, 6))))
    assert not all(claim.holds() for claim in permute((0, 1)).claims(Shape((4, 7, 6))))


def test_padding_begins_with_the_last_axis() -> None:
    pad = OPS["pad"]((1, 2, 3, 4))
    x = Shape((4, 7, 6))
    assert tuple(torch.nn.ZeroPad2d((1, 2, 3, 4))(torch.zeros(1, 4, 7, 6)).shape[1:]) == pad.output(x).sizes


@pytest.mark.parametrize("name", ["stochastic_depth", "layer_scale", "permute"])
def test_the_class_that_an_op_brings_works(name: str) -> None:
    op = OPS[name]
    scope: dict[str, Any] = {"torch": torch, "nn": torch.nn, "Tensor": torch.Tensor}
    exec(op.module_source, scope)
    record = {"stochastic_depth": op(0.5), "layer_scale": op(0.1), "permute": op((0, 2, 3, 1))}[name]
    x = Shape((4, 7, 6))
    positional, named = record.constructor(x)
    layer = scope[op.__name__](*positional, **named)
    assert tuple(layer(torch.ones(3, *x.sizes)).shape[1:]) == record.output(x).sizes
    assert [(key, tuple(p.shape)) for key, p in layer.named_parameters()] == list(record.weights(x))


def test_stochastic_depth_keeps_the_mean_and_drops_whole_images() -> None:
    scope: dict[str, Any] = {"torch": torch, "nn": torch.nn, "Tensor": torch.Tensor}
    exec(OPS["stochastic_depth"].module_source, scope)
    torch.manual_seed(0)
    layer = scope["StochasticDepth"](0.25)
    output = layer(torch.ones(4000, 2, 3))
    assert {round(value, 4) for value in output.unique().tolist()} == {0.0, 1.3333}
    assert abs(output.mean().item() - 1) < 0.05
    assert bool((output.amax((1, 2)) == output.amin((1, 2))).all())
    assert torch.equal(layer.eval()(torch.ones(2, 2)), torch.ones(2, 2))
