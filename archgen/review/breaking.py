"""The findings of all rules on a review: what breaks those who use the modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen.checked import ERROR
from archgen.diagnostics import Place, Problem, SpecError, quote, suggest
from archgen.records import Record
from archgen.review.rules import BY_NAME, LEVELS, MOST_GROWN, OFF, RULES, SPEC_REMOVED, Finding, Found, Limits

if TYPE_CHECKING:
    from archgen.review.project import Review
    from archgen.settings import Setting


class Policy(Record):
    """What a project has decided. levels: of rules, where they have another. accepted: the fingerprints that it knows."""

    levels: dict[str, str]
    accepted: frozenset[str]
    limits: Limits

    def level(self, rule: str) -> str:
        return self.levels.get(rule, BY_NAME[rule].level)


class Findings(Record):
    """What was found. unmet: the accepted fingerprints that stand for nothing any more."""

    found: tuple[Finding, ...]
    unmet: tuple[str, ...]

    @property
    def breaks(self) -> bool:
        return any(one.level == ERROR and not one.accepted for one in self.found)


def policy(settings: tuple[Setting, ...]) -> Policy:
    """Reads the table `[tool.archgen.breaking]`. Raises SpecError with all that is wrong with it."""
    levels, accepted, limits = {}, frozenset[str](), Limits()
    problems: list[Problem] = []
    for one in settings:
        if one.name == "accept":
            if isinstance(one.value, list) and all(isinstance(item, str) for item in one.value):
                accepted = frozenset(one.value)
            else:
                problems.append(_wrong(one.place, "`accept` takes a list of fingerprints, in quotes"))
        elif one.name == "cost":
            if type(one.value) in (int, float) and one.value >= 0:
                limits = Limits(float(one.value))
            else:
                problems.append(_wrong(one.place, f"`cost` takes a number of percent, by default {MOST_GROWN:g}"))
        elif one.name not in BY_NAME:
            help = suggest(one.name, [*BY_NAME, "accept", "cost"], "keys of `[tool.archgen.breaking]`")
            problems.append(Problem(one.key, f"there is no rule {quote(one.name)}", help, "E-KEY"))
        elif one.value not in LEVELS:
            problems.append(_wrong(one.place, f"a rule has the level {', '.join(LEVELS[:-1])} or {OFF}"))
        else:
            levels[one.name] = one.value
    if problems:
        raise SpecError(*problems)
    return Policy(levels, accepted, limits)


def _wrong(place: Place, sentence: str) -> Problem:
    return Problem(place, sentence, "`archgen breaking --rules` lists the rules with their levels", "E-VALUE")


def findings(review: Review, decided: Policy) -> Findings:
    """Applies every rule that is not off to every spec that changed."""
    found = [(rule, diff.new, one) for diff in review.diffs for rule in RULES for one in rule.find(diff, decided.limits)]
    found += [(SPEC_REMOVED, spec, Found("spec", "is no longer there")) for spec in review.removed]
    made = [Finding(rule, decided.level(rule.name), spec, one) for rule, spec, one in found]
    told = [one.replace(accepted=one.fingerprint in decided.accepted) for one in made if one.level != OFF]
    met = {one.fingerprint for one in told}
    return Findings(tuple(told), tuple(sorted(decided.accepted - met)))
