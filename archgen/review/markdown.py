"""A review as Markdown, for a comment under a pull request: nothing for what has not changed, and what is long is folded."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from archgen.diagnostics import printable
from archgen.review.told import SIGNS, amount, parts, percent, told, verdicts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archgen.review.diff import Diff
    from archgen.review.project import Review
    from archgen.review.told import Told

MOST_OPEN = 8  # changes, or parts, that are shown without being unfolded
GOOD, ASKS = ":white_check_mark:", ":warning:"
SPECIAL = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_[]|~"})


def text(review: Review) -> str:
    """Returns a review as Markdown, without a last line break."""
    alone = [*(f"- **new** {_code(one)}" for one in review.added), *(f"- **removed** {_code(one)}" for one in review.removed)]
    sections = [*map(_diff, review.diffs), *(["\n".join(alone)] if alone else [])]
    return "\n\n".join(sections) or "No spec of a network has changed."


def _diff(diff: Diff) -> str:
    title = f"### {_code(diff.new)}\n\ncompared with {_code(diff.old)}"
    if diff.equal:
        return f"{title}: the same network"
    if not (diff.changes or diff.interface.differences) and all(diff.same):
        return f"{title}: the same network with the defaults of all arguments; other values may tell them apart"
    return "\n\n".join(filter(None, [title, _verdicts(diff), _changes(diff), _totals(diff), _parts(diff)]))


def _verdicts(diff: Diff) -> str:
    return _table(
        ("", "", ""),
        [(GOOD if one.good else ASKS, f"**{one.name}**", "<br>".join(map(_plain, one.sentences))) for one in verdicts(diff)],
    )


def _changes(diff: Diff) -> str:
    lines = [_change(one) for one in told(diff)]
    return _folded(f"{len(lines)} changes", "\n".join(lines), len(lines) > MOST_OPEN)


def _change(one: Told) -> str:
    details = "".join(f"<br>{_plain(detail)}" for detail in one.details)
    return f"- `{SIGNS.get(one.kind, '~')}` **{_plain(one.where)}**: {_plain(one.title)} ({_plain(one.place)}){details}"


def _totals(diff: Diff) -> str:
    rows = [(one.name, amount(one, one.old), amount(one, one.new), percent(one)) for one in diff.totals if one.old != one.new]
    return _table(("total", "before", "after", "change"), rows, numbers=True) if rows else ""


def _parts(diff: Diff) -> str:
    rows = [(_plain(one.name), one.output, one.parameters, one.macs) for one in parts(diff)]
    table = _table(("part", "output", "parameters", "MACs"), rows, numbers=True) if rows else ""
    return _folded(f"{len(rows)} parts with other figures", table, folded=True)


def _table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]], numbers: bool = False) -> str:
    rule = "|".join(["---", *(["---:"] if numbers else ["---"]) * (len(titles) - 1)])
    return "\n".join([f"| {' | '.join(titles)} |", f"|{rule}|", *(f"| {' | '.join(row)} |" for row in rows)])


def _folded(title: str, body: str, folded: bool) -> str:
    if not (body and folded):
        return body
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def _plain(text: str) -> str:
    """Text in which nothing is markup."""
    return html.escape(printable(text), quote=False).translate(SPECIAL)


def _code(text: str) -> str:
    """The name of a file."""
    return f"<code>{_plain(text)}</code>"
