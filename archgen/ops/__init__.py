"""The vocabulary: a file per family, each op one record."""

from archgen.ops import activation, conv, norm, pool, rearrange, regularise
from archgen.ops.base import MAC_CONVENTION, MAC_CONVENTION_WITH_BIAS, Op
from archgen.ops.value import Claim, Shape

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
]
