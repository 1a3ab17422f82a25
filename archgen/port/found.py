"""The user's own model, imported and built. What its code raises is told in its words, and where in it, as a fault."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import traceback
from typing import TYPE_CHECKING, Any

from torch import nn

from archgen.diagnostics import EnvironmentFault, quote, suggest
from archgen.verify.measure import said

if TYPE_CHECKING:
    from collections.abc import Iterator


def build(target: str) -> nn.Module:
    """Returns the model at an import path `package.module:name`: a class, a function without arguments, or the model itself.

    Raises EnvironmentFault where there is none.
    """
    found = _named(target)
    if isinstance(found, nn.Module):
        return found
    if not callable(found):
        raise EnvironmentFault(f"{quote(target)} is {_kind(found)}", _WANTED)
    if needed := _needed(found):
        plural = "s" if len(needed) > 1 else ""
        sentence = f"{quote(target)} needs the argument{plural} {', '.join(map(quote, needed))}, and is called without any"
        raise EnvironmentFault(sentence, "name a function that calls it with them: `def build(): return Net(...)`")
    with theirs(f"{quote(target)} raises when it is called"):
        built = found()
    if not isinstance(built, nn.Module):
        raise EnvironmentFault(f"{quote(target)} returns {_kind(built)}", _WANTED)
    return built


_WANTED = "name a class of `nn.Module`, or a function that returns one and takes no arguments"


def _named(target: str) -> Any:
    module, _, path = target.partition(":")
    with theirs(f"importing {quote(module)} raises"):
        try:
            found: Any = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or f"{module}.".startswith(f"{error.name}.") is False:
                raise
            help = "it is looked for in the current folder, then where Python looks: in PYTHONPATH, and what is installed"
            raise EnvironmentFault(f"there is no module {quote(error.name)}", help) from None
    for name in path.split("."):
        if not hasattr(found, name):
            known = [known for known in dir(found) if callable(getattr(found, known, None)) and not known.startswith("_")]
            raise EnvironmentFault(f"{quote(module)} has no {quote(name)}", suggest(name, known, "names"))
        found = getattr(found, name)
    return found


def _needed(found: Any) -> list[str]:
    """The arguments that a call has to give."""
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):  # what is written in C may have none
        return []
    free = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [one.name for one in parameters if one.default is one.empty and one.kind not in free]


def _kind(found: Any) -> str:
    return "nothing" if found is None else f"a {type(found).__name__}, no model"


@contextlib.contextmanager
def theirs(doing: str) -> Iterator[None]:
    """Turns what the user's code raises into a fault: what was being done, and its own words."""
    try:
        yield
    except (Exception, SystemExit) as error:
        if isinstance(error, EnvironmentFault):
            raise
        raise EnvironmentFault(f"{doing}: {said(error)}{_where(error)}") from None


def _where(error: BaseException) -> str:
    """The innermost line of a file in the current folder, which is most likely the user's."""
    here = os.path.join(os.getcwd(), "")
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(here)]
    return f" ({os.path.relpath(frames[-1].filename)}, line {frames[-1].lineno})" if frames else ""
