"""Writes a plan with the templates. A project's own may come from a stranger: what they can say is on a list, and counted.

A template loops and prints. It has the plan, the filters below, macros and no more: no method, no arithmetic beyond an
indentation, no loop but over a part of the plan.
"""

from __future__ import annotations

import functools
import re
import sys
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

from jinja2 import FunctionLoader, StrictUndefined, TemplateNotFound, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from archgen import resources
from archgen.diagnostics import Place, Problem, Source, SpecError, quote, suggest
from archgen.emit import layout
from archgen.emit.style import SUFFIX, names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from archgen.emit.plan import ModulePlan, Statement
    from archgen.emit.style import Style

FIRST = "module.py.jinja"
_PLAN = re.compile(r"'archgen\.[\w.]*\.(\w+) object'")
_CALLED = {"ModulePlan": "a module", "ClassPlan": "a class", "Argument": "an argument"}
MOST_NAMED = 60
CHARACTERS_PER_ITEM, CHARACTERS_BESIDE, LEVELS = 4000, 2**20, 20  # each macro that hands a text on writes it once more
READS_PER_ITEM, READS_BESIDE = 40, 2000  # of attributes and macros; those of archgen read seven times for a statement
MOST_INDENTED = 100
_NODES = (
    nodes.Add, nodes.Call, nodes.Concat, nodes.Const, nodes.Filter, nodes.For, nodes.FromImport, nodes.Getattr, nodes.Getitem,
    nodes.If, nodes.Import, nodes.Include, nodes.List, nodes.Macro, nodes.Name, nodes.Not, nodes.Output, nodes.Template,
    nodes.TemplateData,
)  # fmt: skip


class _TooMuch(Exception):
    """A template reads or writes more than any that prints a plan once."""


class _Environment(ImmutableSandboxedEnvironment):
    """Counts what templates read, a list by its items, for it is read to be looped over, and what they write."""

    reads = characters = 0

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.read(super().getattr(obj, attribute))

    def getitem(self, obj: Any, argument: Any) -> Any:
        return self.read(super().getitem(obj, argument))

    def call(self, *arguments: Any, **named: Any) -> Any:
        self.read(())
        return self.wrote(super().call(*arguments, **named))

    def read(self, value: Any) -> Any:
        self.reads -= 1 + (len(value) if isinstance(value, (tuple, list)) else 0)
        if self.reads < 0:
            raise _TooMuch
        return value

    def wrote(self, text: Any) -> Any:
        self.characters -= len(text) if isinstance(text, str) else 0
        if self.characters < 0:
            raise _TooMuch
        return text


def write(plan: ModulePlan, style: Style) -> str:
    """Returns the text of a module. Raises SpecError where a project's own template is to blame."""
    try:
        environment = _environment(style)
        environment.reads, environment.characters = _budget(plan) if style.own else (sys.maxsize, sys.maxsize)
        text = "".join(map(environment.wrote, environment.get_template(FIRST).generate(module=plan)))
        if not text.isascii():
            raise ValueError("a generated module is ASCII, and these templates write something else")
        return text
    except SpecError:
        raise
    except _TooMuch:
        sentence = "these templates read or write the plan again and again, and each part of it is to be printed once"
        raise SpecError(_problem(style, FIRST, 0, sentence)) from None
    except RecursionError:
        if not style.own:
            raise
        sentence = "a template is nested too deep, includes itself, or has a macro that calls itself without an end"
        raise SpecError(_problem(style, FIRST, 0, sentence)) from None
    except TemplateNotFound as error:
        if not style.own:
            raise
        name = (error.name or "")[:MOST_NAMED]
        problem = _problem(style, *_where(error), f"there is no template {quote(name)}")
        raise SpecError(problem.replace(help=suggest(name, names(), "templates"))) from None
    except TemplateSyntaxError as error:
        _refuse(style, error.name or FIRST, error.lineno, error)
    except Exception as error:  # whatever a filter raises that is given another thing than it takes
        _refuse(style, *_where(error), error)


def _budget(plan: ModulePlan) -> tuple[int, int]:
    """How much a project's own templates may read and write: many times what archgen's do."""
    statements = [one for made in plan.classes for one in _all((*made.init, *made.forward))]
    items = len(statements) + sum(1 + len(made.arguments) for made in plan.classes)
    characters = sum(len(layout.flat(getattr(one, "value", "") or getattr(one, "call", ""))) for one in statements)
    reads = READS_BESIDE + READS_PER_ITEM * items
    return reads, CHARACTERS_BESIDE + CHARACTERS_PER_ITEM * items + LEVELS * characters


def _all(statements: tuple[Statement, ...]) -> Iterator[Statement]:
    for one in statements:
        yield one
        yield from _all((*getattr(one, "then", ()), *getattr(one, "otherwise", ())))


def _refuse(style: Style, name: str, line: int, error: Exception) -> NoReturn:
    if not style.own:
        raise error
    said = " ".join(_PLAN.sub(lambda found: _CALLED.get(found[1], "a statement"), str(error)).split()) or type(error).__name__
    raise SpecError(_problem(style, name, line, said.rstrip("."))) from None


def _problem(style: Style, name: str, line: int, sentence: str) -> Problem:
    """A fault of a template; where archgen's own one met it, the fault is of one that it includes or imports."""
    source = next((own for own in style.own if own.name.endswith(name)), None)
    if source is None:
        source, line = style.own[0] if style.own else Source(name, ""), 0
    length = max(1, len(source.line(line).strip()))
    column = len(source.line(line)) - len(source.line(line).lstrip()) + 1
    return Problem(
        Place(source, line, column if line else 0, length), sentence, "docs/templates.md lists what a template can say"
    )


def _where(error: Exception) -> tuple[str, int]:
    """The template, and its line, in which an error was raised: Jinja puts them into the traceback."""
    found = (FIRST, 0)
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename.endswith(SUFFIX):
            found = (frame.f_code.co_filename, line)
    return found


@functools.lru_cache(maxsize=4)
def _environment(style: Style) -> _Environment:
    own = {source.name.replace("\\", "/").rpartition("/")[2]: source.text for source in style.own}

    def load(name: str) -> tuple[str, str, None] | None:
        path = resources.folder("templates") / name
        text = own.get(name)
        if text is None:
            if "/" in name or not path.is_file():
                return None
            text = resources.read(path).decode()
        return text, name, None

    environment = _Environment(
        loader=FunctionLoader(load),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    width = style.width
    environment.globals.clear()
    filters: dict[str, Callable[..., str]] = {
        "fit": lambda text, indent=0, before="", comment="": layout.fit(text, width, indent, before, comment),
        "enclosed": lambda items, indent, opened, closed: layout.enclosed(items, width, indent, opened, closed),
        "docstring": lambda paragraphs, indent=0: layout.docstring(paragraphs, width, indent),
        "wrapped": lambda text, indent=0: layout.wrapped(text, width, indent),
        "join": _join,
    }
    environment.filters = {name: _counted(environment, function) for name, function in filters.items()}
    for name, text in own.items():
        _check(environment, style, name, text)
    return environment


def _join(items: tuple[str, ...], between: str = "") -> str:
    if isinstance(items, str):
        raise TypeError("`join` takes a list of texts")
    return between.join(items)


def _counted(environment: _Environment, function: Callable[..., str]) -> Callable[..., str]:
    return lambda *arguments, **named: environment.wrote(function(*arguments, **named))


def _check(environment: _Environment, style: Style, name: str, text: str) -> None:
    """Raises SpecError where a template says more than printing needs: what it may cost could not be counted."""
    try:
        tree = environment.parse(text, name, name)
    except TemplateSyntaxError as error:
        _refuse(style, name, error.lineno, error)
    for node, sentence in faults(tree):
        raise SpecError(_problem(style, name, node.lineno, sentence))


def faults(tree: nodes.Template) -> Iterator[tuple[nodes.Node, str]]:
    """What a template says beyond loops and prints."""
    imported = {node.target for node in tree.find_all(nodes.Import)}
    for node in tree.find_all(nodes.Node):
        if isinstance(node, (nodes.Operand, nodes.Keyword, nodes.Pair)) or not isinstance(node, _NODES):
            yield node, f"a template can't use {quote(type(node).__name__.lower())}"
        elif isinstance(node, nodes.Const) and isinstance(node.value, int) and node.value > MOST_INDENTED:
            yield node, f"an indentation has at most {MOST_INDENTED} spaces"
        elif isinstance(node, nodes.Call):
            of = node.node
            owner = of.node if isinstance(of, (nodes.Getattr, nodes.Getitem)) else None
            if not (isinstance(of, nodes.Name) or (isinstance(owner, nodes.Name) and owner.name in imported)):
                yield node, "a template calls macros alone"
        elif isinstance(node, nodes.For) and not isinstance(node.iter, (nodes.Getattr, nodes.Getitem)):
            yield node, "a template loops over a part of the plan: `in it.arguments`"
        elif isinstance(node, nodes.If) and not isinstance(node.test, (nodes.Getattr, nodes.Not, nodes.Name)):
            yield node, "a template asks only whether there is something: `if it.arguments`"
