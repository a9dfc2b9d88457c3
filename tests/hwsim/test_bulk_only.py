"""The simulated USB disk, asked through raw PyUSB on the bus in memory."""

from __future__ import annotations

import errno
import struct
from pathlib import Path

import pytest
import usb.core
from hypothesis import given
from hypothesis import strategies as st

from hwsim.card import InMemory, OnDisk
from hwsim.faces.bulk_only import OK, BadBlocks, BulkOnlyFace, CheckCondition, Reply
from hwsim.faults import (
    AnswerFirst,
    BadData,
    BadResponse,
    Fault,
    Faults,
    FlipBit,
    NoAnswer,
    Repeat,
    ShortRead,
    Stall,
    Unplug,
)
from hwsim.media.grown import Noise

from .disk_host import (
    IN,
    INQUIRY,
    OUT,
    PORT,
    READ_CAPACITY,
    TEST_UNIT_READY,
    TIMEOUT,
    DiskHost,
    cbw,
    read10,
)

BLOCKS = 2000
IMAGE = Noise(512 * BLOCKS, 7).read(0, 512 * BLOCKS)


def disk(*struck: Fault, stalls: bool = True) -> tuple[BulkOnlyFace, DiskHost]:
    face = BulkOnlyFace(InMemory(IMAGE), Faults(*struck), stalls=stalls)
    return face, DiskHost(face)


def error_of(host: DiskHost, size: int = 512) -> int | None:
    with pytest.raises(usb.core.USBError) as caught:
        host.device.read(IN, size, TIMEOUT)
    number: int | None = caught.value.errno
    return number


# Its medium.


@given(first=st.integers(0, BLOCKS), count=st.integers(0, 130))
def test_what_is_read_is_the_image(first: int, count: int) -> None:
    _, host = disk()
    told = host.ask(read10(first, count), 512 * count)
    if first + count > BLOCKS:
        assert (told.status, told.residue, told.data) == (1, 512 * count, b"")
        assert host.sense() == (5, 0x21, 0)
    else:
        assert told == (IMAGE[512 * first : 512 * (first + count)], 0, 0)


def test_the_whole_image_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "card.img"
    path.write_bytes(IMAGE)
    host = DiskHost(BulkOnlyFace(OnDisk(path)))
    last, block = struct.unpack(">II", host.ask(READ_CAPACITY, 8).data)
    assert (last + 1, block) == (BLOCKS, 512)
    whole = b"".join(host.ask(read10(at, 100), 51200).data for at in range(0, BLOCKS, 100))
    assert whole == IMAGE


def test_a_read_in_small_pieces_is_the_same() -> None:
    _, host = disk()
    host.tag += 1
    host.device.write(OUT, cbw(read10(3, 10), 5120, reads=True), TIMEOUT)
    assert b"".join(host.data(512) for _ in range(10)) == IMAGE[512 * 3 : 512 * 13]
    assert host.status(b"").status == 0


@pytest.mark.parametrize(
    "cdb",
    [
        struct.pack(">BBIBHB", 0x2A, 0, 5, 0, 2, 0),  # WRITE(10)
        bytes((0x0A, 0, 0, 5, 2, 0)),  # WRITE(6)
        struct.pack(">BBII", 0xAA, 0, 5, 2) + b"\0\0",  # WRITE(12)
        struct.pack(">BBQIH", 0x8A, 0, 5, 2, 0),  # WRITE(16)
        bytes((0x04, 0x10, 0, 0, 0, 0)),  # FORMAT UNIT
        struct.pack(">BBIBHB", 0x41, 0, 5, 0, 2, 0),  # WRITE SAME
    ],
    ids=lambda cdb: f"{cdb[0]:#04x}",
)
def test_nobody_writes_and_every_attempt_is_counted(cdb: bytes) -> None:
    face, host = disk()
    assert host.give(cdb, bytes(1024)) == (b"", 1, 1024)
    assert host.sense() == (7, 0x27, 0)
    assert face.writes == 1
    assert host.ask(read10(5, 2), 1024).data == IMAGE[2560:3584]


def test_a_write_that_is_larger_than_memory_is_taken_and_dropped() -> None:
    _, host = disk()
    host.tag += 1
    host.device.write(OUT, cbw(bytes((0x2A, *bytes(9))), 2**32 - 1, reads=False), TIMEOUT)
    for _ in range(20):
        host.device.write(OUT, bytes(1 << 20), TIMEOUT)
    host.device.write(OUT, b"end", TIMEOUT)
    assert host.status(b"") == (b"", 1, 2**32 - 1)


def test_a_disk_without_a_card_says_so_until_there_is_one() -> None:
    face = BulkOnlyFace(None)
    host = DiskHost(face)
    for cdb, size in ((TEST_UNIT_READY, 0), (READ_CAPACITY, 8), (read10(0, 1), 512)):
        assert host.ask(cdb, size).status == 1
        assert host.sense() == (2, 0x3A, 0)
    assert host.ask(INQUIRY, 36).status == 0
    face.disk.change(InMemory(IMAGE))
    assert host.ask(TEST_UNIT_READY).status == 1
    assert host.sense() == (6, 0x28, 0)
    assert host.ask(read10(0, 1), 512).data == IMAGE[:512]


def test_it_is_ejected_unless_that_is_prevented() -> None:
    _, host = disk()
    prevent, allow = (bytes((0x1E, 0, 0, 0, on, 0)) for on in (1, 0))
    eject = bytes((0x1B, 0, 0, 0, 2, 0))
    assert host.ask(prevent).status == 0
    assert host.ask(eject).status == 1
    assert host.sense() == (5, 0x53, 2)
    assert host.ask(allow).status == host.ask(eject).status == 0
    assert host.ask(read10(0, 1), 512).status == 1
    assert host.sense() == (2, 0x3A, 0)


def test_blocks_may_be_larger_and_half_a_block_is_not_there() -> None:
    host = DiskHost(BulkOnlyFace(InMemory(IMAGE[:9000]), block=4096))
    assert host.ask(READ_CAPACITY, 8).data == struct.pack(">II", 1, 4096)
    assert host.ask(read10(1, 1), 4096).data == IMAGE[4096:8192]


# What it says of itself.


def test_it_introduces_itself() -> None:
    _, host = disk()
    data = host.ask(INQUIRY, 36).data
    assert (data[0], data[1], data[4]) == (0, 0x80, 31)
    assert data[8:] == b"BodydockSimulated Disk  1.00"
    assert host.device.ctrl_transfer(0xA1, 0xFE, 0, 0, 1)[0] == 0
    assert host.device.serial_number == "SIM0001"


@pytest.mark.parametrize(
    ("cdb", "size"), [(bytes((0x1A, 0, 0x3F, 0, 4, 0)), 4), (bytes((0x5A, *bytes(7), 8, 0)), 8)]
)
def test_mode_sense_tells_of_the_protection(cdb: bytes, size: int) -> None:
    _, host = disk()
    data = host.ask(cdb, size).data
    assert data[2 if size == 4 else 3] & 0x80


def test_the_capacity_for_formatting() -> None:
    _, host = disk()
    data = host.ask(bytes((0x23, *bytes(7), 12, 0)), 12).data
    assert data == struct.pack(">IIBBH", 8, BLOCKS, 2, 0, 512)


@pytest.mark.parametrize("cdb", [bytes((0xC0, 1)), bytes((0x9E, *bytes(15))), bytes((0x12, 1))])
def test_what_it_does_not_know_it_refuses(cdb: bytes) -> None:
    _, host = disk()
    assert host.ask(cdb, 32) == (b"", 1, 32)
    assert host.sense()[0] == 5


def test_another_unit_is_none() -> None:
    _, host = disk()
    assert host.ask(TEST_UNIT_READY, unit=1).status == 1
    assert host.sense() == (5, 0x25, 0)


class Vendor(BulkOnlyFace):
    """A recorder with commands of its own."""

    taken = b""

    def vendor_command(self, cdb: bytes, data: bytes) -> Reply | None:
        if cdb[0] == 0x81:
            return Reply.of(b"IDENTITY" * cdb[1])
        if cdb[0] == 0x82:
            self.taken = data
            return OK
        return None


@pytest.mark.parametrize(("times", "asked"), [(1, 8), (1, 64), (64, 512), (64, 1024), (0, 8)])
def test_a_vendors_command_gives_data(times: int, asked: int) -> None:
    host = DiskHost(Vendor(None))
    whole = b"IDENTITY" * times
    assert host.ask(bytes((0x81, times)), asked) == (whole, 0, asked - len(whole))


def test_a_vendors_command_takes_data_once() -> None:
    face = Vendor(None)
    host = DiskHost(face)
    for size in (1, 89, 512, 65_536):
        data = Noise(size, size).read(0, size)
        assert host.give(bytes((0x82, 4)), data) == (b"", 0, 0)
        assert face.taken == data
    assert host.ask(bytes((0x83, 4))).status == 1


# The transport.


def test_more_than_the_host_awaits_is_a_phase_error() -> None:
    """Case 7 (§6.7.2), and case 2 (§6.7.1)."""
    _, host = disk()
    assert host.ask(read10(0, 4), 512) == (IMAGE[:512], 2, 0)
    assert host.ask(read10(0, 4), 0) == (b"", 2, 0)


@pytest.mark.parametrize("stalls", [True, False])
def test_less_than_the_host_awaits_ends_early(stalls: bool) -> None:
    """Cases 4 and 5 (§6.7.2): with the stall that is demanded, and as others do it."""
    face, host = disk(stalls=stalls)
    assert host.ask(INQUIRY, 512) == (host.ask(INQUIRY, 36).data, 0, 512 - 36)
    assert host.ask(read10(0, 2), 2048) == (IMAGE[:1024], 0, 1024)
    assert host.ask(TEST_UNIT_READY, 512) == (b"", 0, 512)
    host.device.write(OUT, cbw(INQUIRY, 512, reads=True), TIMEOUT)
    assert len(host.device.read(IN, 512, TIMEOUT)) == 36
    assert (error_of(host, 13) == errno.EPIPE) if stalls else len(host.device.read(IN, 13)) == 13
    assert face.writes == 0


@pytest.mark.parametrize(
    "wrapper",
    [
        b"",
        cbw(INQUIRY, 36, reads=True)[:30],
        cbw(INQUIRY, 36, reads=True) + b"\0",
        b"USBX" + cbw(INQUIRY, 36, reads=True)[4:],
        cbw(b"", 0, reads=True),
        cbw(INQUIRY, 36, reads=True, unit=16),
    ],
    ids=["empty", "short", "long", "signature", "no command", "unit"],
)
def test_what_is_no_wrapper_halts_it_until_a_reset_recovery(wrapper: bytes) -> None:
    _, host = disk()
    with pytest.raises(usb.core.USBError) as caught:
        host.device.write(OUT, wrapper, TIMEOUT)
    assert caught.value.errno == errno.EPIPE
    for _ in range(3):
        host.device.clear_halt(IN)
        assert error_of(host) == errno.EPIPE
    host.recover()
    assert host.ask(read10(9, 1), 512).data == IMAGE[512 * 9 : 512 * 10]


def test_a_command_before_the_last_one_has_ended_is_not_taken() -> None:
    _, host = disk()
    host.device.write(OUT, cbw(INQUIRY, 36, reads=True), TIMEOUT)
    with pytest.raises(usb.core.USBTimeoutError):
        host.device.write(OUT, cbw(INQUIRY, 36, reads=True), TIMEOUT)
    host.recover()
    assert host.ask(INQUIRY, 36).status == 0


def test_a_recovery_forgets_data_on_their_way_in_both_directions() -> None:
    _, host = disk()
    host.device.write(OUT, cbw(read10(0, 8), 4096, reads=True), TIMEOUT)
    host.device.read(IN, 512, TIMEOUT)
    host.recover()
    assert host.ask(TEST_UNIT_READY).status == 0
    host.device.write(OUT, cbw(bytes((0x2A, *bytes(9))), 1024, reads=False), TIMEOUT)
    host.device.write(OUT, bytes(512), TIMEOUT)
    host.recover()
    assert host.ask(read10(1, 1), 512).data == IMAGE[512:1024]


# What breaks.


def struck(fault: Fault, read: bytes, status: bytes) -> None:
    """A READ of two blocks gives these two transfers, and the disk works on after a recovery."""
    face, host = disk(fault)
    host.device.write(OUT, cbw(read10(0, 2), 1024, reads=True, tag=1), TIMEOUT)
    assert bytes(host.device.read(IN, 1024, TIMEOUT)) == read
    assert (host.data(512) or host.data(512)) == status
    assert face.faults.fired[fault] == 1
    host.recover()
    assert host.ask(read10(0, 2), 1024) == (IMAGE[:1024], 0, 0)


GOOD = struct.pack("<4sIIB", b"USBS", 1, 0, 0)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (BadResponse(kind=0), b"\0\0\0\0" + GOOD[4:]),
        (BadResponse(code=2), GOOD[:12] + b"\2"),
        (BadResponse(length=2**32 - 1), GOOD[:8] + b"\xff" * 4 + b"\0"),
        (BadResponse(transaction=1), GOOD[:4] + b"\2\0\0\0" + GOOD[8:]),
        (BadResponse(deliver=-1), GOOD[:12]),
        (BadResponse(deliver=7), GOOD + bytes(7)),
    ],
)
def test_a_spoilt_status(fault: Fault, status: bytes) -> None:
    struck(fault, IMAGE[:1024], status)


def test_data_that_are_cut() -> None:
    struck(BadData(cut=100), IMAGE[:924], GOOD)


def test_data_that_are_too_many_run_into_the_status() -> None:
    struck(BadData(deliver=100), IMAGE[:1024], bytes(100))


def test_the_status_may_come_first_twice_or_never() -> None:
    struck(AnswerFirst(), GOOD, IMAGE[:1024][:512])
    struck(Repeat(), IMAGE[:1024], GOOD)
    _, host = disk(NoAnswer())
    host.device.write(OUT, cbw(TEST_UNIT_READY, 0, reads=True), TIMEOUT)
    with pytest.raises(usb.core.USBTimeoutError):
        host.device.read(IN, 13, TIMEOUT)


def test_a_command_fails_with_any_sense() -> None:
    _, host = disk(CheckCondition(operation=0x28, at=1))
    assert host.ask(read10(0, 1), 512).status == 0
    assert host.ask(read10(0, 1), 512) == (b"", 1, 512)
    assert host.sense() == (2, 0x04, 0x01)
    assert host.ask(read10(0, 1), 512).status == 0


def test_bad_blocks_fail_whoever_touches_them() -> None:
    _, host = disk(BadBlocks(first=10, count=2))
    for first, count, status in ((0, 10, 0), (0, 11, 1), (9, 9, 1), (11, 1, 1), (12, 5, 0)):
        assert host.ask(read10(first, count), 512 * count).status == status
    host.ask(read10(11, 1), 512)
    assert host.sense() == (3, 0x11, 0)


@pytest.mark.parametrize("at", range(6))
def test_unplugged_at_every_transfer(at: int) -> None:
    face, host = disk(Unplug(at=at))
    with pytest.raises(usb.core.USBError) as caught:
        assert host.ask(read10(0, 2), 1024) == host.ask(read10(0, 2), 1024)
    assert caught.value.errno == errno.ENODEV
    assert face.faults.fired.total() == 1
    host.bus.plug(PORT, face)
    again = usb.core.find(backend=host.bus)
    assert again.serial_number == "SIM0001"


def test_the_cables_faults_strike_here_too() -> None:
    _, host = disk(Stall(at=2), FlipBit(at=5, byte=0, bit=0), ShortRead(at=8, keep=512))
    assert host.ask(read10(0, 1), 512) == (IMAGE[:512], 0, 0)  # the status comes at the second try
    flipped = bytes((IMAGE[0] ^ 1,)) + IMAGE[1:512]
    assert host.ask(read10(0, 1), 512).data == flipped
    host.device.write(OUT, cbw(read10(0, 2), 1024, reads=True), TIMEOUT)
    assert host.data(1024) + host.data(1024) == IMAGE[:1024]
