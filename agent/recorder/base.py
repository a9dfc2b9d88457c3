"""What every recorder can do, whatever it speaks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from agent.model import Clip, ClockReading, Health, Identity


class Recorder(Protocol):
    """One recorder in one session. Every driver passes `tests/contracts/recorder.py`.

    All methods raise `RecorderGone` once the recorder was unplugged, `RecorderBusy` when it asks
    for patience, `RecorderMisbehaved` when it breaks its protocol and `RecorderRefused` when it
    says no. A `Clip` is good only in the session that listed it.
    """

    def identify(self) -> Identity: ...

    def health(self) -> Health: ...

    def clock(self) -> ClockReading | None:
        """The recorder's clock beside ours, or None where it shows none."""
        ...

    def set_clock(self, now: datetime) -> None:
        """Set the clock to `now` (aware). Raises `RecorderRefused` where it cannot be set."""
        ...

    def clips(self) -> Iterator[Clip]:
        """Every clip on every storage, in no promised order."""
        ...

    def read(self, clip: Clip, offset: int, size: int) -> bytes:
        """`size` bytes from `offset`; fewer only where the clip ends, then exactly up to its end.

        A recorder that gives less than it declared raises `RecorderMisbehaved`. At or past the
        declared end the recorder is really asked: bytes from there mean that it holds more than
        it declared, none that the clip ends where it says.
        """
        ...

    def delete(self, clip: Clip) -> None:
        """Delete this one object. Nothing calls it but the clearing rule."""
        ...

    def close(self) -> None:
        """End the session; safe to call at any time, also after the recorder is gone."""
        ...
