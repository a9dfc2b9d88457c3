"""What the catalogue's tables hold: columns, keys, and rows as values."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA = 1
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
        },
        ("clip", "blake3", "dock"),
    ),
}
"""Columns and primary key of each table. One `clip` row is one delivery: other bytes under the
same clip id, or the same clip from another dock, stand beside it. `manifest` and `receipt` are
the signed envelopes as they came and went."""

FOOTAGE = (
    "select c.path, c.recorder_serial, c.recorded, c.marked, c.dock, c.received_at, o.size,"
    " o.stored_as, o.blake3, o.sha256, o.sm3, c.clip"
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
    """One clip as one dock delivered it; times are RFC 3339 in UTC, `recorded` is as it came."""

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


@dataclass(frozen=True, slots=True)
class DockRow:
    """A dock and the key that was pinned when it was first seen."""

    dock: str
    public_key: str
    first_seen: str
