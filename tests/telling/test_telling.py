"""A clip's time: what the recorder wrote stays, and the true moment lies in what the dock tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import Clip, ClipFacts, ClipTime, ClockReading
from agent.recorder.profiles.model import Clips, Clock, Match, NameForm, Profile, Source
from agent.recorder.telling import ALLOWANCE, BEGINNING, clock_error, facts_of

CHINA = timezone(timedelta(hours=8))
BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 8, 4, 2, 0, tzinfo=UTC)
FORM = NameForm(
    pattern=r"DCAM_(?P<device>[^_]+)_(?P<officer>\d+)_(?P<date>\d{8})_(?P<time>\d{6})"
    r"(?:_(?P<mark>[A-Z]+))?\.mp4"
)
PROFILE = Profile(
    id="family-a",
    name="Family A",
    driver="volume",
    source=Source(facts="a test", certainty="inferred"),
    match=[Match(usb="4255:0001")],
    names=[FORM],
    clips=Clips(logs=["LOG/*.txt"]),
)
MINUTES = PROFILE.model_copy(
    update={
        "names": [
            FORM.model_copy(
                update={"pattern": r"(?P<date>\d{8})-(?P<time>\d{4})\.mp4", "time": "%H%M"}
            )
        ]
    }
)


def drifting(seconds_per_day: float, profile: Profile = PROFILE) -> Profile:
    return profile.model_copy(update={"clock": Clock(drift_seconds_per_day=seconds_per_day)})


def clip(path: str = "DCIM/A.mp4", recorded: str = "") -> Clip:
    return Clip("1", path, 5, recorded)


def named(local: datetime) -> Clip:
    return clip(f"DCIM/100/DCAM_CAM001_000001_{local:%Y%m%d_%H%M%S}.mp4")


def reading(recorder: datetime, dock: datetime = NOW, round_trip: float = 0.0) -> ClockReading:
    return ClockReading(recorder, dock, round_trip)


def naive(*numbers: int) -> datetime:
    return datetime(*numbers)  # type: ignore[arg-type]  # noqa: DTZ001 - recorders name no zone


def told(facts: ClipFacts) -> ClipTime:
    assert facts.time is not None
    return facts.time


def width(time: ClipTime) -> float:
    return (time.latest - time.earliest).total_seconds()


def test_a_name_tells_whose_when_and_marked() -> None:
    known = clip("DCIM/DCAM_CAM001_000001_20260804_100000_IMP.mp4")
    facts = facts_of(known, PROFILE, reading(naive(2026, 8, 4, 10, 5)), CHINA, NOW)
    assert (facts.kind, facts.profile) == ("footage", "family-a")
    assert (facts.device, facts.officer, facts.marked) == ("CAM001", "000001", True)
    time = told(facts)
    assert (time.local, time.source) == (naive(2026, 8, 4, 10, 0, 0), "name")
    assert (time.zone_offset, time.clock_error) == (8 * 3600, 300.0)
    corrected = datetime(2026, 8, 4, 1, 55, tzinfo=UTC)
    assert time.earliest < corrected < time.latest
    assert 4 <= width(time) <= 4.2  # 1 s of the name and 1 s of the clock, on either side


@pytest.mark.parametrize(
    ("recorded", "local", "offset"),
    [
        ("20260804T090030", naive(2026, 8, 4, 9, 0, 30), 8),
        ("20260804T090030.5", naive(2026, 8, 4, 9, 0, 30, 500_000), 8),
        ("20260804T090030+0200", naive(2026, 8, 4, 9, 0, 30), 2),
        ("20260804T010030Z", naive(2026, 8, 4, 1, 0, 30), 0),
        ("2026-08-04T09:00:30", naive(2026, 8, 4, 9, 0, 30), 8),
        ("2026-08-04 09:00:30+08:00", naive(2026, 8, 4, 9, 0, 30), 8),
    ],
)
def test_where_the_name_says_nothing_the_listing_does(
    recorded: str, local: datetime, offset: int
) -> None:
    later = NOW + timedelta(hours=12)
    time = told(facts_of(clip(recorded=recorded), PROFILE, reading(later, later), CHINA, later))
    assert (time.local, time.source, time.zone_offset) == (local, "listing", offset * 3600)
    assert time.earliest < local.replace(tzinfo=UTC) - timedelta(hours=offset) < time.latest
    assert 6 <= width(time) <= 13  # 2 s of the listing, 1 s of the clock, hours of drift


def test_a_name_without_seconds_is_a_minute_wide() -> None:
    time = told(facts_of(clip("20260804-1000.mp4"), MINUTES, reading(NOW), CHINA, NOW))
    assert width(time) >= 61  # up to its own minute's end, which is `now`


@pytest.mark.parametrize(
    ("path", "recorded"),
    [
        ("DCIM/A.mp4", ""),
        ("DCIM/DCAM_C_1_20260231_100000.mp4", ""),
        ("DCIM/DCAM_C_1_00000000_000000.mp4", "00000000T000000"),
        ("DCIM/A.mp4", "20261332T256199"),
        ("DCIM/A.mp4", "2026-02-31T10:00:00"),
        ("DCIM/A.mp4", "2026-08-04T10:00:00+99:99"),
        ("DCIM/A.mp4", "20260804T100000+9999"),
        ("DCIM/A.mp4", "2026-08-04"),
        ("DCIM/A.mp4", "yesterday\ud800\x00"),
        ("", ""),
    ],
)
def test_a_date_that_cannot_be_tells_nothing(path: str, recorded: str) -> None:
    for zone in (CHINA, BERLIN, None):
        assert facts_of(clip(path, recorded), PROFILE, reading(NOW), zone, NOW).time is None


@pytest.mark.parametrize("recorded", ["00010101T000000", "99991231T235959+0000"])
@pytest.mark.parametrize("zone", [CHINA, BERLIN, None])
def test_the_ends_of_the_calendar_raise_nothing(recorded: str, zone: tzinfo | None) -> None:
    for shown in (NOW, naive(1, 1, 1), naive(9999, 12, 31), naive(2016, 1, 1)):
        for each in (reading(shown), None):
            time = facts_of(clip(recorded=recorded), PROFILE, each, zone, NOW).time
            assert time is None or time.earliest <= time.latest


@given(st.text(max_size=60), st.text(max_size=40))
def test_no_text_of_a_recorder_raises(path: str, recorded: str) -> None:
    facts_of(clip(path, recorded), PROFILE, reading(naive(2026, 8, 4, 10)), BERLIN, NOW)


def test_without_a_clock_it_is_an_allowance_of_a_day_and_says_so() -> None:
    time = told(facts_of(named(naive(2026, 8, 2, 10, 0, 0)), PROFILE, None, CHINA, NOW))
    assert time.clock_error is None
    assert time.earliest <= datetime(2026, 8, 1, 2, tzinfo=UTC)
    assert time.latest >= datetime(2026, 8, 3, 2, tzinfo=UTC)
    late = told(facts_of(named(naive(2026, 8, 4, 9, 30, 0)), PROFILE, None, CHINA, NOW))
    assert NOW <= late.latest <= NOW + timedelta(milliseconds=1)


def test_what_was_recorded_after_it_was_listed_is_only_before_it() -> None:
    for each in (reading(naive(2016, 1, 1, 0, 5)), reading(naive(2026, 8, 4, 10, 0)), None):
        time = told(facts_of(named(naive(2031, 1, 1, 0, 0, 0)), PROFILE, each, CHINA, NOW))
        assert time.local == naive(2031, 1, 1, 0, 0, 0)
        assert time.earliest == BEGINNING
        assert NOW <= time.latest <= NOW + timedelta(milliseconds=1)


def test_a_clock_that_began_again_still_tells_what_it_counted() -> None:
    """Ten minutes before the contact, whatever it showed."""
    shown = reading(naive(2016, 1, 1, 0, 15))
    time = told(facts_of(named(naive(2016, 1, 1, 0, 5, 0)), PROFILE, shown, BERLIN, NOW))
    assert time.earliest < NOW - timedelta(minutes=10) < time.latest
    assert width(time) < 5
    assert time.clock_error is not None
    assert time.clock_error < -10 * 365 * 86_400


def test_the_operation_log_is_told_apart() -> None:
    for path, kind in {
        "LOG/20260804.txt": "log",
        "log/A.TXT": "log",
        "DCIM/LOG/A.txt": "footage",
        "LOG/A.mp4": "footage",
    }.items():
        assert facts_of(clip(path), PROFILE, None, None, NOW).kind == kind


def test_an_interval_has_whole_milliseconds_as_the_ledger_keeps_them() -> None:
    odd = NOW + timedelta(microseconds=123_456)
    shown = reading(naive(2026, 8, 4, 10, 0), odd, 0.0123456)
    time = told(facts_of(named(naive(2026, 8, 4, 9, 0, 0)), PROFILE, shown, CHINA, odd))
    assert {time.earliest.microsecond % 1000, time.latest.microsecond % 1000} == {0}


class TestClockError:
    def test_is_held_against_the_wall_clock_of_that_moment(self) -> None:
        assert clock_error(None, BERLIN) is None
        assert clock_error(reading(NOW + timedelta(seconds=3)), None) == 3
        assert clock_error(reading(naive(2026, 8, 4, 4, 0, 3)), BERLIN) == 3
        # In winter, Berlin is an hour nearer to UTC: no part of this clock's error.
        shown = naive(2016, 1, 1, 4, 0, 0)
        assert clock_error(reading(shown), BERLIN) == (shown - naive(2026, 8, 4, 4)).total_seconds()

    def test_one_that_cannot_be_compared_is_unknown(self) -> None:
        first = datetime(1, 1, 1, tzinfo=UTC)
        assert clock_error(reading(naive(2026, 8, 4), first), timezone(-timedelta(hours=5))) is None


ZONES: list[tzinfo] = [
    CHINA,
    UTC,
    BERLIN,
    ZoneInfo("America/New_York"),
    ZoneInfo("Australia/Lord_Howe"),  # half an hour of summer time
    ZoneInfo("America/St_Johns"),
    ZoneInfo("Asia/Kolkata"),
]
CHANGES = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),  # Berlin's gap and fold, then New York's
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
]
zones = st.sampled_from(ZONES)
docks = st.one_of(
    st.datetimes(naive(2025, 1, 1), naive(2028, 1, 1)).map(lambda each: each.replace(tzinfo=UTC)),
    st.builds(
        lambda change, apart: change + timedelta(seconds=apart),
        st.sampled_from(CHANGES),
        st.integers(-7200, 7200),
    ),
)
ages = st.one_of(st.floats(0, 7200), st.floats(0, 60 * 86_400))
errors = st.one_of(st.floats(-120, 120), st.floats(-4000 * 86_400, 4000 * 86_400))


class SimpleClock:
    """A recorder's clock, `error` seconds ahead at `since`, that gains `drift` seconds a day.

    It follows the law of its zone, or stands as it was set: then the zone's offset of `since`.
    """

    def __init__(
        self, zone: tzinfo, since: datetime, error: float, drift: float, lawful: bool
    ) -> None:
        self.zone, self.since, self.error, self.drift = zone, since, error, drift
        self.lawful = lawful

    def shown(self, moment: datetime) -> datetime:
        days = (moment - self.since).total_seconds() / 86_400
        ahead = moment + timedelta(seconds=self.error + self.drift * days)
        if self.lawful:
            return ahead.astimezone(self.zone).replace(tzinfo=None)
        offset = self.since.astimezone(self.zone).utcoffset()
        assert offset is not None
        return ahead.replace(tzinfo=None) + offset


def cut(local: datetime, step: int) -> datetime:
    return local.replace(microsecond=0, second=local.second // step * step, fold=0)


@given(
    zone=zones,
    dock=docks,
    age=ages,
    error=errors,
    drift=st.floats(-3, 3),
    trip=st.floats(0, 5),
    when=st.floats(-0.5, 0.5),
    lawful=st.booleans(),
    in_name=st.booleans(),
    set_before=st.floats(0, 300),
)
def test_the_true_moment_lies_in_the_interval(
    zone: tzinfo,
    dock: datetime,
    age: float,
    error: float,
    drift: float,
    trip: float,
    when: float,
    lawful: bool,
    in_name: bool,
    set_before: float,
) -> None:
    true = dock - timedelta(seconds=age)
    clock = SimpleClock(zone, true - timedelta(days=set_before), error, drift, lawful)
    shown = cut(clock.shown(dock + timedelta(seconds=trip * when)), 1)
    local = cut(clock.shown(true), 1 if in_name else 2)
    known = named(local) if in_name else clip(recorded=f"{local:%Y%m%dT%H%M%S}")
    now = dock + timedelta(seconds=60)
    time = told(facts_of(known, PROFILE, reading(shown, dock, trip), zone, now))
    assert time.local == local
    assert time.earliest <= true <= time.latest <= now + timedelta(milliseconds=1)
    summer = 2 * 3600 + 1  # a clock on both sides of a change
    assert width(time) <= 2 * (trip + 3 + 3 * (age / 86_400 + 1)) + (0 if zone is CHINA else summer)


@pytest.mark.parametrize("when", [-0.5, 0.5])
def test_a_slow_answer_makes_the_interval_as_much_wider(when: float) -> None:
    true, trip = NOW - timedelta(hours=1), 60.0
    clock = SimpleClock(CHINA, true, 0, 0, lawful=True)
    shown = reading(cut(clock.shown(NOW + timedelta(seconds=trip * when)), 1), NOW, trip)
    time = told(facts_of(named(cut(clock.shown(true), 1)), PROFILE, shown, CHINA, NOW))
    assert time.earliest <= true <= time.latest


@pytest.mark.parametrize("hour", [0, 1])
def test_the_hour_that_there_is_twice_is_both(hour: int) -> None:
    """Berlin, 25 October 2026: 02:30 comes at 00:30 and again at 01:30 UTC."""
    true = datetime(2026, 10, 25, hour, 30, tzinfo=UTC)
    dock = datetime(2026, 10, 25, 8, tzinfo=UTC)
    clock = SimpleClock(BERLIN, true, 0, 0, lawful=True)
    for shown in (cut(clock.shown(dock), 1), dock):  # some clocks name their zone
        known = named(naive(2026, 10, 25, 2, 30, 0))
        time = told(facts_of(known, PROFILE, reading(shown, dock), BERLIN, dock))
        assert time.earliest <= true <= time.latest
    allowed = told(facts_of(named(naive(2026, 10, 25, 2, 30, 0)), PROFILE, None, BERLIN, dock))
    assert allowed.earliest <= true - ALLOWANCE


def test_rounding_to_milliseconds_cuts_nothing_off() -> None:
    odd = NOW + timedelta(microseconds=999)
    time = told(
        facts_of(named(naive(2026, 8, 4, 10, 0, 0)), PROFILE, reading(odd, odd), CHINA, odd)
    )
    assert time.earliest <= odd <= time.latest


@given(
    gaps=st.lists(st.floats(60, 40 * 86_400), min_size=1, max_size=6),
    errors=st.lists(errors, min_size=6, max_size=6),
    drift=st.floats(-3, 3),
    within=st.floats(0, 1),
    chosen=st.integers(0, 5),
    zone=zones,
    lawful=st.booleans(),
)
def test_a_clock_that_was_set_at_every_contact_still_tells_the_truth(
    gaps: list[float],
    errors: list[float],
    drift: float,
    within: float,
    chosen: int,
    zone: tzinfo,
    lawful: bool,
) -> None:
    """Each contact read the clock and set it anew, or wrongly; one clip lies between two of them,
    and is listed only at the last."""
    moment = datetime(2026, 1, 20, tzinfo=UTC)
    readings: list[ClockReading] = []
    recorded: list[tuple[datetime, datetime]] = []
    for gap, error in zip(gaps, errors, strict=False):
        clock = SimpleClock(zone, moment, error, drift, lawful)
        true = moment + timedelta(seconds=gap * within)
        recorded.append((true, cut(clock.shown(true), 1)))
        moment += timedelta(seconds=gap)
        readings.append(reading(cut(clock.shown(moment), 1), moment))
    true, local = recorded[chosen % len(recorded)]
    *earlier, last = readings
    time = told(facts_of(named(local), PROFILE, last, zone, moment, earlier))
    assert time.earliest <= true <= time.latest


def test_a_clock_that_was_set_is_judged_by_what_it_was_before() -> None:
    """An hour ahead until the first contact put it right; the clips were recorded before that."""
    first = reading(naive(2026, 8, 3, 11, 0), NOW - timedelta(days=1))
    second = reading(naive(2026, 8, 4, 10, 0), NOW)
    known = named(naive(2026, 8, 3, 9, 30, 0))
    time = told(facts_of(known, PROFILE, second, CHINA, NOW, [first]))
    assert time.earliest < datetime(2026, 8, 3, 0, 30, tzinfo=UTC) < time.latest
    assert (width(time) < 5, time.clock_error) == (True, 3600)
    # By the second contact's clock this one was recorded after the first contact: it may be so.
    known = named(naive(2026, 8, 3, 10, 30, 0))
    time = told(facts_of(known, PROFILE, second, CHINA, NOW, [first]))
    assert time.earliest < datetime(2026, 8, 3, 1, 30, tzinfo=UTC)
    assert datetime(2026, 8, 3, 2, 30, tzinfo=UTC) < time.latest
    assert (width(time) > 3600, time.clock_error) == (True, 0)


def test_a_dock_whose_own_clock_stood_in_the_past_spoils_no_later_clip() -> None:
    wrong = reading(naive(2026, 8, 3, 10, 0), datetime(2016, 1, 1, tzinfo=UTC))
    ahead = reading(naive(2026, 8, 3, 10, 0), datetime(2036, 1, 1, tzinfo=UTC))
    known = named(naive(2026, 8, 4, 9, 30, 0))
    right = reading(naive(2026, 8, 4, 10, 0))
    time = told(facts_of(known, PROFILE, right, CHINA, NOW, [ahead, wrong]))
    assert time.earliest < NOW - timedelta(minutes=30) < time.latest
    assert width(time) < 5


def test_a_contact_with_a_clock_gone_mad_spoils_no_other() -> None:
    mad = [reading(naive(*day), NOW - timedelta(days=1)) for day in ((9999, 12, 31), (1, 1, 1))]
    known, shown = named(naive(2026, 8, 4, 9, 30, 0)), reading(naive(2026, 8, 4, 10, 0))
    time = told(facts_of(known, PROFILE, shown, CHINA, NOW, mad))
    assert time.earliest < NOW - timedelta(minutes=30) < time.latest
    assert width(time) < 5


def test_a_clock_with_more_drift_gives_a_wider_interval_and_one_that_stands_gives_none() -> None:
    known, shown = named(naive(2026, 7, 25, 10, 0, 0)), reading(naive(2026, 8, 4, 10, 0))
    widths = [
        width(told(facts_of(known, drifting(each), shown, CHINA, NOW))) for each in (0, 3, 600)
    ]
    assert widths[0] == pytest.approx(4, abs=0.01)
    assert widths[1] == pytest.approx(4 + 2 * 30, abs=0.1)
    assert widths[2] == pytest.approx(4 + 2 * 6000 / (1 - 600 / 86_400), abs=0.1)
    assert told(facts_of(known, drifting(86_400), shown, CHINA, NOW)).earliest == BEGINNING
