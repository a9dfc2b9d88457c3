"""Waking a thread that waits in `poll`."""

from __future__ import annotations

import socket
from contextlib import suppress


class Bell:
    """Rung from any thread; a poll on `fileno` sees it until it is hushed."""

    def __init__(self) -> None:
        self._ear, self._button = socket.socketpair()
        self._ear.settimeout(0)
        self._button.settimeout(0)

    def fileno(self) -> int:
        return self._ear.fileno()

    def ring(self) -> None:
        with suppress(OSError):  # full: it is heard anyway; closed: nobody listens
            self._button.send(b"\0")

    def hush(self) -> None:
        with suppress(BlockingIOError):
            self._ear.recv(65_536)

    def close(self) -> None:
        self._ear.close()
        self._button.close()
