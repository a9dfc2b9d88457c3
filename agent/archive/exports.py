"""Exports in an archive's journal: what was handed out, to whom and on whose word."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from agent.archive.opened import Opened
from agent.custody.export.record import ORDERS
from agent.custody.orders import Order
from agent.errors import UsageError, WrongState
from agent.log_entry import Kind
from agent.spool.exports import Exported


class ExportQueries(Opened):
    """Reads the journal. Raises `StoreBroken`."""

    def exports(self) -> list[Exported]:
        """Every export, the newest first."""
        found: dict[str, Exported] = {}
        for row in self._exported():
            what = json.loads(row["what"])
            export, begun = what["export"], found.get(what["export"])
            if begun is None:
                found[export] = Exported(export, row["at"], row["who"], what, "", {})
            else:
                found[export] = Exported(export, begun.at, begun.who, begun.begun, row["at"], what)
        return list(found.values())[::-1]

    def _exported(self) -> list[dict[str, Any]]:
        where = "select * from journal where kind = ? and clip is null order by id"
        return self._rows(where, Kind.EXPORTED.value)


class Exports(ExportQueries):
    """The intent is written before anything is copied, its outcome after."""

    def export(self, order: Order, at: str) -> dict[str, Any]:
        """Take in one of the orders of `agent.custody.export.record`. Raises `UsageError`,
        `WrongState`; then nothing has changed."""
        if not order.who.strip():
            raise UsageError("an export needs the name of who makes it")
        with self.writing("export"):
            return ORDERS[order.action](_Register(self, at), order)

    def stage_of(self, export: str) -> str:
        """`begun`, `supplied`, `failed`; empty for one that is not known."""
        return next((each.stage for each in self.exports() if each.id == export), "")

    def enter_export(self, at: str, who: str, clip: str | None, what: Mapping[str, Any]) -> None:
        """One row of the journal, in the transaction of its order."""
        self._db.conn.execute(
            "insert into journal (at, who, kind, clip, what) values (?, ?, ?, ?, ?)",
            [at, who, Kind.EXPORTED.value, clip, json.dumps(dict(what), ensure_ascii=False)],
        )


class _Register:
    """The journal as the orders see it."""

    def __init__(self, journal: Exports, at: str) -> None:
        self._journal = journal
        self._at = at

    def export_begun(self, export: str, who: str, facts: Mapping[str, Any]) -> None:
        if self._journal.stage_of(export):
            raise WrongState(f"export {export} was begun before")
        told = {"export": export, "stage": "begun", **facts}
        self._journal.enter_export(self._at, who, None, told)

    def export_names(
        self, export: str, who: str, clips: Sequence[str], facts: Mapping[str, Any]
    ) -> None:
        self._insist_open(export)
        for clip in clips:
            told = {"export": export, "stage": "meant", **facts}
            self._journal.enter_export(self._at, who, clip, told)

    def export_ended(self, export: str, who: str, facts: Mapping[str, Any]) -> None:
        self._insist_open(export)
        self._journal.enter_export(self._at, who, None, {"export": export, **facts})

    def _insist_open(self, export: str) -> None:
        if self._journal.stage_of(export) != "begun":
            raise WrongState(f"export {export} is not under way")
