"""The recorded module has the layers of the trace, and makes the same values of the same values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archgen.ops.options import KINDS
from archgen.ops.value import same, together
from archgen.proof import recorder
from archgen.proof.parsed import ProofError
from archgen.proof.recorder import Flow, Layer, Value, leaves
from archgen.trace.run import Run
from archgen.trace.traced import Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archgen.graph.model import Graph
    from archgen.ops import Op
    from archgen.proof.recorder import Module
    from archgen.trace.traced import Traced, TracedBody


def check_layers(module: Module, graph: Graph, steps: tuple[Traced, ...]) -> None:
    """Raises ProofError unless a module has built the layers of these steps, in their order and with their arguments."""
    built = dict(leaves(module))
    expected = dict(_expected(graph, graph.network.registered(steps), ""))
    if list(built) != list(expected):
        odd = sorted(set(built) ^ set(expected))
        raise ProofError(f"the module builds other layers than the trace has: {odd[:3] or 'another order'}")
    for path, (op, layer) in expected.items():
        name, positional, named = built[path].built
        positional = _written(op, positional, len(layer[1]))
        found = name, _axes_alike(op, positional), _given(op, named)
        wanted = layer[0], _axes_alike(op, layer[1]), _given(op, layer[2])
        if repr(found) != repr(wanted):  # repr tells True from 1, and 1.0 from 1
            raise ProofError(f"{path} is built as {built[path].built}, and the trace has {layer}")


def check_flow(module: Module, graph: Graph, numbers: TracedBody) -> None:
    """Runs `forward` on values that know how they were made, and follows the steps of the trace beside it."""
    body = graph.network
    for training in (False, True) if body.training_results else (False,):
        module.train(training)
        flow, followed = Flow(), Flow()
        followed.made = flow.made  # so that the same value has the same number
        entering = body.inputs or ("input",)
        found = module(*map(flow.value, entering))
        expected = _Followed(graph, training).network(numbers.steps, *map(followed.value, entering))
        if flow.calls != followed.calls:
            pairs = zip([*flow.calls, ("", 0)], [*followed.calls, ("", 0)])
            have, wanted = next((have, wanted) for have, wanted in pairs if have != wanted)
            what = "takes another value" if have[0] == wanted[0] else f"is called instead of {wanted[0] or 'nothing'}"
            raise ProofError(f"{have[0] or 'nothing'} {what} in `forward`")
        if [value.number for value in (found if isinstance(found, tuple) else (found,))] != [
            value.number for value in expected
        ]:
            raise ProofError("`forward` returns other values than the outputs")


class _Followed(Run[Value]):
    """The steps of a trace, run on values that know how they were made."""

    def leaf(self, step: Traced, x: Value, module: str) -> Value:
        if step.role is not Role.LINE:
            return x if step.type == "Identity" else x.flow.call(module, x)
        own = Layer("Parameter")
        own.path = module
        made: Value = self.said(step, [x], own)
        return made

    def function(self, name: str) -> Any:
        return recorder.function(name)


def _written(op: Op, positional: tuple[Any, ...], count: int) -> tuple[Any, ...]:
    """Drops the last positional arguments that say torch's defaults: the value of an argument may happen to be one."""
    inferred = count - sum(field not in op.defaults for field in op.fields[: op.positional])
    while len(positional) > count:
        default: Any = op.defaults.get(op.fields[len(positional) - 1 - inferred])
        if not same(positional[-1], default):
            break
        positional = positional[:-1]
    return positional


def _given(op: Op, named: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments that say another thing than torch's defaults, whichever way they say it."""
    defaults = op.torch_defaults()
    said = {key: _plain(value) for key, value in named.items()}
    return {key: value for key, value in said.items() if key not in defaults or not same(value, defaults[key])}


def _axes_alike(op: Op, positional: tuple[Any, ...]) -> tuple[Any, ...]:
    """The positional arguments, the op's own in the shortest way to say them where one is a number for each axis."""
    fields = op.fields[: op.positional]
    inferred = max(0, len(positional) - len(fields))
    return (*positional[:inferred], *(
        _plain(value) if op.kind(field) is KINDS["PerAxis"] else value for field, value in zip(fields, positional[inferred:])
    ))  # fmt: skip


def _plain(value: Any) -> Any:
    """A list with the same number for every axis means that number."""
    return together(value) if type(value) is tuple and value else value


def _expected(graph: Graph, steps: Sequence[Traced], prefix: str) -> Iterator[tuple[str, Any]]:
    for step in steps:
        if step.again:
            continue
        if step.op is not None and step.role is Role.LINE:
            bare = step.op.bare(step.inputs[0])
            if bare is not None:
                yield prefix + step.name, (step.op, ("Parameter", (bare,), {}))
        elif (
            step.op is not None
            and step.role not in (Role.MERGE, Role.SPLIT, Role.COLLECT, Role.COPIES)
            and step.type != "Identity"
        ):
            positional, named = step.op.constructor(step.inputs[0])
            yield prefix + step.name, (step.op, (step.type, positional, named))
        inside = graph.blocks[step.type].registered(step.children) if step.role is Role.BLOCK else step.children
        yield from _expected(graph, inside, f"{prefix}{step.name}.")
