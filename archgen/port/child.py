"""The process in which the module of a spec and the user's model run: it reads one order and prints one answer."""

from __future__ import annotations

import io
import os
import sys
import traceback
from typing import Any

from archgen import modules
from archgen.diagnostics import EnvironmentFault
from archgen.verify import process


def main() -> None:
    process.answer(_answer)


def _answer(order: dict[str, Any]) -> dict[str, Any]:
    network, source = process.ordered(order)
    modules.need_torch()
    from archgen.port.compare import compare

    sys.stdin = io.StringIO()  # a model that asks for something is told that nothing comes
    sys.path.insert(0, os.getcwd())  # only now: nothing in it takes the place of what archgen imports
    try:
        shapes = network.graph.shapes(tuple(order["shape"]))
        return compare(network.name, source, order["model"], shapes)
    except EnvironmentFault:
        raise
    except Exception as error:  # what the user's code raises has become a fault
        last = traceback.extract_tb(error.__traceback__)[-1]
        return {"bug": f"{type(error).__name__} at {os.path.basename(last.filename)}:{last.lineno}: {error}"}
