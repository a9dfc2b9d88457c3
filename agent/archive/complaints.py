"""Complaints about what others send, few enough that no sender can flood the log."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from agent.clock import Clock
from agent.model import printable

log = logging.getLogger(__name__)

EVERY_S = 10.0


@dataclass(slots=True)
class _Kind:
    said: float
    unsaid: int = 0


class Complaints:
    """One line for each kind of complaint in `EVERY_S` seconds; what came between is counted."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kinds: dict[str, _Kind] = {}

    def about(self, kind: str, text: str, *, level: int = logging.WARNING) -> None:
        """Complain. `kind` is a word of ours, never of the sender; `text` may quote the sender."""
        now = self._clock.monotonic()
        known = self._kinds.get(kind)
        if known and now - known.said < EVERY_S:
            known.unsaid += 1
            return
        unsaid = known.unsaid if known else 0
        self._kinds[kind] = _Kind(now)
        log.log(level, "%s: %s (%d more like it before)", kind, printable(text[:500]), unsaid)
