"""What an op is: one frozen record, from which everything else is derived.

The fields of an op are the keyword names and defaults of the `torch.nn` class that it stands for. Its rules are plain
arithmetic and never check: they run alike on numbers (the report) and on expressions (the generated code). What must hold of
its input and its options is data beside the rules, in `constraints`.

Convention for cost: MACs are the multiply-accumulates of convolutions, linear layers and attention products; bias and
normalisation are not counted. That is exactly half of what `torch.utils.flop_counter.FlopCounterMode` counts.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ClassVar

from archgen.arithmetic.evaluation import evaluate
from archgen.arithmetic.expressions import Value
from archgen.ops.options import KINDS
from archgen.ops.value import POINTWISE, Constraint, Footprint, Reads, axes, known_at_least, product, same
from archgen.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archgen.ops.options import Kind
    from archgen.ops.torch_text import Tree
    from archgen.ops.value import Mode, Shape, Size


MAC_CONVENTION = (
    "MACs: multiply-accumulates of convolutions, linear layers and attention products; bias and normalisation not counted"
)

MAC_CONVENTION_WITH_BIAS = (
    "MACs: multiply-accumulates of convolutions, linear layers and attention products, "
    "one more for each output to which a bias is added; normalisation not counted"
)


class Op(Record):
    """The base of every op. A subclass says its name, its torch class and its rules; one that lacks a shape rule fails here."""

    name: ClassVar[str] = ""  # in a spec: torch.nn.functional's, without the dimension
    torch_class: ClassVar[str] = ""  # `{n}` stands for the number of spatial axes; "" where torch has no class
    module_source: ClassVar[str] = ""  # the class that the generated module brings where torch has none
    line: ClassVar[Tree | None] = None  # the op as an expression of `forward`, outside a sequence
    function_source: ClassVar[str] = ""  # the function that the generated module brings, which `line` calls
    positional: ClassVar[int] = 1  # how many of the own fields a person writes without their keyword
    example: ClassVar[str] = ""  # a node as a spec writes it; "" where its name alone is one
    words: ClassVar[dict[str, tuple[str, ...]]] = {}  # the words that an option may be
    instead_of: ClassVar[dict[str, str]] = {}  # options that are written in the place of another
    of_channels: ClassVar[bool] = False  # all that it takes from its input are the channels, and it keeps the shape
    infers: ClassVar[bool] = False  # takes sizes from its input, so it can't be built before that is known
    fresh: ClassVar[bool] = False  # makes a new tensor that its own backward does not need: what follows may overwrite it
    by_chance: ClassVar[bool] = False  # while training, its result is chance
    inplace: ClassVar[bool] = False  # the torch class takes `inplace`
    keeps: ClassVar[tuple[str, ...]] = ()  # what the backward pass needs: `input`, `output`; of a merge `inputs`, `others`
    inplace_keeps_output: ClassVar[bool] = False  # in place it needs the output alone; the rest then keep a copy of the input
    registry: ClassVar[dict[str, type[Op]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.__init__ = Record.__init__  # type: ignore[method-assign]
        if cls.name:
            if missing := cls.unsaid():
                raise TypeError(f"{cls.__name__} does not say {', '.join(missing)}")
            cls.registry[cls.name] = cls

    @classmethod
    def unsaid(cls) -> list[str]:
        """What an op must say and this one does not."""
        rule = [] if cls.output is not Op.output else ["its shape (`output`)"]
        is_said = cls.torch_class or cls.module_source or cls.line is not None
        return rule if is_said else [*rule, "what it is in torch (`torch_class`, `module_source` or `line`)"]

    # -- rules

    def output(self, x: Shape) -> Shape:
        """The shape of the result."""
        raise NotImplementedError

    def constraints(self, x: Shape) -> Iterable[Constraint]:
        """What must hold of the input and the options."""
        return ()

    def weights(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        """The parameters in the order in which torch registers them, with their shapes."""
        return ()

    def buffers(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        return ()

    @property
    def insists(self) -> bool:
        """Whether its layer, built for a number of channels, refuses another one."""
        return self.infers

    def insists_on(self, x: Shape) -> tuple[int, ...]:
        """The axes, without the batch, whose sizes its layer, built for x, refuses to have otherwise."""
        return (x.channel_axis,) if self.insists else ()

    def built_for(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        """What its layer, built for x, refuses to have otherwise, though it has no weight of that size."""
        return ()

    def macs(self, x: Shape, y: Shape) -> Size:
        return 0

    def reads(self, x: Shape) -> tuple[Reads | None, ...]:
        """For each spatial axis of the result, what a position reads; None where that depends on the input's size.

        The statistics of a normalisation are not counted.
        """
        return (POINTWISE,) * x.rank

    def bias_macs(self, x: Shape, y: Shape) -> Size:
        """What a convention that counts biases adds to the MACs."""
        has_macs = type(self).macs is not Op.macs
        return product(y.sizes) if has_macs and any(name == "bias" for name, _ in self.weights(x)) else 0

    def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
        """The memory that a call takes beside its result."""
        return Footprint(keeps=self.keeps)

    def inferred(self, x: Shape) -> tuple[Size, ...]:
        """The leading constructor arguments that a spec never writes, because the input tells them."""
        return ()

    def torch_options(self, x: Shape) -> dict[str, Any]:
        """The op's own options as torch takes them."""
        return {name: getattr(self, name) for name in self.fields}

    def text_options(self, x: Shape) -> dict[str, Any]:
        """What the options of its `line` stand for."""
        return {name: getattr(self, name) for name in self.fields}

    def bare(self, x: Shape) -> tuple[tuple[Size, ...], Value] | None:
        """The shape of the parameter that its `line` uses, which is the class's own, and the value at which that starts."""
        return None

    # -- derived

    @classmethod
    @functools.cache
    def kind(cls, option: str) -> Kind:
        return KINDS[next(c.__annotations__[option] for c in cls.__mro__ if option in c.__dict__.get("__annotations__", {}))]

    @classmethod
    def first(cls) -> str:
        """The option that the value beside the op's name stands for, or ''."""
        return cls.fields[0] if cls.fields and cls.positional else ""

    @classmethod
    def torch_defaults(cls) -> dict[str, Any]:
        """torch's defaults; they are the spec's, except where an op says so."""
        return cls.defaults

    @classmethod
    def class_name(cls, rank: int) -> str:
        return cls.torch_class.replace("{n}", str(rank))

    def type_name(self, x: Shape) -> str:
        """The name of the class in torch.nn, or of the one that the generated module brings."""
        return self.class_name(x.rank) or type(self).__name__

    def constructor(self, x: Shape) -> tuple[tuple[Value, ...], dict[str, Value]]:
        """The positional and the keyword arguments that build this layer in torch, defaults left out."""
        options = self.torch_options(x)
        defaults = self.torch_defaults()
        given = {name: value for name, value in options.items() if name not in defaults or not same(value, defaults[name])}
        leading = []
        for name in self.fields[: self.positional]:
            if name not in given:
                break
            leading.append(given.pop(name))
        return (*self.inferred(x), *leading), given

    def evaluated(self, names: Any) -> Op:
        """The same op with the names in its options replaced."""
        return type(self)(*(evaluate(getattr(self, field), names) for field in self.fields))


def window_reads(windows: Iterable[tuple[Size, Size, Size, Size]]) -> tuple[Reads, ...]:
    """What windows of (kernel, stride, padding, dilation) read."""
    return tuple(
        Reads(stride, range(-padding, dilation * (kernel - 1) - padding + 1, dilation))
        for kernel, stride, padding, dilation in windows
    )


def list_constraints(op: Op, rank: int, *options: str) -> Iterable[Constraint]:
    """An option given as a list has one item for each spatial axis."""
    for option in options:
        value = getattr(op, option)
        if type(value) is tuple and len(value) != rank:
            yield Constraint(len(value), "==", rank, f"`{option}` lists {{left}} values for {{right}} spatial axes", option)


def batched_axis_constraints(x: Shape, option: str, dim: Size) -> Iterable[Constraint]:
    """An option that counts axes with the batch, from the end below 0, names one that is there."""
    count = len(x.sizes) + 1
    yield Constraint(count - 1, ">=", dim, f"`{option}` is {{right}}, but the value has axes 0 to {{left}}", option)
    yield Constraint(dim, ">=", -count, f"`{option}` is {{left}}, but the value has axes 0 to {count - 1}", option)


def value_axis_constraints(x: Shape, option: str, dim: Size) -> Iterable[Constraint]:
    """An option that counts axes with the batch names one that is there and is not the batch, whose images are not mixed."""
    yield from batched_axis_constraints(x, option, dim)
    sentence = f"`{option}` names axis 0, the batch, whose images are not mixed"
    yield Constraint(dim % (len(x.sizes) + 1), ">=", 1, sentence, option)


def reordered_reads(x: Shape, order: Iterable[int]) -> tuple[Reads, ...]:
    """What the spatial axes of a result read whose axes are those of x in an order."""
    return tuple(POINTWISE._replace(source=axis - (axis > x.channel_axis)) for axis in order if axis != x.channel_axis)


def reads_along(x: Shape, dim: Size) -> tuple[Reads | None, ...]:
    """What the spatial axes of a result read where the values along an axis, counted with the batch, are mixed."""
    mixed = dim % (len(x.sizes) + 1) - 1
    return tuple(None if axis == mixed else POINTWISE for axis in range(len(x.sizes)) if axis != x.channel_axis)


def axis_constraints(op: Op, rank: int, least: dict[str, int]) -> Iterable[Constraint]:
    """Each option's value on each axis is at least so much."""
    for option, bound in least.items():
        value = getattr(op, option)
        if value is None or known_at_least(value, bound):
            continue
        for item in axes(value, rank):
            yield Constraint(item, ">=", bound, f"`{option}` is {{left}}, and must be at least {{right}}", option)


def spatial_constraints(op: Op, x: Shape) -> Iterable[Constraint]:
    """The input has a channel axis first and one, two or three spatial axes."""
    count = len(x.sizes)
    if 2 <= count <= 4 and x.channel_axis == 0:
        return
    word = f"`{op.name}` takes channels and one to three spatial axes; this value has {count} in all"
    yield Constraint(count, ">=", 2, word, "", "it was flattened before: put the node above that")
    yield Constraint(4, ">=", count, word)
    word = f"`{op.name}` takes its channels on axis 1, behind the batch; here they are on another"
    yield Constraint(x.channel_axis, "==", 0, word, "", "put a `permute` before it that moves them there")
