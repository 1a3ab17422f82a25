"""What an op is: one frozen record, from which everything else is derived.

The fields of an op are the keyword names and defaults of the `torch.nn` class that it stands for. Its rules are plain
arithmetic and never check: they run alike on numbers (the report) and on expressions (the generated code). What must hold of
its input and its options is data beside the rules, in `claims`.

Convention for cost: MACs are the multiply-accumulates of convolutions, linear layers and attention products; bias and
normalisation are not counted. That is exactly half of what `torch.utils.flop_counter.FlopCounterMode` counts.
"""

from __future__ import annotations

import functools
import math
import re
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias

from archgen.diagnostics import MOST_NAMES
from archgen.expressions import Expression, Index, ManyName, Value, evaluate, is_number, names_of
from archgen.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAC_CONVENTION = "MACs: multiply-accumulates of convolutions and linear layers; bias and normalisation not counted"

MAC_CONVENTION_WITH_BIAS = (
    "MACs: multiply-accumulates of convolutions and linear layers, one more for each output to which a bias is added; "
    "normalisation not counted"
)

Size: TypeAlias = Any  # an int, or an Expression; the rules do not care which
Int: TypeAlias = Any
PerAxis: TypeAlias = Any  # one value for every spatial axis, or a list with one for each
Padding: TypeAlias = Any  # the same, or one of the words of torch.nn.Conv2d
Ints: TypeAlias = Any
Axis: TypeAlias = Any  # the number of an axis: the rank of the result hangs on it, so it never waits for a name
Axes: TypeAlias = Any
Real: TypeAlias = Any
Bool: TypeAlias = Any
Word: TypeAlias = Any


class Shape(NamedTuple):
    """The shape of a value without the batch: `sizes[channel_axis]` counts channels or features, the others are spatial."""

    sizes: tuple[Size, ...]
    channel_axis: int = 0

    @property
    def channels(self) -> Size:
        return self.sizes[self.channel_axis]

    @property
    def spatial(self) -> tuple[Size, ...]:
        return self.sizes[: self.channel_axis] + self.sizes[self.channel_axis + 1 :]

    @property
    def rank(self) -> int:
        """The number of spatial axes."""
        return len(self.sizes) - 1

    def with_channels(self, channels: Size) -> Shape:
        sizes, axis = self.sizes, self.channel_axis
        return Shape((*sizes[:axis], channels, *sizes[axis + 1 :]), axis)

    def with_spatial(self, spatial: Iterable[Size]) -> Shape:
        """Replaces the spatial sizes of a shape whose channels come first."""
        return Shape((self.sizes[0], *spatial))


class Claim(NamedTuple):
    """Something that must hold: `left relation right`. The sentence may name `{left}` and `{right}`; `option` is to blame."""

    left: Size
    relation: str  # ">=", "==", "divides", or "broadcasts": equal, or one of them 1
    right: Size
    sentence: str
    option: str = ""
    help: str = ""

    def holds(self) -> bool:
        """Judges a claim about numbers."""
        if self.relation == ">=":
            return bool(self.left >= self.right)
        if self.relation == "==":
            return bool(self.left == self.right)
        if self.relation == "broadcasts":
            return bool(self.left == self.right or 1 in (self.left, self.right))
        return bool(self.left) and self.right % self.left == 0

    def text(self) -> str:
        return self.sentence.format(left=self.left, right=self.right)


class Reads(NamedTuple):
    """What an output position reads along one spatial axis: position i reads every j with j * up = i * stride + tap.

    A convolution has a tap for each place of its kernel; one that is transposed divides instead (`up` is its stride).
    taps: in rising order. source: the spatial axis of the input, where the op moves axes; -1: the axis with the same number.
    """

    stride: int
    taps: Sequence[int]
    up: int = 1
    source: int = -1


POINTWISE = Reads(1, (0,))
MOST_DIVIDED = 4096  # channels whose divisors are looked for
MOST_PHASES = 4096  # positions in a row that read differently; beyond, what they read is not worked out


class Mode(NamedTuple):
    """How a call runs. gradient: whether a backward pass will come to it; further: whether that goes on to its input."""

    training: bool = False
    gradient: bool = False
    further: bool = False


class Footprint(NamedTuple):
    """What a call of an op takes in memory in torch's eager mode, beside its result and parameters.

    shared: the result is the memory of the input, so the call makes nothing new.
    view: the result is a view of what the call makes: where it is overwritten, its gradient is copied twice on the way back.
    keeps: `input`, `output`: what the backward pass needs of them.
    image, batch: how many further values of the activations' type it makes, for each image and for the batch; indices: how many
    int64 values for each image. They are kept for the backward pass, or thrown away where there is none.
    passing: how many values for each image the call throws away in any case.
    back: how many the backward pass throws away, beside the gradient of the input.
    first, between: where the call makes another tensor of the input first, of so many values for each image, the footprint of
    that; all else is then said of a call that takes that tensor.
    """

    shared: bool = False
    view: bool = False
    keeps: tuple[str, ...] = ()
    image: Size = 0
    batch: Size = 0
    indices: Size = 0
    passing: Size = 0
    back: Size = 0
    first: Footprint | None = None
    between: Size = 0


SHARED = Footprint(shared=True)


_NUMBER = re.compile(r"-?[0-9.][0-9._e+-]*", re.IGNORECASE)


class Kind(NamedTuple):
    """What an option's value may be: the test on an evaluated value, its name in a sentence, and its JSON Schema."""

    article: str
    schema: dict[str, Any]
    literal: bool = False  # the shape rule counts with it, so it can't wait for a name

    def refuses(self, value: Value, rank: int) -> str:
        """Returns the reason why an evaluated value is none of this kind, or ''; the rank is 0 where none is known yet."""
        if isinstance(value, Expression) or (self.literal and names_of(value)):
            counted = self.literal or self.article == "a list of integers"
            return f"takes {self.article} written out" if counted and rank and names_of(value) else ""
        if type(value) is int and self.article in _INTEGERS:
            return ""
        return "" if _TESTS[self.article](value) else f"takes {self.article}"

    def instead(self, value: Value, text: str) -> str:
        """Returns what to write for a value that is refused, if that is plain; `text` is how it was written."""
        if self.article == "true or false" and type(value) is int and value in (0, 1):
            return f"write `{'true' if value else 'false'}`"
        if type(value) is not float or self.article not in _INTEGERS or not text:
            return ""
        if "/" in text and "//" not in text:
            return "`//` divides and rounds down, to an integer"
        if not _NUMBER.fullmatch(text):
            return f"write `round({text})`"
        return f"write `{int(value)}`" if value.is_integer() else ""


def _ints(value: Value) -> bool:
    return type(value) is tuple and all(type(item) is int or isinstance(item, Expression) for item in value)


_PADDING = "an integer, a list with one for each axis, `same` or `valid`"
_TESTS: dict[str, Any] = {
    "an integer": lambda value: type(value) is int,
    "an integer, or a list with one for each axis": lambda value: type(value) is int or _ints(value),
    _PADDING: lambda value: type(value) is int or _ints(value) or value in ("same", "valid"),
    "a list of integers": _ints,
    "a number": is_number,
    "true or false": lambda value: type(value) is bool,
    "a word": lambda value: type(value) is str,
}
_INTEGERS = ("an integer", "an integer, or a list with one for each axis", _PADDING, "a number")
_INTEGER = {"type": ["integer", "string"]}
KINDS: dict[str, Kind] = {
    "Int": Kind("an integer", _INTEGER),
    "PerAxis": Kind(
        "an integer, or a list with one for each axis", {"type": ["integer", "string", "array"], "items": _INTEGER}
    ),
    "Padding": Kind(_PADDING, {"type": ["integer", "string", "array"], "items": _INTEGER}),
    "Ints": Kind("a list of integers", {"type": ["array", "string"], "items": _INTEGER}),
    "Axis": Kind("an integer", _INTEGER, literal=True),
    "Axes": Kind("a list of integers", {"type": ["array", "string"], "items": _INTEGER}, literal=True),
    "Real": Kind("a number", {"type": ["number", "string"]}),
    "Bool": Kind("true or false", {"type": ["boolean", "string"]}),
    "Word": Kind("a word", {"type": "string"}),
}


class Op(Record):
    """The base of every op. A subclass says its name, its torch class and its rules; one that lacks a shape rule fails here."""

    name: ClassVar[str] = ""  # in a spec: torch.nn.functional's, without the dimension
    torch_class: ClassVar[str] = ""  # `{n}` stands for the number of spatial axes; "" where torch has no class
    module_source: ClassVar[str] = ""  # the class that the generated module brings where torch has none
    line: ClassVar[str] = (
        ""  # the op as an expression of `forward`, outside a sequence: `{x}` is its input, `{own}` its parameter
    )
    positional: ClassVar[int] = 1  # how many of the own fields a person writes without their keyword
    example: ClassVar[str] = ""  # a node as a spec writes it; "" where its name alone is one
    words: ClassVar[dict[str, tuple[str, ...]]] = {}  # the words that an option may be
    infers: ClassVar[bool] = False  # takes sizes from its input, so it can't be built before that is known
    fresh: ClassVar[bool] = False  # makes a new tensor that its own backward does not need: what follows may overwrite it
    inplace: ClassVar[bool] = False  # the torch class takes `inplace`
    keeps: ClassVar[tuple[str, ...]] = ()  # which of `input` and `output` the backward pass needs
    inplace_keeps_output: ClassVar[bool] = False  # in place it needs the output alone; the rest then keep a copy of the input
    registry: ClassVar[dict[str, type[Op]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.__init__ = Record.__init__  # type: ignore[method-assign]
        if cls.name:
            if cls.output is Op.output:
                raise TypeError(f"{cls.__name__} has no shape rule")
            Op.registry[cls.name] = cls

    # -- rules

    def output(self, x: Shape) -> Shape:
        """The shape of the result."""
        raise NotImplementedError

    def claims(self, x: Shape) -> Iterable[Claim]:
        """What must hold of the input and the options."""
        return ()

    def weights(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
        """The parameters in the order in which torch registers them, with their shapes."""
        return ()

    def buffers(self, x: Shape) -> tuple[tuple[str, tuple[Size, ...]], ...]:
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

    def line_text(self, x: str, own: str) -> str:
        """The op as an expression of `forward`. `x`: the variable that it takes; `own`: its parameter."""
        return self.line.format(x=x, own=own, **{name: getattr(self, name) for name in self.fields})

    def evaluated(self, names: Any) -> Op:
        """The same op with the names in its options replaced."""
        return type(self)(*(evaluate(getattr(self, field), names) for field in self.fields))


def same(left: Value, right: Value) -> bool:
    return type(left) is type(right) and left == right


def axes(value: PerAxis, rank: int) -> tuple[Size, ...]:
    """Spreads an option over the spatial axes."""
    if type(value) is int:
        return (value,) * rank
    if type(value) is tuple:
        return value
    if isinstance(value, ManyName):
        return tuple(Index(value, axis) for axis in range(rank))
    return (value,) * rank


def together(values: tuple[Size, ...]) -> PerAxis:
    """Undoes `axes`: one value where all are the same."""
    return values[0] if values and all(same(value, values[0]) for value in values) else values


def window_reads(windows: Iterable[tuple[Size, Size, Size, Size]]) -> tuple[Reads, ...]:
    """What windows of (kernel, stride, padding, dilation) read."""
    return tuple(
        Reads(stride, range(-padding, dilation * (kernel - 1) - padding + 1, dilation))
        for kernel, stride, padding, dilation in windows
    )


def product(values: Iterable[Size]) -> Size:
    total: Size = 1
    for value in values:
        total = total * value
    return total


def known_at_least(left: Size, right: Size) -> bool:
    """Whether two numbers satisfy a bound. A claim that holds of plain numbers is not worth making: every layer passes here."""
    return type(left) is int and type(right) is int and left >= right


def divisors(refused: Size, *counts: Size) -> str:
    """Returns a help that lists what divides some numbers, where one that is given does not and few do."""
    if any(type(number) is not int for number in (refused, *counts)) or (
        refused and not any(count % refused for count in counts)
    ):
        return ""
    common = math.gcd(*counts)
    found = [number for number in range(1, min(common, MOST_DIVIDED) + 1) if common % number == 0]
    if common > MOST_DIVIDED or not 0 < len(found) <= MOST_NAMES:
        return ""
    *most, last = map(str, found)
    told = f"{', '.join(most)} and {last} divide" if most else "only 1 divides"
    return f"{told} {'both' if len(set(counts)) > 1 else 'them'}"


def list_claims(op: Op, rank: int, *options: str) -> Iterable[Claim]:
    """An option given as a list has one item for each spatial axis."""
    for option in options:
        value = getattr(op, option)
        if type(value) is tuple and len(value) != rank:
            yield Claim(len(value), "==", rank, f"`{option}` lists {{left}} values for {{right}} spatial axes", option)


def axis_claims(op: Op, rank: int, least: dict[str, int]) -> Iterable[Claim]:
    """Each option's value on each axis is at least so much."""
    for option, bound in least.items():
        value = getattr(op, option)
        if value is None or known_at_least(value, bound):
            continue
        for item in axes(value, rank):
            yield Claim(item, ">=", bound, f"`{option}` is {{left}}, and must be at least {{right}}", option)


def spatial_claims(op: Op, x: Shape) -> Iterable[Claim]:
    """The input has a channel axis first and one, two or three spatial axes."""
    count = len(x.sizes)
    if 2 <= count <= 4 and x.channel_axis == 0:
        return
    word = f"`{op.name}` takes channels and one to three spatial axes; this value has {count} in all"
    yield Claim(count, ">=", 2, word, "", "it was flattened before: put the node above that")
    yield Claim(4, ">=", count, word)
    word = f"`{op.name}` takes its channels on axis 1, behind the batch; here they are on another"
    yield Claim(x.channel_axis, "==", 0, word, "", "put a `permute` before it that moves them there")
