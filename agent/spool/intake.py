"""One clip coming in: from reserved space to a name that a power cut cannot take away.

The order is the rule and is not negotiable: reserve, own temporary name, stream and hash, compare
the count, sync, read back from the disk and compare, sidecar, rename, sync the folders. Only then
does the caller commit the ledger, with `Spool.settle`. After any error the temporary goes and its
descriptor is never synced again: the kernel marks pages that failed as clean, and a second sync
would say yes.

Coming in, each chunk is hashed once. Reading back, each chunk is hashed again and must be the
same; it is over those proven bytes that the digests of the whole are made, while the disk reads
ahead.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.errors import BodydockError, RecorderMisbehaved, SpoolBroken
from agent.model import ClipId
from agent.spool.durable import medium, sync_folder, write_all, write_new
from agent.spool.entry import Sealed
from agent.spool.hashing import WINDOW_BYTES, ChunkHasher, Measured, measure
from agent.spool.layout import SUMS, Layout
from agent.spool.sidecar import encode


class Intake:
    """Takes one clip's bytes in order. Used by one thread; any error ends it.

    Either `kept` or `gone` is called, once: when the clip is in the spool, or given up.
    """

    def __init__(
        self,
        clip: ClipId,
        size: int,
        *,
        part: Path,
        file: int,
        layout: Layout,
        digests: frozenset[str],
        kept: Callable[[Sealed], None],
        gone: Callable[[], None],
    ) -> None:
        self.clip = clip
        self.size = size
        self.written = 0
        self._part = part
        self._file = file
        self._layout = layout
        self._digests = digests
        self._kept = kept
        self._gone = gone
        self._chunks = ChunkHasher()
        self._flushed = 0
        self._traces = [part]

    @property
    def is_open(self) -> bool:
        return self._file >= 0

    def write(self, data: bytes) -> None:
        """Append. Raises `RecorderMisbehaved` where it is more than was declared, `SpoolBroken`
        and `SpoolFull` where the disk fails; the intake is over then."""
        self._insist_open()
        if self.written + len(data) > self.size:
            self.abandon()
            raise RecorderMisbehaved(f"gives more than the {self.size} bytes it declared")
        with self._abandoning(), medium("writing a clip"):
            self._chunks.update(memoryview(data))
            write_all(self._file, data)
            self.written += len(data)
            self._write_behind()

    def reread(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` of what was written; fewer where that ends."""
        self._insist_open()
        size = max(0, min(size, self.written - offset))
        with self._abandoning(), medium("reading what came of a clip"):
            return os.pread(self._file, size, offset)

    def finish(self) -> Sealed:
        """Make the clip durable under its final name.

        Raises `RecorderMisbehaved` where bytes are missing, `SpoolBroken` or `SpoolFull` where
        the disk fails or gives back other bytes. Either way nothing of it stays in the spool.
        """
        self._insist_open()
        if self.written != self.size:
            self.abandon()
            raise RecorderMisbehaved(f"gave {self.written} of the {self.size} bytes it declared")
        with self._abandoning():
            found = self._read_back()
            self._settle(found)
        self._close()
        sealed = Sealed(self.clip, self.size, found.digests, found.fingerprint)
        self._kept(sealed)
        return sealed

    def abandon(self) -> None:
        """Give up; every trace goes. Safe to call again, and after `finish`."""
        if not self.is_open:
            return
        self._close()
        for path in self._traces:
            with suppress(OSError):
                path.unlink()
        self._gone()

    def _write_behind(self) -> None:
        """Every 8 MiB let the disk begin with the new window and forget the one before, so that
        the sync at the end has little to wait for and long clips do not fill the memory.
        (`POSIX_FADV_DONTNEED` starts the writing of dirty pages and drops clean ones.)"""
        if self.written - self._flushed < WINDOW_BYTES:
            return
        start = max(0, self._flushed - WINDOW_BYTES)
        os.posix_fadvise(self._file, start, self.written - start, os.POSIX_FADV_DONTNEED)
        self._flushed = self.written

    def _read_back(self) -> Measured:
        with medium("syncing a clip"):
            os.fsync(self._file)
        with medium("reading a clip back"):
            found = measure(self._file, self._digests, self.clip)
        if found.size != self.size or found.chunks != self._chunks.finish():
            raise SpoolBroken(
                f"the disk gave back other bytes than were written of clip {self.clip}",
                do="look at the spool's disk",
            )
        return found

    def _settle(self, found: Measured) -> None:
        """The sidecar goes first: where the clip's name is, its sidecar is."""
        sums = self._part.with_suffix(SUMS)
        write_new(sums, encode(self.size, found.chunks))
        for part, final in (
            (sums, self._layout.sums(self.clip)),
            (self._part, self._layout.clip(self.clip)),
        ):
            self._traces += (part, final)
            with medium("naming a clip"):
                part.rename(final)
        sync_folder(self._layout.folder(self.clip))

    @contextmanager
    def _abandoning(self) -> Iterator[None]:
        try:
            yield
        except BodydockError:
            self.abandon()
            raise

    def _insist_open(self) -> None:
        if not self.is_open:
            raise SpoolBroken(f"the intake of clip {self.clip} is over")

    def _close(self) -> None:
        file, self._file = self._file, -1
        with suppress(OSError):
            os.close(file)
