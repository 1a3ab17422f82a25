"""`shapes --symbolic` as a table."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from archgen.analysis import report as reports
from archgen.analysis.findings import findings
from archgen.arithmetic.sizes import axes_of, text_of
from archgen.diagnostics import WIDTH, printable
from archgen.views.columns import GAP, aligned, facts

if TYPE_CHECKING:
    from archgen.analysis.contract import Examined
    from archgen.analysis.findings import Break, Findings
    from archgen.analysis.receptive_field import View
    from archgen.analysis.report import Row
    from archgen.trace.traced import Traced


TITLES = {"L": "length", "D": "depth", "H": "height", "W": "width"}
NONE = "-"
SIGNS = "⌊⌋·"  # beyond ASCII


def table(found: Examined, name: str, spec: str, depth: int | None = None, ascii_only: bool = False) -> str:
    """Returns each layer's output for an input of any size, the contract, and what breaks; no line break at the end."""
    rows = [row for row in reports.rows(found.traced.steps) if depth is None or row.depth <= depth]
    axes, alike = found.traced.axes, _axes_alike(found)
    columns = axes[:1] if alike else axes
    titles = [", ".join(TITLES[axis] for axis in axes)] if alike else [TITLES[axis] for axis in axes]
    cells = [_cells(row, found.followed.layers.get(row.path), len(columns), ascii_only) for row in rows]
    numbers = frozenset((2, 3 + len(columns)))
    lines = aligned([("layer", "type", "channels", *titles, "field"), *cells], numbers)
    if alike and len(axes) > 1:
        others = " and ".join(TITLES[axis] for axis in axes[1:])
        lines.append(f"{axes[0]} is the input's {TITLES[axes[0]]}; {others} alike")
    lines.append("field: how many positions of the input one position sees")
    lines += ["", *facts([*found.contract.told(), ("spec", f"{name}, {printable(spec)}")]), ""]
    told = findings(found, ascii_only)
    return "\n".join([*lines, *_told(_along(told, axes[0]) if alike else told)])


def _axes_alike(found: Examined) -> bool:
    """Whether each layer treats all axes in the same way, so that one column says everything."""
    first, *others = found.traced.axes
    names = str.maketrans(dict.fromkeys(others, first))

    def alike(step: Traced) -> bool:
        sizes = {text_of(size).translate(names) for size in step.output.spatial}
        in_order = [axis for size in step.output.spatial for axis in axes_of(size)] in ([], list(found.traced.axes))
        return len(sizes) < 2 and in_order and all(map(alike, step.children))

    return len(set(found.runs.values())) < 2 and all(map(alike, found.traced.steps))


def _cells(row: Row, view: View | None, columns: int, ascii_only: bool) -> tuple[str, ...]:
    name = GAP * (row.depth - 1) + row.path.rpartition(".")[2]
    shape = row.traced.output
    sizes = [text_of(size, ascii_only) for size in shape.spatial][:columns]
    return name, row.type, text_of(shape.channels, ascii_only), *sizes, *[NONE] * (columns - len(sizes)), _field(view)


def _field(view: View | None) -> str:
    sizes = [field.size if field is not None else None for field in view.fields] if view is not None else []
    if not sizes or None in sizes:
        return NONE
    return str(sizes[0]) if len(set(sizes)) == 1 else "x".join(map(str, sizes))


def _told(found: Findings) -> list[str]:
    """What is proved and what is not, in sentences."""
    lines = []
    unproved = {path for one in found.breaks for path in one.paths}
    unproved |= {one.path for one in found.joint} | {one.path for one in found.opened}
    proved = [path for path in found.merges if path not in unproved]
    if proved:
        enough = " and ".join(f"{one.axis} >= {one.least}" for one in found.bounds)
        count = f"{len(proved)} of {len(found.merges)} merges" if len(proved) < len(found.merges) else _counted(len(proved))
        lines.append(f"{count}: proved to fit wherever {enough}" if enough else f"{count}: proved to fit at every size")
    lines += [f"{one.path} (line {one.place.line}) needs {one.axis} >= {one.least}" for one in found.bounds]
    lines += [line for one in found.breaks for line in _broken(one)]
    for solved in found.joint:
        lines += [f"{solved.path} (line {solved.place.line}) needs {solved.formula}", *_wrapped(f"that is {solved.rule}")]
    for left in found.opened:
        why = "several axes at once" if left.several else "beyond proof: too many sizes to look at before it repeats"
        tried = f"it breaks first at {left.breaks}" if left.breaks else f"it holds up to {left.checked:,}"
        lines.append(f"{left.path} (line {left.place.line}) needs {left.formula}")
        lines.append(f"  {why}; tried with all sizes equal, {tried}")
    return lines or ["no layer needs anything of the sizes"]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ", break_long_words=False)


def _counted(merges: int) -> str:
    return "1 merge" if merges == 1 else f"all {merges} merges"


def _along(found: Findings, axis: str) -> Findings:
    """Those of one axis, and those of several."""
    return found.replace(
        breaks=tuple(one for one in found.breaks if one.axis == axis),
        bounds=tuple(one for one in found.bounds if one.axis == axis),
    )


def _broken(one: Break) -> list[str]:
    more = f" and {len(one.paths) - 1} more" if len(one.paths) > 1 else ""
    sentence = f"{one.paths[0]} (line {one.place.line}){more} breaks where {one.rule}; the smallest is {one.smallest}"
    lines = textwrap.wrap(sentence, WIDTH - 2, subsequent_indent="    ", break_long_words=False)
    if not one.sides:
        return [*lines, f"  it needs {one.formula}"]
    width = max(len(name) for name, _, _ in one.sides)
    return [*lines, *(f"  {name.ljust(width)}  line {place.line:<4}  {size}" for name, place, size in one.sides)]
