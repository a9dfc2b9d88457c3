"""What a responder tells of itself: DeviceInfo, stores, device properties.

PIMA 15740 §5.5 and §13; MTP 1.1 §5.1.1.
"""

from __future__ import annotations

from collections.abc import Collection

from hwsim.body import Body
from hwsim.card import Card
from hwsim.faces.ptp_codes import Answer, DeviceProp, Event, Format, Type
from hwsim.faces.ptp_data import (
    Refused,
    array_u16,
    date_time,
    read_date_time,
    read_string,
    string,
    u8,
    u16,
    u32,
    u64,
)
from hwsim.faults import BadClock, FalseBattery, Faults

MICROSOFT = 6
"""The vendor extension id under which MTP is offered to PTP hosts."""

REMOVABLE_RAM = 0x0004
HIERARCHY = 0x0002
READ_WRITE = 0x0000
READABLE = 0
WRITABLE = 1
NO_FORM = 0
RANGE = 1


def device_info(body: Body, operations: Collection[int]) -> bytes:
    """The DeviceInfo dataset (MTP 1.1 §5.1.1)."""
    return (
        u16(100)
        + u32(MICROSOFT)
        + u16(100)
        + string("microsoft.com: 1.0;")
        + u16(0)
        + array_u16(sorted(operations))
        + array_u16(Event)
        + array_u16(DeviceProp)
        + array_u16([Format.MP4, Format.EXIF_JPEG, Format.WAV])
        + array_u16(Format)
        + string(body.maker)
        + string(body.model)
        + string(body.firmware)
        + string(body.serial)
    )


def storage_info(card: Card) -> bytes:
    """The StorageInfo dataset (PIMA 15740 §5.5.3)."""
    kinds = u16(REMOVABLE_RAM) + u16(HIERARCHY) + u16(READ_WRITE)
    room = u64(card.capacity) + u64(card.free) + u32(0xFFFFFFFF)
    return kinds + room + string(card.label) + string("")


class DeviceTeller:
    """The device properties of one body."""

    def __init__(self, body: Body, faults: Faults, date_suffix: str) -> None:
        self._body = body
        self._faults = faults
        self._date_suffix = date_suffix

    def value(self, prop: int) -> bytes:
        """Raises `Refused` for a property that is not there."""
        if prop == DeviceProp.BATTERY_LEVEL:
            return u8(self._battery())
        if prop == DeviceProp.DATE_TIME:
            bad = self._faults.due(BadClock)
            return string(bad.text if bad else date_time(self._body.now()) + self._date_suffix)
        raise Refused(Answer.DEVICE_PROP_NOT_SUPPORTED)

    def describe(self, prop: int) -> bytes:
        """The DevicePropDesc dataset (PIMA 15740 §13.3.3)."""
        value = self.value(prop)
        if prop == DeviceProp.BATTERY_LEVEL:
            form = u8(RANGE) + u8(0) + u8(100) + u8(1)
            return u16(prop) + u16(Type.UINT8) + u8(READABLE) + u8(100) + value + form
        return u16(prop) + u16(Type.STRING) + u8(WRITABLE) + string("") + value + u8(NO_FORM)

    def set(self, prop: int, data: bytes) -> None:
        """Only the clock can be set. Raises `Refused`."""
        if prop == DeviceProp.BATTERY_LEVEL:
            raise Refused(Answer.ACCESS_DENIED)
        if prop != DeviceProp.DATE_TIME:
            raise Refused(Answer.DEVICE_PROP_NOT_SUPPORTED)
        self._body.set_clock(read_date_time(read_string(data)))

    def _battery(self) -> int:
        false = self._faults.due(FalseBattery)
        return false.percent if false else self._body.battery_percent()
