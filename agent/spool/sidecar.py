"""The sidecar: chunk digests in a small file beside each clip, big-endian.

| at | bytes | meaning |
|---|---|---|
| 0 | 6 | `bdsums` |
| 6 | 2 | version, 1 |
| 8 | 4 | chunk size, 262144 |
| 12 | 8 | clip size |
| 20 | 32 each | BLAKE3 of each chunk, in order |
| rest | 32 | BLAKE3 of everything before |
"""

from __future__ import annotations

import struct
from pathlib import Path

from blake3 import blake3

from agent.errors import Malformed
from agent.model import CHUNK_BYTES

DIGEST_BYTES = 32
FINGERPRINT_BYTES = 64 * 1024
"""How much of a clip's beginning and of its end goes into its fingerprint."""
SAMPLES = 4
SAMPLE_BYTES = 16 * 1024
"""How many pieces of what lies between them go into it too, and how long each is at most."""

_HEAD = struct.Struct(">6sHIQ")
_MAGIC = b"bdsums"
_VERSION = 1


def chunk_count(size: int) -> int:
    return -(-size // CHUNK_BYTES)


def length(size: int) -> int:
    """Bytes of the sidecar of a clip of `size` bytes."""
    return _HEAD.size + (chunk_count(size) + 1) * DIGEST_BYTES


def encode(size: int, digests: bytes) -> bytes:
    """`digests`: the chunk digests of a clip of `size` bytes, one behind the other."""
    body = _HEAD.pack(_MAGIC, _VERSION, CHUNK_BYTES, size) + digests
    return body + blake3(body).digest()


def decode(raw: bytes, size: int) -> bytes:
    """The chunk digests of a clip of `size` bytes.

    Raises `Malformed` for anything but a whole, unharmed sidecar of a clip of that size.
    """
    if len(raw) != length(size):
        raise Malformed(f"sidecar: {len(raw)} bytes, not {length(size)}")
    body, seal = raw[:-DIGEST_BYTES], raw[-DIGEST_BYTES:]
    if blake3(body).digest() != seal:
        raise Malformed("sidecar: its own digest does not fit")
    if _HEAD.unpack_from(body) != (_MAGIC, _VERSION, CHUNK_BYTES, size):
        raise Malformed("sidecar: of another kind, version, chunk size or clip size")
    return body[_HEAD.size :]


def read(path: Path, size: int) -> bytes:
    """`decode` of a file. Raises `Malformed` also where that cannot be read."""
    try:
        with path.open("rb") as file:
            raw = file.read(length(size) + 1)
    except OSError as error:
        raise Malformed(f"sidecar: {error.strerror}") from error
    return decode(raw, size)


def split(digests: bytes) -> tuple[bytes, ...]:
    """Chunk digests one by one."""
    return tuple(digests[at : at + DIGEST_BYTES] for at in range(0, len(digests), DIGEST_BYTES))


def places(size: int, clip: str) -> list[tuple[int, int]]:
    """Offset and length of what goes into the fingerprint of a clip of `size` bytes: its first and
    its last 64 KiB (a shorter clip is both), then, where bytes lie between, four samples of them,
    one from each quarter, where the clip's id says."""
    end = min(size, FINGERPRINT_BYTES)
    chosen = [(0, end), (size - end, end)]
    if (between := size - 2 * FINGERPRINT_BYTES) <= 0:
        return chosen
    seed = blake3(f"{size}:{clip}".encode()).digest(length=8 * SAMPLES)
    for number in range(SAMPLES):
        start, stop = (between * each // SAMPLES for each in (number, number + 1))
        length = min(SAMPLE_BYTES, stop - start)
        drawn = int.from_bytes(seed[8 * number : 8 * number + 8], "big")
        shift = drawn % (stop - start - length + 1)
        chosen.append((FINGERPRINT_BYTES + start + shift, length))
    return chosen


def fingerprint(*parts: bytes) -> str:
    """By which a clip is known again: BLAKE3 over what lies at its `places`, each part behind its
    length."""
    framed = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return blake3(framed).hexdigest()
