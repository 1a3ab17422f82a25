"""The rooms of archgen and their imports, read from the files; `python -m tests.architecture` writes the page's table anew.

A room is a package of `archgen/`, or a module that stands there alone. Every import counts, those for types alone and those
inside functions too.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
# From the ground up: a room imports rooms that stand before it, and no others.
ROOMS = tuple(
    "records published budget diagnostics checked files resources syntax settings arithmetic ops language project graph trace "
    "analysis views emit proof modules session network verify port review build handbook cli".split()
)


class Import(NamedTuple):
    """One name that a module takes from another. Modules are written without `archgen.`."""

    importer: str
    imported: str
    name: str
    line: int

    @property
    def rooms(self) -> tuple[str, str]:
        return self.importer.partition(".")[0], self.imported.partition(".")[0]


def modules(package: Path) -> dict[str, Path]:
    """The modules of a package by their names in it; a package's own file goes by the package's name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


def imports(package: Path) -> list[Import]:
    """Every import that a module of a package makes of another of its modules."""
    known = modules(package)
    found = []
    for importer, path in known.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import) and any(alias.name.split(".")[0] == package.name for alias in node.names):
                raise AssertionError(f"{path}:{node.lineno}: write `from {package.name} import ...`")
            if not isinstance(node, ast.ImportFrom) or not node.module or node.module.split(".")[0] != package.name:
                continue
            start = node.module.partition(".")[2]
            for alias in node.names:
                whole = f"{start}.{alias.name}".lstrip(".")
                found.append(Import(importer, whole if whole in known else start, alias.name, node.lineno))
    return found


def circle(arrows: set[tuple[str, str]]) -> list[str]:
    """Returns what stands in a circle or leads to one; none where there is no circle."""
    left = set(arrows)
    while True:
        ends = {target for _, target in left} - {source for source, _ in left}
        kept = {(source, target) for source, target in left if target not in ends}
        if kept == left:
            return sorted({source for source, _ in left})
        left = kept


def upwards(found: list[Import], rooms: tuple[str, ...] = ROOMS) -> list[Import]:
    """The imports of a room by one that stands before it, or by itself under another name."""
    place = {room: number for number, room in enumerate(rooms)}
    return [one for one in found if one.rooms[0] != one.rooms[1] and place[one.rooms[0]] <= place[one.rooms[1]]]


def private(found: list[Import]) -> list[Import]:
    """The imports of a name that another module keeps for itself."""
    return [one for one in found if re.match(r"_[^_]", one.name)]


def table(package: Path) -> str:
    """Each room with what it does, in the words of its own file, and the rooms that it imports."""
    known, arrows = modules(package), {one.rooms for one in imports(package)}
    rows = ["| room | what it does | takes from |", "|---|---|---|"]
    for room in reversed(ROOMS):
        does = (ast.get_docstring(ast.parse(known[room].read_text(encoding="utf-8"))) or "").partition("\n")[0]
        taken = [other for other in reversed(ROOMS) if other != room and (room, other) in arrows]
        name = f"`{room}/`" if known[room].name == "__init__.py" else f"`{room}.py`"
        rows.append(f"| {name} | {does} | {', '.join(taken)} |")
    return "\n".join(rows) + "\n"


def with_table(page: str, made: str) -> str:
    """The page with its table replaced."""
    return re.sub(r"\| room \|.*\n(\|.*\n)+", lambda _: made, page, count=1)


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), table(ROOT / "archgen")), encoding="utf-8")
