"""Read a stored file back from the disk, and hold it against what its manifest promises."""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
from collections.abc import Iterator
from pathlib import Path

from blake3 import blake3

from agent.errors import Fault, Malformed
from agent.model import Digests
from agent.wire.facts import Sent

_STEP = 1024 * 1024


class DigestMismatch(Malformed):
    """The bytes that arrived are not those that the offer promises."""

    fault = Fault.SENDER


class Contradiction(DigestMismatch):
    """An encrypted clip arrived as offered, and holds another clip than its offer says."""


def can_sm3() -> bool:
    """Whether this machine's OpenSSL computes SM3 (GB/T 32905)."""
    return "sm3" in hashlib.algorithms_available


def read_back(
    path: Path, like: Sent, chunk_bytes: int, slots: bytes | None = None
) -> tuple[int, Digests]:
    """Size and digests of the file, in one pass over what the disk gives, not the cache.

    Computes the digests that `like` has. `slots` are the digests of its chunks where each was
    checked against its data on arrival: then the chunk list is taken from them instead of hashing
    everything twice, and a changed byte still shows in the whole file's BLAKE3. Raises OSError.
    """
    found = Digesting(like, chunk_bytes, listed=slots is None)
    for piece in from_disk(path):
        found.update(piece)
    return found.size, found.finish(slots)


class Digesting:
    """Size and digests of a stream, those that `like` has; without its chunk list unless it is to
    be `listed`."""

    def __init__(self, like: Sent, chunk_bytes: int, *, listed: bool = True) -> None:
        self.size = 0
        self._whole = blake3()
        self._chunks = _ChunkList(chunk_bytes) if listed else None
        self._others = [hashlib.new(name) for name in ("sha256", "sm3") if getattr(like, name)]

    def update(self, piece: memoryview) -> None:
        self._whole.update(piece)
        for other in self._others:
            other.update(piece)
        if self._chunks:
            self._chunks.update(piece)
        self.size += len(piece)

    def finish(self, slots: bytes | None = None) -> Digests:
        """`slots` are the chunk digests where they were not listed here."""
        named = {other.name: other.hexdigest() for other in self._others}
        return Digests(
            blake3=self._whole.hexdigest(),
            chunks=self._chunks.hexdigest() if self._chunks else blake3(slots or b"").hexdigest(),
            sha256=named.get("sha256"),
            sm3=named.get("sm3"),
        )


class _ChunkList:
    """BLAKE3 over the digests of a file's chunks, fed in pieces of any size."""

    def __init__(self, chunk_bytes: int) -> None:
        self._chunk_bytes = chunk_bytes
        self._room = chunk_bytes
        self._chunk = blake3()
        self._list = blake3()

    def update(self, piece: memoryview) -> None:
        while piece:
            self._chunk.update(piece[: self._room])
            taken = min(self._room, len(piece))
            self._room -= taken
            piece = piece[taken:]
            if not self._room:
                self._end_chunk()

    def hexdigest(self) -> str:
        if self._room < self._chunk_bytes:
            self._end_chunk()
        return self._list.hexdigest()

    def _end_chunk(self) -> None:
        self._list.update(self._chunk.digest())
        self._chunk, self._room = blake3(), self._chunk_bytes


def from_disk(path: Path) -> Iterator[memoryview]:
    """A file's bytes as the disk gives them, in one buffer that each step fills anew.

    Reads around the page cache (O_DIRECT, which also costs a fraction of the CPU), or, where the
    file system cannot, after dropping the file from it; so sync first. Raises OSError.
    """
    buffer = mmap.mmap(-1, _STEP)  # aligned to a page, as O_DIRECT wants it
    descriptor = _open_direct(path)
    try:
        size, at = os.fstat(descriptor).st_size, 0
        while at < size:
            if not (got := os.preadv(descriptor, [buffer], at)):
                raise OSError(errno.EIO, f"ends after {at} of {size} bytes")
            with memoryview(buffer) as whole, whole[:got] as piece:
                yield piece
            at += got
    finally:
        os.close(descriptor)


def _open_direct(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECT)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    descriptor = os.open(path, os.O_RDONLY)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    return descriptor


def compare(form: Sent, size: int, found: Digests) -> None:
    """Raises `DigestMismatch` naming the first fact that does not fit."""
    promised = (form.size, form.blake3, form.chunks, form.sha256, form.sm3)
    stored = (size, found.blake3, found.chunks, found.sha256, found.sm3)
    names = ("size", "BLAKE3", "chunk list", "SHA-256", "SM3")
    for name, want, got in zip(names, promised, stored, strict=True):
        if want != got:
            raise DigestMismatch(f"{name}: offered {want}, arrived {got}")
