"""What an SMP recorder tells of itself, as its profile says where to look."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from agent.errors import RecorderError, RecorderMisbehaved, RecorderRefused
from agent.link.serial_port import SerialLine
from agent.model import Clip
from agent.recorder.profiles.model import Profile
from agent.recorder.smp.recorder import SmpRecorder, open_on
from hwsim.faces.smp_faults import Forged, NoSmpAnswer, SmpRefusal
from hwsim.faces.smp_hostile import CLOCK, DIGEST, DOWNLOAD, STATUS
from hwsim.faces.smp_make import SmpMake
from hwsim.faults import BadClock, FalseBattery, FalseSize, Fault, Faults
from tests.contracts.mtp import clock_of
from tests.contracts.recorder import CHINA, FOOTAGE, LONG, START, small_body
from tests.contracts.smp import BAUD, SmpDocks, smp_profile


@pytest.fixture
def docks() -> Iterator[SmpDocks]:
    found = SmpDocks()
    yield found
    found.unplug()


def with_identity(**identity: object) -> Profile:
    document = smp_profile(serial_info="").model_dump(exclude_unset=True)
    return Profile.model_validate(document | {"identity": identity})


def opened(
    docks: SmpDocks, profile: Profile, usb_serial: str = "", files: dict[str, bytes] | None = None
) -> SmpRecorder:
    body = small_body(serial="0000", model="", firmware="")
    port = docks.port(body, SmpMake(buffer=1024))
    docks.face(port).files |= files or {}
    return open_on(SerialLine(port.node, BAUD), profile, clock_of(body), usb_serial=usb_serial)


# Who it is.


def test_a_serial_number_of_a_file_or_the_usb_comes_in_the_profiles_order(docks: SmpDocks) -> None:
    files = {"/serial.txt": b" \xe5\x8c\x97-7 \r\nsecond line"}
    order: list[tuple[list[str], str]] = [
        (["usb-serial", "file:/serial.txt"], "USB-1"),
        (["file:/serial.txt", "usb-serial"], "北-7"),
        (["file:/nothing", "usb-serial"], "USB-1"),
        (["volume-label", "file:/serial.txt"], "北-7"),
    ]
    for sources, serial in order:
        recorder = opened(docks, with_identity(serial=sources), "USB-1", files)
        assert recorder.identify().serial == serial


@pytest.mark.parametrize("sources", [[], ["usb-serial"], ["file:/nothing"], ["file:/zeros"]])
def test_without_a_serial_number_it_says_where_it_looked(
    docks: SmpDocks, sources: list[str]
) -> None:
    recorder = opened(docks, with_identity(serial=sources), "00", {"/zeros": b"0000\n"})
    with pytest.raises(RecorderMisbehaved, match="say in the profile where it is"):
        recorder.identify()


def test_what_the_recorder_does_not_say_the_profile_may(docks: SmpDocks) -> None:
    profile = with_identity(serial=["usb-serial"], maker="M", model="of the profile")
    identity = opened(docks, profile, "USB-1").identify()
    assert (identity.maker, identity.model, identity.firmware) == ("M", "of the profile", "")


def test_a_letter_that_the_recorder_does_not_know_tells_nothing(docks: SmpDocks) -> None:
    docked = docks.dock(small_body(), profile=smp_profile(model_info="x", firmware_info=""))
    identity = docked.recorder.identify()
    assert (identity.model, identity.firmware) == ("", "")


# How it is.


def test_storage_counts_in_the_profiles_units(docks: SmpDocks) -> None:
    body = small_body()
    docked = docks.dock(body, profile=smp_profile(storage_unit=1024))
    (storage,) = docked.recorder.health().storages
    assert storage.total == 64_000_000 * 1024


@pytest.mark.parametrize(
    "smp",
    [
        {"battery_group": ""},
        {"battery_field": "volts"},
        {"battery_group": "nothing"},
    ],
)
def test_a_battery_that_nobody_tells_of_is_unknown(docks: SmpDocks, smp: dict[str, str]) -> None:
    health = docks.dock(small_body(), profile=smp_profile(**smp)).recorder.health()
    assert health.battery_percent is None
    assert len(health.storages) == 1


def test_a_profile_that_names_no_statistics_tells_nothing(docks: SmpDocks) -> None:
    profile = smp_profile(battery_group="", storage_group="")
    health = docks.dock(small_body(), profile=profile).recorder.health()
    assert (health.battery_percent, health.storages) == (None, ())


def test_a_card_of_which_half_is_told_is_unknown(docks: SmpDocks) -> None:
    profile = smp_profile(storage_free_field="room")
    assert docks.dock(small_body(), profile=profile).recorder.health().storages == ()


def test_a_battery_of_255_percent_is_unknown(docks: SmpDocks) -> None:
    docked = docks.dock(small_body(), faults=Faults(FalseBattery()))
    assert docked.recorder.health().battery_percent is None


# Its clock.


def test_a_clock_with_a_zone_is_read_and_set_with_it(docks: SmpDocks) -> None:
    docked = docks.dock(small_body(clock_error=97.0), SmpMake(shows_zone=True))
    reading = docked.recorder.clock()
    assert reading is not None
    assert reading.recorder - reading.dock == timedelta(seconds=97)
    docked.recorder.set_clock(START)
    assert docked.body.now() == datetime(2026, 8, 4, 10, 0)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("make", "faults"),
    [
        (SmpMake(has_clock=False), Faults()),
        (SmpMake(clock_set=False), Faults()),
        (SmpMake(clock_set=False, versions=1), Faults()),
        (SmpMake(), Faults(BadClock(times=None))),
    ],
    ids=["none", "never set", "never set, original protocol", "nonsense"],
)
def test_a_clock_that_shows_nothing_is_none(docks: SmpDocks, make: SmpMake, faults: Faults) -> None:
    assert docks.dock(small_body(), make, faults).recorder.clock() is None


def test_a_clock_that_was_never_set_can_be_set(docks: SmpDocks) -> None:
    docked = docks.dock(small_body(clock_error=1e6), SmpMake(clock_set=False))
    docked.recorder.set_clock(datetime(2026, 8, 4, 10, 0, tzinfo=UTC))
    assert docked.body.now() == datetime(2026, 8, 4, 10, 0)  # noqa: DTZ001


def test_the_round_trip_is_that_of_the_sending_that_was_answered(docks: SmpDocks) -> None:
    body, faults = small_body(), Faults(NoSmpAnswer(operation=CLOCK))
    recorder = docks.open(docks.port(body, None, faults), body, hurry=5)
    before = clock_of(body).passed
    reading = recorder.clock()
    assert reading is not None
    assert faults.fired
    assert 0 < reading.round_trip < clock_of(body).passed - before - 0.05
    assert abs((reading.recorder - CHINA - reading.dock.replace(tzinfo=None)).total_seconds()) < 1


def test_a_clock_that_is_set_late_is_set_later(docks: SmpDocks) -> None:
    """The first answer is lost: what is sent again carries the time that passed meanwhile."""
    body = small_body()
    recorder = docks.open(docks.port(body, None, faults := Faults()), body, hurry=5)
    faults.add(NoSmpAnswer(operation=CLOCK, at=1, times=4))
    recorder.set_clock(body.clock.now())
    shown, true = body.now(), body.clock.now().replace(tzinfo=None)
    assert faults.fired
    assert abs((shown - true).total_seconds()) < 2.5


# What it holds.


def test_clips_of_impossible_size_are_complained_of(docks: SmpDocks) -> None:
    docked = docks.dock(small_body(), faults=Faults(FalseSize()))
    with pytest.raises(RecorderMisbehaved, match="claims 18446744073709551615 bytes"):
        next(docked.recorder.clips())


def test_half_a_line_on_the_recorders_side_costs_no_question(docks: SmpDocks) -> None:
    body = small_body()
    port = docks.port(body)
    docks.face(port).receive(b"half a line that somebody left")
    docks.open(port, body, hurry=1)
    assert clock_of(body).passed < 0.9  # the first question is given a second


def test_no_packet_is_larger_than_the_recorder_said(docks: SmpDocks) -> None:
    body = small_body()
    faults = Faults(Forged(operation=6, fields={"buf_size": 64}))
    recorder = docks.open(docks.port(body, None, faults), body, hurry=20)
    with pytest.raises(RecorderMisbehaved, match="no answer among them"):
        next(recorder.clips())


def test_the_list_may_name_a_file_in_two_ways_and_both_count(docks: SmpDocks) -> None:
    body = small_body()
    port = docks.port(body, SmpMake(buffer=1024))
    face = docks.face(port)
    face.files |= {"/clips.txt": b"/A.WAV\nA.WAV\n/A.WAV\n", "/A.WAV": b"one", "A.WAV": b"two"}
    recorder = docks.open(port, body)
    clips = list(recorder.clips())
    assert [clip.path for clip in clips] == ["A.WAV", "A~2.WAV"]
    assert [recorder.read(clip, 0, 10) for clip in clips] == [b"one", b"two"]


def test_without_a_list_it_is_refused_in_words(docks: SmpDocks) -> None:
    recorder = docks.dock(small_body(), profile=smp_profile(list_file="/other.txt")).recorder
    with pytest.raises(RecorderRefused, match=r"reading /other\.txt: the recorder says no such"):
        next(recorder.clips())


def test_the_profile_says_what_counts_and_which_logs_are_taken(docks: SmpDocks) -> None:
    document = smp_profile().model_dump(exclude_unset=True)
    clips = {"only": ["*.WAV"], "logs": ["/SYSTEM.LOG", "/NONE.LOG", "LOGS/*.LOG"]}
    body = small_body()
    port = docks.port(body)
    list_of_one = b"/AUDIO/A_1.WAV\n/DCIM/PHOTO/P_1.JPG\n"
    docks.face(port).files["/clips.txt"] = list_of_one
    recorder = docks.open(port, body, Profile.model_validate(document | {"clips": clips}))
    assert [clip.path for clip in recorder.clips()] == ["AUDIO/A_1.WAV", "SYSTEM.LOG"]


# Reading.


def test_a_whole_clip_costs_as_many_questions_as_it_has_pieces(docks: SmpDocks) -> None:
    body = small_body()
    port = docks.port(body, SmpMake(buffer=1048))
    recorder = docks.open(port, body)
    clip = next(clip for clip in recorder.clips() if clip.size == len(LONG))
    face = docks.face(port)
    face.asked.clear()
    step = 240 * 1024
    data = b"".join(recorder.read(clip, at, step) for at in range(0, clip.size, step))
    assert data == LONG
    pieces = -(-len(LONG) // 1000)
    assert pieces <= face.asked.count((0, 8, 0)) < 1.1 * pieces  # a slow machine may ask twice
    assert face.asked.count((0, 8, 2)) == 3  # one digest for each reading


def test_a_clip_that_grew_is_noticed_by_its_first_piece(docks: SmpDocks) -> None:
    body, path = small_body(), "AUDIO/A_1.WAV"
    faults = Faults(Forged(operation=STATUS, fields={"len": len(FOOTAGE[path]) - 1}, times=None))
    recorder = docks.open(docks.port(body, None, faults), body)
    clip = next(clip for clip in recorder.clips() if clip.path == path)
    with pytest.raises(RecorderMisbehaved, match="has 512 bytes by now"):
        recorder.read(clip, 0, 10)
    assert recorder.read(clip, clip.size, 10) == FOOTAGE[path][-1:]


BARE = SmpMake(digests=())


@pytest.mark.parametrize(
    ("make", "fault", "words"),
    [
        (BARE, Forged(operation=DOWNLOAD, fields={"off": 1}, times=None), "gives offset 1 where 0"),
        (SmpMake(), Forged(operation=DIGEST, fields={"len": 1}), "a digest of something else"),
        (SmpMake(), Forged(operation=DIGEST, fields={"off": 1}), "a digest of something else"),
        (BARE, Forged(operation=DOWNLOAD, fields={"data": b""}, times=None), "ends at 0 of 512"),
    ],
)
def test_what_breaks_the_rules_of_reading_is_said(
    docks: SmpDocks, make: SmpMake, fault: Fault, words: str
) -> None:
    body = small_body()
    recorder = docks.open(docks.port(body, make, faults := Faults()), body)
    clip = next(clip for clip in recorder.clips() if clip.path == "AUDIO/A_1.WAV")
    faults.add(fault)
    with pytest.raises(RecorderMisbehaved, match=words):
        recorder.read(clip, 0, 100)


def test_what_came_of_one_clip_is_not_given_for_another(docks: SmpDocks) -> None:
    recorder = docks.dock(small_body(), BARE).recorder
    clips = {clip.path: clip for clip in recorder.clips()}
    assert recorder.read(clips["AUDIO/A_1.WAV"], 0, 2) == LONG[:2]
    assert recorder.read(clips["DCIM/101BODY/CAM_0001.MP4"], 2, 100) == b"her"


def test_a_failure_behind_the_end_is_no_end(docks: SmpDocks) -> None:
    body = small_body()
    recorder = docks.open(docks.port(body, None, faults := Faults()), body)
    clip = next(recorder.clips())
    faults.add(SmpRefusal(operation=DOWNLOAD, code=7, group=8))
    with pytest.raises(RecorderRefused, match="reading failed"):
        recorder.read(clip, clip.size, 1)
    assert recorder.read(clip, clip.size, 1) == b""


def test_a_deletion_is_refused_and_nothing_was_sent(docks: SmpDocks) -> None:
    body = small_body()
    port = docks.port(body)
    recorder = docks.open(port, body)
    clip = next(recorder.clips())
    face = docks.face(port)
    face.asked.clear()
    with pytest.raises(RecorderRefused, match="cannot be told to delete a file"):
        recorder.delete(clip)
    assert set(face.asked) == {(2, 0, 0)}  # an echo


def test_a_whole_contact_writes_nothing_but_an_echo_and_the_clock(docks: SmpDocks) -> None:
    body = small_body()
    port = docks.port(body)
    recorder = docks.open(port, body)
    recorder.identify()
    recorder.health()
    recorder.set_clock(START)
    for clip in recorder.clips():
        recorder.read(clip, 0, 100)
        with pytest.raises(RecorderError):
            recorder.delete(clip)
    with pytest.raises(RecorderRefused):
        recorder.read(Clip("0", "OTHER.WAV", 1, ""), 0, 1)
    written = {asked for asked in docks.face(port).asked if asked[0] != 0}
    assert written == {(2, 0, 0), (2, 0, 4)}
