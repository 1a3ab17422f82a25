"""Short specs that could make much work: each asks for one thing many times. All are at most 256 KiB, as a spec must be."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

START = "name: Net\ninput: [3, 8, 8]\n"
CONV = "{conv: 3, kernel_size: 1}"


def layers(lines: Iterable[str], before: str = "", section: str = "stem") -> str:
    return f"{START}{before}{section}:\n" + "".join(f"  {line}\n" for line in lines)


def names(count: int, letter: str = "b") -> list[str]:
    return [f"{letter}{number}" for number in range(count)]


def mapping(keys: Iterable[str], value: str) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key in keys) + "}"


def wide(kind: str, branch: str, count: int, more: str = "") -> str:
    """A merge of many branches."""
    return layers(["first: " + CONV, "a:", f"  {kind}: {mapping(names(count), branch)}", *([f"  {more}"] * bool(more))])


def read_by_many(count: int) -> str:
    """One value that every layer reads, and a merge of what they make."""
    every = names(count)
    return layers(
        ["one: " + CONV, *(f"{name}: {{relu, from: one}}" for name in every), f"all: {{concat, from: [{', '.join(every)}]}}"]
    )


def sums(count: int, width: int, kind: str = "add") -> str:
    """Many merges, each of the same many values."""
    every = ", ".join(names(width))
    lines = [
        *(f"{name}: {{relu, from: one}}" for name in names(width)),
        *(f"m{n}: {{{kind}, from: [{every}]}}" for n in range(count)),
    ]
    return layers(["one: " + CONV, *lines, f"all: {{{kind}, from: [{', '.join(names(count, 'm'))}]}}"])


def dense(count: int) -> str:
    """Each layer reads all before it."""
    lines = ["b0: " + CONV]
    for number in range(1, count):
        every = ", ".join(names(number))
        lines += [f"c{number}: {{concat, from: [{every}]}}" if number > 1 else "c1: {relu, from: b0}", f"b{number}: " + CONV]
    return layers([*lines, f"end: {{concat, from: [{', '.join(names(count))}]}}"])


def skips(count: int) -> str:
    """A U of many levels: what the way down makes is read in reverse order."""
    down = [f"d{number}: relu" for number in range(count)]
    up = [
        line
        for number in reversed(range(count))
        for line in (f"u{number}: " + CONV, f"s{number}: {{add, from: [d{number}, u{number}]}}")
    ]
    return layers(["first: " + CONV, *down, *up])


def chain(count: int, node: str) -> str:
    return layers(f"{name}: {node}" for name in names(count))


def residuals(count: int) -> str:
    return layers(f"{name}: {{residual: {{c: {CONV}}}}}".replace("{c:", f"{{c{name}:") for name in names(count))


def nested_residuals(levels: int, width: int) -> str:
    text = CONV
    for level in range(levels):
        text = (
            "{residual: " + mapping((f"n{level}_{number}" for number in range(width)), "relu")[:-1] + f", n{level}: {text}}}}}"
        )
    return layers([f"a: {text}"])


def nested_branches(levels: int, width: int) -> str:
    text = "relu"
    for level in range(levels):
        text = "{add: " + mapping((f"n{level}_{number}" for number in range(width)), "relu")[:-1] + f", n{level}: {text}}}}}"
    return layers(["first: " + CONV, f"a: {text}"])


def nested_lists(levels: int, width: int) -> str:
    text = "relu"
    for _ in range(levels):
        text = f"[{text}{', relu' * width}]"
    return layers([f"a: {text}"])


def blocks(count: int, body: str, call: str = "{{B{0}: {0}}}") -> str:
    """Many blocks, each called once."""
    defined = "".join(f"  B{number}: {body.format(number)}\n" for number in range(count))
    return layers(f"c{number}: {call.format(number)}" for number in range(count)) + f"blocks:\n{defined}"


def calls(count: int, body: str, call: str = "{{B: {0}}}") -> str:
    """One block, called with many arguments."""
    return layers(f"c{number}: {call.format(number + 1)}" for number in range(count)) + f"blocks: {{B: {body}}}\n"


def tower(levels: int, width: int) -> str:
    """Blocks in blocks, each with layers of its own, given arguments that grow."""
    defined = [
        f"  B{n}: {{args: {{c: int, d: 1}}, layers: {{{', '.join(f'r{k}: {{dropout: d / 100000}}' for k in range(width))}, "
        f"a: {{B{n + 1}: c, d: d + 1}}}}}}\n"
        for n in range(levels)
    ]
    last = f"  B{levels}: {{args: {{c: int, d: 1}}, layers: {{a: {{conv: c + d, kernel_size: 1}}}}}}\n"
    return layers(["a: {B0: 1}"]) + "blocks:\n" + "".join(defined) + last


def many_args(count: int) -> str:
    every = names(count, "p")
    return layers(
        (f"c{name}: {{dropout: {name} / 100000}}" for name in every),
        "args: " + "{" + ", ".join(f"{n}: {k}" for k, n in enumerate(every)) + "}\n",
    )


def block_args(count: int) -> str:
    every = names(count, "p")
    given = ", ".join(f"{name}: {number}" for number, name in enumerate(every))
    body = (
        "{args: " + mapping(every, "int") + ", layers: {" + ", ".join(f"c{n}: {{dropout: {n} / 100000}}" for n in every) + "}}"
    )
    return layers([f"a: {{B, {given}}}"]) + f"blocks: {{B: {body}}}\n"


def constants(count: int, text: str = "{0} + 1", end: str = "{{dropout: {0} / 100000}}", args: str = "args: {n0: 1}\n") -> str:
    every = [f"n{number + 1}: {text.format(f'n{number}')}" for number in range(count)]
    return layers([f"a: {end.format(f'n{count}')}"], f"{args}let: {{{', '.join(every)}}}\n")


def constants_of_a_block(count: int, text: str) -> str:
    every = [f"n{number + 1}: {text.format(f'n{number}')}" for number in range(count)]
    body = f"{{args: {{n0: int}}, let: {{{', '.join(every)}}}, layers: {{c: {{conv: n{count}, kernel_size: 1}}}}}}"
    return layers(["a: {B: 1}"]) + f"blocks: {{B: {body}}}\n"


def long_expressions(count: int) -> str:
    text = "n" + " + n" * 60 + " - 60 * n"
    return layers((f"{name}: {{conv: {text}, kernel_size: 1}}" for name in names(count)), "args: {n: 3}\n")


def whens(count: int) -> str:
    """Layers that an argument leaves out: sizes are then this or that."""
    every = names(count, "p")
    lines = (f"c{name}: {{max_pool: 1, when: {name} > 0}}" for name in every)
    return layers(lines, "args: " + mapping(every, "1") + "\n")


def merges_by_argument(count: int) -> str:
    lines = (f"c{name}: {{add: {{x{name}: relu, y{name}: {{sigmoid, when: p > 0}}}}}}" for name in names(count))
    return layers(lines, "args: {p: 1}\n")


def strides(count: int) -> str:
    return "name: Net\ninput: [1, 1000003, 1000003]\nstem:\n" + "".join(
        f"  c{n}: {{max_pool: {2 + n % 3}, stride: 1, ceil_mode: true}}\n"
        f"  n{n}: {{avg_pool: 3, stride: {1 + n % 2}, padding: 1}}\n"
        for n in range(count)
    )


def outputs(count: int, key: str) -> str:
    every = names(count)
    lines = ["one: " + CONV, *(f"{name}: {{relu, from: one}}" for name in every), "last: {relu, from: one}"]
    also = "outputs: [last]\n" if key == "training_outputs" else ""
    return layers(lines) + f"{also}{key}: [{', '.join(every)}{', last' if not also else ''}]\n"


def assertions(count: int) -> str:
    return (
        layers(["a: " + CONV])
        + "assert:\n"
        + "".join(f'  - "inference_memory < {n + 10**6} and min_size == 1"\n' for n in range(count))
    )


def defaults(count: int) -> str:
    defined = "".join(f"  B{n}: {{args: {{c: int, d: 1}}, layers: {{a: {{conv: c, kernel_size: d}}}}}}\n" for n in range(count))
    given = "".join(f"  B{n}: {{d: 3}}\n" for n in range(count))
    return layers(f"c{n}: {{B{n}: 3}}" for n in range(count)) + f"defaults:\n{given}blocks:\n{defined}"


def loops(count: int) -> str:
    """Stages whose depths are arguments, in blocks."""
    lines = [f"s{n}: {{S: 3, n: {2 + n % 7}, drop: block_index / 1000000, depth: 3}}" for n in range(count)]
    body = "{args: {c: int, n: int, drop: 0.0}, layers: {b: {B: c, d: drop + index / 1000, depth: n}}}"
    inner = "{args: {c: int, d: 0.0}, layers: {c: {conv: c, kernel_size: 1}, d: {dropout: d}}}"
    return layers(lines) + f"blocks:\n  S: {body}\n  B: {inner}\n"


GATE = "{multiply: {v: identity, g: [{adaptive_avg_pool: 1}, {conv: 3, kernel_size: 1}, sigmoid]}}"
DOCUMENTS = {
    "concat of 256 branches": wide("concat", "relu", 256),
    "concat of 2,000 branches": wide("concat", "relu", 2000),
    "add of 1,000 convolutions": wide("add", CONV, 1000),
    "multiply of 1,000 branches": wide("multiply", "sigmoid", 1000),
    "concat of 500 sequences": wide("concat", f"[{CONV}, relu, {CONV}]", 500),
    "512 parts of a split": wide("concat", "relu", 512, "split: true").replace("first: {conv: 3", "first: {conv: 512"),
    "add of one value 1,200 times": layers(["b: " + CONV, f"a: {{add, from: [{', '.join(['b'] * 1200)}]}}"]),
    "concat of one value 10,000 times": layers(["b: " + CONV, f"a: {{concat, from: [{', '.join(['b'] * 10000)}]}}"]),
    "240 adds of 200 values": sums(240, 200),
    "150 concats of 150 values": sums(150, 150, "concat"),
    "3,000 readers of one value": read_by_many(3000),
    "dense, 250 layers": dense(250),
    "a U of 1,500 levels": skips(1500),
    "a chain of 6,000 convolutions": chain(6000, CONV),
    "a chain of 9,000 activations": chain(9000, "relu"),
    "2,000 residuals": residuals(2000),
    "500 gates": layers(f"{name}: {GATE}".replace("{v:", f"{{v{name}:").replace(" g:", f" g{name}:") for name in names(500)),
    "residuals 14 deep": nested_residuals(14, 400),
    "branches 14 deep": nested_branches(14, 400),
    "lists 28 deep": nested_lists(28, 300),
    "2,000 blocks": blocks(2000, "{{args: {{c: int}}, layers: {{a: {{dropout: c / 100000}}}}}}"),
    "1,000 calls with other arguments": calls(1000, "{args: {c: int}, layers: {a: {conv: c, kernel_size: 3}, b: batch_norm}}"),
    "1,000 calls of an op": calls(1000, "{args: {f: op}, layers: {c: f}}", "{{B: {{dropout: {0} / 100000}}}}"),
    "60 levels of 80 layers": tower(60, 80),
    "4,000 arguments": many_args(4000),
    "2,500 arguments of a block": block_args(2500),
    "5,000 constants": constants(5000),
    "constants that double": constants_of_a_block(40, "{0} + {0} if {0} > 1 else {0}"),
    "constants that double in floats": constants(40, "{0} * 0.5 + {0} * 0.5"),
    "long expressions": long_expressions(700),
    "1,000 layers that arguments leave out": whens(1000),
    "1,000 merges that an argument changes": merges_by_argument(1000),
    "100 windows over a large input": strides(50),
    "a search for the least size": "name: Hang\ninput: [1, 10300, 10200]\nstages: {s: {B: 1, depth: 3300}}\n"
    "head: {f: flatten, fc: {linear: 1}}\n"
    "blocks: {B: {args: {channels: int}, layers: {c: {conv: channels, kernel_size: 3, padding: 0}, n: instance_norm}}}\n",
    "3,000 outputs": outputs(3000, "outputs"),
    "3,000 outputs of training": outputs(3000, "training_outputs"),
    "2,500 claims": assertions(2500),
    "1,000 defaults": defaults(1000),
    "a depth of 4,999": layers(["s: {B: 3, depth: 4999}"])
    + "blocks: {B: {args: {c: int}, layers: {a: {conv: c, kernel_size: 1}}}}\n",
    "a depth of 2,400, all different": layers(["s: {B: 3, d: index / 100000, depth: 2400}"])
    + "blocks: {B: {args: {c: int, d: 0.0}, layers: {a: {conv: c, kernel_size: 1}, b: {dropout: d}, c: relu}}}\n",
    "500 loops": loops(500),
}  # fmt: skip
