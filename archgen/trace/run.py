"""One walk over a traced network, whatever goes through it: tensors, what stands in for them, or what is known of them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from archgen.ops import MergeOp, torch_text
from archgen.trace.traced import Role, training_results

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archgen.graph.model import Body, Graph, Input
    from archgen.trace.traced import Traced

Value = TypeVar("Value")


class Run(Generic[Value]):
    """Goes through the steps in the order in which `forward` runs them. A subclass says what each kind of leaf makes.

    training: whether the steps that only the outputs of training need run too.
    """

    def __init__(self, graph: Graph, training: bool) -> None:
        self.graph, self.training = graph, training

    # -- what a subclass says

    def leaf(self, step: Traced, x: Value, module: str) -> Value:
        """What an op makes, or one that an argument holds; module: the path of its module."""
        raise NotImplementedError

    def function(self, name: str) -> Any:
        """The function of a name with dots, as `torch.cat`, on such values."""
        raise NotImplementedError

    def merged(self, step: Traced, values: list[Value]) -> Value:
        """What a merge makes of two values or more."""
        made: Value = self.said(step, values)
        return made

    def alike(self, step: Traced, values: list[Value]) -> Value:
        """What an op makes of a value and of another, whose size it takes."""
        made: Value = self.said(step, values)
        return made

    def parts(self, step: Traced, x: Value) -> Sequence[Value]:
        """The shares of a value that is split."""
        made: Sequence[Value] = self.said(step, [x])
        return made

    def said(self, step: Traced, values: Sequence[Value], own: Any = None) -> Any:
        """What an op that is said in `forward` makes of values. own: the parameter that it uses."""
        assert step.op is not None
        assert step.op.line is not None
        return torch_text.run(step.op.line, values, step.op.text_options(step.said_of), self.function, own)

    def met(self, step: Traced, made: Any, path: str, module: str) -> None:
        """Told of what a step made, containers and what is left out among them.

        path: of the step. module: of its module, which is another's where a layer runs again.
        """

    # -- the walk

    def network(self, steps: tuple[Traced, ...], *entering: Value) -> tuple[Value, ...]:
        """Returns the outputs of the network."""
        return self.body(self.graph.network, steps, list(entering), "", "")

    def body(self, body: Body, steps: tuple[Traced, ...], entering: list[Value], path: str, module: str) -> tuple[Value, ...]:
        values: list[Any] = [entering if body.inputs else entering[0]]

        def value(source: Input) -> Value:
            found = values[source.value]
            return found if source.part < 0 else found[source.part]  # type: ignore[no-any-return]

        for step in steps:
            if step.training and not self.training:
                values.append(None)  # nobody asks for it now
            else:
                taken = [value(source) for source in step.values]
                values.append(self.step(step, taken, path + step.name, module + step.attribute))
        return tuple(map(value, (*body.results, *training_results(body, steps)) if self.training else body.results))

    def step(self, step: Traced, taken: list[Value], path: str, module: str) -> Any:
        """What a step makes of the values that it takes: one, or where it has parts several."""
        made: Any
        if step.role is Role.MERGE:
            there = [value for value, condition in zip(taken, step.conditions) if condition is not False]
            made = self.merged(step, there) if len(there) > 1 else there[0]
        elif step.role is Role.SPLIT:
            made = self.parts(step, taken[0])
        elif step.role is Role.LINE and len(taken) > 1:
            made = self.alike(step, taken)
        elif step.role is Role.COLLECT:
            values = taken[:1]
            for child in step.children:
                values.append(self.step(child, values[-1:], f"{path}.{child.name}", f"{module}.{child.name}"))
            made = self.merged(step, values)
        elif step.role is Role.COPIES:
            each = [self.step(child, taken[:1], f"{path}.{child.name}", f"{module}.{child.name}") for child in step.children]
            assert isinstance(step.op, MergeOp)
            two_by_two = step.op.pairwise
            made = (
                functools.reduce(lambda one, two: self.merged(step, [one, two]), each)
                if two_by_two
                else self.merged(step, each)
            )
        elif step.role is Role.BLOCK:
            made = self.body(self.graph.blocks[step.type], step.children, taken, f"{path}.", f"{module}.")
            made = made if step.parts else made[0]
        else:
            made = self.one(step, taken[0], path, module)
        self.met(step, made, path, module)
        return made

    def one(self, step: Traced, x: Value, path: str, module: str) -> Value:
        if step.role is Role.ABSENT:
            return x
        if step.role is Role.CHAIN:
            for child in step.children:
                x = self.step(child, [x], f"{path}.{child.name}", f"{module}.{child.name}")
            return x
        return self.leaf(step, x, module)
