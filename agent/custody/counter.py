"""Where a running dock takes people's orders: its office behind a door."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from agent.custody.orders import DOOR, Office, order_of
from agent.errors import SpoolBroken
from agent.link.door import Caller, Door

log = logging.getLogger(__name__)


class Counter:
    """Open in the folder `runtime` until it is closed; where there cannot be one, that is said
    and all else goes on: footage does not wait for orders."""

    def __init__(self, runtime: Path, office: Office) -> None:
        self._office = office
        self._door: Door | None = None
        try:
            self._door = Door(runtime / DOOR, self._answer)
        except SpoolBroken as error:
            log.error("no orders are taken on this machine: %s", error)

    def check(self) -> None:
        """Raises what ended the door's thread before its time."""
        if self._door:
            self._door.check()

    def __enter__(self) -> Counter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._door:
            self._door.close()

    def _answer(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        return self._office.carry_out(order_of(request, via=f"uid {caller.uid}"))
