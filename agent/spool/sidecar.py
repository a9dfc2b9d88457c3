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

from blake3 import blake3

from agent.errors import Malformed
from agent.model import CHUNK_BYTES

DIGEST_BYTES = 32
FINGERPRINT_BYTES = 64 * 1024
"""How much of a clip's beginning and of its end goes into its fingerprint."""

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


def split(digests: bytes) -> tuple[bytes, ...]:
    """Chunk digests one by one."""
    return tuple(digests[at : at + DIGEST_BYTES] for at in range(0, len(digests), DIGEST_BYTES))


def fingerprint(head: bytes, tail: bytes) -> str:
    """By which a clip is known again: BLAKE3 over its first and its last 64 KiB, each behind its
    length; a shorter clip is both its own head and its own tail."""
    framed = b"".join(len(part).to_bytes(8, "big") + part for part in (head, tail))
    return blake3(framed).hexdigest()
