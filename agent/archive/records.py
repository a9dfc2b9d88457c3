"""What the catalogue's tables hold: columns, keys, and rows as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agent.wire.contract import Manifest, Receipt

SCHEMA = 3
READABLE = frozenset({"1", "2", "3"})
"""Versions that a view reads; in the first, what was added since is unknown of every clip."""
TOLD: dict[str, type] = {
    "kind": str,
    "profile": str,
    "recorder_id_code": str,
    "recorder_officer": str,
    "recorder_unit": str,
    "named_device": str,
    "named_officer": str,
    "named_marked": int,
    "local_time": str,
    "zone_offset": float,
    "clock_error": float,
    "earliest": str,
    "latest": str,
}
"""What version 2 added to `clip`: what the recorder says of its wearer, what the clip's name
tells, and its time: the recorder's local time, how far that clock was ahead in seconds, and the
interval in UTC. Null where the dock told nothing."""
TABLES: dict[str, tuple[dict[str, type], str | tuple[str, ...]]] = {
    "meta": ({"name": str, "value": str}, "name"),
    "dock": ({"dock": str, "public_key": str, "first_seen": str}, "dock"),
    "object": (
        {
            "blake3": str,
            "size": int,
            "sha256": str,
            "sm3": str,
            "stored_as": str,
            "stored_at": str,
        },
        "blake3",
    ),
    "clip": (
        {
            "clip": str,
            "blake3": str,
            "dock": str,
            "recorder_serial": str,
            "recorder_maker": str,
            "recorder_model": str,
            "recorder_firmware": str,
            "bay": str,
            "path": str,
            "size": int,
            "recorded": str,
            "marked": int,
            "spooled_at": str,
            "received_at": str,
            "receiver": str,
            "manifest": str,
            "receipt": str,
            **TOLD,
        },
        ("clip", "blake3", "dock"),
    ),
}
"""Columns and primary key of each table. One `clip` row is one delivery: other bytes under the
same clip id, or the same clip from another dock, stand beside it. `manifest` and `receipt` are
the signed envelopes as they came and went."""

SEARCHED = ("dock", "recorder_serial", "recorder_officer", "named_officer", "earliest")
"""Columns of `clip` with an index."""

FOOTAGE = (
    "select c.path, c.recorder_serial, c.recorded, c.marked, c.dock, c.received_at, o.size,"
    " o.stored_as, o.blake3, o.sha256, o.sm3, c.clip, c.kind, c.recorder_officer,"
    " c.named_officer, c.local_time, c.clock_error, c.earliest, c.latest"
    " from clip c join object o on o.blake3 = c.blake3"
)
"""A view for people: each delivery beside where its bytes lie."""


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """One stored object; `stored_as` is relative to the store's root, `size` in bytes."""

    blake3: str
    size: int
    sha256: str | None
    sm3: str | None
    stored_as: str
    stored_at: str


@dataclass(frozen=True, slots=True)
class ClipRow:
    """One clip as one dock delivered it; times are RFC 3339 in UTC, `recorded` is as it came,
    `local_time` is the recorder's own. None: the dock told nothing of it, see `TOLD`."""

    clip: str
    blake3: str
    dock: str
    recorder_serial: str
    recorder_maker: str
    recorder_model: str
    recorder_firmware: str
    bay: str
    path: str
    size: int
    recorded: str
    marked: bool
    spooled_at: str
    received_at: str
    receiver: str
    manifest: str
    receipt: str
    kind: str | None = None
    profile: str | None = None
    recorder_id_code: str | None = None
    recorder_officer: str | None = None
    recorder_unit: str | None = None
    named_device: str | None = None
    named_officer: str | None = None
    named_marked: bool | None = None
    local_time: str | None = None
    zone_offset: float | None = None
    clock_error: float | None = None
    earliest: str | None = None
    latest: str | None = None


@dataclass(frozen=True, slots=True)
class DockRow:
    """A dock and the key that was pinned when it was first seen."""

    dock: str
    public_key: str
    first_seen: str


def delivery_columns(
    manifest: Manifest, offer: bytes, receipt: Receipt, envelope: bytes
) -> dict[str, Any]:
    """One delivery as a row of `clip`."""
    recorder = manifest.recorder
    return {
        "clip": manifest.clip,
        "blake3": receipt.object_blake3,
        "dock": manifest.dock,
        "recorder_serial": recorder.serial,
        "recorder_maker": recorder.maker,
        "recorder_model": recorder.model,
        "recorder_firmware": recorder.firmware,
        "bay": manifest.bay,
        "path": manifest.path,
        "size": manifest.size,
        "recorded": manifest.recorded,
        "marked": int(manifest.marked),
        "spooled_at": manifest.spooled_at,
        "received_at": receipt.stored_at,
        "receiver": receipt.receiver,
        "manifest": offer.decode(),
        "receipt": envelope.decode(),
        **_told_columns(manifest),
    }


def _told_columns(manifest: Manifest) -> dict[str, Any]:
    """Every column of `TOLD`: an empty text is as unknown as one that was never sent."""
    recorder, facts = manifest.recorder, manifest.facts
    time = facts and facts.time
    known = {
        "recorder_id_code": recorder.id_code,
        "recorder_officer": recorder.officer,
        "recorder_unit": recorder.unit,
        "kind": facts and facts.kind,
        "profile": facts and facts.profile,
        "named_device": facts and facts.device,
        "named_officer": facts and facts.officer,
        "named_marked": facts and int(facts.marked),
        "local_time": time and time.local,
        "zone_offset": time and time.zone_offset,
        "clock_error": time and time.clock_error,
        "earliest": time and time.earliest,
        "latest": time and time.latest,
    }
    return {name: None if value == "" else value for name, value in known.items()}
