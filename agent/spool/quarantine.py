"""The quarantine: nothing is deleted on doubt, it is moved where a person can look at it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from pathlib import Path

from agent.spool.durable import medium, sync_folder
from agent.spool.layout import Layout


def held(layout: Layout) -> int:
    """Bytes in the quarantine; they count as stored. Raises `SpoolBroken`."""
    with medium(f"listing {layout.quarantine}"):
        return sum(path.lstat().st_size for path in layout.quarantine.iterdir())


def move_aside(layout: Layout, paths: Iterable[Path]) -> list[Path]:
    """Move files that belong together into the quarantine, under one number that is free.

    Those that are not there are left out. Raises `SpoolBroken`.
    """
    present = [path for path in paths if path.exists() or path.is_symlink()]
    for number in count(1):
        targets = [layout.quarantine / f"{path.stem}.{number}{path.suffix}" for path in present]
        if not any(target.exists() or target.is_symlink() for target in targets):
            break
    for path, target in zip(present, targets, strict=True):
        with medium(f"moving {path.name} to quarantine"):
            path.rename(target)
    for folder in {layout.quarantine, *(path.parent for path in present)}:
        sync_folder(folder)
    return targets
