"""Differential fuzzing with fixed seeds, the cases that it found, and proofs that it can find a fault.

More of it: `python -m tests.fuzz --count 20000 --seed 1000`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch

import archgen
from archgen.emit import module
from archgen.ops import OPS, Shape
from archgen.ops.conv import Conv
from tests.fuzz import draw, kinds, yaml
from tests.fuzz.__main__ import run

torch.set_num_threads(1)
FOUND = sorted((Path(__file__).parent / "fuzz" / "found").glob("*.yaml"))
COUNTS = {"valid": 1000, "negated": 1000, "mutated": 1000, "injection": 500}


@pytest.mark.parametrize("kind", COUNTS)
def test_random_specs(kind: str, tmp_path: Path) -> None:
    drawn: Counter[str] = Counter()
    assert run(kind, range(COUNTS[kind]), tmp_path, drawn=drawn) == []
    if kind == "valid":
        assert [name for name in (*OPS, *draw.CONSTRUCTS) if not drawn[name]] == []


@pytest.mark.parametrize("case", FOUND, ids=lambda case: case.stem)
def test_what_was_found_once_is_mended(case: Path, tmp_path: Path) -> None:
    assert kinds.replay(case, tmp_path) == ""


def test_a_seed_is_a_spec() -> None:
    assert yaml.text(draw.valid(7)) == yaml.text(draw.valid(7)) != yaml.text(draw.valid(8))


# ---- that it can find a fault


def test_a_wrong_shape_rule_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = Conv.output

    def wrong(self: Conv, x: Shape) -> Shape:
        y = rule(self, x)
        return y if self.stride == 1 else Shape((y.sizes[0], *(size + 1 for size in y.sizes[1:])))

    monkeypatch.setattr(Conv, "output", wrong)
    assert run("valid", range(60), tmp_path)


def test_a_swallowed_claim_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [kinds.negated(seed, tmp_path) for seed in range(300)]
    monkeypatch.setattr(Conv, "claims", lambda self, x: ())
    faults = [kinds.refusal(case.text, tmp_path) for case in found if "conv" in case.drawn]
    assert "accepted" in faults


def test_a_rule_that_is_settled_by_the_default_of_an_argument_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = {"name": "Net", "input": [4, 9, 9], "args": {"k": 3}, "stem": {"c": {"conv": 4, "kernel_size": "k"}}}
    (tmp_path / "net.yaml").write_text(yaml.text(tree))
    assert kinds.other_arguments(tree, tmp_path) == ""
    monkeypatch.setattr(module, "open_names", lambda graph: defaultdict(set))
    assert "k=4: the module has" in kinds.other_arguments(tree, tmp_path)


def test_another_exception_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = archgen.load

    def careless(path: Path) -> Any:
        try:
            return load(path)
        except archgen.SpecError as error:
            raise KeyError(str(error)) from error

    monkeypatch.setattr(archgen, "load", careless)
    assert run("mutated", range(20), tmp_path)
    assert run("negated", range(20), tmp_path)


@pytest.mark.parametrize("sink", ["# {}", 'note = "{}"', '"""{}"""'])
def test_an_unsafe_sink_is_found(sink: str, tmp_path: Path) -> None:
    """A writer that puts the description into a comment, a string or a docstring as it is."""

    def careless(path: Path) -> str:
        network = archgen.load(path)
        return network.source() + "\n" + sink.format(network.spec.description) + "\n"

    tree = {**draw.valid(1), "blocks": {}}
    faults = [kinds.inert(tree, [text] * 3, tmp_path, careless) for text in kinds.BITS]
    assert any(faults)
