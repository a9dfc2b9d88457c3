"""What every family has to do, whatever its bytes look like."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from agent.errors import RecorderBusy, RecorderGone, RecorderMisbehaved, RecorderRefused
from agent.recorder.control.dialect import Wearer, answers
from hwsim.body import Body
from hwsim.dialects import password_of
from hwsim.faces.zfy import Busy, Deny, Function, ZfyBody
from hwsim.faults import FalseBattery, Faults, NoAnswer
from tests.contracts.recorder import TestClock
from tests.dialects.families import ALL, CHINA, HURRY, TCP, USB, docked

NAMELESS = ("ambarella-b", "at-serial")
"""Their dialect has no field for a wearer."""
WITH_BATTERY = tuple(name for name in ALL if name != "ambarella-b")
WITH_CLOCK = ("bc-plus", "android-e12", "android-zzx", "at-serial")
NEW_TIME = datetime(2027, 2, 3, 4, 5, 6, 400_000, tzinfo=UTC)

each = pytest.mark.parametrize("family", ALL)


@each
def test_it_is_known_by_its_probe(family: str) -> None:
    with docked(family) as dock:
        assert answers(dock.site)
        assert dock.face.asked[Function.LOGIN] == 0


@each
def test_it_says_who_it_is(family: str) -> None:
    with docked(family) as dock:
        identity = dock.open().identity()
    assert identity.serial == "SN-4217"
    if family not in NAMELESS:
        assert (identity.officer, identity.unit) == ("张三", "一大队")
    if family in ("bc-plus", "jieli", "android-e12", "android-zzx"):
        assert identity.id_code == "DSJ01"


def test_a_serial_recorder_tells_maker_model_and_firmware() -> None:
    with docked("at-serial") as dock:
        identity = dock.open().identity()
    assert (identity.maker, identity.model, identity.firmware) == (
        "Bodydock",
        "Simulated Recorder",
        "1.0.0",
    )


@each
@pytest.mark.parametrize("serial", ["", "0000000"])
def test_a_recorder_without_a_serial_number_is_refused(family: str, serial: str) -> None:
    recorder = ZfyBody(body=Body(serial=serial), password=password_of(family))
    with docked(family, recorder=recorder) as dock:
        session = dock.open()
        with pytest.raises(RecorderMisbehaved):
            session.identity()


@pytest.mark.parametrize("family", WITH_BATTERY)
def test_it_tells_its_battery(family: str) -> None:
    with docked(family) as dock:
        assert dock.open().health().battery_percent == 63


@pytest.mark.parametrize("family", WITH_BATTERY)
def test_an_impossible_battery_is_unknown(family: str) -> None:
    with docked(family, faults=Faults(FalseBattery(percent=255))) as dock:
        assert dock.open().health().battery_percent is None


def test_storage_is_told_in_bytes() -> None:
    with docked("android-zzx") as dock:
        (storage,) = dock.open().health().storages
    assert storage.total == 64_000_000_000 // 2**20 * 2**20


@pytest.mark.parametrize("family", ["ambarella-a", "jieli", "android-e12", "android-zzx"])
def test_it_tells_its_resolution(family: str) -> None:
    with docked(family) as dock:
        assert dock.open().resolution() == (1920, 1080)


@pytest.mark.parametrize("family", WITH_CLOCK)
def test_its_clock_is_read_beside_ours(family: str) -> None:
    with docked(family, clock_error=3600.0) as dock:
        reading = dock.open().clock()
    assert reading is not None
    shown = reading.recorder
    if shown.tzinfo is None:
        shown = shown.replace(tzinfo=CHINA)
    assert abs((shown - reading.dock).total_seconds() - 3600) <= 1.5
    assert 0 <= reading.round_trip < 1


def test_only_some_name_their_zone() -> None:
    zones = {}
    for family in WITH_CLOCK:
        with docked(family) as dock:
            reading = dock.open().clock()
            assert reading is not None
            zones[family] = reading.recorder.utcoffset()
    assert zones == {
        "bc-plus": None,
        "android-e12": None,
        "android-zzx": timedelta(0),
        "at-serial": timedelta(hours=8),
    }


@each
def test_its_clock_is_set_in_the_zone_that_it_shows(family: str) -> None:
    with docked(family, clock_error=-86_400.0) as dock:
        body = dock.recorder.body
        dock.open().set_clock(NEW_TIME)
        shown = body.now() - (body.clock.now() - dock.site.clock.now())
        wanted = NEW_TIME.astimezone(CHINA).replace(tzinfo=None)
    assert abs((shown - wanted).total_seconds()) <= (1.5 if family not in USB else 0.51)


@each
def test_it_becomes_a_disk_when_told_to(family: str) -> None:
    told: list[str] = []
    with docked(family) as dock:
        dock.recorder.on_disk = lambda: told.append("disk")
        session = dock.open()
        assert told == []
        session.become_disk()
        session.close()
        session.close()
    assert told == ["disk"]


@each
def test_a_recorder_that_records_refuses_to_become_a_disk(family: str) -> None:
    with docked(family) as dock:
        dock.recorder.recording = True
        session = dock.open()
        with pytest.raises(RecorderRefused, match="recording"):
            session.become_disk()


@each
def test_a_wrong_password_is_told_and_never_shown(
    family: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with docked(family, password="654321") as dock, pytest.raises(RecorderRefused) as refused:
        dock.open()
    assert "password" in str(refused.value)
    assert refused.value.do
    for text in (str(refused.value), repr(refused.value), caplog.text):
        assert "654321" not in text
        assert password_of(family) not in text


@each
def test_a_no_is_a_refusal_and_the_session_goes_on(family: str) -> None:
    with docked(family) as dock:
        session = dock.open()
        dock.faults.add(Deny(operation=Function.READ_IDENTITY, times=1))
        with pytest.raises(RecorderRefused):
            session.identity()
        assert session.identity().serial == "SN-4217"


@pytest.mark.parametrize("family", WITH_BATTERY)
def test_a_battery_that_is_not_told_is_unknown(family: str) -> None:
    with docked(family) as dock:
        session = dock.open()
        dock.faults.add(Deny(operation=Function.BATTERY, times=1))
        assert session.health().battery_percent is None
        assert session.health().battery_percent == 63


@pytest.mark.parametrize("family", ["bc-plus", "jieli", "android-e12", "at-serial"])
def test_it_is_asked_again_while_it_is_busy(family: str) -> None:
    with docked(family) as dock:
        session = dock.open()
        dock.faults.add(Busy(operation=Function.BATTERY, times=2))
        assert session.health().battery_percent == 63


@pytest.mark.parametrize("family", ["bc-plus", "jieli", "at-serial"])
def test_one_that_stays_busy_is_left_for_later(family: str) -> None:
    with docked(family) as dock:
        session = dock.open()
        dock.faults.add(Busy(operation=Function.BATTERY, times=None))
        with pytest.raises(RecorderBusy) as busy:
            session.health()
    assert busy.value.retry


def test_a_control_recorder_that_needs_time_is_asked_for_its_answer_again() -> None:
    with docked("ambarella-a") as dock:
        session = dock.open()
        dock.faults.add(Busy(operation=Function.BATTERY, times=1))
        assert session.health().battery_percent == 63


@each
def test_one_that_never_answers_is_gone(family: str) -> None:
    with docked(family, seconds=2 * HURRY) as dock:
        session = dock.open()
        silent = Function.READ_IDENTITY
        dock.faults.add(NoAnswer(operation=silent, times=None))
        # E12 says "I am at it" first, and that it then falls silent is patience that ran out.
        with pytest.raises(RecorderBusy if family == "android-e12" else RecorderGone):
            session.identity()
        if isinstance(dock.site.clock, TestClock):
            assert dock.site.clock.passed < 30


@each
def test_a_whole_session_sends_nothing_dangerous(family: str) -> None:
    with docked(family) as dock:
        assert answers(dock.site)
        session = dock.open()
        session.identity()
        session.health()
        session.clock()
        session.resolution()
        session.set_clock(NEW_TIME)
        session.become_disk()
        session.close()
        assert dock.face.dangers == []
        assert dock.face.asked[Function.WRITE_IDENTITY] == 0


WRITING = ("ambarella-a", "bc-plus", "jieli", "android-e12", "android-zzx")


@pytest.mark.parametrize("family", WRITING)
def test_a_person_can_write_who_wears_it(family: str) -> None:
    new = Wearer("SN-9001", "000777", "李四", "110108", "二大队")
    with docked(family) as dock:
        session = dock.open()
        session.write_identity(new)
        held = dock.recorder
        assert held.fields() == ["SN-9001", "000777", "李四", "110108", "二大队"]
        assert session.wearer() == new


@pytest.mark.parametrize("family", ["ambarella-b", "at-serial"])
def test_where_nobody_can_write_it_says_so(family: str) -> None:
    with docked(family) as dock, pytest.raises(RecorderRefused):
        dock.open().write_identity(Wearer("1"))


@pytest.mark.parametrize("family", TCP)
def test_nobody_behind_an_address_is_a_recorder_that_is_gone(family: str) -> None:
    with docked(family) as dock:
        dock.unplug()
        with pytest.raises(RecorderGone):
            answers(dock.site)


@each
def test_a_recorder_that_left_is_gone(family: str) -> None:
    with docked(family) as dock:
        session = dock.open()
        dock.unplug()
        with pytest.raises(RecorderGone):
            session.identity()
        session.close()
