"""`archgen build`: what it writes, what it leaves alone, and what `--check` sees."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from archgen import EnvironmentFault
from archgen.emit import header, write
from tests.conftest import SMALL, Result

if TYPE_CHECKING:
    from collections.abc import Callable


def sealed(body: str) -> str:
    """A text that archgen could have written."""
    return header.sealed(f"{header.MARKER}specs/x.yaml; do not edit.\n# Regenerate\n# SHA-256\n{body}\n")


TEXT, NEW = sealed("x = 1"), sealed("x = 2")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---- the command


def test_writes_then_finds_unchanged(archgen: Callable[..., Result], project: Path) -> None:
    assert archgen("build") == Result(0, "wrote generated/small.py\n", "")
    before = (project / "generated/small.py").stat().st_mtime_ns
    assert archgen("build").out == "unchanged generated/small.py\n"
    assert (project / "generated/small.py").stat().st_mtime_ns == before
    assert archgen("build", "--check").code == 0
    assert names(project / "generated") == ["small.py"]


def test_from_a_folder_below(archgen: Callable[..., Result], project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archgen("build")
    monkeypatch.chdir(project / "specs")
    assert archgen("build", "--check").code == 0


def test_folders_of_the_project(archgen: Callable[..., Result], project: Path) -> None:
    (project / "specs").rename(project / "nets")
    (project / "pyproject.toml").write_text('[tool.archgen]\nspecs = "nets"\ngenerated = "src/models"\n')
    assert archgen("build").out == "wrote src/models/small.py\n"


def test_without_a_project(archgen: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert archgen("build").code == 2
    (tmp_path / "my.yaml").write_text(SMALL)
    assert archgen("build", "my.yaml").out == "wrote generated/my.py\n"
    assert archgen("build", "my.yaml", "-o", "a/b").out == "wrote a/b/my.py\n"


def test_missing(archgen: Callable[..., Result], project: Path) -> None:
    result = archgen("build", "--check")
    assert result.code == 1
    assert result.out.startswith("generated/small.py: missing\n--- /dev/null\n+++ generated/small.py\n@@")
    assert not (project / "generated").exists()


def test_stale(archgen: Callable[..., Result], project: Path) -> None:
    archgen("build")
    spec = project / "specs/small.yaml"
    spec.write_text(spec.read_text().replace("conv: 16", "conv: 24"))
    before = (project / "generated/small.py").read_bytes()
    result = archgen("build", "--check")
    assert result.code == 1
    assert result.out.startswith(
        "generated/small.py: stale, its spec, its style or archgen has changed\n"
        "--- generated/small.py\n+++ generated/small.py\n@@"
    )
    assert "24" in result.out
    assert result.err == "1 of 1 files differ; `archgen build` writes them anew\n"
    assert (project / "generated/small.py").read_bytes() == before
    assert archgen("build").out == "wrote generated/small.py\n"


def test_left_over(archgen: Callable[..., Result], project: Path) -> None:
    archgen("build")
    (project / "specs/small.yaml").rename(project / "specs/tiny.yaml")
    (project / "generated/mine.py").write_text("# by hand\n")
    archgen("build")
    result = archgen("build", "--check")
    assert result.code == 1
    assert "generated/small.py: left over, its spec is gone\n--- generated/small.py\n+++ /dev/null" in result.out
    assert "mine.py" not in result.out
    assert result.err == "1 of 2 files differ; remove what is left over\n"
    assert archgen("build", "--check", "specs/tiny.yaml").code == 0  # only when all specs are built


def test_line_endings(archgen: Callable[..., Result], project: Path) -> None:
    archgen("build")
    path = project / "generated/small.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    result = archgen("build", "--check")
    assert result.code == 1
    assert result.out.startswith("generated/small.py: only the line endings differ")
    assert archgen("build").out == "wrote generated/small.py\n"
    assert b"\r" not in path.read_bytes()


def test_a_file_that_is_not_ours(archgen: Callable[..., Result], project: Path) -> None:
    (project / "generated").mkdir()
    path = project / "generated/small.py"
    path.write_text("print('mine')\n")
    result = archgen("build")
    assert result.code == 3
    assert "`generated/small.py` was not written by archgen\nhelp: `--force` replaces it" in result.err
    assert path.read_text() == "print('mine')\n"
    assert archgen("build", "--force").code == 0
    assert write.is_ours(path.read_bytes())


def test_nothing_is_written_if_one_spec_is_refused(archgen: Callable[..., Result], project: Path) -> None:
    (project / "specs/a.yaml").write_text(SMALL.replace("relu: relu", "relu: rleu"))
    (project / "specs/z.yaml").write_text(SMALL.replace("relu: relu", "relu: rulu"))
    result = archgen("build")
    assert result.code == 2
    assert "specs/a.yaml:6" in result.err
    assert "specs/z.yaml:6" in result.err
    assert not (project / "generated").exists()


def test_two_specs_of_one_name(archgen: Callable[..., Result], project: Path) -> None:
    (project / "other").mkdir()
    (project / "other/small.yaml").write_text(SMALL)
    result = archgen("build", "specs/small.yaml", "other/small.yaml")
    assert result.code == 2
    assert "both this spec and `specs/small.yaml` would write `small.py`" in " ".join(result.err.split())


def test_a_description_can_not_speak_to_the_ci(archgen: Callable[..., Result], project: Path) -> None:
    (project / "generated").mkdir()
    (project / "generated/small.py").write_text(TEXT + " ::error::gotcha \x1b[31m\n")
    result = archgen("build", "--check")
    assert result.code == 1
    assert "\x1b" not in result.out
    assert not any(line.lstrip("-+ ").startswith("::") and line.startswith(" ") for line in result.out.splitlines())


def test_the_line_ends_of_a_spec_do_not_matter(archgen: Callable[..., Result], project: Path) -> None:
    archgen("build")
    for ending in (b"\r\n", b"\r"):
        (project / "specs/small.yaml").write_bytes(SMALL.encode().replace(b"\n", ending))
        assert archgen("build", "--check").code == 0


@pytest.mark.parametrize("name", ["con", "NUL", "aux", "Com1"])
def test_a_file_that_windows_can_not_hold(name: str, archgen: Callable[..., Result], project: Path) -> None:
    (project / f"specs/{name}.yaml").write_text(SMALL)
    result = archgen("build")
    assert result.code == 2
    assert f"specs/{name}.yaml: error: `{name}.py` is the name of a device on Windows" in result.err
    assert not (project / "generated").exists()


def test_an_edited_file(archgen: Callable[..., Result], project: Path) -> None:
    archgen("build")
    path = project / "generated/small.py"
    edited = path.read_text().replace("nn.ReLU(", "nn.ReLU6(")
    path.write_text(edited)
    check = archgen("build", "--check")
    assert check.code == 1
    assert check.out.startswith("generated/small.py: edited since archgen wrote it\n--- generated/small.py\n+++")
    assert check.err == "1 of 1 files differ; `archgen build` writes them anew, with `--force` where they were edited\n"
    result = archgen("build")
    assert result.code == 3
    assert "`generated/small.py` was edited since archgen wrote it\nhelp: `--force` replaces it" in result.err
    assert path.read_text() == edited
    assert archgen("build", "--force").code == 0
    assert archgen("build", "--check").code == 0


def test_every_edit_is_told(archgen: Callable[..., Result], project: Path) -> None:
    """Of any line, header and docstrings too; a line more, a line less; but not the line ends of a checkout."""
    archgen("build")
    path = project / "generated/small.py"
    (project / "specs/small.yaml").write_text(SMALL.replace("conv: 16", "conv: 24"))
    whole = path.read_text()
    lines = whole.splitlines(keepends=True)
    for number, line in enumerate(lines):
        for changed in (line[:-1] + " \n", "# mine\n" + line, ""):
            path.write_text("".join([*lines[:number], changed, *lines[number + 1 :]]))
            assert archgen("build").code == 3, (number, changed)
    path.write_text(whole + "# mine\n")
    assert archgen("build").code == 3
    path.write_bytes(whole.replace("\n", "\r\n").encode())
    assert archgen("build").out == "wrote generated/small.py\n"


def test_no_file_is_replaced_where_one_is_edited(archgen: Callable[..., Result], project: Path) -> None:
    (project / "specs/another.yaml").write_text(SMALL)
    archgen("build")
    for name in ("another", "small"):
        (project / f"specs/{name}.yaml").write_text(SMALL.replace("conv: 16", "conv: 24"))
    path = project / "generated/small.py"
    path.write_text(path.read_text() + "x = 1\n")
    before = {path: path.read_bytes() for path in (project / "generated").iterdir()}
    assert archgen("build").code == 3
    assert {path: path.read_bytes() for path in (project / "generated").iterdir()} == before


# ---- the writing


def test_links_and_folders_are_refused(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "out", tmp_path / "elsewhere.py"
    folder.mkdir()
    elsewhere.write_text(TEXT)
    (folder / "link.py").symlink_to(elsewhere)
    (folder / "dir.py").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path.parent)
    for path in (folder / "link.py", folder / "dir.py", tmp_path / "linked/x.py"):
        with pytest.raises(EnvironmentFault):
            write.write({folder / "a.py": TEXT, path: NEW}, path.parent, force=True)
    assert elsewhere.read_text() == TEXT
    assert names(folder) == ["dir.py", "link.py"]


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(EnvironmentFault, match="can't make the folder"):
        write.write({tmp_path / "out/x.py": TEXT}, tmp_path / "out")


def told_to_nobody(files: dict[Path, str], folder: Path) -> str:
    """What writing says to a user who is not root, in a process of its own: root may write everywhere."""
    reader, writer = os.pipe()
    process = os.fork()
    if process:
        os.waitpid(process, 0)
        os.close(writer)
        with open(reader) as said:
            return said.read()
    try:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        write.write(files, folder)
        os.write(writer, b"written")
    except EnvironmentFault as fault:
        os.write(writer, fault.sentence.encode())
    finally:
        os._exit(0)


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
def test_no_permission() -> None:
    with tempfile.TemporaryDirectory() as name:  # not below pytest's own folder, which is its user's alone
        folder = Path(name)
        path = folder / "x.py"
        path.write_text(TEXT)
        if os.geteuid() == 0:
            os.chown(folder, 65534, 65534)
            os.chown(path, 65534, 65534)
        assert told_to_nobody({path: NEW}, folder) == "written"
        path.chmod(0o444)
        assert "is read-only" in told_to_nobody({path: TEXT}, folder)
        path.chmod(0o644)
        folder.chmod(0o555)
        assert "can't write" in told_to_nobody({path: TEXT}, folder)
        assert "can't make the folder" in told_to_nobody({folder / "below/x.py": TEXT}, folder / "below")
        folder.chmod(0o000)
        assert "can't" in told_to_nobody({path: TEXT}, folder)
        folder.chmod(0o755)
        assert path.read_text() == NEW
        assert path.stat().st_mode & 0o777 == 0o644


def test_a_folder_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network drives have none: then nobody's temporary files are removed, for another build may be at work."""
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: object) -> NoReturn:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(fcntl, "flock", refuse)
    (tmp_path / ".1-0.archgen-tmp").touch()
    assert write.write({tmp_path / "a.py": TEXT}, tmp_path) == {tmp_path / "a.py": True}
    assert names(tmp_path) == [".1-0.archgen-tmp", "a.py"]


def test_a_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)  # as on Windows
    monkeypatch.delattr(os, "O_DIRECTORY")
    assert write.write({tmp_path / "a.py": TEXT}, tmp_path) == {tmp_path / "a.py": True}
    assert names(tmp_path) == ["a.py"]


def test_a_pyproject_that_can_not_be_read(archgen: Callable[..., Result], project: Path) -> None:
    (project / "pyproject.toml").unlink()
    (project / "pyproject.toml").mkdir()
    result = archgen("build")
    assert (result.code, result.err) == (2, "pyproject.toml: error: this is a folder, not a file\n")


@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
@pytest.mark.parametrize("number", [1, 2])
def test_a_full_disk_leaves_whole_files(call: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / "a.py", tmp_path / "b.py"]
    for path in paths:
        path.write_text(TEXT)
    original, calls = getattr(os, call), []

    def failing(*arguments: object) -> object:
        if call == "open" and arguments[0] == tmp_path:
            return original(*arguments)  # the folder's lock
        calls.append(arguments)
        if len(calls) == number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(*arguments)

    monkeypatch.setattr(os, call, failing)
    with pytest.raises(EnvironmentFault, match=r"No\s+space\s+left"):
        write.write(dict.fromkeys(paths, NEW), tmp_path)
    assert names(tmp_path) == ["a.py", "b.py"]
    replaced = number - 1 if call == "replace" else 0
    assert [path.read_text() for path in paths] == [NEW] * replaced + [TEXT] * (2 - replaced)


def test_an_unexpected_error_leaves_no_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        write.write({tmp_path / "a.py": TEXT}, tmp_path)
    assert names(tmp_path) == []


def test_removes_what_a_killed_build_left(tmp_path: Path) -> None:
    (tmp_path / ".123-0.archgen-tmp").write_text("half")
    write.write({tmp_path / "a.py": TEXT}, tmp_path)
    assert names(tmp_path) == ["a.py"]


def test_a_spec_keeps_its_module_where_the_project_gets_settings(archgen: Callable[..., Result], project: Path) -> None:
    """The header names the spec from the settings, and without them from the module: two names, one file."""
    for settings in ("", "[tool.archgen]\n", ""):
        (project / "pyproject.toml").write_text(settings)
        assert archgen("build", "specs/small.yaml").code == 0
        assert archgen("build", "--check").code == 0
