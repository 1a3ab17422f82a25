"""The proof that a build holds its own output to: its syntax is what templates may produce, and its arguments are the trace's.

The text is parsed from its bytes. Every node, import and call must be on the list below; nothing else can come from a spec,
whatever its texts say. Then the module runs with recorders in place of torch: every layer that is built must have the arguments
that the trace on numbers predicts, and `forward` must make the same values of the same values, in the same order, as the steps
of the trace. That no layer in place overwrites what is still wanted is read from the classes (`overwrites`). Last, free texts
of the spec may change the docstrings alone.
"""

from __future__ import annotations

import ast
import functools
import operator
import re
from typing import TYPE_CHECKING, Any

from archgen.emit import overwrites
from archgen.emit.recorder import BUILTINS, Flow, Layer, Value, concat, construct, functions, leaves, parts
from archgen.ops import OPS
from archgen.ops.base import KINDS, same, together

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archgen.emit.recorder import Module
    from archgen.graph import Graph, Input
    from archgen.ops import Op
    from archgen.trace import Traced, TracedBody

_NODES = frozenset(
    getattr(ast, name)
    for name in (
        "Module ClassDef FunctionDef arguments arg Expr Constant Assign AnnAssign If IfExp Return Raise Import ImportFrom "
        "alias Name Attribute Load Store Call keyword List Tuple ListComp comprehension Starred BinOp UnaryOp BoolOp Compare "
        "Subscript Add Sub Mult Div FloorDiv Mod BitOr USub Not And Or Eq NotEq Lt LtE Gt GtE"
    ).split()
)
_FUNCTIONS = {("torch", "cat"), ("torch", "full"), ("math", "ceil"), ("math", "floor")}
_METHODS = {"append", "add_module", "chunk", "permute", "__init__"}
_IMPORTS = {
    "import math",
    "from collections.abc import Callable",
    "from functools import partial",
    "import torch",
    "from torch import Tensor, nn",
}


_RAISED = re.compile(r"raise ValueError\('[A-Za-z0-9_.,()\[\]<>=!+*/% -]* must be at least 1'\)")


class ProofError(Exception):
    """The generated text is not what it must be: a fault of archgen, never of a spec."""


def check(text: str, graph: Graph, numbers: TracedBody) -> None:
    """Raises ProofError unless the text has the allowed shape and builds exactly the layers of the trace."""
    tree = without_own_classes(_parsed(text))
    _check_shape(tree)
    module = construct(tree, graph.network.name, OWN_CLASSES)
    check_layers(module, numbers.steps)
    _check_flow(module, graph, numbers)
    try:
        overwrites.check(tree)
    except overwrites.OverwriteError as error:
        raise ProofError(str(error)) from None


@functools.lru_cache(maxsize=1)
def _parsed(text: str) -> ast.Module:
    """The tree of a text, kept from one half of the proof for the next: nobody changes it."""
    return ast.parse(text.encode())


def check_layers(module: Module, steps: tuple[Traced, ...]) -> None:
    """Raises ProofError unless a module has built the layers of these steps, in their order and with their arguments."""
    built = dict(leaves(module))
    expected = dict(_expected(steps, ""))
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


def _check_flow(module: Module, graph: Graph, numbers: TracedBody) -> None:
    """Runs `forward` on values that know how they were made, and follows the steps of the trace beside it."""
    body = graph.network
    for training in (False, True) if body.training_results else (False,):
        results = (*body.results, *body.training_results) if training else body.results
        module.train(training)
        flow, followed = Flow(), Flow()
        followed.made = flow.made  # so that the same value has the same number
        found = module(flow.value("input"))
        expected = _followed(numbers.steps, results, graph, followed.value("input"), "", training)
        if flow.calls != followed.calls:
            pairs = zip([*flow.calls, ("", 0)], [*followed.calls, ("", 0)])
            have, wanted = next((have, wanted) for have, wanted in pairs if have != wanted)
            what = "takes another value" if have[0] == wanted[0] else f"is called instead of {wanted[0] or 'nothing'}"
            raise ProofError(f"{have[0] or 'nothing'} {what} in `forward`")
        if [value.number for value in (found if isinstance(found, tuple) else (found,))] != [
            value.number for value in expected
        ]:
            raise ProofError("`forward` returns other values than the outputs")


def _followed(
    steps: tuple[Traced, ...], results: tuple[Input, ...], graph: Graph, x: Value, prefix: str, training: bool
) -> tuple[Value, ...]:
    values: list[Any] = [x]

    def value(source: Input) -> Value:
        found = values[source.value]
        taken: Value = found if source.part < 0 else found[source.part]
        return taken

    for step in steps:
        if step.training and not training:
            values.append(None)  # nobody asks for it now
            continue
        taken = [value(source) for source in step.values]
        if step.role == "split":
            values.append(taken[0].chunk(len(step.conditions), step.inputs[0].channel_axis + 1))
        elif step.role == "merge":
            values.append(_merged(step, [one for one, condition in zip(taken, step.conditions) if condition]))
        else:
            values.append(_taken(step, graph, taken[0], prefix + step.name, training))
    return tuple(map(value, results))


def _merged(step: Traced, present: list[Value]) -> Value:
    if step.type == "concat":
        return concat(present, step.inputs[0].channel_axis + 1)
    signs = {"add": operator.add, "subtract": operator.sub, "multiply": operator.mul}
    return functools.reduce(signs[step.type], present)


def _taken(step: Traced, graph: Graph, x: Value, path: str, training: bool) -> Value:
    """What one step makes of a value."""
    if step.role == "chain":
        for child in step.children:
            x = _taken(child, graph, x, f"{path}.{child.name}", training)
        return x
    if step.role == "block":
        (x,) = _followed(step.children, graph.blocks[step.type].results, graph, x, path + ".", training)
        return x
    if step.role == "line":
        assert step.op is not None
        own = Layer("Parameter")
        own.path = path
        made: Value = eval(step.op.line_text("x", "own"), {"__builtins__": {}}, {"x": x, "own": own})  # an op's own text
        return made
    return x if step.type == "Identity" else x.flow.call(path, x)


def check_texts(text: str, neutral: str) -> None:
    """Raises ProofError unless free texts of the spec stay in the docstrings and the header, and change nothing else.

    neutral: what the same spec generates with "x" for each of its free texts. The two must be the same to the letter, comments
    and blank lines too, but for the docstrings, as Python's parser finds them in the bytes, and for the header, whose form is
    fixed.
    """
    mine, others = _without_texts(text), _without_texts(neutral)
    _parsed.cache_clear()
    if mine != others:
        line = next((a for a, b in zip(mine, others) if a != b), "the number of lines")
        raise ProofError(f"the code depends on a text of the spec: {line.strip()}")


def _without_texts(text: str) -> list[str]:
    """The lines of a module, less its header and the docstrings of itself and its classes."""
    if not _PLAIN.fullmatch(text):
        raise ProofError("the module holds other characters than line feeds and printable ASCII")
    lines = text.split("\n")
    tree = _parsed(text)
    kept, end = [], 0
    for said in (tree.body[0], *(node.body[0] for node in tree.body if isinstance(node, ast.ClassDef))):
        first, last = said.lineno - 1, said.end_lineno or 0
        around = lines[first][: said.col_offset].strip() + lines[last - 1][said.end_col_offset :]
        if not _is_text(said) or around:
            raise ProofError(f"line {said.lineno}: no docstring, or more than one in its lines")
        kept += lines[end:first]
        end = last
    header = lines[: tree.body[0].lineno - 1]
    if len(header) != len(_HEADER) or not all(map(re.fullmatch, _HEADER, header)):
        raise ProofError("the header holds more than a safe path and digests")
    return kept[len(header) :] + lines[end:]


_PLAIN = re.compile("[\n -~]*")
_PATH = "[A-Za-z0-9_./%~-]+"  # no colon: in the first two lines "coding:" would change how all is read
_HEADER = (
    f"# Generated by archgen from {_PATH}; do not edit\\.",
    f"# Regenerate with: archgen build( {_PATH}( -o {_PATH})?)?",
    "# SHA-256 of the spec: [0-9a-f]{64}",
    "# SHA-256 of all other lines: [0-9a-f]{64}",
)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


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


def without_own_classes(tree: ast.Module) -> ast.Module:
    """Takes out the classes that ops bring, after a look that they are the ops' text to the letter."""
    body = []
    for node in tree.body:
        if not (isinstance(node, ast.ClassDef) and node.name in OWN_CLASSES):
            body.append(node)
        elif ast.dump(node) != _own_class(node.name):
            raise ProofError(f"the class {node.name} is not the text that its op brings")
    return ast.Module(body, [])


@functools.cache
def _own_class(name: str) -> str:
    (op,) = (op for op in OPS.values() if op.module_source and op.__name__ == name)
    return ast.dump(ast.parse(op.module_source).body[0])


def _check_shape(tree: ast.Module) -> None:
    _check_top(tree)
    called = {*BUILTINS, "make_divisible", "partial", *OWN_CLASSES}
    called |= {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    methods = frozenset(functions(tree))
    for node in parts(tree, methods):
        _check_node(node, called)
    for function in methods:
        known = called | {argument.arg for argument in function.args.args}
        for node in parts(function):
            _check_node(node, known)


def _check_node(node: ast.AST, called: set[str]) -> None:
    if type(node) not in _NODES:
        raise ProofError(f"line {getattr(node, 'lineno', 0)}: {type(node).__name__} can't come from a template")
    if isinstance(node, (ast.Name, ast.Attribute)):
        _check_name(node)
    elif isinstance(node, ast.Call):
        _check_call(node, called)
    elif isinstance(node, ast.Raise) and not _RAISED.fullmatch(ast.unparse(node)):
        raise ProofError(f"line {node.lineno}: {ast.unparse(node)}")


def _check_top(tree: ast.Module) -> None:
    """A module is a docstring, imports, at most one helper, and classes, whose bodies are a docstring and two methods."""
    first, *rest = tree.body
    if not _is_text(first):
        raise ProofError("the module does not begin with its docstring")
    for node in rest:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            if ast.unparse(node) not in _IMPORTS:
                raise ProofError(f"line {node.lineno}: {ast.unparse(node)}")
        elif isinstance(node, ast.ClassDef):
            _check_class(node)
        elif not (isinstance(node, ast.FunctionDef) and node.name == "make_divisible" and not node.decorator_list):
            raise ProofError(f"line {node.lineno}: {type(node).__name__} can't stand at the top of a module")


def _check_class(node: ast.ClassDef) -> None:
    if [ast.unparse(base) for base in node.bases] != ["nn.Module"] or node.keywords or node.decorator_list:
        raise ProofError(f"the class {node.name} is more or less than an `nn.Module`")
    documented, *methods = node.body
    names = [member.name for member in methods if isinstance(member, ast.FunctionDef) and not member.decorator_list]
    if not _is_text(documented) or names != ["__init__", "forward"] or len(methods) != 2:
        raise ProofError(f"the class {node.name} has other parts than a docstring, `__init__` and `forward`")


def _check_name(node: ast.Name | ast.Attribute) -> None:
    name = node.id if isinstance(node, ast.Name) else node.attr
    if name.startswith("_") and name not in ("_", "__init__"):
        raise ProofError(f"line {node.lineno}: the name {name}")
    if isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Store):
        return
    if not (isinstance(node.value, ast.Name) and node.value.id == "self"):
        raise ProofError(f"line {node.lineno}: an attribute of another object than the module is set")


def _check_call(call: ast.Call, called: set[str]) -> None:
    """Only layers, the module's own classes, what it imports, and the few methods that a template writes are called."""
    target = call.func
    if isinstance(target, ast.Name) and target.id in called:
        return
    if isinstance(target, ast.Attribute):
        owner = target.value.id if isinstance(target.value, ast.Name) else ""
        if owner == "self" or (owner == "nn" and target.attr in _layer_classes()):
            return
        if (owner, target.attr) in _FUNCTIONS or target.attr in _METHODS:
            return
    raise ProofError(f"line {call.lineno}: a call of {ast.unparse(target)}")


@functools.cache
def _layer_classes() -> frozenset[str]:
    """The classes of torch.nn that the ops stand for, at every rank, those that hold them, and a bare parameter."""
    return frozenset(
        {"Sequential", "Identity", "Parameter"} | {op.class_name(rank) for op in OPS.values() for rank in range(4)}
    )


OWN_CLASSES = [op.__name__ for op in OPS.values() if op.module_source]


def _expected(steps: tuple[Traced, ...], prefix: str) -> Iterator[tuple[str, Any]]:
    for step in steps:
        if step.op is not None and step.role == "line":
            bare = step.op.bare(step.inputs[0])
            if bare is not None:
                yield prefix + step.name, (step.op, ("Parameter", (bare,), {}))
        elif step.op is not None and step.type != "Identity":
            positional, named = step.op.constructor(step.inputs[0])
            yield prefix + step.name, (step.op, (step.type, positional, named))
        yield from _expected(step.children, f"{prefix}{step.name}.")
