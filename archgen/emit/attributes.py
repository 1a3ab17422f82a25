"""The text of a class's attributes: layers, sequences, calls of blocks and loops, with what must stand before them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen.arithmetic.evaluation import binary, evaluate
from archgen.arithmetic.expressions import (
    MOST_PARTS,
    Call,
    Expression,
    TooLong,
    Value,
    is_number,
    names_of,
    surely_read,
)
from archgen.arithmetic.spelling import PYTHON, calls, render
from archgen.diagnostics import Problem, SpecError
from archgen.emit.layout import Comprehension, Group, Text
from archgen.emit.plan import Assign, AtLeastOne, ClassPlan, Declare, Do, If
from archgen.emit.words import Words
from archgen.language.names import CONSTRUCTOR_NAMES, LANGUAGE_NAMES, Scope
from archgen.ops.base import Op
from archgen.ops.value import Shape, same
from archgen.trace.flow import follows_fresh
from archgen.trace.on_names import OPEN, sizes_entering
from archgen.trace.traced import Role
from archgen.trace.walk import spread

if TYPE_CHECKING:
    from archgen.emit.plan import Statement
    from archgen.graph.model import Body
    from archgen.trace.traced import Traced, TracedBody

MOST_POSITIONAL = 2  # numbers in a row that a call of a block gives without their names


class Attributes(Words):
    """Says modules in the constructor of one body. `callees` are the classes of the blocks that it calls."""

    def __init__(
        self,
        body: Body,
        traced: TracedBody,
        callees: dict[str, tuple[Body, ClassPlan]],
        samples: list[dict[str, Value]],
        on_numbers: TracedBody | None = None,
    ) -> None:
        super().__init__(body, traced, samples, on_numbers)
        self.callees = callees
        self.known_defaults: dict[str, dict[str, Value | None]] = {}
        self.in_place: dict[str, Value] = {}  # constants that are written out where they are read
        self.start()

    def start(self) -> None:
        self.statements: list[Statement] = []  # of the constructor
        self.needs: set[str] = set()  # the imports and helpers that the text says
        self.used: set[str] = set()
        self.locals = Scope(LANGUAGE_NAMES, CONSTRUCTOR_NAMES, self.traced.names)  # of the constructor
        self.list_name = self.locals.free("layers", "modules")
        self.sure: set[str] = set()  # of them those that the constructor reads whatever its arguments are
        self.perhaps = False  # whether what is said now may be passed over: it stands under an `if`, or in a loop
        self.checked: list[Value] = []  # the depths that are refused where they are below 1
        self.place = self.body.place

    def say(self, value: Value, rank: int | None = None) -> str:
        """Returns the Python text of a value and notes which names it uses; an op is for values of this rank."""
        if is_number(value):
            return render(value)
        value = self.specialised(self.written_out(value))
        if isinstance(value, Op):
            positional, named = value.constructor(Shape((1,)))
            positional = positional[:-1] if value.of_channels else positional  # whoever builds it gives the channels
            options = [*map(self.say, positional), *(f"{name}={self.say(option)}" for name, option in named.items())]
            layer = f"nn.{value.class_name(self.entering().rank if rank is None else rank)}"
            if not options:
                return layer
            self.needs.add("partial")
            return f"partial({', '.join([layer, *options])})"
        if isinstance(value, str):
            return f'"{value}"'
        if isinstance(value, tuple):
            return "(" + ", ".join(map(self.say, value)) + (",)" if len(value) == 1 else ")")
        found = names_of(value)
        if found & OPEN:
            sentence = f"only a call of `{self.body.name}` knows the sizes here: an op in an argument, or a depth, changes them"
            raise SpecError(Problem(self.place, sentence, "write the op in the block itself, or the depth as a number"))
        if isinstance(value, TooLong):
            sentence = f"a number that is needed here would be a formula of more than {MOST_PARTS} parts"
            raise SpecError(Problem(self.place, sentence, "shorten the expressions that it comes from, or write numbers there"))
        self.used |= found
        self.sure |= frozenset() if self.perhaps else surely_read(value)
        self.needs |= calls(value, PYTHON)
        return render(value)

    def written_out(self, value: Value) -> Value:
        if self.in_place.keys().isdisjoint(names_of(value)) or not isinstance(value, Expression):
            return value
        return evaluate(value, self.by_name(names_of(value)) | self.in_place)  # type: ignore[no-any-return]

    def apart(self, step: Traced, inplace: bool) -> tuple[Text, list[Statement]]:
        """Returns the text of a module and what must stand before it; where that goes is for the caller to say."""
        outside = self.statements, self.perhaps, self.checked
        self.statements, self.perhaps, self.checked = [], self.perhaps or step.condition is not True, [*self.checked]
        text = self.module(step, inplace)
        before = self.statements
        self.statements, self.perhaps, self.checked = outside
        return text, before

    def parameter(self, step: Traced) -> Text | None:
        """Returns the text of the parameter that a line of `forward` uses, if it uses one."""
        bare = step.op.bare(step.inputs[0]) if step.op else None
        if bare is None:
            return None
        shape, start = bare
        self.needs.add("torch")
        zeros = is_number(start) and not start
        value = Group("torch.zeros(", tuple(map(self.say, shape)), ")") if zeros else None
        return Group("nn.Parameter(", (value or Group("torch.full(", (self.say(shape), self.say(start)), ")"),), ")")

    def module(self, step: Traced, inplace: bool = False) -> Text:
        """Returns the text that builds a step's module."""
        if step.role is Role.OP:
            assert step.op is not None
            positional, named = step.op.constructor(step.inputs[0])
            if step.op.inplace and inplace:
                named = {**named, "inplace": True}
            items = [*map(self.say, positional), *(f"{name}={self.say(value)}" for name, value in named.items())]
            owner = "nn." if step.op.torch_class else ""
            self.needs |= set() if owner else {step.type}
            return Group(f"{owner}{step.type}(", tuple(items), ")")
        if step.role is Role.HELD:
            self.used.add(step.type)
            channels = (self.say(step.inputs[0].channels),) if self.holds_norm(step.type) else ()
            return Group(f"{step.type}(", channels, ")")
        if step.role is Role.BLOCK:
            return self.call(step)
        if step.role in (Role.COLLECT, Role.COPIES):
            blocks = tuple(self.loop(step)) if step.count else tuple(map(self.module, step.children))
            listed = blocks[0].replace(starred=False) if len(blocks) == 1 and isinstance(blocks[0], Comprehension) else None
            return Group("nn.ModuleList(", (listed or Group("[", blocks, "]", exploded=len(blocks) > 1),), ")")
        if step.count:
            loop = self.loop(step)
            return Group("nn.Sequential(", tuple(loop), ")", exploded=len(loop) > 1)
        plain = all(child.condition is True and child.name.isdecimal() for child in step.children)
        if step.children and step.children[0].role is Role.BLOCK and plain:
            return Group("nn.Sequential(", tuple(map(self.module, step.children)), ")", exploded=True)
        return self.chain(step)

    def chain(self, step: Traced) -> Text:
        """A sequence; children that may be left out are appended under an `if`, names of the author's are added by name."""
        children = [child for child in step.children if child.role is not Role.ABSENT]
        modules = [(child, *self.apart(child, follows_fresh(children, number))) for number, child in enumerate(children)]
        named = any(not child.name.isdecimal() for child in children)
        self.statements += [statement for child, _, before in modules if child.condition is True for statement in before]
        if not named and all(child.condition is True for child in children):
            return Group("nn.Sequential(", tuple(text for _, text, _ in modules), ")", exploded=True)
        variable = self.locals.take(self.list_name)
        self.statements.append(Assign(variable, "nn.Sequential()") if named else Declare(variable, "list[nn.Module]", "[]"))
        for child, text, before in modules:
            items: tuple[Text, ...] = (f'"{child.name}"', text) if named else (text,)
            added = Do(Group(f"{variable}.{'add_module' if named else 'append'}(", items, ")"))
            self.statements.append(added if child.condition is True else If(self.say(child.condition), (*before, added)))
        return variable if named else f"nn.Sequential(*{variable})"

    # ---- calls of blocks

    def arguments(self, step: Traced) -> tuple[list[Value], dict[str, Value]]:
        """The positional and keyword arguments of a call, as values: two say themselves what they are, as channels do."""
        body, written = self.callees[step.type]
        sizes = sizes_entering(body, step.inputs)
        defaults = self.defaults_of(body)
        words = dict(step.words)
        required: dict[str, Value] = {name: sizes[name] for name in written.inferred}
        named: dict[str, Value] = {}
        for name, value in step.arguments:  # in the order of the parameters
            if name in written.tuples:
                value = spread(value, written.rank)
            default = defaults[name]
            if default is None:
                required[name] = words.get(name, value)
            elif not same(value, default):
                named[name] = words.get(name, value)
        said = list(required)[:MOST_POSITIONAL]
        return [required.pop(name) for name in said], required | named

    def defaults_of(self, block: Body) -> dict[str, Value | None]:
        """The defaults of a block's arguments, which many calls ask for."""
        if block.name not in self.known_defaults:
            self.known_defaults[block.name] = {parameter.name: parameter.default for parameter in block.parameters}
        return self.known_defaults[block.name]

    def call(self, step: Traced) -> Text:
        positional, named = self.arguments(step)
        rank = step.inputs[0].rank
        items = [self.say(value, rank) for value in positional]
        items += [f"{key}={self.say(value, rank)}" for key, value in named.items()]
        return Group(f"{step.type}(", tuple(items), ")")

    def loop(self, step: Traced) -> list[Text]:
        """The items of a stage that has as many blocks as an expression says: the first if it differs, and the repeated one."""
        *before, repeated = step.children
        self.at_least_one(step.count)
        first = [self.module(child) for child in before]
        used, self.used, perhaps, self.perhaps = self.used, set(), self.perhaps, True
        text = self.module(repeated)
        turns, self.used, self.perhaps = "i" in self.used, used | (self.used - {"i"}), perhaps
        if not first:
            return [Comprehension(text, f"for {'i' if turns else '_'} in range({self.say(step.count)})")]
        count = self.say(step.count) if turns else self.say(binary("-", step.count, 1))
        return [*first, Comprehension(text, f"for i in range(1, {count})" if turns else f"for _ in range({count})")]

    def at_least_one(self, count: Value) -> None:
        """Refuses what the spec refuses: a stage without blocks would hand on other channels than those behind it expect."""
        if type(count) is int:
            return
        text = self.say(count)
        if isinstance(count, Call) and count.function == "max" and any(map(_is_positive, count.arguments)):
            return
        if any(_is_positive(binary("+", binary("-", count, least), 1)) for least in self.checked):
            return  # `n + 1`, where `n` was looked at
        self.checked.append(count)
        self.statements.append(AtLeastOne(f"({text})" if " if " in text else text))


def _is_positive(value: Value) -> bool:
    return type(value) is int and value >= 1
