"""A picture's formats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen.views.markup import head, sealed
from archgen.views.mermaid import mermaid

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.analysis.cost import Costs
    from archgen.analysis.report import Report
    from archgen.views.drawing import Drawing


FORMATS = (".svg", ".mmd", ".html")


def text(
    form: str, drawn: tuple[Drawing, ...], name: str, description: str, spec: str, measured: Callable[[], tuple[Report, Costs]]
) -> str:
    """Returns the drawings of a network as the text of a file. form: one of `FORMATS`. measured: what the page adds to them."""
    from archgen.views import (
        page,
        svg,  # each takes what is above from here
    )

    start = head(spec)
    if form == ".mmd":
        found = mermaid(drawn, start)
    elif form == ".svg":
        found = svg.svg(drawn, name, description, start)
    else:
        found = page.page(*measured(), drawn, description, start)
    return sealed(found)
