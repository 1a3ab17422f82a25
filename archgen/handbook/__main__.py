"""`python -m archgen.handbook` writes the generated pages of `docs/` in a checkout."""

from pathlib import Path

from archgen import files
from archgen.handbook import networks
from archgen.handbook.pages import pages
from archgen.handbook.schemas import schemas

root = Path(__file__).parents[2]
texts = {**pages(), **schemas(), "networks.md": networks.page(root / "specs")}
files.write({root / "docs" / name: text for name, text in texts.items()}, root / "docs")
