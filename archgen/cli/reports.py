"""What is known of a network, for people and for programs: tables, explanations, pictures, the merged spec."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archgen import files
from archgen.cli.options import DEBUG, INPUT, LONGEST, PATH, SET
from archgen.cli.said import OK, can_print, style, tell, tell_built, tell_notes
from archgen.diagnostics import SpecError, printable, quote

if TYPE_CHECKING:
    from archgen.analysis.report import Report
    from archgen.network import Network


@click.command()
@click.argument("spec", metavar="SPEC", type=PATH)
@click.option("--depth", type=click.IntRange(min=1), metavar="N", help="Show no rows below this depth.")
@INPUT
@click.option("--batch", type=click.IntRange(1, LONGEST), metavar="N", default=1, help="Count shapes and MACs for N images.")
@SET
@click.option("form", "--format", type=click.Choice(["table", "json"]), default="table", help="For people or for programs.")
@click.option("--symbolic", is_flag=True, help="Sizes as functions of the input's, and what breaks at which.")
@click.option("--with-bias", is_flag=True, help="Count a MAC for each output that gets a bias.")
@click.option("--memory", is_flag=True, help="Show what a run takes, in evaluation and in training.")
@click.option("--dtype", type=click.Choice(["float32", "float16", "bfloat16"]), help="With --memory: of weights and values.")
@DEBUG
def shapes(
    spec: Path,
    depth: int | None,
    shape: tuple[int, ...] | None,
    batch: int,
    settings: tuple[str, ...],
    form: str,
    symbolic: bool,
    with_bias: bool,
    memory: bool,
    dtype: str | None,
) -> int:
    """Show each layer's shape, parameters and MACs, without torch.

    \b
    Example:
      archgen shapes specs/resnet18.yaml --depth 1 --input 3x320x320
      archgen shapes specs/resnet18.yaml --set num_classes=10 --format json
      archgen shapes specs/unet.yaml --symbolic
      archgen shapes specs/resnet18.yaml --memory --batch 32 --dtype bfloat16
    """
    from archgen.analysis import training
    from archgen.network import load
    from archgen.views import json, table

    if dtype and not memory:
        raise click.UsageError("--dtype goes with --memory")
    if symbolic and (memory or with_bias or batch != 1):
        raise click.UsageError("--symbolic goes without --memory, --batch and --with-bias")
    network = load(spec, settings)
    tell_notes([network])
    if symbolic:
        return _symbolic(network, shape, depth, form)
    report = network.report(shape, with_bias)
    if report.problem is None:
        report = report.replace(built=network.built(shape))
    if memory and report.problem is None:
        click.echo(_memory(network, report, depth, batch, dtype or "float32", form))
        tell(training.notes(report.rows, batch))
        return OK
    if report.problem is None:
        report = report.replace(contract=network.contract(network.built_for(shape)))
    text = json.json_text(report, depth, batch) if form == "json" else table.table(report, depth, batch)
    click.echo(text)
    if report.problem is not None:
        raise SpecError(report.problem)
    return OK


def _symbolic(network: Network, shape: tuple[int, ...] | None, depth: int | None, form: str) -> int:
    from archgen.views import all_sizes, all_sizes_json, built_text

    found, path, built = network.examine(shape), network.path.as_posix(), network.built(shape)
    if form == "json":
        click.echo(all_sizes_json.json_text(found, network.name, path, depth, built))
    else:
        text = all_sizes.table(found, network.name, path, depth, ascii_only=not can_print(all_sizes.SIGNS))
        click.echo("\n".join([text, *built_text.lines(built)]))
    return OK


def _memory(network: Network, report: Report, depth: int | None, batch: int, dtype: str, form: str) -> str:
    from archgen.views import built_text, costs, json

    found = network.costs(report.input_shape, batch, dtype)
    if form == "json":
        return json.json_text(report, depth, batch, found)
    below = built_text.lines(report.built)
    return "\n".join([costs.table(found, report.name, report.spec, depth), *below])


@click.command()
@click.argument("spec", metavar="SPEC", type=PATH)
@click.argument("layer", required=False, default="")
@INPUT
@SET
@DEBUG
def explain(spec: Path, layer: str, shape: tuple[int, ...] | None, settings: tuple[str, ...]) -> int:
    """Say how each number of the report comes about, without torch.

    LAYER is a path as `archgen shapes` shows it; what is in it is explained
    too. Without LAYER: the whole network, in the order in which it runs.

    \b
    Example:
      archgen explain specs/d2l_resnet18.yaml
      archgen explain specs/resnet18.yaml layer2.0.conv1
    """
    from archgen.network import load
    from archgen.views import arithmetic, explain

    signs = arithmetic.PRETTY if can_print(arithmetic.PRETTY.text) else arithmetic.PLAIN
    network = load(spec, settings)
    click.echo(explain.text(network.graph, network.traced(shape), layer, signs))
    tell_built(network, shape)
    return OK


@click.command()
@click.argument("spec", metavar="SPEC", type=PATH)
@click.option(
    "target",
    "-o",
    metavar="FILE",
    required=True,
    type=PATH,
    help="Where to: by its end, SVG (.svg), Mermaid (.mmd) or a page (.html).",
)
@INPUT
@SET
@click.option("--force", is_flag=True, help="Replace a file that archgen did not draw, or that was edited.")
@DEBUG
def graph(spec: Path, target: Path, shape: tuple[int, ...] | None, settings: tuple[str, ...], force: bool) -> int:
    """Draw a network and its blocks, with shapes, without torch.

    A page (.html) also has plots of parameters, MACs and memory over depth.

    \b
    Example:
      archgen graph specs/resnet18.yaml -o resnet18.svg
    """
    from archgen.network import load
    from archgen.views import markup, picture

    if target.suffix not in picture.FORMATS:
        raise click.UsageError(f"{quote(target.name)} must end in {', '.join(picture.FORMATS)}")
    network = load(spec, settings)
    text = network.picture(target.suffix, shape)
    changed = files.write({target: text}, target.parent, (lambda _: "") if force else markup.not_ours)[target]
    tell_built(network, shape)
    click.echo(f"{'wrote' if changed else 'unchanged'} {printable(files.shown(target))}")
    return OK


@click.command()
@click.argument("spec", metavar="SPEC", type=PATH)
@DEBUG
def show(spec: Path) -> int:
    """Show a spec with those that it extends merged in.

    Each line says which file gave it. What is shown is a spec: it can be written to a file. It is shown even if
    it is refused then.

    \b
    Example:
      archgen show specs/resnet34.yaml
    """
    from archgen import network
    from archgen.language import extends
    from archgen.views.show import Used, text

    loaded = extends.load(spec)
    try:
        found = network.of(loaded, spec)
    except SpecError:
        click.echo(text(loaded, None, style(sys.stdout)), nl=False)
        raise
    click.echo(text(loaded, Used(found.spec, found.graph), style(sys.stdout)), nl=False)
    found.checked()
    return OK
