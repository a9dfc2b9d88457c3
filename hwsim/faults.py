"""What can go wrong with a recorder, as data.

A fault says when it strikes: it lets `at` chances pass and then strikes `times` times (None: for
ever). What a chance is depends on its kind: for a transfer fault every USB transfer of the
contact (one that it does not fit wastes a blow), for a responder's fault every operation of the
kind it names, for a body's fault every time somebody asks. `Faults` holds any number of them and
counts; `fired` tells which struck, so that a test can prove that what it tests has happened.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import TypeVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The root of all; see above."""

    at: int = 0
    times: int | None = 1


# On the wire: a chance is a USB transfer of the contact, control transfers included.


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferFault(Fault):
    """A fault of the cable, the hub or the controller."""


class Unplug(TransferFault):
    """The recorder goes away instead of carrying out this transfer."""


class Stall(TransferFault):
    """The endpoint halts instead."""


class Silence(TransferFault):
    """The transfer times out; what waits to be read goes on waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortRead(TransferFault):
    """A read ends after `keep` bytes; the rest comes with the next one, unless it is `lost`."""

    keep: int = 0
    lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipBit(TransferFault):
    """One bit arrives wrong, in either direction. `byte` None: anywhere; negative: from the end."""

    byte: int | None = None
    bit: int = 0


class Trickle(TransferFault):
    """A read gives one byte, just before its time is up."""


class ZeroLength(TransferFault):
    """A read gives an empty packet."""


class Endless(TransferFault):
    """A read is filled with noise, and so is the next; set `times` to None for ever."""


# In a responder: a chance is an operation.


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponderFault(Fault):
    """A fault in what a responder says; `operation` None means any operation."""

    operation: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BadContainer(ResponderFault):
    """The root of the next two: a container that is not what it should be.

    What is None stays right. `transaction` is added to the right id, `deliver` to the number of
    bytes that really come, while the declared length stays as it would have been.
    """

    length: int | None = None
    kind: int | None = None
    code: int | None = None
    transaction: int = 0
    deliver: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BadData(BadContainer):
    """A bad data container. `cut` bytes of its end are missing without a word in its length."""

    cut: int = 0


class BadResponse(BadContainer):
    """A bad response container."""


class AnswerFirst(ResponderFault):
    """The response comes before the data."""


class NoAnswer(ResponderFault):
    """Data, if any, but no response."""


class Repeat(ResponderFault):
    """The response comes twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse(ResponderFault):
    """The operation is not carried out but answered with `code`, busy if not said otherwise."""

    code: int = 0x2019


# In the body: a chance is somebody's asking.


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseBattery(Fault):
    percent: int = 255
    times: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseDelete(Fault):
    """A deletion that is answered OK but keeps the clip, or deletes `another`."""

    another: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeChanges(Fault):
    """Each time a clip's size is told, it has grown by `by` bytes more (or shrunk)."""

    by: int = 1
    times: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseSize(Fault):
    """Clips tell this size, whatever they hold."""

    size: int = 2**64 - 1
    times: int | None = None


class Vanish(Fault):
    """The clip is gone when somebody reads from it; a chance is a reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherBytes(Fault):
    """A reading gives other bytes than the last one did."""

    times: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandleFlood(Fault):
    """There seem to be `count` clips more."""

    count: int = 1_000_000
    times: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubleHandles(Fault):
    """Every handle is listed twice."""

    times: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CyclicParents(Fault):
    """The first folder claims to lie in one of its own subfolders, or in itself."""

    times: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepLevels(Fault):
    """The first folder lies under `levels` more."""

    levels: int = 10_000
    times: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BadName(Fault):
    """Clips are called `name`; lone surrogates and NUL are welcome."""

    name: str = ".."
    times: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BadDate(Fault):
    """Clips tell this text for the time of their recording."""

    text: str = "-0010101T000000"
    times: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BadClock(Fault):
    """The clock tells this text for the time."""

    text: str = "-0010101T000000"
    times: int | None = None


F = TypeVar("F", bound=Fault)

NASTY_NAMES = (
    "..",
    ".",
    "",
    "/etc/passwd",
    "..\\..\\autoexec.bat",
    "A\0B.MP4",
    "\ud800.MP4",
    "N" * 254,
    "\u202egpj.4PM",
    "\x1b[2J.MP4",
    "CON",
)
"""For `BadName`. 254 units and the terminating NUL are the most that a PTP string can carry."""


class Faults:
    """The faults of one recorder, and the counters that decide when they strike."""

    def __init__(self, *faults: Fault, seed: int = 0) -> None:
        self.random = Random(seed)
        self.transfers = 0
        """USB transfers of this contact so far."""

        self.fired: Counter[Fault] = Counter()
        """How often each fault has struck."""

        self._faults = list(faults)
        self._chances: Counter[int] = Counter()
        self._blows: Counter[int] = Counter()

    def add(self, *faults: Fault) -> None:
        """More of them; their chances count from now."""
        self._faults.extend(faults)

    def new_contact(self) -> None:
        """Count transfers from 0 again. What has struck its `times` strikes no more."""
        self.transfers = 0

    def transfer(self) -> list[TransferFault]:
        """Count one USB transfer: the faults that strike it."""
        chance = self.transfers
        self.transfers += 1
        return [
            fault
            for place, fault in enumerate(self._faults)
            if isinstance(fault, TransferFault) and self._strikes(place, chance)
        ]

    def due(self, kind: type[F], operation: int | None = None) -> F | None:
        """One chance for the faults of this kind: the first that strikes, or None."""
        struck = None
        for place, fault in enumerate(self._faults):
            if isinstance(fault, kind) and _concerns(fault, operation):
                chance = self._chances[place]
                self._chances[place] += 1
                if self._strikes(place, chance):
                    struck = struck or fault
        return struck

    def _strikes(self, place: int, chance: int) -> bool:
        fault = self._faults[place]
        if chance < fault.at or (fault.times is not None and self._blows[place] >= fault.times):
            return False
        self._blows[place] += 1
        self.fired[fault] += 1
        return True


def _concerns(fault: Fault, operation: int | None) -> bool:
    return not isinstance(fault, ResponderFault) or fault.operation in (None, operation)
