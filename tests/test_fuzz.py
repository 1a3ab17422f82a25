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
from torch import Tensor, nn

import archgen
from archgen.emit import module
from archgen.ops import Shape
from archgen.ops.conv import Conv
from tests.fuzz import draw, kinds, tally, yaml
from tests.fuzz.__main__ import run, told

torch.set_num_threads(1)
FOUND = sorted((Path(__file__).parent / "fuzz" / "found").glob("*.yaml"))
COUNTS = {"valid": 400, "negated": 1000, "mutated": 1000, "injection": 500}


@pytest.mark.parametrize("kind", COUNTS)
def test_random_specs(kind: str, tmp_path: Path) -> None:
    drawn: Counter[str] = Counter()
    assert run(kind, range(COUNTS[kind]), tmp_path, drawn=drawn) == []
    if kind == "valid":
        for seed in range(COUNTS[kind], tally.ENOUGH):  # drawn as the others, and not built: that takes twenty times as long
            drawn += tally.tally(draw.valid(seed))
        assert tally.missing(drawn) == []


@pytest.mark.parametrize("case", FOUND, ids=lambda case: case.stem)
def test_what_was_found_once_is_mended(case: Path, tmp_path: Path) -> None:
    assert kinds.replay(case, tmp_path) == ""


def test_a_seed_is_a_spec() -> None:
    assert yaml.text(draw.valid(7)) == yaml.text(draw.valid(7)) != yaml.text(draw.valid(8))


# ---- that it can find a fault


@pytest.mark.parametrize("robbed", ["split", "conv.padding_mode", "float //"])
def test_a_generator_that_is_robbed_of_a_construct_is_told(robbed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In a run that is large enough; of a smaller one nothing can be said."""
    drawn = Counter(dict.fromkeys(tally.ALL, 7))
    del drawn[robbed]
    assert told(drawn, tally.ENOUGH)
    assert f"Never drawn, a fault of the generator: {robbed}\n" in capsys.readouterr().out
    assert not told(drawn, tally.ENOUGH - 1)
    assert not told(Counter(dict.fromkeys(tally.ALL, 7)), tally.ENOUGH)


def test_a_generator_without_split_draws_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """The count is of what stands in the specs, not of what the generator says."""
    merge = draw.Drawer.merge

    def without(self: draw.Drawer, *arguments: Any) -> Any:
        node = merge(self, *arguments)
        return None if node is None or "split" in node else node

    def drawn() -> Counter[str]:
        return sum((tally.tally(draw.valid(seed)) for seed in range(60)), Counter[str]())

    assert "split" not in tally.missing(drawn())
    monkeypatch.setattr(draw.Drawer, "merge", without)
    assert "split" in tally.missing(drawn())


class Overwriting(nn.Module):
    """Adds to a value what an op has made of it in its place."""

    def __init__(self, layer: nn.Module, of_input: bool) -> None:
        super().__init__()
        self.conv, self.layer, self.of_input = nn.Conv2d(2, 2, 1), layer, of_input

    def forward(self, x: Tensor) -> Tensor:
        value = x if self.of_input else self.conv(x)
        total: Tensor = self.layer(value) + (self.conv(x) if self.of_input else value)
        return total


@pytest.mark.parametrize("of_input", [False, True])
@pytest.mark.parametrize("kind", [nn.ReLU, nn.Dropout])
def test_a_value_that_is_overwritten_while_it_is_read_is_found(kind: type[nn.ReLU] | type[nn.Dropout], of_input: bool) -> None:
    x = torch.randn(2, 2, 4, 4)
    assert kinds.overwritten(Overwriting(kind(inplace=False), of_input), (x,)) == ""
    told = "the module changes its input" if of_input else "a value is overwritten that is still read"
    assert kinds.overwritten(Overwriting(kind(inplace=True), of_input), (x,)).startswith(told)


def test_a_default_that_its_class_does_not_serve_is_found(tmp_path: Path) -> None:
    unit = {"args": {"channels": "int", "k": 1}, "layers": {"c": {"conv": "channels", "kernel_size": "k"}}}
    tree = {
        "name": "Net",
        "input": [4, 9],
        "stem": {"u": {"Unit": 4, "k": 3}, "v": {"Unit": 4, "k": 5}},
        "blocks": {"Unit": unit},
    }
    (tmp_path / "net.yaml").write_text(yaml.text(tree))
    source = archgen.load(tmp_path / "net.yaml").source()
    assert kinds.class_defaults(tree, source) == ""
    assert "gives (4, 8), and (4, 9) by the spec" in kinds.class_defaults(tree, source.replace("k: int = 1", "k: int = 2"))
    tree["stem"] = {"u": {"Unit": 4, "k": 3}}  # what every call gives is the default of the class
    (tmp_path / "net.yaml").write_text(yaml.text(tree))
    source = archgen.load(tmp_path / "net.yaml").source()
    assert "k: int = 3" in source
    assert kinds.class_defaults(tree, source) == ""
    assert "gives (4, 8), and (4, 9) by the spec" in kinds.class_defaults(tree, source.replace("k: int = 3", "k: int = 2"))


def test_a_product_whose_images_meet_another_axis_is_no_product_that_torch_takes() -> None:
    assert kinds.torch_takes("multiply", [Shape((1, 3)), Shape((3,))]) == ""
    assert kinds.torch_takes("multiply", [Shape((1, 3)), Shape((4, 3))]) != ""


def test_a_wrong_shape_rule_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = Conv.output

    def wrong(self: Conv, x: Shape) -> Shape:
        y = rule(self, x)
        return y if self.stride == 1 else Shape((y.sizes[0], *(size + 1 for size in y.sizes[1:])))

    monkeypatch.setattr(Conv, "output", wrong)
    assert run("valid", range(60), tmp_path)


def test_a_swallowed_constraint_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [kinds.negated(seed, tmp_path) for seed in range(300)]
    monkeypatch.setattr(Conv, "constraints", lambda self, x: ())
    faults = [kinds.refusal(case.text, tmp_path) for case in found if "conv" in case.drawn]
    assert "accepted" in faults


def test_a_rule_that_is_settled_by_the_default_of_an_argument_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = {"name": "Net", "input": [4, 9, 9], "args": {"k": 3}, "stem": {"c": {"conv": 4, "kernel_size": "k"}}}
    (tmp_path / "net.yaml").write_text(yaml.text(tree))
    assert kinds.other_arguments(tree, tmp_path) == ""
    monkeypatch.setattr(module, "open_names", lambda graph: defaultdict(set))
    assert "k=4: the module is" in kinds.other_arguments(tree, tmp_path)


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
