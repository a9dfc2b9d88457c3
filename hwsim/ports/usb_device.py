"""A device in a USB port: counts its transfers, lets faults strike, halts and clears endpoints.

No USB library here: `usb_memory` wraps it for PyUSB.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition
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
from hwsim.usb import Setup, Silent, Stalled, Unplugged, UsbFace

GET_DESCRIPTOR = 0x06
STRING = 0x03
ENGLISH = 0x0409
STANDARD_FROM_DEVICE = 0x80
CLASS_TO_INTERFACE = 0x21

Waiting = Callable[[float], None]
"""Told how many seconds a transfer waited in vain."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a device is: bus, ports from the root hub on, and the address of this contact."""

    bus: int
    ports: tuple[int, ...]
    address: int


class UsbDevice:
    """One contact of one recorder in one port. Every method may raise `Unplugged`.

    A transfer for which nothing comes waits in truth only where `live` is set; else the seconds
    that it would have waited are told to `waited`, and it gives up at once.
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
        with self._changed:
            self._changed.notify_all()

    def check(self) -> None:
        """Raise `Unplugged` once it is gone."""
        if self._gone:
            raise Unplugged

    # Transfers. `timeout` is in seconds.

    def read(self, endpoint: int, into: memoryview, timeout: float) -> int:
        """One IN transfer: the number of bytes. Raises `Stalled`, `Silent`, `Overflowed`."""
        with self._changed:
            faults = self._begin(endpoint, timeout)
            count = self._filled_by_fault(into, faults)
            if count is None:
                count = self._fetch(endpoint, into, timeout, faults)
            self._flip(into[:count], faults)
            return count

    def write(self, endpoint: int, data: bytes, timeout: float) -> int:
        """One OUT transfer: the number of bytes. Raises `Stalled`, `Silent`."""
        with self._changed:
            data = self._flipped(data, self._begin(endpoint, timeout))
            try:
                self._halting(endpoint, lambda: self.face.write(endpoint, data))
            except Silent:
                self._pass(timeout)
                raise
            return len(data)

    def control(self, setup: Setup, data: bytes, timeout: float) -> bytes:
        """One control transfer; a stall of endpoint 0 clears itself. Raises `Stalled`, `Silent`."""
        with self._changed:
            faults = self._begin(0, timeout)
            self._halted.discard(0)
            if setup.request_type == STANDARD_FROM_DEVICE and setup.request == GET_DESCRIPTOR:
                reply = self._string(setup)
            else:
                if setup.request_type == CLASS_TO_INTERFACE:
                    self._carried.clear()  # such a request cancels or resets
                reply = self.face.control(setup, data)
            return self._flipped(reply[: setup.length], faults)

    def clear_halt(self, endpoint: int) -> None:
        self.check()
        self._halted.discard(endpoint)

    def reset(self) -> None:
        self.check()
        with self._changed:
            self._halted.clear()
            self._carried.clear()
            self.face.reset()

    # Faults.

    def _begin(self, endpoint: int, timeout: float) -> list[TransferFault]:
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
                self._pass(timeout)
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
        self, endpoint: int, into: memoryview, timeout: float, faults: list[TransferFault]
    ) -> int:
        """What an earlier short read held back, else what the face has to say."""
        held = self._carried.pop(endpoint, None)
        if held is None:
            whole = self._ask(endpoint, into, timeout)
            if not faults:
                return whole
            held = memoryview(bytes(into[:whole]))
        count = min(len(held), len(into), self._allowed(timeout, faults))
        into[:count] = held[:count]
        lost = any(isinstance(fault, ShortRead) and fault.lost for fault in faults)
        if count < len(held) and not lost:
            self._carried[endpoint] = held[count:]
        return count

    def _allowed(self, timeout: float, faults: list[TransferFault]) -> int:
        """How many bytes this read may give."""
        allowed = sys.maxsize
        for fault in faults:
            if isinstance(fault, Trickle):
                self._waited(timeout * 0.99)
                allowed = min(allowed, 1)
            if isinstance(fault, ShortRead):
                allowed = min(allowed, fault.keep)
        return allowed

    def _ask(self, endpoint: int, into: memoryview, timeout: float) -> int:
        try:
            count, ended = self._halting(endpoint, lambda: self.face.read(endpoint, into))
        except Silent:
            self._pass(timeout)
            if not self._live:
                raise
            count, ended = self._halting(endpoint, lambda: self.face.read(endpoint, into))
        if not ended:
            self._pass(timeout)
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

    def _halting(self, endpoint: int, transfer: Callable[[], T]) -> T:
        try:
            return transfer()
        except Stalled:
            self._halted.add(endpoint)
            raise

    def _pass(self, seconds: float) -> None:
        """Let a waiting transfer's time pass, in truth or in the books."""
        if self._live:
            self._changed.wait_for(lambda: self._gone, seconds or None)
        elif seconds == 0:
            raise RuntimeError("a transfer without a time-out would wait for ever")
        else:
            self._waited(seconds)
        self.check()

    # Descriptors.

    def texts(self) -> list[str]:
        """The string descriptors, the first at index 1."""
        facts = self.facts
        return [facts.maker, facts.product, facts.serial, facts.interface_name]

    def _string(self, setup: Setup) -> bytes:
        """A string descriptor (USB 2.0 §9.6.7); index 0 lists the languages."""
        kind, index = divmod(setup.value, 256)
        if kind != STRING or index > len(self.texts()):
            raise Stalled
        if index == 0:
            return bytes((4, STRING)) + ENGLISH.to_bytes(2, "little")
        text = self.texts()[index - 1].encode("utf-16-le", "surrogatepass")[:252]
        return bytes((len(text) + 2, STRING)) + text
