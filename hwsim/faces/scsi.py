"""A SCSI disk that can only be read, whatever carries its commands.

Commands as in SPC-2, SBC and MMC (READ FORMAT CAPACITIES), the set that USB disks are asked for.
Every command that would change the medium is answered "write protected" and counted.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from hwsim.card import Content, InMemory
from hwsim.faces.ptp_data import Window
from hwsim.faults import Fault, Faults, ResponderFault

GOOD, FAILED = 0x00, 0x01
"""Command statuses as a CSW carries them."""

MOST_BLOCKS = 0xFFFFFFFF
FIXED_SENSE = 0x70
WRITE_PROTECTED = 0x80
"""In the device-specific parameter of MODE SENSE (SBC)."""


class Op(IntEnum):
    """The first byte of a command descriptor block."""

    TEST_UNIT_READY = 0x00
    REQUEST_SENSE = 0x03
    INQUIRY = 0x12
    MODE_SENSE_6 = 0x1A
    START_STOP_UNIT = 0x1B
    PREVENT_ALLOW = 0x1E
    READ_FORMAT_CAPACITIES = 0x23
    READ_CAPACITY_10 = 0x25
    READ_10 = 0x28
    SYNCHRONIZE_CACHE = 0x35
    MODE_SENSE_10 = 0x5A


CHANGING = frozenset(
    (0x04, 0x0A, 0x15, 0x19, 0x24, 0x2A, 0x2E, 0x3B, 0x3F, 0x41, 0x42, 0x48, 0x4C, 0x55, 0x7F,
     0x89, 0x8A, 0x8E, 0x93, 0x9C, 0xA3, 0xAA, 0xAE)
)  # fmt: skip
"""FORMAT UNIT, WRITE in every length, MODE and LOG SELECT, ERASE, UNMAP, SANITIZE, WRITE SAME …"""


@dataclass(frozen=True, slots=True)
class Sense:
    """Why a command failed: sense key, additional code and its qualifier (SPC-2 §7.23.2)."""

    key: int
    code: int = 0
    qualifier: int = 0


NO_SENSE = Sense(0)
BECOMING_READY = Sense(0x2, 0x04, 0x01)
NO_MEDIUM = Sense(0x2, 0x3A)
READ_ERROR = Sense(0x3, 0x11)
UNKNOWN_COMMAND = Sense(0x5, 0x20)
PAST_END = Sense(0x5, 0x21)
BAD_FIELD = Sense(0x5, 0x24)
NO_SUCH_UNIT = Sense(0x5, 0x25)
REMOVAL_PREVENTED = Sense(0x5, 0x53, 0x02)
MEDIUM_CHANGED = Sense(0x6, 0x28)
PROTECTED = Sense(0x7, 0x27)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command comes to: data for the host, or the sense of a failure, or nothing more.

    `taken` is how many bytes of the host's data were used; None: all where the command succeeded,
    none where it failed.
    """

    data: Content | None = None
    sense: Sense = NO_SENSE
    taken: int | None = None

    @staticmethod
    def of(data: bytes) -> Reply:
        return Reply(InMemory(data))


OK = Reply()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckCondition(ResponderFault):
    """The command is not carried out and fails with this; `operation` is the CDB's first byte."""

    sense: Sense = BECOMING_READY


@dataclass(frozen=True, slots=True, kw_only=True)
class BadBlocks(Fault):
    """Reading any of these blocks gives a medium error; a chance is a READ."""

    first: int = 0
    count: int = 1
    times: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskIdentity:
    """Who the disk says that it is; the INQUIRY texts are cut to 8, 16 and 4 characters."""

    vendor_id: int = 0x1209
    product_id: int = 0x0002
    maker: str = "Bodydock"
    product: str = "Simulated Disk"
    serial: str = "SIM0001"
    revision: str = "1.00"


class ScsiDisk:
    """One logical unit over `medium`, None where no card is in; `block` bytes a sector.

    What is left of the medium behind the last whole sector cannot be read.
    """

    def __init__(
        self, medium: Content | None, identity: DiskIdentity, faults: Faults, *, block: int = 512
    ) -> None:
        self.medium = medium
        self.writes = 0
        """Commands that would have changed the medium."""

        self._identity = identity
        self._faults = faults
        self._block = block
        self._sense = NO_SENSE
        self._attention = NO_SENSE
        self._loaded = True
        self._locked = False
        self._answers: dict[int, Callable[[bytes], Reply]] = {
            Op.TEST_UNIT_READY: self._ready,
            Op.REQUEST_SENSE: self._tell_sense,
            Op.INQUIRY: self._inquiry,
            Op.MODE_SENSE_6: self._mode_sense_6,
            Op.MODE_SENSE_10: self._mode_sense_10,
            Op.START_STOP_UNIT: self._start_stop,
            Op.PREVENT_ALLOW: self._prevent,
            Op.READ_FORMAT_CAPACITIES: self._format_capacities,
            Op.READ_CAPACITY_10: self._capacity,
            Op.READ_10: self._read,
            Op.SYNCHRONIZE_CACHE: self._ready,
        }

    def reset(self) -> None:
        """Power came, or the bus was reset: what was locked, ejected or failed is forgotten."""
        self._sense = self._attention = NO_SENSE
        self._loaded, self._locked = True, False

    def change(self, medium: Content | None) -> None:
        """Take the card out, or put one in; the next command is told of it (unit attention)."""
        self.medium = medium
        self._loaded = True
        self._attention = MEDIUM_CHANGED

    def answer(self, cdb: bytes) -> Reply | None:
        """None for a command that it does not know; the caller may, and tells by `remember`."""
        if (fault := self._faults.due(CheckCondition, cdb[0])) is not None:
            return self.remember(Reply(sense=fault.sense))
        if cdb[0] in CHANGING:
            self.writes += 1
            return self.remember(Reply(sense=PROTECTED))
        answer = self._answers.get(cdb[0])
        if answer is None:
            return None
        if self._attention != NO_SENSE and cdb[0] not in (Op.INQUIRY, Op.REQUEST_SENSE):
            attention, self._attention = self._attention, NO_SENSE
            return self.remember(Reply(sense=attention))
        return self.remember(answer(cdb.ljust(16, b"\0")))

    def remember(self, reply: Reply) -> Reply:
        """Keep a failure's sense for REQUEST SENSE; the same reply."""
        if reply.sense != NO_SENSE:
            self._sense = reply.sense
        return reply

    @property
    def blocks(self) -> int:
        return 0 if self.medium is None else min(self.medium.size // self._block, MOST_BLOCKS)

    # About the unit.

    def _inquiry(self, cdb: bytes) -> Reply:
        """Standard data only (SPC-2 §7.3.2); the vital product pages are optional."""
        if cdb[1] & 1 or cdb[2]:
            return Reply(sense=BAD_FIELD)
        who = self._identity
        texts = _padded(who.maker, 8) + _padded(who.product, 16) + _padded(who.revision, 4)
        data = bytes((0x00, 0x80, 0x02, 0x02, 31, 0, 0, 0)) + texts
        return Reply.of(data[: int.from_bytes(cdb[3:5], "big")])

    def _tell_sense(self, cdb: bytes) -> Reply:
        told, self._sense = self._sense, NO_SENSE
        data = bytes((FIXED_SENSE, 0, told.key, 0, 0, 0, 0, 10, 0, 0, 0, 0))
        return Reply.of((data + bytes((told.code, told.qualifier, 0, 0, 0, 0)))[: cdb[4]])

    def _mode_sense_6(self, cdb: bytes) -> Reply:
        return Reply.of(bytes((3, 0, WRITE_PROTECTED, 0))[: cdb[4]])

    def _mode_sense_10(self, cdb: bytes) -> Reply:
        data = bytes((0, 6, 0, WRITE_PROTECTED, 0, 0, 0, 0))
        return Reply.of(data[: int.from_bytes(cdb[7:9], "big")])

    # About the medium.

    def _ready(self, _cdb: bytes) -> Reply:
        return OK if self._present() else Reply(sense=NO_MEDIUM)

    def _present(self) -> bool:
        return self.medium is not None and self._loaded

    def _prevent(self, cdb: bytes) -> Reply:
        self._locked = bool(cdb[4] & 1)
        return OK

    def _start_stop(self, cdb: bytes) -> Reply:
        """With LoEj: eject or load (SBC §5.17)."""
        load_eject, start = cdb[4] & 2, cdb[4] & 1
        if load_eject and not start and self._locked:
            return Reply(sense=REMOVAL_PREVENTED)
        if load_eject:
            self._loaded = bool(start)
        return OK

    def _format_capacities(self, cdb: bytes) -> Reply:
        """One descriptor: formatted, or no medium (MMC-2 §5.1.10)."""
        kind = 2 if self._present() else 3
        size = self.blocks if self._present() else MOST_BLOCKS
        data = struct.pack(">II", 8, size) + struct.pack(">I", kind << 24 | self._block)
        return Reply.of(data[: int.from_bytes(cdb[7:9], "big")])

    def _capacity(self, _cdb: bytes) -> Reply:
        if not self._present():
            return Reply(sense=NO_MEDIUM)
        return Reply.of(struct.pack(">II", max(self.blocks - 1, 0), self._block))

    def _read(self, cdb: bytes) -> Reply:
        first, count = int.from_bytes(cdb[2:6], "big"), int.from_bytes(cdb[7:9], "big")
        if self.medium is None or not self._present():
            return Reply(sense=NO_MEDIUM)
        if first + count > self.blocks:
            return Reply(sense=PAST_END)
        if self._bad(first, count):
            return Reply(sense=READ_ERROR)
        return Reply(Window(self.medium, first * self._block, count * self._block))

    def _bad(self, first: int, count: int) -> bool:
        bad = self._faults.due(BadBlocks)
        return bad is not None and bad.first < first + count and first < bad.first + bad.count


def _padded(text: str, width: int) -> bytes:
    return text.encode("ascii", "replace")[:width].ljust(width)
