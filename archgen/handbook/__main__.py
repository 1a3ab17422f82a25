"""`python -m archgen.handbook` writes the generated pages of `docs/` in a checkout."""

from pathlib import Path

from archgen.handbook import networks
from archgen.handbook.pages import pages

root = Path(__file__).parents[2]
for name, text in {**pages(), "networks.md": networks.page(root / "specs")}.items():
    (root / "docs" / name).write_text(text, encoding="utf-8", newline="\n")
