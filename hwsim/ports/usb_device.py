"""A device in a USB port: counts its transfers, lets faults strike, halts and clears endpoints.

No USB library here: `usb_memory` wraps it for PyUSB.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition
from time import monotonic
from typing import TypeVar

from hwsim.faults import (
    Endless,
    FlipBit,
    ShortRead,
    Silence,
    Stall,
    TransferFault,
    Trickle,
    Unplug,
    ZeroLength,
)
from hwsim.ports.usb_descriptors import Place
from hwsim.ports.usb_standard import is_standard, standard
from hwsim.usb import Setup, Silent, Stalled, Unplugged, UsbFace

CLASS_TO_INTERFACE = 0x21
TICK = 0.05
"""Seconds between two looks whether a face has something to say by itself."""

Waiting = Callable[[float], None]
"""Told how many seconds a transfer waited in vain."""

T = TypeVar("T")


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class _Wait:
    """How long a transfer waits: `seconds` (0: for ever), or until the host gives up."""

    seconds: float
    given_up: Callable[[], bool]


class UsbDevice:
    """One contact of one recorder in one port. Every method may raise `Unplugged`.

    A transfer for which nothing comes waits in truth only where `live` is set, until its time is
    up or until `given_up` answers yes after a `nudge`; else the seconds that it would have waited
    are told to `waited`, and it gives up at once.
    """

    def __init__(self, face: UsbFace, where: Place, *, live: bool, waited: Waiting) -> None:
        self.face = face
        self.facts = face.facts
        self.where = where
        self.owner: object | None = None
        """The handle that claimed the interface, or what else holds it."""

        self._live = live
        self._waited = waited
        self._carried: dict[int, memoryview] = {}
        """What short reads held back, by endpoint."""

        self._gone = False
        self._mourners: list[Callable[[], None]] = []
        self._halted: set[int] = set()
        self._changed = Condition()
        face.faults.new_contact()
        face.attach()

    @property
    def gone(self) -> bool:
        return self._gone

    def unplug(self) -> None:
        """Take it out: what waits and what comes later raises `Unplugged`. Any thread may."""
        self._gone = True
        self.nudge()
        for mourner in list(self._mourners):
            mourner()

    def when_gone(self, mourner: Callable[[], None]) -> None:
        """Have this called once it is gone; at once where it is gone already."""
        self._mourners.append(mourner)
        if self._gone:
            mourner()

    def forget(self, mourner: Callable[[], None]) -> None:
        """The opposite of `when_gone`."""
        self._mourners.remove(mourner)

    def nudge(self) -> None:
        """Let every transfer that waits look again."""
        with self._changed:
            self._changed.notify_all()

    def check(self) -> None:
        """Raise `Unplugged` once it is gone."""
        if self._gone:
            raise Unplugged

    # Transfers. `timeout` is in seconds.

    def read(
        self,
        endpoint: int,
        into: memoryview,
        timeout: float,
        given_up: Callable[[], bool] = _never,
    ) -> int:
        """One IN transfer: the number of bytes. Raises `Stalled`, `Silent`, `Overflowed`."""
        wait = _Wait(timeout, given_up)
        with self._changed:
            faults = self._begin(endpoint, wait)
            count = self._filled_by_fault(into, faults)
            if count is None:
                count = self._fetch(endpoint, into, wait, faults)
            self._flip(into[:count], faults)
            self._changed.notify_all()
            return count

    def write(
        self, endpoint: int, data: bytes, timeout: float, given_up: Callable[[], bool] = _never
    ) -> int:
        """One OUT transfer: the number of bytes. Raises `Stalled`, `Silent`."""
        wait = _Wait(timeout, given_up)
        with self._changed:
            sent = self._flipped(data, self._begin(endpoint, wait))
            self._patiently(endpoint, lambda: self.face.write(endpoint, sent), wait)
            self._changed.notify_all()
            return len(sent)

    def control(
        self, setup: Setup, data: bytes, timeout: float, given_up: Callable[[], bool] = _never
    ) -> bytes:
        """One control transfer; a stall of endpoint 0 clears itself. Raises `Stalled`, `Silent`."""
        with self._changed:
            faults = self._begin(0, _Wait(timeout, given_up))
            self._halted.discard(0)
            if is_standard(setup):
                reply = standard(self, setup)
            else:
                if setup.request_type == CLASS_TO_INTERFACE:
                    self._carried.clear()  # such a request cancels or resets
                reply = self.face.control(setup, data)
            self._changed.notify_all()
            return self._flipped(reply[: setup.length], faults)

    def halted(self, endpoint: int) -> bool:
        return endpoint in self._halted

    def clear_halt(self, endpoint: int | None = None) -> None:
        """End the halt of this endpoint; None: of all."""
        self.check()
        with self._changed:
            self._halted -= self._halted if endpoint is None else {endpoint}

    def reset(self) -> None:
        self.check()
        with self._changed:
            self._halted.clear()
            self._carried.clear()
            self.face.reset()

    # Faults.

    def _begin(self, endpoint: int, wait: _Wait) -> list[TransferFault]:
        """Count a transfer; what strikes before it begins strikes here."""
        self.check()
        faults = self.face.faults.transfer()
        for fault in faults:
            if isinstance(fault, Unplug):
                self.unplug()
                raise Unplugged
            if isinstance(fault, Stall):
                self._halted.add(endpoint)
            if isinstance(fault, Silence):
                self._pass(wait)
                raise Silent
        if endpoint in self._halted:
            self._halted.discard(0)
            raise Stalled
        return faults

    def _filled_by_fault(self, into: memoryview, faults: list[TransferFault]) -> int | None:
        """What a fault gives instead of anything that the face has to say."""
        for fault in faults:
            if isinstance(fault, ZeroLength):
                return 0
            if isinstance(fault, Endless):
                into[:] = self.face.faults.random.randbytes(len(into))
                return len(into)
        return None

    def _fetch(
        self, endpoint: int, into: memoryview, wait: _Wait, faults: list[TransferFault]
    ) -> int:
        """What an earlier short read held back, else what the face has to say."""
        held = self._carried.pop(endpoint, None)
        if held is None:
            whole = self._ask(endpoint, into, wait)
            if not faults:
                return whole
            held = memoryview(bytes(into[:whole]))
        count = min(len(held), len(into), self._allowed(wait, faults))
        into[:count] = held[:count]
        lost = any(isinstance(fault, ShortRead) and fault.lost for fault in faults)
        if count < len(held) and not lost:
            self._carried[endpoint] = held[count:]
        return count

    def _allowed(self, wait: _Wait, faults: list[TransferFault]) -> int:
        """How many bytes this read may give."""
        allowed = sys.maxsize
        for fault in faults:
            if isinstance(fault, Trickle):
                self._waited(wait.seconds * 0.99)
                allowed = min(allowed, 1)
            if isinstance(fault, ShortRead):
                allowed = min(allowed, fault.keep)
        return allowed

    def _ask(self, endpoint: int, into: memoryview, wait: _Wait) -> int:
        count, ended = self._patiently(endpoint, lambda: self.face.read(endpoint, into), wait)
        if not ended:
            self._pass(wait)
        return count

    def _flipped(self, data: bytes, faults: list[TransferFault]) -> bytes:
        if not any(isinstance(fault, FlipBit) for fault in faults):
            return data
        changed = bytearray(data)
        self._flip(memoryview(changed), faults)
        return bytes(changed)

    def _flip(self, data: memoryview, faults: list[TransferFault]) -> None:
        for fault in faults:
            if isinstance(fault, FlipBit) and len(data):
                anywhere = self.face.faults.random.randrange(len(data))
                byte = anywhere if fault.byte is None else fault.byte
                if -len(data) <= byte < len(data):
                    data[byte] ^= 1 << fault.bit

    def _patiently(self, endpoint: int, transfer: Callable[[], T], wait: _Wait) -> T:
        """Have the face carry it out, again and again while it is silent and the host waits."""
        until = monotonic() + wait.seconds if wait.seconds else sys.float_info.max
        over = False
        while True:
            try:
                return transfer()
            except Stalled:
                self._halted.add(endpoint)
                raise
            except Silent:
                if not self._live:
                    self._pass(wait)
                if over or not self._live:
                    raise
                self._changed.wait(max(0.0, min(until - monotonic(), TICK)))
                self.check()
                if wait.given_up():
                    raise
                over = monotonic() >= until

    def _pass(self, wait: _Wait) -> None:
        """Let a waiting transfer's time pass, in truth or in the books."""
        if self._live:
            self._changed.wait_for(lambda: self._gone or wait.given_up(), wait.seconds or None)
        elif wait.seconds == 0:
            raise RuntimeError("a transfer without a time-out would wait for ever")
        else:
            self._waited(wait.seconds)
        self.check()
