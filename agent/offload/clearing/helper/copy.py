"""What a file system keeps of itself, copied into memory: all that a stock tool may change.

A copy has the places of the disk; what was not copied is a hole that reads as zeros.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass

from agent.errors import RecorderRefused
from agent.offload.clearing.helper.card import Window
from agent.offload.clearing.helper.inventory import Part

COPY_LIMIT = 96 * 1024 * 1024
"""Bytes of maps and folders. FAT32 on 512 GB in clusters of 64 KiB has 64 MiB."""
SECTOR = 512
_TABLE_BYTES = 64 * 1024
"""In front of the first partition: what says where partitions are."""
_STEP = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Change:
    """One sector that is to be another."""

    offset: int
    before: bytes
    after: bytes

    def bytes(self) -> Iterator[tuple[int, int, int]]:
        """Place, old and new value of each byte that differs."""
        for at, (old, new) in enumerate(zip(self.before, self.after, strict=True)):
            if old != new:
                yield self.offset + at, old, new


class Copy:
    """A file in memory as large as the disk, mostly holes."""

    def __init__(self, size: int) -> None:
        self.descriptor = os.memfd_create("card", os.MFD_CLOEXEC)
        os.ftruncate(self.descriptor, size)
        self.window = Window(self.descriptor, size)

    def put(self, offset: int, data: bytes) -> None:
        os.pwrite(self.descriptor, data, offset)

    def close(self) -> None:
        os.close(self.descriptor)


def fill(copies: tuple[Copy, ...], disk: Window, part: Part) -> None:
    """Copy a volume's own parts. Raises `RecorderRefused` where they are more than a dock's
    memory should take."""
    regions = list(_regions(part))
    if sum(length for _, length in regions) > COPY_LIMIT:
        raise RecorderRefused("its volume's maps and folders are too large to be worked on")
    for place, length in regions:
        for at in range(place, place + length, _STEP):
            data = disk.read(at, min(_STEP, place + length - at))
            for copy in copies:
                copy.put(at, data)


def _regions(part: Part) -> Iterator[tuple[int, int]]:
    boot = part.facts.boot
    if boot is None:
        raise RecorderRefused("its volume's first sector cannot be read")
    yield 0, min(part.start, _TABLE_BYTES)
    yield part.start, boot.heap_at
    for item in part.items:
        if item.folder or item.own:
            yield from item.places()


def changes(before: Copy, after: Copy) -> list[Change]:
    """Every sector that differs, holes included."""
    found = []
    for place, end in _touched(before, after):
        for at in range(place, end, _STEP):
            size = min(_STEP, end - at)
            old, new = before.window.read(at, size), after.window.read(at, size)
            if old != new:
                found += list(_sectors(at, old, new))
    return found


def _sectors(place: int, old: bytes, new: bytes) -> Iterator[Change]:
    for at in range(0, len(old), SECTOR):
        was, now = old[at : at + SECTOR], new[at : at + SECTOR]
        if was != now:
            yield Change(place + at, was, now)


def _touched(*copies: Copy) -> list[tuple[int, int]]:
    """Where any of them has data, joined."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(span for copy in copies for span in _spans(copy)):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined


def _spans(copy: Copy) -> Iterator[tuple[int, int]]:
    at = 0
    while at < copy.window.size:
        try:
            start = os.lseek(copy.descriptor, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            raise
        at = os.lseek(copy.descriptor, start, os.SEEK_HOLE)
        yield start, at
