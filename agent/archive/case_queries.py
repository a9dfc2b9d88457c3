"""What the catalogue tells of case data, holds, retention and orders."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from agent.archive.folding import ARCHIVE, FOLDED, HoldSaid, Said
from agent.archive.opened import Opened
from agent.archive.plain import plain
from agent.config.retention import ROUTINE
from agent.custody.envelopes import peek
from agent.errors import Malformed
from agent.log_entry import Kind, read_entry
from agent.model import CaseData, Hold, HoldReason
from agent.wire.contract import Manifest, decode

log = logging.getLogger(__name__)

CASE_FIELDS = tuple(each.name for each in fields(CaseData))


@dataclass(frozen=True, slots=True)
class ErrandRow:
    """An order that a dock has to carry out: repeated until `done_at`, then `done` or refused."""

    id: str
    at: str
    dock: str
    clip: str
    action: str
    who: str
    why: str
    approval: str
    what: str
    done_at: str | None = None
    done: bool | None = None
    words: str | None = None

    @property
    def parts(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.what)
        return found


class CaseQueries(Opened):
    """Reads what `agent.archive.folding` made, and what it is made from."""

    def ask(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """The rows of one query."""
        return self._rows(sql, *values)

    def case_now(self, clip: str) -> CaseData | None:
        """The case data that stand, None where nobody said any."""
        for row in self._rows("select * from case_now where clip = ?", clip):
            return CaseData(**{name: row[name] for name in CASE_FIELDS})
        return None

    def disputed(self, clip: str) -> dict[str, Any]:
        """Fields of which two origins contradict each other: `{field: [[origin, value], …]}`."""
        rows = self._rows("select disputed from case_now where clip = ?", clip)
        return dict(json.loads(rows[0]["disputed"])) if rows else {}

    def case_versions(self, clip: str) -> list[dict[str, Any]]:
        """Every version, in the order in which they count; `fields` is the whole as an object."""
        where = "select * from case_version where clip = ? order by rowid"
        return [{**row, "fields": json.loads(row["fields"])} for row in self._rows(where, clip)]

    def holds_on(self, clip: str) -> list[HoldSaid]:
        """All holds, lifted ones too."""
        where = "select * from hold where clip = ? order by origin, log, number"
        return [_hold(row) for row in self._rows(where, clip)]

    def is_held(self, clip: str) -> bool:
        where = "select 1 from hold where clip = ? and lifted_at is null limit 1"
        return bool(self._rows(where, clip))

    def clips_like(self, prefix: str, limit: int = 2) -> list[str]:
        """Clips of which something is known and whose id begins so."""
        where = (
            "select clip from clip where clip >= ?1 and clip < ?1 || 'g'"
            " union select clip from case_now where clip >= ?1 and clip < ?1 || 'g'"
            " union select clip from hold where clip >= ?1 and clip < ?1 || 'g'"
            " order by clip limit ?2"
        )
        return [row["clip"] for row in self._rows(where, prefix, limit)]

    def docks_of(self, clip: str) -> list[str]:
        """Docks that delivered a clip, or whose log tells of it."""
        where = (
            "select dock from clip where clip = ?1"
            " union select dock from custody where clip = ?1 order by dock"
        )
        return [row["dock"] for row in self._rows(where, clip)]

    def custody_of(self, clip: str) -> list[dict[str, Any]]:
        """What the docks' logs say of a clip: `dock`, `log`, `n` and the entry as written."""
        where = "select dock, log, n, entry from custody where clip = ? order by dock, log, n"
        return self._rows(where, clip)

    def journal_of(self, clip: str) -> list[dict[str, Any]]:
        """What people did about a clip at the archive itself."""
        return [
            {**row, "what": json.loads(row["what"])}
            for row in self._rows("select * from journal where clip = ? order by id", clip)
        ]

    def open_errands(self, dock: str = "") -> list[ErrandRow]:
        """Orders whose result has not come, oldest first, of one dock where named."""
        where = (
            "select * from errand where done_at is null and (?1 = '' or dock = ?1)"
            " order by at, rowid"
        )
        return [_errand(row) for row in self._rows(where, dock)]

    def errands_of(self, clip: str) -> list[ErrandRow]:
        where = "select * from errand where clip = ? order by at, rowid"
        return [_errand(row) for row in self._rows(where, clip)]

    def unshown(self, limit: int) -> list[str]:
        """Clips whose names in the folders for people are to be looked at again."""
        return [row["clip"] for row in self._rows("select clip from unshown limit ?", limit)]

    def unshown_count(self) -> int:
        return int(self._rows("select count(*) as many from unshown")[0]["many"])

    def class_of(self, clip: str) -> str:
        """The name of a clip's retention class: what case data say, else its manifests."""
        where = (
            "select retention as name from case_now where clip = ?1 and retention <> ''"
            " union all select name from (select name from kept_for where clip = ?1 order by dock)"
        )
        return next((str(row["name"]) for row in self._rows(where, clip)), ROUTINE)

    def stored_at(self, blake3: str) -> str:
        """Where an object lies, relative to the archive's root; empty where none is recorded."""
        rows = self._rows("select stored_as from object where blake3 = ?", blake3)
        return str(rows[0]["stored_as"]) if rows else ""

    def is_encrypted(self, blake3: str) -> bool:
        where = "select 1 from stored_form where blake3 = ? and form = 'age'"
        return bool(self._rows(where, blake3))

    def names(self, path: str) -> list[dict[str, Any]]:
        """The clip that a path in the folders for people belongs to, if any."""
        return self._rows("select clip, blake3 from tree_link where path = ?", path)

    def links_of(self, clip: str) -> list[str]:
        where = "select path from tree_link where clip = ? order by path"
        return [row["path"] for row in self._rows(where, clip)]

    def link_count(self) -> int:
        return int(self._rows("select count(*) as many from tree_link")[0]["many"])

    def said_of(self, clip: str) -> list[Said]:
        """Every statement about case data and holds, of docks and of the archive."""
        kinds = [kind.value for kind in FOLDED]
        where = (
            "select dock, log, entry from custody where clip = ? and kind in (?, ?, ?)"
            " order by dock, log, n"
        )
        told = list(_entries(self._rows(where, clip, *kinds)))
        where = "select * from journal where clip = ? and kind in (?, ?, ?) order by id"
        own = [
            Said(ARCHIVE, 0, row["id"], Kind(row["kind"]), row["at"], row["who"], what)
            for row in self._rows(where, clip, *kinds)
            if isinstance(what := json.loads(row["what"]), dict)
        ]
        return told + own

    def manifests_of(self, clip: str) -> list[Manifest]:
        """The manifests of all deliveries of a clip; one that is damaged is left out."""
        rows = self._rows("select manifest, dock from clip where clip = ?", clip)
        found: list[Manifest] = []
        for row in rows:
            try:
                found.append(decode(Manifest, peek(str(row["manifest"]).encode())))
            except Malformed as error:
                log.error("manifest of clip %s from dock %s: %s", clip, row["dock"], error)
        return found


def _entries(rows: Iterable[dict[str, Any]]) -> Iterator[Said]:
    """Statements out of entries; one that cannot be read was complained of when it came."""
    for row in rows:
        try:
            entry = read_entry(row["entry"])
        except Malformed as error:
            log.debug("an entry of dock %s cannot be read: %s", row["dock"], error)
            continue
        who, at, what = plain([entry.who, entry.at, dict(entry.what)])
        yield Said(row["dock"], row["log"], entry.number, entry.kind, at, who, what)


def _hold(row: dict[str, Any]) -> HoldSaid:
    hold = Hold(
        number=row["number"],
        reason=HoldReason(row["reason"]),
        note=row["note"],
        who=row["who"],
        approval=row["approval"],
        at=row["at"],
        lifted_at=row["lifted_at"] or "",
        lifted_by=row["lifted_by"] or "",
        lifted_why=row["lifted_why"] or "",
        lifted_approval=row["lifted_approval"] or "",
    )
    return HoldSaid(row["origin"], row["log"], hold)


def _errand(row: dict[str, Any]) -> ErrandRow:
    return ErrandRow(**row)
