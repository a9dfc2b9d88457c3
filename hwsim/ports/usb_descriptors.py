"""A device's descriptors: as PyUSB asks for them, and as they go over the wire.

Field names as in USB 2.0 §9.6. One configuration, one interface without alternatives; an index
past that is an IndexError where PyUSB asks, a stall on the wire.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from types import SimpleNamespace

from hwsim.usb import KIND_INTERRUPT, Stalled, UsbFacts

DEVICE_KIND = 1
CONFIGURATION_KIND = 2
STRING_KIND = 3

CONFIGURATION = 1
"""The value of the only configuration."""

HIGH_SPEED = 3
INTERFACE_NAME = 4
"""The index of the interface's string; maker, product and serial number have 1 to 3."""

ENGLISH = 0x0409
LONGEST_TEXT = 252
"""Bytes of UTF-16 in a string descriptor, even, below 255 with its head."""

_DEVICE = struct.Struct("<BBHBBBBHHHBBBB")
_CONFIGURATION = struct.Struct("<BBHBBBBB")
_INTERFACE = struct.Struct("<BBBBBBBBB")
_ENDPOINT = struct.Struct("<BBBBHB")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a device is: bus, ports from the root hub on, and the address of this contact."""

    bus: int
    ports: tuple[int, ...]
    address: int

    @property
    def port_path(self) -> str:
        return f"{self.bus}-{'.'.join(map(str, self.ports))}"


# As PyUSB asks for them.


def device(facts: UsbFacts, where: Place) -> SimpleNamespace:
    return SimpleNamespace(
        bLength=18, bDescriptorType=DEVICE_KIND, bcdUSB=0x0200, bDeviceClass=0, bDeviceSubClass=0,
        bDeviceProtocol=0, bMaxPacketSize0=64, idVendor=facts.vendor_id,
        idProduct=facts.product_id, bcdDevice=0x0100, iManufacturer=1, iProduct=2,
        iSerialNumber=3, bNumConfigurations=1, address=where.address, bus=where.bus,
        port_number=where.ports[-1], port_numbers=where.ports, speed=HIGH_SPEED,
    )  # fmt: skip


def configuration(facts: UsbFacts, config: int) -> SimpleNamespace:
    _only(config)
    return SimpleNamespace(
        bLength=9, bDescriptorType=CONFIGURATION_KIND,
        wTotalLength=9 + 9 + 7 * len(facts.endpoints), bNumInterfaces=1,
        bConfigurationValue=CONFIGURATION, iConfiguration=0, bmAttributes=0x80,
        bMaxPower=250, extra_descriptors=b"",
    )  # fmt: skip


def interface(facts: UsbFacts, intf: int, alt: int, config: int) -> SimpleNamespace:
    _only(intf, alt, config)
    base, sub, protocol = facts.interface_class
    return SimpleNamespace(
        bLength=9, bDescriptorType=4, bInterfaceNumber=0, bAlternateSetting=0,
        bNumEndpoints=len(facts.endpoints), bInterfaceClass=base, bInterfaceSubClass=sub,
        bInterfaceProtocol=protocol, iInterface=INTERFACE_NAME if facts.interface_name else 0,
        extra_descriptors=b"",
    )  # fmt: skip


def endpoint(facts: UsbFacts, place: int, intf: int, alt: int, config: int) -> SimpleNamespace:
    _only(intf, alt, config)
    end = facts.endpoints[place]
    return SimpleNamespace(
        bLength=7, bDescriptorType=5, bEndpointAddress=end.address, bmAttributes=end.kind,
        wMaxPacketSize=end.packet, bInterval=6 if end.kind == KIND_INTERRUPT else 0,
        bRefresh=0, bSynchAddress=0, extra_descriptors=b"",
    )  # fmt: skip


def _only(*indexes: int) -> None:
    if any(indexes):
        raise IndexError(indexes)


# As they go over the wire.


def raw(facts: UsbFacts, where: Place, kind: int, index: int) -> bytes:
    """The answer to GET_DESCRIPTOR (USB 2.0 §9.4.3). Raises `Stalled` where there is none."""
    if kind == DEVICE_KIND and index == 0:
        return _packed(_DEVICE, device(facts, where))
    if kind == CONFIGURATION_KIND and index == 0:
        return _whole_configuration(facts)
    if kind == STRING_KIND:
        return _string(facts, index)
    raise Stalled


def _whole_configuration(facts: UsbFacts) -> bytes:
    """The configuration with its interface and endpoints, as one answer."""
    parts = [
        _packed(_CONFIGURATION, configuration(facts, 0)),
        _packed(_INTERFACE, interface(facts, 0, 0, 0)),
    ]
    parts += [
        _packed(_ENDPOINT, endpoint(facts, place, 0, 0, 0)) for place in range(len(facts.endpoints))
    ]
    return b"".join(parts)


def _string(facts: UsbFacts, index: int) -> bytes:
    """A string descriptor (USB 2.0 §9.6.7); index 0 lists the languages."""
    texts = (facts.maker, facts.product, facts.serial, facts.interface_name)
    if index > len(texts):
        raise Stalled
    if index == 0:
        return bytes((4, STRING_KIND)) + ENGLISH.to_bytes(2, "little")
    text = texts[index - 1].encode("utf-16-le", "surrogatepass")[:LONGEST_TEXT]
    return bytes((len(text) + 2, STRING_KIND)) + text


def _packed(layout: struct.Struct, fields: SimpleNamespace) -> bytes:
    """The fields in the order of their names above, which is that of the specification."""
    count = len(layout.unpack(bytes(layout.size)))
    return layout.pack(*list(vars(fields).values())[:count])
