"""The PTP face against bytes written by hand from the specifications, field by field.

Still Image class 1.0 §7.1.1 (containers), PIMA 15740 §5.5 and §10 (datasets, operations),
MTP 1.1 annexes B, D and E (properties and their lists). No codec of ours has a part in them.
"""

from __future__ import annotations

from datetime import datetime

import pytest

from hwsim.body import Body, Card, HeldClip
from hwsim.faces.ptp import Event, PtpFace, Quirks
from hwsim.usb import BULK_IN, BULK_OUT, INTERRUPT_IN, Setup, Silent, Stalled

OPEN = "10000000 0100 0210 00000000 01000000"
OK_OPEN = "0c000000 0300 0120 00000000"


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


def exchange(face: PtpFace, text: str) -> list[bytes]:
    """Write one transfer, read until nothing is left."""
    face.write(BULK_OUT, raw(text))
    transfers = []
    try:
        while True:
            buffer = memoryview(bytearray(4096))
            count, _ended = face.read(BULK_IN, buffer)
            transfers.append(bytes(buffer[:count]))
    except Silent:
        return transfers


@pytest.fixture
def body() -> Body:
    clip = HeldClip(
        "DCIM/A.MP4",
        recorded=datetime(2026, 8, 4, 10, 20, 30),  # noqa: DTZ001
        content=b"0123456789",
    )
    cards = [Card("SD", 0x0102030405, [clip])]
    return Body(maker="A", model="B", firmware="1", serial="S", cards=cards, battery=77)


@pytest.fixture
def face(body: Body) -> PtpFace:
    face = PtpFace(body)
    face.attach()
    return face


@pytest.fixture
def opened(face: PtpFace) -> PtpFace:
    assert exchange(face, OPEN) == [raw(OK_OPEN)]
    return face


def test_device_info(body: Body) -> None:
    face = PtpFace(body, quirks=Quirks(operations=frozenset({0x1002, 0x1001})))
    data = raw(
        "8d000000 0200 0110 00000000"  # length, data, GetDeviceInfo, no transaction
        "6400 06000000 6400"  # PTP 1.00; vendor extension 6, version 1.00
        "14 6d006900630072006f0073006f00660074002e0063006f006d003a00200031002e0030003b00 0000"
        "0000"  # functional mode: standard
        "02000000 0110 0210"  # operations
        "03000000 0240 0340 0640"  # events: ObjectAdded, ObjectRemoved, DevicePropChanged
        "02000000 0150 1150"  # device properties: BatteryLevel, DateTime
        "03000000 82b9 0138 0830"  # capture formats: MP4, EXIF, WAV
        "09000000 0030 0130 0430 0830 0930 0a30 0d30 0138 82b9"  # playback formats
        "02 4100 0000"  # manufacturer
        "02 4200 0000"  # model
        "02 3100 0000"  # device version
        "02 5300 0000"  # serial number
    )
    answers = exchange(face, "0c000000 0100 0110 00000000")
    assert answers == [data, raw("0c000000 0300 0120 00000000")]
    assert len(data) == 0x8D


def test_an_operation_before_the_session(face: PtpFace) -> None:
    assert exchange(face, "0c000000 0100 0410 00000000") == [raw("0c000000 0300 0320 00000000")]


def test_a_session_opens_once(opened: PtpFace) -> None:
    again = exchange(opened, "10000000 0100 0210 00000000 02000000")
    assert again == [raw("10000000 0300 1e20 00000000 01000000")]


def test_storage_ids(opened: PtpFace) -> None:
    assert exchange(opened, "0c000000 0100 0410 01000000") == [
        raw("14000000 0200 0410 01000000 01000000 01000100"),
        raw("0c000000 0300 0120 01000000"),
    ]


def test_storage_info(opened: PtpFace) -> None:
    data, response = exchange(opened, "10000000 0100 0510 01000000 01000100")
    assert data == raw(
        "2e000000 0200 0510 01000000"
        "0400 0200 0000"  # removable RAM, hierarchical, read and write
        "0504030201000000 fb03030201000000 ffffffff"  # capacity, 10 bytes less free, objects
        "03 5300 4400 0000"  # description
        "00"  # no volume identifier
    )
    assert response == raw("0c000000 0300 0120 01000000")


def test_a_storage_that_is_not_there(opened: PtpFace) -> None:
    (response,) = exchange(opened, "10000000 0100 0510 01000000 01000200")
    assert response == raw("0c000000 0300 0820 01000000")


def test_handles_by_parent(opened: PtpFace) -> None:
    root, _ = exchange(opened, "18000000 0100 0710 01000000 ffffffff 00000000 ffffffff")
    assert root == raw("14000000 0200 0710 01000000 01000000 01100000")
    below, _ = exchange(opened, "18000000 0100 0710 02000000 ffffffff 00000000 01100000")
    assert below == raw("14000000 0200 0710 02000000 01000000 02100000")
    all_, _ = exchange(opened, "18000000 0100 0710 03000000 01000100 00000000 00000000")
    assert all_ == raw("18000000 0200 0710 03000000 02000000 01100000 02100000")
    films, _ = exchange(opened, "18000000 0100 0710 04000000 ffffffff 82b90000 00000000")
    assert films == raw("14000000 0200 0710 04000000 01000000 02100000")


def test_number_of_objects(opened: PtpFace) -> None:
    answers = exchange(opened, "18000000 0100 0610 01000000 ffffffff 00000000 00000000")
    assert answers == [raw("10000000 0300 0120 01000000 02000000")]


def test_object_info(opened: PtpFace) -> None:
    data, _ = exchange(opened, "10000000 0100 0810 01000000 02100000")
    assert data == raw(
        "90000000 0200 0810 01000000"
        "01000100 82b9 0000 0a000000"  # storage, MP4, not protected, 10 bytes
        "0000 00000000 00000000 00000000"  # no thumbnail
        "00000000 00000000 00000000"  # no picture
        "01100000 0000 00000000 00000000"  # parent; no association; sequence number
        "06 4100 2e00 4d00 5000 3400 0000"  # A.MP4
        "10 3200300032003600300038003000340054003100300032003000330030000000"  # created
        "10 3200300032003600300038003000340054003100300032003000330030000000"  # modified
        "00"  # no keywords
    )


def test_folder_info(opened: PtpFace) -> None:
    data, _ = exchange(opened, "10000000 0100 0810 01000000 01100000")
    assert data[12:24] == raw("01000100 0130 0000 00000000")
    assert data[50:60] == raw("00000000 0100 00000000")  # in the root, a generic folder


def test_whole_object(opened: PtpFace) -> None:
    assert exchange(opened, "10000000 0100 0910 01000000 02100000") == [
        raw("16000000 0200 0910 01000000") + b"0123456789",
        raw("0c000000 0300 0120 01000000"),
    ]


def test_parts_of_an_object(opened: PtpFace) -> None:
    assert exchange(opened, "18000000 0100 1b10 01000000 02100000 03000000 04000000") == [
        raw("10000000 0200 1b10 01000000") + b"3456",
        raw("10000000 0300 0120 01000000 04000000"),
    ]
    assert exchange(opened, "1c000000 0100 c195 02000000 02100000 08000000 00000000 ff000000") == [
        raw("0e000000 0200 c195 02000000") + b"89",
        raw("10000000 0300 0120 02000000 02000000"),
    ]
    beyond = "1c000000 0100 c195 03000000 02100000 00000000 01000000 ff000000"
    assert exchange(opened, beyond) == [raw("0c000000 0300 1d20 03000000")]


def test_battery(opened: PtpFace) -> None:
    value, _ = exchange(opened, "10000000 0100 1510 01000000 01500000")
    assert value == raw("0d000000 0200 1510 01000000 4d")
    desc, _ = exchange(opened, "10000000 0100 1410 02000000 01500000")
    assert desc == raw("17000000 0200 1410 02000000 0150 0200 00 64 4d 01 00 64 01")


def test_date_and_time(opened: PtpFace, body: Body) -> None:
    value, _ = exchange(opened, "10000000 0100 1510 01000000 11500000")
    text = "20260804T100000".encode("utf-16-le")
    assert value == raw("2d000000 0200 1510 01000000 10") + text + raw("0000")
    assert exchange(opened, "10000000 0100 1610 02000000 11500000") == []
    data = raw("2f000000 0200 1610 02000000 11") + "20270102T030405Z".encode("utf-16-le")
    assert exchange(opened, (data + raw("0000")).hex()) == [raw("0c000000 0300 0120 02000000")]
    assert body.now() == datetime(2027, 1, 2, 3, 4, 5)  # noqa: DTZ001


def test_one_object_property(opened: PtpFace) -> None:
    size, _ = exchange(opened, "14000000 0100 0398 01000000 02100000 04dc0000")
    assert size == raw("14000000 0200 0398 01000000 0a00000000000000")


def test_a_property_list(opened: PtpFace) -> None:
    ask = "20000000 0100 0598 01000000 02100000 00000000 {} 00000000 00000000"
    size, _ = exchange(opened, ask.format("04dc0000"))
    assert size == raw("20000000 0200 0598 01000000 01000000 02100000 04dc 0800 0a00000000000000")
    every, _ = exchange(opened, ask.replace("98 01", "98 02").format("ffffffff"))
    assert every[12:16] == raw("0a000000")
    for element in (
        "02100000 01dc 0600 01000100",  # storage
        "02100000 02dc 0400 82b9",  # format
        "02100000 03dc 0400 0000",  # protection
        "02100000 07dc ffff 06 4100 2e00 4d00 5000 3400 0000",  # file name
        "02100000 0bdc 0600 01100000",  # parent
        "02100000 41dc 0a00 02100000 00000000 00000000 00000000",  # unique id, 128 bits
    ):
        assert raw(element) in every


def test_deletion(opened: PtpFace, body: Body) -> None:
    assert exchange(opened, "10000000 0100 0b10 01000000 02100000") == [
        raw("0c000000 0300 0120 01000000")
    ]
    assert body.clips == []
    gone = exchange(opened, "10000000 0100 0810 02000000 02100000")
    assert gone == [raw("0c000000 0300 0920 02000000")]


def test_an_unknown_operation(opened: PtpFace) -> None:
    assert exchange(opened, "0c000000 0100 0f10 01000000") == [raw("0c000000 0300 0520 01000000")]


def test_an_event(opened: PtpFace) -> None:
    opened.tell(Event.OBJECT_ADDED, 0x1003)
    buffer = memoryview(bytearray(28))
    assert opened.read(INTERRUPT_IN, buffer) == (16, True)
    assert bytes(buffer[:16]) == raw("10000000 0400 0240 00000000 03100000")


def test_class_requests(opened: PtpFace) -> None:
    """Still Image §5.2: cancel, status, reset."""
    opened.write(BULK_OUT, raw("10000000 0100 0910 05000000 02100000"))
    assert opened.control(Setup(0x21, 0x64, 0, 0, 6), raw("0140 05000000")) == b""
    with pytest.raises(Silent):
        opened.read(BULK_IN, memoryview(bytearray(512)))
    assert opened.control(Setup(0xA1, 0x67, 0, 0, 64), b"") == raw("0400 0120")
    assert opened.control(Setup(0x21, 0x66, 0, 0, 0), b"") == b""
    assert exchange(opened, OPEN) == [raw(OK_OPEN)]
    with pytest.raises(Stalled):
        opened.control(Setup(0xC0, 0x85, 0, 0, 0), b"")


@pytest.mark.parametrize(
    "text",
    [
        "0c000000 0200 0110 00000000",  # data where a command belongs
        "0d000000 0100 0110 00000000",  # a length that is not its own
        "0b000000 0100 0110 000000",  # less than a header
        "0e000000 0100 0110 00000000 0000",  # half a parameter
        "24000000 0100 0110 00000000" + "00000000" * 6,  # six parameters
    ],
)
def test_what_is_no_command_stalls_the_pipe(face: PtpFace, text: str) -> None:
    with pytest.raises(Stalled):
        face.write(BULK_OUT, raw(text))


@pytest.mark.parametrize("transaction", ["00000000", "01000000", "ffffffff"])
def test_transaction_ids_must_go_up(opened: PtpFace, transaction: str) -> None:
    exchange(opened, "0c000000 0100 0410 01000000")
    (response,) = exchange(opened, f"0c000000 0100 0410 {transaction}")
    assert response == raw(f"0c000000 0300 0420 {transaction}")
