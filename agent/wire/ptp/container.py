"""Containers on the USB bulk and interrupt pipes (still image class definition 1.0, clause 7.1).

| at | bytes | meaning |
|---|---|---|
| 0 | 4 | length of the whole container; 0xFFFFFFFF: until a short packet ends it |
| 4 | 2 | kind: command, data, response, event |
| 6 | 2 | code of the operation, response or event |
| 8 | 4 | transaction id |
| 12 | rest | up to five 32-bit parameters, or data |
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from agent.errors import Malformed
from agent.wire.ptp.codes import Event

_HEAD = struct.Struct("<IHHI")
_CANCEL = struct.Struct("<HI")
HEAD_BYTES = _HEAD.size
UNTIL_SHORT_PACKET = 0xFFFFFFFF
PARAMETER_LIMIT = 5


class Kind(IntEnum):
    COMMAND = 1
    DATA = 2
    RESPONSE = 3
    EVENT = 4


@dataclass(frozen=True, slots=True)
class Head:
    """The first twelve bytes; `length` is what the sender declares, nothing more."""

    length: int
    kind: Kind
    code: int
    transaction: int


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """The answer to GetDeviceStatus: a response code, and endpoints that are halted."""

    code: int
    halted: tuple[int, ...]


def decode_head(data: bytes | memoryview) -> Head:
    """Raises `Malformed` for less than twelve bytes, an unknown kind or an impossible length."""
    if len(data) < HEAD_BYTES:
        raise Malformed(f"container: {len(data)} bytes, a head has {HEAD_BYTES}")
    length, kind, code, transaction = _HEAD.unpack_from(data)
    if length < HEAD_BYTES:
        raise Malformed(f"container: declares {length} bytes, a head alone has {HEAD_BYTES}")
    if not Kind.COMMAND <= kind <= Kind.EVENT:
        raise Malformed(f"container: unknown kind {kind}")
    if kind != Kind.DATA and (length - HEAD_BYTES) not in range(0, 4 * PARAMETER_LIMIT + 1, 4):
        raise Malformed(f"container: kind {kind} declares {length} bytes")
    return Head(length, Kind(kind), code, transaction)


def decode_parameters(data: bytes | memoryview) -> tuple[int, ...]:
    """Up to five parameters. Raises `Malformed` for a broken or a sixth one."""
    if len(data) % 4 or len(data) > 4 * PARAMETER_LIMIT:
        raise Malformed(f"container: {len(data)} bytes are no parameters")
    return struct.unpack(f"<{len(data) // 4}I", data)


def encode_command(code: int, transaction: int, *parameters: int) -> bytes:
    return _encode(
        Kind.COMMAND, code, transaction, struct.pack(f"<{len(parameters)}I", *parameters)
    )


def encode_data(code: int, transaction: int, payload: bytes) -> bytes:
    return _encode(Kind.DATA, code, transaction, payload)


def _encode(kind: Kind, code: int, transaction: int, payload: bytes) -> bytes:
    return _HEAD.pack(HEAD_BYTES + len(payload), kind, code, transaction) + payload


def decode_event(packet: bytes) -> tuple[Head, tuple[int, ...]]:
    """One event of the interrupt pipe and its parameters."""
    head = decode_head(packet)
    if head.kind is not Kind.EVENT or head.length != len(packet):
        raise Malformed(f"event: kind {head.kind}, {head.length} of {len(packet)} bytes")
    return head, decode_parameters(packet[HEAD_BYTES:])


def encode_cancel(transaction: int) -> bytes:
    """The data of the Cancel request (still image class definition, clause 5.2.1)."""
    return _CANCEL.pack(Event.CANCEL_TRANSACTION, transaction)


def decode_status(data: bytes) -> DeviceStatus:
    """The data of GetDeviceStatus (clause 5.2.4): length, code, endpoints."""
    if len(data) < 4 or len(data) % 4 or int.from_bytes(data[:2], "little") != len(data):
        raise Malformed(f"device status: {len(data)} bytes, or another length declared")
    return DeviceStatus(int.from_bytes(data[2:4], "little"), decode_parameters(data[4:]))
