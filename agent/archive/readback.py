"""Read a stored file back from the disk, and hold it against what its manifest promises."""

from __future__ import annotations

import hashlib
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
    whole, chunks = blake3(), blake3(slots or b"")
    others = [hashlib.new(name) for name in ("sha256", "sm3") if getattr(like, name)]
    size = 0
    for piece in from_disk(path, max(_STEP // like.chunk_bytes, 1) * like.chunk_bytes):
        whole.update(piece)
        for other in others:
            other.update(piece)
        if slots is None:
            for at in range(0, len(piece), like.chunk_bytes):
                chunks.update(blake3(piece[at : at + like.chunk_bytes]).digest())
        size += len(piece)
    named = {other.name: other.hexdigest() for other in others}
    return size, Digests(
        blake3=whole.hexdigest(),
        chunks=chunks.hexdigest(),
        sha256=named.get("sha256"),
        sm3=named.get("sm3"),
    )


def from_disk(path: Path, step: int = _STEP) -> Iterator[memoryview]:
    """A file's bytes as the disk gives them, in one buffer that each step fills anew.

    All pieces but the last are `step` bytes. Pages that are not yet written cannot be dropped from
    the cache, so sync first. Raises OSError.
    """
    buffer = memoryview(bytearray(step))
    with path.open("rb", buffering=0) as file:
        descriptor, at = file.fileno(), 0
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        while got := _fill(descriptor, buffer, at):
            yield buffer[:got]
            at += got
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _fill(descriptor: int, buffer: memoryview, offset: int) -> int:
    """Fill the buffer from `offset`; less only at the end of the file."""
    done = 0
    while done < len(buffer):
        if not (got := os.preadv(descriptor, [buffer[done:]], offset + done)):
            break
        done += got
    return done


def compare(manifest: Manifest, size: int, found: Digests) -> None:
    """Raises `DigestMismatch` naming the first fact that does not fit."""
    promised = (manifest.size, manifest.blake3, manifest.chunks, manifest.sha256, manifest.sm3)
    stored = (size, found.blake3, found.chunks, found.sha256, found.sm3)
    names = ("size", "BLAKE3", "chunk list", "SHA-256", "SM3")
    for name, want, got in zip(names, promised, stored, strict=True):
        if want != got:
            raise DigestMismatch(f"{name}: offered {want}, arrived {got}")
