"""A body as the plan of a class: its words, signature, `__init__` and `forward`, all made from the trace on names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen.arithmetic.evaluation import evaluate
from archgen.arithmetic.expressions import (
    Name,
    may_fail,
    names_of,
)
from archgen.arithmetic.spelling import render
from archgen.emit.attributes import Attributes
from archgen.emit.forward import Forward
from archgen.emit.layout import Group, escaped
from archgen.emit.plan import Argument, Assign, ClassPlan, Declare, Either
from archgen.trace.on_names import sizes_entering
from archgen.trace.traced import Role

if TYPE_CHECKING:
    from archgen.emit.plan import Statement
    from archgen.language.model import Parameter
    from archgen.trace.traced import Traced

_TYPES = {"int": "int", "float": "float", "bool": "bool", "op": "Callable[[], nn.Module]"}
_NORM = "Callable[[int], nn.Module]"


class ClassBuilder(Attributes):
    """Builds the class of one body."""

    def build(self) -> ClassPlan:
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

    def written(self) -> ClassPlan:
        steps = self.traced.steps
        forward = Forward(self.body, steps, self.shape_comment)
        forward_statements = forward.build()
        numbers = {step.name: number for number, step in enumerate(steps)}
        for step in self.body.registered(steps):
            self.attribute(numbers[step.name], step, forward)
        constants = self.constants()
        inferred = tuple(name for name in sizes_entering(self.body, self.traced.entering) if name in self.used)
        if self.on_numbers is not None:
            inferred = ("in_channels",)
        entering, arguments = self.entering(), self.signature(inferred)
        return ClassPlan(
            name=self.body.name,
            description=escaped(self.body.description),
            shapes=self.shapes(),
            arguments=arguments,
            init=(*constants, *self.statements),
            forward=forward_statements,
            returns=" | ".join(map(_tensors, forward.counts())),
            inputs=self.body.inputs or ("x",),
            needs=frozenset(self.needs | forward.needs),
            inferred=inferred,
            rank=entering.rank,
            tuples=frozenset(p.name for p in self.body.parameters if self.is_many(p.name)),
        )

    # ---- __init__

    def signature(self, inferred: tuple[str, ...]) -> tuple[Argument, ...]:
        network = self.on_numbers is not None
        first = [Argument(name, "int", render(self.body_input()[0]) if network else "") for name in inferred]
        required, optional = [], []
        for parameter in self.body.parameters:
            if not self.is_kept(parameter.name):
                continue
            kind = self.type_text(parameter)
            if parameter.default is None:
                required.append(Argument(parameter.name, kind))
            else:
                optional.append(Argument(parameter.name, kind, self.say(self.defaults[parameter.name])))
        return (*required, *first, *optional) if network else (*first, *required, *optional)

    def type_text(self, parameter: Parameter) -> str:
        if parameter.type != "list" and not self.is_many(parameter.name):
            self.needs |= {"Callable"} if parameter.type == "op" else set()
            return _NORM if parameter.type == "op" and self.holds_norm(parameter.name) else _TYPES[parameter.type]
        given = [parameter.default, *(sample.get(parameter.name) for sample in self.samples)]
        lists = [value for value in given if type(value) is tuple]
        item = "float" if any(type(item) is float for value in lists for item in value) else "int"
        rank = self.entering().rank
        each_axis = self.is_many(parameter.name) and {len(value) for value in lists} <= {rank}
        return f"tuple[{', '.join([item] * rank) if each_axis else f'{item}, ...'}]"

    def constants(self) -> list[Statement]:
        """The constants that something reads, each before its readers."""
        kept: list[Statement] = []
        for constant in reversed(self.body.constants):
            if constant.name not in self.used or not self.is_named(constant.name):
                continue
            self.perhaps = constant.name not in self.sure
            value = evaluate(constant.value, self.traced.names)
            kept.insert(0, Assign(constant.name, self.say(value)))
        return kept

    def attribute(self, number: int, step: Traced, forward: Forward) -> None:
        self.place = step.place
        for kept, value in forward.kept.get(step.name, ()):
            listed = Group("[", tuple(map(self.say, value)), "]") if isinstance(value, list) else self.say(value)
            self.statements.append(Assign(kept, listed))
        if step.role in (Role.ABSENT, Role.SPLIT) or step.again:
            return
        if step.role is Role.MERGE:
            if step.name in forward.conditions:
                self.statements.append(Assign(forward.conditions[step.name], self.say(step.condition)))
            return
        target = f"self.{step.name}"
        if step.role is Role.LINE:
            if parameter := self.parameter(step):
                self.statements.append(Assign(target, parameter))
            return
        if step.role is Role.CHOICE:
            self.choice(target, step)
            return
        inplace = forward.may_overwrite(number)
        if step.condition is True:
            text = self.module(step, inplace)
            self.statements.append(Assign(target, text))
            return
        test = self.say(step.condition)
        text, before = self.apart(step, inplace)
        optional = step.name in forward.optional
        then = (*before, Declare(target, "nn.Module | None" if optional else "nn.Module", text))
        self.statements.append(Either(test, then, (Assign(target, "None" if optional else "nn.Identity()"),)))

    def choice(self, target: str, step: Traced) -> None:
        """One module or another."""
        (condition,) = step.conditions
        test = self.say(condition)
        ways = []
        for module in step.children:
            text, before = self.apart(module.replace(condition=condition), False)  # what it reads may not be read
            ways.append((text, tuple(before)))
        (text, before_it), (other, before_that) = ways
        self.statements.append(
            Either(test, (*before_it, Declare(target, "nn.Module", text)), (*before_that, Assign(target, other)))
        )


def _tensors(count: int) -> str:
    return "Tensor" if count == 1 else f"tuple[{', '.join(['Tensor'] * count)}]"
