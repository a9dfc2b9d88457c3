"""Case data and holds as rows and back, and what people may write into case data. Pure.

In the custody log (`agent.log_entry`) they stand so; an archive needs no more to follow them:

| kind | `what` |
|---|---|
| `annotated` | `version` from 1, `why`, `before` and `after`: the changed fields of `CaseData` alone; `approval` and `via` where there are any |
| `held` | `hold`: its number in this dock, `reason` (a `HoldReason`), `note`, `approval`; `via` |
| `lifted` | `hold`, `why`, `approval`; `via` |

`who` is the entry's own. Version 1 is what was known when the clip was first seen, `before` is {}.
"""  # noqa: E501, a table

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any

from agent.clock import from_text, to_text
from agent.errors import Malformed, UsageError
from agent.model import CaseData, Hold, HoldReason, printable
from agent.spool.database import Row
from agent.spool.told import storable

FIELDS = tuple(field.name for field in fields(CaseData))
WORD_LIMIT = 255
"""Characters of a field, but for the remark: a custody entry takes before and after of them all."""
REMARK_LIMIT = 4096
HIGHEST_IMPORTANCE = 9
_TIMES = ("used_from", "used_until")


@dataclass(frozen=True, slots=True)
class CaseVersion:
    """Case data as it was from `at` on, by whom and why. Versions of a clip count from 1."""

    version: int
    at: datetime
    who: str
    why: str
    case: CaseData


def case_columns(case: CaseData) -> dict[str, Any]:
    """The columns of `case_now`, but for clip and version."""
    return asdict(case)


def case_text(case: CaseData) -> str:
    """As `case_version` keeps it."""
    return json.dumps(asdict(case), ensure_ascii=False, separators=(",", ":"))


def version_of(row: Row) -> CaseVersion:
    """A row of `case_version`. Raises `Malformed` for one that makes no sense."""
    try:
        told = json.loads(row["fields"])
        case = CaseData(**{name: told[name] for name in FIELDS if name in told})
        return CaseVersion(row["version"], from_text(row["at"]), row["who"], row["why"], case)
    except (ValueError, TypeError, KeyError) as error:
        raise Malformed(f"ledger: case version {row['version']}: {error}") from error


def hold_of(row: Row) -> Hold:
    """A row of `hold`. Raises `Malformed` for one that makes no sense."""
    try:
        return Hold(
            number=row["id"],
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
    except ValueError as error:
        raise Malformed(f"ledger: hold {row['id']}: {error}") from error


def fitting(case: CaseData) -> CaseData:
    """Case data from devices and files, cut and escaped to what the ledger takes."""
    texts: dict[str, Any] = {
        name: storable(value)[: REMARK_LIMIT if name == "remark" else WORD_LIMIT]
        for name, value in asdict(case).items()
        if isinstance(value, str)
    }
    return replace(case, **texts, importance=min(max(0, case.importance), HIGHEST_IMPORTANCE))


def changed(before: CaseData, changes: Mapping[str, Any]) -> CaseData:
    """`before` with what a person wants to be otherwise. Raises `UsageError` for what cannot be."""
    if unknown := sorted(set(changes) - set(FIELDS)):
        known = ", ".join(FIELDS)
        raise UsageError(f"case data has no field {printable(str(unknown[0])[:64])}", do=known)
    wanted: dict[str, Any] = {name: _wanted(name, value) for name, value in changes.items()}
    after = replace(before, **wanted)
    if after.used_from and after.used_until and after.used_from > after.used_until:
        raise UsageError("case data: used_until is before used_from")
    return after


def words(name: str, text: str, limit: int = WORD_LIMIT, *, needed: bool = True) -> str:
    """A person's words, trimmed. Raises `UsageError` for none, too many, or control characters."""
    text = text.strip()
    if needed and not text:
        raise UsageError(f"{name} is needed", do=f"say it with --{name}")
    if len(text) > limit:
        raise UsageError(f"{name} is longer than {limit} characters")
    if any(unicodedata.category(each) in {"Cc", "Cs"} for each in text if each not in "\n\t"):
        raise UsageError(f"{name} holds control characters")
    return text


def _wanted(name: str, value: Any) -> str | int:
    if name == "importance":
        return _importance(value)
    if not isinstance(value, str):
        raise UsageError(f"case data: {name} is no text")
    limit = REMARK_LIMIT if name == "remark" else WORD_LIMIT
    text = words(name, value, limit, needed=False)
    return _moment(name, text) if name in _TIMES and text else text


def _importance(value: Any) -> int:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= HIGHEST_IMPORTANCE:
        raise UsageError(f"case data: importance is a number from 0 to {HIGHEST_IMPORTANCE}")
    return int(value)


def _moment(name: str, text: str) -> str:
    try:
        return to_text(from_text(text))
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"case data: {name} is no moment with a time zone",
            do="write it like 2026-08-04T10:00:00+08:00",
        ) from error
