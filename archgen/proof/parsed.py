"""The syntax tree of a generated text, and what is raised where it is not what it must be."""

from __future__ import annotations

import ast
import functools


class ProofError(Exception):
    """The generated text is not what it must be: a fault of archgen, never of a spec."""


@functools.lru_cache(maxsize=1)
def parsed(text: str) -> ast.Module:
    """The tree of a text, kept from one half of the proof for the next: nobody changes it."""
    return ast.parse(text.encode())


def is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
