"""An orderly stop on SIGTERM or SIGINT; a second signal ends the process at once."""

from __future__ import annotations

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

    def handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.exit_code = 128 + number if number == signal.SIGINT else 0
        self.event.set()
        signal.signal(number, signal.SIG_DFL)


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


_SIGNALS = (signal.SIGTERM, signal.SIGINT)
