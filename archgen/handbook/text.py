"""What archgen says of itself on the terminal, at 80 columns."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from archgen.diagnostics import WIDTH, Place, Problem, Source, SpecError, nearest, quote
from archgen.handbook import ops
from archgen.ops import MAC_CONVENTION, OPS
from archgen.views.columns import GAP, shape_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from archgen.handbook.ops import Entry, Weight
    from archgen.ops import Op

_BRACKETS = re.compile(r"\[[^]]*\]")  # a shape stays in one line
_NO_BREAK = "\xa0"


def columns(rows: Sequence[Sequence[str]], widths: Sequence[int] = ()) -> Iterator[str]:
    """Yields rows as lines, indented and aligned; the last column is wrapped."""
    widths = widths or widths_of(rows)
    for row in rows:
        start = GAP + "".join(cell.ljust(width) + GAP for cell, width in zip(row, widths))
        yield from wrapped(start, row[-1])


def widths_of(rows: Sequence[Sequence[str]]) -> tuple[int, ...]:
    """Returns the widths of all columns but the last."""
    return tuple(max(map(len, column)) for column in zip(*rows))[:-1]


def wrapped(start: str, text: str) -> list[str]:
    """Returns a text behind a start, its further lines indented as far."""
    whole = _BRACKETS.sub(lambda found: found[0].replace(" ", _NO_BREAK), text)
    below = " " * len(start)
    lines = textwrap.wrap(
        whole, WIDTH, initial_indent=start, subsequent_indent=below, break_long_words=False, break_on_hyphens=False
    )
    return [line.replace(_NO_BREAK, " ") for line in lines] or [start.rstrip()]


def unknown(command: str, what: str, name: str, known: tuple[str, ...], listing: str) -> SpecError:
    """Returns the error for a name on the command line that nothing has."""
    near = nearest(name, known)
    help = f"the nearest is {quote(near)}" if near else f"`{listing}` lists them all"
    return SpecError(Problem(Place(Source(command, ""), 0, 0), f"there is no {what} {quote(name)}", help))


# ---- ops


def all_ops() -> str:
    """Returns a table of all ops by family."""
    families = ops.families()
    return "\n".join(
        tables({title: [(op.name, class_text(op), ops.summary(op)) for op in found] for title, found in families.items()})
    ).rstrip()


def tables(rows: Mapping[str, Sequence[Sequence[str]]]) -> list[str]:
    """The lines of tables with the same columns, each below its title."""
    widths = widths_of([row for table in rows.values() for row in table])
    lines: list[str] = []
    for title, table in rows.items():
        lines += [*wrapped("", title), *columns(table, widths), ""]
    return lines


def class_text(op: type[Op]) -> str:
    """Returns the torch class of an op, by the input's rank as `Conv1d-3d`; "-" where the module brings a class of its own."""
    found = ops.classes(op)
    return f"{found[0]}-{found[-1][-2:]}" if len(found) > 1 else "".join(found) or "-"


def one_op(name: str) -> str:
    """Returns all there is to say about an op."""
    entry = ops.entry(OPS[name])
    lines = [f"{entry.name}: {', '.join(entry.classes) or entry.otherwise}"]
    for paragraph in entry.text.split("\n\n"):
        lines += ["", *wrapped("", paragraph)]
    if entry.options:
        rows = [(option.name, option.default, option.takes) for option in entry.options]
        lines += ["", "options, with their defaults"]
        lines += columns([(name, _short(default), takes) for name, default, takes in rows])
        lines += [line for name, default, _ in rows if _short(default) != default for line in wrapped(f"  {name}: ", default)]
    lines += ["", *_facts(entry)]
    return "\n".join(lines)


def _short(default: str) -> str:
    return default if len(default) <= 12 else "see below"


def _facts(entry: Entry) -> Iterator[str]:
    """What the op takes, does, costs and refuses, and its example."""
    yield from wrapped("input       ", ", ".join(entry.takes))
    start = "shape       "
    for line in entry.shape:
        yield from wrapped(start, line)
        start = " " * len(start)
    for name, weights in (("parameters  ", entry.parameters), ("buffers     ", entry.buffers)):
        for line in map(weight_text, weights):
            yield from wrapped(name, line)
            name = " " * len(name)
    yield from wrapped("MACs        ", entry.macs or "0")
    yield ""
    beside = f": the value beside the name is `{entry.first}`" if entry.first else ""
    yield from wrapped("example     ", entry.example + beside)
    figures = entry.figures
    counts = f"{figures.parameters:,} parameters, {figures.macs:,} MACs"
    yield from wrapped("            ", f"{shape_text(figures.input)} -> {shape_text(figures.output)}; {counts}")
    if entry.constraints:
        yield from ("", "must hold, or the spec is refused")
        for constraint in entry.constraints:
            yield from wrapped("  ", constraint.replace("`", ""))
    if entry.messages:
        yield from ("", "refused")
        for message in entry.messages:
            yield from wrapped("  ", message)
    if entry.refuses:
        yield from ("", "other inputs")
        yield from columns(entry.refuses)
    if entry.macs:
        yield ""
        yield from wrapped("", MAC_CONVENTION[:1].upper() + MAC_CONVENTION[1:])


def weight_text(weight: Weight) -> str:
    """Returns a parameter or buffer as `bias [out_channels], where bias is true`."""
    where = f", where {' and '.join(weight.where)} {'is' if len(weight.where) == 1 else 'are'} true" if weight.where else ""
    return f"{weight.name} {weight.shape}{where}"
