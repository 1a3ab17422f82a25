"""The generated module held against its report, layer by layer, and run for real."""

from __future__ import annotations

import copy
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import nn

from archgen import modules
from archgen.analysis.report import rows
from archgen.diagnostics import EnvironmentFault
from archgen.trace.traced import Role
from archgen.verify import flow
from archgen.verify.measure import Measured, images, measure, outputs, said, size_text
from archgen.verify.result import Check

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.network import Network


def compare(network: Network, source: str, device: str = "cpu", batch: int = 2) -> tuple[Check, ...]:
    """Compares a module's text with the network's report; stops at the first check that fails.

    Raises EnvironmentFault where the memory does not suffice: that says nothing of the module.
    """
    torch.manual_seed(0)
    try:
        module = modules.build(source, network.name, {})
    except ImportError as error:  # of a base class that a project's own templates import
        sentence = f"what the module imports is not installed: {said(error)}"
        raise EnvironmentFault(sentence, "install it beside archgen: `verify` runs alone, and finds nothing else") from None
    except Exception as error:  # whatever a wrong text raises is a finding, not our fault
        _insist_on_memory(error)
        return (Check("the module can be built", 1, said(error)),)
    compared = Compared(network, module, device, batch)
    steps: dict[str, Callable[[], Check]] = {
        NAMES: compared.names,
        PARAMETERS: compared.parameters,
        SHAPES: compared.shapes,
        MACS: compared.macs,
        flow.NAME: compared.flow,
        compared.real_name: compared.real_run,
    }
    done: list[Check] = []
    for name, step in steps.items():
        try:
            done.append(step())
        except Exception as error:  # the same of running it
            _insist_on_memory(error)
            done.append(Check(name, 1, said(error)))
        if done[-1].difference:
            break
    return tuple(done)


def _insist_on_memory(error: Exception) -> None:
    """Raises EnvironmentFault for an error that tells of too little memory; torch's CPU allocator has no class for it."""
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)) or "DefaultCPUAllocator" in str(error):
        raise EnvironmentFault("there is not enough memory to run the module", "try a smaller --batch") from None


NAMES, PARAMETERS = "names, types and order", "parameters and buffers"
SHAPES, MACS = "output shapes and order of layers", "MACs"


class Compared:
    """A module beside the report of its network. Each mode runs once at the spec's own input, whatever is read of it."""

    def __init__(self, network: Network, module: nn.Module, device: str, batch: int) -> None:
        self.network, self.module, self.device, self.batch = network, module.to(device), device, batch
        self.report = network.report()
        self.lines = [row for row in self.report.rows if row.role is Role.LINE]  # some use a parameter of their class
        self.ran = [row for row in self.report.rows if row.role not in (Role.MERGE, Role.LINE)]  # modules, as they run
        self.rows = [row for row in self.ran if not row.again]
        self.leaves = [row for row in self.ran if row.leaf]
        self.real_name = f"forward and backward on {device}"

    @cached_property
    def evaluated(self) -> Measured:
        """A run in evaluation, on one image where the layers allow that."""
        return self.measured(training=False, count=1 if _takes_one_image(self.module) else 2)

    @cached_property
    def trained(self) -> Measured | None:
        """A run in training, where the network does more then."""
        return self.measured(training=True, count=2) if self.network.graph.network.training_results else None

    def measured(self, training: bool, count: int) -> Measured:
        entering = self.entering(count)
        subject = copy.deepcopy(self.module) if training else self.module  # training moves the running statistics
        return measure(subject.train(training), entering, {row.module for row in self.leaves})

    def entering(self, count: int) -> tuple[torch.Tensor, ...]:
        return tuple(one.to(self.device) for one in images(self.network, self.network.spec.input, count))

    def names(self) -> Check:
        """Every row is a module of that name and type, in that order, and every module has a row, but those inside a layer."""
        network = self.network
        registered = rows(network.traced().steps, network.graph)
        expected = [(row.path, row.type) for row in registered if row.role not in (Role.MERGE, Role.LINE) and not row.again]
        known, leaves = dict(expected), tuple(f"{row.path}." for row in self.leaves)
        found = [
            (path, type(child).__name__)
            for path, child in self.module.named_modules()
            if path and (path in known or not (isinstance(child, nn.Identity) or path.startswith(leaves)))
        ]
        for wanted, have in zip(expected, found):
            if wanted != have:
                sentence = f"{wanted[0]}: {wanted[1]} is predicted, but {have[0]} is {have[1]}"
                return Check(NAMES, len(expected), sentence)
        if len(expected) != len(found):
            longer = max(expected, found, key=len)
            extra = longer[min(len(expected), len(found))]
            return Check(NAMES, len(expected), f"{extra[0]}: only one side has it")
        return Check(NAMES, len(expected))

    def parameters(self) -> Check:
        layers = dict(self.module.named_modules())
        count = len(self.rows) + len(self.lines)
        for row in sorted(self.rows, key=lambda row: not row.leaf):
            layer = layers[row.path]
            parameters = sum(parameter.numel() for parameter in layer.parameters())
            buffers = sum(buffer.numel() for buffer in layer.buffers())
            if (parameters, buffers) != (row.parameters, row.buffers):
                sentence = f"{row.path}: {row.parameters:,} parameters and {row.buffers:,} buffers are predicted, "
                return Check(PARAMETERS, count, sentence + f"the layer has {parameters:,} and {buffers:,}")
        own = {path: parameter.numel() for path, parameter in self.module.named_parameters()}
        for row in self.lines:
            have = own.get(row.path, 0)
            if have != row.parameters:
                sentence = f"{row.path}: {row.parameters:,} parameters are predicted, the module has {have:,} there"
                return Check(PARAMETERS, count, sentence)
        total = sum(parameter.numel() for parameter in self.module.parameters())
        difference = "" if total == self.report.totals.parameters else f"the network has {total:,} parameters"
        return Check(PARAMETERS, count + 1, difference)

    def shapes(self) -> Check:
        """Every layer gives the predicted shape, and the layers run in the predicted order, in each mode that has its own."""
        count = 0
        for run in (self.evaluated, self.trained):
            if run is None:
                continue
            expected = [(row.module, row.output_shape) for row in self.leaves if run is self.trained or not row.training]
            count += len(expected)
            for wanted, have in zip(expected, run.layers):
                if wanted != have:
                    sentence = (
                        f"{wanted[0]}: {size_text(wanted[1])} is predicted, but {have[0]} ran and gave {size_text(have[1])}"
                    )
                    return Check(SHAPES, count, sentence)
            if len(run.layers) != len(expected):
                return Check(SHAPES, count, f"{len(expected)} layers are predicted to run, {len(run.layers)} ran")
        return Check(SHAPES, count)

    def macs(self) -> Check:
        """Half of what torch's own counter finds, for each layer."""
        counts = self.evaluated.macs if self.trained is None else {**self.trained.macs, **self.evaluated.macs}
        expected: Counter[str] = Counter()
        loops = {row.module for row in self.ran if row.role in (Role.COLLECT, Role.COPIES)}
        for row in self.ran:
            expected[row.module] += row.macs
        for path, wanted in expected.items():
            have = counts.get(path, 0)
            if path in loops:
                continue  # nobody calls it, so torch counts nothing for it: its blocks have rows of their own
            if wanted != have:
                return Check(MACS, len(self.rows), f"{path}: {wanted:,} are predicted, torch counts {have:,}")
        predicted, total = self.report.totals.macs, self.evaluated.total
        difference = "" if total == predicted else f"{predicted:,} in all, torch counts {total:,}"
        return Check(MACS, len(self.rows) + 1, difference)

    def flow(self) -> Check:
        """On the CPU, where the two ways through the network round alike."""
        found = flow.flow(self.network, self.module.cpu(), self.rows, self.lines)
        self.module.to(self.device)
        return found

    def real_run(self) -> Check:
        """Forward and backward on the device: finite outputs of the predicted shape, a finite gradient for every parameter."""
        name, shapes = self.real_name, self.report.output_shapes
        single = self.evaluated.outputs
        made = outputs(self.module.train()(*self.entering(max(2, self.batch))))
        always = len(self.network.graph.network.results)
        if (len(single), len(made)) != (always, len(shapes)):
            wanted = f"{always} outputs are predicted, while training {len(shapes)}"
            return Check(name, 1, f"{wanted}; there are {len(single)}, while training {len(made)}")
        for number, (output, shape) in enumerate(zip(made, shapes)):
            if tuple(output.shape[1:]) != shape:
                sentence = f"output {number}: {size_text(shape)} is predicted; it is {size_text(tuple(output.shape[1:]))}"
                return Check(name, 1, sentence)
            if not bool(torch.isfinite(output).all()):
                return Check(name, 1, f"output {number} is not finite in training mode")
        if not all(bool(torch.isfinite(output).all()) for output in single):
            return Check(name, 1, "an output in evaluation mode is not finite")
        if not any(True for _ in self.module.parameters()):
            return Check(name, 2)  # nothing to train
        sum(output.float().square().mean() for output in made).backward()  # type: ignore[union-attr]
        count = 0
        for path, parameter in self.module.named_parameters():
            count += 1
            if parameter.grad is None or not bool(torch.isfinite(parameter.grad).all()):
                return Check(name, count, f"{path}: its gradient is {'missing' if parameter.grad is None else 'not finite'}")
        return Check(name, count + 2)


def _takes_one_image(module: nn.Module) -> bool:
    """Batch norm without running statistics takes those of the batch in evaluation too, and one value has none."""
    norms = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    return all(layer.track_running_stats for layer in module.modules() if isinstance(layer, norms))
