"""A review as one page of HTML: the two trees side by side, what was done, and what it means. It has no scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen.review.told import amount, percent, told, verdicts
from archgen.trace.traced import Role
from archgen.views.columns import shape_text
from archgen.views.markup import escaped
from archgen.views.op_text import op_title
from archgen.views.page import STYLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archgen.review.align import Node, Pair
    from archgen.review.diff import Diff
    from archgen.review.project import Review

OWN_STYLE = """\
.tree td { padding: 0.05em 1em 0.05em 0; vertical-align: top; white-space: nowrap; }
.number { text-align: right; }
.added { background: #e6ffec; } .removed { background: #ffebe9; } .changed { background: #fff8c5; } .follows { color: #555; }
summary { cursor: pointer; }"""
TITLES = ("before", "", "output", "after", "", "output", "parameters", "MACs")


def text(review: Review) -> str:
    """Returns the page, without a last line break."""
    body = [line for diff in review.diffs for line in _diff(diff)]
    body += [f'<p class="added">{escaped(one)}: a new spec</p>' for one in review.added]
    body += [f'<p class="removed">{escaped(one)}: no longer there</p>' for one in review.removed]
    return "\n".join([
        "<!DOCTYPE html>",
        '<html lang="en">',
        '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        "<title>archgen diff</title>",
        f"<style>\n{STYLE}\n{OWN_STYLE}\n</style></head>",
        "<body>",
        *body,
        "</body>",
        "</html>",
    ])  # fmt: skip


def _diff(diff: Diff) -> Iterator[str]:
    yield f"<h1>{escaped(diff.old)} &rarr; {escaped(diff.new)}</h1>"
    yield "<table>"
    for verdict in verdicts(diff):
        said = "<br>".join(map(escaped, verdict.sentences))
        yield f'<tr class="{"" if verdict.good else "changed"}"><th>{verdict.name}</th><td>{said}</td></tr>'
    yield "</table>"
    yield "<h2>What was done</h2><ul>"
    for one in told(diff):
        details = "".join(f"<br>{escaped(detail)}" for detail in one.details)
        yield f"<li>{one.kind} <b>{escaped(one.where)}</b>: {escaped(one.title)} ({escaped(one.place)}){details}</li>"
    yield "</ul><h2>Totals</h2><table>"
    for total in diff.totals:
        cells = (total.name, amount(total, total.old), amount(total, total.new), percent(total))
        yield f"<tr>{''.join(f'<td class=number>{escaped(cell)}</td>' for cell in cells)}</tr>"
    yield "</table><h2>The two networks</h2>"
    yield f'<table class="tree"><tr>{"".join(f"<th>{title}</th>" for title in TITLES)}</tr>'
    changed = {path for change in diff.changes for path in change.paths}
    for pair in diff.pairs:
        yield from _rows(pair, 0, changed)
    yield "</table>"


def _rows(pair: Pair, depth: int, changed: set[str]) -> Iterator[str]:
    cells = [*_cells(pair.old, depth), *_cells(pair.new, depth)]
    grown = [_grown(pair, name) for name in ("parameters", "macs")]
    numbers = "".join(f'<td class="number">{one}</td>' for one in grown)
    yield f'<tr class="{_look(pair, changed)}">{"".join(f"<td>{cell}</td>" for cell in cells)}{numbers}</tr>'
    for child in pair.children:
        yield from _rows(child, depth + 1, changed)


def _look(pair: Pair, changed: set[str]) -> str:
    if pair.old is None or pair.new is None:
        return "added" if pair.old is None else "removed"
    if pair.new.path in changed:
        return "changed"
    return "" if pair.old.step.output != pair.new.step.output else "follows"


def _cells(node: Node | None, depth: int) -> tuple[str, ...]:
    if node is None:
        return "", "", ""
    step = node.step
    title = op_title(step.op, step.type, step.inputs[0]) if step.op and step.role is not Role.MERGE else step.type
    return "&emsp;" * depth + escaped(step.name), escaped(title), shape_text(step.output.sizes)


def _grown(pair: Pair, name: str) -> str:
    old, new = (getattr(node.step, name) if node else 0 for node in (pair.old, pair.new))
    return f"{new:,}" if new == old else f"{new - old:+,}"
