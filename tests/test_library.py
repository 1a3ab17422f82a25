"""What the blocks of the library compute, against torch's functions on the same weights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import archgen
from tests.conftest import ROOT

torch = pytest.importorskip("torch")
from torch.nn import functional as F  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

# A call of a block on 8 channels, and what it is to give for an input.
BLOCKS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "{BasicBlock: 16, stride: 2}": lambda m, x: F.relu(basic(m, x) + m.downsample(x)),
    "{BasicBlock: 8, dilation: 2}": lambda m, x: F.relu(basic(m, x, 2) + x),
    "{BasicBlock: 8, reduction: 4, activation: silu}": lambda m, x: F.silu(gated(m.se, basic(m, x, act=F.silu)) + x),
    "{BasicBlock: 16, stride: 2, avg_down: true}": lambda m, x: F.relu(basic(m, x) + averaged(m.downsample, x, 2)),
    "{BasicBlock: 16, avg_down: true}": lambda m, x: F.relu(basic(m, x) + m.downsample(x)),
    "{Bottleneck: 8, stride: 1, dilation: 2}": lambda m, x: F.relu(neck(m, x, 2) + m.downsample(x)),
    "{Bottleneck: 8, stride: 2, avg_down: true}": lambda m, x: F.relu(neck(m, x) + averaged(m.downsample, x, 2)),
    "{Bottleneck: 8, groups: 2, width_per_group: 32, reduction: 8, activation: gelu}": lambda m, x: F.gelu(
        gated(m.se, neck(m, x, act=F.gelu)) + m.downsample(x)
    ),
    "{PreActBlock: 8}": lambda m, x: pre(m, x)[1] + x,
    "{PreActBlock: 8, stride: 2}": lambda m, x: pre(m, x)[1] + m.downsample(pre(m, x)[0]),
    "{PreActBlock: 16}": lambda m, x: pre(m, x)[1] + m.downsample(pre(m, x)[0]),
    "{ConvNormAct: 16, kernel_size: 3, dilation: 3}": lambda m, x: F.relu(m.bn(F.conv2d(x, m.conv.weight, None, 1, 3, 3))),
    "{DoubleConv: 16}": lambda m, x: m.second(m.first(x)),
    "{SelectiveKernel: 16, groups: 4, least: 4}": lambda m, x: chosen(m, x, m.near(x), m.far(x)),
    "{SPPF: 16, kernel_size: 5}": lambda m, x: m.mixed(
        torch.cat([m.reduced(x), *(F.max_pool2d(m.reduced(x), size, 1, size // 2) for size in (5, 9, 13))], dim=1)
    ),
    "{ASPP: 16, rates: [2, 3, 4]}": lambda m, x: m.project(
        torch.cat([m.point(x), m.near(x), m.far(x), m.farthest(x), spread(m, x, x.shape[-2:])], dim=1)
    ),
    "{CBAM: 4}": lambda m, x: placed(m, x * torch.sigmoid(m.mlp(F.adaptive_avg_pool2d(x, 1)) + m.mlp(x.amax((2, 3), True)))),
    "{ECA: 5}": lambda m, x: x * torch.sigmoid(beside(m.conv, x.mean([2, 3])))[..., None, None],
}  # fmt: skip


def conv(layer: Any, x: Tensor, dilation: int = 1) -> Tensor:
    """A convolution that keeps the size but for its stride."""
    around = dilation * (layer.kernel_size[0] // 2)
    return F.conv2d(x, layer.weight, None, layer.stride, around, dilation, layer.groups)


def basic(m: Any, x: Tensor, dilation: int = 1, act: Callable[[Tensor], Tensor] = F.relu) -> Any:
    x = act(m.bn1(conv(m.conv1, x, dilation)))
    return m.bn2(conv(m.conv2, x, dilation))


def neck(m: Any, x: Tensor, dilation: int = 1, act: Callable[[Tensor], Tensor] = F.relu) -> Any:
    x = act(m.bn1(conv(m.conv1, x)))
    x = act(m.bn2(conv(m.conv2, x, dilation)))
    return m.bn3(conv(m.conv3, x))


def gated(m: Any, x: Tensor) -> Any:
    weights = x.mean([2, 3], keepdim=True)
    return x * torch.sigmoid(F.conv2d(m.act(F.conv2d(weights, m.fc1.weight, m.fc1.bias)), m.fc2.weight, m.fc2.bias))


def averaged(m: Any, x: Tensor, stride: int) -> Any:
    """The shortcut of ResNet-D for an even size."""
    (_, convolution, norm) = m
    return norm(F.conv2d(F.avg_pool2d(x, stride), convolution.weight))


def pre(m: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    """The input activated, and the residual."""
    active = F.relu(m.bn1(x))
    return active, conv(m.conv2, F.relu(m.bn2(conv(m.conv1, active))))


def placed(m: Any, x: Tensor) -> Any:
    """The second gate of CBAM."""
    return x * m.position_gate(torch.stack([x.amax(1), x.mean(1)], dim=1))


def beside(layer: Any, means: Tensor) -> Any:
    """The paper's form: a band of a matrix over the channels, the same in each row."""
    (kernel,) = layer.weight[0]
    around = len(kernel) // 2
    return F.pad(means, (around, around)).unfold(1, len(kernel), 1) @ kernel


def chosen(m: Any, x: Tensor, near: Tensor, far: Tensor) -> Any:
    """The paper's form: a softmax over the paths, for each channel."""
    scores = m.scores(m.reduced((near + far).mean([2, 3], keepdim=True)))
    weights = scores.unflatten(1, (2, -1)).softmax(1)
    return near * weights[:, 0] + far * weights[:, 1]


def spread(m: Any, x: Tensor, size: Any) -> Tensor:
    """torchvision's form: a bilinear interpolation to the input's size."""
    return F.interpolate(m.everywhere(x), size=size, mode="bilinear")


def built(layers: str, folder: Path) -> Any:
    """The layer `one` of a network, with weights that show in what it gives."""
    path = folder / "small.yaml"
    path.write_text(f"name: Small\ninput: [8, 12, 12]\nstem: {{{layers}}}\n", encoding="utf-8")
    torch.manual_seed(0)
    module: Any = archgen.load(path).module().eval().one
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.uniform_(0.5, 1.5).sub_(0.0 if tensor.dim() == 1 else 1.0)
    return module


@pytest.mark.parametrize("call", BLOCKS)
def test_a_block_computes_what_its_paper_says(call: str, tmp_path: Path) -> None:
    module = built(f"one: {call}", tmp_path)
    x = torch.randn(2, 8, 12, 12)
    with torch.no_grad():
        torch.testing.assert_close(module(x.clone()), BLOCKS[call](module, x))


def test_a_level_of_a_pyramid_takes_every_size(tmp_path: Path) -> None:
    layers = "fine: relu, coarse: {conv: 16, kernel_size: 3, stride: 2}, one: {TopDown: 16, from: [coarse, fine]}"
    module = built(layers, tmp_path)
    coarse, fine = torch.randn(2, 16, 7, 6), torch.randn(2, 8, 13, 12)
    with torch.no_grad():
        torch.testing.assert_close(module(coarse, fine), module.lateral(fine) + F.interpolate(coarse, (13, 12)))


def test_every_block_is_used_by_a_spec() -> None:
    used = {
        word
        for path in [*ROOT.glob("specs/*.yaml"), *ROOT.glob("archgen/library/*.yaml")]
        for word in re.findall(r"\b[A-Z]\w+", path.read_text(encoding="utf-8"))
    }
    assert used >= {path.stem for path in ROOT.glob("archgen/library/*.yaml")}
