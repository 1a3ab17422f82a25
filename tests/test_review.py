"""What `archgen diff` says of two specs, held against what torch does with their modules."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

import archgen as package
from archgen.analysis.weights import state
from archgen.modules import build
from archgen.review import align, checkpoint, diff
from archgen.review.json import REVIEW
from archgen.review.project import Review
from tests.conftest import ROOT, SMALL, Result, examples

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.network import Network
    from archgen.review.diff import Diff

SCHEMA = json.loads((ROOT / "docs/diff.schema.json").read_text(encoding="utf-8"))
FAMILIES = ("resnet", "vgg", "mobilenet", "efficientnet")
BLOCKS = SMALL.replace(
    "  relu: relu\n",
    "  relu: relu\nstages:\n  layer1: {BasicBlock: 16, depth: 2, stride: 1}\n  layer2: {BasicBlock: 32, depth: 2, stride: 2}\n",
)


def git(folder: Path, *arguments: str) -> None:
    names = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *names, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(project: Path) -> Path:
    """A project whose one spec is committed."""
    (project / "specs/small.yaml").write_text(BLOCKS)
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "first")
    return project


def between(old: str, new: str, folder: Path) -> Diff:
    for name, text in (("old", old), ("new", new)):
        (folder / f"{name}.yaml").write_text(text)
    return diff.between(*(package.load(folder / f"{name}.yaml") for name in ("old", "new")))


# ---- each kind of change, as a reviewer would tell it

CASES: dict[str, tuple[str, str, list[str]]] = {
    "stride": (
        "layer2: {BasicBlock: 32, depth: 2, stride: 2}",
        "layer2: {BasicBlock: 32, depth: 2, stride: 1}",
        [
            "~ layer2.0: BasicBlock",
            "stride 2 -> 1",
            "~ layer2.0.conv1",
            "an old checkpoint loads as it is",
            "meaning    another",
        ],
    ),
    "width": (
        "layer2: {BasicBlock: 32,",
        "layer2: {BasicBlock: 48,",
        ["channels 32 -> 48", "does not load", "of another shape", "parameters"],
    ),
    "depth": (
        "layer2: {BasicBlock: 32, depth: 2,",
        "layer2: {BasicBlock: 32, depth: 3,",
        ["+ layer2.2: BasicBlock", "does not load", "12 new"],
    ),
    "block swapped": (
        "layer2: {BasicBlock: 32,",
        "layer2: {Bottleneck: 32,",
        ["- layer2.0, layer2.1: BasicBlock", "+ layer2.0, layer2.1: Bottleneck", "gone"],
    ),
    "layer renamed": (
        "  conv1: {conv: 16",
        "  first: {conv: 16",
        [
            "> first: Conv2d",
            "was conv1",
            "loads once its entries are renamed",
            "2 renamed",
            "the same function of the same weights",
        ],
    ),
    "activation": ("relu: relu", "relu: silu", ["~ relu: SiLU", "type ReLU -> SiLU", "loads as it is", "meaning    another"]),
    "padding": (
        "kernel_size: 3}",
        "kernel_size: 3, padding: 0}",
        ["padding default -> 0", "loads as it is", "meaning    another"],
    ),
    "default": (
        "num_classes: 10",
        "num_classes: 12",
        ["arguments: num_classes = 10 -> num_classes = 12", "outputs: 10 -> 12", "out_features 10 -> 12"],
    ),
    "argument renamed": ("num_classes", "classes", ["arguments: num_classes = 10 -> classes = 10", "the same function"]),
    "class": ("name: Small", "name: Tiny", ["class: Small -> Tiny", "loads as it is", "the same function of the same weights"]),
    "input": (
        "[3, 32, 32]",
        "[3, 64, 64]",
        ["input: 3x32x32 -> 3x64x64", "loads as it is", "the same function", "MACs +300.0 %"],
    ),
    "channels of the input": ("[3, 32, 32]", "[1, 32, 32]", ["input: 3x32x32 -> 1x32x32", "1 of another shape"]),
    "a layer more": ("  relu: relu\n", "  relu: relu\n  bn: batch_norm\n", ["+ bn: BatchNorm2d", "5 new"]),
    "a layer less": ("  relu: relu\n", "", ["- relu: ReLU", "loads as it is", "meaning    another"]),
    "another source": (
        "  avgpool: {adaptive_avg_pool: 1}",
        "  avgpool: {adaptive_avg_pool: 1, from: layer1}\n  other: {adaptive_avg_pool: 1, from: layer2}\n"
        "  both: {concat, from: [avgpool, other]}",
        ["~ avgpool: AdaptiveAvgPool2d", "takes layer2 -> layer1", "+ both: concat", "of another shape"],
    ),
    "dropout": (
        "  flatten: flatten\n",
        "  flatten: flatten\n  dropout: {dropout: 0.2}\n",
        ["+ dropout: Dropout", "the same function of the same weights in evaluation, another one in", "loads as it is"],
    ),
    "order of two": (
        "  conv1: {conv: 16, kernel_size: 3}\n  relu: relu\n",
        "  relu: relu\n  conv1: {conv: 16, kernel_size: 3}\n",
        ["^ ", "loads as it is", "meaning    another"],
    ),
    "a comment alone": ("  relu: relu\n", "  relu: relu  # as ever\n", ["the same network"]),
    "a description": ("input:", "description: small.\ninput:", ["the same network"]),
    "a range that narrows": (
        "  avgpool: {adaptive_avg_pool: 1}\n",
        "",
        ["an input of 3x", "runs no more", "runs on: every size -> "],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_kind_of_change(case: str, repository: Path, archgen: Callable[..., Result]) -> None:
    old, new, told = CASES[case]
    assert BLOCKS.count(old), "what is replaced must be there"
    (repository / "specs/small.yaml").write_text(BLOCKS.replace(old, new))
    result = archgen("diff", "HEAD:specs/small.yaml", "specs/small.yaml")
    said = " ".join(result.out.split())
    assert [one for one in told if " ".join(one.split()) not in said] == [], result.out
    assert result.code == (0 if "the same network" in told else 1)
    assert max(map(len, result.out.splitlines())) <= 80
    whole = archgen("diff", "HEAD")
    assert (whole.out, whole.code) == (result.out, result.code)
    values = json.loads(archgen("diff", "HEAD", "--format", "json").out)
    jsonschema.validate(values, SCHEMA)
    assert values["equal"] == (result.code == 0)


def test_nothing_changed(repository: Path, archgen: Callable[..., Result]) -> None:
    assert archgen("diff", "HEAD") == Result(0, "1 spec is as before\n", "")
    assert archgen("diff", "HEAD", "--format", "markdown").out == "No spec of a network has changed.\n"


def test_a_parent_that_changed(repository: Path, archgen: Callable[..., Result]) -> None:
    (repository / "specs/child.yaml").write_text("extends: small.yaml\nname: Child\n")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "second")
    (repository / "specs/small.yaml").write_text(BLOCKS.replace("relu: relu", "relu: gelu"))
    found = archgen("diff", "HEAD")
    assert "HEAD:specs/child.yaml -> specs/child.yaml\n\n~ relu: GELU" in found.out
    assert found.code == 1
    from_below = archgen("diff", "HEAD:./specs/child.yaml", "specs/child.yaml")
    assert "type ReLU -> GELU" in from_below.out


def test_specs_that_came_and_went(repository: Path, archgen: Callable[..., Result]) -> None:
    (repository / "specs/small.yaml").rename(repository / "specs/other.yaml")
    found = archgen("diff", "HEAD")
    assert found == Result(1, "+ specs/other.yaml: a new spec\n- HEAD:specs/small.yaml: no longer there\n", "")


# ---- bad input


def test_a_revision_that_is_not_there(repository: Path, archgen: Callable[..., Result]) -> None:
    found = archgen("diff", "no-such-branch:specs/small.yaml", "specs/small.yaml")
    assert found.code == 2
    assert "the repository has no revision `no-such-branch`" in found.err
    assert archgen("diff", "--", "--upload-pack=x", "specs/small.yaml").code == 2


def test_a_spec_that_the_revision_does_not_have(repository: Path, archgen: Callable[..., Result]) -> None:
    found = archgen("diff", "HEAD:specs/other.yaml", "specs/small.yaml")
    assert found.code == 2
    assert "HEAD:specs/other.yaml: error: `HEAD` has no spec `specs/other.yaml`" in found.err


def test_a_spec_that_is_refused_on_one_side(repository: Path, archgen: Callable[..., Result]) -> None:
    (repository / "specs/small.yaml").write_text(BLOCKS.replace("relu: relu", "relu: rellu"))
    git(repository, "commit", "-qam", "broken")
    (repository / "specs/small.yaml").write_text(BLOCKS)
    for arguments in (("HEAD:specs/small.yaml", "specs/small.yaml"), ("HEAD",)):
        found = archgen("diff", *arguments)
        assert (found.code, found.out) == (2, "")
        assert "HEAD:specs/small.yaml:6:9: error: `rellu` is no op or block" in found.err


def test_without_a_repository(project: Path, archgen: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    found = archgen("diff", "HEAD")
    assert found.code == 3
    assert "not a git repository" in found.err


def test_without_git(repository: Path, archgen: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    found = archgen("diff", "HEAD")
    assert found.code == 3
    assert "git is not installed" in found.err


def test_one_spec_alone(repository: Path, archgen: Callable[..., Result]) -> None:
    found = archgen("diff", "specs/small.yaml")
    assert found.code == 2
    assert "`archgen diff HEAD:specs/small.yaml specs/small.yaml`" in found.err


def test_a_link_of_a_revision_is_no_spec(repository: Path, archgen: Callable[..., Result]) -> None:
    (repository / "specs/link.yaml").symlink_to("small.yaml")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "link")
    assert "has no spec" in archgen("diff", "HEAD:specs/link.yaml", "specs/small.yaml").err


def test_a_tree_that_leads_out_writes_nothing(repository: Path, archgen: Callable[..., Result]) -> None:
    """A repository may hold a tree that no git makes: its paths are not followed."""

    def stored(data: bytes, kind: str) -> bytes:
        command = ["git", "hash-object", "-w", "--stdin", "--literally", "-t", kind]
        return subprocess.run(command, cwd=repository, input=data, check=True, capture_output=True).stdout.strip()

    blob = stored(b"name: X\n", "blob")
    inner = stored(b"100644 pwned.yaml\0" + bytes.fromhex(blob.decode()), "tree")
    up = stored(b"40000 ..\0" + bytes.fromhex(inner.decode()), "tree")
    here = subprocess.run(["git", "rev-parse", "HEAD:specs/small.yaml"], cwd=repository, check=True, capture_output=True)
    small = b"100644 small.yaml\0" + bytes.fromhex(here.stdout.strip().decode())
    specs = stored(b"40000 ..\0" + bytes.fromhex(up.decode()) + small, "tree")
    top = stored(b"40000 specs\0" + bytes.fromhex(specs.decode()), "tree")
    commit = stored(b"tree " + top + b"\nauthor x <x> 0 +0000\ncommitter x <x> 0 +0000\n\nx\n", "commit").decode()
    result = archgen("diff", f"{commit}:specs/small.yaml", "specs/small.yaml")
    assert "the same network" in result.out, result.err
    assert not Path(tempfile.gettempdir(), "pwned.yaml").exists()


# ---- forms


def test_markdown(archgen: Callable[..., Result]) -> None:
    found = archgen("diff", ROOT / "specs/resnet50.yaml", ROOT / "specs/resnext50_32x4d.yaml", "--format", "markdown").out
    assert found.startswith("### <code>")
    assert (
        "| :warning: | **weights** | an old checkpoint does not load: 144 of 320 entries stay, 176 of another shape |" in found
    )
    assert "| inference memory |" not in found  # it is the same
    assert found.count("<details>") == found.count("</details>") == 1
    assert found.isascii()


def test_markdown_of_a_hostile_name(tmp_path: Path, archgen: Callable[..., Result]) -> None:
    (tmp_path / "a.yaml").write_text(SMALL)
    hostile = tmp_path / "<img src=x>|`![a](b).yaml"
    hostile.write_text(SMALL.replace("relu: relu", "relu: silu"))
    found = archgen("diff", tmp_path / "a.yaml", hostile, "--format", "markdown").out
    assert "<img" not in found
    assert "![a]" not in found
    assert "<img" not in archgen("diff", tmp_path / "a.yaml", hostile, "--format", "html").out


def test_html(archgen: Callable[..., Result]) -> None:
    found = archgen("diff", ROOT / "specs/vgg11.yaml", ROOT / "specs/vgg11_bn.yaml", "--format", "html").out
    assert found.count('<tr class="added">') == 8
    assert not re.search(r"<script|\ssrc=|href=|@import|url\(", found), "it needs nothing beside itself"
    assert found.count("<table") == found.count("</table>")


def test_every_key_has_its_value() -> None:
    found = Review(
        (diff.between(*(package.load(ROOT / f"specs/{name}.yaml") for name in ("resnet18", "resnet50"))),), ("a",), ("b",)
    )
    values = REVIEW.values(found)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(values, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**values, "more": 1}, SCHEMA)


# ---- which layer became which


def names(pairs: tuple[align.Pair, ...]) -> list[tuple[str, str]]:
    return [(pair.old.path if pair.old else "", pair.new.path if pair.new else "") for top in pairs for pair in top.walk()]


def test_items_of_a_list_are_paired_by_what_they_are(tmp_path: Path) -> None:
    old = SMALL.replace("  relu: relu\n", "  items: [{conv: 8, kernel_size: 1}, relu, {conv: 8, kernel_size: 1}, relu]\n")
    new = old.replace("[{conv: 8, kernel_size: 1}, relu,", "[{conv: 8, kernel_size: 1}, batch_norm, relu,")
    found = between(old, new, tmp_path)
    assert names(found.pairs)[2:7] == [
        ("items.0", "items.0"),
        ("", "items.1"),
        ("items.1", "items.2"),
        ("items.2", "items.3"),
        ("items.3", "items.4"),
    ]
    assert found.weights.names == {"items.2.weight": "items.3.weight", "items.2.bias": "items.3.bias"}


def test_layers_that_were_put_into_a_list(tmp_path: Path) -> None:
    new = SMALL.replace("  conv1: {conv: 16, kernel_size: 3}\n  relu: relu\n", "  stem: [{conv: 16, kernel_size: 3}, relu]\n")
    for one, other in ((SMALL, new), (new, SMALL)):
        found = between(one, other, tmp_path)
        assert found.weights.loads_renamed
        assert found.same == (True, True)
    assert found.weights.names == {"stem.0.weight": "conv1.weight", "stem.0.bias": "conv1.bias"}
    assert [(one.kind, one.olds, one.paths) for one in found.changes] == [
        ("removed", ("stem",), ("stem",)),
        ("renamed", ("stem.0",), ("conv1",)),
        ("renamed", ("stem.1",), ("relu",)),
    ]


def test_an_entry_that_loads_into_another_layer(tmp_path: Path) -> None:
    old = SMALL.replace("  relu: relu\n", "  items: [{conv: 16, kernel_size: 1}, {conv: 16, kernel_size: 1, stride: 2}]\n")
    new = old.replace("[{conv: 16, kernel_size: 1},", "[{conv: 16, kernel_size: 1, groups: 16}, {conv: 16, kernel_size: 1},")
    found = between(old, new, tmp_path)
    assert [one.old for one in found.weights.swapped] == ["items.0.bias", "items.1.weight", "items.1.bias"]


def test_parameters_in_another_order(tmp_path: Path) -> None:
    old = SMALL.replace(
        "  relu: relu\n",
        "  a: {batch_norm, from: conv1}\n  b: {batch_norm, from: conv1}\n  c: {add, from: [a, b]}\n",
    )
    lines = old.splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if line.startswith("  a:"))
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    found = between(old, "".join(lines), tmp_path)
    assert found.weights.loads
    assert found.weights.reordered
    assert found.same == (True, True)
    assert [change.kind for change in found.changes] == ["moved"]


@pytest.mark.parametrize(
    ("numbers", "in_order"),
    [([0, 1, 2], {0, 1, 2}), ([2, 0, 1], {0, 1}), ([1, 0], {0}), ([], set()), ([3, 1, 2, 5, 4], {1, 2, 4})],
)
def test_what_stays_in_order(numbers: list[int], in_order: set[int]) -> None:
    assert align._in_order(numbers) == in_order


def test_only_other_values_of_an_argument_differ(tmp_path: Path) -> None:
    old = SMALL.replace("  flatten:", "  drop: {dropout: 0.5, when: num_classes > 20}\n  flatten:")
    found = between(old, old.replace("> 20", "> 30"), tmp_path)
    assert (found.changes, found.same, found.alike, found.equal) == ((), (True, True), False, False)


# ---- against torch


@pytest.fixture(scope="module")
def modules() -> dict[str, Any]:
    """Every network of the families, and its module, which holds no numbers."""
    torch = pytest.importorskip("torch")
    found = {}
    for path in sorted((ROOT / "specs").glob("*.yaml")):
        if path.stem.startswith(FAMILIES):
            network = package.load(path)
            text = (ROOT / "generated" / f"{path.stem}.py").read_text(encoding="utf-8")
            with torch.device("meta"):
                found[path.stem] = network, build(text, network.name, {})
    return found


def test_the_entries_are_those_of_the_module(modules: dict[str, tuple[Network, Any]]) -> None:
    for name, (network, module) in modules.items():
        entries = state(network.graph, network.traced().steps)
        assert [(one.name, one.shape) for one in entries] == [
            (key, tuple(one.shape)) for key, one in module.state_dict().items()
        ], name
        assert {one.name for one in entries if one.trained} == {key for key, _ in module.named_parameters()}, name


def test_what_loads_within_a_family(modules: dict[str, tuple[Network, Any]]) -> None:
    """No false `loads`, no false `breaks`: every ordered pair of each family is tried with `load_state_dict`."""
    tried = 0
    for family in FAMILIES:
        for (old, before), (new, after) in itertools.permutations(
            [modules[name] for name in modules if name.startswith(family)], 2
        ):
            sides = [align.Side(one.graph, one.traced().steps) for one in (old, new)]
            pairs = align.align(sides[0], sides[1])
            found = checkpoint.compare(sides[0], sides[1], pairs)
            state_dict = before.state_dict()
            try:
                after.load_state_dict(state_dict, assign=True)
                loads = True
            except RuntimeError as error:
                loads = False
                there, own = after.state_dict(), state_dict
                told = {one.name for one in found.removed} | {one.old for one in [*found.renamed, *found.reshaped]}
                assert {key for key in own if key not in there or own[key].shape != there[key].shape} <= told, error
            assert not (found.loads and not loads), (old.path, new.path)
            assert found.loads or found.swapped or not loads, (old.path, new.path)
            tried += 1
    assert tried > 200


def test_random_edits(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from tests import edits

    said = [edits.tried(seed, tmp_path) for seed in range(examples(48))]
    assert [fault for _, fault in said if fault] == []
    assert {"same, loads", "other, loads", "same, loads not", "other, loads not", "refused"} <= {one for one, _ in said}


@pytest.mark.parametrize(
    ("lie", "told"),
    [
        ({"same": (True, True)}, "the same function, and"),
        ({"weights": "loads"}, "it is said to load, and does not"),
    ],
)
def test_a_false_word_would_be_seen(lie: dict[str, Any], told: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from tests import edits

    new = SMALL.replace("relu: relu", "relu: silu") if "same" in lie else SMALL.replace("conv: 16", "conv: 8")
    found = between(SMALL, new, tmp_path)
    networks = [package.load(tmp_path / f"{name}.yaml") for name in ("old", "new")]
    assert edits.untrue(found, networks, [one.module() for one in networks]) == ""
    if "weights" in lie:
        lie = {"weights": found.weights._replace(reshaped=(), renamed=())}
    assert told in edits.untrue(found.replace(**lie), networks, [one.module() for one in networks])
