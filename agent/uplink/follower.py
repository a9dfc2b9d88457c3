"""Follows the archive's key where it gives way to another, as a receiver's presence tells.

Presence is not signed, but each statement in it is, by the key that gave way and by its successor.
"""

from __future__ import annotations

from agent.clock import Clock
from agent.custody.pinned import Pinned
from agent.uplink.errands import Errand
from agent.uplink.grumbles import Grumbles
from agent.wire.contract import Presence


class Follower(Errand):
    """The first of the errands, so that those after it go by the keys that it found."""

    def __init__(self, pinned: Pinned, clock: Clock) -> None:
        self._pinned = pinned
        self._grumbles = Grumbles(clock)

    def on_presence(self, presence: Presence) -> None:
        """Raises `SpoolFull`, `LedgerBroken` where the change cannot be kept."""
        if ignored := self._pinned.follow(presence.archive, presence.changes):
            self._grumbles.about("change of the archive's key ignored", ignored)
