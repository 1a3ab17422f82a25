"""Drawings as a Mermaid flowchart, which the usual code hosts draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archgen.views.drawing import Box, Drawing


def mermaid(drawn: tuple[Drawing, ...], head: str) -> str:
    """Returns the drawings as a Mermaid flowchart. head: a line that says where it comes from."""
    lines = [f"%% {head}", "flowchart TB"]
    for number, one in enumerate(drawn):
        lines.append(f'  subgraph d{number}["{_quoted(one.title)}"]')
        lines.append("    direction TB")
        lines += [f"    {_id(number, place)}{_mermaid_box(box)}" for place, box in enumerate(one.boxes)]
        for source, target in one.arrows:
            lines.append(f'    {_id(number, source)} -->|"{one.boxes[source].shape}"| {_id(number, target)}')
        for place, box in enumerate(one.boxes):
            if box.last:
                lines.append(f'    {_id(number, place)} -->|"{box.shape}"| {_id(number, place)}o(["output"])')
        lines.append("  end")
    return "\n".join(lines) + "\n"


def _id(number: int, place: int) -> str:
    return f"d{number}n{place}"


def _mermaid_box(box: Box) -> str:
    text = _quoted(box.name) + (f"<br/>{_quoted(box.detail)}" if box.detail else "")
    opening, closing = {"input": ("([", "])"), "merge": ("((", "))"), "stage": ("[[", "]]")}.get(box.kind, ("[", "]"))
    return f'{opening}"{text}"{closing}'


def _quoted(text: str) -> str:
    """Mermaid writes a sign that means something to it as its number."""
    return "".join(sign if sign.isalnum() or sign in " .,_-()/+" else f"#{ord(sign)};" for sign in text)
