"""Which version of MQTT to try next: 5 first, 3.1.1 where a broker has no 5."""

from __future__ import annotations

from enum import Enum
from typing import Literal

Protocol = Literal["auto", "5", "3.1.1"]
Version = Literal[5, 4]
"""The protocol level on the wire: 5, or 4 for 3.1.1."""


class Fate(Enum):
    """How far one connection came."""

    UNREACHED = "nothing listens there"
    SILENT = "CONNECT was not answered"
    WRONG_VERSION = "the broker names the version as its reason to refuse"
    REFUSED = "the broker refuses for another reason"
    UP = "it worked"


class VersionChoice:
    """Remembers what worked.

    A broker that names the version as its reason to refuse is believed. One that closes without a
    word may lack version 5 or may only be starting behind a proxy, so silence switches to 3.1.1 at
    most until the next silence, and never away from a version 5 that once worked.
    """

    def __init__(self, protocol: Protocol) -> None:
        self._fixed: Version | None = {"auto": None, "5": 5, "3.1.1": 4}[protocol]
        self.version: Version = self._fixed or 5
        self._five_worked = False

    def learn(self, fate: Fate) -> None:
        """Choose `version` for the next connection by what became of the last one."""
        if fate is Fate.UP and self.version == 5:
            self._five_worked = True
        elif fate is Fate.WRONG_VERSION:
            self._five_worked = False
            self._switch()
        elif fate is Fate.SILENT and not self._five_worked:
            self._switch()

    def _switch(self) -> None:
        if self._fixed is None:
            self.version = 4 if self.version == 5 else 5
