"""`archgen compare`: a model by hand beside its spec, and each way in which the two may differ or the model fail."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import archgen as package
from archgen.port import parent
from archgen.port.pairs import NAME, ORDER, Weight, paired
from archgen.verify import process
from tests.conftest import ROOT, Result, python

torch = pytest.importorskip("torch")

from archgen.port.compare import compare  # noqa: E402

SCHEMA = json.loads((ROOT / "docs/comparison.schema.json").read_text())
SPEC = """\
name: Small
input: [3, 12, 12]
stem:
  conv1: {conv: 8, kernel_size: 3, bias: false}
  bn1: batch_norm
  relu: relu
stages:
  layer1: {BasicBlock: 16, depth: 2, stride: 2}
head:
  avgpool: {adaptive_avg_pool: 1}
  flatten: flatten
  drop: {dropout: 0.5}
  fc: {linear: 5}
"""
# The same by hand, in another style; the names are those of the spec.
MODEL = """\
import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, inside, outside, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        if stride != 1 or inside != outside:
            self.downsample = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if hasattr(self, "downsample"):
            x = self.downsample(x)
        return F.relu(x + y)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.layer1 = nn.Sequential(Block(8, 16, 2), Block(16, 16, 1))
        self.fc = nn.Linear(16, 5)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer1(x)
        x = F.dropout(x.mean((2, 3)), 0.5, self.training)
        return self.fc(x)
"""
RENAMED = MODEL.replace("self.bn1", "self.norm").replace("self.layer1", "self.stages").replace("self.fc", "self.head")


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Writes a spec and, as `models.net`, a model into an empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(SPEC)
    (tmp_path / "models").mkdir()

    def write(model: str) -> None:
        (tmp_path / "models/net.py").write_text(model)

    return write


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets both sides run in this process: torch need not be imported for each test."""

    def ask(order: dict[str, Any], child: str, alone: bool) -> dict[str, Any]:
        assert (child, alone) == ("archgen.port.child", False)
        for name in ("models.net", "models"):
            sys.modules.pop(name, None)
        network = package.load(order["spec"], tuple(order["settings"]))
        found = compare(network.name, network.source(), order["model"], (tuple(order["shape"]),))
        answer: dict[str, Any] = json.loads(json.dumps(found))
        return answer

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(process, "ask", ask)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


def verdicts(out: str) -> dict[str, str]:
    """The last word of each row of the first table."""
    rows = out.split("\n\n")[0].splitlines()[2:-1]
    return {
        " ".join(row.split()[:2]) if row.startswith(("their", "run")) else row.split("  ")[0]: row.split()[-1] for row in rows
    }


def as_json(archgen: Callable[..., Result], *more: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(archgen("compare", "small.yaml", "models.net:Net", "--format", "json", *more).out)
    jsonschema.validate(values, SCHEMA)
    return values


ALL = [
    "parameters",
    "MACs",
    "weights",
    "their names",
    "their order",
    "outputs in evaluation",
    "outputs with batch statistics",
    "running statistics",
]


# ---- what is equal


def test_the_same_by_hand_is_equal(beside: Callable[[str], None], here: None, archgen: Callable[..., Result]) -> None:
    beside(MODEL)
    result = archgen("compare", "small.yaml", "models.net:Net")
    assert (result.code, result.err) == (0, "")
    assert verdicts(result.out) == dict.fromkeys(ALL, "equal")
    assert result.out.endswith("carried over  by name\ntolerance     1e-06 of the largest number, in float64\n")
    values = as_json(archgen)
    assert values["equal"]
    assert values["names"] == {name: name for name in package.load("small.yaml").module().state_dict()}
    report = package.load("small.yaml").report()
    totals = {"parameters": report.totals.parameters, "macs": report.totals.macs}
    assert values["totals"] == {"spec": totals, "model": totals}


def test_a_model_is_equal_up_to_names(beside: Callable[[str], None], here: None, archgen: Callable[..., Result]) -> None:
    beside(RENAMED)
    result = archgen("compare", "small.yaml", "models.net:Net")
    assert result.code == 1
    assert verdicts(result.out) == {**dict.fromkeys(ALL, "equal"), "their names": "DIFFERENT"}
    assert re.search(r"^bn1\.\* +norm\.\* +5  renamed$", result.out, re.MULTILINE)
    assert re.search(r"^layer1\.0\.conv1\.weight +stages\.0\.conv1\.weight +1  renamed$", result.out, re.MULTILINE)


def test_the_names_load_a_checkpoint(beside: Callable[[str], None], here: None, archgen: Callable[..., Result]) -> None:
    """As docs/porting.md says it."""
    beside(RENAMED)
    names = as_json(archgen)["names"]
    scope: dict[str, Any] = {}
    exec(RENAMED, scope)
    model = scope["Net"]().eval()
    module = package.load("small.yaml").module().eval()
    module.load_state_dict({names[name]: tensor for name, tensor in model.state_dict().items()})
    x = torch.randn(2, 3, 12, 12)
    with torch.no_grad():
        assert torch.allclose(module(x), model(x), atol=1e-6)


@pytest.mark.parametrize("result", ['{"out": x}', "(x,)", "[x, None]"])
def test_what_a_model_wraps_its_output_in(
    result: str, beside: Callable[[str], None], here: None, archgen: Callable[..., Result]
) -> None:
    beside(MODEL.replace("return self.fc(x)", f"x = self.fc(x)\n        return {result}"))
    assert archgen("compare", "small.yaml", "models.net:Net").code == 0


@pytest.mark.parametrize("name", ["build", "model", "Outer.Net"])
def test_what_a_model_may_be(name: str, beside: Callable[[str], None], here: None, archgen: Callable[..., Result]) -> None:
    beside(MODEL + "\n\ndef build(width=1):\n    return Net()\n\n\nmodel = Net()\n\n\nclass Outer:\n    Net = Net\n")
    assert archgen("compare", "small.yaml", f"models.net:{name}").code == 0


def test_a_model_of_float32_alone(beside: Callable[[str], None], here: None, archgen: Callable[..., Result]) -> None:
    beside(MODEL.replace("self.layer1(x)\n", "F.conv2d(self.layer1(x), torch.eye(16)[:, :, None, None])\n"))
    result = archgen("compare", "small.yaml", "models.net:Net")
    assert "tolerance     0.0001 of the largest number, in float32\n" in result.out
    assert verdicts(result.out)["outputs in evaluation"] == "equal"


def test_another_input_and_another_argument(beside: Callable[[str], None], here: None, archgen: Callable[..., Result]) -> None:
    beside(MODEL.replace("16, 5)", "16, 7)"))
    Path("small.yaml").write_text(SPEC.replace("linear: 5", "linear: classes") + "args: {classes: 5}\n")
    assert archgen("compare", "small.yaml", "models.net:Net").code == 1
    result = archgen("compare", "small.yaml", "models.net:Net", "--set", "classes=7", "--input", "3x20x20")
    assert result.code == 0
    assert "input         3x20x20\n" in result.out
    assert as_json(archgen, "--set", "classes=7", "--input", "3x20x20")["input_shape"] == [3, 20, 20]


# ---- what differs

CHANGES = [
    (
        "F.relu(x + y)",
        "F.elu(x + y)",
        "outputs in evaluation",
        "`layer1.1.conv1` is the first layer with weights that gets another",
    ),
    ("x + y", "x - y", "outputs in evaluation", "gets another input: look at what comes before it"),
    (
        "x = self.layer1(x)",
        "x = self.layer1(x) + 1e-4",
        "outputs in evaluation",
        "`fc` is the first layer with weights that gets",
    ),
    ("Block(8, 16, 2)", "Block(8, 16, 1)", "MACs", "`layer1.0.conv1` is the first layer with other MACs"),
    (
        "Block(8, 16, 2)",
        "Block(8, 16, 1)",
        "outputs in evaluation",
        "`layer1.0.conv1` is the first layer with weights that makes",
    ),
    (
        "nn.BatchNorm2d(8)",
        "nn.BatchNorm2d(8, eps=2e-6)",
        "outputs in evaluation",
        "`bn1` is the first layer with weights that makes",
    ),
    ("nn.BatchNorm2d(8)", "nn.BatchNorm2d(8, momentum=0.2)", "running statistics", "look at the `momentum`"),
    (
        "F.relu(self.bn1(self.conv1(x)))\n        x = s",
        "self.bn1(F.relu(self.conv1(x)))\n        x = s",
        "outputs in evaluation",
        "`bn1`",
    ),
    ("return self.fc(x)", "return self.fc(x) * 1.00001", "outputs in evaluation", "look at what comes after the last"),
    ("return self.fc(x)", "return self.fc(x), x", "outputs in evaluation", "the spec gives 1 tensor, the model 2 tensors"),
    ("return self.fc(x)", "return self.fc(x)[:, :4]", "outputs in evaluation", "5 in the spec, 4 in the model"),
    ("3, padding=1, bias", "3, padding=1, padding_mode='circular', bias", "outputs in evaluation", "`conv1`"),
    (
        "y = self.bn2(self.conv2(y))",
        "y = self.bn2(self.conv2(y)) + self.bn1.training",
        "outputs with batch statistics",
        "`layer1.1.conv1` is the first layer with weights that gets",
    ),
]


@pytest.mark.parametrize(("old", "new", "row", "told"), CHANGES)
def test_a_change_is_found_and_placed(
    old: str, new: str, row: str, told: str, beside: Callable[[str], None], here: None, archgen: Callable[..., Result]
) -> None:
    assert old in MODEL
    beside(MODEL.replace(old, new))
    result = archgen("compare", "small.yaml", "models.net:Net")
    assert (result.code, result.err) == (1, "")
    assert verdicts(result.out)[row] == "DIFFERENT"
    assert told in " ".join(result.out.split())
    assert max(map(len, result.out.splitlines())) <= 80


def test_a_layer_more(beside: Callable[[str], None], here: None, archgen: Callable[..., Result]) -> None:
    """In the model only, between layers that have other names."""
    more = RENAMED.replace(
        "self.norm = nn.BatchNorm2d(8)", "self.norm = nn.BatchNorm2d(8)\n        self.more = nn.Conv2d(8, 8, 1)"
    )
    beside(more.replace("x = self.stages(x)", "x = self.stages(self.more(x))"))
    result = archgen("compare", "small.yaml", "models.net:Net")
    assert result.code == 1
    assert verdicts(result.out) == dict.fromkeys(["parameters", "MACs", "weights"], "DIFFERENT")
    assert re.search(r"^- +more\.\* +2  only in the model$", result.out, re.MULTILINE)
    assert "carried over  not: the shapes differ, so outputs can't be compared\n" in result.out
    values = as_json(archgen)
    assert (values["carried"], values["runs"], values["names"]) == (None, [], None)
    assert [row["model"]["name"] for row in values["weights"] if row["spec"] is None] == ["more.weight", "more.bias"]


def test_a_weight_of_another_shape(beside: Callable[[str], None], here: None, archgen: Callable[..., Result]) -> None:
    beside(MODEL.replace("nn.Linear(16, 5)", "nn.Linear(16, 6)"))
    result = archgen("compare", "small.yaml", "models.net:Net")
    assert result.code == 1
    assert "fc.weight    fc.weight           1  5x16, in the model 6x16\n" in result.out


def test_another_order(beside: Callable[[str], None], here: None, archgen: Callable[..., Result]) -> None:
    """Weights are carried over by name; an optimizer's state, which goes by order, would not fit."""
    fc = "        self.fc = nn.Linear(16, 5)\n"
    first = "        self.conv1 = nn.Conv2d(3"
    beside(MODEL.replace(fc, "").replace(first, fc + first))
    result = archgen("compare", "small.yaml", "models.net:Net")
    assert result.code == 1
    assert verdicts(result.out) == {**dict.fromkeys(ALL, "equal"), "their order": "DIFFERENT"}
    assert "fc.*         fc.*                2  in another place\n" in result.out
    assert [row["spec"]["name"] for row in as_json(archgen)["weights"] if row["moved"]] == ["fc.weight", "fc.bias"]


def test_names_too_long_for_a_line(beside: Callable[[str], None], here: None, archgen: Callable[..., Result]) -> None:
    beside(MODEL.replace("self.fc", f"self.head_{'x' * 90}"))
    result = archgen("compare", "small.yaml", "models.net:Net")
    assert max(map(len, result.out.splitlines())) <= 80
    assert re.search(r" head_x+\.\.\.x+\.\* ", result.out)


# ---- how weights are paired


def weights(text: str) -> list[Weight]:
    """Of `name=1x2` texts."""
    return [
        Weight(name, tuple(map(int, filter(None, shape.split("x")))))
        for name, _, shape in (one.partition("=") for one in text.split())
    ]


@pytest.mark.parametrize(
    ("ours", "theirs", "carried", "found"),
    [
        ("a=1 b=2", "a=1 b=2", NAME, "a-a b-b"),
        ("a=1 b=1", "b=1 a=1", NAME, "a-a b-b"),
        ("a=1 b=1", "b=1 c=1", ORDER, "a-b b-c"),  # numbers in a list may be shifted by one
        ("a=1 b=2", "a=1 b=3", None, "a-a b-b"),
        ("a=1 b=2 c=3", "x=1 z=3", None, "a-x b- c-z"),
        ("a=1 c=3", "a=1 b=2 c=3", None, "a-a -b c-c"),
        ("a.w=2 a.b=1", "x.w=2 x.b=1 y.w=3 y.b=1", None, "a.w-x.w a.b-x.b -y.w -y.b"),
        ("a.w=2 a.b=1", "y.w=3 y.b=1 x.w=2 x.b=1", None, "-y.w -y.b a.w-x.w a.b-x.b"),
        ("a.w=1 a.b=1", "x.scale=1 x.shift=1 y=4", None, "a.w-x.scale a.b-x.shift -y"),
        ("a=1 b=2", "a=1 b=3 c=4", None, "a-a b-b -c"),
        ("", "", NAME, ""),
        ("", "a=1", None, "-a"),
    ],
)
def test_pairs(ours: str, theirs: str, carried: str | None, found: str) -> None:
    pairs = paired(weights(ours), weights(theirs))
    assert pairs.carried == carried
    names = [tuple(side.name if side else "" for side in (pair.ours, pair.theirs)) for pair in pairs.pairs]
    assert " ".join("-".join(both) for both in names) == found
    assert (pairs.names is None) == (carried is None)


# ---- models that fail

FAULTS = [
    ("models.nte:Net", MODEL, "there is no module `models.nte`"),
    ("modles.net:Net", MODEL, "there is no module `modles`"),
    ("models.net:Nett", MODEL, "`models.net` has no `Nett`\nhelp: the nearest is `Net`"),
    (
        "models.net:Net",
        "import acme.layers\n" + MODEL,
        "importing `models.net` raises: ModuleNotFoundError: No module named 'acme'",
    ),
    ("models.net:Net", "raise ValueError('no\\nweights')\n", "raises: ValueError: no weights (models/net.py, line 1)"),
    (
        "models.net:Net",
        "import sys\nsys.exit('usage: train.py')\n",
        "raises: SystemExit: usage: train.py (models/net.py, line 2)",
    ),
    ("models.net:Net", "class Net(\n", "SyntaxError: '(' was never closed (net.py, line 1)"),
    (
        "models.net:Net",
        MODEL.replace("def __init__(self):", "def __init__(self, width, *, depth):"),
        "needs the arguments `width`, `depth`",
    ),
    (
        "models.net:Net",
        "def Net(width):\n    pass\n",
        "needs the argument `width`, and is called without any\nhelp: name a function",
    ),
    ("models.net:Net", "def Net():\n    return 3\n", "`models.net:Net` returns a int, no model\nhelp: name a class"),
    ("models.net:Net", "def Net():\n    pass\n", "`models.net:Net` returns nothing\nhelp: name a class"),
    ("models.net:Net", "Net = 3\n", "`models.net:Net` is a int, no model\nhelp: name a class"),
    ("models.net:Net", "def Net():\n    return {}['a']\n", "raises when it is called: KeyError: 'a' (models/net.py, line 2)"),
    ("models.net:Net", "def Net():\n    return input()\n", "raises when it is called: "),
]


@pytest.mark.parametrize(("target", "model", "told"), FAULTS)
def test_a_model_that_can_not_be_built(
    target: str, model: str, told: str, beside: Callable[[str], None], here: None, archgen: Callable[..., Result]
) -> None:
    beside(model)
    result = archgen("compare", "small.yaml", target)
    assert (result.code, result.out) == (3, "")
    assert " ".join(told.split()) in " ".join(result.err.split())
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "    def forward(self, x):\n        x =",
            "    def other(self, x):\n        x =",
            "NotImplementedError: Module [Net] is missing",
        ),
        ("x = self.layer1(x)", "x = self.layer1(x.flatten(1))", "raises on an input of 3x12x12: RuntimeError: Expected 3D"),
    ],
)
def test_a_model_that_does_not_run(
    old: str, new: str, told: str, beside: Callable[[str], None], here: None, archgen: Callable[..., Result]
) -> None:
    """Its weights are compared all the same."""
    beside(MODEL.replace(old, new))
    result = archgen("compare", "small.yaml", "models.net:Net")
    assert result.code == 3
    assert verdicts(result.out) == {**dict.fromkeys(ALL[:5], "equal"), "MACs": "-"}
    assert told in " ".join(result.err.split())
    values = as_json(archgen)
    assert (values["equal"], values["totals"]["model"]["macs"], values["runs"]) == (False, None, [])
    assert values["fault"]


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("models.net", "`models.net:Net`"),
        ("models/net.py", "`models.net:Net`"),
        ("./models/net.py:build", "`models.net:build`"),
        ("models.net:build()", "`models.net:Net`"),
        (":build", "`package.module:build`"),
        ("", "`package.module:Net`"),
    ],
)
def test_what_is_no_import_path(target: str, told: str, archgen: Callable[..., Result], project: Path) -> None:
    result = archgen("compare", "specs/small.yaml", target)
    assert (result.code, result.out) == (2, "")
    assert f"help: write the module, a colon, and the class or function in it: {told}" in " ".join(result.err.split())


def test_a_spec_that_does_not_run_on_the_input(archgen: Callable[..., Result], project: Path) -> None:
    for shape in ("4x32x32", "3x32"):
        result = archgen("compare", "specs/small.yaml", "net:Net", "--input", shape)
        assert (result.code, result.out) == (2, "")
        assert result.err.startswith("--input")


def test_a_network_that_no_machine_holds(archgen: Callable[..., Result], project: Path) -> None:
    one = "{conv: 1000000000, kernel_size: 1}"
    (project / "huge.yaml").write_text(f"name: Huge\ninput: [3, 32, 32]\nstem: {{a: {one}, b: {one}}}\n")
    result = archgen("compare", "huge.yaml", "net:Net")
    assert result.code == 3
    assert "can't be run: it needs about" in " ".join(result.err.split())


# ---- in a process of its own


def test_a_process_of_its_own_agrees(beside: Callable[[str], None], archgen: Callable[..., Result]) -> None:
    """What a model prints is no answer, what lies in the folder takes no place of what archgen needs, nothing is written."""
    beside("print('{}')\n" + MODEL + "\n\nprint('done')\n")
    for name in ("torch", "yaml", "jinja2", "typing", "json", "difflib", "archgen"):
        Path(f"{name}.py").write_text("raise SystemExit('planted')\n")
    before = sorted(Path().rglob("*"))
    result = archgen("compare", "small.yaml", "models.net:Net")
    assert (result.code, result.err) == (0, "")
    assert verdicts(result.out) == dict.fromkeys(ALL, "equal")
    assert sorted(Path().rglob("*")) == before


def test_a_model_that_ends_the_process(beside: Callable[[str], None], archgen: Callable[..., Result]) -> None:
    beside("import os\nos._exit(7)\n")
    result = archgen("compare", "small.yaml", "models.net:Net")
    assert (result.code, result.err) == (3, "error: the process with torch broke off: exit code 7\n")


def test_torch_stays_in_that_process(beside: Callable[[str], None]) -> None:
    beside(MODEL)
    code = "import sys; from archgen.cli import main; print(main(sys.argv[1:]), {'torch', 'models.net'} & set(sys.modules))"
    done = python(code, "compare", "small.yaml", "models.net:Net", folder=Path.cwd())
    assert done.stdout.splitlines()[-1] == "0 set()"


def test_no_torch(beside: Callable[[str], None], archgen: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    before, sign, after = process.START.partition("import_module(sys.argv[2])")
    monkeypatch.setattr(process, "START", f"{before}sys.modules['torch'] = None\n{sign}{after}")
    beside(MODEL)
    result = archgen("compare", "small.yaml", "models.net:Net")
    assert (result.code, result.out) == (3, "")
    assert "torch can't be imported" in result.err


def test_a_bug_is_ours(beside: Callable[[str], None], archgen: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    spoilt = "from archgen.port import runs\nruns.spread = None\n"
    before, sign, after = process.START.partition("import_module(sys.argv[2])")
    monkeypatch.setattr(process, "START", f"{before}{spoilt}{sign}{after}")
    beside(MODEL)
    result = archgen("compare", "small.yaml", "models.net:Net")
    assert (result.code, result.out) == (70, "")
    assert "TypeError at runs.py:" in result.err


def test_the_schema_refuses_what_it_does_not_know(
    beside: Callable[[str], None], here: None, archgen: Callable[..., Result]
) -> None:
    beside(RENAMED)
    values = as_json(archgen)
    for key in values:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({name: value for name, value in values.items() if name != key}, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**values, "more": 1}, SCHEMA)


def test_from_python(beside: Callable[[str], None], here: None) -> None:
    beside(RENAMED)
    found = parent.compare(package.load("small.yaml"), "models.net:Net", (3, 12, 12))
    assert (found.equal, found.paired.carried) == (False, ORDER)
    assert max(run.apart for run in found.runs) < 1e-9
