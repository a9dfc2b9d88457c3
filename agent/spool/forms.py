"""The forms in which clips lie in the spool, as they were recorded or encrypted: how much room each
takes, what its sidecar says, and what a file proves by itself."""

from __future__ import annotations

import os
from pathlib import Path

from agent.errors import Malformed
from agent.model import ClipId, Stored
from agent.spool import sidecar
from agent.spool.cipher import HEADER_MOST, Cipher, body_bytes
from agent.spool.entry import Sealed
from agent.spool.hashing import Measured, measure

AGE = "age"


def rooms(size: int, cipher: Cipher | None) -> tuple[int, int]:
    """The most bytes that the file of a clip of `size` bytes takes, and that its sidecar does."""
    most = HEADER_MOST + body_bytes(size) if cipher else size
    return most, sidecar.length(most, sealed=cipher is not None)


def taken(sealed: Sealed) -> int:
    """Bytes of a clip's file and sidecar."""
    size = sealed.file_size
    return size + sidecar.length(size, sealed=sealed.stored is not None)


def sums_of(sealed: Sealed, chunks: bytes) -> bytes:
    """A clip's sidecar; `chunks` are the chunk digests of its file, one behind the other."""
    plain = None
    if stored := sealed.stored:
        digests, fingerprint = sealed.digests, sealed.fingerprint
        plain = sidecar.Plain(sealed.size, digests, fingerprint, stored.recipient)
    return sidecar.encode(sealed.file_size, chunks, plain)


def prove(clip: ClipId, size: int, path: Path, sums: Path, digests: frozenset[str]) -> Sealed:
    """What a file holds of a clip of `size` bytes, where its sidecar proves all of it.

    The file of an encrypted clip cannot tell of the clip as it was recorded: that its sidecar
    tells. Raises `Malformed` where either is not whole, or lacks one of the `digests` ("sha256",
    "sm3") that are wanted, and OSError where the disk does not give them.
    """
    with path.open("rb") as file:
        said = sidecar.load(sums, os.fstat(file.fileno()).st_size)
        found = measure(file.fileno(), wanted(digests, sealed=said.plain is not None), clip)
    if (found.size, found.chunks) != (said.size, said.chunks):
        raise Malformed("other bytes than its sidecar says")
    plain = said.plain
    if plain is None:
        sealed = Sealed(clip, found.size, found.digests, found.fingerprint)
    else:
        stored = Stored(AGE, found.size, found.digests, plain.recipient)
        sealed = Sealed(clip, plain.size, plain.digests, plain.fingerprint, stored)
    if sealed.size != size:
        raise Malformed(f"it is of a clip of {sealed.size} bytes, not {size}")
    if lacking := [name for name in sorted(digests) if not getattr(sealed.digests, name)]:
        raise Malformed(f"its sidecar has no {', '.join(lacking)}")
    return sealed


def remeasure(file: int, sealed: Sealed) -> Measured:
    """Read a clip's open file again, with the digests that are known of it. Raises OSError."""
    made = {name for name in ("sha256", "sm3") if getattr(sealed.file_digests, name)}
    return measure(file, frozenset(made))


def wanted(digests: frozenset[str], *, sealed: bool) -> frozenset[str]:
    """Which digests to make of a file beside BLAKE3: of an encrypted one SHA-256 at most, with
    which stock tools check what is stored."""
    return digests & {"sha256"} if sealed else digests
