"""What a module says, decided and not yet written: the templates loop over it and print.

A statement names the macro of `statements.py.jinja` that writes it (`kind`). A value is a `layout.Text`, laid out when it is
written, for how wide a line may be is a matter of style.
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias

from archgen.emit.layout import Text
from archgen.records import Record


class Assign(Record):
    """`target = value  # comment`."""

    kind: ClassVar[str] = "assign"
    target: str
    value: Text
    comment: str = ""


class Declare(Record):
    """`target: type = value  # comment`."""

    kind: ClassVar[str] = "declare"
    target: str
    type: str
    value: Text
    comment: str = ""


class Do(Record):
    """A call for what it does: `layers.append(...)`."""

    kind: ClassVar[str] = "do"
    call: Text


class If(Record):
    """Statements under a condition."""

    kind: ClassVar[str] = "when"
    test: str
    then: tuple[Statement, ...]


class Either(Record):
    """Statements under a condition, and those for when it does not hold."""

    kind: ClassVar[str] = "either"
    test: str
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]


class Collect(Record):
    """Calls blocks one after the other, and keeps what enters the first and what each gives in a list."""

    kind: ClassVar[str] = "collect"
    values: str
    first: str
    block: str
    blocks: str


class TakeIn(Record):
    """What is done with each value of a list but the first."""

    kind: ClassVar[str] = "take_in"
    value: str
    values: str
    then: tuple[Statement, ...]


class AtLeastOne(Record):
    """Refuses a depth below 1."""

    kind: ClassVar[str] = "at_least_one"
    depth: str


class Return(Record):
    """What `forward` returns: a tuple where there is more than one value."""

    kind: ClassVar[str] = "give"
    values: tuple[str, ...]


Statement: TypeAlias = "Assign | Declare | Do | If | Either | Collect | TakeIn | AtLeastOne | Return"


class Argument(Record):
    """One of a constructor. default: '' where a call must give it."""

    name: str
    type: str
    default: str = ""

    @property
    def declared(self) -> str:
        """As the signature says it."""
        return f"{self.name}: {self.type}" + (f" = {self.default}" if self.default else "")


class ClassPlan(Record):
    """A class: its words, its two methods, and what the calls of it must know.

    description: '' where the spec says nothing. shapes: what enters and what leaves. needs: the imported names and the helpers
    that its code says.
    """

    name: str
    description: str
    shapes: str
    arguments: tuple[Argument, ...]
    init: tuple[Statement, ...]
    forward: tuple[Statement, ...]
    returns: str
    needs: frozenset[str]
    inputs: tuple[str, ...]  # what `forward` takes
    inferred: tuple[str, ...]  # the sizes of the input that the constructor takes first
    rank: int
    tuples: frozenset[str]  # arguments that are always passed as a tuple

    @property
    def declared(self) -> list[str]:
        """The arguments as the signature says them."""
        return [argument.declared for argument in self.arguments]

    @property
    def taken(self) -> list[str]:
        """What `forward` takes, as its signature says it."""
        return [f"{name}: Tensor" for name in self.inputs]


class ModulePlan(Record):
    """A file. header: the two lines above its seal. contract: which inputs the network takes, '' where that is not known."""

    name: str
    header: tuple[str, ...]
    description: str
    contract: str
    imports: tuple[str, ...]
    helpers: tuple[str, ...]
    classes: tuple[ClassPlan, ...]
