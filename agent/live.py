"""What the daemon is doing this second, for `bodydock status`: one small JSON file.

It lies in the runtime directory (memory, not the spool's medium) and is replaced whole about
once a second. Nothing depends on it: what must survive is in the ledger.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from agent.clock import from_text, to_text

FRESH = timedelta(seconds=5)
NAME = "live.json"


@dataclass(frozen=True, slots=True)
class Live:
    """One moment of the daemon: bays and uplink as their own snapshots say."""

    at: datetime
    pid: int
    bays: Sequence[Mapping[str, Any]]
    uplink: Mapping[str, Any]
    intake: str
    """Empty while clips are taken in, else why not."""


def write(folder: Path, live: Live) -> None:
    """Replace the file; a reader sees the old or the new one, never half of it."""
    document = {**asdict(live), "at": to_text(live.at)}
    part = folder / f".{NAME}.new"
    part.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    part.replace(folder / NAME)


def remove(folder: Path) -> None:
    """After an orderly stop there is nothing live to show."""
    (folder / NAME).unlink(missing_ok=True)


def read(folder: Path, now: datetime) -> Live | None:
    """The daemon's newest moment; None where it does not run, or the file is old or unreadable."""
    try:
        raw = json.loads((folder / NAME).read_bytes())
        live = Live(
            from_text(raw["at"]), int(raw["pid"]), raw["bays"], raw["uplink"], raw["intake"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return live if abs(now - live.at) <= FRESH and _alive(live.pid) else None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
