"""What is plugged into a physical port, put together from USB, block nodes and serial ports. Pure.

A port is named by its way from the root: `1-1.2` for USB (also for a serial adapter or a disk that
hangs there), `serial:ttyAMA0` for a serial port of the machine itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent.link.usb_facts import UsbDevice

SERIAL_PREFIX = "serial:"


@dataclass(frozen=True, slots=True)
class Roots:
    """Where the kernel shows itself; a simulator puts folders of its own here."""

    sys: Path = Path("/sys")
    dev: Path = Path("/dev")


@dataclass(frozen=True, slots=True)
class Disk:
    """A whole disk's block node. `sequence` is new with every new disk (`diskseq`, or what stands
    in for it), so that a card that was changed shows; `size` in bytes.
    """

    node: Path
    port: str
    size: int
    sequence: int


@dataclass(frozen=True, slots=True)
class SerialPort:
    """A serial port's node; `vendor` and `product` are those of its USB adapter, if it has one."""

    node: Path
    port: str
    vendor: int | None = None
    product: int | None = None
    serial: str = ""
    """The adapter's own serial number."""


@dataclass(frozen=True, slots=True)
class Attached:
    """Everything that one port shows at one moment. `address` (bay's `[[bay]] address`) is where
    a recorder on this port answers by TCP, empty for none.
    """

    port: str
    usb: UsbDevice | None = None
    disks: tuple[Disk, ...] = ()
    serials: tuple[SerialPort, ...] = ()
    address: str = ""

    @property
    def enumeration(self) -> int | None:
        """Changes with every new enumeration of the USB device; None where there is none."""
        return self.usb.address if self.usb else None
