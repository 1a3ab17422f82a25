"""The arguments that several commands take."""

from __future__ import annotations

import re
from pathlib import Path

import click

from archgen.diagnostics import Place, Problem, Source, SpecError, quote

LONGEST = 1_000_000  # images in a batch


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
TEXT = "text"
CHECK_FORMAT = click.option(
    "form",
    "--format",
    type=click.Choice([TEXT, "github", "junit", "json"]),
    default=TEXT,
    help="For people, as annotations of a GitHub workflow, as JUnit's XML, or for programs.",
)
DEVICE = click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="Where the module runs.")
