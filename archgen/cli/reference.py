"""What archgen knows of itself: its specs, its blocks, its ops."""

from __future__ import annotations

from pathlib import Path

import click

from archgen.cli.options import DEBUG, PATH
from archgen.cli.said import OK


@click.command()
@click.argument("name", metavar="NAME")
@click.option("target", "-o", metavar="FILE", type=PATH, help="The file to write, by default NAME.yaml.")
@DEBUG
def init(name: str, target: Path | None) -> int:
    """Write a spec to start from: one of `archgen list`.

    Where it extends others, they are written beside it. No file is ever
    overwritten.

    \b
    Example:
      archgen init resnet50
      archgen init resnet18 -o specs/mine.yaml
    """
    from archgen.handbook import catalogue

    click.echo("\n".join(catalogue.start(name, target or Path(f"{name}.yaml"))))
    return OK


@click.command(name="list")
@DEBUG
def list_() -> int:
    """List the specs and blocks that come with archgen.

    \b
    Example:
      archgen list
    """
    from archgen.handbook import catalogue

    click.echo(catalogue.listing())
    return OK


@click.command()
@click.argument("name", metavar="[NAME]", required=False)
@DEBUG
def ops(name: str | None) -> int:
    """List the ops, merges and blocks, or say what one takes, does and costs.

    \b
    Example:
      archgen ops
      archgen ops conv
      archgen ops BasicBlock
    """
    from archgen.handbook import kinds

    click.echo(kinds.listing() if name is None else kinds.one(name))
    return OK
