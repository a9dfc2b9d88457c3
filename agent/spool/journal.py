"""The custody log in the ledger: every entry is committed with the change that it tells of.

One SQLite file holds both, so that no state is ever without its entry and no entry without its
state. The hashing is RFC 6962's (`agent.merkle`); signing and sending is `agent.custody`'s.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.errors import LedgerDamaged, Malformed
from agent.log_entry import LogEntry, read_entry
from agent.merkle import HASH_BYTES, completed, completed_by, leaf_hash, root
from agent.spool.database import Database

_AT_ONCE = 1000


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

    def append(self, number: int, text: str, clip: str) -> None:
        """Add entry `number`, inside a transaction of the ledger's."""
        nodes = completed(number, leaf_hash(text.encode()), self.node)
        self._database.insert(
            "INSERT INTO custody (n, clip, entry, nodes) VALUES (?, ?, ?, ?)",
            [number, clip or None, text, b"".join(nodes)],
        )
