"""What the child that reads a volume tells its parent, as frames: kind, length, payload.

The parent believes nothing of it: the child may have been taken over by what it read. So every
frame has a limit, and every number is checked where it is used.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TypeAlias

from agent.errors import Malformed

HEADER = struct.Struct(">cI")
LIST_LIMIT = 64 * 1024
"""Bytes in a frame of a listing; a frame of file content has at most `DATA_BYTES`."""
DATA_BYTES = 1024 * 1024
NAME_LIMIT = 4096
"""Bytes; FAT's longest name has 255 units of UTF-16."""
RUNS_IN_FRAME = 2048
DISK = 0xFFFFFFFF
"""In the place of a folder's number: the disk as a whole."""
RUN = struct.Struct(">QQ")
"""Place on the disk and length, both in bytes."""

VOLUME, FOLDER, RUNS, FILE, TROUBLE, ERROR, DATA, END = (bytes([letter]) for letter in b"VDRFTXBE")
_VOLUME = struct.Struct(">QQ6s")
_FOLDER = struct.Struct(">II?Q")
_FILE = struct.Struct(">I?QQqH")
_TROUBLE = struct.Struct(">I")
_ERROR = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Volume:
    """A file system that starts at byte `start` of the disk and has `size` bytes; what follows
    belongs to it until the next one. `kind` is "fat", "exfat", "ntfs", "ext" or "other"; `serial`
    is the library's own word for it."""

    start: int
    size: int
    kind: str
    serial: bytes = b""


@dataclass(frozen=True, slots=True)
class Folder:
    """`number` counts from 1 on its volume, 0 is the root; `parent` was told before. `entry` is
    the library's number for its directory entry; `short` says that it has no long name."""

    number: int
    parent: int
    short: bool
    entry: int
    name: bytes


@dataclass(frozen=True, slots=True)
class File:
    """`written` in seconds since 1970, as if the volume's times were UTC. `runs` are where its
    bytes lie, `RUN` by `RUN`; empty where only the library can read it."""

    folder: int
    short: bool
    entry: int
    size: int
    written: int
    runs: bytes
    name: bytes


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something in a folder that could not be listed, or on the disk (`DISK`)."""

    folder: int
    what: str


@dataclass(frozen=True, slots=True)
class Failure:
    """The descriptor gave an error number; 0 for fewer bytes than there should be."""

    number: int


@dataclass(frozen=True, slots=True)
class Runs:
    """More runs of the next file, at its front; or, where places are told, of the next folder."""

    runs: bytes


@dataclass(frozen=True, slots=True)
class Data:
    """The next bytes of a file's content."""

    data: bytes


@dataclass(frozen=True, slots=True)
class End:
    """The child has told everything."""


Frame: TypeAlias = Volume | Folder | File | Trouble | Failure | Runs | Data | End


def encode(frame: Frame) -> bytes:
    """A frame as bytes. Names are cut at `NAME_LIMIT`."""
    kind, payload = _payload(frame)
    return HEADER.pack(kind, len(payload)) + payload


def _payload(frame: Frame) -> tuple[bytes, bytes]:
    match frame:
        case Volume(start, size, kind, serial):
            return VOLUME, _VOLUME.pack(start, size, kind.encode()) + serial
        case Folder(number, parent, short, entry, name):
            return FOLDER, _FOLDER.pack(number, parent, short, entry) + name[:NAME_LIMIT]
        case File(folder, short, entry, size, written, runs, name):
            head = _FILE.pack(folder, short, entry, size, written, len(runs) // RUN.size)
            return FILE, head + runs + name[:NAME_LIMIT]
        case Trouble(folder, what):
            return TROUBLE, _TROUBLE.pack(folder) + what.encode("ascii", "replace")[:NAME_LIMIT]
        case Failure(number):
            return ERROR, _ERROR.pack(number)
        case Runs(runs):
            return RUNS, runs
        case Data(data):
            return DATA, data
        case End():
            return END, b""


def decode(kind: bytes, payload: bytes) -> Frame:
    """Raises `Malformed` for whatever `encode` does not make."""
    try:
        return _decoded(kind, payload)
    except (struct.error, UnicodeDecodeError) as error:
        raise Malformed(f"a frame of kind {kind!r}: {error}") from error


def _decoded(kind: bytes, payload: bytes) -> Frame:
    if kind == VOLUME:
        start, size, name = _VOLUME.unpack_from(payload)
        return Volume(start, size, name.rstrip(b"\0").decode("ascii"), payload[_VOLUME.size :])
    if kind == FOLDER:
        number, parent, short, entry = _FOLDER.unpack_from(payload)
        return Folder(number, parent, short, entry, payload[_FOLDER.size :])
    if kind == FILE:
        folder, short, entry, size, written, count = _FILE.unpack_from(payload)
        name_at = _FILE.size + count * RUN.size
        if name_at > len(payload):
            raise Malformed("a file with fewer runs than it says")
        runs, name = payload[_FILE.size : name_at], payload[name_at:]
        return File(folder, short, entry, size, written, runs, name)
    if kind == TROUBLE:
        (number,) = _TROUBLE.unpack_from(payload)
        return Trouble(number, payload[_TROUBLE.size :].decode("ascii"))
    if kind == ERROR:
        return Failure(*_ERROR.unpack(payload))
    if kind == RUNS and len(payload) % RUN.size == 0:
        return Runs(payload)
    if kind == DATA:
        return Data(payload)
    if kind == END and not payload:
        return End()
    raise Malformed(f"a frame of kind {kind!r}, {len(payload)} bytes long")
