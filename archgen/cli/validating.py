"""`archgen validate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from archgen.cli.options import DEBUG, SPECS, STRICT
from archgen.cli.said import BUG, OK, tell_notes
from archgen.diagnostics import SpecError, printable

if TYPE_CHECKING:
    from archgen.diagnostics import Problem


@click.command()
@SPECS
@STRICT
@DEBUG
def validate(specs: tuple[Path, ...], strict: bool) -> int:
    """Say everything that is wrong with specs.

    A note is no fault: it says what is allowed and seldom meant.

    \b
    Example:
      archgen validate specs/*.yaml
    """
    from archgen.language import extends, schema
    from archgen.network import of

    refused: list[Problem] = []
    for path in specs:
        try:
            loaded = extends.load(path)
            network = of(loaded, path).checked()
            network.source()
            tell_notes([network], strict)
            schema.agree(loaded.tree)
        except SpecError as error:
            refused.extend(error.problems)
        except schema.Disagreement as bug:
            click.echo(f"{printable(path.as_posix())}: internal error: {printable(str(bug))}; please report it", err=True)
            return BUG
        else:
            click.echo(f"{printable(path.as_posix())}: ok")
    if refused:
        raise SpecError(*refused)
    return OK
