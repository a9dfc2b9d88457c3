"""The superblock of ext2, ext3 and ext4 (Linux, `Documentation/filesystems/ext4/super.rst`)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from uuid import UUID

from agent.errors import Malformed

SUPERBLOCK_AT = 1024
SUPERBLOCK_BYTES = 1024
_MAGIC = 0xEF53
_HEAD = struct.Struct("<4xI4xI8xI28xHH")
"""From byte 0: blocks, free blocks, the block size's logarithm; at 56 magic and state."""
_CLEAN = 0x0001
_NEEDS_RECOVERY = 0x0004
_LARGEST = 6


@dataclass(frozen=True, slots=True)
class Superblock:
    """Sizes in bytes; `serial` is the UUID; `dirty`: not unmounted in order."""

    label: str
    serial: str
    total: int
    free: int
    dirty: bool


def decode_superblock(raw: bytes) -> Superblock:
    """Raises `Malformed` where this is none."""
    if len(raw) < SUPERBLOCK_BYTES:
        raise Malformed("no superblock")
    blocks, free, shift, magic, state = _HEAD.unpack_from(raw)
    if magic != _MAGIC or shift > _LARGEST:
        raise Malformed("no superblock of ext2, ext3 or ext4")
    (incompatible,) = struct.unpack_from("<I", raw, 96)
    size = 1024 << shift
    return Superblock(
        label=raw[120:136].rstrip(b"\0").decode(errors="backslashreplace"),
        serial=str(UUID(bytes=raw[104:120])),
        total=blocks * size,
        free=free * size,
        dirty=not state & _CLEAN or bool(incompatible & _NEEDS_RECOVERY),
    )
