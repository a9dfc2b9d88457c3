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
from agent.wire.contract import Manifest

_STEP = 1024 * 1024


class DigestMismatch(Malformed):
    """The bytes that arrived are not those that the offer promises."""

    fault = Fault.SENDER


def can_sm3() -> bool:
    """Whether this machine's OpenSSL computes SM3 (GB/T 32905)."""
    return "sm3" in hashlib.algorithms_available


def read_back(path: Path, like: Manifest, slots: bytes | None = None) -> tuple[int, Digests]:
    """Size and digests of the file, in one pass over what the disk gives, not the cache.

    Computes the digests that `like` has. `slots` are the digests of its chunks where each was
    checked against its data on arrival: then the chunk list is taken from them instead of hashing
    everything twice, and a changed byte still shows in the whole file's BLAKE3. Raises OSError.
    """
    whole, chunks = blake3(), _ChunkList(like.chunk_bytes)
    others = [hashlib.new(name) for name in ("sha256", "sm3") if getattr(like, name)]
    size = 0
    for piece in from_disk(path):
        whole.update(piece)
        for other in others:
            other.update(piece)
        if slots is None:
            chunks.update(piece)
        size += len(piece)
    named = {other.name: other.hexdigest() for other in others}
    return size, Digests(
        blake3=whole.hexdigest(),
        chunks=chunks.hexdigest() if slots is None else blake3(slots).hexdigest(),
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


def compare(manifest: Manifest, size: int, found: Digests) -> None:
    """Raises `DigestMismatch` naming the first fact that does not fit."""
    promised = (manifest.size, manifest.blake3, manifest.chunks, manifest.sha256, manifest.sm3)
    stored = (size, found.blake3, found.chunks, found.sha256, found.sm3)
    names = ("size", "BLAKE3", "chunk list", "SHA-256", "SM3")
    for name, want, got in zip(names, promised, stored, strict=True):
        if want != got:
            raise DigestMismatch(f"{name}: offered {want}, arrived {got}")
