"""One run of the command line: from its arguments to its exit code, whatever happens in between."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archgen.cli.commands import cli
from archgen.cli.said import BROKEN_PIPE, BUG, ENVIRONMENT, INTERRUPTED, OK, REFUSED, style
from archgen.diagnostics import EnvironmentFault, SpecError, no_command, printable, quote, render_all, render_fault

if TYPE_CHECKING:
    from collections.abc import Sequence


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
        click.echo(render_all(error.problems, style()), err=True)
        return REFUSED
    except EnvironmentFault as fault:
        click.echo(render_fault(fault, style()), err=True)
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
