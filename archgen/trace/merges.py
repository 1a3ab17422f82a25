"""The shape that a merge makes of two, and what must hold of them."""

from __future__ import annotations

from archgen.arithmetic.evaluation import binary, broadcast, select
from archgen.arithmetic.expressions import Expression
from archgen.ops.value import Claim, Shape, Size
from archgen.trace.traced import shape_text


def merge_claims(kind: str, left: Shape, right: Shape) -> list[Claim]:
    lengths = len(left.sizes), len(right.sizes)
    unlike = [(axis, a, b) for axis, (a, b) in enumerate(zip(left.sizes, right.sizes)) if a != b]
    if kind == "concat":
        unlike = [one for one in unlike if one[0] != left.channel_axis]
    if not unlike and lengths[0] == lengths[1]:
        return []  # as nearly always: no need to say what might be wrong
    sizes = f"{shape_text(left)} and {shape_text(right)}"
    claims = [Claim(lengths[0], "==", lengths[1], f"`{kind}` can't merge {sizes}: they differ in their number of axes")]
    for axis, a, b in unlike:
        what = "channels" if axis == left.channel_axis else "sizes"
        relation = "broadcasts" if kind == "multiply" else "=="
        claims.append(Claim(a, relation, b, f"`{kind}` can't merge {sizes}: their {what} {{left}} and {{right}} differ"))
    return claims


def merged_shape(kind: str, left: Shape, right: Shape) -> Shape:
    """The shape of two values merged. In a product, axes of size 1 are stretched."""
    if kind == "concat":
        return left.with_channels(left.channels + right.channels)
    if kind == "multiply":
        stretched = Shape(tuple(map(broadcast, left.sizes, right.sizes)), left.channel_axis)
        return stretched.with_channels(_stretched_channels(left.channels, right.channels))
    return left


def _stretched_channels(left: Size, right: Size) -> Size:
    """Two numbers of channels that a product has: a gate seldom has one, so the code need not ask where no call has."""
    if isinstance(left, Expression) and isinstance(right, Expression) and left != right:
        return select(binary("==", left, 1), right, left)
    return broadcast(left, right)
