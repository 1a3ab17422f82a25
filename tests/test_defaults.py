"""The defaults of the generated classes: left out of a call, they give what the block itself has without them."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

import archgen
from archgen.emit.classes import ClassBuilder
from tests.defaults import calls, faults
from tests.fuzz import draw, yaml

ROOT = Path(__file__).parent.parent
NETWORKS = sorted(
    [*ROOT.glob("tests/networks/*.yaml"), *(ROOT / f"specs/{name}.yaml" for name in ("mobilenet_v3_large", "darknet53"))]
)


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
def test_a_class_without_its_optional_arguments_is_its_block_without_them(path: Path) -> None:
    assert faults(archgen.load(path)) == []


def test_so_it_is_in_random_specs(tmp_path: Path) -> None:
    tried = 0
    for seed in range(40):
        (tmp_path / "net.yaml").write_text(yaml.text(draw.valid(seed)))
        with contextlib.suppress(archgen.SpecError):
            network = archgen.load(tmp_path / "net.yaml")
            assert faults(network) == [], seed
            tried += len(list(calls(network.traced().steps)))
    assert tried > 25


def test_a_class_that_is_right_for_its_calls_alone_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ClassBuilder, "omissions", lambda *_: [{}])
    found = faults(archgen.load(ROOT / "tests/networks/default_that_no_call_takes.yaml"))
    assert {fault.partition(":")[0] for fault in found} == {"Even without kernel_size", "Wide without by"}


def test_a_rule_for_even_and_odd_is_written_only_where_a_call_or_a_default_needs_it() -> None:
    source = archgen.load(ROOT / "tests/networks/default_that_no_call_takes.yaml").source()
    assert "padding=(kernel_size - 1) // 2 if kernel_size % 2 == 1 else 0" in source
    assert "padding=(kernel_size - 1) // 2," in archgen.load(ROOT / "specs/darknet53.yaml").source()
