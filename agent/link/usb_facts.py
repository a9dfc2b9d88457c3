"""What can be said of USB without a library: devices as a poll shows them, and transfer trouble."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

BULK, INTERRUPT = 2, 3
IN = 0x80
"""The bit of an endpoint's address that says to the host."""


class LinkTrouble(Exception):
    """A transfer failed, but the device may still be there; never leaves a driver."""


class Stalled(LinkTrouble):
    """An endpoint halted, or the bus gave up on a transfer."""


class TimedOut(LinkTrouble):
    """Nothing came, or went, in time."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    address: int
    kind: int
    packet: int
    """Bytes in its largest packet."""


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface; `name` is the index of its string descriptor."""

    number: int
    triple: tuple[int, int, int]
    """Class, subclass, protocol."""
    name: int
    endpoints: tuple[Endpoint, ...]

    @property
    def has_still_image_pipes(self) -> bool:
        """Bulk in, bulk out and interrupt in, and nothing else (still image class)."""
        pipes = sorted((end.kind, end.address & IN) for end in self.endpoints)
        right = pipes == [(BULK, 0), (BULK, IN), (INTERRUPT, IN)]
        return right and all(end.packet > 0 for end in self.endpoints)


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """A device as a poll shows it. `port` is its way from the root, such as `1-1.2`; `address`
    changes with every new enumeration, so a quick re-plug shows.
    """

    port: str
    address: int
    bus: int
    vendor: int
    product: int
    triple: tuple[int, int, int]
    interfaces: tuple[Interface, ...]


def device_from(found: Any) -> UsbDevice:
    """From PyUSB's device object, by its first configuration."""
    return UsbDevice(
        port=f"{found.bus}-{'.'.join(map(str, found.port_numbers))}",
        address=found.address,
        bus=found.bus,
        vendor=found.idVendor,
        product=found.idProduct,
        triple=(found.bDeviceClass, found.bDeviceSubClass, found.bDeviceProtocol),
        interfaces=tuple(map(_interface_from, found[0])),
    )


def _interface_from(found: Any) -> Interface:
    return Interface(
        number=found.bInterfaceNumber,
        triple=(found.bInterfaceClass, found.bInterfaceSubClass, found.bInterfaceProtocol),
        name=found.iInterface,
        endpoints=tuple(
            Endpoint(end.bEndpointAddress, end.bmAttributes & 3, end.wMaxPacketSize & 0x7FF)
            for end in found
        ),
    )
