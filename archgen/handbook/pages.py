"""The pages of `docs/` that are made from the ops and the blocks.

`python -m archgen.handbook` writes them into the folder `docs` of the checkout; a test holds the committed ones against them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen import resources
from archgen.handbook import ops
from archgen.handbook.text import weight_text
from archgen.language import library
from archgen.ops import MAC_CONVENTION
from archgen.views.columns import shape_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archgen.handbook.ops import Entry
    from archgen.language.model import Block

_NOTE = "<!-- made by `python -m archgen.handbook` from {0}; edit those -->"
_OPS = """\
An op is a layer of `torch.nn`: its options have torch's names, and torch's defaults where nothing else is said. Only
`conv` differs, in its padding. The formulas are the rules that archgen computes with: `C` counts the channels, `D`,
`H`, `W` or `L` are sizes, `H'` is a size of the output. Shapes are without the batch, and an option that is a list has
a value for each axis. `archgen ops NAME` shows the same on a terminal."""
_BLOCKS = """\
The blocks that come with archgen. A spec uses them by their names; a block of the same name in a spec stands in their
place. To change one, copy its text under `blocks` of a spec. How blocks are written: [the
language](language.md#blocks)."""


def pages() -> dict[str, str]:
    """Returns the pages by their file names."""
    return {"ops.md": "\n".join(_ops()) + "\n", "blocks.md": "\n".join(_blocks()) + "\n"}


# ---- ops


def _ops() -> Iterator[str]:
    yield from ("# Ops", "", _NOTE.format("the classes in `archgen/ops/`"), "")
    yield _OPS
    yield from ("", f"{MAC_CONVENTION}.")
    for title, family in ops.families().items():
        yield from ("", f"## {title}", "", "| op | in torch.nn | |", "|---|---|---|")
        entries = [ops.entry(op) for op in family]
        for entry in entries:
            name = f"`{entry.name}`" if _is_plain(entry) else f"[`{entry.name}`](#{entry.name})"
            classes = ", ".join(f"`{name}`" for name in entry.classes) or entry.otherwise
            yield f"| {name} | {classes} | {_cell(entry.summary)} |"
        for entry in entries:
            if not _is_plain(entry):
                yield from _op(entry)


def _is_plain(entry: Entry) -> bool:
    """Whether its line in the table says it all: any input, no options, the shape stays."""
    return not (entry.options or entry.refuses or entry.parameters)


def _op(entry: Entry) -> Iterator[str]:
    yield from ("", f"### {entry.name}", "", entry.text, "", "```yaml", f"node: {entry.example}", "```", "")
    figures = entry.figures
    beside = f"The value beside the name is `{entry.first}`. " if entry.first else ""
    counts = f", with {figures.parameters:,} parameters and {figures.macs:,} MACs" if figures.parameters else ""
    yield f"{beside}On {shape_text(figures.input)} it gives {shape_text(figures.output)}{counts}."
    if entry.options:
        yield from ("", "| option | takes | default |", "|---|---|---|")
        for option in entry.options:
            yield f"| `{option.name}` | {_cell(option.takes)} | {_cell(option.default)} |"
    yield from ("", *_items("input", [", ".join(f"`{layout}`" for layout in entry.takes)]))
    yield from _items("shape", [f"`{line}`" for line in entry.shape])
    yield from _items("parameters", [weight_text(weight) for weight in entry.parameters])
    yield from _items("buffers", [weight_text(weight) for weight in entry.buffers])
    yield from _items("MACs", [f"`{entry.macs}`"] if entry.macs else [])
    yield from _items("must hold", list(entry.constraints))
    yield from _items("refused", [*entry.messages, *(f"`{layouts}`: {message}" for layouts, message in entry.refuses)])


def _items(name: str, items: list[str]) -> Iterator[str]:
    """A point of a list, with points below it if there are several."""
    if len(items) == 1:
        yield f"- {name}: {items[0]}"
    elif items:
        yield f"- {name}:"
        yield from (f"  - {item}" for item in items)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


# ---- blocks


def _blocks() -> Iterator[str]:
    yield from ("# Blocks", "", _NOTE.format("the files in `archgen/library/`"), "")
    yield _BLOCKS
    for name in library.block_names():
        yield from _block(library.block(name))


def _block(block: Block) -> Iterator[str]:
    text = resources.read(resources.LIBRARY / f"{block.name}.yaml").decode().rstrip("\n")
    yield from ("", f"## {block.name}", "", block.description, "", f"{block.paper}.", "")
    for parameter in block.parameters:
        kind = f"{parameter.type}, required" if parameter.default is None else ops.value_text(parameter.default)
        yield f"- `{parameter.name}`: {kind}"
    yield from ("", "```yaml", text, "```")
