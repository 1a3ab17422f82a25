"""The kinds of an op's options: what a value must be, and how it is told, written and stored."""

from __future__ import annotations

import re
from typing import Any, NamedTuple, TypeAlias

from archgen.arithmetic.expressions import Expression, ManyName, Value, is_number, names_of

Int: TypeAlias = Any
PerAxis: TypeAlias = Any  # one value for every spatial axis, or a list with one for each
Padding: TypeAlias = Any  # the same, or one of the words of torch.nn.Conv2d
Around: TypeAlias = Any  # one value for each side of each spatial axis, or a list with two for each
Axis: TypeAlias = Any  # the number of an axis: the rank of the result hangs on it, so it never waits for a name
Axes: TypeAlias = Any
Ints: TypeAlias = Any  # a list of integers, of which each may wait for a name
Lengths: TypeAlias = Any  # the same, or integers by their names
Dims: TypeAlias = Any  # one axis or several, on which the rank of the result hangs
Flag: TypeAlias = Any  # true or false, on which it hangs too
Real: TypeAlias = Any
Scale: TypeAlias = Any  # a number for every spatial axis, or a list with one for each
Bool: TypeAlias = Any
Word: TypeAlias = Any
_NUMBER = re.compile(r"-?[0-9.][0-9._e+-]*", re.IGNORECASE)


class Kind(NamedTuple):
    """What an option's value may be: the test on an evaluated value, its name in a sentence, and its JSON Schema."""

    article: str
    schema: dict[str, Any]
    literal: bool = False  # the shape rule counts with it, so it can't wait for a name

    def refuses(self, value: Value, rank: int) -> str:
        """Returns the reason why an evaluated value is none of this kind, or ''; the rank is 0 where none is known yet."""
        if isinstance(value, Expression) or (self.literal and names_of(value)):  # how long a list is hangs on no name
            counted = self.literal or self.article == _INTS or (self.article == _AROUND and isinstance(value, ManyName))
            return f"takes {self.article} written out" if counted and rank and names_of(value) else ""
        if type(value) is int and self.article in _INTEGERS:
            return ""
        return "" if _TESTS[self.article](value) else f"takes {self.article}"

    def instead(self, value: Value, text: str) -> str:
        """Returns what to write for a value that is refused, if that is plain; `text` is how it was written."""
        if self.article == "true or false" and type(value) is int and value in (0, 1):
            return f"write `{'true' if value else 'false'}`"
        if type(value) is not float or self.article not in _INTEGERS or not text:
            return ""
        if "/" in text and "//" not in text:
            return "`//` divides and rounds down, to an integer"
        if not _NUMBER.fullmatch(text):
            return f"write `round({text})`"
        return f"write `{int(value)}`" if value.is_integer() else ""


def _ints(value: Value) -> bool:
    return type(value) is tuple and all(type(item) is int or isinstance(item, Expression) for item in value)


def _number(value: Value) -> bool:
    return is_number(value) or isinstance(value, Expression)


_PADDING = "an integer, a list with one for each axis, `same` or `valid`"
_AROUND = "an integer, or a list with two for each axis"
_INTS = "a list of integers"
_DIMS = "an integer, or a list of integers"
_SCALE = "a number, or a list with one for each axis"
_TESTS: dict[str, Any] = {
    "an integer": lambda value: type(value) is int,
    "an integer, or a list with one for each axis": lambda value: type(value) is int or _ints(value),
    _PADDING: lambda value: type(value) is int or _ints(value) or value in ("same", "valid"),
    _INTS: _ints,
    _AROUND: lambda value: type(value) is int or _ints(value),
    _DIMS: lambda value: type(value) is int or _ints(value),
    "a number": is_number,
    _SCALE: lambda value: is_number(value) or (type(value) is tuple and all(map(_number, value))),
    "true or false": lambda value: type(value) is bool,
    "a word": lambda value: type(value) is str,
}
_INTEGERS = ("an integer", "an integer, or a list with one for each axis", _PADDING, _AROUND, _DIMS, "a number", _SCALE)
_INTEGER = {"type": ["integer", "string"]}
KINDS: dict[str, Kind] = {
    "Int": Kind("an integer", _INTEGER),
    "PerAxis": Kind(
        "an integer, or a list with one for each axis", {"type": ["integer", "string", "array"], "items": _INTEGER}
    ),
    "Padding": Kind(_PADDING, {"type": ["integer", "string", "array"], "items": _INTEGER}),
    "Around": Kind(_AROUND, {"type": ["integer", "string", "array"], "items": _INTEGER}),
    "Axis": Kind("an integer", _INTEGER, literal=True),
    "Axes": Kind(_INTS, {"type": ["array", "string"], "items": _INTEGER}, literal=True),
    "Ints": Kind(_INTS, {"type": ["array", "string"], "items": _INTEGER}),
    "Lengths": Kind(_INTS, {"type": ["array", "object"], "items": _INTEGER, "additionalProperties": _INTEGER}),
    "Dims": Kind(_DIMS, {"type": ["integer", "string", "array"], "items": _INTEGER}, literal=True),
    "Flag": Kind("true or false", {"type": ["boolean", "string"]}, literal=True),
    "Real": Kind("a number", {"type": ["number", "string"]}),
    "Scale": Kind(_SCALE, {"type": ["number", "string", "array"], "items": {"type": ["number", "string"]}}),
    "Bool": Kind("true or false", {"type": ["boolean", "string"]}),
    "Word": Kind("a word", {"type": "string"}),
}
