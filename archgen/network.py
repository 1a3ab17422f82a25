"""The public door: a spec as a network that can report on itself, write its module, and be built in torch."""

from __future__ import annotations

import contextlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from archgen import extends, graph, library, spec, trace
from archgen.analysis import report as reports
from archgen.diagnostics import BUDGET, Place, Problem, Source, SpecError, printable, quote, suggest
from archgen.expressions import Expression, ExpressionError, describe, evaluate, names_of
from archgen.expressions import parse as parse_expression

if TYPE_CHECKING:
    from archgen.analysis.built import Built
    from archgen.analysis.cost import Costs
    from archgen.analysis.report import Report
    from archgen.contract import Contract, Examined
    from archgen.diagnostics import Note
    from archgen.symbolic import SymbolicTrace
    from archgen.trace import TracedBody


Traces = TypeVar("Traces")
MOST_KEPT = 2  # traces of a network, beside the newest
_TOO_LONG = "the sizes of this network grow to formulas of more than a hundred parts, too long to work with"
_WITHOUT_VALUE = {
    "min_size": "no input with all sizes equal fits it, or none was found: `archgen shapes SPEC --symbolic` says more",
    "receptive_field": "a gate, perhaps, lets every value see the whole input",
}


def _remember(traces: dict[tuple[int, ...], Traces], input_shape: tuple[int, ...], found: Traces) -> None:
    """Keeps a trace for who asks next, and the few before it: those of the spec's own input and of the one beside it."""
    while len(traces) > MOST_KEPT:
        del traces[next(iter(traces))]
    traces[input_shape] = found


def _number_text(value: Any) -> str:
    """A number, or one for each axis, with thousands apart."""
    return f"[{', '.join(f'{item:,}' for item in value)}]" if isinstance(value, tuple) else f"{value:,}"


def load(path: str | Path, settings: tuple[str, ...] = ()) -> Network:
    """Reads a spec.

    path: the YAML file. settings: `name=value` texts that override arguments or constants of the network.
    Raises SpecError with every problem found; EnvironmentFault where the file can't be read for another reason.
    """
    path = Path(path)
    return of(extends.load(path), path, settings)


def of(loaded: extends.Loaded, path: Path, settings: tuple[str, ...] = ()) -> Network:
    """Reads a spec whose tree is loaded; all else as `load` does it."""
    read = _overridden(spec.read(loaded.tree, library.block_names()), settings)
    steps = graph.build(read)
    read = read.replace(notes=(*read.notes, *extends.dropped_options(loaded, steps.blocks)))
    return Network(path, read, steps, loaded.texts)


def _overridden(read: spec.Spec, settings: tuple[str, ...]) -> spec.Spec:
    for setting in settings:
        place = Place(Source(f"--set {setting}", ""), 0, 0)
        name, equals, text = setting.partition("=")
        settable: tuple[spec.Parameter | spec.Constant, ...] = (*read.parameters, *read.constants)
        known = [named.name for named in settable]
        if not equals and name in known:
            raise SpecError(Problem(place, f"{quote(name)} has no value here", f"write `--set {name}=VALUE`"))
        if not equals or name not in known:
            raise SpecError(Problem(place, f"there is no argument or constant {quote(name)}", suggest(name, known, "names")))
        try:
            value = parse_expression(text)
        except ExpressionError as error:
            raise SpecError(Problem(place, error.sentence, error.help)) from None
        if isinstance(value, Expression):
            raise SpecError(Problem(place, "a setting is a number, true or false"))
        for parameter in read.parameters:
            article, is_one = trace.ARGUMENT_TYPES[parameter.type]
            if parameter.name == name and not is_one(value):
                help = "with `1.0` as its default in the spec, it takes any number" if type(value) is float else ""
                raise SpecError(Problem(place, f"argument `{name}` takes {article}, not {describe(value)}", help))
        read = read.replace(
            parameters=tuple(p.replace(default=value) if p.name == name else p for p in read.parameters),
            constants=tuple(c.replace(value=value) if c.name == name else c for c in read.constants),
        )
    return read


class Network:
    """A spec that was read without a problem, and what follows from it.

    path: its file. spec: what the author wrote. graph: the same as steps.
    texts: of the file and of those that it extends.
    """

    def __init__(self, path: Path, read: spec.Spec, steps: graph.Graph, texts: tuple[str, ...]) -> None:
        self.path, self.spec, self.graph, self.texts = path, read, steps, texts
        self._traces: dict[tuple[int, ...], TracedBody | trace.Stopped] = {}
        self._symbolic_traces: dict[tuple[int, ...], SymbolicTrace | None] = {}

    @property
    def name(self) -> str:
        """The class name of the generated module."""
        return self.spec.name

    @property
    def notes(self) -> tuple[Note, ...]:
        """What is allowed and seldom meant, in the order in which it was found."""
        return self.spec.notes + self.graph.notes

    def report(self, input_shape: tuple[int, ...] | None = None, with_bias: bool = False) -> Report:
        """Returns shapes, parameters and MACs of every layer for an input of (channels, sizes...), by default the spec's.

        with_bias: whether the MACs count biases; those that `assert` compares never do.

        A layer that does not fit ends the rows and becomes the report's `problem`. Raises SpecError for an input with another
        number of sizes.
        """
        shape = tuple(input_shape or self.spec.input)
        problem: Problem | None = None
        outputs: tuple[tuple[int, ...], ...] = ()
        try:
            traced = self.trace(shape, with_bias)
            steps, outputs = traced.steps, tuple(output.sizes for output in traced.outputs)
        except trace.Stopped as stopped:
            steps, problem = stopped.finished, self._advised(stopped.problem, shape)
        totals = reports.totals(steps)
        if problem is None:
            problem = self.report(shape).problem if with_bias else self.broken_assertion(totals, shape)
        name = self.path.as_posix()
        return reports.Report(self.name, name, shape, outputs, totals, reports.rows(steps), problem, with_bias=with_bias)

    def without_texts(self) -> Network:
        """Returns the same network with "x" for every free text of its author: descriptions, the file's name, what it says."""
        texts = {block.name: block.replace(description="x") for block in self.graph.blocks.values()}
        steps = self.graph.replace(network=self.graph.network.replace(description="x"), blocks=texts)
        return Network(Path("x.yaml"), self.spec.replace(description="x"), steps, ("x",))

    def trace(self, input_shape: tuple[int, ...], with_bias: bool = False) -> trace.TracedBody:
        """Traces the network on numbers; raises trace.Stopped, and SpecError for an input with another number of sizes."""
        if len(input_shape) != len(self.spec.input):
            sentence = (
                f"an input of {len(input_shape) - 1} sizes does not fit this network: it takes {len(self.spec.input) - 1}"
            )
            raise SpecError(Problem(Place(Source(f"--input {'x'.join(map(str, input_shape))}", ""), 0, 0), sentence))
        if with_bias:
            return trace.numbers(self.graph, input_shape, {}, with_bias)
        if input_shape not in self._traces:
            try:
                found: TracedBody | trace.Stopped = trace.numbers(self.graph, input_shape, {})
            except trace.Stopped as stopped:
                found = stopped
            _remember(self._traces, input_shape, found)
        known = self._traces[input_shape]
        if isinstance(known, trace.Stopped):
            raise known.with_traceback(None)
        return known

    def traced(self, input_shape: tuple[int, ...] | None = None) -> TracedBody:
        """Traces the network on numbers, by default for the spec's own input; raises SpecError where a layer does not fit."""
        try:
            return self.trace(tuple(input_shape or self.spec.input))
        except trace.Stopped as stopped:
            raise SpecError(self._advised(stopped.problem, tuple(input_shape or self.spec.input))) from None

    def built_for(self, input_shape: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """Returns the input for which the module is built: the spec's own, or another one where it does not run on that."""
        return tuple(input_shape or self.spec.input) if self._own is None else self.spec.input

    @cached_property
    def _own(self) -> TracedBody | None:
        try:
            return self.trace(self.spec.input)
        except trace.Stopped:
            return None

    def built(self, input_shape: tuple[int, ...] | None = None) -> Built | None:
        """Returns what another input means for the module as it is built; None where it is the module's own.

        Raises SpecError where a layer does not fit.
        """
        from archgen.analysis import built

        shape = tuple(input_shape or self.spec.input)
        if shape == self.spec.input or self._own is None:
            return None
        others = built.other_weights(reports.rows(self.traced(shape).steps), reports.rows(self._own.steps))
        near = self._nearest(shape) if others and shape[0] == self.spec.input[0] else ()
        return built.Built(self.path.as_posix(), self.spec.input, shape, others, near)

    def _nearest(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        """The inputs nearest to one whose sizes do not fit; nothing where they are not to blame."""
        from archgen import nearest

        traced = self._symbolic(self._features_of(shape))
        return () if traced is None else nearest.inputs(traced, shape, self._runs)

    def _features_of(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The input that decides how many features a network for this one has: with other channels it is another network."""
        return self.built_for(shape) if shape[0] == self.spec.input[0] else shape

    def _runs(self, shape: tuple[int, ...]) -> bool:
        """Whether the network runs on an input, with the weights that it is built with."""
        try:
            steps = self.trace(shape).steps
        except trace.Stopped:
            return False
        if self._own is None or self._features_of(shape) == shape:
            return True
        from archgen.analysis import built

        return not built.other_weights(reports.rows(steps), reports.rows(self._own.steps))

    def _advised(self, problem: Problem, shape: tuple[int, ...]) -> Problem:
        """The problem, with the nearest inputs that fit where the sizes of this one are to blame."""
        near = () if problem.code == BUDGET else self._nearest(shape)
        if not near:
            return problem
        texts = ["x".join(map(str, one)) for one in near]
        shown = (
            [f"`input: {list(one)}`" for one in near] if shape == self.spec.input else [f"`--input {text}`" for text in texts]
        )
        option = f" --input {texts[-1]}" if self._features_of(shape) == shape else ""
        command = f"`archgen shapes {printable(self.path.as_posix())}{option} --symbolic`"
        advice = f"the nearest that fit{'s' if len(near) == 1 else ''}: {' and '.join(shown)}; {command} says which others"
        return problem.replace(help="\n".join(filter(None, (problem.help, advice))))

    def costs(self, input_shape: tuple[int, ...] | None = None, batch: int = 1, dtype: str = "float32") -> Costs:
        """Returns the memory and the traffic of a run for an input of (channels, sizes...), by default the spec's.

        Raises SpecError where a layer does not fit, or where no module can be generated: memory is that of the module.
        """
        from archgen.analysis import cost

        return cost.costs(self.graph, self.traced(input_shape), batch, dtype)

    def examine(self, input_shape: tuple[int, ...] | None = None) -> Examined:
        """Returns what holds for inputs of every size: each layer's output as a function of it, and the network's contract.

        Where sizes become features, the network is the one built for an input of (channels, sizes...), by default the spec's.
        Raises SpecError if it does not run on that, or if its sizes would be formulas of more than a hundred parts.
        """
        shape = tuple(input_shape or self.spec.input)
        self.traced(shape)
        found = self._examined(shape)
        if found is None:
            raise SpecError(Problem(self.spec.place, _TOO_LONG))
        return found

    def contract(self, input_shape: tuple[int, ...] | None = None) -> Contract | None:
        """Returns the contract of a network that runs on such an input; None where formulas grow too long for `examine`."""
        found = self._examined(tuple(input_shape or self.spec.input))
        return None if found is None else found.contract

    def _examined(self, input_shape: tuple[int, ...]) -> Examined | None:
        from archgen import contract  # beside the plain report it takes long to import

        traced = self._symbolic(input_shape)
        return None if traced is None else contract.examine(self.graph, traced)

    def _symbolic(self, input_shape: tuple[int, ...]) -> SymbolicTrace | None:
        """Traces the network on symbolic sizes; None where these grow too long, or where something else does not fit."""
        from archgen import sizes, symbolic

        if input_shape not in self._symbolic_traces:
            found: SymbolicTrace | None = None
            with contextlib.suppress(trace.Stopped, sizes.TooManyParts):
                found = symbolic.trace(self.graph, input_shape)
            _remember(self._symbolic_traces, input_shape, found)
        return self._symbolic_traces[input_shape]

    def broken_assertion(self, totals: reports.Totals, input_shape: tuple[int, ...]) -> Problem | None:
        """Returns the first claim of `assert` that the totals, the contract or the costs for an input of this shape break.

        Costs are those of one image in float32; contract and costs are worked out where a claim names them.
        """
        known: dict[str, Any] = {"parameters": totals.parameters, "buffers": totals.buffers, "macs": totals.macs}
        for assertion in self.spec.assertions:
            named = sorted(names_of(assertion.value))
            try:
                if not known.keys() >= spec.COSTS.intersection(named):
                    known |= self.costs(input_shape).claims()
            except SpecError as error:
                return error.problems[0]
            if not known.keys() >= set(named):
                contract = self.contract(self.built_for(input_shape))
                if contract is None:
                    return Problem(assertion.place, _TOO_LONG)
                known |= vars(contract)
            unknown = [name for name in named if known[name] is None]
            if unknown:
                return Problem(assertion.place, f"`{unknown[0]}` has no value for this network", _WITHOUT_VALUE[unknown[0]])
            try:
                holds = evaluate(assertion.value, known)
            except ExpressionError as error:
                return Problem(assertion.place, error.sentence)
            if type(holds) is not bool:
                return Problem(assertion.place, f"a claim is true or false, not {describe(holds)}", "compare it: `macs <= 2e9`")
            if not holds:
                have = ", ".join(f"`{name}` is {_number_text(known[name])}" for name in named)
                return Problem(assertion.place, f"this claim is broken: {have}")
        return None

    def checked(self) -> Network:
        """Returns the network itself if it fits its own input; raises SpecError if not."""
        problem = self.report().problem
        if problem is not None:
            raise SpecError(problem)
        return self

    @cached_property
    def _source(self) -> str:
        from archgen.emit import module

        return module.source(self)

    def source(self, folder: Path | None = None) -> str:
        """Returns the text of the generated module. Raises SpecError where a layer does not fit.

        folder: where the module is to stand, which its header tells, by default that of its project.
        """
        from archgen.emit import module

        return self._source if folder is None else module.in_folder(self._source, self, folder)

    def module(self, **arguments: Any) -> Any:
        """Builds the generated module in torch, with its constructor's arguments. Raises EnvironmentFault without torch."""
        from archgen.verify import modules

        return modules.build(self.source(), self.name, arguments)
