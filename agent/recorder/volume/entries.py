"""A file's own directory entry: its time as it stands there, and its name where that is short.

The library tells where an entry lies by a number: from the first entry it counts in 32 bytes,
sector by sector, beginning with 3.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeAlias

from agent.errors import Malformed
from agent.link.volume.frames import File, Folder
from agent.link.volume.node import Readable
from agent.recorder.volume.facts import Facts, bounded
from agent.wire.volume.entries import (
    ENTRY_BYTES,
    ExfatEntry,
    FatEntry,
    VolumeEntry,
    decode_exfat_entry,
    decode_fat_entry,
)

Entry: TypeAlias = FatEntry | ExfatEntry | VolumeEntry | None

_FIRST = 3
_PLAUSIBLE = range(315_532_800, 4_354_819_200)
"""1980 to 2107 in seconds since 1970: what FAT can say."""


class Entries:
    """Of the volume that starts at byte `start` of the disk."""

    def __init__(self, node: Readable, start: int, facts: Facts, encoding: str) -> None:
        self._node = node
        self._start = start
        self._boot = facts.boot
        self._encoding = encoding

    def of(self, entry: int) -> Entry:
        """None where there is none, as on other file systems, or it does not read as one."""
        boot = self._boot
        if boot is None or entry < _FIRST:
            return None
        at = self._start + boot.entries_at + (entry - _FIRST) * ENTRY_BYTES
        raw = bounded(self._node, at, 2 * ENTRY_BYTES)
        try:
            return decode_exfat_entry(raw) if boot.kind == "exfat" else decode_fat_entry(raw)
        except Malformed:
            return None

    def name(self, told: File | Folder, own: Entry) -> str:
        """In the recorder's encoding: the library shows a short name's foreign letters as "^"."""
        if told.short and isinstance(own, FatEntry):
            return own.short_name(self._encoding)
        return told.name.decode(errors="backslashreplace")


def recorded(told: File, own: Entry, *, local: bool) -> str:
    """When it was last written, in ISO 8601: with an offset only where the volume knows one."""
    if isinstance(own, FatEntry | ExfatEntry):
        return own.modified.isoformat() if own.modified else ""
    if told.written not in _PLAUSIBLE:
        return ""
    moment = datetime.fromtimestamp(told.written, UTC)
    return (moment.replace(tzinfo=None) if local else moment).isoformat()
