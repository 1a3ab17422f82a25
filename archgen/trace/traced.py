"""What a trace has found: steps with the shapes that enter and leave them."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from archgen.arithmetic.expressions import Value
from archgen.diagnostics import Place, Problem
from archgen.graph.model import Input
from archgen.ops.base import Op
from archgen.ops.value import Shape
from archgen.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archgen.graph.model import Body


class Role(Enum):
    """What a step is in the module that is generated of it."""

    OP = "op"  # a layer of torch
    HELD = "held"  # a layer that an argument of the class holds
    BLOCK = "block"  # a call of a class
    CHAIN = "chain"  # a sequence
    COLLECT = "collect"  # blocks in a loop of `forward`, whose values are merged there
    COPIES = "copies"  # equal modules on one value in a loop of `forward`, merged there
    LINE = "line"  # an op that is said in `forward`
    CHOICE = "choice"  # on names: one module or another, which an argument decides
    MERGE = "merge"  # one of several values, said there
    SPLIT = "split"  # one that makes several values, said there
    ABSENT = "absent"  # left out: it hands its input on

    @property
    def is_called(self) -> bool:
        """Whether it is an attribute of its class that `forward` calls."""
        return self in (Role.OP, Role.HELD, Role.BLOCK, Role.CHAIN, Role.CHOICE)

    @property
    def is_said(self) -> bool:
        """Whether it is an expression of `forward`."""
        return self in (Role.LINE, Role.MERGE, Role.SPLIT)


class Traced(Record):
    """One step with what the trace knows of it. Repeats of a block share their children."""

    name: str
    type: str  # the class in the generated module; for a merge, its kind; for a line of `forward`, its op
    role: Role
    inputs: tuple[Shape, ...]
    output: Shape
    place: Place
    op: Op | None = None
    arguments: tuple[tuple[str, Value], ...] = ()
    children: tuple[Traced, ...] = ()
    condition: Value = True
    conditions: tuple[Value, ...] = ()  # of a merge's inputs
    values: tuple[Input, ...] = ()
    training: bool = False  # runs only while training
    count: Value = 0  # of a chain of blocks on names: how many, where that depends on an argument; the last is the repeated one
    parameters: int = 0
    buffers: int = 0
    macs: int = 0
    layers: int = 1
    parts: tuple[str, ...] = ()  # the names of its values, where it makes several
    outputs: tuple[Shape, ...] = ()  # and their shapes; `output` is then the first
    otherwise: Input | None = None  # on names: the value that stands for it where its condition does not hold
    again: str = ""  # the layer whose module it calls once more
    words: tuple[tuple[str, Value], ...] = ()  # on names: arguments that follow the number of a block, as the spec says them

    @property
    def attribute(self) -> str:
        """The attribute of its class that `forward` calls."""
        return self.again or self.name

    @property
    def said_of(self) -> Shape:
        """The first shape that its op takes: of copies what each gives, whose axes may be others than those that enter."""
        return self.children[0].output if self.role is Role.COPIES else self.inputs[0]

    @property
    def has_weights(self) -> bool:
        """Whether it trains something; what runs again counts the same weights no second time."""
        return self.parameters > 0 or (bool(self.again) and self.op is not None and bool(self.op.weights(self.inputs[0])))

    def unrolled(self, count: int) -> tuple[Traced, ...]:
        """The children of a chain on names, which has `count` of them on numbers: a loop's last child stands for the rest."""
        return self.children + self.children[-1:] * (count - len(self.children)) if self.count else self.children

    def named(self, name: str) -> Traced:
        """The same step under another name: `replace`, for a thousand blocks."""
        step = object.__new__(Traced)
        step.__dict__.update(self.__dict__)
        step.__dict__["name"] = name
        return step


def training_results(body: Body, steps: Sequence[Traced]) -> tuple[Input, ...]:
    """The values that leave a body while it trains only, without the heads that are left out."""
    absent = {number for number in body.heads if steps[number].role is Role.ABSENT}
    return tuple(value for value in body.training_results if value.value - 1 not in absent)


class TracedBody(Record):
    """A body's steps, what enters and leaves it, what its names stand for, and on numbers the same of every block called."""

    entering: tuple[Shape, ...]
    steps: tuple[Traced, ...]
    outputs: tuple[Shape, ...]
    names: dict[str, Value]
    totals: tuple[int, int, int, int] = (0, 0, 0, 0)  # parameters, buffers, MACs and layers
    calls: tuple[tuple[str, dict[str, Value]], ...] = ()
    keeping: frozenset[Place] = frozenset()  # nodes with `when` that keep the channels wherever they may be left out


class Stopped(Exception):
    """A step does not fit. `finished` are the steps before it, those of the open blocks among them."""

    def __init__(self, problem: Problem, finished: tuple[Traced, ...] = ()) -> None:
        super().__init__(problem.sentence)
        self.problem, self.finished = problem, finished
