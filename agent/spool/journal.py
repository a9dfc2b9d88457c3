"""The custody log in the ledger: every entry is committed with the change that it tells of.

One SQLite file holds both, so that no state is ever without its entry and no entry without its
state. The hashing is RFC 6962's (`agent.merkle`); signing and sending is `agent.custody`'s.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from agent.errors import LedgerDamaged, Malformed
from agent.log_entry import LogEntry, read_entry
from agent.merkle import HASH_BYTES, completed, completed_by, leaf_hash, root
from agent.spool.database import Database

_AT_ONCE = 1000
ARCHIVE_CHANGES = "archive-key-changes"
"""The fact that holds, as JSON, how archives' keys gave way to others."""
BROKEN = "custody-broken"
"""The fact that an archive refuses this log: what it says, and at which entry that is told."""


@dataclass(frozen=True, slots=True)
class KeptNote:
    """A checkpoint as signed here, and as it came back with the archive's cosignature."""

    size: int
    note: str
    cosigned: str | None
    at: str

    @property
    def best(self) -> str:
        """The note with the most signatures."""
        return self.cosigned or self.note


class Journal:
    """Reads the log; `append` is for the ledger's own transactions alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def size(self) -> int:
        """How many entries there are."""
        return int(self._database.value("SELECT ifnull(max(n) + 1, 0) FROM custody"))

    def node(self, level: int, index: int) -> bytes:
        """The complete Merkle node (level, index). Raises `LedgerDamaged` where it is not there."""
        sql = "SELECT nodes FROM custody WHERE n = ?"
        nodes = self._database.value(sql, [completed_by(level, index)])
        at = level * HASH_BYTES
        if not isinstance(nodes, bytes) or len(nodes) < at + HASH_BYTES:
            raise LedgerDamaged(f"custody log: no node {level}/{index}")
        return nodes[at : at + HASH_BYTES]

    def root(self, size: int) -> bytes:
        """The root over the first `size` entries."""
        return root(size, self.node)

    def lines(self, first: int = 0, limit: int | None = None) -> Iterator[str]:
        """Entries as written, in order, from number `first`."""
        left = self.size - first if limit is None else limit
        while left > 0:
            sql = "SELECT n, entry FROM custody WHERE n >= ? ORDER BY n LIMIT ?"
            rows = self._database.rows(sql, [first, min(left, _AT_ONCE)])
            if not rows:
                return
            yield from (row["entry"] for row in rows)
            first, left = rows[-1]["n"] + 1, left - len(rows)

    def of(self, clip: str) -> list[LogEntry]:
        """What the log says of one clip, in order. Raises `LedgerDamaged` for what is no entry."""
        sql = "SELECT entry FROM custody WHERE clip = ? ORDER BY n"
        try:
            return [read_entry(row["entry"]) for row in self._database.rows(sql, [clip])]
        except Malformed as error:
            raise LedgerDamaged(error.what) from error

    def kept(self) -> Iterator[tuple[str, bytes]]:
        """Every entry as written with the nodes that are kept with it, in order of its number.
        Raises `LedgerDamaged` where numbers are missing."""
        first = 0
        sql = "SELECT n, entry, nodes FROM custody WHERE n >= ? ORDER BY n LIMIT ?"
        while rows := self._database.rows(sql, [first, _AT_ONCE]):
            for row in rows:
                if row["n"] != first:
                    raise LedgerDamaged(f"custody log: entry {first} is missing")
                yield row["entry"], row["nodes"]
                first += 1

    def misfiled(self) -> int | None:
        """The number of an entry that is filed under another clip than it says, None where there
        is none."""
        sql = """SELECT n FROM custody
            WHERE clip IS NOT iif(json_valid(entry), json_extract(entry, '$.clip'), NULL) LIMIT 1"""
        found = self._database.value(sql)
        return None if found is None else int(found)

    def notes(self) -> list[KeptNote]:
        """The checkpoints that are kept, the shortest first."""
        return self._notes("SELECT * FROM checkpoint ORDER BY size")

    def newest(self, *, cosigned: bool = False) -> KeptNote | None:
        """The longest checkpoint, or the longest that came back cosigned."""
        where = "WHERE cosigned IS NOT NULL" if cosigned else ""
        sql = f"SELECT * FROM checkpoint {where} ORDER BY size DESC LIMIT 1"  # noqa: S608
        return next(iter(self._notes(sql)), None)

    def own_key(self) -> str:
        """The public key that the dock signs with, as the ledger has it; empty before its start."""
        return str(self._database.value("SELECT value FROM fact WHERE name = 'key'") or "")

    def archive_changes(self) -> list[str]:
        """The statements by which archives' keys gave way to others, as this dock took them on.
        Raises `LedgerDamaged` where they can no longer be read."""
        sql = "SELECT value FROM fact WHERE name = ?"
        found = self._database.value(sql, [ARCHIVE_CHANGES])
        try:
            told = [] if found is None else json.loads(found)
        except ValueError as error:
            raise LedgerDamaged(f"the changes of the archive's key: {error}") from error
        if not isinstance(told, list) or not all(isinstance(each, str) for each in told):
            raise LedgerDamaged("the changes of the archive's key are no list of statements")
        return told

    def trouble(self) -> str:
        """What an archive says against this log, empty while nothing is known against it."""
        found = self._database.value("SELECT value FROM fact WHERE name = ?", [BROKEN])
        try:
            return "" if found is None else str(json.loads(found)["why"])
        except (ValueError, TypeError, KeyError):
            return "refused, but why is no longer readable"

    def _notes(self, sql: str) -> list[KeptNote]:
        return [KeptNote(**row) for row in self._database.rows(sql)]

    def append(self, number: int, text: str, clip: str) -> None:
        """Add entry `number`, inside a transaction of the ledger's."""
        nodes = completed(number, leaf_hash(text.encode()), self.node)
        self._database.insert(
            "INSERT INTO custody (n, clip, entry, nodes) VALUES (?, ?, ?, ?)",
            [number, clip or None, text, b"".join(nodes)],
        )
