"""The static report: a row for each layer and each merge, with shapes, parameters and MACs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archgen.ops import MAC_CONVENTION, MAC_CONVENTION_WITH_BIAS
from archgen.records import Record
from archgen.trace.traced import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archgen.analysis.contract import Contract
    from archgen.diagnostics import Problem
    from archgen.graph.model import Graph
    from archgen.ops import Op
    from archgen.trace.traced import Traced

SCHEMA_VERSION = 1


class Row(NamedTuple):
    """A layer, a merge or a container of layers.

    path: the attributes that lead to it in the generated module, as `layer1.0.conv1`; for a merge, the name in the spec.
    depth: 1 for what stands in the network itself, 2 for what stands inside of that, and so on.
    training: whether it runs only while training; then its MACs are not in the total.
    """

    path: str
    depth: int
    traced: Traced
    training: bool = False
    module: str = ""  # the path of its module, which is another's where a layer runs again

    @property
    def type(self) -> str:
        """The class in the generated module, as `Conv2d`; for a merge its kind, as `add`; for a line of `forward` its op."""
        return self.traced.type

    @property
    def role(self) -> Role:
        return self.traced.role

    @property
    def op(self) -> Op | None:
        return self.traced.op

    @property
    def again(self) -> bool:
        """Whether it runs a module again, with weights that the module's own row counts."""
        return self.module != self.path

    @property
    def leaf(self) -> bool:
        """Whether it contains no other rows."""
        return not self.traced.children

    @property
    def line(self) -> int:
        """The line of the spec, or of the block's own file, that wrote it."""
        return self.traced.place.line

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Without the batch. Of a merge: of its first input."""
        return self.traced.inputs[0].sizes

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Without the batch."""
        return self.traced.output.sizes

    @property
    def parameters(self) -> int:
        """The number of trained values, in a container of all within."""
        return 0 if self.again else self.traced.parameters

    @property
    def buffers(self) -> int:
        """The number of values that are kept, not trained (running statistics)."""
        return 0 if self.again else self.traced.buffers

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image."""
        return self.traced.macs


class Totals(Record):
    """Of the whole network; macs for one image, in evaluation."""

    parameters: int
    buffers: int
    macs: int


class Report(Record):
    """What is known of a network for one input size, without running it.

    input_shape: channels, then sizes, without the batch. output_shapes: of each output, those of training last.
    problem: None, or the first layer that does not fit; then the rows end before it.
    contract: what holds for inputs of every size, where it was asked for: `Network.examine` works it out.
    with_bias: whether the MACs count biases. inputs: all values that enter, by their names, where there are several.
    """

    name: str
    spec: str
    input_shape: tuple[int, ...]
    output_shapes: tuple[tuple[int, ...], ...]
    totals: Totals
    rows: tuple[Row, ...]
    problem: Problem | None = None
    contract: Contract | None = None
    built: Built | None = None
    with_bias: bool = False
    inputs: tuple[tuple[str, tuple[int, ...]], ...] = ()

    @property
    def mac_convention(self) -> str:
        return MAC_CONVENTION_WITH_BIAS if self.with_bias else MAC_CONVENTION


def rows(steps: tuple[Traced, ...], registered: Graph | None = None) -> tuple[Row, ...]:
    """Returns the rows of a traced network: each container, then what is in it, in the order in which it runs.

    registered: the network, where the order in which classes register their modules is wanted.
    """
    found: list[Row] = []
    ordered = steps if registered is None else registered.network.registered(steps)
    _collect(ordered, "", "", 1, False, found.append, registered)
    return tuple(found)


def _collect(
    steps: Sequence[Traced],
    prefix: str,
    around: str,
    depth: int,
    training: bool,
    add: Callable[[Row], None],
    registered: Graph | None,
) -> None:
    for step in steps:
        if step.role is Role.ABSENT or step.role is Role.SPLIT:
            continue
        path, module = prefix + step.name, around + step.attribute
        only = training or step.training
        add(Row(path, depth, step, only, module))
        if step.children:
            inside: Sequence[Traced] = step.children
            if registered is not None and step.role is Role.BLOCK:
                inside = registered.blocks[step.type].registered(inside)
            _collect(inside, path + ".", module + ".", depth + 1, only, add, registered)


def totals(steps: tuple[Traced, ...]) -> Totals:
    macs = sum(step.macs for step in steps if not step.training)
    return Totals(sum(step.parameters for step in steps), sum(step.buffers for step in steps), macs)


class OtherWeight(NamedTuple):
    """A parameter or buffer, or a shape that a layer insists on, by its name in the module; None where there is none."""

    name: str
    shape: tuple[int, ...] | None
    built: tuple[int, ...] | None


class Built(Record):
    """The network as it is built, seen from another input. own: the spec's input; others: the weights that differ.

    nearest: the inputs nearest to the other one on which the module runs, where it does not run on that.
    """

    spec: str
    own: tuple[int, ...]
    other: tuple[int, ...]
    others: tuple[OtherWeight, ...]
    nearest: tuple[tuple[int, ...], ...]
