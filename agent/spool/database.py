"""One SQLite connection, shared by all threads under a lock, its errors translated.

SQLite 3.7.0 to 3.51.2 can lose commits when two connections write or checkpoint one WAL file
(https://www.sqlite.org/wal.html, "The WAL-Reset Bug"), so the dock writes through exactly one;
a lock file keeps a second daemon out. sqlite-utils commits each call by itself: whatever belongs
together goes into one `writing()`.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlite_utils

from agent.errors import BodydockError, LedgerBroken, LedgerDamaged, LedgerInUse, SpoolFull

Params = Sequence[Any] | dict[str, Any]
Row = Mapping[str, Any]

_LOG_KEPT = 16 * 1024 * 1024
"""Bytes that the write-ahead log may keep on disk after a checkpoint."""

_RESTART = "restart bodydock, whose recovery looks at it"


class Database:
    """A connection with its lock. Every `sqlite3.Error` leaves it as an error of ours.

    After an input/output error or found damage nothing more is read or written: a page that
    failed to sync counts as clean for the kernel, so a later "success" would prove nothing.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.path = path
        self._connection = connection
        connection.text_factory = _text
        self._lock = threading.RLock()
        self._broken = ""
        try:
            self._db = sqlite_utils.Database(connection)
        except sqlite3.Error as error:
            connection.close()
            raise meaning(error, path) from error

    def rows(self, sql: str, params: Params = ()) -> list[Row]:
        """All rows of one query."""
        with self.held():
            cursor = self._db.execute(sql, params)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def value(self, sql: str, params: Params = ()) -> Any:
        """The first column of the first row, or None where there is no row."""
        with self.held():
            row = self._db.execute(sql, params).fetchone()
            return row[0] if row else None

    def change(self, sql: str, params: Params = ()) -> int:
        """Execute one UPDATE or DELETE; the number of rows it changed."""
        with self.held():
            return self._db.execute(sql, params).rowcount

    def insert(self, sql: str, params: Params = ()) -> int:
        """Execute one INSERT; the new row's id."""
        with self.held():
            return self._db.execute(sql, params).lastrowid or 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other threads out, and translate errors."""
        with self._lock:
            if self._broken:
                raise LedgerBroken(f"failed before: {self._broken}", do=_RESTART)
            try:
                yield
            except (sqlite3.Error, UnicodeDecodeError) as error:
                raise self._note(error) from error

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction: durable when the block is left, and nothing of it on any error."""
        with self.held(), self._db.atomic():
            yield

    def check(self) -> None:
        """Raises `LedgerDamaged` where pages contradict each other; reads the whole file."""
        if (found := self.value("PRAGMA quick_check(1)")) != "ok":
            raise LedgerDamaged(f"{self.path}: {found}", do=_RESTART)

    @property
    def changes(self) -> int:
        """Rows changed since the connection was opened."""
        return self._connection.total_changes

    def close(self) -> None:
        """Close the connection; where it is the last one, SQLite checkpoints."""
        with self._lock:
            self._broken = self._broken or f"{self.path} was closed"
            self._db.close()

    def _note(self, error: sqlite3.Error | UnicodeDecodeError) -> BodydockError:
        meant = meaning(error, self.path)
        if isinstance(meant, LedgerDamaged) or _primary(error) == sqlite3.SQLITE_IOERR:
            self._broken = meant.what
        return meant


def _text(raw: bytes) -> str:
    """Damaged text spoils its own row, not the whole query."""
    return raw.decode("utf-8", "replace")


def _primary(error: sqlite3.Error | UnicodeDecodeError) -> int:
    """SQLite's result code without its extension. Names that are no UTF-8 are damage, too."""
    if isinstance(error, UnicodeDecodeError):
        return sqlite3.SQLITE_CORRUPT
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def meaning(error: sqlite3.Error | UnicodeDecodeError, path: Path) -> BodydockError:
    """What an error of SQLite means for the dock."""
    match _primary(error):
        case sqlite3.SQLITE_FULL:
            return SpoolFull(f"no space left to write {path}", do="free space on its disk")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return LedgerDamaged(f"{path}: {error}", do=_RESTART)
        case _:
            return LedgerBroken(
                f"{path}: {error}", do="check its owner, its permissions and its disk"
            )


def open_writable(path: Path) -> Database:
    """The one writing connection, its guarantees set and read back.

    Raises `LedgerDamaged` for what is no database, `LedgerBroken` where the file cannot be
    opened or WAL and `synchronous=FULL` cannot be had.
    """
    try:
        connection = sqlite3.connect(path, check_same_thread=False)
    except sqlite3.Error as error:
        raise meaning(error, path) from error
    database = Database(connection, path)
    try:
        _insist(database)
    except BodydockError:
        database.close()
        raise
    return database


def _insist(database: Database) -> None:
    """What durability rests on; a build or a file system may quietly say no."""
    for name, value in {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}.items():
        database.value(f"PRAGMA {name} = {value}")
        if (got := database.value(f"PRAGMA {name}")) != value:
            raise LedgerBroken(f"{database.path}: {name} is {got}, not {value}", do=_RESTART)
    for name, value in {"trusted_schema": 0, "cell_size_check": 1}.items():
        database.value(f"PRAGMA {name} = {value}")
    database.value(f"PRAGMA journal_size_limit = {_LOG_KEPT}")


def open_readonly(path: Path) -> Database:
    """A reader that never writes or checkpoints; it lives for one command.

    A dock that was stopped left no log: then the file is read as immutable, since SQLite would
    otherwise make log and index of our user beside the daemon's. After a crash the log is there,
    and SQLite makes its index (`-shm`) anew. Raises `LedgerBroken` where there is no ledger.
    """
    log = Path(f"{path}-wal")
    try:
        if not path.is_file():
            raise LedgerBroken(f"there is no ledger at {path}", do="has the dock run here?")
        alone = not log.exists() or log.stat().st_size == 0
        uri = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if alone else ''}"
        return Database(sqlite3.connect(uri, uri=True, check_same_thread=False), path)
    except OSError as error:
        raise LedgerBroken(
            f"{path}: {error.strerror}", do="check its owner, its permissions and its disk"
        ) from error
    except sqlite3.Error as error:
        raise meaning(error, path) from error


class WriterLock:
    """Held by the one process that writes a ledger; let go when it is closed or collected."""

    def __init__(self, path: Path) -> None:
        """Raises `LedgerInUse` where another process holds it, `LedgerBroken` where no file can
        be made."""
        self._file = -1
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LedgerBroken(
                f"{path}: {error.strerror}", do="check its owner, its permissions and its disk"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LedgerInUse(f"another bodydock holds {path}", do="stop that one first") from error

    def close(self) -> None:
        file, self._file = self._file, -1
        if file >= 0:
            with suppress(OSError):
                os.close(file)

    __del__ = close
