"""The command line: arguments in, one call of the library, a report out, the exit code.

0: all is well. 1: a generated file or a module differs from its spec. 2: the spec, or the command line, is refused.
3: the machine is to blame (no torch, no permission, a full disk). 70: a bug of archgen.

Each command imports what it needs when it runs: `shapes` is to answer before a reader has looked up.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from archgen import __version__, files
from archgen.diagnostics import (
    EnvironmentFault,
    Place,
    Problem,
    Source,
    SpecError,
    no_command,
    plain,
    printable,
    quote,
    render_all,
    render_fault,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from archgen.analysis.report import Report
    from archgen.build import Output
    from archgen.diagnostics import Note
    from archgen.diagnostics import Style as _Style
    from archgen.network import Network

OK, DIFFERENT, REFUSED, ENVIRONMENT, BUG = 0, 1, 2, 3, 70
INTERRUPTED, BROKEN_PIPE = 130, 141  # as a shell reports them
LONGEST = 1_000_000  # images in a batch
COLOURS = {
    "place": "cyan",
    "error": "red",
    "note": "yellow",
    "line": "blue",
    "caret": "red",
    "help": "green",
    "remark": "bright_black",
}
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 80}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code.

    Until then no garbage is searched for: there is next to none, and to look through what is alive takes a third of the time.
    """
    _open_streams()
    collecting = gc.isenabled()
    gc.disable()
    try:
        code = _run(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # `archgen shapes x.yaml | head`: whoever reads has enough
        _silence()
        return BROKEN_PIPE
    except OSError as error:
        with contextlib.suppress(OSError):  # the disk that is full may be the one of the errors
            click.echo(f"error: {printable(str(error))}", err=True)
        return ENVIRONMENT
    finally:
        if collecting:
            gc.enable()


def _open_streams() -> None:
    """Python has no streams where whoever started it has closed them: what is said goes nowhere then."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))


def _run(arguments: list[str]) -> int:
    try:
        result = cli.main(arguments, prog_name="archgen", standalone_mode=False)
        return result if isinstance(result, int) else OK
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        for line in shown.getvalue().splitlines():  # it may quote the name of a stranger's file
            click.echo(no_command(printable(line)), err=True)
        return REFUSED
    except SpecError as error:
        _print_problems(error)
        return REFUSED
    except EnvironmentFault as fault:
        click.echo(render_fault(fault, _style()), err=True)
        return ENVIRONMENT
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except OSError:
        raise
    except Exception as error:
        _print_bug(error, "--debug" in arguments)
        return BUG


def _silence() -> None:
    """Lets the interpreter's last flush go nowhere: it would complain of the pipe again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_bug(error: Exception, debug: bool) -> None:
    import traceback

    if debug:
        click.echo("".join(traceback.format_exception(error)), err=True)
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    advice = "" if debug else " (--debug shows the trace)"
    what = f"{type(error).__name__} at {where}: {quote(str(error))}"
    click.echo(f"internal error: {what}; please report it{advice}", err=True)


def _print_problems(error: SpecError) -> None:
    click.echo(render_all(error.problems, _style()), err=True)


def _tell_notes(networks: Iterable[Network], strict: bool = False) -> None:
    """Prints what is allowed and seldom meant, beside the result; with `--strict` it is refused."""
    notes = [note for network in networks for note in network.notes]
    if notes and strict:
        raise SpecError(*notes)
    _tell(notes)


def _tell(notes: Sequence[Note]) -> None:
    if notes:
        click.echo(render_all(notes, _style()), err=True)


def _tell_built(network: Network, shape: tuple[int, ...] | None) -> None:
    """Says beside a result for another input that the module as it is built does not run on that."""
    built = network.built(shape)
    if built is not None and built.others:
        from archgen.views import built_text

        _tell([built_text.note(built)])


def _style(stream: TextIO | None = None) -> _Style:
    """Colours on a terminal alone, and not where the user asks for none; the stream is that of errors, if it is not given."""
    return _coloured if (stream or sys.stderr).isatty() and "NO_COLOR" not in os.environ else plain


def _coloured(text: str, role: str) -> str:
    return click.style(text, fg=COLOURS[role], bold=role in ("error", "caret"))


# ---- arguments


def _input_shape(context: click.Context, option: click.Parameter, text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,8}(x[1-9][0-9]{0,8}){0,7}", text):
        listed = re.fullmatch("[1-9][0-9]{0,8}([^0-9]+[1-9][0-9]{0,8}){1,3}", text)
        sizes = re.findall("[0-9]+", text) if listed else ["3", "320", "320"]
        help = f"write channels, then sizes, with `x` between: `--input {'x'.join(sizes)}`"
        raise SpecError(Problem(Place(Source("--input", ""), 0, 0), f"{quote(text)} is no shape", help))
    return tuple(map(int, text.split("x")))


PATH = click.Path(path_type=Path, readable=False)  # whether it can be read, and what is to blame, is for `files` to say
SPECS = click.argument("specs", nargs=-1, required=True, metavar="SPEC...", type=PATH)
DEBUG = click.option("--debug", is_flag=True, expose_value=False, help="Show the trace of an internal error.")
SET = click.option("settings", "--set", multiple=True, metavar="NAME=VALUE", help="Another value of a network's argument.")
INPUT = click.option("shape", "--input", metavar="SHAPE", callback=_input_shape, help="Another input, as 3x320x320.")
FOLDER = click.option("folder", "-o", metavar="DIR", type=PATH, help="The folder of the generated files.")
STRICT = click.option("--strict", is_flag=True, help="Refuse a spec of which there is a note, with exit code 2.")
DEVICE = click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="Where the module runs.")


@click.group(context_settings=SETTINGS)
@click.version_option(__version__, prog_name="archgen")
@DEBUG
def cli() -> None:
    """One YAML spec of a convolutional network: its static report, its PyTorch
    module, and the proof that the two agree.

    \b
    Example:
      archgen shapes specs/resnet18.yaml
      archgen build --verify specs/resnet18.yaml

    Exit codes: 0 all is well, 1 something differs from its spec, 2 the spec is
    refused, 3 the machine is to blame, 70 a bug of archgen.
    """


# ---- commands


@cli.command()
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


@cli.command(name="list")
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


@cli.command()
@click.argument("name", metavar="[NAME]", required=False)
@DEBUG
def ops(name: str | None) -> int:
    """List the ops, or say what one takes, does and costs.

    \b
    Example:
      archgen ops
      archgen ops conv
    """
    from archgen.handbook import text

    click.echo(text.all_ops() if name is None else text.one_op(name))
    return OK


@cli.command()
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
            _tell_notes([network], strict)
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


@cli.command()
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
    import dataclasses

    from archgen.analysis import training
    from archgen.network import load
    from archgen.views import json, table

    if dtype and not memory:
        raise click.UsageError("--dtype goes with --memory")
    if symbolic and (memory or with_bias or batch != 1):
        raise click.UsageError("--symbolic goes without --memory, --batch and --with-bias")
    network = load(spec, settings)
    _tell_notes([network])
    if symbolic:
        return _symbolic(network, shape, depth, form)
    report = network.report(shape, with_bias)
    if report.problem is None:
        report = dataclasses.replace(report, built=network.built(shape))
    if memory and report.problem is None:
        click.echo(_memory(network, report, depth, batch, dtype or "float32", form))
        _tell(training.notes(report.rows, batch))
        return OK
    if report.problem is None:
        report = dataclasses.replace(report, contract=network.contract(network.built_for(shape)))
    text = json.json_text(report, depth, batch) if form == "json" else table.table(report, depth, batch)
    click.echo(text)
    if report.problem is not None:
        raise SpecError(report.problem)
    return OK


def _symbolic(network: Network, shape: tuple[int, ...] | None, depth: int | None, form: str) -> int:
    from archgen.views import all_sizes, built_text

    found, path, built = network.examine(shape), network.path.as_posix(), network.built(shape)
    if form == "json":
        click.echo(all_sizes.json_text(found, network.name, path, depth, built))
    else:
        text = all_sizes.table(found, network.name, path, depth, ascii_only=not _can_print(all_sizes.SIGNS))
        click.echo("\n".join([text, *built_text.lines(built)]))
    return OK


def _memory(network: Network, report: Report, depth: int | None, batch: int, dtype: str, form: str) -> str:
    from archgen.views import built_text, costs, json

    found = network.costs(report.input_shape, batch, dtype)
    if form == "json":
        return json.json_text(report, depth, batch, found)
    below = built_text.lines(report.built)
    return "\n".join([costs.table(found, report.name, report.spec, depth), *below])


@cli.command()
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

    signs = arithmetic.PRETTY if _can_print(arithmetic.PRETTY.text) else arithmetic.PLAIN
    network = load(spec, settings)
    click.echo(explain.text(network.graph, network.traced(shape), layer, signs))
    _tell_built(network, shape)
    return OK


@cli.command()
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
    _tell_built(network, shape)
    click.echo(f"{'wrote' if changed else 'unchanged'} {printable(files.shown(target))}")
    return OK


def _can_print(signs: str) -> bool:
    try:
        signs.encode(sys.stdout.encoding or "utf-8")  # a stream of text in memory has none
    except UnicodeEncodeError:
        return False
    return True


@cli.command()
@click.argument("spec", metavar="SPEC", type=PATH)
@DEBUG
def show(spec: Path) -> int:
    """Show a spec with those that it extends merged in, and which file gave what.

    What is shown is a spec: it can be written to a file. It is shown even if
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
        click.echo(text(loaded, None, _style(sys.stdout)), nl=False)
        raise
    click.echo(text(loaded, Used(found.spec, found.graph), _style(sys.stdout)), nl=False)
    found.checked()
    return OK


@cli.command()
@click.argument("specs", nargs=-1, metavar="[SPEC...]", type=PATH)
@FOLDER
@click.option("--check", is_flag=True, help="Write nothing; show what is stale, missing or left over.")
@click.option("--verify", "verified", is_flag=True, help="Verify what was built (needs torch).")
@click.option("--force", is_flag=True, help="Replace files that archgen did not write, or that were edited.")
@STRICT
@DEBUG
def build(specs: tuple[Path, ...], folder: Path | None, check: bool, verified: bool, force: bool, strict: bool) -> int:
    """Write the PyTorch modules of specs, without torch.

    Without SPEC: of all specs of the project. Its folders, `specs` and
    `generated`, can be named in [tool.archgen] of its pyproject.toml.

    \b
    Example:
      archgen build specs/resnet18.yaml -o models
      archgen build --check
    """
    from archgen import build as builder
    from archgen import project as projects

    project = projects.find(Path.cwd())
    folder = folder or project.generated
    chosen = specs or tuple(Path(os.path.relpath(path)) for path in project.all_specs())
    if not chosen:
        raise click.UsageError(f"there are no specs in {quote(os.path.relpath(project.specs))}; name one")
    outputs = builder.plan(chosen, folder)
    _tell_notes([output.network for output in outputs if output.network is not None], strict)
    extra = () if specs else builder.left_over(folder, outputs)
    again = "the same command without `--check`" if specs or folder != project.generated else "`archgen build`"
    code = _check((*outputs, *extra), again) if check else _write(outputs, extra, folder, force)
    if code == OK and verified:
        networks = [(output.network, output.path) for output in outputs if output.network is not None]
        return max([_verify(network, path, "auto", 2) for network, path in networks])
    return code


def _check(outputs: Sequence[Output], command: str) -> int:
    from archgen import build as builder

    differences = [text for text in map(builder.difference, outputs) if text]
    for text in differences:
        click.echo(text)
    if differences:
        advice = []
        if any(output.network is not None and not output.current for output in outputs):
            edited = ", with `--force` where they were edited" if any(output.edited for output in outputs) else ""
            advice.append(f"{command} writes them anew{edited}")
        if any(output.network is None for output in outputs):
            advice.append("remove what is left over")
        click.echo(f"{len(differences)} of {len(outputs)} files differ; {'; '.join(advice)}", err=True)
        return DIFFERENT
    click.echo(f"{len(outputs)} files are up to date")
    return OK


def _write(outputs: Sequence[Output], extra: Sequence[Output], folder: Path, force: bool) -> int:
    from archgen.emit import write

    written = write.write({output.path: output.text for output in outputs}, folder, force)
    for path, changed in written.items():
        click.echo(f"{'wrote' if changed else 'unchanged'} {printable(files.shown(path))}")
    for output in extra:
        click.echo(f"left over {printable(files.shown(output.path))}: its spec is gone, remove it", err=True)
    return OK


@cli.command()
@SPECS
@FOLDER
@DEVICE
@click.option("--batch", type=click.IntRange(1, LONGEST), metavar="N", default=2, show_default=True, help="Images in a run.")
@SET
@DEBUG
def verify(specs: tuple[Path, ...], folder: Path | None, device: str, batch: int, settings: tuple[str, ...]) -> int:
    """Prove that generated modules are what their reports say (needs torch).

    \b
    Example:
      archgen verify specs/resnet18.yaml --device cuda --batch 8
    """
    from archgen import project as projects
    from archgen.network import load

    folder = folder or projects.find(Path.cwd()).generated
    networks = [load(path, settings).checked() for path in specs]
    codes = []
    for network in networks:
        # the file on the disk is that of the spec without settings
        unnamed = projects.why_no_module(network.path)
        on_disk = None if settings or unnamed else folder / projects.module_file(network.path)
        if unnamed:
            click.echo(f"{printable(network.path.as_posix())}: {unnamed}; so what follows is of no file", err=True)
        codes.append(_verify(network, on_disk, device, batch, settings))
    return max(codes)


def _verify(network: Network, path: Path | None, device: str, batch: int, settings: tuple[str, ...] = ()) -> int:
    from archgen import project as projects
    from archgen.verify import parent

    missing = path is not None and not os.path.lexists(path)
    found = parent.verify(network, None if missing else path, device, batch, settings)
    checks, different = found.checks, [check for check in found.checks if check.difference]
    outcome = "verified" if found.agrees else "NOT RUN" if found.not_run else "DIFFERENT"
    click.echo(f"{printable(network.path.as_posix())}: {outcome}")
    width = max((len(check.name) for check in checks), default=0)
    for check in checks:
        click.echo(f"  {check.name.ljust(width)}  {check.count:>7,}  {'DIFFERENT' if check.difference else 'equal'}")
    for check in different:
        click.echo(f"{check.name}: {printable(check.difference)}", err=True)
    if missing and path is not None:
        command = projects.build_command(network.path, path.parent)
        click.echo(f"{printable(files.shown(path))} is not there: what `{command}` would write was verified", err=True)
    if found.not_run:
        click.echo(f"the module was not run: {found.not_run}", err=True)
    return OK if found.agrees else DIFFERENT
