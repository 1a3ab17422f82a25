"""Rule R6: what a spec asks for is counted before it is made; each command has 5 s of a processor and 256 MiB, no more.

What is long, not doubling, takes some seconds where it is all that a spec may hold: there twice as much, since the machine that
runs the tests has other work too. `python -m tests.budgets` measures each of `tests/hostile.py` with each command.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from archgen import load
from archgen.diagnostics import BUDGET, SpecError
from archgen.trace import on_numbers
from tests import budgets
from tests.conftest import ROOT, python
from tests.hostile import DOCUMENTS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of a process as Linux has them")

START = "name: Net\ninput: [3, 32, 32]\n"
CHILD = """
import math, resource, sys, time
from archgen.cli import main
seconds, spec = int(sys.argv[1]), sys.argv[2]
resource.setrlimit(resource.RLIMIT_AS, (2**28, 2**28))
for command in sys.argv[3:]:
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + seconds, resource.RLIM_INFINITY))
    if code := main([*command.split(), spec]):
        sys.exit(code)
"""


def tower(levels: int, first: str, second: str, last: str = "{conv: c, kernel_size: 1}") -> str:
    """Blocks of which each uses the next one twice."""
    blocks = [
        f"  B{n}: {{args: {{c: int}}, layers: {{a: {{B{n + 1}: {first}}}, b: {{B{n + 1}: {second}}}}}}}\n"
        for n in range(levels)
    ]
    return (
        f"{START}stem: {{a: {{B0: 1}}}}\nblocks:\n{''.join(blocks)}  B{levels}: {{args: {{c: int}}, layers: {{a: {last}}}}}\n"
    )


def chain(levels: int, end: int) -> str:
    blocks = "".join(f"  B{n}: {{layers: {{a: B{n + 1}}}}}\n" for n in range(levels))
    return f"{START}stem: {{a: B0}}\nblocks:\n{blocks}  B{levels}: {{layers: {{a: {'relu' if end < 0 else f'B{end}'}}}}}\n"


def upwards(levels: int, inside: str = "{0}") -> str:
    """A chain of blocks that are used from the innermost on, so that each is built before the one that uses it."""
    layers = "".join(f"  l{n}: B{n}\n" for n in range(levels, -1, -1))
    blocks = "".join(f"  B{n}: {{layers: {{a: {inside.format(f'B{n + 1}')}}}}}\n" for n in range(levels))
    return f"{START}stem:\n{layers}blocks:\n{blocks}  B{levels}: {{layers: {{a: relu}}}}\n"


def strided(count: int) -> str:
    """A block with so many layers that each halves what enters, rounded up."""
    layers = ", ".join(f"l{n}: {{conv: 3, kernel_size: 3, stride: 2}}" for n in range(count))
    return f"{START}stem: {{b: B}}\nblocks: {{B: {{layers: {{{layers}}}}}}}\n"


def summed(count: int) -> str:
    return f"{START}stem:\n  b: relu\n  a: {{add, from: [{', '.join(['b'] * count)}]}}\n"


def wide(layer: str, stages: str) -> str:
    layers = "".join(f"l{n}: {layer}, " for n in range(400))
    return f"{START}stages:\n{stages}blocks: {{B: {{args: {{c: int}}, layers: {{{layers}z: {{dropout: c / 100000}}}}}}}}\n"


BIG = "  a: {{conv: {0}, kernel_size: 1}}\n  b: {{conv: {0}, kernel_size: 1}}\n"
NESTED = "".join(f"  B{n}: {{args: {{c: int}}, layers: {{a: {{B{n + 1}: c, depth: 1000}}}}}}\n" for n in range(2))
REFUSED = {
    "2**30 equal layers": (tower(30, "c", "c"), "the network has more than 10,000 layers"),
    "2**63 equal layers": (tower(63, "c", "c"), "the network has more than 10,000 layers"),
    "2**200 equal layers": (tower(200, "c", "c"), "blocks and sequences nest at most 64 levels"),
    "2**30 different layers": (tower(30, "2 * c", "2 * c + 1"), "the network has more than 10,000 layers"),
    "a depth of a milliard": (f"{START}stages: {{s: {{BasicBlock: 8, depth: 1000000000}}}}\n", "at most 10,000 layers"),
    "a thousand cubed": (
        f"{START}stem: {{a: {{B0: 1, depth: 1000}}}}\nblocks:\n{NESTED}"
        "  B2: {args: {c: int}, layers: {a: {dropout: c / 10}}}\n",
        "the network has more than 10,000 layers",
    ),
    "a milliard of a milliard": (
        f"{START}let: {{n: 1000000000 * 1000000000}}\nstem: {{a: {{conv: n, kernel_size: 1}}}}\n",
        "beyond 2**40",
    ),
    "blocks of different layers": (wide("relu", "  s: {B: index, depth: 10000}\n"), "more than 10,000 layers"),
    "calls of different layers": (
        wide("relu", "".join(f"  c{n}: {{B: {n}}}\n" for n in range(600))),
        "the network has more than 10,000 layers",
    ),
    "layers left out": (wide("{relu, when: c < 0}", "  s: {B: index, depth: 9000}\n"), "more than 50,000 steps"),
    "weights beyond a tensor": (f"{START}stem:\n{BIG.format(10**10)}", "no tensor can hold so much"),
    "an output beyond a tensor": (
        "name: Net\ninput: [3, 1000000000, 1000000000]\nstem: {a: {conv: 64, kernel_size: 1}}\n",
        "no tensor can hold so much",
    ),
    "a long chain of blocks": (chain(3000, -1), "blocks and sequences nest at most 64 levels"),
    "a long chain of blocks that are known": (upwards(3000), "blocks and sequences nest at most 64 levels"),
    "blocks and sequences": (upwards(10, "[[[[[[[[{0}]]]]]]]]"), "blocks and sequences nest at most 64 levels"),
    "a sum of 1,200 values": (summed(1200), "`add` takes at most 256 values, not 1,200"),
    "calls that find many values": (
        DOCUMENTS["400 calls of a block of 3,000 constants"]["net.yaml"],
        "all calls together have more than 200,000 arguments and constants to find values for",
    ),
    "a depth of blocks that find many values": (
        DOCUMENTS["a depth of 4,000 and 3,000 constants"]["net.yaml"],
        "each 16 arguments and constants of a block counted as one",
    ),
    "a cycle of two": (chain(1, 0), "uses itself"),
    "a cycle of fifty": (chain(49, 0), "uses itself"),
    "a long cycle": (chain(3000, 0), "blocks and sequences nest at most 64 levels"),
    "squares of squares": (
        f"{START}let: {{n0: 2, {', '.join(f'n{n + 1}: n{n} * n{n}' for n in range(30))}}}\n"
        "stem: {a: {conv: n30, kernel_size: 1}}\n",
        "beyond 2**40",
    ),
}


def run(spec: Path, *commands: str, seconds: int = 5) -> subprocess.CompletedProcess[str]:
    """Gives a spec to commands in one process, to each with so much time, until one refuses it."""
    words = [sys.executable, "-B", "-c", CHILD, str(seconds), str(spec), *commands]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(words, cwd=spec.parent, env=environment, capture_output=True, text=True, check=False)


def said(found: subprocess.CompletedProcess[str]) -> str:
    """What a command printed as errors, its wrapped lines in one."""
    return " ".join(found.stderr.split())


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_before_it_is_made(name: str, tmp_path: Path) -> None:
    text, sentence = REFUSED[name]
    spec = tmp_path / "x.yaml"
    spec.write_text(text)
    found = run(spec, "build -o out")
    assert found.returncode == 2, found.stderr[-500:]
    assert sentence in said(found)
    assert found.stderr.startswith(f"{spec}:")
    assert len(found.stderr) < 16_000
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["blocks of different layers", "a depth of a milliard", "calls of different layers"])
def test_no_other_size_is_looked_for_where_there_is_too_much(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An input that does not fit is answered with the nearest that do: a search that must not begin here."""
    spec = tmp_path / "x.yaml"
    spec.write_text(REFUSED[name][0])
    network, traced, times = load(spec), on_numbers.numbers, []

    def counting(*given: Any) -> Any:
        times.append(given)
        return traced(*given)

    monkeypatch.setattr(on_numbers, "numbers", counting)
    for _ in range(2):
        with pytest.raises(SpecError) as caught:
            network.checked()
    (problem,) = caught.value.problems
    assert (len(times), problem.code, problem.help) == (1, BUDGET, "")


def doubling(make: str, count: int = 40) -> str:
    """Constants of which each names the one before it more than once."""
    return ", ".join(f"a{n + 1}: {make.replace('$', f'a{n}')}" for n in range(count))


def passed_on(make: str, head: str, behind: str = "relu") -> str:
    """Blocks of which each hands such a value to the next."""
    blocks = "".join(f"  B{n}: {{args: {{w: int}}, layers: {{a: {{B{n + 1}: {make}}}}}}}\n" for n in range(40))
    last = "  B40: {args: {w: int}, layers: {a: {conv: w, kernel_size: 1}}}\n"
    return f"{START}args: {{n: 1}}\nstem: {{a: {{B0: {head}}}, b: {behind}, c: {{dropout: n / 10}}}}\nblocks:\n{blocks}{last}"


IF, MIN = "$ + $ if $ > 1 else $", '"min($, max($, round($ / 2)))"'
CALLED = "  B: {args: {a0: int}, let: {LET}, layers: {c: {conv: a40, kernel_size: 1}}}\n"
WIDE = "".join(f"p{n}: {{max_pool: 3, stride: 1, when: b{n % 3}}}, " for n in range(12))
GROWING = {
    "constants of a block": (f"{START}stem: {{c: {{B: 1}}}}\nblocks:\n{CALLED.replace('LET', doubling(IF))}", ""),
    "constants of a block called with a name": (
        f"{START}stem: {{c: {{O: 1}}}}\nblocks:\n  O: {{args: {{w: int}}, layers: {{b: {{B: w}}, r: relu}}}}\n"
        + CALLED.replace("LET", doubling(IF)),
        "",
    ),
    "constants of a block whose channels are needed": (
        f"{START}stem: {{c: {{O: 1}}}}\nblocks:\n  O: {{args: {{w: int}}, layers: {{b: {{B: w}}, r: batch_norm}}}}\n"
        + CALLED.replace("LET", doubling(IF)),
        "formula of more than 200 parts",
    ),
    "constants of a network": (
        f"{START}args: {{a0: 4.0}}\nlet: {{{doubling(MIN)}}}\n"
        "stem: {a: {conv: round(a40) + 1, kernel_size: 1}, b: batch_norm}\n",
        "",
    ),
    "constants behind a condition": (
        f"{START}stem: {{c: {{B: 0}}, d: {{B: 3}}}}\nblocks:\n"
        f"  B: {{args: {{s: int}}, let: {{a0: 9 // s, {doubling('$ // s + $', 20)}}}, "
        "layers: {c: {dropout: a20 / 1000000000, when: s > 0}}}\n",
        "formula of more than 200 parts",
    ),
    "lists of lists": (
        f"{START}let: {{a0: [1, 1], {doubling('[$, $]')}}}\nstem: {{c: {{B: a40}}}}\nblocks:\n"
        '  B: {args: {k: [1, 1]}, layers: {a: {conv: 3, kernel_size: 1, padding: "k[0]"}}}\n',
        "at most 1,000 values in all",
    ),
    "numbers handed on": (passed_on("w if w < 3 else w + w", "1"), ""),
    "names handed on": (passed_on("w if w < 3 else w + w", "n"), ""),
    "names handed on that are needed": (passed_on(MIN.replace("$", "w"), "n", "batch_norm"), "formula of more than 200 parts"),
    "sizes that may change": (
        f"{START}args: {{b0: true, b1: false, b2: true}}\nstem: {{{WIDE}c: {{conv: 2, kernel_size: 1}}}}\n",
        "",
    ),
    "sizes that may change and become features": (
        f"{START}args: {{b0: true, b1: false, b2: true}}\nstem: {{{WIDE}f: flatten, c: {{linear: 2}}}}\n",
        "formula of more than 200 parts",
    ),
    "calls that hold an op": (
        f"{START}stem: {{c: {{B0: 1, act: {{max_pool: 1}}}}}}\nblocks:\n"
        + "".join(
            f"  B{n}: {{args: {{c: int, act: op}}, "
            f"layers: {{a: {{B{n + 1}: c, act: act}}, b: {{B{n + 1}: 2 * c, act: act, when: c < 0}}}}}}\n"
            for n in range(30)
        )
        + "  B30: {args: {c: int, act: op}, layers: {a: act, b: {dropout: c / 10}}}\n",
        "",
    ),
}


@pytest.mark.parametrize("name", GROWING)
def test_what_doubles_costs_no_more_than_its_text(name: str, tmp_path: Path) -> None:
    """Built, or refused at a place where a number is needed that nobody could read."""
    text, sentence = GROWING[name]
    spec = tmp_path / "x.yaml"
    spec.write_text(text)
    found = run(spec, "build -o out")
    assert (found.returncode, sentence in said(found)) == (2 if sentence else 0, True), found.stderr[-500:]
    if sentence:
        assert found.stderr.startswith(f"{spec}:")


DEEPEST = {
    "64 blocks": chain(63, -1),
    "64 known blocks": upwards(63),
    "sequences in blocks": upwards(7, "[[[[[[[{0}]]]]]]]"),
    "a long expression in 60 blocks": (
        f"{START}stem: {{a: {{B0: 3}}}}\nblocks:\n"
        + "".join(f"  B{n}: {{args: {{c: int}}, layers: {{a: {{B{n + 1}: c, when: c < 9}}}}}}\n" for n in range(60))
        + f"  B60: {{args: {{c: int}}, layers: {{a: {{conv: {'c' + '-c+c' * 60}, kernel_size: 1}}}}}}\n"
    ),
    "a sum of 256 values": summed(256),
    "a long formula": strided(40),
}


@pytest.mark.parametrize("name", DEEPEST)
def test_what_nests_as_deep_as_is_allowed_passes_every_command(name: str, tmp_path: Path) -> None:
    """Python lets a function call itself some thousand times; what a spec may ask for leaves a margin for who calls archgen."""
    spec = tmp_path / "x.yaml"
    spec.write_text(DEEPEST[name])
    commands = ("validate", "shapes", "shapes --symbolic", "shapes --memory", "explain", "show", "build -o out")
    code = (
        "import sys\nfrom archgen.cli import main\nsys.setrecursionlimit(850)\n"
        "for command in sys.argv[2:]: assert main([*command.split(), sys.argv[1]]) == 0, command\n"
    )
    done = python(code, str(spec), *commands, "graph -o out.svg", "graph -o out.html", folder=tmp_path)
    assert done.returncode == 0, done.stderr[-500:]


def pooled(*sizes: int) -> str:
    """Poolings, each with an upsampling back, of the value `a`."""
    return "".join(f"  p{n}: {{max_pool: {n}, from: a}}\n  u{n}: {{upsample: {n}}}\n" for n in sizes)


SHRINKING = (
    "stages: {{s: {{B: 1, depth: {0}}}}}\nhead: {{f: flatten, fc: {{linear: 1}}}}\nblocks:\n"
    "  B: {{args: {{c: int}}, layers: {{k: {{conv: c, kernel_size: 3, padding: 0}}, n: instance_norm}}}}\n"
)
# How much must be looked at to say on which sizes these run: without a budget each takes minutes, or for ever.
SEARCHED = {
    "many needs about two axes": f"name: Net\ninput: [1, 10300, 10200]\n{SHRINKING.format(2000)}",
    "many needs about three axes": f"name: Net\ninput: [1, 700, 650, 620]\n{SHRINKING.format(200)}",
    "a long input": f"name: Net\ninput: [1, 1000000000]\n{SHRINKING.format(1000)}",
    "long kernels": "name: Net\ninput: [1, 1000000000]\nstages: {s: {B: 1, depth: 300}}\nblocks:\n"
    "  B: {args: {c: int}, layers: {k: {conv: c, kernel_size: 3000001, padding: 0}, p: {avg_pool: 2, stride: 1}}}\n",
    "periods of thousands": "name: Net\ninput: [1, 4096, 4096]\nstem:\n  a: {conv: 1, kernel_size: 1}\n"
    + pooled(64, 128, 256, 512, 1024, 2048, 4096)
    + "".join(f"  m{i}: {{add, from: [{f'm{i - 1}' if i else 'a'}, u{2 ** (6 + i % 7)}]}}\n" for i in range(150)),
    "periods that fit no size up to millions": "name: Net\ninput: [3, 17017, 17017]\nstem:\n  a: {conv: 3, kernel_size: 1}\n"
    + pooled(7, 11, 13, 17)
    + "  z: {add, from: [a, u7, u11, u13, u17]}\nhead: {f: flatten, fc: {linear: 3}}\n",
    "branches of many strides": "name: Net\ninput: [1, 9000, 9000]\nstem:\n  a: {conv: 1, kernel_size: 1}\n"
    + "".join(
        f"  c{i}: {{conv: 1, kernel_size: [{i % 7 + 1}, {i % 5 + 1}], stride: [{i % 3 + 1}, {i % 4 + 1}], from: a}}\n"
        f"  n{i}: instance_norm\n  f{i}: flatten\n  l{i}: {{linear: 3}}\n"
        for i in range(100)
    )
    + f"outputs: [{', '.join(f'l{i}' for i in range(100))}]\n",
    "fields of many phases": "name: Net\ninput: [1, 8, 8]\nstem: {u: {upsample: 4096}}\nstages: {s: {B: 1, depth: 2000}}\n"
    "blocks: {B: {args: {c: int}, layers: {k: {conv: c, kernel_size: 15}}}}\n",
    "interpolations of many phases": "name: Net\ninput: [1, 8, 8]\nstages: {s: {B: 4096, depth: 1000}}\n"
    "blocks: {B: {args: {n: int}, layers: {u: {upsample: n, mode: bicubic}, p: {max_pool: n}}}}\n",
    "a product of many ways": "name: Net\ninput: [720720, 720720, 720720]\n"
    "head: {p: {max_pool: 720}, f: flatten, bn: batch_norm}\n",
}


@pytest.mark.parametrize("name", SEARCHED)
def test_a_search_ends(name: str, tmp_path: Path) -> None:
    spec = tmp_path / "x.yaml"
    spec.write_text(SEARCHED[name])
    found = run(spec, "shapes", "shapes --symbolic", "build -o out", "graph -o x.html")
    assert found.returncode == 0, found.stderr[-500:]


# Of what is long: the commands that took longest, or most memory, with the algorithms that archgen had first.
LONG = {
    "dense, 250 layers": "graph -o x.svg",
    "a U of 1,500 levels": "graph -o x.svg",
    "6,000 layers left out": "explain",
    "5,000 layers that one argument leaves out": "build -o out",
    "4,000 numbered stages": "shapes",
    "2,000 calls of a block of 1,000 arguments": "shapes",
    "2,000 defaults for 1,500 calls": "shapes",
}


@pytest.mark.parametrize("name", LONG)
def test_what_is_long_takes_no_longer_than_its_text(name: str, tmp_path: Path) -> None:
    spec = tmp_path / "x.yaml"
    spec.write_text(DOCUMENTS[name]["net.yaml"])
    found = run(spec, LONG[name], seconds=10)
    assert found.returncode in (0, 2), found.stderr[-500:]
    assert not found.returncode or said(found).startswith(f"{spec}:")


def test_what_was_not_found_is_said(tmp_path: Path) -> None:
    """The smallest cube that three long periods allow: the report says that it is not known; an assertion on it is refused."""
    layers = "".join(
        f"  p{n}: {{max_pool: {window}, from: a}}\n  u{n}: {{conv_transpose: 3, kernel_size: {window}, stride: {window}}}\n"
        f"  s{n}: {{add, from: [{before}, u{n}]}}\n"
        for n, before, window in ((1, "a", "[4093, 1, 1]"), (2, "s1", "[1, 4091, 1]"), (3, "s2", "[1, 1, 4079]"))
    )
    spec = tmp_path / "x.yaml"
    spec.write_text(f"name: Net\ninput: [3, 4093, 4091, 4079]\nstem:\n  a: {{conv: 3, kernel_size: 1}}\n{layers}")
    found = run(spec, "shapes --symbolic")
    assert found.returncode == 0, found.stderr[-500:]
    assert "runs on    D mod 4093 == 0 and H mod 4091 == 0 and W mod 4079 == 0\n" in found.stdout
    assert "smallest   not known: the search ended early\n" in found.stdout
    spec.write_text(f'{spec.read_text()}assert: ["min_size > 0"]\n')
    found = run(spec, "validate")
    assert found.returncode == 2
    said = " ".join(found.stderr.split())
    assert "`min_size` has no value for this network" in said
    assert "or none was found" in said


def test_what_is_large_and_allowed_is_counted_exactly(tmp_path: Path) -> None:
    spec = tmp_path / "x.yaml"
    spec.write_text(f"{START}stem:\n{BIG.format(10**9)}")
    found = run(spec, "shapes")
    assert found.returncode == 0
    assert f"{3 * 10**9 + 10**9 + 10**18 + 10**9:,}" in found.stdout


def test_the_limits_are_real(tmp_path: Path) -> None:
    """Under them, what archgen does not do fails."""
    for code in ("[0] * 2**27", "while True: pass"):
        greedy = [sys.executable, "-c", CHILD.replace("main([*command.split(), spec])", "greed()"), "1", "", "x"]
        greedy[2] = f"def greed():\n    {code}\n{greedy[2]}"
        assert subprocess.run(greedy, capture_output=True, check=False).returncode not in (0, 2)


def test_the_peak_is_the_commands_own(tmp_path: Path) -> None:
    """Also below a process that is itself larger than any command may be."""
    (tmp_path / "net.yaml").write_text((ROOT / "specs/resnet18.yaml").read_text())
    large = b"x" * 2**28
    assert budgets.run("validate", tmp_path / "net.yaml", limit=20).peak < len(large)
