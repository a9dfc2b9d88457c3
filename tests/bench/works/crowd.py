"""A ledger with very many clips, made by SQL: through the ledger's own door it would take hours."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

from blake3 import blake3

from agent.clock import SystemClock
from agent.model import ClipId, Identity
from agent.spool import sidecar
from agent.spool.layout import Layout, ledger_path
from agent.spool.recovery import open_ledger

ENVELOPE_BYTES = 1200
"""About what a signed receipt measures."""

_INSERT = """
WITH RECURSIVE number (n) AS (SELECT :first UNION ALL SELECT n + 1 FROM number WHERE n < :last)
INSERT INTO clip (id, contact, recorder, bay, storage, path, size, recorded, marked, generation,
    state, seen_at, spooled_at, fingerprint, blake3, chunks, sha256,
    receipted_at, held_from, archive, receiver, epoch, stored_at, stored_as, envelope)
SELECT digest(n), 1, 1, '1', '00010001', 'DCIM/100MEDIA/CLIP' || n || '.MP4', :size,
    '20260804T100000', 0, 0, :state, :at, :at, digest(n), digest(n), digest(n), digest(n),
    :receipted, :held, :archive, :archive, :archive, :receipted, :archive, :envelope
FROM number"""

_QUICK = ("journal_mode = off", "synchronous = off", "cache_size = -500000")
"""Nothing is at stake while it is made; the ledger sets its own when it is opened."""

_AT = "2026-08-04T02:00:00.000Z"


def make(state: str, released: int, spooled: int, size: int, seed: int, *, files: bool) -> None:
    """A dock's state: clips of `size` bytes that went their whole way, and some that wait.

    With `files`, those that wait have files of the right size that hold nothing (sparse ones).
    """
    root = Path(state)
    ledger = open_ledger(root, SystemClock())
    ledger.begin_contact("1", Identity("Bodydock", "Crowd", "BENCH0001", "1"), None, None)
    ledger.close()
    with closing(sqlite3.connect(ledger_path(root))) as database, database:
        for setting in _QUICK:
            database.execute(f"PRAGMA {setting}")
        database.create_function("digest", 1, partial(_digest, seed), deterministic=True)
        if released:
            _insert(database, 1, released, size, "released")
        if spooled:
            _insert(database, released + 1, released + spooled, size, "spooled")
    if files:
        _files(Layout(root), [_digest(seed, released + 1 + n) for n in range(spooled)], size)


def _insert(database: sqlite3.Connection, first: int, last: int, size: int, state: str) -> None:
    done = state == "released"
    facts = {
        "receipted": _AT if done else None,
        "held": 0.0 if done else None,
        "archive": "county-1" if done else None,
        "envelope": "e" * ENVELOPE_BYTES if done else None,
    }
    where = {"first": first, "last": last, "size": size, "state": state, "at": _AT}
    database.execute(_INSERT, where | facts)


def _files(layout: Layout, clips: list[str], size: int) -> None:
    for clip in map(ClipId, clips):
        for path, length in (
            (layout.clip(clip), size),
            (layout.sums(clip), sidecar.length(size)),
        ):
            with path.open("wb") as file:
                file.truncate(length)


def _digest(seed: int, number: int) -> str:
    return blake3(f"{seed} {number}".encode()).hexdigest()
