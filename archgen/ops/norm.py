"""Normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from archgen.ops.base import Op, spatial_constraints, value_axis_constraints
from archgen.ops.options import Axis, Bool, Int, Real
from archgen.ops.torch_text import VALUES, Function, Option
from archgen.ops.value import Constraint, Footprint, Mode, Shape, Size, divisors, product

if TYPE_CHECKING:
    from collections.abc import Iterable


class Norm(Op):
    """What the normalisations share: the shape stays, and a weight and a bias for each channel where `affine` is true."""

    infers: ClassVar[bool] = True
    of_channels: ClassVar[bool] = True
    fresh: ClassVar[bool] = True
    keeps: ClassVar[tuple[str, ...]] = ("input",)
    positional: ClassVar[int] = 0

    def output(self, x: Shape) -> Shape:
        return x

    def eps_constraints(self) -> Iterable[Constraint]:
        option: Any = self
        eps = option.eps
        if type(eps) is float and eps >= 1e-30:
            return
        yield Constraint(eps, ">=", 1e-30, "`eps` is {left}, and must be above 0", "eps")

    def momentum_constraints(self) -> Iterable[Constraint]:
        option: Any = self
        yield Constraint(option.momentum, ">=", 0, "`momentum` is {left}, and must be at least 0", "momentum")
        yield Constraint(1, ">=", option.momentum, "`momentum` is {right}, and must be at most 1", "momentum")

    def first_axis_constraint(self, x: Shape) -> Constraint:
        return Constraint(
            x.channel_axis, "==", 0, f"`{self.name}` takes its channels on axis 1, behind the batch; here they are on another"
        )

    def per_channel(self, x: Shape, present: Any) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        return (("weight", (x.channels,)), ("bias", (x.channels,))) if present else ()

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        """The mean and the deviation of each set of values that is normalised together."""
        return Footprint(keeps=self.keeps, image=self.statistics(x))

    def statistics(self, x: Shape) -> Size:
        """How many values of an image are kept beside the input."""
        raise NotImplementedError

    def inferred(self, x: Shape) -> tuple[Size, ...]:
        return (x.channels,)


class BatchNorm(Norm):
    """Batch normalisation: torch.nn.BatchNorm1d, 2d or 3d."""

    name: ClassVar[str] = "batch_norm"
    torch_class: ClassVar[str] = "BatchNorm{n}d"

    eps: Real = 1e-5
    momentum: Real = 0.1
    affine: Bool = True
    track_running_stats: Bool = True

    @classmethod
    def class_name(cls, rank: int) -> str:
        return cls.torch_class.replace("{n}", str(max(1, rank)))  # [N, C] too is BatchNorm1d

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        if x.channel_axis:
            yield self.first_axis_constraint(x)
        yield from self.eps_constraints()
        yield from self.momentum_constraints()

    @property
    def insists(self) -> bool:
        return bool(self.affine or self.track_running_stats)

    def weights(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        return self.per_channel(x, self.affine)

    def buffers(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        if not self.track_running_stats:
            return ()
        return (("running_mean", (x.channels,)), ("running_var", (x.channels,)), ("num_batches_tracked", ()))

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        """In evaluation the running statistics serve, and nothing is worked out."""
        return Footprint(keeps=self.keeps, batch=2 * x.channels if mode.training or not self.track_running_stats else 0)


class InstanceNorm(Norm):
    """Instance normalisation: torch.nn.InstanceNorm1d, 2d or 3d."""

    name: ClassVar[str] = "instance_norm"
    torch_class: ClassVar[str] = "InstanceNorm{n}d"
    fresh: ClassVar[bool] = False  # a view: to overwrite it makes torch copy it, and the gradient too

    eps: Real = 1e-5
    momentum: Real = 0.1
    affine: Bool = False
    track_running_stats: Bool = False

    @property
    def insists(self) -> bool:
        return bool(self.affine or self.track_running_stats)

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from spatial_constraints(self, x)
        sentence = "`instance_norm` needs more than one position for each channel; here there is {left}"
        yield Constraint(product(x.spatial), ">=", 2, sentence)
        yield from self.eps_constraints()
        yield from self.momentum_constraints()

    weights = BatchNorm.weights
    buffers = BatchNorm.buffers

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        """torch takes each image's channels for channels of one batch, and repeats weights and running statistics for that."""
        own = 2 if mode.training or not self.track_running_stats else 0
        kept = own + int(self.affine) + 2 * int(self.track_running_stats)
        repeated = int(self.affine) * x.channels
        return Footprint(keeps=self.keeps, image=kept * x.channels, passing=repeated, back=2 * repeated)


class GroupNorm(Norm):
    """Group normalisation: torch.nn.GroupNorm."""

    name: ClassVar[str] = "group_norm"
    example: ClassVar[str] = "{group_norm: 8}"
    torch_class: ClassVar[str] = "GroupNorm"
    positional: ClassVar[int] = 1

    num_groups: Int
    eps: Real = 1e-5
    affine: Bool = True

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield self.first_axis_constraint(x)
        yield Constraint(self.num_groups, ">=", 1, "`num_groups` is {left}, and must be at least {right}", "num_groups")
        yield Constraint(
            self.num_groups,
            "divides",
            x.channels,
            "`num_groups` is {left}, which does not divide the {right} channels",
            "num_groups",
            divisors(self.num_groups, x.channels),
        )
        values = x.channels // self.num_groups * product(x.spatial)
        yield Constraint(values, ">=", 2, "a group has {left} value of an image: nothing to normalise", "num_groups")
        yield from self.eps_constraints()

    @property
    def insists(self) -> bool:
        return bool(self.affine)

    def weights(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        return self.per_channel(x, self.affine)

    def statistics(self, x: Shape) -> Size:
        return 2 * self.num_groups

    def inferred(self, x: Shape) -> tuple[Size, ...]:
        return ()

    def constructor(self, x: Shape) -> tuple[tuple[Any, ...], dict[str, Any]]:
        leading, named = super().constructor(x)
        return (*leading, x.channels), named  # torch takes the groups first


class LayerNorm(Norm):
    """Layer normalisation over the last axis, which must be that of the channels: torch.nn.LayerNorm."""

    name: ClassVar[str] = "layer_norm"
    torch_class: ClassVar[str] = "LayerNorm"

    eps: Real = 1e-5
    elementwise_affine: Bool = True
    bias: Bool = True

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield Constraint(
            x.channel_axis,
            "==",
            len(x.sizes) - 1,
            "`layer_norm` normalises the last axis, but this value has axes after its channels",
            "",
            "put a `permute` before it that moves the channels last",
        )
        yield from self.eps_constraints()

    def weights(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        both = self.per_channel(x, self.elementwise_affine)
        return both if self.bias else both[:1]

    def built_for(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        return () if self.elementwise_affine else (("normalized_shape", (x.channels,)),)

    def statistics(self, x: Shape) -> Size:
        return 2 * product(x.spatial)


class GlobalResponseNorm(Norm):
    """Weighs each channel by its norm over the positions, as part of the mean over the channels (Woo et al., 2023).

    What comes of it is scaled and shifted, both from 0 on, and added to what enters.
    """

    name: ClassVar[str] = "global_response_norm"
    module_source: ClassVar[str] = '''\
class GlobalResponseNorm(nn.Module):
    """Weigh each channel by its norm over the axes `dim`, as part of their mean."""

    def __init__(
        self,
        channels: int,
        eps: float = 1e-06,
        channel_dim: int = 1,
        dim: tuple[int, ...] = (2, 3),
    ) -> None:
        super().__init__()
        self.eps = eps
        self.channel_dim = channel_dim
        self.dim = dim
        size = [channels] + [1] * sum(axis > channel_dim for axis in dim)
        self.weight = nn.Parameter(torch.zeros(size))
        self.bias = nn.Parameter(torch.zeros(size))

    def forward(self, x: Tensor) -> Tensor:
        norms = torch.linalg.vector_norm(x, dim=self.dim, keepdim=True)
        shares = norms / (norms.mean(dim=self.channel_dim, keepdim=True) + self.eps)
        return x + torch.addcmul(self.bias, self.weight, x * shares)'''

    eps: Real = 1e-6

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        sentence = "`global_response_norm` takes norms over the positions of a channel, and here there are none"
        yield Constraint(x.rank, ">=", 1, sentence, "", "it was flattened before: put the node above that")
        yield from self.eps_constraints()

    def weights(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        size = (x.channels, *(1,) * (len(x.sizes) - 1 - x.channel_axis))
        return ("weight", size), ("bias", size)

    def constructor(self, x: Shape) -> tuple[tuple[Any, ...], dict[str, Any]]:
        leading, named = super().constructor(x)
        channels, dim = x.channel_axis + 1, tuple(axis + 1 for axis in range(len(x.sizes)) if axis != x.channel_axis)
        named |= {"channel_dim": channels} if channels != 1 else {}
        return leading, named | ({"dim": dim} if dim != (2, 3) else {})

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        """The norms, their shares, what these are divided by, and the products with the value."""
        values = product(x.sizes)
        if not mode.gradient:
            return Footprint(image=2 * x.channels, passing=values)
        if not mode.further:
            return Footprint(image=values, passing=values + 2 * x.channels, back=2 * values)
        return Footprint(keeps=self.keeps, image=values + 2 * x.channels + 1, passing=values, back=values + x.channels + 1)


class LocalResponseNorm(Op):
    """Normalisation over neighbouring channels, AlexNet's: torch.nn.LocalResponseNorm."""

    name: ClassVar[str] = "local_response_norm"
    example: ClassVar[str] = "{local_response_norm: 5}"
    torch_class: ClassVar[str] = "LocalResponseNorm"

    size: Int
    alpha: Real = 1e-4
    beta: Real = 0.75
    k: Real = 1.0

    def output(self, x: Shape) -> Shape:
        return x

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        """torch composes it: the squares, padded along the channels, then the divisor and what it is a power of."""
        padded, values = (x.channels + self.size - 1) * product(x.spatial), product(x.sizes)
        if not mode.gradient:
            return Footprint(passing=max(2 * values, padded))
        return Footprint(keeps=("input",), image=padded + 2 * values, back=3 * values)

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from spatial_constraints(self, x)
        yield Constraint(self.size, ">=", 1, "`size` is {left}, and must be at least {right}", "size")


class Normalize(Op):
    """Divides by the norm along an axis, counted with the batch, where that is above `eps`: torch.nn.functional.normalize."""

    name: ClassVar[str] = "normalize"
    line = Function("F.normalize", (VALUES,), tuple((option, Option(option)) for option in ("p", "dim", "eps")))
    example: ClassVar[str] = "{normalize, dim: 1}"
    fresh: ClassVar[bool] = True
    keeps: ClassVar[tuple[str, ...]] = ("input",)
    positional: ClassVar[int] = 0
    module_source: ClassVar[str] = '''\
class Normalize(nn.Module):
    """Divide by the norm along an axis, counted with the batch."""

    def __init__(self, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> None:
        super().__init__()
        self.p = p
        self.dim = dim
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(x, p=self.p, dim=self.dim, eps=self.eps)'''

    p: Real = 2.0
    dim: Axis = 1
    eps: Real = 1e-12

    def output(self, x: Shape) -> Shape:
        return x

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from value_axis_constraints(x, "dim", self.dim)
        yield Constraint(self.p, ">=", 1, "`p` is {left}; below {right} it would be no norm", "p")
        yield Constraint(self.eps, ">=", 1e-30, "`eps` is {left}, and must be above 0", "eps")

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        """The norms, and those of them that are above `eps`; the way back divides twice by them."""
        norms = product(size for axis, size in enumerate(x.sizes) if axis != self.dim % (len(x.sizes) + 1) - 1)
        return Footprint(keeps=self.keeps, image=norms * (1 + mode.gradient), back=3 * product(x.sizes))
