"""Whose a clip is: by the time of its recording, and never anew."""

from __future__ import annotations

import logging
import os
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent.bay.ownership import Ownership
from agent.config.register import Registered
from agent.model import CaseData, Clip, ClipFacts, ClipTime
from agent.spool.entry import Owned
from tests.spool.places import HandClock

from .books import moment

HEADER = "serial,officer,officer_name,unit,from,until\n"
NIGHT = "S1,110102,李四,西城,2026-08-04 00:00,2026-08-04 08:00\n"
DAY = "S1,110101,张三,东城,2026-08-04 08:00,2026-08-04 16:00\n"
REGISTER = [Registered(serial="S1", officer="110199", unit="队部", name="钱七")]
CLIP = Clip("card", "DCIM/0001.MP4", 5, "20260804T100000")


def told(earliest: str, latest: str) -> ClipFacts:
    first, last = moment(f"2026-08-04T{earliest}+08:00"), moment(f"2026-08-04T{latest}+08:00")
    local = datetime(2026, 8, 4, 10)  # noqa: DTZ001, a recorder's own
    return ClipFacts(time=ClipTime(local, "name", 28800.0, 0.0, first, last))


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def roster(tmp_path: Path) -> Path:
    path = tmp_path / "assignments.csv"
    write(path, NIGHT + DAY)
    return path


def write(path: Path, lines: str, *, age: float = 3600.0, header: str = HEADER) -> None:
    """A file as of `age` seconds before the hand clock's start."""
    path.write_text(header + lines, "utf-8")
    at = HandClock().now().timestamp() - age
    os.utime(path, (at, at))


def ownership(roster: Path | None, clock: HandClock) -> Ownership:
    return Ownership(REGISTER, roster, ZoneInfo("Asia/Shanghai"), clock)


def officer(owned: Owned) -> str:
    return owned.case.officer


def test_it_is_chosen_by_when_it_was_recorded_not_when_it_is_pulled(
    roster: Path, clock: HandClock
) -> None:
    whose = ownership(roster, clock)
    night = whose.owned("S1", CLIP, told("07:59:50", "07:59:55"))
    assert night.why == "assignments, line 2"
    assert night.case == CaseData(
        name="0001.MP4",
        officer="110102",
        officer_name="李四",
        unit="西城",
        used_from="2026-08-03T23:59:50.000Z",
        used_until="2026-08-03T23:59:55.000Z",
    )
    assert officer(whose.owned("S1", CLIP, told("08:00:00", "08:00:05"))) == "110101"


def test_where_the_roster_has_none_the_register_counts(roster: Path, clock: HandClock) -> None:
    whose = ownership(roster, clock)
    late = whose.owned("S1", CLIP, told("16:00:00", "16:00:09"))
    assert (officer(late), late.why) == ("110199", "register of recorders")
    unknown = whose.owned("S2", CLIP, told("08:00:00", "08:00:05"))
    assert (unknown.case.officer, unknown.why) == ("", "recorder not in the register")
    timeless = whose.owned("S1", CLIP, ClipFacts())
    assert (officer(timeless), timeless.case.used_from) == ("110199", "")
    assert (
        officer(ownership(None, clock).owned("S1", CLIP, told("09:00:00", "09:00:01"))) == "110199"
    )


def test_an_interval_over_two_shifts_says_only_what_both_agree_in(
    roster: Path, clock: HandClock
) -> None:
    both = ownership(roster, clock).owned("S1", CLIP, told("07:59:50", "08:00:05"))
    assert (both.case.officer, both.case.unit) == ("", "")
    assert both.why == "assignments, as lines 2, 3 agree"
    write(roster, NIGHT.replace("110102,李四", "110101,张三") + DAY)
    same = ownership(roster, clock).owned("S1", CLIP, told("07:59:50", "08:00:05"))
    assert (same.case.officer, same.case.officer_name, same.case.unit) == ("110101", "张三", "")


def test_a_changed_file_is_read_anew_once_it_is_settled(roster: Path, clock: HandClock) -> None:
    whose = ownership(roster, clock)
    facts = told("09:00:00", "09:00:05")
    assert officer(whose.owned("S1", CLIP, facts)) == "110101"
    write(roster, DAY.replace("110101,张三", "110103,王五"), age=0.5)
    assert officer(whose.owned("S1", CLIP, facts)) == "110101", "it may be half written"
    clock.advance(5)
    assert officer(whose.owned("S1", CLIP, facts)) == "110103"


def test_a_broken_file_is_refused_whole_said_once_and_the_last_good_one_stays(
    roster: Path, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    whose = ownership(roster, clock)
    facts = told("09:00:00", "09:00:05")
    whose.owned("S1", CLIP, facts)
    write(roster, DAY.replace("110101,张三", "110103,王五") + "S9,,,,never,\n", age=100)
    with caplog.at_level(logging.ERROR):
        assert [officer(whose.owned("S1", CLIP, facts)) for _ in range(5)] == ["110101"] * 5
        roster.unlink()
        assert officer(whose.owned("S1", CLIP, facts)) == "110101"
    told_so = [each.getMessage() for each in caplog.records]
    assert len(told_so) == 2, "once for each fault"
    assert "those read before stay" in told_so[0]
    assert f"{roster}:3: names neither an officer nor a unit" in told_so[0]
    write(roster, DAY.replace("110101,张三", "110104,赵六"), age=50)
    assert officer(whose.owned("S1", CLIP, facts)) == "110104"


def test_without_any_good_file_the_register_counts_and_that_is_said(
    roster: Path, clock: HandClock
) -> None:
    write(roster, "", header="what is this\n")
    owned = ownership(roster, clock).owned("S1", CLIP, told("09:00:00", "09:00:05"))
    assert (officer(owned), owned.why) == (
        "110199", "register of recorders; the assignments cannot be read",
    )  # fmt: skip


def test_a_clock_that_stands_before_the_files_date_reads_it_all_the_same(
    roster: Path, clock: HandClock
) -> None:
    whose = ownership(roster, clock)
    facts = told("09:00:00", "09:00:05")
    whose.owned("S1", CLIP, facts)
    write(roster, DAY.replace("110101", "110105"), age=-timedelta(days=9).total_seconds())
    assert officer(whose.owned("S1", CLIP, facts)) == "110105"
