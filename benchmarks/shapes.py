"""How fast the static report is, beside the tools that run the module: both sides in one run of this file.

    python benchmarks/shapes.py [--runs 7]

1. Whole processes: `archgen shapes specs/resnet18.yaml` beside one that imports torch and runs torchinfo on the generated
   module. Time from start to end, and the peak of the resident memory of each.
2. In one process: every row of ResNet-152 beside building the generated module on the meta device and running it there with
   FlopCounterMode. Neither side counts its imports, the reading of the spec, or the generation.

Printed are medians, and in brackets the fastest and the slowest run.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
TORCHINFO = """
import runpy, sys
from torchinfo import summary
summary(runpy.run_path(sys.argv[1])["ResNet18"](), (1, 3, 224, 224), verbose=1)
"""
# both sides run from compiled modules, as they do when they are installed
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"} | {"PYTHONPATH": str(ROOT)}
SCRIPT = Path(sys.executable).with_name("archgen")  # as pip installs it
REPEATS = 20  # reports in one measurement: a single one is too short for the clock


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--part", choices=["processes", "analysis"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    if options.part == "analysis":
        analysis(options.runs)
        return
    # This process never imports torch: Linux hands the peak of a parent's memory on to the children that it measures.
    processes(options.runs)
    command = [sys.executable, __file__, "--part", "analysis", "--runs", str(options.runs)]
    sys.stdout.flush()
    subprocess.run(command, check=True, env=ENVIRONMENT)


# ---- whole processes


def processes(runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        module = Path(folder) / "resnet18.py"
        code = "import archgen, sys; print(archgen.load('specs/resnet18.yaml').source(), end='')"
        text = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=ROOT, env=ENVIRONMENT).stdout
        module.write_bytes(text)
        ours = [str(SCRIPT), "shapes", "specs/resnet18.yaml"]
        theirs = [sys.executable, "-c", TORCHINFO, str(module)]
        for command in (ours, theirs):  # fills the caches of files and of bytecode
            measured(command)
        pairs = [(measured(ours), measured(theirs)) for _ in range(runs)]  # in turn, so that both see the same machine
    print(f"ResNet-18 as a whole process, {runs} runs")
    left, right = [run[0] for run, _ in pairs], [run[0] for _, run in pairs]
    compare("archgen shapes", left, "import torch, torchinfo", right, "ms")
    memory = [[run[1] for run in side] for side in zip(*pairs, strict=True)]
    compare("archgen shapes", memory[0], "import torch, torchinfo", memory[1], "MiB")


def measured(command: list[str]) -> tuple[float, float]:
    """Runs a command; returns milliseconds from start to end, and the peak of its resident memory in MiB."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=ROOT, env=ENVIRONMENT)
    _, status, usage = os.wait4(child.pid, 0)  # the usage of this child alone
    elapsed = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{command} ended with {child.returncode}")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return elapsed * 1e3, usage.ru_maxrss / unit


# ---- in one process


def analysis(runs: int) -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    import archgen
    from archgen.views import json

    spec = ROOT / "specs/resnet152.yaml"
    network = archgen.load(spec)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "resnet152.py"
        path.write_text(network.source(), encoding="utf-8")
        generated = imported(path)

    def report() -> int:
        for _ in range(REPEATS):
            found = archgen.Network(network.path, network.spec, network.graph).report()  # one that has kept nothing
            for row in found.rows:  # what a row shows is read, should it be worked out only then
                _ = row.path, row.type, row.output_shape, row.parameters, row.macs
        return found.totals.macs

    def meta() -> int:
        with torch.device("meta"), FlopCounterMode(display=False) as counter:
            getattr(generated, network.name)().eval()(torch.empty(1, *network.spec.input))
        return int(counter.get_total_flops()) // 2

    if report() != meta():  # the first calls, which also warm both
        raise SystemExit("the two sides count different MACs")
    pairs = [(timed(report) / REPEATS, timed(meta)) for _ in range(runs)]
    print(f"\nResNet-152 with every row in one process, {len(network.report().rows)} rows, {runs} runs")
    left, right = [run for run, _ in pairs], [run for _, run in pairs]
    compare("network.report()", left, "meta device, FlopCounterMode", right, "ms")
    found = network.report()
    values = [timed(lambda: json.values(found)) for _ in range(runs * REPEATS)]
    reading = [timed(lambda: archgen.load(spec)) for _ in range(runs)]
    print(f"  its JSON values beside: {statistics.median(values):.2f} ms")
    print(f"  not counted: archgen.load() {statistics.median(reading):.2f} ms")


def imported(path: Path) -> Any:
    found = importlib.util.spec_from_file_location(path.stem, path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def timed(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return (time.perf_counter() - start) * 1e3


def compare(left_name: str, left: list[float], right_name: str, right: list[float], unit: str) -> None:
    for name, values in ((left_name, left), (right_name, right)):
        print(f"  {name:<30} {statistics.median(values):>9.2f} {unit:<3}  ({min(values):.2f} to {max(values):.2f})")
    print(f"  {'ratio':<30} {statistics.median(right) / statistics.median(left):>9.1f}")


if __name__ == "__main__":
    main()
