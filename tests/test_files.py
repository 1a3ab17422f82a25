"""A stranger's checkout may hold links that lead out, pipes and devices: nothing of these is read, shown or replaced."""

from __future__ import annotations

import ast
import errno
import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from archgen import files
from archgen.emit import header
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
    (outside / "small.py").write_text(f"{header.MARKER}specs/small.yaml; do not edit.\n{SECRET}\n")
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
    assert result.code == (0 if command[0] == "graph" else 2)
    said = "leads out of" if what == "endless" else "error: this is a pipe or a device, not a file"
    assert command[0] == "graph" or (result.err.startswith("pyproject.toml: ") and said in result.err)


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


def test_settings_above_the_repository_are_not_the_projects(
    archgen: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = project / "inner"
    (inner / ".git").mkdir(parents=True)
    (inner / "my.yaml").write_text(SMALL)
    monkeypatch.chdir(inner)
    assert archgen("build", "my.yaml").out == "wrote generated/my.py\n"
    assert (inner / "generated/my.py").read_text().startswith("# Generated by archgen from ../my.yaml; do not edit.\n")


@pytest.fixture
def not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verification compares the file on the disk, and runs no module."""
    monkeypatch.setattr("archgen.verify.process.ask", lambda *_: {"checks": []})


# ---- what a stranger calls a file, and what is said of it

ODD_NAMES = [
    "a\nb",
    "\x1b[31mred",
    "::error::x",
    "##[debug]x",
    "\u202e\u00e9\x07\r",
    "\udcff",  # a byte that is no UTF-8
    "a b'\"`$(id)`{{x}}%0A",
    "x" * 250,
    "--x",
]
SAYING = [
    ("validate", "SPEC"),
    ("shapes", "SPEC"),
    ("shapes", "SPEC", "--format", "json"),
    ("shapes", "SPEC", "--symbolic"),
    ("shapes", "SPEC", "--symbolic", "--format", "json"),
    ("shapes", "SPEC", "--memory", "--format", "json"),
    ("shapes", "SPEC", "--set", "NAME"),
    ("explain", "SPEC"),
    ("explain", "SPEC", "NAME"),
    ("show", "SPEC"),
    ("graph", "SPEC", "-o", "x.svg"),
    ("graph", "SPEC", "-o", "NAME.html"),
    ("build",),
    ("build", "--check"),
    ("build", "SPEC", "-o", "NAME"),
    ("verify", "SPEC"),
    ("verify", "SPEC", "-o", "NAME"),
    ("init", "alexnet", "-o", "new/NAME.yaml"),
    ("init", "NAME"),
    ("ops", "NAME"),
    ("NAME",),
    ("shapes", "SPEC", "--NAME"),
]


@pytest.mark.usefixtures("not_run")
@pytest.mark.parametrize("bad", [False, True])
@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_an_odd_name_says_nothing_to_a_terminal_or_a_ci(name: str, bad: bool, archgen: Run, project: Path) -> None:
    (project / f"specs/{name}.yaml").write_text(SMALL.replace("relu: relu", "relu: rellu") if bad else SMALL)
    for command in SAYING:
        result = archgen(*(word.replace("SPEC", f"specs/{name}.yaml").replace("NAME", name) for word in command))
        inert(result, command)


@pytest.mark.usefixtures("not_run")
@pytest.mark.parametrize("text", ["##[debug]x", "a\\n::error::b", f"{'x ' * 25}::error::y", "\\u202e", "\\u00e9"])
@pytest.mark.parametrize("where", ["network", "block"])
def test_a_description_says_nothing_to_a_terminal_or_a_ci(text: str, where: str, archgen: Run, project: Path) -> None:
    said = f'description: "{text}"\n'
    block = f"blocks:\n  Activation:\n    {said if where == 'block' else ''}    layers: {{relu: relu}}\n"
    spec = SMALL.replace("relu: relu", "relu: Activation") + block
    (project / "specs/small.yaml").write_text((said if where == "network" else "") + spec)
    for command in SAYING:
        result = archgen(*(word.replace("SPEC", "specs/small.yaml").replace("NAME", "x") for word in command))
        inert(result, command)


def inert(result: Result, command: tuple[str, ...]) -> None:
    """What archgen itself says beyond ASCII are signs of arithmetic."""
    assert result.code in (0, 1, 2, 3), (command, result)
    for line in (result.out + result.err).split("\n"):
        assert "##[" not in line, (command, line)
        assert not line.lstrip().startswith("::"), (command, line)
        assert all(" " <= sign <= "~" or sign in "\u00b7\u00d7\u230a\u230b\u2264\u2265\u2192" for sign in line), (command, line)


def test_a_name_that_is_no_text_is_found_again(archgen: Run, project: Path) -> None:
    """Whose module it is stands in its header, percent-encoded."""
    folder = project / "\udcff"
    folder.mkdir()
    for path in (folder / "net.yaml", project / "specs/net.yaml"):
        path.write_text(SMALL)
    assert archgen("build", "\udcff/net.yaml").code == 0
    assert b"from %FF/net.yaml;" in (project / "generated/net.py").read_bytes()
    assert archgen("build", "\udcff/net.yaml", "--check").code == 0
    assert "is the module of" in archgen("build", "specs/net.yaml").err


@pytest.mark.parametrize("command", [("shapes",), ("validate",), ("build",), ("graph", "-o", "x.svg")], ids=" ".join)
def test_a_spec_that_may_not_be_read(
    command: tuple[str, ...], archgen: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine is to blame, not the command line: a look before the reading called it a wrong argument."""
    original = os.open

    def refusing(path: str | Path, *arguments: int) -> int:
        if str(path).endswith("small.yaml"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return original(path, *arguments)

    monkeypatch.setattr(os, "open", refusing)
    monkeypatch.setattr(os, "access", lambda *_: False)
    name, *options = command
    result = archgen(name, "specs/small.yaml", *options)
    assert (result.code, result.err) == (3, "error: `specs/small.yaml` can't be read: permission denied\n")


# ---- what is written new


@pytest.mark.parametrize("target", ["gen/n.yaml", "gen/inner/n.yaml", "gen/new/deep/n.yaml", "gen/../n.yaml"])
def test_a_spec_to_start_from_stays_in_the_tree(target: str, archgen: Run, project: Path, outside: Path) -> None:
    (project / "gen").symlink_to(outside)
    before = entries(project.parent)
    result = archgen("init", "resnet50", "-o", target)
    assert result.code == 3
    assert "leads out of" in result.err
    assert entries(project.parent) == before


@pytest.mark.parametrize("taken", ["mine.yaml", "resnet18.yaml"])  # the spec itself, and one that it extends
@pytest.mark.parametrize("what", ["pipe", "endless", "large", "link", "nothing", "folder"])
def test_a_spec_to_start_from_replaces_nothing(taken: str, what: str, archgen: Run, project: Path, outside: Path) -> None:
    path = project / taken
    if what == "link":
        path.symlink_to(outside / "secret.yaml")
    elif what == "nothing":
        path.symlink_to(outside / "new.yaml")
    elif what == "folder":
        path.mkdir()
    else:
        place(path, what)
    before = entries(project.parent)
    result = archgen("init", "resnet50", "-o", "mine.yaml")
    assert (result.code, result.out) == (3, "")
    assert f"error: `{taken}` " in result.err
    assert entries(project.parent) == before
    assert (outside / "secret.yaml").read_text() == SECRET + "\n"


@pytest.mark.parametrize("call", ["open", "write", "fsync"])
@pytest.mark.parametrize("number", [1, 2])
def test_a_full_disk_leaves_no_part_of_a_new_file(
    call: str, number: int, archgen: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls = getattr(os, call), []

    def failing(*arguments: object) -> object:
        if call == "open" and not str(arguments[0]).startswith("new"):
            return original(*arguments)  # what is read
        calls.append(arguments)
        if len(calls) == number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(*arguments)

    before = entries(project)
    with monkeypatch.context() as patched:
        patched.setattr(os, call, failing)
        result = archgen("init", "resnet50", "-o", "new/mine.yaml")
    assert result.code == 3
    assert "No space left on device" in " ".join(result.err.split())
    assert [name for name in entries(project) if name != "new"] == before
    assert archgen("init", "resnet50", "-o", "new/mine.yaml").code == 0  # once there is room again


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


def followed(advice: str) -> list[str]:
    """The arguments of the command that an advice quotes."""
    found = re.findall(r"`archgen ([^`]*)`", " ".join(advice.split()))
    assert len(found) == 1, advice
    return shlex.split(found[0])


@pytest.mark.usefixtures("not_run")
@pytest.mark.parametrize("spec", ["specs/small.yaml", "lone/net.yaml", "a b/net.yaml"])
@pytest.mark.parametrize("folder", [(), ("-o", "models"), ("-o", "m n")])
@pytest.mark.parametrize("state", ["stale", "edited", "another's"])
def test_what_a_verification_advises_works(spec: str, folder: tuple[str, ...], state: str, archgen: Run, project: Path) -> None:
    """It wrote of `archgen build`, which builds the specs of the project alone, and into its own folder alone."""
    (project / spec).parent.mkdir(exist_ok=True)
    (project / spec).write_text(SMALL)
    target = project / archgen("build", spec, *folder).out.split(" ", 1)[1].strip()
    if state == "stale":
        (project / spec).write_text(SMALL.replace("conv: 16", "conv: 8"))
    elif state == "edited":
        target.write_text(target.read_text().replace("nn.ReLU", "nn.GELU"))
    else:
        target.write_text("mine\n")
    result = archgen("verify", spec, *folder)
    assert result.code == 1
    assert archgen(*followed(result.err)).code == 0
    assert archgen("verify", spec, *folder).code == 0


@pytest.mark.usefixtures("not_run")
def test_a_verification_tells_the_module_of_another_spec(archgen: Run, project: Path) -> None:
    for name in ("a", "b"):
        (project / name).mkdir()
        (project / name / "net.yaml").write_text(SMALL.replace("conv: 16", f"conv: {16 + ord(name)}"))
    assert archgen("build", "a/net.yaml").code == 0
    result = archgen("verify", "b/net.yaml")
    assert result.code == 1
    told = " ".join(result.err.split())
    assert "generated/net.py is the module of `a/net.yaml`" in told
    assert "build this one into another folder with `-o`, and verify it with the same `-o`" in told
    assert archgen("build", "b/net.yaml", "-o", "other").code == 0
    assert archgen("verify", "b/net.yaml", "-o", "other").code == 0


@pytest.mark.parametrize("options", [(), ("-o", "models"), ("specs/small.yaml",), ("specs/small.yaml", "-o", "models")])
def test_what_a_check_advises_works(options: tuple[str, ...], archgen: Run, project: Path) -> None:
    result = archgen("build", "--check", *options)
    assert result.code == 1
    said = "`archgen build` writes" if not options else "the same command without `--check` writes"
    assert said in result.err
    assert archgen("build", *options).code == 0
    assert archgen("build", "--check", *options).code == 0


@pytest.mark.parametrize("what", ["endless", "pipe", "large", "folder", "unreadable"])
def test_a_file_beside_the_modules_is_no_matter(what: str, archgen: Run, project: Path) -> None:
    """Python files of other origin lie there too, where the folder is one of the user's package."""
    (project / "generated").mkdir()
    path = project / "generated/other.py"
    if what == "folder":
        path.mkdir()
    elif what == "unreadable":
        path.touch(0)
    else:
        place(path, what)
    assert archgen("build").code == 0
    assert archgen("build", "--check").code == 0


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


@pytest.mark.usefixtures("not_run")
def test_a_verification_of_what_can_have_no_file(archgen: Run, project: Path) -> None:
    (project / "specs/3net.yaml").write_text(SMALL)
    result = archgen("verify", "specs/3net.yaml")
    assert result.code == 0
    assert "no `import` could name `3net.py`" in result.err
    assert "`archgen build" not in result.err  # which would refuse it


# ---- one room opens files


# What reads, writes, makes or removes files and folders, by the name of the call or of its last part.
TOUCHING = frozenset(
    """
    open fdopen read_text read_bytes write_text write_bytes mkdir makedirs rmdir touch unlink remove removedirs rename renames
    replace link symlink symlink_to hardlink_to link_to mkfifo mknod truncate chmod lchmod chown utime copy copyfile copytree
    copyfileobj move rmtree mkstemp mkdtemp NamedTemporaryFile TemporaryFile TemporaryDirectory SpooledTemporaryFile
    memmap fromfile iterdir scandir listdir walk glob rglob mmap popen system exec_module
    """.split()
)
OF_TEXTS = {"replace", "copy", "move", "link", "walk", "remove"}  # lists, texts and trees do these too, but not by `os.`
ALLOWED = {  # beside `files.py`
    "cli/run.py": {"os.open", "os.fdopen"},  # the null device
    # an empty folder, what the child prints, and its way to its own answer
    "verify/process.py": {"tempfile.TemporaryDirectory", "tempfile.TemporaryFile", "os.fdopen"},
    # the specs of a revision, in a folder that is gone when they are read
    "review/revisions.py": {"tempfile.TemporaryDirectory", "written.parent.mkdir", "written.write_bytes"},
    "handbook/catalogue.py": {"glob"},  # the names of archgen's own files
    "handbook/networks.py": {"glob"},
    "language/library.py": {"glob"},
}


def touching(text: str) -> list[tuple[int, str]]:
    """Returns the calls of a module that touch files, each with its line."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            last = called.rpartition(".")[2]
            if last in TOUCHING and (last not in OF_TEXTS or called in (f"os.{last}", f"shutil.{last}")):
                found.append((node.lineno, called))
        elif isinstance(node, ast.ImportFrom) and node.module in ("os", "io", "shutil", "tempfile", "glob"):
            found.append((node.lineno, f"from {node.module}"))  # under another name it would not be seen
    return found


def test_only_the_guarded_functions_touch_files() -> None:
    unused = {(name, call) for name, calls in ALLOWED.items() for call in calls}
    for path in sorted((ROOT / "archgen").rglob("*.py")):
        name = path.relative_to(ROOT / "archgen").as_posix()
        if name == "files.py":
            continue
        for line, called in touching(path.read_text()):
            known = {called, called.rpartition(".")[2]} & ALLOWED.get(name, set())
            assert known, f"{name}:{line}: {called}"
            unused -= {(name, call) for call in known}
    assert not unused


@pytest.mark.parametrize(
    "text",
    [
        "open(x)",
        "io.open(x, 'w')",
        "os.open(x, 0)",
        "Path(x).open()",
        "path.write_text('')",
        "(a / b).write_bytes(b'')",
        "folder.mkdir()",
        "os.replace(a, b)",
        "shutil.copy(a, b)",
        "path.symlink_to(x)",
        "from os import open as o",
        "def f():\n    with p.open() as file:\n        pass",
    ],
)
def test_a_call_that_touches_files_would_be_seen(text: str) -> None:
    assert touching(text)
    assert not touching("text.replace(a, b); values.copy(); tree.walk(); ast.walk(tree); names.remove(x)")


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
