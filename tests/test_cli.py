"""The command line: what each command prints, and its exit code."""

from __future__ import annotations

import gc
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import hypothesis
import jsonschema
import pytest

import archgen as package
from archgen.network import Network
from archgen.ops import MAC_CONVENTION
from archgen.proof.parsed import ProofError
from archgen.syntax import parser
from archgen.verify import parent
from archgen.verify.result import Check, Verification
from archgen.views.json import values as json_values
from tests.conftest import ROOT, SMALL, Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.diagnostics import Source
    from archgen.syntax.trees import Mapping

COMMANDS = ["init", "list", "ops", "validate", "shapes", "explain", "graph", "show", "build", "verify", "compare"]
RESNET = ROOT / "specs/resnet18.yaml"
SCHEMA = json.loads((ROOT / "docs/report.schema.json").read_text())
BROKEN = SMALL.replace("kernel_size: 3", "kernel_size: 99, padding: 0")


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs the command in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "archgen", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False, timeout=600, **options
    )


# ---- what is common to all commands


def test_version(archgen: Callable[..., Result]) -> None:
    assert archgen("--version") == Result(0, f"archgen, version {package.__version__}\n", "")


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help_has_an_example_and_fits(command: list[str], archgen: Callable[..., Result]) -> None:
    result = archgen(*command, "--help")
    assert result.code == 0
    assert re.search(r"Example:\n +archgen ", result.out)
    assert max(map(len, result.out.splitlines())) <= 80


@pytest.mark.parametrize(
    "arguments", [["shapes"], ["shape", "x"], ["shapes", "x", "--dpth", "1"], ["shapes", "x", "--depth", "0"]]
)
def test_usage_errors(arguments: list[str], archgen: Callable[..., Result]) -> None:
    result = archgen(*arguments)
    assert (result.code, result.out) == (2, "")
    assert "Error: " in result.err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_missing_spec(command: str, archgen: Callable[..., Result], project: Path) -> None:
    more = {"graph": ["-o", "x.svg"], "compare": ["net:Net"]}
    result = archgen(command, "missing.yaml", *more.get(command, []))
    assert (result.code, result.out) == (2, "")
    assert "missing.yaml" in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("command", ["validate", "shapes", "build"])
def test_an_internal_error(
    command: str, archgen: Callable[..., Result], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise KeyError("oh\nno")

    monkeypatch.setattr(Network, "report", fail)
    result = archgen(command, "specs/small.yaml")
    assert (result.code, result.out) == (70, "")
    assert re.fullmatch(
        r"internal error: KeyError at test_cli.py:\d+: `.*`; please report it \(--debug shows .*\)\n", result.err
    )
    assert not (project / "generated").exists()
    assert "Traceback" in archgen(command, "specs/small.yaml", "--debug").err


@pytest.mark.parametrize(
    "stage",
    [
        "archgen.syntax.parser.parse",
        "archgen.language.extends.load",
        "archgen.language.reader.read",
        "archgen.graph.lower.build",
        "archgen.trace.on_numbers.numbers",
        "archgen.trace.on_names.names",
        "archgen.emit.module._classes",
        "archgen.emit.module.text",
        "archgen.proof.check.check",
        "archgen.proof.texts.check_texts",
        "archgen.emit.write.write",
    ],
)
@pytest.mark.parametrize("error", [AssertionError("a\nb"), RecursionError("deep"), MemoryError(), ProofError("odd")])
def test_a_bug_in_any_stage(
    stage: str, error: Exception, archgen: Callable[..., Result], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise error

    monkeypatch.setattr(stage, fail)
    result = archgen("build")
    assert (result.code, result.out) == (70, "")
    assert re.fullmatch(rf"internal error: {type(error).__name__} at test_cli.py:\d+: `.*`; please report it .*\n", result.err)
    assert not (project / "generated").exists()


def test_a_reader_that_has_enough() -> None:
    code = f"{sys.executable} -m archgen shapes specs/resnet152.yaml | head -n 1; echo ${{PIPESTATUS[0]}}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, cwd=ROOT, env=environment, check=True)
    assert done.stderr == ""
    assert done.stdout.startswith("layer")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux")
def test_a_full_disk() -> None:
    code = f"{sys.executable} -m archgen shapes specs/resnet18.yaml > /dev/full"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert done.returncode == 3
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_colours_without_a_terminal(archgen: Callable[..., Result], project: Path) -> None:
    (project / "bad.yaml").write_text(BROKEN)
    assert "\x1b" not in archgen("validate", "bad.yaml").err


# ---- validate


def test_validate(archgen: Callable[..., Result], project: Path) -> None:
    (project / "bad.yaml").write_text(SMALL.replace("relu: relu", "relu: rleu"))
    (project / "worse.yaml").write_text(SMALL.replace("adaptive_avg_pool", "adaptiv_avg_pool"))
    assert archgen("validate", "specs/small.yaml") == Result(0, "specs/small.yaml: ok\n", "")
    result = archgen("validate", "bad.yaml", "specs/small.yaml", "worse.yaml")
    assert (result.code, result.out) == (2, "specs/small.yaml: ok\n")
    assert "bad.yaml:6:" in result.err
    assert "worse.yaml:8:" in result.err


@pytest.mark.parametrize("command", ["validate", "shapes", "show", "explain"])
def test_a_spec_is_read_once(
    command: str, archgen: Callable[..., Result], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def counting(text: Source) -> Mapping:
        read.append(text.name)
        return parse(text)

    parse = parser.parse
    monkeypatch.setattr(parser, "parse", counting)
    assert archgen(command, "specs/small.yaml").code == 0
    assert [name for name in read if name.endswith("small.yaml")] == ["specs/small.yaml"]


def test_no_garbage_is_searched_for_while_a_command_runs(
    archgen: Callable[..., Result], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    during: list[bool] = []
    monkeypatch.setattr("archgen.language.extends.load", lambda path: during.append(gc.isenabled()))
    assert gc.isenabled()
    assert archgen("show", "specs/small.yaml").code == 70  # nothing was loaded
    assert (during, gc.isenabled()) == ([False], True)


# ---- shapes


def test_shapes_small(archgen: Callable[..., Result], project: Path) -> None:
    result = archgen("shapes", "specs/small.yaml")
    assert (result.code, result.err) == (0, "")
    table, below = result.out.split("\n\n", 1)
    assert table == (
        "layer    type                 output  parameters     MACs\n"
        "---------------------------------------------------------\n"
        "conv1    Conv2d             16x32x32         448  442,368\n"
        "relu     ReLU               16x32x32           -        -\n"
        "avgpool  AdaptiveAvgPool2d    16x1x1           -        -\n"
        "flatten  Flatten                  16           -        -\n"
        "fc       Linear                   10         170      160\n"
        "---------------------------------------------------------"
    )
    assert below.startswith(
        "parameters  618\nbuffers     0\nMACs        442,528\ninput       3x32x32\nspec        Small, specs/small.yaml\n"
    )
    assert below.split("\n\n")[1].split() == (MAC_CONVENTION[:1].upper() + MAC_CONVENTION[1:]).split()


def test_shapes_of_other_sizes(archgen: Callable[..., Result], project: Path) -> None:
    out = archgen("shapes", "specs/small.yaml", "--input", "3x64x48", "--batch", "8", "--set", "num_classes=5").out
    assert re.search(r"^conv1 +Conv2d +8x16x64x48 +448 +10,616,832$", out, re.M)
    assert re.search(r"^fc +Linear +8x5 +85 +640$", out, re.M)
    assert re.search(r"^MACs +10,617,472 for a batch of 8\ninput +8x3x64x48$", out, re.M)


@pytest.mark.parametrize("text", ["3x", "x3", "3X32X32", "0x3x3", "3,32,32", "-3x3x3", "3x٣x3", "9" * 10, "3x32x32\n"])
def test_a_bad_input_shape(text: str, archgen: Callable[..., Result], project: Path) -> None:
    assert archgen("shapes", "specs/small.yaml", "--input", text).code == 2


@pytest.mark.parametrize("setting", ["num_classes", "num_clases=3", "num_classes=", "num_classes=x", "=3"])
def test_a_bad_setting(setting: str, archgen: Callable[..., Result], project: Path) -> None:
    result = archgen("shapes", "specs/small.yaml", "--set", setting)
    assert (result.code, result.out) == (2, "")


def test_a_setting_without_its_value(archgen: Callable[..., Result], project: Path) -> None:
    result = archgen("shapes", "specs/small.yaml", "--set", "num_classes")
    assert "`num_classes` has no value here" in result.err
    assert "write `--set num_classes=VALUE`" in result.err


@pytest.mark.parametrize(
    ("option", "text", "said"),
    [
        ("--set", "foo=1", "--set: error: there is no argument or constant `foo`"),
        ("--set", "num_classes=", "--set: error: in `num_classes=`, a value is expected, not the end"),
        ("--set", "num_classes=x", "--set: error: `num_classes` takes a number, true or false, not `x`"),
        ("--set", "num_classes=2.5", "--set: error: argument `num_classes` takes an integer, not `2.5`"),
        ("--input", "288", "--input: error: `288` is 1 number, and this network takes 3: channels, then sizes"),
        ("--input", "1x3x32x32", "--input: error: `1x3x32x32` is 4 numbers, and this network takes 3: channels, then sizes"),
        ("--input", "3,64,64", "--input: error: `3,64,64` is no shape"),
        ("--input", "abc", "--input: error: `abc` is no shape"),
    ],
)
@pytest.mark.parametrize("command", ["shapes", "explain"])
def test_a_fault_of_an_option_has_the_option_as_its_place(
    command: str, option: str, text: str, said: str, archgen: Callable[..., Result], project: Path
) -> None:
    result = archgen(command, "specs/small.yaml", option, text)
    told = " ".join(result.err.split())
    assert (result.code, result.out) == (2, "")
    assert told.startswith(said)
    for given in re.findall("write [^`]*(?:`x` between: )?`--input ([^`]*)`", told):
        assert archgen(command, "specs/small.yaml", "--input", given).code == 0


@pytest.mark.parametrize("path", sorted(ROOT.glob("tests/networks/*.yaml")), ids=lambda path: path.stem)
def test_the_json_of_each_way_to_compose_follows_its_schema(path: Path, archgen: Callable[..., Result]) -> None:
    for more in ([], ["--memory"]):
        jsonschema.validate(json.loads(archgen("shapes", path, *more, "--format", "json").out), SCHEMA)


def test_rows_up_to_the_layer_that_does_not_fit(archgen: Callable[..., Result], project: Path) -> None:
    (project / "bad.yaml").write_text(
        SMALL.replace("  relu: relu", "  pool: {max_pool: 2}\n  conv2: {conv: 8, kernel_size: 99, padding: 0}")
    )
    result = archgen("shapes", "bad.yaml")
    assert result.code == 2
    assert re.search(r"^pool +MaxPool2d +16x16x16", result.out, re.M)
    assert "conv2" not in result.out
    assert "\nMACs  " not in result.out
    assert "bad.yaml:7:" in result.err
    values = json.loads(archgen("shapes", "bad.yaml", "--format", "json").out)
    assert [layer["path"] for layer in values["layers"]] == ["conv1", "pool"]
    jsonschema.validate(values, SCHEMA)


@pytest.mark.parametrize("spec", sorted((ROOT / "specs").glob("*.yaml")), ids=lambda path: path.stem)
def test_tables_fit_a_terminal(spec: Path, archgen: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    out = archgen("shapes", spec.relative_to(ROOT), "--batch", "8").out
    assert max(map(len, out.splitlines())) <= 80


def test_depth_folds(archgen: Callable[..., Result]) -> None:
    for depth in (1, 2, 3):
        rows = json.loads(archgen("shapes", RESNET, "--depth", str(depth), "--format", "json").out)["layers"]
        assert max(row["depth"] for row in rows) == depth
    table = archgen("shapes", RESNET, "--depth", "1").out
    assert re.search(r"^layer1 +Sequential +64x56x56 +147,968 +462,422,016$", table, re.M)
    assert "BasicBlock" not in table


def test_json(archgen: Callable[..., Result]) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    values = json.loads(archgen("shapes", RESNET, "--format", "json").out)
    jsonschema.validate(values, SCHEMA)
    assert values.pop("contract") == {
        "min_size": 1, "sizes": "every size", "training_sizes": None, "exact_sizes": "every size", "reduction": 32,
        "receptive_field": 435, "complete": True,
    }  # fmt: skip
    assert values == json_values(package.load(RESNET).report())
    assert (values["schema_version"], values["name"], values["input_shape"]) == (1, "ResNet18", [3, 224, 224])
    assert values["totals"] == {"parameters": 11_689_512, "buffers": 9_620, "macs": 1_814_073_344}
    leaves = [row for row in values["layers"] if row["leaf"]]
    assert sum(row["parameters"] for row in leaves) == 11_689_512
    assert sum(row["macs"] for row in leaves) == 1_814_073_344


def test_json_of_a_batch(archgen: Callable[..., Result]) -> None:
    one, eight = (json.loads(archgen("shapes", RESNET, "--batch", n, "--format", "json").out) for n in ("1", "8"))
    jsonschema.validate(eight, SCHEMA)
    assert eight["batch"] == 8
    assert eight["totals"]["macs"] == 8 * one["totals"]["macs"]
    assert eight["layers"][0]["macs"] == 8 * one["layers"][0]["macs"]
    assert eight["layers"][0]["output_shape"] == one["layers"][0]["output_shape"]


def test_the_schema_refuses_what_it_does_not_know() -> None:
    values = json_values(package.load(RESNET).report())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**values, "more": 1}, SCHEMA)


# ---- verify


def test_verify(archgen: Callable[..., Result], project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def answer(network: Network, *rest: object) -> Verification:
        asked.append((network.name, *rest))
        return Verification((Check("names", 1234), Check("MACs", 7, "conv1: 3 is not 4" if len(asked) > 1 else "")))

    monkeypatch.setattr(parent, "verify", answer)
    archgen("build")
    table = "specs/small.yaml: verified\n  names    1,234  equal\n  MACs         7  equal\n"
    assert archgen("verify", "specs/small.yaml", "--device", "cpu", "--batch", "3") == Result(0, table, "")
    result = archgen("verify", "specs/small.yaml", "-o", "out", "--set", "num_classes=3")
    assert (result.code, result.err) == (1, "MACs: conv1: 3 is not 4\n")
    assert result.out == "specs/small.yaml: DIFFERENT\n  names    1,234  equal\n  MACs         7  DIFFERENT\n"
    assert archgen("build", "--verify").code == 1
    generated = project / "generated/small.py"
    assert asked == [
        ("Small", generated, "cpu", 3, (), None),
        ("Small", None, "auto", 2, ("num_classes=3",), None),  # the file on the disk is of the spec as it stands
        ("Small", generated, "auto", 2, (), None),
    ]


STREAMS = [
    ("shapes specs/small.yaml", ">&-", 0),
    ("shapes specs/small.yaml", ">&- 2>&- <&-", 0),
    ("shapes specs/none.yaml", ">&- 2>&- <&-", 2),
    ("build --check", "2>&-", 1),
    ("nonsense", "2>&-", 2),
    ("shapes specs/small.yaml", ">/dev/full", 3),
    ("shapes specs/small.yaml", ">/dev/full 2>/dev/full", 3),
    ("shapes specs/none.yaml", "2>/dev/full", 3),
    ("nonsense", "2>/dev/full", 3),
]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
@pytest.mark.parametrize(("command", "streams", "code"), STREAMS)
def test_streams_that_are_closed_or_full(command: str, streams: str, code: int, project: Path) -> None:
    """A traceback would end with 1, which says that something differs from its spec."""
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m archgen {command} {streams}', sys.executable],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)


def test_verify_of_a_spec_that_was_not_built(archgen: Callable[..., Result], project: Path) -> None:
    """What would be written is verified, and that it is not there is said."""
    pytest.importorskip("torch")
    result = archgen("verify", "specs/small.yaml")
    assert (result.code, result.out.splitlines()[0]) == (0, "specs/small.yaml: verified")
    assert result.err == "generated/small.py is not there: what `archgen build specs/small.yaml` would write was verified\n"
    assert not (project / "generated").exists()


# ---- the project


def test_ci_runs_the_command_of_the_readme() -> None:
    commands = [line for line in (ROOT / ".ci/run").read_text().splitlines() if "pytest" in line]
    assert len(commands) == 1
    assert commands[0] in (ROOT / "README.md").read_text().splitlines()
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_ci_draws_the_same_examples_on_every_run() -> None:
    """And no test sets a deadline of its own, or a count that the long profile does not multiply."""
    profile = hypothesis.settings.get_profile("ci")
    assert (profile.derandomize, profile.deadline) == (True, None)
    assert "export HYPOTHESIS_PROFILE=ci" in (ROOT / ".ci/run").read_text()
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("test_*.py")]
    assert [found for text in texts for found in re.findall(r"deadline=\w+|max_examples=\d+", text)] == []


def test_the_picture_in_the_readme_is_real(archgen: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.chdir(ROOT)
    readme = (ROOT / "README.md").read_text()
    picture = re.findall(r"```console\n(.*?)```", readme, re.DOTALL)[0]
    commands = re.findall(r"^\$ archgen (.*)$", picture, re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["shapes", "build"]
    for command in commands:
        assert f"$ archgen {command}\n{archgen(*command.split()).out}" in picture + "\n"
    generated = (ROOT / "generated/resnet18.py").read_text()
    assert re.search(r"`from generated.resnet18 import ResNet18`, then `ResNet18\(num_classes=10\)`", readme)
    assert "class ResNet18(" in generated
    assert "num_classes: int = 1000" in generated
    for part in re.findall(r"```python\n(.*?)```", readme, re.DOTALL)[0].split("    ...\n"):
        assert part in generated


def test_the_language_in_the_readme_is_real(archgen: Callable[..., Result], project: Path) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    spec = next(text for text in examples if text.startswith("name:"))
    (project / "good.yaml").write_text(spec)
    (project / "bad.yaml").write_text(spec.replace("Basic: 32", "Basik: 32"))
    assert archgen("validate", "good.yaml").code == 0
    assert archgen("validate", "bad.yaml").err in (ROOT / "README.md").read_text()
    line = "  layer2: {BasicBlock: 128, depth: 2, stride: 2}"
    assert line in RESNET.read_text().splitlines()
    assert line.strip() in examples[0]


def test_as_a_module() -> None:
    assert run("--version").stdout == f"archgen, version {package.__version__}\n"
