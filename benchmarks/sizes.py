"""What all sizes cost beside one, and how the analysis grows with depth.

    python benchmarks/sizes.py [--runs 15]

1. The symbolic analysis (every layer's closed form, every constraint judged, receptive fields, the contract) over the plain
   report of the same network.
2. ResNet-1202 over ResNet-20 (He et al., 2015, for CIFAR-10): the totals, which cost what the distinct blocks cost; the report,
   which has a row for each layer; and the symbolic analysis, which has a receptive field for each.

Printed are medians of runs in one process; the reading of the spec is not counted.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import archgen  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

CIFAR = """\
name: ResNet
input: [3, 32, 32]
defaults: {{conv: {{bias: false}}}}
stem:
  conv1: {{conv: 16, kernel_size: 3}}
  bn1: batch_norm
  relu: relu
stages:
  layer1: {{BasicBlock: 16, depth: {depth}, stride: 1}}
  layer2: {{BasicBlock: 32, depth: {depth}, stride: 2}}
  layer3: {{BasicBlock: 64, depth: {depth}, stride: 2}}
head:
  avgpool: {{adaptive_avg_pool: 1}}
  flatten: flatten
  fc: {{linear: 10}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    print(f"all sizes beside one, {runs} runs")
    for name in ("resnet18", "resnet152", "densenet201", "unet"):
        network = archgen.load(ROOT / f"specs/{name}.yaml")
        plain, symbolic = milliseconds(network.report, runs), milliseconds(network.examine, runs)
        print(f"  {name:<12} {plain:>7.2f} ms {symbolic:>8.2f} ms  {symbolic / plain:>5.1f} times")
    print(f"\nResNet-1202 beside ResNet-20, {runs} runs")
    with tempfile.TemporaryDirectory() as folder:
        shallow, deep = (cifar_resnet(Path(folder), layers) for layers in (20, 1202))
    for title, work in WORK.items():
        less, more = milliseconds(partial(work, shallow), runs), milliseconds(partial(work, deep), runs)
        print(f"  {title:<12} {less:>7.2f} ms {more:>8.2f} ms  {more / less:>5.1f} times")


def cifar_resnet(folder: Path, layers: int) -> archgen.Network:
    path = folder / f"resnet{layers}.yaml"
    path.write_text(CIFAR.format(depth=(layers - 2) // 6), encoding="utf-8")
    return archgen.load(path)


WORK: dict[str, Callable[[archgen.Network], object]] = {
    "totals": lambda network: network.trace(network.spec.input).totals,
    "report": lambda network: network.report().rows,
    "symbolic": lambda network: network.examine(),
}


def milliseconds(work: Callable[[], object], runs: int) -> float:
    """The median time of a call; the first, which warms, is not counted."""
    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


if __name__ == "__main__":
    main()
