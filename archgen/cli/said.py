"""What every command says alike: exit codes, colours, notes, and how far a long one has come."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TextIO

import click

from archgen.diagnostics import WIDTH, SpecError, plain, render_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from archgen.diagnostics import Note, Style
    from archgen.network import Network

OK, DIFFERENT, REFUSED, ENVIRONMENT, BUG = 0, 1, 2, 3, 70
INTERRUPTED, BROKEN_PIPE = 130, 141  # as a shell reports them
COLOURS = {
    "place": "cyan",
    "error": "red",
    "note": "yellow",
    "line": "blue",
    "caret": "red",
    "help": "green",
    "remark": "bright_black",
}


def tell_notes(networks: Iterable[Network], strict: bool = False) -> None:
    """Prints what is allowed and seldom meant, beside the result; with `--strict` it is refused."""
    notes = [note for network in networks for note in network.notes]
    if notes and strict:
        raise SpecError(*notes)
    tell(notes)


def tell(notes: Sequence[Note]) -> None:
    if notes:
        click.echo(render_all(notes, style()), err=True)


def tell_built(network: Network, shape: tuple[int, ...] | None) -> None:
    """Says beside a result for another input that the module as it is built does not run on that."""
    built = network.built(shape)
    if built is not None and built.others:
        from archgen.views import built_text

        tell([built_text.note(built)])


def style(stream: TextIO | None = None) -> Style:
    """Colours on a terminal alone, and not where the user asks for none; the stream is that of errors, if it is not given."""
    return _coloured if (stream or sys.stderr).isatty() and "NO_COLOR" not in os.environ else plain


def _coloured(text: str, role: str) -> str:
    return click.style(text, fg=COLOURS[role], bold=role in ("error", "caret"))


def can_print(signs: str) -> bool:
    try:
        signs.encode(sys.stdout.encoding or "utf-8")  # a stream of text in memory has none
    except UnicodeEncodeError:
        return False
    return True


def tell_progress(text: str) -> None:
    """Shows on a terminal what is being done, in a line that the next text replaces; '' ends that."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{text[: WIDTH - 1]}", err=True, nl=False)  # a line that wraps could not be replaced
