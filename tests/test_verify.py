"""The verifier: what it passes, and for each check a change that it must catch and place."""

from __future__ import annotations

import importlib.util
import py_compile
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import archgen

torch = pytest.importorskip("torch")

from archgen import modules  # noqa: E402
from archgen.trace import on_names, on_numbers, on_sizes  # noqa: E402
from archgen.verify import compare as compare_room  # noqa: E402
from archgen.verify import flow, limits, parent, process  # noqa: E402
from archgen.verify.compare import compare  # noqa: E402
from archgen.verify.interpreter import Interpreter  # noqa: E402

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
        ("nn.BatchNorm2d(8)", "nn.BatchNorm2d(8, eps=1e-6)", "the flow of data", "bn1: eps is 1e-06, and 1e-05 in the spec"),
        ("nn.BatchNorm2d(8)", "nn.BatchNorm2d(8, momentum=0.3)", "the flow of data", "bn1: momentum is 0.3"),
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


CHANCE = """\
name: Chance
input: [3, 8, 8]
args: {num_classes: 5}
stem:
  conv: {conv: 8, kernel_size: 3}
  bn: batch_norm
  body:
    residual:
      inner: {conv: 8, kernel_size: 3}
      scale: layer_scale
  scaled: [layer_scale, relu]
head:
  pool: {adaptive_avg_pool: 1}
  flatten: flatten
  drop: {dropout: 0.3}
  fc: {linear: num_classes}
"""


@pytest.fixture(scope="module")
def chance(tmp_path_factory: pytest.TempPathFactory) -> archgen.Network:
    path = tmp_path_factory.mktemp("specs") / "chance.yaml"
    path.write_text(CHANCE)
    return archgen.load(path)


def test_a_network_with_chance_is_compared_in_both_modes(chance: archgen.Network) -> None:
    checks = compare(chance, chance.source())
    assert [check.difference for check in checks] == [""] * 6
    assert {check.name: check.count for check in checks}["the flow of data"] == 2


def test_statistics_of_the_batch_need_two_images(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(
        "name: Net\ninput: [6, 1, 1]\nstem: {a: {conv: 8, kernel_size: 1}, b: {batch_norm, track_running_stats: false}}\n"
    )
    network = archgen.load(path)
    assert [check.difference for check in compare(network, network.source())] == [""] * 6


def test_what_is_not_finite_is_told_as_that(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(
        "name: Net\ninput: [3, 1, 1]\nstem: {a: {max_pool: 2, stride: 1, padding: 1, dilation: 2}, b: batch_norm}\n"
    )
    network = archgen.load(path)  # its windows hold padding alone
    failed = compare(network, network.source())[-1]
    assert failed.difference == "output 0 is not finite in training mode"


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("nn.Dropout(0.3)", "nn.Dropout(0.6)", "drop: p is 0.6, and 0.3 in the spec"),
        ("LayerScale(8, trailing=2)", "LayerScale(8, 1e-5, trailing=2)", "scaled.0: weight does not start at 1e-06"),
        ("torch.full((8, 1, 1), 1e-06)", "torch.full((8, 1, 1), 1e-05)", "scale does not start as a 8x1x1 of 1e-06"),
        ("return x * self.weight", "return x * self.weight * 0", "scaled.0: output 0 differs"),
        ("x * self.scale", "x * self.scale * 0", "output 0 differs"),
    ],
)
def test_what_outputs_hardly_show_is_caught(chance: archgen.Network, old: str, new: str, place: str) -> None:
    source = chance.source()
    assert old in source
    failed = compare(chance, source.replace(old, new))[-1]
    assert failed.name == "the flow of data"
    assert place in failed.difference


@pytest.mark.parametrize("training", [False, True])
def test_the_interpreter_gives_the_very_same_numbers(network: archgen.Network, training: bool) -> None:
    module = modules.build(network.source(), network.name, {}).train(training)
    x = torch.randn(2, *network.spec.input, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        (expected,) = Interpreter(network, module, network.spec.input).run(x)
        assert torch.equal(expected, module(x))


def test_too_little_memory_is_no_finding(network: archgen.Network, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(compare_room, "measure", full)
    with pytest.raises(archgen.EnvironmentFault, match="memory"):
        compare(network, network.source())


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


def test_the_first_different_line_is_told(network: archgen.Network, tmp_path: Path) -> None:
    path = tmp_path / "small.py"
    path.write_text(network.source() + "more\n")
    lines = len(network.source().splitlines())
    assert f"small.py:{lines + 1} " in parent.verify(network, path, "cpu").checks[-1].difference


def test_a_file_that_cannot_be_read_is_a_fault(network: archgen.Network, tmp_path: Path) -> None:
    with pytest.raises(archgen.EnvironmentFault, match="is a folder, not a file"):
        parent.verify(network, tmp_path, "cpu")


_BEFORE = process.START.partition("import_module(sys.argv[2])")[0]
_CHILD = _BEFORE + "from archgen.verify import limits; limits.limit_files(); "


@pytest.mark.parametrize(
    ("start", "told"),
    [
        ("import subprocess; subprocess.run(['sleep', '12'])", "more than 2 seconds"),
        (_CHILD + "[print('x' * 10**6) for _ in range(1000)]", "File too large"),
        ("raise ValueError('lost')", "ValueError: lost"),
        ("import os; os.abort()", "exit code -6"),
    ],
    ids=["hangs with a grandchild", "prints without end", "raises", "dies"],
)
def test_a_child_that_goes_wrong_is_a_fault(
    network: archgen.Network, monkeypatch: pytest.MonkeyPatch, start: str, told: str
) -> None:
    monkeypatch.setattr(process, "START", start)
    if "sleep" in start:
        monkeypatch.setattr(process, "SECONDS", 2)
    with pytest.raises(archgen.EnvironmentFault, match=told):
        parent.verify(network, None, "cpu")


@pytest.mark.parametrize(("block", "name"), [("DropoutBlock", "Drop"), ("Block", "DropoutNet"), ("Block", "Drop")])
def test_what_is_called_like_a_layer_of_chance_is_compared_in_training(block: str, name: str, tmp_path: Path) -> None:
    text = f"name: {name}\ninput: [3, 8, 8]\nstem: {{b: {block}}}\nblocks:\n  {block}:\n    layers:\n"
    text += "      c: {conv: 4, kernel_size: 3}\n      n: batch_norm\n      d: {dropout: 0.5}\n"
    (tmp_path / "net.yaml").write_text(text)
    network = archgen.load(tmp_path / "net.yaml")
    source = network.source()
    assert not any(check.difference for check in compare(network, source))
    line = "        x = self.c(x)\n"
    changed = source.replace(line, f"{line}        if self.training:\n            x = x * x\n")
    assert changed != source
    assert compare(network, changed)[-1].difference


# ---- what it costs


def test_a_network_is_traced_once_for_each_domain_and_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read, generated, proved and compared: the session keeps each trace. A small input for the flow is one more."""
    traced: list[tuple[str, Any]] = []
    for room, name in ((on_numbers, "numbers"), (on_names, "names"), (on_sizes, "trace")):
        real = getattr(room, name)

        def counting(graph: Any, shape: Any, *rest: Any, _real: Any = real, _name: str = name) -> Any:
            traced.append((_name, shape))
            return _real(graph, shape, *rest)

        monkeypatch.setattr(room, name, counting)
    (tmp_path / "net.yaml").write_text(SPEC.replace("[3, 16, 16]", "[3, 64, 64]"))
    network = archgen.load(tmp_path / "net.yaml").checked()
    limits.needed(network, 2)
    assert not any(check.difference for check in compare(network, network.source()))
    own = [name for name, shape in traced if shape == (3, 64, 64)]
    assert sorted(own) == ["names", "numbers", "trace"]
    assert len(traced) == len(set(traced))


@pytest.mark.parametrize(
    ("name", "shape"),
    [("resnet18", (3, 48, 48)), ("googlenet", (3, 48, 48)), ("vgg16", (3, 64, 64)), ("resnet18_video", (3, 16, 48, 48))],
)
def test_the_flow_is_followed_at_a_small_size(name: str, shape: tuple[int, ...]) -> None:
    assert flow.small_input(archgen.load(ROOT / "specs" / f"{name}.yaml")) == shape


def test_the_small_size_is_one_that_the_module_runs_on(tmp_path: Path) -> None:
    """Where sizes become features there is none but the spec's own."""
    heads = (
        "{f: flatten, fc: {linear: 5}}",
        "{f: flatten, n: {layer_norm, elementwise_affine: false}}",
    )
    for head in heads:
        start = "name: Net\ninput: [3, 40, 40]\nstem: {a: {conv: 4, kernel_size: 3}}\n"
        (tmp_path / "net.yaml").write_text(f"{start}head: {head}\n")
        network = archgen.load(tmp_path / "net.yaml")
        assert flow.small_input(network) == (3, 40, 40), head
        assert not any(check.difference for check in compare(network, network.source()))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.relu2(out + self.downsample(x))", "self.relu2(out - self.downsample(x))"),
        ("        x = self.maxpool(x)", "        x = self.maxpool(x) + 0 * x[:, :, ::2, ::2] + 1e-2"),
        ("        x = self.layer4(x)", "        x = self.layer4(x).flip(-1)"),
        ("        x = self.layer4(x)", "        x = self.layer4(x).transpose(-1, -2)"),
    ],
)
def test_the_small_size_shows_what_the_large_one_would(old: str, new: str) -> None:
    network = archgen.load(ROOT / "specs" / "resnet18.yaml")
    source = network.source()
    assert old in source
    pooled = source.replace("        x = self.avgpool(x)", "        x = self.avgpool(x * x)")  # else a flip of all is none
    failed = compare(network, pooled.replace(old, new))[-1]
    assert (failed.name, bool(failed.difference)) == ("the flow of data", True)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")
def test_a_child_ends_with_its_parent(network: archgen.Network, tmp_path: Path) -> None:
    """The parent is killed without a chance to tidy up, while the child, which tells its number, goes on for ever."""
    sleeping = "import os, time; from archgen.verify import limits; limits.end_with_parent(); "
    start = _BEFORE + sleeping + f"open({str(tmp_path / 'child')!r}, 'w')"
    start += ".write(f'{os.getpid()} '); time.sleep(600)"
    code = f"from archgen.verify import process; process.START = {start!r}; process.ask({{}}, '')"
    started = subprocess.Popen([sys.executable, "-c", code])
    waited(lambda: (tmp_path / "child").is_file() and (tmp_path / "child").read_text().endswith(" "))
    child = Path("/proc") / (tmp_path / "child").read_text().strip()
    assert child.exists()
    started.kill()
    started.wait()
    waited(lambda: not child.exists() or "State:\tZ" in (child / "status").read_text())


def waited(done: Callable[[], bool]) -> None:
    """Waits until something is so, and for ever if it never is: the whole suite has a limit."""
    while not done():
        time.sleep(0.01)


@pytest.mark.parametrize(("given", "threads"), [({}, 3), ({"OMP_NUM_THREADS": "1"}, 1)])
def test_the_threads_of_torch(
    given: dict[str, str], threads: int, network: archgen.Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those asked for, or the user's own setting, which reaches the child."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    tell = "import json, torch; from archgen.verify import child; child._device('cpu', json.loads(input())['threads']); "
    tell += "print(json.dumps({'checks': [['threads', torch.get_num_threads()]]}))"
    monkeypatch.setattr(process, "START", _BEFORE + tell)
    asked = None if given else 3
    assert parent.verify(network, None, "cpu", threads=asked).checks[-1].count == threads


# ---- what was planted beside the file


def planted(canary: Path) -> str:
    return f"open({str(canary)!r}, 'w').close()\n"


@pytest.fixture
def checkout(network: archgen.Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a stranger's pull request, and the current one, with the generated module in it."""
    (tmp_path / "small.py").write_text(network.source())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_planted_modules_are_not_imported(network: archgen.Network, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same names do run where an interpreter starts here without precautions."""
    canary = checkout / "canary"
    for name in ("torch", "sitecustomize", "usercustomize", "yaml", "jinja2", "numpy", "json", "archgen", "random"):
        (checkout / f"{name}.py").write_text(planted(canary))
    (checkout / "evil.pth").write_text(f"import sys; {planted(canary)}")
    monkeypatch.setenv("PYTHONPATH", str(checkout))
    monkeypatch.setenv("PYTHONSTARTUP", str(checkout / "torch.py"))
    monkeypatch.setenv("PYTHONUSERBASE", str(checkout))
    for code in ("import torch", "pass"):
        subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
        assert canary.exists(), "the exploit is none"
        canary.unlink()
    assert parent.verify(network, checkout / "small.py", "cpu").agrees
    assert not canary.exists()


def test_planted_bytecode_does_not_run(network: archgen.Network, checkout: Path) -> None:
    """Bytecode whose flag says that nobody need compare it with its source runs instead of it, even with `-I`."""
    canary = checkout / "canary"
    other = checkout / "other.py"
    other.write_text(planted(canary))
    cached = importlib.util.cache_from_source(str(checkout / "small.py"))
    py_compile.compile(str(other), cached, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    start = f"import sys; sys.path.insert(0, {str(checkout)!r}); import small"
    subprocess.run([sys.executable, "-I", "-c", start], check=False, capture_output=True)
    assert canary.exists(), "the exploit is none"
    canary.unlink()
    assert parent.verify(network, checkout / "small.py", "cpu").agrees
    assert not canary.exists()


@pytest.mark.parametrize("name", ["__init__", "records", "verify/child"])
def test_planted_bytecode_of_archgen_does_not_run(name: str, tmp_path: Path) -> None:
    """The child reads archgen from its source alone."""
    canary = tmp_path / "canary"
    package = tmp_path / "archgen"
    shutil.copytree(ROOT / "archgen", package, ignore=shutil.ignore_patterns("__pycache__"))
    other = tmp_path / "other.py"
    other.write_text(planted(canary))
    cached = importlib.util.cache_from_source(str(package / f"{name}.py"))
    py_compile.compile(str(other), cached, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    plain = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import archgen.verify.child"
    start = process.START.replace(".main()", "")
    for code, runs in ((plain, True), (start, False)):
        command = [sys.executable, "-I", "-B", "-c", code, str(package / "__init__.py"), "archgen.verify.child"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert canary.exists() == runs, done.stderr
        assert runs or not done.returncode, done.stderr
        canary.unlink(missing_ok=True)


def test_a_file_that_is_swapped_after_the_comparison_does_not_run(
    network: archgen.Network, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = checkout / "canary"
    ask = process.ask

    def swapped(order: dict[str, Any], child: str) -> dict[str, Any]:
        (checkout / "small.py").write_text(planted(canary))
        return ask(order, child)

    monkeypatch.setattr(process, "ask", swapped)
    assert parent.verify(network, checkout / "small.py", "cpu").agrees
    assert not canary.exists()


def test_a_spec_that_is_swapped_meanwhile_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC)
    network = archgen.load(path)
    ask = process.ask

    def swapped(order: dict[str, Any], child: str) -> dict[str, Any]:
        path.write_text(SPEC.replace("conv: 8", "conv: 9"))
        return ask(order, child)

    monkeypatch.setattr(process, "ask", swapped)
    with pytest.raises(archgen.EnvironmentFault, match="the spec changed"):
        parent.verify(network, None, "cpu")


@pytest.mark.parametrize("line", ["# coding: utf-7", "# -*- coding: latin-1 -*-"])
def test_a_file_that_says_how_to_decode_it_is_told(network: archgen.Network, checkout: Path, line: str) -> None:
    path = checkout / "small.py"
    canary = checkout / "canary"
    path.write_text(f"{line}\n# +AAo-open({str(canary)!r}, 'w')\n{network.source()}")
    assert not parent.verify(network, path, "cpu").agrees
    assert not canary.exists()


# ---- limits


def test_the_memory_of_a_child_follows_from_the_report(network: archgen.Network) -> None:
    """A training step, which tests/test_memory.py holds against torch's allocator, the weights, their gradients, a copy."""
    costs = network.costs(batch=6)
    assert limits.needed(network, 6) == costs.training.size + 3 * 4 * network.report().totals.parameters
    assert limits.needed(network, 1) == limits.needed(network, 2)  # batch norm needs two images


def test_a_network_that_no_machine_holds_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    one = "{conv: 1000000000, kernel_size: 1}"
    path.write_text(f"name: Huge\ninput: [3, 32, 32]\nstem: {{a: {one}, b: {one}}}\n")
    network = archgen.load(path)
    (tmp_path / "huge.py").write_text(network.source())
    verification = parent.verify(network, tmp_path / "huge.py", "cpu")
    assert "it needs about 11,175," in verification.not_run
    assert not verification.agrees
    assert [check.difference for check in verification.checks] == [""]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of a process as Linux has them")
@pytest.mark.parametrize(
    ("limit", "greed", "told"),
    [
        ("limits.limit_memory(0)", "bytearray(5 * 2**30)", "MemoryError"),
        ("limits.limit_time(-4)", "import time; time.sleep(60)", "exit code -14"),
        ("limits.limit_time(-4)", "import signal; signal.alarm(0)\nwhile True: pass", "exit code -24"),
        ("limits.limit_files()", "open('x', 'wb').write(bytes(2**25))", "File too large"),
    ],
)
def test_a_limit_holds(limit: str, greed: str, told: str, network: archgen.Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "START", f"{_BEFORE}from archgen.verify import limits\n{limit}\n{greed}\n")
    monkeypatch.setattr(process, "SECONDS", 20)
    with pytest.raises(archgen.EnvironmentFault, match=told):
        parent.verify(network, None, "cpu")


def test_a_missing_file_is_told(network: archgen.Network, tmp_path: Path) -> None:
    verification = parent.verify(network, tmp_path / "none.py", "cpu")
    assert "is missing" in verification.checks[-1].difference


@pytest.mark.parametrize(
    ("torch", "told"),
    [("None", "torch can't be imported"), ("type('Old', (), {})()", "AttributeError: 'Old' object has no attribute")],
    ids=["missing", "broken"],
)
def test_a_torch_that_does_not_work_is_a_fault_of_one_line(
    torch: str, told: str, network: archgen.Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = process.START.removeprefix(_BEFORE)
    monkeypatch.setattr(process, "START", f"{_BEFORE}sys.modules['torch'] = {torch}\n{after}")
    with pytest.raises(archgen.EnvironmentFault, match=told) as fault:
        parent.verify(network, None, "auto")
    assert "\n" not in fault.value.sentence


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is here")
def test_cuda_that_is_absent_is_a_fault(network: archgen.Network) -> None:
    with pytest.raises(archgen.EnvironmentFault, match="CUDA"):
        parent.verify(network, None, "cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")
def test_the_module_runs_on_cuda(network: archgen.Network) -> None:
    assert parent.verify(network, None, "cuda").agrees
