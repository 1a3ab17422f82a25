"""`archgen validate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from archgen.checked import FORMS, Checked, of_problem
from archgen.cli.options import CHECK_FORMAT, DEBUG, SPECS, STRICT, TEXT
from archgen.cli.said import BUG, OK, REFUSED, tell
from archgen.diagnostics import SpecError, printable

if TYPE_CHECKING:
    from archgen.diagnostics import Note, Problem


@click.command()
@SPECS
@STRICT
@CHECK_FORMAT
@DEBUG
def validate(specs: tuple[Path, ...], strict: bool, form: str) -> int:
    """Say everything that is wrong with specs.

    A note is no fault: it says what is allowed and seldom meant.

    \b
    Example:
      archgen validate specs/*.yaml
      archgen validate specs/*.yaml --format github
    """
    from archgen.language import schema

    refused: list[Problem] = []
    checked: list[Checked] = []
    for path in specs:
        name = printable(path.as_posix())
        try:
            problems, notes = _problems(path, strict)
        except schema.Disagreement as bug:
            click.echo(f"{name}: internal error: {printable(str(bug))}; please report it", err=True)
            return BUG
        refused.extend(problems)
        checked.append(Checked(path.as_posix(), tuple(map(of_problem, (*problems, *notes)))))
        if form == TEXT:
            tell(notes)
            if not problems:
                click.echo(f"{name}: ok")
    if form != TEXT:
        click.echo(FORMS[form](checked, "archgen validate"))
        return REFUSED if refused else OK
    if refused:
        raise SpecError(*refused)
    return OK


def _problems(path: Path, strict: bool) -> tuple[tuple[Problem, ...], tuple[Note, ...]]:
    """What is wrong with a spec, and the notes of one that is read."""
    from archgen.language import extends, schema
    from archgen.network import of

    try:
        loaded = extends.load(path)
        network = of(loaded, path).checked()
        network.source()
        if strict and network.notes:
            return network.notes, ()
        schema.agree(loaded.tree)
    except SpecError as error:
        return error.problems, ()
    return (), network.notes
