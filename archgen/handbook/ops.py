"""What there is to say about an op, derived from its record.

Its rules run on names instead of numbers, so `[C, H, W] -> [out_channels, H', W']`, the parameters, the MACs and what must hold
are the very arithmetic that the report runs; the figures of the example are the same rules on numbers.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from archgen.arithmetic.expressions import Index, ManyName, Name, Value, is_number, names_of
from archgen.arithmetic.spelling import render
from archgen.diagnostics import Source
from archgen.language import model, reader
from archgen.ops import OPS, Constraint, Op, Shape
from archgen.ops.options import KINDS
from archgen.ops.value import product
from archgen.records import Record
from archgen.syntax import parser

if TYPE_CHECKING:
    from collections.abc import Iterator

LAYOUTS = ("C", "C L", "C H W", "C D H W", "L C", "H W C", "D H W C")  # of the values that an op may meet, without the batch
_FIRST = ("C H W", "C", "H W C", "C L", "L C", "C D H W", "D H W C")  # the first of these that an op takes is its example's
_NUMBERS = {"C": 64, "L": 56, "D": 56, "H": 56, "W": 56}
_SPATIAL = re.compile(r"\b[DLW]\b")
_SAME = re.compile(r"\.\.\.|[0-9]+")  # numbers in a message, known or not
_TORCH = re.compile(r":\s+torch\.\w.*", re.DOTALL)
_LINE = 72  # characters of a formula that stay in one line


class Option(Record):
    """takes: what its value may be. default: its text; "required" where it has none."""

    name: str
    takes: str
    default: str


class Weight(Record):
    """A parameter or buffer. where: the options, all true or false, without which it is not there."""

    name: str
    shape: str
    where: tuple[str, ...]


class Figures(Record):
    """Of the example, on numbers."""

    input: tuple[int, ...]
    output: tuple[int, ...]
    parameters: int
    macs: int


class Entry(Record):
    """All of it, as text.

    otherwise: what the generated module has where there are no classes in torch.nn. first: the option whose value stands beside
    the op's name. takes: the layouts of input. refuses: the others, those with the same message together. shape: the lines of
    the shape rule. constraints: what must hold of options and sizes. messages: what else is refused.
    """

    name: str
    summary: str
    text: str
    classes: tuple[str, ...]
    otherwise: str
    options: tuple[Option, ...]
    first: str
    takes: tuple[str, ...]
    refuses: tuple[tuple[str, str], ...]
    shape: tuple[str, ...]
    parameters: tuple[Weight, ...]
    buffers: tuple[Weight, ...]
    macs: str
    constraints: tuple[str, ...]
    messages: tuple[str, ...]
    example: str
    figures: Figures


def families() -> dict[str, tuple[type[Op], ...]]:
    """Returns the ops of each file of `archgen/ops`, under the first words of its docstring."""
    found: dict[str, tuple[type[Op], ...]] = {}
    for op in OPS.values():
        title = re.split("[.:]", sys.modules[op.__module__].__doc__ or "", maxsplit=1)[0]
        found[title] = (*found.get(title, ()), op)
    return found


def summary(op: type[Op]) -> str:
    """Returns the first sentence of an op's docstring without the name of its torch class."""
    return _TORCH.sub("", _paragraphs(op)[0]).rstrip(".")


def classes(op: type[Op]) -> tuple[str, ...]:
    """Returns the names of its classes in torch.nn, by the number of spatial axes; none where the module brings its own."""
    return tuple(dict.fromkeys(op.class_name(rank) for rank in (1, 2, 3))) if op.torch_class else ()


def _otherwise(op: type[Op]) -> str:
    """What an op is in a module where torch has no class for it."""
    if op.line is None:
        return "a class of the generated module"
    return "a line of `forward`; in a sequence a class" if op.module_source else "a line of `forward`"


def entry(op: type[Op]) -> Entry:
    """Returns what there is to say about an op."""
    taken = [layout for layout in LAYOUTS if not _refusal(_example(op), layout)]
    layout = next(layout for layout in _FIRST if layout in taken)
    named, x = _on_names(op), _shape(layout)
    sizes, lines = _shape_lines(x, named.output(x))
    macs = named.macs(x, sizes)
    return Entry(
        name=op.name,
        summary=summary(op),
        text="\n\n".join(_paragraphs(op)),
        classes=classes(op),
        otherwise=_otherwise(op),
        options=tuple(_option(op, field) for field in op.fields),
        first=op.first(),
        takes=tuple(map(_layout_text, taken)),
        refuses=tuple(_refused(op)),
        shape=lines,
        parameters=_weights(named, lambda some: some.weights(x)),
        buffers=_weights(named, lambda some: some.buffers(x)),
        macs=render(macs) if macs != 0 else "",
        constraints=tuple(dict.fromkeys(_constraints(op, layout))),
        messages=_messages(op, layout),
        example=op.example or op.name,
        figures=_figures(op, layout),
    )


def _paragraphs(op: type[Op]) -> list[str]:
    return [" ".join(part.split()) for part in (op.__doc__ or "").split("\n\n")]


# ---- the op on names


def written(op: type[Op]) -> dict[str, Value]:
    """Returns the options that the op's example gives."""
    text = f"layers:\n  node: {op.example or op.name}\n"
    block = reader.read_block(parser.parse(Source(f"the example of {op.name}", text)), "Example")
    node = block.layers[0].node
    assert isinstance(node, model.Use)
    return {argument.name: argument.value for argument in node.arguments}


def _example(op: type[Op], **given: Value) -> Op:
    return op(**(op.defaults | written(op) | given))


def _on_names(op: type[Op], **given: Value | None) -> Op:
    """Returns the op with each option a name of its own.

    Those that never wait for a name, and those written in the place of another, keep the example's value.
    """
    example = op.defaults | written(op) | given

    def value(field: str) -> Value:
        kind = op.kind(field)
        if field in given or kind.literal or kind is KINDS["Word"] or field in op.instead_of:
            return example[field]  # type: ignore[no-any-return]
        if kind in (KINDS["Around"], KINDS["Ints"]) and type(example[field]) is tuple:
            known = ManyName(field, "int")
            return tuple(item if item == -1 else Index(known, index) for index, item in enumerate(example[field]))
        return Name(field, "float" if kind.article.startswith("a number") else "int")

    return op(**{field: value(field) for field in op.fields})


def _shape(layout: str) -> Shape:
    names = layout.split()
    return Shape(tuple(Name(name, "int") for name in names), names.index("C"))


def _layout_text(layout: str) -> str:
    return "[" + ", ".join(layout.split()) + "]"


def _refusal(op: Op, layout: str, option: str = "") -> str:
    """Returns the message that an input of this layout gets, whatever the options but this one; or ''."""
    for constraint in op.constraints(_shape(layout)):
        if constraint.option in ("", option) and not _waits(constraint) and not constraint.holds():
            return constraint.sentence.format(left="...", right="...") + (f"; {constraint.help}" if constraint.help else "")
    return ""


def _refused(op: type[Op]) -> Iterator[tuple[str, str]]:
    """The layouts that an op does not take, those with the same message together."""
    by_message: dict[str, list[str]] = {}
    for layout in LAYOUTS:
        message = _refusal(_example(op), layout)
        if message:
            by_message.setdefault(message, []).append(_layout_text(layout))
    for message, layouts in by_message.items():
        yield ", ".join(layouts), message


# ---- the parts


def _option(op: type[Op], name: str) -> Option:
    takes = " | ".join(op.words[name]) if op.kind(name) is KINDS["Word"] else op.kind(name).article
    return Option(name, takes, _default(op, name) if name in op.defaults else "required")


def _default(op: type[Op], name: str) -> str:
    """The default's text; where it is worked out from other options, the formula, and torch's own beside it."""
    default, torch_default = op.defaults[name], op.torch_defaults()[name]
    if default is None:
        x = _shape("C H W")
        default = _on_names(op, **{name: None}).torch_options(x)[name]
    text = value_text(default)
    return text if default == torch_default else f"{text}; torch has {value_text(torch_default)}"


def value_text(value: Value | None) -> str:
    """Returns a value as a spec writes it."""
    if value is None:
        return "none"
    if isinstance(value, Op):
        given = [f"{field}: {value_text(getattr(value, field))}" for field in _changed(value)]
        return "{" + ", ".join([value.name, *given]) + "}" if given else value.name
    if type(value) is bool:
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(value_text, value))}]"
    return value if isinstance(value, str) else render(value)


def _changed(op: Op) -> list[str]:
    return [field for field in op.fields if field not in op.defaults or getattr(op, field) != op.defaults[field]]


def _shape_lines(x: Shape, y: Shape) -> tuple[Shape, tuple[str, ...]]:
    """Returns the output with a name for each long size, as `H'`, and the lines that say what they are."""
    before = "[" + ", ".join(map(render, x.sizes)) + "] -> "
    line = before + "[" + ", ".join(map(render, y.sizes)) + "]"
    if len(line) <= _LINE:
        return y, (line,)
    short: list[Value] = []
    lines: list[str] = []
    for name, size in zip(x.sizes, y.sizes):
        if isinstance(size, Name):
            short.append(size)
            continue
        short.append(Name(f"{name.name}'", "int"))
        text = render(size)
        likewise = any(text == re.sub(rf"\b{axis.name}\b", name.name, other) for axis, other in _formulas(x, y, name))
        lines.append(f"{name.name}' likewise" if likewise else f"{name.name}' = {text}")
    return Shape(tuple(short), y.channel_axis), (before + "[" + ", ".join(map(render, short)) + "]", *lines)


def _formulas(x: Shape, y: Shape, until: Name) -> Iterator[tuple[Name, str]]:
    for name, size in zip(x.sizes, y.sizes):
        if name == until:
            return
        yield name, render(size)


def _weights(op: Op, tensors: Any) -> tuple[Weight, ...]:
    """The tensors, each with the true-or-false options that it hangs on: without one of them it is gone."""
    flags = [field for field in op.fields if op.kind(field).article == "true or false"]
    without = {flag: {name for name, _ in tensors(op.replace(**{flag: False}))} for flag in flags}
    return tuple(
        Weight(
            name,
            "[" + ", ".join(map(render, shape)) + "]" if shape else "one number",
            tuple(flag for flag in flags if name not in without[flag]),
        )
        for name, shape in tensors(op)
    )


def _waits(constraint: Constraint) -> bool:
    return bool(names_of((constraint.left, constraint.right)))


def _constraints(op: type[Op], layout: str) -> Iterator[str]:
    """What must hold of the options, with each of the words that an option may be."""
    plain = _conditions(op, layout)
    yield from plain
    usual = [other for other in LAYOUTS if not _refusal(_example(op), other)]
    for option, words in op.words.items():
        for word in words:
            taken = [other for other in LAYOUTS if not _refusal(_example(op, **{option: word}), other, option)]
            if taken != usual:
                yield f"`{option}: {word}` takes {', '.join(map(_layout_text, taken))}"
            for condition in _conditions(op, layout, **{option: word}):
                if condition not in plain:
                    yield f"{condition}, with `{option}: {word}`"


def _conditions(op: type[Op], layout: str, **given: Value) -> tuple[str, ...]:
    """The constraints about names, each once for all spatial axes."""
    named, x = _on_names(op, **given), _shape(layout)
    long = {f"{name.name}'": render(size) for name, size in zip(x.sizes, named.output(x).sizes) if names_of(size) > {name.name}}
    found: dict[str, str] = {}
    for constraint in named.constraints(x):
        if _waits(constraint):
            text = f"`{_condition(constraint, long)}`{_unless(op, constraint, x, given)}"
            found.setdefault(_SPATIAL.sub("H", text), text)
    return tuple(found.values())


def _messages(op: type[Op], layout: str) -> tuple[str, ...]:
    """What an option may not be that never waits for a name: no comparison of names tells, but the messages do."""
    found: dict[str, str] = {}
    for constraint in _on_names(op).constraints(_shape(layout)):
        if constraint.option and op.kind(constraint.option).literal:
            text = constraint.sentence.format(left="...", right="...")
            found.setdefault(_SAME.sub("#", text), text)
    return tuple(found.values())


def _unless(op: type[Op], constraint: Constraint, x: Shape, given: dict[str, Value]) -> str:
    """An equality that the option's default escapes: `num_parameters` counts the channels, unless it is 1."""
    if constraint.relation != "==" or constraint.option not in op.defaults:
        return ""
    default = op.defaults[constraint.option]
    escapes = all(
        other.option != constraint.option for other in _on_names(op, **{**given, constraint.option: default}).constraints(x)
    )
    return f", unless `{constraint.option}` is {value_text(default)}" if escapes else ""


def _condition(constraint: Constraint, long: dict[str, str]) -> str:
    """A constraint as a comparison; `long` are the formulas of output sizes, which stand in it by their names."""
    left, relation, right = constraint.left, constraint.relation, constraint.right
    if relation == ">=" and is_number(left):
        left, relation, right = right, "<=", left
    shown = [next((name for name, text in long.items() if text == render(side)), render(side)) for side in (left, right)]
    return f"{shown[0]} {relation} {shown[1]}"


def _figures(op: type[Op], layout: str) -> Figures:
    names = layout.split()
    x = Shape(tuple(_NUMBERS[name] for name in names), names.index("C"))
    layer = _example(op)
    y = layer.output(x)
    return Figures(x.sizes, y.sizes, sum(product(shape) for _, shape in layer.weights(x)), layer.macs(x, y))
