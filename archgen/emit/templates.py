"""Writes a plan with the templates. A project's own may come from a stranger: what they can say is on a list, and counted.

A template loops and prints. It has the plan, the filters below, macros and no more: no method, no arithmetic beyond an
indentation, no loop but over a part of the plan.
"""

from __future__ import annotations

import functools
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

from jinja2 import FunctionLoader, StrictUndefined, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from archgen import resources
from archgen.diagnostics import Place, Problem, Source, SpecError, quote
from archgen.emit import layout
from archgen.emit.style import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archgen.emit.plan import ModulePlan, Statement
    from archgen.emit.style import Style

FIRST = "module.py.jinja"
READS_PER_ITEM, READS_BESIDE = 40, 2000  # of attributes and macros; those of archgen read seven times for a statement
MOST_INDENTED = 100
_NODES = (
    nodes.Add, nodes.Call, nodes.Concat, nodes.Const, nodes.Filter, nodes.For, nodes.FromImport, nodes.Getattr, nodes.Getitem,
    nodes.If, nodes.Import, nodes.Include, nodes.List, nodes.Macro, nodes.Name, nodes.Not, nodes.Output, nodes.Template,
    nodes.TemplateData,
)  # fmt: skip


class _TooMuch(Exception):
    """A template reads more than any that prints a plan once."""


class _Environment(ImmutableSandboxedEnvironment):
    """Counts what templates read: a list by its items, for it is read to be looped over."""

    left = 0

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.counted(super().getattr(obj, attribute))

    def getitem(self, obj: Any, argument: Any) -> Any:
        return self.counted(super().getitem(obj, argument))

    def call(self, *arguments: Any, **named: Any) -> Any:
        self.counted(())
        return super().call(*arguments, **named)

    def counted(self, value: Any) -> Any:
        self.left -= 1 + (len(value) if isinstance(value, (tuple, list)) else 0)
        if self.left < 0:
            raise _TooMuch
        return value


def write(plan: ModulePlan, style: Style) -> str:
    """Returns the text of a module. Raises SpecError where a project's own template is to blame."""
    environment = _environment(style)
    items = sum(1 + len(one.arguments) + _count(one.init) + _count(one.forward) for one in plan.classes)
    environment.left = READS_BESIDE + READS_PER_ITEM * items
    try:
        return environment.get_template(FIRST).render(module=plan)
    except _TooMuch:
        sentence = "these templates read the plan again and again, and each part of it is to be printed once"
        raise SpecError(_problem(style, FIRST, 0, sentence)) from None
    except RecursionError:
        raise SpecError(
            _problem(style, FIRST, 0, "a template includes itself, or a macro calls itself, without an end")
        ) from None
    except TemplateSyntaxError as error:
        _refuse(style, error.name or FIRST, error.lineno, error)
    except Exception as error:  # whatever a filter raises that is given another thing than it takes
        _refuse(style, *_where(error), error)


def _count(statements: tuple[Statement, ...]) -> int:
    return sum(1 + _count(getattr(one, "then", ())) + _count(getattr(one, "otherwise", ())) for one in statements)


def _refuse(style: Style, name: str, line: int, error: Exception) -> NoReturn:
    if not style.own:
        raise error
    said = " ".join(str(error).split()) or type(error).__name__
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
    environment.filters = {
        "fit": lambda text, indent=0, before="", comment="": layout.fit(text, width, indent, before, comment),
        "enclosed": lambda items, indent, opened, closed: layout.enclosed(items, width, indent, opened, closed),
        "docstring": lambda paragraphs, indent=0: layout.docstring(paragraphs, width, indent),
        "wrapped": lambda text, indent=0: layout.wrapped(text, width, indent),
        "join": lambda items, between="": between.join(items),
    }
    for name, text in own.items():
        _check(environment, style, name, text)
    return environment


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
