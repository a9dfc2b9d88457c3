"""What one file system tells of itself beside its files: label, serial number, room, dirty mark.

Read by the dock itself, from a few places that its boot sector names, with codecs of our own.
"""

from __future__ import annotations

import logging
from array import array
from dataclasses import dataclass, replace

from agent.errors import Malformed, RecorderMisbehaved
from agent.link.volume.frames import Volume
from agent.link.volume.node import Readable
from agent.model import Storage
from agent.wire.volume.boot import BOOT_BYTES, FIRST_CLUSTER, Boot, decode_boot
from agent.wire.volume.entries import Root, decode_root, label_text
from agent.wire.volume.ext import SUPERBLOCK_AT, SUPERBLOCK_BYTES, decode_superblock

log = logging.getLogger(__name__)

_BOOT_SECTORS = (0, 6, 12)
"""FAT32 keeps a copy in sector 6; exFAT in sector 12."""
_ROOT_BYTES = 64 * 1024
_STEP = 1024 * 1024
_MAP_LIMIT = 64 * 1024 * 1024
"""A larger map of clusters is not counted: the free room stays unknown."""


@dataclass(frozen=True, slots=True)
class Facts:
    """`boot` is None for what is neither FAT nor exFAT."""

    storage: Storage
    boot: Boot | None


def facts_of(node: Readable, volume: Volume, number: int, encoding: str) -> Facts:
    """What cannot be read stays unknown. Raises `RecorderGone`."""
    volume = replace(volume, size=min(volume.size, node.size - volume.start))
    if volume.kind in ("fat", "exfat"):
        boot = _boot(node, volume)
        return Facts(_storage(node, volume, str(number), boot, encoding), boot)
    if volume.kind == "ext":
        return Facts(_ext(node, volume, str(number)), None)
    serial = volume.serial[::-1].hex().upper()
    return Facts(Storage(str(number), "", volume.size, 0, serial), None)


def _boot(node: Readable, volume: Volume) -> Boot | None:
    for sector in _BOOT_SECTORS:
        at = volume.start + sector * BOOT_BYTES
        try:
            return decode_boot(bounded(node, at, BOOT_BYTES))
        except Malformed as error:
            log.debug("boot sector at byte %d: %s", at, error.what)
    return None


def bounded(node: Readable, at: int, size: int) -> bytes:
    """As many of the bytes as the disk has: places on a volume are the volume's word. None where
    they cannot be read: what is told there is not worth the footage. Raises `RecorderGone`.
    """
    size = min(size, node.size - at)
    if size <= 0:
        return b""
    try:
        return node.read(at, size)
    except RecorderMisbehaved as error:
        log.warning("%s", error.what)
        return b""


def _storage(
    node: Readable, volume: Volume, name: str, boot: Boot | None, encoding: str
) -> Storage:
    if boot is None:
        return Storage(
            name, "", volume.size, 0, _fat_serial(int.from_bytes(volume.serial, "little"))
        )
    raw = bounded(node, volume.start + boot.root_at, min(boot.root_bytes, _ROOT_BYTES))
    root = decode_root(raw, encoding, exfat=boot.kind == "exfat")
    label = root.label or label_text(boot.label, encoding)
    dirty = boot.unclean or _marked_unclean(node, volume, boot)
    free = _free_clusters(node, volume, boot, root) * boot.cluster
    return Storage(name, label, boot.total, free, _fat_serial(boot.serial), dirty)


def _fat_serial(serial: int) -> str:
    """As every system shows it; empty for none."""
    return f"{serial >> 16:04X}-{serial & 0xFFFF:04X}" if serial else ""


def _marked_unclean(node: Readable, volume: Volume, boot: Boot) -> bool:
    """FAT[1] without its ClnShutBitMask or HrdErrBitMask (FAT specification 1.03)."""
    width, bits = {"fat16": (2, 0xC000), "fat32": (4, 0x0C000000)}.get(boot.kind, (0, 0))
    raw = bounded(node, volume.start + boot.fat_at + width, width)
    return int.from_bytes(raw, "little") & bits != bits


def _free_clusters(node: Readable, volume: Volume, boot: Boot, root: Root) -> int:
    if boot.kind == "exfat":
        return _free_by_bitmap(node, volume, boot, root)
    bits = {"fat12": 12, "fat16": 16, "fat32": 32}[boot.kind]
    size = -(-(boot.clusters + FIRST_CLUSTER) * bits // 8)
    if size > _MAP_LIMIT:
        return 0
    if bits == 12:
        table = int.from_bytes(bounded(node, volume.start + boot.fat_at, size), "little")
        return sum(not table >> 12 * n & 0xFFF for n in range(2, boot.clusters + FIRST_CLUSTER))
    free, width = 0, bits // 8
    for at in range(0, size, _STEP):
        raw = bounded(node, volume.start + boot.fat_at + at, min(_STEP, size - at))
        free += array("H" if width == 2 else "I", raw[: len(raw) // width * width]).count(0)
    return min(free, boot.clusters)


def _free_by_bitmap(node: Readable, volume: Volume, boot: Boot, root: Root) -> int:
    """exFAT's allocation bitmap lies in one piece, as every formatter writes it."""
    size = -(-boot.clusters // 8)
    if root.bitmap_cluster < FIRST_CLUSTER or not size <= root.bitmap_bytes <= _MAP_LIMIT:
        return 0
    used, place = 0, volume.start + boot.place(root.bitmap_cluster)
    for at in range(0, size, _STEP):
        raw = bounded(node, place + at, min(_STEP, size - at))
        used += int.from_bytes(raw, "little").bit_count()
    return max(0, boot.clusters - used)


def _ext(node: Readable, volume: Volume, name: str) -> Storage:
    try:
        block = decode_superblock(bounded(node, volume.start + SUPERBLOCK_AT, SUPERBLOCK_BYTES))
    except Malformed as error:
        log.debug("superblock: %s", error.what)
        return Storage(name, "", volume.size, 0)
    return Storage(name, block.label, block.total, block.free, block.serial, block.dirty)
