"""Ledger and catalogue read with nothing but SQLite: a witness that shares no code with the agent.

A process that was killed leaves its write-ahead log: then file and log are copied and read there,
so that looking changes nothing. Beside a living process they are read in place.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

Row = dict[str, Any]

LEDGER_CLIPS = """
    SELECT clip.*, recorder.serial FROM clip JOIN recorder ON recorder.id = clip.recorder
    ORDER BY seq"""


@contextmanager
def opened(path: Path, *, alive: bool) -> Iterator[sqlite3.Connection]:
    """The database for reading."""
    with TemporaryDirectory() as folder:
        where = f"{path.absolute().as_uri()}?mode=ro"
        if not alive:
            copy = Path(folder) / path.name
            shutil.copyfile(path, copy)
            if (log := Path(f"{path}-wal")).exists():
                shutil.copyfile(log, f"{copy}-wal")
            where = copy.as_uri()
        with closing(sqlite3.connect(where, uri=True, timeout=10.0)) as database:
            database.row_factory = sqlite3.Row
            yield database


def rows(path: Path, query: str, *, alive: bool) -> list[Row]:
    """What a query finds; nothing where there is no database or no such table yet."""
    if not path.exists():
        return []
    with opened(path, alive=alive) as database:
        try:
            return [dict(row) for row in database.execute(query)]
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise


def integrity(path: Path, *, alive: bool) -> str:
    """`ok`, or what SQLite finds wrong with the file."""
    with opened(path, alive=alive) as database:
        return str(database.execute("PRAGMA integrity_check(1)").fetchone()[0])
