"""Python text laid out as `ruff format` does it: on one line if it fits, else its arguments on one, else one a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from archgen.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

INDENT = 4


class Group(Record):
    """A bracketed list, as `nn.Sequential(` ... `)`. `exploded` puts one item on a line even where all would fit."""

    open: str
    items: tuple[Text, ...]
    close: str
    exploded: bool = False


class Infix(Record):
    """Values with the same operator between them, as `a + b + c`."""

    operator: str
    values: tuple[Text, ...]


class Comprehension(Record):
    """`[element for ...]`, with a star among the items of a list."""

    element: Text
    clause: str
    starred: bool = True

    @property
    def open(self) -> str:
        return "*[" if self.starred else "["


Text: TypeAlias = "str | Group | Infix | Comprehension"


def flat(text: Text) -> str:
    """Returns the text on one line."""
    if isinstance(text, str):
        return text
    if isinstance(text, Infix):
        return f" {text.operator} ".join(map(flat, text.values))
    if isinstance(text, Comprehension):
        return f"{text.open}{flat(text.element)} {text.clause}]"
    return text.open + ", ".join(map(flat, text.items)) + text.close


def _is_exploded(text: Text) -> bool:
    return isinstance(text, Group) and (text.exploded or any(map(_is_exploded, text.items)))


def lines(text: Text, indent: int, width: int, prefix: str = "", suffix: str = "") -> list[str]:
    """Returns the lines of a statement at an indentation; prefix and suffix (`self.conv1 = `, a comma) belong to it."""
    margin = " " * indent
    whole = margin + prefix + flat(text) + suffix
    if isinstance(text, str) or (len(whole) <= width and not _is_exploded(text)):
        return [whole]
    if isinstance(text, Infix):
        signs = ["", *(f"{text.operator} " for _ in text.values[1:])]
        found = [margin + sign + flat(value) for sign, value in zip(signs, text.values)]
        return [*found[:-1], found[-1] + suffix]
    if isinstance(text, Comprehension):
        inner = indent + INDENT
        return [
            margin + prefix + text.open,
            *lines(text.element, inner, width),
            " " * inner + text.clause,
            margin + "]" + suffix,
        ]
    if not text.items:
        return [whole]
    first, last = margin + prefix + text.open, margin + text.close + suffix
    together = " " * (indent + INDENT) + ", ".join(map(flat, text.items))
    if len(together) <= width and not _is_exploded(text):
        return [first, together, last]
    comma = "" if len(text.items) == 1 and isinstance(text.items[0], Infix) else ","
    body = [line for item in text.items for line in lines(item, indent + INDENT, width, suffix=comma)]
    return [first, *body, last]


def fit(text: Text, width: int, indent: int, before: str = "", comment: str = "") -> str:
    """Returns `before text  # comment` at an indentation; a text without brackets that is too long goes into parentheses.

    A comment that does not fit is left out.
    """
    found = lines(text, indent, width, before)
    if before and isinstance(text, (str, Infix)) and (len(found) > 1 or len(found[0]) > width):
        found = [" " * indent + before + "(", *lines(text, indent + INDENT, width), " " * indent + ")"]
    if comment and len(found[-1]) + len(comment) + 4 <= width:
        found[-1] += f"  # {comment}"
    return "\n".join(found)


def enclosed(items: Sequence[str], width: int, indent: int, opened: str, closed: str) -> str:
    """Returns `opened items closed`, on one line or on several."""
    return "\n".join(lines(Group(opened, tuple(items), closed), indent, width))


def docstring(paragraphs: Sequence[str], width: int, indent: int) -> str:
    """Returns a docstring with its quotes. Empty paragraphs are left out."""
    margin = " " * indent
    wrapped = [_wrapped(text, width - indent - 6) for text in paragraphs if text]
    found = [line for number, part in enumerate(wrapped) for line in ([""] if number else []) + part]
    if len(found) == 1:
        return f'{margin}"""{found[0]}"""'
    return "\n".join([f'{margin}"""{found[0]}', *(margin + line if line else "" for line in found[1:]), f'{margin}"""'])


def wrapped(text: str, width: int, indent: int) -> str:
    """Returns a text for a docstring, from its second line on at an indentation."""
    return f"\n{' ' * indent}".join(_wrapped(text, width - indent - 6))


def _wrapped(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def escaped(text: str) -> str:
    """Returns free text for a docstring: what is not plain ASCII, a quote or a backslash is escaped."""
    plain = " ".join(text.split())
    return "".join(c if " " <= c <= "~" and c not in '"\\' else "\\\\" if c == "\\" else _code(ord(c)) for c in plain)


def _code(number: int) -> str:
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 65536 else f"\\U{number:08x}"
