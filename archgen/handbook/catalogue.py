"""The specs and blocks that come with archgen, and how a spec of one's own starts from one of them."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from archgen import files, resources
from archgen.diagnostics import EnvironmentFault, Place, Problem, Source, SpecError, printable, quote
from archgen.handbook.ops import value_text
from archgen.handbook.text import columns, unknown
from archgen.language import library
from archgen.syntax import parser, trees

if TYPE_CHECKING:
    from archgen.language.model import Block


# ---- archgen list


def spec_names() -> tuple[str, ...]:
    """Returns the names of the specs that come with archgen, sorted."""
    return tuple(sorted(path.stem for path in resources.folder("specs").glob("*.yaml")))


def description(name: str) -> str:
    """Returns what a spec that comes with archgen says of itself."""
    found = (parser.read(path).get("description") for path in _chain(name))
    return next((one.text for one in found if isinstance(one, trees.Scalar)), "")


def arguments(block: Block) -> str:
    """Returns a block's arguments as its file has them: a type where one must be given, else the default."""
    shown = [f"{p.name}: {p.type if p.default is None else value_text(p.default)}" for p in block.parameters]
    return "{" + ", ".join(shown) + "}"


def listing() -> str:
    """Returns the specs and the blocks, with what they are."""
    specs = [(name, description(name)) for name in spec_names()]
    blocks: list[tuple[str, str]] = []
    for block in map(library.block, library.block_names()):
        blocks += [(block.name, block.description), ("", block.paper), ("", f"args: {arguments(block)}")]
    return "\n".join(
        [
            "specs: archgen init NAME writes one to start from",
            *columns(specs),
            "",
            "blocks: a spec uses them by their names",
            *columns(blocks),
        ]
    )


# ---- archgen init


def start(name: str, target: Path) -> list[str]:
    """Writes a spec to start from, and beside it those that it extends, so that it stands alone; returns what to print.

    Raises SpecError for an unknown name; EnvironmentFault where a file is there already, unless it is the same parent.
    """
    own, *parents = _chain(name)
    texts = {target.parent / path.relative_to(own.parent): resources.read(path) for path in reversed(parents)}
    if target in texts:
        place = Place(Source("archgen init", ""), 0, 0)
        sentence = f"{quote(name)} extends {quote(target.name)}, so it can't be written under that name"
        raise SpecError(Problem(place, sentence, "choose another file with `-o`"))
    if os.path.lexists(target):
        raise _taken(target, name, target)
    kept = {path for path, data in texts.items() if files.old(path) == data}
    missing = {path: data for path, data in texts.items() if path not in kept} | {target: resources.read(own)}
    try:
        files.create(missing)
    except FileExistsError as error:
        raise _taken(Path(error.filename), name, target) from None
    report = [f"{'kept' if path in kept else 'wrote'} {_shown(path)}" for path in (*texts, target)]
    command = printable(shlex.quote(target.as_posix()))
    return [*report, "", "next:", f"  archgen shapes {command}", f"  archgen build --verify {command}"]


def _path(name: str) -> Path:
    return resources.folder("specs") / f"{name}.yaml"


def _chain(name: str) -> list[Path]:
    """The file of a spec and of those that it extends, in order."""
    if name not in spec_names():
        raise unknown("archgen init", "spec", name, spec_names(), "archgen list")
    chain = [_path(name)]
    while isinstance(parent := parser.read(chain[-1]).get("extends"), trees.Scalar):
        chain.append(chain[-1].parent / parent.text)
    return chain


def _taken(path: Path, name: str, target: Path) -> EnvironmentFault:
    sentence = f"{quote(path.as_posix())} exists already"
    if path == target:
        return EnvironmentFault(sentence, "nothing is ever overwritten: choose another file with `-o`")
    help = f"{quote(name)} extends the one that comes with archgen: choose another folder with `-o`"
    return EnvironmentFault(f"{sentence}, and is not archgen's", help)


def _shown(path: Path) -> str:
    return printable(path.as_posix())
