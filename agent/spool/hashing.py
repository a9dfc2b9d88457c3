"""Digests of clips: one pass over cache-hot buffers, whether coming in or read back.

BLAKE3 runs in the calling thread: its own thread pool burns 2.6 times the CPU on pieces of our
size and is slower. `update` lets other threads run meanwhile.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from blake3 import blake3
from cryptography.hazmat.primitives import hashes

from agent.model import CHUNK_BYTES, Digests
from agent.spool.sidecar import FINGERPRINT_BYTES, fingerprint

WINDOW_BYTES = 8 * 1024 * 1024
"""How far reading or writing goes on before the kernel is told what it may forget."""


class ChunkHasher:
    """BLAKE3 of each chunk of a stream that arrives in pieces of any size."""

    def __init__(self) -> None:
        self._done = bytearray()
        self._hasher = blake3()
        self._filled = 0

    def update(self, data: memoryview) -> None:
        while data:
            piece = data[: CHUNK_BYTES - self._filled]
            self._hasher.update(piece)
            self._filled += len(piece)
            if self._filled == CHUNK_BYTES:
                self._close_chunk()
            data = data[len(piece) :]

    def finish(self) -> bytes:
        """All chunk digests, one behind the other."""
        if self._filled:
            self._close_chunk()
        return bytes(self._done)

    def _close_chunk(self) -> None:
        self._done += self._hasher.digest()
        self._hasher = blake3()
        self._filled = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """What a file turned out to hold."""

    size: int
    digests: Digests
    chunks: bytes
    """The chunk digests, one behind the other."""
    fingerprint: str


def measure(file: int, digests: frozenset[str]) -> Measured:
    """Read an open file from the disk, not from the cache, and digest it as a whole and by chunk.

    The cache is dropped before, so that what comes is what the disk holds, and behind the reader,
    so that a long clip does not push out everything else. `digests`: which of "sha256" and "sm3"
    to make beside BLAKE3. Raises OSError where the disk does not give the bytes.
    """
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    chunks, whole, others = ChunkHasher(), blake3(), {name: _OTHERS[name]() for name in digests}
    head = tail = b""
    size = 0
    buffer = bytearray(CHUNK_BYTES)
    while count := os.preadv(file, [buffer], size):
        data = memoryview(buffer)[:count]
        chunks.update(data)
        whole.update(data)
        for other in others.values():
            other.update(data)
        if len(head) < FINGERPRINT_BYTES:
            head += data[: FINGERPRINT_BYTES - len(head)]
        tail = (tail + data[-FINGERPRINT_BYTES:])[-FINGERPRINT_BYTES:]
        size += count
        if size % WINDOW_BYTES == 0:
            os.posix_fadvise(file, size - WINDOW_BYTES, WINDOW_BYTES, os.POSIX_FADV_DONTNEED)
    listed = chunks.finish()
    made = {name: other.hexdigest() for name, other in others.items()}
    full = Digests(whole.hexdigest(), blake3(listed).hexdigest(), **made)
    return Measured(size, full, listed, fingerprint(head, tail))


class _Hasher(Protocol):
    def update(self, data: memoryview, /) -> object: ...

    def hexdigest(self) -> str: ...


class CryptographySm3:
    """SM3 (GB/T 32905-2016) where Python's OpenSSL was built without it."""

    def __init__(self) -> None:
        self._hash = hashes.Hash(hashes.SM3())

    def update(self, data: memoryview, /) -> None:
        self._hash.update(data)

    def hexdigest(self) -> str:
        return self._hash.copy().finalize().hex()


def _sm3() -> _Hasher:
    try:
        return hashlib.new("sm3")
    except ValueError:
        return CryptographySm3()


_OTHERS: dict[str, Callable[[], _Hasher]] = {"sha256": hashlib.sha256, "sm3": _sm3}
