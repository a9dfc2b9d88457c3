"""What the uplink is doing, for people who look: plain values that go into JSON as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent.model import printable
from agent.uplink.delivery import Delivery
from agent.uplink.receivers import Receivers

Snapshot = dict[str, Any]


def snapshot_of(
    *, connected: bool, receivers: Receivers, deliveries: Sequence[Delivery], error: str
) -> Snapshot:
    """`archive`: names of archives that are there. Sizes in bytes; `clips` oldest first."""
    return {
        "connected": connected,
        "archive": receivers.archives,
        "in_flight": sum(one.pieces.flying_bytes for one in deliveries),
        "clips": [_clip(one) for one in deliveries],
        "error": error,
    }


def _clip(one: Delivery) -> Snapshot:
    return {
        "clip": one.clip,
        "recorder": printable(one.entry.sighting.identity.serial),
        "path": printable(one.entry.sighting.path),
        "size": one.sealed.file_size,
        "confirmed": one.pieces.stored_bytes,
        "in_flight": one.pieces.flying_bytes,
        "doing": one.stage.value,
    }
