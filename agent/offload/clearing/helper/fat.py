"""What takes a file away on FAT12, FAT16 and FAT32. Pure.

Source: Microsoft's "FAT File System Specification" 1.03.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from agent.errors import RecorderRefused
from agent.offload.clearing.helper.card import Window
from agent.offload.clearing.helper.copy import SECTOR, Change
from agent.offload.clearing.helper.judge import Judge, only
from agent.wire.volume.boot import FIRST_CLUSTER
from agent.wire.volume.entries import ENTRY_BYTES

_DELETED = 0xE5
_LONG, _ATTRIBUTES = 0x0F, 0x3F
_LONG_PIECES = 20
_READ_ONLY = 0x01
_FSINFO = range(488, 496)
_STEP = 4096


class FatJudge(Judge):
    def slots(self) -> dict[int, int]:
        raw = self.before.read(self.at, ENTRY_BYTES)
        if raw[11] & _READ_ONLY:
            raise RecorderRefused("the recorder has it write-protected")
        checksum = 0
        for byte in raw[:11]:
            checksum = ((checksum & 1) << 7) + (checksum >> 1) + byte & 0xFF
        return {self.at: _DELETED} | dict.fromkeys(self._pieces(checksum), _DELETED)

    def _pieces(self, checksum: int) -> Iterator[int]:
        """The pieces of its long name, in front of its entry; the last piece comes first."""
        at: int | None = self.at
        for number in range(1, _LONG_PIECES + 1):
            at = self._slot_before(at)
            raw = self.before.read(at, ENTRY_BYTES) if at is not None else bytes(ENTRY_BYTES)
            ours = raw[11] & _ATTRIBUTES == _LONG and raw[13] == checksum
            if at is None or not ours or raw[0] & 0x3F != number:
                return
            yield at
            if raw[0] & 0x40:
                return

    def _slot_before(self, at: int | None) -> int | None:
        """The entry in front of one, also where that lies in the folder's run before."""
        for folder in self.part.items:
            if folder.folder and at is not None:
                spans = list(folder.places())
                for number, (start, length) in enumerate(spans):
                    if start < at < start + length:
                        return at - ENTRY_BYTES
                    if start == at:
                        return sum(spans[number - 1]) - ENTRY_BYTES if number else None
        return None

    def map_bytes(self) -> dict[int, int]:
        old, new = self._tables(self.before), self._tables(self.after)
        if len({table.tobytes() for table in old}) != 1:
            raise RecorderRefused("the volume's two tables of clusters differ")
        table, freed = old[0], self.own_clusters()
        first = self._first_cluster()
        chain = list(_chain(table, first)) if first else []
        if not freed.issubset(chain) or len(set(chain)) != len(chain):
            raise RecorderRefused("its chain of clusters is broken")
        self.check_alone(chain)
        freed = set(chain)
        for each in new:
            gone = set(_differing(table, each))
            if gone != freed or any(each[number] for number in gone):
                raise RecorderRefused("the tool would free clusters that are not the file's")
            if not freed.isdisjoint(each):
                raise RecorderRefused("another chain of clusters leads into it")
        return self._changed_bytes()

    def _first_cluster(self) -> int:
        raw = self.before.read(self.at, ENTRY_BYTES)
        high = int.from_bytes(raw[20:22], "little") if self.boot.kind == "fat32" else 0
        return high << 16 | int.from_bytes(raw[26:28], "little")

    def _area(self) -> list[tuple[int, int]]:
        """Place and bytes of each table."""
        count = self.before.read(self.part.start + 16, 1)[0]
        begin, end = self.boot.fat_at, self.boot.entries_at
        if self.boot.kind == "fat32":
            end = self.boot.heap_at
        size = (end - begin) // max(1, count)
        return [(self.part.start + begin + n * size, size) for n in range(count)]

    def _tables(self, window: Window) -> list[array[int]]:
        found = []
        wanted = self.boot.clusters + FIRST_CLUSTER
        for place, size in self._area():
            table = _unpacked(window.read(place, size), self.boot.kind)[:wanted]
            if len(table) < wanted or max(table) > 0x0FFFFFFF:
                raise RecorderRefused("the volume's table of clusters makes no sense")
            found.append(table)
        return found

    def _changed_bytes(self) -> dict[int, int]:
        found: dict[int, int] = {}
        for place, size in self._area():
            for at in range(place, place + size, SECTOR):
                length = min(SECTOR, place + size - at)
                old, new = self.before.read(at, length), self.after.read(at, length)
                if old != new:
                    change = Change(at, old, new)
                    found |= {where: value for where, _, value in change.bytes()}
        return found

    def count(self, change: Change) -> list[Change]:
        if self.boot.kind != "fat32":
            return []
        sector = int.from_bytes(self.before.read(self.part.start + 48, 2), "little")
        at = self.part.start + sector * self.boot.sector
        if change.offset != at or not 0 < sector * self.boot.sector < self.boot.fat_at:
            return []
        own = {where: new for where, _, new in change.bytes() if where - at in _FSINFO}
        return [only(change, own)] if own else []


def _unpacked(raw: bytes, kind: str) -> array[int]:
    if kind == "fat12":
        pairs = range(0, len(raw) - 2, 3)
        found = array("I")
        for at in pairs:
            three = int.from_bytes(raw[at : at + 3], "little")
            found.extend((three & 0xFFF, three >> 12))
        return found
    width = 2 if kind == "fat16" else 4
    return array("H" if width == 2 else "I", raw[: len(raw) // width * width])


def _differing(old: array[int], new: array[int]) -> Iterator[int]:
    """The numbers of entries that differ."""
    for at in range(0, len(old), _STEP):
        was, now = old[at : at + _STEP], new[at : at + _STEP]
        if was != now:
            yield from (
                at + n for n, pair in enumerate(zip(was, now, strict=True)) if len({*pair}) > 1
            )


def _chain(table: array[int], first: int) -> Iterator[int]:
    """From its first cluster to its end; ends early where it leaves the table."""
    now, left = first, len(table)
    while FIRST_CLUSTER <= now < len(table) and left:
        yield now
        now, left = table[now], left - 1
