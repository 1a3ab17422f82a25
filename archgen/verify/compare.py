"""The generated module held against its report, layer by layer, and run for real."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from archgen import modules
from archgen.diagnostics import EnvironmentFault
from archgen.verify.interpreter import Interpreter, fresh
from archgen.verify.result import Check

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.analysis.report import Row
    from archgen.network import Network
    from archgen.trace.traced import Traced

_RANDOM = ("Dropout", "AlphaDropout", "FeatureAlphaDropout", "StochasticDepth")  # while training, their output is chance
_UNCOMPARED = ("training", "inplace")  # the mode, and what the emitter adds where a value has one reader


def compare(network: Network, source: str, device: str = "cpu", batch: int = 2) -> tuple[Check, ...]:
    """Compares a module's text with the network's report; stops at the first check that fails.

    Raises EnvironmentFault where the memory does not suffice: that says nothing of the module.
    """
    torch.manual_seed(0)
    try:
        module = modules.build(source, network.name, {})
    except Exception as error:  # whatever a wrong text raises is a finding, not our fault
        _insist_on_memory(error)
        return (Check("the module can be built", 1, _said(error)),)
    steps: dict[str, Callable[[], Check]] = {
        "names, types and order": lambda: _names(network, module),
        "parameters and buffers": lambda: _parameters(network, module),
        "output shapes and order of layers": lambda: _shapes(network, module),
        "MACs": lambda: _macs(network, source),
        "the flow of data": lambda: _flow(network, module, batch),
        f"forward and backward on {device}": lambda: _real_run(network, module, device, batch),
    }
    done: list[Check] = []
    for name, step in steps.items():
        try:
            done.append(step())
        except Exception as error:  # the same of running it
            _insist_on_memory(error)
            done.append(Check(name, 1, _said(error)))
        if done[-1].difference:
            break
    return tuple(done)


def _insist_on_memory(error: Exception) -> None:
    """Raises EnvironmentFault for an error that tells of too little memory; torch's CPU allocator has no class for it."""
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)) or "DefaultCPUAllocator" in str(error):
        raise EnvironmentFault("there is not enough memory to run the module", "try a smaller --batch") from None


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


def _layer_rows(network: Network) -> list[Row]:
    """The rows that are modules: merges and the like are lines of `forward`."""
    return [row for row in network.report().rows if row.role not in ("merge", "line")]


def _lines(network: Network) -> list[Row]:
    """The ops that are lines of `forward`; some use a parameter of their class."""
    return [row for row in network.report().rows if row.role == "line"]


def _names(network: Network, module: nn.Module) -> Check:
    """Every row is a module of that name and type, in that order, and every module has a row."""
    expected = [(row.path, row.type) for row in _layer_rows(network)]
    rows = dict(expected)
    found = [
        (path, type(child).__name__)
        for path, child in module.named_modules()
        if path and (path in rows or not isinstance(child, nn.Identity))
    ]
    for wanted, have in zip(expected, found):
        if wanted != have:
            return Check(
                "names, types and order", len(expected), f"{wanted[0]}: {wanted[1]} is predicted, but {have[0]} is {have[1]}"
            )
    if len(expected) != len(found):
        extra = (expected + found)[min(len(expected), len(found))] if len(expected) > len(found) else found[len(expected)]
        return Check("names, types and order", len(expected), f"{extra[0]}: only one side has it")
    return Check("names, types and order", len(expected))


def _parameters(network: Network, module: nn.Module) -> Check:
    layers = dict(module.named_modules())
    rows = _layer_rows(network)
    for row in sorted(rows, key=lambda row: not row.leaf):
        layer = layers[row.path]
        parameters = sum(parameter.numel() for parameter in layer.parameters())
        buffers = sum(buffer.numel() for buffer in layer.buffers())
        if (parameters, buffers) != (row.parameters, row.buffers):
            sentence = f"{row.path}: {row.parameters:,} parameters and {row.buffers:,} buffers are predicted, "
            return Check("parameters and buffers", len(rows), sentence + f"the layer has {parameters:,} and {buffers:,}")
    own = {path: parameter.numel() for path, parameter in module.named_parameters()}
    for row in _lines(network):
        rows.append(row)
        if own.get(row.path, 0) != row.parameters:
            sentence = f"{row.path}: {row.parameters:,} parameters are predicted, the module has {own.get(row.path, 0):,} there"
            return Check("parameters and buffers", len(rows), sentence)
    total = sum(parameter.numel() for parameter in module.parameters())
    difference = "" if total == network.report().totals.parameters else f"the network has {total:,} parameters"
    return Check("parameters and buffers", len(rows) + 1, difference)


def _shapes(network: Network, module: nn.Module) -> Check:
    """Every layer gives the predicted shape, and the layers run in the predicted order, in each mode that has its own."""
    name, count = "output shapes and order of layers", 0
    leaves = [row for row in _layer_rows(network) if row.leaf]
    for training in _modes(network):
        expected = [(row.path, row.output_shape) for row in leaves if training or not row.training]
        subject = copy.deepcopy(module) if training else module  # training moves the running statistics
        ran = _ran(network, subject.train(training), {path for path, _ in expected})
        count += len(expected)
        for wanted, have in zip(expected, ran):
            if wanted != have:
                sentence = f"{wanted[0]}: {_size(wanted[1])} is predicted, but {have[0]} ran and gave {_size(have[1])}"
                return Check(name, count, sentence)
        if len(ran) != len(expected):
            return Check(name, count, f"{len(expected)} layers are predicted to run, {len(ran)} ran")
    return Check(name, count)


def _modes(network: Network) -> tuple[bool, ...]:
    """Evaluation; training too, where the network does more then."""
    return (False, True) if network.graph.network.training_results else (False,)


def _ran(network: Network, module: nn.Module, leaves: set[str]) -> list[tuple[str, tuple[int, ...]]]:
    """Runs the module once, and returns which of its layers ran, in order, and the shapes that they gave."""
    ran: list[tuple[str, tuple[int, ...]]] = []
    hooks = []
    for path, layer in module.named_modules():
        if path in leaves:

            def note(_: nn.Module, __: Any, output: Tensor, path: str = path) -> None:
                ran.append((path, tuple(output.shape[1:])))

            hooks.append(layer.register_forward_hook(note))
    with torch.no_grad():
        module(torch.zeros(2, *network.spec.input))  # batch norm needs two while training
    for hook in hooks:
        hook.remove()
    return ran


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _macs(network: Network, source: str) -> Check:
    """Half of what torch's own counter finds, for each layer, on the meta device."""
    rows = _layer_rows(network)
    counts, total = _counted(network, source, training=False)
    if True in _modes(network):
        counts = {**_counted(network, source, training=True)[0], **counts}
    for row in rows:
        if row.macs != counts.get(row.path, 0):
            return Check("MACs", len(rows), f"{row.path}: {row.macs:,} are predicted, torch counts {counts.get(row.path, 0):,}")
    predicted = network.report().totals.macs
    difference = "" if total == predicted else f"{predicted:,} in all, torch counts {total:,}"
    return Check("MACs", len(rows) + 1, difference)


def _counted(network: Network, source: str, training: bool) -> tuple[dict[str, int], int]:
    """Returns the MACs of each layer that ran, and of all, for one image."""
    batch = 2  # batch norm needs two while training
    with torch.device("meta"):
        module = modules.build(source, network.name, {}).train(training)
        x = torch.empty(batch, *network.spec.input)
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        module(x)
    found = counter.get_flop_counts().items()
    counts = {path.partition(".")[2]: sum(flops.values()) // 2 // batch for path, flops in found if "." in path}
    return counts, counter.get_total_flops() // 2 // batch


def _flow(network: Network, module: nn.Module, batch: int) -> Check:
    """The layers have the options of the spec, and the outputs equal those of a second interpreter on the same weights.

    In evaluation and in training; layers of chance stay in evaluation, for their options are compared.
    """
    difference = _options(network, module)
    if difference:
        return Check("the flow of data", 1, difference)
    generator = torch.Generator().manual_seed(1)
    for name, tensor in module.state_dict().items():
        if name.endswith("running_var"):
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
        elif tensor.is_floating_point() and (tensor.dim() < 2 or _constant(tensor)):  # a scale of 1e-6 would hide its branch
            tensor.add_(torch.randn(tensor.shape, generator=generator) * 0.1)
    x = torch.randn(max(2, batch), *network.spec.input, generator=generator)
    modes = (False, True)
    for training in modes:
        module.train(training)
        for layer in module.modules():
            if type(layer).__name__.startswith(_RANDOM):
                layer.eval()
        with torch.no_grad():
            expected = Interpreter(network, module).run(x)
            found = _outputs(module(x))
        for number, (wanted, have) in enumerate(zip(expected, found, strict=True)):
            if not _alike(wanted, have):
                where = _first_difference(network, module, x)
                sentence = f"{where}: output {number} differs from the steps of the spec, with the same weights"
                return Check("the flow of data", len(modes), sentence)
    return Check("the flow of data", len(modes))


def _options(network: Network, module: nn.Module) -> str:
    """Names the first layer that was not built with its op's options, or ''.

    Outputs do not see all of them: not a dropout's p, a momentum, or a small change of an eps.
    """
    for row in _layer_rows(network):
        if row.op is None:
            continue
        layer, wanted = module.get_submodule(row.path), fresh(row.traced)
        for name, value in vars(wanted).items():
            have = getattr(layer, name, None)
            if not name.startswith("_") and name not in _UNCOMPARED and _plain(have) != _plain(value):
                return f"{row.path}: {name} is {have}, and {value} in the spec"
        tensors = layer.state_dict()
        for name, tensor in wanted.state_dict().items():
            if tensor.numel() > 1 and _constant(tensor) and not torch.equal(tensors[name], tensor):
                return f"{row.path}: {name} does not start at {tensor.flatten()[0].item():g}, as in the spec"
    own = dict(module.named_parameters())
    for row in _lines(network):
        bare = row.op.bare(row.traced.inputs[0]) if row.op is not None else None
        start = None if bare is None else torch.full(bare[0], bare[1])  # type: ignore[arg-type]  # on numbers it is one
        if start is not None and not torch.equal(own[row.path], start):
            return (
                f"{row.path} does not start as a {_size(tuple(start.shape))} of {start.flatten()[0].item():g}, as in the spec"
            )
    return ""


def _plain(value: Any) -> Any:
    """One value where all axes have the same: torch keeps a 3 and a (3, 3) as they were given."""
    if isinstance(value, (tuple, list)):
        return value[0] if value and all(item == value[0] for item in value) else tuple(value)
    return value


def _constant(tensor: Tensor) -> bool:
    return bool(tensor.min() == tensor.max())


def _first_difference(network: Network, module: nn.Module, x: Tensor) -> str:
    """Names the first layer whose output differs between the module and the interpreter."""
    seen: dict[str, Tensor] = {}
    hooks = [
        layer.register_forward_hook(lambda _, __, output, path=path: seen.__setitem__(path, output.clone()))
        for path, layer in module.named_modules()
        if path
    ]
    with torch.no_grad():
        module(x)
    for hook in hooks:
        hook.remove()
    wrong: list[str] = []

    class Comparing(Interpreter):
        def met(self, step: Traced, made: Any, path: str) -> None:
            have = seen.get(path)
            if have is not None and (have.shape != made.shape or not torch.allclose(have, made, 1e-3, 1e-4)):
                wrong.append(path)

    with torch.no_grad():
        Comparing(network, module).run(x)
    return wrong[0] if wrong else "the outputs"


def _takes_one_image(module: nn.Module) -> bool:
    """Batch norm without running statistics takes those of the batch in evaluation too, and one value has none."""
    norms = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    return all(layer.track_running_stats for layer in module.modules() if isinstance(layer, norms))


def _alike(wanted: Tensor, have: Tensor) -> bool:
    """Whether two values are the same up to rounding; what is not finite is so in both."""
    finite = torch.isfinite(wanted)
    if wanted.shape != have.shape or not torch.equal(finite, torch.isfinite(have)):
        return False
    if not finite.any():
        return True
    wanted, have = wanted[finite], have[finite]
    return bool((wanted - have).abs().max() / wanted.abs().max().clamp_min(1e-6) < 1e-4)


def _outputs(result: Any) -> tuple[Tensor, ...]:
    return (result,) if isinstance(result, Tensor) else tuple(result)


def _real_run(network: Network, module: nn.Module, device: str, batch: int) -> Check:
    """Forward and backward on the device: finite outputs of the predicted shape, a finite gradient for every parameter."""
    name = f"forward and backward on {device}"
    shapes = network.report().output_shapes
    module.to(device)
    x = torch.randn(max(2, batch), *network.spec.input, device=device)
    module.eval()
    with torch.no_grad():
        single = _outputs(module(x[: 1 if _takes_one_image(module) else 2]))
    module.train()
    outputs = _outputs(module(x))
    always = len(network.graph.network.results)
    if (len(single), len(outputs)) != (always, len(shapes)):
        wanted = f"{always} outputs are predicted, while training {len(shapes)}"
        return Check(name, 1, f"{wanted}; there are {len(single)}, while training {len(outputs)}")
    for number, (output, shape) in enumerate(zip(outputs, shapes)):
        if tuple(output.shape[1:]) != shape:
            return Check(name, 1, f"output {number}: {_size(shape)} is predicted; it is {_size(tuple(output.shape[1:]))}")
        if not bool(torch.isfinite(output).all()):
            return Check(name, 1, f"output {number} is not finite in training mode")
    if not all(bool(torch.isfinite(output).all()) for output in single):
        return Check(name, 1, "an output in evaluation mode is not finite")
    if not any(True for _ in module.parameters()):
        return Check(name, 2)  # nothing to train
    sum(output.float().square().mean() for output in outputs).backward()  # type: ignore[union-attr]
    count = 0
    for path, parameter in module.named_parameters():
        count += 1
        if parameter.grad is None or not bool(torch.isfinite(parameter.grad).all()):
            return Check(name, count, f"{path}: its gradient is {'missing' if parameter.grad is None else 'not finite'}")
    return Check(name, count + 2)
