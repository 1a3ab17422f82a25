"""How long a verification takes, beside an earlier revision of archgen: both sides in turn, in one run of this file.

    python benchmarks/verify.py [--against REVISION] [--runs 3] [--zoo]

1. Whole processes: `archgen verify specs/resnet50.yaml` of this tree, and of a revision that git checks out into a folder of
   its own. Without `--against`, beside a process that imports torch and runs the generated module forward and backward once:
   the least that a proof on torch could take.
2. With `--zoo`: the time of `archgen verify` of all specs, one after the other and with a job for each core.

Printed are medians, and in brackets the fastest and the slowest run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from shapes import ENVIRONMENT, ROOT, compare

LEAST = """
import runpy, sys, torch
module = runpy.run_path(sys.argv[1])["ResNet50"]()
module(torch.randn(2, 3, 224, 224)).square().mean().backward()
"""
VERIFY = [sys.executable, "-m", "archgen", "verify", "specs/resnet50.yaml", "--device", "cpu"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", metavar="REVISION")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--zoo", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        other, name, tree = [sys.executable, "-c", LEAST, "generated/resnet50.py"], "torch, forward and backward", ROOT
        if options.against:
            other, name, tree = VERIFY, f"archgen verify at {options.against}", Path(folder) / "tree"
            subprocess.run(["git", "worktree", "add", "-q", "--detach", tree, options.against], check=True, cwd=ROOT)
        try:
            pairs = [(seconds(VERIFY, ROOT), seconds(other, tree)) for _ in range(options.runs + 1)]
        finally:
            if options.against:
                subprocess.run(["git", "worktree", "remove", "--force", tree], check=True, cwd=ROOT)
    del pairs[0]  # it fills the caches
    print(f"ResNet-50 as a whole process, {options.runs} runs")
    compare("archgen verify", [ours for ours, _ in pairs], name, [theirs for _, theirs in pairs], "s")
    if options.zoo:
        specs = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "specs").glob("*.yaml"))
        for jobs in sorted({1, os.cpu_count() or 1}):
            taken = seconds([*VERIFY[:4], *specs, "--device", "cpu", "--jobs", str(jobs)], ROOT)
            print(f"  archgen verify of {len(specs)} specs, --jobs {jobs}: {taken:.0f} s")


def seconds(command: list[str], tree: Path) -> float:
    """Runs a command in a tree and returns its time from start to end."""
    environment = ENVIRONMENT | {"PYTHONPATH": str(tree)}
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=tree, env=environment)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
