"""Every key, section and kind of the language."""

from __future__ import annotations

import re
from collections import ChainMap
from typing import TYPE_CHECKING, Any

from archgen.ops import MERGES, OPS, PARTS, Op

if TYPE_CHECKING:
    from archgen.syntax.trees import Mapping, Scalar, Tree

# What is composed of other nodes or values: these two, and behind them what makes one value of several, or several of one.
COMPOSITIONS: ChainMap[str, Any] = ChainMap(
    MERGES,
    PARTS,
    {
        "sequence": "Nodes in order, as one module: a list, or named.",
        "use": "An earlier layer again, with the same weights: `{use: head, from: p4}`.",
        "residual": "Layers whose result is added to what enters, or to what `shortcut` makes of it.",
    },
)
WITH_OPTIONS: ChainMap[str, type[Op]] = ChainMap(OPS, PARTS, MERGES)  # type: ignore[arg-type]  # whose options are an op's
TYPES = ("int", "float", "bool", "op")
WORDS = ("depth", "first", "collect", "when", "else", "from")  # of any node, so no argument of a block can be called so
DEPTH_NAMES = frozenset({"index", "block_index", "block_count"})
BLOCK = re.compile(r"[A-Z]\w*", re.ASCII)

SECTIONS = ("stem", "stages", "head")  # the layers of a network, in the order in which they run
SPEC_KEYS = (
    "name", "description", "extends", "input", "args", "let", "defaults", *SECTIONS, "outputs", "training_outputs", "register",
    "assert", "blocks",
)  # fmt: skip
# What `assert` may name: the report's totals, the contract, and the costs of one image in float32.
TOTALS = frozenset({"parameters", "buffers", "macs"})
CONTRACT = frozenset({"min_size", "reduction", "receptive_field"})
COSTS = frozenset({"activations", "inference_memory", "training_memory"})
BLOCK_KEYS = ("description", "paper", "inputs", "args", "let", "layers", "outputs", "register")


def is_kind(text: str) -> bool:
    """Tells whether a key of a node is its kind: an op, a composition or a block. Ops are snake_case, blocks CapWords."""
    return text in OPS or text in COMPOSITIONS or BLOCK.fullmatch(text) is not None


def kinds_of(node: Mapping) -> list[tuple[Scalar, Tree]]:
    """The keys of a node that are its kind: one, if it is right. `split` beside another is an option of that.

    What has the name of an op beside a block is an argument of the block.
    """
    found = [(key, value) for key, value in node.entries if is_kind(key.text)]
    if blocks := [(key, value) for key, value in found if BLOCK.fullmatch(key.text)]:
        return blocks
    return found if len(found) < 2 else [(key, value) for key, value in found if key.text != "split"]
