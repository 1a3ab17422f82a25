"""Outputs of training that an argument may leave out: the module has them or not, and TorchScript takes it in either case."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

import archgen

torch = pytest.importorskip("torch")

ROOT = Path(__file__).parent.parent


def built(network: archgen.Network, folder: Path, **arguments: Any) -> Any:
    """The network's module out of a file, as TorchScript reads its source there."""
    path = folder / "heads_module.py"
    path.write_text(network.source())
    found = importlib.util.spec_from_file_location("heads_module", path)
    assert found is not None
    assert found.loader is not None
    sys.modules["heads_module"] = module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return getattr(module, network.spec.name)(**arguments)


def images(network: archgen.Network) -> Any:
    return torch.randn(2, *network.spec.input, generator=torch.Generator().manual_seed(0))


def outputs(module: Any, x: Any) -> tuple[Any, ...]:
    torch.manual_seed(0)
    found = module(x)
    return found if isinstance(found, tuple) else (found,)


@pytest.mark.parametrize("aux_logits", [True, False])
@pytest.mark.parametrize(("name", "heads"), [("inception_v3", 1), ("googlenet", 2)])
def test_torchscript_takes_a_network_with_its_heads_and_without(
    name: str, heads: int, aux_logits: bool, tmp_path: Path
) -> None:
    network = archgen.load(ROOT / f"specs/{name}.yaml")
    module = built(network, tmp_path, aux_logits=aux_logits)
    scripted, x = torch.jit.script(module), images(network)
    for training in (True, False):
        module.train(training)
        scripted.train(training)
        with torch.no_grad():
            wanted, found = outputs(module, x), outputs(scripted, x)
        assert len(found) == len(wanted) == 1 + heads * (training and aux_logits)
        assert all(map(torch.allclose, found, wanted))


@pytest.mark.parametrize(("aux_logits", "parameters"), [("true", 13_004_888), ("false", 6_624_904)])
def test_googlenet_has_the_parameters_that_torchvision_states(aux_logits: str, parameters: int) -> None:
    network = archgen.load(ROOT / "specs/googlenet.yaml", (f"aux_logits={aux_logits}",))
    assert network.report().totals.parameters == parameters


@pytest.mark.parametrize("aux_logits", [True, False])
@pytest.mark.parametrize("summed", [True, False])
def test_each_choice_of_heads_is_the_network_of_that_spec(aux_logits: bool, summed: bool, tmp_path: Path) -> None:
    from archgen.verify.compare import compare

    given = {"aux_logits": aux_logits, "summed": summed}
    path = ROOT / "tests/networks/heads_by_arguments.yaml"
    network = archgen.load(path, tuple(f"{name}={str(value).lower()}" for name, value in given.items()))
    assert [check.difference for check in compare(network, network.source())] == [""] * 6
    module = built(archgen.load(path), tmp_path, **given)
    scripted = torch.jit.script(module)
    assert [len(outputs(each, images(network))) for each in (module, scripted)] == [2 + aux_logits + summed] * 2
    assert [len(outputs(each.eval(), images(network))) for each in (module, scripted)] == [1, 1]
