"""What looks at ports see, made by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.link.attached import Attached, Disk, SerialPort
from agent.link.usb_facts import Interface, UsbDevice

CONTROL = (0xFF, 0x00, 0x00)
STORAGE = (0x08, 0x06, 0x50)
MODEM = (0x02, 0x02, 0x01)
PRINTER = (0x07, 0x01, 0x02)


class HandClock:
    """Moves when it is told to, and by `tick` seconds whenever somebody looks at it."""

    def __init__(self, tick: float = 0.0) -> None:
        self.seconds = 0.0
        self.tick = tick

    def now(self) -> datetime:
        return datetime(2026, 8, 4, 2, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        self.seconds += self.tick
        return self.seconds


def usb(
    port: str,
    address: int,
    triple: tuple[int, int, int] = CONTROL,
    vendor: int = 0x4255,
    product: int = 0x0001,
) -> UsbDevice:
    interface = Interface(0, triple, 0, ())
    return UsbDevice(port, address, 1, vendor, product, (0, 0, 0), (interface,))


def disk(port: str, sequence: int) -> Disk:
    return Disk(Path(f"/dev/sd{sequence}"), port, 2**30, sequence)


def control(port: str, address: int) -> Attached:
    return Attached(port, usb(port, address))


def storage(port: str, address: int, *sequences: int) -> Attached:
    """A disk's device; its nodes may not have come yet."""
    disks = tuple(disk(port, sequence) for sequence in sequences)
    return Attached(port, usb(port, address, STORAGE, vendor=0x0781), disks)


def adapter(port: str, address: int, *names: str) -> Attached:
    nodes = tuple(SerialPort(Path("/dev", name), port, 0x0403, 0x6001) for name in names)
    return Attached(port, usb(port, address, MODEM, 0x0403, 0x6001), serials=nodes)
