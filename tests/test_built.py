"""Another input beside the network as built: the weights that differ, the nearest inputs that it runs on, and notes of it."""

from __future__ import annotations

import itertools
import json
import random
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

import archgen as package
from archgen.views import built_text
from tests import sizes as against_torch
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Result

REPORT = json.loads((ROOT / "docs/report.schema.json").read_text(encoding="utf-8"))
SYMBOLIC = json.loads((ROOT / "docs/symbolic.schema.json").read_text(encoding="utf-8"))
START = "name: Net\ninput: [3, 16, 24]\n"
STEM = "stem: {a: {conv: 4, kernel_size: 3}, p: {max_pool: 4}}\n"
# each has weights that follow from its sizes, or a layer that insists on one
FIXED = {
    "linear": f"{STEM}head: {{f: flatten, fc: {{linear: 10}}}}\n",
    "linear behind a permute": f"{STEM}head: {{q: {{permute: [0, 2, 3, 1]}}, f: flatten, fc: {{linear: 10}}}}\n",
    "linear on one flattened axis": f"{STEM}head: {{f: {{flatten, start_dim: 2}}, g: flatten, fc: {{linear: 10}}}}\n",
    "batch norm": f"{STEM}head: {{f: flatten, bn: batch_norm}}\n",
    "layer norm": f"{STEM}head: {{f: flatten, ln: layer_norm}}\n",
    "layer norm without weights": f"{STEM}head: {{f: flatten, ln: {{layer_norm, elementwise_affine: false}}}}\n",
    "group norm": f"{STEM}head: {{f: flatten, gn: {{group_norm: 2}}}}\n",
    "a bare parameter": f"{STEM}head: {{f: flatten, gamma: layer_scale}}\n",
    "two of them": f"{STEM}head: {{f: flatten, a1: {{linear: 8}}, bn: batch_norm, a2: {{linear: 2}}}}\n",
    "features of two values": "stem:\n  a: {conv: 4, kernel_size: 3, stride: 2}\n  f: flatten\n"
    "  b: {conv: 4, kernel_size: 3, stride: 2, from: a}\n  g: flatten\n  c: {concat, from: [f, g]}\n  fc: {linear: 3}\n",
    "a block that counts its channels": f"{STEM}head: {{f: flatten, m: Mlp}}\n"
    "blocks: {Mlp: {layers: {up: {linear: 2 * in_channels}, down: {linear: in_channels}}}}\n",
    "positions": f"{STEM}head: {{f: {{flatten, start_dim: 2}}, t: {{transpose: [1, 2]}}, p2: position_embedding}}\n",
    "positions behind a token": f"{STEM}head: {{f: {{flatten, start_dim: 2}}, t: {{transpose: [1, 2]}}, "
    "c: class_token, p2: position_embedding, a2: {attention: 2}}\n",
    "an instance norm above": "stem: {a: {conv: 4, kernel_size: 3, stride: 4}, n: instance_norm}\n"
    "head: {f: flatten, fc: {linear: 10}}\n",
}
FREE = {
    "a pooling to a fixed size": f"{STEM}head: {{p2: {{adaptive_avg_pool: 2}}, f: flatten, fc: {{linear: 10}}}}\n",
    "a norm without weights": f"{STEM}head: {{f: flatten, gn: {{group_norm: 2, affine: false}}}}\n",
    "attention": f"{STEM}head: {{f: {{flatten, start_dim: 2}}, t: {{transpose: [1, 2]}}, "
    "c: class_token, a2: {attention: 2}}\n",
    "a linear layer on the channels": f"{STEM}head: {{q: {{permute: [0, 2, 3, 1]}}, fc: {{linear: 10}}}}\n",
}


def written(folder: Path, text: str) -> Path:
    path = folder / "net.yaml"
    path.write_text(START + text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", FIXED)
def test_weights_differ_exactly_where_the_contract_says_that_the_module_does_not_run(name: str, tmp_path: Path) -> None:
    network = package.load(written(tmp_path, FIXED[name]))
    region = network.examine().region
    ran = 0
    for height, width in itertools.product(range(8, 33), range(12, 36)):
        if network.report((3, height, width)).problem is not None:
            continue
        built = network.built((3, height, width))
        runs = region.holds({"H": height, "W": width})
        assert runs == (built is None or not built.others), (height, width)
        ran += runs
    assert ran >= 9  # and not at the spec's own input alone


@pytest.mark.parametrize("name", FREE)
def test_no_weight_differs_where_none_follows_from_the_sizes(name: str, tmp_path: Path) -> None:
    network = package.load(written(tmp_path, FREE[name]))
    built = network.built((3, 100, 200))
    assert built is not None
    assert (built.others, built.nearest, built_text.lines(built)) == ((), (), [])
    assert network.examine().contract.sizes == "H >= 4 and W >= 4"


@pytest.mark.parametrize("name", [*FIXED, *FREE])
def test_torch_runs_where_the_contract_of_the_built_module_says(name: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    network = package.load(written(tmp_path, FIXED.get(name) or FREE[name]))
    found = network.examine()
    chosen = against_torch.samples(found, 40, 40, random.Random(name))
    chosen += [(16, 24), (19, 27), (12, 32), (24, 16), (15, 24), (20, 24), (16, 28)]
    assert against_torch.differences(network, found, chosen) == []
    assert sum(against_torch.runs(found, sizes) for sizes in chosen) >= 4


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("linear", [("fc.weight", [10, 160], [10, 96])]),
        ("a bare parameter", [("gamma", [160], [96])]),
        ("positions", [("p2.weight", [1, 40, 4], [1, 24, 4])]),
        ("layer norm without weights", [("ln.normalized_shape", [160], [96])]),
        ("batch norm", [(f"bn.{name}", [160], [96]) for name in ("weight", "bias", "running_mean", "running_var")]),
    ],
)
def test_the_report_names_the_weights(name: str, names: list[Any], tmp_path: Path, archgen: Callable[..., Result]) -> None:
    path = written(tmp_path, FIXED[name])
    for option, schema in (((), REPORT), (("--memory",), REPORT), (("--symbolic",), SYMBOLIC)):
        shown = archgen("shapes", path, "--input", "3x20x32", "--format", "json", *option)
        values = json.loads(shown.out)
        jsonschema.validate(values, schema)
        found = [(one["name"], one["shape"], one["built_shape"]) for one in values["built"]["other_weights"]]
        assert (shown.code, found, values["built"]["input_shape"]) == (0, names, [3, 16, 24])
        text = archgen("shapes", path, "--input", "3x20x32", *option).out
        assert "The module, built for 3x16x24, does not run on 3x20x32" in text
        for one, shape, built in names:
            assert re.search(rf"{re.escape(one)} +built {'x'.join(map(str, built))}, here {'x'.join(map(str, shape))}\n", text)


def test_other_channels_are_other_weights(tmp_path: Path) -> None:
    built = package.load(written(tmp_path, STEM)).built((1, 16, 24))
    assert built is not None
    assert [(one.name, one.shape, one.built) for one in built.others] == [("a.weight", (4, 1, 3, 3), (4, 3, 3, 3))]


@pytest.mark.parametrize("command", [("explain",), ("graph", "-o", "net.svg")])
def test_other_commands_say_it_beside_their_result(
    command: tuple[str, ...], tmp_path: Path, archgen: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, FIXED["linear"])
    shown = archgen(command[0], path, *command[1:], "--input", "3x20x32")
    assert shown.code == 0
    assert "note: the module, built for 3x16x24, does not run on 3x20x32: 1 weight differs" in " ".join(shown.err.split())
    assert archgen(command[0], path, *command[1:], "--input", "3x19x27").err == ""


def test_the_contract_is_that_of_the_spec_whatever_the_input(tmp_path: Path, archgen: Callable[..., Result]) -> None:
    path = written(tmp_path, FIXED["linear"])
    contracts = [
        json.loads(archgen("shapes", path, "--format", "json", *option).out)["contract"]
        for option in ((), ("--input", "3x20x32"), ("--input", "3x19x27"))
    ]
    assert contracts[0] == contracts[1] == contracts[2]
    assert contracts[0]["sizes"].startswith("H in 16 to 19 and W in 24 to 27, or else ")


# ---- the nearest inputs


def followed(text: str, spec: Path, archgen: Callable[..., Result]) -> list[str]:
    """Follows the help of a message as it stands; returns the inputs that it names, each of which must fit."""
    flat = " ".join(text.split())
    named = re.findall(r"`--input ([\dx]+)`|`input: \[([\d, ]+)\]`", flat)
    for given, own in named:
        if given:
            assert archgen("shapes", spec, "--input", given).code == 0, flat
        else:
            changed = re.sub(r"^input: .*", f"input: [{own}]", spec.read_text(encoding="utf-8"), flags=re.MULTILINE)
            (spec.parent / "followed.yaml").write_text(changed, encoding="utf-8")
            assert archgen("validate", spec.parent / "followed.yaml").code == 0, flat
    commands = re.findall(r"`archgen ([^`]+)`", flat)
    assert len(commands) == 1 or not named
    for command in commands:
        assert archgen(*command.split()).code == 0, command
    return [given or own.replace(", ", "x") for given, own in named]


@pytest.mark.parametrize(
    ("spec", "given", "near"),
    [
        ("unet", "3x1080x1920", ["3x1072x1920", "3x1088x1920"]),
        ("unet", "3x500x333", ["3x496x320", "3x512x336"]),
        ("unet", "3x7x7", ["3x16x16"]),
        ("unet", "1x40x31", ["1x32x16", "1x48x32"]),
        ("alexnet", "3x32x100", ["3x63x100"]),
        ("inception_v3", "3x200x400", ["3x299x400"]),
        ("hrnet_w18_small", "3x225x224", ["3x224x224", "3x253x224"]),
        ("resnet18", "3x1x1", []),
    ],
)
def test_an_input_that_does_not_fit_is_answered_with_the_nearest_that_do(
    spec: str, given: str, near: list[str], archgen: Callable[..., Result]
) -> None:
    path = ROOT / f"specs/{spec}.yaml"
    shown = archgen("shapes", path, "--input", given)
    assert (shown.code, followed(shown.err, path, archgen)) == (2 if near else 0, near)


OWN = {
    "a U-Net": ("input: [3, 1080, 1920]\n", "stem: {a: {conv: 4, kernel_size: 3}, p: {max_pool: 32}, u: {upsample: 32},"
                " s: {add, from: [a, u]}}\n", ["3x1056x1920", "3x1088x1920"]),
    "a kernel larger than the input": ("input: [3, 20, 50]\n",
                                       "stem: {a: {conv: 4, kernel_size: 31, padding: 0}}\n", ["3x31x50"]),
    "a pooling of nothing": ("input: [3, 20, 20, 20]\n", "stem: {a: {avg_pool: [2, 30, 2]}}\n", ["3x20x30x20"]),
    "an instance norm of one position": ("input: [3, 7, 9]\n", "stem: {a: {conv: 4, kernel_size: 7, stride: 9},"
                                         " n: instance_norm}\n", ["3x7x10"]),
    "sizes that are not divided": ("input: [3, 101, 64]\n", "stem: {a: {pixel_unshuffle: 4}}\n", ["3x100x64", "3x104x64"]),
    "one axis": ("input: [1, 16001]\n", "stem: {a: {conv: 4, kernel_size: 3}, p: {max_pool: 10}, u: {upsample: 10},"
                 " s: {add, from: [a, u]}}\n", ["1x16000", "1x16010"]),
    "a linear layer takes what comes": ("input: [3, 33, 33]\n",
                                        "stem: {a: {pixel_unshuffle: 2}, f: flatten, fc: {linear: 3}}\n",
                                        ["3x32x32", "3x34x34"]),
    "equal sizes": ("input: [3, 30, 40]\n", "stem: {a: {conv: 3, kernel_size: 1}, t: {permute: [0, 1, 3, 2]},"
                    " s: {add, from: [a, t]}}\n", ["3x30x30", "3x40x40"]),
    "a block": ("input: [3, 15, 15]\n", "stem: {b: {B: 4}}\nblocks: {B: {args: {c: int}, layers: {a: {conv: c, kernel_size: 3},"
                " p: {max_pool: 2}, u: {upsample: 2}, s: {concat, from: [a, u]}}}}\n", ["3x14x14", "3x16x16"]),
    # what follows is no matter of the input's size
    "no stride beside one": ("input: [3, 32, 32]\n", "stem: {r: {residual: {c: {conv: 3, kernel_size: 3, stride: 2}}}}\n", []),
    "channels": ("input: [3, 32, 32]\n", "stem: {a: {conv: 4, kernel_size: 3}, s: {add, from: [a, input]}}\n", []),
    "groups": ("input: [3, 32, 32]\n", "stem: {a: {conv: 4, kernel_size: 50, groups: 2}}\n", []),
}  # fmt: skip


@pytest.mark.parametrize("name", OWN)
def test_a_spec_that_does_not_fit_its_own_input_is_answered_with_the_nearest_that_do(
    name: str, tmp_path: Path, archgen: Callable[..., Result]
) -> None:
    shape, rest, near = OWN[name]
    path = tmp_path / "net.yaml"
    path.write_text(f"name: Net\n{shape}{rest}", encoding="utf-8")
    for command in (("validate",), ("shapes",), ("build", "-o", tmp_path / "out")):
        shown = archgen(command[0], path, *command[1:])
        assert shown.code == 2
        assert followed(shown.err, path, archgen) == near, shown.err


def test_the_help_of_every_case_holds_when_followed(tmp_path: Path, archgen: Callable[..., Result]) -> None:
    """Of the messages in tests/errors, those that name inputs."""
    cases = [path for path in sorted((ROOT / "tests/errors").glob("*.txt")) if "the nearest that fit" in path.read_text()]
    assert len(cases) >= 3
    for case in cases:
        shutil.copy(case.with_suffix(".yaml"), tmp_path / "net.yaml")
        assert followed(archgen("validate", tmp_path / "net.yaml").err, tmp_path / "net.yaml", archgen), case.name


def test_the_nearest_for_a_built_module_is_one_that_it_runs_on(tmp_path: Path, archgen: Callable[..., Result]) -> None:
    path = written(tmp_path, FIXED["linear"])
    for given, near in (("3x100x100", [3, 19, 27]), ("3x30x30", [3, 19, 27]), ("3x3x200", [3, 4, 99])):
        shown = archgen("shapes", path, "--input", given, "--format", "json")
        named = [list(map(int, one.split("x"))) for one in re.findall(r"`--input ([\dx]+)`", shown.err)]
        found = named or json.loads(shown.out)["built"]["nearest"]
        assert near in found
        for one in found:
            built = package.load(path).built(tuple(one))
            assert built is not None
            assert built.others == ()


# ---- what one image can't train


@pytest.mark.parametrize(
    ("layers", "options", "told"),
    [
        ("stem: {p: {adaptive_avg_pool: 1}, bn: batch_norm}\n", (), ["bn"]),
        ("stem: {p: {adaptive_avg_pool: 1}, bn: batch_norm}\n", ("--batch", "2"), []),
        ("stem: {f: flatten, fc: {linear: 3}, bn: batch_norm}\n", (), ["bn"]),
        ("stem: {p: {adaptive_avg_pool: 2}, bn: batch_norm}\n", (), []),
        ("stem: {p: {adaptive_avg_pool: 1}, c: [{conv: 4, kernel_size: 1}, {batch_norm, track_running_stats: false}]}\n", (),
         ["c.1"]),
        ("stem: {p: {adaptive_avg_pool: 1}, b: {B: 4, depth: 3}}\n"
         "blocks: {B: {args: {c: int}, layers: {c: {conv: c, kernel_size: 1}, bn: batch_norm}}}\n", (), ["b.0.bn"]),
    ],
)  # fmt: skip
def test_a_batch_norm_of_one_value_is_noted_where_training_is_counted(
    layers: str, options: tuple[str, ...], told: list[str], tmp_path: Path, archgen: Callable[..., Result]
) -> None:
    path = written(tmp_path, layers)
    shown = archgen("shapes", path, "--memory", *options)
    said = " ".join(shown.err.split())  # however the lines break
    assert shown.code == 0
    assert re.findall(r"training stops at `(.+)`: one image has one value for each channel there", said) == told
    assert ("`--batch 2` is the least that trains" in said) == bool(told)
    assert archgen("shapes", path).err == ""
    refused = torch_refuses(path, int(options[1]) if options else 1)
    assert refused == bool(told)


def torch_refuses(path: Path, batch: int) -> bool:
    torch = pytest.importorskip("torch")
    network = package.load(path)
    try:
        network.module().train()(torch.zeros(batch, *network.spec.input))
    except ValueError as error:
        assert "Expected more than 1 value per channel when training" in str(error)
        return True
    return False
