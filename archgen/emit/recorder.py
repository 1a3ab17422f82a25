"""Stand-ins for torch and torch.nn, with which a generated module runs here: they record what it builds, and what it does.

A layer knows its arguments. A value of `forward` knows how it was made: two are the same if and only if they come from the same
layers, sums and the like, in the same order, from the same input. It also knows the memory that it lies in, so that nothing can
be overwritten in place that is still wanted.
"""

from __future__ import annotations

import ast
import builtins
import functools
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BUILTINS = ("super", "range", "max", "min", "int", "round", "float", "bool", "list", "tuple", "ValueError", "__build_class__")


class Overwritten(Exception):
    """A value is overwritten that somebody still reads, or that the backward pass needs."""


class Storage:
    """The memory of a value, of the views of it, and of what overwrites it in place.

    version: how often it was overwritten. kept: the version that some layer's backward pass needs, -1 if none does.
    """

    __slots__ = ("kept", "of_the_caller", "version")

    def __init__(self, of_the_caller: bool = False) -> None:
        self.version, self.kept, self.of_the_caller = 0, -1, of_the_caller

    def overwrite(self, path: str) -> None:
        if self.of_the_caller:
            raise Overwritten(f"{path} overwrites what the caller gave")
        if self.kept == self.version:
            raise Overwritten(f"{path} overwrites a value that the backward pass needs")
        self.version += 1


class Flow:
    """The values that were made, by how each was made, and the calls of layers in order: where, and with which value."""

    def __init__(self) -> None:
        self.made: dict[tuple[Any, ...], int] = {}
        self.calls: list[tuple[str, int]] = []

    def entering(self) -> Value:
        """What the network is called with."""
        return Value(self, self.number("input"), Storage(of_the_caller=True))

    def number(self, *how: Any) -> int:
        return self.made.setdefault(how, len(self.made))

    def value(self, *how: Any) -> Value:
        """A new tensor."""
        return Value(self, self.number(*how), Storage())

    def view(self, x: Value, *how: Any) -> Value:
        """A value in the memory of another."""
        return Value(self, self.number(*how), x.storage)

    def call(self, path: str, x: Value, layer: Layer | None = None) -> Value:
        self.calls.append((path, x.read()))
        how = "call", path, x.number
        if layer is None:
            return self.value(*how)
        if layer.inplace:
            x.storage.overwrite(path)
        elif "input" in layer.keeps:
            x.keep()
        made = self.view(x, *how) if layer.inplace or layer.shares else self.value(*how)
        if "output" in layer.keeps:
            made.keep()
        return made


class Value:
    """A tensor of `forward`, without its numbers. version: that of its memory when it was made."""

    __slots__ = ("flow", "number", "storage", "version")

    def __init__(self, flow: Flow, number: int, storage: Storage) -> None:
        self.flow, self.number, self.storage, self.version = flow, number, storage, storage.version

    def read(self) -> int:
        """Returns the value's number. Raises Overwritten where its memory holds another value by now."""
        if self.version != self.storage.version:
            raise Overwritten("a value is read after it was overwritten")
        return self.number

    def keep(self) -> None:
        """Notes that a backward pass needs the value."""
        self.storage.kept = self.version

    def _with(self, sign: str, other: Value | Layer) -> Value:
        if sign == "multiply":  # the gradient of each factor is made of the other
            self.keep()
            if isinstance(other, Value):
                other.keep()
        return self.flow.value(sign, self.read(), other.read() if isinstance(other, Value) else other.path)

    def __add__(self, other: Value | Layer) -> Value:
        return self._with("add", other)

    def __sub__(self, other: Value | Layer) -> Value:
        return self._with("subtract", other)

    def __mul__(self, other: Value | Layer) -> Value:
        return self._with("multiply", other)

    def chunk(self, count: int, dim: int) -> tuple[Value, ...]:
        return tuple(self.flow.view(self, "chunk", self.read(), count, dim, part) for part in range(count))

    def permute(self, *axes: int) -> Value:
        return self.flow.view(self, "permute", self.read(), *axes)


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

    def __call__(self, x: Value) -> Any:
        return self.forward(x)

    def forward(self, x: Value) -> Any:
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

    def forward(self, x: Value) -> Any:
        for child in self.children.values():
            x = child(x)
        return x


class Layer:
    """A layer of torch.nn that was built: its class and arguments, less `inplace`, which is the emitter's own.

    path: from the network. keeps: which of `input` and `output` its backward pass needs. shares: whether its result may lie in
    the memory of its input. All three are set when everything is built.
    """

    path = ""
    keeps: tuple[str, ...] = ()
    shares = False

    def __init__(self, name: str, *arguments: Any, **named: Any) -> None:
        self.inplace = bool(named.pop("inplace", False))
        self.built = (name, arguments, named)

    def __call__(self, x: Value) -> Value:
        return x if self.built[0] == "Identity" else x.flow.call(self.path, x, self)


class _Torch:
    """Stands in for torch."""

    @staticmethod
    def full(shape: tuple[int, ...], value: float) -> tuple[Any, ...]:
        """A bare parameter starts as a full tensor."""
        return shape, value

    @staticmethod
    def cat(values: list[Value], dim: int) -> Value:
        return concat(values, dim)


class _Layers:
    """Stands in for torch.nn."""

    Module = Module
    Sequential = Sequential

    def __getattr__(self, name: str) -> Any:
        return functools.partial(Layer, name)


def concat(values: list[Value], dim: int) -> Value:
    return values[0].flow.value("concat", dim, *(value.read() for value in values)) if len(values) > 1 else values[0]


def construct(tree: ast.Module, name: str, own_classes: Iterable[str]) -> Module:
    """Runs the classes of an already checked tree, without its imports and annotations, and builds the network.

    own_classes: those that ops bring with them, which are layers here.
    """
    body: list[ast.stmt] = [node for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))]
    for function in functions(tree):
        function.returns = None
        for argument in function.args.args:
            argument.annotation = None
    scope: dict[str, Any] = {
        "nn": _Layers(),
        "torch": _Torch,
        "math": math,
        "partial": functools.partial,
        "__builtins__": {builtin: getattr(builtins, builtin) for builtin in BUILTINS},
        "__name__": "generated",
    }
    scope |= {own: functools.partial(Layer, own) for own in own_classes}
    exec(compile(ast.Module(body, []), "<generated>", "exec"), scope)
    built = scope[name]()
    assert isinstance(built, Module)
    return built


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """The helper of a module, and the methods of its classes."""
    for node in tree.body:
        for member in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(member, ast.FunctionDef):
                yield member


def leaves(module: Module, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """The layers of a module in order, each by its path, and tells each its own."""
    for name, child in module.children.items():
        if isinstance(child, Module):
            yield from leaves(child, f"{prefix}{name}.")
        elif child.built != ("Identity", (), {}):
            child.path = prefix + name
            yield child.path, child
