"""The vocabulary: a file per family, each op one record."""

from archgen.ops import activation, conv, norm, pool, rearrange, regularise, shape
from archgen.ops.base import MAC_CONVENTION, MAC_CONVENTION_WITH_BIAS, Claim, Op, Shape

OPS = Op.registry

__all__ = [
    "MAC_CONVENTION",
    "MAC_CONVENTION_WITH_BIAS",
    "OPS",
    "Claim",
    "Op",
    "Shape",
    "activation",
    "conv",
    "norm",
    "pool",
    "rearrange",
    "regularise",
    "shape",
]
