"""The proof of what may be overwritten: a build that wrote `inplace` by a wrong rule is refused, and so are changed texts."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import archgen
from archgen.proof import overwrites
from archgen.proof.parsed import ProofError
from archgen.trace import flow
from archgen.trace.traced import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.trace.traced import Traced

NETWORKS = Path(__file__).parent / "networks"
WORDS = {"CONV": "{conv: 4, kernel_size: 3}", "OWN": "{conv: channels, kernel_size: 3}", "SUM": "z: {add, from: [c, r]}"}
PLAIN = "stages: {a: {B: 4}}\nblocks:\n  B:\n    args: {channels: int}\n    layers:\n"
BLOCK = PLAIN.replace("channels: int", "channels: int, on: true")


def network(folder: Path, text: str) -> archgen.Network:
    path = folder / "net.yaml"
    for word, node in WORDS.items():
        text = text.replace(word, node)
    path.write_text(f"name: Net\ninput: [4, 8, 8]\n{text}")
    return archgen.load(path)


# ---- mutants of the rule


def merges_of_one_are_fresh(patch: pytest.MonkeyPatch) -> None:
    """As values of their own, which is what they were taken for once."""
    true, passed = flow.is_fresh, flow.handed_on
    patch.setattr(flow, "handed_on", lambda step: None if step.role is Role.MERGE else passed(step))
    patch.setattr(flow, "is_fresh", lambda step: true(step) or (step.role is Role.MERGE and len(step.inputs) > 1))


def a_condition_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    true = flow.is_fresh
    patch.setattr(flow, "is_fresh", lambda step: true(step.replace(condition=True)))


def all_is_fresh(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(flow, "is_fresh", lambda step: True)


def readers_are_not_counted(patch: pytest.MonkeyPatch) -> None:
    def may_overwrite(self: flow.Flow, number: int) -> bool:
        source = self.source(self.steps[number].values[0])
        return source.value > 0 and source.part < 0 and flow.is_fresh(self.steps[source.value - 1])

    patch.setattr(flow.Flow, "may_overwrite", may_overwrite)


def all_may_be_overwritten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(flow.Flow, "may_overwrite", lambda self, number: True)


def a_first_child_follows_fresh(patch: pytest.MonkeyPatch) -> None:
    from archgen.emit import attributes

    def follows(children: tuple[Traced, ...], number: int) -> bool:
        return number == 0 or flow.is_fresh(children[number - 1])

    patch.setattr(attributes, "follows_fresh", follows)


MUTANTS = [
    (
        "a merge by a constant",
        merges_of_one_are_fresh,
        "stem: {c: CONV, m: {add: {a: identity, b: {relu, when: false}}}, r: relu, SUM}",
    ),
    ("a merge of what entered", merges_of_one_are_fresh, "stem: {m: {add: {a: identity, b: {sigmoid, when: false}}}, r: relu}"),
    (
        "a concat",
        merges_of_one_are_fresh,
        "stem: {c: CONV, m: {concat: {a: {conv: 4, kernel_size: 1, when: 1 > 2}, b: identity}}, r: silu, SUM}",
    ),
    (
        "a merge in a block",
        merges_of_one_are_fresh,
        PLAIN + "      n: OWN\n      m: {subtract: {a: identity, b: {relu, when: false}}}\n      r: elu\n"
        "      z: {add, from: [n, r]}",
    ),
    (
        "a merge by an argument",
        a_condition_is_forgotten,
        BLOCK + "      c: OWN\n      m: {add, from: [c, input], when: on}\n      r: relu\n      SUM",
    ),
    (
        "a layer by an argument",
        a_condition_is_forgotten,
        BLOCK + "      c: OWN\n      d: {conv: channels, kernel_size: 1, when: on}\n      r: relu\n      SUM",
    ),
    (
        "a layer by an argument, there by default",
        a_condition_is_forgotten,
        "args: {on: true}\nstem: {c: CONV, d: {batch_norm, when: on}, r: relu, SUM}",
    ),
    ("an item of a list", a_condition_is_forgotten, BLOCK + "      c: [{conv: channels, kernel_size: 1, when: on}, relu]"),
    ("dropout hands on", all_is_fresh, "stem: {c: CONV, d: {dropout: 0.5}, r: relu, SUM}"),
    ("identity hands on", all_is_fresh, "stem: {c: CONV, d: identity, r: relu, SUM}"),
    ("stochastic depth hands on", all_is_fresh, "stem: {c: CONV, d: {stochastic_depth: 0.5}, r: relu, SUM}"),
    ("a view", all_is_fresh, "stem: {c: CONV, d: {permute: [0, 1, 3, 2]}, r: relu, SUM}"),
    (
        "a view without a parameter",
        all_is_fresh,
        "head: {c: CONV, d: flatten, r: relu, f: {linear: 3}, g: {flatten, from: c}, h: {linear: 3}, z: {add, from: [f, h]}}",
    ),
    ("what backward needs", all_is_fresh, "stem: {c: CONV, d: sigmoid, r: relu}"),
    ("what backward needs of an activation in place", all_is_fresh, "stem: {c: CONV, d: relu, r: {dropout: 0.2}}"),
    (
        "what a product needs",
        readers_are_not_counted,
        "stem: {c: CONV, d: {multiply, from: [c, input]}, r: {relu, from: c}, z: {add, from: [d, r]}}",
    ),
    (
        "an op that an argument holds",
        all_is_fresh,
        "stages: {a: {B: relu}, b: {B: dropout}}\n"
        "blocks:\n  B:\n    args: {act: op}\n    layers: {c: CONV, d: act, r: relu, SUM}",
    ),
    (
        "a block that hands on",
        all_is_fresh,
        "stem: {c: CONV, d: {B, depth: 3}, r: relu, SUM}\n"
        "blocks:\n  B:\n    args: {on: false}\n    layers: {n: {conv: 4, kernel_size: 1, when: on}}",
    ),
    ("a list that hands on", all_is_fresh, "stem: {c: CONV, d: [{dropout: 0.1}, identity], r: relu, SUM}"),
    ("another reader", readers_are_not_counted, "stem: {c: CONV, r: relu, SUM}"),
    ("a reader that keeps it", readers_are_not_counted, "stem: {c: CONV, d: CONV, r: {relu, from: c}, z: {add, from: [d, r]}}"),
    ("an output", readers_are_not_counted, "stem: {c: CONV, r: relu}\noutputs: [c, r]"),
    ("an output of training", readers_are_not_counted, "stem: {c: CONV, r: relu, d: CONV}\ntraining_outputs: [c]"),
    (
        "a merge written inside a call",
        readers_are_not_counted,
        PLAIN + "      c: OWN\n      m: {add, from: [c, input]}\n      r: relu\n      z: {add, from: [m, r]}",
    ),
    ("what entered", all_may_be_overwritten, "stem: {r: relu, c: CONV}"),
    ("what entered a block", all_may_be_overwritten, PLAIN + "      r: relu\n      c: OWN"),
    (
        "a part",
        all_may_be_overwritten,
        "stem: {c: CONV, m: {concat: {a: relu, b: identity}, split: true}, z: {add, from: [c, m]}}",
    ),
    ("a first child", a_first_child_follows_fresh, "stem: {c: CONV, l: [relu, CONV], z: {add, from: [c, l]}}"),
]


@pytest.mark.parametrize(("mutant", "text"), [case[1:] for case in MUTANTS], ids=[case[0] for case in MUTANTS])
def test_a_wrong_rule_is_refused(
    mutant: Callable[[pytest.MonkeyPatch], None], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert network(tmp_path, text).source()
    mutant(monkeypatch)
    with pytest.raises(ProofError, match="in place"):
        network(tmp_path, text).source()


def test_the_mutants_that_nothing_sees_are_none() -> None:
    """Every mutant is tried on some network: a mutant that no case uses would be a sentence without a proof."""
    here = {name for name, value in globals().items() if getattr(value, "__annotations__", {}).get("patch")}
    assert here == {mutant.__name__ for _, mutant, _ in MUTANTS}


# ---- texts


def checked(old: str, new: str, forward: str = "        x = self.a(x)\n        x = self.b(x)\n") -> None:
    init = "        self.a = nn.Conv2d(4, 4, 1)\n        self.b = nn.ReLU(inplace=True)\n"
    text = f"class Net(nn.Module):\n    def __init__(self):\n{init}\n    def forward(self, x):\n{forward}        return x\n"
    assert old in text
    overwrites.check(ast.parse(text.replace(old, new)))


def test_what_is_right_is_accepted() -> None:
    checked("", "")
    checked("nn.Conv2d(4, 4, 1)", "nn.Sequential(nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1))")
    checked("self.b(x)", "self.b(x + self.a(x))")  # a sum is new


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("nn.Conv2d(4, 4, 1)", "nn.Identity()"),
        ("nn.Conv2d(4, 4, 1)", "nn.Sequential(nn.Conv2d(4, 4, 1), nn.Dropout())"),
        ("nn.Conv2d(4, 4, 1)", "nn.Sequential(*[nn.Conv2d(4, 4, 1) for _ in range(0)])"),
        ("nn.Conv2d(4, 4, 1)", "Unknown(4)"),
        ("nn.ReLU(inplace=True)", "nn.ReLU(inplace=self.a)"),
        ("nn.ReLU(inplace=True)", "nn.ReLU(True)"),
        ("nn.ReLU(inplace=True)", "nn.Sigmoid(inplace=True)"),
        ("nn.ReLU(inplace=True)", "nn.Sequential(nn.ReLU(inplace=True))"),
        ("nn.ReLU(inplace=True)", "partial(nn.ReLU, inplace=True)()"),
        ("self.b(x)", "self.b(x) + x"),
        ("self.b(x)", "self.b(x.permute(0, 1, 3, 2)) + x"),
        ("self.b(x)", "torch.cat([x, self.b(x)], dim=1)"),
        ("self.b(x)", "self.b(self.b(x))"),
        ("x = self.b(x)", "y = x * x\n        x = self.b(x) + y"),
        ("x = self.b(x)", "y = x\n        x = self.b(x) + y"),
        ("x = self.b(x)", "y, z = x.chunk(2, dim=1)\n        x = self.b(y) + z"),
        ("x = self.b(x)", "if self.training:\n            y = self.b(x)"),
        ("return x", "return x, self.b(x)"),
        ("x = self.b(x)\n", "y = self.b(x)\n        if self.training:\n            return x, y\n"),
    ],
)
def test_what_is_wrong_is_refused(old: str, new: str) -> None:
    with pytest.raises(overwrites.OverwriteError):
        checked(old, new)


def test_a_value_lies_in_few_storages() -> None:
    """Of a long row of layers that may be missing or keep what they make, a value does not list every storage."""
    run, value = overwrites._Run(), {overwrites.ENTERING: 0}
    for line in range(100):
        for layer in (overwrites.Layer(fresh=True), overwrites.UNKNOWN):
            value = run.through([(layer, True, line)], value)
            assert len(value) <= 2
    for _ in range(100):
        value = run.either(value, run.new())  # a sum that may be left out
        assert len(value) <= overwrites.MOST_STORAGES
    with pytest.raises(overwrites.OverwriteError):
        run.call(overwrites.Layer(inplace=True), value, 100)


def test_the_two_ways_of_an_if_are_joined() -> None:
    """What one way of an `if` overwrites is lost behind it; what neither sets stays what it was."""
    layers = {"act": overwrites.Layer(inplace=True), "conv": overwrites.Layer(fresh=True)}
    text = """
def forward(self, x):
    y = self.conv(x)
    if a:
        z = self.conv(y)
    else:
        z = self.conv(x)
    return z + y
"""

    def followed(text: str) -> overwrites.Layer:
        (found,) = ast.parse(text).body
        assert isinstance(found, ast.FunctionDef)
        return overwrites._Forward(layers, ["x"]).result(found.body)

    assert followed(text).fresh
    with pytest.raises(overwrites.OverwriteError, match="a value is read that a layer in place has overwritten"):
        followed(text.replace("self.conv(y)", "self.act(y)"))
