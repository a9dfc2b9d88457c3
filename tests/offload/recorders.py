"""A recorder in memory, with a hand on its plug."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from agent.errors import RecorderGone, RecorderMisbehaved
from agent.model import Clip, ClockReading, Health, Identity

IDENTITY = Identity("Maker", "Model", "S0001", "1.0")


class MemoryRecorder:
    """Holds clips as bytes. `before_read(clip, offset, size)` may raise, or answer instead.

    `fed` counts what left the recorder: also bytes that never arrived, when a read is cut short.
    """

    def __init__(self, contents: dict[str, bytes], recorded: str = "20260804T100000") -> None:
        self.contents = contents
        self.recorded = dict.fromkeys(contents, recorded)
        self.declared: dict[str, int] = {}
        self.before_read: Callable[[Clip, int, int], bytes | None] = lambda *_: None
        self.unplug_after: int | None = None
        self.fed = 0
        self.reads: list[tuple[str, int, int]] = []

    def identify(self) -> Identity:
        return IDENTITY

    def health(self) -> Health:
        return Health(80, ())

    def clock(self) -> ClockReading | None:
        return None

    def set_clock(self, now: datetime) -> None:
        raise AssertionError("nobody here sets clocks")

    def clips(self) -> Iterator[Clip]:
        for path, content in self.contents.items():
            size = self.declared.get(path, len(content))
            yield Clip("SD", path, size, self.recorded[path])

    def read(self, clip: Clip, offset: int, size: int) -> bytes:
        self.reads.append((clip.path, offset, size))
        if (answer := self.before_read(clip, offset, size)) is not None:
            return answer
        data = self.contents[clip.path][offset : offset + size]
        if self.unplug_after is not None and self.fed + len(data) >= self.unplug_after:
            self.fed = self.unplug_after
            raise RecorderGone("unplugged")
        self.fed += len(data)
        if not data and size:
            raise RecorderMisbehaved(f"{clip.path} has no byte {offset}")
        return data

    def replug(self) -> None:
        self.unplug_after = None

    def delete(self, clip: Clip) -> None:
        raise AssertionError("a pull deletes nothing")

    def close(self) -> None:
        pass
