"""A clip that is on its way in: its data, and a digest for each chunk that is held.

Three files in a folder of their own: `data` has its full size from the start, `slots` holds 32
bytes for each chunk (its BLAKE3, or zeros while it is missing), `offer` is the envelope as it
came. A slot is written after its chunk, and nothing is synced on the way: after a crash
`recheck` hashes what the slots claim, and only what matches counts. So what is held proves
itself, whatever the disk kept.
"""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path

from blake3 import blake3

from agent.archive.files import guarded, replace_file, store_error, write_all
from agent.wire.chunk import Chunk
from agent.wire.contract import Manifest

SLOT_BYTES = 32
_MISSING = bytes(SLOT_BYTES)
RANGES_LIMIT = 4096
"""The most ranges that one message tells (`contract.Ranges`)."""

DATA, SLOTS, OFFER = "data", "slots", "offer"
PARTS = (DATA, SLOTS, OFFER)


class Written(Enum):
    """What became of a chunk."""

    NEW = "new"
    DUPLICATE = "duplicate"
    """Held already; nothing was written."""
    BAD = "bad"
    """Out of place, of a wrong length, or not the bytes that its digest names."""


class Partial:
    """One open partial. Not thread-safe: it belongs to the receiver or to the sealing thread.

    `doubtful` is true where an earlier run left chunks that `recheck` has not hashed yet; none
    of them count until then. All methods raise `StoreFull` or `StoreBroken`.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.size = manifest.sent.size
        self.chunk_bytes = manifest.chunk_bytes
        self.count = chunk_count(manifest)
        self._held = bytearray(self.count)
        self.missing = self.count
        with guarded("open partial"):
            (folder / DATA).chmod(0o640)  # read-only where a crash came between sync and rename
            self._data = os.open(folder / DATA, os.O_RDWR)
            try:
                self._slots = os.open(folder / SLOTS, os.O_RDWR)
            except OSError:
                os.close(self._data)
                raise
            self._open = True
        self.doubtful = bool(self.slots().strip(b"\0"))

    @property
    def complete(self) -> bool:
        return not self.missing

    @property
    def data_path(self) -> Path:
        return self.folder / DATA

    def keep_offer(self, envelope: bytes) -> None:
        """Lay the envelope beside the data, so that a restart knows what this is."""
        with guarded("write offer"):
            replace_file(self.folder / OFFER, envelope)

    def write(self, chunk: Chunk) -> Written:
        """Check and store one chunk; a second copy of a held one changes nothing."""
        index, off = divmod(chunk.offset, self.chunk_bytes)
        if off or index >= self.count or len(chunk.data) != self._length(index):
            return Written.BAD
        if self._held[index]:
            return Written.DUPLICATE
        if blake3(chunk.data).digest() != chunk.digest:
            return Written.BAD
        try:
            write_all(self._data, chunk.data, chunk.offset)
            write_all(self._slots, chunk.digest, index * SLOT_BYTES)
        except OSError as error:
            raise store_error("write chunk", error) from error
        self._held[index] = 1
        self.missing -= 1
        return Written.NEW

    def recheck(self) -> None:
        """Hash every chunk that a slot claims; what does not match is missing again."""
        with guarded("recheck partial"):
            for index in range(self.count):
                claimed = os.pread(self._slots, SLOT_BYTES, index * SLOT_BYTES)
                if self._held[index] or claimed in (_MISSING, b""):
                    continue
                data = os.pread(self._data, self._length(index), index * self.chunk_bytes)
                if blake3(data).digest() == claimed:
                    self._held[index] = 1
                    self.missing -= 1
                else:
                    write_all(self._slots, _MISSING, index * SLOT_BYTES)
        self.doubtful = False

    def ranges(self) -> list[tuple[int, int]]:
        """The bytes held, as ranges [start, end), merged; the first 4096 of them."""
        found: list[tuple[int, int]] = []
        at = 0
        while len(found) < RANGES_LIMIT and (start := self._held.find(1, at)) >= 0:
            at = self._held.find(0, start)
            at = self.count if at < 0 else at
            found.append((start * self.chunk_bytes, min(at * self.chunk_bytes, self.size)))
        return found

    def slots(self) -> bytes:
        """The digests of all chunks, in order."""
        with guarded("read slots"):
            return os.pread(self._slots, self.count * SLOT_BYTES, 0)

    def sync(self) -> None:
        """Make the data durable and read-only; a failure is final, see `agent.archive.files`."""
        with guarded("sync partial"):
            os.fchmod(self._data, 0o444)
            os.fsync(self._data)
            os.posix_fadvise(self._data, 0, 0, os.POSIX_FADV_DONTNEED)  # nobody reads it from there

    def close(self) -> None:
        """Let go of the files; safe to call again."""
        if self._open:
            self._open = False
            os.close(self._data)
            os.close(self._slots)

    def _length(self, index: int) -> int:
        return min(self.chunk_bytes, self.size - index * self.chunk_bytes)


def chunk_count(manifest: Manifest) -> int:
    """How many chunks a clip is sent in; an empty one in none."""
    return -(-manifest.sent.size // manifest.chunk_bytes)
