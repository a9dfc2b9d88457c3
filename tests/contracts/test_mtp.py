"""The MTP driver keeps the contract, with recorders of every make, and what is its own besides."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.errors import RecorderBusy, RecorderGone, RecorderMisbehaved, RecorderRefused
from agent.link.attached import Attached
from agent.link.usb import UsbBus
from agent.model import Clip
from agent.recorder.mtp.clips import Listed
from agent.recorder.mtp.recorder import _moved, open_mtp
from agent.recorder.profiles.load import load_profiles, shipped_folder
from agent.recorder.profiles.match import possible
from agent.wire.ptp.datasets import ObjectInfo
from hwsim.body import Body, Card, HeldClip
from hwsim.faces.ptp import (
    NO_PARTIAL_64,
    NO_PROP_LIST,
    PLAIN_PTP,
    WHOLE_OBJECTS,
    Event,
    Operation,
    PtpFace,
    Quirks,
)
from hwsim.faults import (
    BadClock,
    BadDate,
    BadName,
    FalseBattery,
    FalseSize,
    Fault,
    Faults,
    Refuse,
)
from hwsim.media.grown import Noise
from hwsim.ports.usb_memory import MemoryBus
from hwsim.usb import UsbFacts
from tests.contracts.mtp import PORT, clock_of, dock_mtp
from tests.contracts.recorder import (
    FOOTAGE,
    Docked,
    PatienceContract,
    RefusalContract,
    TestClock,
    small_body,
)

GIB = 1 << 30


class MtpContract(PatienceContract, RefusalContract):
    """`quirks` are the make."""

    quirks = Quirks()

    def dock(self, body: Body) -> Docked:
        self.faults = Faults()
        return dock_mtp(body, self.quirks, self.faults)

    def make_busy(self, docked: Docked) -> None:
        self.faults.add(Refuse())

    def protected(self) -> Body:
        self.quirks = replace(self.quirks, protects_marked=True)
        return small_body()


class TestFullMtp(MtpContract):
    pass


class TestNoPartialObject64(MtpContract):
    quirks = Quirks(operations=NO_PARTIAL_64)


class TestNoPropertyList(MtpContract):
    quirks = Quirks(operations=NO_PROP_LIST, lists_one_at_a_time=True)


class TestPropertyListRefused(MtpContract):
    quirks = Quirks(lists_one_at_a_time=True)


class TestPlainPtpCamera(MtpContract):
    quirks = Quirks(operations=PLAIN_PTP, date_suffix=".0")


class TestWholeObjectsOnly(MtpContract):
    quirks = Quirks(operations=WHOLE_OBJECTS)


class TestWholeObjectsBusyAfterCancel(MtpContract):
    quirks = Quirks(operations=WHOLE_OBJECTS, cancel_busy=3, zero_packet=False)


class TestSplitHeader(MtpContract):
    quirks = Quirks(split_header=True)


class TestSplitHeaderWholeObjects(MtpContract):
    quirks = Quirks(split_header=True, operations=WHOLE_OBJECTS)


class TestNoZeroPacket(MtpContract):
    quirks = Quirks(zero_packet=False)


class TestAndroid(MtpContract):
    quirks = Quirks(android=True, date_suffix="+0800")


class TestSessionLeftOpen(MtpContract):
    quirks = Quirks(session_open=True, first_storage=0x00020001)


# Large clips: more than 32 bits hold, and read where only a 64-bit offset reaches.


def large(size: int) -> tuple[Body, Noise]:
    noise = Noise(size, 7)
    cards = [Card("SD", 64 * GIB, [HeldClip("DCIM/LONG.MP4", content=noise)])]
    return small_body(cards=cards), noise


@pytest.mark.parametrize("operations", [Quirks().operations, NO_PROP_LIST], ids=["list", "handles"])
@pytest.mark.parametrize("size", [4 * GIB - 13, 4 * GIB - 12, 4 * GIB - 1, 4 * GIB, 5 * GIB + 77])
def test_a_clip_of_4_gib_and_more_is_listed_and_read_anywhere(
    operations: frozenset[int], size: int
) -> None:
    body, noise = large(size)
    docked = dock_mtp(body, Quirks(operations=operations))
    clip = docked.clip("DCIM/LONG.MP4")
    assert clip.size == size
    for offset in (0, 4 * GIB - 300_000, size - 1000):
        assert docked.recorder.read(clip, offset, 300_000) == noise.read(offset, 300_000)


def test_a_long_clip_is_streamed_where_there_is_no_64_bit_offset() -> None:
    size = 4 * GIB + 1000
    body = small_body(cards=[Card("SD", 64 * GIB, [HeldClip("LONG.MP4", content=Zeros(size))])])
    for operations in (NO_PARTIAL_64, WHOLE_OBJECTS | {Operation.GET_OBJECT_PROP_VALUE}):
        docked = dock_mtp(body, Quirks(operations=operations))
        clip = docked.clip("LONG.MP4")
        assert docked.recorder.read(clip, 0, 1000) == bytes(1000)
        assert docked.recorder.read(clip, size - 5, 10) == b"\0\0\0\0\1"


def test_a_long_clip_of_which_nothing_tells_the_size_is_complained_of() -> None:
    body, _ = large(4 * GIB)
    docked = dock_mtp(body, Quirks(operations=WHOLE_OBJECTS))
    with pytest.raises(RecorderMisbehaved, match="4 GiB or more tells no size"):
        next(docked.recorder.clips())


def test_a_long_stream_is_cancelled_when_something_else_is_wanted() -> None:
    size = 40 << 20
    body = small_body(cards=[Card("SD", 64 * GIB, [HeldClip("LONG.MP4", content=Zeros(size))])])
    faults = Faults()
    docked = dock_mtp(body, Quirks(operations=WHOLE_OBJECTS, cancel_busy=2), faults)
    clip = docked.clip("LONG.MP4")
    assert docked.recorder.read(clip, 0, 1000) == bytes(1000)
    before = faults.transfers
    assert docked.recorder.health().storages
    assert faults.transfers - before < 20
    assert docked.recorder.read(clip, size - 5, 10) == b"\0\0\0\0\1"


class Zeros:
    """Zeros and a final one, at no cost."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._page = bytes(1 << 20)

    def read(self, offset: int, size: int) -> bytes:
        size = min(size, self.size - offset)
        zeros = self._page[:size] if size <= len(self._page) else bytes(size)
        return zeros if offset + size < self.size else zeros[:-1] + b"\1"


# Listing.


def test_two_cards_are_two_storages_and_no_clip_of_theirs_is_lost() -> None:
    same = [HeldClip("DCIM/A.MP4", content=b"one"), HeldClip("DCIM/B.MP4", content=b"two")]
    cards = [Card("left", 1000, same), Card("right", 2000, [*same[:1], HeldClip("DCIM/A.MP4")])]
    docked = dock_mtp(small_body(cards=cards))
    assert [storage.id for storage in docked.recorder.health().storages] == ["00010001", "00020001"]
    clips = list(docked.recorder.clips())
    assert [(clip.storage, clip.path, clip.size) for clip in clips] == [
        ("00010001", "DCIM/A.MP4", 3),
        ("00010001", "DCIM/B.MP4", 3),
        ("00020001", "DCIM/A~2.MP4", 3),
        ("00020001", "DCIM/A.MP4", 0),
    ]
    assert len({clip.id_on("SN-42") for clip in clips}) == 4


def test_names_that_are_the_same_get_numbers_and_the_right_bytes() -> None:
    faults = Faults(BadName(name="A.MP4"))
    held = [HeldClip(f"X/{n}.MP4", content=bytes([n]) * 5) for n in range(1, 5)]
    docked = dock_mtp(small_body(cards=[Card("SD", 1000, held)]), faults=faults)
    clips = list(docked.recorder.clips())
    assert [clip.path for clip in clips] == ["X/A.MP4", "X/A~2.MP4", "X/A~3.MP4", "X/A~4.MP4"]
    assert [docked.recorder.read(clip, 0, 9) for clip in clips] == [
        held.content.read(0, 9) for held in docked.body.clips
    ]


def test_good_clips_come_before_the_complaint_about_a_bad_one() -> None:
    faults = Faults(FalseSize(at=1, times=1))
    held = [HeldClip(f"{n}.MP4", content=b"12345") for n in range(3)]
    docked = dock_mtp(small_body(cards=[Card("SD", 1000, held)]), faults=faults)
    listing = docked.recorder.clips()
    assert [next(listing).path for _ in range(2)] == ["0.MP4", "2.MP4"]
    with pytest.raises(RecorderMisbehaved, match=r"1 things.*1\.MP4 claims 18446744073709551615"):
        next(listing)


def test_one_object_that_is_refused_does_not_hide_the_others() -> None:
    faults = Faults(Refuse(operation=Operation.GET_OBJECT_INFO, code=0x200F, at=1))
    held = [HeldClip(f"{n}.MP4", content=b"12345") for n in range(3)]
    body = small_body(cards=[Card("SD", 1000, held)])
    docked = dock_mtp(body, Quirks(operations=PLAIN_PTP), faults)
    listing = docked.recorder.clips()
    assert [next(listing).path for _ in range(2)] == ["0.MP4", "2.MP4"]
    with pytest.raises(RecorderMisbehaved, match="ACCESS_DENIED"):
        next(listing)


# Identity, battery, clock.


@pytest.mark.parametrize(
    ("serial", "usb_serial", "found"),
    [("", "USB-9", "USB-9"), ("000000", "USB-9", "USB-9"), (" 0012 ", "USB-9", "0012")],
)
def test_the_usb_serial_stands_in_for_none(serial: str, usb_serial: str, found: str) -> None:
    body = small_body(serial=serial)
    bus = MemoryBus(waited=clock_of(body).advance)
    bus.plug(PORT, OtherUsbSerial(body, usb_serial))
    usb = UsbBus(bus)
    recorder = open_mtp(usb, usb.list_devices()[0], clock_of(body))
    assert recorder.identify().serial == found


class OtherUsbSerial(PtpFace):
    def __init__(self, body: Body, serial: str) -> None:
        super().__init__(body)
        self._facts = replace(super().facts, serial=serial)

    @property
    def facts(self) -> UsbFacts:
        return self._facts


@pytest.mark.parametrize("serial", ["", "0000", "   "])
def test_a_recorder_without_any_serial_is_not_taken(serial: str) -> None:
    docked = dock_mtp(small_body(serial=serial))
    with pytest.raises(RecorderMisbehaved, match="no serial number"):
        docked.recorder.identify()


def test_a_battery_of_255_percent_tells_nothing() -> None:
    docked = dock_mtp(small_body(), faults=Faults(FalseBattery()))
    assert docked.recorder.health().battery_percent is None


def test_a_recorder_without_a_battery_or_a_clock_is_fine() -> None:
    operations = Quirks().operations - {
        Operation.GET_DEVICE_PROP_DESC,
        Operation.GET_DEVICE_PROP_VALUE,
        Operation.SET_DEVICE_PROP_VALUE,
    }
    docked = dock_mtp(small_body(), Quirks(operations=operations))
    assert docked.recorder.health().battery_percent is None
    assert docked.recorder.clock() is None
    with pytest.raises(RecorderRefused):
        docked.recorder.set_clock(TestClock().now())


@pytest.mark.parametrize("text", ["", "00000000T000000", "-0010101T000000", "\x1b[2J"])
def test_a_clock_that_shows_no_time_is_none_and_can_be_set(text: str) -> None:
    docked = dock_mtp(small_body(), faults=Faults(BadClock(text=text, times=2)))
    assert docked.recorder.clock() is None
    docked.recorder.set_clock(TestClock().now())
    reading = docked.recorder.clock()
    assert reading is not None
    assert reading.recorder.replace(tzinfo=None) == TestClock().now().replace(tzinfo=None)


def test_a_storage_that_refuses_does_not_hide_the_other() -> None:
    cards = [Card("left", clips=[HeldClip("A.MP4")]), Card("right", clips=[HeldClip("B.MP4")])]
    refused = [
        Refuse(operation=operation, code=0x2013)
        for operation in (Operation.GET_STORAGE_INFO, Operation.GET_OBJECT_HANDLES)
    ]
    docked = dock_mtp(small_body(cards=cards), Quirks(operations=PLAIN_PTP), Faults(*refused))
    assert [storage.label for storage in docked.recorder.health().storages] == ["right"]
    listing = docked.recorder.clips()
    assert next(listing).path == "B.MP4"
    with pytest.raises(RecorderMisbehaved, match=r"storage 00010001.*STORE_NOT_AVAILABLE"):
        next(listing)


def test_a_zone_is_told_where_the_recorder_tells_one() -> None:
    docked = dock_mtp(small_body(), Quirks(date_suffix="+0800"))
    reading = docked.recorder.clock()
    assert reading is not None
    assert reading.recorder.utcoffset() == timedelta(hours=8)
    assert reading.recorder == reading.dock


class Slow(MemoryBus):
    """A bus on which every transfer takes a quarter of a second."""

    def __init__(self, clock: TestClock) -> None:
        super().__init__()
        self._clock = clock

    def bulk_read(self, *transfer: Any) -> int:
        self._clock.advance(0.25)
        return super().bulk_read(*transfer)

    def bulk_write(self, *transfer: Any) -> int:
        self._clock.advance(0.25)
        return super().bulk_write(*transfer)


def test_the_clock_is_read_in_the_middle_of_the_round_trip() -> None:
    body = small_body()
    bus = Slow(clock_of(body))
    bus.plug(PORT, PtpFace(body))
    usb = UsbBus(bus)
    recorder = open_mtp(usb, usb.list_devices()[0], clock_of(body))
    before = clock_of(body).now()
    reading = recorder.clock()
    assert reading is not None
    assert reading.round_trip == 0.75
    assert reading.dock == before + timedelta(seconds=0.375)


def test_a_slot_without_a_medium_is_no_storage() -> None:
    docked = dock_mtp(small_body(), Quirks(first_storage=0x00010000))
    assert docked.recorder.health().storages == ()


# Deleting.


def test_nothing_is_deleted_that_is_no_longer_what_was_listed() -> None:
    faults = Faults()
    docked = dock_mtp(small_body(), Quirks(operations=PLAIN_PTP), faults)
    clip = docked.clip("AUDIO/A_1.WAV")
    faults.add(BadName(name="OTHER.WAV"))
    with pytest.raises(RecorderMisbehaved, match="another object"):
        docked.recorder.delete(clip)
    assert set(FOOTAGE) <= {held.path for held in docked.body.clips}


def test_a_handle_that_became_a_file_of_another_time_is_not_deleted() -> None:
    """Its name, size and folder may be the same: a recorder that begins its numbers again."""
    faults = Faults()
    docked = dock_mtp(small_body(), Quirks(operations=PLAIN_PTP), faults)
    clip = docked.clip("AUDIO/A_1.WAV")
    faults.add(BadDate(text="20260805T090000"))
    with pytest.raises(RecorderMisbehaved, match="another object"):
        docked.recorder.delete(clip)
    assert set(FOOTAGE) <= {held.path for held in docked.body.clips}


@pytest.mark.parametrize(
    ("parents", "dates", "moved"),
    [
        ((7, 7), ("20260804T100000", "20260804T100000"), False),
        ((7, 8), ("20260804T100000", "20260804T100000"), True),
        ((0, 0xFFFFFFFF), ("20260804T100000", "20260804T100000"), False),
        ((7, 0), ("20260804T100000", "20260804T100000"), False),
        ((7, 7), ("20260804T100000", "20260804T100000.5"), False),
        ((7, 7), ("20260804T100000", "20260804T100001"), True),
        ((7, 7), ("20260804T100000", ""), False),
        ((7, 7), ("", "20260804T100001"), False),
    ],
)
def test_what_shows_that_a_handle_was_given_anew(
    parents: tuple[int, int], dates: tuple[str, str], moved: bool
) -> None:
    listed = Listed(Clip("00010001", "A/1.MP4", 5, dates[0]), 3, "1.MP4", parents[0])
    now = ObjectInfo(0x00010001, 0x300B, 0, 5, parents[1], "1.MP4", "", dates[1])
    assert _moved(listed, now) is moved


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (0x2005, RecorderRefused),
        (0x200D, RecorderRefused),
        (0x200E, RecorderRefused),
        (0x200F, RecorderRefused),
        (0x2012, RecorderRefused),
        (0x2019, RecorderBusy),
    ],
)
def test_a_deletion_that_is_refused_is_an_error(code: int, error: type[Exception]) -> None:
    faults = Faults(Refuse(operation=Operation.DELETE_OBJECT, code=code, times=None))
    docked = dock_mtp(small_body(), faults=faults)
    with pytest.raises(error):
        docked.recorder.delete(docked.clip("AUDIO/A_1.WAV"))
    assert set(FOOTAGE) <= {held.path for held in docked.body.clips}


# Finding and opening.


def plugged(body: Body, **where: bool) -> tuple[MemoryBus, UsbBus]:
    bus = MemoryBus(waited=clock_of(body).advance)
    bus.plug(PORT, PtpFace(body), **where)
    return bus, UsbBus(bus)


def test_a_quick_replug_shows_in_the_address() -> None:
    body = small_body()
    bus, usb = plugged(body)
    (first,) = usb.list_devices()
    assert usb.list_devices() == (first,)
    bus.unplug(PORT)
    assert usb.list_devices() == ()
    bus.plug(PORT, PtpFace(body))
    (second,) = usb.list_devices()
    assert (second.port, first.port) == (PORT, PORT)
    assert second.address != first.address
    with pytest.raises(RecorderGone):
        open_mtp(usb, first, clock_of(body))


def test_what_the_kernel_holds_is_taken_from_it() -> None:
    body = small_body()
    _, usb = plugged(body, kernel_driver=True)
    assert open_mtp(usb, usb.list_devices()[0], clock_of(body)).identify()


def test_what_another_program_holds_is_busy_until_it_lets_go() -> None:
    body = small_body()
    _, usb = plugged(body)
    (device,) = usb.list_devices()
    other = open_mtp(usb, device, clock_of(body))
    with pytest.raises(RecorderBusy, match="another program"):
        open_mtp(usb, device, clock_of(body))
    other.close()
    assert open_mtp(usb, device, clock_of(body)).identify()


def test_what_is_no_camera_is_left_alone() -> None:
    body = small_body()
    _, usb = plugged(body)
    (device,) = usb.list_devices()
    (interface,) = device.interfaces
    printer = replace(device, interfaces=(replace(interface, triple=(7, 1, 2)),))
    profiles = load_profiles(shipped_folder(), Path(os.devnull))
    assert not possible(Attached(PORT, printer), profiles)
    nameless = replace(device, interfaces=(replace(interface, triple=(0xFF, 0xFF, 0)),))
    assert possible(Attached(PORT, nameless), profiles), "its name would tell, and is asked for"
    with pytest.raises(RecorderRefused, match="speaks PTP or MTP"):
        open_mtp(usb, nameless, clock_of(body))


def test_events_that_nobody_asked_for_disturb_nothing() -> None:
    body = small_body()
    bus = MemoryBus(waited=clock_of(body).advance)
    face = PtpFace(body)
    bus.plug(PORT, face)
    usb = UsbBus(bus)
    recorder = open_mtp(usb, usb.list_devices()[0], clock_of(body))
    for event in Event:
        face.tell(event, 1)
    assert len(list(recorder.clips())) == len(FOOTAGE)


def test_faults_are_told_in_words() -> None:
    faults: tuple[Fault, ...] = (Refuse(operation=Operation.GET_STORAGE_IDS, code=0x2013),)
    docked = dock_mtp(small_body(), faults=Faults(*faults))
    with pytest.raises(RecorderRefused, match=r"STORE_NOT_AVAILABLE \(0x2013\)"):
        docked.recorder.health()
