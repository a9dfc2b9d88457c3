"""Command and status wrappers of USB Mass Storage Bulk-Only Transport 1.0, and SCSI sense. Pure.

Source: Universal Serial Bus Mass Storage Class, Bulk-Only Transport, revision 1.0 (1999), clause 5;
sense data in fixed format as in SPC-4 clause 4.5.3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from agent.errors import Malformed

CBW_BYTES = 31
CSW_BYTES = 13
LONGEST_COMMAND = 16
"""Bytes in a command block."""

SENSE_BYTES = 18
REQUEST_SENSE = bytes((0x03, 0, 0, 0, SENSE_BYTES, 0))
RESET = 0xFF
"""The class request Bulk-Only Mass Storage Reset (clause 3.1)."""

_CBW = struct.Struct("<4sIIBBB16s")
_CSW = struct.Struct("<4sIIB")
_TO_HOST = 0x80


class Status(IntEnum):
    """Of a command (clause 5.2, table 5.3)."""

    PASSED = 0
    FAILED = 1
    PHASE_ERROR = 2


class SenseKey(IntEnum):
    """The keys that say what to do (SPC-4 table 48)."""

    NOT_READY = 0x2
    ILLEGAL_REQUEST = 0x5
    UNIT_ATTENTION = 0x6
    DATA_PROTECT = 0x7


@dataclass(frozen=True, slots=True)
class CommandStatus:
    """`residue`: how many of the expected bytes were not processed."""

    status: Status
    residue: int


def encode_command(tag: int, command: bytes, length: int, *, to_host: bool) -> bytes:
    """A command block wrapper for logical unit 0; `length` bytes of data are to follow."""
    if not 1 <= len(command) <= LONGEST_COMMAND:
        raise Malformed(f"a command block of {len(command)} bytes")
    flags = _TO_HOST if to_host else 0
    return _CBW.pack(b"USBC", tag, length, flags, 0, len(command), command)


def decode_status(raw: bytes, tag: int, length: int) -> CommandStatus:
    """Raises `Malformed` unless it is valid and meaningful (clause 6.3): its signature, its length,
    the tag of the command, and a residue of not more than was to be transferred.
    """
    if len(raw) != CSW_BYTES:
        raise Malformed(f"a command status of {len(raw)} bytes")
    signature, told, residue, status = _CSW.unpack(raw)
    if signature != b"USBS":
        raise Malformed("a command status without its signature")
    if told != tag:
        raise Malformed("the status of another command")
    if status > Status.PHASE_ERROR:
        raise Malformed(f"command status {status}")
    if residue > length and status != Status.PHASE_ERROR:
        raise Malformed(f"a residue of {residue} bytes of {length}")
    return CommandStatus(Status(status), residue)


def sense_key(raw: bytes) -> int:
    """The key in sense data of fixed format. Raises `Malformed` for any other."""
    if len(raw) < 3 or raw[0] & 0x7F not in (0x70, 0x71):
        raise Malformed("sense data of an unknown format")
    return raw[2] & 0x0F
