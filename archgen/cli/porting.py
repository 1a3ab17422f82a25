"""What brings a model from elsewhere: `archgen compare`, `archgen import`."""

from __future__ import annotations

import re
from pathlib import Path

import click

from archgen.cli.options import DEBUG, INPUT, PATH, SET
from archgen.cli.said import DIFFERENT, OK, tell_progress
from archgen.diagnostics import EnvironmentFault, Place, Problem, Source, SpecError, printable, quote

_NAME = r"[^\W\d]\w*(\.[^\W\d]\w*)*"


def _import_path(context: click.Context, argument: click.Parameter, text: str) -> str:
    """Refuses what is no import path; a file with a class in it is told as one."""
    if re.fullmatch(f"{_NAME}:{_NAME}", text):
        return text
    file, _, name = text.partition(":")
    wanted = name if re.fullmatch(_NAME, name) else "Net"
    module = ".".join(re.findall(r"\w+", file.removesuffix(".py"))) or "package.module"
    help = f"write the module, a colon, and the class or function in it: {quote(f'{module}:{wanted}')}"
    raise SpecError(Problem(Place(Source("MODEL", ""), 0, 0), f"{quote(text)} is no import path", help))


@click.command()
@click.argument("spec", metavar="SPEC", type=PATH)
@click.argument("model", metavar="MODEL", callback=_import_path)
@INPUT
@SET
@click.option("form", "--format", type=click.Choice(["table", "json"]), default="table", help="For people or for programs.")
@DEBUG
def compare(spec: Path, model: str, shape: tuple[int, ...] | None, settings: tuple[str, ...], form: str) -> int:
    """Hold a spec against a model of your own (needs torch).

    MODEL is `package.module:name`: a class of nn.Module, or a function that
    returns one; it is called without arguments. YOUR CODE RUNS, in the current
    folder, with all that you may do: compare no model of which you don't know
    who wrote it.

    Parameters, MACs, names and order of weights, and outputs with equal
    weights. Exit codes: 0 all is equal, 1 something differs, 2 the spec is
    refused, 3 no torch, or MODEL can't be imported, built or run.

    \b
    Example:
      archgen compare specs/resnet18.yaml models.resnet:ResNet18
      archgen compare net.yaml net:build --input 3x64x64 --format json
    """
    from archgen.network import load
    from archgen.port import json, parent, text
    from archgen.views import built_text

    network = load(spec, settings).checked()
    network.traced(shape)
    built = network.built(shape)
    if built is not None and built.others:
        note = built_text.note(built)
        raise SpecError(Problem(note.place, note.sentence, note.help))
    tell_progress(f"comparing {printable(spec.as_posix())} with {model}")
    try:
        found = parent.compare(network, model, shape or network.spec.input, settings)
    finally:
        tell_progress("")
    click.echo(json.json_text(found) if form == "json" else text.text(found))
    if found.fault:
        raise EnvironmentFault(found.fault)
    return OK if found.equal else DIFFERENT


@click.command(name="import")
@click.argument("model", metavar="MODEL", type=PATH)
@click.option("--scale", default="", metavar="NAME", help="One of the model's `scales`; by default the first.")
@DEBUG
def import_(model: Path, scale: str) -> int:
    """Print a model YAML of Ultralytics as a spec.

    Its rows of from, repeats, module and arguments become named layers, for
    the modules that have a counterpart here; the others are told at their row.

    \b
    Example:
      archgen import yolov8.yaml --scale s > specs/yolov8s.yaml
    """
    from archgen.language import ultralytics

    click.echo(ultralytics.text(model, scale), nl=False)
    return OK
