"""What attention within windows takes in memory: the tensors that its class makes and lets go, in order, in bytes.

On the way forward that is, with a backward pass to come, torch's attention by two products of matrices, since the bias has a
gradient; without one it is the CPU's own kernel. What is made and given back within one operator is not counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archgen.ops.value import Footprint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archgen.ops.value import Mode


class Windows(NamedTuple):
    """The windows of one input: `size` is a window's side, or the grid's.

    places, hidden: of a bias that a small network makes, the relative positions and the channels within it.
    """

    sizes: tuple[int, ...]
    padded: tuple[int, int]
    heads: int
    size: int
    shift: int = 0
    grid: bool = False
    places: int = 0
    hidden: int = 0


class Bytes:
    """How large the tensors of a call are, and which of them torch copies.

    own: the input. values: the same, padded. positions: one number for each padded position. pairs: one for each pair of
    positions in a window, and head. bias: that for each window. scores: that for each image. norms: one for each position and
    head of each image. Of a network that makes the bias: hidden within it, table what it gives.
    """

    def __init__(self, windows: Windows, mode: Mode) -> None:
        height, width, channels = windows.sizes
        rows, columns = (side // windows.size for side in windows.padded)
        length = windows.size * windows.size
        self.count = rows * columns
        self.positions = mode.item * self.count * length
        self.values = mode.batch * self.positions * channels
        self.own = mode.batch * mode.item * height * width * channels
        self.pairs = mode.item * windows.heads * length * length
        self.bias = self.count * self.pairs
        self.scores = mode.batch * self.bias
        self.masked = self.count * length * length  # of one byte each
        self.numbers = mode.batch * self.count * length * windows.heads
        self.norms = mode.item * self.numbers
        self.channels, self.heads = mode.item * channels, mode.item * windows.heads
        self.hidden, self.table = (mode.item * windows.places * one for one in (windows.hidden, windows.heads))
        self.cosine = windows.hidden > 0
        self.spread = channels > windows.heads
        self.logarithms = 4 * self.numbers
        self.down, self.right = windows.padded[0] > height, windows.padded[1] > width
        self.row = mode.batch * mode.item * height * windows.padded[1] * channels  # cropped along one axis
        self.padded = self.down or self.right
        self.shifted = windows.shift > 0 and self.count > 1
        self.alone = mode.batch == 1
        self.parted = mode.batch * self.count * length > 1
        self.repeated = self.count > 1 and windows.heads > 1
        one = (self.count if windows.grid else columns) == 1 and windows.heads == 1
        self.joined = windows.size > 1 and not one
        self.turned = windows.heads > 1 and length > 1
        self.mixed = columns > 1  # the regions of a mask, put in order by windows
        self.moved = self.values if self.padded or self.shifted else 0  # the input as the layers take it


def footprint(windows: Windows, mode: Mode) -> Footprint:
    size = Bytes(windows, mode)
    return Footprint(
        keeps=() if size.moved else ("input",),
        view=not size.moved,
        dense=not size.moved,
        forward=tuple(_forward(size, mode.gradient)),
        backward=tuple(_backward(size, mode.further)) if mode.gradient else (),
    )


def _forward(size: Bytes, kept: bool) -> Iterator[int]:
    values, thrown = size.values, int(not kept)
    if size.padded:
        yield values
    if size.shifted:
        yield values
        if size.padded:
            yield -values
    if size.cosine:  # the bias of queries, keys and values, without that of keys
        yield from (size.channels, 3 * size.channels, -size.channels)
    yield 3 * values
    if size.cosine:
        yield -3 * size.channels
    if size.parted:
        yield from (3 * values, -3 * values)
    if size.cosine:
        yield from _cosines(size, thrown)
    yield from _bias(size)
    bias = size.bias if size.shifted or size.repeated else size.pairs
    if kept:  # the scaled queries and keys, the scores, their softmax
        yield from (values, values, size.scores, size.scores, -size.scores, values, -bias)
    else:
        yield from (values, size.logarithms, -size.logarithms, -bias, -size.moved)
    if size.joined:
        yield from (values, values, -thrown * values, -values)
    else:
        yield from (values, -thrown * values)
    yield from _crop(size)
    yield -3 * thrown * values
    if size.cosine:
        yield from (-values, -values, -thrown * size.heads, -size.table)


def _cosines(size: Bytes, thrown: int) -> Iterator[int]:
    """The queries divided by their norms, times a factor for each head; the keys; and the network of the bias."""
    values, norms, heads, hidden, table = size.values, size.norms, size.heads, size.hidden, size.table
    unit = (norms, norms, -thrown * norms, values, -thrown * norms)
    yield from (heads, heads, -heads)
    yield from (*unit, size.count * heads, values, -thrown * values, -thrown * size.count * heads)
    yield from unit
    yield from (hidden, table, -thrown * hidden, table, -table, table, -thrown * table)


def _bias(size: Bytes) -> Iterator[int]:
    yield size.pairs
    if size.turned:
        yield from (size.pairs, -size.pairs)
    if size.shifted:
        yield size.positions
        if size.mixed:
            yield from (size.positions, -size.positions)
        yield from (size.masked, size.bias, -size.masked, -size.pairs, -size.positions)
    elif size.repeated:
        yield from (size.bias, -size.pairs)


def _crop(size: Bytes) -> Iterator[int]:
    """The windows moved back, and the result cropped."""
    if size.shifted:
        yield from (size.values, -size.values)
    if size.padded:
        yield from (size.own, -size.values)


def _backward(size: Bytes, further: bool) -> Iterator[int | None]:
    values = size.values
    yield from _back_to_windows(size)
    yield values  # the projection's
    yield -values if size.moved else None
    yield -values
    if size.joined:
        yield from (values, -values)
    held = 0 if size.cosine else 3 * values  # queries, keys and values: their norms are worked out of them too
    yield from (values, size.scores, -values, -held)
    yield from (size.scores, -size.scores, -size.scores)
    if size.alone:  # the gradient of the bias is that of the scores
        yield from (values, values, -values, -values)
    else:
        yield from (size.bias, values, values, -size.scores, -values, -values)
    yield from (values, -values, values, -values)
    if size.count > 1:
        yield from (size.pairs, -size.bias)
    yield from _back_through_cosines(size) if size.cosine else (-size.pairs,)
    yield from (3 * values, -3 * values)
    if size.parted:
        yield from (3 * values, -3 * values)
    yield from (values * further, 3 * size.channels * size.cosine, -3 * values)
    if size.moved:
        yield -values
    if size.cosine:
        yield from (size.channels, -size.channels, -3 * size.channels)
    if further and size.shifted:
        yield from (values, -values)
    if further and size.padded:
        yield from (size.own, -values)


def _back_to_windows(size: Bytes) -> Iterator[int | None]:
    if size.right:
        yield size.row if size.down else size.values
        yield None
    if size.down:
        yield size.values
        yield -size.row if size.right else None
    if size.shifted:
        yield size.values
        yield -size.values if size.padded else None


def _back_through_cosines(size: Bytes) -> Iterator[int]:
    values, heads, hidden, table = size.values, size.heads, size.hidden, size.table
    factors = size.count * heads
    yield from (table, -size.pairs, table, -table, table, -table, -table)
    yield from (hidden, -table, hidden, -hidden, -hidden, -hidden)
    yield from _back_through_norms(size)
    yield from (values, values, factors, -values, -values, -factors, -values, heads, -factors)
    yield from _back_through_norms(size)
    yield from (-3 * values, heads, -heads, -heads, -heads)


def _back_through_norms(size: Bytes) -> Iterator[int]:
    """Of values that are divided by their norms, where these are not too small."""
    values, norms, numbers = size.values, size.norms, size.numbers
    yield from (values, values, values, values, -3 * values, values, -values, -norms)
    if size.spread:
        yield from (norms, -values)
    yield from (numbers, norms, -numbers, -norms)
    yield from (values, numbers, values, -numbers, -values, -norms, -norms, -values)
