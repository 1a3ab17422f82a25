"""A spec as it was read: frozen records, each with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeAlias

from archgen.arithmetic.expressions import Value
from archgen.diagnostics import Note, Place, Problem, Source
from archgen.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable


class TakenOut(Record):
    """A layer that a spec takes out of those that it extends: where it says so, and the texts that don't know of it."""

    uncompared: ClassVar[frozenset[str]] = frozenset()

    place: Place
    older: frozenset[Source]


class Argument(Record):
    """An option or argument as it was written; "" is the name of the value beside the kind."""

    name: str
    value: Value
    place: Place


class Reference(Record):
    """The name of a value that a node takes: a layer's, and of a layer with several values the name of one."""

    name: str
    place: Place
    part: str = ""

    @property
    def text(self) -> str:
        return f"{self.name}.{self.part}" if self.part else self.name


class Node(Record):
    """What every node may have: a condition, and the value it takes instead of the one before it."""

    when: Value | None
    sources: tuple[Reference, ...]
    place: Place


class Use(Node):
    """An op, a block, or an argument that holds an op. `first` changes or replaces the first of `depth` blocks.

    to: the value whose size it takes. collect: the merge of what enters and of every block's value, where that is meant and not
    the last block's alone; or ''.
    """

    kind: str
    arguments: tuple[Argument, ...] = ()
    depth: Value | None = None
    first: tuple[Argument, ...] | Use | None = None
    collect: str = ""
    to: Reference | None = None


class Layer(Record):
    """A named node. otherwise: a value or a node that stands for it where its `when` is false; by default what it takes.

    copies: of a branch, how many such branches the merge takes, each with weights of its own.
    """

    name: str
    node: AnyNode
    place: Place
    otherwise: Reference | AnyNode | None = None
    copies: Argument | None = None


Layers: TypeAlias = "tuple[Layer, ...]"
Way: TypeAlias = "tuple[str, ...]"  # the keys that lead to some layers of a spec


class Sequence(Node):
    """Modules in order; the names of a list are its indices."""

    layers: Layers = ()


class Residual(Node):
    """The sum of two ways from one value; `shortcut_first` tells which was written first."""

    residual: Layers = ()
    shortcut: Layers = ()
    shortcut_first: bool = False


class Merge(Node):
    """Branches from one value, or earlier values, made into one. `arguments` are the options of the op that does it."""

    kind: str = "add"
    branches: Layers = ()
    split: bool = False
    arguments: tuple[Argument, ...] = ()


class Parts(Node):
    """A value in several parts, which have names. `arguments` are the options of the op that makes them."""

    kind: str = "split"
    names: tuple[str, ...] = ()
    arguments: tuple[Argument, ...] = ()


class Again(Node):
    """An earlier layer, with its weights, on another value."""

    layer: Reference


AnyNode: TypeAlias = "Use | Sequence | Residual | Merge | Parts | Again"


class Parameter(Record):
    """An argument of a block or network: `type` is int, float, bool, op or list; `default` is None where one must be given."""

    name: str
    type: str
    default: Value | None
    place: Place


class Constant(Record):
    """A named expression of `let`."""

    name: str
    value: Value
    place: Place


class Block(Record):
    """inputs: the names of the values that enter, where several do; outputs: of those that leave, if not the last alone.

    register: the layers whose modules the class registers first, in this order.
    """

    name: str
    description: str
    paper: str
    parameters: tuple[Parameter, ...]
    constants: tuple[Constant, ...]
    layers: Layers
    place: Place
    inputs: tuple[Reference, ...] = ()
    outputs: tuple[Reference, ...] = ()
    register: tuple[Reference, ...] = ()


class Assertion(Record):
    text: str
    value: Value
    place: Place


class Default(Record):
    """Option defaults for every node of a kind."""

    kind: str
    arguments: tuple[Argument, ...]
    place: Place


class Entering(Record):
    """A value that enters a network, by its name, where there are several."""

    name: str
    shape: tuple[int, ...]
    place: Place


class Spec(Record):
    """input: the shape that enters, of the first value where several do. inputs: all of them then."""

    uncompared: ClassVar[frozenset[str]] = frozenset({"place", "notes", "idle"})

    name: str
    description: str
    input: tuple[int, ...]
    parameters: tuple[Parameter, ...]
    constants: tuple[Constant, ...]
    option_defaults: tuple[Default, ...]
    stem: Layers
    stages: Layers
    head: Layers
    outputs: tuple[Reference, ...]
    training_outputs: tuple[Reference, ...]
    assertions: tuple[Assertion, ...]
    blocks: tuple[Block, ...]
    notes: tuple[Note, ...]
    idle: tuple[Problem, ...]
    place: Place
    inputs: tuple[Entering, ...] = ()
    register: tuple[Reference, ...] = ()

    @property
    def layers(self) -> Layers:
        return self.stem + self.stages + self.head


def attributes(layers: Layers) -> Iterable[tuple[str, Place]]:
    """The names that become attributes of one class: residuals and branches have no module of their own."""
    for layer in layers:
        yield layer.name, layer.place
        if isinstance(layer.node, Residual):
            yield from attributes(layer.node.residual + layer.node.shortcut)
        elif isinstance(layer.node, Merge):
            yield from attributes(layer.node.branches)
