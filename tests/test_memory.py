"""Memory: what each op keeps, the peaks of small networks and of some of the zoo, against what eager torch holds on the CPU."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from archgen import load
from archgen.ops import MERGES, OPS, Op, Shape
from archgen.ops.activation import SiLU
from archgen.ops.conv import Conv
from archgen.ops.pool import MaxPool
from archgen.ops.value import Footprint, Mode
from tests.conftest import ROOT, SMALL, Result

torch = pytest.importorskip("torch")

from tests.memory import Bytes, measured, predicted, runs  # noqa: E402
from tests.test_ops import FLAT, IMAGE, LAST, LINE, ROWS, VOLUME, broken, built  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from archgen.network import Network

torch.set_num_threads(1)
SCHEMA = json.loads((ROOT / "docs/report.schema.json").read_text())
BATCH = 3

# ---- each op


def kept_by_torch(op: Op, x: Shape, inplace: bool) -> tuple[bool, dict[str, int]]:
    """Whether the result is the input's memory, and the bytes that the backward pass gets: `input`, `output` and the rest."""
    layer = built(op, x).train()
    if inplace:
        layer.inplace = True
    entering = torch.randn(BATCH, *x.sizes, requires_grad=True) + 0
    own = {tensor.untyped_storage()._cdata for tensor in (*layer.parameters(), *layer.buffers())}
    saved: list[Any] = []

    def keep(tensor: Any) -> Any:
        saved.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        leaving = layer(entering)
    first, last = entering.untyped_storage()._cdata, leaving.untyped_storage()._cdata
    storages = {tensor.untyped_storage()._cdata: tensor.untyped_storage().nbytes() for tensor in saved}
    names = {first: "input", last: "output"}
    found: dict[str, int] = {}
    for key, size in storages.items():
        if key not in own:
            name = names.get(key, "rest")
            found[name] = found.get(name, 0) + size
    return first == last, found


def kept_by_rule(op: Op, x: Shape, inplace: bool) -> tuple[bool, dict[str, int]]:
    y = op.output(x)
    found = op.footprint(x, y, Mode(training=True, gradient=True, further=True, batch=BATCH))
    size = {"input": 4 * BATCH * shape_size(x), "output": 4 * BATCH * shape_size(y)}
    rest = 4 * (BATCH * found.image + found.batch) + BATCH * (8 * found.indices + 4 * found.singles)
    keeps = set(found.keeps)
    if found.forward:
        rest = sum(found.forward) - size["output"]
    if found.first is not None:  # what the call makes first is kept in the input's place
        rest, keeps = rest + 4 * BATCH * found.between, set(found.first.keeps)
    if inplace and op.inplace_keeps_output:
        keeps = {"output"}
    elif inplace and "input" in keeps:
        keeps, rest = set(), rest + size["input"]
    return found.shared or inplace, {name: size[name] for name in keeps} | ({"rest": rest} if rest else {})


def shape_size(shape: Shape) -> int:
    return int(torch.Size(shape.sizes).numel())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(OPS))
def test_what_an_op_keeps(name: str) -> None:
    tried = 0
    for x in ROWS[name].inputs:
        for number, point in enumerate(ROWS[name].points()):
            op = OPS[name](**point)
            if number % 7 and number > 20:
                continue
            if all(constraint.holds() for constraint in op.constraints(x)):
                for inplace in (False, True) if op.inplace and getattr(op, "p", True) else (False,):
                    tried += 1
                    shared, kept = kept_by_torch(op, x, inplace)
                    assert kept_by_rule(op, x, inplace) == (shared, kept), (op, x, inplace)
                    assert not op.fresh or not (shared or "output" in kept), (op, x)  # what follows may overwrite it
    assert tried


def test_a_wrong_fact_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SiLU, "keeps", ("output",))
    x = Shape((4, 7, 6))
    assert kept_by_rule(SiLU(), x, False) != kept_by_torch(SiLU(), x, False)


# ---- each op in a network of its own

ROLES = {"first": ((), False), "after a value that is read": (("kept",), False), "after a new value": (("new",), True)}
OPTIONS_EACH = 4  # of the combinations of options in the table of the op tests, and each value of an option that is a word


def options_of(name: str, x: Shape) -> list[dict[str, Any]]:
    kind = OPS[name]
    fitting = [point for point in ROWS[name].points() if not broken(kind(**point), x)]
    chosen = fitting[:: max(1, len(fitting) // OPTIONS_EACH)][:OPTIONS_EACH]
    for option, words in kind.words.items():
        for word in words:
            chosen += [point for point in fitting if point.get(option, kind.defaults.get(option)) == word][-2:]
    return chosen


def written(value: Any) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value).lower()


def spec_around(node: str, x: Shape, before: tuple[str, ...], after: bool) -> str:
    """A network whose `op` gets a value of this shape; the layers around it decide whose gradient is wanted."""
    new, start = f"{{conv: {x.channels}, kernel_size: 1}}", []
    if not x.rank or x.channel_axis:
        new = f"{{linear: {x.channels}}}"
        start = ["flat: flatten"] if not x.rank else [f"last: {{permute: [0, {', '.join(map(str, range(2, x.rank + 2)))}, 1]}}"]
        start += ["norm: layer_norm"] * bool(x.rank)  # whose result lies in memory as its axes say
    elif x.arranged:
        new, start = f"{{linear: {x.sizes[-1]}}}", ["arranged: {transpose: [1, 1]}"]
    lines = [*start, *(f"{word}: {new if word == 'new' else 'layer_scale'}" for word in before), f"op: {node}"]
    lines += ["end: layer_scale"] * after
    sizes = [x.channels, *(x.spatial or (1,))]
    return f"name: Net\ninput: {sizes}\nstem:\n" + "".join(f"  {line}\n" for line in lines)


def disagreements(name: str, folder: Path) -> tuple[list[str], int]:
    """Where what is predicted of an op is not what torch's allocator gives out, and how many networks were tried."""
    modules, expected = {}, {}
    extra = tuple(x for x in ROWS[name].inputs if x not in ROWS["relu"].inputs)
    for x in (LINE, IMAGE, VOLUME, FLAT, LAST, *extra):
        for point in options_of(name, x):
            options = "".join(f", {key}: {written(value)}" for key, value in point.items() if value is not None)
            for before, after in ROLES.values():
                text = spec_around(f"{{{name}{options}}}", x, before, after)
                found = network(text, folder)
                modules[text] = found.module(), (2, *found.spec.input)
                expected[text] = predicted(found, 2)
    faults = [
        f"{text}predicted {expected[text]}\nmeasured {found.bytes}"
        for text, found in runs(modules).items()
        if not equal(expected[text], found.bytes)
    ]
    return faults, len(modules)


def equal(ours: Bytes, theirs: Bytes) -> bool:
    """To the byte; in training but for the loss, a single number, and its gradient."""
    return (ours.inference, ours.kept) == (theirs.inference, theirs.kept) and 0 <= theirs.training - ours.training <= 8


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(OPS))
def test_an_op_takes_what_the_allocator_gives(name: str, tmp_path: Path) -> None:
    faults, tried = disagreements(name, tmp_path)
    assert tried
    assert not faults, faults[0]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("op", [MaxPool, Conv], ids=["indices along one axis", "a padded copy"])
def test_an_op_that_says_otherwise_is_seen(op: type[Op], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both were wrong once: the indices of a 1-D pooling, which torch then does not make, and the copy that is padded."""

    def footprint(self: Op, x: Shape, y: Shape, mode: Mode) -> Footprint:
        return Footprint(keeps=self.keeps, indices=shape_size(y) if op is MaxPool else 0)

    monkeypatch.setattr(op, "footprint", footprint)
    faults, _ = disagreements(op.name, tmp_path)
    assert faults


REFLECTED = "stem: {p: {layer_scale: 0.1}, c: {conv: 8, kernel_size: 3, padding_mode: reflect}}"


@pytest.mark.parametrize(
    ("text", "size"),
    [("input: [8, 4096]\nstem: {b: {max_pool: 2}}", 196_608), (f"input: [8, 64, 64]\n{REFLECTED}", 532_608)],
)
def test_what_was_wrong_once(text: str, size: int, tmp_path: Path) -> None:
    found = network(f"name: Net\n{text}\n", tmp_path)
    assert found.costs().inference.size == size
    assert measured(found).bytes.inference == size


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(MERGES))
@pytest.mark.parametrize("values", ["[a, b]", "[b, a]", "[a, b, a]", "[a, b, c]"])
@pytest.mark.parametrize("behind", ["relu", "silu", "{conv: 2, kernel_size: 1}"])
def test_a_merge_takes_what_the_allocator_gives(name: str, values: str, behind: str, tmp_path: Path) -> None:
    """Of variables and of what is written inside it, which is gone as soon as it is taken."""
    if not MERGES[name].least <= values.count(",") + 1 <= (MERGES[name].most or 3):
        return
    convs = "".join(f"  {letter}: {{conv: 4, kernel_size: 3, from: input}}\n" for letter in "abc" if letter in values)
    text = f"name: Net\ninput: [4, 16, 16]\nstem:\n{convs}  m: {{{name}, from: {values}}}\n  end: {behind}\n"
    found = network(text, tmp_path)
    ours, theirs = predicted(found, 2), measured(found, 2).bytes
    assert equal(ours, theirs), (ours, theirs)


# ---- whole networks

BLOCK = "name: Net\ninput: [4, 16, 16]\n"
NETWORKS = {
    "a sum, whose gradient is spread": """
stem:
  conv: {conv: 8, kernel_size: 3}
  total: {sum: [2, 3], keepdim: true}
  shared: {multiply, from: [conv, total]}
  late: {conv: 3, kernel_size: 3}
""",
    "a sum of what others read too": """
stem:
  conv: {conv: 8, kernel_size: 3}
  more: {conv: 8, kernel_size: 3}
  total: {sum: 1, keepdim: true, from: conv}
  largest: {amax: [2, 3], keepdim: true, from: conv}
  length: {norm: 1, keepdim: true, ord: 3, from: more}
  gated: {multiply, from: [total, largest]}
  longer: {multiply, from: [gated, length]}
  last: {add, from: [longer, conv]}
""",
    "a sum of a sum": """
stem:
  conv: {conv: 8, kernel_size: 3}
  bn: batch_norm
  act: silu
  rows: {sum: 3, keepdim: true}
  columns: {sum: 2, keepdim: true}
  unit: {normalize, dim: 1}
  last: {conv: 3, kernel_size: 1}
""",
    "chain in place": """
stem: {conv: {conv: 8, kernel_size: 3}, bn: batch_norm, act: silu, drop: {dropout: 0.3},
   fc: {conv: 5, kernel_size: 1}}
""",
    "sequence in place": """
stem: {all: [{conv: 8, kernel_size: 3}, batch_norm, relu6, {conv: 8, kernel_size: 3}, elu, {max_pool: 2}]}
""",
    "residual outside a block": """
stem:
  conv: {conv: 8, kernel_size: 3}
  sum: {residual: {conv1: {conv: 8, kernel_size: 3}, bn: batch_norm, act: relu, conv2: {conv: 8, kernel_size: 3}}}
  relu: relu
  late: {conv: 3, kernel_size: 3}
  later: {conv: 3, kernel_size: 3}
""",
    "three ways": """
stem:
  conv: {conv: 8, kernel_size: 3}
  sum: {add: {a: {conv: 8, kernel_size: 3}, b: {conv: 8, kernel_size: 1}, c: {conv: 8, kernel_size: 5}}}
  less: {subtract, from: [sum, conv]}
  act: hardswish
  much: {multiply, from: [less, act]}
  last: {conv: 3, kernel_size: 3}
""",
    "a gate": """
stem:
  conv: {conv: 8, kernel_size: 3}
  gate: {SqueezeExcite: 4}
  last: {conv: 3, kernel_size: 3}
""",
    "a gate of one channel": """
stem:
  conv: {conv: 8, kernel_size: 3}
  gated: {multiply: {value: identity, gate: [{conv: 1, kernel_size: 1}, sigmoid]}}
  last: {conv: 3, kernel_size: 3}
""",
    "a gate of one channel, written first": """
stem:
  conv: {conv: 8, kernel_size: 3}
  gated: {multiply: {gate: [{conv: 1, kernel_size: 1}, sigmoid], value: relu}}
  last: {conv: 3, kernel_size: 3}
""",
    "gates of both kinds": """
stem:
  conv: {conv: 8, kernel_size: 3}
  spatial: [{conv: 1, kernel_size: 1}, sigmoid]
  channel: {sequence: [{adaptive_avg_pool: 1}, {conv: 8, kernel_size: 1}, sigmoid], from: conv}
  gate: {multiply, from: [spatial, channel]}
  gated: {multiply, from: [gate, conv]}
  last: {conv: 3, kernel_size: 3}
""",
    "gates of both kinds, the other first": """
stem:
  conv: {conv: 8, kernel_size: 3}
  spatial: [{conv: 1, kernel_size: 1}, sigmoid]
  channel: {sequence: [{adaptive_avg_pool: 1}, {conv: 8, kernel_size: 1}, sigmoid], from: conv}
  gate: {multiply, from: [channel, spatial]}
  gated: {add, from: [gate, conv]}
  last: {conv: 3, kernel_size: 3}
""",
    "split and concat": """
stem:
  conv: {conv: 8, kernel_size: 3}
  halves:
    concat: {left: identity, right: {conv: 4, kernel_size: 3}}
    split: true
  shuffle: {channel_shuffle: 2}
  last: {conv: 3, kernel_size: 3}
""",
    "skips that wait": """
stem:
  down1: {conv: 8, kernel_size: 3}
  pool1: {max_pool: 2}
  down2: {conv: 16, kernel_size: 3}
  pool2: {avg_pool: 2}
  low: {conv: 16, kernel_size: 3}
  up2: {upsample: 2}
  skip2: {concat, from: [down2, up2]}
  up1: {conv_transpose: 8, kernel_size: 2, stride: 2}
  skip1: {concat, from: [down1, up1]}
  last: {conv: 3, kernel_size: 3}
""",
    "parameters late": """
stem:
  pool: {avg_pool: 2}
  act: relu
  drop: {channel_dropout: 0.2}
  conv: {conv: 3, kernel_size: 3}
""",
    "channels last": """
stem:
  conv: {conv: 8, kernel_size: 3}
  move: {permute: [0, 2, 3, 1]}
  norm: layer_norm
  fc1: {linear: 16}
  act: gelu
  fc2: {linear: 8}
  scale: layer_scale
  slope: prelu
  dropped: {stochastic_depth: 0.2}
  back: {permute: [0, 3, 1, 2]}
  sum: {add, from: [conv, back]}
""",
    "norms": """
stem:
  conv: {conv: 8, kernel_size: 3, padding: 1, padding_mode: reflect}
  instance: {instance_norm, affine: true}
  act1: leaky_relu
  group: {group_norm: 2}
  act2: mish
  around: {pad: [1, 1, 1, 1]}
  adaptive: {adaptive_max_pool: 4}
head: {avgpool: {adaptive_avg_pool: 1}, flatten: flatten, softmax: {softmax: 1}}
""",
    "local response": """
stem: {conv: {conv: 8, kernel_size: 3}, lrn: {local_response_norm: 5}, last: {conv: 1, kernel_size: 3}}
""",
    "depth": """
stages:
  layer1: {BasicBlock: 8, depth: 3, stride: 1}
  layer2: {Bottleneck: 4, depth: 2, stride: 2}
  layer3: {InvertedResidual: 16, depth: 2, stride: 2}
  layer4: {MBConv: 24, depth: 2, stride: 2, drop: 0.1}
""",
    "a transformer": """
stem:
  conv: {conv: 12, kernel_size: 4, stride: 4}
  flat: {flatten, start_dim: 2}
  tokens: {transpose: [1, 2]}
  class_token: class_token
  positions: position_embedding
stages: {layers: {EncoderBlock: 3, depth: 2, drop: 0.1}}
head: {norm: layer_norm, fc: {linear: 5}}
""",
    "a sequence of blocks": """
stem: {all: [{ConvNormAct: 8}, {ConvNormAct: 8, kernel_size: 3, activation: silu}, {SqueezeExcite: 2}]}
""",
    "unread part": """
stem: {conv: {conv: 8, kernel_size: 3}, p: {split: {a: 2, b: 5, c: 1}},
   r: {relu, from: p.b}, last: {conv: 3, kernel_size: 3}}
""",
    "equal parts, one unread": """
stem: {conv: {conv: 9, kernel_size: 3}, p: {chunk: 3}, r: {silu, from: p.1},
   s: {silu, from: p.2}, m: {multiply, from: [r, s]}, last: {conv: 3, kernel_size: 3}}
""",
    "parts of the height": """
stem: {conv: {conv: 8, kernel_size: 3}, p: {split: [4, 12], dim: 2}, r: {conv: 8, kernel_size: 3, from: p.0},
   z: {conv: 3, kernel_size: 3, from: p.1}}
outputs: [r, z]
""",
    "parts joined again": """
stem: {conv: {conv: 8, kernel_size: 3}, p: {chunk: 2}, r: {conv: 4, kernel_size: 3, from: p.0},
   j: {concat, from: [p.1, r, p.0]}, act: relu, last: {conv: 3, kernel_size: 3}}
""",
    "parts added": """
stem: {conv: {conv: 8, kernel_size: 3}, p: {chunk: 2}, j: {add, from: [p.1, p.0]},
   act: relu, last: {conv: 3, kernel_size: 3}}
""",
    "a part is the output": """
stem: {conv: {conv: 8, kernel_size: 3}, p: {chunk: 2}, a: {conv: 3, kernel_size: 3, from: p.0}}
outputs: [p.1, a]
""",
    "parts behind a norm": """
stem: {conv: {conv: 8, kernel_size: 3}, bn: batch_norm, p: {chunk: 2}, a: {relu, from: p.0},
   b: {sigmoid, from: p.1}, m: {multiply, from: [a, b]}, last: {conv: 3, kernel_size: 1}}
""",
    "collected": """
stem: {conv: {conv: 8, kernel_size: 3}, a: {B: 8, depth: 3, collect: concat},
   b: {B: 6, depth: 2, collect: concat}, last: {conv: 3, kernel_size: 1}}
blocks: {B: {args: {channels: int}, layers: {conv: {conv: channels, kernel_size: 3}, bn: batch_norm, act: relu}}}
""",
    "several outputs": """
stem: {conv: {conv: 8, kernel_size: 3}, a: {B: 6}, act: {relu, from: a.y},
   both: {multiply, from: [act, a.z]}, last: {conv: 3, kernel_size: 1}}
blocks: {B: {args: {channels: int}, layers: {y: {conv: channels, kernel_size: 3}, z: {tanh, from: y}}, outputs: [y, z]}}
""",
    "several inputs": """
stem: {conv: {conv: 8, kernel_size: 3}, d: {conv: 6, kernel_size: 3, stride: 2},
   a: {B: 6, from: [d, conv]}, last: {conv: 3, kernel_size: 1}}
blocks: {B: {inputs: [x, skip], args: {channels: int}, layers: {up: {upsample: 2},
   j: {concat, from: [up, skip]}, act: relu, z: {conv: channels, kernel_size: 3}}}}
""",
    "again": """
stem: {c: {conv: 8, kernel_size: 3}, r: relu, s: {use: r}, t: {max_pool: 2},
   u: {use: r}, last: {conv: 3, kernel_size: 1}}
""",
    "again with weights": """
stem: {c: {conv: 4, kernel_size: 3}, r: relu, s: {use: c}, t: tanh, u: {use: c},
   v: sigmoid, last: {conv: 3, kernel_size: 1}}
""",
    "from in branches": """
stem: {c: {conv: 4, kernel_size: 3}, d: {conv: 4, kernel_size: 3}, m: {add: {a: {identity, from: c}, b: {silu, from: c},
   x2: [{conv: 4, kernel_size: 3}, relu]}},
   last: {conv: 3, kernel_size: 1}}
""",
}


def network(text: str, folder: Path) -> Network:
    path = folder / "net.yaml"
    path.write_text(text)
    return load(path)


def compare(found: Network, batch: int = 1, dtype: str = "float32") -> None:
    ours, theirs = predicted(found, batch, dtype), measured(found, batch, dtype).bytes
    assert equal(ours, theirs), (ours, theirs)


@pytest.mark.parametrize("name", NETWORKS)
def test_small_networks(name: str, tmp_path: Path) -> None:
    found = network(BLOCK + NETWORKS[name], tmp_path)
    compare(found)
    compare(found, batch=2)


def test_the_gradient_of_a_sum_is_laid_out_for_a_linear_layer(tmp_path: Path) -> None:
    """Torch joins the batch and the tokens; of one image alone it could leave the gradient as it is."""
    layers = "flat: {flatten, start_dim: 2}, move: {permute: [0, 2, 1]}, norm: layer_norm, fc: {linear: 4}, act: relu"
    compare(network(f"{BLOCK}stem: {{{layers}, total: {{sum: 1}}, last: {{linear: 3}}}}\n", tmp_path), batch=2)


@pytest.mark.parametrize(
    "name",
    ["resnet18", "googlenet", "mobilenet_v2", "densenet121", "shufflenet_v2_x1_0", "efficientnet_b0", "unet", "resnet18_audio"],
)
def test_networks_of_the_zoo(name: str) -> None:
    compare(load(ROOT / f"specs/{name}.yaml"))


def test_batch_and_dtype() -> None:
    compare(load(ROOT / "specs/squeezenet1_0.yaml"), batch=3, dtype="bfloat16")


def test_the_comparison_can_fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = network(BLOCK + NETWORKS["chain in place"], tmp_path)
    monkeypatch.setattr(SiLU, "footprint", lambda *_: Footprint())  # as if nothing were kept
    with pytest.raises(AssertionError):
        compare(found)


# ---- what is shown


def test_the_table(archgen: Callable[..., Result]) -> None:
    result = archgen("shapes", ROOT / "specs/resnet18.yaml", "--memory", "--depth", "1")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[2].split() == ["conv1", "64x112x112", "3,211,264", "602,112", "3,813,376"]
    assert "inference peak     6.70 MiB at bn1" in lines
    assert "parameters         44.59 MiB, their gradients the same again" in lines
    assert max(map(len, lines)) <= 80


def test_containers_add_up() -> None:
    costs = load(ROOT / "specs/googlenet.yaml").costs()
    leaves = [layer for layer in costs.layers if layer.row.leaf]
    top = [layer for layer in costs.layers if layer.row.depth == 1]
    for column in ("activation", "kept", "traffic"):
        assert sum(getattr(layer, column) for layer in leaves) == sum(getattr(layer, column) for layer in top)
    assert max(layer.live for layer in top) == costs.inference.size
    assert costs.kept == sum(layer.kept for layer in top)


def test_the_batch_and_the_dtype_scale() -> None:
    found = load(ROOT / "specs/vgg11.yaml")
    one, two, half = found.costs(), found.costs(batch=2), found.costs(dtype="float16")
    assert two.inference.size == 2 * one.inference.size
    assert two.activations == one.activations
    assert half.parameters * 2 == one.parameters
    assert half.inference.size * 2 >= one.inference.size  # the indices of a pooling are int64 whatever the dtype


def test_bytes_of_a_linear_layer(tmp_path: Path) -> None:
    found = network("name: Net\ninput: [2, 3]\nstem: {flat: flatten, fc: {linear: 10}, act: relu}\n", tmp_path).costs()
    assert found.parameters == 4 * 70
    assert found.layers[0].traffic == 0
    assert found.layers[1].traffic == 4 * (6 + 10 + 70)
    assert found.traffic == 4 * (6 + 10 + 70) + 4 * 20
    assert found.intensity == 2 * 60 / found.traffic
    assert found.activations == 10
    assert found.buffers == 0


def test_activations_are_those_that_others_count() -> None:
    """timm's model cards give 2.5 and 11.1 million for these at 224 pixels."""
    assert round(load(ROOT / "specs/resnet18.yaml").costs().activations / 1e6, 1) == 2.5
    assert round(load(ROOT / "specs/resnet50.yaml").costs().activations / 1e6, 1) == 11.1


def test_json_follows_its_schema(archgen: Callable[..., Result]) -> None:
    result = archgen(
        "shapes", ROOT / "specs/resnet18.yaml", "--memory", "--format", "json", "--batch", "4", "--dtype", "bfloat16"
    )
    values = json.loads(result.out)
    jsonschema.validate(values, SCHEMA)
    assert values["memory"]["dtype"] == "bfloat16"
    assert values["layers"][0]["activation_bytes"] == 2 * 4 * 64 * 112 * 112
    assert values["memory"]["kept_bytes"] == sum(layer["kept_bytes"] for layer in values["layers"] if layer["depth"] == 1)


def test_dtype_alone_is_refused(archgen: Callable[..., Result]) -> None:
    result = archgen("shapes", ROOT / "specs/resnet18.yaml", "--dtype", "float16")
    assert result.code == 2
    assert "--dtype goes with --memory" in result.err


@pytest.mark.parametrize("option", [["--memory"], ["--with-bias"], ["--batch", "2"]])
def test_what_symbolic_sizes_do_not_show_is_refused(option: list[str], archgen: Callable[..., Result]) -> None:
    result = archgen("shapes", ROOT / "specs/resnet18.yaml", "--symbolic", *option)
    assert result.code == 2
    assert "--symbolic goes without" in result.err


def test_an_input_that_does_not_fit(archgen: Callable[..., Result]) -> None:
    result = archgen("shapes", ROOT / "specs/alexnet.yaml", "--memory", "--input", "3x9x9")
    assert result.code == 2
    assert "error:" in result.err


# ---- biases


def test_macs_with_bias(archgen: Callable[..., Result], project: Path) -> None:
    plain = json.loads(archgen("shapes", "specs/small.yaml", "--format", "json").out)
    biased = json.loads(archgen("shapes", "specs/small.yaml", "--format", "json", "--with-bias").out)
    jsonschema.validate(biased, SCHEMA)
    added = [after["macs"] - before["macs"] for before, after in zip(plain["layers"], biased["layers"])]
    assert added == [16 * 32 * 32, 0, 0, 0, 10]
    assert biased["totals"]["macs"] - plain["totals"]["macs"] == sum(added)
    assert "bias" in biased["mac_convention"]
    assert biased["mac_convention"] != plain["mac_convention"]
    assert "one more for each output to which a bias is added" in archgen("shapes", "specs/small.yaml", "--with-bias").out


def test_assertions_never_count_biases(archgen: Callable[..., Result], tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(SMALL + 'assert: ["macs == 442528"]\n')
    assert load(path).report().totals.macs == 442528
    assert archgen("shapes", path, "--with-bias").code == 0


# ---- assert


@pytest.mark.parametrize("name", ["activations", "inference_memory", "training_memory"])
def test_assertions_about_costs(name: str, tmp_path: Path) -> None:
    have = network(SMALL, tmp_path).costs().assertable()[name]
    assert network(SMALL + f'assert: ["{name} == {have}", "macs < 1e9"]\n', tmp_path).report().problem is None
    problem = network(SMALL + f'assert: ["{name} < {have}"]\n', tmp_path).report().problem
    assert problem is not None
    assert problem.sentence == f"this assertion does not hold: `{name}` is {have:,}"


def test_an_assertion_about_memory_needs_a_module(tmp_path: Path) -> None:
    """Where no class can be written for a block, that is said, and not a traceback."""
    text = """\
name: Net
input: [4, 8, 8]
assert: ["inference_memory < 1e9"]
stem: {one: Norm, flatten: flatten, two: Norm}
blocks: {Norm: {layers: {bn: batch_norm}}}
"""
    problem = network(text, tmp_path).report().problem
    assert problem is not None
    assert "which would make two classes" in problem.sentence


# ---- the page


def test_the_table_of_the_docs_is_what_is_predicted() -> None:
    lines = (ROOT / "docs/memory.md").read_text().splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")][1:]
    assert len(rows) >= 50
    for name, *cells in [*rows[::4], *(row for row in rows if "," in row[0])]:
        spec, images = name.partition(", two images")[:2]
        ours = predicted(load(ROOT / f"specs/{spec}.yaml"), 2 if images else 1)
        assert (cells[0], cells[3]) == (f"{ours.inference / 2**20:,.2f}", f"{ours.training / 2**20:,.2f}"), name
    assert {row[0].partition(",")[0] for row in rows} == {path.stem for path in ROOT.glob("specs/*.yaml")}
    off = {row[0] for row in rows if any(abs(float(error.rstrip("%"))) > 0.01 for error in (row[3], row[6]))}
    assert off == {"convnext_base", "convnext_large", "retinanet_resnet50_fpn_v2"}  # as measured: the page says why


def test_the_example_of_the_docs(archgen: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    example = (ROOT / "docs/memory.md").read_text().split("```\n")[1]
    command, shown = example.split("\n", 1)
    assert archgen(*command.split()[2:]).out.startswith(shown.removesuffix("...\n"))
