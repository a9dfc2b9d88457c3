"""What a control dialect can do, whatever its bytes look like."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from agent.model import ClockReading, Health, Identity


class ControlSession(Protocol):
    """One logged-in session in control mode (`field.md` §2: the eight functions).

    All methods raise `RecorderGone`, `RecorderBusy`, `RecorderMisbehaved`, `RecorderRefused`.
    What the dialect has no function for is None or refused, as said.
    """

    def identity(self) -> Identity:
        """Serial, id code, officer and unit as the recorder holds them."""
        ...

    def health(self) -> Health:
        """Battery, and storages where the dialect can read them in control mode."""
        ...

    def clock(self) -> ClockReading | None:
        """The clock beside ours; None where the dialect only sets it."""
        ...

    def set_clock(self, now: datetime) -> None:
        """Raises `RecorderRefused` where the dialect has no such function."""
        ...

    def become_disk(self) -> None:
        """Unlock to disk mode. Returns when the recorder said yes; it leaves the bus after that."""
        ...

    def close(self) -> None:
        """End the session; safe at any time."""
        ...
