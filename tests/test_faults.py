"""Builds that are killed, starved and run at once: a little of what `python -m tests.faults` does; and that it can fail."""

from __future__ import annotations

import os
import re

import pytest

from tests.conftest import python

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs fork and signals")

RUN = "import sys; from archgen import files; from tests import faults; {}; sys.exit(faults.main())"
FEW = ("--kills", "20", "--concurrent", "4", "--builds", "5", "--errors", "1", "--seed", "1")


def test_no_file_is_torn_or_left_over() -> None:
    found = python(RUN.format("pass"), *FEW)
    assert (found.returncode, found.stderr) == (0, "")
    trials = found.stdout.splitlines()
    assert [line.partition(":")[0] for line in trials] == [
        "a fault at every call", "no room for a whole file", "kills", "builds at once"
    ]  # fmt: skip
    assert all(line.endswith("; 0 torn, 0 left over") for line in trials)
    assert int(re.search(r"(\d+) calls", trials[0])[1]) > 30  # type: ignore[index]


IN_PLACE = "files._replace_all = lambda texts, folder: [path.write_bytes(data) for path, data in texts.items()]"
UNTIDY = "files.TEMPORARY = '.archgen-' + 'old'; files._remove_left = lambda folder: None"
NO_FLUSH = "files._refuse = lambda *_: None; files._write_new = lambda path, data: path.write_bytes(data[:-1])"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (IN_PLACE, "is torn: 0 bytes"),
        (UNTIDY, "leaves ['.*archgen-old']"),
        (NO_FLUSH, "a.py is torn"),
    ],
    ids=["written in place", "left behind", "cut short"],
)
def test_a_fault_of_the_writer_would_be_seen(change: str, told: str) -> None:
    found = python(RUN.format(change), "--kills", "0", "--concurrent", "1", "--builds", "1", "--errors", "1")
    assert found.returncode == 1
    assert re.search(re.escape(told).replace(r"\.\*", ".*"), found.stdout)
