"""The blocks that come with archgen, one YAML file each."""

from __future__ import annotations

from functools import cache, lru_cache

from archgen import resources
from archgen.language import model, reader
from archgen.syntax import parser


@lru_cache(maxsize=1)
def block_names() -> tuple[str, ...]:
    """Returns the names of the library's blocks, sorted."""
    return tuple(sorted(path.stem for path in resources.LIBRARY.glob("*.yaml")))


@cache
def block(name: str) -> model.Block:
    """Returns a block of the library."""
    tree = parser.read(resources.LIBRARY / f"{name}.yaml", f"archgen/library/{name}.yaml")
    return reader.read_block(tree, name, block_names())
