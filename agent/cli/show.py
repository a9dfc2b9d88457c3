"""How figures and clips look to a person, and to a machine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from agent.bay.status import Doing
from agent.clock import to_text
from agent.model import ClipFacts, printable
from agent.spool.entry import Entry
from agent.spool.states import WAITING_FOR

WIDE = 120
"""Columns from which on tables show what others leave out."""


def console() -> Console:
    """Standard output; as wide as the terminal, or wide enough for digests in a pipe."""
    out = Console(highlight=False)
    return out if out.is_terminal else Console(highlight=False, width=200)


def size_text(count: int) -> str:
    """`262144` as `256.0 KiB`."""
    value, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"


def shown(text: str) -> str:
    """Text from a device, safe on a terminal and in a table."""
    return escape(printable(text))


def print_json(document: Any) -> None:
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def print_keys(rows: Sequence[Mapping[str, str]], *, as_json: bool) -> None:
    """Whose key, what for, its fingerprint to read aloud, and the key itself."""
    if as_json:
        print_json(rows)
        return
    for row in rows:
        click.echo(f"{shown(row['whose'])} ({row['role']})")
        click.echo(f"    {row['fingerprint']}")
        click.echo(f"    {row['key']}")


def waits_for(entry: Entry) -> str:
    """What the clip waits for, and the newest trouble where there is one."""
    words = WAITING_FOR[entry.state]
    return f"{words} ({shown(entry.reason)})" if entry.reason else words


def entry_document(entry: Entry) -> dict[str, Any]:
    """One clip for machines; times in UTC, `recorded` in the recorder's own words."""
    sighting, sealed, receipt = entry.sighting, entry.sealed, entry.receipt
    return {
        "clip": entry.clip,
        "recorder": sighting.identity.serial,
        "bay": sighting.bay,
        "storage": sighting.storage,
        "path": sighting.path,
        "size": sighting.size,
        "recorded": sighting.recorded,
        "marked": sighting.marked,
        "facts": facts_document(entry.facts),
        "state": entry.state.value,
        "waits_for": WAITING_FOR[entry.state],
        "reason": entry.reason,
        "seen_at": to_text(entry.seen_at),
        "spooled_at": to_text(entry.spooled_at) if entry.spooled_at else None,
        "receipted_at": to_text(entry.receipted_at) if entry.receipted_at else None,
        "blake3": sealed.digests.blake3 if sealed else None,
        "sha256": sealed.digests.sha256 if sealed else None,
        "sm3": sealed.digests.sm3 if sealed else None,
        "archive": receipt.archive if receipt else None,
        "stored_as": receipt.stored_as if receipt else None,
    }


def facts_document(facts: ClipFacts) -> dict[str, Any]:
    """What a clip's name and its contact told: `local` is the recorder's own time as it wrote it,
    `earliest` and `latest` ours in UTC."""
    time = facts.time
    return {
        "kind": facts.kind,
        "profile": facts.profile,
        "device": facts.device,
        "officer": facts.officer,
        "marked": facts.marked,
        "time": time
        and {
            "local": time.local.isoformat(),
            "source": time.source,
            "zone_offset": time.zone_offset,
            "clock_error": time.clock_error,
            "earliest": to_text(time.earliest),
            "latest": to_text(time.latest),
        },
    }


def bay_words(bay: Mapping[str, Any]) -> str:
    """What a bay does, or what is wrong with it; and what its recorder lacks."""
    doing, trouble = bay["doing"] or "nothing in it", bay.get("trouble")
    if trouble:
        doing = f"paused: {trouble}" if doing == Doing.PAUSED.value else trouble
    return "; ".join([doing, *bay.get("shortcomings", ())])
