"""A network as one page of HTML: its numbers, its pictures, and plots over depth. It has no scripts and needs no other file."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archgen.views import svg
from archgen.views.columns import shape_text
from archgen.views.costs import CONVENTION, mib
from archgen.views.markup import comment, escaped

if TYPE_CHECKING:
    from archgen.analysis.cost import Costs
    from archgen.analysis.report import Report
    from archgen.views.drawing import Drawing


WIDTH, HEIGHT, FOOT = 960.0, 150.0, 18.0
LETTER = 6.0  # pixels of a character below a plot
STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em; color: #222; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: 0.1em 1.5em 0.1em 0; font-weight: normal; }
td { font-variant-numeric: tabular-nums; }
h2 { font-size: 1.1em; margin: 1.5em 0 0.3em; }
svg { max-width: 100%; height: auto; }
.note { color: #555; max-width: 50em; }"""


class Plot(NamedTuple):
    """A number of each layer, in the order in which they run. marks: where a layer of the network begins, and its name."""

    title: str
    bars: tuple[tuple[str, int], ...]
    marks: tuple[tuple[int, str], ...]


def page(report: Report, costs: Costs, drawn: tuple[Drawing, ...], description: str, head: str) -> str:
    """Returns the page. head: says where it comes from."""
    facts = [
        ("input", shape_text(report.input_shape)),
        ("output", " and ".join(map(shape_text, report.output_shapes))),
        ("parameters", f"{report.totals.parameters:,}"),
        ("MACs", f"{report.totals.macs:,}"),
        ("activations", f"{costs.activations:,} elements of convolutions and linear layers"),
        ("inference peak", f"{mib(costs.inference.size)} at {costs.inference.path}"),
        ("training peak", f"{mib(costs.training.size)} at {costs.training.path}"),
        ("spec", report.spec),
    ]
    lines = [
        comment(head),
        "<!DOCTYPE html>",
        '<html lang="en">',
        '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>{escaped(report.name)}</title>",
        f"<style>\n{STYLE}\n</style></head>",
        "<body>",
        f"<h1>{escaped(report.name)}</h1>",
        f"<p>{escaped(description)}</p>",
        "<table>",
        *(f"<tr><th>{escaped(name)}</th><td>{escaped(value)}</td></tr>" for name, value in facts),
        "</table>",
        "<h2>The network, and its blocks</h2>",
        svg.element(drawn, report.name, description).rstrip(),
        *(line for plot in plots(costs) for line in (f"<h2>{escaped(plot.title)}</h2>", _chart(plot))),
        f'<p class="note">Each bar is a layer, in the order in which they run; point at one for its name. For one image in '
        f"{escaped(costs.dtype)}. {escaped(report.mac_convention[:1].upper() + report.mac_convention[1:])}. "
        f"{escaped(CONVENTION)}</p>",
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def plots(costs: Costs) -> tuple[Plot, ...]:
    leaves = [layer for layer in costs.layers if layer.row.leaf]
    marks, count = [], 0
    for layer in costs.layers:
        if layer.row.depth == 1:
            marks.append((count, layer.row.path))
        count += layer.row.leaf

    def plot(title: str, numbers: list[int]) -> Plot:
        return Plot(title, tuple(zip([layer.row.path for layer in leaves], numbers)), tuple(marks))

    return (
        plot("Parameters", [layer.row.parameters for layer in leaves]),
        plot("MACs", [layer.row.macs for layer in leaves]),
        plot("Activations: bytes that a layer makes new", [layer.activation for layer in leaves]),
        plot("Memory in evaluation: bytes that are live while a layer runs", [layer.live for layer in leaves]),
        plot("Memory in training: bytes that a layer keeps for the backward pass", [layer.kept for layer in leaves]),
    )


def _chart(plot: Plot) -> str:
    """The bars, with the largest number beside the top, and the names of the network's own layers where there is room."""
    most = max([number for _, number in plot.bars], default=0)
    step = WIDTH / max(len(plot.bars), 1)
    bar = max(step - 1, step * 0.8)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {HEIGHT + FOOT:.0f}" width="{WIDTH:.0f}" '
        f'height="{HEIGHT + FOOT:.0f}" font-family="Helvetica, Arial, DejaVu Sans, sans-serif" font-size="10" role="img">',
        f"<title>{escaped(plot.title)}</title>",
        f'<path d="M0 {HEIGHT:.0f}H{WIDTH:.0f}" stroke="#999999"/>',
    ]
    for number, (path, value) in enumerate(plot.bars):
        height = value / most * (HEIGHT - 14) if most else 0
        lines.append(
            f'<rect x="{number * step:.2f}" y="{HEIGHT - height:.2f}" width="{bar:.2f}" height="{height:.2f}" fill="#4a7fb5">'
            f"<title>{escaped(path)}: {value:,}</title></rect>"
        )
    lines.append(f'<text x="2" y="10" fill="#555555">the largest: {most:,}</text>')
    free = 0.0
    for start, name in plot.marks:
        x = start * step
        lines.append(f'<path d="M{x:.2f} {HEIGHT:.0f}v5" stroke="#999999"/>')
        if x >= free and x + len(name) * LETTER <= WIDTH:
            lines.append(f'<text x="{x:.2f}" y="{HEIGHT + 15:.0f}" fill="#555555">{escaped(name)}</text>')
            free = x + (len(name) + 1) * LETTER
    return "\n".join([*lines, "</svg>"])
