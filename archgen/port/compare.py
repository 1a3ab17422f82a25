"""The two sides built, measured and run beside each other, in torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from archgen import modules
from archgen.diagnostics import EnvironmentFault, quote
from archgen.port import found
from archgen.port.comparison import Side
from archgen.port.pairs import Weight, paired
from archgen.port.runs import Both, copied
from archgen.verify.measure import measure, said, size_text

if TYPE_CHECKING:
    from torch import nn

    from archgen.port.pairs import Paired
    from archgen.verify.measure import Measured


def compare(name: str, source: str, target: str, shapes: tuple[tuple[int, ...], ...]) -> dict[str, Any]:
    """Returns what a comparison found, as JSON values, but for the pairs, which follow from the weights of both.

    name, source: of the spec's module. target: the import path of the model. shapes: of what enters.
    Raises EnvironmentFault where there is no model.
    """
    torch.manual_seed(0)
    try:
        ours = modules.build(source, name, {})
    except ImportError as error:  # of a base class that a project's own templates import
        raise EnvironmentFault(f"what the module of the spec imports is not installed: {said(error)}") from None
    model = found.build(target)
    entering = tuple(torch.randn(2, *shape) for shape in shapes)
    own = measure(ours.eval(), copied(entering), ())
    other: Measured | None = None
    runs: dict[str, Any] = {"runs": (), "dtype": "", "tolerance": 0.0}
    raised = ""
    try:
        with found.theirs(f"{quote(target)} raises on an input of {' and '.join(map(size_text, shapes))}"):
            other = measure(model.eval(), copied(entering), ())
    except EnvironmentFault as fault:
        raised = fault.sentence
    with found.theirs(f"the weights of {quote(target)} can't be read"):
        weights = _weights(ours), _weights(model)
    pairs = paired(*weights)
    if other is not None and pairs.carried:
        try:
            runs = Both(ours, model, shapes, pairs).told()
        except EnvironmentFault as fault:
            raised = fault.sentence
    return {
        "weights": weights,
        "spec": Side(_parameters(ours), own.total),
        "model": Side(_parameters(model), None if other is None else other.total),
        "other_macs": "" if other is None else _other_macs(own, other, pairs),
        "raised": raised,
        **runs,
    }


def _weights(module: nn.Module) -> list[Weight]:
    """The tensors of its `state_dict`; a module may keep something else there too."""
    return [Weight(name, tuple(one.shape)) for name, one in module.state_dict().items() if isinstance(one, Tensor)]


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _other_macs(own: Measured, other: Measured, pairs: Paired) -> str:
    """The first layer with other MACs, in words, or ''."""
    for one, theirs in pairs.layers.items():
        have, wanted = other.macs.get(theirs, 0), own.macs.get(one, 0)
        if have != wanted:
            return f"{pairs.layer_text(one)} is the first layer with other MACs: {wanted:,} in the spec, {have:,} in the model"
    return ""
