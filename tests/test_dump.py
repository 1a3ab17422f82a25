"""Records hold all that a spec says: its text, written anew from them, is read as equal records."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archgen.arithmetic.expressions import LONGEST
from archgen.arithmetic.spelling import SPEC, render
from archgen.diagnostics import Place, Source
from archgen.language import dump, extends, library, model, reader, writer
from archgen.ops import MERGES
from archgen.syntax import parser, trees
from archgen.syntax.trees import Mapping, Scalar, Sequence, Tree
from tests.conftest import ROOT, examples

SPECS = sorted([*ROOT.glob("specs/*.yaml"), *ROOT.glob("tests/networks/*.yaml")])
NOWHERE = Place(Source("", ""), 0, 0)


def read(text: str) -> model.Spec:
    return reader.read(parser.parse(Source("x.yaml", text)), library.block_names())


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_spec_comes_back(path: Path) -> None:
    before = reader.read(extends.load(path).tree, library.block_names())
    text = dump.dump(before)
    assert read(text) == before
    assert dump.dump(read(text)) == text
    assert all(len(line) <= 80 or re.fullmatch(r" *[{}]?\w+: [^{},]*[},]", line) for line in text.splitlines())


def test_the_check_can_fail() -> None:
    text = (ROOT / "specs/resnet18.yaml").read_text(encoding="utf-8")
    before = read(text)
    for old, new in [("stride: 1", "stride: 2"), ("relu: relu", "relu: relu6"), ("depth: 2", "depth: 3"), ("1000", "10")]:
        assert read(text.replace(old, new, 1)) != before


FORMS = """\
name: Net
description: "12"
input: [3, 32, 32]
args: {n: 3, wide: false, act: {leaky_relu, negative_slope: 0.2}, pool: {max_pool: 3}, sizes: [1, [2, n0]]}
let: {n0: n, k: "[n if wide else 2, -n][0]"}
defaults: {conv: {bias: false, padding_mode: reflect}, Own: {}}
stem:
  a: {kernel_size: 3, conv: "max(n, 2)"}
  b: {conv, kernel_size: [n0, 1], out_channels: 8}
  c: {batch_norm, eps: 1e-5, affine: false}
  d: {Own: 4, depth: n, first: {d: index}}
  e: {Own, depth: 2, first: relu}
  f: {Own, c: 4, depth: 2, first: {}}
  g: [relu, [relu], {sequence: [relu], when: n > 3 and (wide or not wide)}]
  h: {sequence: {0: relu, 2: relu}}
  i: {sequence: {0: relu, 1: relu}}
  j:
    shortcut: {conv: {conv: 4, kernel_size: 1}}
    residual: {w: relu, y: {concat: {p: relu, q: relu6}, split: true}}
    from: i
  k: {add, from: [input, d, j], when: n == 1}
  l: {concat: {one: relu}, from: k}
outputs: k
training_outputs: [j, l]
assert: ["parameters < 5_000", macs / 2 < 1e9]
blocks:
  Own:
    description: "a: b # c"
    paper: "\\u00e9 ##[ \\"quoted\\" \\n \\\\ \\U0001F600"
    args: {c: int, d: 1, act: relu}
    layers: {w: {conv: c + d, kernel_size: 1}, y: act}
"""


def test_every_form_comes_back() -> None:
    text = FORMS.replace("[1, [2, n0]]", "[1, 2]").replace('"[n if wide else 2, -n][0]"', '"-n // -2 + sizes[0] - -0.5"')
    text = text.replace("g: [", "use: {Uses: k, a: pool, b: act, c: [k, 1]}\n  g: [")
    text += "  Uses: {args: {k: int, a: op, b: op, c: 1}, layers: {a: a, b: b, c: {conv: k, kernel_size: c}}}\n"
    before = read(text)
    again = dump.dump(before)
    assert read(again) == before
    assert 'a: {conv: "max(n, 2)", kernel_size: 3}' in again
    assert "when: n > 3 and (wide or not wide)}" in again


def test_an_expression_without_spaces_stays_short_enough() -> None:
    text = "+".join(["a"] * 115) + "+(1if a else-a)"
    before = read(f"name: Net\ninput: [3, 32, 32]\nlet: {{a: 2, b: {text}}}\nstem: {{a: {{conv: b, kernel_size: 1}}}}\n")
    assert len(text) < LONGEST < len(render(before.constants[1].value, spelling=SPEC))
    assert read(dump.dump(before)) == before


# ---- any spec

_USES = st.sampled_from(
    """\
relu
{relu}
{gelu, approximate: tanh}
{dropout: 0.1, when: a == 1 and (b == 2 and c == 3)}
{conv: a * -2, kernel_size: [a, 3], bias: false}
{kernel_size: 3, conv: "max(a, b)"}
{conv, kernel_size: 1, out_channels: 2 if a else b}
BasicBlock
{BasicBlock, channels: 64, depth: a + 1, first: MBConv}
{BasicBlock: 64, stride: index % 2, depth: 2, first: {stride: -b}}
{Bottleneck: not b == 2, when: false}
{MBConv: [1, b, [1e-3, true]], drop: 0.5}
{ConvNormAct: 8, activation: {leaky_relu, negative_slope: 0.2}}
""".splitlines()
)


def _named(nodes: st.SearchStrategy[str], most: int = 3) -> st.SearchStrategy[str]:
    """Named nodes; all names become different in the end."""
    return st.lists(nodes, min_size=2, max_size=most).map(lambda found: "{" + ", ".join(f"@: {node}" for node in found) + "}")


_ITEMS = st.recursive(
    _USES, lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda n: f"[{', '.join(n)}]"), max_leaves=4
)
_NODES = st.recursive(
    _ITEMS,
    lambda inner: st.one_of(
        st.tuples(_named(inner), _named(inner)).map(lambda n: f"{{residual: {n[0]}, shortcut: {n[1]}}}"),
        st.tuples(_named(inner), _named(inner)).map(lambda n: f"{{shortcut: {n[0]}, residual: {n[1]}}}"),
        st.tuples(st.sampled_from([kind for kind, op in MERGES.items() if op.least < 3]), _named(_ITEMS)).map(
            lambda n: f"{{{n[0]}: {n[1]}, split: true}}"
        ),
        _named(_ITEMS).map(lambda nodes: f"{{sequence: {nodes}, when: b == a}}"),
    ),
    max_leaves=6,
)


@given(_named(_NODES, 5))
@settings(max_examples=examples(100))
def test_any_spec_comes_back(nodes: str) -> None:
    count = itertools.count()
    stem = re.sub("@", lambda _: f"n{next(count)}", nodes)
    head = "{last: {conv: d, kernel_size: b}}"
    before = read(f"name: Net\ninput: [3, 9]\nargs: {{a: 1, b: 2}}\nlet: {{c: a + b, d: c}}\nstem: {stem}\nhead: {head}\n")
    assert read(dump.dump(before)) == before


# ---- trees as text

# A tree comes from the reader, which takes no character of these categories, nor the byte order mark, escaped or not.
_READABLE = st.characters(exclude_categories=["Cs", "Cc", "Cn", "Zl", "Zp"], exclude_characters="\ufeff")
_TEXTS = st.text(_READABLE, max_size=30) | st.text("ab-:#[]{},\"'\\ \t\n&*!|>%@`?~.=1", max_size=12)
_WORDS = ["relu", "- x", "-", "#", "# a", "a:", "b: c", "(d", "\\", '"', "'", "e" * 25, "", "1.5", "\xe9", "::add", "##[f", ","]
_PROSE = st.lists(st.sampled_from(_WORDS), min_size=8, max_size=40).map(" ".join)  # longer than a line
_SCALARS = st.builds(lambda text, plain: Scalar(text, plain and text != "", NOWHERE), _TEXTS | _PROSE, st.booleans())
_TREES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: Sequence(tuple(items), NOWHERE)),
        st.lists(st.tuples(_SCALARS, inner), max_size=4, unique_by=lambda entry: entry[0].text).map(
            lambda entries: Mapping(tuple(entries), NOWHERE)
        ),
    ),
    max_leaves=20,
)


def bare(tree: Tree) -> object:
    """A tree without its places and quotes; a key without a value is not the empty text."""
    if isinstance(tree, Mapping):
        return [(key.text, bare(value)) for key, value in tree.entries]
    if isinstance(tree, Sequence):
        return tuple(map(bare, tree.items))
    return None if trees.is_empty(tree) else tree.text


_SECTIONS = st.sampled_from(["stem", "layers", "blocks", "add", "sequence", "description"]).map(
    lambda text: Scalar(text, True, NOWHERE)
)
_ENTRIES = st.lists(st.tuples(_SCALARS | _SECTIONS, _TREES), min_size=1, max_size=4, unique_by=lambda entry: entry[0].text)


@given(_ENTRIES)
@settings(max_examples=examples(300))
def test_any_tree_comes_back_in_harmless_text(entries: list[tuple[Scalar, Tree]]) -> None:
    tree = Mapping(tuple(entries), NOWHERE)
    text = writer.text(tree)
    assert bare(parser.parse(Source("x.yaml", text))) == bare(tree)
    assert re.fullmatch(r"[ -~\n]*", text)
    assert "##[" not in text
    assert not re.search(r"^\s*::", text, re.MULTILINE)
