"""The report as JSON, as `docs/report.schema.json` has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archgen.analysis.cost import Costs
    from archgen.analysis.report import Report


def json_text(report: Report, depth: int | None = None, batch: int = 1, costs: Costs | None = None) -> str:
    """Returns the report as JSON text, rows down to a depth. Shapes are without the batch.

    For a batch of several images, MACs are those of all of them, and a key `batch` says so. costs: for this batch, if wanted.
    """
    values = report.as_json()
    every = values.pop("layers")
    if costs is not None:
        values["memory"] = costs.as_json()
        every = [{**layer, **cost.as_json()} for layer, cost in zip(every, costs.layers)]
    layers = [layer for layer in every if depth is None or layer["depth"] <= depth]
    if batch > 1:
        values = {**values, "batch": batch, "totals": _batched(values["totals"], batch)}
        layers = [_batched(layer, batch) for layer in layers]
    return json_lines(values, layers)


def json_lines(values: dict[str, Any], layers: list[dict[str, Any]], key: str = "layers") -> str:
    """Returns JSON text with a line for each value, and for each layer, which come last; it stands in the logs of CI, too.

    key: what the layers are called, if they are something else.
    """
    import json

    head = [f"  {json.dumps(key)}: {json.dumps(value)},\n" for key, value in values.items()]
    body = ",\n".join("    " + json.dumps(layer) for layer in layers)
    text = "{\n" + "".join(head) + f'  "{key}": [\n' + body + ("\n" if body else "") + "  ]\n}"
    return text.replace("##[", "##\\u005b")  # as `printable` does it


def _batched(counts: dict[str, Any], batch: int) -> dict[str, Any]:
    return {**counts, "macs": counts["macs"] * batch}
