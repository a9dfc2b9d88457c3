"""The JieLi face against the maker's public host library (USBJL.cpp, USBJL.h): CDBs by hand, in
the wrappers of the USB Mass Storage Bulk-Only Transport 1.0 §5.1 and §5.2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from hwsim.faces.jieli import JieLi
from hwsim.faces.zfy import Busy, Deny, Function
from hwsim.faults import Faults

from .dialect_hosts import INFO, SET_TO, UsbHost, recorder

ZEROS = bytes(8)


class Host(UsbHost):
    """`ISP_ReadFromScsi` and `ISP_WriteToScsi`."""

    def read(self, command: int, size: int) -> tuple[bytes, int]:
        return self.command(bytes((0xFD, 0x81, 0, 0, 0, command, 0, size)) + ZEROS, size)

    def write(self, command: int, data: bytes = b"") -> int:
        cdb = bytes((0xFB, 0x82, 0, 0, 0, command, 0, len(data))) + ZEROS
        return self.command(cdb, 0, data)[1]

    def status(self) -> int:
        return self.read(14, 4)[0][0]

    def command(self, cdb: bytes, size: int, data: bytes = b"") -> tuple[bytes, int]:
        """Data, and the status wrapper's status."""
        flags = 0x80 if size else 0
        head = struct.pack("<4sIIBBB", b"USBC", 7, size or len(data), flags, 0, len(cdb))
        self.device.write(0x01, head + cdb.ljust(16, b"\0"))
        if data:
            self.device.write(0x01, data)
        got = b""
        if size:
            try:
                got = bytes(self.device.read(0x81, size))
            except OSError:  # less data than awaited: the endpoint halts before the status
                self.device.clear_halt(0x81)
        raw = bytes(self.device.read(0x81, 13))
        if len(got) < size and raw[:4] != b"USBS":
            raise AssertionError(raw)
        signature, tag, _residue, status = struct.unpack("<4sIIB", raw)
        assert (signature, tag) == (b"USBS", 7)
        return got, status


@pytest.fixture
def face() -> JieLi:
    return JieLi(recorder("123456", id_code="JL2300"))


@pytest.fixture
def host(face: JieLi) -> Iterator[Host]:
    host = Host(face)
    yield host
    host.close()


def test_it_is_a_disk_called_dv16_that_shows_no_card(host: Host) -> None:
    data, status = host.command(bytes((0x12, 0, 0, 0, 36, 0)), 36)
    assert data[8:36].startswith(b"DV16    DEVICE V1.00")
    assert status == 0
    assert host.command(bytes(6), 0)[1] == 1  # TEST UNIT READY


def test_reads_are_those_of_the_makers_library(host: Host) -> None:
    assert host.write(1) == 0
    assert host.read(2, 6) == (b"JL2300", 0)
    assert host.read(13, 16) == (b"123456" + bytes(10), 0)
    assert host.read(3, 89) == (INFO, 0)
    assert host.read(7, 8) == (bytes.fromhex("80070000 38040000"), 0)
    assert host.read(8, 4) == (bytes.fromhex("4d000000"), 0)
    assert host.read(12, 4) == (bytes.fromhex("01000000"), 0)
    assert host.status() == 0


def test_writes_set_the_clock_and_the_identity(host: Host, face: JieLi) -> None:
    assert host.write(5, bytes.fromhex("ea07 08 05 07 08 09")) == 0
    assert face.recorder.body.now() == SET_TO
    assert host.write(4, INFO.replace(b"SIM0001", b"CAM0007")) == 0
    assert face.recorder.body.serial == "CAM0007"
    assert host.write(5, b"no time") == 0
    assert host.status() != 0
    assert host.write(1) == 0
    assert host.status() == 0


def test_disk_mode_wants_a_card(host: Host, face: JieLi) -> None:
    told: list[int] = []
    face.recorder.on_disk = lambda: told.append(1)
    face.card = False
    assert host.read(12, 4)[0] == bytes(4)
    assert host.write(6) == 1
    face.card = True
    assert host.write(6) == 0
    assert told == [1]


def test_writing_everything_the_password_or_the_id_is_a_danger(host: Host, face: JieLi) -> None:
    for command in (9, 10, 11, 99):
        assert host.write(command, bytes(16)) == 1
    assert [danger[:16] for danger in face.dangers] == [
        f"fb82000000{command:02x}0010" for command in (9, 10, 11, 99)
    ]


def test_busy_and_no_are_said_as_a_disk_says_them() -> None:
    faults = Faults(Busy(operation=Function.BATTERY), Deny(operation=Function.ID_CODE))
    host = Host(JieLi(recorder(), faults))
    assert host.read(8, 4) == (b"", 1)
    sense, _ = host.command(bytes((3, 0, 0, 0, 18, 0)), 18)
    assert (sense[2], sense[12], sense[13]) == (2, 4, 1)  # becoming ready
    assert host.read(2, 6) == (bytes(6), 0)
    assert host.status() != 0
    assert host.read(8, 4) == (bytes.fromhex("4d000000"), 0)
    host.close()
