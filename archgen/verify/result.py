"""What a verification found."""

from __future__ import annotations

from archgen.records import Record


class Check(Record):
    """One thing that was compared, how many values of it, and the first difference, or ''."""

    name: str
    count: int
    difference: str = ""


class Verification(Record):
    """All checks that were made; the last one is the first that failed, if any did."""

    checks: tuple[Check, ...]

    @property
    def agrees(self) -> bool:
        return not any(check.difference for check in self.checks)
