"""`docs/reliability.md` names a proof for each row, and each that it names exists."""

from __future__ import annotations

import ast
import re

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs/reliability.md").read_text()


def missing(page: str) -> list[str]:
    """The tests and files that a page names and that do not exist."""
    found = []
    for file, test in sorted(set(re.findall(r"`(tests/[\w/]+\.\w+)(?:::(\w+))?`", page))):
        path = ROOT / file
        if not path.is_file():
            found.append(file)
        elif test and test not in {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}:
            found.append(f"{file}::{test}")
    return found


def test_every_test_of_the_page_exists() -> None:
    assert missing(PAGE) == []


def test_every_row_has_its_proof() -> None:
    rows = re.findall(r"^\| (\d+) \|(.*)$", PAGE, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 66))
    for number, row in rows:
        assert re.search(r"`tests/", row.rsplit(" | ", 1)[1]), number


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("::test_every_test_of_the_page_exists", "::test_no_such_test"),
        ("tests/errors/yaml_anchor.yaml", "tests/errors/none.yaml"),
        ("tests/test_proof.py::", "tests/test_prof.py::"),
    ],
)
def test_what_is_missing_would_be_seen(old: str, new: str) -> None:
    assert old in PAGE
    assert missing(PAGE.replace(old, new)) != []
