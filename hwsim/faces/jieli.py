"""JieLi recorders (DV16): a USB disk from the start, commanded by vendor SCSI commands.

As the maker's host library speaks to them (public source, `USBJL.cpp` and `USBJL.h`): CDB[0] 0xFD
reads and 0xFB writes, CDB[1] is 0x81 or 0x82, CDB[5] the command, CDB[6..7] the length; structures
are packed, integers little-endian. The host fetches the password (13) and compares; command 14
tells how the last one went, 0 for well: a command that it refuses seems to succeed until then.
Its disk shows no card until command 6.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime
from enum import IntEnum

from hwsim.faces.bulk_only import OK, BulkOnlyFace, DiskIdentity, Reply, Sense
from hwsim.faces.scsi import BAD_FIELD, BECOMING_READY
from hwsim.faces.zfy import ZFY_INFO, Busy, Dialect, Function, ZfyBody
from hwsim.faults import Faults

DV16 = DiskIdentity(
    vendor_id=0x1224, product_id=0x2725, maker="DV16", product="DEVICE V1.00", serial=""
)
HARDWARE_ERROR = Sense(0x4)
BECOME_DISK = Function.BECOME_DISK
READ, WRITE = (0xFD, 0x81), (0xFB, 0x82)
PASSWORD = 16
ID_CODE = 6
CLOCK = struct.Struct("<HBBBBB")


class Command(IntEnum):
    """The library's `USB_CMD`. 9 to 11 write everything, the password, the id code: dangers."""

    CONNECT = 1
    ID_CODE = 2
    READ_IDENTITY = 3
    WRITE_IDENTITY = 4
    SET_CLOCK = 5
    BECOME_DISK = 6
    RESOLUTION = 7
    BATTERY = 8
    CARD = 12
    PASSWORD = 13
    STATUS = 14


class JieLi(BulkOnlyFace, Dialect):
    """One recorder's answers over USB. `card`: whether there is one; command 6 wants it."""

    def __init__(
        self, recorder: ZfyBody, faults: Faults | None = None, *, card: bool = True
    ) -> None:
        faults = faults if faults is not None else Faults()
        BulkOnlyFace.__init__(self, None, faults, DV16)
        Dialect.__init__(self, recorder, faults)
        self.card = card
        self._logged_in = True  # it checks no password, so there is no locked state
        self._failed = False
        self._reads: dict[int, tuple[Function, Callable[[], bytes]]] = {
            Command.ID_CODE: (Function.ID_CODE, self._id_code),
            Command.READ_IDENTITY: (Function.READ_IDENTITY, lambda: recorder.packed(ZFY_INFO)),
            Command.RESOLUTION: (Function.RESOLUTION, self._resolution),
            Command.BATTERY: (Function.BATTERY, lambda: struct.pack("<I", self.battery())),
            Command.CARD: (Function.STORAGE, lambda: struct.pack("<I", self.card)),
            Command.PASSWORD: (Function.LOGIN, self._password),
        }
        self._writes: dict[int, tuple[Function, Callable[[bytes], bool]]] = {
            Command.CONNECT: (Function.CONNECT, lambda _data: True),
            Command.WRITE_IDENTITY: (Function.WRITE_IDENTITY, self._write_identity),
            Command.SET_CLOCK: (Function.SET_CLOCK, self._set_clock),
            Command.BECOME_DISK: (Function.BECOME_DISK, lambda _data: self.become_disk()),
        }

    def reset(self) -> None:
        BulkOnlyFace.reset(self)
        self._failed = False

    def vendor_command(self, cdb: bytes, data: bytes) -> Reply | None:
        """What `BulkOnlyFace` leaves over."""
        direction, command = (cdb[0], cdb[1]), cdb[5]
        if direction == READ and command == Command.STATUS:
            return Reply.of(bytes([self._failed, 0, 0, 0]))
        if direction == READ and command in self._reads:
            return self._read_command(*self._reads[command], cdb[6] * 256 + cdb[7])
        if direction == WRITE and command in self._writes:
            return self._write_command(*self._writes[command], data)
        self.dangers.append(cdb.hex())
        return None

    def _read_command(self, function: Function, answer: Callable[[], bytes], size: int) -> Reply:
        if self.faults.due(Busy, function):
            return Reply(sense=BECOMING_READY)
        self._failed = not self.may(function)
        spoilt = self.spoilt(function, bytes(size) if self._failed else answer())
        return Reply.of(b"".join(spoilt)) if spoilt else Reply(sense=HARDWARE_ERROR)

    def _write_command(
        self, function: Function, order: Callable[[bytes], bool], data: bytes
    ) -> Reply:
        if self.faults.due(Busy, function):
            return Reply(sense=BECOMING_READY)
        self._failed = not (self.may(function) and order(data))
        # Whether it becomes a disk is not asked for by command 14 any more.
        return Reply(sense=BAD_FIELD) if self._failed and function is BECOME_DISK else OK

    # Functions.

    def _id_code(self) -> bytes:
        return self.recorder.id_code.encode("ascii")[:ID_CODE].ljust(ID_CODE, b"\0")

    def _password(self) -> bytes:
        return self.recorder.password.encode("ascii")[:PASSWORD].ljust(PASSWORD, b"\0")

    def _resolution(self) -> bytes:
        return struct.pack("<ii", self.recorder.width, self.recorder.height)

    def _write_identity(self, data: bytes) -> bool:
        try:
            self.recorder.take_packed(ZFY_INFO, data)
        except ValueError:
            return False
        return True

    def _set_clock(self, data: bytes) -> bool:
        try:
            self.recorder.body.set_clock(datetime(*CLOCK.unpack(data)))  # noqa: DTZ001
        except (ValueError, struct.error):
            return False
        return True

    def become_disk(self) -> bool:
        return self.card and super().become_disk()
