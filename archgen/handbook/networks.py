"""The page of `docs/` that lists the specs: what each network costs, and how long its spec and its module are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen import network, resources

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NOTE = """\
<!-- made by `python -m archgen.handbook` from the specs; edit those -->

Every spec in `specs/`, for the input that it names. Lines are those with something on them but a comment; a spec that
`extends` another counts its own alone. MACs are multiply-accumulates of convolutions, linear layers and
attention products for one image.

The tests hold the networks that torchvision has against its figures: parameters, MACs, the shapes and the order of
the weights, and the outputs for given weights (`tests/reference/`, `tests/test_reference.py`).
"""


def page(specs: Path) -> str:
    """Returns the page for a folder of specs."""
    return "\n".join(_lines(specs)) + "\n"


def _lines(specs: Path) -> Iterator[str]:
    yield from ("# Networks", "", _NOTE)
    yield "| spec | network | parameters | MACs | lines of YAML | lines of the module |"
    yield "|---|---|--:|--:|--:|--:|"
    written = 0, 0
    for path in sorted(specs.glob("*.yaml")):
        net = network.load(path)
        totals = net.report().totals
        counts = _count(resources.read(path).decode()), _count(net.source())
        written = written[0] + counts[0], written[1] + counts[1]
        about = net.spec.description.strip().rstrip(".")
        name = f"[{path.stem}](../specs/{path.name})"
        yield f"| {name} | {about} | {totals.parameters:,} | {totals.macs:,} | {counts[0]} | {counts[1]} |"
    yield f"| together | | | | {written[0]:,} | {written[1]:,} |"


def _count(text: str) -> int:
    """The lines that say something."""
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in text.splitlines())
