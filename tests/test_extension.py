"""Adding an op is one class: each of those below is defined here alone, and goes through every room that an op goes through.

They are registered in a process of their own, which this file is too: no other test meets them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from archgen.ops.base import Op
from archgen.ops.merge import MergeOp, Pairwise
from archgen.ops.options import Axis, Int, Real
from archgen.ops.torch_text import VALUES, Function, Index, Method, Option
from archgen.ops.value import POINTWISE, SHARED, Constraint, Footprint, Mode, Reads, Shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parents[1]
NEW = {"swapaxes", "leading", "fmax", "shift", "exponential"}


def register() -> None:
    """Defines the ops, which registers them."""

    class Swapaxes(Op):
        """Swaps two axes, counted with the batch: torch.swapaxes."""

        name: ClassVar[str] = "swapaxes"
        line = Method("swapaxes", (Option("axis0"), Option("axis1")))
        positional: ClassVar[int] = 2
        example: ClassVar[str] = "{swapaxes: 1, axis1: 2}"

        axis0: Axis
        axis1: Axis

        def axes(self, x: Shape) -> list[int]:
            order = list(range(len(x.sizes)))
            first, second = ((int(dim) - 1) % len(order) for dim in (self.axis0, self.axis1))
            order[first], order[second] = order[second], order[first]
            return order

        def output(self, x: Shape) -> Shape:
            order = self.axes(x)
            return Shape(tuple(x.sizes[axis] for axis in order), order.index(x.channel_axis))

        def constraints(self, x: Shape) -> Iterable[Constraint]:
            for option in ("axis0", "axis1"):
                value = getattr(self, option)
                yield Constraint(
                    value, ">=", 1, f"`{option}` is {{left}}, and must be at least 1: the batch stays first", option
                )
                yield Constraint(len(x.sizes), ">=", value, f"`{option}` is {{right}}, and the last axis is {{left}}", option)

        def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
            return SHARED

        def reads(self, x: Shape) -> tuple[Reads | None, ...]:
            spatial = [axis for axis in self.axes(x) if axis != x.channel_axis]
            return tuple(POINTWISE._replace(source=axis - (axis > x.channel_axis)) for axis in spatial)

    class Leading(Op):
        """The first channels: an index."""

        name: ClassVar[str] = "leading"
        line = Index(Option("at"))
        example: ClassVar[str] = "{leading: 2}"

        count: Int

        def output(self, x: Shape) -> Shape:
            return x.with_channels(self.count)

        def constraints(self, x: Shape) -> Iterable[Constraint]:
            yield Constraint(self.count, ">=", 1, "`count` is {left}, and must be at least {right}", "count")
            yield Constraint(x.channels, ">=", self.count, "`count` is {right}, and there are {left} channels", "count")

        def text_options(self, x: Shape) -> dict[str, Any]:
            return {"at": (slice(None),) * (x.channel_axis + 1) + (slice(None, self.count),)}

        def footprint(self, x: Shape, y: Shape, mode: Mode) -> Footprint:
            return SHARED

    class Fmax(Pairwise):
        """The larger of two values, or the one that is a number: torch.fmax."""

        name: ClassVar[str] = "fmax"
        line = Function("torch.fmax", (VALUES,))
        most: ClassVar[int | None] = 2
        fresh: ClassVar[bool] = True
        keeps: ClassVar[tuple[str, ...]] = ("inputs",)
        hands_back: ClassVar[bool] = False
        passing: ClassVar[tuple[int, int]] = (1, 2)

    class Exponential(Op):
        """e to the power of x, which the way back needs: torch.exp."""

        name: ClassVar[str] = "exponential"
        line = Function("torch.exp", (VALUES,))
        keeps: ClassVar[tuple[str, ...]] = ("output",)

        def output(self, x: Shape) -> Shape:
            return x

    class Shift(Op):
        """Adds a number: a class that the module brings."""

        name: ClassVar[str] = "shift"
        fresh: ClassVar[bool] = True
        module_source: ClassVar[str] = '''\
class Shift(nn.Module):
    """Add a number."""

    def __init__(self, by: float = 0.5) -> None:
        super().__init__()
        self.by = by

    def forward(self, x: Tensor) -> Tensor:
        return x + self.by'''

        by: Real = 0.5

        def output(self, x: Shape) -> Shape:
            return x


NETWORK = """\
name: Extended
input: [4, 6, 8]
args: {width: 6}
stem:
  conv: {conv: width, kernel_size: 3}
  turned: {swapaxes: 2, axis1: 3}
stages:
  larger: {fmax: {a: {conv: 6, kernel_size: 1}, b: relu}}
  halved: Half
  again: {fmax, from: [halved, halved]}
head:
  moved: [{shift: 0.25}, relu]
  grown: exponential
  cut: relu
blocks:
  Half:
    layers:
      part: {leading: in_channels // 2}
      act: relu
"""

WRONG = {
    "no such axis": ("{swapaxes: 2, axis1: 3}", "{swapaxes: 2, axis1: 4}", "`axis1` is 4, and the last axis is 3"),
    "the batch": ("{swapaxes: 2, axis1: 3}", "{swapaxes: 0, axis1: 3}", "`axis0` is 0, and must be at least 1"),
    "too many channels": ("in_channels // 2", "in_channels * 2", "`count` is 12, and there are 6 channels"),
    "other channels": ("{conv: 6, kernel_size: 1}, b", "{conv: 5, kernel_size: 1}, b", "`fmax` can't merge 5x8x6 and 6x8x6"),
    "three values": ("[halved, halved]", "[halved, halved, halved]", "`fmax` takes at most 2 values, not 3"),
    "in a sequence": ("[{shift: 0.25}, relu]", "[{leading: 1}, relu]", "`leading` is a line of `forward`, and is no part of a"),
    "with a condition": (
        "turned: {swapaxes: 2, axis1: 3}",
        "turned: {swapaxes: 2, axis1: 3, when: width > 2}",
        "takes no `when`",
    ),
    "as a first block": ("halved: Half", "halved: {Half, depth: 2, first: {leading: 3}}", "is no block of a stage"),
    "an unknown option": ("{shift: 0.25}", "{shift: 0.25, of: 1}", "`shift` has no option `of`"),
}


def child(folder: Path) -> dict[str, Any]:
    """Takes the ops through each room, and returns what it says."""
    from click.testing import CliRunner

    register()
    from archgen.cli.commands import cli
    from archgen.diagnostics import SpecError
    from archgen.language import schema

    schema.FILE = folder / "spec.schema.json"
    schema.FILE.write_text(schema.text())
    spec = folder / "net.yaml"
    spec.write_text(NETWORK)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(cli, list(arguments))
        if result.exception is not None and not isinstance(result.exception, (SystemExit, SpecError)):
            raise result.exception
        problems = result.exception.problems if isinstance(result.exception, SpecError) else ()
        code = 2 if problems else result.exit_code
        return f"{code}\n{result.output}{' '.join(problem.sentence for problem in problems)}"

    path = str(spec)
    said = {
        "validate": run("validate", path),
        "shapes": run("shapes", path),
        "symbolic": run("shapes", path, "--symbolic"),
        "memory": run("shapes", path, "--memory"),
        "explain": run("explain", path),
        "show": run("show", path),
        "ops": "".join(run("ops", name) for name in ("swapaxes", "leading", "shift", "exponential")),
        "graph": run("graph", path, "-o", str(folder / "net.html")),
        "build": run("build", path, "-o", str(folder)),
        "module": (folder / "net.py").read_text(),
        "schema": schema.FILE.read_text(),
    }
    for name, (old, new, _) in WRONG.items():
        spec.write_text(NETWORK.replace(old, new))
        assert NETWORK.replace(old, new) != NETWORK
        said[name] = run("validate", path)
    spec.write_text(NETWORK)
    try:
        import torch
    except ImportError:
        return said
    return said | with_torch(spec, torch)


def with_torch(spec: Path, torch: Any) -> dict[str, Any]:
    """The module against the report: all that `verify` compares, the memory of a run, and random specs."""
    import archgen
    from archgen.verify.compare import compare
    from tests import memory
    from tests.fuzz import draw, kinds, tally

    network = archgen.load(spec)
    checks = compare(network, network.source())
    runs = [memory.measured(network, 3).bytes, memory.predicted(network, 3)]
    drawn: set[str] = set()
    faults = []
    for seed in range(400):
        tree = draw.valid(seed)
        counted = {name for name, count in tally.tally(tree).items() if count}
        if counted & NEW - drawn:
            faults.append(kinds.valid(seed, spec.parent).fault)
            drawn |= counted
    return {"checks": [check.difference for check in checks], "runs": runs, "drawn": sorted(drawn), "faults": faults}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("extension")
    done = subprocess.run(
        [sys.executable, "-m", "tests.test_extension", str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


@pytest.mark.parametrize("room", ["validate", "shapes", "symbolic", "memory", "explain", "show", "graph", "build"])
def test_each_command_takes_them(room: str, said: dict[str, Any]) -> None:
    assert said[room].startswith("0\n"), said[room]


def test_the_report(said: dict[str, Any]) -> None:
    for line in ("turned", "swapaxes", "4x6x8", "6x8x6", "fmax", "leading", "3x8x6", "Shift"):
        assert line in said["shapes"]


def test_the_module(said: dict[str, Any]) -> None:
    assert "        x = x.swapaxes(2, 3)" in said["module"]
    assert "torch.fmax(self.a(x), self.b(x))" in said["module"]
    assert "        self.part_stop = in_channels // 2\n" in said["module"]
    assert "        x = x[:, : self.part_stop]\n" in said["module"]
    assert "        x = torch.exp(x)\n" in said["module"]
    assert "        self.cut = nn.ReLU()\n" in said["module"]  # not in place: what it takes is needed
    assert "class Shift(nn.Module):" in said["module"]


def test_the_schema_and_the_handbook(said: dict[str, Any]) -> None:
    for name in NEW:
        assert f'"{name}"' in said["schema"]
    assert "Swaps two axes" in said["ops"]


@pytest.mark.parametrize("name", WRONG)
def test_each_fault_is_told(name: str, said: dict[str, Any]) -> None:
    assert said[name].startswith("2\n")
    assert WRONG[name][2] in " ".join(said[name].split())


def test_torch_agrees(said: dict[str, Any]) -> None:
    pytest.importorskip("torch")
    assert [difference for difference in said["checks"] if difference] == []
    (inference, training, kept), predicted = said["runs"]
    assert [inference, kept] == [predicted[0], predicted[2]]
    assert predicted[1] == pytest.approx(training, rel=0.1)  # torch's own code for the way back makes some truths more
    assert set(said["drawn"]) >= NEW
    assert [fault for fault in said["faults"] if fault] == []


def test_no_other_file_names_them() -> None:
    for folder in ("archgen", "templates", "tests/fuzz"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert not any(word in text for word in ('"fmax"', "torch.fmax", "leading:", '"shift"')), path


@pytest.mark.parametrize("missing", ["line", "output", "constraints", "pairwise", "hands_back", "keeps"])
def test_a_merge_that_leaves_something_out_fails_where_it_is_defined(missing: str) -> None:
    def constraints(self: Any, x: Shape, *others: Shape) -> Iterator[Constraint]:
        yield from ()

    words: dict[str, Any] = {
        "name": "odd", "line": Function("torch.odd", (VALUES,)), "keeps": (), "hands_back": False, "pairwise": True,
        "constraints": constraints, "output": lambda self, x, *others: x,
    }  # fmt: skip
    del words[missing]
    with pytest.raises(TypeError, match=f"Odd does not say `{missing}`"):
        type("Odd", (MergeOp,), words)
    assert "odd" not in MergeOp.registry


@pytest.mark.parametrize(("missing", "told"), [("output", "its shape"), ("line", "what it is in torch")])
def test_an_op_that_leaves_something_out_fails_where_it_is_defined(missing: str, told: str) -> None:
    words: dict[str, Any] = {"name": "odd", "line": Method("odd"), "output": lambda self, x: x}
    del words[missing]
    with pytest.raises(TypeError, match=f"Odd does not say {told}"):
        type("Odd", (Op,), words)
    assert "odd" not in Op.registry


if __name__ == "__main__":
    print(json.dumps(child(Path(sys.argv[1]))))
