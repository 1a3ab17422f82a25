"""Symbolic sizes held against eager torch: does a network run exactly where its contract says, and give those shapes?

    python -m tests.sizes [--count 200] [--seed 0] [--most 256] [SPEC...]
    python -m tests.sizes --contracts > tests/reference/contracts.json

Each network, by default every one in specs/, is built once, in evaluation mode, and run on the CPU at the sizes around its
least one and at random sizes up to --most: every second with equal sizes on all axes, every third moved to sizes at which the
network is to run, since some (U-Net, or a linear layer behind a flattened size) refuse most. Only shapes are compared. One rule
is stricter than torch, which adds a value of size 1 to any other in silence.

The second form prints what is proved of every spec, which tests/test_symbolic.py expects.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import archgen
from archgen.arithmetic.sizes import number_at
from archgen.budget import Budget
from archgen.views.json import CONTRACT

if TYPE_CHECKING:
    from archgen.analysis.contract import Examined

ROOT = Path(__file__).parents[1]


def samples(found: Examined, count: int, most: int, choose: random.Random) -> list[tuple[int, ...]]:
    """Random sizes, and for each axis those around the least one."""
    rank = len(found.traced.axes)
    least = found.contract.min_size or 1
    chosen = [(size,) * rank for size in (least - 1, least, least + 1) if size > 0]
    while len(chosen) < count:
        sizes = (choose.randint(1, most),) * rank if len(chosen) % 2 else tuple(choose.randint(1, most) for _ in range(rank))
        if len(chosen) % 3 == 0:
            near = found.region.near(dict(zip(found.traced.axes, sizes)), True, Budget(10**5))
            sizes = choose.choice([sizes, *(tuple(one.values()) for one in near if max(one.values()) <= 4 * most)])
        chosen.append(sizes)
    return chosen[:count]


def runs(found: Examined, sizes: tuple[int, ...]) -> bool:
    """Whether the network is predicted to run at these sizes."""
    return found.region.holds(dict(zip(found.traced.axes, sizes)))


def broadcast(found: Examined, sizes: tuple[int, ...]) -> bool:
    """Whether the network is refused there only because a merge would broadcast a size of 1."""
    here = dict(zip(found.traced.axes, sizes))
    broken = [one.constraint for one in found.judged if not one.constraint.holds_at(here)]
    return all(one.relation == "==" and 1 in (number_at(one.left, here), number_at(one.right, here)) for one in broken)


def predicted(found: Examined, sizes: tuple[int, ...]) -> list[tuple[int, ...]] | None:
    """The shapes of the outputs at these sizes; None where the network is not to run."""
    here = dict(zip(found.traced.axes, sizes))
    if not runs(found, sizes):
        return None
    return [tuple(size if isinstance(size, int) else size.at(here) for size in output.sizes) for output in found.traced.outputs]


def actual(module: Any, shapes: tuple[tuple[int, ...], ...]) -> list[tuple[int, ...]] | None:
    """The shapes that torch's eager mode gives; None where it refuses."""
    import torch

    with torch.no_grad():
        try:
            outputs = module(*(torch.zeros(1, *shape) for shape in shapes))
        except (RuntimeError, ValueError):
            return None
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return [tuple(output.shape[1:]) for output in outputs]


def differences(network: archgen.Network, found: Examined, chosen: list[tuple[int, ...]]) -> list[str]:
    """The sizes at which torch and the symbolic trace part."""
    module = network.module().eval()
    told = []
    for sizes in chosen:
        ours, torchs = predicted(found, sizes), actual(module, network.graph.shapes((network.spec.input[0], *sizes)))
        if ours != torchs and not (ours is None and broadcast(found, sizes)):
            told.append(f"{network.name} at {sizes}: predicted {ours}, torch {torchs}")
    return told


def contracts() -> dict[str, Any]:
    """By spec: its contract, how many merges it has, and those that break at some size."""
    from archgen.analysis import findings

    told: dict[str, Any] = {}
    for path in sorted((ROOT / "specs").glob("*.yaml")):
        found = archgen.load(path).examine()
        shown = findings.findings(found, ascii_only=True)
        told[path.stem] = {
            **CONTRACT.values(found.contract),
            "merges": len(shown.merges),
            "breaks": {one.paths[0]: one.rule for one in reversed(shown.breaks)},  # of the first axis where all are alike
            "unproved": [one.path for one in shown.opened],
        }
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most", type=int, default=256)
    parser.add_argument("--contracts", action="store_true")
    parser.add_argument("specs", nargs="*", type=Path)
    options = parser.parse_args()
    if options.contracts:
        lines = [f"  {json.dumps(name)}: {json.dumps(told)}" for name, told in contracts().items()]
        print("{\n" + ",\n".join(lines) + "\n}")
        return
    failed, total, ran = 0, 0, 0
    for path in options.specs or sorted((ROOT / "specs").glob("*.yaml")):
        start = time.perf_counter()
        network = archgen.load(path)
        found = network.examine()
        chosen = samples(found, options.count, options.most, random.Random(f"{options.seed} {network.name}"))
        told = differences(network, found, chosen)
        total, ran, failed = total + len(chosen), ran + sum(runs(found, sizes) for sizes in chosen), failed + len(told)
        print(
            f"{path.stem:<24} {len(chosen):>4} sizes, {len(told)} differences, {time.perf_counter() - start:.1f} s", flush=True
        )
        for line in told[:5]:
            print("  " + line)
    print(f"{total:,} runs, {ran:,} of them predicted to work: {failed} differences")
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
