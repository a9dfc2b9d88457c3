"""Learning which port is which bay, from one device that goes from slot to slot. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

SETTLE_SECONDS = 1.0
"""So long a port must be the only one that came before it is taken for the one that was meant."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """This port, and no other, came."""

    port: str


@dataclass(frozen=True, slots=True)
class Again:
    """This port came, and was learnt before."""

    port: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """More than one port came: none of them is learnt, and all have to go first."""

    ports: tuple[str, ...]


@dataclass(slots=True)
class Learner:
    """What is plugged in at the start says nothing, now or later; only what comes does."""

    here: set[str]
    learnt: list[str] = field(default_factory=list)
    _came: dict[str, float] = field(default_factory=dict)
    _unclear: set[str] = field(default_factory=set)

    def look(self, ports: Collection[str], at: float) -> Learnt | Again | Unclear | None:
        """Take in which ports show something at `at` seconds; what follows from it, once."""
        came = set(ports) - self.here
        self.here = set(ports)
        self._unclear &= self.here
        self._came = {port: since for port, since in self._came.items() if port in self.here}
        self._came |= dict.fromkeys(came, at)
        if self._came and (len(self._came) > 1 or self._unclear):
            self._unclear |= self._came.keys()
            self._came = {}
            return Unclear(tuple(sorted(self._unclear)))
        return next(
            (
                self._settled(port)
                for port, since in self._came.items()
                if at - since >= SETTLE_SECONDS
            ),
            None,
        )

    def _settled(self, port: str) -> Learnt | Again:
        del self._came[port]
        if port in self.learnt:
            return Again(port)
        self.learnt.append(port)
        return Learnt(port)
