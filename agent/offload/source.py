"""A recorder's clips as bytes and facts that can be relied on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from agent.errors import RecorderBusy, RecorderMisbehaved, RecorderRefused
from agent.model import Clip, ClipId
from agent.patience import patiently
from agent.recorder.base import Recorder
from agent.spool.rows import storable
from agent.spool.sidecar import fingerprint, places

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
        data = self._read(clip, offset, size)
        if len(data) != size:
            raise RecorderMisbehaved(f"gave {len(data)} bytes at {offset} where {size} were asked")
        return data

    def insist_end(self, clip: Clip) -> None:
        """Raises `RecorderMisbehaved` where the clip goes on past the size that it was listed with.

        A recorder may call that question an error: it is an answer, too. `RecorderGone` is none.
        """
        try:
            further = self._read(clip, clip.size, 1)
        except (RecorderMisbehaved, RecorderRefused):
            return
        if further:
            raise RecorderMisbehaved(f"has more than the {clip.size} bytes it declared")

    def fingerprint(self, clip: Clip, clip_id: ClipId) -> str:
        """The clip's fingerprint under that id, from at most 192 KiB on the recorder."""
        wanted = places(clip.size, clip_id)
        found = {place: self.read(clip, *place) for place in dict.fromkeys(wanted)}
        return fingerprint(*(found[place] for place in wanted))

    def _read(self, clip: Clip, offset: int, size: int) -> bytes:
        """Read with patience."""
        try:
            return self._recorder.read(clip, offset, size)
        except RecorderBusy:
            return patiently(
                lambda: self._recorder.read(clip, offset, size),
                tries=_BUSY_TRIES,
                sleep=self._sleep,
            )


def wrong_with(clip: Clip) -> str:
    """Why a clip as listed cannot be one; empty where it can."""
    if not 0 <= clip.size < 2**63:
        return f"lists a clip of {clip.size} bytes"
    kept = facts(clip)
    if max(len(kept.path), len(kept.recorded), len(kept.storage)) > LONGEST_TEXT:
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
