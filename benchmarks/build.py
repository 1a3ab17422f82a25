"""What `archgen build --check` costs over the whole zoo, and how that grows: all in one run of this file.

    python benchmarks/build.py [--runs 3]

Each part of the zoo is checked by one process of its own, beside one that only imports the two packages that archgen builds on.
If the time grows in step with the number of specs, the time for a spec stays level: it is printed beside the lines that the
part's modules have. Printed are medians, and in brackets the fastest and the slowest run.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

from shapes import ROOT, measured

BARE = [sys.executable, "-c", "import yaml, jinja2"]
PARTS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    specs = sorted((ROOT / "specs").glob("*.yaml"))
    checks = {}
    for part in range(1, PARTS + 1):  # every fourth spec, every second: each part has networks of all families
        chosen = [spec for number, spec in enumerate(specs) if number % PARTS < part]
        checks[len(chosen)] = chosen
    bare: list[float] = []
    taken: dict[int, list[float]] = {count: [] for count in checks}
    for run in range(runs + 1):
        for count, chosen in checks.items():  # in turn, so that all see the same machine; the first run fills the caches
            alone, ours = measured(BARE)[0], measured(command(chosen))[0]
            if run:
                bare.append(alone)
                taken[count].append(ours)
    least = statistics.median(bare)
    print(f"archgen build --check, {runs} runs; import yaml, jinja2 alone: {least:.0f} ms ({min(bare):.0f} to {max(bare):.0f})")
    for count, times in taken.items():
        median = statistics.median(times)
        lines = sum(len((ROOT / f"generated/{spec.stem}.py").read_text().splitlines()) for spec in checks[count])
        spread = f"({min(times):.0f} to {max(times):.0f})"
        above = median - least
        print(
            f"  {count:>3} specs {median:>7.0f} ms {spread:<16} {median / least:>6.1f} times the bare imports, "
            f"{above / count:>5.1f} ms a spec, {above / lines * 1000:>5.1f} ms for 1,000 lines"
        )


def command(specs: list[Path]) -> list[str]:
    return [sys.executable, "-m", "archgen", "build", "--check", *(str(spec.relative_to(ROOT)) for spec in specs)]


if __name__ == "__main__":
    main()
