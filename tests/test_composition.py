"""Small odd networks, one for each way to compose: the generated module equals the steps of its spec."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import archgen

NETWORKS = sorted((Path(__file__).parent / "networks").glob("*.yaml"))


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
def test_the_module_equals_the_steps(path: Path) -> None:
    pytest.importorskip("torch")
    from archgen.verify.compare import compare

    network = archgen.load(path)
    checks = compare(network, network.source())
    assert [check.difference for check in checks] == [""] * 6


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        *(("arguments_of_the_module", "k", k) for k in (1, 2, 5)),
        *(("rounded_arguments", "ratio", ratio) for ratio in (2, 5)),
        *(("left_out_by_an_argument", "classes", classes) for classes in (2, 5)),
        ("left_out_by_an_argument", "gated", False),
        ("left_out_by_an_argument", "pooled", True),
        *(("floor_of_a_float_argument", "width", width) for width in (1.5, 2, 2.0, 2.75)),
        *(("float_arithmetic", "w", w) for w in (2, 2.0, 1.1, 0.75)),
        *(("depth_by_argument_zero", "n", n) for n in (1, 5)),
        *(("rate_in_a_loop", "rate", rate) for rate in (0.0, 0.3)),
        *(("rate_in_a_loop", "k", k) for k in (0, 1, 4)),
        ("constants_read_under_a_condition", "groups", 0),
    ],
)
def test_another_value_of_an_argument_gives_the_network_of_that_spec(name: str, argument: str, value: float) -> None:
    pytest.importorskip("torch")
    from tests.fuzz.kinds import other_argument

    assert other_argument(Path(__file__).parent / f"networks/{name}.yaml", argument, value) == ""


def test_a_float_argument_is_no_integer() -> None:
    torch = pytest.importorskip("torch")
    path = Path(__file__).parent / "networks/floor_of_a_float_argument.yaml"
    assert archgen.load(path).module(width=1.5)(torch.zeros(1, 3, 16, 16)).shape[1] == 8
    assert archgen.load(path, ("width=1.5",)).report().output_shapes == ((8, 16, 16),)
    assert "round(8 * (width // 1))" in archgen.load(path).source()


@pytest.mark.parametrize("n", [0, -1])
def test_a_depth_below_one_is_refused_by_the_spec_and_by_its_module(n: int) -> None:
    pytest.importorskip("torch")
    path = Path(__file__).parent / "networks/depth_by_argument_zero.yaml"
    with pytest.raises(archgen.SpecError, match="must be a whole number of at least 1"):
        archgen.load(path, (f"n={n}",)).checked()
    with pytest.raises(ValueError, match="n must be at least 1"):
        archgen.load(path).module(n=n)


def test_what_an_argument_leaves_out_hands_on_its_channels() -> None:
    torch = pytest.importorskip("torch")
    module = archgen.load(Path(__file__).parent / "networks/arguments_of_the_module.yaml").module(wide=False)
    assert module(torch.zeros(2, 4, 9, 9)).shape == (2, 5)


@pytest.mark.parametrize("tool", [["ruff", "check"], ["mypy", "--strict"]], ids=" ".join)
def test_the_modules_pass(tool: list[str], tmp_path: Path) -> None:
    # a `partial` of a class may be a default, as nobody changes one
    (tmp_path / "ruff.toml").write_text('[lint.flake8-bugbear]\nextend-immutable-calls = ["functools.partial"]\n')
    for path in NETWORKS:
        (tmp_path / f"{path.stem}.py").write_text(archgen.load(path).source())
    run = subprocess.run([sys.executable, "-m", *tool, "."], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_what_no_call_builds_follows_its_conditions() -> None:
    """The proof never sees it: neither whether a node keeps the channels that could not run, nor one that no number reached."""
    source = archgen.load(Path(__file__).parent / "networks/never_called.yaml").source()
    assert "        self.norm = nn.BatchNorm2d(7 if wide else 2 * (in_channels // 3) + third)\n" in source
    source = archgen.load(Path(__file__).parent / "networks/block_left_out_that_could_not_run.yaml").source()
    assert "        self.bn = nn.BatchNorm2d(3 * (in_channels // 3) if ways == 3 else in_channels)\n" in source


def test_a_sum_that_is_too_long_has_a_line_for_each_value(tmp_path: Path) -> None:
    path = tmp_path / "long_sum.py"
    path.write_text(archgen.load(Path(__file__).parent / "networks/long_sum.yaml").source())
    command = [sys.executable, "-m", "ruff", "format", "--line-length", "100", "--check", str(path)]
    assert max(map(len, path.read_text().splitlines())) <= 100
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_merge_that_may_be_left_out_is_a_condition_of_forward() -> None:
    source = archgen.load(Path(__file__).parent / "networks/when_arg_merge.yaml").source()
    assert "        self.use_added = stride == 1 and in_channels == channels\n" in source
    assert "        if self.use_added:\n            x = c + x\n        else:\n            x = c\n" in source


def test_a_value_that_is_read_twice_is_never_overwritten() -> None:
    """`inplace` would change what the other reader sees: through an identity, too."""
    for name in ("inplace_alias", "inplace_alias2"):
        assert "inplace=True" not in archgen.load(Path(__file__).parent / f"networks/{name}.yaml").source()


def test_a_steady_growth_is_a_comprehension() -> None:
    source = archgen.load(Path(__file__).parent / "networks/dense.yaml").source()
    assert "        self.a = nn.Sequential(*[D(4 + 3 * i, 3) for i in range(6)])\n" in source


def test_as_many_blocks_as_an_argument_says_are_a_loop() -> None:
    source = archgen.load(Path(__file__).parent / "networks/depth_arg.yaml").source()
    assert "            *[Conv(channels, channels) for _ in range(blocks - 1)],\n" in source
    assert "*[DenseLayer(in_channels + growth * i, growth) for i in range(layers)]" in source
    assert "*[Scaled(in_channels, 0.5 * i / times) for i in range(times)]" in source


def test_blocks_of_an_unknown_number_that_change_the_channels_are_refused(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(
        "name: Net\ninput: [3, 32, 32]\nstem: {a: {Outer: 2}, b: {Outer: 3}}\nblocks:\n"
        "  Outer: {args: {n: int}, layers: {all: {Twice, depth: n}}}\n"
        "  Twice: {layers: {conv: {conv: 2 * in_channels, kernel_size: 1}}}\n"
    )
    with pytest.raises(archgen.SpecError, match="in no steady way"):
        archgen.load(tmp_path / "net.yaml").source()


def test_blocks_of_an_unknown_number_may_change_the_sizes() -> None:
    source = archgen.load(Path(__file__).parent / "networks/kernel_by_index.yaml").source()
    assert "            *[U(c, c, k=2 * i + 1) for i in range(1, n)],\n" in source


def test_sizes_behind_blocks_of_an_unknown_number_are_refused_where_a_layer_is_made_for_them(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(
        "name: Net\ninput: [3, 32, 32]\nargs: {n: 2}\nstem: {a: {Half, depth: n}, b: flatten, c: {linear: 2}}\n"
        "blocks: {Half: {layers: {pool: {max_pool: 2}}}}\n"
    )
    with pytest.raises(archgen.SpecError, match=r"only\s+a call of `Net` knows the sizes here") as refused:
        archgen.load(tmp_path / "net.yaml").source()
    assert (refused.value.problems[0].place.line, refused.value.problems[0].place.column) == (4, 41)


def test_an_integer_is_not_set_to_a_fraction(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(
        "name: Net\ninput: [3, 8, 8]\nargs: {n: 2}\nstem: {a: {conv: 4 * n // 2, kernel_size: 1}}\n"
    )
    for value in ("1.5", "true", "2.0"):
        with pytest.raises(archgen.SpecError, match=f"argument `n` takes an integer, not `{value}`"):
            archgen.load(tmp_path / "net.yaml", (f"n={value}",))
