"""`archgen diff` and `archgen breaking`: what a change of a spec does, and whom it breaks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archgen import files
from archgen.cli.options import DEBUG, SET
from archgen.cli.said import DIFFERENT, OK, tell_progress
from archgen.diagnostics import printable

if TYPE_CHECKING:
    from archgen.network import Network


@click.command(name="diff")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="[NEW]", required=False)
@click.option(
    "form",
    "--format",
    type=click.Choice(["table", "markdown", "json", "html"]),
    default="table",
    help="For a terminal, for a comment, for programs or for a browser.",
)
@SET
@DEBUG
def difference(old: str, new: str | None, form: str, settings: tuple[str, ...]) -> int:
    """Say what a change of a spec does to layers, weights, callers and cost.

    OLD and NEW are specs, or specs of a git revision as REVISION:PATH. One
    revision alone stands for every spec of the project that changed since.
    Exit code 1 says that something differs.

    \b
    Example:
      archgen diff specs/resnet50.yaml specs/resnext50_32x4d.yaml
      archgen diff HEAD:specs/resnet18.yaml specs/resnet18.yaml
      archgen diff main --format markdown
    """
    from archgen import project as projects
    from archgen.review import diff, formats, project, revisions

    if new is None:
        if os.path.lexists(old):
            shown = printable(files.shown(Path(old)))
            raise click.UsageError(f"one spec is compared with nothing: write `archgen diff HEAD:{shown} {shown}`")
        if settings:
            raise click.UsageError("--set goes with two specs")
        tell_progress(f"comparing the specs with {printable(old)}")
        try:
            found = project.review(projects.find(Path.cwd()), revisions.find(old, Path.cwd()))
        finally:
            tell_progress("")
    else:
        found = project.Review((diff.between(*(_network(one, settings) for one in (old, new))),))
    click.echo(formats.FORMS[form](found))
    return OK if found.equal else DIFFERENT


def _network(text: str, settings: tuple[str, ...]) -> Network:
    """The spec of an argument: a file, or one of a revision, whose path is from the repository's top, with `./` from here."""
    from archgen import network
    from archgen.review import revisions

    name, colon, path = text.partition(":")
    if not colon or os.path.lexists(text) or os.path.splitdrive(text)[0]:
        return network.load(text, settings)
    revision = revisions.find(name, Path.cwd())
    if path.startswith("./"):
        path = os.path.relpath(os.path.realpath(path), os.path.realpath(revision.top)).replace(os.sep, "/")
    folder = path.rpartition("/")[0]
    return revision.load(path, revision.files(folder), settings)


@click.command()
@click.option("--against", "revision", metavar="REVISION", help="What the working tree is compared with, as main.")
@click.option("--rules", is_flag=True, help="List the rules, with what each means and what fails then.")
@click.option(
    "form",
    "--format",
    type=click.Choice(["table", "github", "junit", "json"]),
    default="table",
    help="For a terminal, as annotations of a GitHub workflow, as JUnit's XML, or for programs.",
)
@DEBUG
def breaking(revision: str | None, rules: bool, form: str) -> int:
    """Say which changes of the project's specs break those who use the modules.

    Exit code 1 says that there is an error that the project has not accepted.
    Levels, limits and accepted findings are the table [tool.archgen.breaking] of
    pyproject.toml.

    \b
    Example:
      archgen breaking --against main
      archgen breaking --rules
    """
    from archgen import project as projects
    from archgen.review import breaking, breaking_text, project, revisions

    if rules:
        click.echo(breaking_text.rules_text())
        return OK
    if revision is None:
        raise click.UsageError("say what to compare with: `archgen breaking --against main`")
    around = projects.find(Path.cwd())
    decided = breaking.policy(around.breaking)
    tell_progress(f"comparing the specs with {printable(revision)}")
    try:
        found = breaking.findings(project.review(around, revisions.find(revision, Path.cwd())), decided)
    finally:
        tell_progress("")
    click.echo(breaking_text.FORMS[form](found))
    return DIFFERENT if found.breaks else OK
