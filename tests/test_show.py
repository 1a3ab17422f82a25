"""A spec with those that it extends merged in: the text is the same network, and each comment tells the truth."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

import archgen as package
from archgen.language import extends
from archgen.views import show
from tests.conftest import ROOT, Result

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from archgen.network import Network

EXTENDING = [path for path in sorted(ROOT.glob("specs/*.yaml")) if "\nextends:" in "\n" + path.read_text(encoding="utf-8")]


def shown(path: Path) -> str:
    network = package.load(path)
    return show.text(extends.load(path), show.Used(network.spec, network.graph))


@pytest.mark.parametrize("path", EXTENDING, ids=lambda path: path.stem)
def test_the_text_is_the_same_network(path: Path, tmp_path: Path) -> None:
    text = shown(path)
    alone = tmp_path / path.name
    alone.write_text(text, encoding="utf-8")
    before, after = package.load(path).checked(), package.load(alone).checked()
    taken = tuple(one for one in before.spec.option_defaults if one.kind in before.graph.with_defaults)
    assert after.spec == before.spec.replace(option_defaults=taken)  # a spec alone may say no defaults that nothing takes
    assert figures(after) == figures(before)
    assert classes(after.source()) == classes(before.source())
    assert all(len(line) <= 80 for line in text.splitlines())


def figures(network: Network) -> list[object]:
    return [
        (row.path, row.type, row.input_shape, row.output_shape, row.parameters, row.buffers, row.macs)
        for row in network.report().rows
    ]


def classes(source: str) -> str:
    """A generated module without what it says of its file."""
    return source[source.index("\nclass ") :]


@pytest.mark.parametrize("path", EXTENDING, ids=lambda path: path.stem)
def test_every_line_that_a_comment_names_holds_the_value(path: Path) -> None:
    """The words of a value that is wholly from another file all stand in the lines that its comment names."""
    checked = 0
    for line in shown(path).splitlines():
        remark = re.fullmatch(r" *([^#]*\S) +# ([\w./]+\.yaml):(\d+)(?:-(\d+))?", line)
        if not remark:
            continue
        file = (path.parent / remark[2]).read_text(encoding="utf-8").splitlines()
        lines = " ".join(file[int(remark[3]) - 1 : int(remark[4] or remark[3])])
        assert set(re.findall(r"\w+", remark[1])) <= set(re.findall(r"\w+", lines)), line
        checked += 1
    assert checked >= 3


FILES = {
    "base/grand.yaml": """\
name: Grand
description: The first of three.
input: [3, 32, 32]
args: {num_classes: 10, wide: 8}
defaults:
  conv: {bias: false}
stem:
  conv1: {conv: wide, kernel_size: 3, stride: 2}
  act1: relu
  gone: {max_pool: 2}
stages:
  layer1:
    BasicBlock: 8
    depth: 2
    stride: 2
head:
  pool: {adaptive_avg_pool: 1}
  flat: flatten
  fc: {linear: num_classes}
""",
    "parent.yaml": """\
extends: base/grand.yaml
name: Parent
args: {wide: 16}
stem: {conv1: {kernel_size: 5}, gone: {when: false}}
stages:
  layer1: {depth: 3}
  layer2: {BasicBlock: 16, depth: 2}
""",
    "child.yaml": """\
extends: parent.yaml
name: Child
args: {wide: 24}
let: {half: wide // 2}
defaults: {conv: {bias: true}, batch_norm: {eps: 0.001}}
stem: {conv1: {padding: 2, kernel_size: 5}, act1: {leaky_relu, negative_slope: 0.1}}
stages:
  layer2: {BasicBlock: half, stride: 2}
head: {fc: [{linear: 20}, {linear: num_classes}]}
outputs: [layer1, fc]
""",
}
SHOWN = """\
name: Child                       # was Parent (parent.yaml:2)
description: The first of three.  # base/grand.yaml:2
input: [3, 32, 32]                # base/grand.yaml:3
args:
  num_classes: 10                 # base/grand.yaml:4
  wide: 24                        # was 16 (parent.yaml:3)
let: {half: wide // 2}
defaults:
  conv: {bias: true}              # bias was false (base/grand.yaml:6)
  batch_norm: {eps: 0.001}

stem:
  # base/grand.yaml:8, padding is new
  conv1: {conv: wide, kernel_size: 5, stride: 2, padding: 2}
  act1: {leaky_relu, negative_slope: 0.1}  # was relu (base/grand.yaml:9)

stages:
  # base/grand.yaml:13-15, depth from parent.yaml:6, depth was 2
  # (base/grand.yaml:14)
  layer1: {BasicBlock: 8, depth: 3, stride: 2}
  # parent.yaml:7, BasicBlock was 16, stride is new
  layer2: {BasicBlock: half, depth: 2, stride: 2}

head:
  pool: {adaptive_avg_pool: 1}  # base/grand.yaml:17
  flat: flatten                 # base/grand.yaml:18
  # was {linear: num_classes} (base/grand.yaml:19)
  fc: [{linear: 20}, {linear: num_classes}]

outputs: [layer1, fc]
"""


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "specs" / "base").mkdir(parents=True)
    for name, text in FILES.items():
        (tmp_path / "specs" / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_three_files(family: Path, archgen: Callable[..., Result]) -> None:
    assert archgen("show", "specs/child.yaml") == Result(0, SHOWN, "")


def test_a_spec_alone_has_no_comments(archgen: Callable[..., Result]) -> None:
    text = archgen("show", ROOT / "specs/resnet18.yaml").out
    assert text == (ROOT / "specs/resnet18.yaml").read_text(encoding="utf-8")


def test_what_is_refused_is_shown_first(family: Path, archgen: Callable[..., Result]) -> None:
    child = family / "specs/child.yaml"
    child.write_text(FILES["child.yaml"].replace("half, stride", "haff, stride"), encoding="utf-8")
    result = archgen("show", "specs/child.yaml")
    assert result.code == 2
    assert "layer2: {BasicBlock: haff, depth: 2, stride: 2}" in result.out
    assert result.err.startswith("specs/child.yaml:8:24: error: there is no name `haff` here")


def test_a_parent_that_is_missing(family: Path, archgen: Callable[..., Result]) -> None:
    (family / "specs/parent.yaml").unlink()
    result = archgen("show", "specs/child.yaml")
    assert (result.code, result.out) == (2, "")


def test_a_hostile_text_is_shown_harmless(family: Path, archgen: Callable[..., Result]) -> None:
    child = family / "specs/child.yaml"
    hostile = '"\\e[31mred\\n::error::x ##[debug]"'
    with child.open("a", encoding="utf-8") as file:
        file.write(f"description: {hostile}\n")
    result = archgen("show", "specs/child.yaml")
    assert "\x1b" not in result.out
    assert not re.search(r"^\s*::|##\[", result.out, re.MULTILINE)


def test_only_comments_are_coloured(family: Path) -> None:
    text = show.text(extends.load(family / "specs/child.yaml"), None, lambda text, role: f"<{role}>{text}</>")
    assert "<remark># base/grand.yaml:2</>" in text
    assert re.sub("<remark>|</>", "", text) == SHOWN


def test_what_a_spec_took_over_and_does_not_use_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "parent.yaml").write_text(
        "name: Parent\ninput: [3, 8, 8]\nargs: {slope: 0.1, wide: 4}\nlet: {wider: 2 * wide}\n"
        "defaults: {Own: {channels: 3}, conv: {bias: false}}\n"
        "stem: {a: {leaky_relu: slope}, b: {conv: wider, kernel_size: 3}, c: Own}\n"
        "blocks: {Own: {args: {channels: int}, layers: {d: {conv: channels, kernel_size: 1}}}}\n"
    )
    child = tmp_path / "child.yaml"
    child.write_text("extends: parent.yaml\nname: Child\nstem: {a: relu, b: sigmoid, c: {when: false}}\n")
    network = package.load(child)
    assert "    def __init__(self, in_channels: int = 3) -> None:\n" in network.source()
    text = shown(child)
    assert not any(f"{section}:" in text for section in ("args", "let", "defaults", "blocks"))
    alone = tmp_path / "alone.yaml"
    alone.write_text(text)
    assert package.load(alone).report().rows == network.report().rows


def test_a_comment_names_the_line_of_the_key_too(tmp_path: Path) -> None:
    """Where the parent has its key in a line above, and here both stand in one."""
    (tmp_path / "parent.yaml").write_text(
        "name: A\ninput: [3, 8, 8]\ndefaults:\n  conv:\n    bias: false\nstem: {c: {conv: 8, kernel_size: 3}}\n"
    )
    child = tmp_path / "child.yaml"
    child.write_text("extends: parent.yaml\nname: B\n")
    assert "defaults: {conv: {bias: false}}  # parent.yaml:3-5\n" in shown(child)


@pytest.mark.parametrize("folder", ["", "deep/"])
def test_a_spec_of_archgen_is_extended_from_anywhere(folder: str, tmp_path: Path) -> None:
    child = tmp_path / f"{folder}child.yaml"
    child.parent.mkdir(exist_ok=True)
    child.write_text("extends: archgen:resnet34\nname: Mine\nargs: {num_classes: 10}\n")
    network = package.load(child).checked()
    assert network.report().totals.parameters == 21_289_802
    assert "# archgen:resnet18:7" in shown(child)
