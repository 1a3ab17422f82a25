"""Tables as text: columns, names with values, and shapes."""

from __future__ import annotations

import textwrap

from archgen.diagnostics import WIDTH

GAP = "  "
NUMBERS = frozenset((2, 3, 4))  # the columns that are set to the right


def shape_text(shape: tuple[int, ...], batch: int = 1) -> str:
    """Returns a shape as `64x112x112`, with the batch in front if it is more than one image."""
    return "x".join(map(str, shape if batch == 1 else (batch, *shape)))


def aligned(rows: list[tuple[str, ...]], right: frozenset[int] = NUMBERS) -> list[str]:
    """Returns rows, the first of them the titles, as lines of equal columns; `right` are set to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [GAP.join(_padded(row, widths, right)).rstrip() for row in rows]
    rule = "-" * (sum(widths) + len(GAP) * (len(widths) - 1))
    return [lines[0], rule, *lines[1:], rule]


def _padded(row: tuple[str, ...], widths: list[int], right: frozenset[int]) -> list[str]:
    cells = zip(row, widths, strict=True)
    return [cell.rjust(width) if i in right else cell.ljust(width) for i, (cell, width) in enumerate(cells)]


def facts(pairs: list[tuple[str, str]]) -> list[str]:
    """Returns names and values, one a line; a value too long for a line goes on below itself."""
    left = max(len(name) for name, _ in pairs) + len(GAP)
    lines = [
        (name, textwrap.wrap(value, WIDTH - left, break_long_words=False, break_on_hyphens=False)) for name, value in pairs
    ]
    return [(name if number == 0 else "").ljust(left) + text for name, texts in lines for number, text in enumerate(texts)]
