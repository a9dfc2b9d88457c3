"""Pull footage from recorders into the spool: what all bays share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from agent.model import Clip, ClipFacts, Identity
from agent.offload.contact_pull import ContactPull, Whose
from agent.offload.result import Progress, Pulled, Wait
from agent.offload.source import Source
from agent.recorder.base import Recorder
from agent.spool.files import Spool
from agent.spool.ledger import Ledger

__all__ = ["Offload", "Progress", "Pulled", "Wait"]

PAUSE_SECONDS = 10.0
"""How often a bay that waits for room looks again."""


class Offload:
    """What pulls of all bays share."""

    def __init__(self, spool: Spool, ledger: Ledger) -> None:
        self._spool = spool
        self._ledger = ledger
        self._paused: dict[str, str] = {}

    @property
    def paused(self) -> str:
        """Why a bay waits for room in the spool; empty while clips are taken in."""
        return next(iter(self._paused.copy().values()), "")

    def pull(
        self,
        recorder: Recorder,
        identity: Identity,
        bay: str,
        contact: int,
        *,
        stop: threading.Event,
        progress: Progress = lambda _pulled, _clip, _done: None,
        wait: Wait | None = None,
        sleep: Callable[[float], None] | None = None,
        tell: Callable[[Clip], ClipFacts] = lambda _clip: ClipFacts(),
        whose: Whose = lambda _clip, _facts: None,
    ) -> Pulled:
        """Pull every clip that is not here, the oldest first. `contact` is open in the ledger.

        One clip's trouble stops no other. Where the spool is full, `paused` says why; after `wait`
        it is tried again. `sleep` is for a busy recorder; of a clip that is new here `tell` gives
        the facts, `whose` the owner. Raises `RecorderGone`, `SpoolBroken`, `LedgerBroken`.
        """
        pull = ContactPull(
            self._spool,
            self._ledger,
            recorder,
            Source(recorder, sleep or _resting(stop)),
            identity,
            bay,
            contact,
            stop,
            progress,
            wait or (lambda _full: not stop.wait(PAUSE_SECONDS)),
            partial(self._pausing, bay),
            tell,
            whose,
        )
        try:
            pull.run()
        finally:
            self._pausing(bay, "")
        return pull.result

    def _pausing(self, bay: str, reason: str) -> None:
        """A bay waits for room, or (empty) no longer does."""
        if reason:
            self._paused[bay] = reason
        else:
            self._paused.pop(bay, None)


def _resting(stop: threading.Event) -> Callable[[float], None]:
    """Sleep that ends when `stop` is set."""

    def rest(seconds: float) -> None:
        stop.wait(seconds)

    return rest
