"""A project's own style: what its templates and its width change, what they can't, and how their faults are told."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import jinja2
import pytest

import archgen
from archgen import SpecError, resources
from archgen.emit import module, style, templates
from archgen.proof.parsed import ProofError
from tests.conftest import ROOT, SMALL, Result

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., Result]

NAMES = style.names()
SETTINGS = '[tool.archgen]\ntemplates = "house"\n'


@pytest.fixture
def house(project: Path) -> Callable[..., None]:
    """Writes templates of a project's own: their names with a dot as `_`."""
    (project / "house").mkdir()
    (project / "pyproject.toml").write_text(SETTINGS)

    def write(**own: str) -> None:
        for name, text in own.items():
            (project / "house" / f"{name}.py.jinja").write_text(text)

    return write


def shipped(name: str) -> str:
    return (resources.folder("templates") / f"{name}.py.jinja").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_the_templates_that_come_with_archgen_print_and_do_not_decide(name: str) -> None:
    tree = jinja2.Environment().parse((resources.folder("templates") / name).read_text())
    assert list(templates.faults(tree)) == []
    assert list(tree.find_all((jinja2.nodes.If, jinja2.nodes.CondExpr, jinja2.nodes.Compare))) == []


@pytest.mark.parametrize("name", NAMES)
def test_each_template_may_be_replaced_by_itself(name: str, archgen: Run, house: Callable[..., None], project: Path) -> None:
    assert archgen("build").code == 0
    before = (project / "generated" / "small.py").read_text()
    house(**{name.partition(".")[0]: (resources.folder("templates") / name).read_text()})
    assert archgen("build", "--check").code == 0
    assert (project / "generated" / "small.py").read_text() == before


def test_a_change_of_a_template_is_a_change_of_the_module(archgen: Run, house: Callable[..., None]) -> None:
    assert archgen("build").code == 0
    house(notice="# Ours.\n")
    result = archgen("build", "--check")
    assert result.code == 1
    assert "+# Ours." in result.out
    assert archgen("build").code == 0
    assert archgen("build", "--check").code == 0
    assert archgen("verify", "specs/small.yaml", "--device", "cpu").code == 0


BASE = shipped("class").replace("(nn.Module)", "(Base)")


def importing(line: str) -> dict[str, str]:
    return {"imports": f"{shipped('imports')}\n{line}\n"}


def test_another_base_is_verified_where_it_is_installed(
    archgen: Run, house: Callable[..., None], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house(**{"class": BASE}, **importing("from torch.nn import Module as Base"))
    assert archgen("build").code == 0
    assert "(Base):" in (project / "generated" / "small.py").read_text()
    assert archgen("verify", "specs/small.yaml", "--device", "cpu").code == 0


# ---- what they can't change


def without(template: str, old: str, new: str) -> dict[str, str]:
    text = shipped(template)
    assert old in text
    return {template: text.replace(old, new)}


@pytest.mark.parametrize(
    ("own", "told"),
    [
        (without("forward", '{{ write(it, "forward", 8) -}}', "        return x"), "they write `return x` where the plan has"),
        (without("init", '{{ write(it, "init", 8) -}}', ""), "they write nothing where the plan has `self.conv1"),
        (
            without("init", '{{ write(it, "init", 8) -}}', '{{ write(it, "init", 8) -}}{{ write(it, "init", 8) -}}'),
            "they write",
        ),
        (without("init", "super().__init__()", "super().__init__()\n        open('x')"), "they write `open('x')`"),
        (without("init", "super().__init__()", "super().__init__()\n        self.more = nn.ReLU()"), "they write `self.more ="),
        (without("init", "super().__init__()", "super().__init__()\n        self.parameters = list"), "they write `self.param"),
        (without("init", "super().__init__()", 'super().__init__()\n        a = "x" * 5000000000'), "they write `a = 'x' * 5"),
        (without("init", "super().__init__()", f"super().__init__()\n        a = {'(' * 3000}1{')' * 3000}"), ""),
        (without("init", "super().__init__()", f"super().__init__()\n        a = {'-' * 9000}1"), ""),
        (
            without("forward", "{{ write", "        if x.ndim == 4:\n            return x\n{{ write"),
            "they write `if x.ndim == 4:`",
        ),
        (without("forward", "{{ write", "        if self.training:\n            return x\n{{ write"), "they write `if self.tr"),
        (without("forward", "it.taken", '["x: Tensr"]'), "they write `def forward(self, x: Tensr) -> Tensor:`"),
        (without("init", '["self"] + it.declared', '["self"]'), "they write `def __init__(self) -> None:` where"),
        (without("init", '["self"] + it.declared', '["self"] + it.declared + ["y: bool = False"]'), "they write `def __init__"),
        (
            without("statements", "it.value | fit(indent, it.target", '"nn.Linear(16, 10)" | fit(indent, it.target'),
            "they write",
        ),
        (without("class", "(nn.Module)", "(Base)"), "derives from `Base`, which nothing imports"),
        (without("class", "(nn.Module)", "(open('x'))"), "derives from `open('x')`"),
        (
            without("class", "(nn.Module)", "(nn.Module, metaclass=print)"),
            "they write `class Small(nn.Module, metaclass",
        ),
        (importing("from acme import nn"), "the module has a `nn` of its own"),
        (importing("from acme import *"), "an import brings a base, and no more"),
        (importing("from .acme import Base"), "an import can't be relative"),
        (importing("from acme import Small"), "the module has a `Small` of its own"),
        (importing("from acme import print"), "no class derives from `print`"),
        (importing("import os\nos.remove('x')"), ""),
        ({"imports": "import os\n"}, "no class derives from `os`"),
        ({"imports": "\n"}, "where the plan has `from torch import Tensor, nn`"),
        ({"notice": "x = 1\n"}, "they leave out a docstring"),
        ({"notice": '"""A docstring."""\n'}, "they write"),
        ({"module": "x"}, "they do not begin with the lines of `module.header`"),
        ({"module": ""}, "they do not begin with the lines of `module.header`"),
        ({"module": "# -*- coding: utf-7 -*-\n" + shipped("module")}, "they do not begin with the lines of `module.header`"),
        (without("docstrings", "{{ [it.description, it.shapes] | docstring(4) }}", "    x = 1"), "they leave out a docstring"),
        (without("docstrings", "{{ [it.description, it.shapes] | docstring(4) }}", '    """'), "which is no Python"),
    ],
)
def test_what_is_written_is_the_plan_or_nothing(
    own: dict[str, str], told: str, archgen: Run, house: Callable[..., None], project: Path
) -> None:
    """Of a template that is the only one of the project's own, the file is named."""
    house(**own)
    result = archgen("build")
    assert result.code == 2, result
    place = f"house/{next(iter(own))}.py.jinja"
    said = " ".join(result.err.split())
    assert said.startswith(f"{place}: error: what is written is not the module of the plan: ")
    assert told in said
    assert not (project / "generated").exists()


def test_a_class_that_an_op_brings_is_no_ones_to_import(archgen: Run, house: Callable[..., None], project: Path) -> None:
    (project / "specs" / "small.yaml").write_text(SMALL.replace("relu: relu", "relu: {stochastic_depth: 0.1}"))
    line = "from torch.nn import Identity as StochasticDepth"
    house(**importing(line), **{"class": BASE.replace("(Base)", "(StochasticDepth)")})
    result = archgen("build")
    assert result.code == 2
    assert "the module has a `StochasticDepth` of its own" in " ".join(result.err.split())


@pytest.mark.parametrize("text", ["# {{ module.description }}", "# {{ module.name }} by Acme", "# no end of the line"])
def test_what_a_notice_may_say(text: str, archgen: Run, house: Callable[..., None], project: Path) -> None:
    house(notice=text)
    assert archgen("build").code == 0
    assert archgen("build", "--check").code == 0


def test_a_base_that_is_not_installed_is_a_fault_of_the_machine(archgen: Run, house: Callable[..., None]) -> None:
    house(**{"class": BASE}, **importing("from acme.nn import Base"))
    assert archgen("build").code == 0
    result = archgen("verify", "specs/small.yaml", "--device", "cpu")
    assert result.code == 3
    assert "what the module imports is not installed: ModuleNotFoundError: No module named 'acme'" in " ".join(
        result.err.split()
    )


def test_a_fault_of_archgen_is_not_laid_on_the_templates(
    house: Callable[..., None], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house(notice="# Ours.\n")
    network = archgen.load(project / "specs" / "small.yaml")
    clean = module.text
    monkeypatch.setattr(module, "text", lambda *given: clean(*given).replace("return x", "return x + x"))  # both
    with pytest.raises(ProofError):
        network.source()


# ---- faults in them


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ("# {{ module.nam }}\n", "house/notice.py.jinja:1:1", "a module has no attribute 'nam'"),
        ("# Copyright Caf\u00e9\n", "house/notice.py.jinja:1:16", "this template holds the character U+00E9"),
        ("#\tCopyright\n", "house/notice.py.jinja:1:2", "this template holds the character U+0009"),
        ("# \\x00 {{ '\\ud800' }}\n", "house/notice.py.jinja", "a generated module is ASCII"),
        ("{{ " + "(" * 4000 + "1" + ")" * 4000 + " }}", "house/notice.py.jinja", "nested too deep"),
        ("{{ " + "1" + "+1" * 6000 + " }}", "house/notice.py.jinja", "nested too deep"),
        ("{{ " + "9" * 6000 + " }}", "house/notice.py.jinja", ""),
        ("{{ module" + ".name" * 2500 + " }}", "house/notice.py.jinja", ""),
        ('{% include "inti.py.jinja" %}', "house/notice.py.jinja:1:1", "there is no template `inti.py.jinja`"),
        ("# a\n# {{ nothing }}\n", "house/notice.py.jinja:2:1", "'nothing' is undefined"),
        ("# {{ module.name\n", "house/notice.py.jinja:1:1", ""),
        ("{% for a in module.classes %}\n", "house/notice.py.jinja:1:1", ""),
        ("# {{ module.name.upper() }}", "house/notice.py.jinja:1:1", "a template calls macros alone"),
        ("# {{ module.__class__ }}", "house/notice.py.jinja:1:1", "unsafe"),
        ("# {{ module.name * 9 }}", "house/notice.py.jinja:1:1", "a template can't use `mul`"),
        ("# {{ 9 ** 9 }}", "house/notice.py.jinja:1:1", "a template can't use `pow`"),
        ("# {{ module.name | fit(1000000) }}", "house/notice.py.jinja:1:1", "an indentation has at most 100 spaces"),
        ("# {{ module.name | upper }}", "house/notice.py.jinja:1:1", "No filter named 'upper'"),
        ("# {{ 1 | docstring }}", "house/notice.py.jinja:1:1", ""),
        ("{% for a in range(9) %}{% endfor %}", "house/notice.py.jinja:1:1", "a template loops over a part of the plan"),
        ("{% if module.name == 'x' %}{% endif %}", "house/notice.py.jinja:1:1", "a template"),
        ("{% set a = 1 %}", "house/notice.py.jinja:1:1", "a template can't use `assign`"),
        ('{% include "notice.py.jinja" %}', "", "includes itself"),
        ('{% include "/etc/passwd" %}', "house/notice.py.jinja:1:1", "there is no template `/etc/passwd`"),
        ('{% include "../pyproject.toml" %}', "house/notice.py.jinja:1:1", "there is no template `../pyproject.toml`"),
    ],
)
def test_a_fault_is_told_at_its_place(text: str, place: str, told: str, archgen: Run, house: Callable[..., None]) -> None:
    house(notice=text)
    result = archgen("build")
    assert result.code == 2, result
    assert result.err.startswith(f"{place}: error: " if place else "")
    assert told in " ".join(result.err.split())
    assert "help: " in result.err


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in module.header %}" * 16 + "{% endfor %}" * 16,
        "{% macro a(x) %}{{ x }}{{ x }}{% endmacro %}# {{ " + "a(" * 40 + "'x'" + ")" * 40 + " }}",
        "# {{ [" + ", ".join(["1"] * 900).replace("1", "''") + "] | join('" + "y" * 9000 + "') }}",
    ],
    ids=["loops", "macros that double", "a long text between many"],
)
def test_what_templates_read_and_write_is_counted(text: str, archgen: Run, house: Callable[..., None]) -> None:
    house(notice=text)
    result = archgen("build")
    assert result.code == 2
    assert "these templates read or write the plan again and again" in " ".join(result.err.split())


@pytest.mark.parametrize("own", [{}, {"notice": "# Ours.\n"}])
def test_a_long_module_is_within_the_budget(own: dict[str, str], house: Callable[..., None], project: Path) -> None:
    """One statement that is a sequence of thousands: what is counted follows from the plan."""
    house(**own)
    spec = project / "specs" / "small.yaml"
    spec.write_text(f"name: Net\ninput: [3, 8, 8]\nstem: {{all: [{', '.join(['{conv: 3, kernel_size: 3}'] * 4000)}]}}\n")
    assert archgen.load(spec).source().count("nn.Conv2d(") == 4000


@pytest.mark.parametrize(("name", "help"), [("clas.py.jinja", "the nearest is `class.py.jinja`"), ("README.md", "")])
def test_a_file_that_is_no_template(name: str, help: str, archgen: Run, house: Callable[..., None], project: Path) -> None:
    (project / "house" / name).write_text("x")
    result = archgen("build")
    assert result.code == 2
    assert result.err.startswith(f"house/{name}: error: archgen has no template of this name")
    assert help in result.err


def test_files_that_are_not_read(archgen: Run, house: Callable[..., None], project: Path, tmp_path_factory: object) -> None:
    (project / "house" / "notice.py.jinja").symlink_to("/etc/hostname")
    result = archgen("build")
    assert result.code == 2
    assert "leads out of" in result.err
    (project / "house" / "notice.py.jinja").unlink()
    house(notice="# " + "x" * style.MOST_CHARACTERS)
    assert "a template has at most 16,384 characters" in " ".join(archgen("build").err.split())


def test_a_folder_that_is_not_there(archgen: Run, project: Path) -> None:
    (project / "pyproject.toml").write_text(SETTINGS)
    result = archgen("build")
    assert result.code == 2
    assert result.err.startswith("house: error: there is no such folder")


# ---- the width


@pytest.mark.parametrize("width", [88, 100, 140])
def test_lines_are_laid_out_to_the_width_as_ruff_does(width: int, tmp_path: Path) -> None:
    """Where no name or number alone is wider. The reference is the formatter itself."""
    (tmp_path / "pyproject.toml").write_text(f"[tool.archgen]\nwidth = {width}\n")
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    for name in ("resnet50", "googlenet", "efficientnet_v2_s", "unet", "resnet50_fpn", "convnext_tiny"):
        text = archgen.load(tmp_path / "specs" / f"{name}.yaml").source()
        assert max(map(len, text.splitlines()[3:])) <= width
        command = [sys.executable, "-m", "ruff", "format", "--isolated", f"--line-length={width}", "-"]
        assert subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout == text


@pytest.mark.parametrize("width", ["87", "321", "true", '"100"', "100.0", "[100]"])
def test_a_width_that_is_none(width: str, archgen: Run, project: Path) -> None:
    (project / "pyproject.toml").write_text(f"[tool.archgen]\nwidth = {width}\n")
    result = archgen("build")
    assert result.code == 2
    assert result.err.startswith("pyproject.toml:2:9: error: `width` takes a whole number from 88 to 320")


def test_the_style_of_a_network_is_that_of_its_project(house: Callable[..., None], project: Path) -> None:
    house(notice="# Ours.\n")
    spec = project / "specs" / "small.yaml"
    assert [own.text for own in archgen.load(spec).style.own] == ["# Ours.\n"]
    (project / "house" / "notice.py.jinja").unlink()
    assert archgen.load(spec).style == style.PLAIN
    (project / "house" / "x.jinja").touch()
    with pytest.raises(SpecError):
        archgen.load(spec).source()
