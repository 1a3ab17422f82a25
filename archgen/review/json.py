"""A review as JSON: tables of keys, from which `docs/diff.schema.json` is written, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archgen.published import (
    COUNT,
    SHAPE,
    TEXT,
    TRUTH,
    ByName,
    Form,
    Key,
    Kind,
    Listed,
    OrNull,
    document,
    version,
)
from archgen.review.changes import KINDS
from archgen.views.json import json_lines

if TYPE_CHECKING:
    from archgen.published import Schema
    from archgen.review.align import Pair
    from archgen.review.project import Review

SCHEMA_VERSION = 1

DIFFERENCE = Form(
    Key("name", TEXT, "An option, `type`, or `takes`: the values that it reads."),
    Key("old", TEXT, "As a spec would say it."),
    Key("new", TEXT),
)
CHANGE = Form(
    Key(
        "kind",
        Kind(enum=list(KINDS)),
        "What was done to these layers; one that was moved or renamed may have differences, too.",
    ),
    Key("type", TEXT, "The class, as `Conv2d`; of a merge its kind, as `add`."),
    Key("paths", Listed(TEXT), "In the new module; in the old one where they were removed."),
    Key("old_paths", Listed(TEXT), "In the old module; empty where they were added.", of="olds"),
    Key("differences", Listed(DIFFERENCE)),
    Key("file", TEXT, "Where it is written: in the new spec, or a block's own file; in the old one where it was removed."),
    Key("line", COUNT),
)
FIGURES = Form(
    Key("path", TEXT),
    Key("type", TEXT, of="step.type"),
    Key("input_shape", SHAPE, "Of a merge: of its first input.", of=lambda node: node.step.inputs[0].sizes),
    Key("output_shape", SHAPE, of="step.output.sizes"),
    Key("parameters", COUNT, of="step.parameters"),
    Key("macs", COUNT, "For one image.", of="step.macs"),
)
LAYER = Form(
    Key("old", OrNull(FIGURES), "Null where it was added."),
    Key("new", OrNull(FIGURES), "Null where it was removed."),
    Key("moved", TRUTH, "Whether it stands elsewhere among its neighbours."),
)
ENTRY = Form(Key("name", TEXT), Key("shape", Listed(COUNT)))
BOTH = Form(
    Key("old", TEXT, "Its name in the old module."),
    Key("new", TEXT, "Its name in the new one."),
    Key("old_shape", Listed(COUNT), of="shape"),
    Key("new_shape", Listed(COUNT), of="other"),
)
WEIGHTS = Form(
    Key("loads", TRUTH, "Whether an old `state_dict` loads as it is, strictly, each entry into the layer that it belongs to."),
    Key("loads_renamed", TRUTH, "Whether it does so once its entries are renamed by `names`."),
    Key("kept", COUNT, "How many entries have their name and shape."),
    Key("names", ByName(TEXT), "The new name of each entry that has another one."),
    Key("reshaped", Listed(BOTH)),
    Key("removed", Listed(ENTRY)),
    Key("added", Listed(ENTRY)),
    Key("swapped", Listed(BOTH), "Those that load by name and shape, but into another layer."),
    Key("reordered", TRUTH, "Whether parameters come in another order, by which the state of an optimizer is counted."),
)
INTERFACE = Form(
    Key("differences", Listed(DIFFERENCE), "Of the class, its arguments, what it takes and what it gives."),
    Key(
        "lost_input", OrNull(SHAPE), "An input that the old module takes and the new one does not, if one is known.", of="lost"
    ),
)
TOTAL = Form(
    Key("name", TEXT), Key("old", COUNT), Key("new", COUNT), Key("unit", TEXT, "`B` for bytes; else a number of things.")
)
DIFF = Form(
    Key("old", TEXT, "The old spec: its file, or `REVISION:PATH`."),
    Key("new", TEXT),
    Key("equal", TRUTH, "Whether nothing differs."),
    Key("changes", Listed(CHANGE), "What was done to layers, each once for all calls of a block."),
    Key("weights", WEIGHTS, "What of an old checkpoint the new module loads."),
    Key("interface", INTERFACE, "What callers of the module meet."),
    Key(
        "same_in_evaluation",
        TRUTH,
        "Whether it is the same function of the same weights; false: not shown.",
        of=lambda diff: diff.same[0],
    ),
    Key("same_in_training", TRUTH, of=lambda diff: diff.same[1]),
    Key("alike", TRUTH, "Whether the two specs say the same for other values of their arguments, too."),
    Key("totals", Listed(TOTAL), "For one image of each spec's own input."),
    Key("layers", Listed(LAYER), "Every layer, merge and container, and what it became.", of=lambda diff: _all(diff.pairs)),
)
REVIEW = Form(
    version(SCHEMA_VERSION),
    Key("equal", TRUTH, "Whether nothing differs anywhere. The exit code is then 0, and otherwise 1."),
    Key("added", Listed(TEXT), "Specs that the revision does not have."),
    Key("removed", Listed(TEXT), "Specs that it alone has."),
    Key("unchanged", COUNT, "How many specs are as they were."),
    Key("diffs", Listed(DIFF), "Of each spec that changed."),
)


def _all(pairs: tuple[Pair, ...]) -> list[Pair]:
    return [one for pair in pairs for one in pair.walk()]


def schema() -> Schema:
    return document("archgen diff", "What `archgen diff ... --format json` prints.", REVIEW)


def values(review: Review) -> dict[str, Any]:
    return REVIEW.values(review)


def text(review: Review) -> str:
    """Returns a review as JSON text."""
    return json_lines(REVIEW.values(review))
