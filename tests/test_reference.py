"""Every spec whose network others have published, against their figures: counts, the order of weights, and outputs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

import archgen

ROOT = Path(__file__).parent.parent
TORCHVISION: dict[str, Any] = {
    name: figures
    for file in ("torchvision", "transformers")
    for name, figures in json.loads((ROOT / f"tests/reference/{file}.json").read_text()).items()
}
WRITTEN = sorted(name for name in TORCHVISION if (ROOT / f"specs/{name}.yaml").is_file())
PUBLISHED: dict[str, Any] = json.loads((ROOT / "tests/reference/published.json").read_text())["networks"]


def network(name: str) -> archgen.Network:
    return archgen.load(ROOT / f"specs/{name}.yaml")


def test_the_resnets_are_written() -> None:
    assert {"resnet18", "resnet50", "resnet101", "resnet152"} <= set(WRITTEN)


@pytest.mark.parametrize("name", WRITTEN)
def test_the_report_equals_the_published_figures(name: str) -> None:
    totals = network(name).report().totals
    assert (totals.parameters, totals.macs) == (TORCHVISION[name]["parameters"], TORCHVISION[name]["macs"])


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


def test_the_pyramid_is_resnet50_without_its_head_and_eight_convolutions() -> None:
    """Lin et al., 2017, section 3: on each of four levels a lateral 1x1 and an output 3x3 convolution of 256 channels."""
    lateral = sum(channels * 256 + 256 for channels in (256, 512, 1024, 2048))
    level = 256 * 256 * 9 + 256
    trunk = TORCHVISION["resnet50"]["parameters"] - (2048 * 1000 + 1000)
    report = network("resnet50_fpn").report()
    assert report.totals.parameters == trunk + lateral + 4 * level
    assert report.output_shapes == ((256, 56, 56), (256, 28, 28), (256, 14, 14), (256, 7, 7), (256, 4, 4))


def agrees(count: float, published: str) -> bool:
    """Whether a count in millions is the published one, to as many digits as that has."""
    return f"{count / 1e6:.{len(published.partition('.')[2])}f}" == published


@pytest.mark.parametrize("name", PUBLISHED)
def test_networks_of_other_authors_have_the_published_parameters(name: str) -> None:
    assert agrees(network(name).report().totals.parameters, PUBLISHED[name]["millions"])


@pytest.mark.parametrize("name", [name for name, figures in PUBLISHED.items() if "giga_macs" in figures])
def test_networks_of_other_authors_have_the_published_macs(name: str) -> None:
    figures = PUBLISHED[name]
    rows = network(name).report(tuple(figures["input"])).rows
    macs = sum(row.macs or 0 for row in rows if row.depth == 1)  # an auxiliary head's too, as torchvision counts
    assert agrees(macs / 1e3, figures["giga_macs"])


@pytest.mark.parametrize("name", PUBLISHED)
def test_one_more_in_the_last_digit_does_not_agree(name: str) -> None:
    """The meta-test."""
    published = PUBLISHED[name]["millions"]
    unit = 10 ** (6 - len(published.partition(".")[2]))
    assert not agrees(network(name).report().totals.parameters + unit, published)
