"""Under the ledger's verbs: opening it, its transactions, and the time it counts itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.clock import Clock, to_text, trust
from agent.errors import BodydockError, LedgerDamaged, WrongState
from agent.log_entry import AGENT, Kind, write_entry
from agent.model import ClipId, Identity
from agent.spool import rows, schema
from agent.spool.clearing_queries import ClearingQueries
from agent.spool.database import Row, WriterLock, open_writable
from agent.spool.durable import sync_folder
from agent.spool.entry import Sighting
from agent.spool.states import State, check_move
from agent.spool.told import NOTHING, told_columns

log = logging.getLogger(__name__)

ALWAYS_CHECKED = 64 * 1024 * 1024
"""Bytes. A ledger up to this size is checked at each start, a larger one after an unclean stop."""

SAVE_SECONDS = 30.0
"""`tick` saves the running time after this long; a crash lengthens holds by no more."""

_CENTURIES = 1e10
"""Seconds. No dock ran longer; a damaged figure must not end holds."""


class Writer(ClearingQueries):
    """The one writing connection to the ledger in `path`, which is made if it is missing.

    Raises `LedgerDamaged` for a file that is no sound database, `LedgerBroken` for one in use,
    of a newer version, or that cannot be opened. The folder must be there.
    """

    def __init__(self, path: Path, clock: Clock, trust: Callable[[], str] = trust) -> None:
        """`trust` says how far the wall clock can be trusted, see `agent.clock.trust`."""
        self._clock = clock
        self._trust = trust
        self._writer = WriterLock(Path(f"{path}.lock"))
        try:
            super().__init__(open_writable(path))
        except BodydockError:
            self._writer.close()
            raise
        try:
            self._begin(path)
        except BodydockError:
            self._let_go()
            raise

    def close(self) -> None:
        """Say that the stop was clean, and let the file go."""
        try:
            with self._writing():
                self._set("clean", 1)
        finally:
            self._let_go()

    @property
    def running(self) -> float:
        """Seconds for which docks with this ledger ran; the wall clock has no say in it."""
        return self._ran_before + max(0.0, self._clock.monotonic() - self._started)

    def tick(self) -> None:
        """Keep the running time. Call it often; it writes when it is worth it."""
        if self.running - self._ran_saved >= SAVE_SECONDS:
            with self._writing():
                self._set("running", self.running)

    def _begin(self, path: Path) -> None:
        self._make_if_empty(path)
        version = self.know()
        if not self._get("clean") or path.stat().st_size <= ALWAYS_CHECKED:
            self.check()
        if version < schema.VERSION:
            log.warning("%s: from version %d to %d", path, version, schema.VERSION)
            self._lay(version)
        self._ran_before = self._ran_saved = self._get("running")
        if not 0 <= self._ran_before < _CENTURIES:
            raise LedgerDamaged(f"{path}: it cannot have run for {self._ran_before} seconds")
        self._started = self._clock.monotonic()
        with self._writing():
            self._set("clean", 0)
            self._database.change(
                "UPDATE contact SET ended_at = ?, reason = 'agent stopped' WHERE ended_at IS NULL",
                [self._now()],
            )

    def _make_if_empty(self, path: Path) -> None:
        if self._database.value("PRAGMA user_version") == 0 and not self._database.value(
            "SELECT count(*) FROM sqlite_schema"
        ):
            self._lay(0)
            sync_folder(path.parent)

    def _lay(self, version: int) -> None:
        """The tables that `version` does not have; all of them or none."""
        with self._database.writing():
            for statement in schema.steps_from(version):
                self._database.change(statement)

    def _let_go(self) -> None:
        self._database.close()
        self._writer.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction; where it changes something, the running time is saved with it."""
        with self._database.writing():
            before, running = self._database.changes, self.running
            yield
            changed = self._database.changes != before
            if changed:
                self._set("running", running)
        if changed:
            self._ran_saved = running

    @contextmanager
    def _moving(self, clip: ClipId, to: State, *, staying: tuple[State, ...] = ()) -> Iterator[Row]:
        """A transaction that moves one clip, unless it is `staying`; the row as it was before."""
        with self._writing():
            row = self._row(clip)
            if (now := rows.state_of(row)) not in staying:
                check_move(now, to)
                self._update(clip, state=to.value)
            yield row

    def _enter(self, kind: Kind, *, clip: str = "", who: str = AGENT, **what: Any) -> None:
        """Write an entry into the custody log, in the transaction of what it tells of."""
        number = self.journal.size
        text = write_entry(
            number,
            kind,
            at=self._now(),
            trust=self._trust(),
            run=self.running,
            who=who,
            clip=clip,
            what=what,
        )
        self.journal.append(number, text, clip)

    def _row(self, clip: ClipId) -> Row:
        sql = "SELECT state, size, attempts, due, reason, blake3 FROM clip WHERE id = ?"
        for row in self._database.rows(sql, [clip]):
            return row
        raise WrongState(f"the ledger knows no clip {clip[:64]}")

    def _update(self, clip: ClipId, **columns: Any) -> None:
        sets = ", ".join(f"{name} = :{name}" for name in columns)
        sql = f"UPDATE clip SET {sets} WHERE id = :clip_id"  # noqa: S608, names of our own
        self._database.change(sql, {**columns, "clip_id": clip})

    def _insert(self, table: str, **columns: Any) -> int:
        names, values = ", ".join(columns), ", ".join(f":{name}" for name in columns)
        sql = f"INSERT INTO {table} ({names}) VALUES ({values})"  # noqa: S608, names of our own
        return self._database.insert(sql, columns)

    def _see(self, sighting: Sighting) -> bool:
        """Whether the clip is new here."""
        columns = rows.sighting_columns(sighting)
        columns["recorder"] = self._recorder(sighting.identity)
        state = self._database.value("SELECT state FROM clip WHERE id = ?", [sighting.clip])
        if state is None:
            self._insert("clip", **columns, state=State.SEEN.value, seen_at=self._now())
            told = ("contact", "storage", "path", "size", "recorded", "generation")
            facts = {name: columns[name] for name in told} | {"marked": bool(columns["marked"])}
            serial = rows.storable(sighting.identity.serial)
            self._enter(Kind.FOUND, clip=sighting.clip, serial=serial, **facts)
        elif state == State.SEEN.value:
            newest = ("contact", "recorder", "bay", "storage", "marked")
            self._update(sighting.clip, **{name: columns[name] for name in newest})
        if sighting.facts != NOTHING:
            self._tell(sighting)
        return state is None

    def _tell(self, sighting: Sighting) -> None:
        """What was told first stays: a clock that was set since tells less of this clip."""
        columns = told_columns(sighting.facts)
        names, values = ", ".join(columns), ", ".join(f":{name}" for name in columns)
        sql = f"""INSERT INTO told (clip, {names})
            SELECT seq, {values} FROM clip WHERE id = :clip_id
            ON CONFLICT DO NOTHING"""  # noqa: S608, names of our own
        self._database.change(sql, {**columns, "clip_id": sighting.clip})

    def _recorder(self, identity: Identity) -> int:
        """The row of a recorder, made where it is new."""
        columns = rows.identity_columns(identity)
        sql = """SELECT id FROM recorder WHERE serial = :serial AND maker = :maker
            AND model = :model AND firmware = :firmware"""
        found = self._database.value(sql, columns)
        return self._insert("recorder", **columns) if found is None else int(found)

    def _get(self, key: str) -> float:
        return self._database.value("SELECT value FROM meta WHERE key = ?", [key]) or 0.0

    def _set(self, key: str, value: float) -> None:
        self._database.change(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            [key, value],
        )

    def _fact(self, name: str) -> str | None:
        """A text about the whole ledger, None where it was never set."""
        found = self._database.value("SELECT value FROM fact WHERE name = ?", [name])
        return None if found is None else str(found)

    def _set_fact(self, name: str, value: str) -> None:
        self._database.change(
            "INSERT INTO fact VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            [name, value],
        )

    def _now(self) -> str:
        return to_text(self._clock.now())
