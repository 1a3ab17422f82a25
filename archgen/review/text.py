"""A review as text: of each spec what was done, the parts that differ, the totals, and what it means."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from archgen.diagnostics import WIDTH, printable
from archgen.review.told import SIGNS, amount, parts, percent, told, verdicts
from archgen.views.columns import GAP, aligned, facts

if TYPE_CHECKING:
    from archgen.review.diff import Diff
    from archgen.review.project import Review
    from archgen.review.told import Told

OTHER = "~"


def text(review: Review) -> str:
    """Returns a review as lines of text, without a last line break."""
    return "\n\n\n".join([*map(_diff, review.diffs), *_alone(review)])


def _alone(review: Review) -> list[str]:
    """The specs that stand on one side alone, and how many are as they were."""
    lines = [
        *(f"+ {printable(one)}: a new spec" for one in review.added),
        *(f"- {printable(one)}: no longer there" for one in review.removed),
    ]
    if review.unchanged:
        lines.append(f"{review.unchanged:,} {'spec is' if review.unchanged == 1 else 'specs are'} as before")
    return ["\n".join(lines)] if lines else []


def _diff(diff: Diff) -> str:
    title = f"{printable(diff.old)} -> {printable(diff.new)}"
    if diff.equal:
        return f"{title}: the same network"
    if not (diff.changes or diff.interface.differences) and all(diff.same):
        return "\n".join(
            _wrapped(f"{title}: the same network with the defaults of all arguments; other values may tell them apart", GAP)
        )
    sections = [[title], _changes(diff), _parts(diff), _totals(diff), _verdicts(diff)]
    return "\n\n".join("\n".join(section) for section in sections if section)


def _changes(diff: Diff) -> list[str]:
    return [line for one in told(diff) for line in _change(one)]


def _change(one: Told) -> list[str]:
    sign = SIGNS.get(one.kind, OTHER)
    head = f"{sign} {one.where}: {one.title} ({printable(one.place)})"
    return [*_wrapped(head, "    "), *(line for detail in one.details for line in _wrapped(f"    {detail}", "      "))]


def _wrapped(sentence: str, indent: str) -> list[str]:
    return textwrap.wrap(
        sentence, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )


def _parts(diff: Diff) -> list[str]:
    rows = [(one.name, one.output, one.parameters, one.macs) for one in parts(diff)]
    return aligned([("part", "output", "parameters", "MACs"), *rows], frozenset((2, 3))) if rows else []


def _totals(diff: Diff) -> list[str]:
    rows = [(one.name, amount(one, one.old), amount(one, one.new), percent(one)) for one in diff.totals]
    return aligned([("", "before", "after", "change"), *rows], frozenset((1, 2, 3)))


def _verdicts(diff: Diff) -> list[str]:
    return facts(
        [(one.name if number == 0 else "", sentence) for one in verdicts(diff) for number, sentence in enumerate(one.sentences)]
    )
