"""Finding clips by the fields of article 17, and by what offices keep with them.

Each condition is a set of clips that one index answers; they are intersected before a single
delivery is read, since a delivery's row is long (it has manifest and receipt in it). The order of
the joins is given (`cross join`): without statistics SQLite would go through all deliveries.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from agent.archive.case_queries import CASE_FIELDS
from agent.archive.view import CatalogueView
from agent.model import CaseData

_PAST_ALL = "\U0010ffff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is looked for; an empty text or None is not asked.

    `name`, `party`, `cause` may stand anywhere in what is kept; the others are whole. `officer` is
    a number or a name. `since` and `until` are RFC 3339 in UTC: the clip may have been recorded, or
    the recorder used, between them.
    """

    name: str = ""
    recorder: str = ""
    officer: str = ""
    since: str = ""
    until: str = ""
    party: str = ""
    cause: str = ""
    unit: str = ""
    case: str = ""
    business: str = ""
    keep: str = ""
    held: bool = False
    importance: int | None = None
    dock: str = ""
    disputed: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """One clip: its newest delivery, the case data that stand, and how many holds do."""

    clip: str
    recorder: str
    path: str
    size: int
    dock: str
    deliveries: int
    earliest: str
    received_at: str
    officer: str
    unit: str
    stored_as: str
    holds: int
    disputed: bool
    case: CaseData

    def document(self) -> dict[str, Any]:
        return asdict(self)


def find(view: CatalogueView, asked: Asked, limit: int) -> list[Found]:
    """Clips that meet every condition, the newest received first."""
    conditions, values = _conditions(asked)
    if not conditions:
        conditions = [_set("select clip from clip order by received_at desc limit ?")]
        values = [limit]
    wanted = " intersect ".join(conditions)
    sql = (
        f"with wanted as materialized ({wanted}),"  # noqa: S608, values are bound
        " newest as materialized (select w.clip, (select max(received_at) from clip c"
        " where c.clip = w.clip) as received_at from wanted w"
        " order by received_at desc, w.clip limit ?)"
        " select c.clip, count(*) as deliveries, max(c.received_at) as received_at,"
        " c.recorder_serial, c.path, c.size, c.dock, c.earliest, c.recorder_unit,"
        " coalesce(c.named_officer, c.recorder_officer) as told_officer, o.stored_as,"
        " (select count(*) from hold h where h.clip = c.clip and h.lifted_at is null) as holds,"
        " n.disputed, " + ", ".join(f"n.{name} as case_{name}" for name in CASE_FIELDS) + ""
        " from newest w cross join clip c on c.clip = w.clip"
        " cross join object o on o.blake3 = c.blake3 left join case_now n on n.clip = c.clip"
        " group by c.clip order by max(c.received_at) desc, c.clip"
    )
    return [_found(row) for row in view.ask(sql, *values, limit)]


def _conditions(asked: Asked) -> tuple[list[str], list[object]]:
    """A query for clips, and its values, for each thing that is asked."""
    found: list[tuple[str, list[object]]] = []
    for field in ("name", "party", "cause"):
        if value := getattr(asked, field):
            where = f"select clip from case_now where {field} <> '' and instr({field}, ?)"  # noqa: S608
            found.append((where, [value]))
    for column, value in (
        ("unit", asked.unit),
        ("case_number", asked.case),
        ("business", asked.business),
    ):
        if value:
            where = f"select clip from case_now where {column} = ? and {column} <> ''"  # noqa: S608
            found.append((where, [value]))
    for column, value in (("recorder_serial", asked.recorder), ("dock", asked.dock)):
        if value:
            found.append((f"select clip from clip where {column} = ?", [value]))  # noqa: S608
    found += _people_and_times(asked) + _kept(asked)
    return [_set(where) for where, _ in found], [each for _, values in found for each in values]


def _people_and_times(asked: Asked) -> list[tuple[str, list[object]]]:
    found: list[tuple[str, list[object]]] = []
    if asked.officer:
        where = (
            "select clip from case_now where officer = ? and officer <> ''"
            " union select clip from case_now where officer_name = ? and officer_name <> ''"
            " union select clip from clip where recorder_officer = ?"
            " union select clip from clip where named_officer = ?"
        )
        found.append((where, [asked.officer] * 4))
    if asked.since or asked.until:
        until, since = asked.until or _PAST_ALL, asked.since
        where = (
            "select clip from clip where earliest <= ? and latest >= ?"
            " union select clip from case_now where used_from <= ? and used_from <> ''"
            " and max(used_from, used_until) >= ?"
        )
        found.append((where, [until, since] * 2))
    return found


def _kept(asked: Asked) -> list[tuple[str, list[object]]]:
    found: list[tuple[str, list[object]]] = []
    if asked.keep:
        where = (
            "select clip from case_now where retention = ? and retention <> ''"
            " union select k.clip from kept_for k where k.name = ? and not exists"
            " (select 1 from case_now n where n.clip = k.clip and n.retention <> '')"
        )
        found.append((where, [asked.keep] * 2))
    if asked.held:
        found.append(("select clip from hold where lifted_at is null", []))
    if asked.importance is not None:
        where = "select clip from case_now where importance >= ? and importance > 0"
        found.append((where, [asked.importance]))
    if asked.disputed:
        found.append(("select clip from case_now where disputed <> '{}'", []))
    return found


def _set(where: str) -> str:
    """A compound query as one operand."""
    return f"select distinct clip from ({where})"  # noqa: S608, made above


def _found(row: dict[str, Any]) -> Found:
    known = row["case_name"] is not None
    data = {name: row[f"case_{name}"] for name in CASE_FIELDS} if known else {}
    case = CaseData(**data)
    return Found(
        clip=row["clip"],
        recorder=row["recorder_serial"],
        path=row["path"],
        size=row["size"],
        dock=row["dock"],
        deliveries=row["deliveries"],
        earliest=row["earliest"] or "",
        received_at=row["received_at"],
        officer=case.officer or row["told_officer"] or "",
        unit=case.unit or row["recorder_unit"] or "",
        stored_as=row["stored_as"],
        holds=row["holds"],
        disputed=bool(json.loads(row["disputed"] or "{}")),
        case=case,
    )
