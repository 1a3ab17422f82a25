"""The public door: a spec as a network that can report on itself, write its module, and be built in torch."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgen import extends, graph, library, spec, trace
from archgen.analysis import report as reports
from archgen.diagnostics import Place, Problem, Source, SpecError, quote, suggest
from archgen.expressions import Expression, ExpressionError, Value, describe, evaluate, names_of
from archgen.expressions import parse as parse_expression

if TYPE_CHECKING:
    from archgen.analysis.cost import Costs
    from archgen.analysis.report import Report
    from archgen.trace import TracedBody


def load(path: str | Path, settings: tuple[str, ...] = ()) -> Network:
    """Reads a spec.

    path: the YAML file. settings: `name=value` texts that override arguments or constants of the network.
    Raises SpecError with every problem found; EnvironmentFault where the file can't be read for another reason.
    """
    path = Path(path)
    loaded = extends.load(path)
    read = _overridden(spec.read(loaded.tree, library.block_names()), settings)
    return Network(path, read, graph.build(read), loaded.texts)


def _overridden(read: spec.Spec, settings: tuple[str, ...]) -> spec.Spec:
    for setting in settings:
        place = Place(Source("--set", setting), 1, 1, len(setting))
        name, equals, text = setting.partition("=")
        settable: tuple[spec.Parameter | spec.Constant, ...] = (*read.parameters, *read.constants)
        known = [named.name for named in settable]
        if not equals or name not in known:
            raise SpecError(Problem(place, f"there is no argument or constant {quote(name)}", suggest(name, known, "names")))
        try:
            value = parse_expression(text)
        except ExpressionError as error:
            raise SpecError(Problem(place, error.sentence, error.help)) from None
        if isinstance(value, Expression):
            raise SpecError(Problem(place, "a setting is a number, true or false"))
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

    @property
    def name(self) -> str:
        """The class name of the generated module."""
        return self.spec.name

    def report(self, input_shape: tuple[int, ...] | None = None, with_bias: bool = False) -> Report:
        """Returns shapes, parameters and MACs of every layer for an input of (channels, sizes...), by default the spec's.

        with_bias: whether the MACs count biases; those that `assert` compares never do.

        A layer that does not fit ends the rows and becomes the report's `problem`; nothing is raised.
        """
        shape = tuple(input_shape or self.spec.input)
        problem: Problem | None = None
        outputs: tuple[tuple[int, ...], ...] = ()
        try:
            traced = self.trace(shape, with_bias)
            steps, outputs = traced.steps, tuple(output.sizes for output in traced.outputs)
        except trace.Stopped as stopped:
            steps, problem = stopped.finished, stopped.problem
        totals = reports.totals(steps)
        if problem is None:
            problem = self.report(shape).problem if with_bias else self.broken_assertion(totals, shape)
        name = self.path.as_posix()
        return reports.Report(self.name, name, shape, outputs, totals, reports.rows(steps), problem, with_bias)

    def trace(self, input_shape: tuple[int, ...], with_bias: bool = False) -> trace.TracedBody:
        """Traces the network on numbers; raises trace.Stopped."""
        if len(input_shape) != len(self.spec.input):
            sentence = (
                f"an input of {len(input_shape) - 1} sizes does not fit this network: it takes {len(self.spec.input) - 1}"
            )
            raise trace.Stopped(Problem(Place(Source("--input", "x".join(map(str, input_shape))), 0, 0), sentence))
        return trace.numbers(self.graph, input_shape, {}, with_bias)

    def traced(self, input_shape: tuple[int, ...] | None = None) -> TracedBody:
        """Traces the network on numbers, by default for the spec's own input; raises SpecError where a layer does not fit."""
        try:
            return self.trace(tuple(input_shape or self.spec.input))
        except trace.Stopped as stopped:
            raise SpecError(stopped.problem) from None

    def costs(self, input_shape: tuple[int, ...] | None = None, batch: int = 1, dtype: str = "float32") -> Costs:
        """Returns the memory and the traffic of a run for an input of (channels, sizes...), by default the spec's.

        Raises SpecError where a layer does not fit, or where no module can be generated: memory is that of the module.
        """
        from archgen.analysis import cost

        return cost.costs(self.graph, self.traced(input_shape), batch, dtype)

    def broken_assertion(self, totals: reports.Totals, input_shape: tuple[int, ...]) -> Problem | None:
        """Returns the first claim of `assert` that the totals, or the costs of one image in float32, break."""
        known: dict[str, Value] = {"parameters": totals.parameters, "buffers": totals.buffers, "macs": totals.macs}
        for assertion in self.spec.assertions:
            if not known.keys() >= names_of(assertion.value):
                try:
                    known |= self.costs(input_shape).claims()
                except SpecError as error:
                    return error.problems[0]
            try:
                holds = evaluate(assertion.value, known)
            except ExpressionError as error:
                return Problem(assertion.place, error.sentence)
            if type(holds) is not bool:
                return Problem(assertion.place, f"a claim is true or false, not {describe(holds)}", "compare it: `macs <= 2e9`")
            if not holds:
                have = ", ".join(f"`{name}` is {value:,}" for name, value in known.items() if name in assertion.text)
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

    def source(self) -> str:
        """Returns the text of the generated module. Raises SpecError where a layer does not fit."""
        return self._source

    def module(self, **arguments: Any) -> Any:
        """Builds the generated module in torch, with its constructor's arguments. Raises EnvironmentFault without torch."""
        from archgen.verify import modules

        return modules.build(self.source(), self.name, arguments)
