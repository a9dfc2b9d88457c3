"""Reading a suspect clip whole takes minutes; the uplink goes on meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread

from agent.errors import BodydockError, SpoolBroken
from agent.model import ClipId

WAITING = 16


@dataclass(frozen=True, slots=True)
class Verdict:
    """`error` is what checking the clip raised; None where it is sound."""

    clip: ClipId
    error: BodydockError | None


class Doubts:
    """Checks one clip at a time, on a thread of its own. Used from one thread."""

    def __init__(self, verify: Callable[[ClipId], object], wake: Callable[[], None]) -> None:
        self._verify = verify
        self._wake = wake
        self._verdicts: SimpleQueue[Verdict] = SimpleQueue()
        self._waiting: deque[ClipId] = deque(maxlen=WAITING)
        self._busy: ClipId | None = None

    def about(self, clip: ClipId) -> None:
        """Check this clip as soon as the one before it is done.

        Beyond `WAITING` the oldest is forgotten; its next trouble brings it back.
        """
        if clip != self._busy and clip not in self._waiting:
            self._waiting.append(clip)
            self._start()

    def verdict(self) -> Verdict | None:
        """What was found since this was last asked, or None."""
        try:
            found = self._verdicts.get_nowait()
        except Empty:
            return None
        self._busy = None
        self._start()
        return found

    def _start(self) -> None:
        if self._busy is None and self._waiting:
            self._busy = self._waiting.popleft()
            Thread(target=self._check, args=(self._busy,), name="verify", daemon=True).start()

    def _check(self, clip: ClipId) -> None:
        error: BodydockError | None = SpoolBroken("the check ended before its time")
        try:
            self._verify(clip)
            error = None
        except BodydockError as raised:
            error = raised
        finally:
            self._verdicts.put(Verdict(clip, error))
            self._wake()
