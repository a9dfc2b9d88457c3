"""One chunk on the wire (`dock/D/up/chunk/R/C`), big-endian:

| at | bytes | meaning |
|---|---|---|
| 0 | 1 | version, 1 |
| 1 | 3 | zero |
| 4 | 8 | offset in the clip |
| 12 | 32 | BLAKE3 of the data |
| 44 | rest | data, 1 byte to 1 MiB |
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from agent.errors import Malformed

_HEAD = struct.Struct(">B3xQ32s")
HEAD_BYTES = _HEAD.size
DATA_LIMIT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a clip and the digest its sender claims; nothing is verified here."""

    offset: int
    digest: bytes
    data: bytes | memoryview


def encode(chunk: Chunk) -> bytes:
    return b"".join((_HEAD.pack(1, chunk.offset, chunk.digest), chunk.data))


def decode(payload: bytes) -> Chunk:
    """Raises `Malformed` for a wrong version, reserved bytes, an empty or too long chunk."""
    size = len(payload) - HEAD_BYTES
    if not 0 < size <= DATA_LIMIT:
        raise Malformed(f"chunk: {len(payload)} bytes, between 45 and {HEAD_BYTES + DATA_LIMIT}")
    version, offset, digest = _HEAD.unpack_from(payload)
    if version != 1 or payload[1:4] != b"\0\0\0":
        raise Malformed(f"chunk: version {version}, this program reads version 1")
    if offset > 2**63 - DATA_LIMIT:
        raise Malformed(f"chunk: offset {offset} is past any clip")
    return Chunk(offset, digest, memoryview(payload)[HEAD_BYTES:])
