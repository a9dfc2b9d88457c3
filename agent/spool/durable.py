"""The four steps of durable files: our own name, sync the file, rename, sync the folder."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.errors import SpoolBroken, SpoolFull

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def medium(doing: str) -> Iterator[None]:
    """Translate the file system's errors: no room is `SpoolFull`, all else `SpoolBroken`."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise SpoolFull(f"{doing}: {error.strerror}", do="free space on its disk") from error
        raise SpoolBroken(f"{doing}: {error.strerror}", do="look at the spool's disk") from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises `SpoolBroken`."""
    with medium(f"syncing {folder}"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder durably; its parents too. One that is there is synced all the same, since a
    crash may have come between the two steps; nothing is made in one that was not synced."""
    if not folder.exists():
        make_folder(folder.parent)
    with medium(f"making {folder}"):
        folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def write_new(path: Path, data: bytes) -> None:
    """Write a file that must not exist yet, and sync it; on an error nothing of it stays."""
    with medium(f"writing {path}"):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            write_all(handle, data)
            os.fsync(handle)
        except OSError:
            with suppress(OSError):
                path.unlink()
            raise
        finally:
            os.close(handle)


def allocate(path: Path, size: int) -> int:
    """A new file with its room on disk reserved, open for both; on an error nothing of it stays."""
    with medium("reserving room for a clip"):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            if size:
                os.posix_fallocate(file, 0, size)
        except OSError:
            os.close(file)
            with suppress(OSError):
                path.unlink()
            raise
    return file


@contextmanager
def closing_file(handle: int) -> Iterator[int]:
    """A descriptor that is closed behind the block."""
    try:
        yield handle
    finally:
        os.close(handle)


def write_all(handle: int, data: bytes | memoryview) -> None:
    """`os.write` until all is written; a disk that fills up takes only a part."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]
