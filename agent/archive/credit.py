"""How many bytes may be under way to us. Pure.

Each dock that sends holds a part of the total; the parts never add up to more. What a dock holds
is its fair share among those that send and those that wait, taken anew at each grant, so docks
that came early give way with their next clip. A dock whose part shrinks may have up to its old
part under way for the time that this takes to arrive.
"""

from __future__ import annotations

WAITING_S = 120.0
"""How long a dock that got nothing counts as waiting, unless it asks again."""


class Credit:
    """Shares `total` bytes among docks, at most `each` to one."""

    def __init__(self, total: int, each: int) -> None:
        self._total = total
        self._each = each
        self._held: dict[str, int] = {}
        self._waiting: dict[str, float] = {}

    def ask(self, dock: str, *, least: int, most: int, now: float) -> int:
        """The dock's credit from now on; 0 where `least` cannot be had, then it keeps what it has.

        `now` is monotonic seconds.
        """
        self._waiting = {d: at for d, at in self._waiting.items() if now - at < WAITING_S}
        self._waiting.pop(dock, None)
        others = sum(held for d, held in self._held.items() if d != dock)
        sharers = len((self._held.keys() | self._waiting.keys()) - {dock}) + 1
        fair = max(self._total // sharers, least)
        share = min(self._each, most, fair, self._total - others)
        if share < least:
            if dock not in self._held:
                self._waiting[dock] = now
            return 0
        self._held[dock] = share
        return share

    def held(self, dock: str) -> int:
        """The dock's credit in bytes, 0 for none."""
        return self._held.get(dock, 0)

    def release(self, dock: str) -> None:
        """The dock sends nothing any more."""
        self._held.pop(dock, None)

    @property
    def given(self) -> int:
        """The sum of all parts."""
        return sum(self._held.values())
