"""Intakes that an unplug interrupted, kept so that the next docking can go on with them."""

from __future__ import annotations

import threading

from agent.model import ClipId
from agent.spool.intake import Intake


class Aside:
    """At most one intake per recorder serial; none outlives the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._intakes: dict[str, Intake] = {}

    def put(self, serial: str, intake: Intake) -> None:
        """Keep `intake`; an older one of that recorder goes."""
        with self._lock:
            older = self._intakes.pop(serial, None)
            self._intakes[serial] = intake
        if older:
            older.abandon()

    def take(self, serial: str, clip: ClipId) -> Intake | None:
        """The intake of this clip, which is the caller's again, or None."""
        with self._lock:
            intake = self._intakes.get(serial)
            if intake is None or intake.clip != clip:
                return None
            return self._intakes.pop(serial)

    def drop(self, serial: str) -> None:
        """Whatever is kept of that recorder goes."""
        with self._lock:
            intake = self._intakes.pop(serial, None)
        if intake:
            intake.abandon()

    def drop_oldest(self) -> bool:
        """Give up the one that waits longest; False where none waits."""
        with self._lock:
            if not self._intakes:
                return False
            intake = self._intakes.pop(next(iter(self._intakes)))
        intake.abandon()
        return True
