"""The body: time, power and footage, with no protocol in sight."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agent.errors import ConfigError
from hwsim.body import Body, Card, HeldClip, StillClock

EIGHT_HOURS_LATER = datetime(2026, 8, 4, 10, 0)  # noqa: DTZ001


def test_it_takes_no_attribute_that_it_does_not_have() -> None:
    body = Body()
    with pytest.raises(AttributeError):
        body.batery = 3  # type: ignore[attr-defined]


def test_its_clock_shows_local_time_with_its_error() -> None:
    body = Body(clock_error=90.0)
    assert body.now() == EIGHT_HOURS_LATER + timedelta(seconds=90)


def test_its_clock_gains_what_it_drifts_a_day() -> None:
    body = Body(drift=3.0)
    body.advance(2 * 86_400)
    assert body.now() == EIGHT_HOURS_LATER + timedelta(days=2, seconds=6)


def test_a_clock_that_was_set_drifts_anew_from_there() -> None:
    body = Body(clock_error=-500.0, drift=-2.0)
    body.advance(86_400)
    body.set_clock(EIGHT_HOURS_LATER + timedelta(days=1))
    body.advance(43_200)
    assert body.now() == EIGHT_HOURS_LATER + timedelta(days=1.5, seconds=-1)


def test_it_charges_to_the_full_and_runs_down_to_nothing() -> None:
    body = Body(battery=90.0, charge_rate=20.0, drain_rate=50.0)
    body.advance(15 * 60)
    assert body.battery_percent() == 95
    body.advance(3600)
    assert body.battery_percent() == 100
    body.charge(on=False)
    body.advance(3600)
    assert body.battery_percent() == 50
    body.advance(7200)
    assert body.battery_percent() == 0


def test_it_lives_by_the_clock_that_it_is_given() -> None:
    clock = StillClock()
    body = Body(clock=clock, battery=50.0, charge_rate=10.0)
    clock.monotonic = lambda: 3600.0  # type: ignore[method-assign]
    assert body.elapsed() == 3600.0
    assert body.battery_percent() == 60


def test_a_clip_comes_and_goes_and_its_card_fills_and_empties() -> None:
    body = Body(cards=[Card("A", 1000), Card("B", 1000)])
    clip = body.add(HeldClip("DCIM/A.MP4", content=b"x" * 400), card=1)
    assert [card.free for card in body.cards] == [1000, 600]
    before = body.edition
    body.delete(clip)
    assert (body.clips, body.cards[1].free) == ([], 1000)
    assert body.edition > before
    with pytest.raises(ValueError, match="no card holds DCIM/A"):
        body.delete(clip)


def test_two_clips_with_the_same_facts_are_two_clips() -> None:
    body = Body()
    first, second = (body.add(HeldClip("A.MP4", content=b"same")) for _ in range(2))
    body.delete(second)
    assert body.clips == [first]


def test_a_clip_must_have_the_size_that_it_says() -> None:
    with pytest.raises(ValueError, match="4 bytes, not 5"):
        HeldClip("A.MP4", 5, content=b"four")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "card/DCIM").mkdir(parents=True)
    clip = tmp_path / "card/DCIM/A_IMP.MP4"
    clip.write_bytes(b"footage")
    os.utime(clip, (1_785_808_800, 1_785_808_800))  # 2026-08-04T02:00:00Z
    (tmp_path / "recorder.toml").write_text(
        'serial = "F-7"\nbattery = 33\nclock_error = 4.5\nmarked = ["DCIM/A_IMP.MP4"]\n'
        '[[card]]\nfolder = "card"\nlabel = "SD"\ncapacity = 5000\n'
    )
    return tmp_path


def test_a_body_comes_out_of_a_folder(folder: Path) -> None:
    body = Body.from_folder(folder)
    (clip,) = body.clips
    assert (body.serial, body.battery_percent(), body.clock_error) == ("F-7", 33, 4.5)
    assert (clip.path, clip.size, clip.marked) == ("DCIM/A_IMP.MP4", 7, True)
    assert clip.recorded == EIGHT_HOURS_LATER
    assert clip.content.read(3, 100) == b"tage"
    assert (body.cards[0].label, body.cards[0].free) == ("SD", 4993)


def test_what_was_deleted_stays_deleted_after_a_restart(folder: Path) -> None:
    body = Body.from_folder(folder)
    body.delete(body.clips[0])
    assert Body.from_folder(folder).clips == []


@pytest.mark.parametrize("text", ["serail = 'x'", "[[card]]\nlable = 'x'", "serial ="])
def test_a_folder_that_says_something_unknown_is_refused(folder: Path, text: str) -> None:
    (folder / "recorder.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"recorder\.toml"):
        Body.from_folder(folder)
