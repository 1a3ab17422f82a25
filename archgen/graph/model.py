"""A network as steps: each is a node that takes the values of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol, TypeAlias, TypeVar

from archgen.arithmetic.expressions import Value
from archgen.diagnostics import Note, Place
from archgen.language import model
from archgen.ops import MergeOp, Op, PartsOp, Shape
from archgen.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence


class _HasName(Protocol):
    @property
    def name(self) -> str: ...


Named = TypeVar("Named", bound=_HasName)


class Apply(Record):
    """An op with its options; which of them wait for names, and where each was written; whether it is a line of `forward`."""

    uncompared: ClassVar[frozenset[str]] = frozenset({"places"})

    op: Op
    dynamic: tuple[str, ...]
    places: tuple[tuple[str, Place], ...]
    line: bool = False


class Hold(Record):
    """The op that an argument of the block holds."""

    parameter: str


class Call(Record):
    """A block with its arguments, each with its place."""

    block: str
    arguments: tuple[tuple[str, Value, Place], ...]


class Repeat(Record):
    """Blocks in order, as `nn.Sequential`: the first, then the others. before: how many `depths` of its body come before it.

    collect: what makes one value of that which enters and of every block's, where not the last block's alone goes on.
    """

    count: Value
    first: Apply | Hold | Call
    others: Call
    before: int
    collect: MergeOp | None = None


class Copies(Record):
    """So many equal nodes on one value, as `nn.ModuleList`, and what makes one value of theirs."""

    count: Value
    node: Apply | Hold | Call | Chain
    op: MergeOp


class Chain(Record):
    """Nodes in order, as `nn.Sequential`. Each step takes the value before it."""

    steps: tuple[Step, ...]


class Merge(Record):
    """Values made into one. A condition that is false leaves its branch out.

    bare: it is the sum of a residual without a shortcut. The rest is as in `Apply`.
    """

    uncompared: ClassVar[frozenset[str]] = frozenset({"places"})

    op: MergeOp
    conditions: tuple[Value, ...]
    bare: bool = False
    dynamic: tuple[str, ...] = ()
    places: tuple[tuple[str, Place], ...] = ()


class Split(Record):
    """A value in several parts, which have names. The rest is as in `Apply`."""

    uncompared: ClassVar[frozenset[str]] = frozenset({"places"})

    op: PartsOp
    names: tuple[str, ...]
    dynamic: tuple[str, ...] = ()
    places: tuple[tuple[str, Place], ...] = ()


class Again(Record):
    """An earlier step of the same body, which runs again: its number, and its node."""

    step: int
    node: AnyNode


AnyNode: TypeAlias = "Apply | Hold | Call | Repeat | Copies | Chain | Merge | Split | Again"


class Input(NamedTuple):  # no record: each analysis looks values up by it
    """A value of the body, or one part of it if it was split."""

    value: int
    part: int = -1


class Step(Record):
    name: str
    node: AnyNode
    inputs: tuple[Input, ...]
    when: Value
    place: Place
    training: bool = False  # only the outputs of training need it
    optional: bool = False  # left out, it gives no value: a merge goes without it, and so do the outputs of training
    otherwise: Input | None = None  # the value that it hands on where it is left out; by default its first
    alternative: AnyNode | None = None  # the node that runs where it is left out

    @property
    def read(self) -> tuple[Input, ...]:
        """All values that it may read."""
        return self.inputs if self.otherwise is None else (*self.inputs, self.otherwise)

    @property
    def handed_on(self) -> Input:
        """The value that it hands on where it is left out."""
        return self.inputs[0] if self.otherwise is None else self.otherwise


class Body(Record):
    """A block, or the network. `results` are the values that leave it, `training_results` follow while training.

    depths: of its repeated blocks, in order. inputs: the names of the values that enter, which are then the parts of value 0;
    none, where there is one alone. outputs: the names of those that leave a block, where they are several. register: the layers
    that the class registers first, in this order.
    """

    name: str
    description: str
    parameters: tuple[model.Parameter, ...]
    constants: tuple[model.Constant, ...]
    steps: tuple[Step, ...]
    results: tuple[Input, ...]
    training_results: tuple[Input, ...]
    depths: tuple[Value, ...]
    from_library: bool
    place: Place
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    register: tuple[str, ...] = ()

    def registered(self, steps: Sequence[Named]) -> list[Named]:
        """Its steps in the order in which its class registers their modules: those that `register` names come first."""
        return sorted(
            steps, key=lambda step: self.register.index(step.name) if step.name in self.register else len(self.register)
        )

    @property
    def heads(self) -> frozenset[int]:
        """The steps whose values leave while training, and that may be left out."""
        given = (value.value - 1 for value in self.training_results if value.value)
        return frozenset(number for number in given if self.steps[number].optional)

    @property
    def takes(self) -> int:
        """How many values it takes."""
        return len(self.inputs) or 1


class Graph(Record):
    """The network, and the blocks that it uses in an order in which each comes after those it calls.

    entering: the shapes of the values that enter the network, as the spec says them.
    with_defaults: the kinds that some node takes option defaults for.
    notes: what is allowed and seldom meant, beside the spec's own notes.
    """

    network: Body
    blocks: dict[str, Body]
    with_defaults: frozenset[str]
    notes: tuple[Note, ...]
    entering: tuple[Shape, ...]

    def at(self, first: Shape) -> tuple[Shape, ...]:
        """The shapes that enter where the first is this: those that have its sizes in the spec have them here too.

        One with two axes may be a sequence as well as a signal: its author has said in which order they stand.
        """
        own, *others = self.entering
        here = (first, *(Shape((x.channels, *first.spatial)) if x.spatial == own.spatial else x for x in others))
        return tuple(x._replace(arranged=x.rank == 1) for x in here)

    def shapes(self, first: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        """The same as plain numbers."""
        return tuple(x.sizes for x in self.at(Shape(first)))

    def named(self, first: tuple[int, ...]) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """The same by their names; nothing where one value enters alone."""
        return tuple(zip(self.network.inputs, self.shapes(first)))

    def without_texts(self) -> Graph:
        """The same with "x" for every free text of its author."""
        blocks = {name: block.replace(description="x") for name, block in self.blocks.items()}
        return self.replace(network=self.network.replace(description="x"), blocks=blocks)
