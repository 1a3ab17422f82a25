"""A stranger's checkout may hold links that lead out, pipes and devices: nothing of these is read, shown or replaced."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from archgen import files
from archgen.emit import module
from tests.conftest import ROOT, SMALL, Result

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., Result]

SECRET = "BOOM: secret"
READERS = (
    ("validate",),
    ("shapes",),
    ("explain",),
    ("graph", "-o", "x.svg"),
    ("show",),
    ("build",),
    ("build", "--check"),
    ("verify",),
)


@pytest.fixture
def outside(project: Path) -> Path:
    """The project as a repository, and a folder that is none of its business."""
    (project / ".git").mkdir()
    elsewhere = project.parent / f"{project.name}-elsewhere"
    (elsewhere / "inner").mkdir(parents=True)
    (elsewhere / "secret.yaml").write_text(SECRET + "\n")
    return elsewhere


def entries(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize("command", READERS, ids=" ".join)
@pytest.mark.parametrize("through", ["file", "folder"])
def test_a_spec_behind_a_link_that_leads_out(
    command: tuple[str, ...], through: str, archgen: Run, project: Path, outside: Path
) -> None:
    spec = "specs/p.yaml" if through == "file" else "linked/secret.yaml"
    (project / ("specs/p.yaml" if through == "file" else "linked")).symlink_to(
        outside / "secret.yaml" if through == "file" else outside
    )
    name, *options = command
    result = archgen(name, spec, *options)
    assert result.code == 2
    assert "leads out of" in result.err
    assert "BOOM" not in result.out + result.err


def test_a_link_inside_the_project_is_followed(archgen: Run, project: Path, outside: Path) -> None:
    (project / "specs/same.yaml").symlink_to(project / "specs/small.yaml")
    assert archgen("shapes", "specs/same.yaml").code == 0


def test_a_spec_of_elsewhere_may_be_named(archgen: Run, project: Path, outside: Path) -> None:
    (outside / "other.yaml").write_text(SMALL)
    assert archgen("shapes", outside / "other.yaml").code == 0


@pytest.mark.parametrize("command", [("build",), ("build", "--check"), ("verify", "specs/small.yaml")], ids=" ".join)
@pytest.mark.parametrize("generated", ["gen", "gen/inner", "gen/new/deep"])
def test_an_output_folder_behind_a_link_that_leads_out(
    command: tuple[str, ...], generated: str, archgen: Run, project: Path, outside: Path
) -> None:
    (project / "pyproject.toml").write_text(f'[tool.archgen]\ngenerated = "{generated}"\n')
    (project / "gen").symlink_to(outside)
    (outside / "small.py").write_text(f"{module.MARKER}specs/small.yaml; do not edit.\n{SECRET}\n")
    (outside / "inner/small.py").write_text((outside / "small.py").read_text())
    before = entries(outside)
    result = archgen(*command)
    assert result.code == (
        0 if (command[0], generated) == ("verify", "gen/new/deep") else 3
    )  # where nothing is, nothing is read
    assert result.code == 0 or "leads out of" in result.err
    assert "BOOM" not in result.out + result.err
    assert entries(outside) == before
    assert SECRET in (outside / "inner/small.py").read_text()


@pytest.mark.parametrize("what", ["endless", "pipe", "large"])
@pytest.mark.parametrize("command", [("verify", "specs/small.yaml"), ("build",), ("build", "--check")], ids=" ".join)
def test_a_generated_file_that_never_ends(command: tuple[str, ...], what: str, archgen: Run, project: Path) -> None:
    target = project / "generated/small.py"
    target.parent.mkdir()
    place(target, what)
    result = archgen(*command)
    assert result.code == 3
    assert "`generated/small.py` is " in result.err


@pytest.mark.parametrize("what", ["endless", "pipe"])
@pytest.mark.parametrize("command", [("build",), ("verify", "specs/small.yaml"), ("graph", "specs/small.yaml", "-o", "x.svg")])
def test_settings_that_never_end(command: tuple[str, ...], what: str, archgen: Run, project: Path) -> None:
    (project / "pyproject.toml").unlink()
    place(project / "pyproject.toml", what)
    result = archgen(*command)
    assert result.code == (0 if command[0] == "graph" else 3)
    assert command[0] == "graph" or "`pyproject.toml` is a pipe or a device, not a file" in result.err


@pytest.mark.parametrize("what", ["endless", "pipe"])
def test_a_picture_that_never_ends(what: str, archgen: Run, project: Path) -> None:
    place(project / "x.svg", what)
    assert archgen("graph", "specs/small.yaml", "-o", "x.svg", "--force").code == 3


def place(path: Path, what: str) -> None:
    if what == "endless":
        path.symlink_to("/dev/zero")
    elif what == "pipe":
        os.mkfifo(path)
    else:
        with path.open("wb") as file:
            file.truncate(2**40)  # no block of it is on the disk


@pytest.mark.parametrize(
    "text",
    [
        'tool = "archgen"',
        "[tool]\narchgen = 3",
        "[[tool.archgen]]\nspecs = 1",
        "tool.archgen = [",
        "[tool.archgen]\nspecs = 3",
        '[tool.archgen]\ngenerated = ""',
        '[tool.archgen]\ngenerated = "a\\u0000b"',
        "[tool.archgen]\nspecs = \0",
        "[tool.archgen]\nspecs = \xff",
        "[tool.archgen]\nx = " + "[" * 100_000,
        "# archgen\n" + "#" * 2**21,
    ],
    ids=lambda text: repr(text[:30]),
)
def test_settings_that_are_none(text: str, archgen: Run, project: Path) -> None:
    (project / "pyproject.toml").write_bytes(text.encode("latin-1"))
    for command in (("build",), ("build", "--check"), ("verify", "specs/small.yaml")):
        result = archgen(*command)
        assert result.code == 3, result
        assert "`pyproject.toml`" in result.err


def test_settings_above_the_repository_are_not_the_projects(
    archgen: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = project / "inner"
    (inner / ".git").mkdir(parents=True)
    (inner / "my.yaml").write_text(SMALL)
    monkeypatch.chdir(inner)
    assert archgen("build", "my.yaml").out == "wrote generated/my.py\n"
    assert (inner / "generated/my.py").read_text().startswith("# Generated by archgen from ../my.yaml; do not edit.\n")


# ---- one file, two specs


@pytest.mark.parametrize("settings", [True, False])
def test_a_module_of_another_spec_is_not_replaced(settings: bool, archgen: Run, project: Path) -> None:
    if not settings:
        (project / "pyproject.toml").unlink()
    for name in ("a", "b", "b c"):
        (project / name).mkdir()
        (project / name / "net.yaml").write_text(SMALL.replace("conv: 16", f"conv: {16 + len(name)}"))
    assert archgen("build", "a/net.yaml").code == 0
    before = (project / "generated/net.py").read_bytes()
    for other in ("b/net.yaml", "b c/net.yaml"):
        result = archgen("build", other)
        assert result.code == 2
        assert "`generated/net.py` is the module of `" in " ".join(result.err.split())
        assert "a/net.yaml`, which this spec would replace" in " ".join(result.err.split())
        assert (project / "generated/net.py").read_bytes() == before
    assert archgen("build", "b/net.yaml", "-o", "other").code == 0  # what the help says
    (project / "a/net.yaml").rename(project / "a/old.yaml")
    assert archgen("build", "b/net.yaml").code == 0  # the other spec is gone


@pytest.mark.parametrize(
    ("spec", "options", "start", "told"),
    [
        ("specs/small.yaml", (), "", "specs/small.yaml"),
        ("specs/small.yaml", ("-o", "models"), "", "specs/small.yaml -o models"),
        ("lone/net.yaml", (), "lone", "net.yaml -o ../generated"),
        ("lone/net.yaml", ("-o", "lone/generated"), "lone", "net.yaml"),
    ],
)
def test_the_command_of_the_header_works(
    spec: str, options: tuple[str, ...], start: str, told: str, archgen: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if start:
        (project / "pyproject.toml").unlink()
        (project / start).mkdir()
        (project / spec).write_text(SMALL)
    written = project / archgen("build", spec, *options).out.split()[1]
    line = written.read_text().splitlines()[1]
    assert line == f"# Regenerate with: archgen build {told}"
    text = written.read_bytes()
    written.unlink()
    monkeypatch.chdir(project / start)
    assert archgen("build", *told.split()).code == 0
    assert written.read_bytes() == text


# ---- the name of a module


def test_a_module_has_a_name_that_an_import_can_say(archgen: Run, project: Path) -> None:
    (project / "specs/my-net.yaml").write_text(SMALL)
    assert "wrote generated/my_net.py" in archgen("build", "specs/my-net.yaml").out
    assert archgen("build", "--check", "specs/my-net.yaml").code == 0
    assert archgen("build").code == 0
    assert "left over" not in archgen("build", "--check").out
    (project / "specs/my_net.yaml").write_text(SMALL)
    result = archgen("build")
    assert result.code == 2
    assert "would write `my_net.py`" in " ".join(result.err.split())


@pytest.mark.parametrize("stem", ["3net", "class", "a b", "a.b", "n\u00e9t", "match"])
def test_a_name_that_no_import_can_say(stem: str, archgen: Run, project: Path) -> None:
    (project / f"specs/{stem}.yaml").write_text(SMALL)
    result = archgen("build", f"specs/{stem}.yaml")
    assert result.code == 2
    assert "no `import` could name" in result.err
    assert archgen("validate", f"specs/{stem}.yaml").code == 0


# ---- one room opens files


def test_only_the_guarded_functions_open_files() -> None:
    allowed = {
        "files.py": {"os.open"},
        "emit/write.py": {"os.open"},  # the folder and the new file
        "cli.py": {"os.open"},  # the null device
        "handbook": {"read_text", "read_bytes", "write_text", "open"},  # archgen's own files, and new ones
        "schema.py": {"read_text", "write_text"},  # archgen's own file
    }
    for path in sorted((ROOT / "archgen").rglob("*.py")):
        name = path.relative_to(ROOT / "archgen").as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                last = called.split(".")[-1]
                if called in ("open", "os.open", "io.open") or last in ("read_text", "read_bytes", "write_text", "write_bytes"):
                    known = allowed.get(name, set()) | allowed.get(name.split("/")[0], set())
                    assert {called, last} & known, f"{name}:{node.lineno}: {called}"


def test_a_link_that_leads_out_is_told_from_one_that_does_not(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / ".git").mkdir(parents=True)
    (tree / "in").symlink_to(tree)
    (tree / "out").symlink_to(tmp_path)
    (tree / "loop").symlink_to(tree / "loop")
    (tmp_path / "home").symlink_to(tree)
    assert not files.leads_out(tree / "in/x.yaml")
    assert files.leads_out(tree / "out/x.yaml")
    assert not files.leads_out(tmp_path / "home/x.yaml")  # a project below a folder that is a link
