"""The card: opened for writing, exclusively, and known again before every write."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

from agent.errors import RecorderGone, RecorderMisbehaved, RecorderRefused
from agent.link.volume.node import Standing, standing_of


class Window:
    """An open descriptor as the reader wants it; `agent.link.volume.node.Readable`."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self.size = size

    def fileno(self) -> int:
        return self._descriptor

    def read(self, offset: int, size: int) -> bytes:
        """Exactly `size` bytes. Raises `RecorderMisbehaved` where they cannot be had."""
        data = bytearray()
        try:
            while len(data) < size:
                more = os.pread(self._descriptor, size - len(data), offset + len(data))
                if not more:
                    break
                data += more
        except OSError as error:
            raise RecorderMisbehaved(
                f"the disk cannot be read at byte {offset} ({error.strerror})"
            ) from error
        if len(data) < size:
            raise RecorderMisbehaved(f"the disk cannot be read at byte {offset}")
        return bytes(data)

    def check(self) -> None:
        """Who holds the card checks it."""


class Card:
    """`node`, which must be the disk that `standing` describes.

    With O_EXCL a block device that is mounted, or that somebody else holds so, is refused
    (open(2)). The reader gets a descriptor of its own, which cannot write. Raises `RecorderGone`
    where it is another disk, `RecorderRefused` where it cannot be opened.
    """

    def __init__(self, node: str, standing: Standing) -> None:
        self._standing = standing
        self._reading = -1
        self.writes = self.written = 0
        try:
            self._writing = os.open(node, os.O_RDWR | os.O_EXCL | os.O_CLOEXEC)
        except OSError as error:
            raise RecorderRefused(f"the disk cannot be opened ({error.strerror})") from error
        try:
            self._reading = os.open(f"/proc/self/fd/{self._writing}", os.O_RDONLY | os.O_CLOEXEC)
            self.check()
        except OSError as error:
            self.close()
            raise RecorderRefused(f"the disk cannot be read ({error.strerror})") from error
        except RecorderGone:
            self.close()
            raise
        self.window = Window(self._reading, standing.size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def check(self) -> None:
        """Raises `RecorderGone` unless it is the very disk."""
        try:
            same = {standing_of(each) for each in (self._writing, self._reading)}
        except OSError as error:
            raise RecorderGone(f"the disk is gone ({error.strerror})") from error
        if same != {self._standing}:
            raise RecorderGone("another disk is in its place")

    def replace(self, offset: int, before: bytes, after: bytes) -> None:
        """Write where exactly `before` stands. Raises `RecorderGone`, and `RecorderMisbehaved`
        where something else stands there or it cannot be written."""
        if len(before) != len(after) or self.window.read(offset, len(before)) != before:
            raise RecorderMisbehaved("the disk changed while a file was taken away")
        self.check()
        try:
            done = os.pwrite(self._writing, after, offset)
        except OSError as error:
            raise RecorderMisbehaved(f"the disk cannot be written ({error.strerror})") from error
        if done != len(after):
            raise RecorderMisbehaved("the disk took only a part of what was written")
        self.writes += 1
        self.written += done

    def sync(self) -> None:
        """All that was written is on the medium. Raises `RecorderMisbehaved`; what failed to sync
        is never tried again, since the kernel then takes it for clean."""
        try:
            os.fdatasync(self._writing)
        except OSError as error:
            raise RecorderMisbehaved(f"the disk failed to sync ({error.strerror})") from error

    def forget(self) -> None:
        """What the kernel keeps of it in memory, so that the next reading asks the medium."""
        os.posix_fadvise(self._writing, 0, 0, os.POSIX_FADV_DONTNEED)

    def close(self) -> None:
        """Safe at any time."""
        for descriptor in (self._reading, self._writing):
            if descriptor >= 0:
                os.close(descriptor)
        self._reading = self._writing = -1
