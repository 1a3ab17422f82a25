"""The assertions of a spec, judged by the totals, the contract and the costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archgen.arithmetic.evaluation import evaluate
from archgen.arithmetic.expressions import ExpressionError, names_of
from archgen.arithmetic.spelling import describe
from archgen.diagnostics import Problem, SpecError, printable
from archgen.language.vocabulary import CONTRACT, COSTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from archgen.analysis.contract import Contract
    from archgen.analysis.cost import Costs
    from archgen.analysis.report import Totals
    from archgen.language.model import Assertion

TOO_LONG = "the sizes of this network grow to formulas of more than a hundred parts, too long to work with"
_WITHOUT_VALUE = {
    "min_size": "no input with all sizes equal fits it, or none was found: `archgen shapes SPEC --symbolic` says more",
    "receptive_field": "a gate, perhaps, lets every value see the whole input",
}


def broken(
    assertions: tuple[Assertion, ...],
    totals: Totals,
    costs: Callable[[], Costs],
    contract: Callable[[], Contract | None],
    path: Path,
) -> Problem | None:
    """Returns the first assertion that does not hold.

    Costs are those of one image in float32; contract and costs are worked out where an assertion names them. path: the spec's.
    """
    known: dict[str, Any] = {"parameters": totals.parameters, "buffers": totals.buffers, "macs": totals.macs}
    for assertion in assertions:
        named = sorted(names_of(assertion.value))
        try:
            if not known.keys() >= COSTS.intersection(named):
                known |= costs().assertable()
        except SpecError as error:
            return error.problems[0]
        if not known.keys() >= set(named):
            found = contract()
            if found is None:
                return Problem(assertion.place, TOO_LONG)
            known |= vars(found)
        problem = _judged(assertion, named, known, path)
        if problem is not None:
            return problem
    return None


def _judged(assertion: Assertion, named: list[str], known: dict[str, Any], path: Path) -> Problem | None:
    unknown = [name for name in named if known[name] is None]
    if unknown:
        return Problem(assertion.place, f"`{unknown[0]}` has no value for this network", _WITHOUT_VALUE[unknown[0]])
    try:
        holds = evaluate(assertion.value, known)
    except ExpressionError as error:
        return Problem(assertion.place, error.sentence, error.help)
    if type(holds) is not bool:
        return Problem(assertion.place, f"an assertion is true or false, not {describe(holds)}", "compare it: `macs <= 2e9`")
    if holds:
        return None
    have = ", ".join(f"`{name}` is {_number_text(known[name])}" for name in named)
    return Problem(assertion.place, f"this assertion does not hold: {have}", _where(named, path))


def _where(named: list[str], path: Path) -> str:
    """Which command shows where the numbers of an assertion come from."""
    option = " --memory" if COSTS.intersection(named) else " --symbolic" if CONTRACT.intersection(named) else ""
    return f"`archgen shapes {printable(path.as_posix())}{option}` shows the layers; else change the assertion"


def _number_text(value: Any) -> str:
    """A number, or one for each axis, with thousands apart."""
    return f"[{', '.join(f'{item:,}' for item in value)}]" if isinstance(value, tuple) else f"{value:,}"
