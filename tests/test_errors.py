"""Bad specs: each case is a file beside the exact text that a user sees.

`ARCHGEN_WRITE_CASES=1 python -m pytest tests/test_errors.py` writes the texts anew; read the difference before you commit it.
"""

from __future__ import annotations

import difflib
import os
import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import archgen
from archgen import cli
from archgen.language.problems import MOST_PROBLEMS

FOLDER = Path(__file__).parent / "errors"
CASES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
NETWORKS = sorted((Path(__file__).parent / "networks").glob("*.yaml"))
START = "name: Net\ninput: [3, 32, 32]\n"


def message(name: str) -> str:
    """What a user reads of a spec in the current folder."""
    with pytest.raises(archgen.SpecError) as refused:
        archgen.load(f"{name}.yaml").checked().source()
    return str(refused.value) + "\n"


@pytest.mark.parametrize("name", CASES)
def test_the_message(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    expected = FOLDER / f"{name}.txt"
    found = message(name)
    if os.environ.get("ARCHGEN_WRITE_CASES"):
        expected.write_text(found, encoding="utf-8")
    assert expected.is_file(), f"write {expected.name} with ARCHGEN_WRITE_CASES=1, and read it"
    assert found == expected.read_text(encoding="utf-8")


def test_every_text_has_its_case() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.txt")) == CASES
    assert len(CASES) >= 160


def faults(text: str) -> list[str]:
    """The rules for messages: each has a place, starts with no capital, has no full stop, is plain, and keeps its width."""
    found = []
    for block in text.rstrip("\n").split("\n\n"):
        lines = block.split("\n")
        excerpt = [line for line in lines if re.match(r" *\d* \| ", line)]
        head, *rest = re.sub(r"\n {6}", " ", "\n".join(line for line in lines if line not in excerpt)).split("\n")
        placed = re.fullmatch(r"[\w./]+(?::\d+:\d+)?: (?:error|note): (.*)", head)
        if not placed:
            found.append(f"no place: {head}")
            continue
        for said in filter(None, (placed[1], " ".join(rest).removeprefix("help: "))):
            if not re.match("[a-z0-9`]", said) or said.endswith("."):
                found.append(f"no plain sentence: {said}")
            if re.search("did you mean|illegal|invalid|please|sorry", re.sub("`[^`]*`", "", said), re.IGNORECASE):
                found.append(f"not our words: {said}")
            if said.count("`") % 2:
                found.append(f"a lonely backtick: {said}")
        if len(placed[1]) > 200 or any(len(line) > 80 for line in lines):
            found.append(f"too wide: {block}")
        if excerpt and not re.fullmatch(r" +\|  *\^+", excerpt[-1]):
            found.append(f"no caret: {block}")
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_message_reads_well(name: str) -> None:
    assert faults((FOLDER / f"{name}.txt").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "x.yaml:1:1: error: Bad thing",
        "x.yaml:1:1: error: a bad thing.",
        "x.yaml:1:1: error: a bad thing\nhelp: did you mean this",
        "x.yaml:1:1: error: an illegal thing",
        "x.yaml:1:1: error: a `lonely thing",
        "x.yaml:1:1: error: a thing\nhelp: " + "a" * 80,
        "x.yaml:1:1: error: a thing\n   1 | a: b",
        "x.yaml:1:1: error: a thing\n\na thing without a place",
        "something is wrong",
    ],
)
def test_the_rules_can_fail(text: str) -> None:
    assert len(faults(text)) == 1


def test_a_text_that_differs_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(FOLDER / "misspelt_op.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    changed = Path("misspelt_op.yaml").read_text(encoding="utf-8").replace("convv", "konv")
    Path("misspelt_op.yaml").write_text(changed, encoding="utf-8")
    assert message("misspelt_op") != (FOLDER / "misspelt_op.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_written(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(FOLDER / f"{name}.yaml", tmp_path)
    shutil.copytree(FOLDER / "parents", tmp_path / "parents")
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert cli.main(["build", f"{name}.yaml", "-o", "out"]) == 2
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(("path", "sentence"), [("none.yaml", "there is no such file"), (".", "is a folder, not a file")])
def test_a_path_that_is_no_spec(path: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    with pytest.raises(archgen.SpecError, match=sentence) as refused:
        archgen.load(path)
    assert faults(str(refused.value)) == []


# ---- what a stranger may send


@pytest.mark.parametrize("seed", range(8))
def test_a_changed_spec_is_read_or_refused(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words of specs at the wrong place: never another exception, and every message keeps the rules of its form."""
    monkeypatch.chdir(tmp_path)
    chance = random.Random(seed)
    texts = [path.read_text(encoding="utf-8") for path in (*NETWORKS, *(FOLDER / f"{name}.yaml" for name in CASES))]
    words = sorted({word for text in texts for word in re.findall(r"[\w.]+|[^\w\s]", text)})
    words += ["-1", "0", "1.5", "1e300", "nan", "[1, 2]", "{}", "[]", '""', "{relu}", "in_channels", "input", "index", "op"]
    for _ in range(60):
        parts = re.findall(r"[\w.]+|\s+|[^\w\s]", chance.choice(texts)) or [" "]
        for _ in range(chance.randint(1, 2)):
            parts[chance.choice([n for n, part in enumerate(parts) if not part.isspace()] or [0])] = chance.choice(words)
        text = "".join(parts)
        Path("x.yaml").write_text(text, encoding="utf-8")
        try:
            archgen.load("x.yaml").checked()
        except archgen.SpecError as error:
            first = str(error).split("\n")[0]
            assert re.match(r"[\w./]+(:\d+:\d+)?: error: [^A-Z]", first), text
        except Exception as error:
            raise AssertionError(text) from error


HOSTILE = {
    "unknown_kinds": START + "stem:\n" + "".join(f"  a{n}: {{conv{'x' * 40}{n}: 4, kernel_size: 3}}\n" for n in range(2900)),
    "unknown_blocks": START
    + "stem:\n" + "".join(f"  a{n}: Bl{n}\n" for n in range(3000))
    + "blocks:\n" + "".join(f"  Blo{'y' * 30}{n}: {{layers: {{r: relu}}}}\n" for n in range(2800)),
    "unknown_values": START + "stem:\n" + "".join(f"  a{n}: {{relu, from: b{n}}}\n" for n in range(4000)),
    "unknown_names": START
    + "let: {" + ", ".join(f"n{n}: 1" for n in range(4000)) + "}\n"
    + "stem:\n" + "".join(f"  a{n}: {{conv: m{n}, kernel_size: 3}}\n" for n in range(3000)),
    "unknown_keys": START + "stem: {a: relu}\n" + "".join(f"k{n}: 1\n" for n in range(9000)),
    "unused_constants": START + "let: {" + ", ".join(f"n{n}: 1" for n in range(9000)) + "}\nstem: {a: relu}\n",
    "unused_blocks": START
    + "stem: {a: relu}\nblocks:\n" + "".join(f"  Blo{n}: {{layers: {{r: relu}}}}\n" for n in range(5000)),
    "squares": START
    + "let: {n0: 2, " + ", ".join(f"n{n + 1}: n{n} * n{n}" for n in range(4000)) + "}\n"
    + "stem: {a: {conv: n4000, kernel_size: 3}}\n",
    "doubling": START
    + "stem: {a: {B0: 3}}\nblocks:\n"
    + "".join(f"  B{n}: {{args: {{c: int}}, layers: {{a: {{B{n + 1}: c + 1}}, b: {{B{n + 1}: c + 2}}}}}}\n" for n in range(50))
    + "  B50: {args: {c: int}, layers: {a: {conv: c, kernel_size: 1}}}\n",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_spec_is_refused_soon(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The unknown kinds took 29 s, in searches for the nearest name, before reading stopped after 50 problems."""
    monkeypatch.chdir(tmp_path)
    Path(f"{name}.yaml").write_text(HOSTILE[name], encoding="utf-8")
    searches = []
    search = difflib.get_close_matches

    def counted(*arguments: Any, **named: Any) -> list[str]:
        searches.append(arguments[0])
        return search(*arguments, **named)

    monkeypatch.setattr(difflib, "get_close_matches", counted)
    text = message(name)
    assert len(text) < 16_000
    assert len(searches) <= 5 * MOST_PROBLEMS
