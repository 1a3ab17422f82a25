"""What holds for inputs of every size, as a table for people and as JSON: closed forms, the contract, and what breaks where."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from archgen.analysis import report as reports
from archgen.analysis.columns import GAP, WIDTH, aligned, facts
from archgen.analysis.table import json_lines
from archgen.budget import Budget
from archgen.diagnostics import printable
from archgen.records import Record
from archgen.regions import EVERYWHERE
from archgen.sizes import axes_of, text_of
from archgen.sizesets import ALL, TooLong, meet
from archgen.symbolic import sides

if TYPE_CHECKING:
    from archgen.analysis.built import Built
    from archgen.analysis.report import Row
    from archgen.contract import Examined, Judged
    from archgen.diagnostics import Place
    from archgen.fields import View
    from archgen.sizes import Number
    from archgen.sizesets import SizeSet
    from archgen.trace import Traced

SCHEMA_VERSION = 1
CHECKED = 1024  # sizes at which what can't be proved is tried, while the budget lasts
MOST_EFFORT = 500_000  # for that, and for the sizes at which something breaks
TITLES = {"L": "length", "D": "depth", "H": "height", "W": "width"}
NONE = "-"
SIGNS = "⌊⌋·"  # beyond ASCII


class Break(Record):
    """A need of a layer that some inputs do not meet though every layer before has something to work on.

    paths: of the layers, the first and those that meet the same sizes again. axis: the axis of the input that it is about.
    rule: the sizes at which it breaks; smallest: the first of them. sides: what a merge can't put together, name, place, size.
    """

    paths: tuple[str, ...]
    place: Place
    axis: str
    formula: str
    rule: str
    smallest: int
    sides: tuple[tuple[str, Place, str], ...]


class Joint(Record):
    """A need about several axes at once, solved: rule says at which sizes it holds."""

    path: str
    place: Place
    formula: str
    rule: str


class Open(Record):
    """A need that stands as it is: it is about several axes at once, or beyond proof.

    checked: it was tried at the sizes up to this one, all axes equal. breaks: the first at which it breaks, 0 for none.
    """

    path: str
    place: Place
    formula: str
    several: bool
    checked: int
    breaks: int


class Bound(Record):
    """The layer that asks for the largest input along an axis."""

    path: str
    place: Place
    axis: str
    least: int


class Findings(Record):
    """merges: the paths of all of them. bounds: for each axis, the layer that asks for most."""

    merges: tuple[str, ...]
    breaks: tuple[Break, ...]
    bounds: tuple[Bound, ...]
    joint: tuple[Joint, ...]
    opened: tuple[Open, ...]


def findings(found: Examined, ascii_only: bool = False) -> Findings:
    """Returns which needs of the layers hold at every size, and which do not."""
    rows = _Rows(reports.rows(found.traced.steps))
    budget = Budget(MOST_EFFORT)
    decided = [one for one in found.judged if one.holds is not None]
    bounds = {axis: _bound([one for one in decided if one.axis == axis], budget) for axis in found.traced.axes}
    breaks = [
        _break(found, one, bounds[one.axis], rows, ascii_only, budget) for one in decided if one.constraint.relation != ">="
    ]
    joint = [one for one in found.judged if one.boxes is not None and one.boxes != EVERYWHERE]
    opened = [_open(found, one, ascii_only, budget) for one in found.judged if not one.decided]
    return Findings(
        tuple(row.path for row in rows.listed if row.role == "merge"),
        tuple(one for one in breaks if one is not None),
        tuple(one for axis in bounds for one in _binding([one for one in decided if one.axis == axis])),
        tuple(_joint(found, one, ascii_only) for one in joint),
        tuple(opened),
    )


class _Rows:
    """The rows of a report, to be found by their path and by their layer."""

    def __init__(self, listed: tuple[Row, ...]) -> None:
        self.listed = listed
        self.by_path = {row.path: row for row in listed}
        self.alike: dict[int, list[str]] = {}
        for row in listed:
            self.alike.setdefault(id(row.traced), []).append(row.path)


def _bound(judged: list[Judged], budget: Budget) -> SizeSet:
    """The sizes at which every layer has enough to work on."""
    sizes = ALL
    for one in judged:
        if one.constraint.relation == ">=" and one.holds is not None:
            try:
                sizes = meet(sizes, one.holds, budget)
            except TooLong:
                return sizes
    return sizes


def _break(found: Examined, one: Judged, bound: SizeSet, rows: _Rows, ascii_only: bool, budget: Budget) -> Break | None:
    constraint = one.constraint
    assert one.holds is not None
    if one.holds.everything:
        return None
    try:
        broken = meet(bound, ALL - one.holds, budget)
    except TooLong:
        broken = ALL - one.holds
    smallest = broken.least()
    if smallest is None:
        return None
    path = ".".join(constraint.path)
    number = found.traced.axes.index(one.axis)
    values = sides(found.traced, constraint)
    shown = tuple((side.name, side.place, text_of(side.shape.spatial[number], ascii_only)) for side in values)
    paths = tuple(rows.alike[id(rows.by_path[path].traced)])
    return Break(paths, constraint.place, one.axis, constraint.formula(ascii_only), broken.rule(one.axis), smallest, shown)


def _binding(judged: list[Judged]) -> list[Bound]:
    """The layer that asks for most, if it asks for more than one position."""
    asked = [(one, one.holds.least() or 1) for one in judged if one.constraint.relation == ">=" and one.holds is not None]
    if not asked:
        return []
    one, least = max(asked, key=lambda pair: pair[1])
    return [Bound(".".join(one.constraint.path), one.constraint.place, one.axis, least)] if least > 1 else []


def _joint(found: Examined, one: Judged, ascii_only: bool) -> Joint:
    constraint = one.constraint
    region = found.region.replace(boxes=one.boxes, joint=(constraint,), open=())
    return Joint(".".join(constraint.path), constraint.place, constraint.formula(ascii_only), region.rule())


def _open(found: Examined, one: Judged, ascii_only: bool, budget: Budget) -> Open:
    constraint = one.constraint
    checked = breaks = 0
    while checked < CHECKED and not breaks and budget.spend(constraint.parts + len(found.runs) + 2):
        checked += 1
        here = dict.fromkeys(found.traced.axes, checked)
        if all(checked in sizes for sizes in found.runs.values()) and not constraint.holds_at(here):
            breaks = checked
    several = len(constraint.axes) > 1
    return Open(".".join(constraint.path), constraint.place, constraint.formula(ascii_only), several, checked, breaks)


# ---- for people


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


# ---- for programs


def json_text(found: Examined, name: str, spec: str, depth: int | None = None, built: Built | None = None) -> str:
    """The same as JSON text, layers down to a depth; `docs/symbolic.schema.json` is its schema.

    built: what the input means for the network as it is built, if it is not the spec's own.
    """
    told = findings(found, ascii_only=True)
    values = {
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "spec": spec,
        "axes": list(found.traced.axes),
        "contract": found.contract.as_json(),
        **({} if built is None else {"built": built.as_json()}),
        "merges": len(told.merges),
        "breaks": [_break_json(one) for one in told.breaks],
        "bounds": [{"path": one.path, "line": one.place.line, "axis": one.axis, "least": one.least} for one in told.bounds],
        "joint": [{"path": one.path, "line": one.place.line, "needs": one.formula, "sizes": one.rule} for one in told.joint],
        "unproved": [_open_json(one) for one in told.opened],
    }
    rows = [row for row in reports.rows(found.traced.steps) if depth is None or row.depth <= depth]
    return json_lines(values, [_layer(row, found.followed.layers.get(row.path)) for row in rows])


def _open_json(one: Open) -> dict[str, Any]:
    return {
        "path": one.path,
        "line": one.place.line,
        "needs": one.formula,
        "checked": one.checked,
        "breaks": one.breaks or None,
    }


def _break_json(one: Break) -> dict[str, Any]:
    return {
        "paths": list(one.paths),
        "line": one.place.line,
        "axis": one.axis,
        "needs": one.formula,
        "sizes": one.rule,
        "smallest": one.smallest,
        "sides": [{"name": name, "line": place.line, "size": size} for name, place, size in one.sides],
    }


def _layer(row: Row, view: View | None) -> dict[str, Any]:
    fields = [] if view is None else [None if field is None else field.size for field in view.fields]
    sizes: tuple[Number, ...] = row.traced.output.sizes
    return {
        "path": row.path,
        "type": row.type,
        "line": row.line,
        "depth": row.depth,
        "leaf": row.leaf,
        "output_shape": [size if isinstance(size, int) else size.text(ascii_only=True) for size in sizes],
        "receptive_field": fields,
    }
