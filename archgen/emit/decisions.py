"""What a class can say of its own arguments: which of a shape rule's conditions every call decides alike."""

from __future__ import annotations

from collections import ChainMap
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any

from archgen.arithmetic.evaluation import evaluate
from archgen.arithmetic.expressions import (
    TOO_LONG,
    Expression,
    ExpressionError,
    ManyName,
    Name,
    Select,
    Value,
    names_of,
    selects,
)
from archgen.ops.base import Op
from archgen.trace.walk import spread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archgen.graph.model import Body
    from archgen.ops.value import Shape
    from archgen.trace.traced import TracedBody

_MOST_DEFAULTS = 4  # that one test may hang on: it is tried with each of them and without


class Decisions:
    """The names of one body, and what is settled by its calls. samples: what the names are in each of them."""

    def __init__(self, body: Body, traced: TracedBody, samples: list[dict[str, Value]]) -> None:
        self.body, self.traced, self.samples = body, traced, samples
        for name, value in traced.names.items():
            if isinstance(value, ManyName):
                rank = self.entering().rank
                self.samples = [
                    {**sample, name: spread(sample[name], rank)} if name in sample else sample for sample in self.samples
                ]
        self.decisions: dict[Value, set[Any]] = {}

    def entering(self) -> Shape:
        return self.traced.entering[0]

    def by_name(self, names: frozenset[str]) -> dict[str, Value]:
        """The names as values; those that are neither arguments nor constants are sizes or the number of a turn."""
        return {name: self.traced.names.get(name, Name(name, "int")) for name in names}

    def specialised(self, value: Any) -> Any:
        """Drops a shape rule's own conditionals where every call of this block decides them alike, and so do its defaults."""
        if not selects(value):
            return value
        if isinstance(value, Select):
            decided = self.decided(value.test)
            if decided == {True}:
                return self.specialised(value.then)
            if decided == {False}:
                return self.specialised(value.otherwise)
        if isinstance(value, Expression):
            return type(value)(*(self.specialised(getattr(value, field)) for field in value.fields))
        if type(value) is tuple:
            return tuple(map(self.specialised, value))
        return value

    def decided(self, test: Value) -> set[Any]:
        """What a test comes to in the calls of this block, each as it is and without some of its arguments; None: not known."""
        if test not in self.decisions:
            expanded = evaluate(test, ChainMap(self.expanded, self.by_name(names_of(test))))
            names = sorted(names_of(expanded))
            calls = {tuple((name, sample[name]) for name in names if name in sample) for sample in self.samples}
            found = {_decision(expanded, {**dict(call), **omitted}) for omitted in self.omissions(names) for call in calls}
            self.decisions[test] = found
        return self.decisions[test]

    def omissions(self, names: list[str]) -> Iterator[dict[str, Value]]:
        """What these arguments are in a call that leaves some of them out: each choice of their defaults, none first."""
        defaults = [(name, self.defaults[name]) for name in names if name in self.defaults]
        if len(defaults) > _MOST_DEFAULTS:
            defaults = [(name, TOO_LONG) for name, _ in defaults[:1]]  # nothing is decided
        for count in range(len(defaults) + 1):
            yield from map(dict, combinations(defaults, count))

    @cached_property
    def defaults(self) -> dict[str, Value]:
        """The defaults that the class has for its arguments."""
        rank = self.entering().rank
        return {
            parameter.name: spread(parameter.default, rank) if self.is_many(parameter.name) else parameter.default
            for parameter in self.body.parameters
            if parameter.default is not None and self.is_kept(parameter.name)
        }

    @cached_property
    def expanded(self) -> dict[str, Value]:
        """The constants, said by the arguments alone."""
        found: dict[str, Value] = {}
        for constant in self.body.constants:
            if isinstance(self.traced.names[constant.name], Name):
                found[constant.name] = evaluate(constant.value, ChainMap(found, self.traced.names))
        return found

    def is_kept(self, parameter: str) -> bool:
        """Whether the class takes an argument: one of a library block that no call gives became its default."""
        return isinstance(self.traced.names[parameter], Name)

    def holds_norm(self, parameter: str) -> bool:
        """Whether an argument holds what is built for a number of channels."""
        default = next(one.default for one in self.body.parameters if one.name == parameter)
        given = [default, *(sample.get(parameter) for sample in self.samples)]
        return any(isinstance(value, Op) and value.of_channels for value in given)

    def is_many(self, parameter: str) -> bool:
        """Whether an argument is a list for the axes: some call gives one."""
        return isinstance(self.traced.names[parameter], ManyName)


def _decision(test: Value, names: dict[str, Value]) -> Any:
    try:
        return evaluate(test, names)
    except (KeyError, ExpressionError):
        return None
