"""Whom a change breaks: each rule with a change that it catches, whose witness really fails, and one that it does not catch."""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jsonschema
import pytest

import archgen as package
from archgen import modules
from archgen.review import breaking, diff
from archgen.review.breaking_text import FINDINGS
from archgen.review.project import Review
from archgen.review.rules import BY_NAME, LEVELS, RULES, Limits
from tests.conftest import ROOT, Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.review.breaking import Findings

SCHEMA = json.loads((ROOT / "docs/breaking.schema.json").read_text(encoding="utf-8"))
NET = """\
name: Net
input: [3, 32, 32]
args: {classes: 10, rate: 0.25}
stem:
  conv1: {conv: 16, kernel_size: 3}
  norm1: batch_norm
  act1: relu
  conv2: {conv: 16, kernel_size: 3, stride: 2}
  norm2: batch_norm
  act2: relu
head:
  pool: {adaptive_avg_pool: 1}
  flatten: flatten
  drop: {dropout: rate}
  fc: {linear: classes}
"""
TWO = NET + "  aux: {linear: 4, from: drop}\noutputs: [fc, aux]\n"
ITEMS = NET.replace("  act1: relu\n", "  items: [{conv: 16, kernel_size: 1}, {conv: 16, kernel_size: 1, stride: 2}]\n")
EQUAL_HEADS = TWO.replace("linear: 4", "linear: classes")
LIMITS = Limits()
LINES = "  norm1: batch_norm\n  act1: relu\n"


class Case(NamedTuple):
    """A spec, an edit that a rule catches, and one that looks like it and is none of its business."""

    spec: str
    caught: tuple[str, str]
    let_go: tuple[str, str]


WITH_WIDTH = ("rate: 0.25}\nstem:\n  conv1: {conv: 16,", "rate: 0.25, width: 16}\nstem:\n  conv1: {conv: width,")
COMMENT = ("name: Net\n", "name: Net  # ours\n")
CASES: dict[str, Case] = {
    "spec-removed": Case(NET, COMMENT, COMMENT),  # `test_a_spec_that_is_gone`
    "weight-renamed": Case(NET, ("  fc:", "  classifier:"), ("  act1:", "  activation:")),
    "weight-reshaped": Case(
        NET, ("conv: 16, kernel_size: 3, stride: 2", "conv: 24, kernel_size: 3, stride: 2"), ("stride: 2", "stride: 1")
    ),
    "weight-removed": Case(NET, ("  norm1: batch_norm\n", ""), ("  act1: relu\n", "")),
    "weight-added": Case(
        NET, ("  act1: relu\n", "  act1: relu\n  norm3: batch_norm\n"), ("  act1: relu\n", "  act1: relu\n  act3: relu\n")
    ),
    "weight-swapped": Case(
        ITEMS,
        ("[{conv: 16, kernel_size: 1},", "[{conv: 16, kernel_size: 1, groups: 16}, {conv: 16, kernel_size: 1},"),
        ("[{conv: 16, kernel_size: 1},", "[{conv: 16, kernel_size: 1, bias: false},"),
    ),
    "weight-reordered": Case(
        TWO,
        (
            "  fc: {linear: classes}\n  aux: {linear: 4, from: drop}\n",
            "  aux: {linear: 4}\n  fc: {linear: classes, from: drop}\n",
        ),
        ("  act1: relu\n  conv2: {", "  conv2: {from: norm1, "),
    ),
    "class-renamed": Case(NET, ("name: Net", "name: OtherNet"), COMMENT),
    "argument-removed": Case(NET, ("{classes: 10, rate: 0.25}", "{classes: 10}\nlet: {rate: 0.25}"), WITH_WIDTH),
    "argument-reordered": Case(NET, ("{classes: 10, rate: 0.25}", "{rate: 0.25, classes: 10}"), WITH_WIDTH),
    "argument-default": Case(NET, ("rate: 0.25", "rate: 0.5"), ("args: {classes: 10,", "args: {classes: 5 * 2,")),
    "input-changed": Case(NET, ("[3, 32, 32]", "[3, 48, 48]"), COMMENT),
    "input-lost": Case(NET, ("kernel_size: 3}", "kernel_size: 3, padding: 0}"), ("kernel_size: 3}", "kernel_size: 5}")),
    "min-size-grew": Case(NET, ("kernel_size: 3}", "kernel_size: 3, padding: 0}"), ("kernel_size: 3}", "kernel_size: 5}")),
    "reduction-changed": Case(NET, ("stride: 2", "stride: 1"), ("stride: 2", "stride: 2, groups: 2")),
    "output-count": Case(TWO, ("outputs: [fc, aux]", "outputs: [fc, aux, drop]"), ("outputs: [fc, aux]", "outputs: [aux, fc]")),
    "output-shape": Case(TWO, ("linear: 4", "linear: 5"), ("[3, 32, 32]", "[3, 48, 48]")),
    "output-order": Case(EQUAL_HEADS, ("[fc, aux]", "[aux, fc]"), ("  act1: relu\n", "")),
    "training-outputs": Case(
        TWO.replace("outputs: [fc, aux]", "outputs: [fc]\ntraining_outputs: [aux]"),
        ("training_outputs: [aux]", "training_outputs: [aux, drop]"),
        ("  act1: relu\n", ""),
    ),
    "option-changed": Case(NET, ("stride: 2", "stride: 1"), ("  act1: relu\n", "")),
    "kind-changed": Case(NET, ("act1: relu", "act1: silu"), ("stride: 2", "stride: 1")),
    "source-changed": Case(
        NET.replace("  conv2:", "  less: {subtract, from: [norm1, act1]}\n  conv2:"),
        ("[norm1, act1]", "[act1, norm1]"),
        ("{subtract,", "{maximum,"),
    ),
    "order-changed": Case(NET, (LINES, "  act1: relu\n  norm1: batch_norm\n"), ("stride: 2", "stride: 1")),
    "layer-added": Case(NET, ("  act2: relu\n", "  act2: relu\n  act3: silu\n"), ("  act2: relu\n", "")),
    "layer-removed": Case(NET, ("  act2: relu\n", ""), ("  act2: relu\n", "  act2: relu\n  act3: silu\n")),
    "training-changed": Case(NET, ("dropout: rate}", "dropout: 2 * rate}"), ("  act2: relu\n", "")),
    "parameters-grew": Case(
        NET, ("conv: 16, kernel_size: 3, stride: 2", "conv: 24, kernel_size: 3, stride: 2"), ("classes: 10", "classes: 11")
    ),
    "macs-grew": Case(NET, ("stride: 2", "stride: 1"), ("classes: 10", "classes: 11")),
}


def edited(text: str, edit: tuple[str, str]) -> str:
    assert text.count(edit[0]) >= 1, edit[0]
    return text.replace(edit[0], edit[1], 1)


def found(old: str, new: str, folder: Path, limits: Limits = LIMITS) -> Findings:
    for name, text in (("old", old), ("new", new)):
        (folder / f"{name}.yaml").write_text(text)
    between = diff.between(*(package.load(folder / f"{name}.yaml") for name in ("old", "new")))
    return breaking.findings(Review((between,)), breaking.Policy({}, frozenset(), limits))


def test_every_rule_has_a_case() -> None:
    assert list(CASES) == [rule.name for rule in RULES]
    assert all(rule.level in LEVELS for rule in RULES)
    assert len(BY_NAME) == len(RULES)


@pytest.mark.parametrize("name", [name for name in CASES if name != "spec-removed"])
def test_a_rule(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    caught = found(case.spec, edited(case.spec, case.caught), tmp_path)
    assert name in {one.rule.name for one in caught.found}
    witness(name, tmp_path)
    let_go = found(case.spec, edited(case.spec, case.let_go), tmp_path)
    assert name not in {one.rule.name for one in let_go.found}


def witness(name: str, folder: Path) -> None:
    """Runs a rule's witness on the two modules: it must fail, and must not where both are the old one."""
    pytest.importorskip("torch")
    with pytest.raises((AssertionError, RuntimeError, TypeError, AttributeError, ValueError)):
        exec(BY_NAME[name].witness, surroundings(folder, "new"))
    exec(BY_NAME[name].witness, surroundings(folder, "old"))


def surroundings(folder: Path, new: str) -> dict[str, Any]:
    """What a witness may name."""
    import torch
    from torch import nn
    from torch.utils.flop_counter import FlopCounterMode

    from archgen.verify import measure

    def built(name: str) -> tuple[Any, nn.Module]:
        network = package.load(folder / f"{name}.yaml")
        module = modules.build(network.source(), network.name, {})
        measure.spread(module, torch.Generator().manual_seed(1))
        return network, module.eval()

    (before, old), (after, module) = built("old"), built(new)
    lost = diff.between(before, after).interface.lost or before.spec.input
    state = {name: tensor.clone() for name, tensor in old.state_dict().items()}

    def loaded(one: nn.Module, given: dict[str, torch.Tensor]) -> nn.Module:
        names = diff.between(before, after).weights.names if one is module else {}
        fitting = {names.get(key, key): tensor for key, tensor in given.items()}
        own = one.state_dict()
        one.load_state_dict(
            {key: fitting[key] for key in own if key in fitting and fitting[key].shape == own[key].shape}, strict=False
        )
        return one

    def trained(one: nn.Module, given: dict[str, torch.Tensor], x: torch.Tensor) -> Any:
        torch.manual_seed(0)
        return loaded(one, given).train()(x)

    def macs(one: nn.Module, x: torch.Tensor) -> int:
        with FlopCounterMode(display=False) as counter:
            one(x)
        return int(counter.get_total_flops()) // 2

    def smallest(one: nn.Module) -> int:
        return next(size for size in range(1, 100) if runs(one, size))

    def runs(one: nn.Module, size: int) -> bool:
        try:
            one(torch.randn(2, before.spec.input[0], size, size))
        except RuntimeError:
            return False
        return True

    def finest(one: nn.Module, x: torch.Tensor) -> int:
        sizes: list[int] = []
        hooks = [
            layer.register_forward_hook(lambda _, __, y: sizes.append(y.shape[-1]))
            for layer in one.modules()
            if isinstance(layer, nn.Conv2d)
        ]
        one(x)
        for hook in hooks:
            hook.remove()
        return min(sizes)

    def defaults(network: type) -> dict[str, Any]:
        return {name: one.default for name, one in inspect.signature(network).parameters.items()}

    new_file = type("File", (), {type(module).__name__: type(module)})
    return {
        "Old": type(old), "New": type(module), "old": old, "new": module, "state": state, "new_file": new_file,
        "limit": LIMITS.cost,
        "x": torch.randn(2, *before.spec.input), "lost": torch.randn(2, *lost),
        "assert_close": torch.testing.assert_close, "outputs": measure.outputs,
        "loaded": loaded, "trained": trained, "macs": macs, "smallest": smallest, "finest": finest, "defaults": defaults,
        "names": lambda one: [name for name, _ in one.named_parameters()],
        "shapes": lambda made: [one.shape for one in measure.outputs(made)],
        "parameters": lambda one: sum(p.numel() for p in one.parameters()),
        "entering": lambda one: (before if one is type(old) else after).spec.input,
        "import_module": importlib.import_module,
    }  # fmt: skip


# ---- the command


@pytest.fixture
def repository(project: Path) -> Path:
    (project / "specs/small.yaml").unlink()
    (project / "specs/net.yaml").write_text(NET)
    names = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run(["git", *names, *arguments], cwd=project, check=True, capture_output=True)
    return project


def change(repository: Path, old: str, new: str) -> None:
    path = repository / "specs/net.yaml"
    path.write_text(edited(path.read_text(), (old, new)))


def accept(repository: Path, text: str) -> None:
    (repository / "pyproject.toml").write_text(f"[tool.archgen]\n\n[tool.archgen.breaking]\n{text}\n")


def test_nothing_breaks(repository: Path, archgen: Callable[..., Result]) -> None:
    change(repository, "name: Net\n", "name: Net  # ours\n")
    assert archgen("breaking", "--against", "HEAD") == Result(0, "nothing breaks\n", "")


def test_an_error(repository: Path, archgen: Callable[..., Result]) -> None:
    change(repository, "stride: 2", "stride: 1")
    result = archgen("breaking", "--against", "HEAD")
    assert result.code == 1
    assert result.out.startswith(
        "specs/net.yaml: warning: the smallest map is another part of the input\n    [reduction-changed]\n"
    )
    assert (
        "specs/net.yaml: error: a layer has the weights that it had, and another option\n    [option-changed]\n" in result.out
    )
    assert result.out.endswith("1 error, 2 warnings\n")
    assert max(map(len, result.out.splitlines())) <= 80


def test_an_accepted_finding_stays_accepted_until_it_changes(repository: Path, archgen: Callable[..., Result]) -> None:
    change(repository, "stride: 2", "stride: 1")
    values = json.loads(archgen("breaking", "--against", "HEAD", "--format", "json").out)
    jsonschema.validate(values, SCHEMA)
    (known,) = [one["fingerprint"] for one in values["findings"] if one["level"] == "error"]
    accept(repository, f'accept = ["{known}"]')
    change(repository, "stem:", "# a line more\nstem:")
    result = archgen("breaking", "--against", "HEAD")
    assert result.code == 0
    assert "accepted error" in result.out
    change(repository, "stride: 1", "stride: 4")
    again = archgen("breaking", "--against", "HEAD")
    assert again.code == 1
    assert f"accepted, and no longer there: {known}" in again.out


def test_levels_and_limits(repository: Path, archgen: Callable[..., Result]) -> None:
    change(repository, "rate: 0.25", "rate: 0.5")
    assert archgen("breaking", "--against", "HEAD").code == 0
    accept(repository, 'argument-default = "error"')
    assert archgen("breaking", "--against", "HEAD").code == 1
    accept(repository, 'argument-default = "off"\ntraining-changed = "off"')
    assert archgen("breaking", "--against", "HEAD").out == "nothing breaks\n"
    change(repository, "classes: 10", "classes: 11")
    accept(repository, "cost = 0.1")
    assert "[parameters-grew]" in archgen("breaking", "--against", "HEAD").out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('option-change = "error"', ":4:1: error: there is no rule `option-change`\n"),
        ('option-changed = "fatal"', ":4:18: error: a rule has the level error, warning, note or off\n"),
        ('accept = "0123"', ":4:10: error: `accept` takes a list of fingerprints, in quotes\n"),
        ("cost = -1", ":4:8: error: `cost` takes a number of percent, by default 10\n"),
    ],
)
def test_a_wrong_setting(text: str, told: str, repository: Path, archgen: Callable[..., Result]) -> None:
    accept(repository, text)
    result = archgen("breaking", "--against", "HEAD")
    assert (result.code, result.out) == (2, "")
    assert told in result.err


def test_a_setting_that_is_no_table(repository: Path, archgen: Callable[..., Result]) -> None:
    (repository / "pyproject.toml").write_text('[tool.archgen]\nbreaking = "all"\n')
    result = archgen("breaking", "--against", "HEAD")
    assert result.code == 2
    assert "pyproject.toml:2:12: error: `breaking` is no table" in result.err


def test_a_spec_that_is_gone(repository: Path, archgen: Callable[..., Result]) -> None:
    (repository / "specs/net.yaml").rename(repository / "specs/other.yaml")
    result = archgen("breaking", "--against", "HEAD")
    assert result.code == 1
    assert "HEAD:specs/net.yaml: error: a spec is gone, or its file has another name [spec-removed]" in " ".join(
        result.out.split()
    )


def test_annotations(repository: Path, archgen: Callable[..., Result]) -> None:
    change(repository, "stride: 2", "stride: 1")
    lines = archgen("breaking", "--against", "HEAD", "--format", "github").out.splitlines()
    start = "::error file=specs/net.yaml,line=8,title=option-changed::conv2 Conv2d: stride 2 -> 1: "
    assert any(line.startswith(start) for line in lines)
    assert all(line.startswith(("::error ", "::warning ", "::notice ")) for line in lines)


def test_the_rules_are_listed(archgen: Callable[..., Result]) -> None:
    out = archgen("breaking", "--rules").out
    assert [line.split()[0] for line in out.splitlines() if line[:1].strip()] == list(BY_NAME)
    assert max(map(len, out.splitlines())) <= 80


def test_without_a_revision(archgen: Callable[..., Result]) -> None:
    result = archgen("breaking")
    assert result.code == 2
    assert "`archgen breaking --against main`" in result.err


def test_every_key_has_its_value(tmp_path: Path) -> None:
    case = CASES["weight-renamed"]
    values = FINDINGS.values(found(case.spec, edited(case.spec, case.caught), tmp_path))
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(values, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**values, "more": 1}, SCHEMA)
