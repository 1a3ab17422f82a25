"""Every op against torch: its options by signature, its rules by the live layer in eager mode on the CPU.

The meta device is no judge here: it accepts padding -1 and kernel 0, which eager torch refuses. The checks take the op, so
that the last tests can hand them one that is wrong on purpose.
"""

from __future__ import annotations

import inspect
import itertools
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archgen.arithmetic.evaluation import evaluate
from archgen.arithmetic.expressions import ManyName, Name
from archgen.ops import OPS, Constraint, Op, Shape
from archgen.ops.activation import PReLU
from archgen.ops.conv import Conv, ConvTranspose, Linear
from archgen.ops.norm import BatchNorm, InstanceNorm, LayerNorm
from archgen.ops.options import KINDS
from archgen.ops.pool import AvgPool, MaxPool
from tests.conftest import examples

torch = pytest.importorskip("torch")

from torch.nn.attention import SDPBackend, sdpa_kernel  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

torch.set_num_threads(1)
pytestmark = pytest.mark.filterwarnings("ignore:Initializing zero-element", "ignore:input's size at dim=1")

# ---- the table: what each op is tried with

LINE, IMAGE, VOLUME = Shape((4, 7)), Shape((4, 7, 6)), Shape((4, 7, 6, 5))
POINT, STRIP, FLAT, TOKENS, LAST = Shape((4, 1, 1)), Shape((4, 1, 6)), Shape((4,)), Shape((7, 4), 1), Shape((7, 6, 4), 2)
SQUARE, CUBE = Shape((4, 4, 4), 2), Shape((4, 4, 4))  # torch can't tell their channels from their sizes
SEQUENCE = Shape((5, 12), 1)
WIDE = Shape((6, 3, 8), 2)  # of which a grid of 3 positions is a part
INPUTS = (LINE, IMAGE, VOLUME, POINT, STRIP, FLAT, TOKENS, LAST, SQUARE, CUBE)
NAN = float("nan")

DIMS = [*range(-5, 5), (), (1,), (2,), (2, 3), (-1, -2), (1, 2), (3, 2), (2, 2), (2, -1), (0, 1), (2, 3, 4)]


class Row(NamedTuple):
    """All combinations of the options are tried on every input, and each of the `more`."""

    options: dict[str, list[Any]] = {}  # noqa: RUF012
    more: tuple[dict[str, Any], ...] = ()
    inputs: tuple[Shape, ...] = INPUTS

    def points(self) -> Iterator[dict[str, Any]]:
        for values in itertools.product(*self.options.values()):
            yield dict(zip(self.options, values))
        yield from self.more


UPSAMPLED = ["nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area"]
ROWS: dict[str, Row] = {
    "conv": Row(
        {
            "out_channels": [4, 6], "kernel_size": [1, 2, 3, 9], "stride": [1, 2], "padding": [None, -1, 0, 1],
            "dilation": [1, 2], "groups": [1, 2, 4], "bias": [True, False],
        },
        (
            *({"out_channels": 4, "kernel_size": 3} | given for given in (
                {"stride": 0}, {"stride": -1}, {"dilation": 0}, {"dilation": -1}, {"groups": 0}, {"groups": -2}, {"groups": 3},
                {"kernel_size": 0}, {"kernel_size": -1}, {"out_channels": 0}, {"out_channels": -1},
            )),
            *({"out_channels": 4, "kernel_size": kernel, "padding": padding, "padding_mode": mode}
              for kernel in (1, 3, 7) for padding in (None, -1, 0, 1, 5, 6, 7, 8)
              for mode in ("zeros", "reflect", "replicate", "circular")),
            *({"out_channels": 4, "kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation}
              for kernel in (3, (1, 3), (2, 3, 4)) for stride in (1, (2,), (2, 1)) for padding in (None, (0, 1), (1, 0, 2))
              for dilation in (1, (1, 2), (1, 2, 1))),
            *({"out_channels": 4, "kernel_size": kernel, "dilation": dilation, "padding": padding, "padding_mode": mode}
              for kernel in (1, 2, 3, 4, (2, 3), 9) for dilation in (1, 2, 3) for padding in ("same", "valid")
              for mode in ("zeros", "reflect", "replicate", "circular")),
            *({"out_channels": 4, "kernel_size": 3, "stride": 2, "padding": padding} for padding in ("same", "valid")),
        ),
    ),
    "conv_transpose": Row(
        {
            "out_channels": [4, 6], "kernel_size": [1, 2, 3], "stride": [1, 2], "padding": [0, 1, 2],
            "output_padding": [0, 1], "groups": [1, 2, 3], "bias": [True, False], "dilation": [1, 2],
        },
        (
            *({"out_channels": 4, "kernel_size": 3} | given for given in (
                {"stride": 0}, {"stride": -1}, {"dilation": 0}, {"groups": 0}, {"groups": -2}, {"padding": -1},
                {"kernel_size": 0}, {"out_channels": 0}, {"output_padding": -1}, {"stride": 3, "output_padding": 2},
                {"stride": 3, "output_padding": 3}, {"padding": 9}, {"dilation": (1,)},
                {"kernel_size": 1, "groups": 2, "dilation": 0},
            )),
            *({"out_channels": 4, "kernel_size": (2, 3), "stride": stride, "output_padding": output_padding}
              for stride in (1, (2, 1), (3, 2)) for output_padding in (0, (1, 0), (0, 1), (2, 1))),
        ),
    ),
    "linear": Row({"out_features": [-1, 0, 1, 5], "bias": [True, False]},
                  inputs=(*INPUTS, LINE._replace(arranged=True), IMAGE._replace(arranged=True))),
    "batch_norm": Row({"eps": [-1.0, 0.0, NAN, 1e-5, 1e-3], "momentum": [-0.1, 0.0, 0.1, 1.0, 1.5, NAN],
                       "affine": [True, False], "track_running_stats": [True, False]}),
    "instance_norm": Row({"eps": [0.0, 1e-5, 1e-3], "momentum": [-0.1, 0.1, 1.0, 3], "affine": [True, False],
                          "track_running_stats": [True, False]}),
    "group_norm": Row({"num_groups": [-1, 0, 1, 2, 3, 4, 8], "eps": [0.0, 1e-5], "affine": [True, False]}),
    "layer_norm": Row({"eps": [0.0, 1e-5], "elementwise_affine": [True, False], "bias": [True, False]}),
    "global_response_norm": Row({"eps": [-1.0, 0.0, 1e-6, 1e-3]}),
    "local_response_norm": Row({"size": [-1, 0, 1, 2, 5], "alpha": [1e-4, 0.1], "beta": [0.5], "k": [1.0, 2.0]}),
    "max_pool": Row(
        {"kernel_size": [0, 1, 2, 3, 6, 9], "stride": [None, 0, 1, 2, 3], "padding": [-1, 0, 1, 2], "dilation": [1, 2],
         "ceil_mode": [False, True]},
        tuple({"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": True, "dilation": dilation}
              for kernel in (2, (2,), (3, 2)) for stride in (None, (2, 3)) for padding in (0, (1, 0))
              for dilation in (0, 1, (1, 2))),
    ),
    "avg_pool": Row(
        {"kernel_size": [0, 1, 2, 3, 6, 9], "stride": [None, 0, 1, 2, 3], "padding": [-1, 0, 1, 2], "ceil_mode": [False, True],
         "count_include_pad": [True, False]},
        tuple({"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": True}
              for kernel in (2, (2,), (3, 2), (3, 2, 1)) for stride in (None, (2, 3)) for padding in (0, (1, 0), (1, 1, 0))),
    ),
    "blur_pool": Row({"kernel_size": [-1, 0, 1, 2, 3, 4, 5, 7, 13, 15], "stride": [-1, 0, 1, 2, 3]}),
    "lp_pool": Row(
        {"norm_type": [0, 0.5, 1, 2, 2.5], "kernel_size": [-1, 0, 1, 2, 3, 7, 9], "stride": [None, 0, 1, 2],
         "ceil_mode": [False, True]},
        tuple({"norm_type": 2, "kernel_size": kernel, "stride": stride}
              for kernel in (2, (2,), (3, 2), (3, 2, 1)) for stride in (None, (2, 3))),
    ),
    "gem_pool": Row({"p": [-1, 0, 0.5, 1, 3.0], "eps": [1e-6, 0.1, 0]}),
    "adaptive_avg_pool": Row({"output_size": [-1, 0, 1, 3, 7, 9, (3,), (2, 3), (2, 3, 4)]}),
    "adaptive_max_pool": Row({"output_size": [-1, 0, 1, 3, 7, 9, (3,), (2, 3), (2, 3, 4)]}),
    "dropout": Row({"p": [-0.1, 0, 0.0, 0.5, 1.0, 1.5, NAN]}),
    "channel_dropout": Row({"p": [-0.1, 0.0, 0.5, 1.0, 1.5]}),
    "stochastic_depth": Row({"p": [-0.1, 0.0, 0.5, 1.0, 1.5], "mode": ["row", "batch"]}),
    "layer_scale": Row({"value": [1e-6, 0.1, 1.0]}),
    "flatten": Row({"start_dim": list(range(-5, 5)), "end_dim": list(range(-5, 5))}),
    "permute": Row({"dims": [
        (0, 1), (0, 2, 1), (0, 1, 2), (0, 2, 3, 1), (0, 3, 1, 2), (0, 4, 2, 3, 1), (1, 0, 2), (1, 0, 2, 3), (0, 1, 1),
        (0, 0, 1, 2), (0, -1, 1), (), (0,), (0, 1, 2, 4),
    ]}),
    "multiply_by": Row({"number": [2, 0.5, -1.0, 3, 1e-3]}),
    "divide_by": Row({"number": [2, 0.5, -1.0, 3, 8.0, 0, 0.0]}),
    "add_number": Row({"number": [2, 0.5, -1.0, 0]}),
    "subtract_number": Row({"number": [2, 0.5, -1.0, 0]}),
    "pow": Row({"exponent": [2, 3, 0.5, 1.0, 0, 0.0]}),
    "clamp": Row({"min": [None, 0, 0.25, 2], "max": [None, 1.5, 3]}),
    "roll": Row({"shifts": [1, -2, 9, (), (1,), (2, -1), (1, 1, 1)],
                 "dims": [0, 1, -1, -5, 4, (), (2,), (2, 3), (0, 1), (2, 2)]}),
    "select": Row({"at": [
        *((dim, index) for dim in (-5, -4, -1, 0, 1, 2, 3, 5) for index in (0, 1, -1, 6, -7, 9)), (), (1,), (1, 0, 0),
    ]}),
    "slice": Row({
        "span": [(), (0,), (2,), (9,), (-1,), (0, 2), (1, 4), (3, 3), (3, 2), (0, 7), (0, 8), (0, -1), (0, 1, 2)],
        "dim": [None, 0, 1, 2, -1, -5, 4], "step": [-1, 0, 1, 2, 9],
    }),
    "reshape": Row({"shape": [
        (), (-1,), (28,), (168,), (-1, -1), (2, -1), (-1, 7), (4, 7), (7, -1, 2), (5, -1), (0, -1), (-2, 4), (2, 2, 7, 6),
        (2, 2, -1, 1), (1, 2, 2, -1, 1), (4, 6, 7),
    ]}, inputs=(*INPUTS, SEQUENCE, Shape((1,)))),
    "unflatten": Row({"dim": list(range(-5, 5)), "unflattened_size": [
        (), (-1,), (2, 2), (2, -1), (-1, 7), (3, -1), (1, -1, 1), (-1, -1), (0, -1), (4,), (1, 1, 4, 1), (1, 1, 1, 4), (-2, -2),
    ]}),
    "transpose": Row({"dims": [*itertools.product(range(-5, 5), repeat=2), (), (1,), (1, 2, 3)]}),
    **dict.fromkeys(["mean", "sum", "amax"], Row({"dim": DIMS, "keepdim": [False, True]})),
    "norm": Row({"dim": DIMS, "keepdim": [False, True], "ord": [2, 0, 0.5, 1, 1.5, 3]}),
    "normalize": Row({"p": [0.5, 1, 1.5, 2.0, 3.0], "dim": list(range(-5, 5)), "eps": [0.0, 1e-12, 0.1]}),
    "glu": Row({"dim": list(range(-5, 5))}),
    **dict.fromkeys(
        ["pad", "reflection_pad", "replication_pad", "circular_pad"],
        Row({"padding": [
            (), (1, 2), (1, 2, 3, 4), (1, 0, 2, 3, 0, 4), (1, 2, 3), (-1, 0), (0, -1, 0, 0), (0, 0, 0, 0), -1, 0, 1, 3, 5, 6, 7,
        ]}),
    ),
    "channel_shuffle": Row({"groups": [-1, 0, 1, 2, 3, 4]}),
    "pixel_shuffle": Row({"upscale_factor": [-1, 0, 1, 2, 3]}, inputs=(*INPUTS, Shape((18, 2, 3)))),
    "pixel_unshuffle": Row({"downscale_factor": [-1, 0, 1, 2, 7]}, inputs=(*INPUTS, Shape((3, 4, 6)))),
    "upsample": Row(
        {"scale_factor": [-1, 0, 1, 2, 3, 0.01, 0.3, 0.7, 1.5, 2.0, -0.5, (2,), (2, 1), (0.5, 1.25), (1, 0.75, 2), (2, 0)],
         "size": [None], "mode": UPSAMPLED, "align_corners": [None]},
        (*({"size": size, "mode": mode} for size in (-1, 0, 1, 5, (3,), (1, 1), (2, 9), (4, 1, 3)) for mode in UPSAMPLED),
         *({"scale_factor": 1.5, "mode": mode, "align_corners": align} for mode in UPSAMPLED for align in (True, False)),
         {"size": 3, "scale_factor": 2}, {}, {"size": (2, 3), "mode": "bicubic", "align_corners": True}),
    ),
    "crop": Row({"size": [-1, 0, 1, 2, 3, 6, 7, 9, (), (3,), (2, 3), (9, 1), (2, 3, 4)]}),
    "class_token": Row(inputs=(*INPUTS, SEQUENCE)),
    "position_embedding": Row(inputs=(*INPUTS, SEQUENCE)),
    "attention": Row({"num_heads": [-1, 0, 1, 2, 3, 4], "bias": [True, False]},
                     inputs=(*INPUTS, SEQUENCE, Shape((4, 4)))),
    "window_attention": Row(
        {"num_heads": [1, 2, 4], "window_size": [1, 2, 3, 7], "shift_size": [0, 1, 3], "scale": [None, 0.5]},
        ({"num_heads": 3, "window_size": 2}, {"num_heads": 0, "window_size": 2}, {"num_heads": 2, "window_size": 0},
         {"num_heads": 2, "window_size": 2, "shift_size": -1}),
        inputs=(*INPUTS, WIDE),
    ),
    "window_attention_v2": Row(
        {"num_heads": [1, 2, 4], "window_size": [1, 2, 3, 7], "shift_size": [0, 1]},
        ({"num_heads": 3, "window_size": 2}, {"num_heads": 2, "window_size": 2, "shift_size": -1}),
        inputs=(*INPUTS, WIDE),
    ),
    "grid_attention": Row({"num_heads": [-1, 1, 2, 3, 4], "grid_size": [-1, 0, 1, 2, 3], "scale": [None, 0.5]},
                          inputs=(*INPUTS, WIDE)),
    "merge_patches": Row({"patch_size": [0, 1, 2, 3, 7]}, inputs=(*INPUTS, WIDE)),
    "prelu": Row({"num_parameters": [0, 1, 3, 4], "init": [0.25, 0.1]}),
    **dict.fromkeys(["softmax", "log_softmax"], Row({"dim": list(range(-6, 6))})),
    "leaky_relu": Row({"negative_slope": [0.01, 0.2]}),
    "elu": Row({"alpha": [1.0, 0.5]}),
    "softplus": Row({"beta": [1.0, 2.0], "threshold": [20.0, 1.0]}),
    "gelu": Row({"approximate": ["none", "tanh"]}),
    **{name: Row() for name in "identity relu relu6 silu hardswish hardsigmoid sigmoid tanh mish".split()},
}  # fmt: skip

# What the constraints refuse though torch runs: a part of the sentence, and why. Each is met in the table's points.
CHANNELS_FIRST = {"channels on axis 1": "torch does not know which axis counts the channels; it would take another one"}
A_SEQUENCE = {"takes a sequence": "torch does not know which axis counts the channels; nor what the others are"}
LIST_OF_ONE = {"lists": "torch spreads a list of one over all axes: a slip of the pen"}
AN_IMAGE = {"whose channels are last": "torch does not know which axis counts the channels"}
A_SHIFT = {"`shift_size` is": "what lies side by side is masked, or what does not is not"}
RANGE_OF_P = {"must be below 1": "p = 1 leaves zeros alone"}
RANGE_OF_EPS = {"`eps` is": "torch divides by zero, or gives NaN"}
RANGE_OF_MOMENTUM = {"`momentum` is": "the running average leaves what it averages"}
MIXED = {"whose images are not mixed": "as said"}
NO_NORM = {"would be no norm": "torch works it out"}
REDUCED = MIXED | {
    "names no axis": "torch takes that for all axes, the batch too",
    "nothing would be left": "a value of a network has channels",
}
STRICTER: dict[str, dict[str, str]] = {
    "conv": {"`padding` is": "torch crops, in all modes but zeros"} | LIST_OF_ONE | CHANNELS_FIRST,
    "conv_transpose": {
        "the output would have": "an empty tensor",
        "`dilation` is": "torch leaves it to oneDNN, which runs some",
    }
    | LIST_OF_ONE
    | CHANNELS_FIRST,
    "linear": {
        "works on the last axis": "the last axis happens to have the size of the channels",
        "`out_features`": "no output",
    },
    "batch_norm": CHANNELS_FIRST | RANGE_OF_EPS | RANGE_OF_MOMENTUM,
    "instance_norm": CHANNELS_FIRST | RANGE_OF_EPS | RANGE_OF_MOMENTUM,
    "group_norm": CHANNELS_FIRST | RANGE_OF_EPS,
    "layer_norm": {"normalises the last axis": "as `linear`"} | RANGE_OF_EPS,
    "global_response_norm": RANGE_OF_EPS | {"takes norms over the positions": "torch works out something else"},
    "local_response_norm": CHANNELS_FIRST,
    "max_pool": LIST_OF_ONE | CHANNELS_FIRST,
    "avg_pool": LIST_OF_ONE | CHANNELS_FIRST,
    "adaptive_avg_pool": {"`output_size`": "0 gives an empty tensor"} | CHANNELS_FIRST,
    "adaptive_max_pool": {"`output_size`": "0 gives an empty tensor"} | CHANNELS_FIRST,
    "dropout": RANGE_OF_P,
    "channel_dropout": RANGE_OF_P | CHANNELS_FIRST,
    "stochastic_depth": RANGE_OF_P,
    "flatten": {"can't be joined": "the batch stays an axis of its own"},
    "permute": {
        "the batch stays first": "as said",
        "nothing to reorder": "the value has one axis",
        "must name each": "torch counts from the end",
    },
    "pad": {"`padding` lists": "torch pads the last axes alone", "`padding` is": "torch crops"} | CHANNELS_FIRST,
    **dict.fromkeys(
        ["reflection_pad", "replication_pad", "circular_pad"],
        {"`padding` lists": "torch takes the batch for channels", "`padding` is": "torch crops"} | CHANNELS_FIRST,
    ),
    "channel_shuffle": CHANNELS_FIRST,
    "pixel_shuffle": {"two spatial axes": "torch takes the batch for channels, or leading sizes for a batch"} | CHANNELS_FIRST,
    "pixel_unshuffle": {"two spatial axes": "torch takes the batch for channels, or leading sizes for a batch"}
    | CHANNELS_FIRST,
    "upsample": CHANNELS_FIRST
    | {
        "rounded down": "the size is one less than the fraction's, now and then",
        "leaves nothing": "an empty tensor, of `area`",
        "`size` is": "an empty tensor, of `area`",
        "`scale_factor` is": "an empty tensor, of `area`",
    },
    "lp_pool": {"would be no norm": "torch works it out"} | LIST_OF_ONE | CHANNELS_FIRST,
    "gem_pool": {"must be above 0": "the means of small values, or of what may be 0", "takes channels and one": "no mean"}
    | CHANNELS_FIRST,
    "blur_pool": {"`kernel_size` is": "no blur, as by 1"} | CHANNELS_FIRST,
    "crop": {"`size` is": "an empty tensor", "takes channels and one": "nothing is cropped", "lists": "the others are kept"}
    | CHANNELS_FIRST,
    "prelu": CHANNELS_FIRST,
    "divide_by": {"divided by 0": "torch makes infinities"},
    "roll": MIXED | {"names no axis": "torch rolls the value as if it were flat"},
    "select": MIXED | {"nothing would be left": "a value of a network has channels"},
    "slice": MIXED
    | {
        "leaves nothing": "an empty tensor",
        "past the end": "torch stops at the end",
        "must start at 0": "torch counts from the end",
        "takes a start and a stop": "a third number, or none",
    },
    "reshape": {"a value has at most": "as said", "lists no size": "of a value of one number"},
    "unflatten": MIXED | {"may have at most": "a value has at most four axes"},
    "pow": {"every value would be 1": "ones"},
    "clamp": {"must be at least `min`": "all is `max`"},
    "transpose": {"which stays first": "as said"},
    **dict.fromkeys(["mean", "sum", "amax"], REDUCED),
    "norm": REDUCED | NO_NORM,
    **dict.fromkeys(["softmax", "log_softmax"], MIXED),
    "normalize": MIXED | RANGE_OF_EPS | NO_NORM,
    "window_attention": AN_IMAGE | A_SHIFT,
    "window_attention_v2": AN_IMAGE | A_SHIFT | {"`window_size` is": "a single position divides by zero, to NaN"},
    "grid_attention": AN_IMAGE,
    "merge_patches": AN_IMAGE | {"`patch_size` is": "nothing to join"},
    **dict.fromkeys(["class_token", "position_embedding", "attention"], A_SEQUENCE),
}


# ---- the checks


# torch's own arguments that a spec never writes, and why
NOT_IN_A_SPEC = {
    **dict.fromkeys(["inplace"], "the emitter's own decision"),
    **dict.fromkeys(["device", "dtype"], "the caller's"),
}
INFERRED = {"in_channels", "in_features", "num_features", "num_channels", "normalized_shape"}  # of ops that say they infer
OF_TORCH_ALONE: dict[tuple[str, str], str] = {
    ("max_pool", "return_indices"): "would return two values",
    ("adaptive_max_pool", "return_indices"): "would return two values",
    ("avg_pool", "divisor_override"): "AvgPool2d and 3d only",
    ("conv_transpose", "padding_mode"): "torch allows zeros alone",
    ("upsample", "recompute_scale_factor"): "the size is the same; what is read hangs on the factor that is written",
    ("batch_norm", "bias"): "torch 2.13 has it, torch 2.4 does not",
    ("instance_norm", "bias"): "torch 2.13 has it, torch 2.4 does not",
    ("group_norm", "bias"): "torch 2.13 has it, torch 2.4 does not",
}
DIFFERENT_DEFAULTS: dict[tuple[str, str], tuple[Any, str]] = {  # with the spec's
    ("conv", "padding"): (None, "an odd kernel keeps the size; the language's one departure"),
    ("softmax", "dim"): (inspect.Parameter.empty, "torch guesses an axis and warns"),
    ("log_softmax", "dim"): (inspect.Parameter.empty, "torch guesses an axis and warns"),
}


def signature_faults(op: type[Op]) -> list[str]:
    """Where the op's options, their order or their defaults differ from those of its torch classes."""
    found = []
    for kind in {op.class_name(rank): getattr(torch.nn, op.class_name(rank)) for rank in (1, 2, 3)}.values():
        parameters = inspect.signature(kind).parameters
        if op.inplace and "inplace" not in parameters:
            found.append(f"{kind.__name__}: inplace")
        options = {
            name: parameter.default
            for name, parameter in parameters.items()
            if parameter.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
            and name not in NOT_IN_A_SPEC
            and (op.name or op.__base__.name, name) not in OF_TORCH_ALONE  # type: ignore[union-attr]
            and not (op.infers and name in INFERRED)
        }
        if tuple(options) != op.fields:
            found.append(f"{kind.__name__}: takes {', '.join(options)}; the op has {', '.join(op.fields)}")
        for name, default in options.items():
            own = op.defaults.get(name, inspect.Parameter.empty)
            expected = DIFFERENT_DEFAULTS.get((op.name, name), (default,))[0]
            if own is not expected and (own != expected or type(own) is not type(expected)):
                found.append(f"{kind.__name__}.{name}: {own!r} instead of {expected!r}")
            if name in op.fields and op.torch_defaults().get(name, inspect.Parameter.empty) not in (default, own):
                found.append(f"{kind.__name__}.{name}: left out at {op.torch_defaults()[name]!r}, torch's is {default!r}")
    return found


def imported() -> dict[str, Any]:
    """What a class that a generated module brings may name."""
    return {"torch": torch, "F": torch.nn.functional, "nn": torch.nn, "Tensor": torch.Tensor}


def built(op: Op, x: Shape) -> Any:
    """The live layer: torch's class, or the one that the generated module brings."""
    positional, named = op.constructor(x)
    if op.torch_class:
        return getattr(torch.nn, op.type_name(x))(*positional, **named)
    scope = imported()
    exec(op.module_source, scope)
    return scope[op.type_name(x)](*positional, **named)


def broken(op: Op, x: Shape) -> list[Constraint]:
    """The first constraint that does not hold, the one that a person sees. What follows builds on it and may even fail."""
    for constraint in op.constraints(x):
        if not constraint.holds():
            assert constraint.text()
            assert not constraint.option or constraint.option in op.fields
            return [constraint]
    return []


def fault(op: Op, x: Shape, used: set[str] | None = None) -> str:
    """Builds the layer and runs it, training on two images and evaluating one; where it and the rules part, or ''."""
    constraints = broken(op, x)
    counter = FlopCounterMode(display=False)
    try:
        layer = built(op, x)
        with torch.no_grad():
            output = layer(torch.randn(2, *x.sizes))
            one = 2 if getattr(op, "track_running_stats", True) is False else 1  # statistics of the batch need a batch
            if constraints or type(op).macs is Op.macs:
                single = layer.eval()(torch.randn(one, *x.sizes))
            else:
                with counter, sdpa_kernel(SDPBackend.MATH):  # torch's counter does not see the CPU's own kernel of attention
                    single = layer.eval()(torch.randn(one, *x.sizes))
    except Exception as error:
        return "" if constraints else f"torch refuses: {error}"
    if constraints:
        rules = STRICTER.get(op.name, {})
        for constraint in constraints:
            found = {part for part in rules if part in constraint.sentence}
            if not found:
                return f"torch runs what the constraints refuse: {constraint.text()}"
            if used is not None:
                used |= found
        return ""
    y = op.output(x)
    if tuple(output.shape[1:]) != y.sizes or tuple(single.shape[1:]) != y.sizes:
        return f"output {tuple(output.shape[1:])}, not {y.sizes}"
    if output.shape[0] != 2 or not 0 <= y.channel_axis < len(y.sizes):
        return "batch or channel axis"
    if [(name, tuple(p.shape)) for name, p in layer.named_parameters()] != list(op.weights(x)):
        return f"parameters {[(name, tuple(p.shape)) for name, p in layer.named_parameters()]}, not {op.weights(x)}"
    if [(name, tuple(b.shape)) for name, b in layer.named_buffers()] != list(op.buffers(x)):
        return "buffers"
    if counter.get_total_flops() != 2 * op.macs(x, y):
        return f"{counter.get_total_flops()} FLOPs, not twice {op.macs(x, y)} MACs"
    return ""


# ---- the tests


def test_every_op_has_its_row() -> None:
    assert ROWS.keys() == OPS.keys()
    assert STRICTER.keys() <= OPS.keys()
    for name, row in ROWS.items():
        given = {option for point in row.points() for option in point}
        assert given == set(OPS[name].fields), name


@pytest.mark.parametrize("name", sorted(name for name, op in OPS.items() if op.torch_class))
def test_the_options_are_torchs(name: str) -> None:
    assert signature_faults(OPS[name]) == []


@pytest.mark.parametrize("name", sorted(name for name, op in OPS.items() if not op.torch_class))
def test_the_options_are_those_of_the_class_that_the_op_brings(name: str) -> None:
    op = OPS[name]
    scope = imported()
    exec(op.module_source, scope)
    parameters = list(inspect.signature(scope[op.__name__]).parameters.values())[op.infers :]
    own = [(option, op.defaults.get(option, inspect.Parameter.empty)) for option in op.fields]
    assert [(p.name, p.default) for p in parameters][: len(own)] == own


def test_no_exception_outlives_its_cause() -> None:
    """Each line of the tables of differences still names an op, and an argument that some torch class has."""
    for name, option in {**OF_TORCH_ALONE, **DIFFERENT_DEFAULTS}:
        kinds = [getattr(torch.nn, OPS[name].class_name(rank)) for rank in (1, 2, 3)]
        present = any(option in inspect.signature(kind).parameters for kind in kinds)
        assert present or option == "bias", (name, option)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_the_rules_are_those_of_the_live_layer(name: str) -> None:
    op, row = OPS[name], ROWS[name]
    used: set[str] = set()
    allowed = set()
    for x in row.inputs:
        for point in row.points():
            record = op(**point)
            found = fault(record, x, used)
            assert not found, f"{record} on {x}: {found}"
            if not broken(record, x):
                allowed.add(x.rank)
    assert allowed, "no point of the row is allowed"
    unused = STRICTER.get(name, {}).keys() - used
    assert unused <= ({*CHANNELS_FIRST} if name in ("conv", "conv_transpose") else set())


def shapes() -> st.SearchStrategy[Shape]:
    sizes = st.lists(st.integers(1, 9), min_size=1, max_size=4).map(tuple)
    return sizes.flatmap(
        lambda sizes: st.sampled_from([Shape(sizes), Shape(sizes, arranged=True), Shape(sizes, len(sizes) - 1)])
    )


def values(op: type[Op], option: str, x: Shape) -> st.SearchStrategy[Any]:
    number = st.integers(-1, 5) | st.integers(1, 12)
    every: dict[str, st.SearchStrategy[Any]] = {
        "Int": number | st.just(x.channels),
        "PerAxis": number | st.tuples(*[st.integers(0, 4)] * max(1, x.rank)) | st.just(op.defaults.get(option, 1)),
        "Padding": number | st.tuples(*[st.integers(0, 4)] * max(1, x.rank)) | st.sampled_from([None, "same", "valid"]),
        "Around": st.integers(-1, 3) | st.lists(st.integers(-1, 3), max_size=8).map(tuple)
        | st.tuples(*[st.integers(0, 3)] * (2 * x.rank)),
        "Axis": st.integers(-6, 6),
        "Ints": st.lists(st.integers(-1, 9), max_size=4).map(tuple),
        "Dims": st.integers(-6, 6) | st.lists(st.integers(-1, 4), max_size=4).map(tuple),
        "Flag": st.booleans(),
        "Axes": st.permutations(range(1, len(x.sizes) + 1)).map(lambda axes: (0, *axes))
        | st.lists(st.integers(-1, 5), max_size=5).map(tuple),
        "Real": st.sampled_from([1e-5, 0.1, 0.5, 0.9, -0.5, 0.0, 1.0, 2.0]),
        "Scale": st.integers(-1, 5)
        | st.sampled_from([0.5, 0.7, 1.25, 2.6])
        | st.tuples(*[st.sampled_from([1, 0.3, 2.5])] * x.rank),
        "Bool": st.booleans(),
        "Word": st.sampled_from(op.words.get(option, ("",))),
    }  # fmt: skip
    return next(every[key] for key, kind in KINDS.items() if kind is op.kind(option))


@pytest.mark.parametrize("name", sorted(name for name, op in OPS.items() if op.fields))
@settings(max_examples=examples(60))
@given(data=st.data())
def test_random_options_on_random_inputs(name: str, data: st.DataObject) -> None:
    op = OPS[name]
    x = data.draw(shapes())
    written = [option for option in op.fields if option not in op.defaults or data.draw(st.booleans())]
    written = [option for option in written if op.instead_of.get(option) not in written]
    record = op(**{option: data.draw(values(op, option, x)) for option in written})
    found = fault(record, x)
    assert not found, f"{record} on {x}: {found}"


WAITING = ("Int", "PerAxis", "Padding", "Real", "Scale")


def waiting(op: Op, x: Shape) -> tuple[Op, Shape, dict[str, Any]]:
    """The same op and input with names in place of numbers, and what the names stand for."""
    names: dict[str, Any] = {f"x{axis}": size for axis, size in enumerate(x.sizes)}
    options: dict[str, Any] = {}
    for option in op.fields:
        value = options[option] = getattr(op, option)
        if any(op.kind(option) is KINDS[key] for key in WAITING) and value is not None and type(value) is not str:
            names[option] = value
            options[option] = ManyName(option) if type(value) is tuple else Name(option)
        elif option == "ceil_mode":
            names[option], options[option] = value, Name(option)
        elif (option == "padding" and type(value) is tuple) or op.kind(option) is KINDS["Ints"]:  # -1 never waits for a name
            names |= {f"p{place}": item for place, item in enumerate(value)}
            options[option] = tuple(Name(f"p{place}") if item >= 0 else item for place, item in enumerate(value))
    return type(op)(**options), x._replace(sizes=tuple(map(Name, list(names)[: len(x.sizes)]))), names


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_rule_on_names_is_the_rule_on_numbers(name: str) -> None:
    """The generated code has the rule's result on names: with the numbers put in, it is the report's result."""
    op, row, compared = OPS[name], ROWS[name], 0
    for x in row.inputs:
        for point in list(row.points())[:: 1 + len(list(row.points())) // 150]:
            record = op(**point)
            if broken(record, x):
                continue
            on_names, entering, names = waiting(record, x)
            for constraint in on_names.constraints(entering):  # numbers have judged them; names must only carry them
                evaluate((constraint.left, constraint.right), names)
            y = on_names.output(entering)
            expected = record.output(x)
            assert evaluate(y.sizes, names) == expected.sizes, (record, x)
            assert y.channel_axis == expected.channel_axis
            assert evaluate(on_names.weights(entering), names) == record.weights(x)
            assert evaluate(on_names.buffers(entering), names) == record.buffers(x)
            assert evaluate(on_names.macs(entering, y), names) == record.macs(x, expected)
            positional, named = on_names.constructor(entering)
            evaluated = (evaluate(positional, names), {key: evaluate(value, names) for key, value in named.items()})
            assert _spread(inspect_call(record, evaluated, x)) == _spread(inspect_call(record, record.constructor(x), x))
            compared += 1
    assert compared


def inspect_call(op: Op, call: tuple[tuple[Any, ...], dict[str, Any]], x: Shape) -> dict[str, Any]:
    """The arguments of a call by their names, with torch's defaults."""
    if op.torch_class:
        kind = getattr(torch.nn, op.type_name(x))
    else:
        scope = imported()
        exec(op.module_source, scope)
        kind = scope[op.type_name(x)]
    bound = inspect.signature(kind).bind(*call[0], **call[1])
    bound.apply_defaults()
    return bound.arguments


def _spread(arguments: dict[str, Any]) -> dict[str, Any]:
    """(2, 2) and 2 mean the same to torch."""
    return {
        name: value[0] if type(value) is tuple and value and len(set(value)) == 1 else value
        for name, value in arguments.items()
    }


def test_reals_and_lists_may_wait_for_names_but_axes_may_not() -> None:
    k = Name("k")
    for name, option, value, refused in [
        ("permute", "dims", ManyName("k"), True),
        ("permute", "dims", (0, k, 1), True),
        ("flatten", "start_dim", k, True),
        ("flatten", "end_dim", k + 1, True),
        ("pad", "padding", ManyName("k"), True),
        ("pad", "padding", (k, 1), False),
        ("conv", "kernel_size", (k, 1), False),
        ("conv", "kernel_size", ManyName("k"), False),
        ("conv", "bias", k, False),
        ("softmax", "dim", k, False),
    ]:
        assert bool(OPS[name].kind(option).refuses(value, 2)) is refused, (name, option)
        assert not OPS[name].kind(option).refuses(k, 0), "where the rank is not known the names may be constants"


RIGHT: dict[str, list[Any]] = {
    "Int": [1, 0, -3], "PerAxis": [1, (1, 2), (3,)], "Padding": [1, (1, 2), "same", "valid"],
    "Around": [1, (1, 2), ()], "Axis": [1, -1], "Axes": [(0, 2, 1)],
    "Lengths": [(2, 3)], "Ints": [(2, 3), ()], "Dims": [1, -1, (2, 3)],
    "Flag": [True, False],
    "Real": [1, 0.5, -2.0], "Scale": [1, 0.5, (2, 1.5)],
    "Bool": [True, False], "Word": ["zeros"],
}  # fmt: skip
VALUES: list[Any] = [
    1,
    0.5,
    64.0,
    True,
    False,
    "word",
    "same",
    "1",
    (1, 2),
    (1, 2.0),
    (1, True),
    (1, "2"),
    ((1,),),
    None,
    Conv(4, 3),
]
FIT = {
    "Int": ["1"], "PerAxis": ["1", "(1, 2)"], "Padding": ["1", "(1, 2)", "'same'"], "Around": ["1", "(1, 2)"],
    "Axis": ["1"], "Axes": ["(1, 2)"],
    "Lengths": ["(1, 2)"], "Ints": ["(1, 2)"], "Dims": ["1", "(1, 2)"], "Flag": ["True", "False"],
    "Real": ["1", "0.5", "64.0"], "Scale": ["1", "0.5", "64.0", "(1, 2)", "(1, 2.0)"],
    "Bool": ["True", "False"], "Word": ["'word'", "'same'", "'1'"],
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_value_of_another_type_is_refused(name: str) -> None:
    kind = KINDS[name]
    assert not any(kind.refuses(value, 2) for value in RIGHT[name])
    for value in VALUES:
        assert bool(kind.refuses(value, 2)) is (repr(value) not in FIT[name]), value


def test_every_option_has_a_kind_and_every_word_its_words() -> None:
    for op in OPS.values():
        for option in op.fields:
            assert (op.kind(option) in (KINDS["Word"], KINDS["Padding"])) == (option in op.words), (op.name, option)
            default = op.defaults.get(option)
            if default is not None:
                assert not op.kind(option).refuses(default, 2)
                assert op.kind(option) is not KINDS["Word"] or default in op.words[option]


def test_padding_not_written_keeps_the_size_of_an_odd_kernel() -> None:
    for kernel, dilation, size in itertools.product((1, 3, 5, 7), (1, 2, 3), (9, 10)):
        assert Conv(4, kernel, dilation=dilation).output(Shape((4, size, size))).spatial == (size, size)
    assert Conv(4, 2).output(Shape((4, 9, 9))).spatial == (8, 8)
    written = {"kernel_size": (3, 2), "stride": 2, "padding": (1, 0)}
    assert Conv(4, (3, 2), stride=2).constructor(Shape((4, 9, 9))) == ((4, 4), written)
    assert Conv(4, 1).constructor(Shape((4, 9, 9))) == ((4, 4), {"kernel_size": 1})
    assert Conv(4, 3, padding=0).constructor(Shape((4, 9, 9))) == ((4, 4), {"kernel_size": 3})


def test_axes_permuted_carry_the_channels() -> None:
    permute = OPS["permute"]
    assert permute((0, 2, 3, 1)).output(Shape((4, 7, 6))) == Shape((7, 6, 4), 2, arranged=True)
    assert permute((0, 3, 1, 2)).output(Shape((7, 6, 4), 2)) == Shape((4, 7, 6), arranged=True)
    x = torch.arange(2 * 4 * 7 * 6).reshape(2, 4, 7, 6)
    assert torch.equal(built(permute((0, 3, 1, 2)), IMAGE)(x), x.permute(0, 3, 1, 2))


@pytest.mark.parametrize(("x", "axes"), [((4, 7, 6), 0), ((7, 4, 6), 1), ((7, 6, 4), 2)])
def test_flatten_and_layer_scale_follow_the_channels(x: tuple[int, ...], axes: int) -> None:
    shape = Shape(x, axes)
    scale = built(OPS["layer_scale"](0.5), shape)
    with torch.no_grad():
        scale.weight.copy_(torch.arange(4.0).reshape(scale.weight.shape))
    found = scale(torch.ones(2, *x)).movedim(axes + 1, -1)
    assert torch.equal(found[0, 0, 0], torch.arange(4.0))
    for start, end in [(1, 2), (2, 3), (1, 3), (1, 1)]:
        flat = OPS["flatten"](start, end).output(shape)
        joined = start <= axes + 1 <= end and start != end
        assert joined or flat.channels == 4, (start, end)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("num_heads", [1, 3, 12])
def test_attention_is_torchs_on_one_value(num_heads: int, bias: bool) -> None:
    """The same parameters, by the same names and in the same order, and the same of them."""
    torchs = torch.nn.MultiheadAttention(12, num_heads, bias=bias, batch_first=True)
    own = built(OPS["attention"](num_heads, bias), SEQUENCE)
    assert list(own.state_dict()) == list(torchs.state_dict())
    for tensor in torchs.state_dict().values():
        tensor.copy_(torch.randn(tensor.shape))
    own.load_state_dict(torchs.state_dict())
    x = torch.randn(2, 5, 12)
    expected, _ = torchs(x, x, x)
    assert torch.allclose(own(x), expected, atol=1e-4)
    assert not torch.allclose(own(x), torchs(x, x, x.flip(1))[0], atol=1e-4)


def test_a_sequence_gets_its_token_and_its_positions() -> None:
    x = torch.randn(2, 5, 12)
    token, positions = built(OPS["class_token"](), SEQUENCE), built(OPS["position_embedding"](), SEQUENCE)
    assert torch.equal(token(x), torch.cat([torch.zeros(2, 1, 12), x], 1))
    assert torch.equal(positions(x) - positions(torch.zeros(2, 5, 12)), x + positions.weight - positions.weight)
    assert 0.01 < positions.weight.std().item() < 0.03


def test_linear_takes_the_last_axis_where_somebody_arranged_the_axes() -> None:
    linear, transpose, conv = OPS["linear"](5), OPS["transpose"]((1, 2)), OPS["conv"](8, 1)
    tokens = Shape((7, 4), 1)
    assert linear.output(transpose.output(tokens)) == Shape((4, 5), arranged=True)
    assert broken(linear, conv.output(transpose.output(tokens))), "behind a convolution it stands for a forgotten `flatten`"
    assert broken(linear, IMAGE)
    assert conv.output(tokens) == Shape((8, 4), 1), "the channels stay where they are"
    assert linear.output(OPS["reshape"]((2, -1)).output(IMAGE)).sizes == (2, 5)


@pytest.mark.parametrize(
    ("x", "dim", "axis"), [(Shape((4, 7)), 1, 0), (Shape((4, 6)), 2, 0), (Shape((6, 4), 1), 2, 2), (Shape((6, 4), 1), 1, 2)]
)
def test_unflatten_says_where_the_channels_are(x: Shape, dim: int, axis: int) -> None:
    """Of the channels on axis 1 the groups come first; of the last axis, as of heads, what is left of them."""
    assert OPS["unflatten"](dim, (2, -1)).output(x).channel_axis == axis


def test_stochastic_depth_keeps_the_mean_and_drops_whole_images() -> None:
    torch.manual_seed(0)
    layer = built(OPS["stochastic_depth"](0.25), IMAGE)
    output = layer(torch.ones(4000, 2, 3))
    assert {round(value, 4) for value in output.unique().tolist()} == {0.0, 1.3333}
    assert abs(output.mean().item() - 1) < 0.05
    assert bool((output.amax((1, 2)) == output.amin((1, 2))).all())
    assert torch.equal(layer.eval()(torch.ones(2, 2)), torch.ones(2, 2))
    batch = built(OPS["stochastic_depth"](0.5, "batch"), IMAGE)
    assert {len(batch(torch.ones(64, 3)).unique()) for _ in range(20)} == {1}


# ---- the checks catch what is wrong


class _Larger(MaxPool):
    name: ClassVar[str] = ""

    def output(self, x: Shape) -> Shape:
        right: Shape = super().output(x)
        return right.with_spatial(size + 1 for size in right.sizes[1:])


class _Biased(Linear):
    name: ClassVar[str] = ""

    def weights(self, x: Shape) -> Any:
        return (*super().weights(x)[:1], ("bias", (x.channels,)))


class _Forgetful(BatchNorm):
    name: ClassVar[str] = ""

    def buffers(self, x: Shape) -> Any:
        return super().buffers(x)[:2]


class _Costly(Conv):
    name: ClassVar[str] = ""

    def macs(self, x: Shape, y: Shape) -> Any:
        return super().macs(x, y) * self.groups


class _Trusting(AvgPool):
    name: ClassVar[str] = ""

    def constraints(self, x: Shape) -> Any:
        return ()


class _Anxious(PReLU):
    name: ClassVar[str] = ""

    def constraints(self, x: Shape) -> Any:
        yield Constraint(self.num_parameters, "==", x.channels, "one for each", "num_parameters")


class _Swapped(ConvTranspose):
    name: ClassVar[str] = ""

    def inferred(self, x: Shape) -> Any:
        return (x.channels + 1,)


@pytest.mark.parametrize(
    ("op", "said"),
    [
        (_Larger(3), "output"),
        (_Biased(5), "parameters"),
        (_Forgetful(), "buffers"),
        (_Costly(4, 3, groups=2), "FLOPs"),
        (_Trusting(9), "torch refuses"),
        (_Anxious(), "torch runs what the constraints refuse"),
        (_Swapped(4, 3), "torch refuses"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Op) else "",
)
def test_a_wrong_rule_is_seen(op: Op, said: str) -> None:
    x = TOKENS if isinstance(op, Linear) else IMAGE
    assert said in fault(op, x)
    right = type(op).__mro__[1]
    assert not fault(right(*(getattr(op, field) for field in op.fields)), x)


class _Default(BatchNorm):
    name: ClassVar[str] = ""
    eps: Any = 1e-3


class _Whole(LayerNorm):
    name: ClassVar[str] = ""
    eps: Any = 1


class _More(InstanceNorm):
    name: ClassVar[str] = ""
    groups: Any = 1


class _Order(AvgPool):
    name: ClassVar[str] = ""
    fields: ClassVar[tuple[str, ...]] = ("padding", "kernel_size", "stride", "ceil_mode", "count_include_pad")


@pytest.mark.parametrize("op", [_Default, _Whole, _More, _Order])
def test_a_wrong_signature_is_seen(op: type[Op]) -> None:
    assert signature_faults(op.__mro__[1]) == []
    assert signature_faults(op) != []


def test_an_op_without_a_shape_rule_is_no_op() -> None:
    with pytest.raises(TypeError, match="does not say its shape"):
        type("Shapeless", (Op,), {"name": "shapeless", "__annotations__": {}})
    assert "shapeless" not in OPS
