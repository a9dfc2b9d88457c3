"""A disk's block node, opened for reading only."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, Protocol

from agent.errors import RecorderBusy, RecorderGone, RecorderMisbehaved
from agent.link.attached import Disk

_GONE = frozenset(
    {errno.ENODEV, errno.ENXIO, errno.ENOMEDIUM, errno.ENOENT, errno.ENOTCONN, errno.ESHUTDOWN}
)
_DENIED = (errno.EACCES, errno.EPERM)
_BLKGETDISKSEQ = 0x80081280
"""`_IOR(0x12, 128, __u64)`, Linux `include/uapi/linux/fs.h`."""


@dataclass(frozen=True, slots=True)
class Standing:
    """By which an opened disk is known to be the very one again: the node's own numbers, the
    kernel's count of disks and cards (None where it counts none), and its size in bytes."""

    device: int
    inode: int
    number: int
    sequence: int | None
    size: int


def standing_of(descriptor: int) -> Standing:
    """Of an open descriptor. Raises OSError."""
    facts = os.fstat(descriptor)
    size = os.lseek(descriptor, 0, os.SEEK_END)
    return Standing(facts.st_dev, facts.st_ino, facts.st_rdev, _sequence(descriptor), size)


class Readable(Protocol):
    """A disk, or a copy of one, that can be read."""

    @property
    def size(self) -> int: ...

    def fileno(self) -> int: ...

    def read(self, offset: int, size: int) -> bytes: ...

    def check(self) -> None:
        """Raises `RecorderGone` where it is no longer there."""
        ...


class BlockNode:
    """`present` raises `RecorderGone` where the disk is no longer in its port.

    With O_EXCL the kernel gives a block device to nobody who mounts it, and refuses one that is
    mounted (open(2)): so nobody writes to it while it is read. Raises `RecorderGone` and
    `RecorderBusy` when opened.
    """

    def __init__(self, disk: Disk, present: Callable[[], object]) -> None:
        self._disk = disk
        self._present = present
        self._descriptor: int | None = None
        try:
            self._descriptor = os.open(disk.node, os.O_RDONLY | os.O_CLOEXEC | os.O_EXCL)
            self._facts = os.fstat(self._descriptor)
            self._sequence = _sequence(self._descriptor)
            self.size = os.lseek(self._descriptor, 0, os.SEEK_END)
            os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        except OSError as error:
            self.close()
            self._raise_for_denied(error)
            raise self._gone(error) from error
        if not self.size:
            self.close()
            raise RecorderGone(f"port {disk.port}: no card is in it")

    @property
    def disk(self) -> Disk:
        return self._disk

    @property
    def standing(self) -> Standing:
        """As it was opened."""
        facts = self._facts
        return Standing(facts.st_dev, facts.st_ino, facts.st_rdev, self._sequence, self.size)

    def fileno(self) -> int:
        """The descriptor. Raises `RecorderGone` once closed."""
        if self._descriptor is None:
            raise RecorderGone(f"port {self._disk.port}: the disk was closed")
        return self._descriptor

    def read(self, offset: int, size: int) -> bytes:
        """Exactly `size` bytes from `offset`.

        Raises `RecorderGone` when it was unplugged, `RecorderMisbehaved` where the medium cannot be
        read there although the disk still is.
        """
        self._look()
        descriptor = self.fileno()
        try:
            data = os.pread(descriptor, size, offset)
            while len(data) < size and (
                more := os.pread(descriptor, size - len(data), offset + len(data))
            ):
                data += more
        except OSError as error:
            self._raise_for(error, offset)
        if len(data) < size:
            self.check()
            raise RecorderGone(f"port {self._disk.port}: the disk ends before its end")
        return data

    def check(self) -> None:
        """Raises `RecorderGone` where the disk is no longer there, or another one stands there."""
        self._look()
        self._present()

    def _look(self) -> None:
        """What the node itself shows; cheap enough for every reading."""
        descriptor = self.fileno()
        try:
            now = self._disk.node.stat()
            size = os.lseek(descriptor, 0, os.SEEK_END)
        except OSError as error:
            raise self._gone(error) from error
        same = (now.st_dev, now.st_ino, now.st_rdev)
        if same != (self._facts.st_dev, self._facts.st_ino, self._facts.st_rdev):
            raise RecorderGone(f"port {self._disk.port}: another disk is in its place")
        if size != self.size:
            raise RecorderGone(f"port {self._disk.port}: the disk is gone")
        if _sequence(descriptor) != self._sequence:
            raise RecorderGone(f"port {self._disk.port}: another card is in it")

    def close(self) -> None:
        """Safe at any time."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _raise_for(self, error: OSError, offset: int) -> NoReturn:
        if error.errno in _GONE:
            raise self._gone(error) from error
        self.check()
        raise RecorderMisbehaved(
            f"the disk cannot be read at byte {offset} ({error.strerror})"
        ) from error

    def _raise_for_denied(self, error: OSError) -> None:
        if error.errno == errno.EBUSY:
            raise RecorderBusy(
                f"port {self._disk.port}: another program holds the disk",
                do="unmount it; a desktop mounts whatever is plugged in",
            ) from error
        if error.errno in _DENIED:
            raise RecorderBusy(
                f"port {self._disk.port}: this program may not open the disk",
                do="if it stays so, install the udev rules",
            ) from error

    def _gone(self, error: OSError) -> RecorderGone:
        return RecorderGone(f"port {self._disk.port}: the disk is gone ({error.strerror})")


def _sequence(descriptor: int) -> int | None:
    """The kernel's count of disks and cards, new with every card that is put into a reader; of
    equal size in the same node, nothing else tells two of them apart. None where it counts none.
    """
    try:
        return int.from_bytes(fcntl.ioctl(descriptor, _BLKGETDISKSEQ, bytes(8)), sys.byteorder)
    except OSError:  # no block device, or a kernel before 5.15
        return None
