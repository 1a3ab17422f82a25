"""Names that people bring from elsewhere are answered with what to write, and what is written so is a spec."""

from __future__ import annotations

from pathlib import Path

import pytest

import archgen
from archgen.language import other_names
from archgen.ops import OPS

HEAD = "name: Net\ninput: [3, 32, 32]\n"


def refusal(text: str, folder: Path) -> str:
    path = folder / "net.yaml"
    path.write_text(HEAD + text)
    with pytest.raises(archgen.SpecError) as refused:
        archgen.load(path).checked().source()
    return " ".join(str(refused.value).split())


@pytest.mark.parametrize("text", [text for text in other_names._WRITTEN if "`" not in text and text != "a list"])
def test_what_is_to_be_written_is_a_node(text: str, tmp_path: Path) -> None:
    node = text if text[0] in "[{" or not _needs(text) else f"{{{text}: {_needs(text)}}}"
    before = "f: flatten, " if text == "linear" else ""
    after = ", p: {permute: [0, 2, 3, 1]}" if text == "layer_norm" else ""
    (tmp_path / "net.yaml").write_text(f"{HEAD}stem: {{{before}a: relu{after}, x0: {node}}}\n")
    archgen.load(tmp_path / "net.yaml").checked().source()


def _needs(name: str) -> str:
    """Values for the options that an op needs."""
    given = {
        "conv": "4, kernel_size: 3",
        "conv_transpose": "4, kernel_size: 2",
        "group_norm": "3",
        "pad": "[1, 1, 1, 1]",
        "stochastic_depth": "0.1",
        "upsample": "2",
    }
    op = OPS.get(name)
    return given.get(name, "2" if op is None or any(field not in op.defaults for field in op.fields) else "")


WORDS = """
swish Swish: silu; dropout2d Dropout3d: channel_dropout; Dropout: dropout; bn BatchNorm2d batchnorm: batch_norm;
Conv2d conv1d nn.Conv2d: conv; MaxPool2d maxpool: max_pool; ReLU: relu; AdaptiveAvgPool2d: adaptive_avg_pool;
interpolate: upsample; fc Dense: linear; ConvTranspose2d: conv_transpose; LeakyReLU: leaky_relu; drop_path: stochastic_depth;
HardSwish: hardswish; hard_sigmoid: hardsigmoid; ZeroPad2d: pad; Identity none: identity; LayerNorm: layer_norm; GELU: gelu;
SqueezeExcitation: SqueezeExcite; CenterCrop: crop
"""


@pytest.mark.parametrize("line", WORDS.strip().replace("\n", " ").split("; "))
def test_words_of_elsewhere(line: str) -> None:
    words, text = line.split(": ")
    assert [other_names.written(word) for word in words.split()] == [text] * len(words.split())


@pytest.mark.parametrize("word", ["gap", "global_avg_pool", "GlobalAveragePooling2D"])
def test_a_word_for_an_op_with_its_options(word: str) -> None:
    assert other_names.written(word) == "{adaptive_avg_pool: 1}"


@pytest.mark.parametrize("word", ["bmm", "prod", "einsum", "MultiheadAttention", "max_unpool2d", "softmin"])
def test_what_torch_has_and_archgen_has_not_is_told_as_such(word: str, tmp_path: Path) -> None:
    snake = {"MultiheadAttention": "multihead_attention"}.get(word, word)
    assert f"torch has `{snake}`, and archgen has not yet" in refusal(f"stem: {{a: {snake}}}\n", tmp_path)


def test_torch_has_these_and_archgen_has_not() -> None:
    torch = pytest.importorskip("torch")
    from torch import nn
    from torch.nn import functional

    classes = {name.lower() for name in dir(nn)}
    for name in sorted(other_names.TORCH):
        places = (functional, torch, torch.Tensor)
        there = any(hasattr(place, name + end) for place in places for end in ("", "1d", "2d"))
        assert there or name.replace("_", "") in classes, name
        assert name not in OPS, name


@pytest.mark.parametrize(
    ("layers", "help", "followed"),
    [
        ("c: leaky_relu(0.2)", "write `{leaky_relu: 0.2}`", "c: {leaky_relu: 0.2}"),
        ('c: "Conv2d(3, 8, kernel_size=3)"', "write `{conv: 8, kernel_size: 3}`", "c: {conv: 8, kernel_size: 3}"),
        ("c: ReLU(inplace=True)", "write `relu`", "c: relu"),
        ("c: {conv: 8, kernel_size: (3, 3)}", "in square brackets: `[3, 3]`", "c: {conv: 8, kernel_size: [3, 3]}"),
        ("a: relu, b: {add: [a, a]}", "write `{add, from: [a, a]}`", "a: relu, b: {add, from: [a, a]}"),
        ("a: relu, b: {concat: {p: a}}", "write `{concat, from: [a]}`", "a: relu, b: {concat, from: [a]}"),
        ("c: {batch_norm: 16}", "write `batch_norm` alone", "c: batch_norm"),
        ("c: {conv: 4, kernel_size: 3, in_channels: 16}", "leave it out: it follows", "c: {conv: 4, kernel_size: 3}"),
        ("c: {conv: 4, kernel_size: 3, activation: relu}", "put the activation behind", "c: [{conv: 4, kernel_size: 3}, relu]"),
        ("c: {relu, inplace: true}", "leave it out: archgen works in place", "c: relu"),
        ("c: {conv: 4, kernel_size: 3, stride: 2, padding: same}", "leave `padding` out: an odd kernel",
         "c: {conv: 4, kernel_size: 3, stride: 2}"),
        ("c: {conv: 4, k: 3}", "write `kernel_size`", "c: {conv: 4, kernel_size: 3}"),
        ("c: {conv, filters: 4, kernel_size: 3}", "write `out_channels`", "c: {conv, out_channels: 4, kernel_size: 3}"),
        ("c: {gelu: tanh}", "name the option: `{gelu, approximate: ...}`", "c: {gelu, approximate: tanh}"),
        ("c: {BasicBlock: 3, act: none}", "else leave it out", "c: {BasicBlock: 3}"),
        ("c: separable_conv", "write `[{conv: in_channels, kernel_size: 3, groups: in_channels}, {conv: 64, kernel_size: 1}]`",
         "c: [{conv: in_channels, kernel_size: 3, groups: in_channels}, {conv: 64, kernel_size: 1}]"),
        ("c: {BasicBlock: {channels: 16}}", "write `{BasicBlock, channels: ...}`", "c: {BasicBlock, channels: 16}"),
        ("c: {residual: {a: relu}, split: true}", "leave it out; a merge with branches takes it", "c: {residual: {a: relu}}"),
        ("c: {residual: {a: relu}, shortcut: {conv: 3, kernel_size: 1}}", "give it a name: `conv1: {conv: ...}`",
         "c: {residual: {a: relu}, shortcut: {conv1: {conv: 3, kernel_size: 1}}}"),
        ("c: {depthwise_conv: 3}", "groups: in_channels}`", "c: {conv: in_channels, kernel_size: 3, groups: in_channels}"),
        ("d: relu, c: {shrink, like: d}", "`shrink` is no op or block", ""),
        ("f: flatten, c: linear", "write `{linear: ...}`", "f: flatten, c: {linear: 4}"),
    ],
)  # fmt: skip
def test_help_that_works_when_followed(layers: str, help: str, followed: str, tmp_path: Path) -> None:
    assert help in refusal(f"stem: {{{layers}}}\n", tmp_path)
    if followed:
        (tmp_path / "net.yaml").write_text(f"{HEAD}stem: {{{followed}}}\n")
        archgen.load(tmp_path / "net.yaml").checked().source()


def test_a_missing_option_is_told_with_the_others(tmp_path: Path) -> None:
    said = refusal("args: {n: 3}\nstem: {a: {conv: 3, foo: 1}, f: flatten, c: linear}\n", tmp_path)
    assert "`conv` needs `kernel_size`" in said
    assert "no option `foo`" in said
    assert "`linear` needs `out_features`" in said
    assert "never uses" not in said
