"""The shape rules over whole networks: what every trace must satisfy, whatever the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import archgen
from archgen.arithmetic.expressions import ManyName
from archgen.trace import on_names, traced, walk
from archgen.trace.traced import Role

ROOT = Path(__file__).parent.parent
SPECS = sorted((ROOT / "specs").glob("*.yaml"))
HEAD = "name: Net\ninput: [3, 32, 32]\n"


def network(folder: Path, text: str) -> archgen.Network:
    path = folder / "net.yaml"
    path.write_text(HEAD + text)
    return archgen.load(path)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_leaves_sum_to_the_totals(path: Path) -> None:
    report = archgen.load(path).report()
    leaves = [row for row in report.rows if row.leaf]
    assert sum(row.parameters for row in leaves) == report.totals.parameters
    assert sum(row.macs for row in leaves if not row.training) == report.totals.macs
    assert sum(row.buffers for row in leaves) == report.totals.buffers


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_paths_are_unique_and_containers_come_before_what_is_in_them(path: Path) -> None:
    paths = [row.path for row in archgen.load(path).report().rows]
    assert len(set(paths)) == len(paths)
    for number, name in enumerate(paths):
        if "." in name:
            assert name.rpartition(".")[0] in paths[:number]


def test_one_more_block_adds_exactly_its_rows(tmp_path: Path) -> None:
    text = "stages:\n  stage: {{BasicBlock: 8, depth: {}, stride: 2}}\n"
    fewer, more = (network(tmp_path, text.format(depth)).report() for depth in (3, 4))
    added = [row for row in more.rows if row.path.startswith("stage.3")]
    before = {row.path: (row.output_shape, row.macs) for row in fewer.rows}
    assert added
    assert [row.path for row in more.rows if row.path not in before] == [row.path for row in added]
    assert more.totals.macs - fewer.totals.macs == added[0].macs
    assert more.totals.parameters - fewer.totals.parameters == added[0].parameters


def test_repeats_are_traced_once(tmp_path: Path) -> None:
    rows = network(tmp_path, "stages:\n  stage: {BasicBlock: 8, depth: 5}\n").report().rows
    blocks = {row.path: row.traced for row in rows if row.path.startswith("stage.") and row.depth == 2}
    assert blocks["stage.1"].children is blocks["stage.4"].children


def test_where_a_layer_does_not_fit_the_rows_before_it_remain(tmp_path: Path) -> None:
    report = network(
        tmp_path, "stem:\n  a: {conv: 4, kernel_size: 3}\n  b: [relu, {conv: 5, kernel_size: 3, groups: 2}]\n"
    ).report()
    assert [row.path for row in report.rows] == ["a", "b", "b.0"]
    assert report.problem is not None
    assert report.problem.sentence == "`groups` is 2, which does not divide the 5 output channels"
    assert report.problem.place.line == 5


def test_too_many_layers_are_refused_before_they_are_made(tmp_path: Path) -> None:
    """Thirty blocks, each using the one before it twice: 2**30 layers from two kilobytes."""
    blocks = ["  B0:\n    layers: {a: relu}\n"]
    blocks += [f"  B{n}:\n    layers: {{a: B{n - 1}, b: B{n - 1}}}\n" for n in range(1, 31)]
    report = network(tmp_path, "stem:\n  all: B30\nblocks:\n" + "".join(blocks)).report()
    assert report.problem is not None
    assert report.problem.sentence == "the network has more than 10,000 layers"


def test_on_names_a_size_is_an_expression_of_the_arguments(tmp_path: Path) -> None:
    from archgen.arithmetic.spelling import render

    net = network(tmp_path, "stages:\n  stage: {BasicBlock: 8, depth: 2, stride: 2}\n")
    named = on_names.names(net.graph, net.spec.input, net.trace(net.spec.input))
    sizes = named["BasicBlock"].outputs[0].sizes
    assert [render(size) for size in sizes] == ["channels", "(in_height - 1) // stride + 1", "(in_width - 1) // stride + 1"]


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_names_and_numbers_agree_at_every_call(path: Path) -> None:
    """The shapes that leave a block, as expressions, evaluate to those of the trace on numbers."""
    from archgen.arithmetic.evaluation import evaluate

    net = archgen.load(path)
    numbers = net.trace(net.spec.input)
    named = on_names.names(net.graph, net.spec.input, numbers)
    compared = 0
    for step in _blocks(numbers.steps):
        body, body_on_names = net.graph.blocks[step.type], named[step.type]
        x = step.inputs[0]
        known: dict[str, Any] = {**on_names.sizes_entering(body, step.inputs)}
        known |= {parameter.name: parameter.default for parameter in body.parameters} | dict(step.arguments)
        listed = [name for name, value in body_on_names.names.items() if isinstance(value, ManyName)]
        known |= {name: walk.spread(known[name], x.rank) for name in listed}
        for constant in body.constants:
            known[constant.name] = evaluate(constant.value, known)
        leaving = [tuple(evaluate(size, known) for size in output.sizes) for output in body_on_names.outputs]
        assert leaving == [output.sizes for output in step.outputs or (step.output,)]
        compared += 1
    assert compared or not net.graph.blocks


def _blocks(steps: tuple[traced.Traced, ...]) -> list[traced.Traced]:
    found = []
    for step in steps:
        if step.role is Role.BLOCK:
            found.append(step)
        found += _blocks(step.children)
    return found
