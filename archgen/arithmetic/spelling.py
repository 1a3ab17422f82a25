"""Expressions as text, with no parentheses that are not needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archgen.arithmetic.expressions import (
    Binary,
    Call,
    Conditional,
    Expression,
    Index,
    Name,
    Select,
    TooLong,
    Unary,
    is_number,
    names_of,
)
from archgen.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.arithmetic.expressions import Environment, Value


COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
PRECEDENCE = {"or": 1, "and": 2, "not": 3, **dict.fromkeys(COMPARISONS, 4), "+": 5, "-": 5, "*": 6, "/": 6, "//": 6, "%": 6}
_NEGATED, _CONDITIONAL, _ATOM = 7, 0, 9


def describe(value: Value) -> str:
    """Names a value for a sentence."""
    if type(value) is bool:
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "a list"
    if isinstance(value, Record) and not isinstance(value, Expression):
        return "an op"
    return f"`{render(value)}`"


def stand_for(value: Value, names: Environment) -> str:
    """Says which numbers the names of an expression stand for, as a help; '' where it is none, or a name alone."""
    if isinstance(value, Name):
        return ""
    known = [
        f"`{name}` is {render(names[name])}" for name in sorted(names_of(value)) if name in names and is_number(names[name])
    ]
    return f"here {' and '.join(known)}" if known else ""


class Spelling(NamedTuple):
    """How expressions are written. `a and (b and c)` means the same as `a and b and c`; the author of a spec wrote one."""

    functions: dict[str, str]  # those whose name differs
    truths: tuple[str, str]
    regroups: bool  # leaves such parentheses out


PYTHON = Spelling({"ceil": "math.ceil", "floor": "math.floor"}, ("False", "True"), regroups=True)
SPEC = Spelling({}, ("false", "true"), regroups=False)


def render(value: Any, outer: int = _CONDITIONAL, spelling: Spelling = PYTHON) -> str:
    """Returns the text of a value: what the author would write, with no parentheses that are not needed."""
    if isinstance(value, Expression):
        text, inner = (value.name, _ATOM) if isinstance(value, Name) else _RENDERERS[type(value)](value, spelling)
        return f"({text})" if inner < outer else text
    if isinstance(value, tuple):
        items = [render(item, _CONDITIONAL, spelling) for item in value]
        return "(" + ", ".join(items) + (",)" if len(value) == 1 else ")")
    if type(value) is bool:
        return spelling.truths[value]
    if is_number(value) and value < 0 and outer > _NEGATED:
        return f"({value!r})"
    return repr(value)


def calls(value: Any, spelling: Spelling = PYTHON) -> frozenset[str]:
    """The functions that the text of a value calls; of one in a module, the module's name."""
    own = {spelling.functions.get(value.function, value.function).partition(".")[0]} if isinstance(value, Call) else set()
    inside = value.operands if isinstance(value, Expression) else value if isinstance(value, tuple) else ()
    return frozenset(own).union(*(calls(one, spelling) for one in inside))


def _render_unary(value: Unary, spelling: Spelling) -> tuple[str, int]:
    inner = PRECEDENCE["not"] if value.operator == "not" else _NEGATED
    return value.operator + " " * (value.operator == "not") + render(value.operand, inner, spelling), inner


def _render_binary(value: Binary, spelling: Spelling) -> tuple[str, int]:
    inner = PRECEDENCE[value.operator]
    regroups = spelling.regroups and value.operator in ("and", "or")
    left = render(value.left, inner + (value.operator in COMPARISONS), spelling)
    right = render(value.right, inner + (not regroups), spelling)
    return f"{left} {value.operator} {right}", inner


def _render_conditional(value: Conditional, spelling: Spelling) -> tuple[str, int]:
    then, test = render(value.then, 1, spelling), render(value.test, 1, spelling)
    return f"{then} if {test} else {render(value.otherwise, _CONDITIONAL, spelling)}", _CONDITIONAL


def _render_call(value: Call, spelling: Spelling) -> tuple[str, int]:
    arguments = [render(argument, _CONDITIONAL, spelling) for argument in value.arguments]
    return f"{spelling.functions.get(value.function, value.function)}({', '.join(arguments)})", _ATOM


def _render_index(value: Index, spelling: Spelling) -> tuple[str, int]:
    return f"{render(value.of, _ATOM, spelling)}[{render(value.index, _CONDITIONAL, spelling)}]", _ATOM


_RENDERERS: dict[type[Expression], Callable[[Any, Spelling], tuple[str, int]]] = {
    Unary: _render_unary,
    Binary: _render_binary,
    Conditional: _render_conditional,
    Select: _render_conditional,
    Call: _render_call,
    Index: _render_index,
    TooLong: lambda *_: ("...", _ATOM),
}
