"""A class's defaults against its block: constructed without its optional arguments, it is what the block is without them.

Or what it is with that which every call gives in place of the block's default: then it is the default of the class.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from archgen.arithmetic.spelling import render
from archgen.diagnostics import Place, Source
from archgen.graph.model import Call, Input, Step
from archgen.ops import Op, own_classes, own_functions
from archgen.ops.value import AXIS_NAMES
from archgen.proof import layers, syntax
from archgen.proof.parsed import ProofError
from archgen.proof.recorder import construct
from archgen.records import Record
from archgen.trace import on_numbers, traced, walk
from archgen.trace.traced import Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archgen.arithmetic.expressions import Value
    from archgen.network import Network
    from archgen.ops import Shape
    from archgen.trace.traced import Traced

_SOMEWHERE = Place(Source("", ""), 1, 1)


class Called(Record):
    """A call of a block as the trace on numbers met it."""

    block: str
    arguments: dict[str, Value]
    entering: tuple[Shape, ...]


def calls(steps: tuple[Traced, ...]) -> Iterator[Called]:
    """The distinct calls of blocks, wherever they stand."""
    seen = set()
    pending = list(steps)
    while pending:
        step = pending.pop()
        key = (step.type, step.arguments, step.inputs)
        if step.role is Role.BLOCK and key in seen:
            continue
        if step.role is Role.BLOCK:
            seen.add(key)
            yield Called(step.type, dict(step.arguments), step.inputs)
        pending += step.children


def faults(network: Network) -> list[str]:
    """Says which classes, called as one of the network's calls but without some optional arguments, build other layers."""
    numbers = network.traced()
    text = network.source()
    every = list(calls(numbers.steps))
    return [fault for called in every for fault in _faults_of_a_call(network, text, called, every)]


def _faults_of_a_call(network: Network, text: str, called: Called, every: list[Called]) -> Iterator[str]:
    body = network.graph.blocks[called.block]
    given = [one.name for one in body.parameters if one.default is not None and one.name in called.arguments]
    for left_out in {tuple(given), *((name,) for name in given)} - {()}:
        arguments = {name: value for name, value in called.arguments.items() if name not in left_out}
        if any(isinstance(value, Op) for value in arguments.values()):
            continue  # its text is the emitter's own
        usual = {name: _usual(text, called, name, every) for name in left_out}
        steps = _traced(network, called.replace(arguments=arguments | {key: v for key, v in usual.items() if v is not None}))
        if steps is None:
            continue  # the block does not fit without them
        probed = network.graph.replace(network=network.graph.network.replace(register=()))
        tree = syntax.without_own_texts(ast.parse(f"{text}\n{_probe(text, called.replace(arguments=arguments))}"))
        try:
            layers.check_layers(construct(tree, "Probe", own_classes(), own_functions()), probed, steps)
        except ProofError as error:
            yield f"{body.name} without {', '.join(left_out)}: {error}"


def _usual(text: str, called: Called, name: str, every: list[Called]) -> Value | None:
    """What every call gives, if the class says that it is its default."""
    first, *others = [one.arguments.get(name) for one in every if one.block == called.block]
    if first is None or any(repr(first) != repr(other) for other in others):
        return None
    arguments = _constructor(text, called.block).args
    defaults = dict(zip([one.arg for one in arguments.args[-len(arguments.defaults) :]], map(ast.unparse, arguments.defaults)))
    rank = called.entering[0].rank
    said = [f"nn.{first.class_name(rank)}"] if isinstance(first, Op) else [render(first), render(walk.spread(first, rank))]
    return first if defaults.get(name) in said else None


def _traced(network: Network, called: Called) -> tuple[Traced, ...] | None:
    """The steps of the network that this call alone would be."""
    node = Call(called.block, tuple((name, value, _SOMEWHERE) for name, value in called.arguments.items()))
    alone = network.graph.network.replace(steps=(Step("a", node, (Input(0),), True, _SOMEWHERE),), inputs=(), register=())
    try:
        return on_numbers.NumberTracer(network.graph).steps(alone, called.entering, {})[0]
    except traced.Stopped:
        return None


def _constructor(text: str, block: str) -> ast.FunctionDef:
    (found,) = (node for node in ast.parse(text).body if isinstance(node, ast.ClassDef) and node.name == block)
    (init,) = (node for node in found.body if isinstance(node, ast.FunctionDef) and node.name == "__init__")
    return init


def _probe(text: str, called: Called) -> str:
    """A class that calls that of the block."""
    init = _constructor(text, called.block)
    x = called.entering[0]
    known = {**called.arguments, "in_channels": x.channels, **dict(zip(AXIS_NAMES[x.rank], x.spatial))}
    said = []
    for argument in init.args.args:
        if argument.arg in known:
            value = known[argument.arg]
            is_list = argument.annotation is not None and ast.unparse(argument.annotation).startswith("tuple[int, int")
            said.append(f"{argument.arg}={render(walk.spread(value, x.rank) if is_list else value)}")
    call = f"{called.block}({', '.join(said)})"
    return f"class Probe(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.a = {call}\n"
