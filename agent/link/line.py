"""A stream of bytes to and from a recorder, whatever carries it."""

from __future__ import annotations

from typing import Protocol


class Line(Protocol):
    """A serial port, a TCP connection, a pair of bulk endpoints. Timeouts are in seconds.

    Every method raises `RecorderGone` once the other side is gone and `TimedOut`; a USB line also
    `Stalled`.
    """

    def read(self, size: int, timeout: float) -> bytes:
        """What has come, about `size` bytes. Empty only for an empty USB packet."""
        ...

    def write(self, data: bytes, timeout: float) -> None:
        """All of `data`."""
        ...

    def close(self) -> None:
        """Safe at any time."""
        ...
