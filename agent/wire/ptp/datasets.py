"""The datasets a recorder describes itself with: device, storages, objects.

PIMA 15740:2000 clauses 5.5.1 to 5.5.3, as amended by MTP 1.1 clauses 5.1.1, 5.2.2 and 5.3.1.
Bytes after the last field are ignored, since makers append fields of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.wire.ptp.codes import DataType
from agent.wire.ptp.fields import Fields


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """Who the device is and what it can do. Texts are as the device gave them."""

    standard_version: int
    vendor_extension: int
    vendor_description: str
    operations: frozenset[int]
    events: frozenset[int]
    properties: frozenset[int]
    maker: str
    model: str
    version: str
    serial: str


@dataclass(frozen=True, slots=True)
class StorageInfo:
    """One storage; sizes in bytes."""

    storage_type: int
    filesystem_type: int
    access: int
    capacity: int
    free: int
    description: str
    volume: str


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object. `size` is 0xFFFFFFFF where 32 bits do not hold it; dates are PTP strings."""

    storage: int
    format: int
    protection: int
    size: int
    parent: int
    name: str
    created: str
    modified: str


def decode_device_info(data: bytes) -> DeviceInfo:
    fields = Fields(data, "DeviceInfo")
    standard, extension, _ = fields.u16(), fields.u32(), fields.u16()
    description, _ = fields.text(), fields.u16()
    operations, events, properties, *_ = (fields.array(DataType.UINT16) for _ in range(5))
    return DeviceInfo(
        standard_version=standard,
        vendor_extension=extension,
        vendor_description=description,
        operations=frozenset(operations),
        events=frozenset(events),
        properties=frozenset(properties),
        maker=fields.text(),
        model=fields.text(),
        version=fields.text(),
        serial=fields.text(),
    )


def decode_storage_info(data: bytes) -> StorageInfo:
    fields = Fields(data, "StorageInfo")
    kind, filesystem, access = fields.u16(), fields.u16(), fields.u16()
    capacity, free, _ = fields.u64(), fields.u64(), fields.u32()
    return StorageInfo(kind, filesystem, access, capacity, free, fields.text(), fields.text())


def decode_object_info(data: bytes) -> ObjectInfo:
    fields = Fields(data, "ObjectInfo")
    storage, form, protection, size = fields.u32(), fields.u16(), fields.u16(), fields.u32()
    fields.raw(26)  # the thumbnail and the image: formats, sizes, depth
    parent = fields.u32()
    fields.raw(10)  # association type and description, sequence number
    name, created, modified = fields.name(), fields.text(), fields.text()
    return ObjectInfo(storage, form, protection, size, parent, name, created, modified)
