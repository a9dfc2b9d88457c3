"""An opened catalogue file: one connection, kept apart between threads, its errors remembered."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeVar

import sqlite_utils

from agent.archive.records import READABLE, SCHEMA, ClipRow, DockRow, ObjectRow
from agent.errors import StoreBroken

_FATAL = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

R = TypeVar("R", ObjectRow, ClipRow, DockRow)


@contextmanager
def guarded(doing: str) -> Iterator[None]:
    """Translate the database's errors inside into `StoreBroken`."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreBroken(f"catalogue: {doing}: {error}") from error


class Opened:
    """What reading and writing share. All methods raise `StoreBroken`.

    After an input/output error or found damage nothing more is read or written: a page that
    failed to sync counts as clean for the kernel, so a later "success" would prove nothing.
    """

    def _attach(self, uri: str) -> None:
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        connection.text_factory = _text
        self._db = sqlite_utils.Database(connection, execute_plugins=False)
        self._lock = threading.RLock()
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

    @contextmanager
    def _held(self, doing: str) -> Iterator[None]:
        """Keep other threads out, translate errors, and remember those that end all work."""
        with self._lock, guarded(doing):
            self.check()
            try:
                yield
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF in _FATAL:
                    self._broken = f"catalogue: {doing}: {error}"
                raise

    @contextmanager
    def writing(self, doing: str) -> Iterator[None]:
        """One transaction; inside another of the same thread it is a part of that one."""
        with self._held(doing), self._db.atomic():
            yield

    def _rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        with self._held("read"):
            cursor = self._db.conn.execute(sql, values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def _typed(self, kind: type[R], sql: str, *values: object) -> list[R]:
        return [kind(**row) for row in self._rows(sql, *values)]


def _text(raw: bytes) -> str:
    """Damaged text spoils its own row, not the whole query."""
    return raw.decode("utf-8", "replace")
