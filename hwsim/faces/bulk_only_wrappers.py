"""What goes before and after a command's data in Bulk-Only Transport 1.0 §5: the two wrappers."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from hwsim.faults import BadResponse

CBW = struct.Struct("<IIIBBB16s")
CSW = struct.Struct("<IIIB")
CBW_SIGNATURE = 0x43425355
CSW_SIGNATURE = 0x53425355
TO_HOST = 0x80
LAST_UNIT = 15


@dataclass(frozen=True, slots=True)
class CommandWrapper:
    """A command (§5.1): `length` bytes of data are awaited, by the host where it `reads`."""

    tag: int
    length: int
    reads: bool
    unit: int
    cdb: bytes


def read_command(raw: bytes) -> CommandWrapper | None:
    """None for what is not valid (§6.2.1: another size or signature) or meaningful (§6.2.2)."""
    if len(raw) != CBW.size:
        return None
    signature, tag, length, flags, unit, size, block = CBW.unpack(raw)
    if signature != CBW_SIGNATURE or flags & 0x7F or unit > LAST_UNIT or not 1 <= size <= 16:
        return None
    return CommandWrapper(tag, length, bool(flags & TO_HOST), unit, block[:size])


def status_wrapper(tag: int, residue: int, status: int, bad: BadResponse | None = None) -> bytes:
    """How a command ended (§5.2), or what a fault makes of it."""
    if bad is None:
        return CSW.pack(CSW_SIGNATURE, tag, residue, status)
    raw = CSW.pack(
        CSW_SIGNATURE if bad.kind is None else bad.kind,
        (tag + bad.transaction) % 2**32,
        residue if bad.length is None else bad.length,
        status if bad.code is None else bad.code,
    )
    return (raw + bytes(max(0, bad.deliver)))[: len(raw) + bad.deliver]
