"""A model YAML of Ultralytics as a spec: rows of what enters, how often, which module and its arguments.

Each row becomes a layer with a name of its own, and the numbers of the chosen scale are worked out. A module that has no
counterpart here is told at its row.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from archgen.diagnostics import Problem, SpecError, printable, quote, suggest
from archgen.language import names
from archgen.records import Record
from archgen.syntax import parser, trees

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from archgen.diagnostics import Place


KEYS = ("nc", "ch", "scales", "scale", "depth_multiple", "width_multiple", "anchors", "backbone", "head")
_REPEATS = {"C2f": "c2f", "C3": "c3"}  # modules that take the number of their blocks themselves
_BLOCKS = {
    "C3": """\
  C3:
    description: Half of the channels run through blocks, and the other half past them; a last convolution joins both.
    args: {channels: int, n: 1, shortcut: true}
    let: {half: channels // 2}
    layers:
      cv1: {ConvNormAct: half}
      m: {Inner: half, shortcut: shortcut, depth: n}
      cv2: {ConvNormAct: half, from: input}
      joined: {concat, from: [m, cv2]}
      cv3: {ConvNormAct: channels}
  Inner:
    description: A 1x1 and a 3x3 convolution, and the input added where shortcut is true.
    args: {channels: int, shortcut: true}
    layers:
      cv1: {ConvNormAct: channels}
      cv2: {ConvNormAct: channels, kernel_size: 3}
      added: {add, from: [cv2, input], when: shortcut and in_channels == channels}
""",
    "Halved": """\
  Halved:
    description: Two 3x3 convolutions, the first to half of the channels, and the input added where shortcut is true.
    args: {channels: int, shortcut: true}
    layers:
      cv1: {ConvNormAct: channels // 2, kernel_size: 3}
      cv2: {ConvNormAct: channels, kernel_size: 3}
      added: {add, from: [cv2, input], when: shortcut and in_channels == channels}
""",
    "Detect": """\
  Detect:
    description: A box, each side as a distribution over 16 distances, and a score for each class at each position.
    args: {classes: int, boxes: int, scores: int}
    layers:
      both:
        concat:
          cv2: [{ConvNormAct: boxes, kernel_size: 3}, {ConvNormAct: boxes, kernel_size: 3}, {conv: 64, kernel_size: 1}]
          cv3: [{ConvNormAct: scores, kernel_size: 3}, {ConvNormAct: scores, kernel_size: 3}, {conv: classes, kernel_size: 1}]
""",
}


class _Row(Record):
    """One row of a model: its number, and what stands in it."""

    number: int
    sources: tuple[int, ...]
    repeats: int
    module: str
    arguments: tuple[trees.Tree, ...]
    place: Place


class Imported(Record):
    """What a row becomes: a node, how many channels it gives, and the name of its layer."""

    name: str
    node: str
    channels: int


def text(path: Path, scale: str = "") -> str:
    """Returns a spec for a model's file. Raises SpecError with every row that has no counterpart."""
    return _Importer(parser.read(path), scale).spec(path)


def _rounded(channels: float) -> int:
    """Up to a multiple of 8, as Ultralytics rounds."""
    return math.ceil(channels / 8) * 8


class _Importer:
    def __init__(self, tree: trees.Mapping, scale: str) -> None:
        self.tree, self.problems = tree, list[Problem]()
        for key, _ in tree.entries:
            if key.text not in KEYS:
                self.problem(key.place, f"nothing here stands for {quote(key.text)}", suggest(key.text, KEYS, "keys"))
        self.classes = self.number(tree.get("nc"), "nc", 80)
        self.entering = self.number(tree.get("ch"), "ch", 3)
        self.scale, (self.depth, self.width, self.most) = self.factors(tree, scale)
        self.made: list[Imported] = []
        self.used: dict[str, None] = {}  # the blocks that the spec brings
        self.outputs: list[str] = []
        self.extra: list[str] = []  # layers of a row that makes several

    def problem(self, place: Place, sentence: str, help: str = "") -> None:
        self.problems.append(Problem(place, sentence, help))

    # ---- numbers

    def number(self, tree: trees.Tree | None, what: str, default: int) -> int:
        if tree is None:
            return default
        found = tree.text if isinstance(tree, trees.Scalar) else ""
        if not re.fullmatch("[0-9]{1,9}", found):
            self.problem(tree.place, f"{quote(what)} is a whole number")
            return default
        return int(found)

    def factors(self, tree: trees.Mapping, asked: str) -> tuple[str, tuple[float, float, float]]:
        """The scale, and its factors of depth and width and its most channels."""
        scales = tree.get("scales")
        if not isinstance(scales, trees.Mapping) or not scales.entries:
            if asked:
                self.problem(tree.place, "this model has no scales", "leave `--scale` out")
            found = [tree.get(f"{what}_multiple") for what in ("depth", "width")]
            depth, width = (1.0 if one is None else self.factor(one) for one in found)
            return "", (depth, width, math.inf)
        known = {key.text: value for key, value in scales.entries}
        own = tree.get("scale")
        name = asked or (own.text if isinstance(own, trees.Scalar) else next(iter(known)))
        if name not in known:
            self.problem(scales.place, f"this model has no scale {quote(name)}", suggest(name, known, "scales"))
            return name, (1.0, 1.0, math.inf)
        value = known[name]
        items = value.items if isinstance(value, trees.Sequence) else ()
        if len(items) != 3:
            self.problem(value.place, "a scale lists depth, width and the most channels", "as in `n: [0.33, 0.25, 1024]`")
            return name, (1.0, 1.0, math.inf)
        depth, width, most = map(self.factor, items)
        return name, (depth, width, most)

    def factor(self, tree: trees.Tree) -> float:
        found = tree.text if isinstance(tree, trees.Scalar) else ""
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", found):
            self.problem(tree.place, "a factor is a number", "as in `0.25`")
            return 1.0
        return float(found)

    # ---- rows

    def rows(self) -> list[_Row]:
        found: list[_Row] = []
        for part in ("backbone", "head"):
            tree = self.tree.get(part)
            if not isinstance(tree, trees.Sequence):
                place = self.tree.place if tree is None else tree.place
                self.problem(place, f"{quote(part)} lists rows", "a row is `[from, repeats, module, arguments]`")
                continue
            found += [self.row(len(found) + number, item) for number, item in enumerate(tree.items)]
        return found

    def row(self, number: int, tree: trees.Tree) -> _Row:
        items = tree.items if isinstance(tree, trees.Sequence) else ()
        if len(items) != 4 or not isinstance(items[2], trees.Scalar) or not isinstance(items[3], trees.Sequence):
            sentence = "a row lists what enters, how often, the module and its arguments"
            self.problem(tree.place, sentence, "as in `[-1, 1, Conv, [64, 3, 2]]`")
            return _Row(number, (-1,), 1, "nn.Identity", (), tree.place)
        sources = items[0].items if isinstance(items[0], trees.Sequence) else (items[0],)
        taken = tuple(self.source(one, number) for one in sources)
        return _Row(number, taken, max(1, self.number(items[1], "repeats", 1)), items[2].text, items[3].items, items[2].place)

    def source(self, tree: trees.Tree, number: int) -> int:
        """The row that a value is from, -1 for what enters the network."""
        found = tree.text if isinstance(tree, trees.Scalar) else ""
        if re.fullmatch("-?[0-9]{1,4}", found):
            row = int(found) + (number if int(found) < 0 else 0)
            if -1 <= row < number:
                return row
        self.problem(tree.place, "a row takes what a row before it gives, by its number, or back from here as `-1`")
        return -1

    def channels(self, row: int) -> int:
        return self.made[row].channels if row >= 0 else self.entering

    def layer(self, row: _Row) -> Imported:
        """What a row becomes. Its number stays in the name of its layer."""
        kinds: dict[str, Callable[[_Row], Imported]] = {
            "Conv": self.conv, "DWConv": self.conv, "C2f": self.stage, "C3": self.stage, "Bottleneck": self.bottleneck,
            "SPPF": self.pyramid, "Concat": self.concat, "nn.Upsample": self.upsample, "nn.Identity": self.identity,
            "Detect": self.detect, "Classify": self.classify,
        }  # fmt: skip
        if row.module not in kinds:
            known = "those that have: " + ", ".join(map(quote, kinds))
            self.problem(row.place, f"the module {quote(row.module)} has no counterpart here", known)
            return self.identity(row)
        if len(row.sources) > 1 and row.module not in ("Concat", "Detect"):
            self.problem(row.place, f"{quote(row.module)} takes one value")
        return kinds[row.module](row)

    def argument(self, row: _Row, number: int, default: str) -> str:
        """An argument as it is written, or its default."""
        if number >= len(row.arguments):
            return default
        tree = row.arguments[number]
        return tree.text if isinstance(tree, trees.Scalar) else ""

    def whole(self, row: _Row, number: int, default: int) -> int:
        if number >= len(row.arguments):
            return default
        return self.number(row.arguments[number], f"argument {number + 1} of {row.module}", default)

    def no_more(self, row: _Row, count: int) -> None:
        """Refuses arguments that the layer made of a row has no option for."""
        for tree in row.arguments[count:]:
            sentence = f"this argument of {quote(row.module)} has no counterpart here"
            self.problem(tree.place, sentence, "leave it out, if it is the default")

    def wide(self, row: _Row) -> int:
        """The channels that a row gives, at the scale."""
        if self.argument(row, 0, "") == "nc":
            return self.classes
        given = self.whole(row, 0, 1)
        return given if given == self.classes else _rounded(min(given, self.most) * self.width)

    def often(self, row: _Row) -> int:
        return max(round(row.repeats * self.depth), 1) if row.repeats > 1 else 1

    def made_of(self, row: _Row, kind: str, node: str, channels: int) -> Imported:
        """The layer of a row, its node as often as the row says, and with the value that it takes."""
        count = 1 if row.module in _REPEATS else self.often(row)
        node = node if count == 1 else f"{{sequence: [{', '.join([node] * count)}]}}"
        if row.sources[0] != row.number - 1:
            node = f"{node[:-1]}, from: {self.name(row.sources[0])}}}"
        return Imported(f"{kind}{row.number}", node, channels)

    def name(self, row: int) -> str:
        return self.made[row].name if row >= 0 else "input"

    def truth(self, row: _Row, number: int, default: bool) -> bool:
        return self.argument(row, number, str(default)).lower() == "true"

    # ---- modules

    def conv(self, row: _Row) -> Imported:
        channels, kernel, stride = self.wide(row), self.whole(row, 1, 1), self.whole(row, 2, 1)
        padding = kernel // 2 if self.argument(row, 3, "None") == "None" else self.whole(row, 3, kernel // 2)
        groups = math.gcd(self.channels(row.sources[0]), channels) if row.module == "DWConv" else self.whole(row, 4, 1)
        self.no_more(row, 3 if row.module == "DWConv" else 5)
        options = [
            (f"kernel_size: {kernel}", kernel != 1),
            (f"stride: {stride}", stride != 1),
            (f"groups: {groups}", groups != 1),
        ]
        said = "".join(f", {option}" for option, there in options if there)
        if kernel % 2 and padding == kernel // 2:
            return self.made_of(row, "conv", f"{{ConvNormAct: {channels}{said}}}", channels)
        conv = f"{{conv: {channels}{said}, padding: {padding}, bias: false}}"
        return self.made_of(row, "conv", f"{{sequence: [{conv}, batch_norm, silu]}}", channels)

    def stage(self, row: _Row) -> Imported:
        channels, shortcut = self.wide(row), self.truth(row, 1, row.module == "C3")
        self.no_more(row, 2)
        if row.module == "C3":
            self.used["C3"] = None
        said = f", n: {self.often(row)}" + (f", shortcut: {str(shortcut).lower()}" if shortcut != (row.module == "C3") else "")
        return self.made_of(row, _REPEATS[row.module], f"{{{row.module}: {channels}{said}}}", channels)

    def bottleneck(self, row: _Row) -> Imported:
        channels, shortcut = self.wide(row), self.truth(row, 1, True)
        self.no_more(row, 2)
        self.used["Halved"] = None
        return self.made_of(row, "bottleneck", f"{{Halved: {channels}{'' if shortcut else ', shortcut: false'}}}", channels)

    def pyramid(self, row: _Row) -> Imported:
        channels, kernel = self.wide(row), self.whole(row, 1, 5)
        self.no_more(row, 2)
        return self.made_of(row, "sppf", f"{{SPPF: {channels}{f', kernel_size: {kernel}' if kernel != 5 else ''}}}", channels)

    def concat(self, row: _Row) -> Imported:
        if self.argument(row, 0, "1") != "1":
            self.problem(row.place, "`concat` joins along the channels, which is 1 here")
        names = ", ".join(map(self.name, row.sources))
        return Imported(f"concat{row.number}", f"{{concat, from: [{names}]}}", sum(map(self.channels, row.sources)))

    def upsample(self, row: _Row) -> Imported:
        size, mode = self.argument(row, 0, "None"), self.argument(row, 2, "nearest")
        if size != "None" or mode not in ("nearest", "bilinear"):
            sentence = "`nn.Upsample` takes no size here, a factor, and `nearest` or `bilinear`"
            self.problem(row.place, sentence, "write `[None, 2, nearest]`")
        said = "" if mode == "nearest" else f", mode: {mode}"
        return self.made_of(row, "up", f"{{upsample: {self.whole(row, 1, 2)}{said}}}", self.channels(row.sources[0]))

    def identity(self, row: _Row) -> Imported:
        return self.made_of(row, "same", "{identity}", self.channels(row.sources[0]))

    def classify(self, row: _Row) -> Imported:
        self.no_more(row, 1)
        node = "{sequence: [{ConvNormAct: 1280}, {adaptive_avg_pool: 1}, flatten, {linear: num_classes}]}"
        return self.made_of(row, "classify", node, self.classes)

    def detect(self, row: _Row) -> Imported:
        """A head for each level: with `anchors` one convolution, as in YOLOv5, without them as in YOLOv8."""
        first = self.channels(row.sources[0])
        for number, source in enumerate(row.sources):
            name = f"detect{row.number}_{number}"
            if len(row.arguments) > 1:
                node = f"{{conv: {self.anchors()} * (num_classes + 5), kernel_size: 1, from: {self.name(source)}}}"
            else:
                self.used["Detect"] = None
                boxes, scores = max(16, first // 4, 64), max(first, min(self.classes, 100))
                node = f"{{Detect: num_classes, boxes: {boxes}, scores: {scores}, from: {self.name(source)}}}"
            self.outputs.append(name)
            self.extra.append(f"  {name}: {node}")
        return Imported("", "", 0)

    def anchors(self) -> int:
        """How many boxes a level has at each position."""
        tree = self.tree.get("anchors")
        if isinstance(tree, trees.Sequence) and tree.items and isinstance(tree.items[0], trees.Sequence):
            return len(tree.items[0].items) // 2
        return 3 if tree is None else self.number(tree, "anchors", 3)

    # ---- the whole

    def spec(self, path: Path) -> str:
        lines: dict[str, list[str]] = {"backbone": [], "head": []}
        backbone = self.tree.get("backbone")
        count = len(backbone.items) if isinstance(backbone, trees.Sequence) else 0
        for row in self.rows():
            made = self.layer(row)
            self.made.append(made)
            lines["backbone" if row.number < count else "head"] += [f"  {made.name}: {made.node}"] if made.name else self.extra
        if self.problems:
            raise SpecError(*self.problems)
        said = "".join([*lines["backbone"], *lines["head"]])
        scale = f", at scale {self.scale}" if self.scale else ""
        size = 224 if not self.outputs and "num_classes" in lines["head"][-1] else 640
        parts = [
            f"name: {_class_name(path.stem, self.scale)}",
            f"description: From {printable(path.name)}, rows of Ultralytics{scale}; the number in a name is that of its row.",
            f"input: [{self.entering}, {size}, {size}]",
            *([f"args: {{num_classes: {self.classes}}}"] if "num_classes" in said else []),
            "defaults:",
            "  batch_norm: {eps: 0.001, momentum: 0.03}",
            *(["  ConvNormAct: {activation: silu}"] if "ConvNormAct" in said or self.used else []),
            *([f"outputs: [{', '.join(self.outputs)}]"] if self.outputs else []),
            "stages:", *lines["backbone"], "head:", *lines["head"],
        ]  # fmt: skip
        blocks = "blocks:\n" + "".join(_BLOCKS[name] for name in self.used) if self.used else ""
        return "\n".join(parts) + "\n" + blocks


def _class_name(stem: str, scale: str) -> str:
    """A class's name of a file's: `yolov8` at scale n is `Yolov8n`."""
    words = re.findall("[A-Za-z0-9]+", stem)
    found = "".join(word[:1].upper() + word[1:] for word in words) + scale
    return found if not names.why_no_class(found) else "Model"
