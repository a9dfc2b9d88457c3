"""Reading a dock's own copy whole takes minutes; the uplink goes on meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread

from agent.errors import BodydockError, SpoolBroken
from agent.spool.entry import Sealed

KeyedDigest = Callable[[Sealed, bytes], str]
"""BLAKE3 of a copy keyed with a nonce; raises `ClipDamaged` for one that is not sound."""


@dataclass(frozen=True, slots=True)
class Reading:
    """`keyed` is what was found with `nonce`, or `error` what came in between."""

    sealed: Sealed
    nonce: bytes
    keyed: str = ""
    error: BodydockError | None = None


class OwnCopies:
    """Reads one copy at a time, on a thread of its own. Used from one thread."""

    def __init__(self, keyed_digest: KeyedDigest, wake: Callable[[], None]) -> None:
        self._keyed_digest = keyed_digest
        self._wake = wake
        self._done: SimpleQueue[Reading] = SimpleQueue()
        self._waiting: deque[Reading] = deque()
        self._busy = False

    def read(self, sealed: Sealed, nonce: bytes) -> None:
        """Read this copy as soon as those before it are done; the caller asks for a few only."""
        self._waiting.append(Reading(sealed, nonce))
        self._start()

    def found(self) -> Reading | None:
        """A copy that was read since this was last asked, or None."""
        try:
            reading = self._done.get_nowait()
        except Empty:
            return None
        self._busy = False
        self._start()
        return reading

    def _start(self) -> None:
        if not self._busy and self._waiting:
            self._busy = True
            asked = self._waiting.popleft()
            Thread(target=self._read, args=(asked,), name="own copy", daemon=True).start()

    def _read(self, asked: Reading) -> None:
        sealed, nonce = asked.sealed, asked.nonce
        found = Reading(sealed, nonce, error=SpoolBroken("reading ended before its time"))
        try:
            found = Reading(sealed, nonce, keyed=self._keyed_digest(sealed, nonce))
        except BodydockError as error:
            found = Reading(sealed, nonce, error=error)
        finally:
            self._done.put(found)
            self._wake()
