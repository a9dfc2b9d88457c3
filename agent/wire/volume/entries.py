"""Directory entries of FAT and exFAT: 32 bytes each.

FAT: Microsoft's "FAT File System Specification" 1.03, "FAT 32 Byte Directory Entry Structure".
exFAT: Microsoft's "exFAT file system specification", sections 7.1, 7.3, 7.4 and 7.6.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from agent.errors import Malformed

ENTRY_BYTES = 32
_ATTRIBUTES, _LONG_NAME = 0x3F, 0x0F
_VOLUME_LABEL = 0x08
_DIRECTORY = 0x10
_LOWER_STEM, _LOWER_EXTENSION = 0x08, 0x10
_DELETED, _KANJI = 0xE5, 0x05
_FAT = struct.Struct("<11sBB9xHHHI")
"""Name, attributes, case, then modified (time, date), low cluster, size."""

_FILE, _STREAM, _EXFAT_LABEL, _BITMAP = 0x85, 0xC0, 0x83, 0x81
_OF_VOLUME = (_BITMAP, 0x82, _EXFAT_LABEL)
_OFFSET_VALID = 0x80
_QUARTER = 15
"""Minutes in a unit of exFAT's UTC offset."""


@dataclass(frozen=True, slots=True)
class VolumeEntry:
    """An entry of the volume's own: its label, a map, a table."""

    label: bytes = b""


@dataclass(frozen=True, slots=True)
class FatEntry:
    """`name` is the short name as it stands; `modified` None where it is no time."""

    name: bytes
    case: int
    modified: datetime | None
    size: int

    def short_name(self, encoding: str) -> str:
        """Stem, dot and extension, in the case that Windows NT's bits say."""
        stem, extension = self.name[:8], self.name[8:]
        if stem[0] == _KANJI:
            stem = bytes([_DELETED]) + stem[1:]
        first = _text(stem, encoding, lower=bool(self.case & _LOWER_STEM))
        last = _text(extension, encoding, lower=bool(self.case & _LOWER_EXTENSION))
        return f"{first}.{last}" if last else first


def _text(raw: bytes, encoding: str, *, lower: bool) -> str:
    text = raw.decode(encoding, "backslashreplace").rstrip(" ")
    return text.lower() if lower else text


def decode_fat_entry(raw: bytes) -> FatEntry | VolumeEntry:
    """Raises `Malformed` for anything but an entry with a short name, in use."""
    if len(raw) < ENTRY_BYTES or raw[0] in (0, _DELETED):
        raise Malformed("no directory entry in use")
    name, attributes, case, time, date, _, size = _FAT.unpack_from(raw)
    if attributes & _ATTRIBUTES == _LONG_NAME:
        raise Malformed("a piece of a long name")
    if attributes & (_VOLUME_LABEL | _DIRECTORY) == _VOLUME_LABEL:
        return VolumeEntry(name)
    return FatEntry(name, case, moment(date, time), size)


@dataclass(frozen=True, slots=True)
class ExfatEntry:
    """`valid` is how many bytes of the file were written, `size` how many it declares."""

    modified: datetime | None
    valid: int
    size: int


def decode_exfat_entry(raw: bytes) -> ExfatEntry | VolumeEntry:
    """A file's first two entries, or one of the volume's. Raises `Malformed` for other ones."""
    if raw[:1] and raw[0] in _OF_VOLUME:
        return VolumeEntry()
    if len(raw) < 2 * ENTRY_BYTES or raw[0] != _FILE or raw[ENTRY_BYTES] != _STREAM:
        raise Malformed("no file's directory entries")
    time, date = struct.unpack_from("<HH", raw, 12)
    hundredths, offset = raw[21], raw[23]
    modified = moment(date, time)
    if modified and hundredths < 200:
        modified += timedelta(milliseconds=10 * hundredths)
    if modified and offset & _OFFSET_VALID:
        modified = modified.replace(tzinfo=_zone(offset))
    valid, size = struct.unpack_from("<8xQ8xQ", raw[ENTRY_BYTES:])
    return ExfatEntry(modified, valid, size)


def _zone(offset: int) -> timezone:
    quarters = offset & 0x7F
    return timezone(timedelta(minutes=_QUARTER * (quarters - 128 if quarters > 63 else quarters)))


def moment(date: int, time: int) -> datetime | None:
    """FAT's 16-bit date and time, local and in steps of two seconds; None where it is none."""
    try:
        return datetime(  # noqa: DTZ001 - FAT knows no zone
            1980 + (date >> 9),
            date >> 5 & 15,
            date & 31,
            time >> 11,
            time >> 5 & 63,
            2 * (time & 31),
        )
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Root:
    """What a root directory tells of its volume: its label, and exFAT's map of used clusters
    (first cluster and length in bytes; 0 where there is none)."""

    label: str = ""
    bitmap_cluster: int = 0
    bitmap_bytes: int = 0


def decode_root(raw: bytes, encoding: str, *, exfat: bool) -> Root:
    """Of the first entries of a root directory; what they do not tell stays empty."""
    entries = [raw[at : at + ENTRY_BYTES] for at in range(0, len(raw) - 31, ENTRY_BYTES)]
    return _exfat_root(entries) if exfat else Root(_fat_label(entries, encoding))


def _fat_label(entries: list[bytes], encoding: str) -> str:
    for raw in entries:
        if raw[0] == 0:
            break
        if raw[0] != _DELETED and raw[11] & _ATTRIBUTES != _LONG_NAME:
            entry = decode_fat_entry(raw)
            if isinstance(entry, VolumeEntry):
                return label_text(entry.label, encoding)
    return ""


def label_text(raw: bytes, encoding: str) -> str:
    """A label as FAT keeps it: eleven bytes, filled with blanks; empty for "NO NAME"."""
    text = raw.decode(encoding, "backslashreplace").rstrip(" \0")
    return "" if text == "NO NAME" else text


def _exfat_root(entries: list[bytes]) -> Root:
    label, cluster, length = "", 0, 0
    for raw in entries:
        if raw[0] == 0:
            break
        if raw[0] == _EXFAT_LABEL and raw[1] <= 11:
            label = raw[2 : 2 + 2 * raw[1]].decode("utf-16-le", "backslashreplace")
        elif raw[0] == _BITMAP and not raw[1] & 1:
            cluster, length = struct.unpack_from("<20xIQ", raw)
    return Root(label, cluster, length)
