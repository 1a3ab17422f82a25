"""Products of matrices: merges of values whose last two axes are multiplied, as the scores of an attention by its values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from archgen.ops.merge import MergeOp
from archgen.ops.options import Bool, Real
from archgen.ops.torch_text import VALUES, Function, Operator, Option
from archgen.ops.value import Constraint, Footprint, Shape, product, shape_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archgen.ops.value import Size


class Product(MergeOp):
    """What the products share: the axes before the last two are equal, and count how many products there are."""

    pairwise: ClassVar[bool] = False
    hands_back: ClassVar[bool] = False
    of_the_first: ClassVar[bool] = True

    def matrices(self, *values: Shape) -> Iterator[Constraint]:
        """What must hold of the axes beside those that are multiplied."""
        for value in values:
            sentence = f"`{self.name}` multiplies the last two axes, and {shape_text(value)} has {{left}} beside the batch"
            yield Constraint(len(value.sizes), ">=", 2, sentence)
        first, *others = values
        for other in others:
            both = f"`{self.name}` can't multiply {shape_text(first)} and {shape_text(other)}"
            yield Constraint(len(first.sizes), "==", len(other.sizes), f"{both}: they differ in their number of axes")
            for left, right in zip(first.sizes[:-2], other.sizes[:-2]):
                if left != right:
                    yield Constraint(left, "==", right, f"{both}: there are {{left}} matrices, and {{right}}")


class Matmul(Product):
    """The product of two values, matrices of their last two axes: torch.matmul."""

    name: ClassVar[str] = "matmul"
    line = Operator("@", (VALUES,))
    fresh: ClassVar[bool] = True
    most: ClassVar[int | None] = 2
    keeps: ClassVar[tuple[str, ...]] = ("others",)
    meets: ClassVar[str] = "the last axis of the first as long as the last but one of the second"

    def output(self, x: Shape, *others: Shape) -> Shape:
        return x._replace(sizes=(*x.sizes[:-1], others[0].sizes[-1]), arranged=True) if others else x

    def constraints(self, x: Shape, *others: Shape) -> Iterable[Constraint]:
        if not others:
            return
        (other,) = others
        yield from self.matrices(x, other)
        if x.sizes[-1] == other.sizes[-2]:
            return
        sentence = f"`matmul` can't multiply {shape_text(x)} and {shape_text(other)}: {{left}} columns meet {{right}} rows"
        turned = x.sizes[-1] == other.sizes[-1]
        help = "put a `{transpose: [-2, -1]}` on the second, whose last axis fits" if turned else ""
        yield Constraint(x.sizes[-1], "==", other.sizes[-2], sentence, "", help)

    def macs_of(self, inputs: tuple[Shape, ...], y: Shape) -> Size:
        return product(y.sizes) * inputs[0].sizes[-1]

    def footprint_of(self, inputs: tuple[Shape, ...], y: Shape, gradient: bool) -> Footprint:
        return Footprint(keeps=self.keeps)


class ScaledDotProductAttention(Product):
    """Attention of queries, keys and values.

    `[q, k, v]`, each `[N, heads, L, d]`, or without heads `[N, L, d]`: queries are held against keys, which weigh the values
    (Vaswani et al., 2017; torch.nn.functional.scaled_dot_product_attention). `scale` is one by the root of d.
    """

    name: ClassVar[str] = "scaled_dot_product_attention"
    line = Function(
        "F.scaled_dot_product_attention", (VALUES,), (("is_causal", Option("is_causal")), ("scale", Option("scale")))
    )
    least: ClassVar[int] = 3
    most: ClassVar[int | None] = 3
    keeps: ClassVar[tuple[str, ...]] = ("inputs", "output")
    meets: ClassVar[str] = "queries and keys of one width, and a value for each key"

    is_causal: Bool = False
    scale: Real = None

    def output(self, x: Shape, *others: Shape) -> Shape:
        return x._replace(sizes=(*x.sizes[:-1], others[-1].sizes[-1]), arranged=True) if others else x

    def constraints(self, x: Shape, *others: Shape) -> Iterable[Constraint]:
        sentence = f"`{self.name}` takes {{right}} values, queries, keys and values, not {{left}}"
        yield Constraint(1 + len(others), "==", 3, sentence, "", "write `from: [q, k, v]`")
        keys, values = others
        yield from self.matrices(x, keys, values)
        what = f"the queries are {shape_text(x)}, the keys {shape_text(keys)}, the values {shape_text(values)}"
        if x.sizes[-1] != keys.sizes[-1]:
            yield Constraint(x.sizes[-1], "==", keys.sizes[-1], f"{what}: queries of {{left}} meet keys of {{right}}")
        if keys.sizes[-2] != values.sizes[-2]:
            yield Constraint(keys.sizes[-2], "==", values.sizes[-2], f"{what}: there are {{left}} keys, and {{right}} values")

    def macs_of(self, inputs: tuple[Shape, ...], y: Shape) -> Size:
        """Both products: of the queries and the keys, and of what comes of them and the values."""
        queries, keys, values = inputs
        return product(queries.sizes[:-1]) * keys.sizes[-2] * (queries.sizes[-1] + values.sizes[-1])

    def text_options(self, x: Shape) -> dict[str, Any]:
        said: dict[str, Any] = {} if self.is_causal is False else {"is_causal": self.is_causal}
        return said if self.scale is None else said | {"scale": self.scale}

    def footprint_of(self, inputs: tuple[Shape, ...], y: Shape, gradient: bool) -> Footprint:
        """Of values with heads the CPU's own kernel keeps the logarithm of each query's sum.

        Of others torch scales queries and keys, and makes the weights of the scores, one after the other. What it then lets go
        early on the way back is not looked at: the peak of training may be less.
        """
        queries, keys, values = inputs
        if len(y.sizes) == 3 and queries.sizes[-1] == values.sizes[-1]:
            return Footprint(keeps=self.keeps, singles=product(queries.sizes[:-1]), view=True, dense=True)
        weights, scaled = product(queries.sizes[:-1]) * keys.sizes[-2], product(queries.sizes) + product(keys.sizes)
        made = product(y.sizes)
        if not gradient:
            return Footprint(passing=max(2 * weights, weights + scaled - made))
        return Footprint(keeps=("last",), image=weights + scaled, passing=max(0, weights - made))
