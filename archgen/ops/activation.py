"""Activations: the shape stays. Options and defaults are torch's."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archgen.arithmetic.expressions import is_number
from archgen.ops.base import Op, reads_along, value_axis_constraints
from archgen.ops.options import Axis, Int, Real, Word
from archgen.ops.value import SHARED, Constraint, Footprint, Mode, Reads, Shape, Size, product

if TYPE_CHECKING:
    from collections.abc import Iterable


class Activation(Op):
    keeps: ClassVar[tuple[str, ...]] = ("input",)

    def output(self, x: Shape) -> Shape:
        return x


class Identity(Activation):
    """Hands its input on: torch.nn.Identity."""

    name: ClassVar[str] = "identity"
    torch_class: ClassVar[str] = "Identity"

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        return SHARED


class ReLU(Activation):
    """max(0, x): torch.nn.ReLU."""

    name: ClassVar[str] = "relu"
    torch_class: ClassVar[str] = "ReLU"
    keeps: ClassVar[tuple[str, ...]] = ("output",)
    inplace: ClassVar[bool] = True


class ReLU6(Activation):
    """min(max(0, x), 6): torch.nn.ReLU6."""

    name: ClassVar[str] = "relu6"
    torch_class: ClassVar[str] = "ReLU6"
    inplace: ClassVar[bool] = True


class SiLU(Activation):
    """x * sigmoid(x), also called swish: torch.nn.SiLU."""

    name: ClassVar[str] = "silu"
    torch_class: ClassVar[str] = "SiLU"
    inplace: ClassVar[bool] = True


class Hardswish(Activation):
    """Piecewise approximation of SiLU (Howard et al., 2019): torch.nn.Hardswish."""

    name: ClassVar[str] = "hardswish"
    torch_class: ClassVar[str] = "Hardswish"
    inplace: ClassVar[bool] = True


class Hardsigmoid(Activation):
    """Piecewise linear approximation of the sigmoid: torch.nn.Hardsigmoid."""

    name: ClassVar[str] = "hardsigmoid"
    torch_class: ClassVar[str] = "Hardsigmoid"


class Sigmoid(Activation):
    """1 / (1 + exp(-x)): torch.nn.Sigmoid."""

    name: ClassVar[str] = "sigmoid"
    torch_class: ClassVar[str] = "Sigmoid"
    keeps: ClassVar[tuple[str, ...]] = ("output",)


class Tanh(Activation):
    """Hyperbolic tangent: torch.nn.Tanh."""

    name: ClassVar[str] = "tanh"
    torch_class: ClassVar[str] = "Tanh"
    keeps: ClassVar[tuple[str, ...]] = ("output",)


class Mish(Activation):
    """x * tanh(softplus(x)): torch.nn.Mish."""

    name: ClassVar[str] = "mish"
    torch_class: ClassVar[str] = "Mish"
    inplace: ClassVar[bool] = True


class GELU(Activation):
    """x times the normal distribution function of x: torch.nn.GELU."""

    name: ClassVar[str] = "gelu"
    torch_class: ClassVar[str] = "GELU"
    positional: ClassVar[int] = 0
    words: ClassVar[dict[str, tuple[str, ...]]] = {"approximate": ("none", "tanh")}

    approximate: Word = "none"


class LeakyReLU(Activation):
    """x, times a small slope below 0: torch.nn.LeakyReLU."""

    name: ClassVar[str] = "leaky_relu"
    torch_class: ClassVar[str] = "LeakyReLU"
    inplace: ClassVar[bool] = True
    inplace_keeps_output: ClassVar[bool] = True

    negative_slope: Real = 0.01


class ELU(Activation):
    """x, and alpha * (exp(x) - 1) below 0: torch.nn.ELU."""

    name: ClassVar[str] = "elu"
    torch_class: ClassVar[str] = "ELU"
    inplace: ClassVar[bool] = True
    inplace_keeps_output: ClassVar[bool] = True

    alpha: Real = 1.0


class Softplus(Activation):
    """log(1 + exp(beta * x)) / beta: torch.nn.Softplus."""

    name: ClassVar[str] = "softplus"
    torch_class: ClassVar[str] = "Softplus"

    beta: Real = 1.0
    threshold: Real = 20.0


class PReLU(Activation):
    """x, times a learnt slope below 0, one for all channels or one for each: torch.nn.PReLU."""

    name: ClassVar[str] = "prelu"
    torch_class: ClassVar[str] = "PReLU"

    num_parameters: Int = 1
    init: Real = 0.25

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        if self.num_parameters == 1:
            return
        if is_number(self.num_parameters):  # where it waits for a name it may be 1
            yield Constraint(
                x.channel_axis, "==", 0, "`prelu` takes its channels on axis 1, behind the batch; here they are on another"
            )
        sentence = "`num_parameters` is {left}, but there are {right} channels; 1 would serve all"
        yield Constraint(self.num_parameters, "==", x.channels, sentence, "num_parameters")

    def weights(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        return (("weight", (self.num_parameters,)),)

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        """The gradient of the slopes is of the input's size before it is summed up; that of the input is made in any case."""
        return Footprint(keeps=self.keeps, back=product(x.sizes) * (1 if mode.further else 2))


class GLU(Activation):
    """The first half along an axis times the sigmoid of the second (Dauphin et al., 2017): torch.nn.GLU."""

    name: ClassVar[str] = "glu"
    example: ClassVar[str] = "{glu: 1}"
    torch_class: ClassVar[str] = "GLU"
    fresh: ClassVar[bool] = True

    dim: Axis = -1

    def axis(self, x: Shape) -> int:
        return int(self.dim) % (len(x.sizes) + 1) - 1

    def output(self, x: Shape) -> Shape:
        halved = self.axis(x)
        return x._replace(sizes=tuple(size // 2 if axis == halved else size for axis, size in enumerate(x.sizes)))

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        return reads_along(x, self.dim)

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        yield from value_axis_constraints(x, "dim", self.dim)
        sentence = f"`glu` halves axis {self.axis(x) + 1}, whose size {{right}} is odd"
        yield Constraint(2, "divides", x.sizes[self.axis(x)], sentence, "dim")


class Softmax(Activation):
    """exp(x) over its sum along an axis, counted with the batch: torch.nn.Softmax, which would guess an axis."""

    name: ClassVar[str] = "softmax"
    example: ClassVar[str] = "{softmax: 1}"
    torch_class: ClassVar[str] = "Softmax"
    keeps: ClassVar[tuple[str, ...]] = ("output",)
    positional: ClassVar[int] = 1

    dim: Int

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        return reads_along(x, self.dim)

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        return value_axis_constraints(x, "dim", self.dim)


class LogSoftmax(Softmax):
    """The logarithm of `softmax` along an axis, counted with the batch: torch.nn.LogSoftmax, which would guess an axis."""

    name: ClassVar[str] = "log_softmax"
    example: ClassVar[str] = "{log_softmax: 1}"
    torch_class: ClassVar[str] = "LogSoftmax"
