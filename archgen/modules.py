"""A generated text as a module in torch."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from archgen.diagnostics import EnvironmentFault

if TYPE_CHECKING:
    from torch import nn


def need_torch() -> None:
    """Raises EnvironmentFault without torch."""
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise EnvironmentFault(f"torch can't be imported: {error}", 'install it: pip install "archgen[torch]"') from None


def build(source: str, class_name: str, arguments: dict[str, Any]) -> nn.Module:
    """Runs the text of a generated module and constructs one of its classes. Raises EnvironmentFault without torch."""
    need_torch()
    module = types.ModuleType("generated")
    exec(compile(source.encode(), "<generated>", "exec"), module.__dict__)
    built: nn.Module = module.__dict__[class_name](**arguments)
    return built
