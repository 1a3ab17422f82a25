"""The forms in which a review is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen.review import json, markdown, page, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.review.project import Review

FORMS: dict[str, Callable[[Review], str]] = {
    "table": text.text,
    "markdown": markdown.text,
    "json": json.text,
    "html": page.text,
}
