"""What was handed out, to whom and on whose word: exports in the ledger.

The custody log holds the facts; the table `export` only says where in it an export begins and
ends. An export without an end was cut off, or goes on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.errors import LedgerDamaged, UsageError, WrongState
from agent.log_entry import Kind, read_entry
from agent.spool.stamps import Stamp
from agent.spool.view import LedgerView
from agent.spool.writer import Writer


class Exports(Writer):
    """The intent is written before anything is copied, its outcome after."""

    def export_begun(self, export: str, who: str, facts: Mapping[str, Any]) -> None:
        """Somebody means to hand out clips; they follow in `export_names`. Raises `WrongState`
        for an id that is known."""
        with self._writing():
            if self._export(export) is not None:
                raise WrongState(f"export {export} was begun before")
            number = self.journal.size
            self._enter(Kind.EXPORTED, who=who, export=export, stage="begun", **facts)
            self._insert("export", id=export, begun=number)

    def export_names(
        self, export: str, who: str, clips: Sequence[str], facts: Mapping[str, Any]
    ) -> None:
        """These clips are among what is to be handed out: an entry in each one's own history."""
        with self._writing():
            self._insist_open(export)
            for clip in clips:
                if self._database.value("SELECT seq FROM clip WHERE id = ?", [clip]) is None:
                    raise UsageError(f"the ledger knows no clip {clip}")
                self._enter(
                    Kind.EXPORTED, clip=clip, who=who, export=export, stage="meant", **facts
                )

    def export_ended(self, export: str, who: str, facts: Mapping[str, Any]) -> None:
        """What became of it; `facts` has `stage`, "supplied" or "failed"."""
        with self._writing():
            self._insist_open(export)
            number = self.journal.size
            self._enter(Kind.EXPORTED, who=who, export=export, **facts)
            self._database.change("UPDATE export SET ended = ? WHERE id = ?", [number, export])

    def _export(self, export: str) -> Mapping[str, Any] | None:
        found = self._database.rows("SELECT * FROM export WHERE id = ?", [export])
        return found[0] if found else None

    def _insist_open(self, export: str) -> None:
        found = self._export(export)
        if found is None or found["ended"] is not None:
            raise WrongState(f"export {export} is not under way")


@dataclass(frozen=True, slots=True)
class Exported:
    """One export: what the log says of its beginning and, where there is one, of its end."""

    id: str
    at: str
    who: str
    begun: Mapping[str, Any]
    ended_at: str
    ended: Mapping[str, Any]

    @property
    def stage(self) -> str:
        """`begun`, `supplied` or `failed`."""
        return str(self.ended.get("stage", "begun"))


class EvidenceView(LedgerView):
    """What an export needs of a ledger beside its clips; read only."""

    def exports(self) -> list[Exported]:
        """Every export, the newest first. Raises `LedgerDamaged` for entries that are none."""
        sql = """SELECT export.id, begun.entry AS begun, ended.entry AS ended FROM export
            JOIN custody AS begun ON begun.n = export.begun
            LEFT JOIN custody AS ended ON ended.n = export.ended ORDER BY export.begun DESC"""
        return [_exported(row) for row in self._database.rows(sql)]

    def case_record(self, clip: str) -> dict[str, Any]:
        """All versions of a clip's case data and all of its holds, lifted or not; oldest first."""
        versions = self._database.rows(
            """SELECT version, at, who, why, fields FROM case_version
            WHERE clip = (SELECT seq FROM clip WHERE id = ?) ORDER BY version""",
            [clip],
        )
        holds = self._database.rows(
            """SELECT * FROM hold WHERE clip = (SELECT seq FROM clip WHERE id = ?) ORDER BY id""",
            [clip],
        )
        return {
            "versions": [{**each, "fields": _fields(each["fields"])} for each in versions],
            "holds": [{**each, "clip": clip} for each in holds],
        }

    def stamps(self) -> list[Stamp]:
        """Every time stamp token, the oldest first."""
        sql = """SELECT stamp.*, checkpoint.note FROM stamp
            JOIN checkpoint ON checkpoint.size = stamp.size ORDER BY stamp.size, stamp.authority"""
        return [
            Stamp(row["size"], row["authority"], row["at"], row["token"], row["note"])
            for row in self._database.rows(sql)
        ]

    def __enter__(self) -> EvidenceView:
        return self


def _fields(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise LedgerDamaged(f"a version of case data is no JSON: {error}") from error


def _exported(row: Mapping[str, Any]) -> Exported:
    begun = read_entry(row["begun"])
    ended = read_entry(row["ended"]) if row["ended"] else None
    return Exported(
        id=row["id"],
        at=begun.at,
        who=begun.who,
        begun=begun.what,
        ended_at=ended.at if ended else "",
        ended=ended.what if ended else {},
    )
