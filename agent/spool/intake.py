"""One clip coming in: from reserved space to a name that a power cut cannot take away.

The order is the rule and is not negotiable: reserve, own temporary name, stream and hash, compare
the count, sync, read back from the disk and compare, sidecar, rename, sync the folders. Only then
does the caller commit the ledger, with `Spool.settle`. After any error the temporary goes and its
descriptor is never synced again: the kernel marks pages that failed as clean, and a second sync
would say yes.

Coming in, each chunk is hashed once. Reading back, each chunk is hashed again and must be the
same; it is over those proven bytes that the digests of the whole are made, while the disk reads
ahead. An encrypted clip goes the same way, with its ciphertext as the bytes that are written, read
back and proved; see `agent.spool.streams`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.errors import BodydockError, RecorderMisbehaved, SpoolBroken
from agent.model import ClipId
from agent.spool.durable import medium, sync_folder, write_new
from agent.spool.entry import Sealed
from agent.spool.forms import sums_of
from agent.spool.hashing import WINDOW_BYTES, Measured, measure
from agent.spool.layout import SUMS, Layout
from agent.spool.probes import Place
from agent.spool.streams import Stream


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
        stream: Stream,
        layout: Layout,
        kept: Callable[[Sealed], None],
        gone: Callable[[], None],
    ) -> None:
        self.clip = clip
        self.size = size
        self.written = 0
        self._part = part
        self._file = file
        self._stream = stream
        self._layout = layout
        self._kept = kept
        self._gone = gone
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
            self._stream.write(data)
            self.written += len(data)
            self._write_behind()

    def probes(self) -> list[Place]:
        """Offset and length of what to compare before this is gone on with; the tail is last."""
        self._insist_open()
        return self._stream.probes()

    def fits(self, offset: int, data: bytes) -> bool:
        """Whether `data` is what came at `offset`: at one of the `probes`, or up to the end of what
        came and no longer than 16 KiB."""
        self._insist_open()
        with self._abandoning():
            return self._stream.fits(offset, data)

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
            with medium("writing a clip"):
                self._stream.end()
            found = self._read_back()
            sealed = self._stream.sealed(found)
            self._settle(sums_of(sealed, found.chunks))
        self._close()
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
            found = measure(self._file, self._stream.digests, self.clip)
        if not self._stream.wrote(found):
            raise SpoolBroken(
                f"the disk gave back other bytes than were written of clip {self.clip}",
                do="look at the spool's disk",
            )
        return found

    def _settle(self, sidecar: bytes) -> None:
        """The sidecar goes first: where the clip's name is, its sidecar is."""
        sums = self._part.with_suffix(SUMS)
        write_new(sums, sidecar)
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
        """The stream first: its threads must not write where another file got this number."""
        self._stream.close()
        file, self._file = self._file, -1
        with suppress(OSError):
            os.close(file)
