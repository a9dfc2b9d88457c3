"""One process at a time has an archive's folder open for writing."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from agent.archive.files import guarded, make_folder
from agent.errors import UsageError


class ArchiveInUse(UsageError):
    """Another process has the archive's folder open."""


def only_one(root: Path) -> int:
    """The lock on an archive's folder, as the descriptor that holds it."""
    with guarded("lock store"):
        make_folder(root)
        lock = os.open(root / "archive.lock", os.O_RDWR | os.O_CREAT, 0o640)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            raise ArchiveInUse(
                f"another receiver has {root} open", do="stop it, or name another folder"
            ) from error
    return lock
