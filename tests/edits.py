"""A spec beside one that was edited at random: what `archgen diff` says of the two is held against torch.

python -m tests.edits --count 2000 --seed 0
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import torch

import archgen
from archgen.review import diff
from archgen.verify.measure import distance, images, outputs, spread
from tests.fuzz import draw, yaml

if TYPE_CHECKING:
    from torch import nn

    from archgen.network import Network
    from archgen.review.diff import Diff

NEAR = 1e-4  # how far two equal outputs may be apart in float32, as a part of the largest number
SWAPS = ("relu", "gelu", "silu", "tanh", "sigmoid", "hardswish")


def edited(text: str, generator: random.Random) -> str:
    """The text of a spec with one small edit: a name, a number, an op, a line more or less, or two in the other order."""
    lines = text.splitlines(keepends=True)
    kind = generator.choice(["name", "name", "number", "number", "op", "swap", "leave out"])
    nodes = [number for number, line in enumerate(lines) if re.match(r" +\w+: ", line)]
    if kind == "name":
        names = sorted(set(re.findall(r"^ +(\w+): ", text, re.MULTILINE)))
        name = generator.choice(names)
        return re.sub(rf"\b{name}\b", f"{name}_x", text)
    if kind == "number":
        found = list(re.finditer(r"(?<![\w.])\d+(?![\w.])", text))
        one = generator.choice(found)
        return f"{text[: one.start()]}{max(0, int(one[0]) + generator.choice([-1, 1, 2]))}{text[one.end() :]}"
    if kind == "op":
        return re.sub(rf"\b({'|'.join(SWAPS)})\b", lambda _: generator.choice(SWAPS), text, count=1)
    number = generator.choice(nodes)
    if kind == "swap" and number + 1 < len(lines):
        lines[number], lines[number + 1] = lines[number + 1], lines[number]
    elif kind == "leave out":
        del lines[number]
    return "".join(lines)


def tried(seed: int, folder: Path) -> tuple[str, str]:
    """What is said of a random spec and an edit of it, and what of that is not true, or ''."""
    generator = random.Random(seed)
    text = yaml.text(draw.valid(seed // 4))  # four edits of each
    after = edited(text, generator)
    old, new = folder / "old.yaml", folder / "new.yaml"
    old.write_text(text)
    new.write_text(after)
    try:
        networks = [archgen.load(path).checked() for path in (old, new)]
        found = diff.between(*networks)
        modules = [network.module() for network in networks]
    except archgen.SpecError:
        return "refused", ""
    said = "same" if found.same[0] else "other"
    return f"{said}, {'loads' if found.weights.loads else 'loads not'}", untrue(found, networks, modules)


def untrue(found: Diff, networks: list[Network], modules: list[nn.Module]) -> str:
    """What a diff says that two modules do not do, or ''."""
    old, new = (module.eval() for module in modules)
    loads = by_name(old, new)
    swapped = {one.new for one in found.weights.swapped}
    if found.weights.loads and not loads:
        return "it is said to load, and does not"
    if loads and not (found.weights.loads or swapped):
        return "it loads, and is not said to"
    if found.equal and networks[0].source().split('"""', 1)[1] != networks[1].source().split('"""', 1)[1]:
        return "the two are said to be one network, and have two modules"
    if not found.same[0]:
        return ""
    spread(old, torch.Generator().manual_seed(1))
    state = {found.weights.names.get(name, name): tensor for name, tensor in old.state_dict().items()}
    missing, unexpected = new.load_state_dict(state, strict=False)
    if missing or unexpected:
        return f"the same function, and its weights do not fit: {missing} {unexpected}"
    x = images(networks[0], networks[0].spec.input, 2, torch.Generator().manual_seed(0))
    with torch.no_grad():
        pairs = zip(outputs(old(*x)), outputs(new(*x)), strict=True)
    if any(distance(*pair) > NEAR for pair in pairs):
        return "the same function, and other outputs"
    return ""


def by_name(old: nn.Module, new: nn.Module) -> bool:
    """Whether torch loads the state of one into the other, strictly."""
    try:
        new.load_state_dict(old.state_dict())
    except RuntimeError:
        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.edits", description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    counts: Counter[str] = Counter()
    faults = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seed, options.seed + options.count):
            said, fault = tried(seed, Path(folder))
            counts[said] += 1
            if fault:
                faults += 1
                print(f"{seed}: {fault}", flush=True)
    print(", ".join(f"{said}: {count:,}" for said, count in counts.most_common()), f"; {faults:,} faults", sep="")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
