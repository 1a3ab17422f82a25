"""Free texts of a spec change docstrings and the header alone."""

from __future__ import annotations

import ast
import re

from archgen.proof.parsed import ProofError, is_text, parsed
from archgen.proof.syntax import HEADER


def check_texts(text: str, neutral: str) -> None:
    """Raises ProofError unless free texts of the spec stay in the docstrings and the header, and change nothing else.

    neutral: what the same spec generates with "x" for each of its free texts. The two must be the same to the letter, comments
    and blank lines too, but for the docstrings, as Python's parser finds them in the bytes, and for the header, whose form is
    fixed.
    """
    mine, others = _without_texts(text), _without_texts(neutral)
    parsed.cache_clear()
    if mine != others:
        line = next((a for a, b in zip(mine, others) if a != b), "the number of lines")
        raise ProofError(f"the code depends on a text of the spec: {line.strip()}")


def _without_texts(text: str) -> list[str]:
    """The lines of a module, less its header and the docstrings of itself and its classes."""
    if not _PLAIN.fullmatch(text):
        raise ProofError("the module holds other characters than line feeds and printable ASCII")
    lines = text.split("\n")
    tree = parsed(text)
    kept, end = [], 0
    for said in (tree.body[0], *(node.body[0] for node in tree.body if isinstance(node, ast.ClassDef))):
        first, last = said.lineno - 1, said.end_lineno or 0
        around = lines[first][: said.col_offset].strip() + lines[last - 1][said.end_col_offset :]
        if not is_text(said) or around:
            raise ProofError(f"line {said.lineno}: no docstring, or more than one in its lines")
        kept += lines[end:first]
        end = last
    header = lines[: tree.body[0].lineno - 1]
    if len(header) != len(HEADER) or not all(map(re.fullmatch, HEADER, header)):
        raise ProofError("the header holds more than a safe path and digests")
    return kept[len(header) :] + lines[end:]


_PLAIN = re.compile("[\n -~]*")
