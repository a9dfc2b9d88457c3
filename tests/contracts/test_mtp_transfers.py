"""Between bytes and transactions: how transfers are cut, and what PyUSB's errors become."""

from __future__ import annotations

import errno
import struct
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from usb.core import USBError, USBTimeoutError

from agent.errors import (
    RecorderBusy,
    RecorderError,
    RecorderGone,
    RecorderMisbehaved,
    RecorderRefused,
)
from agent.link.usb import UsbBus, UsbLink, library
from agent.link.usb_facts import Stalled, TimedOut
from agent.recorder.mtp.session import Session
from agent.recorder.mtp.transport import SLOWEST, Deadline
from agent.wire.ptp.codes import Operation
from agent.wire.ptp.container import decode_event
from hwsim.faces.ptp import Event, PtpFace
from hwsim.faults import Faults
from hwsim.ports.usb_memory import MemoryBus
from hwsim.usb import PACKET, Setup, Silent, UsbFacts
from tests.contracts.recorder import TestClock, small_body

PORT = "1-1"
READ = Operation.GET_PARTIAL_OBJECT


class Script:
    """A face that answers every command with `payload`, in transfers cut as told."""

    def __init__(self, payload: bytes, cuts: tuple[bool, bool, int], pages: list[int]) -> None:
        self.faults = Faults()
        self.facts: UsbFacts = PtpFace(small_body()).facts
        self._payload = payload
        self._head_alone, self._joined, self._empties = cuts
        self._pages = pages
        self._transfers: list[bytes] = []

    def attach(self) -> None:
        pass

    def reset(self) -> None:
        pass

    def control(self, setup: Setup, data: bytes) -> bytes:
        return b"" if not setup.request_type & 0x80 else bytes.fromhex("04000120")

    def write(self, endpoint: int, data: bytes) -> None:
        _, _, code, transaction = struct.unpack_from("<IHHI", data)
        head = struct.pack("<IHHI", 12 + len(self._payload), 2, code, transaction)
        first = [head] if self._head_alone else []
        body = self._payload if self._head_alone else head + self._payload
        response = struct.pack("<IHHI", 12, 3, 0x2001, transaction)
        if self._joined and len(body) % PACKET == 0 and body:
            self._transfers = [*first, *self._cut(body + response)]
        else:
            ended = [b""] if len(body) % PACKET == 0 and body else []
            self._transfers = [*first, *self._cut(body), *ended, response]
        self._transfers[-1:-1] = [b""] * (0 if self._joined else self._empties)

    def _cut(self, data: bytes) -> list[bytes]:
        """At whole packets: a transfer that a time-out cut, or a host's smaller buffer."""
        places = sorted({min(page * PACKET, len(data)) for page in self._pages} - {0, len(data)})
        bounds = zip([0, *places], [*places, len(data)], strict=True)
        return [data[start:end] for start, end in bounds if end > start]

    def read(self, endpoint: int, into: memoryview) -> tuple[int, bool]:
        if not self._transfers:
            raise Silent
        data = self._transfers.pop(0)
        if len(data) > len(into):
            self._transfers.insert(0, data[len(into) :])
            data = data[: len(into)]
        into[: len(data)] = data
        return len(data), True


def linked(bus: MemoryBus) -> UsbLink:
    usb = UsbBus(bus)
    return usb.open_still_image(usb.list_devices()[0])


sizes = st.one_of(
    st.integers(1, 3000),
    st.integers(1, 600).map(lambda pages: max(1, pages * PACKET - 12)),
    st.integers(1, 600).map(lambda pages: pages * PACKET),
)


@given(
    size=sizes,
    cuts=st.tuples(st.booleans(), st.booleans(), st.integers(0, 3)),
    pages=st.lists(st.integers(1, 600), max_size=4),
)
def test_where_transfers_are_cut_never_changes_what_is_read(
    size: int, cuts: tuple[bool, bool, int], pages: list[int]
) -> None:
    payload = bytes(range(256)) * (size // 256 + 1)
    bus = MemoryBus()
    bus.plug(PORT, Script(payload[:size], cuts, pages))
    session = Session(linked(bus), TestClock())
    for _ in range(2):
        answer = session.ask(READ, 1, 0, size, most=size)
        assert (answer.ok, answer.data) == (True, payload[:size])


def test_time_is_earned_by_bytes_and_bytes_by_time() -> None:
    clock = TestClock()
    deadline = Deadline(clock, 20.0)
    clock.advance(19.0)
    assert deadline.left() == 1.0
    deadline.earn(SLOWEST)
    assert deadline.left() == 2.0
    deadline.earn(1)
    clock.advance(2.001)
    with pytest.raises(TimedOut):
        deadline.left()


class Slow(MemoryBus):
    """A bus on which every reading takes `seconds`."""

    def __init__(self, clock: TestClock, seconds: float) -> None:
        super().__init__()
        self._clock, self._seconds = clock, seconds

    def bulk_read(self, *transfer: Any) -> int:
        self._clock.advance(self._seconds)
        return super().bulk_read(*transfer)


@pytest.mark.parametrize(("seconds", "enough"), [(7.0, True), (9.0, False)])
def test_what_comes_steadily_may_take_long(seconds: float, enough: bool) -> None:
    """256 KiB in each reading: above or below the slowest rate, over many times the patience."""
    clock, payload = TestClock(), bytes(8 << 20)
    bus = Slow(clock, seconds)
    bus.plug(PORT, Script(payload, (False, False, 0), []))
    session = Session(linked(bus), clock)
    if enough:
        assert session.ask(READ, 1, 0, 0, most=len(payload)).data == payload
        assert clock.passed > 200
    else:
        with pytest.raises(RecorderMisbehaved, match="too slow"):
            session.ask(READ, 1, 0, 0, most=len(payload))


class Halted(Script):
    """Answers nonsense once, and is not ready before its endpoints were cleared."""

    def __init__(self) -> None:
        super().__init__(b"data", (False, False, 0), [])
        self.cleared = False
        self.cancelled: list[bytes] = []

    def write(self, endpoint: int, data: bytes) -> None:
        super().write(endpoint, data)
        if not self.cancelled:
            self._transfers = [bytes(12)]

    def control(self, setup: Setup, data: bytes) -> bytes:
        if setup.request == 0x64:
            self.cancelled.append(data)
        if setup.request != 0x67:
            return b""
        return bytes.fromhex("04000120" if self.cleared else "0c001f20 81000000 01000000")


class SeesClears(MemoryBus):
    def __init__(self, face: Halted) -> None:
        super().__init__()
        self._face = face

    def clear_halt(self, dev_handle: Any, ep: int) -> None:
        self._face.cleared = True
        super().clear_halt(dev_handle, ep)


def test_halted_endpoints_that_the_status_names_are_cleared() -> None:
    face = Halted()
    bus = SeesClears(face)
    bus.plug(PORT, face)
    session = Session(linked(bus), TestClock())
    with pytest.raises(RecorderMisbehaved, match="no container"):
        session.ask(READ, 1, 0, 4, most=4)
    assert face.cancelled == [bytes.fromhex("0140 01000000")]
    assert face.cleared
    assert session.ask(READ, 1, 0, 4, most=4).data == b"data"


class Failing(MemoryBus):
    """A bus on which bulk reads, or the claim, fail with one error."""

    def __init__(self, error: USBError, *, claims: bool = True) -> None:
        super().__init__()
        self._error = error
        self._claims = claims

    def claim_interface(self, dev_handle: object, intf: int) -> None:
        if not self._claims:
            raise self._error
        super().claim_interface(dev_handle, intf)  # type: ignore[arg-type]

    def bulk_read(self, *_: object) -> int:
        raise self._error


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENODEV, RecorderGone),
        (errno.EPIPE, Stalled),
        (errno.EIO, Stalled),
        (errno.ETIMEDOUT, TimedOut),
        (errno.EOVERFLOW, RecorderMisbehaved),
        (errno.EBUSY, RecorderBusy),
        (errno.ENOENT, RecorderGone),
        (None, RecorderGone),
    ],
)
def test_an_error_of_the_library_becomes_ours(
    number: int | None, expected: type[Exception]
) -> None:
    bus = Failing(USBError("told by libusb", errno=number))
    bus.plug(PORT, PtpFace(small_body()))
    with pytest.raises(expected, match="port 1-1"):
        linked(bus).read(100, 1.0)


def test_a_time_out_of_the_library_becomes_ours() -> None:
    bus = Failing(USBTimeoutError("Operation timed out", errno=errno.ETIMEDOUT))
    bus.plug(PORT, PtpFace(small_body()))
    with pytest.raises(TimedOut):
        linked(bus).read(100, 1.0)


@pytest.mark.parametrize(
    ("number", "expected", "words"),
    [
        (errno.EBUSY, RecorderBusy, "gvfs"),
        (errno.EACCES, RecorderBusy, "udev rules"),
        (errno.EIO, RecorderMisbehaved, "cannot be opened"),
        (errno.ENODEV, RecorderGone, "is gone"),
    ],
)
def test_what_cannot_be_claimed_says_what_to_do(
    number: int, expected: type[RecorderError], words: str
) -> None:
    bus = Failing(USBError("told by libusb", errno=number), claims=False)
    bus.plug(PORT, PtpFace(small_body()))
    with pytest.raises(expected) as raised:
        linked(bus)
    assert words in str(raised.value)


class Unlisted(MemoryBus):
    """A bus that cannot be listed for a while."""

    failing = False

    def enumerate_devices(self) -> Any:
        if self.failing:
            raise USBError("told by libusb", errno=errno.ENOMEM)
        return super().enumerate_devices()


def test_a_bus_that_is_not_listed_for_once_loses_nobody() -> None:
    bus = Unlisted()
    bus.plug(PORT, PtpFace(small_body()))
    usb = UsbBus(bus)
    before = usb.list_devices()
    bus.failing = True
    assert usb.list_devices() == before
    with pytest.raises(RecorderGone):
        usb.open_still_image(before[0])
    bus.failing = False
    assert usb.list_devices() == before


@pytest.mark.parametrize(("empties", "enough"), [(16, True), (17, False)])
def test_a_few_empty_packets_are_passed_over(empties: int, enough: bool) -> None:
    bus = MemoryBus()
    bus.plug(PORT, Script(b"data", (False, False, empties), []))
    session = Session(linked(bus), TestClock())
    if enough:
        assert session.ask(READ, 1, 0, 4, most=4).data == b"data"
    else:
        with pytest.raises(RecorderMisbehaved, match="empty packets"):
            session.ask(READ, 1, 0, 4, most=4)


def test_a_device_without_a_fitting_interface_is_refused() -> None:
    class Printer(PtpFace):
        @property
        def facts(self) -> UsbFacts:
            facts = super().facts
            return UsbFacts(
                vendor_id=1, product_id=2, maker="", product="", serial=facts.serial,
                interface_class=(7, 1, 2),
            )  # fmt: skip

    bus = MemoryBus()
    bus.plug(PORT, Printer(small_body()))
    with pytest.raises(RecorderRefused):
        linked(bus)


def test_an_event_is_read_from_its_own_pipe() -> None:
    bus = MemoryBus()
    face = PtpFace(small_body())
    bus.plug(PORT, face)
    link = linked(bus)
    with pytest.raises(TimedOut):
        link.event(0.1)
    face.tell(Event.OBJECT_ADDED, 7)
    head, parameters = decode_event(link.event(0.1))
    assert (head.code, parameters) == (Event.OBJECT_ADDED, (7,))


def test_a_transfer_that_ends_with_a_full_packet_gets_an_empty_one() -> None:
    written: list[int] = []

    class Counting(MemoryBus):
        def bulk_write(
            self, dev_handle: object, ep: int, intf: int, data: array[int], timeout: int
        ) -> int:
            written.append(len(data))
            return len(data)

    bus = Counting()
    bus.plug(PORT, PtpFace(small_body()))
    link = linked(bus)
    link.write(bytes(100), 1.0)
    link.write(bytes(PACKET), 1.0)
    assert written == [100, PACKET, 0]


def test_the_library_in_use_can_be_named() -> None:
    assert "libusb" in library()
