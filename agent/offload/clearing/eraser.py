"""Who deletes one object from one recorder, and lists what is there afterwards."""

from __future__ import annotations

from typing import Protocol

from agent.model import Clip
from agent.recorder.base import Recorder


class Eraser(Protocol):
    """For one session with one recorder. Both methods raise what `agent.recorder.base` says.

    Whoever calls believes no answer: after each `erase`, also one that raised, it looks.
    """

    def erase(self, clip: Clip) -> None:
        """Delete this one object, as this session listed it."""
        ...

    def look(self) -> list[Clip]:
        """Everything on the recorder as it is now, read anew. Raises where that is not all."""
        ...


class RecorderEraser:
    """For recorders that delete an object when they are told to (MTP)."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def erase(self, clip: Clip) -> None:
        self._recorder.delete(clip)

    def look(self) -> list[Clip]:
        return list(self._recorder.clips())
