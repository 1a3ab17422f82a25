"""Drawings as SVG, laid out here: boxes in rows, a row below all that it takes from, arrows that go around what they pass.

An arrow that passes rows gets a place in each of them, as thin as a line, so nothing is drawn over a box (beyond 30,000 such
places, which nobody could follow, the longest arrows are drawn straight). Rows are then moved sideways, down and up in turn,
each box towards the middle of its neighbours as far as the boxes beside it allow.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

from archgen.budget import Budget
from archgen.views.markup import comment, escaped

if TYPE_CHECKING:
    from archgen.views.drawing import Box, Drawing


CHARACTER = 6.7  # pixels of a character: the font has a fixed width
BOX_HEIGHT, BOX_PADDING, GAP, THIN = 36.0, 10.0, 22.0, 10.0
ROW = 84.0  # from the top of a row to the top of the next
STUB = 18.0  # from a box straight down, with the shape beside it, before arrows part
MARGIN, TITLE = 24.0, 30.0
PASSES = 12
MOST_PASSED = 30_000  # rows that the arrows of one drawing pass, each a place to lay out
FILLS = {
    "input": "#f4f4f4", "op": "#ffffff", "block": "#e3eefb", "stage": "#d3e4f8", "merge": "#fdeccb", "split": "#fdeccb",
}  # fmt: skip


class Placed(NamedTuple):
    """A drawing with the middle of each box (x, top y), the points that each arrow passes, and its size."""

    drawing: Drawing
    places: tuple[tuple[float, float], ...]
    paths: tuple[tuple[tuple[float, float], ...], ...]
    width: float
    height: float


def box_width(box: Box) -> float:
    return max(len(box.name), len(box.detail), 6) * CHARACTER + 2 * BOX_PADDING


def room(box: Box) -> float:
    """The width that a box needs with the shape that stands below it, right of its middle."""
    return max(box_width(box), 2 * (len(box.shape) * CHARACTER + 8))


def place(drawing: Drawing) -> Placed:
    """Lays out one drawing, its upper left corner at (0, 0)."""
    ranks = _ranks(drawing)
    count = len(drawing.boxes)
    around = _around(drawing, ranks)
    row_of = list(ranks)
    links: list[tuple[int, int]] = []  # between neighbouring rows; numbers from `count` on are the places of arrows that pass
    chains: list[list[int]] = []
    for number, (source, target) in enumerate(drawing.arrows):
        if number not in around:
            chains.append([source, target])
            continue
        chain = [source]
        for rank in range(ranks[source] + 1, ranks[target]):
            row_of.append(rank)
            chain.append(len(row_of) - 1)
        chain.append(target)
        chains.append(chain)
        links += itertools.pairwise(chain)
    widths = [room(box) for box in drawing.boxes] + [THIN] * (len(row_of) - count)
    xs = _columns(row_of, links, widths)
    left = min(x - width / 2 for x, width in zip(xs, widths))
    places = tuple((xs[number] - left, TITLE + ranks[number] * ROW) for number in range(count))
    middles = [(x - left, TITLE + row * ROW) for x, row in zip(xs, row_of)]
    paths = tuple(tuple(middles[number] for number in chain) for chain in chains)
    width = max(max(x - left + width / 2 for x, width in zip(xs, widths)), len(drawing.title) * CHARACTER * 1.2)
    return Placed(drawing, places, paths, width, TITLE + (max(ranks) + 1) * ROW)


def _around(drawing: Drawing, ranks: list[int]) -> set[int]:
    """The arrows that go around what they pass: the shortest, as many as have room in the rows. The others are straight."""
    budget = Budget(MOST_PASSED)
    passed = [(ranks[target] - ranks[source] - 1, number) for number, (source, target) in enumerate(drawing.arrows)]
    return {number for rows, number in sorted(passed) if budget.spend(rows)}


def _ranks(drawing: Drawing) -> list[int]:
    """The row of each box: below the lowest that it takes from. Boxes come in the order in which they run."""
    ranks = [0] * len(drawing.boxes)
    for source, target in sorted(drawing.arrows, key=lambda arrow: arrow[1]):
        ranks[target] = max(ranks[target], ranks[source] + 1)
    return ranks


def _columns(row_of: list[int], links: list[tuple[int, int]], widths: list[float]) -> list[float]:
    """The middle of each item, so that those of a row keep apart and follow their neighbours above and below."""
    above: list[list[int]] = [[] for _ in row_of]
    below: list[list[int]] = [[] for _ in row_of]
    for source, target in links:
        above[target].append(source)
        below[source].append(target)
    rows: list[list[int]] = [[] for _ in range(max(row_of) + 1)]
    xs = [0.0] * len(row_of)
    for item in sorted(range(len(row_of)), key=lambda item: (row_of[item], item)):
        rows[row_of[item]].append(item)
    for row in rows:  # the order of a row follows the row above; what was written first stands left
        row.sort(key=lambda item: (_mean(xs, above[item]), item))
        _spread(row, [_mean(xs, above[item]) for item in row], xs, widths)
    for number in range(PASSES):
        neighbours = below if number % 2 == 0 else above
        for row in reversed(rows) if number % 2 == 0 else rows:
            _spread(row, [_mean(xs, neighbours[item], xs[item]) for item in row], xs, widths)
    return xs


def _mean(xs: list[float], items: list[int], otherwise: float = 0.0) -> float:
    return sum(xs[item] for item in items) / len(items) if items else otherwise


def _spread(row: list[int], wanted: list[float], xs: list[float], widths: list[float]) -> None:
    """Puts the items of a row as near to where they want to be as their widths allow, in order (least squares, by pooling)."""
    offsets, total = [], 0.0
    for number, item in enumerate(row):
        if number:
            total += (widths[row[number - 1]] + widths[item]) / 2 + GAP
        offsets.append(total)
    pools: list[tuple[float, int]] = []  # the mean of what items want, less their offsets; neighbours out of order are joined
    for want, offset in zip(wanted, offsets):
        mean, count = want - offset, 1
        while pools and pools[-1][0] > mean:
            other, others = pools.pop()
            mean, count = (other * others + mean * count) / (others + count), others + count
        pools.append((mean, count))
    shifts = [mean for mean, count in pools for _ in range(count)]
    for item, offset, shift in zip(row, offsets, shifts):
        xs[item] = round(offset + shift, 2)


# ---- text


def svg(drawn: tuple[Drawing, ...], title: str, description: str, head: str) -> str:
    """Returns the drawings as one SVG, the network left and its blocks right of it. head: says where it comes from."""
    return f"{comment(head)}\n{element(drawn, title, description)}"


def element(drawn: tuple[Drawing, ...], title: str, description: str) -> str:
    """Returns the `<svg>` element alone, as a page takes it in."""
    placed = [place(drawing) for drawing in drawn]
    corners, width, height = arrange(placed)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(width)} {_n(height)}" width="{_n(width)}" '
        f'height="{_n(height)}" font-family="Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="11" role="img">',
        f"<title>{escaped(title)}</title>",
        f"<desc>{escaped(description)}</desc>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#555555"/></marker></defs>',
        f'<rect width="{_n(width)}" height="{_n(height)}" fill="#ffffff"/>',
    ]
    for one, (x, y) in zip(placed, corners):
        lines += [f'<g transform="translate({_n(x)} {_n(y)})">', *_drawing(one), "</g>"]
    return "\n".join([*lines, "</svg>"]) + "\n"


def arrange(placed: list[Placed]) -> tuple[list[tuple[float, float]], float, float]:
    """The corner of each drawing, and the size of all: columns, each filled to the height of the first drawing."""
    corners: list[tuple[float, float]] = []
    tallest = max(one.height for one in placed)
    x = y = MARGIN
    column = 0.0
    for number, one in enumerate(placed):
        if number == 1 or (y > MARGIN and y + one.height > tallest + MARGIN):
            x, y, column = x + column + 3 * MARGIN, MARGIN, 0.0
        corners.append((x, y))
        y += one.height + MARGIN
        column = max(column, one.width)
    return corners, x + column + MARGIN, tallest + 2 * MARGIN


def _drawing(one: Placed) -> list[str]:
    lines = [f'<text x="0" y="14" font-size="13" font-weight="bold">{escaped(one.drawing.title)}</text>']
    lines += [_arrow(path) for path in one.paths]
    for box, (x, y) in zip(one.drawing.boxes, one.places):
        lines += _box(box, x, y)
    return lines


def _arrow(path: tuple[tuple[float, float], ...]) -> str:
    """A line straight down from a box, then from row to row, each time bending where there is no box."""
    (x, y), *rest = path
    text = f"M{_n(x)} {_n(y + BOX_HEIGHT)}V{_n(y + BOX_HEIGHT + STUB)}"
    start = x, y + BOX_HEIGHT + STUB
    for number, (to, top) in enumerate(rest):
        last = number == len(rest) - 1
        bend = (top - start[1]) / 2
        text += f"C{_n(start[0])} {_n(start[1] + bend)} {_n(to)} {_n(top - bend)} {_n(to)} {_n(top)}"
        if not last:
            text += f"V{_n(top + BOX_HEIGHT + STUB)}"
        start = to, top + BOX_HEIGHT + STUB
    return f'<path d="{text}" fill="none" stroke="#555555" marker-end="url(#tip)"/>'


def _box(box: Box, x: float, y: float) -> list[str]:
    width = box_width(box)
    corner = 14 if box.kind in ("input", "merge") else 3
    lines = [
        f'<rect x="{_n(x - width / 2)}" y="{_n(y)}" width="{_n(width)}" height="{_n(BOX_HEIGHT)}" rx="{corner}" '
        f'fill="{FILLS[box.kind]}" stroke="#555555"/>'
    ]
    if box.last:
        tip = y + BOX_HEIGHT + STUB + 8
        lines.append(f'<path d="M{_n(x)} {_n(y + BOX_HEIGHT)}V{_n(tip)}" stroke="#555555" marker-end="url(#tip)"/>')
    texts = [box.name, box.detail] if box.detail else [box.name]
    first = y + BOX_HEIGHT / 2 + (-2.5 if box.detail else 4)
    for number, text in enumerate(texts):
        weight = ' font-weight="bold"' if number == 0 else ""
        lines.append(f'<text x="{_n(x)}" y="{_n(first + 13.5 * number)}" text-anchor="middle"{weight}>{escaped(text)}</text>')
    lines.append(f'<text x="{_n(x + 5)}" y="{_n(y + BOX_HEIGHT + 13)}" fill="#1a5fa8">{escaped(box.shape)}</text>')
    return lines


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
