"""The packets of USB/IP 1.1.1, as Linux documents them (Documentation/usb/usbip_protocol.rst).

Bytes in, values out, and the other way round; nothing here knows a socket. What breaks the
protocol is `NotUsbip`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from hwsim.ports import usb_descriptors
from hwsim.ports.usb_descriptors import CONFIGURATION, HIGH_SPEED, Place
from hwsim.usb import Setup, UsbFacts

VERSION = 0x0111
PORT = 3240
"""The registered TCP port, where clients look unless told otherwise."""

MOST_TRANSFER = 16 * 2**20
"""Bytes in one transfer: what Linux allows its own programs (usbfs_memory_mb)."""

NOT_ISOCHRONOUS = (0, 0xFFFFFFFF)
"""What clients put into the number of packets of every other transfer."""

SHORT_NOT_OK = 0x0001
"""Transfer flag: less than was asked for is an error."""

BUS_ID = 32
OP = struct.Struct(">HHI")
HEADER = struct.Struct(">IIIIIIIIII8s")
_ENTRY = struct.Struct(">256s32sIIIHHHBBBBBB")
_SETUP = struct.Struct("<BBHHH")


class NotUsbip(ValueError):
    """The peer broke the protocol."""


class Op(IntEnum):
    REQ_IMPORT = 0x8003
    REQ_DEVLIST = 0x8005
    REP_IMPORT = 0x0003
    REP_DEVLIST = 0x0005


class Status(IntEnum):
    """Answers to an import (Linux tools/usb/usbip/libsrc/usbip_common.h)."""

    OK = 0
    BUSY = 2
    NO_DEVICE = 4


class Command(IntEnum):
    SUBMIT = 1
    UNLINK = 2
    RET_SUBMIT = 3
    RET_UNLINK = 4


# Before an import.


def read_op(raw: bytes) -> Op:
    """What a client asks for, from its first 8 bytes."""
    version, code, _status = OP.unpack(raw)
    if version != VERSION:
        raise NotUsbip(f"version {version:#06x}, not {VERSION:#06x}")
    if code not in (Op.REQ_IMPORT, Op.REQ_DEVLIST):
        raise NotUsbip(f"unknown request {code:#06x}")
    return Op(code)


def read_bus_id(raw: bytes) -> str:
    """The rest of an import request: which device."""
    text, _, rest = raw.partition(b"\0")
    if rest.strip(b"\0") or not text.isascii() or len(text) == BUS_ID:
        raise NotUsbip("a bus id that is no text")
    return text.decode("ascii")


def device_list(devices: Sequence[tuple[UsbFacts, Place]]) -> bytes:
    """The answer to REQ_DEVLIST."""
    head = OP.pack(VERSION, Op.REP_DEVLIST, Status.OK) + len(devices).to_bytes(4, "big")
    return head + b"".join(
        _entry(facts, where) + bytes((*facts.interface_class, 0)) for facts, where in devices
    )


def imported(facts: UsbFacts, where: Place) -> bytes:
    """The answer to REQ_IMPORT where the device is the client's from now on."""
    return OP.pack(VERSION, Op.REP_IMPORT, Status.OK) + _entry(facts, where)


def import_refused(status: Status) -> bytes:
    return OP.pack(VERSION, Op.REP_IMPORT, status)


def _entry(facts: UsbFacts, where: Place) -> bytes:
    told = usb_descriptors.device(facts, where)
    steps = [
        f"{where.bus}-{'.'.join(map(str, where.ports[:n]))}" for n in range(1, len(where.ports) + 1)
    ]
    path = f"/sys/devices/pci0000:00/0000:00:14.0/usb{where.bus}/{'/'.join(steps)}"
    return _ENTRY.pack(
        path.encode(), where.port_path.encode(), where.bus, where.address, HIGH_SPEED,
        told.idVendor, told.idProduct, told.bcdDevice, told.bDeviceClass, told.bDeviceSubClass,
        told.bDeviceProtocol, CONFIGURATION, told.bNumConfigurations, 1,
    )  # fmt: skip


# After it.


@dataclass(frozen=True, slots=True)
class Submit:
    """A transfer that the client wants; `endpoint` as an address, with its direction."""

    number: int
    endpoint: int
    length: int
    flags: int
    setup: Setup

    @property
    def reads(self) -> bool:
        return bool(self.endpoint & 0x80)


@dataclass(frozen=True, slots=True)
class Unlink:
    """The client takes the transfer `unlinked` back."""

    number: int
    unlinked: int


def read_command(raw: bytes) -> Submit | Unlink:
    """What the 48 bytes of a header want. The data of a transfer to the device come after it."""
    command, number, _device, direction, endpoint, *rest, setup = HEADER.unpack(raw)
    flags, length, _frame, packets, _interval = rest
    if command == Command.UNLINK:
        return Unlink(number, flags)
    if command != Command.SUBMIT:
        raise NotUsbip(f"unknown command {command:#x}")
    if direction > 1 or endpoint > 15:
        raise NotUsbip(f"direction {direction}, endpoint {endpoint}")
    if packets not in NOT_ISOCHRONOUS:
        raise NotUsbip("an isochronous transfer, and no such endpoint")
    if length > MOST_TRANSFER:
        raise NotUsbip(f"a transfer of {length} bytes")
    return Submit(number, endpoint | direction << 7, length, flags, Setup(*_SETUP.unpack(setup)))


def submitted(number: int, status: int, length: int, data: bytes = b"") -> bytes:
    """How a transfer ended: `status` 0 or a negative errno; `length` bytes went either way."""
    head = HEADER.pack(
        Command.RET_SUBMIT, number, 0, 0, 0, status % 2**32, length, 0, 0xFFFFFFFF, 0, bytes(8)
    )
    return head + data


def unlinked(number: int, status: int) -> bytes:
    """The answer to an `Unlink`: -ECONNRESET where it came in time, else 0."""
    return HEADER.pack(Command.RET_UNLINK, number, 0, 0, 0, status % 2**32, 0, 0, 0, 0, bytes(8))
