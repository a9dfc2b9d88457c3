"""What can be asked of a ledger, by the daemon that writes it and by commands beside it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from agent.clock import to_text
from agent.errors import ClipDamaged, Malformed
from agent.model import ClipId, ClockReading
from agent.spool import schema
from agent.spool.changes import Volume
from agent.spool.database import Database, Row
from agent.spool.entry import Contact, Entry, Finding, KnownRecorder
from agent.spool.journal import Journal
from agent.spool.rows import (
    contact_of,
    entry_of,
    expected_of,
    finding_of,
    moment_of,
    reading_of,
    recorder_of,
    storable,
    volume_of,
)
from agent.spool.states import State

log = logging.getLogger(__name__)

LONGEST_DELAY = timedelta(hours=24)
"""No attempt is ever put off further. A `due` beyond it was written under another wall clock."""

_FURTHER = 256
"""Rows that are looked at at once, where the first ones asked for were not all sound."""

T = TypeVar("T")

_TO_SEND = """SELECT * FROM entry WHERE seq IN (
        SELECT seq FROM {clips} state IN ('spooled', 'offered', 'refused')
            AND (due IS NULL OR due <= :now OR due > :horizon)
        ORDER BY {order} LIMIT :limit OFFSET :offset)
    ORDER BY seq"""
_URGENT = "urgent CROSS JOIN clip ON clip.seq = urgent.clip WHERE"
"""Read through the urgent ones, who are few: a CROSS JOIN keeps its order in SQLite."""
_ROUTINE = """clip INDEXED BY clip_sending
    WHERE NOT EXISTS (SELECT 1 FROM urgent WHERE urgent.clip = clip.seq) AND"""


class Queries:
    """The reading half. A row that cannot be read is logged and left out, so that it stops
    nothing else; asked for by its id, it is `ClipDamaged`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.journal = Journal(database)

    def know(self) -> int:
        """The ledger's version. Raises `LedgerBroken` unless we know it and have its tables."""
        database = self._database
        laid = {row["sql"] for row in database.rows("SELECT sql FROM sqlite_schema")}
        version = int(database.value("PRAGMA user_version"))
        schema.known(version, laid, database.path)
        return version

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
        """Clips whose next offer may go at `now`: urgent ones first (see `Entry.urgent`), each in
        the order in which the dock met them.

        Those are spooled, offered and refused ones without a `due`, with one that has come, or
        with one that lies further ahead than any delay reaches: then the wall clock jumped.
        """
        asked = {"now": to_text(now), "horizon": to_text(now + LONGEST_DELAY)}
        found = self._sound(_TO_SEND.format(clips=_URGENT, order="urgent.clip"), asked, limit)
        if len(found) < limit:
            found += self._sound(
                _TO_SEND.format(clips=_ROUTINE, order="seq"), asked, limit - len(found)
            )
        return found

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

    def expected(self) -> list[tuple[ClipId, State, int, bool]]:
        """Id and state of each clip whose file should be in the spool, the size of that file, and
        whether it is encrypted."""
        sql = """SELECT id, state, clip.size, stored.size AS stored_size
            FROM clip LEFT JOIN stored ON stored.clip = clip.seq
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

    def contacts(self, serial: str, *, before: int = 2**62, limit: int = 50) -> list[Contact]:
        """Contacts of the recorders with this serial, the newest first, before a number."""
        sql = "SELECT * FROM docking WHERE serial = ? AND id < ? ORDER BY id DESC LIMIT ?"
        return self._decoded(
            contact_of, self._database.rows(sql, [storable(serial), before, limit])
        )

    def last_contact(self, bay: str) -> Contact | None:
        """The newest contact in a bay."""
        sql = "SELECT * FROM docking WHERE bay = ? ORDER BY id DESC LIMIT 1"
        return next(
            iter(self._decoded(contact_of, self._database.rows(sql, [storable(bay)]))), None
        )

    def readings(self, serial: str, *, before: int = 2**62, limit: int = 16) -> list[ClockReading]:
        """How a recorder's clock stood at its newest contacts that read it, the oldest first;
        `before` is the number of a contact."""
        sql = """SELECT * FROM docking WHERE serial = ? AND clock_recorder IS NOT NULL AND id < ?
            ORDER BY id DESC LIMIT ?"""
        asked = [storable(serial), before, limit]
        found = self._decoded(reading_of, self._database.rows(sql, asked))
        return [each for each in reversed(found) if each]

    def volumes(self, serial: str) -> list[Volume]:
        """Every store that a recorder ever showed, as it was last met there; the newest first."""
        return self._volumes("volume.recorder = ?", [storable(serial)])

    def holders(self, serials: Sequence[str]) -> list[Volume]:
        """Every store with one of these serial numbers, in whichever recorder it was met."""
        marks = ", ".join("?" * len(serials))
        return self._volumes(f"volume.serial IN ({marks})", [storable(each) for each in serials])

    def findings(self, limit: int = 1000, *, serial: str | None = None) -> list[Finding]:
        """What changed on recorders between two contacts, the newest first."""
        where = "TRUE" if serial is None else "serial = :serial"
        sql = f"SELECT * FROM finding WHERE {where} ORDER BY id DESC LIMIT :limit"  # noqa: S608, ours
        asked = {"serial": storable(serial or ""), "limit": limit}
        return self._decoded(finding_of, self._database.rows(sql, asked))

    def finding_counts(self) -> dict[str, int]:
        """How many findings there are of each recorder, by serial."""
        sql = "SELECT serial, count(*) AS number FROM finding GROUP BY serial"
        return {row["serial"]: row["number"] for row in self._database.rows(sql)}

    def check(self) -> None:
        """Read the whole database for pages that contradict each other.

        Raises `LedgerDamaged`; takes seconds where the ledger is large.
        """
        self._database.check()

    def close(self) -> None:
        self._database.close()

    def _volumes(self, where: str, params: list[Any]) -> list[Volume]:
        sql = f"""SELECT volume.*, recorder.maker, recorder.model FROM volume
            JOIN contact ON contact.id = volume.contact
            JOIN recorder ON recorder.id = contact.recorder
            WHERE {where} ORDER BY volume.contact DESC, storage"""  # noqa: S608, conditions of ours
        return self._decoded(volume_of, self._database.rows(sql, params))

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
