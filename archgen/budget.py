"""Work that is counted, so that a short spec can't make it long."""

from __future__ import annotations


class Budget:
    """How much work one question about a network may cost.

    It is counted in steps of about a microsecond, not timed, so that the answer is the same on every machine. Whoever loops as
    often as a spec says spends first, and gives up where that is refused; what is then not known is said.
    """

    def __init__(self, limit: int) -> None:
        self.left = limit

    def spend(self, count: int) -> bool:
        """Takes so much of what is left; returns whether there was enough."""
        self.left -= count
        return not self.exhausted

    @property
    def exhausted(self) -> bool:
        return self.left < 0
