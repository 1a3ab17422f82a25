"""The proof that a build holds its own output to: its syntax is what templates may produce, and its arguments are the trace's.

The text is parsed from its bytes. Every node, import and call must be on the list below; nothing else can come from a spec,
whatever its texts say. Then the constructors run with a recorder in place of `torch.nn`, without torch, and every layer that
they build must have the arguments that the trace on numbers predicts.
"""

from __future__ import annotations

import ast
import builtins
import functools
import math
from typing import TYPE_CHECKING, Any

from archgen.ops import OPS
from archgen.ops.base import same, together

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archgen.network import Network
    from archgen.ops import Op
    from archgen.trace import Traced, TracedBody

_NODES = tuple(
    getattr(ast, name)
    for name in (
        "Module ClassDef FunctionDef arguments arg Expr Constant Assign AnnAssign If IfExp Return Import ImportFrom alias Name "
        "Attribute Load Store Call keyword List Tuple ListComp comprehension Starred BinOp UnaryOp BoolOp Compare Subscript "
        "Add Sub Mult Div FloorDiv Mod BitOr USub Not And Or Eq NotEq Lt LtE Gt GtE"
    ).split()
)
_FUNCTIONS = {("torch", "cat"), ("torch", "full"), ("math", "ceil"), ("math", "floor")}
_METHODS = {"append", "add_module", "chunk", "permute", "__init__"}
_IMPORTS = {"math", "torch", "collections.abc", "functools"}
_BUILTINS = ("super", "range", "max", "min", "int", "round", "float", "bool", "list", "tuple", "__build_class__")


class ProofError(Exception):
    """The generated text is not what it must be: a fault of archgen, never of a spec."""


def check(text: str, network: Network, numbers: TracedBody) -> None:
    """Raises ProofError unless the text has the allowed shape and builds exactly the layers of the trace."""
    tree = _without_own_classes(ast.parse(text.encode()))
    _check_shape(tree)
    built = dict(_leaves(_construct(tree, network.name)))
    expected = dict(_expected(numbers.steps, ""))
    if list(built) != list(expected):
        odd = sorted(set(built) ^ set(expected))
        raise ProofError(f"the module builds other layers than the trace has: {odd[:3] or 'another order'}")
    for path, (op, layer) in expected.items():
        name, positional, named = built[path]
        positional = _written(op, positional, len(layer[1]))
        found, wanted = (name, positional, _given(op, named)), (*layer[:2], _given(op, layer[2]))
        if repr(found) != repr(wanted):  # repr tells True from 1, and 1.0 from 1
            raise ProofError(f"{path} is built as {built[path]}, and the trace has {layer}")


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


def _plain(value: Any) -> Any:
    """A list with the same number for every axis means that number."""
    return together(value) if type(value) is tuple and value else value


def _without_own_classes(tree: ast.Module) -> ast.Module:
    """Takes out the classes that ops bring, after a look that they are the ops' text to the letter."""
    known = {op.__name__: ast.dump(ast.parse(op.module_source).body[0]) for op in OPS.values() if op.module_source}
    body = []
    for node in tree.body:
        if not (isinstance(node, ast.ClassDef) and node.name in known):
            body.append(node)
        elif ast.dump(node) != known[node.name]:
            raise ProofError(f"the class {node.name} is not the text that its op brings")
    return ast.Module(body, [])


def _check_shape(tree: ast.Module) -> None:
    _check_top(tree)
    called = {*_BUILTINS, "make_divisible", "partial", *_OWN_CLASSES}
    called |= {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    for node in ast.walk(tree):
        if not isinstance(node, _NODES):
            raise ProofError(f"line {getattr(node, 'lineno', 0)}: {type(node).__name__} can't come from a template")
        if isinstance(node, (ast.Name, ast.Attribute)):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if name.startswith("_") and name not in ("_", "__init__"):
                raise ProofError(f"line {node.lineno}: the name {name}")
        if isinstance(node, ast.FunctionDef):
            for call in ast.walk(node):
                if isinstance(call, ast.Call):
                    _check_call(call, called | {argument.arg for argument in node.args.args})


def _check_top(tree: ast.Module) -> None:
    """A module is a docstring, imports, at most one helper, and classes, whose bodies are a docstring and two methods."""
    first, *rest = tree.body
    if not (isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)):
        raise ProofError("the module does not begin with its docstring")
    for node in rest:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            if not set(modules) <= _IMPORTS:
                raise ProofError(f"line {node.lineno}: an import of {modules}")
        elif isinstance(node, ast.ClassDef):
            if [type(member) for member in node.body] != [ast.Expr, ast.FunctionDef, ast.FunctionDef]:
                raise ProofError(f"the class {node.name} has other parts than a docstring, `__init__` and `forward`")
        elif not (isinstance(node, ast.FunctionDef) and node.name == "make_divisible"):
            raise ProofError(f"line {node.lineno}: {type(node).__name__} can't stand at the top of a module")


def _check_call(call: ast.Call, called: set[str]) -> None:
    """Only layers, the module's own classes, what it imports, and the few methods that a template writes are called."""
    target = call.func
    if isinstance(target, ast.Name) and target.id in called:
        return
    if isinstance(target, ast.Attribute):
        owner = target.value.id if isinstance(target.value, ast.Name) else ""
        if owner in ("nn", "self") or (owner, target.attr) in _FUNCTIONS or target.attr in _METHODS:
            return
    raise ProofError(f"line {call.lineno}: a call of {ast.unparse(target)}")


_OWN_CLASSES = [op.__name__ for op in OPS.values() if op.module_source]


class _Module:
    """Stands in for torch.nn.Module while the constructors run: it keeps its children in order."""

    children: dict[str, Any]

    def __init__(self) -> None:
        self.__dict__["children"] = {}

    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(value, (_Module, _Layer)):
            self.children[name] = value
        self.__dict__[name] = value

    def add_module(self, name: str, value: object) -> None:
        setattr(self, name, value)


class _Sequential(_Module):
    def __init__(self, *children: object) -> None:
        super().__init__()
        for number, child in enumerate(children):
            setattr(self, str(number), child)


class _Layer:
    """A layer of torch.nn that was built: its class and arguments, less `inplace`, which is the emitter's own."""

    def __init__(self, name: str, *arguments: Any, **named: Any) -> None:
        named.pop("inplace", None)
        self.built = (name, arguments, named)


class _Torch:
    """Stands in for torch: a bare parameter starts as a full tensor."""

    @staticmethod
    def full(shape: tuple[int, ...], value: float) -> tuple[Any, ...]:
        return shape, value


class _Layers:
    """Stands in for torch.nn."""

    Module = _Module
    Sequential = _Sequential

    def __getattr__(self, name: str) -> Any:
        return functools.partial(_Layer, name)


def _construct(tree: ast.Module, name: str) -> _Module:
    """Runs the classes of an already checked tree, without its imports and annotations, and builds the network."""
    body: list[ast.stmt] = [node for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            for argument in node.args.args:
                argument.annotation = None
    allowed = {builtin: getattr(builtins, builtin) for builtin in _BUILTINS}
    scope: dict[str, Any] = {
        "nn": _Layers(),
        "torch": _Torch,
        "math": math,
        "partial": functools.partial,
        "__builtins__": allowed,
        "__name__": "generated",
    }
    scope |= {own: functools.partial(_Layer, own) for own in _OWN_CLASSES}
    exec(compile(ast.Module(body, []), "<generated>", "exec"), scope)
    built = scope[name]()
    assert isinstance(built, _Module)
    return built


def _leaves(module: _Module, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, child in module.children.items():
        if isinstance(child, _Module):
            yield from _leaves(child, f"{prefix}{name}.")
        elif child.built != ("Identity", (), {}):
            yield prefix + name, child.built


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
