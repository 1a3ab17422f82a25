"""The commands, each by the file that holds it, which is imported when it is asked for."""

from __future__ import annotations

import importlib

import click

from archgen import __version__
from archgen.cli.options import DEBUG
from archgen.diagnostics import WIDTH

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": WIDTH}

COMMANDS = {
    "init": "reference",
    "list": "reference",
    "ops": "reference",
    "validate": "validating",
    "shapes": "reports",
    "explain": "reports",
    "graph": "reports",
    "show": "reports",
    "build": "modules",
    "verify": "modules",
    "compare": "porting",
    "diff": "reviewing",
    "breaking": "reviewing",
    "import": "porting",
}


class _Commands(click.Group):
    def list_commands(self, context: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        file = importlib.import_module(f"archgen.cli.{COMMANDS[name]}")
        return next(one for one in vars(file).values() if isinstance(one, click.Command) and one.name == name)


@click.group(cls=_Commands, context_settings=SETTINGS)
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
