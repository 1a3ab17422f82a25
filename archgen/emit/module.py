"""The generated module: every class in order, the imports that they need, and the header."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING

from archgen import resources
from archgen.emit.classes import ClassBuilder, ClassText
from archgen.emit.header import header, sealed
from archgen.emit.layout import docstring
from archgen.graph.free_names import open_names
from archgen.ops import own_classes

if TYPE_CHECKING:
    import jinja2

    from archgen.analysis.contract import Contract
    from archgen.arithmetic.expressions import Value
    from archgen.graph.model import Body, Graph
    from archgen.trace.traced import TracedBody

WIDTH = 100
_MAKE_DIVISIBLE = '''\
def make_divisible(x: float, divisor: int = 8) -> int:
    """Round to the nearest multiple of divisor, but not below nine tenths of x."""
    rounded = max(divisor, int(x + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * x else rounded + divisor'''


NOWHERE = Path("x.yaml")  # the spec of a text that is only compared


def text(
    graph: Graph,
    numbers: TracedBody,
    named: dict[str, TracedBody],
    contract: Contract | None,
    description: str,
    spec: Path,
) -> str:
    """Returns the text of a network's module.

    numbers, named: its traces on numbers and on names. description: what the spec says of the network. spec: its file.
    Raises SpecError where a size can't be said in Python.
    """
    classes = _classes(graph, numbers, named)
    body = "\n".join(line for one in classes for line in (*one.init, *one.forward))
    said = _names_said(body)
    helpers = [_MAKE_DIVISIBLE] if "make_divisible" in said else []
    helpers += [op.module_source for name, op in own_classes().items() if name in said]
    said |= _names_said("\n".join(helpers))
    paragraphs = [description.strip()] if description.strip() else []
    paragraphs += [] if contract is None else [contract.sentence()]
    rendered = _template().render(
        header=header(spec),
        docstring=docstring(paragraphs or [f"{graph.network.name}."], 0, WIDTH),
        imports=_imports(said),
        helpers=helpers,
        classes=classes,
    )
    return sealed(rendered)


def _classes(graph: Graph, numbers: TracedBody, named: dict[str, TracedBody]) -> list[ClassText]:
    network = graph.network
    unsettled = open_names(graph)
    samples: dict[str, list[dict[str, Value]]] = {}
    for block, names in [*numbers.calls, (network.name, numbers.names)]:
        settled = {name: value for name, value in names.items() if name not in unsettled[block]}
        samples.setdefault(block, []).append(settled)
    built: dict[str, tuple[Body, ClassText]] = {}
    for name, body in graph.blocks.items():
        if name in named:
            built[name] = (body, ClassBuilder(body, named[name], built, samples.get(name, []), WIDTH).build())
    top = ClassBuilder(network, named[""], built, samples[network.name], WIDTH, on_numbers=numbers).build()
    return [*(text for _, text in built.values()), top]


@functools.cache
def _template() -> jinja2.Template:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.folder("templates")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.get_template("module.py.jinja")


def _names_said(code: str) -> set[str]:
    """The names that code says by themselves: no attributes, and none in quotes."""
    return set(re.findall(r"(?<![\w.\"])[A-Za-z]\w*", code, re.ASCII))


def _imports(said: set[str]) -> list[str]:
    """The imports that code with these names uses, in ruff's order."""
    found = []
    if "math" in said:
        found.append("import math")
    if "Callable" in said:
        found.append("from collections.abc import Callable")
    if "partial" in said:
        found.append("from functools import partial")
    if found:
        found.append("")
    if "torch" in said:
        found.append("import torch")
    return [*found, "from torch import Tensor, nn"]
