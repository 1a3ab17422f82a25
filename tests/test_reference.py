"""Every spec whose network others have published, against their figures: counts, the order of weights, and outputs."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import archgen

ROOT = Path(__file__).parent.parent
TORCHVISION: dict[str, Any] = json.loads((ROOT / "tests/reference/torchvision.json").read_text())
WRITTEN = sorted(name for name in TORCHVISION if (ROOT / f"specs/{name}.yaml").is_file())
PUBLISHED: dict[str, list[dict[str, Any]]] = json.loads((ROOT / "tests/reference/published.json").read_text())
UNITS = {"K": 3, "M": 6, "G": 9}  # powers of ten


def network(name: str) -> archgen.Network:
    return archgen.load(ROOT / f"specs/{name}.yaml")


def test_the_resnets_are_written() -> None:
    assert {"resnet18", "resnet50", "resnet101", "resnet152"} <= set(WRITTEN)


@pytest.mark.parametrize("name", WRITTEN)
def test_the_report_equals_the_published_figures(name: str) -> None:
    totals = network(name).report().totals
    assert (totals.parameters, totals.macs) == (TORCHVISION[name]["parameters"], TORCHVISION[name]["macs"])


def agrees(ours: int, published: int | str) -> bool:
    """Tells whether a total is the published one; where that is rounded, as in "25.7M", to the last digit that it shows."""
    if isinstance(published, int):
        return ours == published
    shown = Decimal(published[:-1]).scaleb(UNITS[published[-1]])
    return abs(ours - shown) * 2 <= Decimal(1).scaleb(int(Decimal(published[:-1]).as_tuple().exponent) + UNITS[published[-1]])


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_network_from_outside_has_its_published_figures(name: str) -> None:
    totals = network(name).report().totals
    for claim in PUBLISHED[name]:
        figures = {key: value for key, value in claim.items() if key != "source"}
        assert figures
        assert claim["source"]
        for total, published in figures.items():
            assert agrees(getattr(totals, total), published), (total, getattr(totals, total), published)


@pytest.mark.parametrize(
    ("ours", "published", "equal"),
    [
        (41_609_928, 41_609_928, True),
        (41_609_927, 41_609_928, False),
        (25_650_000, "25.7M", True),
        (25_749_999, "25.7M", True),
        (25_649_999, "25.7M", False),
        (25_760_000, "25.7M", False),
        (5_180_840, "5.18M", True),
        (5_170_000, "5.18M", False),
        (141_000_000, "0.14G", True),
        (141_000_000, "142M", False),
    ],
)
def test_a_figure_is_held_to_the_digits_that_it_shows(ours: int, published: int | str, equal: bool) -> None:
    """The meta-test: a total that is off is seen."""
    assert agrees(ours, published) is equal


def test_one_channel_more_is_seen(tmp_path: Path) -> None:
    """The meta-test of the networks from outside."""
    text = (ROOT / "specs/darknet53.yaml").read_text()
    changed = tmp_path / "darknet53.yaml"
    changed.write_text(text.replace("conv: {ConvLeaky: 32}", "conv: {ConvLeaky: 33}"))
    (claim,) = PUBLISHED["darknet53"]
    assert agrees(network("darknet53").report().totals.parameters, claim["parameters"])
    assert not agrees(archgen.load(changed).report().totals.parameters, claim["parameters"])


@pytest.mark.parametrize("name", WRITTEN)
def test_the_module_has_the_weights_and_outputs_of_the_original(name: str) -> None:
    torch = pytest.importorskip("torch")
    from tests.reference import weights

    figures = TORCHVISION[name]
    module = network(name).module()
    shapes = [list(parameter.shape) for parameter in module.parameters()]
    assert len(shapes) == figures["tensors"]
    assert hashlib.sha256(json.dumps(shapes).encode()).hexdigest()[:16] == figures["shapes_digest"]
    expected = torch.tensor(figures["output"])
    difference = (weights.outputs(module, tuple(figures["input"]))[:, :6] - expected).abs().max() / expected.abs().max()
    assert difference < 1e-3


def test_a_wrong_activation_changes_the_outputs() -> None:
    """The meta-test: shapes and counts would not see it."""
    torch = pytest.importorskip("torch")
    from tests.reference import weights

    module = network("resnet18").module()
    module.layer3[1].relu1 = torch.nn.Identity()
    expected = torch.tensor(TORCHVISION["resnet18"]["output"])
    assert (weights.outputs(module, (3, 224, 224))[:, :6] - expected).abs().max() / expected.abs().max() > 1e-3


def torchvision_keys(block: str, depths: tuple[int, ...]) -> list[str]:
    """The keys of torchvision's checkpoints (torchvision/models/resnet.py), in their order."""

    def norm(name: str) -> list[str]:
        return [f"{name}.{tensor}" for tensor in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")]

    keys = ["conv1.weight", *norm("bn1")]
    for stage, depth in enumerate(depths, start=1):
        for index in range(depth):
            path = f"layer{stage}.{index}"
            for number in range(1, 3 if block == "BasicBlock" else 4):
                keys += [f"{path}.conv{number}.weight", *norm(f"{path}.bn{number}")]
            if index == 0 and (stage > 1 or block == "Bottleneck"):
                keys += [f"{path}.downsample.0.weight", *norm(f"{path}.downsample.1")]
    return [*keys, "fc.weight", "fc.bias"]


@pytest.mark.parametrize(
    ("name", "block", "depths"),
    [
        ("resnet18", "BasicBlock", (2, 2, 2, 2)),
        ("resnet34", "BasicBlock", (3, 4, 6, 3)),
        ("resnet50", "Bottleneck", (3, 4, 6, 3)),
        ("resnet101", "Bottleneck", (3, 4, 23, 3)),
        ("resnet152", "Bottleneck", (3, 8, 36, 3)),
    ],
)
def test_a_torchvision_checkpoint_has_the_same_keys(name: str, block: str, depths: tuple[int, ...]) -> None:
    pytest.importorskip("torch")
    assert list(network(name).module().state_dict()) == torchvision_keys(block, depths)


def test_resnet34_has_its_published_size() -> None:
    """torchvision's own table: 21,797,672 parameters, 3.66 GFLOPS."""
    assert network("resnet34").report().totals.parameters == 21_797_672


def test_the_network_of_the_book() -> None:
    """Dive into Deep Learning, section 8.6: the shapes that its own code prints."""
    torch = pytest.importorskip("torch")
    book = network("d2l_resnet18")
    report = book.report()
    top = [(row.path, row.type, row.output_shape) for row in report.rows if row.depth == 1]
    assert top == [
        ("b1", "Sequential", (64, 56, 56)),
        ("b2", "Sequential", (64, 56, 56)),
        ("b3", "Sequential", (128, 28, 28)),
        ("b4", "Sequential", (256, 14, 14)),
        ("b5", "Sequential", (512, 7, 7)),
        ("avgpool", "AdaptiveAvgPool2d", (512, 1, 1)),
        ("flatten", "Flatten", (512,)),
        ("fc", "Linear", (10,)),
    ]
    assert (report.totals.parameters, report.totals.macs) == (11_178_378, 1_734_890_496)
    module = book.module()
    assert len(list(module.parameters())) == 76
    x = torch.zeros(1, 1, 224, 224)
    for (_, kind, shape), child in zip(top, module.children(), strict=True):
        x = child(x)
        assert (type(child).__name__, tuple(x.shape)) == (kind, (1, *shape))
