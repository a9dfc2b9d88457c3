"""A GUID partition table around volumes (UEFI specification 2.10, section 5.3), since no stock tool
of the ones that tests have writes one.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

SECTOR = 512
FIRST = 2048
_BASIC_DATA = UUID("EBD0A0A2-B9E5-4433-87C0-68B6B72699C7")
_ENTRIES, _ENTRY = 128, 128


def with_gpt(path: Path, volumes: Sequence[Path]) -> Path:
    """A disk image at `path` with a partition for each volume."""
    entries, start, placed = b"", FIRST, []
    for number, volume in enumerate(volumes):
        sectors = volume.stat().st_size // SECTOR
        own = UUID(int=number + 1)
        ids = _BASIC_DATA.bytes_le + own.bytes_le
        entries += ids + struct.pack("<QQQ", start, start + sectors - 1, 0) + bytes(72)
        placed.append((start, volume))
        start += sectors
    entries = entries.ljust(_ENTRIES * _ENTRY, b"\0")
    total = start + 33
    protective = bytes(446) + struct.pack(
        "<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff" * 3, 1, total - 1
    )
    with path.open("wb") as disk:
        disk.truncate(total * SECTOR)
        disk.write(protective.ljust(510, b"\0") + b"\x55\xaa")
        disk.write(_header(entries, 1, total - 1, 2, total).ljust(SECTOR, b"\0") + entries)
        for first, volume in placed:
            disk.seek(first * SECTOR)
            disk.write(volume.read_bytes())
        disk.seek((total - 33) * SECTOR)
        disk.write(entries + _header(entries, total - 1, 1, total - 33, total))
    return path


def _header(entries: bytes, own: int, other: int, table: int, total: int) -> bytes:
    def packed(checksum: int) -> bytes:
        return struct.pack(
            "<8sIIIIQQQQ16sQIII",
            b"EFI PART",
            0x00010000,
            92,
            checksum,
            0,
            own,
            other,
            34,
            total - 34,
            UUID(int=99).bytes_le,
            table,
            _ENTRIES,
            _ENTRY,
            zlib.crc32(entries),
        )

    return packed(zlib.crc32(packed(0)))
