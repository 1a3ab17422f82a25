"""The flow of data: the module and a second interpreter make the same of the same input, with the same weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from archgen.trace.traced import Role
from archgen.verify.interpreter import Interpreter
from archgen.verify.measure import distance, images, is_constant, outputs, size_text, spread
from archgen.verify.result import Check

if TYPE_CHECKING:
    from archgen.analysis.report import Row
    from archgen.network import Network
    from archgen.ops import Op
    from archgen.trace.traced import Traced

NAME = "the flow of data"
_UNCOMPARED = ("training", "inplace")  # the mode, and what the emitter adds where a value has one reader
_IMAGES = 4  # of two, batch norm over a single position keeps no more than a sign
_ROUNDING = 1e-4  # of the largest number
_SIZES = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)


def flow(network: Network, module: nn.Module, rows: list[Row], lines: list[Row]) -> Check:
    """The layers have the options of the spec, and the outputs equal those of a second interpreter on the same weights.

    In evaluation and in training; layers of chance stay in evaluation, for their options are compared. The weights change.
    rows, lines: of the report, the layers and the ops that are said in `forward`.
    """
    interpreter = Interpreter(network, module, small_input(network))
    difference = _options(module, rows, lines, interpreter)
    if difference:
        return Check(NAME, 1, difference)
    generator = torch.Generator().manual_seed(1)
    spread(module, generator)
    entering = images(network, interpreter.input, _IMAGES, generator)
    modes = (False, True)
    for training in modes:
        module.train(training)
        for row in rows:
            if row.op is not None and row.op.by_chance:
                module.get_submodule(row.path).training = False
        with torch.no_grad():
            expected = interpreter.run(*entering)
            found = outputs(module(*entering))
        for number, (wanted, have) in enumerate(zip(expected, found, strict=True)):
            if not distance(wanted, have) < _ROUNDING:
                where = _first_difference(interpreter, entering)
                sentence = f"{where}: output {number} differs from the steps of the spec, with the same weights"
                return Check(NAME, len(modes), sentence)
    return Check(NAME, len(modes))


def small_input(network: Network) -> tuple[int, ...]:
    """Returns the smallest of some inputs that the module takes with its weights and that still tells every step apart.

    Wherever the spec's own input leaves an axis more than one position there are two at least: on a single one, a pooling or a
    kernel does as good as nothing. No op may follow the size of the input: the module's were built for the spec's own.
    """
    own = network.spec.input
    whole = network.report().rows
    for size in _SIZES:
        shape = (own[0], *(min(size, axis) for axis in own[1:]))
        if shape == own:
            break
        if network.runs(shape) and all(map(_tells_as_much, whole, network.report(shape).rows)):
            return shape
    return own


def _tells_as_much(own: Row, small: Row) -> bool:
    alike = own.op is None or small.op is None or _said(own.op, own) == _said(small.op, small)
    return alike and all(have >= min(wanted, 2) for wanted, have in zip(own.output_shape, small.output_shape))


def _said(op: Op, row: Row) -> tuple[Any, ...]:
    """What an op tells torch."""
    x = row.traced.inputs[0]
    return op.constructor(x), op.text_options(x)


def _options(module: nn.Module, rows: list[Row], lines: list[Row], interpreter: Interpreter) -> str:
    """Names the first layer that was not built with its op's options, or ''.

    Outputs do not see all of them: not a dropout's p, a momentum, or a small change of an eps.
    """
    for row in rows:
        if row.op is None or row.role in (Role.COLLECT, Role.COPIES):
            continue
        layer, wanted = module.get_submodule(row.path), interpreter.layer(row.traced, row.path)
        for name, value in vars(wanted).items():
            have = getattr(layer, name, None)
            if not name.startswith("_") and name not in _UNCOMPARED and _plain(have) != _plain(value):
                return f"{row.path}: {name} is {have}, and {value} in the spec"
        tensors = layer.state_dict()
        for name, tensor in wanted.state_dict().items():
            if tensor.numel() > 1 and is_constant(tensor) and not torch.equal(tensors[name], tensor):
                return f"{row.path}: {name} does not start at {tensor.flatten()[0].item():g}, as in the spec"
    own = dict(module.named_parameters())
    for row in lines:
        bare = row.op.bare(row.traced.inputs[0]) if row.op is not None else None
        start = None if bare is None else torch.full(bare[0], bare[1])  # type: ignore[arg-type]  # on numbers it is one
        if start is not None and not torch.equal(own[row.path], start):
            size = size_text(tuple(start.shape))
            return f"{row.path} does not start as a {size} of {start.flatten()[0].item():g}, as in the spec"
    return ""


def _plain(value: Any) -> Any:
    """One value where all axes have the same: torch keeps a 3 and a (3, 3) as they were given."""
    if isinstance(value, (tuple, list)):
        return value[0] if value and all(item == value[0] for item in value) else tuple(value)
    return value


def _first_difference(interpreter: Interpreter, entering: tuple[Tensor, ...]) -> str:
    """Names the first layer whose output differs between the module and the interpreter."""
    seen: dict[str, list[Tensor]] = {}  # by the module: what it made each time

    def note(path: str, output: Any) -> None:
        if isinstance(output, Tensor):  # what follows may overwrite it
            seen.setdefault(path, []).append(output.clone())

    hooks = [
        layer.register_forward_hook(lambda _, __, output, path=path: note(path, output))
        for path, layer in interpreter.module.named_modules()
        if path
    ]
    with torch.no_grad():
        interpreter.module(*entering)
    for hook in hooks:
        hook.remove()
    wrong: list[str] = []

    class Comparing(Interpreter):
        def met(self, step: Traced, made: Any, path: str, module: str) -> None:
            have = seen[module].pop(0) if seen.get(module) else None
            if have is not None and (have.shape != made.shape or not torch.allclose(have, made, 1e-3, 1e-4)):
                wrong.append(path)

    with torch.no_grad():
        Comparing(interpreter.of, interpreter.module, interpreter.input).run(*entering)
    return wrong[0] if wrong else "the outputs"
