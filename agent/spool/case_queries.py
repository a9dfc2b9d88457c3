"""What can be asked about case data and holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agent.clock import to_text
from agent.model import ClipId, Hold
from agent.spool.case_rows import CaseVersion, hold_of, version_of
from agent.spool.entry import Entry
from agent.spool.queries import Queries
from agent.spool.states import State
from agent.spool.told import storable

_VERSIONS = """SELECT case_version.* FROM case_version JOIN clip ON clip.seq = case_version.clip
    WHERE clip.id = ? ORDER BY version"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which clips are looked for, by the fields of article 17; what is None does not matter.

    `officer` is a number or a name, whole; `unit` and `case_number` are whole; `name`, `party`
    and `cause` are parts of what is written. `since` and `until` overlap the time of use.
    """

    recorder: str | None = None
    state: State | None = None
    prefix: str = ""
    name: str | None = None
    officer: str | None = None
    unit: str | None = None
    party: str | None = None
    cause: str | None = None
    case_number: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    held: bool = False


class CaseQueries(Queries):
    """Reads versions, holds, and finds clips by them."""

    def case_of(self, clip: ClipId) -> CaseVersion | None:
        """The newest case data of a clip; None where nothing was ever known of it."""
        versions = self._decoded(
            version_of, self._database.rows(f"{_VERSIONS} DESC LIMIT 1", [clip])
        )
        return next(iter(versions), None)

    def case_versions(self, clip: ClipId) -> list[CaseVersion]:
        """All versions, the oldest first."""
        return self._decoded(version_of, self._database.rows(_VERSIONS, [clip]))

    def holds(self, clip: ClipId, *, lifted: bool = False) -> list[Hold]:
        """The holds that stand on a clip, the oldest first; with `lifted`, those that stood too.

        Raises `Malformed` for one that makes no sense: a hold that cannot be read still holds.
        """
        sql = """SELECT hold.* FROM hold JOIN clip ON clip.seq = hold.clip
            WHERE clip.id = ? ORDER BY hold.id"""
        found = [hold_of(row) for row in self._database.rows(sql, [clip])]
        return [each for each in found if lifted or each.stands]

    def standing_holds(self) -> dict[ClipId, int]:
        """How many holds stand on each clip that has any."""
        sql = """SELECT clip.id, count(*) AS number FROM hold JOIN clip ON clip.seq = hold.clip
            WHERE lifted_at IS NULL GROUP BY clip.id"""
        return {ClipId(row["id"]): row["number"] for row in self._database.rows(sql)}

    def search(self, wanted: Wanted, limit: int = 1000) -> list[Entry]:
        """Clips that are as wanted, the newest first."""
        terms, asked = _terms(wanted)
        where = " AND ".join(terms) or "TRUE"
        sql = f"SELECT * FROM entry WHERE {where} ORDER BY seq DESC LIMIT :limit"  # noqa: S608, ours
        return self._clips(sql, {**asked, "limit": limit})


def _terms(wanted: Wanted) -> tuple[list[str], dict[str, Any]]:
    """Conditions, and what is asked in them."""
    asked: dict[str, str | None] = {
        "recorder": wanted.recorder,
        "state": wanted.state.value if wanted.state else None,
        "prefix": wanted.prefix or None,
        "name": wanted.name,
        "officer": wanted.officer,
        "unit": wanted.unit,
        "party": wanted.party,
        "cause": wanted.cause,
        "case_number": wanted.case_number,
        "since": to_text(wanted.since) if wanted.since else None,
        "until": to_text(wanted.until) if wanted.until else None,
    }
    given = {name: storable(value) for name, value in asked.items() if value is not None}
    terms = [_CLIP[name] for name in given if name in _CLIP]
    case = [_CASE[name] for name in given if name in _CASE]
    if case:
        terms.append(f"seq IN (SELECT clip FROM case_now WHERE {' AND '.join(case)})")  # noqa: S608, ours
    if wanted.held:
        terms.append("seq IN (SELECT clip FROM hold WHERE lifted_at IS NULL)")
    return terms, given


_CLIP = {
    "recorder": "recorder IN (SELECT id FROM recorder WHERE serial = :recorder)",
    "state": "state = :state",
    "prefix": "id >= :prefix AND id < :prefix || 'g'",
}
_CASE = {
    "name": "instr(name, :name)",
    "officer": "(officer = :officer OR officer_name = :officer)",
    "unit": "unit = :unit",
    "party": "instr(party, :party)",
    "cause": "instr(cause, :cause)",
    "case_number": "case_number = :case_number AND case_number <> ''",
    "since": "used_until <> '' AND used_until >= :since",
    "until": "used_from <> '' AND used_from < :until",
}
