"""Cutting what comes into messages: whole lines, or a length and that many bytes. Pure.

Both take bytes as they arrive and promise that where the reads fall never changes the messages.
They hold at most their limit: more is `Malformed`.
"""

from __future__ import annotations

from typing import Literal, Protocol

from agent.errors import Malformed


class Cutter(Protocol):
    """Takes bytes, gives messages."""

    def feed(self, data: bytes) -> None:
        """Raises `Malformed` for what is, or declares itself, too long."""
        ...

    def take(self) -> bytes | None:
        """The next message, None where it is not whole yet."""
        ...

    def clear(self) -> None:
        """Forget what is not whole yet."""
        ...


class WholeLines:
    """What came since the last taking, up to the end of its last whole line."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = b""

    def feed(self, data: bytes) -> None:
        self._held += data
        if len(self._held) > self._limit:
            raise Malformed(f"more than {self._limit} bytes and no end of it")

    def take(self) -> bytes | None:
        end = self._held.rfind(b"\n") + 1
        lines, self._held = self._held[:end], self._held[end:]
        return lines or None

    def clear(self) -> None:
        self._held = b""


class Lengthened:
    """Messages behind their length, which is not part of them."""

    def __init__(self, width: int, order: Literal["big", "little"], limit: int) -> None:
        self._width = width
        self._order = order
        self._limit = limit
        self._held = b""

    def feed(self, data: bytes) -> None:
        self._held += data
        if len(self._held) >= self._width and self._length() > self._limit:
            raise Malformed(f"a message of {self._length()} bytes, {self._limit} are the most")
        if len(self._held) > 2 * (self._width + self._limit):
            raise Malformed("one message upon another")

    def take(self) -> bytes | None:
        end = self._width + self._length()
        if len(self._held) < max(self._width, end):
            return None
        message, self._held = self._held[self._width : end], self._held[end:]
        self.feed(b"")  # the next one's length may be known by now
        return message

    def clear(self) -> None:
        self._held = b""

    def wrap(self, message: bytes) -> bytes:
        """The message behind its length."""
        return len(message).to_bytes(self._width, self._order) + message

    def _length(self) -> int:
        return int.from_bytes(self._held[: self._width], self._order)
