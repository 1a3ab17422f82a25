"""`python -m archgen.handbook` writes the generated pages of `docs/` in a checkout."""

from pathlib import Path

from archgen.handbook.pages import pages

for name, text in pages().items():
    (Path(__file__).parents[2] / "docs" / name).write_text(text, encoding="utf-8", newline="\n")
