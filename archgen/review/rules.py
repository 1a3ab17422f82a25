"""What breaks those who use a module: a row for each rule. Its witness is what fails, as Python; the tests run it.

In a witness `Old` and `New` are the two classes, `old` and `new` are built with their defaults, `state` is what a
checkpoint of the old one holds, and `x` goes into both.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from archgen import checked as checks
from archgen.checked import ERROR, NOTE, WARNING
from archgen.records import Record
from archgen.review.changes import ADDED, MOVED, REMOVED, TAKES, TYPE
from archgen.views.columns import shape_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from archgen.review.changes import Change
    from archgen.review.diff import Diff

OFF = "off"
LEVELS = (*checks.LEVELS, OFF)
MOST_GROWN = 10.0  # percent by which a total may grow


class Limits(NamedTuple):
    """How much may change. cost: percent by which a total may grow."""

    cost: float = MOST_GROWN


class Found(NamedTuple):
    """Where a rule applies, and what is another there; line: of the new spec, 0 for the spec as a whole."""

    where: str
    sentence: str
    line: int = 0


class Rule(NamedTuple):
    """A way to break somebody. why: what happens then. witness: Python that fails where the rule applies."""

    name: str
    level: str
    means: str
    why: str
    witness: str
    find: Callable[[Diff, Limits], Iterator[Found]]


class Finding(Record):
    """A rule that applies to a spec. accepted: whether the project says that it knows."""

    rule: Rule
    level: str
    spec: str
    found: Found
    accepted: bool = False

    @property
    def fingerprint(self) -> str:
        """Stays while the finding does: it is of the rule, the spec, the place and what is another, not of the line."""
        return fingerprint(self.rule.name, self.spec, self.found)


def fingerprint(rule: str, spec: str, found: Found) -> str:
    return hashlib.sha256("\0".join((rule, spec, found.where, found.sentence)).encode()).hexdigest()[:12]


# ---- weights


def _renamed(diff: Diff, _: Limits) -> Iterator[Found]:
    for one in diff.weights.renamed:
        yield Found(one.old, f"is `{one.new}` now")


def _reshaped(diff: Diff, _: Limits) -> Iterator[Found]:
    for one in diff.weights.reshaped:
        yield Found(one.old, f"was {shape_text(one.shape)}, and is {shape_text(one.other)} now")


def _removed(diff: Diff, _: Limits) -> Iterator[Found]:
    for weight in diff.weights.removed:
        yield Found(weight.name, "is no longer there")


def _added(diff: Diff, _: Limits) -> Iterator[Found]:
    for weight in diff.weights.added:
        yield Found(weight.name, "is new, and no old checkpoint has it")


def _swapped(diff: Diff, _: Limits) -> Iterator[Found]:
    for one in diff.weights.swapped:
        yield Found(one.old, "is another layer's now, of the same shape: it loads there without an error")


def _reordered(diff: Diff, _: Limits) -> Iterator[Found]:
    if diff.weights.reordered:
        yield Found("parameters", "come in another order")


# ---- interface


def _difference(name: str, sentence: str) -> Callable[[Diff, Limits], Iterator[Found]]:
    def find(diff: Diff, _: Limits) -> Iterator[Found]:
        for one in diff.interface.differences:
            if one.name == name:
                yield Found(name, sentence.format(old=one.old, new=one.new))

    return find


def _argument_removed(diff: Diff, _: Limits) -> Iterator[Found]:
    old, new = diff.interface.arguments
    for name in old:
        if name not in new:
            yield Found(name, "is no argument any more")


def _argument_reordered(diff: Diff, _: Limits) -> Iterator[Found]:
    old, new = diff.interface.arguments
    before = [name for name in old if name in new]
    if before != [name for name in new if name in old] or any(name not in old for name in list(new)[: len(before)]):
        yield Found("arguments", f"were {', '.join(old)}, and are {', '.join(new)} now")


def _argument_default(diff: Diff, _: Limits) -> Iterator[Found]:
    old, new = diff.interface.arguments
    for name, default in old.items():
        if name in new and new[name] != default:
            yield Found(name, f"was {default}, and is {new[name]} now")


def _outputs(diff: Diff, _: Limits) -> Iterator[Found]:
    old, new = diff.interface.outputs
    if len(old) != len(new):
        yield Found("outputs", f"were {len(old)}, and are {len(new)} now")


def _output_shape(diff: Diff, _: Limits) -> Iterator[Found]:
    old, new = diff.interface.outputs
    if len(old) == len(new) and diff.interface.same_input:
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            if one != other:
                yield Found(f"output {number}", f"was {shape_text(one)}, and is {shape_text(other)} now")


def _output_order(diff: Diff, _: Limits) -> Iterator[Found]:
    if diff.permuted:
        yield Found("outputs", "are those of before in another order")


def _input_lost(diff: Diff, _: Limits) -> Iterator[Found]:
    if diff.interface.lost is not None:
        yield Found("input", f"of {shape_text(diff.interface.lost)} runs no more")


# ---- the function


def _function(test: Callable[[Change, str], bool]) -> Callable[[Diff, Limits], Iterator[Found]]:
    """Changes after which old weights load, by their names or other ones, and give other results in evaluation."""

    def find(diff: Diff, _: Limits) -> Iterator[Found]:
        if diff.weights.loads_renamed and not diff.same[0]:
            for change in diff.changes:
                names = [one.name for one in change.differences] or [""]
                if any(test(change, name) for name in names):
                    yield Found(change.paths[0], _said(change), change.line if change.file == diff.new else 0)

    return find


def _said(change: Change) -> str:
    more = f" and {len(change.paths) - 1} more" if len(change.paths) > 1 else ""
    listed = ", ".join(f"{one.name} {one.old} -> {one.new}" for one in change.differences)
    return f"{change.type}{more}: {listed or change.kind}"


def _training(diff: Diff, _: Limits) -> Iterator[Found]:
    if diff.same[0] and not diff.same[1]:
        yield Found("training", "is another one; evaluation is the same")


# ---- cost


def _grew(name: str) -> Callable[[Diff, Limits], Iterator[Found]]:
    def find(diff: Diff, limits: Limits) -> Iterator[Found]:
        for total in diff.totals:
            if total.name == name and total.percent is not None and total.percent > limits.cost:
                yield Found(name, f"grew by {total.percent:.1f} %, from {total.old:,} to {total.new:,}")

    return find


_LOADS = "new.load_state_dict(state)"
_STRICT = "load_state_dict raises, or with strict=False leaves the layer as it was initialised"
_RESULTS = "assert_close(loaded(new, state)(x), old(x))"
_SILENT = "old weights load without an error, and give other results"

SPEC_REMOVED = Rule(  # what the whole review says, and no diff
    "spec-removed",
    ERROR,
    "a spec is gone, or its file has another name",
    "an import of its module raises",
    "import_module(old_file)",
    lambda *_: iter(()),
)
RULES = (
    SPEC_REMOVED,
    Rule("weight-renamed", ERROR, "an entry of the checkpoint has another name", _STRICT, _LOADS, _renamed),
    Rule("weight-reshaped", ERROR, "an entry of the checkpoint has another shape", "load_state_dict raises", _LOADS, _reshaped),
    Rule("weight-removed", ERROR, "an entry of the checkpoint is gone", _STRICT, _LOADS, _removed),
    Rule("weight-added", ERROR, "the module has an entry that no old checkpoint has", _STRICT, _LOADS, _added),
    Rule(
        "weight-swapped",
        ERROR,
        "an entry has the name and shape that another layer had",
        "load_state_dict takes it for that layer, without an error",
        _RESULTS,
        _swapped,
    ),
    Rule(
        "weight-reordered",
        WARNING,
        "the parameters come in another order",
        "the state of an optimizer is counted by it: momentum goes to other weights",
        "assert names(new) == names(old)",
        _reordered,
    ),
    Rule(
        "class-renamed",
        ERROR,
        "the class has another name",
        "an import of the old name raises",
        "getattr(new_file, Old.__name__)",
        _difference("class", "was {old}, and is {new} now"),
    ),
    Rule(
        "argument-removed",
        ERROR,
        "the constructor has lost an argument",
        "who gives it gets a TypeError",
        "New(**defaults(Old))",
        _argument_removed,
    ),
    Rule(
        "argument-reordered",
        ERROR,
        "the arguments come in another order, or one was put between them",
        "values given by position go to other arguments",
        "assert list(defaults(New))[: len(defaults(Old))] == list(defaults(Old))",
        _argument_reordered,
    ),
    Rule(
        "argument-default",
        WARNING,
        "an argument has another default",
        "who does not give it gets another network",
        "assert defaults(Old).items() <= defaults(New).items()",
        _argument_default,
    ),
    Rule(
        "input-changed",
        WARNING,
        "the spec is for another input",
        "what is told of the module, and mostly trained, is for another one",
        "assert entering(New) == entering(Old)",
        _difference("input", "was {old}, and is {new} now"),
    ),
    Rule(
        "input-lost",
        ERROR,
        "an input that the module took does not run any more",
        "forward raises",
        "new(lost)",
        _input_lost,
    ),
    Rule(
        "min-size-grew",
        WARNING,
        "the smallest input is another one",
        "small crops and tiles may be refused",
        "assert smallest(new) == smallest(old)",
        _difference("smallest", "was {old}, and is {new} now"),
    ),
    Rule(
        "reduction-changed",
        WARNING,
        "the smallest map is another part of the input",
        "who reads features by their stride reads others",
        "assert finest(new, x) == finest(old, x)",
        _difference("reduction", "was {old}, and is {new} now"),
    ),
    Rule(
        "output-count",
        ERROR,
        "there is another number of outputs",
        "who unpacks them gets a ValueError",
        "assert len(outputs(new(x))) == len(outputs(old(x)))",
        _outputs,
    ),
    Rule(
        "output-shape",
        ERROR,
        "an output has another shape",
        "what reads it does not fit",
        "assert shapes(new(x)) == shapes(old(x))",
        _output_shape,
    ),
    Rule(
        "output-order",
        ERROR,
        "the outputs come in another order",
        "who unpacks them takes one for the other",
        _RESULTS,
        _output_order,
    ),
    Rule(
        "training-outputs",
        WARNING,
        "the outputs of training are others",
        "a training loop unpacks others",
        "assert len(outputs(new.train()(x))) == len(outputs(old.train()(x)))",
        _difference("in training", "were {old}, and are {new} now"),
    ),
    Rule(
        "option-changed",
        ERROR,
        "a layer has the weights that it had, and another option",
        _SILENT,
        _RESULTS,
        _function(lambda _, name: name not in ("", TYPE, TAKES)),
    ),
    Rule(
        "kind-changed",
        ERROR,
        "another layer stands where one without weights stood",
        _SILENT,
        _RESULTS,
        _function(lambda _, name: name == TYPE),
    ),
    Rule(
        "source-changed",
        ERROR,
        "a layer takes other values",
        _SILENT,
        _RESULTS,
        _function(lambda _, name: name == TAKES),
    ),
    Rule(
        "order-changed",
        ERROR,
        "layers run in another order",
        _SILENT,
        _RESULTS,
        _function(lambda change, _: change.kind == MOVED),
    ),
    Rule(
        "layer-added",
        ERROR,
        "a layer without weights is new",
        _SILENT,
        _RESULTS,
        _function(lambda change, _: change.kind == ADDED),
    ),
    Rule(
        "layer-removed",
        ERROR,
        "a layer without weights is gone",
        _SILENT,
        _RESULTS,
        _function(lambda change, _: change.kind == REMOVED),
    ),
    Rule(
        "training-changed",
        NOTE,
        "training is another one, and evaluation the same",
        "a run of training gives other weights",
        "assert_close(trained(new, state, x), trained(old, state, x))",
        _training,
    ),
    Rule(
        "parameters-grew",
        WARNING,
        "the module has more parameters than the limit allows",
        "it takes longer to load, and more memory",
        "assert parameters(new) <= (1 + limit / 100) * parameters(old)",
        _grew("parameters"),
    ),
    Rule(
        "macs-grew",
        WARNING,
        "a run takes more MACs than the limit allows",
        "it is slower",
        "assert macs(new, x) <= (1 + limit / 100) * macs(old, x)",
        _grew("MACs"),
    ),
)
BY_NAME = {rule.name: rule for rule in RULES}
