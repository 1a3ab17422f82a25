"""The vocabulary: a file per family, each op one record."""

from typing import cast

from archgen.ops import (
    activation,
    attention,
    conv,
    like,
    merge,
    norm,
    number,
    parts,
    pool,
    product,
    rearrange,
    reduce,
    regularise,
    resize,
    window,
)
from archgen.ops.base import MAC_CONVENTION, MAC_CONVENTION_WITH_BIAS, Op
from archgen.ops.like import LikeOp
from archgen.ops.merge import MergeOp
from archgen.ops.parts import PartsOp
from archgen.ops.torch_text import Function
from archgen.ops.value import Constraint, Shape

OPS = Op.registry
MERGES = cast("dict[str, type[MergeOp]]", MergeOp.registry)
LIKE = cast("dict[str, type[LikeOp]]", LikeOp.registry)  # by the ops of one value that they are like
PARTS = cast("dict[str, type[PartsOp]]", PartsOp.registry)


def own_classes() -> dict[str, type[Op]]:
    """The ops that torch has no class for, so that the module brings it, by the names of these classes."""
    return {op.__name__: op for op in OPS.values() if op.module_source}


def own_functions() -> dict[str, str]:
    """The functions that the module brings for a line of `forward`, by their names."""
    return {
        op.line.name: op.function_source for op in said_in_forward() if isinstance(op.line, Function) and op.function_source
    }


def said_in_forward() -> tuple[type[Op], ...]:
    """The ops that may be a line of `forward`."""
    every: tuple[type[Op], ...] = (*OPS.values(), *MERGES.values(), *PARTS.values(), *LIKE.values())
    return tuple(op for op in every if op.line is not None)


__all__ = [
    "LIKE",
    "MAC_CONVENTION",
    "MAC_CONVENTION_WITH_BIAS",
    "MERGES",
    "OPS",
    "PARTS",
    "Constraint",
    "LikeOp",
    "MergeOp",
    "Op",
    "PartsOp",
    "Shape",
    "activation",
    "attention",
    "conv",
    "like",
    "merge",
    "norm",
    "number",
    "own_classes",
    "own_functions",
    "parts",
    "pool",
    "product",
    "rearrange",
    "reduce",
    "regularise",
    "resize",
    "said_in_forward",
    "window",
]
