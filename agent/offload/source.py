"""A recorder's clips as bytes and facts that can be relied on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from agent.errors import RecorderBusy, RecorderMisbehaved
from agent.model import Clip
from agent.patience import patiently
from agent.recorder.base import Recorder
from agent.spool.rows import storable
from agent.spool.sidecar import FINGERPRINT_BYTES, fingerprint

LONGEST_TEXT = 4096
"""Characters; the contract with the archive carries no more."""

_BUSY_TRIES = 5


class Source:
    """Reads one recorder. `sleep` waits while it is busy."""

    def __init__(self, recorder: Recorder, sleep: Callable[[float], None]) -> None:
        self._recorder = recorder
        self._sleep = sleep

    def read(self, clip: Clip, offset: int, most: int) -> bytes:
        """`most` bytes, or up to the clip's end. Raises `RecorderMisbehaved` for any other number,
        and what the recorder raises."""
        size = min(most, clip.size - offset)
        try:
            data = self._recorder.read(clip, offset, size)
        except RecorderBusy:
            data = patiently(
                lambda: self._recorder.read(clip, offset, size),
                tries=_BUSY_TRIES,
                sleep=self._sleep,
            )
        if len(data) != size:
            raise RecorderMisbehaved(f"gave {len(data)} bytes at {offset} where {size} were asked")
        return data

    def fingerprint(self, clip: Clip) -> str:
        """The clip's fingerprint, from its first and last 64 KiB on the recorder."""
        head = self.read(clip, 0, FINGERPRINT_BYTES)
        if clip.size <= FINGERPRINT_BYTES:
            return fingerprint(head, head)
        return fingerprint(head, self.read(clip, clip.size - FINGERPRINT_BYTES, FINGERPRINT_BYTES))


def wrong_with(clip: Clip) -> str:
    """Why a clip as listed cannot be one; empty where it can."""
    if not 0 <= clip.size < 2**63:
        return f"lists a clip of {clip.size} bytes"
    if max(len(clip.path), len(clip.recorded), len(clip.storage)) > LONGEST_TEXT:
        return f"lists a clip with facts of more than {LONGEST_TEXT} characters"
    return ""


def facts(clip: Clip) -> Clip:
    """The clip's facts in words that the ledger can keep, for its id; not for the recorder."""
    return replace(
        clip,
        storage=storable(clip.storage),
        path=storable(clip.path),
        recorded=storable(clip.recorded),
    )
