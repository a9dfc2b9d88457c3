"""The archive's copies of docks' custody logs, as they are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agent.archive.opened import Opened
from agent.errors import Malformed, StoreBroken
from agent.log_entry import LogEntry, read_entry
from agent.merkle import HASH_BYTES, completed_by, root

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A checkpoint with this archive's cosignature."""

    size: int
    note: str
    at: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """A dock's log that contradicts what this archive cosigned, until somebody settles it."""

    id: int
    dock: str
    log: int
    at: str
    why: str
    note: str
    settled_by: str | None
    settled_why: str | None
    settled_at: str | None


class MirrorQueries(Opened):
    """All raise `StoreBroken`."""

    def mirror(self, dock: str, log: int | None = None) -> Mirror:
        """This archive's copy of a dock's log: of the one that counts, or of an earlier one."""
        if log is None:
            sql = "select ifnull(max(log) + 1, 0) as log from trouble where dock = ? and settled_at"
            log = int(self._rows(f"{sql} is not null", dock)[0]["log"])
        return Mirror(self, dock, log)

    def mirrors(self) -> list[Mirror]:
        """Of every log of every dock."""
        found = self._rows("select distinct dock, log from custody order by dock, log")
        return [Mirror(self, row["dock"], row["log"]) for row in found]

    def troubles(self, dock: str = "", *, open_only: bool = False) -> list[Trouble]:
        """What was found against docks' logs, the oldest first."""
        sql = """select * from trouble where (?1 = '' or dock = ?1)
            and (not ?2 or settled_at is null) order by id"""
        return [Trouble(**row) for row in self._rows(sql, dock, open_only)]

    def custody_rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """For `Mirror` alone."""
        return self._rows(sql, *values)


@dataclass(frozen=True, slots=True)
class Mirror:
    """One dock's log number `log`, entry by entry as it came."""

    catalogue: MirrorQueries
    dock: str
    log: int

    @property
    def size(self) -> int:
        """How many entries there are."""
        rows = self._rows("select ifnull(max(n) + 1, 0) as size from custody")
        return int(rows[0]["size"])

    def node(self, level: int, index: int) -> bytes:
        """The complete Merkle node (level, index)."""
        rows = self._rows("select nodes from custody", "n = ?3", completed_by(level, index))
        nodes, at = rows[0]["nodes"] if rows else b"", level * HASH_BYTES
        if not isinstance(nodes, bytes) or len(nodes) < at + HASH_BYTES:
            raise StoreBroken(f"custody log of {self.dock}: no node {level}/{index}")
        return nodes[at : at + HASH_BYTES]

    def root(self, size: int) -> bytes:
        """The root over the first `size` entries."""
        return root(size, self.node)

    def kept(self) -> Iterator[tuple[str, bytes]]:
        """Every entry with the nodes that are kept with it, in order of its number."""
        first = 0
        while rows := self._rows(
            "select n, entry, nodes from custody", "n >= ?3 order by n limit ?4", first, _AT_ONCE
        ):
            for row in rows:
                if row["n"] != first:
                    raise StoreBroken(f"custody log of {self.dock}: entry {first} is missing")
                yield row["entry"], row["nodes"]
                first += 1

    def of(self, clip: str) -> list[LogEntry]:
        """What the log says of one clip, in order."""
        rows = self._rows("select entry from custody", "clip = ?3 order by n", clip)
        try:
            return [read_entry(row["entry"]) for row in rows]
        except Malformed as error:
            raise StoreBroken(f"custody log of {self.dock}: {error.what}") from error

    def misfiled(self) -> int | None:
        """The number of an entry that is filed under another clip or kind than it says."""
        where = """not (json_valid(entry) and clip is json_extract(entry, '$.clip')
            and kind is json_extract(entry, '$.kind')) limit 1"""
        rows = self._rows("select n from custody", where)
        return int(rows[0]["n"]) if rows else None

    def cosigned(self) -> list[Cosigned]:
        """The checkpoints that were cosigned and are kept, the shortest first."""
        rows = self._rows("select size, note, at from cosigned", "true order by size")
        return [Cosigned(**row) for row in rows]

    def newest(self) -> Cosigned | None:
        """The longest of them."""
        rows = self._rows("select size, note, at from cosigned", "true order by size desc limit 1")
        return Cosigned(**rows[0]) if rows else None

    def _rows(self, what: str, where: str = "true", *values: object) -> list[dict[str, Any]]:
        sql = f"{what} where dock = ?1 and log = ?2 and {where}"
        return self.catalogue.custody_rows(sql, self.dock, self.log, *values)
