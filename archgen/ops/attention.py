"""Attention and sequences: what a transformer has beside its linear layers.

A sequence is a value with one spatial axis and its channels last, `[N, L, C]` with the batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from archgen.ops.base import Op
from archgen.ops.options import Bool, Int
from archgen.ops.torch_text import OWN, VALUES, Function, Index, Listed, Method, Option
from archgen.ops.value import Constraint, Footprint, Mode, Reads, Shape, Size, divisors, product

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archgen.arithmetic.expressions import Value


_INTO_A_SEQUENCE = {  # by the number of spatial axes, and which axis has the channels
    (1, 0): "put a `{transpose: [1, 2]}` before it, which moves the channels last",
    (2, 0): "put a `{flatten, start_dim: 2}` and a `{transpose: [1, 2]}` before it",
    (3, 0): "put a `{flatten, start_dim: 2}` and a `{transpose: [1, 2]}` before it",
    (2, 2): "put a `{flatten, end_dim: 2}` before it",
    (3, 3): "put a `{flatten, end_dim: 3}` before it",
}


def sequence_constraints(op: Op, x: Shape) -> Iterable[Constraint]:
    """The input is a sequence."""
    axes = x.rank, x.channel_axis
    if axes != (1, 1):
        sentence = f"`{op.name}` takes a sequence: one axis of positions, then the channels"
        yield Constraint(0, "==", 1, sentence, "", _INTO_A_SEQUENCE.get(axes, ""))


class ClassToken(Op):
    """Puts a learnt token before a sequence, from which a head may read its class (Dosovitskiy et al., 2021).

    It starts at 0.
    """

    name: ClassVar[str] = "class_token"
    infers: ClassVar[bool] = True
    fresh: ClassVar[bool] = True
    line = Function(
        "torch.cat", (Listed((Method("expand_as", (Index(Option("first")),), of=OWN), VALUES)),), (("dim", Option("dim")),)
    )
    module_source: ClassVar[str] = '''\
class ClassToken(nn.Module):
    """Put a learnt token before a sequence [N, L, C]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, 1, channels))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.weight.expand_as(x[:, :1]), x], dim=1)'''

    def output(self, x: Shape) -> Shape:
        length, channels = x.sizes
        return Shape((length + 1, channels), 1)

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        return sequence_constraints(self, x)

    def weights(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        return (("weight", (1, 1, x.channels)),)

    def bare(self, x: Shape) -> tuple[tuple[Size, ...], Value]:
        return (1, 1, x.channels), 0.0

    def inferred(self, x: Shape) -> tuple[Size, ...]:
        return (x.channels,)

    def text_options(self, x: Shape) -> dict[str, Any]:
        return {"first": (slice(None), slice(None, 1)), "dim": 1}

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        return Footprint(hands_back=True)

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        return (Reads(1, (-1,)),)


class PositionEmbedding(Op):
    """Adds a learnt value to each position of a sequence, so it takes no other length than the one that it is built for.

    It starts normally distributed, with a standard deviation of 0.02 (Dosovitskiy et al., 2021).
    """

    name: ClassVar[str] = "position_embedding"
    infers: ClassVar[bool] = True
    fresh: ClassVar[bool] = True
    module_source: ClassVar[str] = '''\
class PositionEmbedding(nn.Module):
    """Add a learnt value to each position of a sequence [N, L, C]."""

    def __init__(self, length: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1, length, channels).normal_(std=0.02))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight'''

    def output(self, x: Shape) -> Shape:
        return x

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        return sequence_constraints(self, x)

    def weights(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        return (("weight", (1, *x.sizes)),)

    def inferred(self, x: Shape) -> tuple[Size, ...]:
        return x.sizes

    def insists_on(self, x: Shape) -> tuple[int, ...]:
        return tuple(range(len(x.sizes)))

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        return Footprint(hands_back=True)


class SelfAttention(Op):
    """Multi-head attention of a sequence to itself (Vaswani et al., 2017).

    It has the parameters of torch.nn.MultiheadAttention, and makes the same of them.
    """

    name: ClassVar[str] = "attention"
    example: ClassVar[str] = "{attention: 8}"
    infers: ClassVar[bool] = True
    fresh: ClassVar[bool] = True
    keeps: ClassVar[tuple[str, ...]] = ("input",)
    module_source: ClassVar[str] = '''\
class SelfAttention(nn.Module):
    """Attention of a sequence [N, L, C] to itself, with heads.

    Its parameters are those of nn.MultiheadAttention.
    """

    def __init__(self, channels: int, num_heads: int, bias: bool = True) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * channels, channels))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * channels)) if bias else None
        self.out_proj = nn.Linear(channels, channels, bias=bias)
        nn.init.xavier_uniform_(self.in_proj_weight)
        if bias:
            nn.init.zeros_(self.out_proj.bias)

    def forward(self, x: Tensor) -> Tensor:
        n, length, _ = x.shape
        qkv = nn.functional.linear(x, self.in_proj_weight, self.in_proj_bias)
        qkv = qkv.view(n, length, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        x = nn.functional.scaled_dot_product_attention(q, k, v)
        x = self.out_proj(x.transpose(1, 2).flatten(2))
        return x'''

    num_heads: Int
    bias: Bool = True

    def output(self, x: Shape) -> Shape:
        return x

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from sequence_constraints(self, x)
        yield from head_constraints(self.num_heads, x.channels)

    def weights(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        channels = x.channels
        weights = ("in_proj_weight", (3 * channels, channels)), ("out_proj.weight", (channels, channels))
        if not self.bias:
            return weights
        return (weights[0], ("in_proj_bias", (3 * channels,)), weights[1], ("out_proj.bias", (channels,)))

    def macs(self, x: Shape, y: Shape) -> Size:
        """Four projections; the products of each position's query with all keys, and of the weights with all values."""
        length, channels = x.sizes
        return 4 * length * channels * channels + 2 * length * length * channels

    def bias_macs(self, x: Shape, y: Shape) -> Size:
        return 4 * product(x.sizes) if self.bias else 0

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        return (None,)

    def inferred(self, x: Shape) -> tuple[Size, ...]:
        return (x.channels,)

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        length, channels = x.sizes
        values = length * channels
        made = 4 * values  # queries, keys and values, and what attention makes of them
        if not mode.gradient:
            return Footprint(image=made, view=True)
        logarithms = self.num_heads * length  # of what the softmax divides by, one for each position and head
        back = (2 if mode.further else 3) * values  # the gradients of queries, keys and values
        return Footprint(keeps=self.keeps, image=made, singles=logarithms, back=back, view=True, dense=True)


def head_constraints(num_heads: Size, channels: Size) -> Iterable[Constraint]:
    yield Constraint(num_heads, ">=", 1, "`num_heads` is {left}, and must be at least {right}", "num_heads")
    sentence = "`num_heads` is {left}, which does not divide the {right} channels"
    yield Constraint(num_heads, "divides", channels, sentence, "num_heads", divisors(num_heads, channels))
