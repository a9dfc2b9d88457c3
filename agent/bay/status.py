"""What one bay shows of itself, to `bodydock status` and later to the board."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any


class Doing(Enum):
    """What goes on in a bay."""

    OPENING = "opening"
    READING = "reading its state"
    WAITING = "waiting for its turn"
    """As many bays pull as may at once."""
    UNLOCKING = "becoming a disk"
    """Told to leave control mode; its second enumeration is waited for."""
    PULLING = "pulling"
    PAUSED = "paused"
    """The spool has no room; the recorder is untouched."""
    READY = "ready"
    """Everything on it is on the dock."""
    TROUBLE = "in trouble"
    EMPTY = "empty"
    """A serial port of the machine's own on which nobody answers, or a reader without a card."""
    REFUSED = "not a recorder we know"
    """Or in a port that is no bay: never touched."""


@dataclass(frozen=True, slots=True)
class BayStatus:
    """One moment of one bay; sizes in bytes, `done` of `size` for the clip being pulled.

    `since` is when it was plugged (RFC 3339, UTC), `what` its USB ids and classes, `profile` the
    id of the one that it matched.
    """

    bay: str
    port: str
    doing: Doing
    since: str = ""
    what: str = ""
    profile: str = ""
    priority: bool = False
    recorder: str = ""
    model: str = ""
    battery_percent: int | None = None
    clock_error: float | None = None
    path: str = ""
    done: int = 0
    size: int = 0
    pulled: int = 0
    known: int = 0
    trouble: str = ""
    shortcomings: tuple[str, ...] = ()
    """What is below the profile's thresholds."""

    def document(self) -> dict[str, Any]:
        """For the live file."""
        return {
            name: value.value if isinstance(value := getattr(self, name), Doing) else value
            for name in self.__slots__
        }


class Shown:
    """A bay's newest status; one thread writes, others read."""

    def __init__(self, status: BayStatus) -> None:
        self._status = status
        self._lock = threading.Lock()

    @property
    def now(self) -> BayStatus:
        with self._lock:
            return self._status

    def change(self, **facts: Any) -> None:
        with self._lock:
            self._status = replace(self._status, **facts)
