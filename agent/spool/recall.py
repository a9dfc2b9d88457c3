"""Clips that come back out of the quarantine: a lost ledger left them there, whole."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from agent.errors import Malformed
from agent.model import ClipId
from agent.spool.durable import medium, sync_folder
from agent.spool.entry import Sealed
from agent.spool.forms import prove
from agent.spool.layout import SUMS, Layout

log = logging.getLogger(__name__)


def candidates(layout: Layout, clip: ClipId, size: int) -> list[Path]:
    """Files of a clip of that size in quarantine under its id, each with its sidecar beside it."""
    with medium(f"listing {layout.quarantine}"):
        return [
            path
            for path in sorted(layout.quarantine.glob(f"{clip}.*"))
            if path.suffix != SUMS
            and path.is_file()
            and not path.is_symlink()
            and _sums(path).is_file()
            and path.stat().st_size >= size
        ]


def whole(path: Path, clip: ClipId, size: int, digests: frozenset[str]) -> Sealed | None:
    """What the file holds, where its sidecar proves all of it; else None."""
    try:
        return prove(clip, size, path, _sums(path), digests)
    except (Malformed, OSError) as error:
        log.warning("clip %s stays in quarantine: %s", clip, error)
        return None


def recall(
    layout: Layout,
    clip: ClipId,
    size: int,
    digests: frozenset[str],
    seen_as: Callable[[], str],
) -> Sealed | None:
    """Give the first sound file its name in the spool back, durably; None where there is none.

    `seen_as` asks the recorder for the clip's fingerprint, which must fit. Raises `SpoolBroken`,
    and what asking the recorder raises.
    """
    for path in candidates(layout, clip, size):
        found = whole(path, clip, size, digests)
        if not found or found.fingerprint != seen_as():
            continue
        with medium(f"taking clip {clip} out of quarantine"):
            _sums(path).rename(layout.sums(clip))
            path.rename(layout.clip(clip))
        for folder in (layout.folder(clip), layout.quarantine):
            sync_folder(folder)
        log.warning("clip %s: its file in quarantine is whole and was taken back", clip)
        return found
    return None


def _sums(path: Path) -> Path:
    return path.with_name(path.name + SUMS)
