"""An orderly stop on SIGTERM or SIGINT; a second signal ends the process at once.

A signal handler runs in the main thread between any two of its steps, also while that thread
holds the lock inside `threading.Event`. Setting the event there would wait for that lock for
ever. So the handler only writes a byte to a pipe, and a thread of its own sets the event.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """`event` is set by the first signal. A stop by SIGTERM is what a service asks for: exit 0."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.exit_code = 0
        self._ear, self._button = os.pipe()
        self._thread = threading.Thread(target=self._listen, name="signals", daemon=True)
        self._thread.start()

    def handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """What the signal does. Takes no lock."""
        self.exit_code = 128 + number if number == signal.SIGINT else 0
        os.write(self._button, b"!")
        signal.signal(number, signal.SIG_DFL)

    def _listen(self) -> None:
        while os.read(self._ear, 1):
            self.event.set()

    def close(self) -> None:
        """End the thread; no handler may be called any more."""
        os.close(self._button)
        self._thread.join()
        os.close(self._ear)


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Turn SIGTERM and SIGINT into `stop.event` while the block runs."""
    stop = Stop()
    before = {number: signal.signal(number, stop.handle) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stop.close()


_SIGNALS = (signal.SIGTERM, signal.SIGINT)
