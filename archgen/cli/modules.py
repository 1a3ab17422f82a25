"""Generated modules: written, compared with their specs, verified."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archgen import files
from archgen.cli.options import CHECK_FORMAT, DEBUG, DEVICE, FOLDER, LONGEST, PATH, SET, SPECS, STRICT, TEXT
from archgen.cli.said import DIFFERENT, OK, REFUSED, tell_notes, tell_progress
from archgen.diagnostics import SpecError, printable, quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archgen.build import Output
    from archgen.network import Network
    from archgen.verify.result import Verification

CHECK = "archgen build --check"


@click.command()
@click.argument("specs", nargs=-1, metavar="[SPEC...]", type=PATH)
@FOLDER
@click.option("--check", is_flag=True, help="Write nothing; show what is stale, missing or left over.")
@click.option("--verify", "verified", is_flag=True, help="Verify what was built (needs torch).")
@click.option("--force", is_flag=True, help="Replace files that archgen did not write, or that were edited.")
@STRICT
@CHECK_FORMAT
@DEBUG
def build(
    specs: tuple[Path, ...], folder: Path | None, check: bool, verified: bool, force: bool, strict: bool, form: str
) -> int:
    """Write the PyTorch modules of specs, without torch.

    Without SPEC: of all specs of the project. Its folders, `specs` and
    `generated`, can be named in [tool.archgen] of its pyproject.toml.

    \b
    Example:
      archgen build specs/resnet18.yaml -o models
      archgen build --check --format github
    """
    from archgen import build as builder
    from archgen import checked as checks
    from archgen import project as projects

    project = projects.find(Path.cwd())
    folder = folder or project.generated
    chosen = specs or tuple(Path(os.path.relpath(path)) for path in project.all_specs())
    if not chosen:
        raise click.UsageError(f"there are no specs in {quote(os.path.relpath(project.specs))}; name one")
    if form != TEXT and not check:
        raise click.UsageError("--format goes with --check")
    try:
        outputs = builder.plan(chosen, folder)
    except SpecError as error:
        if form == TEXT:
            raise
        click.echo(checks.FORMS[form](builder.refused(chosen, error.problems), CHECK))
        return REFUSED
    tell_notes([output.network for output in outputs if output.network is not None], strict)
    extra = () if specs else builder.left_over(folder, outputs)
    again = "the same command without `--check`" if specs or folder != project.generated else "`archgen build`"
    if form != TEXT:
        every = (*outputs, *extra)
        click.echo(checks.FORMS[form]([builder.checked(output) for output in every], CHECK))
        return OK if all(output.current for output in every) else DIFFERENT
    code = _check((*outputs, *extra), again) if check else _write(outputs, extra, folder, force)
    if code == OK and verified:
        return _verify_all([(output.network, output.path) for output in outputs if output.network is not None], "auto", 2)
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


@click.command()
@SPECS
@FOLDER
@DEVICE
@click.option("--batch", type=click.IntRange(1, LONGEST), metavar="N", default=2, show_default=True, help="Images in a run.")
@click.option("--jobs", type=click.IntRange(1, 64), metavar="N", default=1, show_default=True, help="Specs at the same time.")
@SET
@DEBUG
def verify(specs: tuple[Path, ...], folder: Path | None, device: str, batch: int, jobs: int, settings: tuple[str, ...]) -> int:
    """Prove that a module is what its report says (needs torch).

    Each runs in a process of its own. With --jobs they share the cores: torch
    gets as many threads in each, unless OMP_NUM_THREADS says how many.

    \b
    Example:
      archgen verify specs/resnet18.yaml --device cuda --batch 8
      archgen verify specs/*.yaml --jobs 4
    """
    from archgen import project as projects
    from archgen.network import load

    folder = folder or projects.find(Path.cwd()).generated
    chosen: list[tuple[Network, Path | None]] = []
    for network in [load(path, settings).checked() for path in specs]:
        # the file on the disk is that of the spec without settings
        unnamed = projects.why_no_module(network.path)
        if unnamed:
            click.echo(f"{printable(network.path.as_posix())}: {unnamed}; so what follows is of no file", err=True)
        on_disk = None if settings or unnamed else folder / projects.module_file(network.path)
        chosen.append((network, on_disk))
    return _verify_all(chosen, device, batch, jobs, settings)


def _verify_all(
    chosen: Sequence[tuple[Network, Path | None]], device: str, batch: int, jobs: int = 1, settings: tuple[str, ...] = ()
) -> int:
    """Verifies networks, so many at once, and tells of each in the order in which they were named."""
    from concurrent.futures import ThreadPoolExecutor

    from archgen.verify import parent

    threads = max(1, (os.cpu_count() or 1) // jobs) if jobs > 1 and "OMP_NUM_THREADS" not in os.environ else None

    def one(network: Network, path: Path | None) -> Verification:
        there = path if path is not None and os.path.lexists(path) else None
        return parent.verify(network, there, device, batch, settings, threads)

    codes = []
    with ThreadPoolExecutor(jobs) as pool:
        waiting = [(network, path, pool.submit(one, network, path)) for network, path in chosen]
        try:
            for number, (network, path, answer) in enumerate(waiting, 1):
                tell_progress(f"verifying {printable(network.path.as_posix())} ({number} of {len(waiting)})")
                found = answer.result()
                tell_progress("")
                codes.append(_tell_verified(network, path, found))
        finally:
            tell_progress("")
            pool.shutdown(wait=False, cancel_futures=True)
    return max(codes)


def _tell_verified(network: Network, path: Path | None, found: Verification) -> int:
    from archgen import project as projects

    checks, different = found.checks, [check for check in found.checks if check.difference]
    outcome = "verified" if found.agrees else "NOT RUN" if found.not_run else "DIFFERENT"
    click.echo(f"{printable(network.path.as_posix())}: {outcome}")
    width = max((len(check.name) for check in checks), default=0)
    for check in checks:
        click.echo(f"  {check.name.ljust(width)}  {check.count:>7,}  {'DIFFERENT' if check.difference else 'equal'}")
    for check in different:
        click.echo(f"{check.name}: {printable(check.difference)}", err=True)
    if path is not None and not os.path.lexists(path):
        command = projects.build_command(network.path, path.parent)
        click.echo(f"{printable(files.shown(path))} is not there: what `{command}` would write was verified", err=True)
    if found.not_run:
        click.echo(f"the module was not run: {found.not_run}", err=True)
    return OK if found.agrees else DIFFERENT
