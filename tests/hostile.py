"""Short specs that could make much work: each asks for one thing many times. All are at most 256 KiB, as a spec must be.

A collection that the language has, long: whatever loops over it is measured by `python -m tests.budgets`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Files: TypeAlias = "dict[str, str]"  # the texts of a spec, which is `net.yaml`, and of those that it extends
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
    before = ["input", *(f"c{number}" for number in range(count))]
    return layers((f"c{n}: {{add, from: [{before[n]}, input], when: p > 0}}" for n in range(count)), "args: {p: 1}\n")


def strides(count: int) -> str:
    return "name: Net\ninput: [1, 1000003, 1000003]\nstem:\n" + "".join(
        f"  c{n}: {{max_pool: {2 + n % 3}, stride: {1 + (n % 16 == 0)}, ceil_mode: true}}\n"
        f"  n{n}: {{avg_pool: 3, stride: {1 + (n % 16 == 8)}, padding: 1}}\n"
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


def left_out(count: int, node: str, before: str = "") -> str:
    return layers([*(f"{name}: {node}" for name in names(count)), "z: relu"], before)


def leading_out(count: int, node: str, key: str) -> str:
    """Layers in a row, the values of all of which leave the network."""
    also = f"outputs: [b{count - 1}]\n" if key == "training_outputs" else ""
    every = ", ".join(names(count - bool(also)))
    return layers(f"{name}: {node}" for name in names(count)) + f"{also}{key}: [{every}]\n"


def constraints(count: int, constraint: str, stem: str = "  a: {conv: 3, kernel_size: 1}\n") -> str:
    return f"{START}stem:\n{stem}assert:\n" + "".join(f'  - "{constraint.format(number)}"\n' for number in range(count))


def called(count: int, call: str, body: str, before: str = "") -> str:
    """Calls of one block whose definition is long."""
    return layers((f"a{number}: {call.format(number + 1)}" for number in range(count)), before) + f"blocks: {{B: {body}}}\n"


def counted(count: int, args: str = "", let: str = "", end: str = "n0") -> str:
    """The definition of a block with so many arguments or constants beside the first."""
    more = "".join(f", {args.format(number, number + 1)}" for number in range(count)) if args else ""
    constants = ", ".join(let.format(number, number + 1) for number in range(count))
    defined = f"let: {{{constants}}}, " if let else ""
    return f"{{args: {{n0: int{more}}}, {defined}layers: {{c: {{dropout: {end} / 1000000}}}}}}"


def conditions(count: int) -> str:
    """A block of so many layers that its argument leaves out or not, called as often."""
    body = ", ".join(f"a{number}: {{relu, when: k > {number}}}" for number in range(count))
    return called(count, "{{B: {0}}}", f"{{args: {{k: int}}, layers: {{{body}, z: {{dropout: k / 1000}}}}}}")


def one_node(kind: str, count: int, node: str = "relu") -> str:
    """One node with so many layers in it."""
    every = ", ".join([node] * count) if kind == "[" else mapping(names(count), node)
    return layers([f"a: [{every}]" if kind == "[" else f"a: {{{kind}: {every}}}"])


def faults(count: int, line: str, start: str = "") -> str:
    """A text with so many faults of a kind."""
    return f"{START}{start}stem:\n" + "".join(f"  {line.format(number)}\n" for number in range(count))


def numbered_stages(count: int) -> str:
    """Stages whose blocks are numbered through the network."""
    body = "{args: {c: int, d: float}, layers: {c: {dropout: d}}}"
    return called(count, "{{B: 3, d: block_index / block_count / 10, depth: 2}}", body)


def wide_skips(count: int) -> str:
    """A row of layers, each of which is added to again in the order in which they ran."""
    back = [
        f"u{number}: {{add, from: [{f'u{number - 1}' if number else f'b{count - 1}'}, b{number}]}}"
        for number in range(count - 1)
    ]
    return layers([*(f"{name}: relu" for name in names(count)), *back])


GATE = "{multiply: {v: identity, g: [{adaptive_avg_pool: 1}, {conv: 3, kernel_size: 1}, sigmoid]}}"
NAMED = "{conv: c, kernel_size: k, stride: s, padding: p, dilation: d, groups: g, bias: b}"
OPTIONS = "{c: 3, k: 3, s: 1, p: 1, d: 1, g: 1, b: true}"
LEAST = """\
name: Hang
input: [1, 10300, 10200]
stages: {s: {B: 1, depth: 3300}}
head: {f: flatten, fc: {linear: 1}}
blocks: {B: {args: {channels: int}, layers: {c: {conv: channels, kernel_size: 3, padding: 0}, n: instance_norm}}}
"""
MERGES = {
    "concat of 256 branches": wide("concat", "relu", 256),
    "concat of 2,000 branches": wide("concat", "relu", 2000),
    "add of 256 convolutions": wide("add", CONV, 256),
    "subtract of 256 convolutions": wide("subtract", CONV, 256),
    "multiply of 256 branches": wide("multiply", "sigmoid", 256),
    "concat of 500 sequences": wide("concat", f"[{CONV}, relu, {CONV}]", 500),
    "512 parts of a split": wide("concat", "relu", 512, "split: true").replace("first: {conv: 3", "first: {conv: 512"),
    "add of one value 1,200 times": layers(["b: " + CONV, f"a: {{add, from: [{', '.join(['b'] * 1200)}]}}"]),
    "concat of one value 10,000 times": layers(["b: " + CONV, f"a: {{concat, from: [{', '.join(['b'] * 10000)}]}}"]),
    "210 adds of 200 values": sums(210, 200),
    "100 products of 100 values": sums(100, 100, "multiply"),
    "60 differences of 200 values": sums(60, 200, "subtract"),
    "150 concats of 150 values": sums(150, 150, "concat"),
    "3,000 readers of one value": read_by_many(3000),
    "dense, 250 layers": dense(250),
    "a U of 1,500 levels": skips(1500),
    "2,000 residuals": residuals(2000),
    "2,400 layers, added again in order": wide_skips(2400),
    "80 gates": layers(f"{name}: {GATE}".replace("{v:", f"{{v{name}:").replace(" g:", f" g{name}:") for name in names(80)),
}  # fmt: skip
ROWS = {
    "a chain of 6,000 convolutions": chain(6000, CONV),
    "a chain of 9,000 activations": chain(9000, "relu"),
    "residuals 14 deep": nested_residuals(14, 400),
    "branches 14 deep": nested_branches(14, 250),
    "lists 28 deep": nested_lists(28, 300),
    "1,600 convolutions with named options": layers((f"{n}: {NAMED}" for n in names(1600)), f"args: {OPTIONS}\n"),
    "a sequence of 3,500 convolutions": one_node("[", 3500, CONV),
    "a named sequence of 9,000 layers": one_node("sequence", 9000),
    "a residual of 9,000 layers": one_node("residual", 9000),
    "a block of 4,500 layers": layers(["a: {B: 3}"])
    + f"blocks: {{B: {{args: {{c: int}}, layers: {mapping(names(4500), '{conv: c, kernel_size: 1}')}}}}}\n",
    "3,000 layers with defaults": layers(
        (line for name in names(3000) for line in (f"{name}: {CONV}", f"n{name}: batch_norm")),
        "defaults: {conv: {bias: false, padding_mode: zeros}, batch_norm: {eps: 0.001}}\n",
    ),
    "1,100 names of 200 characters": layers(f"{'n' * 200}{number}: relu" for number in range(1100)),
}  # fmt: skip
BLOCKS = {
    "2,000 blocks": blocks(2000, "{{args: {{c: int}}, layers: {{a: {{dropout: c / 100000}}}}}}"),
    "1,000 calls with other arguments": calls(1000, "{args: {c: int}, layers: {a: {conv: c, kernel_size: 3}, b: batch_norm}}"),
    "1,000 calls of an op": calls(1000, "{args: {f: op}, layers: {c: f}}", "{{B: {{dropout: {0} / 100000}}}}"),
    "60 levels of 80 layers": tower(60, 80),
    "1,000 defaults": defaults(1000),
    "a depth of 4,999": layers(["s: {B: 3, depth: 4999}"])
    + "blocks: {B: {args: {c: int}, layers: {a: {conv: c, kernel_size: 1}}}}\n",
    "a depth of 2,400, all different": layers(["s: {B: 3, d: index / 100000, depth: 2400}"])
    + "blocks: {B: {args: {c: int, d: 0.0}, layers: {a: {conv: c, kernel_size: 1}, b: {dropout: d}, c: relu}}}\n",
    "150 loops": loops(150),
    "4,000 numbered stages": numbered_stages(4000),
    "400 calls of a block of 3,000 constants": called(
        400, "{{B: {0}}}", counted(3000, let="n{1}: n{0} + 1", end="n3000")
    ),
    "2,000 calls of a block of 1,000 arguments": called(2000, "{{B: 3}}", counted(1000, args="p{0}: {0}")),
    "a depth of 4,000 and 3,000 constants": called(
        1, "{{B: index + 1, depth: 4000}}", counted(3000, let="n{1}: n{0} + 1", end="n3000")
    ),
    "2,000 defaults for 1,500 calls": called(1500, "{{B: {0}}}", counted(2000, args="p{0}: 1"))
    + f"defaults: {{B: {mapping(names(2000, 'p'), '2')}}}\n",
    "2,000 calls with lists": called(
        2000, "{{B: [{0} % 3 * 2 + 1, 1], c: {0}}}",
        "{args: {k: int, c: int}, layers: {a: {conv: 3, kernel_size: k}, b: {dropout: c / 100000}}}",
    ),
    "2,000 ops in arguments": called(
        2000, "{{B: {{leaky_relu: {0} / 100000}}}}", "{args: {act: op}, layers: {c: {conv: 3, kernel_size: 1}, a: act}}"
    ),
}  # fmt: skip
NAMED_VALUES = {
    "4,000 arguments": many_args(4000),
    "2,500 arguments of a block": block_args(2500),
    "5,000 constants": constants(5000),
    "constants that double": constants_of_a_block(40, "{0} + {0} if {0} > 1 else {0}"),
    "constants that double in floats": constants(40, "{0} * 0.5 + {0} * 0.5"),
    "long expressions": long_expressions(700),
    "a list of 10,000 items": layers(['a: {conv: 3, kernel_size: "k[5]"}'], f"let: {{k: [{', '.join(['3'] * 10000)}]}}\n"),
    "4,000 items of a list": layers(
        (f'{name}: {{conv: 3, kernel_size: "k[{number % 900}]"}}' for number, name in enumerate(names(4000))),
        f"let: {{k: [{', '.join(['3'] * 900)}]}}\n",
    ),
}  # fmt: skip
LEFT_OUT = {
    "1,000 layers that arguments leave out": whens(1000),
    "1,000 sums that an argument leaves out": merges_by_argument(1000),
    "6,000 layers left out": left_out(6000, "{relu, when: false}"),
    "4,000 convolutions left out": left_out(4000, "{conv: 3, kernel_size: 3, when: false}"),
    "5,000 layers that one argument leaves out": left_out(5000, "{relu, when: k > 3}", "args: {k: 4}\n"),
    "200 conditions in 200 calls": conditions(200),
}  # fmt: skip
SIZES = {
    "100 windows over a large input": strides(50),
    "a search for the least size": LEAST,
    "a constraint about the least size": LEAST + "assert: [min_size > 0]\n",
}  # fmt: skip
OUTPUTS = {
    "3,000 outputs": outputs(3000, "outputs"),
    "3,000 outputs of training": outputs(3000, "training_outputs"),
    "outputs of 4,000 layers": leading_out(4000, CONV, "outputs"),
    "outputs of 4,000 layers in training": leading_out(4000, CONV, "training_outputs"),
    "20,000 times one output": layers(["a: " + CONV]) + f"outputs: [{', '.join(['a'] * 20000)}]\n",
}  # fmt: skip
CLAIMS = {
    "2,500 constraints": assertions(2500),
    "constraints that name all there is": constraints(
        1300,
        "inference_memory + training_memory + activations + macs + parameters + buffers < {0} + 1000000 "
        "and min_size == 1 and reduction == 1 and receptive_field == 1",
    ),
    "1,000 long constraints": constraints(1000, " + ".join(["macs"] * 34) + " > {0}"),
    "1,000 constraints about 3,000 layers": constraints(
        1000, "inference_memory < {0} + 1000000 and min_size == 1", "".join(f"  {name}: {CONV}\n" for name in names(3000))
    ),
}  # fmt: skip
TEXTS = {
    "a description of 50,000 words": f"{START}description: {'word ' * 50_000}\nstem: {{a: relu}}\n",
    "a description of 40,000 lines": f"{START}description: |\n" + "  a b\n" * 40_000 + "stem: {a: relu}\n",
    "6,000 comments": faults(6000, "b{0}: relu # and so"),
    "12,000 anchors": faults(12_000, "b{0}: &a{0} relu"),
    "20,000 equal keys": faults(20_000, "a: relu"),
    "5,000 cut expressions": faults(5000, "b{0}: {{conv: max(8, c), kernel_size: 1}}"),
    "13,000 unknown kinds": faults(13_000, "b{0}: relu{0}"),
    "6,000 unknown names": faults(6000, "b{0}: {{conv: n{0}, kernel_size: 1}}"),
    "6,000 unknown sources": faults(6000, "b{0}: {{relu, from: n{0}}}"),
    "6,000 unread layers": faults(6000, "b{0}: {{relu, from: input}}"),
    "6,000 unknown outputs": faults(6000, "b{0}: relu") + f"outputs: [{', '.join(names(6000, 'x'))}]\n",
    "15,000 unused arguments": f"{START}args: {mapping(names(15_000, 'a'), '1')}\nstem: {{a: relu}}\n",
}  # fmt: skip


def extended(child: str, parent: str, files: int = 2) -> Files:
    """A spec over another; those between them say the same as it."""
    between = {f"e{number}.yaml": f"extends: e{number + 1}.yaml\n{child}" for number in range(1, files - 1)}
    return {"net.yaml": f"extends: e1.yaml\n{child}", **between, f"e{files - 1}.yaml": parent}


CHAINS: dict[str, Files] = {
    "eight specs that change 700 layers": extended(
        f"name: N\nstem: {mapping(names(700), 'sigmoid')}\n", chain(4000, "relu"), 8
    ),
    "changed options of 2,500 convolutions": extended(
        f"name: N\nstem: {mapping(names(2500), '{bias: false, stride: 1}')}\n", chain(2800, CONV)
    ),
    "6,000 layers taken over and not read": extended("name: N\noutputs: [b3]\n", chain(6000, "relu")),
    "3,000 layers taken out": extended(f"name: N\nstem: {mapping(names(3000), '{when: false}')}\n", chain(3500, CONV)),
    "4,000 arguments changed": extended(f"name: N\nargs: {mapping(names(4000, 'p'), '3')}\n", many_args(3500)),
}


_SINGLE = {
    "values that many read, merges": MERGES,
    "rows and nests of layers": ROWS,
    "blocks and calls": BLOCKS,
    "arguments, constants, lists": NAMED_VALUES,
    "layers left out": LEFT_OUT,
    "sizes": SIZES,
    "outputs": OUTPUTS,
    "constraints": CLAIMS,
    "texts and faults": TEXTS,
}
KINDS: dict[str, dict[str, Files]] = {
    **{kind: {name: {"net.yaml": text} for name, text in found.items()} for kind, found in _SINGLE.items()},
    "`extends`": CHAINS,
}
DOCUMENTS = {name: files for found in KINDS.values() for name, files in found.items()}
