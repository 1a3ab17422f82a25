"""Pictures: what they show, that nothing in them overlaps, and that no text of a spec can leave its place."""

from __future__ import annotations

import html
import itertools
import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest

from archgen import load
from archgen.views import markup, mermaid, page, picture, svg
from archgen.views.drawing import Box, Drawing, drawings
from tests.conftest import ROOT, SMALL, Result

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ZOO = sorted((ROOT / "specs").glob("*.yaml"))
HOSTILE = "</title></desc><script>alert(1)</script> --> ]]> %% <!-- & 'é'"


def drawn(name: str) -> tuple[Drawing, ...]:
    network = load(ROOT / f"specs/{name}.yaml")
    return drawings(network.graph, network.traced())


def rectangles(one: svg.Placed) -> list[tuple[float, float, float, float]]:
    """Every box, and the shape below it, as left, top, right and bottom."""
    found = []
    for box, (x, y) in zip(one.drawing.boxes, one.places):
        width = svg.box_width(box)
        found.append((x - width / 2, y, x + width / 2, y + svg.BOX_HEIGHT))
        found.append((x + 5, y + svg.BOX_HEIGHT + 1, x + 5 + len(box.shape) * svg.CHARACTER, y + svg.BOX_HEIGHT + 16))
    return found


def overlaps(one: svg.Placed) -> list[Any]:
    """What lies over something else: boxes, shapes, straight parts of arrows, or what runs past the edge."""
    found: list[Any] = []
    for a, b in itertools.combinations(rectangles(one), 2):
        if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]:
            found.append((a, b))
    for path in one.paths:
        for x, top in path[1:-1]:  # passes this row
            found += [(x, a) for a in rectangles(one) if a[0] <= x <= a[2] and a[1] < top + svg.BOX_HEIGHT and top < a[3]]
    found += [a for a in rectangles(one) if a[0] < -0.01 or a[2] > one.width + 0.01 or a[3] > one.height]
    return found


# ---- what is drawn


def test_resnet18() -> None:
    network, plain, shortcut = drawn("resnet18")
    assert [box.name for box in network.boxes] == [
        "input", "conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool", "flatten", "fc",
    ]  # fmt: skip
    assert network.arrows == tuple(itertools.pairwise(range(12)))
    assert network.boxes[6] == Box("layer2", "2 x BasicBlock", "stage", "128x28x28")
    assert network.boxes[-1].last
    assert (plain.title, shortcut.title) == ("BasicBlock, as layer1.0", "BasicBlock, as layer2.0")
    names = [box.name for box in shortcut.boxes]
    added = names.index("added")
    sources = {names[source] for source, target in shortcut.arrows if target == added}
    assert sources == {"bn2", "downsample.1"}
    assert shortcut.boxes[1] == Box("conv1", "Conv2d 3x3, stride 2", "op", "128x28x28")
    names = [box.name for box in plain.boxes]
    assert {names[source] for source, target in plain.arrows if names[target] == "added"} == {"bn2", "input"}


def test_inception_has_its_branches_side_by_side() -> None:
    inception = next(one for one in drawn("googlenet") if one.title.startswith("Inception"))
    names = [box.name for box in inception.boxes]
    assert [names[target] for source, target in inception.arrows if source == 0] == [
        "branch1", "branch2.0", "branch3.0", "branch4.0",
    ]  # fmt: skip
    placed = svg.place(inception)
    row = [placed.places[names.index(name)] for name in ("branch1", "branch2.0", "branch3.0", "branch4.0")]
    assert len({y for _, y in row}) == 1
    assert [x for x, _ in row] == sorted(x for x, _ in row)
    assert inception.boxes[names.index("branch3.1")].detail == "ConvNormAct 3x3"


def test_a_split_and_its_shares() -> None:
    unit = next(one for one in drawn("shufflenet_v2_x1_0") if one.title.startswith("ShuffleUnit"))
    names = [box.name for box in unit.boxes]
    shares = names.index("halves_shares")
    assert [names[target] for source, target in unit.arrows if source == shares] == ["branch2", "halves"]


@pytest.mark.parametrize("path", ZOO, ids=lambda path: path.stem)
def test_nothing_overlaps(path: Path) -> None:
    network = load(path)
    placed = [svg.place(one) for one in drawings(network.graph, network.traced())]
    for one in placed:
        assert overlaps(one) == []
        for source, target in one.drawing.arrows:
            assert one.places[source][1] < one.places[target][1]
    corners, width, height = svg.arrange(placed)
    areas = [(x, y, x + one.width, y + one.height) for one, (x, y) in zip(placed, corners)]
    for a, b in itertools.combinations(areas, 2):
        assert not (a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3])
    assert all(right <= width and bottom <= height for _, _, right, bottom in areas)


def test_the_check_of_overlaps_can_fail() -> None:
    placed = svg.place(drawn("googlenet")[2])
    moved = tuple((x * 0.5, y) for x, y in placed.places)
    assert overlaps(placed._replace(places=moved))
    second = placed.places[[box.name for box in placed.drawing.boxes].index("branch2.1")][0]
    paths = tuple(tuple((second, y) for _, y in path) for path in placed.paths)
    assert overlaps(placed._replace(paths=paths))


def test_a_straight_chain_is_straight() -> None:
    assert len({x for x, _ in svg.place(drawn("resnet18")[0]).places}) == 1


def test_the_longest_of_too_many_arrows_are_straight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row that an arrow passes is a place to lay out: a network of skips alone would have millions."""
    boxes = tuple(Box(f"b{number}", "", "op", "") for number in range(6))
    drawing = Drawing("skips", boxes, (*itertools.pairwise(range(6)), (0, 2), (2, 4), (0, 5)))
    assert [len(path) for path in svg.place(drawing).paths] == [2] * 5 + [3, 3, 6]
    monkeypatch.setattr(svg, "MOST_PASSED", 4)
    assert [len(path) for path in svg.place(drawing).paths] == [2] * 5 + [3, 3, 2]


# ---- the files


@pytest.mark.parametrize("form", picture.FORMATS)
def test_the_same_bytes_each_time(form: str) -> None:
    network = load(ROOT / "specs/googlenet.yaml")
    assert network.picture(form) == load(ROOT / "specs/googlenet.yaml").picture(form)


def test_svg_is_xml() -> None:
    for path in ZOO:
        root = ET.fromstring(load(path).picture(".svg"))
        assert root.tag == "{http://www.w3.org/2000/svg}svg"


def test_mermaid_has_every_box_and_arrow() -> None:
    found = load(ROOT / "specs/resnet18.yaml").picture(".mmd")
    first = "%% Generated by archgen from " + (ROOT / "specs/resnet18.yaml").as_posix() + "; do not edit. SHA-256 of "
    assert found.startswith(first)
    assert found.splitlines()[1:3] == [
        "flowchart TB",
        '  subgraph d0["ResNet18"]',
    ]
    assert '    d0n6[["layer2<br/>2 x BasicBlock"]]' in found
    assert '    d0n6 -->|"128x28x28"| d0n7' in found
    drawn_boxes = sum(len(one.boxes) for one in drawn("resnet18"))
    assert len(re.findall(r"^    d\d+n\d+[\[(]", found, re.MULTILINE)) == drawn_boxes


def test_the_page_stands_alone() -> None:
    found = load(ROOT / "specs/googlenet.yaml").picture(".html")
    assert "<script" not in found
    assert not re.search(r"(src|href)=|@import|url\((?!#)", found)
    assert found.count("<svg ") == 6
    assert "inception3a.branch2.0.conv: " in found
    for part in re.findall(r"<svg .*?</svg>", found, re.DOTALL):
        ET.fromstring(part)


def test_plots_add_up_to_the_report() -> None:
    network = load(ROOT / "specs/resnet18.yaml")
    report, costs = network.report(), network.costs()
    parameters, macs, made, live, kept = page.plots(costs)
    assert sum(number for _, number in parameters.bars) == report.totals.parameters
    assert sum(number for _, number in macs.bars) == report.totals.macs
    assert sum(number for _, number in kept.bars) == costs.kept
    assert max(number for _, number in live.bars) == costs.inference.size
    assert len(made.bars) == len(parameters.bars)
    assert parameters.marks[:2] == ((0, "conv1"), (1, "bn1"))
    assert parameters.bars[parameters.marks[5][0]][0] == "layer2.0.conv1"


def test_no_text_leaves_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "a--b"
    folder.mkdir()
    path = folder / "net.yaml"
    path.write_text(f'description: "{HOSTILE}"\n{SMALL}', encoding="utf-8")
    network = load(path)
    assert network.spec.description == HOSTILE
    for form in picture.FORMATS:
        assert "<script" not in network.picture(form)
    root = ET.fromstring(network.picture(".svg"))
    assert root.findtext("{http://www.w3.org/2000/svg}desc") == HOSTILE
    assert f"<p>{html.escape(HOSTILE)}</p>" in network.picture(".html")


def test_what_is_not_printable_is_escaped() -> None:
    assert markup.escaped("a\u202e\u2028\x07<&é") == "a\\u202e\\u2028\\x07&lt;&amp;é"
    comment = markup.comment("a--b---c -->")
    assert ET.fromstring(f"<x>{comment}</x>").text is None
    assert comment.count("--") == 2
    box = Box('a"]:::x', "b<br/>%%c", "op", "3x4")
    lines = mermaid.mermaid((Drawing("t", (box,), ()),), "head").splitlines()
    assert lines[4] == '    d0n0["a#34;#93;#58;#58;#58;x<br/>b#60;br/#62;#37;#37;c"]'


# ---- the command


@pytest.mark.parametrize("form", picture.FORMATS)
def test_writing(form: str, archgen: Callable[..., Result], project: Path) -> None:
    target = f"pictures/small{form}"
    assert archgen("graph", "specs/small.yaml", "-o", target) == Result(0, f"wrote {target}\n", "")
    assert archgen("graph", "specs/small.yaml", "-o", target) == Result(0, f"unchanged {target}\n", "")
    other = archgen("graph", "specs/small.yaml", "-o", target, "--input", "3x64x64")
    assert other == Result(0, f"wrote {target}\n", "")
    assert "3x64x64" in (project / target).read_text()


def test_a_file_of_others_is_left_alone(archgen: Callable[..., Result], project: Path) -> None:
    target = project / "mine.svg"
    target.write_text("<svg/>\nGenerated by archgen\n")
    result = archgen("graph", "specs/small.yaml", "-o", "mine.svg")
    assert result.code == 3
    assert "`mine.svg` was not drawn by archgen" in result.err
    assert target.read_text().startswith("<svg/>")
    assert archgen("graph", "specs/small.yaml", "-o", "mine.svg", "--force").code == 0
    assert markup.not_ours(target.read_bytes()) == ""


def test_another_ending(archgen: Callable[..., Result], project: Path) -> None:
    result = archgen("graph", "specs/small.yaml", "-o", "x.png")
    assert result.code == 2
    assert "`x.png` must end in .svg, .mmd, .html" in result.err
    assert not (project / "x.png").exists()
