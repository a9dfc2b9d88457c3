"""The receivers of the archive that are known to be, or to have been, there. Pure."""

from __future__ import annotations

from agent.wire.contract import Presence

LIMIT = 64
"""Further receivers are not remembered."""


class Receivers:
    """What each said of itself last. Presence is not signed: it is a hint and proves nothing."""

    def __init__(self) -> None:
        self._known: dict[str, Presence] = {}

    @property
    def any_online(self) -> bool:
        return any(presence.online for presence in self._known.values())

    @property
    def archives(self) -> list[str]:
        """Archives with a receiver that is there."""
        return sorted({one.archive for one in self._known.values() if one.online})

    def get(self, receiver: str) -> Presence | None:
        return self._known.get(receiver)

    def update(self, presence: Presence) -> Presence | None:
        """Note a presence; the one before it."""
        before = self._known.get(presence.receiver)
        if before is not None or len(self._known) < LIMIT:
            self._known[presence.receiver] = presence
        return before

    def clear(self) -> None:
        self._known.clear()
