"""USB/IP packets against Linux's documentation and against an independent implementation.

The bytes are those of Documentation/usb/usbip_protocol.rst, section EXAMPLE ("captured from wire
with Human Interface Devices payload"), and of PyPI's `usbip` 0.7.0.
"""

from __future__ import annotations

from contextlib import suppress

import pytest
import usbip.core
import usbip.protocol
from hypothesis import given
from hypothesis import strategies as st

from hwsim.ports import usb_descriptors
from hwsim.ports.usb_descriptors import Place
from hwsim.ports.usbip_wire import (
    MOST_TRANSFER,
    NotUsbip,
    Op,
    Status,
    Submit,
    Unlink,
    device_list,
    import_refused,
    imported,
    read_bus_id,
    read_command,
    read_op,
    submitted,
    unlinked,
)
from hwsim.usb import Setup, UsbFacts

HID_DATA = (
    "ffffffff860008a784ce5ae21237630000000000000000000000000000000000"
    "0000000000000000000000000000000000000000000000000000000000000000"
)
CMD_INTERRUPT_IN = (
    "00000001 00000d05 0001000f 00000001 00000001 00000200 00000040 ffffffff"
    "00000000 00000004 00000000 00000000"
)
CMD_INTERRUPT_OUT = (
    "00000001 00000d06 0001000f 00000000 00000001 00000000 00000040 ffffffff"
    "00000000 00000004 00000000 00000000"
)
RET_INTERRUPT_OUT = (
    "00000003 00000d06 00000000 00000000 00000000 00000000 00000040 ffffffff"
    "00000000 00000000 00000000 00000000"
)
RET_INTERRUPT_IN = (
    "00000003 00000d05 00000000 00000000 00000000 00000000 00000040 ffffffff"
    "00000000 00000000 00000000 00000000"
)
FACTS = UsbFacts(
    vendor_id=0x04DA, product_id=0x2374, maker="A", product="B", serial="C",
    interface_class=(8, 6, 0x50),
)  # fmt: skip
WHERE = Place(3, (1, 4, 2), 17)


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


def words(packet: bytes) -> list[int]:
    return [int.from_bytes(packet[at : at + 4], "big") for at in range(0, len(packet), 4)]


def test_the_documented_commands_are_read() -> None:
    """That capture has start_frame and number_of_packets in each other's place."""
    none = Setup(0, 0, 0, 0, 0)
    for text, number, endpoint, flags in (
        (CMD_INTERRUPT_IN, 0xD05, 0x81, 0x200),
        (CMD_INTERRUPT_OUT, 0xD06, 0x01, 0),
    ):
        assert read_command(raw(text)) == Submit(number, endpoint, 64, flags, none)


def test_the_documented_replies_are_sent_but_for_the_swapped_fields() -> None:
    """As text has it, the frame is 0 and the packets ffffffff; the capture shows them swapped."""
    for text, number, data in (
        (RET_INTERRUPT_OUT, 0xD06, b""),
        (RET_INTERRUPT_IN, 0xD05, b"x" * 64),
    ):
        expected = words(raw(text))
        expected[7], expected[8] = expected[8], expected[7]
        packet = submitted(number, 0, 64, data)
        assert words(packet[:48]) == expected
        assert packet[48:] == data


def test_unlinking_is_said_as_documented() -> None:
    command = raw("00000002 00000d07 0001000f 00000000 00000000 00000d05") + bytes(24)
    assert read_command(command) == Unlink(0xD07, 0xD05)
    assert unlinked(0xD07, -104) == raw(
        "00000004 00000d07 00000000 00000000 00000000 ffffff98"
    ) + bytes(24)


def test_requests_are_read_as_documented() -> None:
    assert read_op(raw("0111 8005 00000000")) == Op.REQ_DEVLIST
    assert read_op(raw("0111 8003 00000000")) == Op.REQ_IMPORT
    assert read_bus_id(b"3-1.4.2".ljust(32, b"\0")) == "3-1.4.2"


def test_a_refusal_is_the_head_alone() -> None:
    assert import_refused(Status.NO_DEVICE) == raw("0111 0003 00000004")


def test_an_import_lies_as_the_independent_client_reads_it() -> None:
    packet = imported(FACTS, WHERE)
    assert (len(packet), packet[:8]) == (320, raw("0111 0003 00000000"))
    told = usbip.protocol.parse_usb_device(packet[8:])
    assert told == {
        "busid": "3-1.4.2", "busnum": 3, "devnum": 17, "speed": 3, "idVendor": 0x04DA,
        "idProduct": 0x2374, "bcdDevice": 0x0100, "bNumConfigurations": 1, "bNumInterfaces": 1,
    }  # fmt: skip
    path = packet[8:264].rstrip(b"\0").decode()
    assert path.endswith("/usb3/3-1/3-1.4/3-1.4.2")


def test_a_device_list_lies_as_documented() -> None:
    packet = device_list([(FACTS, WHERE), (FACTS, WHERE)])
    assert packet[:12] == raw("0111 0005 00000000 00000002")
    assert packet[12 + 312 : 12 + 316] == raw("08 06 50 00")
    assert len(packet) == 12 + 2 * 316
    assert device_list([]) == raw("0111 0005 00000000 00000000")


def test_descriptors_lie_as_the_independent_implementation_reads_them() -> None:
    device = usbip.core.DeviceDescriptor.parse(usb_descriptors.raw(FACTS, WHERE, 1, 0))
    assert (device.idVendor, device.idProduct, device.bcdUSB) == (0x04DA, 0x2374, 0x0200)
    whole = usb_descriptors.raw(FACTS, WHERE, 2, 0)
    head = usbip.core.ConfigurationDescriptor.parse(whole)
    assert (head.wTotalLength, head.bNumInterfaces) == (len(whole), 1)
    _, interface, *ends = usbip.core.iter_descriptors(whole)
    face = usbip.core.InterfaceDescriptor.parse(interface)
    triple = face.bInterfaceClass, face.bInterfaceSubClass, face.bInterfaceProtocol
    assert triple == FACTS.interface_class
    parsed = [usbip.core.EndpointDescriptor.parse(end) for end in ends]
    told = [(end.bEndpointAddress, end.bmAttributes, end.wMaxPacketSize) for end in parsed]
    assert told == [(end.address, end.kind, end.packet) for end in FACTS.endpoints]


@pytest.mark.parametrize(
    ("place", "word"),
    [(0, 0), (0, 3), (3, 2), (4, 16), (6, MOST_TRANSFER + 1), (6, 2**32 - 1), (8, 1)],
    ids=["command", "a reply", "direction", "endpoint", "size", "huge", "isochronous"],
)
def test_a_command_that_cannot_be_is_refused(place: int, word: int) -> None:
    fields = words(raw(CMD_INTERRUPT_IN))
    fields[place] = word
    with pytest.raises(NotUsbip):
        read_command(b"".join(field.to_bytes(4, "big") for field in fields))


@given(st.binary(min_size=48, max_size=48))
def test_any_48_bytes_are_a_command_or_none(data: bytes) -> None:
    try:
        command = read_command(data)
    except NotUsbip:
        return
    assert isinstance(command, Unlink) or command.length <= MOST_TRANSFER


@given(st.binary(min_size=8, max_size=8), st.binary(min_size=32, max_size=32))
def test_any_bytes_are_a_request_or_none(head: bytes, bus_id: bytes) -> None:
    for read, data in ((read_op, head), (read_bus_id, bus_id)):
        with suppress(NotUsbip):
            read(data)
