"""What the ledger is asked for, timed from inside."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from blake3 import blake3

from agent.clock import SystemClock
from agent.model import ClipId, Digests, Identity
from agent.spool.entry import Sealed, Sighting
from agent.spool.layout import ledger_path
from agent.spool.recovery import open_ledger, recover
from tests.bench.cost import Failed
from tests.bench.worker import Stopwatch
from tests.bench.works.pull import new_spool

WHO = Identity("Bodydock", "Bench", "BENCH0001", "1")
OFFERED_AT_ONCE = 8
"""What the uplink asks for at a time."""


def commits(state: str, number: int) -> dict[str, float]:
    """Bring `number` clips from seen to spooled and offered: two commits each."""
    ledger = open_ledger(Path(state), SystemClock())
    contact = ledger.begin_contact("1", WHO, None, None)
    clips = [ClipId(blake3(b"%d" % n).hexdigest()) for n in range(number)]
    ledger.see_all(_sighting(clip, contact) for clip in clips)
    sealed = [Sealed(clip, 1000, Digests(clip, clip, clip), clip) for clip in clips]
    watch = Stopwatch()
    for one in sealed:
        ledger.spooled(one)
        ledger.offered(one.clip)
    read = watch.read()
    ledger.close()
    return read


def plain_commits(state: str, number: int) -> dict[str, float]:
    """As many commits of one updated row each, on a bare SQLite connection with WAL and FULL."""
    with closing(sqlite3.connect(Path(state) / "plain.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = wal")
        database.execute("PRAGMA synchronous = full")
        database.execute("CREATE TABLE clip (id TEXT PRIMARY KEY, state TEXT, facts TEXT)")
        clips = [blake3(b"%d" % n).hexdigest() for n in range(number)]
        facts = "f" * 300
        with database:
            database.execute("BEGIN")
            database.executemany("INSERT INTO clip VALUES (?, 'seen', '')", [[c] for c in clips])
        watch = Stopwatch()
        for clip in clips:
            for state_ in ("spooled", "offered"):
                update = "UPDATE clip SET state = ?, facts = ? WHERE id = ?"
                database.execute(update, [state_, facts, clip])
        return watch.read()


def to_send(state: str, times: int) -> dict[str, float]:
    """Ask `times` times what is to be sent next; seconds for one."""
    ledger = open_ledger(Path(state), SystemClock())
    now = SystemClock().now()
    watch = Stopwatch()
    for _ in range(times):
        if len(ledger.to_send(now, OFFERED_AT_ONCE)) != OFFERED_AT_ONCE:
            raise Failed("there is less to send than there should be")
    read = watch.read()
    ledger.close()
    return {name: seconds / times for name, seconds in read.items()}


def restart(state: str, *, clean: bool) -> dict[str, float]:
    """Open the ledger, recover the spool, and know what to send: what a start waits for.

    `clean`: whether the stop before is to count as an orderly one.
    """
    with closing(sqlite3.connect(ledger_path(Path(state)))) as database, database:
        database.execute("UPDATE meta SET value = ? WHERE key = 'clean'", [int(clean)])
    watch = Stopwatch()
    ledger = open_ledger(Path(state), SystemClock())
    spool = new_spool(Path(state), ledger, frozenset())
    report = recover(spool)
    ledger.to_send(SystemClock().now(), OFFERED_AT_ONCE)
    read = watch.read()
    ledger.close()
    if report.findings:
        raise Failed(f"the recovery finds fault: {report.findings[:3]}")
    return read


def _sighting(clip: ClipId, contact: int) -> Sighting:
    return Sighting(clip, contact, WHO, "1", "00010001", f"DCIM/{clip}", 1000, "", marked=False)
