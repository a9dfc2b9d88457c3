"""The catalogue's verbs about docks' custody logs. See `agent.archive.keeper`, which decides."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from agent.archive.mirror_queries import MirrorQueries
from agent.custody.orders import Order
from agent.errors import UsageError
from agent.log_entry import Kind, LogEntry

OnEntries = Callable[[str, list[LogEntry]], None]
"""Is told which entries of which dock were added, in the transaction that adds them."""


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry that is to be added; `read` is None for a kind that this version does not know."""

    number: int
    clip: str
    kind: str
    text: str
    nodes: bytes
    read: LogEntry | None


class Mirrors(MirrorQueries):
    """Each is one transaction. All raise `StoreBroken`."""

    def mirror_entries(
        self,
        dock: str,
        log: int,
        entries: Sequence[NewEntry],
        told: Sequence[OnEntries],
    ) -> None:
        """Add entries to the copy of a dock's log, and tell those who fold them."""
        rows = [(dock, log, e.number, e.clip or None, e.kind, e.text, e.nodes) for e in entries]
        with self.writing("keep custody log"):
            self._db.conn.executemany(
                "insert into custody (dock, log, n, clip, kind, entry, nodes)"
                " values (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            read = [each.read for each in entries if each.read is not None]
            for tell in told if read else ():
                tell(dock, read)

    def keep_cosigned(self, dock: str, log: int, size: int, note: str, at: str) -> None:
        """A checkpoint with our cosignature. Of each earlier day only the longest stays."""
        with self.writing("keep cosignature"):
            self._db.conn.execute(
                "insert or replace into cosigned (dock, log, size, note, at)"
                " values (?, ?, ?, ?, ?)",
                [dock, log, size, note, at],
            )
            self._db.conn.execute(
                "delete from cosigned where dock = ?1 and log = ?2 and substr(at, 1, 10) < ?3"
                " and size not in (select max(size) from cosigned where dock = ?1 and log = ?2"
                " group by substr(at, 1, 10))",
                [dock, log, at[:10]],
            )

    def refuse_log(self, dock: str, log: int, why: str, note: str, at: str) -> None:
        """A dock's log contradicts what this archive has; `note` proves it."""
        row = {"dock": dock, "log": log, "at": at, "why": why, "note": note}
        with self.writing("refuse custody log"):
            self._db.table("trouble").insert(row)

    def restart_custody(self, order: Order, at: str) -> dict[str, Any]:
        """A person takes a dock's log as it is from now on, as a new one; what was there stays.

        The dock is `what["dock"]`. Raises `UsageError` where nothing stands against its log, or
        nobody says why.
        """
        dock = order.what.get("dock")
        if not isinstance(dock, str) or not order.why.strip():
            raise UsageError("which dock's log, and why?", do="give DOCK and --why")
        with self.writing("restart custody log"):
            if not (open_ones := self.troubles(dock, open_only=True)):
                raise UsageError("nothing stands against the custody log of that dock")
            self._db.conn.execute(
                "update trouble set settled_by = ?, settled_why = ?, settled_at = ?"
                " where dock = ? and settled_at is null",
                [order.who, order.why, at, dock],
            )
            what: dict[str, Any] = {
                "event": "restarted",
                "dock": dock,
                "why": order.why,
                "via": order.via,
            }
            what |= {"approval": order.approval, "troubles": [each.id for each in open_ones]}
            self._db.conn.execute(
                "insert into journal (at, who, kind, what) values (?, ?, ?, ?)",
                [at, order.who, Kind.BROKEN.value, json.dumps(what, ensure_ascii=False)],
            )
        return {"dock": dock, "log": self.mirror(dock).log}
