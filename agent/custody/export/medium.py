"""The folder on the medium: every file is new, synced, read back and compared.

It is written as `<name>.incomplete` with a file `INCOMPLETE.txt` in it, and gets its name at the
very end, so that whatever was cut off shows.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from agent.errors import ClipDamaged, MediumBroken, MediumFull, UsageError
from agent.spool.hashing import CryptographySm3

MARK = "INCOMPLETE.txt"
MARGIN = 16 * 1024 * 1024
"""Bytes that must stay free on the medium beyond what the bag is reckoned to need."""
STEP = 1024 * 1024
FAT_LIMIT = 2**32 - 1
_MARK_WORDS = (
    "此导出尚未完成或已中断，不可作为证据使用。\n"
    "This export is unfinished or was interrupted; it is not whole. Do not use it.\n"
)
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})

Pour = Callable[[Callable[[memoryview], None]], None]
"""Gives all bytes of one file, piece by piece, to what it is handed."""


@dataclass(frozen=True, slots=True)
class Written:
    """One file of the bag: its name in it, size in bytes, digests in hexadecimal."""

    name: str
    size: int
    sha256: str
    blake3: str
    sm3: str | None = None

    def is_as(self, other: Written) -> bool:
        """Whether both hold the same bytes; two digests are enough to tell."""
        mine, theirs = (
            (self.size, self.sha256, self.blake3),
            (other.size, other.sha256, other.blake3),
        )
        return mine == theirs


@contextmanager
def on_medium(doing: str) -> Iterator[None]:
    """Translate the medium's errors: `MediumFull` where it has no room, else `MediumBroken`."""
    try:
        yield
    except OSError as error:
        what = f"{doing}: {error.strerror or error}"
        if error.errno in _NO_ROOM:
            raise MediumFull(what, do="take a larger medium") from error
        if error.errno == errno.EFBIG:
            raise MediumFull(what, do="format the medium as exFAT or ext4") from error
        raise MediumBroken(what, do="take another medium") from error


class Digester:
    """SHA-256, BLAKE3 and, where asked for, SM3 of what passes."""

    def __init__(self, *, sm3: bool = False) -> None:
        self.size = 0
        self._sha256, self._blake3 = hashlib.sha256(), blake3()
        self._sm3 = CryptographySm3() if sm3 else None

    def update(self, piece: memoryview) -> None:
        self.size += len(piece)
        self._sha256.update(piece)
        self._blake3.update(piece)
        if self._sm3:
            self._sm3.update(piece)

    def written(self, name: str) -> Written:
        sm3 = self._sm3.hexdigest() if self._sm3 else None
        return Written(name, self.size, self._sha256.hexdigest(), self._blake3.hexdigest(), sm3)


class Medium:
    """The folder `target` while it is being made. Raises `UsageError` where it, or what an earlier
    try left, is there already; its methods raise `MediumFull` and `MediumBroken`."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.folder = target.with_name(f"{target.name}.incomplete")
        self.files: list[Written] = []
        self._folders: set[Path] = set()
        for path in (self.target, self.folder):
            if path.exists() or path.is_symlink():
                raise UsageError(
                    f"{path} is there already", do="name another folder, or move it away"
                )
        with on_medium(f"making {self.folder}"):
            self.folder.mkdir()
            self._folders |= {self.folder, self.folder.parent}
            (self.folder / MARK).write_text(_MARK_WORDS, "utf-8")
            sync(self.folder / MARK)
            sync(self.folder)
            sync(self.folder.parent)

    def write(self, name: str, pour: Pour, *, sm3: bool = False) -> Written:
        """Write and sync one new file; its name in the bag is `name`."""
        digester = Digester(sm3=sm3)
        with on_medium(f"writing {name}"):
            path = self._path(name)
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            try:

                def take(piece: memoryview) -> None:
                    digester.update(piece)
                    with on_medium(f"writing {name}"):
                        _write_all(file, piece)

                pour(take)
                os.fsync(file)
            finally:
                os.close(file)
        return self._kept(digester.written(name))

    def put(self, name: str, data: bytes) -> Written:
        """A small file."""
        return self.write(name, lambda take: take(memoryview(data)))

    def link(self, name: str, source: Path, pour: Pour, *, sm3: bool = False) -> Written:
        """A file that an image will take from where it lies: digested here, not copied."""
        digester = Digester(sm3=sm3)
        pour(digester.update)
        with on_medium(f"naming {name}"):
            self._path(name).symlink_to(source.resolve())
        return self._kept(digester.written(name))

    def finish(self) -> None:
        """Sync every folder, read every file back from the medium, and name the whole.

        Raises `MediumBroken` for a file that is not as it was written; nothing gets its name then.
        """
        for folder in sorted(self._folders, reverse=True):
            with on_medium(f"syncing {folder}"):
                sync(folder)
        for each in self.files:
            with on_medium(f"reading {each.name} back"):
                found = read_back(self.folder / each.name, each.name)
            if not found.is_as(each):
                raise MediumBroken(
                    f"{each.name} reads otherwise than it was written", do="take another medium"
                )
        self.unmark()
        with on_medium(f"naming {self.target}"):
            self.folder.rename(self.target)
            sync(self.target.parent)

    def unmark(self) -> None:
        """All is written and compared: only the folder's name says now that it is unfinished."""
        with on_medium(f"unmarking {self.folder}"):
            (self.folder / MARK).unlink()
            sync(self.folder)

    def _path(self, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self._folders |= {each for each in path.parents if each.is_relative_to(self.folder)}
        return path

    def _kept(self, written: Written) -> Written:
        self.files.append(written)
        return written


def pour_file(path: Path, what: str) -> Pour:
    """From a file of ours; one that cannot be read is `ClipDamaged`, with `what` as its name."""

    def pour(take: Callable[[memoryview], None]) -> None:
        for piece in pieces(path, what):
            take(piece)

    return pour


def pieces(path: Path, what: str) -> Iterator[memoryview]:
    """All bytes of a file, in one buffer that each step fills anew. Raises `ClipDamaged`."""
    buffer = bytearray(STEP)
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise ClipDamaged(f"{what} cannot be read: {error.strerror}") from error
    try:
        while count := _read(file, buffer, what):
            yield memoryview(buffer)[:count]
    finally:
        os.close(file)


def _read(file: int, buffer: bytearray, what: str) -> int:
    try:
        return os.readv(file, [buffer])
    except OSError as error:
        raise ClipDamaged(f"{what} cannot be read: {error.strerror}") from error


def read_back(path: Path, name: str) -> Written:
    """Size and digests of what the medium holds, not the cache. Raises OSError."""
    digester, buffer = Digester(), bytearray(STEP)
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        while count := os.readv(file, [buffer]):
            digester.update(memoryview(buffer)[:count])
    finally:
        os.close(file)
    return digester.written(name)


def sync(path: Path) -> None:
    """fsync a file or a folder. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def check_room(folder: Path, sizes: list[int], *, single: int = 0) -> None:
    """Raise `MediumFull` unless files of these sizes fit beneath `folder`, with a margin.

    `single`: one more file as large, such as an image. `UsageError` where there is no folder.
    """
    if not folder.is_dir():
        raise UsageError(
            f"there is no folder {folder}", do="plug the medium in, or make the folder"
        )
    with on_medium(f"asking {folder} for its room"):
        disk = os.statvfs(folder)
        block = max(disk.f_frsize, 4096)
        need = sum(-(-size // block) * block for size in sizes) + single + MARGIN
        free = disk.f_bavail * disk.f_frsize
    if need > free:
        raise MediumFull(
            f"{folder}: {free} bytes free, the export needs {need}", do="take a larger medium"
        )
    largest = max([*sizes, single], default=0)
    if largest > FAT_LIMIT and file_system(folder) in {"vfat", "msdos"}:
        raise MediumFull(
            f"{folder}: FAT takes no file of {largest} bytes", do="format it as exFAT or ext4"
        )


def file_system(folder: Path) -> str:
    """The kernel's name of the file system that a folder lies on; empty where it does not say
    (proc_pid_mountinfo(5): the third field is the device, the type follows a lone hyphen)."""
    device = folder.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = Path("/proc/self/mountinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    for fields in (line.split() for line in lines):
        if len(fields) > 2 and fields[2] == wanted and "-" in fields[6:-1]:
            return fields[fields.index("-", 6) + 1]
    return ""


def _write_all(file: int, piece: memoryview) -> None:
    while piece:
        piece = piece[os.write(file, piece) :]
