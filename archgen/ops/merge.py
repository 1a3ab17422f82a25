"""Ops that make one value of several: `{add: {a: ..., b: ...}}`, or `{add, from: [a, b]}`."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ClassVar

from archgen.arithmetic.evaluation import binary, broadcast, select
from archgen.arithmetic.expressions import Expression
from archgen.ops.base import Op
from archgen.ops.torch_text import VALUES, Function, Listed, Operator, Option
from archgen.ops.value import Constraint, Shape, shape_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archgen.ops.value import Footprint, Size


class MergeOp(Op):
    """The base of the ops with several inputs. Each says what memory and `explain` ask; one that leaves it out fails here.

    An input that an argument may leave out is not among those of a rule; of one input alone, nothing is merged.
    """

    registry: ClassVar[dict[str, type[Op]]] = {}  # those of one input have another: a spec writes them in another way
    least: ClassVar[int] = 2  # values
    most: ClassVar[int | None] = None  # None: as many as a spec can hold
    pairwise: ClassVar[bool]  # torch makes it two by two, each time a tensor
    hands_back: ClassVar[bool]  # the gradient of an input is that of the result or a part of it, no tensor of its own
    passing: ClassVar[tuple[int, int]] = (0, 0)  # tensors like the result, and of truths, that the way back throws away
    of_the_first: ClassVar[bool] = False  # the others act on the first: `a - b - b` says as much as `a - c`
    meets: ClassVar[str] = "shapes that are equal but in their channels"
    noted: ClassVar[str] = ""  # what a sum of a value with itself is called, where nobody means that

    @classmethod
    def unsaid(cls) -> list[str]:
        own = cls.__mro__[: cls.__mro__.index(MergeOp)]
        words = ("line", "output", "constraints", "pairwise", "hands_back", "keeps")
        return [f"`{word}`" for word in words if not any(word in one.__dict__ for one in own)]

    def output(self, x: Shape, *others: Shape) -> Shape:
        raise NotImplementedError

    def constraints(self, x: Shape, *others: Shape) -> Iterable[Constraint]:
        raise NotImplementedError

    def macs_of(self, inputs: tuple[Shape, ...], y: Shape) -> Size:
        return 0

    def footprint_of(self, inputs: tuple[Shape, ...], y: Shape, gradient: bool) -> Footprint | None:
        """The memory that a call takes beside its result, of an op that multiplies matrices: of all others no more is to say.

        The gradient of each input is then a tensor of that input's size.
        """
        return None


class Pairwise(MergeOp):
    """`a + b + c`: two by two, from the left. A subclass says what two make, by default the first's shape."""

    most: ClassVar[int | None] = 256  # a chain of as many operators, which Python's own parser must walk
    pairwise: ClassVar[bool] = True
    relation: ClassVar[str] = "=="  # of two sizes

    def pair(self, left: Shape, right: Shape) -> Shape:
        return left

    def output(self, x: Shape, *others: Shape) -> Shape:
        return functools.reduce(self.pair, others, x)

    def constraints(self, x: Shape, *others: Shape) -> Iterator[Constraint]:
        return _meet(self, x, others, self.relation)


def _meet(op: MergeOp, x: Shape, others: Iterable[Shape], relation: str, joined: int | None = None) -> Iterator[Constraint]:
    """What must hold of values that meet one after the other. joined: an axis whose sizes may differ."""
    for other in others:
        pairs = enumerate(zip(x.sizes, other.sizes))
        yield from _unlike(op, x, other, [axis for axis, (a, b) in pairs if a != b and axis != joined], relation)
        x = op.output(x, other)


def _unlike(op: MergeOp, left: Shape, right: Shape, axes: list[int], relation: str) -> Iterator[Constraint]:
    """What must hold of two shapes that differ on these axes."""
    lengths = len(left.sizes), len(right.sizes)
    if not axes and lengths[0] == lengths[1]:
        return  # as nearly always: no need to say what might be wrong
    sizes = f"{shape_text(left)} and {shape_text(right)}"
    yield Constraint(lengths[0], "==", lengths[1], f"`{op.name}` can't merge {sizes}: they differ in their number of axes")
    for axis in axes:
        what = "channels" if axis == left.channel_axis else "sizes"
        sentence = f"`{op.name}` can't merge {sizes}: their {what} {{left}} and {{right}} differ"
        yield Constraint(left.sizes[axis], relation, right.sizes[axis], sentence)


class Add(Pairwise):
    """The sum of its branches, or with `from` of earlier values."""

    name: ClassVar[str] = "add"
    line = Operator("+", (VALUES,))
    fresh: ClassVar[bool] = True
    keeps: ClassVar[tuple[str, ...]] = ()
    hands_back: ClassVar[bool] = True
    noted: ClassVar[str] = "adds {0} twice"


class Subtract(Pairwise):
    """The first of its branches less the others, or so with the earlier values of `from`."""

    name: ClassVar[str] = "subtract"
    line = Operator("-", (VALUES,))
    fresh: ClassVar[bool] = True
    keeps: ClassVar[tuple[str, ...]] = ()
    hands_back: ClassVar[bool] = True
    of_the_first: ClassVar[bool] = True
    noted: ClassVar[str] = "subtracts {0} from itself"


class Multiply(Pairwise):
    """The product of its branches, or with `from` of earlier values; an axis of size 1, as of a gate, is stretched."""

    name: ClassVar[str] = "multiply"
    line = Operator("*", (VALUES,))
    keeps: ClassVar[tuple[str, ...]] = ("others",)
    hands_back: ClassVar[bool] = False
    relation: ClassVar[str] = "broadcasts"

    def pair(self, left: Shape, right: Shape) -> Shape:
        stretched = left._replace(sizes=tuple(map(broadcast, left.sizes, right.sizes)))
        return stretched.with_channels(_stretched_channels(left.channels, right.channels))


class Divide(Pairwise):
    """The first of its branches divided by the others, or so with the earlier values of `from`."""

    name: ClassVar[str] = "divide"
    line = Operator("/", (VALUES,))
    fresh: ClassVar[bool] = True
    keeps: ClassVar[tuple[str, ...]] = ("inputs",)
    hands_back: ClassVar[bool] = False
    passing: ClassVar[tuple[int, int]] = (2, 0)
    of_the_first: ClassVar[bool] = True
    noted: ClassVar[str] = "divides {0} by itself"


class Maximum(Pairwise):
    """The larger of two values at each place: torch.maximum."""

    name: ClassVar[str] = "maximum"
    line = Function("torch.maximum", (VALUES,))
    most: ClassVar[int | None] = 2
    fresh: ClassVar[bool] = True
    keeps: ClassVar[tuple[str, ...]] = ("inputs",)
    hands_back: ClassVar[bool] = False
    passing: ClassVar[tuple[int, int]] = (1, 2)
    noted: ClassVar[str] = "compares {0} with itself"


class Minimum(Maximum):
    """The smaller of two values at each place: torch.minimum."""

    name: ClassVar[str] = "minimum"
    line = Function("torch.minimum", (VALUES,))


def _stretched_channels(left: Size, right: Size) -> Size:
    """Two numbers of channels that a product has: a gate seldom has one, so the code need not ask where no call has."""
    if isinstance(left, Expression) and isinstance(right, Expression) and left != right:
        return select(binary("==", left, 1), right, left)
    return broadcast(left, right)


class Concat(MergeOp):
    """The channels of its branches together, or with `from` of earlier values."""

    name: ClassVar[str] = "concat"
    line = Function("torch.cat", (Listed((VALUES,)),), (("dim", Option("dim")),))
    least: ClassVar[int] = 1
    fresh: ClassVar[bool] = True
    keeps: ClassVar[tuple[str, ...]] = ()
    pairwise: ClassVar[bool] = False
    hands_back: ClassVar[bool] = True

    def output(self, x: Shape, *others: Shape) -> Shape:
        return x.with_channels(functools.reduce(lambda total, other: total + other.channels, others, x.channels))

    def constraints(self, x: Shape, *others: Shape) -> Iterator[Constraint]:
        return _meet(self, x, others, "==", joined=x.channel_axis)

    def text_options(self, x: Shape) -> dict[str, Any]:
        return {"dim": x.channel_axis + 1}
