"""Intakes that an unplug interrupted, kept so that the next docking can go on with them."""

from __future__ import annotations

import threading

from agent.model import ClipId, Identity
from agent.spool.intake import Intake


class Aside:
    """At most one intake per recorder serial; none outlives the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._intakes: dict[str, tuple[Identity, Intake]] = {}

    def put(self, serial: str, identity: Identity, intake: Intake) -> None:
        """Keep `intake`; an older one of that recorder goes."""
        with self._lock:
            older = self._intakes.pop(serial, None)
            self._intakes[serial] = identity, intake
        if older:
            older[1].abandon()

    def take(self, serial: str, identity: Identity, clip: ClipId) -> Intake | None:
        """The intake of this clip, which is the caller's again, or None. One that was begun on a
        recorder of another maker, model or firmware under that serial is given up."""
        with self._lock:
            begun_on, intake = self._intakes.get(serial, (None, None))
            if intake is None or intake.clip != clip:
                return None
            del self._intakes[serial]
        if begun_on and _device(begun_on) == _device(identity):
            return intake
        intake.abandon()
        return None

    def drop(self, serial: str) -> None:
        """Whatever is kept of that recorder goes."""
        with self._lock:
            kept = self._intakes.pop(serial, None)
        if kept:
            kept[1].abandon()

    def drop_oldest(self) -> bool:
        """Give up the one that waits longest; False where none waits."""
        with self._lock:
            if not self._intakes:
                return False
            _, intake = self._intakes.pop(next(iter(self._intakes)))
        intake.abandon()
        return True


def _device(identity: Identity) -> tuple[str, str, str]:
    """Who wears it may change between two contacts: the clip that was begun does not."""
    return identity.maker, identity.model, identity.firmware
