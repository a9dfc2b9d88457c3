"""Time is handed in, never fetched, so that tests can make a week pass in a second."""

from __future__ import annotations

import ctypes
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What code that needs the time is given."""

    def now(self) -> datetime:
        """Wall time, aware, in UTC. It may jump; never measure a duration with it."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; only differences mean anything."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def to_text(moment: datetime) -> str:
    """An aware moment as RFC 3339 text in UTC with milliseconds: `2026-08-04T02:00:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """The opposite of `to_text`. Raises ValueError where the text has no zone or is no time."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment.astimezone(UTC)


_TIME_ERROR = 5
"""What adjtimex(2) returns while nobody keeps the clock right."""
_TIMEX_BYTES = 512
"""More than `struct timex` has on any machine."""


def trust() -> str:
    """How far this machine's wall clock can be trusted: `synchronised` while something such as NTP
    keeps it right, `unsynchronised` while nothing does, `unknown` where the kernel does not tell.
    """
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return "unknown"
    if state < 0:
        return "unknown"
    return "unsynchronised" if state == _TIME_ERROR else "synchronised"
