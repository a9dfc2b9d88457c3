"""The child: The Sleuth Kit over a descriptor that it inherits, and nothing else in its hands.

Started by `agent.link.volume.child`, never imported by anything else. It opens nothing, writes
nothing but its frames, and ends when they are told. Its time zone is UTC, so that FAT's local
times come out as they stand.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from typing import Any

from agent.link.volume import census
from agent.link.volume.disk import (
    FILLER,
    FOLDER,
    KINDS,
    REGULAR,
    UNUSED,
    Disk,
    file_systems,
    opened,
    tell,
)
from agent.link.volume.frames import (
    DATA_BYTES,
    RUN,
    RUNS_IN_FRAME,
    Data,
    End,
    File,
    Folder,
    Runs,
    Trouble,
    Volume,
)

MEMORY = 48 * 1024 * 1024
"""Bytes beside what interpreter and library take."""
DEPTH_LIMIT = 64
_FIRST_OF_NTFS = 24
"""NTFS's own files have lower numbers."""
_CHAINED = ("fat", "exfat")
"""Kinds of which a file's bytes are just its clusters; others have holes, packed and tiny files."""
_FOLDER_LIMIT = 16 * 1024 * 1024
"""Bytes of one folder that are counted."""


class _Lister:
    """Tells everything of one file system, each directory entry once, however often it is met."""

    def __init__(self, disk: Disk, start: int, system: Any, *, places: bool) -> None:
        self._disk = disk
        self._start = start
        self._system = system
        self._places = places
        self._block = int(system.info.block_size)
        self._kind = KINDS.get(system.info.ftype, "other")
        self._met: set[int] = set()
        self._folders = 0
        self._waiting: list[tuple[int, int, int]] = []

    def tell_volume(self) -> None:
        info = self._system.info
        size = int(info.block_count) * self._block
        serial = bytes(info.fs_id[: info.fs_id_used])
        tell(Volume(self._start, size, self._kind, serial))

    def tell_files(self) -> None:
        root = int(self._system.info.root_inum)
        if self._places:
            self._tell_place(self._system.open_meta(root))
            tell(Folder(number=0, parent=0, short=False, entry=root, name=b""))
        self._waiting.append((0, root, 0))
        while self._waiting:
            self._folder(*self._waiting.pop())

    def _folder(self, number: int, entry: int, depth: int) -> None:
        told = 0
        try:
            for file in self._system.open_dir(inode=entry):
                told += self._one(file, number, depth)
            if (missing := self._counted(entry) - told) > 0:
                tell(Trouble(number, f"has {missing} entries that cannot be read"))
        except OSError as error:
            tell(Trouble(number, f"cannot be read ({_reason(error)})"))
        self._disk.tell_failure()

    def _counted(self, entry: int) -> int:
        """How many files and folders the folder's own bytes speak of."""
        if self._kind not in _CHAINED:
            return 0
        folder = self._system.open_meta(entry)
        size = min(int(folder.info.meta.size), _FOLDER_LIMIT)
        steps = range(0, size, RUNS_IN_FRAME * 32)
        return census.count(
            (folder.read_random(at, min(RUNS_IN_FRAME * 32, size - at)) for at in steps),
            self._kind,
        )

    def _one(self, file: Any, folder: int, depth: int) -> bool:
        """Tell of a file or a folder; whether it is one that the count of its folder has, too."""
        name, meta = file.info.name, file.info.meta
        unused = int(name.flags) & UNUSED
        if unused or name.name in (None, b".", b".."):
            return False
        if meta is None:
            tell(Trouble(folder, "has an entry that leads nowhere"))
            return True
        entry = int(name.meta_addr)
        if entry in self._met or (self._kind == "ntfs" and entry < _FIRST_OF_NTFS):
            return True
        if meta.type == FOLDER:
            self._met.add(entry)
            self._subfolder(file, entry, folder, depth)
        elif meta.type == REGULAR:
            self._met.add(entry)
            self._file(file, entry, folder)
        else:
            return False
        return census.is_counted(name.name)

    def _subfolder(self, file: Any, entry: int, folder: int, depth: int) -> None:
        if depth >= DEPTH_LIMIT:
            tell(Trouble(folder, f"lies more than {DEPTH_LIMIT} folders deep"))
            return
        self._folders += 1
        if self._places:
            self._tell_place(file)
        name = file.info.name
        tell(Folder(self._folders, folder, not name.shrt_name, entry, name.name))
        self._waiting.append((self._folders, entry, depth + 1))

    def _tell_place(self, folder: Any) -> None:
        """Where a folder's own entries lie."""
        runs = self._runs(folder, max(0, int(folder.info.meta.size)))
        if rest := _tell_runs(runs):
            tell(Runs(rest))

    def _file(self, file: Any, entry: int, folder: int) -> None:
        name, meta = file.info.name, file.info.meta
        size = max(0, int(meta.size))
        runs = _tell_runs(self._runs(file, size)) if self._kind in _CHAINED else b""
        short = not name.shrt_name
        tell(File(folder, short, entry, size, int(meta.mtime), runs, name.name))

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


def _tell_runs(runs: bytes) -> bytes:
    """Tell all but those that fit into the next frame, and give those."""
    step = RUNS_IN_FRAME * RUN.size
    while len(runs) > step:
        tell(Runs(runs[:step]))
        runs = runs[step:]
    return runs


def _reason(error: OSError) -> str:
    """The library's last words: before them it names its own functions."""
    return str(error).rpartition(": ")[2]


def _clusters(file: Any) -> Iterator[Any]:
    """The runs of a file's content, up to what the library could not find."""
    for run in next(iter(file), ()):
        if int(run.flags) & FILLER:
            return
        yield run


def _list(disk: Disk, *, whole: bool, places: bool) -> None:
    for start, system in file_systems(disk):
        lister = _Lister(disk, start, system, places=places)
        lister.tell_volume()
        if whole:
            lister.tell_files()
    disk.tell_failure()


def _read(disk: Disk, start: int, entry: int, at: int, end: int) -> None:
    """A file's bytes from `at` to `end`, in frames of `DATA_BYTES`."""
    system = opened(disk, start)
    file = system.open_meta(entry)
    while at < end:
        data = file.read_random(at, min(DATA_BYTES, end - at))
        disk.tell_failure()
        if not data:
            break
        tell(Data(data))
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
    """`descriptor size cpu-seconds`, then "volumes", "files", "places", or `start entry at end` of
    a file's content."""
    descriptor, size, cpu_seconds = map(int, arguments[:3])
    _confine(cpu_seconds)
    disk = Disk(descriptor, size)
    match arguments[3:]:
        case ["volumes" | "files" | "places" as what]:
            _list(disk, whole=what != "volumes", places=what == "places")
        case place:
            _read(disk, *map(int, place))
    tell(End())
    sys.stdout.buffer.flush()
