"""Whether two networks compute the same of the same weights: they do where their values are made alike, whatever the names.

Each value is known by what made it: the op with its options, the weights and the values that went in. Two values that are made
alike have one number. What is not made alike may still compute the same: then nothing is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archgen.ops.base import Op
from archgen.trace.run import Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archgen.review.align import Side
    from archgen.trace.traced import Traced

TRAINING_ALONE = ("momentum",)  # options that evaluation does not look at
COMMUTING = ("add", "multiply", "maximum", "minimum")  # exactly, of two values


class Numbers:
    """A number for each way in which a value may be made."""

    def __init__(self) -> None:
        self.known: dict[tuple[object, ...], int] = {}

    def of(self, *made: object) -> int:
        return self.known.setdefault(made, len(self.known))


class _Values(Run[int]):
    """The number of each value. names: what the new network calls the modules of this one; None for the new one itself."""

    def __init__(self, side: Side, training: bool, numbers: Numbers, names: dict[str, str] | None) -> None:
        super().__init__(side.graph, training)
        self.numbers, self.names = numbers, names

    def leaf(self, step: Traced, x: int, module: str) -> int:
        assert step.op is not None
        if step.op.by_chance and not self.training:
            return x
        return self.numbers.of(step.type, self.look(step.op), self.weights(step, module), x)

    def weights(self, step: Traced, module: str) -> tuple[object, ...]:
        """What says which weights it uses, and of what shapes; nothing where it has none."""
        assert step.op is not None
        x = step.inputs[0]
        tensors = (*step.op.weights(x), *step.op.buffers(x))
        if not tensors:
            return ()
        known = self.names is None or module in self.names
        return (known, module if self.names is None else self.names.get(module, module), tensors)

    def look(self, op: Op) -> str:
        """The options that tell in this mode."""
        return repr(op if self.training else op.replace(**{name: None for name in op.fields if name in TRAINING_ALONE}))

    def said(self, step: Traced, values: Sequence[int], own: Any = None) -> Any:
        assert step.op is not None
        taken = sorted(values) if step.op.name in COMMUTING and len(values) == 2 else values
        return self.numbers.of(step.type, self.look(step.op), *taken)

    def parts(self, step: Traced, x: int) -> Sequence[int]:
        whole = self.said(step, [x])
        return [self.numbers.of("part", part, whole) for part in range(len(step.outputs))]


def outputs(old: Side, new: Side, became: dict[str, str], training: bool) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The number of each output of both: two that are made alike have one. Nothing where other values enter.

    became: the new path of each old module. training: with what that does beside.
    """
    if _entering(old) != _entering(new):
        return (), (0,)
    numbers = Numbers()
    entering = [numbers.of("input", number) for number in range(len(new.graph.entering))]
    before = _Values(old, training, numbers, became).network(old.steps, *entering)
    return before, _Values(new, training, numbers, None).network(new.steps, *entering)


def _entering(side: Side) -> list[tuple[object, int]]:
    return [(x.channels, x.rank) for x in side.graph.entering]
