"""BLAKE3 of this dock's own copy keyed with a nonce, to compare an archive's proof with."""

from __future__ import annotations

import os
from pathlib import Path

from blake3 import blake3

from agent.errors import ClipDamaged
from agent.spool.entry import Sealed
from agent.spool.readers import lost

NONCE_BYTES = 32
_STEP = 1024 * 1024


def keyed_digest(path: Path, sealed: Sealed, nonce: bytes) -> str:
    """BLAKE3 keyed with `nonce` over the bytes in `path` as the disk gives them, hexadecimal.

    The same pass finds out whether they still are what was sealed: raises `ClipDamaged` where
    they are not, or where the file is gone or unreadable; `SpoolBroken` where the disk fails.
    """
    with lost(sealed.clip):
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            plain, keyed, size = _read(file, nonce)
        finally:
            os.close(file)
    if (size, plain) != (sealed.file_size, sealed.file_digests.blake3):
        raise ClipDamaged(f"clip {sealed.clip} no longer has the bytes that its digests promise")
    return keyed


def _read(file: int, nonce: bytes) -> tuple[str, str, int]:
    """Both digests and the size; the cache is dropped before, and behind the reader."""
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    plain, keyed = blake3(), blake3(key=nonce)
    buffer, size = bytearray(_STEP), 0
    while count := os.preadv(file, [buffer], size):
        with memoryview(buffer)[:count] as data:
            plain.update(data)
            keyed.update(data)
        os.posix_fadvise(file, size, count, os.POSIX_FADV_DONTNEED)
        size += count
    return plain.hexdigest(), keyed.hexdigest(), size
