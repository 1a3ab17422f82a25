"""The arithmetic of a spec: parsed here, evaluated on numbers and on names by the same functions.

    expr = NUMBER | true | false | NAME | NAME[expr] | FUNC(expr, ...) | (expr) | -expr | not expr
         | expr (+ - * / // % == != < <= > >= and or) expr | expr if expr else expr
    FUNC = min max round ceil floor make_divisible

Precedence and meaning are Python's. A value is a number, a truth value, a word or a tuple, or, where it depends on a name, an
`Expression`. `evaluate` replaces names by what an environment gives them: by numbers for the report, by other expressions
for the generated code. What it puts together on names gives, once they are numbers, what the text as written gives, to the last
bit: so only integers are put together, and a name has a type. Every step is bounded, so no text can hang or swell: there is no
power, no number passes 2**40, and no expression on names has more than 200 parts.
"""

from __future__ import annotations

import math
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, Union

from archgen.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from archgen.diagnostics import Place

LONGEST = 256
DEEPEST = 16
LARGEST = 2**40
MOST_PARTS = 200  # operators, names and numbers of an expression on names
MOST_LISTED = 1000  # values in a list of lists, counted to the innermost


CONDITION = "compare it, as in `stride != 1`, or name `true` or `false`"
_COUNTED = "what is counted with is given a number, not a list"
_NAMED = "name a part of it in `let`"


class ExpressionError(Exception):
    """What is wrong with an expression, and where in its text (0-based), if a place in it is to blame."""

    def __init__(self, sentence: str, offset: int = 0, length: int = 1, help: str = "") -> None:
        super().__init__(sentence)
        self.sentence, self.offset, self.length, self.help = sentence, offset, length, help
        self.place: Place | None = None  # of the constant that has no value, if one has none


class Expression(Record):
    """Arithmetic that waits for names. The operators build larger expressions, so a shape rule runs on it as on a number.

    What is asked often is worked out once: an expression never changes, and larger ones share it.
    """

    @property
    def operands(self) -> tuple[Value, ...]:
        """The values that it is made of."""
        return tuple(getattr(self, field) for field in self.fields)

    @cached_property
    def parts(self) -> int:
        """How many operators, names and numbers it is made of."""
        return 1 + sum(map(parts_of, self.operands))

    @cached_property
    def free(self) -> frozenset[str]:
        """The names that it waits for."""
        return frozenset().union(*map(names_of, self.operands))

    @cached_property
    def whole(self) -> bool:
        """Whether it is an integer for certain, whatever its names stand for."""
        return False

    @cached_property
    def may_fail(self) -> bool:
        """Whether it has no value for some values of its names: it divides by them, or takes an item of a list."""
        return any(map(may_fail, self.operands))

    @cached_property
    def selects(self) -> bool:
        """Whether a shape rule's own conditional is in it."""
        return isinstance(self, Select) or any(map(selects, self.operands))

    @cached_property
    def _hash(self) -> int:
        return super().__hash__()

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        """Two are equal if they give the same, type included: `a * 2` and `a * 2.0` are not."""
        if self is other:
            return True
        return type(self) is type(other) and all(_alike(getattr(self, name), getattr(other, name)) for name in self.fields)

    def __add__(self, other: Value) -> Any:
        return symbolic("+", self, other)

    def __radd__(self, other: Value) -> Any:
        return symbolic("+", other, self)

    def __sub__(self, other: Value) -> Any:
        return symbolic("-", self, other)

    def __rsub__(self, other: Value) -> Any:
        return symbolic("-", other, self)

    def __mul__(self, other: Value) -> Any:
        return symbolic("*", self, other)

    def __rmul__(self, other: Value) -> Any:
        return symbolic("*", other, self)

    def __floordiv__(self, other: Value) -> Any:
        return symbolic("//", self, other)

    def __rfloordiv__(self, other: Value) -> Any:
        return symbolic("//", other, self)

    def __mod__(self, other: Value) -> Any:
        return symbolic("%", self, other)

    def __rmod__(self, other: Value) -> Any:
        return symbolic("%", other, self)


class Name(Expression):
    """A name, and the type of what it stands for, as arguments have one.

    A "float" may be an integer in one call and not in the next; it is also the type of what nobody knows more of.
    """

    name: str
    type: str = "float"

    @property
    def operands(self) -> tuple[Value, ...]:
        return ()

    @cached_property
    def free(self) -> frozenset[str]:
        return frozenset((self.name,))

    @cached_property
    def whole(self) -> bool:
        return self.type == "int"


class ManyName(Name):
    """A name that stands for a list with a value for each spatial axis: it has items, and nothing counts with it."""

    @cached_property
    def whole(self) -> bool:
        return False


class Unary(Expression):
    operator: str  # "-" or "not"
    operand: Value

    @property
    def operands(self) -> tuple[Value, ...]:
        return (self.operand,)

    @cached_property
    def whole(self) -> bool:
        return self.operator == "-" and is_whole(self.operand)


class Binary(Expression):
    operator: str
    left: Value
    right: Value

    @property
    def operands(self) -> tuple[Value, ...]:
        return self.left, self.right

    @cached_property
    def whole(self) -> bool:
        return self.operator in ("+", "-", "*", "//", "%") and is_whole(self.left) and is_whole(self.right)

    @cached_property
    def may_fail(self) -> bool:
        divides = self.operator in _DIVISIONS and (isinstance(self.right, Expression) or self.right == 0)
        return divides or any(map(may_fail, self.operands))


class Conditional(Expression):
    """`then if test else otherwise`."""

    test: Value
    then: Value
    otherwise: Value

    @cached_property
    def whole(self) -> bool:
        return is_whole(self.then) and is_whole(self.otherwise)


class Select(Conditional):
    """A conditional that a shape rule made, not the author: dropped in generated code where every call decides it alike."""


class Call(Expression):
    function: str
    arguments: tuple[Value, ...]

    @property
    def operands(self) -> tuple[Value, ...]:
        return self.arguments

    @cached_property
    def whole(self) -> bool:
        rounded = 0 if self.function in ("min", "max") else 1  # the others round their first argument
        return all(map(is_whole, self.arguments[rounded:]))

    @cached_property
    def may_fail(self) -> bool:
        divides = self.function == "make_divisible" and any(isinstance(value, Expression) for value in self.arguments[1:])
        return divides or any(map(may_fail, self.operands))


class Index(Expression):
    of: Value
    index: Value

    @cached_property
    def whole(self) -> bool:
        if isinstance(self.of, ManyName):
            return self.of.type == "int"
        return type(self.of) is tuple and all(map(is_whole, self.of))

    @cached_property
    def may_fail(self) -> bool:
        return not (isinstance(self.of, ManyName) and type(self.index) is int)


class TooLong(Expression):
    """What arithmetic makes instead of an expression of more than MOST_PARTS parts. All that is made of it is it again.

    So a size may grow beyond all bounds where nobody reads it, and is refused where generated code needs it.
    """

    @cached_property
    def parts(self) -> int:
        return MOST_PARTS


class Failed(Record):
    """What a constant is that has no value, as one that divides by zero: the reason is told where it is read."""

    error: ExpressionError


Value: TypeAlias = Union[int, float, bool, str, "tuple[Any, ...]", Expression, Record]
Environment: TypeAlias = "Mapping[str, Value]"
TOO_LONG = TooLong()


def parts_of(value: Value) -> int:
    """How many operators, names and numbers a value is made of."""
    if type(value) is tuple:
        return sum(map(parts_of, value))
    return value.parts if isinstance(value, Expression) else 1


def is_whole(value: Value) -> bool:
    """Whether a value is an integer for certain, whatever its names stand for."""
    return type(value) is int or (isinstance(value, Expression) and value.whole)


def may_fail(value: Value) -> bool:
    """Whether a value is none for some values of its names."""
    return any(map(may_fail, value)) if type(value) is tuple else isinstance(value, Expression) and value.may_fail


def selects(value: Value) -> bool:
    """Whether a shape rule's own conditional is in a value."""
    return any(map(selects, value)) if type(value) is tuple else isinstance(value, Expression) and value.selects


def limited(value: Expression) -> Any:
    """Returns an expression just made, or TOO_LONG if it has too many parts. Whatever makes one of names asks here."""
    return value if value.parts <= MOST_PARTS else TOO_LONG


def _alike(left: Any, right: Any) -> bool:
    if type(left) is not type(right):
        return False
    if type(left) is tuple:
        return len(left) == len(right) and all(map(_alike, left, right))
    return bool(left == right) and (type(left) is not float or math.copysign(1, left) == math.copysign(1, right))


# ---- numbers


def make_divisible(x: float, divisor: int = 8) -> int:
    """Rounds to the nearest multiple of divisor, at least one, and never below nine tenths of x (MobileNet's rule)."""
    rounded = max(divisor, int(x + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * x else rounded + divisor


FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {  # with the least and the most arguments
    "min": (min, 2, 8),
    "max": (max, 2, 8),
    "round": (round, 1, 1),
    "ceil": (math.ceil, 1, 1),
    "floor": (math.floor, 1, 1),
    "make_divisible": (make_divisible, 1, 2),
}

_OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_ARITHMETIC = ("+", "-", "*", "/", "//", "%")
_DIVISIONS = ("/", "//", "%")
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_PRECEDENCE = {"or": 1, "and": 2, "not": 3, **dict.fromkeys(_COMPARISONS, 4), "+": 5, "-": 5, "*": 6, "/": 6, "//": 6, "%": 6}
_OPERATORS = {level: [sign for sign, other in _PRECEDENCE.items() if other == level] for level in _PRECEDENCE.values()}
_NEGATED, _CONDITIONAL, _ATOM = 7, 0, 9


def is_number(value: Value) -> bool:
    """Tells whether a value is an int or a float; true and false are not."""
    return type(value) is int or type(value) is float


def bounded(value: Any) -> Any:
    if type(value) is bool:
        return value
    if not -LARGEST <= value <= LARGEST:  # also true of nan
        raise ExpressionError("a value of this expression lies beyond 2**40")
    return value


def binary(operator: str, left: Value, right: Value) -> Value:
    """Applies an operator to two values: a number if both are, else an expression, kept as short as a person would write it."""
    if isinstance(left, Expression) or isinstance(right, Expression):
        return symbolic(operator, left, right)
    if operator in ("==", "!=") and (type(left) is tuple) == (type(right) is tuple):
        return bool(_OPERATIONS[operator](left, right))
    if not (is_number(left) and is_number(right)):
        help = _COUNTED if tuple in (type(left), type(right)) else ""
        raise ExpressionError(f"`{operator}` takes two numbers, not {describe(left)} and {describe(right)}", help=help)
    if operator in _DIVISIONS and right == 0:
        raise ExpressionError(f"`{operator}` divides by zero")
    return bounded(_OPERATIONS[operator](left, right))  # type: ignore[no-any-return]


def refuse_lists(sentence: str, *values: Value) -> None:
    for value in values:
        if isinstance(value, ManyName):
            raise ExpressionError(f"{sentence}, and `{value.name}` is given a list by some call", help=_COUNTED)


def symbolic(operator: str, left: Value, right: Value) -> Value:
    """An operator on names. What it gives for numbers is what the operator itself gives, to the last bit and in its type.

    Integers are exact in any order. A float is rounded at each step, and 0 times a float may be -0.0; times 1 it stays itself.
    """
    refuse_lists(f"`{operator}` takes two numbers", left, right)
    if operator == "*" and (_is_one(left) or _is_one(right)):
        return right if _is_one(left) else left
    exact = _exact(operator, left, right) if is_whole(left) and is_whole(right) else None
    return limited(Binary(operator, left, right)) if exact is None else exact


def _is_one(value: Value) -> bool:
    return type(value) is int and value == 1


def _exact(operator: str, left: Value, right: Value) -> Value | None:
    """A shorter way to say what two integers make, if there is one. What may have no value stays in it."""
    if operator in ("+", "-"):
        return _sum(left, right, 1 if operator == "+" else -1)
    if operator == "*" and 0 in (left, right):
        return None if may_fail(left) or may_fail(right) else 0
    if operator == "//" and type(right) is int:
        return left if right == 1 else _divided(left, right)
    return None


def _sum(left: Value, right: Value, sign: int) -> Value | None:
    """Adds two sums of terms; like terms meet, the first to appear stays first."""
    counts: dict[Value, int] = {}
    as_written: dict[Value, Value] = {}
    for term, count, written in [*_terms(left, 1), *_terms(right, sign)]:
        counts[term] = counts.get(term, 0) + count
        as_written.setdefault(term, written)
    if any(not count and may_fail(term) for term, count in counts.items()):
        return None
    total: Value = 0
    for term, count in sorted(counts.items(), key=lambda item: item[1] < 0):  # `a - b`, not `-b + a`
        if not count:
            continue
        if total == 0:
            total = _scaled(term, count, as_written[term])
        else:
            total = limited(Binary("+" if count > 0 else "-", total, _scaled(term, abs(count), as_written[term])))
    return total


def _terms(value: Value, sign: int) -> list[tuple[Value, int, Value]]:
    """Returns the terms of a sum: each without its factor, the factor, and the term as it was written."""
    if isinstance(value, Binary) and value.operator in ("+", "-"):
        return _terms(value.left, sign) + _terms(value.right, sign if value.operator == "+" else -sign)
    if type(value) is int:
        return [(1, sign * value, value)]
    if isinstance(value, Binary) and value.operator == "*":
        if type(value.left) is int:
            return [(value.right, sign * value.left, value)]
        if type(value.right) is int:
            return [(value.left, sign * value.right, value)]
    return [(value, sign, value)]


def _scaled(term: Value, count: int, written: Value) -> Value:
    """Returns count times a term, the number on the side where the author wrote it."""
    if type(term) is int:
        return count
    if count == 1:
        return term
    number_last = isinstance(written, Binary) and written.operator == "*" and type(written.right) is int
    return limited(Binary("*", term, count) if number_last else Binary("*", count, term))  # type: ignore[no-any-return]


def _divided(value: Value, by: int) -> Value | None:
    """Returns the exact quotient of a number's multiple by that number, or None."""
    if not (isinstance(value, Binary) and value.operator == "*" and by):
        return None
    ((term, count, written),) = _terms(value, 1)
    return _scaled(term, count // by, written) if count % by == 0 else None


def select(test: Value, then: Value, otherwise: Value) -> Any:
    """A shape rule's own conditional."""
    return limited(Select(test, then, otherwise)) if isinstance(test, Expression) else then if test else otherwise


def describe(value: Value) -> str:
    """Names a value for a sentence."""
    if type(value) is bool:
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "a list"
    if isinstance(value, Record) and not isinstance(value, Expression):
        return "an op"
    return f"`{render(value)}`"


# ---- evaluation


def evaluate(value: Value, names: Environment) -> Any:
    """Returns the value with its names replaced; raises ExpressionError where a number can't be had (`/ 0`, a list + 1)."""
    if not isinstance(value, Expression):
        return _list([evaluate(item, names) for item in value]) if type(value) is tuple else value
    if isinstance(value, Name):
        found = names[value.name]
        if type(found) is Failed:
            raise found.error
        return found
    if type(value) is Binary:
        if value.operator in ("and", "or"):
            return _logic(value.operator, value.left, value.right, names)
        return binary(value.operator, evaluate(value.left, names), evaluate(value.right, names))
    return _EVALUATORS[type(value)](value, names)


def _list(items: list[Any]) -> tuple[Any, ...]:
    """A list of lists may name the same list many times, and so double with each constant."""
    made = tuple(items)
    if any(type(item) is tuple for item in made) and parts_of(made) > MOST_LISTED:
        raise ExpressionError(f"a list of lists holds at most {MOST_LISTED:,} values in all")
    return made


def _logic(operator: str, left: Value, right: Value, names: Environment) -> Value:
    first = evaluate(left, names)
    if not isinstance(first, Expression):
        if truth(first) is (operator == "or"):
            return bool(first)
        second = evaluate(right, names)
        return second if isinstance(second, Expression) else truth(second)
    second = evaluate(right, names)
    if not isinstance(second, Expression) and truth(second) is (operator == "and"):
        return first
    return limited(Binary(operator, first, second))  # type: ignore[no-any-return]


def stand_for(value: Value, names: Environment) -> str:
    """Says which numbers the names of an expression stand for, as a help; '' where it is none, or a name alone."""
    if isinstance(value, Name):
        return ""
    known = [
        f"`{name}` is {render(names[name])}" for name in sorted(names_of(value)) if name in names and is_number(names[name])
    ]
    return f"here {' and '.join(known)}" if known else ""


def truth(value: Value) -> bool:
    """Returns a truth value; raises ExpressionError for anything else."""
    if type(value) is not bool:
        raise ExpressionError(f"a condition is true or false, not {describe(value)}", help=CONDITION)
    return value


def _unary(value: Unary, names: Environment) -> Value:
    operand = evaluate(value.operand, names)
    if isinstance(operand, Expression):
        return limited(Unary(value.operator, operand))  # type: ignore[no-any-return]
    if value.operator == "not":
        return not truth(operand)
    return binary("-", 0, operand) if type(operand) is int else binary("*", -1, operand)


def _conditional(value: Conditional, names: Environment) -> Value:
    test = evaluate(value.test, names)
    if isinstance(test, Expression):
        made = type(value)(test, evaluate(value.then, names), evaluate(value.otherwise, names))
        return limited(made)  # type: ignore[no-any-return]
    return evaluate(value.then if truth(test) else value.otherwise, names)  # type: ignore[no-any-return]


def _call(value: Call, names: Environment) -> Value:
    arguments = [evaluate(argument, names) for argument in value.arguments]
    result: Value = call(value.function, *arguments)
    return result


def call(name: str, *arguments: Value) -> Any:
    """Applies one of the language's functions."""
    if any(isinstance(argument, Expression) for argument in arguments):
        refuse_lists(f"`{name}` takes numbers", *arguments)
        return limited(Call(name, arguments))
    for argument in arguments:
        if not is_number(argument):
            raise ExpressionError(f"`{name}` takes numbers, not {describe(argument)}")
    if name == "make_divisible" and len(arguments) == 2 and (type(arguments[1]) is not int or arguments[1] < 1):
        raise ExpressionError(f"`make_divisible` takes a divisor of at least 1, not {describe(arguments[1])}")
    return bounded(FUNCTIONS[name][0](*arguments))


def minimum(left: Any, right: Any) -> Any:
    """The smaller of two sizes, on every carrier."""
    if isinstance(left, Expression) or isinstance(right, Expression):
        return call("min", left, right)
    if is_number(left):
        return min(left, right) if is_number(right) else right.minimum(left)
    return left.minimum(right)


def broadcast(left: Any, right: Any) -> Any:
    """The size that two make where one of them may be 1 and is stretched to the other, on every carrier."""
    if left == right or (type(right) is int and right == 1):
        return left
    if type(left) is int and left == 1:
        return right
    if isinstance(left, Expression) or isinstance(right, Expression):
        return call("max", left, right)
    if type(left) is int:
        return left
    return right if type(right) is int else left.maximum(right)


def _index(value: Index, names: Environment) -> Value:
    of, index = evaluate(value.of, names), evaluate(value.index, names)
    if isinstance(of, Expression) or isinstance(index, Expression):
        return limited(Index(of, index))  # type: ignore[no-any-return]
    if not isinstance(of, tuple):
        raise ExpressionError(f"only a list has items, not {describe(of)}")
    if type(index) is not int or not 0 <= index < len(of):
        raise ExpressionError(f"the list has {len(of)} items, numbered from 0; there is no item {describe(index)}")
    return of[index]  # type: ignore[no-any-return]


_EVALUATORS: dict[type[Expression], Callable[[Any, Environment], Value]] = {
    Unary: _unary,
    Conditional: _conditional,
    Select: _conditional,
    Call: _call,
    Index: _index,
    TooLong: lambda value, _: value,
}


def names_of(value: Any) -> frozenset[str]:
    """Returns the names that a value waits for."""
    if isinstance(value, Expression):
        return value.free
    if isinstance(value, tuple):
        return frozenset().union(*map(names_of, value))
    if isinstance(value, Record):
        return frozenset().union(*(names_of(getattr(value, field)) for field in value.fields))
    return frozenset()


def surely_read(value: Value) -> frozenset[str]:
    """The names that are read whatever they stand for: of `a if b else c` it is `b` alone."""
    if isinstance(value, Conditional):
        return surely_read(value.test) | (surely_read(value.then) & surely_read(value.otherwise))
    if isinstance(value, Name):
        return value.free
    if isinstance(value, Expression):
        lazy = isinstance(value, Binary) and value.operator in ("and", "or")
        return frozenset().union(*map(surely_read, value.operands[:1] if lazy else value.operands))
    return frozenset().union(*map(surely_read, value)) if type(value) is tuple else frozenset()


# ---- text


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


def _render_unary(value: Unary, spelling: Spelling) -> tuple[str, int]:
    inner = _PRECEDENCE["not"] if value.operator == "not" else _NEGATED
    return value.operator + " " * (value.operator == "not") + render(value.operand, inner, spelling), inner


def _render_binary(value: Binary, spelling: Spelling) -> tuple[str, int]:
    inner = _PRECEDENCE[value.operator]
    regroups = spelling.regroups and value.operator in ("and", "or")
    left = render(value.left, inner + (value.operator in _COMPARISONS), spelling)
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


# ---- parsing

_TOKEN = re.compile(
    r"""\s*(?:(?P<float>(?:\d[\d_]*\.\d*|\.\d+)(?:[eE][+-]?\d+)?|\d[\d_]*[eE][+-]?\d+)
    |(?P<int>\d[\d_]*)|(?P<name>[A-Za-z_]\w*)|(?P<operator>//|==|!=|<=|>=|[-+*/%<>()\[\],])|(?P<end>$))""",
    re.VERBOSE | re.ASCII,
)
_INT = re.compile(r"0|[1-9]\d*(?:_\d{3})*|[1-9]\d{0,2}(?:_\d{3})+", re.ASCII)
_WORDS = ("if", "else", "and", "or", "not")


class _Token(Record):
    kind: str
    text: str
    offset: int


def parse(text: str) -> Value:
    """Parses an expression. Raises ExpressionError with the place in the text."""
    if len(text) > LONGEST:
        raise ExpressionError(f"an expression has at most {LONGEST} characters, not {len(text)}", 0, len(text), _NAMED)
    return _Parser(_tokens(text)).whole()


_PARTS = f"an expression has numbers, names, + - * / // %, comparisons, and, or, not, if else, {' '.join(FUNCTIONS)}"


def _tokens(text: str) -> list[_Token]:
    tokens, position = [], 0
    while True:
        match = _TOKEN.match(text, position)
        if match is None:
            offset = position + len(text[position:]) - len(text[position:].lstrip(" \t\n\r\f\v"))
            raise ExpressionError("there is no such sign in an expression", offset, 1, _PARTS)
        kind = match.lastgroup or ""
        token = _Token(kind, match[kind], match.start(kind))
        tokens.append(token)
        if kind == "end":
            return tokens
        position = match.end()


class _Parser:
    """Recursive descent; every level of the text's own nesting counts."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens, self.position, self.depth = tokens, 0, 0

    @property
    def token(self) -> _Token:
        return self.tokens[self.position]

    def takes(self, *texts: str) -> str | None:
        token = self.token
        if token.text in texts and token.kind in ("operator", "name"):
            self.position += 1
            return token.text
        return None

    def needs(self, text: str) -> None:
        if not self.takes(text):
            raise self.unexpected(f"`{text}`")

    def unexpected(self, wanted: str) -> ExpressionError:
        found = f"`{self.token.text}`" if self.token.text else "the end"
        return ExpressionError(f"{wanted} is expected, not {found}", self.token.offset, max(1, len(self.token.text)))

    def whole(self) -> Value:
        value = self.conditional()
        if self.token.kind != "end":
            raise self.unexpected("an operator or the end")
        return value

    def conditional(self) -> Value:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ExpressionError(f"an expression nests at most {DEEPEST} levels", self.token.offset, help=_NAMED)
        then = self.binary(1)
        if self.takes("if"):
            test = self.binary(1)
            self.needs("else")
            then = Conditional(test, then, self.conditional())
        self.depth -= 1
        return then

    def binary(self, least: int) -> Value:
        if least == _PRECEDENCE["not"]:
            return self.negation()
        if least > _PRECEDENCE["*"]:
            return self.signed()
        left = self.binary(least + 1)
        while operator := self.takes(*_OPERATORS[least]):
            left = Binary(operator, left, self.binary(least + 1))
            if operator in _COMPARISONS and self.token.text in _COMPARISONS:
                raise ExpressionError(
                    "a comparison has two sides", self.token.offset, len(self.token.text), "join two with `and`"
                )
        return left

    def negation(self) -> Value:
        return self.nested("not", self.negation) if self.takes("not") else self.binary(_PRECEDENCE["not"] + 1)

    def signed(self) -> Value:
        if not self.takes("-"):
            return self.atom()
        value = self.nested("-", self.signed)
        if isinstance(value, Unary) and is_number(value.operand):
            return -value.operand  # type: ignore[operator]
        return value

    def nested(self, operator: str, parse_operand: Callable[[], Value]) -> Value:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ExpressionError(f"an expression nests at most {DEEPEST} levels", self.token.offset, help=_NAMED)
        value = Unary(operator, parse_operand())
        self.depth -= 1
        return value

    def atom(self) -> Value:
        token = self.token
        if token.kind == "int":
            return self.integer()
        if token.kind == "float":
            return self.real()
        if self.takes("("):
            value = self.conditional()
            self.needs(")")
            return value
        if token.kind != "name" or token.text in _WORDS:
            error = self.unexpected("a value")
            error.help = "there is no power: write a product" if token.text == "*" else ""
            raise error
        self.position += 1
        if token.text in ("true", "false"):
            return token.text == "true"
        if self.takes("("):
            return self.function(token)
        if self.takes("["):
            index = self.conditional()
            self.needs("]")
            return Index(Name(token.text), index)
        return Name(token.text)

    def function(self, token: _Token) -> Value:
        if token.text not in FUNCTIONS:
            known = ", ".join(f"`{name}`" for name in FUNCTIONS)
            raise ExpressionError(
                f"there is no function `{token.text}`", token.offset, len(token.text), f"the functions are {known}"
            )
        arguments = [self.conditional()]
        while self.takes(","):
            arguments.append(self.conditional())
        self.needs(")")
        _, least, most = FUNCTIONS[token.text]
        if not least <= len(arguments) <= most:
            count = str(least) if least == most else f"{least} to {most}"
            raise ExpressionError(f"`{token.text}` takes {count} values, not {len(arguments)}", token.offset, len(token.text))
        return Call(token.text, tuple(arguments))

    def integer(self) -> int:
        token = self.token
        if not _INT.fullmatch(token.text):
            raise self.badly_written()
        self.position += 1
        return self.within(int(token.text) if len(token.text) < 32 else LARGEST + 1, token)  # type: ignore[return-value]

    def real(self) -> float:
        token = self.token
        before = re.split("[.eE]", token.text)[0]
        if before and not _INT.fullmatch(before):
            raise self.badly_written()
        self.position += 1
        return self.within(float(token.text), token)

    def badly_written(self) -> ExpressionError:
        sentence = "a number has no leading zero, and `_` only between thousands"
        return ExpressionError(sentence, self.token.offset, len(self.token.text), "write it in decimal")

    def within(self, value: float, token: _Token) -> float:
        if value > LARGEST:
            raise ExpressionError("a number is at most 2**40", token.offset, len(token.text))
        return value
