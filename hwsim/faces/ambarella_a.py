"""Ambarella recorders, dialect A: binary messages in vendor control transfers of 4255:0001.

As a public script of a user speaks to them (Python with pyusb, class `MainViewModel`): the host
writes `A1 B2 C3 D4 00 group 00 command 00 payload` (request 85, value 0xAA), reads as many bytes
back (value 0), and takes 0x80 at offset 6 for a yes and what follows offset 9 for data. What
stands at offset 6 of a no is not known; here the command's own 00 stays.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import IntEnum

from hwsim.faces.zfy import Busy, Dialect, Function, ZfyBody
from hwsim.faces.zfy_bulk import BULK_PAIR
from hwsim.faults import Faults
from hwsim.usb import Setup, Silent, Stalled, UsbFacts

FACTS = UsbFacts(
    vendor_id=0x4255,
    product_id=0x0001,
    maker="Ambarella",
    product="Ambarella Simple Class",
    serial="",
    interface_class=(0xFF, 0xFF, 0xFF),
    endpoints=BULK_PAIR,
)
"""Of both dialects."""

OUT, IN, REQUEST, OUT_VALUE = 0x40, 0xC0, 85, 0x00AA
HEAD = b"\xa1\xb2\xc3\xd4\x00"
HEADER = 9
YES = 0x80
GROUP = 0xE1
IDENTITY = (9, 8, 35, 16, 32)
RESOLUTIONS = {(2304, 1296): 0, (1920, 1080): 1, (1280, 720): 4}


class Command(IntEnum):
    """Group E1. E1 A1, E1 A2 (passwords) and all of E2 (radio, SIM card, server) are dangers."""

    ADMIN_LOGIN = 0x10
    USER_LOGIN = 0x11
    PING = 0x20
    READ_IDENTITY = 0x30
    WRITE_IDENTITY = 0x31
    SET_CLOCK = 0x41
    BECOME_DISK = 0x51
    RESOLUTION = 0x60
    BATTERY = 0x70


class NotCarriedOut(Exception):
    """The message is understood and answered with a no."""


class AmbarellaA(Dialect):
    """One recorder's answers over USB. Its bulk endpoints say nothing."""

    def __init__(self, recorder: ZfyBody, faults: Faults | None = None) -> None:
        super().__init__(recorder, faults)
        self._waiting: list[bytes] = []
        self._busy = False
        self._answers: dict[Command, tuple[Function, Callable[[bytes], bytes]]] = {
            Command.ADMIN_LOGIN: (Function.LOGIN, self._log_in),
            Command.USER_LOGIN: (Function.LOGIN, self._log_in),
            Command.PING: (Function.CONNECT, lambda _payload: b"ABCDE"),
            Command.READ_IDENTITY: (Function.READ_IDENTITY, self._read_identity),
            Command.WRITE_IDENTITY: (Function.WRITE_IDENTITY, self._write_identity),
            Command.SET_CLOCK: (Function.SET_CLOCK, self._set_clock),
            Command.BECOME_DISK: (Function.BECOME_DISK, self._become_disk),
            Command.RESOLUTION: (Function.RESOLUTION, self._resolution),
            Command.BATTERY: (Function.BATTERY, lambda _payload: bytes([self.battery() & 0xFF])),
        }

    facts = FACTS

    # What ports call.

    def attach(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.lock()
        self._waiting.clear()
        self._busy = False

    def write(self, endpoint: int, data: bytes) -> None:  # noqa: ARG002
        raise Stalled

    def read(self, endpoint: int, into: memoryview) -> tuple[int, bool]:  # noqa: ARG002
        raise Silent

    def control(self, setup: Setup, data: bytes) -> bytes:
        """Raises `Stalled` for anything but its own two, `Silent` while it has no answer."""
        match setup.request_type, setup.request, setup.value:
            case (0x40, 85, 0x00AA):
                self._take(data)
                return b""
            case (0xC0, 85, 0):
                return self._give()[: setup.length]
        raise Stalled

    def _give(self) -> bytes:
        if self._busy or not self._waiting:
            self._busy = False
            raise Silent
        return self._waiting.pop(0)

    # Messages.

    def _take(self, message: bytes) -> None:
        self._waiting.clear()
        if len(message) < HEADER or not message.startswith(HEAD):
            return
        function, reply = self._answer(message)
        self._busy = self.faults.due(Busy, function) is not None
        self._waiting += self.spoilt(function, reply)

    def _answer(self, message: bytes) -> tuple[Function | None, bytes]:
        """The reply is as long as the message."""
        known = message[5] == GROUP and message[7] in set(Command)
        if not known:
            self.dangers.append(message[5:8].hex())
            return None, message
        function, answer = self._answers[Command(message[7])]
        if not self.may(function):
            return function, message
        try:
            data = answer(message[HEADER:])
        except NotCarriedOut:
            return function, message
        head = message[:6] + bytes([YES]) + message[7:HEADER]
        return function, (head + data).ljust(len(message), b"\0")

    # Functions.

    def _log_in(self, payload: bytes) -> bytes:
        if not self.log_in(payload.rstrip(b"\0").decode("ascii", "replace")):
            raise NotCarriedOut
        return b""

    def _read_identity(self, _payload: bytes) -> bytes:
        return self.recorder.packed(IDENTITY)

    def _write_identity(self, payload: bytes) -> bytes:
        try:
            self.recorder.take_packed(IDENTITY, payload)
        except ValueError as cause:
            raise NotCarriedOut from cause
        return payload

    def _set_clock(self, payload: bytes) -> bytes:
        """Year (16 bits, big-endian), month, day, hour, minute, second; it says them back."""
        try:
            year = int.from_bytes(payload[:2], "big")
            self.recorder.body.set_clock(datetime(year, *payload[2:7]))  # noqa: DTZ001
        except (ValueError, TypeError) as cause:
            raise NotCarriedOut from cause
        return payload

    def _become_disk(self, _payload: bytes) -> bytes:
        if not self.become_disk():
            raise NotCarriedOut
        return b""

    def _resolution(self, _payload: bytes) -> bytes:
        return bytes([RESOLUTIONS.get((self.recorder.width, self.recorder.height), 1)])
