"""The disk as the library sees it, and where its file systems begin. The only importer of pytsk3,
and imported by the child only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytsk3

from agent.link.volume.frames import DISK, Failure, Frame, Trouble, encode

KINDS = {
    pytsk3.TSK_FS_TYPE_FAT12: "fat",
    pytsk3.TSK_FS_TYPE_FAT16: "fat",
    pytsk3.TSK_FS_TYPE_FAT32: "fat",
    pytsk3.TSK_FS_TYPE_EXFAT: "exfat",
    pytsk3.TSK_FS_TYPE_NTFS: "ntfs",
    pytsk3.TSK_FS_TYPE_EXT2: "ext",
    pytsk3.TSK_FS_TYPE_EXT3: "ext",
    pytsk3.TSK_FS_TYPE_EXT4: "ext",
}
UNUSED = pytsk3.TSK_FS_NAME_FLAG_UNALLOC
FOLDER, REGULAR = pytsk3.TSK_FS_META_TYPE_DIR, pytsk3.TSK_FS_META_TYPE_REG
FILLER = pytsk3.TSK_FS_ATTR_RUN_FLAG_FILLER
_TABLES = (pytsk3.TSK_VS_TYPE_DETECT, pytsk3.TSK_VS_TYPE_GPT, pytsk3.TSK_VS_TYPE_DOS)
_BARE = (b"Microsoft reserved", b"Linux Swap")
"""How the library describes partitions that are made to hold no file system."""
_SYSTEMS = (pytsk3.TSK_FS_TYPE_DETECT, pytsk3.TSK_FS_TYPE_FAT_DETECT)
"""Where remains of an older file system let the library doubt, it is asked for FAT."""


class Disk(pytsk3.Img_Info):  # type: ignore[misc]
    """The descriptor as the library reads it; `error` is the number of the last error, if any."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size
        self.error: int | None = None
        self._failed = range(0)
        super().__init__(url="", type=pytsk3.TSK_IMG_TYPE_EXTERNAL)

    def get_size(self) -> int:
        return self._size

    def read(self, offset: int, length: int) -> bytes:
        """An exception would not pass through the library, so an error is kept for later; unless
        the library, which reads ahead, then gets the part that it needs.
        """
        wanted = min(length, self._size - offset)
        if wanted <= 0:
            return b""
        number: int | None = 0
        try:
            data = os.pread(self._descriptor, wanted, offset)
        except OSError as error:
            data, number = b"", error.errno
        if len(data) < wanted:
            self.error, self._failed = number, range(offset, offset + wanted)
        elif offset in self._failed and offset + wanted <= self._failed.stop:
            self.error, self._failed = None, range(0)
        return data

    def tell_failure(self) -> None:
        """If the descriptor gave an error, the parent looks whether the disk is still there."""
        if self.error is not None:
            tell(Failure(self.error))
            self.error = None

    def close(self) -> None:
        """The descriptor is the parent's."""


def tell(frame: Frame) -> None:
    sys.stdout.buffer.write(encode(frame))


def file_systems(disk: Disk) -> Iterator[tuple[int, Any]]:
    """Where each begins, and it. Partitions come before a file system without a table, since the
    remains of one may still lie before the first partition. A partition beside others in which
    nothing can be read is told: footage may lie there."""
    found, unread = False, []
    for number, (start, bare) in enumerate(_partitions(disk), 1):
        if system := opened(disk, start):
            found = True
            yield start, system
        elif not bare:
            unread.append(number)
    if not found and (system := opened(disk, 0)):
        yield 0, system
    elif found:
        for number in unread:
            tell(Trouble(DISK, f"holds no file system that can be read in partition {number}"))


def _partitions(disk: Disk) -> list[tuple[int, bool]]:
    """Where each begins, and whether it is made to hold no file system."""
    for table in _TABLES:
        try:
            volumes = pytsk3.Volume_Info(disk, table)
            return [
                (
                    int(part.start) * int(volumes.info.block_size),
                    bytes(part.desc or b"").startswith(_BARE),
                )
                for part in volumes
                if int(part.flags) & pytsk3.TSK_VS_PART_FLAG_ALLOC
            ]
        except OSError:
            continue
    return []


def opened(disk: Disk, start: int) -> Any:
    """The file system at `start`, or None. Where one is found, it does not matter what could not
    be read in looking for others.
    """
    for kind in _SYSTEMS:
        try:
            system = pytsk3.FS_Info(disk, offset=start, type=kind)
        except OSError:
            continue
        disk.error = None
        return system
    disk.tell_failure()
    return None
