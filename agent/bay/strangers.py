"""What is plugged in and is none of ours: shown, refused, reported, and never touched."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass

from agent.bay.plugs import same_device
from agent.bay.status import BayStatus, Doing
from agent.bay.words import ids
from agent.clock import Clock, to_text
from agent.link.attached import Attached

log = logging.getLogger(__name__)

SETTLE_SECONDS = 3.0
"""A device shows its nodes a moment after itself, and with them may turn out to be known."""


@dataclass(slots=True)
class _Stranger:
    attached: Attached
    status: BayStatus
    first: float
    told: bool = False


class Strangers:
    """By port. One thread only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._here: dict[str, _Stranger] = {}

    def refuse(self, attached: Attached, bay: str, why: str) -> None:
        """Take in what this look shows; the log hears of each device once."""
        before = self._here.get(attached.port)
        known = before is not None and same_device(before.attached, attached)
        if before is None or not known:
            before = self._here[attached.port] = self._met(attached, bay, why)
        before.attached = attached
        if not before.told and self._clock.monotonic() - before.first >= SETTLE_SECONDS:
            before.told = True
            log.warning("port %s: %s is left alone: %s", attached.port, before.status.what, why)

    def keep(self, ports: Collection[str]) -> None:
        """Forget what is on no port of these."""
        self._here = {port: one for port, one in self._here.items() if port in ports}

    def statuses(self) -> list[BayStatus]:
        return [one.status for one in self._here.values()]

    def _met(self, attached: Attached, bay: str, why: str) -> _Stranger:
        status = BayStatus(
            bay=bay,
            port=attached.port,
            doing=Doing.REFUSED,
            since=to_text(self._clock.now()),
            what=ids(attached),
            trouble=why,
        )
        return _Stranger(attached, status, self._clock.monotonic())
