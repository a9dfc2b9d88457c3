"""Numbers of PTP and MTP, as a responder needs them.

PIMA 15740:2000 and USB-IF Media Transfer Protocol 1.1, annexes A to F; the container kinds and
class requests from the USB Still Image Capture Device Definition 1.0, §5.2 and §7.1.
"""

from __future__ import annotations

from enum import IntEnum


class Kind(IntEnum):
    """What a container carries."""

    COMMAND = 1
    DATA = 2
    RESPONSE = 3
    EVENT = 4


class Operation(IntEnum):
    GET_DEVICE_INFO = 0x1001
    OPEN_SESSION = 0x1002
    CLOSE_SESSION = 0x1003
    GET_STORAGE_IDS = 0x1004
    GET_STORAGE_INFO = 0x1005
    GET_NUM_OBJECTS = 0x1006
    GET_OBJECT_HANDLES = 0x1007
    GET_OBJECT_INFO = 0x1008
    GET_OBJECT = 0x1009
    DELETE_OBJECT = 0x100B
    RESET_DEVICE = 0x1010
    GET_DEVICE_PROP_DESC = 0x1014
    GET_DEVICE_PROP_VALUE = 0x1015
    SET_DEVICE_PROP_VALUE = 0x1016
    GET_PARTIAL_OBJECT = 0x101B
    GET_PARTIAL_OBJECT_64 = 0x95C1
    GET_OBJECT_PROPS_SUPPORTED = 0x9801
    GET_OBJECT_PROP_DESC = 0x9802
    GET_OBJECT_PROP_VALUE = 0x9803
    GET_OBJECT_PROP_LIST = 0x9805


class Answer(IntEnum):
    """Response codes."""

    OK = 0x2001
    SESSION_NOT_OPEN = 0x2003
    INVALID_TRANSACTION = 0x2004
    OPERATION_NOT_SUPPORTED = 0x2005
    INCOMPLETE_TRANSFER = 0x2007
    INVALID_STORAGE = 0x2008
    INVALID_HANDLE = 0x2009
    DEVICE_PROP_NOT_SUPPORTED = 0x200A
    WRITE_PROTECTED = 0x200D
    ACCESS_DENIED = 0x200F
    DEVICE_BUSY = 0x2019
    INVALID_PARENT = 0x201A
    INVALID_PROP_VALUE = 0x201C
    INVALID_PARAMETER = 0x201D
    SESSION_ALREADY_OPEN = 0x201E
    INVALID_OBJECT_PROP = 0xA801
    NO_PROP_GROUPS = 0xA807
    NO_PROP_DEPTH = 0xA808


class Event(IntEnum):
    OBJECT_ADDED = 0x4002
    OBJECT_REMOVED = 0x4003
    DEVICE_PROP_CHANGED = 0x4006


class Format(IntEnum):
    """Object formats."""

    UNDEFINED = 0x3000
    ASSOCIATION = 0x3001
    TEXT = 0x3004
    WAV = 0x3008
    MP3 = 0x3009
    AVI = 0x300A
    QUICKTIME = 0x300D
    EXIF_JPEG = 0x3801
    MP4 = 0xB982


FORMATS = {
    "JPG": Format.EXIF_JPEG,
    "MP4": Format.MP4,
    "WAV": Format.WAV,
    "MP3": Format.MP3,
    "AVI": Format.AVI,
    "MOV": Format.QUICKTIME,
    "TXT": Format.TEXT,
}
"""By the ending of a file's name."""


class DeviceProp(IntEnum):
    BATTERY_LEVEL = 0x5001
    DATE_TIME = 0x5011


class ObjectProp(IntEnum):
    STORAGE_ID = 0xDC01
    OBJECT_FORMAT = 0xDC02
    PROTECTION_STATUS = 0xDC03
    OBJECT_SIZE = 0xDC04
    OBJECT_FILE_NAME = 0xDC07
    DATE_CREATED = 0xDC08
    DATE_MODIFIED = 0xDC09
    PARENT_OBJECT = 0xDC0B
    PERSISTENT_ID = 0xDC41
    NAME = 0xDC44


class Type(IntEnum):
    """Data types of values."""

    UINT8 = 0x0002
    UINT16 = 0x0004
    UINT32 = 0x0006
    UINT64 = 0x0008
    UINT128 = 0x000A
    STRING = 0xFFFF


class Protection(IntEnum):
    NONE = 0x0000
    READ_ONLY = 0x0001
    """Neither to be changed nor deleted."""
    READ_ONLY_DATA = 0x8002
    """Its data is not to be changed; it may be deleted."""


class ClassRequest(IntEnum):
    """Control requests of the still image class."""

    CANCEL = 0x64
    RESET = 0x66
    STATUS = 0x67


CANCEL_CODE = 0x4001
EVERYTHING = 0xFFFFFFFF
"""All storages, all objects, all properties, all levels; as a parent, the root."""

UNKNOWN_LENGTH = 0xFFFFFFFF
"""A container length, or a 32-bit object size, that does not fit."""

FULL_MTP = frozenset(Operation)
NO_PARTIAL_64 = FULL_MTP - {Operation.GET_PARTIAL_OBJECT_64}
NO_PROP_LIST = FULL_MTP - {Operation.GET_OBJECT_PROP_LIST}
PLAIN_PTP = frozenset(op for op in Operation if op < 0x9000)
"""A still camera: no object properties, no 64-bit offsets."""

WHOLE_OBJECTS = PLAIN_PTP - {Operation.GET_PARTIAL_OBJECT}
"""An old camera, which gives a file whole or not at all."""
