"""What is proved of networks at every size: against the trace on numbers, torch, published figures, and networks that break."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

import archgen as package
from archgen.analysis import contract, findings
from archgen.analysis import report as reports
from archgen.arithmetic.sizes import number_at
from archgen.arithmetic.sizesets import ALL
from archgen.views.json import CONTRACT
from tests import sizes as against_torch
from tests.conftest import python

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.analysis.contract import Examined
    from tests.conftest import Result

ROOT = Path(__file__).parent.parent
ZOO = sorted((ROOT / "specs").glob("*.yaml"))
SMALL = sorted((ROOT / "tests/networks").glob("*.yaml"))
TORCHVISION: dict[str, Any] = {
    name: figures
    for file in ("torchvision", "transformers")
    for name, figures in json.loads((ROOT / f"tests/reference/{file}.json").read_text()).items()
}
CONTRACTS: dict[str, Any] = json.loads((ROOT / "tests/reference/contracts.json").read_text())
SCHEMA = json.loads((ROOT / "docs/symbolic.schema.json").read_text())

DOCS = (ROOT / "docs/sizes.md").read_text(encoding="utf-8")
RESNET_D = re.findall(r"^```yaml\n(.*?)^```", DOCS, re.M | re.S)[0]


def examined(folder: Path, text: str) -> Examined:
    (folder / "net.yaml").write_text(text)
    return package.load(folder / "net.yaml").examine()


# ---- against the trace on numbers


def differences(network: package.Network, found: Examined, chosen: list[tuple[int, ...]]) -> list[str]:
    """The layers whose shapes differ from those of the report for that input, and the sizes that are wrongly refused."""
    told = []
    rows = reports.rows(found.traced.steps)
    for sizes in chosen:
        here = dict(zip(found.traced.axes, sizes, strict=True))
        report = network.report((network.spec.input[0], *sizes))
        needs = [*(judged.constraint for judged in found.judged), *found.traced.training]  # the report is of training too
        fits = all(one.holds_at(here) for one in needs if "fixed" not in one.sentence)
        if (report.problem is None) != fits:
            told.append(f"{sizes}: {report.problem}")
        if not fits:
            continue
        if fits and against_torch.runs(found, sizes):
            shapes = [(row.path, tuple(number_at(size, here) for size in row.output_shape)) for row in rows]
            told += [f"{sizes}: {row.path}" for row, mine in zip(report.rows, shapes) if (row.path, row.output_shape) != mine]
    return told


@pytest.mark.parametrize("path", [*ZOO, *SMALL], ids=lambda path: path.stem)
def test_every_layer_is_as_on_numbers(path: Path) -> None:
    network = package.load(path)
    found = network.examine()
    chosen = against_torch.samples(found, 12, 400, random.Random(path.stem))
    assert differences(network, found, chosen) == []


def test_a_wrong_closed_form_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The meta-test: a pooling that counts one position too many, on symbols alone."""
    from archgen.arithmetic.sizes import Size
    from archgen.ops import pool

    right = pool.pooled_size
    monkeypatch.setattr(pool, "pooled_size", lambda size, *rest: right(size, *rest) + isinstance(size, Size))
    network = package.load(ROOT / "specs/resnet18.yaml")
    assert differences(network, network.examine(), [(100, 100)]) != []


@pytest.mark.parametrize(
    "path", [*SMALL, ROOT / "specs/unet.yaml", ROOT / "specs/squeezenet1_0.yaml"], ids=lambda path: path.stem
)
def test_torch_runs_where_the_contract_says(path: Path) -> None:
    pytest.importorskip("torch")
    network = package.load(path)
    found = network.examine()
    assert against_torch.differences(network, found, against_torch.samples(found, 12, 48, random.Random(path.stem))) == []


def test_a_wrong_contract_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    (tmp_path / "net.yaml").write_text(RESNET_D)
    network = package.load(tmp_path / "net.yaml")
    chosen: list[tuple[int, ...]] = [(size, size) for size in (7, 8, 9, 10)]
    assert against_torch.differences(network, network.examine(), chosen) == []
    monkeypatch.setattr(contract, "where", lambda *_: ALL)
    astray = package.load(tmp_path / "net.yaml")
    assert len(against_torch.differences(astray, astray.examine(), chosen)) == 2


# ---- published figures

# torchvision states 33 for the first, but its own network runs on 1x1 in evaluation mode, as a test below shows of ours; and of
# transformers the size that they were trained at
STATED_OTHERWISE = {
    **dict.fromkeys(["efficientnet_v2_s", "efficientnet_v2_m", "efficientnet_v2_l"], 1),
    **dict.fromkeys(["swin_t", "swin_v2_t"], 4),  # one patch, which is padded to a window
    "maxvit_t": 221,  # halved five times with a remainder each time: the grid's 7 positions
}


@pytest.mark.parametrize("name", sorted(TORCHVISION.keys() & {path.stem for path in ZOO}))
def test_the_least_size_is_torchvisions(name: str) -> None:
    expected = STATED_OTHERWISE.get(name) or TORCHVISION[name]["min_size"]
    assert package.load(ROOT / f"specs/{name}.yaml").examine().contract.min_size == expected


@pytest.mark.parametrize(("name", "size"), [("swin_t", 4), ("swin_v2_t", 4), ("maxvit_t", 221)])
def test_transformers_run_on_their_least_size_and_on_none_below(name: str, size: int) -> None:
    pytest.importorskip("torch")
    module = package.load(ROOT / f"specs/{name}.yaml").module().eval()
    assert against_torch.actual(module, ((3, size, size),)) == [(1000,)]
    assert against_torch.actual(module, ((3, size - 1, size - 1),)) is None


def test_efficientnet_v2_runs_on_one_pixel() -> None:
    pytest.importorskip("torch")
    network = package.load(ROOT / "specs/efficientnet_v2_s.yaml")
    assert TORCHVISION["efficientnet_v2_s"]["min_size"] == 33
    assert against_torch.actual(network.module().eval(), ((3, 1, 1),)) == [(1000,)]


def test_every_spec_is_proved_or_its_breaking_sizes_are_listed() -> None:
    """`python -m tests.sizes --contracts > tests/reference/contracts.json` writes the file anew; read what changed."""
    assert against_torch.contracts() == CONTRACTS


# Araujo, Norris, Sim: Computing Receptive Fields of Convolutional Neural Networks, Distill 2019, for AlexNet and VGG-16, which
# have no choice of where to put a stride. ResNet-18 by hand: 11 after the stem, then each 3x3 convolution adds two strides.
@pytest.mark.parametrize(
    ("name", "field"),
    [("alexnet", 195), ("vgg16", 212), ("resnet18", 11 + 4 * 8 + (8 + 3 * 16) + (16 + 3 * 32) + (32 + 3 * 64))],
)
def test_the_receptive_field_is_the_published_one(name: str, field: int) -> None:
    assert package.load(ROOT / f"specs/{name}.yaml").examine().contract.receptive_field == field


# ---- networks that break


def broken(found: Examined) -> list[tuple[str, str, int]]:
    return [(one.paths[0], one.rule, one.smallest) for one in findings.findings(found).breaks if one.axis == "H"]


def test_the_shortcut_of_resnet_d_is_caught(tmp_path: Path) -> None:
    found = examined(tmp_path, RESNET_D)
    assert broken(found) == [("layer1.added", "H >= 5 and H mod 4 is 1 or 2", 5)]
    (one, _) = findings.findings(found).breaks
    assert [(name, place.line, size) for name, place, size in one.sides] == [
        ("conv1", 13, "⌊(H + 3) / 4⌋"),
        ("downsample.0", 17, "⌊(H + 1) / 4⌋"),
    ]
    assert found.contract.min_size == 3


def test_with_ceil_mode_the_shortcut_of_resnet_d_is_proved(tmp_path: Path) -> None:
    found = examined(tmp_path, RESNET_D.replace("stride: stride},", "stride: stride, ceil_mode: true},", 1))
    assert broken(found) == []
    assert found.contract.sizes == "every size"


def test_a_concat_of_15_beside_16_is_caught(tmp_path: Path) -> None:
    layers = """\
name: Net
input: [3, 33, 33]
stem:
  merged:
    concat:
      one: {conv: 4, kernel_size: 2, stride: 2}
      other: {max_pool: 3, stride: 2}
"""
    found = examined(tmp_path, layers)
    assert broken(found) == [("merged", "H >= 4 and H mod 2 == 0", 4)]  # at 32 it is 16 beside 15
    assert package.load(tmp_path / "net.yaml").report((3, 32, 32)).problem is not None


def test_a_unet_breaks_where_its_size_does_not_divide() -> None:
    found = package.load(ROOT / "specs/unet.yaml").examine()
    assert (found.contract.sizes, found.contract.min_size) == ("H mod 16 == 0 and W mod 16 == 0", 16)
    assert [path for path, _, _ in broken(found)] == ["skip4", "skip3", "skip2", "skip1"]


def test_a_gate_of_a_fixed_window_fits_some_sizes(tmp_path: Path) -> None:
    """`multiply` broadcasts a size of 1, which this gate has at 7 to 13 alone; at 1x1 there is nothing to pool."""
    text = "name: Net\ninput: [3, 7, 7]\nstem:\n  a: relu\n  gate: {avg_pool: 7, from: a}\n"
    found = examined(tmp_path, text + "  scaled: {multiply, from: [a, gate]}\n")
    assert found.contract.sizes == "H and W in 7 to 13"
    assert [str(size) for size in found.traced.outputs[0].spatial] == ["H", "W"]


def test_a_network_that_no_square_fits() -> None:
    contract = package.load(ROOT / "tests/networks/no_square_fits.yaml").examine().contract
    assert contract.sizes == "H mod 2 == 0 and W >= 3 and W mod 2 == 1"
    assert contract.min_size is None


def test_features_of_a_flattened_size_are_fixed(tmp_path: Path) -> None:
    text = "name: Net\ninput: [3, 8, 8]\nstem:\n  pool: {max_pool: 2}\n  flatten: flatten\n  fc: {linear: 5}\n"
    found = examined(tmp_path, text)
    rule = "H and W in 8 to 9, or else H >= 2 and W >= 2 and 3 * floor(H / 2) * floor(W / 2) == 48"
    assert found.contract.sizes == rule
    assert found.contract.min_size == 8
    assert [one.path for one in findings.findings(found).joint] == ["fc"]
    assert findings.findings(found).opened == ()


def test_a_period_too_long_is_said(tmp_path: Path, archgen: Callable[..., Result]) -> None:
    """Poolings by different primes, each with an upsampling back: more sizes than are looked at."""
    pools = "".join(f"  p{n}: {{max_pool: {n}}}\n  u{n}: {{upsample: {n}}}\n" for n in (7, 11, 13, 17))
    text = f"name: Net\ninput: [3, 34034]\nstem:\n  a: relu\n{pools}  s: {{add, from: [a, u17]}}\n"
    found = examined(tmp_path, text)
    (one,) = findings.findings(found).opened
    assert one.path == "s"
    assert one.breaks
    assert (
        "beyond proof: too many sizes to look at before it repeats"
        in archgen("shapes", tmp_path / "net.yaml", "--symbolic").out
    )


# ---- assert


@pytest.mark.parametrize(
    ("constraint", "sentence"),
    [
        ("min_size <= 2", "this assertion does not hold: `min_size` is 3"),
        ("reduction == 8", "this assertion does not hold: `reduction` is 4"),
        ("receptive_field > 100 and macs > 0", "this assertion does not hold: `macs` is 284,672, `receptive_field` is 15"),
    ],
)
def test_a_broken_assertion(tmp_path: Path, constraint: str, sentence: str) -> None:
    (tmp_path / "net.yaml").write_text(RESNET_D + f'assert: ["{constraint}"]\n')
    problem = package.load(tmp_path / "net.yaml").report().problem
    assert problem is not None
    assert (problem.sentence, problem.place.line) == (sentence, 18)


@pytest.mark.parametrize("constraint", ["min_size == 3", "reduction == 4", "receptive_field == 15"])
def test_an_assertion_that_holds(tmp_path: Path, constraint: str) -> None:
    (tmp_path / "net.yaml").write_text(RESNET_D + f'assert: ["{constraint}"]\n')
    assert package.load(tmp_path / "net.yaml").report().problem is None


# ---- the command


def test_without_unicode_the_table_is_ascii(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(RESNET_D)
    for encoding in ("ascii", "cp1252"):
        code = f"import sys; sys.stdout.reconfigure(encoding={encoding!r}); from archgen.cli import main; main(sys.argv[1:])"
        shown = python(code, "shapes", str(tmp_path / "net.yaml"), "--symbolic")
        assert shown.stderr == ""
        assert "floor((H + 3) / 4)" in shown.stdout
        assert shown.stdout.isascii()


def test_json(archgen: Callable[..., Result]) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for path in (ROOT / "specs/unet.yaml", ROOT / "specs/resnet18_audio.yaml", ROOT / "tests/networks/flatten_linear.yaml"):
        shown = archgen("shapes", path, "--symbolic", "--format", "json").out
        assert shown.isascii()
        values = json.loads(shown)
        jsonschema.validate(values, SCHEMA)
        assert values["contract"] == CONTRACT.values(package.load(path).examine().contract)


def test_a_spec_that_does_not_fit_its_own_input_is_refused(archgen: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(RESNET_D.replace("32, 32", "33, 33"))
    shown = archgen("shapes", tmp_path / "net.yaml", "--symbolic")
    assert shown.code == 2
    assert "`add`" in shown.err
