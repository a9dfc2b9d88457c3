"""Durable steps on files, shared by the store's parts.

A file counts as stored only after its own fsync and that of the folder that names it. After a
failed fsync the kernel may call lost pages clean, so no caller tries again on the same
descriptor: whatever raised is abandoned.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.errors import StoreBroken, StoreFull

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_UNREADABLE = frozenset({errno.EIO, errno.EUCLEAN, errno.EBADMSG, errno.ENODATA, errno.EILSEQ})
"""How disks and file systems say that what was written is lost: a failed sector or block check
(EIO, ENODATA, EILSEQ), or broken structures (EUCLEAN, EBADMSG on ext4 and XFS)."""


def store_error(doing: str, error: OSError) -> StoreFull | StoreBroken:
    """What an operating-system error means to the archive."""
    what = f"{doing}: {error.strerror or error}"
    return StoreFull(what) if error.errno in _NO_ROOM else StoreBroken(what)


def is_unreadable(error: OSError) -> bool:
    """Whether a file's own bytes are lost, rather than memory, descriptors or rights short."""
    return error.errno in _UNREADABLE


@contextmanager
def guarded(doing: str) -> Iterator[None]:
    """Translate the system's errors inside into `StoreFull` or `StoreBroken`."""
    try:
        yield
    except OSError as error:
        raise store_error(doing, error) from error


def sync(path: Path) -> None:
    """fsync what stands at `path`, file or folder, through a descriptor of its own."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """Make a folder and what is missing above it; when this returns its name is durable.

    The name of one that is there is synced all the same: whoever made it may have been killed, or
    failed, before the sync. Nothing is made in a folder whose own name was not synced before.
    """
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=0o750, exist_ok=True)
    elif not os.access(path.parent, os.R_OK):
        return  # a folder of the operator's, and the name in it was the operator's to make
    sync(path.parent)


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` at `path` in one step; a crash leaves the old file or the new one.

    Not synced: the caller syncs when something depends on it.
    """
    part = path.with_name(path.name + ".new")
    part.write_bytes(data)
    part.replace(path)


def write_all(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """pwrite all of `data`; the system may take it in several bites."""
    done = os.pwrite(descriptor, data, offset)
    while done < len(data):
        if not (step := os.pwrite(descriptor, memoryview(data)[done:], offset + done)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done += step
