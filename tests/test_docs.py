"""The pages in `docs/`: their examples do what the pages say, and the generated ones are those of the ops and blocks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archgen.handbook import networks
from archgen.handbook.pages import pages
from archgen.handbook.schemas import schemas
from archgen.language import library
from archgen.ops import OPS
from tests import docs
from tests.conftest import ROOT

PAGE = """\
```yaml
# small.yaml
stem:
  conv: {conv: 16, kernel_size: 3}
```
```console
$ archgen shapes small.yaml
...
parameters  448
...
$ archgen build small.yaml
wrote generated/small.py
```
```python
# generated/small.py
        self.conv = nn.Conv2d(in_channels, 16, kernel_size=3, padding=1)
...
        x = self.conv(x)  # [N, 16, 32, 32]
```
```python
>>> import archgen
>>> archgen.load("small.yaml").report().totals.parameters
448
```
"""
WRONG = [
    ("kernel_size: 3}\n", "kernel: 3}\n", "has no option `kernel`"),
    ("parameters  448", "parameters  449", "`archgen shapes small.yaml` prints"),
    ("wrote", "unchanged", "`archgen build small.yaml` prints"),
    ("self.conv(x)", "self.cnov(x)", "has no such lines"),
    ("\n448\n", "\n449\n", "Expected:"),
    ("```python\n>>>", "```pyhton\n>>>", "nothing runs a block of pyhton"),
]


@pytest.mark.parametrize("page", docs.PAGES, ids=lambda path: path.stem)
def test_a_page_is_true(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = page.read_text()
    if "$ archgen compare" in text:
        pytest.importorskip("torch")
    assert "\n\n".join(docs.faults(text, tmp_path)) == ""
    run = [block for block in docs.blocks(text) if block.language not in docs.NOT_RUN]
    assert len(run) >= 5
    assert text.count("\n```") + text.startswith("```") == 2 * len(docs.blocks(text))  # none was overlooked


def test_a_true_page_has_no_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert docs.faults(PAGE, tmp_path) == []
    stale = PAGE.replace("wrote gen", "gen").replace("parameters  448", "parameters  447")
    assert docs.refreshed(stale, tmp_path) == PAGE.replace("wrote gen", "unchanged gen")


@pytest.mark.parametrize(("old", "new", "fault"), WRONG, ids=[fault for _, _, fault in WRONG])
def test_a_wrong_page_is_found(old: str, new: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert PAGE.count(old) == 1
    found = docs.faults(PAGE.replace(old, new), tmp_path)
    assert any(fault in text for text in found)
    assert found[0].startswith("line ")


@pytest.mark.parametrize("name", [*pages(), *schemas()])
def test_a_generated_page_is_up_to_date(name: str) -> None:
    committed = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert committed == {**pages(), **schemas()}[name], "run `python -m archgen.handbook`"


def test_the_page_of_networks_is_up_to_date() -> None:
    committed = (ROOT / "docs/networks.md").read_text(encoding="utf-8")
    assert committed == networks.page(ROOT / "specs"), "run `python -m archgen.handbook`"


def test_the_generated_pages_hold_every_op_and_block() -> None:
    made = pages()
    assert all(f"| [`{name}`](#{name}) |" in made["ops.md"] or f"| `{name}` |" in made["ops.md"] for name in OPS)
    assert re.findall(r"^## (.*)$", made["blocks.md"], re.MULTILINE) == list(library.block_names())


def test_links_lead_somewhere() -> None:
    for path in [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
            file, _, anchor = target.partition("#")
            if file.startswith("http"):
                continue
            there = path.parent / file if file else path
            assert there.exists(), f"{path.name}: {target}"
            assert not anchor or anchor in anchors(there.read_text()), f"{path.name}: {target}"


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as the usual code hosts make them."""
    titles = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
