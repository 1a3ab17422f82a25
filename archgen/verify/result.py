"""What a verification found."""

from __future__ import annotations

from archgen.records import Record


class Check(Record):
    """One thing that was compared, how many values of it, and the first difference, or ''."""

    name: str
    count: int
    difference: str = ""


class Verification(Record):
    """All checks that were made; the last one is the first that failed, if any did.

    not_run: why the module was not run at all, or ''. Then nothing is known of it.
    """

    checks: tuple[Check, ...]
    not_run: str = ""

    @property
    def agrees(self) -> bool:
        return not self.not_run and not any(check.difference for check in self.checks)
