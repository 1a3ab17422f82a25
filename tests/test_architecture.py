"""The house: rooms import downwards only, there is no circle, and the page that shows it is true."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests import architecture
from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = ROOT / "archgen"
FRAME = ("", "__main__")  # what a user imports, and what `python -m archgen` runs: they stand above all rooms


def test_every_room_has_its_place() -> None:
    assert {name.partition(".")[0] for name in architecture.modules(PACKAGE)} == {*architecture.ROOMS, *FRAME}


def test_imports_go_down_only() -> None:
    found = [one for one in architecture.imports(PACKAGE) if one.importer not in FRAME and one.imported not in FRAME]
    assert architecture.upwards(found) == []
    assert architecture.private(found) == []


@pytest.mark.parametrize("of", ["modules", "rooms"])
def test_there_is_no_circle(of: str) -> None:
    found = [one for one in architecture.imports(PACKAGE) if one.importer not in FRAME]
    arrows = {one.rooms if of == "rooms" else (one.importer, one.imported) for one in found}
    assert architecture.circle({(source, target) for source, target in arrows if source != target and target}) == []


def test_the_page_is_true() -> None:
    page = architecture.PAGE.read_text(encoding="utf-8")
    made = architecture.table(PACKAGE)
    assert made in page, "write it anew: python -m tests.architecture"
    for path in re.findall(r"`((?:archgen|tests|templates|docs|specs)/[\w/.]*)`", page):
        assert (ROOT / path).exists(), path


# ---- that each would be seen


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"a/one": "from archgen.b import two"}, "up"),
        ({"a/one": "def late():\n    from archgen.b import two"}, "up"),
        ({"a/one": "if TYPE_CHECKING:\n    from archgen.b.two import Two"}, "up"),
        ({"a/one": "from archgen.a import other", "a/other": "from archgen.a.one import One"}, "circle"),
        ({"b/two": "from archgen.a.one import _hidden"}, "private"),
        ({"b/two": "from archgen.a import one"}, ""),
    ],
)
def test_a_fault_would_be_seen(files: dict[str, str], told: str, tmp_path: Path) -> None:
    package = tmp_path / "archgen"
    for name in ("a/__init__", "b/__init__", "a/one", "b/two", *files):
        path = package / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files.get(name, ""))
    found = architecture.imports(package)
    assert bool(architecture.upwards(found, ("a", "b"))) == (told == "up")
    assert bool(architecture.circle({(one.importer, one.imported) for one in found})) == (told == "circle")
    assert bool(architecture.private(found)) == (told == "private")


def test_an_import_of_a_whole_module_is_refused(tmp_path: Path) -> None:
    (tmp_path / "archgen").mkdir()
    (tmp_path / "archgen" / "one.py").write_text("import archgen.two\n")
    with pytest.raises(AssertionError, match="write `from archgen import"):
        architecture.imports(tmp_path / "archgen")
