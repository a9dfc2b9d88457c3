"""Properties of objects (MTP 1.1 clause 5.3.2, appendix B) and of the device (PIMA 15740, 13)."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import NamedTuple

from agent.errors import Malformed
from agent.wire.ptp.codes import ObjectProperty
from agent.wire.ptp.fields import Fields, Value

_SMALLEST_ELEMENT = 9


class Property(NamedTuple):
    """One element of an ObjectPropList. A tuple, since a card's listing has a million of them."""

    handle: int
    code: int
    value: Value


class DevicePropDesc(NamedTuple):
    """A device property: whether it can be set, its value, and what values it may take.

    `form` is empty, or (lowest, highest, step) of a range, or an enumeration's values;
    `is_range` tells which.
    """

    code: int
    writable: bool
    current: Value
    is_range: bool
    form: tuple[Value, ...]


def iter_object_properties(data: bytes, wanted: Container[int]) -> Iterator[Property]:
    """The wanted properties of an ObjectPropList, one by one, so that none piles up.

    Raises `Malformed`, maybe after some were given, for bytes that miss, are too many, or are of
    an unknown type.
    """
    fields = Fields(data, "ObjectPropList")
    count = fields.u32()
    if count * _SMALLEST_ELEMENT > fields.left:
        raise Malformed(f"ObjectPropList: {count} elements declared, {fields.left} bytes left")
    for _ in range(count):
        handle, code, kind = fields.u32(), fields.u16(), fields.u16()
        value = fields.value(kind, is_name=code == ObjectProperty.OBJECT_FILE_NAME)
        if code in wanted:
            yield Property(handle, code, value)
    fields.finish()


def decode_object_size(data: bytes) -> int:
    """The ObjectPropValue of ObjectSize (0xDC04): 64 bits, 32 in players older than MTP 1.0."""
    fields = Fields(data, "ObjectSize")
    size = fields.u32() if len(data) == 4 else fields.u64()
    fields.finish()
    return size


def decode_text_value(data: bytes) -> str:
    """A property's value that is a string, such as DateTime (0x5011)."""
    return Fields(data, "property value").text()


def decode_device_prop_desc(data: bytes) -> DevicePropDesc:
    fields = Fields(data, "DevicePropDesc")
    code, kind, get_set = fields.u16(), fields.u16(), fields.u8()
    fields.value(kind)
    current, form = fields.value(kind), fields.u8()
    values: tuple[Value, ...] = ()
    if form == 1:
        values = tuple(fields.value(kind) for _ in range(3))
    elif form == 2:
        count = fields.u16()
        values = tuple(fields.value(kind) for _ in range(count))
    return DevicePropDesc(code, get_set == 1, current, form == 1, values)
