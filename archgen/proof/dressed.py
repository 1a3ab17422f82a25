"""A text that a project's own templates wrote is the plain one in another dress.

Such templates may come from a stranger, so the text is compared with the one of archgen's own templates, which is proved: the
two syntax trees are the same, but for docstrings, the bases of classes, and imports that bring these. It is never run here.
"""

from __future__ import annotations

import ast
import re

from archgen.proof.parsed import ProofError, is_text
from archgen.proof.recorder import BUILTINS
from archgen.proof.syntax import BASE, HEADER, IMPORTS

_PLAIN = re.compile("[\n -~]*")
LONGEST = 300  # characters of a line that is shown


def check(text: str, plain: str) -> None:
    """Raises ProofError unless a text says what the plain one does."""
    lines = text.split("\n")
    if not _PLAIN.fullmatch(text):
        raise ProofError("they write other characters than printable ASCII and line ends")
    if len(lines) < len(HEADER) or not all(map(re.fullmatch, HEADER, lines)):
        raise ProofError("they do not begin with the lines of `module.header`")
    try:
        dressed, wanted = ast.parse(text), ast.parse(plain)
        mine, others = _statements(_undressed(dressed, wanted)), _statements(_without_docstrings(wanted))
    except SyntaxError as error:
        line = lines[(error.lineno or 1) - 1] if (error.lineno or 1) <= len(lines) else ""
        raise ProofError(f"they write `{line.strip()[:LONGEST]}`, which is no Python: {error.msg}") from None
    except (RecursionError, MemoryError, ValueError):
        raise ProofError("they write what is nested too deep for Python's own parser") from None
    if mine != others:
        have, want = next((a, b) for a, b in zip([*mine, ""], [*others, ""]) if a != b)
        raise ProofError(f"they write {_shown(have)} where the plan has {_shown(want)}")


def _shown(line: str) -> str:
    return f"`{line.strip()[:LONGEST]}`" if line else "nothing"


def _statements(tree: ast.Module) -> list[str]:
    """The lines of a tree as Python's own printer lays them out: two that are equal have equal trees."""
    return ast.unparse(tree).splitlines()


def _undressed(tree: ast.Module, wanted: ast.Module) -> ast.Module:
    """Takes out docstrings, gives each class the plain base, and takes out the imports that brought its own."""
    plain = _without_docstrings(tree)
    usual = {ast.unparse(node) for node in wanted.body if isinstance(node, (ast.Import, ast.ImportFrom))}
    said = {node.name for node in wanted.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    taken = {*BUILTINS, *said, *(line.split()[-1] for line in IMPORTS), "nn", "Tensor"}
    bases = {ast.unparse(base) for node in plain.body if isinstance(node, ast.ClassDef) for base in node.bases} - {BASE}
    roots = {base.partition(".")[0] for base in bases}
    brought: set[str] = set()
    body: list[ast.stmt] = []
    for node in plain.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)) and ast.unparse(node) not in usual:
            brought |= _brought(node, taken, roots)
        elif isinstance(node, ast.ClassDef):
            for base in map(ast.unparse, node.bases):
                if base != BASE and (not re.fullmatch(r"[A-Za-z][\w.]*", base) or base.partition(".")[0] not in brought):
                    raise ProofError(f"the class `{node.name}` derives from `{base}`, which nothing imports above it")
            node.bases = [_expression(BASE)] if node.bases else []
            body.append(node)
        else:
            body.append(node)
    plain.body = body
    return plain


def _expression(text: str) -> ast.expr:
    statement = ast.parse(text).body[0]
    assert isinstance(statement, ast.Expr)
    return statement.value


def _brought(node: ast.Import | ast.ImportFrom, taken: set[str], roots: set[str]) -> set[str]:
    """The names that an import of the templates' own brings, each the base of a class and nothing else."""
    said = f"`{ast.unparse(node)}`"
    if isinstance(node, ast.ImportFrom) and node.level:
        raise ProofError(f"they write {said}: a generated module stands alone, so an import can't be relative")
    names = {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    if odd := names & taken:
        raise ProofError(f"they write {said}: the module has a `{min(odd)}` of its own")
    if unused := names - roots:
        raise ProofError(f"they write {said}, and no class derives from `{min(unused)}`: an import brings a base, and no more")
    return names


def _without_docstrings(tree: ast.Module) -> ast.Module:
    described: list[ast.Module | ast.ClassDef] = [tree]
    described += [node for node in tree.body if isinstance(node, ast.ClassDef)]
    for node in described:
        if not (node.body and is_text(node.body[0])):
            raise ProofError("they leave out a docstring")
        node.body = node.body[1:] or [ast.Pass()]
    return tree
