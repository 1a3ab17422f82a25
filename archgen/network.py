"""The public door: a spec as a network that can report on itself, write its module, and be built in torch."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgen.analysis import assertions
from archgen.analysis import report as reports
from archgen.arithmetic.expressions import Expression, ExpressionError
from archgen.arithmetic.parser import parse as parse_expression
from archgen.arithmetic.spelling import describe
from archgen.diagnostics import BUDGET, Place, Problem, Source, SpecError, printable, quote, suggest
from archgen.graph import lower
from archgen.language import extends, library, reader
from archgen.session import Kept, Session
from archgen.trace import walk
from archgen.trace.traced import Stopped

if TYPE_CHECKING:
    from archgen.analysis.contract import Contract, Examined
    from archgen.analysis.cost import Costs
    from archgen.analysis.report import Built, Report
    from archgen.diagnostics import Note
    from archgen.emit.style import Style
    from archgen.graph.model import Graph
    from archgen.language.model import Constant, Parameter, Spec
    from archgen.session import Shape
    from archgen.trace.traced import TracedBody


def load(path: str | Path, settings: tuple[str, ...] = ()) -> Network:
    """Reads a spec.

    path: the YAML file. settings: `name=value` texts that override arguments or constants of the network.
    Raises SpecError with every problem found; EnvironmentFault where the file can't be read for another reason.
    """
    path = Path(path)
    return of(extends.load(path), path, settings)


def of(loaded: extends.Loaded, path: Path, settings: tuple[str, ...] = ()) -> Network:
    """Reads a spec whose tree is loaded; all else as `load` does it."""
    taken_out = loaded.taken_out if len(loaded.texts) > 1 else None
    read = _overridden(reader.read(loaded.tree, library.block_names(), taken_out, loaded.replaced), settings)
    steps = lower.build(read)
    called = {name: block.parameters for name, block in steps.blocks.items()}
    read = read.replace(notes=(*read.notes, *extends.dropped_options(loaded, called)))
    return Network(path, read, steps)


def _overridden(read: Spec, settings: tuple[str, ...]) -> Spec:
    for setting in settings:
        place = Place(Source("--set", ""), 0, 0)
        name, equals, text = setting.partition("=")
        settable: tuple[Parameter | Constant, ...] = (*read.parameters, *read.constants)
        known = [named.name for named in settable]
        if not equals and name in known:
            raise SpecError(Problem(place, f"{quote(name)} has no value here", f"write `--set {name}=VALUE`"))
        if not equals or name not in known:
            raise SpecError(Problem(place, f"there is no argument or constant {quote(name)}", suggest(name, known, "names")))
        try:
            value = parse_expression(text)
        except ExpressionError as error:
            raise SpecError(Problem(place, f"in {quote(setting)}, {error.sentence}", error.help)) from None
        if isinstance(value, Expression):
            raise SpecError(Problem(place, f"{quote(name)} takes a number, true or false, not {quote(text)}"))
        for parameter in read.parameters:
            article, is_one = walk.ARGUMENT_TYPES[parameter.type]
            if parameter.name == name and not is_one(value):
                help = "with `1.0` as its default in the spec, it takes any number" if type(value) is float else ""
                raise SpecError(Problem(place, f"argument `{name}` takes {article}, not {describe(value)}", help))
        read = read.replace(
            parameters=tuple(p.replace(default=value) if p.name == name else p for p in read.parameters),
            constants=tuple(c.replace(value=value) if c.name == name else c for c in read.constants),
        )
    return read


class Network:
    """A spec that was read without a problem, and what follows from it: each trace is made once for an input, and kept.

    path: its file. spec: what the author wrote. graph: the same as steps.
    """

    def __init__(self, path: Path, read: Spec, steps: Graph) -> None:
        self.path, self.spec, self.graph = path, read, steps
        self.session = Session(steps, read.input)
        self._examined: Kept[Examined | None] = Kept(read.input)

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
        except Stopped as stopped:
            steps, problem = stopped.finished, self._advised(stopped.problem, shape)
        totals = reports.totals(steps)
        if problem is None:
            problem = self.report(shape).problem if with_bias else self._broken(totals, shape)
        name = self.path.as_posix()
        return reports.Report(
            self.name,
            name,
            shape,
            outputs,
            totals,
            reports.rows(steps),
            problem,
            with_bias=with_bias,
            inputs=self.graph.named(shape),
        )

    def trace(self, input_shape: tuple[int, ...], with_bias: bool = False) -> TracedBody:
        """Traces the network on numbers; raises trace.Stopped, and SpecError for an input with another number of sizes."""
        return self.session.numbers(input_shape, with_bias)

    def traced(self, input_shape: tuple[int, ...] | None = None) -> TracedBody:
        """Traces the network on numbers, by default for the spec's own input; raises SpecError where a layer does not fit."""
        try:
            return self.trace(tuple(input_shape or self.spec.input))
        except Stopped as stopped:
            raise SpecError(self._advised(stopped.problem, tuple(input_shape or self.spec.input))) from None

    def built_for(self, input_shape: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """Returns the input for which the module is built: the spec's own, or another one where it does not run on that."""
        return tuple(input_shape or self.spec.input) if self._own is None else self.spec.input

    @cached_property
    def _own(self) -> TracedBody | None:
        try:
            return self.trace(self.spec.input)
        except Stopped:
            return None

    def built(self, input_shape: tuple[int, ...] | None = None) -> Built | None:
        """Returns what another input means for the module as it is built; None where it is the module's own.

        Raises SpecError where a layer does not fit.
        """
        from archgen.analysis import built, report

        shape = tuple(input_shape or self.spec.input)
        if shape == self.spec.input or self._own is None:
            return None
        others = built.other_weights(reports.rows(self.traced(shape).steps), reports.rows(self._own.steps))
        near = self._nearest(shape) if others and shape[0] == self.spec.input[0] else ()
        return report.Built(self.path.as_posix(), self.spec.input, shape, others, near)

    def _nearest(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        """The inputs nearest to one whose sizes do not fit; nothing where they are not to blame."""
        from archgen.analysis import nearest

        traced = self.session.sizes(self._features_of(shape))
        return () if traced is None else nearest.inputs(traced, shape, self.runs)

    def _features_of(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The input that decides how many features a network for this one has: with other channels it is another network."""
        return self.built_for(shape) if shape[0] == self.spec.input[0] else shape

    def runs(self, shape: tuple[int, ...]) -> bool:
        """Whether the network runs on an input, with the weights that it is built with."""
        try:
            steps = self.trace(shape).steps
        except Stopped:
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

        traced = self.traced(input_shape)
        return cost.costs(self.graph, traced, self._names(tuple(input_shape or self.spec.input)), batch, dtype)

    def _names(self, shape: Shape) -> dict[str, TracedBody]:
        return self.session.names(shape, self.traced(shape))

    def examine(self, input_shape: tuple[int, ...] | None = None) -> Examined:
        """Returns what holds for inputs of every size: each layer's output as a function of it, and the network's contract.

        Where sizes become features, the network is the one built for an input of (channels, sizes...), by default the spec's.
        Raises SpecError if it does not run on that, or if its sizes would be formulas of more than a hundred parts.
        """
        shape = tuple(input_shape or self.spec.input)
        self.traced(shape)
        found = self._examined.get(shape, self._examine)
        if found is None:
            raise SpecError(Problem(self.spec.place, assertions.TOO_LONG))
        return found

    def picture(self, form: str, input_shape: tuple[int, ...] | None = None) -> str:
        """Returns a picture as the text of a file. Raises SpecError if the network does not fit.

        form: the end of its name: `.svg`, `.mmd` for Mermaid, or `.html` for a page with plots over depth.
        """
        from archgen.views import drawing, picture

        drawn = drawing.drawings(self.graph, self.traced(input_shape))
        path, description = self.path.as_posix(), self.spec.description

        def measured() -> tuple[Report, Costs]:
            return self.report(input_shape), self.costs(input_shape)

        return picture.text(form, drawn, self.name, description, path, measured)

    def contract(self, input_shape: tuple[int, ...] | None = None) -> Contract | None:
        """Returns the contract of a network that runs on such an input; None where formulas grow too long for `examine`."""
        found = self._examined.get(tuple(input_shape or self.spec.input), self._examine)
        return None if found is None else found.contract

    def _examine(self, shape: Shape) -> Examined | None:
        from archgen.analysis import contract  # beside the plain report it takes long to import

        traced = self.session.sizes(shape)
        return None if traced is None else contract.examine(self.graph, traced)

    def _broken(self, totals: reports.Totals, shape: Shape) -> Problem | None:
        """The first assertion of the spec that does not hold for an input."""
        return assertions.broken(
            self.spec.assertions, totals, lambda: self.costs(shape), lambda: self.contract(self.built_for(shape)), self.path
        )

    def checked(self) -> Network:
        """Returns the network itself if it fits its own input; raises SpecError if not."""
        problem = self.report().problem
        if problem is not None:
            raise SpecError(problem)
        return self

    @cached_property
    def style(self) -> Style:
        """How the module looks, as the project of the spec says."""
        from archgen import project
        from archgen.emit import style

        return style.of(project.find(self.path.parent))

    @cached_property
    def _source(self) -> str:
        from archgen.emit.style import PLAIN
        from archgen.proof import check, dressed, texts
        from archgen.proof.parsed import ProofError

        plain = PLAIN.replace(width=self.style.width)
        text = self._written(plain)
        check.check(text, self.graph, self.traced())
        texts.check_texts(text, self._written(plain, neutral=True))
        if not self.style.own:
            return text
        own = self._written(self.style)
        try:
            dressed.check(own, text)
        except ProofError as error:
            raise SpecError(self.style.fault(str(error))) from None
        return own

    def _written(self, style: Style, neutral: bool = False) -> str:
        """The text of the module; neutral: with "x" for each free text of the spec, and another header."""
        from archgen.emit import module

        numbers, named, contract = self.traced(), self._names(self.spec.input), self.contract()
        if neutral:
            return module.text(self.session.bare, numbers, named, contract, "x", module.NOWHERE, style)
        return module.text(self.graph, numbers, named, contract, self.spec.description, self.path, style)

    def source(self, folder: Path | None = None) -> str:
        """Returns the text of the generated module, proved against the trace. Raises SpecError where a layer does not fit.

        folder: where the module is to stand, which its header tells, by default that of its project.
        """
        from archgen.emit import header

        return self._source if folder is None else header.in_folder(self._source, self.path, folder)

    def module(self, **arguments: Any) -> Any:
        """Builds the generated module in torch, with its constructor's arguments. Raises EnvironmentFault without torch."""
        from archgen import modules

        return modules.build(self.source(), self.name, arguments)
