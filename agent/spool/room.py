"""How much the spool may still take: a quota of its own and a floor of free space for everybody.

The floor is what receipts, ledger and custody log are written into when clips have filled all
else. One lock over all bays: two clips can never be promised the same room.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from agent.errors import SpoolFull
from agent.spool.durable import medium

T = TypeVar("T")


class Room:
    """Bytes stored, bytes promised to clips that are coming in, and what is left."""

    def __init__(
        self, root: Path, *, quota: int, floor: int, aside: Callable[[], int] = lambda: 0
    ) -> None:
        """`aside`: how many of the stored bytes lie in quarantine, for people."""
        self._root = root
        self._quota = quota
        self._floor = floor
        self._aside = aside
        self._lock = threading.Lock()
        self._stored = 0
        self._promised = 0

    @property
    def stored(self) -> int:
        return self._stored

    def recount(self, stored: int) -> None:
        """Set what is stored, as found on disk."""
        with self._lock:
            self._stored = stored

    def reserve(self, need: int, allocate: Callable[[], T]) -> T:
        """Promise `need` bytes and allocate them in the same moment.

        Raises `SpoolFull` with the numbers, or whatever `allocate` raises; then nothing is
        promised. What is allocated shows in the file system's free space, so that promises count
        against the quota only.
        """
        with self._lock:
            if (lacking := self._lacking(need)) > 0:
                aside = self._aside()
                raise SpoolFull(
                    f"no room for a clip of {need} bytes: {lacking} too many; stored"
                    f" {self._stored}, promised {self._promised}, quota {self._quota},"
                    f" floor {self._floor}" + (f"; {aside} bytes in quarantine" if aside else "")
                )
            result = allocate()
            self._promised += need
            return result

    def give_back(self, need: int) -> None:
        """A promise is not needed any more."""
        with self._lock:
            self._promised -= need

    def keep(self, need: int, used: int) -> None:
        """`used` of the `need` bytes that were promised are stored now, the rest is free."""
        with self._lock:
            self._promised -= need
            self._stored += used

    def free(self, size: int) -> None:
        """Stored bytes were deleted."""
        with self._lock:
            self._stored -= size

    def lacking(self, need: int) -> int:
        """By how many bytes `need` does not fit; zero or less where it does."""
        with self._lock:
            return self._lacking(need)

    def ever(self, need: int) -> bool:
        """Whether `need` bytes would fit if the spool were empty."""
        with medium(f"asking {self._root} for its size"):
            disk = os.statvfs(self._root)
        return need <= min(self._quota, disk.f_blocks * disk.f_frsize - self._floor)

    def _lacking(self, need: int) -> int:
        with medium(f"asking {self._root} for free space"):
            disk = os.statvfs(self._root)
        over_quota = self._stored + self._promised + need - self._quota
        under_floor = need + self._floor - disk.f_bavail * disk.f_frsize
        return max(over_quota, under_floor)
