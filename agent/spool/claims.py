"""Which clips are in a bay's hand: from before the ledger is asked until it has the commit."""

from __future__ import annotations

import threading

from agent.errors import RecorderBusy
from agent.model import ClipId
from agent.spool.entry import Sealed


class Claims:
    """At most one bay per clip id, also where two recorders tell one serial."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: set[ClipId] = set()
        self._finished: dict[ClipId, Sealed] = {}

    def take(self, clip: ClipId) -> None:
        """Raises `RecorderBusy` while another bay has it."""
        with self._lock:
            if clip in self._held:
                raise RecorderBusy(f"clip {clip} is coming in at another bay")
            self._held.add(clip)

    def drop(self, clip: ClipId) -> None:
        """The clip is given up."""
        with self._lock:
            self._held.discard(clip)

    def finish(self, sealed: Sealed) -> None:
        """The clip's file is durable; the claim stays until the ledger has the commit."""
        with self._lock:
            self._finished[sealed.clip] = sealed

    def finished(self, clip: ClipId) -> Sealed | None:
        """What waits for its commit, or None."""
        return self._finished.get(clip)

    def settled(self, clip: ClipId) -> None:
        """A finished clip is committed, or its file is not in the spool any more."""
        with self._lock:
            if self._finished.pop(clip, None):
                self._held.discard(clip)
