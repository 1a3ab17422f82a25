"""The generated modules as a product: what a person, a linter and a type checker see; and the proof that each build makes."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import archgen
from archgen.emit.layout import Group, docstring, escaped, lines
from archgen.proof import check
from archgen.proof.parsed import ProofError

ROOT = Path(__file__).parent.parent
SPECS = sorted((ROOT / "specs").glob("*.yaml"))


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated")
    for path in SPECS:
        (folder / f"{path.stem}.py").write_text(archgen.load(path).source())
    return folder


@pytest.mark.parametrize(
    "tool", [["ruff", "check"], ["ruff", "format", "--check", "--line-length", "100"], ["mypy", "--strict"]], ids=" ".join
)
def test_the_modules_pass(tool: list[str], generated: Path) -> None:
    pytest.importorskip("torch")
    result = subprocess.run([sys.executable, "-m", *tool, "."], cwd=generated, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_module_imports_torch_and_the_standard_library_alone(generated: Path) -> None:
    for path in generated.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert {alias.name for alias in node.names} <= {"torch", "torch.nn.functional", "math"}
            if isinstance(node, ast.ImportFrom):
                assert node.module in ("torch", "functools", "collections.abc")


def test_resnet18_reads_as_a_person_would_write_it() -> None:
    source = archgen.load(ROOT / "specs/resnet18.yaml").source()
    assert "        x = self.relu2(out + self.downsample(x))\n        return x\n" in source
    assert "            BasicBlock(64, 128, stride=2),\n            BasicBlock(128, 128),\n" in source
    assert "    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:\n" in source
    assert "        x = self.layer2(x)  # [N, 128, 28, 28]\n" in source
    assert "if stride != 1 or in_channels != channels:\n            self.downsample: nn.Module = nn.Sequential(\n" in source


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("BasicBlock(64, 128, stride=2)", "BasicBlock(64, 128, stride=1)", "layer2.0.conv1"),
        ("nn.Conv2d(in_channels, 64, kernel_size=7", "nn.Conv2d(in_channels, 63, kernel_size=7", "conv1"),
        ("nn.Linear(512, num_classes)", "nn.Linear(512, num_classes, bias=False)", "fc"),
        ("self.bn1 = nn.BatchNorm2d(64)", "self.bn1 = nn.BatchNorm1d(64)", "bn1"),
        ("self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)", "self.pool = nn.MaxPool2d(3, stride=2, padding=1)", "maxpool"),
    ],
)
def test_the_proof_catches_a_wrong_argument(old: str, new: str, named: str) -> None:
    """The meta-test of the proof: each change is one that a fault of the emitter could make."""
    network = archgen.load(ROOT / "specs/resnet18.yaml")
    source = network.source()
    assert old in source
    with pytest.raises(ProofError, match=named):
        check.check(source.replace(old, new), network.graph, network.trace(network.spec.input))


@pytest.mark.parametrize(
    "line",
    [
        "import os",
        "from subprocess import run",
        "x = (lambda: 1)()",
        "x = nn.__class__",
        "x = f'{1}'",
        "exec('1')",
        "while True: pass",
        "try:\n    pass\nexcept Exception:\n    pass",
        "global y",
        "x = 1 ** 9",
        'class A(nn.Module):\n    """A."""\n    def __init__(self): raise ValueError(self)\n    def forward(self): return self',
    ],
)
def test_the_proof_catches_what_no_template_produces(line: str) -> None:
    network = archgen.load(ROOT / "specs/resnet18.yaml")
    numbers = network.trace(network.spec.input)
    check.check(network.source(), network.graph, numbers)
    with pytest.raises(ProofError):
        check.check(network.source() + line + "\n", network.graph, numbers)


def test_a_network_that_does_not_fit_has_no_source(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text("name: Net\ninput: [3, 8, 8]\nstem: {a: {conv: 4, kernel_size: 3, stride: 0}}\n")
    with pytest.raises(archgen.SpecError, match=r"`stride`\s+is 0"):
        archgen.load(path).source()


def test_text_of_the_spec_stays_text(tmp_path: Path) -> None:
    """Free text reaches the docstrings alone, and says the same there."""
    hostile = "\\\"\\\"\\\" + __import__('os').system('x') # {{ 7*7 }} \\\\N{DASH} \\u00e9 %s"
    path = tmp_path / "net.yaml"
    path.write_text(f'name: Net\ndescription: "{hostile}"\ninput: [3, 8, 8]\nstem: {{conv1: {{conv: 4, kernel_size: 3}}}}\n')
    network = archgen.load(path)
    tree = ast.parse(network.source())
    contract = network.contract()
    assert contract is not None
    expected = f"{network.spec.description} {contract.sentence()}"
    assert " ".join((ast.get_docstring(tree) or "").split()) == " ".join(expected.split())
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "__import__"]


# ---- layout


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (40, ["    x = f(aaaa, bbbb, cccc)"]),
        (24, ["    x = f(", "        aaaa, bbbb, cccc", "    )"]),
        (20, ["    x = f(", "        aaaa,", "        bbbb,", "        cccc,", "    )"]),
    ],
)
def test_a_call_is_broken_as_ruff_does(width: int, expected: list[str]) -> None:
    assert lines(Group("f(", ("aaaa", "bbbb", "cccc"), ")"), 4, width, "x = ") == expected


def test_a_docstring_escapes_what_could_end_it() -> None:
    line = docstring([escaped('a "quoted" \\ backslash \u00e9 \x07')], 100, 4)
    assert line.isascii()
    assert line.isprintable()
    assert ast.literal_eval(line.strip()) == 'a "quoted" \\ backslash \u00e9 \x07'
