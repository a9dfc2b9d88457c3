"""The numbers of PTP and MTP that this project speaks.

PIMA 15740:2000 clauses 10 to 13, MTP 1.1 appendices A to F; the Android one is from AOSP's mtp.h.
"""

from __future__ import annotations

from enum import IntEnum

ALL = 0xFFFFFFFF
"""As a parameter: all of them. As a parent handle: the root of a storage."""


class Operation(IntEnum):
    GET_DEVICE_INFO = 0x1001
    OPEN_SESSION = 0x1002
    CLOSE_SESSION = 0x1003
    GET_STORAGE_IDS = 0x1004
    GET_STORAGE_INFO = 0x1005
    GET_OBJECT_HANDLES = 0x1007
    GET_OBJECT_INFO = 0x1008
    GET_OBJECT = 0x1009
    DELETE_OBJECT = 0x100B
    GET_DEVICE_PROP_DESC = 0x1014
    GET_DEVICE_PROP_VALUE = 0x1015
    SET_DEVICE_PROP_VALUE = 0x1016
    GET_PARTIAL_OBJECT = 0x101B
    GET_PARTIAL_OBJECT_64 = 0x95C1
    """Android: a 64-bit offset, low half first."""
    GET_OBJECT_PROP_VALUE = 0x9803
    GET_OBJECT_PROP_LIST = 0x9805


class Response(IntEnum):
    OK = 0x2001
    GENERAL_ERROR = 0x2002
    SESSION_NOT_OPEN = 0x2003
    INVALID_TRANSACTION_ID = 0x2004
    OPERATION_NOT_SUPPORTED = 0x2005
    PARAMETER_NOT_SUPPORTED = 0x2006
    INCOMPLETE_TRANSFER = 0x2007
    INVALID_STORAGE_ID = 0x2008
    INVALID_OBJECT_HANDLE = 0x2009
    DEVICE_PROP_NOT_SUPPORTED = 0x200A
    INVALID_OBJECT_FORMAT_CODE = 0x200B
    STORE_FULL = 0x200C
    OBJECT_WRITE_PROTECTED = 0x200D
    STORE_READ_ONLY = 0x200E
    ACCESS_DENIED = 0x200F
    PARTIAL_DELETION = 0x2012
    STORE_NOT_AVAILABLE = 0x2013
    NO_VALID_OBJECT_INFO = 0x2015
    DEVICE_BUSY = 0x2019
    INVALID_DEVICE_PROP_FORMAT = 0x201B
    INVALID_DEVICE_PROP_VALUE = 0x201C
    INVALID_PARAMETER = 0x201D
    SESSION_ALREADY_OPEN = 0x201E
    TRANSACTION_CANCELLED = 0x201F
    INVALID_OBJECT_PROP_CODE = 0xA801
    INVALID_OBJECT_PROP_FORMAT = 0xA802
    SPECIFICATION_BY_GROUP_UNSUPPORTED = 0xA807
    SPECIFICATION_BY_DEPTH_UNSUPPORTED = 0xA808
    OBJECT_PROP_NOT_SUPPORTED = 0xA80A


class Event(IntEnum):
    CANCEL_TRANSACTION = 0x4001


class DeviceProperty(IntEnum):
    BATTERY_LEVEL = 0x5001
    DATE_TIME = 0x5011


class ObjectProperty(IntEnum):
    STORAGE_ID = 0xDC01
    OBJECT_FORMAT = 0xDC02
    PROTECTION_STATUS = 0xDC03
    OBJECT_SIZE = 0xDC04
    OBJECT_FILE_NAME = 0xDC07
    DATE_CREATED = 0xDC08
    DATE_MODIFIED = 0xDC09
    PARENT_OBJECT = 0xDC0B


class ClassRequest(IntEnum):
    """Control requests of the USB still image class, definition 1.0 clause 5.2."""

    CANCEL = 0x64
    DEVICE_RESET = 0x66
    GET_DEVICE_STATUS = 0x67


class DataType(IntEnum):
    """PIMA 15740 clause 5.3; an array type is its element type with bit 14 set."""

    INT8 = 0x0001
    UINT8 = 0x0002
    INT16 = 0x0003
    UINT16 = 0x0004
    INT32 = 0x0005
    UINT32 = 0x0006
    INT64 = 0x0007
    UINT64 = 0x0008
    INT128 = 0x0009
    UINT128 = 0x000A
    STRING = 0xFFFF


ARRAY = 0x4000

ASSOCIATION = 0x3001
"""The object format of a folder."""
PROTECTED = frozenset({0x0001, 0x8002})
"""The protection status of what a camera's "protect" key locked: read-only, read-only data."""


def response_name(code: int) -> str:
    """A response code for people: `StoreReadOnly (0x200E)` as `STORE_READ_ONLY (0x200e)`."""
    try:
        return f"{Response(code).name} (0x{code:04x})"
    except ValueError:
        return f"0x{code:04x}"
