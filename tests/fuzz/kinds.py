"""What is tried with a random spec: each kind takes a seed, and says what it found ('' if nothing) beside the spec's text."""

from __future__ import annotations

import ast
import builtins
import contextlib
import functools
import inspect
import operator
import random
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

import archgen
from archgen.arithmetic.expressions import MOST_PARTS
from archgen.diagnostics import Source
from archgen.language.schema import plain
from archgen.ops import OPS, Shape
from archgen.syntax.parser import parse
from archgen.verify.compare import compare
from archgen.verify.measure import images
from tests.fuzz import draw, meaning, yaml
from tests.fuzz.meaning import LIBRARY, Meaning, Misfit
from tests.fuzz.tally import HELPERS, tally
from tests.fuzz.trees import SECTIONS, Tree, is_node, network_layers
from tests.test_ops import broken, fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
SEEDS = sorted([*(ROOT / "specs").glob("*.yaml"), *(ROOT / "tests" / "networks").glob("*.yaml")])

# What a merge refuses though torch runs, and why; the ops' own such rules are tests.test_ops.STRICTER.
STRICTER = {
    "add": "torch broadcasts in silence: a residual of 1x1 would be spread over the map",
    "subtract": "as `add`",
    "split": "torch.chunk gives shares that differ, or fewer of them",
    "concat": "torch alone refuses",
}

# How long a formula may become is archgen's own affair: a refusal for that is no fault.
TOO_LONG = f"would be a formula of more than {MOST_PARTS} parts"


class Found(NamedTuple):
    """What one trial found: '' where all is well. `drawn` are the ops and constructs of its spec."""

    fault: str
    text: str
    drawn: dict[str, int] = {}  # noqa: RUF012


def valid(seed: int, folder: Path) -> Found:
    """A valid spec is read, written and equal to torch in all that `verify` compares; other spellings give the same network.

    So does another value of an argument, given to the module or written in the spec, and each class with its own defaults. What
    may overwrite its input overwrites nothing that somebody still reads.
    """
    tree = draw.valid(seed)
    text = yaml.text(tree)
    if refused_where_left_out(tree, folder):
        return Found("", text)
    found = wrong(tree, text, folder)
    if found.endswith(TOO_LONG):
        return Found("", text)
    return Found(found, text, {**tally(tree), "extends": 1})


def wrong(tree: Tree, text: str, folder: Path) -> str:
    """The first fault of a valid spec, or ''. tree: the same as its text."""
    checks: tuple[Callable[[], str], ...] = (
        lambda: check_valid(text, folder),
        lambda: generated(tree, folder),
        lambda: other_arguments(tree, folder),
        lambda: spellings(tree, folder),
    )
    return next((found for check in checks if (found := check())), "")


def refused_where_left_out(tree: Tree, folder: Path) -> bool:
    """Whether archgen refuses a node with `when` that could not run, where it stands: it may, and may also take it."""
    if not tally(tree)["left out, and could not run"]:
        return False
    path = folder / "net.yaml"
    path.write_text(yaml.text(tree))
    try:
        archgen.load(path).source()
    except archgen.SpecError as error:
        return all(
            any("when:" in place.source.line(place.line) for place in (problem.place, *(place for place, _ in problem.calls)))
            for problem in error.problems
        )
    except Exception:  # `check_valid` says what
        return False
    return False


def check_valid(text: str, folder: Path) -> str:
    """Says where archgen's report, its module and torch differ, or ''."""
    path = folder / "net.yaml"
    path.write_text(text)
    try:
        network = archgen.load(path)
        problem = network.report().problem
        if problem is not None:
            return f"refused: {problem.sentence}"
        checks = compare(network, network.source())
        if ("divide" in text or "pow" in text) and "not finite" in checks[-1].difference:
            return ""  # it divides by zero or takes a root of what is below, or a gradient does, as the spec says
    except archgen.SpecError as error:
        return f"refused: {' / '.join(problem.sentence for problem in error.problems)}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return next((f"{check.name}: {check.difference}" for check in checks if check.difference), "")


# ---- what is overwritten


def generated(tree: Tree, folder: Path) -> str:
    """Says what is wrong with the module of a spec, and with its classes, beside what `verify` looks at; or ''."""
    network = archgen.load(folder / "net.yaml")
    x = images(network, network.spec.input, 2, torch.Generator().manual_seed(0))
    return overwritten(network.module(), x) or class_defaults(tree, network.source())


def overwritten(module: nn.Module, before: tuple[Tensor, ...]) -> str:
    """Says what differs where no layer works in place, or that the caller's input was changed; or ''.

    `verify` holds the outputs against layers that are not in place, but leaves those of chance idle, and does not look at what
    the module was given. Here the same module runs twice from the same random state, the second time with every `inplace` off.
    """
    for training in (False, True):
        module.train(training)
        state = {name: value.clone() for name, value in module.state_dict().items()}
        x = tuple(one.clone() for one in before)
        found = _outputs_and_gradients(module, x)
        if not all(map(torch.equal, x, before)):
            return f"the module changes its input, training={training}"
        module.load_state_dict(state)
        places: list[Any] = [layer for layer in module.modules() if getattr(layer, "inplace", False)]
        for layer in places:
            layer.inplace = False
        wanted = _outputs_and_gradients(module, tuple(one.clone() for one in before))
        for layer in places:
            layer.inplace = True
        largest = max((float(want[want.isfinite()].abs().max()) for want in wanted if want.isfinite().any()), default=0)
        for have, want in zip(found, wanted, strict=True):  # a gradient that is nearly 0 is a difference of large ones
            if not torch.allclose(have, want, 1e-4, 1e-5 * largest, equal_nan=True):
                return f"a value is overwritten that is still read, training={training}"
    return ""


def _outputs_and_gradients(module: nn.Module, entering: tuple[Tensor, ...]) -> list[Tensor]:
    torch.manual_seed(0)
    module.zero_grad()
    outputs = module(*entering)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    if any(output.requires_grad for output in outputs):
        sum(output.sum() for output in outputs).backward()
    gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
    return [output.detach().clone() for output in outputs] + [gradient.clone() for gradient in gradients]


# ---- arguments: of the network, and of each class


def other_arguments(tree: Tree, folder: Path) -> str:
    """Says where the module, given another value of an argument, is not the network of the spec with that value, or ''."""
    for name, value in tree.get("args", {}).items():
        changed: tuple[float, ...] = ()
        if isinstance(value, bool):
            changed = (not value,)
        elif isinstance(value, int):
            changed = (value + 1, 0)
        elif isinstance(value, float):
            changed = (value / 2, value + 0.35)
        for other in changed:
            if found := other_argument(folder / "net.yaml", name, other):
                return found
    return ""


def other_argument(path: Path, name: str, value: float) -> str:
    """The same for one argument and value."""
    said = f"{name}={str(value).lower()}"
    try:
        spec = archgen.load(path, (said,)).checked()
        wanted = spec.module().eval()
    except archgen.SpecError as error:  # the spec has no such network; a module can't know, but of how many blocks it builds
        if not error.problems[0].sentence.startswith("`depth` is"):
            return ""
        with contextlib.suppress(Exception):
            archgen.load(path).module(**{name: value})
            return f"{said}: the spec refuses this depth, and the module builds it"
        return ""
    except Exception as error:
        return f"the spec with {said}: {type(error).__name__}: {error}"
    x = images(spec, spec.spec.input, 2, torch.Generator().manual_seed(0))
    try:
        module = archgen.load(path).module(**{name: value}).eval()
        if repr(module) != repr(wanted):
            return f"{said}: the module is {module}, of the spec with that value {wanted}"
        module.load_state_dict(wanted.state_dict())
        copied = tuple(one.clone() for one in x)
        found, expected = _outputs_and_gradients(module, x), _outputs_and_gradients(wanted, copied)
    except Exception as error:
        return f"{said}: {type(error).__name__}: {error}"
    if not all(torch.equal(*pair) or torch.allclose(*pair, equal_nan=True) for pair in zip(found, expected, strict=True)):
        return f"{said}: the module's outputs are not those of the spec with that value"
    return ""


_SIZES = {1: ("in_length",), 2: ("in_height", "in_width"), 3: ("in_depth", "in_height", "in_width")}


def class_defaults(tree: Tree, source: str) -> str:
    """Says which class of the module is not its block where it is called, or with a default of its own in place of a value.

    Its default is the block's, or what every call gives in place of that.
    """
    found, _ = meaning.network(tree)
    module: dict[str, Any] = {"__name__": "generated"}
    exec(compile(source, "<generated>", "exec"), module)
    calls = {repr(call): call for call in found.called if call.block in module}
    for call in list(calls.values())[:8]:
        signature = inspect.signature(module[call.block])
        defaults = [name for name, one in signature.parameters.items() if one.default is not one.empty and name in call.given]
        for left_out in ("", *defaults):
            given = {name: value for name, value in call.given.items() if name != left_out}
            judge = Meaning(tree.get("blocks", {}), tree.get("defaults", {}), {})
            judge.strict = False
            own = {left_out: judge.blocks[call.block]["args"][left_out]} if left_out else {}  # not the spec's `defaults`
            usual = [one.given.get(left_out) for one in calls.values() if one.block == call.block]
            stated = signature.parameters[left_out].default if left_out else None
            if left_out and usual.count(usual[0]) == len(usual) and stated in (usual[0], (usual[0],) * call.x.rank):
                own = {left_out: usual[0]}
            try:
                y = judge.call(call.block, given | own, call.x, {})
            except Misfit:
                continue
            with_it = f"{call.block}({', '.join(f'{key}={value}' for key, value in given.items())}) on {call.x.sizes}"
            try:
                layer = module[call.block](**_constructor(signature, given, call.x)).eval()
                have = tuple(layer(torch.zeros(2, *call.x.sizes)).shape[1:])
            except Exception as error:
                return f"{with_it}: {type(error).__name__}: {error}"
            if have != y.sizes:
                return f"{with_it} gives {have}, and {y.sizes} by the spec"
    return ""


def _constructor(signature: inspect.Signature, given: dict[str, Any], x: Shape) -> dict[str, Any]:
    """The keyword arguments of a class for a call: the sizes of the input that it asks for, lists where it takes them."""
    sizes = {"in_channels": x.channels, **dict(zip(_SIZES.get(x.rank, ()), x.spatial))}
    found = {name: value for name, value in sizes.items() if name in signature.parameters}
    for name, value in given.items():
        if name in signature.parameters:
            many = str(signature.parameters[name].annotation).startswith("tuple") and not isinstance(value, tuple)
            found[name] = (value,) * x.rank if many else _layer(value, x) if isinstance(value, (str, dict)) else value
    return found


def _layer(tree: Tree, x: Shape) -> Callable[[], nn.Module]:
    """What builds the op that an argument holds."""
    node = {tree: None} if isinstance(tree, str) else tree
    op = Meaning({}, {}, {}).op(next(iter(node)), node, {})
    positional, named = op.constructor(Shape((1,)))
    positional = positional[:-1] if op.of_channels else positional
    return functools.partial(getattr(nn, op.class_name(x.rank)), *positional, **named)


# ---- the same network, spelt in another way


def spellings(tree: Tree, folder: Path) -> str:
    """Says which other spelling of a spec gives other rows, or ''."""
    expected = _rows(folder / "net.yaml")
    for name, files in {"unrolled": {"other.yaml": unrolled(tree)}, "extended": extended(tree)}.items():
        for file, spelt in files.items():
            (folder / file).write_text(yaml.text(spelt))
        try:
            found = _rows(folder / "other.yaml")
        except archgen.SpecError as error:
            return f"{name}: refused: {error.problems[0].sentence}"
        if found != expected:
            return f"{name}: other rows than {expected}: {found}"
    return ""


def _rows(path: Path) -> list[Any]:
    return [(row.path, row.type, row.output_shape, row.parameters, row.macs) for row in archgen.load(path).report().rows]


def unrolled(tree: Tree) -> Tree:
    """Writes the repeated blocks of the network out, those whose arguments name no index."""

    def layer(node: Tree) -> Tree:
        if (
            not isinstance(node, dict)
            or "depth" not in node
            or not isinstance(node["depth"], int)
            or "from" in node
            or "collect" in node
            or ("first" in node and node["depth"] == 1)  # perhaps nobody else uses what is meant for the others
            or re.search("index|block_count", yaml.flow(node))
        ):
            return node
        kind = next(iter(node))
        call = {key: value for key, value in node.items() if key not in ("depth", "first", "when")}
        args = {**LIBRARY, **tree.get("blocks", {})}[kind].get("args", {})
        stride = kind if call[kind] is not None and next(iter(args)) == "stride" else "stride"
        later = {**call, stride: 1} if "stride" in args else call
        first = node.get("first", {})
        if not is_node(first):
            if call[kind] is not None and (leading := next(iter(args), "")) in first:
                first = {kind: first[leading], **{key: value for key, value in first.items() if key != leading}}
            first = {**call, **first}
        items = [first, *[later] * (node["depth"] - 1)]
        return {"sequence": items, "when": node["when"]} if "when" in node else items

    sections = {key: {name: layer(node) for name, node in tree[key].items()} for key in _sections(tree)}
    if "block_index" in yaml.text(tree):
        return tree  # the numbers of the others would change
    return {**tree, **sections}


def extended(tree: Tree) -> dict[str, Tree]:
    """Cuts a spec in two: the second half of each mapping extends the first."""
    base: Tree = {}
    child: Tree = {"name": tree["name"], "extends": "base.yaml"}
    for key, value in tree.items():
        if isinstance(value, dict) and key != "input":
            half = len(value) // 2
            base[key], child[key] = dict(list(value.items())[:half]), dict(list(value.items())[half:])
        else:
            base[key] = value
    without = {key: value for key, value in base.items() if value != {}}
    return {"base.yaml": without, "other.yaml": {key: value for key, value in child.items() if value != {}}}


def _sections(tree: Tree) -> list[str]:
    return [key for key in SECTIONS if key in tree]


# ---- a constraint broken


def negated(seed: int, folder: Path) -> Found:
    """A node that breaks one constraint is refused, and eager torch refuses it too, or a documented stricter rule does."""
    drawer = draw.Drawer(seed)
    pick = drawer.random
    tree = draw.valid(seed)
    _, values = meaning.network(tree)
    if (chance := pick.random()) < 0.15:
        return unread(tree, folder) if chance < 0.1 else misnamed(tree, pick.choice(HELPERS), folder)
    x = values[next(reversed(values))]
    made = _wrong_merge(drawer, x) if pick.random() < 0.25 else _wrong_op(drawer, x)
    if made is None:
        return Found("", "")
    node, judged = made
    if "from" not in node and pick.random() < 0.6:
        node = pick.choice(
            (
                [node],
                ["identity", [node]],
                {"residual": {"w1": node}},
                {"concat": {"w1": node, "w2": "identity"}},
                {"Wrong": None},
            )
        )
    if node == {"Wrong": None}:
        tree = {**tree, "blocks": {**tree.get("blocks", {}), "Wrong": {"layers": {"w1": "identity", "w2": made[0]}}}}
    section = _sections(tree)[-1]
    tree = {**tree, section: {**tree[section], "wrong": node}}
    text = yaml.text(tree)
    return Found(judged or refusal(text, folder), text, {next(iter(made[0])): 1})


def unread(tree: Tree, folder: Path) -> Found:
    """A last layer that no output reads is refused as any other."""
    section = _sections(tree)[-1]
    outputs = tree.get("outputs") or list(network_layers(tree))[-1:]
    text = yaml.text({**tree, section: {**tree[section], "unread": "relu"}, "outputs": outputs})
    return Found(refusal(text, folder), text, {"outputs": 1})


def misnamed(tree: Tree, name: str, folder: Path) -> Found:
    """A network called as a class that the module may bring is refused."""
    text = yaml.text({**tree, "name": name})
    return Found(refusal(text, folder), text, {"name": 1})


def refusal(text: str, folder: Path) -> str:
    """Says that archgen takes a spec that it must refuse, or fails otherwise than it should; or ''."""
    path = folder / "wrong.yaml"
    path.write_text(text)
    try:
        network = archgen.load(path)
        if network.report().problem is not None:
            return ""
        network.source()
    except archgen.SpecError:
        return ""
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "accepted"


def _wrong_op(drawer: draw.Drawer, x: Shape) -> tuple[Tree, str] | None:
    """An op with a broken constraint, and what is wrong if torch takes it without a documented reason."""
    for _ in range(60):
        kind = drawer.random.choice(list(OPS))
        options = drawer.options(kind, x, wild=True)
        try:
            op = drawer.meaning.op(kind, options, {})
            if any(OPS[kind].kind(option).refuses(getattr(op, option), x.rank) and option in options for option in op.fields):
                continue
            if not broken(op, x):
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = fault(op, x)
        except (ArithmeticError, IndexError, ValueError) as error:
            return {kind: None, **options}, f"the constraints of {kind} {options} fail: {error!r}"
        return {kind: None, **options}, found
    return None


def _wrong_merge(drawer: draw.Drawer, x: Shape) -> tuple[Tree, str] | None:
    """A merge of shapes that differ, and what is wrong if torch takes it without a documented reason."""
    if x.channel_axis or not 1 <= x.rank <= 3:
        return None
    pick = drawer.random
    count = pick.choice((2, 3))
    kind = pick.choice(("add", "subtract", "multiply", "concat"))
    if x.channels % count and pick.random() < 0.5:
        return {kind: {f"w{n + 3}": "identity" for n in range(count)}, "split": True}, torch_takes("split", [])
    nodes = ["identity", *(pick.choice(({"conv": x.channels + 1, "kernel_size": 1}, {"adaptive_avg_pool": 2}, "flatten",
                                        {"pad": [1] * (2 * x.rank)})) for _ in range(count - 1))]  # fmt: skip
    try:
        shapes = [drawer.meaning.node(node, x, {}) for node in nodes]
    except Misfit:  # too large
        return None
    try:
        drawer.meaning.merged(kind, shapes)
    except Misfit:
        return {kind: {f"w{n + 3}": node for n, node in enumerate(nodes)}}, torch_takes(kind, shapes)
    return None


def torch_takes(kind: str, shapes: list[Shape]) -> str:
    if kind in STRICTER and kind != "concat":
        return ""
    if len({len(shape.sizes) for shape in shapes}) > 1:
        return ""  # torch lines sizes up from the last, so that images of the batch would meet another axis
    if kind == "multiply":
        with contextlib.suppress(RuntimeError):
            functools.reduce(operator.mul, [torch.zeros(2, *shape.sizes) for shape in shapes])
            return f"torch multiplies {shapes}"
        return ""
    with contextlib.suppress(RuntimeError, IndexError):
        torch.cat([torch.zeros(2, *shape.sizes) for shape in shapes], dim=1)
        return f"torch takes the {kind} of {shapes}"
    return ""


# ---- texts that are no longer specs


_HOSTILE = (
    "&a",
    "*a",
    "<<",
    "!!python/object:os.system",
    "{{ 7*7 }}",
    "9**9**9",
    "\u202e",
    "\x00",
    "é",
    "null",
    "~",
    "[",
    "}",
    "- ",
    ": ",
    "#",
    "|",
    ">",
    "%YAML 1.2",
    "---",
    "\t",
    "\r",
    "1e999",
    ".nan",
    "99999999999999999999",
    "-1",
    "0x10",
    "1:30",
    "true",
    "yes",
    "''",
    '"',
    "import os",
    "in_channels",
    "depth",
    "when",
    "from",
    "extends",
    "input",
    "((((",
    "1_000",
    "0.1",
    "[[]]",
    "{a: {b: c}}",
    "2020-01-01",
    "\ud800".encode("utf-8", "surrogatepass"),
    b"\xff",
    b"\xef\xbb\xbf",
)


def mutated(seed: int, folder: Path) -> Found:
    """A damaged text gives a result or a SpecError."""
    pick = random.Random(seed)
    data = yaml.text(draw.valid(pick.randrange(2**32))).encode() if pick.random() < 0.6 else pick.choice(SEEDS).read_bytes()
    for _ in range(pick.choice((1, 1, 2, 4))):
        data = mutate(data, pick)
    return Found(survives(data, folder), data.decode("utf-8", "backslashreplace"))


def mutate(data: bytes, pick: random.Random) -> bytes:
    """Damages a text once: a byte, a line, a word, an indent, a key or a value."""
    at = pick.randrange(len(data) + 1)
    lines = data.split(b"\n")
    line = pick.randrange(len(lines))
    word = pick.choice(list(re.finditer(rb"[\w.]+|[^\w\s]", data)) or [re.match(rb"", data)])
    assert word is not None
    hostile = pick.choice(_HOSTILE)
    filler = hostile if isinstance(hostile, bytes) else hostile.encode()
    way = pick.randrange(10)
    if way == 0:
        return data[:at] + bytes([pick.randrange(256)]) + data[at + pick.randrange(2) :]
    if way == 1:
        return data[:at] + data[at + pick.randint(1, 8) :]
    if way == 2:
        del lines[line]
    elif way == 3:
        lines.insert(pick.randrange(len(lines) + 1), lines[line])
    elif way == 4:
        lines[line] = b" " * pick.randint(0, 9) + lines[line].lstrip()
    elif way == 5:
        other = pick.randrange(len(lines))
        lines[line], lines[other] = lines[other], lines[line]
    elif way == 6:
        return data[: word.start()] + filler + data[word.end() :]
    elif way == 7:
        another = pick.choice(re.findall(rb"[\w.]+", data) or [b"x"])
        return bytes(data[: word.start()] + another + data[word.end() :])
    elif way == 8:
        return data[: word.start()] + str(pick.choice((-1, 0, 2**31, 2**40, 2**70, 0.5, 10**30))).encode() + data[word.end() :]
    else:
        return data[:at] + filler + data[at:]
    return b"\n".join(lines)


def survives(data: bytes, folder: Path) -> str:
    """Says which other exception than SpecError a text raises on its way to a module, or ''."""
    path = folder / "mutated.yaml"
    path.write_bytes(data)
    try:
        network = archgen.load(path)
        if network.report().problem is None:
            network.source()
    except archgen.SpecError:
        return ""
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:300]}"
    return ""


# ---- texts that want to be code


CANARY = "archgen_fuzz_canary"
BITS = (
    '"""',
    "'''",
    '"',
    "'",
    "\\",
    "\n",
    "\n\n",
    "\u2028",
    "\x0b",
    "{{ 7*7 }}",
    "{% raw %}",
    "{#",
    "#}",
    "\\N{DIGIT ONE}",
    "%s",
    "#",
    "# -*- coding: utf-7 -*-",
    "+AAo-",
    "# type: ignore",
    "# fmt: off",
    "# noqa",
    "::add-mask::x",
    "::error::x",
    "\\x1b[31m",
    f"{CANARY}()",
    f"\n{CANARY}()\n",
    f'"""\n{CANARY}()\n"""',
    f'"""+{CANARY}()+"""',
    f"'''\n{CANARY}()\n'''",
    f"{{{CANARY}()}}",
    f"__import__('builtins').{CANARY}()",
    "word",
    " ",
    "é",
    "\U0001f600",
    ")",
    "]",
    "}",
    "\\u0022\\u0022\\u0022",
    "import os",
    f"\n    def forward(self, x):\n        {CANARY}()\n",
    "</script>",
    "$(id)",
    "`id`",
    "\\",
    "\\\n",
    "[N, C]",
    "x" * 130,
)


def injection(seed: int, folder: Path) -> Found:
    """A hostile text in every field of free text leaves the module's tree as it is, but for the strings, and never runs."""
    pick = random.Random(seed)
    texts = ["".join(pick.choice(BITS) for _ in range(pick.randint(1, 5))) for _ in range(3)]
    tree = draw.valid(pick.randrange(2**32))
    if not tree.get("blocks"):
        section = _sections(tree)[0]
        tree = {**tree, "blocks": {"Told": {"layers": {"t1": "tanh"}}}, section: {"told": "Told", **tree[section]}}
        try:
            meaning.network(tree)
        except Misfit:  # the next layer takes what enters, and nobody reads the new one
            return Found("", yaml.text(tree))
    found = "" if refused_where_left_out(tree, folder) else inert(tree, texts, folder)
    return Found(found, yaml.text(told(tree, texts)))


def told(tree: Tree, texts: list[str]) -> Tree:
    """The spec with a text as its description, and as that and the paper of its blocks."""
    first, second, third = (Quoted(text) for text in texts)
    blocks = {name: {**block, "description": second, "paper": third} for name, block in tree["blocks"].items()}
    return {**tree, "description": first, "blocks": blocks}


class Quoted(str):
    """A text that is always written in quotes."""


def inert(tree: Tree, texts: list[str], folder: Path, source_of: Callable[[Path], str] | None = None) -> str:
    """Says how the texts change the module, or ''. A refusal is an answer too: controls and lone returns are no text."""
    make = source_of or (lambda path: archgen.load(path).source())
    path = folder / "told.yaml"
    path.write_text(yaml.text(told(tree, ["x"] * 3)))
    try:
        plain = make(path)
    except archgen.SpecError as error:
        return f"refused: {error.problems[0].sentence}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    path.write_text(yaml.text(told(tree, texts)), encoding="utf-8")
    try:
        source = make(path)
    except archgen.SpecError:
        return ""
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:300]}"
    try:
        parsed = ast.parse(source.encode())
    except (SyntaxError, ValueError) as error:
        return f"the module is no Python: {error}"
    if _blanked(parsed) != _blanked(ast.parse(plain)):
        return "the text changes the module's code"
    with _canary() as ran:
        module: dict[str, Any] = {"__name__": "generated"}
        exec(compile(source.encode(), "<generated>", "exec"), module)
        module[tree["name"]]()
    if ran:
        return "the canary ran"
    return "" if _held(texts[0], f"{ast.get_docstring(parsed)}\n{module[tree['name']].__doc__}") else "the description is lost"


def _held(text: str, docstring: str) -> bool:
    """Whether the docstring says the text, whatever the lines."""
    return "".join(text.split()) in "".join(docstring.split())


def _blanked(tree: ast.Module) -> str:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


@contextlib.contextmanager
def _canary() -> Iterator[list[int]]:
    """A builtin of the canary's name: it notes that somebody called it."""
    ran: list[int] = []
    setattr(builtins, CANARY, lambda: ran.append(1))
    try:
        yield ran
    finally:
        delattr(builtins, CANARY)


KINDS: dict[str, Callable[[int, Path], Found]] = {
    "valid": valid,
    "negated": negated,
    "mutated": mutated,
    "injection": injection,
}


def replay(case: Path, folder: Path) -> str:
    """Tries a spec that was found once: the kind is the first word of its file's name."""
    kind = case.name.partition("_")[0]
    data = case.read_bytes()
    if kind in ("mutated", "injection"):
        return survives(data, folder)
    if kind == "negated":
        return refusal(data.decode(), folder)
    text = data.decode()
    return wrong(plain(parse(Source(case.name, text))), text, folder)
