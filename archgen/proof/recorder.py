"""Stand-ins for torch and torch.nn, with which a generated module runs here: they record what it builds, and what it does.

A layer knows its arguments. A value of `forward` knows how it was made: two are the same if and only if they come from the same
layers, sums and the like, in the same order, from the same input.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import functools
import math
from typing import TYPE_CHECKING, Any

from archgen.ops.torch_text import OPERATORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


BUILTINS = ("super", "range", "max", "min", "int", "round", "float", "bool", "list", "tuple", "ValueError", "__build_class__")


class Flow:
    """The values that were made, by how each was made, and the calls of layers in order: where, and with which value."""

    def __init__(self) -> None:
        self.made: dict[tuple[Any, ...], int] = {}
        self.calls: list[tuple[str, int]] = []

    def value(self, *how: Any) -> Value:
        return Value(self, self.made.setdefault(how, len(self.made)))

    def call(self, path: str, x: Value) -> Value:
        self.calls.append((path, x.number))
        return self.value("call", path, x.number)


class Value:
    """A tensor of `forward`, without its numbers."""

    __slots__ = ("flow", "number")

    def __init__(self, flow: Flow, number: int) -> None:
        self.flow, self.number = flow, number

    def __getitem__(self, at: Any) -> Value:
        return self.flow.value("[]", self.number, repr(_plain(at)))

    @property
    def shape(self) -> Sizes:
        return Sizes(self)

    def __getattr__(self, method: str) -> Callable[..., Value]:
        """Any method: which may be called is for the syntax to say."""
        if method.startswith("_"):
            raise AttributeError(method)
        return functools.partial(_made, self.flow, f".{method}", self)

    def chunk(self, count: int, dim: int) -> tuple[Value, ...]:
        """The one method that makes several values."""
        return tuple(_made(self.flow, f"chunk {part}", self, count, dim=dim) for part in range(count))


class Sizes:
    """The sizes of a value, of which the last are asked."""

    def __init__(self, value: Value) -> None:
        self.value = value

    def __getitem__(self, at: Any) -> Value:
        return self.value.flow.value("shape", self.value.number, repr(at))


def _plain(at: Any) -> Any:
    """An index, without the ends and the step that a slice has of itself: an attribute may say them."""
    if isinstance(at, tuple):
        return tuple(map(_plain, at))
    return slice(at.start or None, at.stop, None if at.step == 1 else at.step) if isinstance(at, slice) else at


def _made(flow: Flow, how: str, *arguments: Any, **named: Any) -> Value:
    """The value that a call makes of others, of parameters and of numbers."""
    return flow.value(how, *map(_told, arguments), *((name, _told(value)) for name, value in sorted(named.items())))


def _told(argument: Any) -> Any:
    if isinstance(argument, Value):
        return "value", argument.number
    if isinstance(argument, Layer):
        return "layer", argument.path
    return tuple(map(_told, argument)) if isinstance(argument, (list, tuple)) else repr(argument)


def _operator(sign: str) -> Callable[[Value, Any], Value]:
    return lambda left, right: _made(left.flow, sign, left, right)


for _sign, _function in OPERATORS.items():
    setattr(Value, f"__{_function.__name__}__", _operator(_sign))


class Module:
    """Stands in for torch.nn.Module: it keeps its children in order."""

    children: dict[str, Any]

    def __init__(self) -> None:
        self.__dict__["children"] = {}
        self.__dict__["training"] = False

    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(value, (Module, Layer)):
            self.children[name] = value
        self.__dict__[name] = value

    def __call__(self, *values: Value) -> Any:
        return self.forward(*values)

    def forward(self, *values: Value) -> Any:
        raise NotImplementedError

    def add_module(self, name: str, value: object) -> None:
        setattr(self, name, value)

    def train(self, mode: bool) -> None:
        self.__dict__["training"] = mode
        for child in self.children.values():
            if isinstance(child, Module):
                child.train(mode)


class Sequential(Module):
    def __init__(self, *children: object) -> None:
        super().__init__()
        for number, child in enumerate(children):
            setattr(self, str(number), child)

    def forward(self, *values: Value) -> Any:
        (x,) = values
        for child in self.children.values():
            x = child(x)
        return x


class ModuleList(Module):
    def __init__(self, children: Iterable[object]) -> None:
        super().__init__()
        for number, child in enumerate(children):
            setattr(self, str(number), child)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.children.values())


class Layer:
    """A layer of torch.nn that was built: its class and arguments, less `inplace`, which `overwrites` looks at."""

    path = ""  # from the network; set when all is built

    def __init__(self, name: str, *arguments: Any, **named: Any) -> None:
        named.pop("inplace", None)
        self.built = (name, arguments, named)

    def __call__(self, x: Value) -> Value:
        return x if self.built[0] == "Identity" else x.flow.call(self.path, x)

    def __getattr__(self, method: str) -> Callable[..., Value]:
        """Any method of a bare parameter, which takes a value: which may be called is for the syntax to say."""
        if method.startswith("_"):
            raise AttributeError(method)
        return lambda x: _made(x.flow, f".{method}", self, x)


class Function:
    """Any function of tensors, or a module of them, by its name with dots: which may be called is for the syntax to say."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, name: str) -> Function:
        return Function(f"{self.name}.{name}")

    def __call__(self, *arguments: Any, **named: Any) -> Value:
        first = arguments[0][0] if isinstance(arguments[0], list) else arguments[0]
        return _made(first.flow, self.name, *arguments, **named)


class _Torch(Function):
    """Stands in for torch."""

    @staticmethod
    def full(shape: tuple[int, ...], value: float) -> tuple[Any, ...]:
        """A bare parameter starts as a full tensor."""
        return shape, value

    @staticmethod
    def split(x: Value, sizes: list[int], dim: int) -> tuple[Value, ...]:
        """The one function that makes several values."""
        return tuple(_made(x.flow, f"split {part}", x, sizes, dim=dim) for part in range(len(sizes)))

    @staticmethod
    def zeros(*shape: int) -> tuple[Any, ...]:
        """Or as one of zeros."""
        return shape, 0.0


MODULES = {"torch": _Torch("torch"), "F": Function("F")}


def function(name: str) -> Any:
    """The stand-in for a function, by its name with dots; one without is brought by an op."""
    module, *path = name.split(".")
    if not path:
        return Function(name)
    return functools.reduce(getattr, path, MODULES[module])


class _Layers:
    """Stands in for torch.nn."""

    Module = Module
    Sequential = Sequential
    ModuleList = ModuleList

    def __getattr__(self, name: str) -> Any:
        return functools.partial(Layer, name)


def construct(tree: ast.Module, name: str, own_classes: Iterable[str], own_functions: Iterable[str]) -> Module:
    """Runs the classes of an already checked tree, without its imports and annotations, and builds the network.

    own_classes, own_functions: those that ops bring with them, which are layers and functions here.
    """
    body: list[ast.stmt] = [node for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))]
    scope: dict[str, Any] = {
        "nn": _Layers(),
        **MODULES,
        "math": math,
        "partial": functools.partial,
        "__builtins__": {builtin: getattr(builtins, builtin) for builtin in BUILTINS},
        "__name__": "generated",
    }
    scope |= {own: functools.partial(Layer, own) for own in own_classes}
    scope |= {own: Function(own) for own in own_functions}
    exec(
        compile(ast.Module(body, []), "<generated>", "exec", __future__.annotations.compiler_flag), scope
    )  # these stay unread text
    built = scope[name]()
    assert isinstance(built, Module)
    return built


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """The helper of a module, and the methods of its classes."""
    for node in tree.body:
        for member in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(member, ast.FunctionDef):
                yield member


def parts(tree: ast.AST, without: frozenset[ast.AST] = frozenset()) -> list[ast.AST]:
    """All nodes of a tree, in some order, as `ast.walk` gives them in a third of the time. without: nodes to pass by."""
    found = [tree]
    for node in found:
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, list):
                found += [one for one in value if isinstance(one, ast.AST) and one not in without]
            elif isinstance(value, ast.AST):
                found.append(value)
    return found


def leaves(module: Module, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """The layers of a module in order, each by its path, and tells each its own."""
    for name, child in module.children.items():
        if isinstance(child, Module):
            yield from leaves(child, f"{prefix}{name}.")
        elif child.built[0] != "Identity":  # one that stands for a norm is given the channels
            child.path = prefix + name
            yield child.path, child
