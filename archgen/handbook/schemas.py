"""The schemas of what archgen prints as JSON, as they stand in `docs/`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from archgen import checked as checks
from archgen.port import json as comparison
from archgen.review import breaking_text
from archgen.review import json as diff
from archgen.views import all_sizes_json
from archgen.views import json as report

if TYPE_CHECKING:
    from archgen.published import Schema


def schemas() -> dict[str, str]:
    """Returns the text of each by its file's name."""
    return {
        "report.schema.json": _text(report.schema()),
        "symbolic.schema.json": _text(all_sizes_json.schema()),
        "comparison.schema.json": _text(comparison.schema()),
        "check.schema.json": _text(checks.schema()),
        "diff.schema.json": _text(diff.schema()),
        "breaking.schema.json": _text(breaking_text.schema()),
    }


def _text(schema: Schema) -> str:
    return json.dumps(schema, indent=2) + "\n"
