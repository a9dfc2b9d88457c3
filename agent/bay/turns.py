"""How many bays pull at once: more than the spool's medium can take only slow each other down."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent.errors import RecorderGone

LOOK_SECONDS = 0.25
"""How often who waits looks whether its contact is over."""


class Turns:
    """`most` at once, in the order of coming; a priority bay has a turn of its own beside them."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()

    @contextmanager
    def taken(
        self, *, priority: bool, over: threading.Event, on_wait: Callable[[], None]
    ) -> Iterator[None]:
        """Hold a turn over the block. `on_wait` is called once where it has to be waited for.

        Raises `RecorderGone` when `over` is set meanwhile.
        """
        if priority:
            yield
            return
        self._take(over, on_wait)
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()

    def _take(self, over: threading.Event, on_wait: Callable[[], None]) -> None:
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
            try:
                if not self._is_next(ticket):
                    on_wait()
                while not self._is_next(ticket):
                    if over.is_set():
                        raise RecorderGone("the contact ended while it waited for its turn")
                    self._changed.wait(LOOK_SECONDS)
                self._free -= 1
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()

    def _is_next(self, ticket: object) -> bool:
        return self._free > 0 and self._queue[0] is ticket
