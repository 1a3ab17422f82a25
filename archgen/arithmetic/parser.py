"""The text of an expression, read by the grammar that `docs/language.md` gives. Nothing is ever run by Python."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archgen.arithmetic.evaluation import FUNCTIONS
from archgen.arithmetic.expressions import (
    DEEPEST,
    LARGEST,
    LONGEST,
    NAME_A_PART,
    Binary,
    Call,
    Conditional,
    ExpressionError,
    Index,
    Name,
    Unary,
    is_number,
)
from archgen.arithmetic.spelling import COMPARISONS, PRECEDENCE
from archgen.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.arithmetic.expressions import Value


_OPERATORS = {level: [sign for sign, other in PRECEDENCE.items() if other == level] for level in PRECEDENCE.values()}
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
        raise ExpressionError(f"an expression has at most {LONGEST} characters, not {len(text)}", 0, len(text), NAME_A_PART)
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
            raise ExpressionError(f"an expression nests at most {DEEPEST} levels", self.token.offset, help=NAME_A_PART)
        then = self.binary(1)
        if self.takes("if"):
            test = self.binary(1)
            self.needs("else")
            then = Conditional(test, then, self.conditional())
        self.depth -= 1
        return then

    def binary(self, least: int) -> Value:
        if least == PRECEDENCE["not"]:
            return self.negation()
        if least > PRECEDENCE["*"]:
            return self.signed()
        left = self.binary(least + 1)
        while operator := self.takes(*_OPERATORS[least]):
            left = Binary(operator, left, self.binary(least + 1))
            if operator in COMPARISONS and self.token.text in COMPARISONS:
                raise ExpressionError(
                    "a comparison has two sides", self.token.offset, len(self.token.text), "join two with `and`"
                )
        return left

    def negation(self) -> Value:
        return self.nested("not", self.negation) if self.takes("not") else self.binary(PRECEDENCE["not"] + 1)

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
            raise ExpressionError(f"an expression nests at most {DEEPEST} levels", self.token.offset, help=NAME_A_PART)
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
