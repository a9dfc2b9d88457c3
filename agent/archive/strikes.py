"""Offers whose bytes arrived whole and did not fit, counted so that none goes round for ever."""

from __future__ import annotations

from collections import OrderedDict

from agent.archive.sealing import Offer
from agent.clock import Clock

OUT_AFTER = 3
FORGET_S = 3600.0
"""An offer that is out gets another chance after so long; docks offer refused clips daily."""
_LIMIT = 1024


class Strikes:
    """Counts by dock, clip and BLAKE3, for the newest 1,024 of them, in memory only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts: OrderedDict[tuple[str, str, str], tuple[int, float, str]] = OrderedDict()

    def add(self, offer: Offer, why: str) -> None:
        """Count one failure; `why` is told to the dock once the offer is out."""
        key = _key(offer)
        count = self._counts.pop(key, (0, 0.0, ""))[0]
        self._counts[key] = (count + 1, self._clock.monotonic(), why)
        if len(self._counts) > _LIMIT:
            self._counts.popitem(last=False)

    def out(self, offer: Offer) -> str:
        """Why this offer is not taken any more, empty where it is."""
        key = _key(offer)
        count, at, why = self._counts.get(key, (0, 0.0, ""))
        if count and self._clock.monotonic() - at >= FORGET_S:
            del self._counts[key]
            return ""
        return f"arrived {count} times and never fitted: {why}" if count >= OUT_AFTER else ""


def _key(offer: Offer) -> tuple[str, str, str]:
    return (offer.manifest.dock, offer.manifest.clip, offer.manifest.sent.blake3)
