"""Runs the examples of a Markdown page, in the order in which they stand, in an empty folder.

A fenced block says by its language what it is:

- `yaml`: a spec. A first line `# NAME.yaml` names its file, else it is `example.yaml`; a missing `name` or `input` is added at
  the end, as `docs/language.md` says. It must be valid, unless the next block is a console that validates it. What that imports
  is no spec, and stays as it is.
- `console`: lines `$ archgen ...` and what they print, or `$ archgen ... > FILE`. A line `...` stands for any lines.
- `python`: with a first line `# generated/NAME.py`, a part of that file, `...` as above; with another file's name, that file;
  else a session, run as a doctest.
- `toml`, `jinja`: a file, which its first line names in a comment.
- `bash`, `text`: not run.

`python -m tests.docs` writes what the consoles of the pages print now; read the diff.
"""

from __future__ import annotations

import contextlib
import difflib
import doctest
import io
import os
import re
import shlex
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from archgen import cli

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "docs" / name
    for name in ("language.md", "tutorial.md", "sizes.md", "templates.md", "porting.md", "review.md", "yolo.md")
]
ADDED = {"name": "name: Example", "input": "input: [3, 32, 32]"}
FILES = ("toml", "jinja")
NOT_RUN = ("bash", "text")
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ANYTHING = "..."


class Block(NamedTuple):
    language: str
    text: str
    line: int
    start: int  # where its text begins in the page

    @property
    def file(self) -> str:
        match = re.match(r"# (\S+)\n|\{# (\S+) #\}\n", self.text)
        return match[1] or match[2] if match else "example.yaml" if self.language == "yaml" else ""


def blocks(page: str) -> list[Block]:
    """Returns the fenced blocks of a page."""
    return [
        Block(found[1], found[2], page.count("\n", 0, found.start()) + 1, found.start(2)) for found in _FENCE.finditer(page)
    ]


def faults(page: str, folder: Path) -> list[str]:
    """Runs a page's blocks in an empty folder, the current one; returns what is not as the page says, each with its line."""
    found = []
    every = blocks(page)
    for block, following in zip(every, [*every[1:], None]):
        for fault in _faults(block, following, folder):
            found.append(f"line {block.line}: {fault}")
    return found


def _faults(block: Block, following: Block | None, folder: Path) -> list[str]:
    if block.language == "yaml":
        return _spec_faults(block, following, folder)
    if block.language == "console":
        return [
            f"`{command}` prints\n{printed}\ninstead of\n{expected}"
            for command, expected in commands(block.text)
            if not matches(printed := run(command), expected)
        ]
    if block.language in FILES:
        _write(folder / block.file, block.text)
        return []
    if block.language == "python":
        return _python_faults(block, folder)
    return [] if block.language in NOT_RUN else [f"nothing runs a block of {block.language}"]


def _spec_faults(block: Block, following: Block | None, folder: Path) -> list[str]:
    if following is not None and f"$ archgen import {block.file}" in following.text:  # of another format
        _write(folder / block.file, block.text)
        return []
    _write(folder / block.file, completed(block.text))
    if following is not None and f"$ archgen validate {block.file}\n" in following.text:
        return []
    printed = run(f"archgen validate {block.file}")
    return [] if printed == f"{block.file}: ok\n" else [printed]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def completed(text: str) -> str:
    """Returns a spec with the keys that every example would repeat, at its end, so that line numbers stay."""
    if re.search(r"^extends:", text, re.MULTILINE):
        return text
    return text + "".join(f"{line}\n" for key, line in ADDED.items() if not re.search(rf"^{key}:", text, re.MULTILINE))


def _python_faults(block: Block, folder: Path) -> list[str]:
    if block.file and not block.file.startswith("generated/"):
        _write(folder / block.file, block.text)
        return []
    if block.file:
        start, _, wanted = block.text.partition("\n")
        there = (folder / block.file).read_text() if (folder / block.file).is_file() else ""
        whole = f"{_ANYTHING}\n{wanted}{_ANYTHING}\n"
        return [] if matches(there, whole) else [f"{start} has no such lines"]
    session = doctest.DocTestParser().get_doctest(block.text, {}, "page", None, block.line)
    output = io.StringIO()
    sys.path.insert(0, str(folder))
    doctest.DocTestRunner(verbose=False).run(session, out=output.write)
    sys.path.remove(str(folder))
    return [output.getvalue()] if output.getvalue() or not session.examples else []


def commands(console: str) -> list[tuple[str, str]]:
    """Returns each command of a console with what it prints, blank lines at the end left out."""
    parts = re.split(r"^\$ (.*)\n", console, flags=re.MULTILINE)
    assert not parts[0].strip(), "a console starts with a command"
    return [(command, output.strip("\n") + "\n") for command, output in zip(parts[1::2], parts[2::2])]


def run(command: str) -> str:
    """Returns what a command of archgen prints, errors last."""
    command, _, file = command.partition(" > ")
    program, *arguments = shlex.split(command)
    assert program == "archgen", command
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        cli.main(arguments)
    if file:
        Path(file).write_text(output.getvalue())
        return errors.getvalue() or "\n"
    both = [part.strip("\n") for part in (output.getvalue(), errors.getvalue())]
    return "\n".join(part for part in both if part) + "\n"


def matches(printed: str, expected: str) -> bool:
    """Whether a text is as a page has it, where a line of dots stands for any lines."""
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == _ANYTHING else re.escape(line) + r"\n" for line in expected.splitlines())
    return re.fullmatch(pattern, printed) is not None


def refreshed(page: str, folder: Path) -> str:
    """Returns a page with what its consoles print now."""
    every = blocks(page)
    for block, following in zip(every, [*every[1:], None]):
        if block.language != "console":
            _faults(block, following, folder)
            continue
        printed = [f"$ {command}\n{refreshed_output(run(command), expected)}" for command, expected in commands(block.text)]
        page = page.replace(f"```console\n{block.text}```", f"```console\n{_between(block.text).join(printed)}```", 1)
    return page


def refreshed_output(printed: str, expected: str) -> str:
    """Returns what is printed now, of which a page that leaves lines out keeps those that begin with the same word."""
    if _ANYTHING not in map(str.strip, expected.splitlines()):
        return printed
    left = printed.splitlines()
    lines = []
    for line in expected.splitlines():
        alike = [i for i, other in enumerate(left) if line.strip() and other.split()[:1] == line.split()[:1]]
        if alike:
            best = max(alike, key=lambda i: difflib.SequenceMatcher(None, left[i], line).ratio())
            line, left = left[best], left[best + 1 :]
        lines.append(f"{line}\n")
    return "".join(lines)


def _between(console: str) -> str:
    """What stands between the commands of a console: a blank line, or nothing."""
    return "\n" if "\n\n$ " in console else ""


if __name__ == "__main__":
    for path in PAGES:
        with tempfile.TemporaryDirectory() as name:
            here = Path.cwd()
            os.chdir(name)
            path.write_text(refreshed(path.read_text(), Path(name)))
            os.chdir(here)
