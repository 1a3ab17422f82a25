"""Model YAMLs of Ultralytics, written here from the facts of the architectures, become the specs of the same networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import archgen as package
from archgen.language import ultralytics
from tests.conftest import ROOT, Result

if TYPE_CHECKING:
    from collections.abc import Callable

MODELS = ROOT / "tests" / "ultralytics"
LAYERS = ["kernel_size", "stride"]


def imported(name: str, scale: str, folder: Path) -> package.Network:
    path = folder / "imported.yaml"
    path.write_text(ultralytics.text(MODELS / f"{name}.yaml", scale))
    return package.load(path).checked()


@pytest.mark.parametrize(
    ("name", "scale", "spec"), [("eight", "n", "yolov8n"), ("eight", "s", "yolov8s"), ("five", "", "yolov5s")]
)
def test_a_detector_is_that_of_its_spec(name: str, scale: str, spec: str, tmp_path: Path) -> None:
    """Layer by layer in the order in which they run, whatever their names are."""
    ours, theirs = imported(name, scale, tmp_path).report(), package.load(ROOT / f"specs/{spec}.yaml").report()
    leaves = [
        [(row.type, row.output_shape, row.parameters, row.macs) for row in report.rows if row.leaf and row.parameters]
        for report in (ours, theirs)
    ]
    assert sorted(leaves[0]) == sorted(leaves[1])
    assert ours.totals == theirs.totals
    assert ours.output_shapes == theirs.output_shapes


def test_the_first_scale_is_meant_where_none_is_named(tmp_path: Path) -> None:
    assert ultralytics.text(MODELS / "eight.yaml") == ultralytics.text(MODELS / "eight.yaml", "n")


def test_all_modules_that_have_a_counterpart(tmp_path: Path) -> None:
    network = imported("modules", "", tmp_path)
    rows = {row.path: row for row in network.report().rows if row.depth == 1}
    assert [row.output_shape for row in rows.values()] == [
        (16, 112, 112), (32, 56, 56), (32, 56, 56), (32, 56, 56), (32, 56, 56), (64, 56, 56), (64, 112, 112), (10,),
    ]  # fmt: skip
    assert rows["conv1"].parameters == 32 * 9 * 1 + 64  # in 16 groups
    assert rows["bottleneck3"].parameters == 2 * (32 * 16 * 9 * 2 + 2 * 16 + 2 * 32)


FAULTS = [
    (
        "- [-1, 1, Conv, [64, 3, 2]]",
        "- [-1, 1, GhostConv, [64, 3, 2]]",
        "7:13: error: the module `GhostConv` has no counterpart",
    ),
    ("- [-1, 1, Conv, [64, 3, 2]]", "- [-1, 1, Conv, [64, 3, 2], 5]", "7:5: error: a row lists what enters"),
    ("- [-1, 1, Conv, [64, 3, 2]]", "- [4, 1, Conv, [64, 3, 2]]", "7:6: error: a row takes what a row before it gives"),
    ("- [-1, 1, Conv, [64, 3, 2]]", "- [-1, x, Conv, [64, 3, 2]]", "7:10: error: `repeats` is a whole number"),
    ("- [-1, 1, Conv, [64, 3, 2]]", "- [-1, 1, Conv, [64, [3], 2]]", "7:24: error: `argument 2 of Conv` is a whole number"),
    ("- [-1, 1, Conv, [64, 3, 2]]", "- [-1, 1, Conv, [64, 3, 2, None, 1, 2]]", "7:39: error: this argument of `Conv`"),
    ("nc: 80", "nc: many", "1:5: error: `nc` is a whole number"),
    ("nc: 80", "nc: 80\nreg_max: 16", "2:1: error: nothing here stands for `reg_max`"),
    ("n: [0.33, 0.25, 1024]", "n: [0.33, wide, 1024]", "3:13: error: a factor is a number"),
    ("n: [0.33, 0.25, 1024]", "n: [0.33, 0.25]", "3:6: error: a scale lists depth, width and the most channels"),
    ("head:\n", "head: 5\nheads:\n", ": error: `head` lists rows"),
    ('[None, 2, "nearest"]', '[[1, 2], 2, "nearest"]', ": error: `nn.Upsample` takes no size here"),
]


@pytest.mark.parametrize(("old", "new", "told"), FAULTS, ids=[new for _, new, _ in FAULTS])
def test_what_has_no_counterpart_is_told_at_its_row(
    old: str, new: str, told: str, archgen: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (MODELS / "eight.yaml").read_text()
    assert old in text
    Path("model.yaml").write_text(text.replace(old, new, 1))
    found = archgen("import", "model.yaml")
    assert found.code == 2
    assert told in " ".join(found.err.split())


def test_a_scale_that_is_not_there(archgen: Callable[..., Result]) -> None:
    found = archgen("import", str(MODELS / "eight.yaml"), "--scale", "z")
    assert (found.code, "this model has no scale `z`" in " ".join(found.err.split())) == (2, True)
    found = archgen("import", str(MODELS / "five.yaml"), "--scale", "z")
    assert (found.code, "this model has no scales" in " ".join(found.err.split())) == (2, True)
