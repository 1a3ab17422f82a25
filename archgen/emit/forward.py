"""The statements of `forward`. A branch of one call is written inside its merge, and a sum inside the call that reads it.

The order of calls is the order of the steps.
"""

from __future__ import annotations

from itertools import combinations, groupby
from typing import TYPE_CHECKING, Any

from archgen.arithmetic.expressions import Expression, Name, names_of
from archgen.diagnostics import Problem, SpecError
from archgen.emit.layout import Group, Text, flat
from archgen.emit.plan import Assign, Collect, Declare, Either, If, Return, TakeIn
from archgen.emit.said import ListOf, said
from archgen.graph.model import Input
from archgen.language.names import MODULE_ATTRIBUTES, Scope
from archgen.ops import MergeOp
from archgen.ops.torch_text import modules
from archgen.trace.traced import Role, training_results
from archgen.trace.variables import Variables

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.arithmetic.expressions import Value
    from archgen.emit.plan import Statement
    from archgen.graph.model import Body
    from archgen.trace.traced import Traced


MOST_CONDITIONAL = 2  # branches of a merge that an argument may leave out: a line for each case


class Forward(Variables):
    """Plans one body's `forward`."""

    def __init__(
        self,
        body: Body,
        steps: tuple[Traced, ...],
        comment: Callable[[int], str],
    ) -> None:
        super().__init__(steps, body.results, training_results(body, steps), body.inputs)
        self.heads = body.heads
        self.comment = comment
        self.inner: dict[Input, Text] = {}
        self.statements: list[Statement] = []
        self.needs: set[str] = set()  # the imports that the text says
        self.conditions: dict[str, str] = {}  # step -> the attribute that holds its condition
        self.kept: dict[
            str, list[tuple[str, Value | list[Value]]]
        ] = {}  # step -> attributes for its options, and what they hold
        self.typed = {name for name in self.entering.values() if name == "x"}  # the variables that have a type
        self.optional: set[str] = set()  # the branches and heads that are None where an argument leaves them out
        self.perhaps: set[Input] = set()  # the values that are None where the network does not train
        self.attributes = Scope(MODULE_ATTRIBUTES, (step.name for step in steps))

    def build(self) -> tuple[Statement, ...]:
        """The statements. What runs only while training stands under an `if`, and so does the return of its values."""
        present = [number for number, passed in enumerate(self.passed) if passed is None]
        found: list[Statement] = []
        for (training, head), numbers in groupby(present, lambda number: (self.steps[number].training, self.head(number))):
            self.statements, group = [], [*numbers]
            for number in group:
                self.step(number, self.steps[number])
            if training:
                kept = self.kept_for_later(group)
                found += [Declare(self.variables[value], "Tensor | None", "None") for value in kept]
                self.statements = [If(self.while_training(group, head), tuple(self.statements))]
                self.perhaps |= {*kept}
            found += self.statements
        results = tuple([flat(self.text(result)) for result in self.results])
        for more in self.endings():
            there = self.are_there(more) or "self.training"
            found.append(If(there, (Return((*results, *(self.variables[value] for value in more))),)))
        return (*found, Return(results))

    def head(self, number: int) -> Traced | None:
        """The step of this number, if it is an output of training that an argument may leave out."""
        step = self.steps[number]
        return step if number in self.heads and isinstance(step.condition, Expression) else None

    def kept_for_later(self, group: list[int]) -> list[Input]:
        """The values of steps under one `if` that are read behind it: they are None where it does not hold."""
        values = [Input(number + 1, part) for number in group for part in (-1, *range(len(self.steps[number].parts)))]
        return [value for value in values if set(self.readers.get(value, ())) - {*group} and value in self.variables]

    def while_training(self, group: list[int], head: Traced | None) -> str:
        """What holds where these steps run."""
        tests = [
            self.are_there(tuple(dict.fromkeys(value for number in group for value in self.inputs(number)))) or "self.training"
        ]
        if head is not None:
            tests.append(self.conditions.get(head.name) or f"self.{head.name} is not None")
        return " and ".join(tests)

    def are_there(self, values: tuple[Input, ...]) -> str:
        """Asks whether values were made, those among them that may not have been."""
        return " and ".join(f"{self.variables[value]} is not None" for value in values if value in self.perhaps)

    def endings(self) -> list[tuple[Input, ...]]:
        """The values of training that `forward` may return, for each choice of the heads that are there; most first."""
        heads = [head for value in self.training_results if value.value and (head := self.head(value.value - 1))]
        conditions = list(dict.fromkeys(head.condition for head in heads))
        if len(conditions) > MOST_CONDITIONAL:
            sentence = f"the outputs of training can hang on at most {MOST_CONDITIONAL} conditions, not {len(conditions)}"
            raise SpecError(Problem(heads[-1].place, sentence, "give some of them the same `when`"))
        found: list[tuple[Input, ...]] = []
        for count in range(len(conditions), -1, -1):
            for there in combinations(conditions, count):
                gone = [head.name for head in heads if head.condition not in there]
                found.append(
                    tuple(one for one in self.training_results if not (one.value and self.steps[one.value - 1].name in gone))
                )
        return [values for values in found if values]

    def counts(self) -> list[int]:
        """How many values `forward` may return."""
        first = len(self.results)
        return list(dict.fromkeys([first, *(first + len(more) for more in reversed(self.endings()))]))

    def text(self, value: Input) -> Text:
        return self.inner.pop(value) if value in self.inner else self.variables[value]

    def step(self, number: int, step: Traced) -> None:
        value = Input(number + 1)
        inputs = self.inputs(number)
        if step.role is Role.MERGE and any(isinstance(condition, Expression) for condition in step.conditions):
            self.statements += self.some_branches(step, self.variables[value], inputs)
            return
        if step.role is Role.COPIES:
            self.copied(step, self.variables[value], inputs[0], self.comment(number))
            return
        if step.role is Role.COLLECT:
            values, block, _ = self.loop_names
            self.statements.append(Collect(values, flat(self.text(inputs[0])), block, f"self.{step.attribute}"))
            text = self.said(step, ListOf(values))
        else:
            taken = inputs if step.otherwise is None else inputs[:-1]
            text = self.line(step, taken) if step.role.is_said else self.call(step, taken)
        if step.parts:
            names = [self.variables[Input(number + 1, part)] for part in range(len(step.parts))]
            self.statements.append(Assign(", ".join(names), text))
            return
        if self.is_inlined(number):
            self.inner[value] = text
            return
        target = self.variables[value]
        if self.head(number) is not None:
            if step.role is Role.MERGE:
                self.conditions[step.name] = f"self.{self.attributes.take(f'use_{step.name}')}"
            else:
                self.optional.add(step.name)
        elif step.role is Role.MERGE and step.condition is not True:
            self.conditional_merge(step, target, inputs, text)
            return
        if step.otherwise is not None:
            self.optional.add(step.name)
            self.either(f"self.{step.name} is not None", target, text, inputs[-1])
            return
        self.statements.append(self.assign(target, text, self.comment(number)))

    def assign(self, target: str, text: Text, comment: str = "") -> Statement:
        """Gives a variable a value; `x` gets its type where it is none of what enters."""
        if target != "x" or "x" in self.typed:
            return Assign(target, text, comment)
        self.typed.add("x")
        return Declare("x", "Tensor", text, comment)

    def call(self, step: Traced, inputs: tuple[Input, ...]) -> Text:
        return Group(f"self.{step.attribute}(", tuple([self.text(value) for value in inputs]), ")")

    def copied(self, step: Traced, target: str, x: Input, comment: str) -> None:
        """Equal modules on one value. What takes a list takes all that they give; else one after the other is taken in."""
        values, module, value = self.loop_names
        assert isinstance(step.op, MergeOp)
        given = flat(self.text(x))
        self.statements.append(Assign(values, f"[{module}({given}) for {module} in self.{step.attribute}]"))
        if not step.op.pairwise:
            self.statements.append(self.assign(target, self.said(step, ListOf(values)), comment))
            return
        self.statements.append(self.assign(target, f"{values}[0]", comment))
        self.statements.append(TakeIn(value, values, (Assign(target, self.said(step, (target, value))),)))

    def conditional_merge(self, step: Traced, target: str, inputs: tuple[Input, ...], text: Text) -> None:
        """A merge that may be left out hands its first value on, or another."""
        attribute = f"self.{self.attributes.take(f'use_{step.name}')}"
        self.conditions[step.name] = attribute
        self.either(attribute, target, text, inputs[0] if step.otherwise is None else inputs[-1])

    def either(self, test: str, target: str, text: Text, otherwise: Input) -> None:
        """Gives a variable what a step makes, or the value that stands for it."""
        other = self.text(otherwise)
        applied: tuple[Statement, ...] = (self.assign(target, text),)
        passed: Statement = If(test, applied) if other == target else Either(test, applied, (Assign(target, other),))
        self.statements.append(passed)

    def line(self, step: Traced, inputs: tuple[Input, ...]) -> Text:
        """An op said here; of several values of which one is there, that one."""
        texts = tuple([self.text(value) for value in inputs])
        if step.role is Role.MERGE and len(texts) == 1:
            return texts[0]
        return self.said(step, texts)

    def some_branches(self, step: Traced, target: str, inputs: tuple[Input, ...]) -> tuple[Statement, ...]:
        """A merge of which an argument may leave branches out: one line for those that are there in each case."""
        conditions = [condition for condition in step.conditions if condition is not False]
        texts: list[Text] = []
        tests: dict[int, str] = {}
        for number, (value, condition) in enumerate(zip(inputs, conditions)):
            texts.append(self.text(value))
            if isinstance(condition, Expression):
                branch = self.steps[value.value - 1].name
                if self.is_inlined(value.value - 1):
                    self.optional.add(branch)
                    tests[number] = f"self.{branch} is not None"
                else:  # it has a line of its own, and passes what enters where it is not there
                    tests[number] = f"self.{self.attributes.take(f'use_{branch}')}"
                    self.kept.setdefault(step.name, []).append((tests[number], condition))
        if len(tests) == len(texts) or len(tests) > MOST_CONDITIONAL:
            sentence = f"at most {MOST_CONDITIONAL} branches of a merge can depend on an argument, and not all of them"
            raise SpecError(Problem(step.place, sentence, "put some of them in a block, and the `when` beside the block"))

        def cases(waiting: list[int], there: frozenset[int]) -> tuple[Statement, ...]:
            if waiting:
                first, *rest = waiting
                return (Either(tests[first], cases(rest, there), cases(rest, there - {first})),)
            present = tuple(text for number, text in enumerate(texts) if number in there)
            return (self.assign(target, self.said(step, present) if len(present) > 1 else present[0]),)

        return cases(list(tests), frozenset(range(len(texts))))

    def said(self, step: Traced, texts: tuple[Text, ...] | ListOf) -> Text:
        """The op of a step on these values; a list of values may stand for all of them."""
        assert step.op is not None
        assert step.op.line is not None
        self.needs |= modules(step.op.line)
        given = step.op.text_options(step.said_of)
        options = {name: self.at_hand(step, name, value) for name, value in given.items()}
        return said(step.op.line, texts, options, f"self.{step.name}")

    def at_hand(self, step: Traced, name: str, value: Any) -> Any:
        """An option as `forward` can say it: what waits for the constructor's arguments is worked out there, and kept."""
        if isinstance(value, slice):
            start, stop, stride = (self.at_hand(step, part, getattr(value, part)) for part in ("start", "stop", "step"))
            return slice(start, stop, stride)
        if type(value) is list:  # kept as a whole
            if names_of(tuple(value)):
                return Name(self.keep(step, name, value))
            return value
        if type(value) is tuple:
            return tuple(self.at_hand(step, name, item) for item in value)
        if not isinstance(value, Expression):
            return value
        return Name(self.keep(step, name, value))

    def keep(self, step: Traced, name: str, value: Value | list[Value]) -> str:
        """An attribute that holds what follows from the constructor's arguments."""
        attribute = f"self.{self.attributes.take(f'{step.name}_{name}')}"
        self.kept.setdefault(step.name, []).append((attribute, value))
        return attribute
