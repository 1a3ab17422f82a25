"""What the formulas of all sizes say: where a network breaks, and what could not be proved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen.analysis import report as reports
from archgen.analysis.regions import EVERYWHERE
from archgen.arithmetic.sizes import text_of
from archgen.arithmetic.sizesets import ALL, TooLong, meet
from archgen.budget import Budget
from archgen.records import Record
from archgen.trace.on_sizes import sides
from archgen.trace.traced import Role

if TYPE_CHECKING:
    from archgen.analysis.contract import Examined, Judged
    from archgen.analysis.report import Row
    from archgen.arithmetic.sizesets import SizeSet
    from archgen.diagnostics import Place


CHECKED = 1024  # sizes at which what can't be proved is tried, while the budget lasts
MOST_EFFORT = 500_000  # for that, and for the sizes at which something breaks


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
        tuple(row.path for row in rows.listed if row.role is Role.MERGE),
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
