"""Attention within parts of an image, whose channels are last: Swin's windows of both versions, and MaxViT's grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archgen.ops.attention import head_constraints
from archgen.ops.base import Op
from archgen.ops.options import Int, Real
from archgen.ops.value import Constraint, Footprint, Reads, Shape, Size, divisors, product
from archgen.ops.window_memory import Windows, footprint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archgen.ops.value import Mode


# The parts of the classes that a generated module brings.
_INDEX = """\
        places = torch.cartesian_prod(torch.arange({size}), torch.arange({size}))
        apart = places[:, None] - places + {size} - 1
        index = apart[..., 0] * (2 * {size} - 1) + apart[..., 1]
        self.register_buffer("relative_position_index", index.flatten())"""
_TABLE = """\
        table = torch.empty((2 * {size} - 1) ** 2, num_heads)
        self.relative_position_bias_table = nn.Parameter(nn.init.trunc_normal_(table, std=0.02))"""
_LAYERS = """\
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)"""
_INTO_WINDOWS = """\
        n, height, width, channels = x.shape
        size, heads = self.window_size, self.num_heads
        down, right = -height % size, -width % size
        if down > 0 or right > 0:
            x = F.pad(x, (0, 0, 0, right, 0, down))
        rows, columns = (height + down) // size, (width + right) // size
        up, left = self.shift_size if rows > 1 else 0, self.shift_size if columns > 1 else 0
        if up > 0 or left > 0:
            x = x.roll((-up, -left), (1, 2))"""
_PARTED = """\
        qkv = qkv.view(n, rows, size, columns, size, 3, heads, channels // heads)
        qkv = qkv.permute(5, 0, 1, 3, 6, 2, 4, 7).contiguous()
        q, k, v = qkv.view(3, n, rows * columns * heads, size * size, -1).unbind(0)"""
_OUT_OF_WINDOWS = """\
        x = x.view(n, rows, columns, heads, size, size, -1).permute(0, 1, 4, 2, 5, 3, 6)
        x = self.proj(x.reshape(n, rows * size, columns * size, channels))
        if up > 0 or left > 0:
            x = x.roll((up, left), (1, 2))
        if down > 0 or right > 0:
            x = x[:, :height, :width].clone()  # without the memory of the padding
        return x"""
_BIAS = """\
    def bias(self, table: Tensor, rows: int, columns: int, up: int, left: int) -> Tensor:
        \"\"\"What is added for each window and head, [1, windows * heads, L, L].\"\"\"
        size, windows = self.window_size, rows * columns
        length = size * size
        bias = table[self.relative_position_index].t().contiguous().view(1, -1, length, length)
        if up > 0 or left > 0:
            region = bias.new_zeros([rows * size, columns * size])
            region[rows * size - up :] += 1
            region[:, columns * size - left :] += 2
            region = region.view(rows, size, columns, size).transpose(1, 2)
            region = region.reshape(windows, 1, 1, length)
            bias = bias.add(region != region.transpose(2, 3), alpha=-100)
        return bias.expand(windows, -1, -1, -1).reshape(1, -1, length, length)"""


class WindowOp(Op):
    """What they share: their weights but for those of the bias, and what they cost; `size` is a window's side."""

    infers: ClassVar[bool] = True
    fresh: ClassVar[bool] = True

    num_heads: Int

    @property
    def size(self) -> Size:
        raise NotImplementedError

    def padded(self, x: Shape) -> tuple[Size, Size]:
        """The height and width of whole windows."""
        height, width = ((side + self.size - 1) // self.size * self.size for side in x.spatial)
        return height, width

    def output(self, x: Shape) -> Shape:
        return x

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from image_constraints(self, x)
        yield from head_constraints(self.num_heads, x.channels)

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        """Where a window begins depends on where the position is."""
        return (None, None)

    def inferred(self, x: Shape) -> tuple[Size, ...]:
        return (x.channels,)

    def bias_weights(self) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        """The parameters that stand before the two layers."""
        return (("relative_position_bias_table", (self.places, self.num_heads)),)

    @property
    def places(self) -> Size:
        """How many relative positions there are in a window."""
        return (2 * self.size - 1) * (2 * self.size - 1)

    def weights(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        channels = x.channels
        qkv = ("qkv.weight", (3 * channels, channels)), ("qkv.bias", (3 * channels,))
        return *self.bias_weights(), *qkv, ("proj.weight", (channels, channels)), ("proj.bias", (channels,))

    def buffers(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        return (("relative_position_index", (self.size * self.size * self.size * self.size,)),)

    def macs(self, x: Shape, y: Shape) -> Size:
        """Four projections; the products of each query with all keys of its window, and of the weights with all values."""
        channels = x.channels
        return product(self.padded(x)) * channels * (4 * channels + 2 * self.size * self.size)

    def bias_macs(self, x: Shape, y: Shape) -> Size:
        return 4 * product(self.padded(x)) * x.channels

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        return footprint(self.windows(x), mode)

    def windows(self, x: Shape) -> Windows:
        """The windows of one input."""
        return Windows(x.sizes, self.padded(x), self.num_heads, self.size)


class GridAttention(WindowOp):
    """Multi-head attention of positions that lie spread evenly over an image (Tu et al., 2022: MaxViT).

    With `grid_size` 7, each position sees 7 x 7 positions in equal steps over the whole image. A learnt bias is added for each
    relative position on the grid. The products are multiplied by `scale`, else by one over the root of a head's channels.
    """

    name: ClassVar[str] = "grid_attention"
    example: ClassVar[str] = "{grid_attention: 2, grid_size: 7}"
    module_source: ClassVar[str] = (
        '''\
class GridAttention(nn.Module):
    """Attention of positions that lie spread evenly over an image [N, H, W, C], on a grid."""

    relative_position_index: Tensor

    def __init__(
        self, channels: int, num_heads: int, grid_size: int, scale: float | None = None
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.grid_size = grid_size
        self.scale = scale
'''
        + "\n".join((_TABLE, _INDEX, _LAYERS)).format(size="grid_size")
        + '''

    def forward(self, x: Tensor) -> Tensor:
        n, height, width, channels = x.shape
        size, heads = self.grid_size, self.num_heads
        rows, columns = height // size, width // size
        qkv = self.qkv(x).view(n, size, rows, size, columns, 3, heads, channels // heads)
        qkv = qkv.permute(5, 0, 2, 4, 6, 1, 3, 7).contiguous()
        q, k, v = qkv.view(3, n, rows * columns * heads, size * size, -1).unbind(0)
        x = F.scaled_dot_product_attention(
            q, k, v, attn_mask=self.bias(rows * columns), scale=self.scale
        )
        x = x.view(n, rows, columns, heads, size, size, -1).permute(0, 4, 1, 5, 2, 3, 6)
        x = self.proj(x.reshape(n, height, width, channels))
        return x

    def bias(self, grids: int) -> Tensor:
        """What is added for each grid and head, [1, grids * heads, L, L]."""
        length = self.grid_size * self.grid_size
        bias = self.relative_position_bias_table[self.relative_position_index]
        bias = bias.t().contiguous().view(1, -1, length, length)
        return bias.expand(grids, -1, -1, -1).reshape(1, -1, length, length)'''
    )

    grid_size: Int
    scale: Real = None

    @property
    def size(self) -> Size:
        return self.grid_size

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from super().constraints(x)
        yield Constraint(self.grid_size, ">=", 1, "`grid_size` is {left}, and must be at least {right}", "grid_size")
        for side in x.spatial:
            sentence = "`grid_size` is {left}, which does not divide the size {right}"
            yield Constraint(self.grid_size, "divides", side, sentence, "grid_size", divisors(self.grid_size, side))

    def windows(self, x: Shape) -> Windows:
        return super().windows(x)._replace(grid=True)


class WindowAttention(WindowOp):
    """Multi-head attention within windows of an image (Liu et al., 2021: Swin Transformer).

    The image is padded to whole windows, and the result cropped. With `shift_size` the windows are moved by so many positions,
    as in every second block of a Swin transformer: what lies in one window without being side by side in the image is masked.
    Where one window holds the whole axis nothing is moved. A learnt bias is added for each relative position in the window.
    The products are multiplied by `scale`, else by one over the root of a head's channels.
    """

    name: ClassVar[str] = "window_attention"
    example: ClassVar[str] = "{window_attention: 4, window_size: 7, shift_size: 3}"
    module_source: ClassVar[str] = (
        '''\
class WindowAttention(nn.Module):
    """Attention within windows of an image [N, H, W, C], which is padded to whole windows.

    With a shift, what lies in one window without being side by side in the image is masked.
    """

    relative_position_index: Tensor

    def __init__(
        self,
        channels: int,
        num_heads: int,
        window_size: int,
        shift_size: int = 0,
        scale: float | None = None,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.window_size = window_size
        self.shift_size = shift_size
        self.scale = scale
'''
        + "\n".join((_TABLE, _INDEX, _LAYERS)).format(size="window_size")
        + f"""

    def forward(self, x: Tensor) -> Tensor:
{_INTO_WINDOWS}
        qkv = self.qkv(x)
{_PARTED}
        table = self.relative_position_bias_table
        x = F.scaled_dot_product_attention(
            q, k, v, attn_mask=self.bias(table, rows, columns, up, left), scale=self.scale
        )
{_OUT_OF_WINDOWS}

{_BIAS}"""
    )

    window_size: Int
    shift_size: Int = 0
    scale: Real = None

    @property
    def size(self) -> Size:
        return self.window_size

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from super().constraints(x)
        yield from window_constraints(self.window_size, self.shift_size, 1)

    def windows(self, x: Shape) -> Windows:
        return super().windows(x)._replace(shift=self.shift_size)


class WindowAttentionV2(WindowOp):
    """Multi-head cosine attention within windows of an image (Liu et al., 2022: Swin Transformer V2).

    Windows, padding and `shift_size` are those of `window_attention`. The attention of two positions is the cosine between
    query and key times a learnt factor for each head, at most 100; the bias comes from a small network that is given the
    relative position, on a logarithmic scale. Keys have no bias.
    """

    name: ClassVar[str] = "window_attention_v2"
    example: ClassVar[str] = "{window_attention_v2: 4, window_size: 8, shift_size: 4}"
    module_source: ClassVar[str] = (
        '''\
class WindowAttentionV2(nn.Module):
    """Cosine attention within windows of an image [N, H, W, C], which is padded to whole windows.

    With a shift, what lies in one window without being side by side in the image is masked.
    """

    relative_coords_table: Tensor
    relative_position_index: Tensor

    def __init__(
        self, channels: int, num_heads: int, window_size: int, shift_size: int = 0
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.window_size = window_size
        self.shift_size = shift_size
        self.logit_scale = nn.Parameter(torch.full((num_heads, 1, 1), 10.0).log())
        span = torch.arange(1 - window_size, window_size, dtype=torch.float32)
        span = 8 * span / (window_size - 1)
        span = span.sign() * (span.abs() + 1).log2() / 3
        coordinates = torch.stack(torch.meshgrid(span, span, indexing="ij"), dim=-1).unsqueeze(0)
        self.register_buffer("relative_coords_table", coordinates)
'''
        + "\n".join((_INDEX, _LAYERS)).format(size="window_size")
        + f"""
        nn.init.zeros_(self.qkv.bias[channels : 2 * channels].detach())
        self.cpb_mlp = nn.Sequential(
            nn.Linear(2, 512),
            nn.ReLU(inplace=True),
            nn.Linear(512, num_heads, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
{_INTO_WINDOWS}
        q_bias, _, v_bias = self.qkv.bias.chunk(3)
        qkv = F.linear(x, self.qkv.weight, torch.cat([q_bias, torch.zeros_like(q_bias), v_bias]))
{_PARTED}
        scale = self.logit_scale.clamp(max=4.605170185988092).exp()  # at most 100
        q = F.normalize(q, dim=-1) * scale.repeat(rows * columns, 1, 1)
        k = F.normalize(k, dim=-1)
        table = 16 * self.cpb_mlp(self.relative_coords_table.view(-1, 2)).sigmoid()
        x = F.scaled_dot_product_attention(
            q, k, v, attn_mask=self.bias(table, rows, columns, up, left), scale=1.0
        )
{_OUT_OF_WINDOWS}

{_BIAS}"""
    )

    window_size: Int
    shift_size: Int = 0

    @property
    def size(self) -> Size:
        return self.window_size

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from super().constraints(x)
        yield from window_constraints(self.window_size, self.shift_size, 2)

    def bias_weights(self) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        return (("logit_scale", (self.num_heads, 1, 1)),)

    def weights(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        hidden = ("cpb_mlp.0.weight", (HIDDEN, 2)), ("cpb_mlp.0.bias", (HIDDEN,))
        return *super().weights(x), *hidden, ("cpb_mlp.2.weight", (self.num_heads, HIDDEN))

    def buffers(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        side = 2 * self.window_size - 1
        return ("relative_coords_table", (1, side, side, 2)), *super().buffers(x)

    def macs(self, x: Shape, y: Shape) -> Size:
        """Those of the windows, and of the network that makes the bias, which runs once."""
        return super().macs(x, y) + self.places * HIDDEN * (2 + self.num_heads)

    def bias_macs(self, x: Shape, y: Shape) -> Size:
        return super().bias_macs(x, y) + self.places * HIDDEN

    def windows(self, x: Shape) -> Windows:
        return super().windows(x)._replace(shift=self.shift_size, places=self.places, hidden=HIDDEN)


class MergePatches(Op):
    """Joins the channels of each patch of positions, for values whose channels are last (Liu et al., 2021: Swin Transformer).

    Sizes are padded to whole patches. The positions of a patch follow one another from the top down, then to the right.
    """

    name: ClassVar[str] = "merge_patches"
    example: ClassVar[str] = "{merge_patches: 2}"
    fresh: ClassVar[bool] = True
    module_source: ClassVar[str] = '''\
class MergePatches(nn.Module):
    """Join the channels of each patch of positions of an image [N, H, W, C], which is padded to whole patches."""

    def __init__(self, patch_size: int) -> None:
        super().__init__()
        self.patch_size = patch_size

    def forward(self, x: Tensor) -> Tensor:
        n, height, width, channels = x.shape
        size = self.patch_size
        down, right = -height % size, -width % size
        if down > 0 or right > 0:
            x = F.pad(x, (0, 0, 0, right, 0, down))
        x = x.view(n, (height + down) // size, size, (width + right) // size, size, channels)
        return x.permute(0, 1, 3, 4, 2, 5).flatten(3)'''

    patch_size: Int

    def output(self, x: Shape) -> Shape:
        size = self.patch_size
        height, width, channels = x.sizes
        return Shape(((height + size - 1) // size, (width + size - 1) // size, size * size * channels), 2)

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from image_constraints(self, x)
        yield Constraint(self.patch_size, ">=", 2, "`patch_size` is {left}, and must be at least {right}", "patch_size")

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        return (Reads(self.patch_size, range(self.patch_size)),) * 2

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        """Of one row of patches torch only looks at the gradient in another order."""
        own, values = (mode.batch * mode.item * product(shape.sizes) for shape in (x, y))
        one = y.sizes[0] == 1
        if own == values:
            return Footprint(hands_back=True) if one else Footprint(forward=(values,), backward=(values, None))
        backward = (own, None) if one else (values, None, own, -values)
        return Footprint(forward=(values, values, -values), backward=backward)


HIDDEN = 512  # of the network that makes a bias of a relative position


def image_constraints(op: Op, x: Shape) -> Iterable[Constraint]:
    """The input is an image whose channels come last."""
    axes = len(x.sizes), x.channel_axis
    if axes != (3, 2):
        help = "put a `{permute: [0, 2, 3, 1]}` before it, which moves the channels last" if axes == (3, 0) else ""
        yield Constraint(0, "==", 1, f"`{op.name}` takes an image whose channels are last", "", help)


def window_constraints(window_size: Size, shift_size: Size, least: int) -> Iterable[Constraint]:
    yield Constraint(window_size, ">=", least, "`window_size` is {left}, and must be at least {right}", "window_size")
    yield Constraint(shift_size, ">=", 0, "`shift_size` is {left}, and must be at least {right}", "shift_size")
    sentence = "`shift_size` is {right}, and may be at most {left}: less than the window"
    yield Constraint(window_size - 1, ">=", shift_size, sentence, "shift_size")
