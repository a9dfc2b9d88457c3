"""The one way from a network thread to the thread that does the work: a bounded queue.

A full inbox makes the network thread wait, so TCP's own flow control holds the sender back and
memory stays bounded whatever arrives.
"""

from __future__ import annotations

from collections import deque
from threading import Condition
from typing import Generic, TypeVar

E = TypeVar("E")


class Inbox(Generic[E]):
    """Events in order, at most `limit` of them and `limit_bytes` of payload (one always fits)."""

    def __init__(self, limit: int, limit_bytes: int) -> None:
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._events: deque[tuple[E, int]] = deque()
        self._bytes = 0
        self._woken = False
        self._closed = False
        self._change = Condition()

    def put(self, event: E, size: int = 0) -> None:
        """Add an event that carries `size` bytes; waits for room. Drops it once closed."""
        with self._change:
            while not self._closed and self._full(size):
                self._change.wait()
            self._add(event, size)

    def put_at_once(self, event: E) -> None:
        """Add an event also where there is no room; the newest of a kind in a row is kept.

        So a link that fails a thousand times while nobody looks leaves one event.
        """
        with self._change:
            if self._events and type(self._events[-1][0]) is type(event):
                self._bytes -= self._events.pop()[1]
            self._add(event, 0)

    def get(self, timeout: float) -> E | None:
        """The next event, or None after `timeout` seconds, when woken, or when closed."""
        with self._change:
            if not self._events:
                self._change.wait_for(self._worth_waking, timeout)
            if self._woken or not self._events:
                self._woken = False
                return None
            event, size = self._events.popleft()
            self._bytes -= size
            self._change.notify_all()
            return event

    def wake(self) -> None:
        """Make the `get` that waits, or else the next one, return None at once."""
        with self._change:
            self._woken = True
            self._change.notify_all()

    def close(self) -> None:
        """From now on nothing waits: `put` drops, `get` gives what is left."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    def _worth_waking(self) -> bool:
        return bool(self._events) or self._woken or self._closed

    def _full(self, size: int) -> bool:
        over = self._bytes + size > self._limit_bytes
        return len(self._events) >= self._limit or (over and bool(self._events))

    def _add(self, event: E, size: int) -> None:
        if not self._closed:
            self._events.append((event, size))
            self._bytes += size
            self._change.notify_all()
