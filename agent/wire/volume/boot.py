"""The first sector of a FAT or exFAT volume: where its parts lie, and who it says it is.

FAT: Microsoft's "FAT File System Specification" 1.03, "Boot Sector and BPB" and "FAT Type
Determination". exFAT: Microsoft's "exFAT file system specification", sections 3.1 and 7.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

from agent.errors import Malformed

BOOT_BYTES = 512
FIRST_CLUSTER = 2
_SIGNATURE = b"\x55\xaa"
_SECTOR_SIZES = frozenset({512, 1024, 2048, 4096})
_LARGEST_CLUSTER = 32 * 1024 * 1024
_MOST_FAT12, _MOST_FAT16 = 4084, 65524
_FAT = struct.Struct("<11xHBHBHHxH8xI")
"""From byte 0: sector size, sectors a cluster, reserved, FATs, root entries, sectors (16 bits),
sectors a FAT (16 bits), then sectors (32 bits)."""
_EXFAT = struct.Struct("<64x2QIIIIIIHHBBB")
"""From byte 0: partition's start and sectors, FAT's start and sectors, heap's start, clusters, root
cluster, serial, revision, flags, shifts of sector and cluster, FATs."""
_UNCLEAN = 0x01
_EXFAT_DIRTY = 0x0002
_EXTENDED = (0x28, 0x29)


@dataclass(frozen=True, slots=True)
class Boot:
    """Places and lengths in bytes, places counted from the volume's start.

    `entries_at` is where The Sleuth Kit begins to count directory entries, `heap_at` where cluster
    2 lies. `unclean` is the boot sector's word that the volume was not closed in order.
    """

    kind: Literal["fat12", "fat16", "fat32", "exfat"]
    sector: int
    cluster: int
    clusters: int
    fat_at: int
    heap_at: int
    entries_at: int
    root_at: int
    root_bytes: int
    serial: int
    label: bytes
    unclean: bool

    @property
    def total(self) -> int:
        """Room for files."""
        return self.clusters * self.cluster

    def place(self, cluster: int) -> int:
        """Where a cluster lies."""
        return self.heap_at + (cluster - FIRST_CLUSTER) * self.cluster


def decode_boot(raw: bytes) -> Boot:
    """Raises `Malformed` where this is no boot sector of FAT or exFAT."""
    if len(raw) < BOOT_BYTES or raw[510:512] != _SIGNATURE:
        raise Malformed("no boot sector")
    return _exfat(raw) if raw[3:11] == b"EXFAT   " else _fat(raw)


def _fat(raw: bytes) -> Boot:
    sector, per_cluster, reserved, fats, roots, few, short_fat, many = _FAT.unpack_from(raw)
    wide = short_fat == 0
    fat_sectors = int.from_bytes(raw[36:40], "little") if wide else short_fat
    sectors = few or many
    if sector not in _SECTOR_SIZES or per_cluster not in {1 << n for n in range(8)}:
        raise Malformed("a boot sector with impossible sizes")
    root_sectors = -(-roots * 32 // sector)
    root = reserved + fats * fat_sectors
    clusters = (sectors - root - root_sectors) // per_cluster
    if not reserved or not 1 <= fats <= 2 or clusters < 1:
        raise Malformed("a boot sector whose parts do not fit its volume")
    heap, cluster = (root + root_sectors) * sector, per_cluster * sector
    tail = 64 if wide else 36
    named = raw[tail + 2] in _EXTENDED
    first_root = int.from_bytes(raw[44:48], "little") if wide else FIRST_CLUSTER
    return Boot(
        kind="fat32" if wide else _narrow(clusters),
        sector=sector,
        cluster=cluster,
        clusters=clusters,
        fat_at=reserved * sector,
        heap_at=heap,
        entries_at=root * sector,
        root_at=heap + (max(first_root, FIRST_CLUSTER) - FIRST_CLUSTER) * cluster
        if wide
        else root * sector,
        root_bytes=cluster if wide else roots * 32,
        serial=int.from_bytes(raw[tail + 3 : tail + 7], "little") if named else 0,
        label=raw[tail + 7 : tail + 18] if raw[tail + 2] == _EXTENDED[1] else b"",
        unclean=bool(raw[tail + 1] & _UNCLEAN),
    )


def _narrow(clusters: int) -> Literal["fat12", "fat16"]:
    if clusters > _MOST_FAT16:
        raise Malformed("a boot sector of FAT16 with too many clusters")
    return "fat12" if clusters <= _MOST_FAT12 else "fat16"


def _exfat(raw: bytes) -> Boot:
    (_, _, fat, _, heap, clusters, root, serial, _, flags, sector_shift, shift, _) = (
        _EXFAT.unpack_from(raw)
    )
    if not 9 <= sector_shift <= 12 or 1 << sector_shift + shift > _LARGEST_CLUSTER:
        raise Malformed("an exFAT boot sector with impossible sizes")
    if root < FIRST_CLUSTER or clusters < 1:
        raise Malformed("an exFAT boot sector whose parts do not fit its volume")
    sector, cluster = 1 << sector_shift, 1 << sector_shift + shift
    return Boot(
        kind="exfat",
        sector=sector,
        cluster=cluster,
        clusters=clusters,
        fat_at=fat * sector,
        heap_at=heap * sector,
        entries_at=heap * sector,
        root_at=heap * sector + (root - FIRST_CLUSTER) * cluster,
        root_bytes=cluster,
        serial=serial,
        label=b"",
        unclean=bool(flags & _EXFAT_DIRTY),
    )
