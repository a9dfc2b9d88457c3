"""What is plugged in where: two polls of the bus become arrivals and departures. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class OnPort(Protocol):
    """A device as a poll shows it. `address` changes with every new enumeration."""

    @property
    def port(self) -> str: ...
    @property
    def address(self) -> int: ...


D = TypeVar("D", bound=OnPort)


@dataclass(frozen=True, slots=True)
class Changes(Generic[D]):
    """What came and went between two polls; a device that re-enumerated did both."""

    gone: list[D]
    come: list[D]


class Plugs(Generic[D]):
    """Remembers the last poll."""

    def __init__(self) -> None:
        self._here: dict[str, D] = {}

    def update(self, devices: Iterable[D]) -> Changes[D]:
        """Take the next poll in. Two devices on one port path: the later one in the list counts."""
        now = {device.port: device for device in devices}
        gone = [
            old
            for port, old in self._here.items()
            if port not in now or now[port].address != old.address
        ]
        come = [
            new
            for port, new in now.items()
            if port not in self._here or self._here[port].address != new.address
        ]
        self._here = now
        return Changes(gone, come)
