"""Ops that move values without computing, and those that drop some while training."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archgen.expressions import names_of
from archgen.ops.base import POINTWISE, SHARED, Axis, Claim, Footprint, Mode, Op, Reads, Real, Shape, product

if TYPE_CHECKING:
    from collections.abc import Iterable


class Flatten(Op):
    """Joins the axes from `start_dim` on into one, counted with the batch: torch.nn.Flatten."""

    name: ClassVar[str] = "flatten"
    torch_class: ClassVar[str] = "Flatten"
    positional: ClassVar[int] = 0

    start_dim: Axis = 1
    end_dim: Axis = -1

    def span(self, x: Shape) -> tuple[int, int]:
        """The first and last axis to join, without the batch."""
        axes = len(x.sizes) + 1
        if names_of((self.start_dim, self.end_dim)):  # only where there is one axis to join (`Kind.refuses`)
            return 0, 0
        return int(self.start_dim) % axes - 1, int(self.end_dim) % axes - 1

    def output(self, x: Shape) -> Shape:
        start, end = self.span(x)
        sizes = (*x.sizes[:start], product(x.sizes[start : end + 1]), *x.sizes[end + 1 :])
        axis = x.channel_axis
        return Shape(sizes, axis if axis < start else start if axis <= end else axis - (end - start))

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        start, end = self.span(x)
        kept: list[Reads | None] = []
        for axis in range(len(x.sizes)):
            if axis == x.channel_axis or start < axis <= end or (axis == start and start <= x.channel_axis <= end):
                continue  # the channels, or joined with what came before, or with the channels
            joined = axis == start and end > start
            kept.append(None if joined else POINTWISE._replace(source=axis - (axis > x.channel_axis)))
        return tuple(kept)

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        return SHARED

    def claims(self, x: Shape) -> Iterable[Claim]:
        axes = len(x.sizes) + 1
        for option in ("start_dim", "end_dim"):
            value = getattr(self, option)
            yield Claim(axes - 1, ">=", value, f"`{option}` is {{right}}, but the value has axes 0 to {{left}}", option)
            yield Claim(value, ">=", -axes, f"`{option}` is {{left}}, but the value has axes 0 to {axes - 1}", option)
        start, end = self.span(x)
        yield Claim(start + 1, ">=", 1, "`start_dim` is {left}: the batch, axis 0, can't be joined", "start_dim")
        yield Claim(end, ">=", start, "`end_dim` comes before `start_dim`", "end_dim")


class Dropout(Op):
    """Zeroes each value with probability p while training: torch.nn.Dropout."""

    name: ClassVar[str] = "dropout"
    torch_class: ClassVar[str] = "Dropout"
    inplace: ClassVar[bool] = True

    p: Real = 0.5

    def output(self, x: Shape) -> Shape:
        return x

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        """On the CPU the mask is of the activations' type; where nothing is dropped the input is handed on."""
        return Footprint(image=product(x.sizes)) if mode.training and self.p else SHARED

    def claims(self, x: Shape) -> Iterable[Claim]:
        yield Claim(self.p, ">=", 0, "`p` is {left}, and must be at least 0", "p")
        yield Claim(1 - 1e-9, ">=", self.p, "`p` is {right}, and must be below 1", "p")
