"""The text of a module, planned and then written: every class in order, the imports and helpers that they need, the header."""

from __future__ import annotations

import ast
import functools
import inspect
from pathlib import Path
from typing import TYPE_CHECKING

from archgen.arithmetic.evaluation import FUNCTIONS
from archgen.arithmetic.expressions import names_of
from archgen.emit import templates
from archgen.emit.classes import ClassBuilder
from archgen.emit.header import header, sealed
from archgen.emit.layout import escaped
from archgen.emit.plan import ClassPlan, ModulePlan
from archgen.graph.free_names import open_names
from archgen.ops import Op, own_classes, own_functions
from archgen.ops.value import Shape, same
from archgen.trace.traced import Role

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archgen.analysis.contract import Contract
    from archgen.arithmetic.expressions import Value
    from archgen.emit.style import Style
    from archgen.graph.model import Body, Graph
    from archgen.language.model import Parameter
    from archgen.trace.traced import Traced, TracedBody


_STANDARD = {
    "math": "import math",
    "Callable": "from collections.abc import Callable",
    "partial": "from functools import partial",
}
NOWHERE = Path("x.yaml")  # the spec of a text that is only compared


def text(
    graph: Graph,
    numbers: TracedBody,
    named: dict[str, TracedBody],
    contract: Contract | None,
    description: str,
    spec: Path,
    style: Style,
) -> str:
    """Returns the text of a network's module.

    numbers, named: its traces on numbers and on names. description: what the spec says of the network. spec: its file.
    Raises SpecError where a size can't be said in Python, and for what is wrong with a project's own templates.
    """
    classes = _classes(graph, numbers, named)
    needs = frozenset().union(*(one.needs for one in classes))
    sources = _functions() | own_functions() | {name: op.module_source for name, op in own_classes().items()}
    helpers = tuple(source for name, source in sources.items() if name in needs)
    said = escaped(description)
    sentence = "" if contract is None else contract.sentence()
    plan = ModulePlan(
        name=graph.network.name,
        header=tuple(header(spec)),
        description=said or ("" if sentence else f"{graph.network.name}."),
        contract=sentence,
        imports=_imports(needs.union(*map(_names, helpers))),
        helpers=helpers,
        classes=classes,
    )
    return sealed(templates.write(plan, style))


def _classes(graph: Graph, numbers: TracedBody, named: dict[str, TracedBody]) -> tuple[ClassPlan, ...]:
    network = graph.network
    unsettled = open_names(graph)
    samples: dict[str, list[dict[str, Value]]] = {}
    for block, names in [*numbers.calls, (network.name, numbers.names)]:
        settled = {name: value for name, value in names.items() if name not in unsettled[block] or isinstance(value, Op)}
        samples.setdefault(block, []).append(settled)
    calls = _calls(step for body in named.values() for step in body.steps)
    built: dict[str, tuple[Body, ClassPlan]] = {}
    for name, written in graph.blocks.items():
        if name in named:
            body = _with_defaults_of(written, calls.get(name, []))
            built[name] = (body, ClassBuilder(body, named[name], built, samples.get(name, [])).build())
    top = ClassBuilder(network, named[""], built, samples[network.name], on_numbers=numbers).build()
    return (*(one for _, one in built.values()), top)


def _calls(steps: Iterable[Traced]) -> dict[str, list[dict[str, Value]]]:
    """The arguments of every call of a block, by its name; those of a loop as its turn says them."""
    found: dict[str, list[dict[str, Value]]] = {}
    for step in steps:
        if step.role is Role.BLOCK:
            found.setdefault(step.type, []).append(dict(step.arguments))
        elif step.role in (Role.CHAIN, Role.COLLECT, Role.COPIES, Role.CHOICE):
            for name, calls in _calls(step.children).items():
                found.setdefault(name, []).extend(calls)
    return found


def _with_defaults_of(body: Body, calls: list[dict[str, Value]]) -> Body:
    """A block whose class has as a default what every call gives in place of the block's own."""

    def default(parameter: Parameter) -> Value | None:
        given = [call.get(parameter.name) for call in calls]  # None: that call leaves it out
        if parameter.default is None or not given or given[0] is None or names_of(given[0]) or _is_partial(given[0]):
            return parameter.default
        return given[0] if all(other is not None and same(given[0], other) for other in given) else parameter.default

    return body.replace(parameters=tuple(p.replace(default=default(p)) for p in body.parameters))


def _is_partial(value: Value) -> bool:
    """Whether an argument is an op with options: a default that calls a function is one that linters warn of."""
    return isinstance(value, Op) and any(value.constructor(Shape((1,))))


@functools.cache
def _functions() -> dict[str, str]:
    """The functions of the language that torch and Python lack, each by its name, as their own source says them."""
    return {name: inspect.getsource(made).rstrip() for name, (made, *_) in FUNCTIONS.items() if inspect.isfunction(made)}


@functools.cache
def _names(helper: str) -> frozenset[str]:
    """The names that a helper says."""
    return frozenset(node.id for node in ast.walk(ast.parse(helper)) if isinstance(node, ast.Name))


def _imports(needs: frozenset[str]) -> tuple[str, ...]:
    """The imports that code with these names uses, in ruff's order."""
    found = [line for name, line in _STANDARD.items() if name in needs]
    torch = ["import torch"] if "torch" in needs else []
    torch += ["import torch.nn.functional as F"] if "F" in needs else []
    return (*found, *([""] if found else []), *torch, "from torch import Tensor, nn")
