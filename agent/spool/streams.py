"""A clip's bytes on their way into its file: as they come, or encrypted."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from agent.errors import SpoolBroken
from agent.model import ClipId, Stored
from agent.spool.cipher import HEADER_MOST, Cipher, body_bytes, header_bytes
from agent.spool.durable import medium, write_all
from agent.spool.entry import Sealed
from agent.spool.forms import AGE, wanted
from agent.spool.hashing import ChunkHasher, Measured, Parts, Whole
from agent.spool.probes import Place, probes
from agent.spool.sidecar import fingerprint, places
from agent.spool.witness import Witness


class Stream(Protocol):
    """Takes bytes in order. What fails raises OSError or an error of ours, and ends it."""

    digests: frozenset[str]
    """Which digests reading the file back is to make."""

    def write(self, data: bytes) -> None: ...

    def probes(self) -> list[Place]:
        """What to compare before an interrupted clip is gone on with; the tail comes last."""

    def fits(self, offset: int, data: bytes) -> bool:
        """Whether `data` is what came at `offset`, at one of the `probes` or at the tail."""

    def end(self) -> None:
        """All came: the file is complete when this returns."""

    def wrote(self, found: Measured) -> bool:
        """Whether what was read back is what was written."""

    def sealed(self, found: Measured) -> Sealed: ...

    def close(self) -> None:
        """Nothing is written from here on. Safe to repeat."""


class OpenStream:
    """The bytes as they come."""

    def __init__(self, file: int, clip: ClipId, digests: frozenset[str]) -> None:
        self.digests = digests
        self._file = file
        self._clip = clip
        self._written = 0
        self._chunks = ChunkHasher()

    def write(self, data: bytes) -> None:
        self._chunks.update(memoryview(data))
        write_all(self._file, data)
        self._written += len(data)

    def probes(self) -> list[Place]:
        return probes(self._written, self._clip)

    def fits(self, offset: int, data: bytes) -> bool:
        with medium("reading what came of a clip"):
            return os.pread(self._file, len(data), offset) == data

    def end(self) -> None:
        """Each byte went straight into the file."""

    def wrote(self, found: Measured) -> bool:
        return found.size == self._written and found.chunks == self._chunks.finish()

    def sealed(self, found: Measured) -> Sealed:
        return Sealed(self._clip, found.size, found.digests, found.fingerprint)

    def close(self) -> None:
        """Nothing runs beside it."""


class SealedStream:
    """Encrypted as they come; only ciphertext reaches the file.

    Of the clip as it was recorded all digests are made now, since nobody here reads it again:
    chunks in the calling thread, those of the whole on a second one, while the encryptor's thread
    encrypts, hashes what comes out, and writes it.
    """

    def __init__(
        self, file: int, clip: ClipId, size: int, digests: frozenset[str], cipher: Cipher
    ) -> None:
        self.digests = wanted(digests, sealed=True)
        self._file = file
        self._clip = clip
        self._size = size
        self._recipient = cipher.recipient
        self._chunks, self._whole = ChunkHasher(), Whole(digests)
        self._parts, self._witness = Parts(places(size, clip)), Witness()
        self._written = 0
        self._beginning = b""
        self._stored, self._stored_chunks = 0, ChunkHasher()
        self._second = ThreadPoolExecutor(1, thread_name_prefix="digest")
        self._hashing: Future[None] | None = None
        self._encryptor = cipher.begin(self._put)

    def write(self, data: bytes) -> None:
        data = bytes(data)  # a copy only where the caller could still change it
        self._settle()
        self._hashing = self._second.submit(self._whole.update, memoryview(data))
        self._encryptor.feed(data)
        self._chunks.update(memoryview(data))
        self._parts.update(self._written, memoryview(data))
        self._witness.update(data)
        self._written += len(data)

    def probes(self) -> list[Place]:
        return self._witness.probes()

    def fits(self, offset: int, data: bytes) -> bool:
        return self._witness.fits(offset, data)

    def end(self) -> None:
        self._encryptor.finish()
        self._settle()
        if self._stored != header_bytes(self._beginning) + body_bytes(self._size):
            raise SpoolBroken(f"clip {self._clip} was encrypted to {self._stored} bytes: too few")
        os.ftruncate(self._file, self._stored)  # room was taken for the longest header

    def wrote(self, found: Measured) -> bool:
        return found.size == self._stored and found.chunks == self._stored_chunks.finish()

    def sealed(self, found: Measured) -> Sealed:
        digests = self._whole.finish(self._chunks.finish())
        stored = Stored(AGE, found.size, found.digests, self._recipient)
        return Sealed(self._clip, self._size, digests, fingerprint(*self._parts.found), stored)

    def close(self) -> None:
        self._encryptor.close()
        self._second.shutdown()

    def _settle(self) -> None:
        """Wait until the second thread is through with what it got last."""
        if self._hashing:
            self._hashing.result()

    def _put(self, data: bytes) -> None:
        """On the encryptor's thread: what is to stand in the file next."""
        self._stored_chunks.update(memoryview(data))
        write_all(self._file, data)
        self._stored += len(data)
        if len(self._beginning) < HEADER_MOST:
            self._beginning += data[: HEADER_MOST - len(self._beginning)]


def stream(
    file: int, clip: ClipId, size: int, digests: frozenset[str], cipher: Cipher | None
) -> Stream:
    """What takes a clip of `size` bytes into a file, encrypted where there is a `cipher`."""
    if cipher is None:
        return OpenStream(file, clip, digests)
    return SealedStream(file, clip, size, digests, cipher)
