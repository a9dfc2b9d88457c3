"""The standard requests of USB 2.0 §9.4, which every device answers without its face."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol

from hwsim.ports import usb_descriptors
from hwsim.ports.usb_descriptors import CONFIGURATION, STRING_KIND, Place
from hwsim.usb import Setup, Stalled, UsbFacts

TYPE = 0x60
"""The bits of a request's type that are 0 for a standard request."""


class Request(IntEnum):
    GET_STATUS = 0x00
    CLEAR_FEATURE = 0x01
    SET_FEATURE = 0x03
    GET_DESCRIPTOR = 0x06
    GET_CONFIGURATION = 0x08
    SET_CONFIGURATION = 0x09
    GET_INTERFACE = 0x0A
    SET_INTERFACE = 0x0B


class Device(Protocol):
    """What these requests read and change."""

    facts: UsbFacts
    where: Place

    def halted(self, endpoint: int) -> bool: ...

    def clear_halt(self, endpoint: int | None = None) -> None: ...


def is_standard(setup: Setup) -> bool:
    return not setup.request_type & TYPE


def is_housekeeping(setup: Setup) -> bool:
    """What PyUSB's backend has functions of its own for; a text is fetched by a transfer there."""
    text = setup.request == Request.GET_DESCRIPTOR and setup.value >> 8 == STRING_KIND
    return is_standard(setup) and not text


def standard(device: Device, setup: Setup) -> bytes:
    """The answer. Raises `Stalled` for a request that is none of these, or out of range."""
    match setup.request_type, setup.request, setup.value:
        case 0x80, Request.GET_DESCRIPTOR, value:
            return usb_descriptors.raw(device.facts, device.where, *divmod(value, 256))
        case 0x80 | 0x81, Request.GET_STATUS, 0:
            return b"\0\0"
        case 0x82, Request.GET_STATUS, 0:
            return device.halted(setup.index).to_bytes(2, "little")
        case 0x02, Request.CLEAR_FEATURE, 0:
            device.clear_halt(setup.index)
            return b""
        case 0x80, Request.GET_CONFIGURATION, 0:
            return bytes((CONFIGURATION,))
        case 0x00, Request.SET_CONFIGURATION, 0 | 1:
            device.clear_halt()
            return b""
        case 0x81, Request.GET_INTERFACE, 0 if setup.index == 0:
            return b"\0"
        case 0x01, Request.SET_INTERFACE, 0 if setup.index == 0:
            return b""
    raise Stalled
