"""The archive's catalogue: what is stored, from whom, with which proof. SQLite.

One writing connection for the whole process (SQLite before 3.51.3 can lose a write where two
connections write or checkpoint a WAL), WAL with `synchronous=FULL`, which is read back and not
taken on trust. `CatalogueView` is for commands: it opens the file read-only and can do neither.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote

import sqlite_utils

from agent.archive.evidence_tables import THIRD
from agent.archive.records import (
    FOOTAGE,
    READABLE,
    SCHEMA,
    SEARCHED,
    TABLES,
    TOLD,
    ClipRow,
    DockRow,
    ObjectRow,
    delivery_columns,
)
from agent.custody.keys import PublicKey, public_key
from agent.errors import ConfigError, Malformed, StoreBroken
from agent.wire.contract import Manifest, Receipt

log = logging.getLogger(__name__)

_FULL = 2
_FATAL = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

R = TypeVar("R", ObjectRow, ClipRow, DockRow)


@contextmanager
def _guarded(doing: str) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreBroken(f"catalogue: {doing}: {error}") from error


class CatalogueView:
    """Read-only sight of a catalogue, also while a receiver writes it.

    Every method raises `StoreBroken` where the file is missing, damaged or of another version.
    After an input/output error or found damage nothing more is read or written: a page that
    failed to sync counts as clean for the kernel, so a later "success" would prove nothing.
    """

    def __init__(self, path: Path) -> None:
        with _guarded("open"):
            self._attach(f"file:{quote(str(path))}?mode=ro")
        with self._or_close():
            self._check_version()

    def _attach(self, uri: str) -> None:
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        connection.text_factory = _text
        self._db = sqlite_utils.Database(connection, execute_plugins=False)
        self._lock = threading.Lock()
        self._broken = ""

    @contextmanager
    def _or_close(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise

    def _check_version(self) -> None:
        if (version := self.meta("schema")) not in READABLE:
            raise StoreBroken(f"catalogue: schema {version!r}, this program knows {SCHEMA}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    def check(self) -> None:
        """Raises `StoreBroken` once the file has failed; only opening it anew helps."""
        if self._broken:
            raise StoreBroken(f"failed before: {self._broken}", do="start the receiver anew")

    def meta(self, name: str) -> str:
        """A fact about the whole: `schema`, `archive`, `epoch`."""
        rows = self._rows("select value from meta where name = ?", name)
        return str(rows[0]["value"]) if rows else ""

    @property
    def epoch(self) -> str:
        return self.meta("epoch")

    def delivery(self, clip: str, blake3: str, dock: str) -> ClipRow | None:
        """What this dock delivered under this id with these bytes."""
        where = "select * from clip where clip = ? and blake3 = ? and dock = ?"
        return _one(self._typed(ClipRow, where, clip, blake3, dock))

    def has(self, clip: str, blake3: str) -> bool:
        """Whether any dock delivered these bytes under this id."""
        where = "select 1 from clip where clip = ? and blake3 = ? limit 1"
        return bool(self._rows(where, clip, blake3))

    def clips(self, *, dock: str = "", serial: str = "", limit: int = -1) -> list[ClipRow]:
        """Deliveries, newest first, of one dock or one recorder where named."""
        where = (
            "select * from clip where (?1 = '' or dock = ?1) and"
            " (?2 = '' or recorder_serial = ?2) order by received_at desc, clip limit ?3"
        )
        return self._typed(ClipRow, where, dock, serial, limit)

    def told(
        self, *, since: str = "", until: str = "", officer: str = "", kind: str = ""
    ) -> list[ClipRow]:
        """Deliveries that may have been recorded between two moments (RFC 3339 in UTC), of an
        officer by the recorder or by the clip's name, or of a kind, where named; earliest first.
        Raises `StoreBroken` for a catalogue that no receiver of this version has opened yet."""
        where = (
            "select * from clip where (?1 = '' or latest >= ?1) and (?2 = '' or earliest <= ?2)"
            " and (?3 = '' or recorder_officer = ?3 or named_officer = ?3)"
            " and (?4 = '' or kind = ?4) order by earliest, clip"
        )
        return self._typed(ClipRow, where, since, until, officer, kind)

    def versions(self, clip: str) -> list[ClipRow]:
        """Everything delivered under one clip id."""
        return self._typed(ClipRow, "select * from clip where clip = ? order by rowid", clip)

    def objects(self) -> list[ObjectRow]:
        return self._typed(ObjectRow, "select * from object order by blake3")

    def object_sizes(self, prefix: str) -> dict[str, int]:
        """Size by BLAKE3 of the objects whose BLAKE3 begins with `prefix`."""
        where = "select blake3, size from object where blake3 >= ?1 and blake3 < ?1 || 'g'"
        return {row["blake3"]: row["size"] for row in self._rows(where, prefix)}

    def docks(self) -> list[DockRow]:
        return self._typed(DockRow, "select * from dock order by dock")

    def integrity(self) -> str:
        """`ok`, or what SQLite finds wrong with the file."""
        return str(self._rows("pragma integrity_check(1)")[0]["integrity_check"])

    @contextmanager
    def _held(self, doing: str) -> Iterator[None]:
        """Keep other threads out, translate errors, and remember those that end all work."""
        with self._lock, _guarded(doing):
            self.check()
            try:
                yield
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF in _FATAL:
                    self._broken = f"catalogue: {doing}: {error}"
                raise

    def _rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        with self._held("read"):
            cursor = self._db.conn.execute(sql, values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def _typed(self, kind: type[R], sql: str, *values: object) -> list[R]:
        return [kind(**row) for row in self._rows(sql, *values)]


class Catalogue(CatalogueView):
    """The writer's side; made on first run, with the archive's id and a new epoch.

    `archive` must be the id that the catalogue was made with, else `ConfigError`. `epoch` is
    random text; only the first run keeps it.
    """

    def __init__(self, path: Path, *, archive: str, epoch: str) -> None:
        with _guarded("open"):
            self._attach(f"file:{quote(str(path))}?mode=rwc")
        with self._or_close():
            with _guarded("open"):
                self._be_durable()
                self._make(archive, epoch)
            self._check_version()
            if (known := self.meta("archive")) != archive:
                raise ConfigError(
                    f"the catalogue belongs to archive {known!r}, not {archive!r}",
                    do="name the right folder or the right archive",
                )

    def _be_durable(self) -> None:
        run = self._db.conn.execute
        mode = run("pragma journal_mode = wal").fetchone()[0]
        run("pragma synchronous = full")
        run("pragma foreign_keys = on")
        level = run("pragma synchronous").fetchone()[0]
        if (mode, level) != ("wal", _FULL):
            raise StoreBroken(f"catalogue: journal {mode}, synchronous {level}; wal and 2 wanted")

    def _make(self, archive: str, epoch: str) -> None:
        if self._db["meta"].exists():
            self._bring_up()
            return
        with self._db.atomic():
            for name, (columns, key) in TABLES.items():
                points = [("blake3", "object", "blake3")] if name == "clip" else None
                self._db.table(name).create(columns, pk=key, foreign_keys=points)
            self._lay_over()
            facts = {"schema": str(SCHEMA), "archive": archive, "epoch": epoch}
            self._db.table("meta").insert_all(
                {"name": name, "value": value} for name, value in facts.items()
            )

    def _lay_over(self) -> None:
        """Indices, the view for people, and the tables of version 3."""
        for statement in THIRD:
            self._db.conn.execute(statement)
        for column in SEARCHED:
            self._db.table("clip").create_index([column], if_not_exists=True)
        self._db.create_view("footage", FOOTAGE, replace=True)

    def _bring_up(self) -> None:
        """From version 1 or 2: columns and tables are added, no row is changed. All or nothing."""
        if (version := self.meta("schema")) not in ("1", "2"):
            return
        names = {float: "float", int: "integer", str: "text"}
        with self._db.atomic():
            for name, kind in TOLD.items() if version == "1" else ():
                self._db.conn.execute(f"alter table clip add column {name} {names[kind]}")
            self._lay_over()
            self._db.conn.execute("update meta set value = ? where name = 'schema'", [str(SCHEMA)])
        log.warning("the catalogue is now of version %d", SCHEMA)

    def record(self, manifest: Manifest, offer: bytes, receipt: Receipt, envelope: bytes) -> None:
        """Commit one delivery with its object; once this returns the receipt may go out.

        Repeating it is harmless; a later receipt of the same delivery replaces the earlier.
        """
        stored = ObjectRow(
            blake3=receipt.blake3,
            size=receipt.size,
            sha256=receipt.sha256,
            sm3=receipt.sm3,
            stored_as=receipt.stored_as,
            stored_at=receipt.stored_at,
        )
        delivery = delivery_columns(manifest, offer, receipt, envelope)
        with self._held("record"), self._db.atomic():
            self._db.conn.execute(_KEEP_OBJECT, tuple(getattr(stored, n) for n in _OBJECT_NAMES))
            self._db.table("clip").upsert(delivery, pk=TABLES["clip"][1])

    def pin(self, dock: str, key: PublicKey, first_seen: str) -> None:
        """Remember a dock's key for good. A dock that has one keeps it."""
        row = {"dock": dock, "public_key": key.text, "first_seen": first_seen}
        with self._held("pin"), self._db.atomic():
            self._db.table("dock").insert(row, ignore=True)

    def pins(self) -> dict[str, PublicKey | None]:
        """The remembered key of every dock, None where its row no longer holds a key."""
        return {str(row.dock): _pinned(row) for row in self.docks()}


_OBJECT_NAMES = tuple(TABLES["object"][0])
_KEEP_OBJECT = (
    f"insert into object ({', '.join(_OBJECT_NAMES)}) values (?, ?, ?, ?, ?, ?)"  # noqa: S608
    " on conflict (blake3) do update set"
    " sha256 = coalesce(sha256, excluded.sha256), sm3 = coalesce(sm3, excluded.sm3)"
)
"""The first record of an object stands; digests that a later offer brought are added."""


def _text(raw: bytes) -> str:
    """Damaged text spoils its own row, not the whole query."""
    return raw.decode("utf-8", "replace")


def _pinned(row: DockRow) -> PublicKey | None:
    try:
        return public_key(str(row.public_key))  # damage may have changed the value's type, too
    except Malformed:
        return None


def _one(rows: list[R]) -> R | None:
    return rows[0] if rows else None
