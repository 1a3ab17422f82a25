"""The proof that no layer in place overwrites a tensor that is still wanted, for every argument of the module and in each mode.

It reads the classes of a generated module without running them. A value of `forward` may lie in several storages: what a layer
hands on, or may hand on, lies in that of its input. A layer with `inplace` overwrites the storages of its input. So these are
refused: to read a value behind that, to overwrite what entered the class, and to overwrite what a backward pass needs as it is.

What it knows of torch is what the ops say: which of them make a new tensor (`fresh`), and which can work in place (`inplace`).
Every other call may hand on its input and keep its output, and every call may keep its input.
"""

from __future__ import annotations

import ast
import functools
from collections import ChainMap
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from archgen.ops import OPS, said_in_forward, torch_text
from archgen.proof.recorder import parts

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping

    from archgen.ops import Op
    from archgen.records import Record


class OverwriteError(Exception):
    """A layer in place would overwrite a tensor that is still wanted."""


class Layer(NamedTuple):
    """What a call may do. fresh: its result is a new tensor that nobody keeps."""

    fresh: bool = False
    inplace: bool = False


Value: TypeAlias = "dict[int, int]"  # the storages that it may lie in, and how often each was overwritten when it was made
ENTERING = 0
KEPT = 1  # stands for all that are kept and not overwritten yet: to overwrite one of them is refused, whichever it is
UNKNOWN = Layer()
MOST_STORAGES = 16  # of one value, as after so many sums that an argument may leave out


def check(tree: ast.Module) -> None:
    """Raises OverwriteError unless no call in the classes of a module overwrites what is still wanted."""
    checked = _Module()
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            checked.add(node)
    for part in parts(tree):
        if isinstance(part, ast.keyword) and part.arg == "inplace" and part not in checked.seen:
            raise OverwriteError(f"line {part.value.lineno}: `inplace` stands where no layer is built")


class _Run:
    """The storages while some calls are made one after the other."""

    def __init__(self) -> None:
        self.overwritten: list[int] = [0, 0]  # of each storage how often, by its number
        self.kept: set[int] = {KEPT}  # those that a backward pass may need as they are

    def new(self) -> Value:
        self.overwritten.append(0)
        return {len(self.overwritten) - 1: 0}

    def read(self, value: Value, line: int) -> Value:
        if any(self.overwritten[storage] != count for storage, count in value.items()):
            raise OverwriteError(f"line {line}: a value is read that a layer in place has overwritten")
        return value

    def call(self, layer: Layer, value: Value, line: int) -> Value:
        self.read(value, line)
        if layer.inplace:
            return self.overwrite(value, line)
        self.kept |= value.keys()
        return self.new() if layer.fresh else {KEPT: 0}

    def overwrite(self, value: Value, line: int) -> Value:
        if ENTERING in value:
            raise OverwriteError(f"line {line}: a layer in place overwrites what entered, which is another's")
        if self.kept & value.keys():
            raise OverwriteError(f"line {line}: a layer in place overwrites what the backward pass may need")
        for storage in value:
            self.overwritten[storage] += 1
        self.kept |= value.keys()
        return {KEPT: 0}

    def either(self, left: Value, right: Value) -> Value:
        """A value that is one or the other: it was overwritten if one of them was.

        What may lie in many storages is not to be overwritten at all, so that no value has more than those.
        """
        both = {key: min(left.get(key, right.get(key, 0)), right.get(key, left.get(key, 0))) for key in {**left, **right}}
        if len(both) > MOST_STORAGES:
            self.kept |= both.keys()
        wanted = {key for key, count in both.items() if key in self.kept and self.overwritten[key] == count}
        return {**{key: both[key] for key in both if key not in wanted}, **({KEPT: 0} if wanted else {})}

    def through(self, layers: Iterable[tuple[Layer, bool, int]], value: Value) -> Value:
        """Calls layers in order; each comes with whether it may be missing, and its line."""
        for layer, optional, line in layers:
            made = self.call(layer, value, line)
            missing = optional and not layer.inplace  # in place, the result lies where its input did
            value = self.either(value, made) if missing else made
        return value

    def summary(self, value: Value) -> Layer:
        """What a call of all this does, by its result."""
        return Layer(fresh=ENTERING not in value and not self.kept & value.keys())


class _Module:
    """What the classes of a module do, each after those that it calls."""

    def __init__(self) -> None:
        self.classes: dict[str, Layer] = {}
        self.seen: set[ast.keyword] = set()  # the `inplace` that a layer was built with

    def add(self, node: ast.ClassDef) -> None:
        methods = {member.name: member for member in node.body if isinstance(member, ast.FunctionDef)}
        layers = _Layers(self)
        layers.block(methods["__init__"].body)
        forward = methods["forward"]
        entering = [argument.arg for argument in forward.args.args[1:]]
        self.classes[node.name] = _Forward(layers.attributes, entering).result(forward.body)


class _Layers:
    """The attributes of a class that are layers, as its `__init__` builds them."""

    def __init__(self, module: _Module) -> None:
        self.module = module
        self.attributes: dict[str, Layer] = {}
        self.lists: dict[str, list[tuple[Layer, bool, int]]] = {}  # variables to which layers are added

    def block(self, statements: list[ast.stmt]) -> None:
        """Runs statements. What is added to a list may be missing, unless the list was made beside it, under the same `if`."""
        made: set[str] = set()
        for statement in statements:
            if isinstance(statement, ast.If):
                self.block(statement.body)
                self.block(statement.orelse)
            elif isinstance(statement, ast.Assign):
                self.assign(statement.targets[0], statement.value, made)
            elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
                self.assign(statement.target, statement.value, made)
            elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
                self.append(statement.value, made)

    def assign(self, target: ast.expr, value: ast.expr, made: set[str]) -> None:
        if isinstance(target, ast.Attribute):
            layer = self.layer(value)
            other = self.attributes.setdefault(target.attr, layer)
            if other != layer:  # one under an `if`, the other under its `else`
                self.attributes[target.attr] = _one_of(other, layer)
        elif isinstance(target, ast.Name) and (isinstance(value, ast.List) or _is_sequential(value)):
            self.lists[target.id] = []
            made.add(target.id)

    def append(self, call: ast.Call, made: set[str]) -> None:
        """`layers.append(...)`, or `layers.add_module("name", ...)`."""
        method = call.func
        if isinstance(method, ast.Attribute) and isinstance(method.value, ast.Name) and method.value.id in self.lists:
            name = method.value.id
            self.lists[name].append((self.layer(call.args[-1]), name not in made, call.lineno))

    def layer(self, built: ast.expr) -> Layer:
        """What a call of this object does; of one that is no layer nobody asks."""
        if isinstance(built, ast.Name) and built.id in self.lists:
            return self.sequence(self.lists[built.id])
        if not isinstance(built, ast.Call):
            return UNKNOWN
        if _is_sequential(built):
            return self.sequence([child for item in built.args for child in self.children(item)])
        if ast.unparse(built.func) == "nn.ModuleList":  # `forward` calls each of them
            items = [one.value if isinstance(one, ast.Starred) else one for one in _items(built.args[0])]
            inside = [one.elt if isinstance(one, ast.ListComp) else one for one in items]
            return functools.reduce(_one_of, map(self.layer, inside))
        if isinstance(built.func, ast.Attribute):
            return self.op(_op_of(built.func.attr), built)
        name = ast.unparse(built.func)
        return self.module.classes.get(name) or self.op(_op_of(name), built)

    def op(self, op: type[Op] | None, built: ast.Call) -> Layer:
        if op is None:
            return UNKNOWN
        given = next((keyword for keyword in built.keywords if keyword.arg == "inplace"), None)
        if given is None:
            if op.inplace and len(built.args) > len(op.fields):
                raise OverwriteError(f"line {built.lineno}: {op.__name__} takes `inplace` by its name alone")
            return Layer(fresh=op.fresh)
        if not (op.inplace and isinstance(given.value, ast.Constant) and given.value.value is True):
            raise OverwriteError(f"line {built.lineno}: {op.__name__} is not built with `inplace=True`")
        self.module.seen.add(given)
        return Layer(inplace=True)

    def children(self, item: ast.expr) -> list[tuple[Layer, bool, int]]:
        """The children that an argument of `nn.Sequential` stands for; those that a loop makes are two, to meet each other."""
        if not isinstance(item, ast.Starred):
            return [(self.layer(item), False, item.lineno)]
        if isinstance(item.value, ast.ListComp):
            return [(self.layer(item.value.elt), True, item.lineno)] * 2
        return self.lists.get(ast.unparse(item.value), [(UNKNOWN, True, item.lineno)])

    def sequence(self, children: list[tuple[Layer, bool, int]]) -> Layer:
        run = _Run()
        return run.summary(run.through(children, {ENTERING: 0}))


class _Forward:
    """Follows the values through a class's `forward`. What stands under an `if` may run or not."""

    def __init__(self, layers: dict[str, Layer], entering: list[str]) -> None:
        self.layers, self.run = layers, _Run()
        self.values: ChainMap[str, Value] = ChainMap({name: {ENTERING: 0} for name in entering})
        self.returned: Value = {}

    def result(self, statements: list[ast.stmt]) -> Layer:
        self.block(statements)
        return self.run.summary(self.returned)

    def block(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            if isinstance(statement, ast.If):
                self.both(statement)
            elif isinstance(statement, ast.Assign):
                self.assign(statement.targets[0], self.value(statement.value))
            elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
                self.assign(statement.target, self.value(statement.value))
            elif isinstance(statement, ast.For):
                self.loop(statement)
            elif isinstance(statement, ast.Return) and statement.value is not None:
                self.returned = self.run.either(self.returned, self.value(statement.value))

    def copied(self, node: ast.ListComp) -> Value:
        """Equal modules on one value: `[block(x) for block in self.m]`; two of them, to meet each other."""
        (loop,), call = node.generators, node.elt
        called = loop.iter.attr if isinstance(loop.iter, ast.Attribute) else ""
        if not isinstance(call, ast.Call) or ast.unparse(call.func) != ast.unparse(loop.target) or called not in self.layers:
            raise OverwriteError(f"line {node.lineno}: a list of something else than what equal modules give")
        given = self.joined([self.value(argument) for argument in call.args], node.lineno)
        return self.joined([self.run.call(self.layers[called], given, node.lineno) for _ in range(2)], node.lineno)

    def taken_in(self, statement: ast.For, listed: str) -> None:
        """The values of a list one after the other: `for value in values[1:]: x = x + value`."""
        for _ in range(2):
            self.values[ast.unparse(statement.target)] = self.values[listed]
            self.block(statement.body)

    def loop(self, statement: ast.For) -> None:
        """Blocks in order, each on what the last one made: `for block in self.m: values.append(block(values[-1]))`."""
        called, body = statement.iter, "; ".join(map(ast.unparse, statement.body))
        if isinstance(called, ast.Subscript) and isinstance(called.value, ast.Name) and called.value.id in self.values:
            self.taken_in(statement, called.value.id)
            return
        names = [node.id for node in parts(statement) if isinstance(node, ast.Name) and node.id in self.values]
        if not (names and isinstance(called, ast.Attribute)):
            raise OverwriteError(f"line {statement.lineno}: a loop over something else than blocks")
        wanted = f"{names[0]}.append({ast.unparse(statement.target)}({names[0]}[-1]))"
        if body != wanted or statement.orelse or called.attr not in self.layers:
            raise OverwriteError(f"line {statement.lineno}: a loop that does something else than to collect values")
        listed = self.values[names[0]]
        self.values[names[0]] = listed | self.run.call(self.layers[called.attr], listed, statement.lineno)
        self.run.kept |= listed.keys()

    def both(self, statement: ast.If) -> None:
        """Runs the two ways of an `if` from the same variables, and joins these."""
        ways = self.way(statement.body), self.way(statement.orelse)
        for name in {**ways[0], **ways[1]}:
            found = [way.get(name, self.values.get(name)) for way in ways]
            self.values[name] = functools.reduce(self.run.either, [value for value in found if value is not None])

    def way(self, statements: list[ast.stmt]) -> MutableMapping[str, Value]:
        """The variables that some statements set, which are not set then: the statements may not run."""
        self.values = self.values.new_child()
        self.block(statements)
        changed, self.values = self.values.maps[0], self.values.parents
        return changed

    def assign(self, target: ast.expr, value: Value) -> None:
        for name in target.elts if isinstance(target, ast.Tuple) else (target,):
            self.values[ast.unparse(name)] = value

    def value(self, node: ast.expr) -> Value:
        """The value of an expression, its parts in the order in which Python runs them."""
        if isinstance(node, ast.Name):
            return self.run.read(self.values[node.id], node.lineno)
        if isinstance(node, ast.Constant) and node.value is None:
            return {}  # a head that is not there yet
        if isinstance(node, (ast.Tuple, ast.List)):  # what is returned, or collected: each is read when all are made
            return self.joined([self.value(item) for item in node.elts], node.lineno)
        if isinstance(node, ast.ListComp):
            return self.copied(node)
        if isinstance(node, ast.BinOp):
            return self.merged(node)
        if isinstance(node, ast.Subscript):
            return self.made("Index", "", [self.value(node.value)], node.lineno)
        if isinstance(node, ast.Call) and isinstance(node.func, (ast.Attribute, ast.Name)):
            return self.called(node, node.func)
        raise OverwriteError(f"line {node.lineno}: {ast.unparse(node)} is no value of `forward`")

    def called(self, node: ast.Call, function: ast.Attribute | ast.Name) -> Value:
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "self":
            taken = self.joined([self.value(argument) for argument in node.args], node.lineno)
            return self.run.call(self.layers[function.attr], taken, node.lineno)
        name = ast.unparse(function)
        if _said("Function", name):  # its values stand alone or in a list, before its options
            listed = [one for given in node.args for one in (given.elts if isinstance(given, ast.List) else [given])]
            values = [one for one in listed if isinstance(one, (ast.Name, ast.Call, ast.BinOp, ast.Subscript))]
            return self.made("Function", name, [self.value(one) for one in values], node.lineno)
        if isinstance(function, ast.Name):
            raise OverwriteError(f"line {node.lineno}: no op is said so")
        of_parameter = isinstance(function.value, ast.Attribute)  # which is no value: the method takes one
        of = node.args if of_parameter else [function.value]
        return self.made("Method", function.attr, [self.value(one) for one in of], node.lineno)

    def made(self, kind: str, name: str, values: list[Value], line: int) -> Value:
        """What an op that is said in `forward` makes: a tensor of its own, or one that lies where its first input does.

        So may a part of what is said for an op.
        """
        both, ops, is_part = self.joined(values, line), _said(kind, name), _is_part(kind, name)
        if not (ops or is_part):
            raise OverwriteError(f"line {line}: no op is said so")
        self.keep(ops, both)
        made = self.run.new() if not is_part and all(op.fresh for op in ops) else values[0]
        if any("output" in op.keeps for op in ops):
            self.run.kept |= made.keys()
        return made

    def keep(self, ops: list[type[Op]], values: Value) -> None:
        """Keeps what the backward pass of one of these ops may need of what it takes."""
        if any(set(op.keeps) - {"output"} for op in ops):
            self.run.kept |= values.keys()

    def merged(self, node: ast.BinOp) -> Value:
        """Values with an operator between them. A parameter of the class, and a number, are no values."""
        rights, left = [], node
        while isinstance(left.left, ast.BinOp):  # a sum of a thousand is not gone into a thousand deep
            rights.append(left)
            left = left.left
        made = self.value(left.left)
        for one in (left, *reversed(rights)):
            right = {} if isinstance(one.right, (ast.Attribute, ast.Constant, ast.UnaryOp)) else self.value(one.right)
            both = self.joined([made, right], one.lineno)
            self.keep(_said("Operator", _SIGNS[type(one.op)]), both)
            made = self.run.new()
        return made

    def joined(self, values: list[Value], line: int) -> Value:
        """Values that are read together, when the last of them is made."""
        together: Value = {}
        for value in values:
            together |= self.run.read(value, line)
        return together


def _one_of(left: Layer, right: Layer) -> Layer:
    """What one of two layers does, nobody knows which: what overwrites its input must not be called where the other is none."""
    return Layer(fresh=left.fresh and right.fresh, inplace=left.inplace or right.inplace)


_SIGNS = {type(ast.parse(f"a {sign} b").body[0].value.op): sign for sign in torch_text.OPERATORS}  # type: ignore[attr-defined]


@functools.cache
def _said(kind: str, name: str) -> list[type[Op]]:
    """The ops that are said in `forward` by such an operator, function or method, or by an index."""
    return [op for op in said_in_forward() if op.line is not None and _is(op.line, kind, name)]


@functools.cache
def _is_part(kind: str, name: str) -> bool:
    """Whether a part of a line is said so."""
    lines = [op.line for op in said_in_forward() if op.line is not None]
    return any(_is(part, kind, name) for line in lines for part in torch_text.parts(line) if part is not line)


def _is(part: Record, kind: str, name: str) -> bool:
    return type(part).__name__ == kind and name == getattr(part, "sign" if kind == "Operator" else "name", "")


def _items(listed: ast.expr) -> list[ast.expr]:
    return listed.elts if isinstance(listed, ast.List) else [listed]


def _is_sequential(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "nn.Sequential"


@functools.cache
def _op_of(name: str) -> type[Op] | None:
    """The op that a class of torch.nn stands for, or that brings the class."""
    return next((op for op in OPS.values() if name in {op.__name__, *(op.class_name(rank) for rank in range(4))}), None)
