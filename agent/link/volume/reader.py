"""The child: The Sleuth Kit over a descriptor that it inherits, and nothing else in its hands.

Started by `agent.link.volume.child`, never imported by anything else. It opens nothing, writes
nothing but its frames, and ends when they are told. Its time zone is UTC, so that FAT's local
times come out as they stand.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterator
from typing import Any

import pytsk3

from agent.link.volume.frames import (
    DATA_BYTES,
    RUN,
    RUNS_IN_FRAME,
    Data,
    End,
    Failure,
    File,
    Folder,
    Frame,
    Runs,
    Trouble,
    Volume,
    encode,
)

MEMORY = 48 * 1024 * 1024
"""Bytes beside what interpreter and library take."""
DEPTH_LIMIT = 64
_FIRST_OF_NTFS = 24
"""NTFS's own files have lower numbers."""
_KINDS = {
    pytsk3.TSK_FS_TYPE_FAT12: "fat",
    pytsk3.TSK_FS_TYPE_FAT16: "fat",
    pytsk3.TSK_FS_TYPE_FAT32: "fat",
    pytsk3.TSK_FS_TYPE_EXFAT: "exfat",
    pytsk3.TSK_FS_TYPE_NTFS: "ntfs",
    pytsk3.TSK_FS_TYPE_EXT2: "ext",
    pytsk3.TSK_FS_TYPE_EXT3: "ext",
    pytsk3.TSK_FS_TYPE_EXT4: "ext",
}
_CHAINED = ("fat", "exfat")
"""Kinds of which a file's bytes are just its clusters; others have holes, packed and tiny files."""
_TABLES = (pytsk3.TSK_VS_TYPE_DETECT, pytsk3.TSK_VS_TYPE_GPT, pytsk3.TSK_VS_TYPE_DOS)
_SYSTEMS = (pytsk3.TSK_FS_TYPE_DETECT, pytsk3.TSK_FS_TYPE_FAT_DETECT)
"""Where remains of an older file system let the library doubt, it is asked for FAT."""


class _Disk(pytsk3.Img_Info):  # type: ignore[misc]
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
            _tell(Failure(self.error))
            self.error = None

    def close(self) -> None:
        """The descriptor is the parent's."""


def _tell(frame: Frame) -> None:
    sys.stdout.buffer.write(encode(frame))


def _file_systems(disk: _Disk) -> Iterator[tuple[int, Any]]:
    """Where each begins, and it. Partitions come before a file system without a table, since the
    remains of one may still lie before the first partition."""
    found = False
    for start in _partitions(disk):
        if system := _opened(disk, start):
            found = True
            yield start, system
    if not found and (system := _opened(disk, 0)):
        yield 0, system


def _partitions(disk: _Disk) -> list[int]:
    for table in _TABLES:
        try:
            volumes = pytsk3.Volume_Info(disk, table)
            return [
                int(part.start) * int(volumes.info.block_size)
                for part in volumes
                if int(part.flags) & pytsk3.TSK_VS_PART_FLAG_ALLOC
            ]
        except OSError:
            continue
    return []


def _opened(disk: _Disk, start: int) -> Any:
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


class _Lister:
    """Tells everything of one file system, each directory entry once, however often it is met."""

    def __init__(self, disk: _Disk, start: int, system: Any) -> None:
        self._disk = disk
        self._start = start
        self._system = system
        self._block = int(system.info.block_size)
        self._kind = _KINDS.get(system.info.ftype, "other")
        self._met: set[int] = set()
        self._folders = 0
        self._waiting: list[tuple[int, int, int]] = []

    def tell_volume(self) -> None:
        info = self._system.info
        size = int(info.block_count) * self._block
        serial = bytes(info.fs_id[: info.fs_id_used])
        _tell(Volume(self._start, size, self._kind, serial))

    def tell_files(self) -> None:
        self._waiting.append((0, int(self._system.info.root_inum), 0))
        while self._waiting:
            self._folder(*self._waiting.pop())

    def _folder(self, number: int, entry: int, depth: int) -> None:
        try:
            for file in self._system.open_dir(inode=entry):
                self._one(file, number, depth)
        except OSError as error:
            _tell(Trouble(number, f"cannot be read ({_reason(error)})"))
        self._disk.tell_failure()

    def _one(self, file: Any, folder: int, depth: int) -> None:
        name, meta = file.info.name, file.info.meta
        unused = int(name.flags) & pytsk3.TSK_FS_NAME_FLAG_UNALLOC
        if meta is None or unused or name.name in (None, b".", b".."):
            return
        entry = int(name.meta_addr)
        if entry in self._met or (self._kind == "ntfs" and entry < _FIRST_OF_NTFS):
            return
        if meta.type == pytsk3.TSK_FS_META_TYPE_DIR:
            self._met.add(entry)
            self._subfolder(name, entry, folder, depth)
        elif meta.type == pytsk3.TSK_FS_META_TYPE_REG:
            self._met.add(entry)
            self._file(file, entry, folder)

    def _subfolder(self, name: Any, entry: int, folder: int, depth: int) -> None:
        if depth >= DEPTH_LIMIT:
            _tell(Trouble(folder, f"lies more than {DEPTH_LIMIT} folders deep"))
            return
        self._folders += 1
        _tell(Folder(self._folders, folder, not name.shrt_name, entry, name.name))
        self._waiting.append((self._folders, entry, depth + 1))

    def _file(self, file: Any, entry: int, folder: int) -> None:
        name, meta = file.info.name, file.info.meta
        size = max(0, int(meta.size))
        runs = self._runs(file, size) if self._kind in _CHAINED else b""
        step = RUNS_IN_FRAME * RUN.size
        while len(runs) > step:
            _tell(Runs(runs[:step]))
            runs = runs[step:]
        short = not name.shrt_name
        _tell(File(folder, short, entry, size, int(meta.mtime), runs, name.name))

    def _runs(self, file: Any, size: int) -> bytes:
        """Where the first `size` bytes lie, neighbours joined; fewer where the chain breaks."""
        found: list[tuple[int, int]] = []
        try:
            for run in _clusters(file):
                place, length = self._start + int(run.addr) * self._block, int(run.len)
                length = min(size, length * self._block)
                size -= length
                if found and sum(found[-1]) == place:
                    place, length = found[-1][0], found.pop()[1] + length
                found.append((place, length))
                if not size:
                    break
        except OSError:  # fewer than the file declares, which the parent tells
            self._disk.tell_failure()
        return b"".join(RUN.pack(*run) for run in found)


def _reason(error: OSError) -> str:
    """The library's last words: before them it names its own functions."""
    return str(error).rpartition(": ")[2]


def _clusters(file: Any) -> Iterator[Any]:
    """The runs of a file's content, up to what the library could not find."""
    for run in next(iter(file), ()):
        if int(run.flags) & pytsk3.TSK_FS_ATTR_RUN_FLAG_FILLER:
            return
        yield run


def _list(disk: _Disk, *, whole: bool) -> None:
    for start, system in _file_systems(disk):
        lister = _Lister(disk, start, system)
        lister.tell_volume()
        if whole:
            lister.tell_files()
    disk.tell_failure()


def _read(disk: _Disk, start: int, entry: int, at: int, end: int) -> None:
    """A file's bytes from `at` to `end`, in frames of `DATA_BYTES`."""
    system = _opened(disk, start)
    file = system.open_meta(entry)
    while at < end:
        data = file.read_random(at, min(DATA_BYTES, end - at))
        disk.tell_failure()
        if not data:
            break
        _tell(Data(data))
        at += len(data)


def _confine(cpu_seconds: int) -> None:
    """From here on no new descriptor, no file, little memory and a limited time."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - pathlib is large
        now = int(file.read().split()[0]) * resource.getpagesize()
    for what, most in (
        (resource.RLIMIT_AS, now + MEMORY),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(what, (most, most))


def main(arguments: list[str]) -> None:
    """`descriptor size cpu-seconds`, then "volumes", "files", or `start entry at end` of a file's
    content."""
    descriptor, size, cpu_seconds = map(int, arguments[:3])
    _confine(cpu_seconds)
    disk = _Disk(descriptor, size)
    match arguments[3:]:
        case ["volumes" | "files" as what]:
            _list(disk, whole=what == "files")
        case place:
            _read(disk, *map(int, place))
    _tell(End())
    sys.stdout.buffer.flush()
