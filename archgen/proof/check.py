"""The proof that every build holds its own output to.

The text is parsed from its bytes, and must have the syntax that templates may produce (`syntax`). Then the module runs with
recorders in place of torch: every layer that is built must have the arguments that the trace on numbers predicts, and `forward`
must make the same values of the same values, in the same order, as the steps of the trace (`layers`). That no layer in place
overwrites what is still wanted is read from the classes (`overwrites`). Last, free texts of the spec may change the docstrings
alone (`texts`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen.ops import own_classes, own_functions
from archgen.proof import overwrites
from archgen.proof.layers import check_flow, check_layers
from archgen.proof.parsed import ProofError, parsed
from archgen.proof.recorder import construct
from archgen.proof.syntax import check_shape, without_own_texts

if TYPE_CHECKING:
    from archgen.graph.model import Graph
    from archgen.trace.traced import TracedBody


def check(text: str, graph: Graph, numbers: TracedBody) -> None:
    """Raises ProofError unless the text has the allowed shape and builds exactly the layers of the trace."""
    tree = without_own_texts(parsed(text))
    check_shape(tree)
    module = construct(tree, graph.network.name, own_classes(), own_functions())
    check_layers(module, graph, numbers.steps)
    check_flow(module, graph, numbers)
    try:
        overwrites.check(tree)
    except overwrites.OverwriteError as error:
        raise ProofError(str(error)) from None
