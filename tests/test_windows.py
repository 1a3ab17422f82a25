"""Attention within windows against attention over the whole image, where all but a position's own window is out of reach.

The figures of torchvision's networks hold it too, but at sizes that are whole windows.
"""

from __future__ import annotations

import importlib.util
import itertools
import sys
from typing import TYPE_CHECKING, Any

import pytest

import archgen
from archgen.ops import OPS, Shape

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

from tests import memory  # noqa: E402
from tests.test_ops import built  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path


CHANNELS, HEADS = 8, 2
SIZES = [(6, 6), (7, 5), (3, 8), (2, 2), (4, 4), (5, 12)]


def layer(name: str, size: tuple[int, int], **options: Any) -> Any:
    """A layer with weights that show in what it gives."""
    torch.manual_seed(0)
    made = built(OPS[name](num_heads=HEADS, **options), Shape((*size, CHANNELS), 2)).eval()
    for tensor in made.parameters():
        torch.nn.init.normal_(tensor, std=0.5)
    return made


def attention(made: Any, x: Any, windows: list[Any], places: list[tuple[int, int]], parts: list[Any]) -> Any:
    """Attention over all positions of a padded image, channels last.

    windows, places, parts: of each position the window that it is in, where in it, and the part of the image that it is of.
    """
    count = len(windows)
    size = made.window_size if hasattr(made, "window_size") else made.grid_size
    flat = x.flatten(1, 2)
    weight, bias = made.qkv.weight, made.qkv.bias.clone()
    cosine = hasattr(made, "logit_scale")
    if cosine:
        bias[CHANNELS : 2 * CHANNELS] = 0
        table = 16 * torch.sigmoid(made.cpb_mlp(coordinates(size))).flatten(0, 1)
    else:
        table = made.relative_position_bias_table
    q, k, v = F.linear(flat, weight, bias).view(len(x), count, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
    if cosine:
        q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
        factor = made.logit_scale.exp().clamp(max=100)
    else:
        factor = made.scale or (CHANNELS // HEADS) ** -0.5
    scores = q @ k.transpose(2, 3) * factor
    for a, b in itertools.product(range(count), repeat=2):
        (down_a, right_a), (down_b, right_b) = places[a], places[b]
        row = (down_a - down_b + size - 1) * (2 * size - 1) + right_a - right_b + size - 1
        scores[:, :, a, b] += table[row] - 100 * (parts[a] != parts[b])
        if windows[a] != windows[b]:
            scores[:, :, a, b] = -torch.inf
    out = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
    return F.linear(out, made.proj.weight, made.proj.bias).view_as(x)


def coordinates(size: int) -> Any:
    """Relative positions as Swin v2 gives them to its network: -8 to 8, on a logarithmic scale."""
    steps = torch.arange(1 - size, size, dtype=torch.float32) / (size - 1) * 8
    steps = torch.sign(steps) * torch.log2(steps.abs() + 1) / torch.log2(torch.tensor(8.0))
    return torch.stack(torch.meshgrid(steps, steps, indexing="ij"), dim=-1)


def within_windows(made: Any, x: Any) -> Any:
    """A position that the shift moves past the edge is of another part of the image than its neighbours there."""
    _, height, width, _ = x.shape
    size = made.window_size
    padded = [-(-side // size) * size for side in (height, width)]
    shifts = [made.shift_size if side > size else 0 for side in padded]
    windows, places, parts = [], [], []
    for position in itertools.product(*map(range, padded)):
        moved = [(at - shift) % side for at, shift, side in zip(position, shifts, padded)]
        windows.append([at // size for at in moved])
        places.append((moved[0] % size, moved[1] % size))
        parts.append([at < shift for at, shift in zip(position, shifts)])
    whole = F.pad(x, (0, 0, 0, padded[1] - width, 0, padded[0] - height))
    return attention(made, whole, windows, places, parts)[:, :height, :width]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("window", "shift"), [(2, 0), (3, 1), (4, 2), (4, 3)])
@pytest.mark.parametrize("name", ["window_attention", "window_attention_v2"])
def test_windows(name: str, window: int, shift: int, size: tuple[int, int]) -> None:
    made = layer(name, size, window_size=window, shift_size=shift)
    x = torch.randn(2, *size, CHANNELS)
    with torch.no_grad():
        torch.testing.assert_close(made(x), within_windows(made, x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(6, 6), (3, 9), (12, 6)])
@pytest.mark.parametrize("scale", [None, 0.25])
def test_a_grid(scale: float | None, size: tuple[int, int]) -> None:
    made = layer("grid_attention", size, grid_size=3, scale=scale)
    x = torch.randn(2, *size, CHANNELS)
    steps = [side // 3 for side in size]
    positions = list(itertools.product(*map(range, size)))
    windows = [[at % step for at, step in zip(position, steps)] for position in positions]
    places = [(down // steps[0], right // steps[1]) for down, right in positions]
    with torch.no_grad():
        expected = attention(made, x, windows, places, [0] * len(positions))
        torch.testing.assert_close(made(x), expected, rtol=1e-4, atol=1e-5)


def test_what_is_masked_shows() -> None:
    """The meta-test: a shift that masks nothing gives other values."""
    made = layer("window_attention", (6, 6), window_size=3, shift_size=1)
    x = torch.randn(2, 6, 6, CHANNELS)
    with torch.no_grad():
        rolled = x.roll((-1, -1), (1, 2))
        made.shift_size = 0
        unmasked = made(rolled).roll((1, 1), (1, 2))
        made.shift_size = 1
        assert (made(x) - unmasked).abs().max() > 0.01


@pytest.mark.parametrize("size", [(4, 4), (5, 4), (4, 5), (7, 3), (1, 1)])
def test_patches_are_merged_in_the_order_of_the_paper(size: tuple[int, int]) -> None:
    made = built(OPS["merge_patches"](2), Shape((*size, 3), 2))
    x = torch.randn(2, *size, 3)
    even = F.pad(x, (0, 0, 0, size[1] % 2, 0, size[0] % 2))
    parts = [even[:, down::2, right::2] for right in (0, 1) for down in (0, 1)]
    assert torch.equal(made(x), torch.cat(parts, dim=-1))


SPEC = """\
name: Windows
input: [4, 10, 12]
stem:
  last: {permute: [0, 2, 3, 1]}
  one: {SwinBlock: 2, depth: 2, window_size: 4, shift_size: 2 * index}
  merged: {PatchMerging: 6}
  two: {SwinBlockV2: 2, depth: 2, window_size: 3, shift_size: index}
  padded: {merge_patches: 3}
  grid: {grid_attention: 2, grid_size: 2}
"""


@pytest.mark.filterwarnings("ignore")
def test_torchscript_takes_them(tmp_path: Path) -> None:
    """It reads the source, so the module is imported from its file."""
    (tmp_path / "windows.yaml").write_text(SPEC.replace("[4, 10, 12]", "[4, 11, 23]"))
    network = archgen.load(tmp_path / "windows.yaml")
    (tmp_path / "windows.py").write_text(network.source())
    found = importlib.util.spec_from_file_location("windows_of_the_test", tmp_path / "windows.py")
    assert found is not None
    assert found.loader is not None
    imported = sys.modules["windows_of_the_test"] = importlib.util.module_from_spec(found)
    found.loader.exec_module(imported)
    module = imported.Windows().eval()
    x = torch.randn(2, 4, 11, 23)
    with torch.no_grad():
        torch.testing.assert_close(torch.jit.script(module)(x), module(x))


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("size", [(10, 12), (11, 23), (12, 24), (12, 12)])
def test_their_memory_in_a_network(size: tuple[int, int], batch: int, tmp_path: Path) -> None:
    """Where the gradient that comes is held for the shortcut too."""
    (tmp_path / "windows.yaml").write_text(SPEC.replace("[4, 10, 12]", f"[4, {size[0]}, {size[1]}]"))
    network = archgen.load(tmp_path / "windows.yaml")
    ours, theirs = memory.predicted(network, batch), memory.measured(network, batch).bytes
    assert (ours.inference, ours.kept) == (theirs.inference, theirs.kept)
    assert 0 <= theirs.training - ours.training <= 8
