"""A body as a class: its docstring, signature, `__init__` and `forward`, all text made from the trace on names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen.arithmetic.evaluation import binary, evaluate
from archgen.arithmetic.expressions import (
    MOST_PARTS,
    Call,
    Expression,
    Name,
    TooLong,
    Value,
    is_number,
    may_fail,
    names_of,
    surely_read,
)
from archgen.arithmetic.spelling import render
from archgen.diagnostics import Problem, SpecError
from archgen.emit.forward import Forward
from archgen.emit.layout import Comprehension, Group, Text, docstring, lines, statement
from archgen.emit.words import Words
from archgen.language.names import CONSTRUCTOR_NAMES, LANGUAGE_NAMES, Scope
from archgen.ops.base import Op
from archgen.ops.value import Shape, same
from archgen.records import Record
from archgen.trace.flow import follows_fresh
from archgen.trace.on_names import OPEN
from archgen.trace.traced import AXIS_NAMES
from archgen.trace.walk import spread

if TYPE_CHECKING:
    from archgen.graph.model import Body
    from archgen.language.model import Parameter
    from archgen.trace.traced import Traced, TracedBody

_TYPES = {"int": "int", "float": "float", "bool": "bool", "op": "Callable[[], nn.Module]"}
_INFERRED = ("in_channels", "in_length", "in_depth", "in_height", "in_width")
MOST_POSITIONAL = 2  # numbers in a row that a call of a block gives without their names


class ClassText(Record):
    """The lines of a class, and what callers must know of its constructor."""

    name: str
    docstring: tuple[str, ...]
    init: tuple[str, ...]
    forward: tuple[str, ...]
    returns: str
    inferred: tuple[str, ...]  # the sizes of the input that the constructor takes first
    rank: int
    tuples: frozenset[str]  # arguments that are always passed as a tuple


class ClassBuilder(Words):
    """Builds the class of one body. `callees` are the classes of the blocks that it calls."""

    def __init__(
        self,
        body: Body,
        traced: TracedBody,
        callees: dict[str, tuple[Body, ClassText]],
        samples: list[dict[str, Value]],
        width: int,
        on_numbers: TracedBody | None = None,
    ) -> None:
        super().__init__(body, traced, samples, on_numbers)
        self.callees, self.width = callees, width
        self.known_defaults: dict[str, dict[str, Value | None]] = {}
        self.in_place: dict[str, Value] = {}  # constants that are written out where they are read
        self.start()

    def start(self) -> None:
        self.lines: list[str] = []
        self.used: set[str] = set()
        self.locals = Scope(LANGUAGE_NAMES, CONSTRUCTOR_NAMES, self.traced.names)  # of the constructor
        self.list_name = self.locals.free("layers", "modules")
        self.sure: set[str] = set()  # of them those that the constructor reads whatever its arguments are
        self.perhaps = False  # whether what is said now may be passed over: it stands under an `if`, or in a loop
        self.checked: list[Value] = []  # the depths that are refused where they are below 1
        self.place = self.body.place

    def build(self) -> ClassText:
        """Builds the class; anew where constants that may have no value are read under a condition alone.

        The spec works out a constant where it is read, so the class must not do it before: these lose their line.
        """
        found = self.written()
        unsure = [constant for constant in self.may_fail() if constant in self.used - self.sure]
        for constant in self.body.constants:
            if constant.name in unsure:
                self.in_place[constant.name] = evaluate(constant.value, {**self.traced.names, **self.in_place})
        if unsure:
            self.start()
            found = self.written()
        return found

    def may_fail(self) -> set[str]:
        """The constants that have no value for some arguments."""
        found: set[str] = set()
        for constant in self.body.constants:
            value = evaluate(constant.value, self.traced.names) if self.is_named(constant.name) else 0
            if may_fail(value) or names_of(value) & found:
                found.add(constant.name)
        return found

    def is_named(self, constant: str) -> bool:
        """Whether a constant has a name in the class: a number is written where it is used."""
        return isinstance(self.traced.names[constant], Name) and constant not in self.in_place

    def written(self) -> ClassText:
        steps = self.traced.steps
        forward = Forward(steps, self.body.results, self.body.training_results, self.width, self.shape_comment)
        forward_lines = forward.build()
        for number, step in enumerate(steps):
            self.attribute(number, step, forward)
        constants = self.constants()
        inferred = tuple(name for name in _INFERRED if name in self.used)
        if self.on_numbers is not None:
            inferred = ("in_channels",)
        entering = self.entering()
        return ClassText(
            name=self.body.name,
            docstring=tuple(docstring(self.documentation(), 4, self.width)),
            init=(*self.signature(inferred), "        super().__init__()", *constants, *self.lines),
            forward=tuple(forward_lines),
            returns=self.returns(),
            inferred=inferred,
            rank=entering.rank,
            tuples=frozenset(p.name for p in self.body.parameters if self.is_many(p.name)),
        )

    def returns(self) -> str:
        """The type of what `forward` returns; while training there may be more."""
        count, more = len(self.body.results), len(self.body.training_results)
        found = _tensors(count)
        return f"{found} | {_tensors(count + more)}" if more else found

    # ---- values

    def say(self, value: Value, rank: int | None = None) -> str:
        """Returns the Python text of a value and notes which names it uses; an op is for values of this rank."""
        if is_number(value):
            return render(value)
        value = self.specialised(self.written_out(value))
        if isinstance(value, Op):
            positional, named = value.constructor(Shape((1,)))
            options = [*map(self.say, positional), *(f"{name}={self.say(option)}" for name, option in named.items())]
            layer = f"nn.{value.class_name(self.entering().rank if rank is None else rank)}"
            return f"partial({', '.join([layer, *options])})" if options else layer
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
        return render(value)

    def written_out(self, value: Value) -> Value:
        if self.in_place.keys().isdisjoint(names_of(value)) or not isinstance(value, Expression):
            return value
        return evaluate(value, self.by_name(names_of(value)) | self.in_place)  # type: ignore[no-any-return]

    # ---- __init__

    def signature(self, inferred: tuple[str, ...]) -> list[str]:
        default = f" = {self.body_input()[0]}" if self.on_numbers is not None else ""
        first = [f"{name}: int{default}" for name in inferred]
        required, optional = [], []
        for parameter in self.body.parameters:
            if not self.is_kept(parameter.name):
                continue
            text = f"{parameter.name}: {self.type_text(parameter)}"
            if parameter.default is None:
                required.append(text)
            else:
                optional.append(f"{text} = {self.say(self.defaults[parameter.name])}")
        items = ["self", *first, *required, *optional] if not default else ["self", *required, *first, *optional]
        return lines(Group("def __init__(", tuple(items), ") -> None:"), 4, self.width)

    def type_text(self, parameter: Parameter) -> str:
        if parameter.type != "list" and not self.is_many(parameter.name):
            return _TYPES[parameter.type]
        given = [parameter.default, *(sample.get(parameter.name) for sample in self.samples)]
        lists = [value for value in given if type(value) is tuple]
        item = "float" if any(type(item) is float for value in lists for item in value) else "int"
        rank = self.entering().rank
        each_axis = self.is_many(parameter.name) and {len(value) for value in lists} <= {rank}
        return f"tuple[{', '.join([item] * rank) if each_axis else f'{item}, ...'}]"

    def constants(self) -> list[str]:
        """The constants that something reads, each before its readers."""
        kept: list[list[str]] = []
        for constant in reversed(self.body.constants):
            if constant.name not in self.used or not self.is_named(constant.name):
                continue
            self.perhaps = constant.name not in self.sure
            value = evaluate(constant.value, self.traced.names)
            kept.insert(0, statement(constant.name, self.say(value), 8, self.width))
        return [line for part in kept for line in part]

    def attribute(self, number: int, step: Traced, forward: Forward) -> None:
        self.place = step.place
        for kept, value in forward.kept.get(step.name, ()):
            self.lines += statement(kept, self.say(value), 8, self.width)
        if step.role in ("absent", "split"):
            return
        if step.role == "merge":
            if step.name in forward.conditions:
                self.lines += statement(forward.conditions[step.name], self.say(step.condition), 8, self.width)
            if any(isinstance(condition, Expression) for condition in step.conditions):
                sentence = "a class has all of a merge's branches or not: the `when` of a branch can't depend on an argument"
                raise SpecError(Problem(step.place, sentence, "write a second block without the branch"))
            return
        target = f"self.{step.name}"
        if step.role == "line":
            if parameter := self.parameter(step):
                self.lines += statement(target, parameter, 8, self.width)
            return
        inplace = forward.may_overwrite(number)
        if step.condition is True:
            self.lines += statement(target, self.module(step, inplace), 8, self.width)
            return
        self.lines.append(f"        if {self.say(step.condition)}:")
        text, before = self.apart(step, inplace)
        self.lines += _indented(before) + statement(f"{target}: nn.Module", text, 12, self.width)
        self.lines += ["        else:", f"            {target} = nn.Identity()"]

    def apart(self, step: Traced, inplace: bool) -> tuple[Text, list[str]]:
        """Returns the text of a module and the lines that it needs before it; where those go is for the caller to say."""
        outside = self.lines, self.perhaps, self.checked
        self.lines, self.perhaps, self.checked = [], self.perhaps or step.condition is not True, [*self.checked]
        text = self.module(step, inplace)
        before = self.lines
        self.lines, self.perhaps, self.checked = outside
        return text, before

    def parameter(self, step: Traced) -> Text | None:
        """Returns the text of the parameter that a line of `forward` uses, if it uses one."""
        bare = step.op.bare(step.inputs[0]) if step.op else None
        if bare is None:
            return None
        shape, start = bare
        return Group("nn.Parameter(", (Group("torch.full(", (self.say(shape), self.say(start)), ")"),), ")")

    def module(self, step: Traced, inplace: bool = False) -> Text:
        """Returns the text that builds a step's module."""
        if step.role == "op":
            assert step.op is not None
            positional, named = step.op.constructor(step.inputs[0])
            if step.op.inplace and inplace:
                named = {**named, "inplace": True}
            items = [*map(self.say, positional), *(f"{name}={self.say(value)}" for name, value in named.items())]
            owner = "nn." if step.op.torch_class else ""
            return Group(f"{owner}{step.type}(", tuple(items), ")")
        if step.role == "held":
            self.used.add(step.type)
            return f"{step.type}()"
        if step.role == "block":
            return self.call(step)
        if step.count:
            loop = self.loop(step)
            return Group("nn.Sequential(", tuple(loop), ")", exploded=len(loop) > 1)
        plain = all(child.condition is True and child.name.isdecimal() for child in step.children)
        if step.children and step.children[0].role == "block" and plain:
            return Group("nn.Sequential(", tuple(map(self.module, step.children)), ")", exploded=True)
        return self.chain(step)

    def chain(self, step: Traced) -> Text:
        """A sequence; children that may be left out are appended under an `if`, names of the author's are added by name."""
        children = [child for child in step.children if child.role != "absent"]
        modules = [(child, *self.apart(child, follows_fresh(children, number))) for number, child in enumerate(children)]
        named = any(not child.name.isdecimal() for child in children)
        self.lines += [line for child, _, before in modules if child.condition is True for line in before]
        if not named and all(child.condition is True for child in children):
            return Group("nn.Sequential(", tuple(text for _, text, _ in modules), ")", exploded=True)
        variable = self.locals.take(self.list_name)
        self.lines.append(f"        {variable}" + (" = nn.Sequential()" if named else ": list[nn.Module] = []"))
        for child, text, before in modules:
            items: tuple[Text, ...] = (f'"{child.name}"', text) if named else (text,)
            group = Group(f"{variable}.{'add_module' if named else 'append'}(", items, ")")
            if child.condition is True:
                self.lines += lines(group, 8, self.width)
            else:
                self.lines += [f"        if {self.say(child.condition)}:", *_indented(before), *lines(group, 12, self.width)]
        return variable if named else f"nn.Sequential(*{variable})"

    # ---- calls of blocks

    def arguments(self, step: Traced) -> tuple[list[Value], dict[str, Value]]:
        """The positional and keyword arguments of a call, as values: two say themselves what they are, as channels do."""
        body, written = self.callees[step.type]
        x = step.inputs[0]
        sizes = {"in_channels": x.channels, **dict(zip(AXIS_NAMES[x.rank], x.spatial))}
        defaults = self.defaults_of(body)
        required: dict[str, Value] = {name: sizes[name] for name in written.inferred}
        named: dict[str, Value] = {}
        for name, value in step.arguments:  # in the order of the parameters
            if name in written.tuples:
                value = spread(value, written.rank)
            default = defaults[name]
            if default is None:
                required[name] = value
            elif not same(value, default):
                named[name] = value
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
        self.lines += [f"        if {text} < 1:", f'            raise ValueError("{text} must be at least 1")']


def _is_positive(value: Value) -> bool:
    return type(value) is int and value >= 1


def _indented(before: list[str]) -> list[str]:
    return ["    " + line for line in before]


def _tensors(count: int) -> str:
    return "Tensor" if count == 1 else f"tuple[{', '.join(['Tensor'] * count)}]"
