"""A comparison as JSON: tables of keys, from which `docs/comparison.schema.json` is written, too."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from archgen.port.comparison import DTYPES, RUNS
from archgen.port.pairs import NAME, ORDER
from archgen.published import (
    COUNT,
    NUMBER,
    SHAPE,
    TEXT,
    TRUTH,
    ByName,
    Form,
    Key,
    Kind,
    Listed,
    OrNull,
    Shared,
    document,
    version,
)
from archgen.views.json import json_lines

if TYPE_CHECKING:
    from archgen.port.comparison import Comparison
    from archgen.published import Schema


FORMAT_VERSION = 1

MACS = "For one image, half of what torch's FlopCounterMode counts; null where the model does not run."
SIDE = Shared("side", Form(Key("parameters", COUNT), Key("macs", OrNull(COUNT), MACS)))
WEIGHT = Shared("weight", Form(Key("name", TEXT), Key("shape", Listed(COUNT))))
RUN = Form(
    Key("name", Kind(enum=list(RUNS))),
    Key(
        "apart",
        OrNull(NUMBER),
        "How far the two are apart, as a part of the largest number; null where they have different shapes.",
        of=lambda run: run.apart if math.isfinite(run.apart) else None,
    ),
    Key("difference", TEXT, "The difference in words, and which layer to look at; empty where the two are equal."),
)
PAIR = Form(
    Key("spec", OrNull(WEIGHT), "Null where only the model has it.", of="ours"),
    Key("model", OrNull(WEIGHT), "Null where only the spec has it.", of="theirs"),
    Key("paired_by", Kind(enum=[NAME, ORDER, None]), "How the two were found; null where it stands in one alone.", of="by"),
    Key("moved", TRUTH, "Whether it has its name in both, in another place of the order."),
)
COMPARISON = Form(
    version(FORMAT_VERSION),
    Key("name", TEXT, "The class of the spec's module."),
    Key("spec", TEXT, "The spec's file, as it was given."),
    Key("model", TEXT, "The import path of the model, as it was given."),
    Key("input_shape", SHAPE, "Channels, then sizes, of what both ran on."),
    Key("equal", TRUTH, "Whether nothing differs: the module can stand in for the model, checkpoints and optimizers included."),
    Key("totals", Form(Key("spec", SIDE, of="ours"), Key("model", SIDE, of="theirs")), of=lambda comparison: comparison),
    Key("other_macs", TEXT, "The first layer with other MACs, in words; empty where there is none."),
    Key(
        "carried",
        Kind(enum=[NAME, ORDER, None]),
        "How weights were carried over from one side to the other: by their names where these are the same, else by their "
        "order where all shapes agree; null where the shapes differ.",
        of="paired.carried",
    ),
    Key("dtype", Kind(enum=[*DTYPES, ""]), "In which both ran; empty where they did not."),
    Key("tolerance", NUMBER, "How far apart two values may be, as a part of the largest number."),
    Key(
        "runs",
        Listed(RUN),
        "What was compared with equal weights, up to the first difference; empty where `carried` is null, or the model does "
        "not run.",
    ),
    Key("fault", TEXT, "What the model raised when it ran; empty where it ran. The exit code is then 3."),
    Key(
        "names",
        OrNull(ByName(TEXT)),
        "The spec's name for each of the model's weights, with which a checkpoint of the model is loaded; null where `carried` "
        "is null.",
        of="paired.names",
    ),
    Key(
        "weights",
        Listed(PAIR),
        "The entries of both `state_dict`s, each beside the one that it is taken for, in the order of the spec's module.",
        of="paired.pairs",
    ),
)


def schema() -> Schema:
    return document(
        "archgen comparison",
        "What `archgen compare SPEC MODEL --format json` prints: a spec's module beside a model of one's own, for one input.",
        COMPARISON,
    )


def json_text(comparison: Comparison) -> str:
    """Returns a comparison as JSON text."""
    return json_lines(COMPARISON.values(comparison))
