"""What can be asked of a ledger, by the daemon that writes it and by commands beside it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from agent.clock import to_text
from agent.errors import ClipDamaged, Malformed
from agent.model import ClipId
from agent.spool import schema
from agent.spool.database import Database, Row
from agent.spool.entry import Contact, Entry, KnownRecorder
from agent.spool.rows import contact_of, entry_of, expected_of, moment_of, recorder_of, storable
from agent.spool.states import State

log = logging.getLogger(__name__)

LONGEST_DELAY = timedelta(hours=24)
"""No attempt is ever put off further. A `due` beyond it was written under another wall clock."""

_FURTHER = 256
"""Rows that are looked at at once, where the first ones asked for were not all sound."""

T = TypeVar("T")


class Queries:
    """The reading half. A row that cannot be read is logged and left out, so that it stops
    nothing else; asked for by its id, it is `ClipDamaged`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def know(self) -> None:
        """Raise `LedgerBroken` unless the tables are those of a version that we can read."""
        database = self._database
        laid = {row["sql"] for row in database.rows("SELECT sql FROM sqlite_schema")}
        schema.known(database.value("PRAGMA user_version"), laid, database.path)

    def find(self, clip: ClipId) -> Entry | None:
        """What is known of one clip, or None. Raises `ClipDamaged` for an unreadable row."""
        try:
            for row in self._database.rows("SELECT * FROM entry WHERE id = ?", [clip]):
                return entry_of(row)
        except Malformed as error:
            raise ClipDamaged(error.what) from error
        return None

    def entries(
        self,
        *,
        state: State | None = None,
        recorder: str | None = None,
        prefix: str = "",
        limit: int = 1000,
    ) -> list[Entry]:
        """Clips, newest first, filtered by state, recorder serial and beginning of the id."""
        wanted: dict[str, tuple[Any, str]] = {
            "state": (state and state.value, "state = :state"),
            "recorder": (
                recorder and storable(recorder),
                "recorder IN (SELECT id FROM recorder WHERE serial = :recorder)",
            ),
            "prefix": (storable(prefix) or None, "id >= :prefix AND id < :prefix || 'g'"),
        }
        asked = {name: value for name, (value, _) in wanted.items() if value is not None}
        where = " AND ".join(wanted[name][1] for name in asked) or "TRUE"
        sql = f"SELECT * FROM entry WHERE {where} ORDER BY seq DESC LIMIT :limit"  # noqa: S608, ours
        return self._clips(sql, {**asked, "limit": limit})

    def to_send(self, now: datetime, limit: int) -> list[Entry]:
        """Clips whose next offer may go at `now`, in the order in which the dock met them.

        Those are spooled, offered and refused ones without a `due`, with one that has come, or
        with one that lies further ahead than any delay reaches: then the wall clock jumped.
        """
        sql = """SELECT * FROM entry WHERE seq IN (
                SELECT seq FROM clip INDEXED BY clip_sending
                WHERE state IN ('spooled', 'offered', 'refused')
                    AND (due IS NULL OR due <= :now OR due > :horizon)
                ORDER BY seq LIMIT :limit OFFSET :offset)
            ORDER BY seq"""
        asked = {"now": to_text(now), "horizon": to_text(now + LONGEST_DELAY)}
        return self._sound(sql, asked, limit)

    def next_due(self) -> datetime | None:
        """The earliest moment that a clip waits for; None where none waits for a moment.

        Clips that may go at once have no moment: ask `to_send` first.
        """
        sql = """SELECT min(due) FROM clip INDEXED BY clip_due
            WHERE state IN ('spooled', 'offered', 'refused') AND due IS NOT NULL"""
        try:
            return moment_of(self._database.value(sql))
        except Malformed as error:
            log.error("%s; no moment is waited for", error.what)
            return None

    def wanting(self, serial: str) -> int:
        """How many clips of a recorder are still to be pulled from it."""
        sql = """SELECT count(*) FROM clip WHERE state IN ('seen', 'damaged')
            AND recorder IN (SELECT id FROM recorder WHERE serial = ?)"""
        return int(self._database.value(sql, [storable(serial)]))

    def had_copy(self, clip: ClipId) -> bool:
        """Whether the dock ever had a whole copy of the clip, also one that was lost since."""
        sql = "SELECT blake3 IS NOT NULL FROM clip WHERE id = ?"
        return bool(self._database.value(sql, [clip]))

    def counts(self) -> dict[State, tuple[int, int]]:
        """How many clips are in each state, and their bytes."""
        found = {row["state"]: row for row in self._database.rows("SELECT * FROM tally")}
        return {
            state: (found[state.value]["number"], found[state.value]["bytes"])
            if state.value in found
            else (0, 0)
            for state in State
        }

    def expected(self) -> list[tuple[ClipId, State, int]]:
        """Id, state and size of each clip whose file should be in the spool."""
        sql = """SELECT id, state, size FROM clip
            WHERE state IN ('spooled', 'offered', 'refused', 'receipted') ORDER BY seq"""
        return self._decoded(expected_of, self._database.rows(sql))

    def open_contacts(self) -> list[Contact]:
        """Contacts that have not ended."""
        sql = "SELECT * FROM docking WHERE ended_at IS NULL ORDER BY id"
        return self._decoded(contact_of, self._database.rows(sql))

    def recorders(self) -> list[KnownRecorder]:
        """Every recorder that ever docked here, by serial, with its newest contact."""
        sql = """SELECT docking.*, dockings.number, dockings.first
            FROM docking JOIN (
                SELECT max(id) AS last, count(*) AS number, min(began_at) AS first
                FROM docking GROUP BY serial, maker, model
            ) AS dockings ON dockings.last = docking.id
            ORDER BY serial, id"""
        return self._decoded(recorder_of, self._database.rows(sql))

    def check(self) -> None:
        """Read the whole database for pages that contradict each other.

        Raises `LedgerDamaged`; takes seconds where the ledger is large.
        """
        self._database.check()

    def close(self) -> None:
        self._database.close()

    def _clips(self, sql: str, params: dict[str, Any]) -> list[Entry]:
        return self._decoded(entry_of, self._database.rows(sql, params))

    def _sound(self, sql: str, params: dict[str, Any], limit: int) -> list[Entry]:
        """The first `limit` clips that have digests, past however many rows make no sense: a bad
        row at the front must not stand for the whole queue. `sql` takes a limit and an offset."""
        found: list[Entry] = []
        offset, page = 0, limit
        with self._database.held():
            while len(found) < limit:
                rows = self._database.rows(sql, {**params, "limit": page, "offset": offset})
                found += [each for each in self._decoded(entry_of, rows) if each.sealed]
                if len(rows) < page:
                    break
                offset, page = offset + page, max(limit, _FURTHER)
        return found[:limit]

    def _decoded(self, decode: Callable[[Row], T], rows: list[Row]) -> list[T]:
        found = []
        for row in rows:
            try:
                found.append(decode(row))
            except Malformed as error:
                log.error("%s; the row is left out", error.what)
        return found
