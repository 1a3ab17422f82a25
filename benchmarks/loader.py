"""What reading a spec safely costs: archgen's loader beside PyYAML's `safe_load` on the same files, by turns.

    python benchmarks/loader.py --runs 15

Both run PyYAML's parser in Python; archgen leaves the resolver and the constructors out, and keeps each value's place instead.
The C loader of PyYAML is shown for comparison: it is not used, because libyaml crashes on deep nesting.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from archgen.syntax import parser as source

if TYPE_CHECKING:
    from collections.abc import Callable

SPECS = sorted((Path(__file__).parent.parent / "specs").glob("*.yaml"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    lines = sum(len(path.read_text().splitlines()) for path in SPECS)
    readers: dict[str, Callable[[Path], object]] = {
        "archgen.syntax.parser.read": source.read,
        "yaml.safe_load": lambda path: yaml.safe_load(path.read_bytes()),
    }
    if hasattr(yaml, "CSafeLoader"):
        readers["yaml.CSafeLoader"] = lambda path: yaml.load(path.read_bytes(), yaml.CSafeLoader)
    seconds: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(runs):
        for name, read in readers.items():
            start = time.perf_counter()
            for path in SPECS:
                read(path)
            seconds[name].append(time.perf_counter() - start)
    print(f"{len(SPECS)} specs, {lines:,} lines; the median of {runs} runs")
    plain = statistics.median(seconds["yaml.safe_load"])
    for name, found in seconds.items():
        middle = statistics.median(found)
        line = 1e6 * middle / lines
        print(f"  {name:<20} {1e3 * middle:>7.1f} ms  {line:>5.0f} us a line  {middle / plain:.2f} of safe_load")


if __name__ == "__main__":
    main()
