"""An op with its options as a line of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen.arithmetic.expressions import Failed, Name, Value
from archgen.graph.model import Merge
from archgen.ops.base import Op
from archgen.ops.options import KINDS
from archgen.ops.value import AXIS_NAMES, Shape, axes, product, same
from archgen.views.arithmetic import AXIS, PRETTY, equation, figures, named

if TYPE_CHECKING:
    from archgen.graph.model import Body
    from archgen.trace.traced import Traced
    from archgen.views.arithmetic import Named, Signs


LEADING = ("out_channels", "out_features", "kernel_size")  # said otherwise than as `option value`


def axis_labels(shape: Shape) -> list[str]:
    """What the axes are called: channels (features where there is nothing else), height, width."""
    labels = [name.removeprefix("in_") for name in AXIS_NAMES[shape.rank]] if shape.rank < 4 else ["size"] * shape.rank
    labels.insert(shape.channel_axis, "channels" if shape.rank else "features")
    return labels


def op_title(op: Op, type_name: str, x: Shape) -> str:
    """The class with the options that matter: `Conv2d 3x3, stride 2, padding 1`."""
    options, defaults = op.torch_options(x), op.torch_defaults()
    kernel = "x".join(map(str, axes(options["kernel_size"], x.rank))) if "kernel_size" in options else ""
    given = [
        f"{name} {_listed(value) if op.kind(name) in _OF_AXES and type(value) is tuple else value_text(value)}"
        for name, value in options.items()
        if name not in LEADING and not (name in defaults and same(value, defaults[name]))
    ]
    return ", ".join([f"{type_name} {kernel}".rstrip(), *given])


_OF_AXES = (KINDS["Axes"], KINDS["Dims"], KINDS["Ints"])


def _listed(axes: tuple[Value, ...]) -> str:
    return f"[{', '.join(map(str, axes))}]"


def value_text(value: Value) -> str:
    if isinstance(value, Op):
        return value.class_name(2) or type(value).__name__
    if type(value) is tuple:
        return "x".join(map(value_text, value))
    if isinstance(value, Failed):
        return "no value"
    return str(value).lower() if type(value) is bool else str(value)


def op_parts(op: Op, x: Shape, y: Shape, signs: Signs = PRETTY) -> list[tuple[str, str]]:
    """Each axis of the result that changes, the parameters, the buffers and the MACs: pairs of a label and an equation."""
    on_names = named(op, x)
    parts = _axis_parts(on_names, y, signs)
    for label, said, tensors in (
        ("parameters", on_names.op.weights(on_names.x), op.weights(x)),
        ("buffers", on_names.op.buffers(on_names.x), op.buffers(x)),
    ):
        if said:
            terms = [f"{name} {figures(product(shape), on_names.numbers, signs)}" for name, shape in said]
            total = sum(product(shape) for _, shape in tensors)
            parts.append((label, f"{' + '.join(terms)} = {total:,}"))
    if op.macs(x, y):
        leaving = {f"output {axis}": size for axis, size in enumerate(y.sizes)}
        macs = on_names.op.macs(on_names.x, Shape(tuple(Name(name, "int") for name in leaving), y.channel_axis))
        parts.append(("MACs", equation(macs, {**on_names.numbers, **leaving}, op.macs(x, y), signs)))
    return parts


def _axis_parts(on_names: Named, y: Shape, signs: Signs) -> list[tuple[str, str]]:
    entering, leaving = on_names.x, on_names.op.output(on_names.x)
    parts = []
    for axis, (label, size) in enumerate(zip(axis_labels(y), leaving.sizes)):
        if len(entering.sizes) == len(leaving.sizes) and size == entering.sizes[axis]:
            continue
        said = f", its {size.name}" if isinstance(size, Name) and not size.name.startswith(f"{AXIS} ") else ""
        parts.append((label, equation(size, on_names.numbers, y.sizes[axis], signs) + said))
    spatial = [part for label, part in parts if label not in ("channels", "features")]
    if len(spatial) == y.rank > 1 and len(set(spatial)) == 1:  # all axes alike
        return [*(part for part in parts if part[0] == "channels"), ("size", spatial[0])]
    return parts


def sums_of(body: Body, traced: tuple[Traced, ...]) -> dict[int, Traced]:
    """The first sum or product that reads each value of a body."""
    found: dict[int, Traced] = {}
    for step, merge in zip(body.steps, traced):
        if isinstance(step.node, Merge) and step.node.op.pairwise:
            for source in step.inputs:
                found.setdefault(source.value, merge)
    return found
