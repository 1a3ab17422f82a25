"""Every key, section and kind of the language."""

from __future__ import annotations

import re
from collections import ChainMap
from typing import Any

from archgen.ops import MERGES, OPS

# What is composed of other nodes: these two, and behind them the merges.
COMPOSITIONS: ChainMap[str, Any] = ChainMap(
    MERGES,
    {
        "sequence": "Nodes in order, as one module: a list, or named.",
        "residual": "Layers whose result is added to what enters, or to what `shortcut` makes of it.",
    },
)
TYPES = ("int", "float", "bool", "op")
WORDS = ("depth", "first", "when", "from", "shortcut", "split")
DEPTH_NAMES = frozenset({"index", "block_index", "block_count"})
BLOCK = re.compile(r"[A-Z]\w*", re.ASCII)

SECTIONS = ("stem", "stages", "head")  # the layers of a network, in the order in which they run
SPEC_KEYS = (
    "name", "description", "extends", "input", "args", "let", "defaults", *SECTIONS, "outputs", "training_outputs", "assert",
    "blocks",
)  # fmt: skip
# What `assert` may name: the report's totals, the contract, and the costs of one image in float32.
TOTALS = frozenset({"parameters", "buffers", "macs"})
CONTRACT = frozenset({"min_size", "reduction", "receptive_field"})
COSTS = frozenset({"activations", "inference_memory", "training_memory"})
BLOCK_KEYS = ("description", "paper", "args", "let", "layers")


def is_kind(text: str) -> bool:
    """Tells whether a key of a node is its kind: an op, a composition or a block. Ops are snake_case, blocks CapWords."""
    return text in OPS or text in COMPOSITIONS or BLOCK.fullmatch(text) is not None
