"""Log lines about what others send: one of each kind in a while, so that none floods the log."""

from __future__ import annotations

import logging

from agent.clock import Clock
from agent.model import printable

log = logging.getLogger(__name__)

EVERY = 60.0
"""Seconds between two lines of one kind."""


class Grumbles:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kinds: dict[str, tuple[float, int]] = {}
        self.newest = ""

    def about(self, kind: str, what: str) -> None:
        """`kind` is a word of ours; `what` may quote the sender."""
        self.newest = printable(f"{kind}: {what}"[:500])
        now = self._clock.monotonic()
        said_at, since = self._kinds.get(kind, (-EVERY, 0))
        if now - said_at < EVERY:
            self._kinds[kind] = (said_at, since + 1)
            return
        self._kinds[kind] = (now, 0)
        log.warning("%s%s", self.newest, f" ({since} more like it)" if since else "")
