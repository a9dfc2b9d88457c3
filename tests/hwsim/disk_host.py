"""The plainest host of a USB disk over the plainest PyUSB, with Linux's recovery from stalls."""

from __future__ import annotations

import errno
import struct
from typing import Any, NamedTuple

import usb.core
import usb.util

from hwsim.ports.usb_memory import MemoryBus
from hwsim.usb import UsbFace

OUT, IN = 0x01, 0x81
TIMEOUT = 1000
PORT = "1-1.2"

TEST_UNIT_READY = bytes(6)
INQUIRY = bytes((0x12, 0, 0, 0, 36, 0))
REQUEST_SENSE = bytes((0x03, 0, 0, 0, 18, 0))
READ_CAPACITY = bytes((0x25, *bytes(9)))


class Told(NamedTuple):
    """What came back: data, status, residue."""

    data: bytes
    status: int
    residue: int


def read10(first: int, count: int) -> bytes:
    return struct.pack(">BBIBHB", 0x28, 0, first, 0, count, 0)


def cbw(cdb: bytes, length: int, *, reads: bool, tag: int = 1, unit: int = 0) -> bytes:
    return struct.pack(
        "<4sIIBBB16s", b"USBC", tag, length, 0x80 if reads else 0, unit, len(cdb), cdb
    )


class DiskHost:
    """Talks to the only disk of a bus in memory."""

    def __init__(self, face: UsbFace) -> None:
        self.bus = MemoryBus()
        self.bus.plug(PORT, face)
        self.device: Any = usb.core.find(backend=self.bus)
        self.tag = 0

    def close(self) -> None:
        usb.util.dispose_resources(self.device)

    def ask(self, cdb: bytes, size: int = 0, *, room: int | None = None, unit: int = 0) -> Told:
        """A command that gives `size` bytes; `room` is the host's buffer, where it is another."""
        self.tag += 1
        self.device.write(OUT, cbw(cdb, size, reads=True, tag=self.tag, unit=unit), TIMEOUT)
        data = self.data(size if room is None else room) if size else b""
        return self.status(data)

    def give(self, cdb: bytes, data: bytes) -> Told:
        """A command that takes data."""
        self.tag += 1
        self.device.write(OUT, cbw(cdb, len(data), reads=False, tag=self.tag), TIMEOUT)
        self.device.write(OUT, data, TIMEOUT)
        return self.status(b"")

    def data(self, size: int) -> bytes:
        try:
            return bytes(self.device.read(IN, size, TIMEOUT))
        except usb.core.USBError as error:
            if error.errno != errno.EPIPE:
                raise
            self.device.clear_halt(IN)
            return b""

    def status(self, data: bytes) -> Told:
        """The wrapper; a stall before it is cleared once (§6.7.2)."""
        raw = self.data(13) or self.data(13)
        signature, tag, residue, status = struct.unpack("<4sIIB", raw)
        assert (signature, tag) == (b"USBS", self.tag)
        return Told(data, status, residue)

    def recover(self) -> None:
        """The reset recovery (§5.3.4)."""
        self.device.ctrl_transfer(0x21, 0xFF, 0, 0, b"", TIMEOUT)
        self.device.clear_halt(IN)
        self.device.clear_halt(OUT)

    def sense(self) -> tuple[int, int, int]:
        """Key, code and qualifier."""
        data = self.ask(REQUEST_SENSE, 18).data
        assert data[0] == 0x70
        return data[2] & 0x0F, data[12], data[13]
