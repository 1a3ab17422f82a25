"""Names that people type for what archgen has, and names of torch for what it does not have.

A spec's ops are called as in torch.nn.functional, without the dimension. Who comes from a class of torch.nn, from Keras or from
ONNX, or writes the usual short form, is told what to write here.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from archgen.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Iterable


# What to write for a word; words are compared in lowercase, without `_`, without the dimension at their end.
_WRITTEN = {
    "identity": "noop none null skip nothing pass passthrough",
    "silu": "swish",
    "hardswish": "hswish",
    "hardsigmoid": "hsigmoid",
    "leaky_relu": "lrelu",
    "batch_norm": "bn batchnormalization",
    "group_norm": "gn groupnormalization",
    "layer_norm": "ln layernormalization",
    "instance_norm": "instancenormalization",
    "local_response_norm": "lrn crossmaplrn responsenorm",
    "linear": "fc dense gemm fullyconnected innerproduct",
    "conv": "convolution convolutional cnn",
    "conv_transpose": "deconv deconvolution convtransposed transposedconv transposeconv upconv",
    "max_pool": "maxpooling mp",
    "avg_pool": "averagepool averagepooling ap",
    "crop": "centercrop cropping croplike",
    "upsample": "interpolate resize upsampling upsamplingnearest upsamplingbilinear upsamplenearest upsamplebilinear",
    "{clamp, min: 0, max: 1}": "clip clipbyvalue",
    "pow": "power",
    "pad": "zeropad zeropadding padding constantpad",
    "stochastic_depth": "droppath dropconnect",
    "channel_dropout": "spatialdropout featuredropout",
    "{adaptive_avg_pool: 1}": "globalavgpool globalaveragepool globalaveragepooling gap avgpoolglobal globalpool globalpooling",
    "{adaptive_max_pool: 1}": "globalmaxpool globalmaxpooling gmp",
    "[{conv: in_channels, kernel_size: 3, groups: in_channels}, {conv: 64, kernel_size: 1}]": "separableconv sepconv dwsepconv",
    "{conv: in_channels, kernel_size: 3, groups: in_channels}": "depthwiseconv dwconv depthwiseconvolution",
    "{conv: 64, kernel_size: 1}": "pointwiseconv pwconv",
    "SqueezeExcite": "se squeezeexcitation seblock selayer semodule squeezeandexcite",
    "`add:`, or `{add, from: [A, B]}`": "plus addition",
    "`multiply:`, or `{multiply, from: [A, B]}`": "mul times product",
    "`subtract:`, or `{subtract, from: [A, B]}`": "sub minus",
    "`concat:`, or `{concat, from: [A, B]}`": "cat concatenate",
    "a list of nodes, or `{sequence: [...]}`": "sequential",
}

# What to write for an option, as above.
_OPTIONS = {
    "out_channels": "filters channels out outchannels outplanes planes width outdim features",
    "out_features": "units out outdim features outputs classes numclasses channels",
    "kernel_size": "k ks kernel size ksize poolsize window kernelshape filtersize",
    "stride": "s strides step",
    "padding": "p pad pads",
    "dilation": "d dil dilationrate dilations rate",
    "groups": "g group",
    "bias": "usebias",
    "p": "rate prob probability dropprob droprate dropout",
    "eps": "epsilon",
    "scale_factor": "scale factor",
    "output_size": "size out",
    "negative_slope": "slope alpha",
    "alpha": "a",
    "dim": "axis",
    "num_groups": "groups g",
    "num_parameters": "numchannels channels",
}

# Functions, layers and methods of torch without a kind of their own here: tests/test_messages.py holds them against torch.
TORCH = frozenset(
    """
    affine_grid alpha_dropout bilinear celu cosine_similarity embedding embedding_bag feature_alpha_dropout fold
    fractional_max_pool grid_sample gumbel_softmax hardshrink hardtanh logsigmoid max_unpool
    multi_head_attention_forward one_hot pairwise_distance pdist rms_norm rrelu scaled_dot_product_attention
    selu softmin softshrink softsign tanhshrink threshold unfold multihead_attention transformer
    transformer_decoder transformer_encoder gru lstm rnn cross_entropy mse_loss l1_loss
    bmm einsum amin prod std var narrow view squeeze unsqueeze
    sqrt exp log abs neg flip stack where square erf
    """.split()
)


def _folded(word: str) -> str:
    return re.sub(r"(?<=\D)[123]d$", "", word.lower().replace("_", "").replace(".", "").removeprefix("nn")).replace("_", "")


@cache
def _known() -> dict[str, str]:
    """What to write, by the folded word: the classes of torch.nn first, then the words above."""
    known: dict[str, str] = {}
    for text, words in _WRITTEN.items():
        known |= dict.fromkeys(words.split(), text)
    for name, op in OPS.items():
        for word in (name, op.torch_class.replace("{n}d", "")):
            if word:
                known[_folded(word)] = name
    return known


def written(word: str) -> str:
    """Returns what to write for a word that means something archgen has, or ''."""
    if re.fullmatch(r"(?i)(feature_?)?dropout_?[123]d", word):
        return "channel_dropout"
    return _known().get(_folded(word), "")


def option(word: str, known: Iterable[str]) -> str:
    """Returns the option of these that a word means, or ''."""
    return next((name for name in known if _folded(word) in _OPTIONS.get(name, "").split()), "")


def is_torchs(word: str) -> bool:
    """Whether torch has something of that name which archgen has not."""
    return word in TORCH or re.sub(r"_?[123]d$", "", word) in TORCH


def help_for(word: str) -> str:
    """Returns the help for an unknown kind whose meaning is known, or ''."""
    called = re.fullmatch(r"(\w+)\((.*)\)", word)
    text = written(called[1] if called else word)
    if called and text in OPS:
        return f"write `{_as_node(text, called[2])}`"
    if text:
        return f"write {text if '`' in text else f'`{text}`'}"
    name = called[1] if called else word
    return f"torch has `{name}`, and archgen has not yet: `archgen ops` lists what there is" if is_torchs(name) else ""


def _as_node(kind: str, arguments: str) -> str:
    """A call as a node: `leaky_relu(0.2)` is `{leaky_relu: 0.2}`."""
    parts = [part.strip() for part in arguments.split(",") if part.strip() and "inplace" not in part]
    parts = parts[1:] if OPS[kind].infers and parts and "=" not in parts[0] else parts  # torch's first is what enters
    if not parts:
        return kind
    first = f"{kind}: {parts.pop(0)}" if "=" not in parts[0] and OPS[kind].first() else kind
    return "{" + ", ".join([first, *(re.sub(r"\s*=\s*", ": ", part) for part in parts if "=" in part)]) + "}"
