"""A device's descriptors, with the field names of USB 2.0 §9.6 under which PyUSB asks for them.

One configuration, one interface without alternatives; an index past that is an IndexError.
"""

from __future__ import annotations

from types import SimpleNamespace

from hwsim.ports.usb_device import UsbDevice
from hwsim.usb import KIND_INTERRUPT

CONFIGURATION = 1
HIGH_SPEED = 3
INTERFACE_NAME = 4
"""The index of the interface's string; maker, product and serial number have 1 to 3."""


def device(dev: UsbDevice) -> SimpleNamespace:
    where = dev.where
    return SimpleNamespace(
        bLength=18, bDescriptorType=1, bcdUSB=0x0200, bDeviceClass=0, bDeviceSubClass=0,
        bDeviceProtocol=0, bMaxPacketSize0=64, idVendor=dev.facts.vendor_id,
        idProduct=dev.facts.product_id, bcdDevice=0x0100, iManufacturer=1, iProduct=2,
        iSerialNumber=3, bNumConfigurations=1, address=where.address, bus=where.bus,
        port_number=where.ports[-1], port_numbers=where.ports, speed=HIGH_SPEED,
    )  # fmt: skip


def configuration(dev: UsbDevice, config: int) -> SimpleNamespace:
    _only(config)
    return SimpleNamespace(
        bLength=9, bDescriptorType=2, wTotalLength=9 + 9 + 7 * len(dev.facts.endpoints),
        bNumInterfaces=1, bConfigurationValue=CONFIGURATION, iConfiguration=0, bmAttributes=0x80,
        bMaxPower=250, extra_descriptors=b"",
    )  # fmt: skip


def interface(dev: UsbDevice, intf: int, alt: int, config: int) -> SimpleNamespace:
    _only(intf, alt, config)
    base, sub, protocol = dev.facts.interface_class
    return SimpleNamespace(
        bLength=9, bDescriptorType=4, bInterfaceNumber=0, bAlternateSetting=0,
        bNumEndpoints=len(dev.facts.endpoints), bInterfaceClass=base, bInterfaceSubClass=sub,
        bInterfaceProtocol=protocol, iInterface=INTERFACE_NAME if dev.facts.interface_name else 0,
        extra_descriptors=b"",
    )  # fmt: skip


def endpoint(dev: UsbDevice, place: int, intf: int, alt: int, config: int) -> SimpleNamespace:
    _only(intf, alt, config)
    end = dev.facts.endpoints[place]
    return SimpleNamespace(
        bLength=7, bDescriptorType=5, bEndpointAddress=end.address, bmAttributes=end.kind,
        wMaxPacketSize=end.packet, bInterval=6 if end.kind == KIND_INTERRUPT else 0,
        bRefresh=0, bSynchAddress=0, extra_descriptors=b"",
    )  # fmt: skip


def _only(*indexes: int) -> None:
    if any(indexes):
        raise IndexError(indexes)
