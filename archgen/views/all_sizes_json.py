"""`shapes --symbolic` as JSON: tables of keys, from which `docs/symbolic.schema.json` is written, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archgen.analysis import report as reports
from archgen.analysis.findings import findings
from archgen.arithmetic.sizes import text_of
from archgen.ops.value import CALLED
from archgen.published import INTEGER, POSITIVE, TEXT, TRUTH, Form, Key, Kind, Listed, OrNull, Shared, document, version
from archgen.views.json import BUILT_KEY, CONTRACT_KEY, TYPE, json_lines

if TYPE_CHECKING:
    from archgen.analysis.contract import Examined
    from archgen.analysis.findings import Findings
    from archgen.analysis.receptive_field import View
    from archgen.analysis.report import Built, Row
    from archgen.published import Schema


SCHEMA_VERSION = 1


class Printed(NamedTuple):
    """What is known for every size, with layers down to a depth.

    built: what the input means for the network as it is built, if it is not the spec's own.
    """

    examined: Examined
    told: Findings
    name: str
    spec: str
    depth: int | None
    built: Built | None

    @property
    def layers(self) -> list[Line]:
        rows = reports.rows(self.examined.traced.steps)
        seen = self.examined.followed.layers
        return [Line(row, seen.get(row.path)) for row in rows if self.depth is None or row.depth <= self.depth]


class Line(NamedTuple):
    """A row of the report, and what it sees of the input."""

    row: Row
    view: View | None


LINE = Shared("line", POSITIVE, "Of the spec, or of the block's own file.")
AXIS = Shared("axis", Kind(enum=list(CALLED)))
PATH, AT, NEEDS = Key("path", TEXT), Key("line", LINE, of="place.line"), Key("needs", TEXT, "What must hold.", of="formula")

SIDE = Form(
    Key("name", TEXT, of=lambda side: side[0]),
    Key("line", LINE, of=lambda side: side[1].line),
    Key("size", TEXT, of=lambda side: side[2]),
)
BREAK = Form(
    Key("paths", Listed(TEXT), "The layer, and those that meet the same sizes again."),
    AT,
    Key("axis", AXIS),
    NEEDS,
    Key("sizes", TEXT, "Where it does not, as `H mod 4 == 1`.", of="rule"),
    Key("smallest", POSITIVE, "The first of these sizes."),
    Key("sides", Listed(SIDE), "What a merge can't put together: the layer that gave each its size."),
)
BOUND = Form(PATH, AT, Key("axis", AXIS), Key("least", Kind(type="integer", minimum=2)))
JOINT = Form(PATH, AT, NEEDS, Key("sizes", TEXT, "Where it does, as `H and W in 224 to 255`.", of="rule"))
OPEN = Form(
    PATH,
    AT,
    NEEDS,
    Key("checked", INTEGER, "It was tried with all sizes equal, from 1 to this one; 0: not at all."),
    Key("breaks", OrNull(INTEGER), "The first of them at which it does not hold, or null.", of=lambda one: one.breaks or None),
)
LAYER = Form(
    Key("path", TEXT, of="row.path"),
    Key("type", TEXT, TYPE, of="row.type"),
    Key("line", LINE, of="row.line"),
    Key("depth", POSITIVE, "1 for what stands in the network itself.", of="row.depth"),
    Key("leaf", TRUTH, "Whether no other rows are in it.", of="row.leaf"),
    Key(
        "output_shape",
        Listed(Kind(type=["integer", "string"])),
        "Without the batch: numbers, and functions of the input's sizes.",
        of=lambda line: [size if isinstance(size, int) else text_of(size, True) for size in line.row.traced.output.sizes],
    ),
    Key(
        "receptive_field",
        Listed(OrNull(INTEGER)),
        "For each spatial axis, how many positions of the input one position reads; null where that depends "
        "on the input's size.",
        of=lambda line: [field and field.size for field in line.view.fields] if line.view else [],
    ),
)
REPORT = Form(
    version(SCHEMA_VERSION),
    Key("name", TEXT, "The class of the generated module."),
    Key("spec", TEXT, "The spec's file, as it was given."),
    Key("axes", Listed(AXIS), "The names of the input's sizes in the formulas.", of="examined.traced.axes"),
    Key("contract", *CONTRACT_KEY, of="examined.contract"),
    Key("built", *BUILT_KEY, optional=True),
    Key(
        "merges",
        INTEGER,
        "How many there are. One that is named neither in `breaks` nor in `unproved` fits at every size.",
        of=lambda printed: len(printed.told.merges),
    ),
    Key(
        "breaks", Listed(BREAK), "What some inputs do not meet though they are large enough for every layer.", of="told.breaks"
    ),
    Key("bounds", Listed(BOUND), "For each axis, the layer that asks for the largest input.", of="told.bounds"),
    Key("joint", Listed(JOINT), "What is about several axes at once, and solved.", of="told.joint"),
    Key("unproved", Listed(OPEN), "What is beyond proof, or about several axes at once and no product.", of="told.opened"),
    Key("layers", Listed(LAYER), "Each container, then what is in it, in the order in which they run."),
)


def schema() -> Schema:
    return document(
        "archgen symbolic report",
        "What `archgen shapes SPEC --symbolic --format json` prints: sizes as functions of the input's. Formulas are Python "
        "with `floor`.",
        REPORT,
    )


def json_text(found: Examined, name: str, spec: str, depth: int | None = None, built: Built | None = None) -> str:
    """Returns what is known for every size as JSON text, layers down to a depth."""
    return json_lines(REPORT.values(Printed(found, findings(found, ascii_only=True), name, spec, depth, built)))
