"""The verifier: what it passes, and for each check a change that it must catch and place."""

from __future__ import annotations

from pathlib import Path

import pytest

import archgen

torch = pytest.importorskip("torch")

from archgen.verify import parent  # noqa: E402
from archgen.verify.compare import compare  # noqa: E402

ROOT = Path(__file__).parent.parent
SPEC = """\
name: Small
input: [3, 16, 16]
args: {num_classes: 5}
stem:
  conv1: {conv: 8, kernel_size: 3, bias: false}
  bn1: batch_norm
  relu: relu
stages:
  layer1: {BasicBlock: 8, depth: 2, stride: 1}
  layer2: {BasicBlock: 16, depth: 2, stride: 2}
head:
  avgpool: {adaptive_avg_pool: 1}
  flatten: flatten
  fc: {linear: num_classes}
"""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> archgen.Network:
    path = tmp_path_factory.mktemp("specs") / "small.yaml"
    path.write_text(SPEC)
    return archgen.load(path)


def test_what_the_spec_generates_agrees(network: archgen.Network) -> None:
    checks = compare(network, network.source())
    assert [check.difference for check in checks] == [""] * 6
    assert all(check.count for check in checks)


@pytest.mark.parametrize(
    ("old", "new", "check", "place"),
    [
        ("BasicBlock(8, 16, stride=2)", "BasicBlock(8, 16)", "output shapes and order of layers", "layer2.0.conv1"),
        ("nn.Linear(16, num_classes)", "nn.Linear(16, num_classes + 1)", "parameters and buffers", "fc"),
        ("nn.Linear(16, num_classes)", "nn.Linear(16, num_classes, bias=False)", "parameters and buffers", "fc"),
        ("self.bn1 = nn.BatchNorm2d(8)", "self.norm1 = nn.BatchNorm2d(8)", "names, types and order", "bn1"),
        ("self.relu = nn.ReLU(", "self.relu = nn.ReLU6(", "names, types and order", "relu"),
        (
            "        out = self.bn1(out)\n        out = self.relu1(out)\n",
            "        out = self.relu1(out)\n        out = self.bn1(out)\n",
            "output shapes and order of layers",
            "layer1.0.bn1",
        ),
        ("self.relu2(out + self.downsample(x))", "self.relu2(self.downsample(x) * 0 + out)", "the flow of data", "layer1.0"),
        ("self.relu2(out + self.downsample(x))", "self.relu2(out - self.downsample(x))", "the flow of data", "layer1.0"),
        ("stride=stride, padding=1", "stride=stride, padding=1, padding_mode='reflect'", "the flow of data", "layer1.0.conv1"),
        ("return x\n", "return x.detach()\n", "forward and backward on cpu", "element 0 of tensors does not require grad"),
        ("class Small(nn.Module)", "class Other(nn.Module)", "the module can be built", "Small"),
    ],
)
def test_a_change_is_caught_and_placed(network: archgen.Network, old: str, new: str, check: str, place: str) -> None:
    source = network.source()
    assert old in source
    failed = compare(network, source.replace(old, new))[-1]
    assert failed.name == check
    assert place in failed.difference


def test_a_process_of_its_own_agrees_too(network: archgen.Network, tmp_path: Path) -> None:
    path = tmp_path / "small.py"
    path.write_text(network.source())
    verification = parent.verify(network, path, "cpu")
    assert verification.agrees
    assert verification.checks[0].name == "the file on disk"
    assert len(verification.checks) == 7


def test_a_tampered_file_is_told_and_never_run(network: archgen.Network, tmp_path: Path) -> None:
    path = tmp_path / "small.py"
    canary = tmp_path / "canary"
    path.write_text(network.source() + f"open({str(canary)!r}, 'w')\n")
    verification = parent.verify(network, path, "cpu")
    assert not verification.agrees
    assert "small.py" in verification.checks[-1].difference
    assert not canary.exists()


def test_a_missing_file_is_told(network: archgen.Network, tmp_path: Path) -> None:
    verification = parent.verify(network, tmp_path / "none.py", "cpu")
    assert "is missing" in verification.checks[-1].difference


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is here")
def test_cuda_that_is_absent_is_a_fault(network: archgen.Network) -> None:
    with pytest.raises(archgen.EnvironmentFault, match="CUDA"):
        parent.verify(network, None, "cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")
def test_the_module_runs_on_cuda(network: archgen.Network) -> None:
    assert parent.verify(network, None, "cuda").agrees
