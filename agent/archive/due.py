"""What falls due by its retention class. It is reported, and nothing is ever deleted by it.

A class "by date" counts months from the end of the interval in which the clip was recorded, or from
its receipt where that is unknown (article 12: routine footage at least six months). Evidence is
kept as long as its case, and only a person knows when that is closed. A held clip never falls due.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from agent.archive.case_queries import CaseQueries
from agent.clock import from_text, to_text
from agent.config import Retained
from agent.config.retention import ROUTINE

_LAST_YEAR = 9999
_NEVER = "\U0010ffff"
"""After every moment."""
_SLACK = timedelta(days=5)
"""Months differ by no more, with any time zone."""


class Verdict(Enum):
    """What the report says of a clip."""

    DUE = "due"
    CASE = "until its case is closed"
    """A person must look: the class ends with the case."""
    HELD = "held"
    """Would be due, or would need a person, and is held."""
    UNKNOWN = "unknown class"
    """No policy says how long; a person must look."""


@dataclass(frozen=True, slots=True)
class DueClip:
    """One line of the report; `due` is when its class ends (RFC 3339, UTC), empty for no date."""

    clip: str
    keep: str
    counted_from: str
    due: str
    verdict: Verdict
    holds: tuple[str, ...]
    case_number: str
    recorder: str
    path: str

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": self.verdict.value, "holds": list(self.holds)}


def due_by(
    view: CaseQueries, configured: Mapping[str, Retained], until: datetime
) -> Iterator[DueClip]:
    """Clips whose class ends by `until`, those that need a person, and those that are held in
    spite of it; by clip id. Permanent ones, and what is kept longer, are not in it."""
    limit = to_text(until)
    for row in view.ask(_DUE, _too_young(configured.get(ROUTINE), limit)):
        clip, keep = row["clip"], row["retention"] or row["kept_name"] or ROUTINE
        kind = configured.get(keep) or _carried(row)
        counted = row["latest"] or row["received_at"]
        due = ends(counted, kind.months) if kind and kind.until == "date" else ""
        verdict = _verdict(kind, due, limit)
        if verdict is None:
            continue
        holds = tuple((row["holds"] or "").split(",")) if row["holds"] else ()
        (where,) = view.ask("select recorder_serial, path from clip where clip = ? limit 1", clip)
        yield DueClip(
            clip=clip,
            keep=keep,
            counted_from=counted,
            due=due,
            verdict=Verdict.HELD if holds else verdict,
            holds=holds,
            case_number=row["case_number"] or "",
            recorder=where["recorder_serial"],
            path=where["path"],
        )


def ends(counted_from: str, months: int | None) -> str:
    """`months` after a moment, on the same day of the month or its last; empty where that cannot be
    said."""
    try:
        start = from_text(counted_from)
    except (ValueError, OverflowError):
        return ""
    if months is None:
        return ""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    if not 1 <= year <= _LAST_YEAR:
        return ""
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return to_text(start.replace(year=year, month=month + 1, day=day))


def _too_young(routine: Retained | None, limit: str) -> str:
    """Routine clips counted from a later moment are not due, to some days; most clips are such."""
    if routine is None or routine.until != "date" or routine.months is None:
        return _NEVER
    begin = ends(limit, -routine.months)
    return to_text(from_text(begin) + _SLACK) if begin else _NEVER


def _verdict(kind: Retained | None, due: str, limit: str) -> Verdict | None:
    if kind is None or (kind.until == "date" and kind.months is None):
        return Verdict.UNKNOWN
    if kind.until == "case":
        return Verdict.CASE
    return Verdict.DUE if due and due <= limit else None


def _carried(row: Mapping[str, Any]) -> Retained | None:
    """The class as the manifest carried it, where this archive's policy does not name it."""
    if not row["kept_name"] or (row["retention"] or row["kept_name"]) != row["kept_name"]:
        return None
    return Retained(
        name=row["kept_name"][:64], until=row["kept_until"], months=row["kept_months"] or None
    )


_DUE = """select c.clip, max(c.latest) as latest, max(c.received_at) as received_at,
    n.retention, n.case_number, k.name as kept_name, k.months as kept_months,
    k.until as kept_until,
    (select group_concat(h.reason) from hold h where h.clip = c.clip and h.lifted_at is null)
        as holds
    from clip c left join case_now n on n.clip = c.clip
    left join kept_for k on k.clip = c.clip
        and k.dock = (select min(dock) from kept_for where clip = c.clip)
    group by c.clip
    having coalesce(n.retention, '') <> '' or k.name is not null
        or coalesce(max(c.latest), max(c.received_at)) <= ?
    order by c.clip"""
