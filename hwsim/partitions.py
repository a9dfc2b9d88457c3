"""A partition table before file systems: the MBR, as SD cards have it."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Sequence
from pathlib import Path

SECTOR = 512
MIB = 1 << 20
MOST = 4
"""Primary partitions in one table."""

_DISK_ID = b"\x04\x08\x26\x20\0\0"
_BY_SECTOR = b"\xfe\xff\xff"
"""Addresses by cylinder are at their end: the sector numbers count."""


def join(path: Path, volumes: Sequence[Path], kind: int) -> Path:
    """Write a disk to `path`, which is returned: a table, then each volume, at whole MiB, sparse.

    `kind` is the type of every partition. Raises ValueError for more than a table has room for.
    """
    if len(volumes) > MOST:
        raise ValueError(f"{len(volumes)} partitions, and a table holds {MOST}")
    entries = b""
    offset = MIB
    with path.open("xb") as disk:
        for volume in volumes:
            size = volume.stat().st_size
            place = (offset // SECTOR, size // SECTOR)
            entries += struct.pack("<B3sB3sII", 0, _BY_SECTOR, kind, _BY_SECTOR, *place)
            _copy(volume, disk.fileno(), offset)
            offset += -(-size // MIB) * MIB
        disk.truncate(offset)
        disk.seek(440)
        disk.write(_DISK_ID + entries.ljust(16 * MOST, b"\0") + b"\x55\xaa")
    return path


def _copy(source: Path, target: int, offset: int) -> None:
    """The parts of a file that hold something; the holes stay holes."""
    with source.open("rb") as file:
        end = 0
        while (start := _next_data(file.fileno(), end)) is not None:
            end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            os.lseek(target, offset + start, os.SEEK_SET)
            while start < end:
                start += os.sendfile(target, file.fileno(), start, end - start)


def _next_data(file: int, start: int) -> int | None:
    try:
        return os.lseek(file, start, os.SEEK_DATA)
    except OSError as cause:
        if cause.errno != errno.ENXIO:
            raise
        return None
