"""Every spec of a project beside what a revision has of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from archgen import files, network
from archgen.diagnostics import Problem, SpecError
from archgen.records import Record
from archgen.review import diff
from archgen.syntax import parser

if TYPE_CHECKING:
    from pathlib import Path

    from archgen.project import Project
    from archgen.review.diff import Diff
    from archgen.review.revisions import Revision


class Review(Record):
    """What became of specs. diffs: of those that changed. added, removed: those of one side alone. unchanged: the others."""

    diffs: tuple[Diff, ...]
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unchanged: int = 0

    @property
    def equal(self) -> bool:
        return not (self.added or self.removed) and all(one.equal for one in self.diffs)


def review(project: Project, revision: Revision) -> Review:
    """Compares the specs of a project with those of a revision. Raises SpecError with all that is wrong with any of them.

    A spec that extends others is looked at whenever some file beside it was changed.
    """
    folder = os.path.relpath(os.path.realpath(project.specs), os.path.realpath(revision.top)).replace(os.sep, "/")
    prefix = "" if folder == "." else f"{folder}/"
    before = revision.files("" if folder == "." else folder)
    here = {f"{prefix}{path.name}": path for path in project.all_specs()}
    altered = {name for name, data in before.items() if _bytes(revision.top / name) != data}
    problems: list[Problem] = []
    diffs = []
    for name in here.keys() & before.keys() if altered else ():
        if name in altered or b"extends" in before[name]:
            try:
                old, new = revision.load(name, before), network.load(files.shown(here[name]))
                found = None if diff.alike(old, new) and name not in altered else diff.between(old, new)
            except SpecError as error:
                problems.extend(error.problems)
            else:
                diffs += [found] if found is not None and (name in altered or not found.equal) else []
    if problems:
        raise SpecError(*problems)
    diffs.sort(key=lambda one: one.new)
    added = tuple(files.shown(path) for name, path in here.items() if name not in before)
    there = [name for name in before if name.rpartition("/")[0] == prefix.rstrip("/") and name not in here]
    unchanged = len(here) - len(added) - len(diffs)
    return Review(tuple(diffs), added, tuple(map(revision.label, there)), unchanged)


def _bytes(path: Path) -> bytes | None:
    try:
        return files.contents(path, parser.MOST_BYTES)
    except (OSError, files.NotAFile):
        return None
