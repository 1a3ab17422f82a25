"""What breaks, as text for a terminal, for the programs of a CI and as JSON."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from archgen import checked as checks
from archgen.checked import Annotation, Checked
from archgen.diagnostics import WIDTH, printable
from archgen.published import COUNT, TEXT, TRUTH, Form, Key, Kind, Listed, document, version
from archgen.review.rules import LEVELS, RULES
from archgen.views.json import json_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from archgen.published import Schema
    from archgen.review.breaking import Findings
    from archgen.review.rules import Finding

SCHEMA_VERSION = 1
MOST_SHOWN = 8  # findings of one rule in one spec, on a terminal
COMMAND = "archgen breaking"

FINDING = Form(
    Key("rule", TEXT, of="rule.name"),
    Key("level", Kind(enum=list(LEVELS[:-1])), "As the project has it."),
    Key("spec", TEXT, "The spec's file; of a revision, where it is there alone."),
    Key("line", COUNT, "Of the spec; 0 for the spec as a whole.", of="found.line"),
    Key("where", TEXT, "The entry of the checkpoint, the layer, the argument, or what else it is about.", of="found.where"),
    Key("sentence", TEXT, "What is another there.", of="found.sentence"),
    Key("why", TEXT, "What happens then.", of="rule.why"),
    Key("witness", TEXT, "Python that fails where the rule applies.", of="rule.witness"),
    Key("fingerprint", TEXT, "Under `accept`, it makes the finding an accepted one."),
    Key("accepted", TRUTH),
)
FINDINGS = Form(
    version(SCHEMA_VERSION),
    Key("breaks", TRUTH, "Whether there is an error that is not accepted. The exit code is then 1."),
    Key("unmet", Listed(TEXT), "Accepted fingerprints that stand for nothing any more."),
    Key("findings", Listed(FINDING), of="found"),
)


def schema() -> Schema:
    return document("archgen breaking", "What `archgen breaking --against REVISION --format json` prints.", FINDINGS)


def json_text(findings: Findings) -> str:
    return json_lines(FINDINGS.values(findings))


def text(findings: Findings) -> str:
    """Returns the findings by spec and rule, and what is to be done about them, without a last line break."""
    groups: dict[tuple[str, str, bool], list[Finding]] = {}
    for one in findings.found:
        groups.setdefault((one.spec, one.rule.name, one.accepted), []).append(one)
    lines = [line for group in groups.values() for line in _group(group)]
    return "\n".join([*lines, *_below(findings)])


def _group(group: list[Finding]) -> list[str]:
    first = group[0]
    level = f"accepted {first.level}" if first.accepted else first.level
    head = f"{printable(first.spec)}: {level}: {first.rule.means} [{first.rule.name}]"
    shown = [f"{printable(one.found.where)} {printable(one.found.sentence)} ({one.fingerprint})" for one in group[:MOST_SHOWN]]
    more = [f"and {len(group) - MOST_SHOWN} more"] if len(group) > MOST_SHOWN else []
    return [
        *_wrapped(head, "", "    "),
        *(line for one in [*shown, *more] for line in _wrapped(one, "  ", "      ")),
        *_wrapped(f"why: {first.rule.why}", "  ", "       "),
        "",
    ]


def _wrapped(sentence: str, first: str, others: str) -> list[str]:
    return textwrap.wrap(
        sentence, WIDTH, initial_indent=first, subsequent_indent=others, break_long_words=False, break_on_hyphens=False
    )


def _below(findings: Findings) -> list[str]:
    unmet = [f"accepted, and no longer there: {', '.join(findings.unmet)}"] if findings.unmet else []
    open_ones = [one for one in findings.found if not one.accepted]
    counts = [(sum(one.level == level for one in open_ones), level) for level in LEVELS[:-1]]
    accepted = len(findings.found) - len(open_ones)
    counted = [f"{count:,} {level}{'s' if count > 1 else ''}" for count, level in counts if count]
    counted += [f"{accepted:,} accepted"] if accepted else []
    return [*unmet, ", ".join(counted) or "nothing breaks"]


def checked(findings: Findings) -> list[Checked]:
    """The specs, each with the findings that are not accepted."""
    found: dict[str, list[Annotation]] = {}
    for one in findings.found:
        told = found.setdefault(one.spec, [])
        if not one.accepted:
            sentence = f"{one.found.where} {one.found.sentence}: {one.rule.why} ({one.fingerprint})"
            told.append(Annotation(one.level, one.spec, one.found.line, 0, one.rule.name, sentence))
    return [Checked(spec, tuple(told)) for spec, told in found.items()]


def github(findings: Findings) -> str:
    """Returns a line for each finding, which a GitHub workflow shows at the spec's line."""
    return checks.github(checked(findings), COMMAND)


def junit(findings: Findings) -> str:
    """Returns a document in which each spec is a test case."""
    return checks.junit(checked(findings), COMMAND)


def rules_text() -> str:
    """Returns all rules, with what each means and why it breaks."""
    lines = []
    for rule in RULES:
        lines += [
            f"{rule.name}  {rule.level}",
            *_wrapped(rule.means, "    ", "    "),
            *_wrapped(f"why: {rule.why}", "    ", "    "),
        ]
        lines += [f"    {rule.witness}", ""]
    return "\n".join(lines[:-1])


FORMS: dict[str, Callable[[Findings], str]] = {"table": text, "github": github, "junit": junit, "json": json_text}
