"""What may be overwritten in place, proved from the bytes of each build: a rule that were wrong could write nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import archgen
from archgen import flow
from archgen.emit import proof
from tests.conftest import ROOT

if TYPE_CHECKING:
    from archgen.trace import Traced

CONV = "{conv: 3, kernel_size: 3}"
# what is read after its activation: behind a merge, a view, a layer that is left out or hands its input on
OUT = "{conv: 3, kernel_size: 1, when: k}"
AFTER = "r: relu, z: {add, from: [c, r]}"
READ_AGAIN = {
    "a merge of one": f"stem: {{c: {CONV}, m: {{add: {{a: identity, b: {OUT}}}}}, {AFTER}}}",
    "a concat of one": f"stem: {{c: {CONV}, m: {{concat: {{a: identity}}}}, {AFTER}}}",
    "what the caller gave": f"stem: {{m: {{add: {{a: identity, b: {OUT}}}}}, r: relu}}",
    "a difference of one": f"stem: {{c: {CONV}, m: {{subtract: {{a: identity, b: {OUT}}}}}, {AFTER}}}",
    "a block that is left out": f"stem: {{c: {CONV}, b: {{B, when: k}}, {AFTER}}}\nblocks: {{B: {{layers: {{c: {CONV}}}}}}}",
    "a block that hands on": f"stem: {{c: {CONV}, b: B, {AFTER}}}\nblocks: {{B: {{layers: {{c: identity}}}}}}",
    "dropout": f"stem: {{c: {CONV}, d: dropout, {AFTER}}}",
    "stochastic depth": f"stem: {{c: {CONV}, d: {{stochastic_depth: 0.5}}, {AFTER}}}",
    "a permute": f"stem: {{c: {CONV}, d: {{permute: [0, 1, 3, 2]}}, {AFTER}}}",
    "a flatten": f"stem: {{c: {CONV}, f: flatten, r: relu, g: {{flatten, from: c}}, z: {{add, from: [g, r]}}}}",
    "an output": f"stem: {{c: {CONV}, r: relu}}\noutputs: [c, r]",
}
NEEDED = "stem: {c: {conv: 3, kernel_size: 3}, s: sigmoid, r: relu}"


def network(text: str, folder: Path) -> archgen.Network:
    constant = "let: {k: false}\n" if "when: k" in text else ""
    (folder / "net.yaml").write_text(f"name: Net\ninput: [3, 8, 8]\n{constant}{text}\n")
    return archgen.load(folder / "net.yaml")


def overwriting(network: archgen.Network) -> str:
    """The module of a network in which every activation works in place."""
    return network.source().replace("nn.ReLU()", "nn.ReLU(inplace=True)").replace("nn.SiLU()", "nn.SiLU(inplace=True)")


@pytest.mark.parametrize("case", READ_AGAIN)
def test_what_is_read_again_is_not_overwritten(case: str, tmp_path: Path) -> None:
    assert "inplace" not in network(READ_AGAIN[case], tmp_path).source()


@pytest.mark.parametrize("case", READ_AGAIN)
def test_bytes_that_overwrite_it_are_refused(case: str, tmp_path: Path) -> None:
    found = network(READ_AGAIN[case], tmp_path)
    changed = overwriting(found)
    assert "inplace=True" in changed
    with pytest.raises(proof.ProofError, match="overwrit"):
        proof.check(changed, found, found.trace(found.spec.input))


def test_what_a_backward_pass_needs_is_not_overwritten(tmp_path: Path) -> None:
    found = network(NEEDED, tmp_path)
    assert "inplace" not in found.source()
    with pytest.raises(proof.ProofError, match="the backward pass needs"):
        proof.check(overwriting(found), found, found.trace(found.spec.input))


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_large", "inception_v3"])
def test_what_is_overwritten_in_the_zoo_is_proved(name: str) -> None:
    assert "inplace=True" in archgen.load(ROOT / f"specs/{name}.yaml").source()


def fresh_without_a_condition(step: Traced) -> bool:
    return bool(step.role == "merge" or (step.op is not None and step.op.fresh))


def fresh_always(step: Traced) -> bool:
    return True


@pytest.mark.parametrize("mutant", [fresh_without_a_condition, fresh_always])
def test_a_wrong_rule_writes_nothing(mutant: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof goes by the bytes and by the records of ops, not by the rule that the emitter went by."""
    monkeypatch.setattr(flow, "is_fresh", mutant)
    with pytest.raises(proof.ProofError, match="overwrit"):
        network(READ_AGAIN["a merge of one"], tmp_path).source()


def test_readers_that_are_not_counted_write_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(self: flow.Flow, number: int) -> bool:
        source = self.source(self.steps[number].values[0])
        return source.value > 0 and flow.is_fresh(self.steps[source.value - 1])

    monkeypatch.setattr(flow.Flow, "may_overwrite", careless)
    with pytest.raises(proof.ProofError, match="overwrit"):
        network(READ_AGAIN["an output"], tmp_path).source()
