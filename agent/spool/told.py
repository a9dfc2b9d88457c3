"""What a clip's name and its contact's clock told, as a row of the table `told` and back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from agent.clock import from_text, to_text
from agent.model import ClipFacts, ClipTime
from agent.spool.database import Row

NOTHING = ClipFacts()
"""What is known of a clip of which nothing was told; it has no row."""


def told_columns(facts: ClipFacts) -> dict[str, Any]:
    """The row, but for the clip that it belongs to."""
    return {
        "kind": facts.kind,
        "profile": storable(facts.profile),
        "device": storable(facts.device),
        "officer": storable(facts.officer),
        "marked": int(facts.marked),
        **_time_columns(facts.time),
    }


def told_of(row: Row) -> ClipFacts:
    """From a row of the view `entry`. Raises ValueError, TypeError for one that makes no sense."""
    if row["kind"] is None:
        return NOTHING
    return ClipFacts(
        kind=row["kind"],
        profile=row["profile"],
        device=row["device"],
        officer=row["named_officer"],
        marked=bool(row["named_marked"]),
        time=_time_of(row),
    )


def storable(text: str) -> str:
    """Text from a device as UTF-8 can hold it: a lone surrogate becomes `\\udXXX`."""
    return text.encode("utf-8", "backslashreplace").decode()


def _time_columns(time: ClipTime | None) -> dict[str, Any]:
    if time is None:
        return {}
    return {
        "local": time.local.isoformat(),
        "source": time.source,
        "zone_offset": float(time.zone_offset),
        "clock_error": time.clock_error,
        "earliest": to_text(time.earliest),
        "latest": to_text(time.latest),
    }


def _time_of(row: Row) -> ClipTime | None:
    if row["local"] is None:
        return None
    return ClipTime(
        local=datetime.fromisoformat(row["local"]),
        source=row["source"],
        zone_offset=row["zone_offset"],
        clock_error=row["told_clock_error"],
        earliest=from_text(row["earliest"]),
        latest=from_text(row["latest"]),
    )
