"""Differential fuzzing: `python -m tests.fuzz --count N --seed S [--kind valid|negated|mutated|injection]`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

import torch

from tests.fuzz import tally
from tests.fuzz.kinds import KINDS, Found

FOUND = Path(__file__).parent / "found"


def run(kind: str, seeds: range, folder: Path, keep: bool = False, drawn: Counter[str] | None = None) -> list[str]:
    """Tries every seed; returns the faults, each with its seed, command and spec."""
    faults: list[str] = []
    for seed in seeds:
        if seed > seeds.start and seed % 1000 == 0:
            print(f"{kind}: {seed - seeds.start:,} of {len(seeds):,} tried, {len(faults):,} faults", file=sys.stderr)
        try:
            found = KINDS[kind](seed, folder)
        except Exception as error:  # of the fuzzer itself: as bad as a fault, for it hides some
            found = Found(f"the fuzzer: {type(error).__name__}: {error}", "")
        if drawn is not None:
            drawn.update(found.drawn)
        if found.fault:
            command = f"python -m tests.fuzz --kind {kind} --count 1 --seed {seed}"
            faults.append(f"{kind} {seed}: {found.fault}\n{command}\n{found.text}")
            print(faults[-1], flush=True)
            if keep:
                FOUND.mkdir(exist_ok=True)
                (FOUND / f"{kind}_{seed}.yaml").write_text(found.text, encoding="utf-8")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="how many of each kind")
    parser.add_argument("--seed", type=int, default=0, help="the first seed; the others follow it")
    parser.add_argument("--kind", choices=list(KINDS), help="only this kind")
    parser.add_argument("--keep", action="store_true", help="write what fails to tests/fuzz/found")
    options = parser.parse_args()
    torch.set_num_threads(1)
    drawn: Counter[str] = Counter()
    counts = []
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for kind in [options.kind] if options.kind else KINDS:
            seeds = range(options.seed, options.seed + options.count)
            faults = run(kind, seeds, Path(folder), options.keep, drawn if kind == "valid" else None)
            failed |= bool(faults)
            counts.append(f"{kind}: {options.count:,} tried, {len(faults):,} faults")
    if drawn:
        failed |= told(drawn, options.count)
    print("; ".join(counts))
    return int(failed)


def told(drawn: Counter[str], count: int) -> bool:
    """Prints what the valid specs drew, and returns whether some of the language is missing: of that nothing was tested."""
    print(f"What {count:,} valid specs drew, each construct and option with how often:\n\n{tally.table(drawn)}\n")
    missing = tally.missing(drawn)
    if not missing:
        return False
    if count < tally.ENOUGH:
        print(f"Never drawn, as may be in fewer than {tally.ENOUGH:,}: {', '.join(missing)}\n")
        return False
    print(f"Never drawn, a fault of the generator: {', '.join(missing)}\n")
    return True


if __name__ == "__main__":
    sys.exit(main())
