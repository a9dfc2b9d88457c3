"""What a clip's name and its recorder's clock tell: whose, when, and how sure. Pure.

A recorder's clock is wrong, and often; nobody but the dock ever compares it. So a clip keeps two
things apart: `local`, what the recorder wrote, which is never corrected; and an interval in UTC,
by the dock's own clock, in which the true moment lies as long as two things hold: from the
recording to the contact nobody set the recorder's clock, and it drifted no more than its profile
says. The interval is the dock's time at the contact, less what the recorder's clock counted from
the clip to the contact, give or take the sum of

- half the round trip of reading the clock, and what the dock's own text cuts off (1 ms);
- the steps in which the clock shows itself, and those in which the clip's time is written:
  1 s in a name (a minute where a name has no seconds), 2 s in a listing (FAT keeps times in
  steps of 2 s);
- the drift over all that time.

**Summer time.** A clock may follow the law or stand as it was set. Both are believed: where they
differ, between a clip and a contact on two sides of a change, or in the hour that there is twice
or never, the interval spans both.

**Clocks that were set.** Every contact read the clock before it was set, so each clip is judged
by the first contact after its recording; which one that is, its own time tells, and where that is
open, the interval spans the contacts that may have been. `clock_error` is that of the contact
by which the clip was judged, the newest of them where there are several.

**Nothing measured.** Where the recorder shows no clock, `clock_error` is None and the interval is
the local time, taken in the zone, with a day on either side. That is an allowance and no bound: it
covers a wrong time zone, a day's mistake and decades of drift, not a clock that began again.

**A contradiction.** No clip was recorded after it was listed. Where clip and clocks together say
so, the clock stood otherwise when it was recorded; then only that is told: before this contact,
and after 1980, where FAT's and GPS' time begin.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from fnmatch import fnmatchcase

from agent.errors import Malformed
from agent.model import Clip, ClipFacts, ClipTime, ClockReading
from agent.recorder.profiles.model import Profile
from agent.recorder.profiles.names import NameParts, split
from agent.wire.ptp.moments import decode_moment

BEGINNING = datetime(1980, 1, 1, tzinfo=UTC)
ALLOWANCE = timedelta(days=1)
"""On either side of a time that no clock was measured for."""
LISTING_STEP = 2.0
"""Seconds. Microsoft FAT specification 1.03, "Date and Time Formats"; others are finer."""
_KEPT = timedelta(milliseconds=1)
"""The ledger's text of a moment has milliseconds."""
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d", re.ASCII)
_DAY = 86_400.0

Span = tuple[datetime, datetime]


def facts_of(
    clip: Clip,
    profile: Profile,
    reading: ClockReading | None,
    zone: tzinfo | None,
    now: datetime,
    earlier: Sequence[ClockReading] = (),
) -> ClipFacts:
    """What is told of `clip`, listed at `now` (UTC) in a contact whose clock reading is `reading`.

    `zone` is where the recorder's local times belong, None for this machine's zone. `earlier` are
    the readings of this recorder's earlier contacts. Never raises: a date that cannot be, or for
    which there is no interval, leaves `time` None.
    """
    parts = split(clip.path.rpartition("/")[2], profile.names)
    return ClipFacts(
        kind="log" if _is_log(clip.path, profile) else "footage",
        profile=profile.id,
        device=parts.device if parts else "",
        officer=parts.officer if parts else "",
        marked=parts.marked if parts else False,
        time=_time(_written(clip, profile, parts), profile, reading, zone, now, earlier),
    )


def clock_error(reading: ClockReading | None, zone: tzinfo | None) -> float | None:
    """Seconds that a recorder's clock is ahead of ours; None where it showed none, or none that
    can be compared.

    A clock that names no zone is held against the wall clock of `zone` (None: this machine's) at
    that moment, so that a reading in another half of the year is not taken for an hour's error.
    """
    if reading is None:
        return None
    try:
        if reading.recorder.tzinfo is not None:
            return (reading.recorder - reading.dock).total_seconds()
        wall = reading.dock.astimezone(zone).replace(tzinfo=None)
    except (OverflowError, ValueError, OSError):
        return None
    return (reading.recorder - wall).total_seconds()


@dataclass(frozen=True, slots=True)
class _Written:
    """A clip's time as its recorder wrote it, in steps of so many seconds."""

    local: datetime
    source: str
    zone: tzinfo | None
    """Where it names one itself."""
    step: float


def _is_log(path: str, profile: Profile) -> bool:
    return any(fnmatchcase(path.lower(), each.lower()) for each in profile.clips.logs)


def _written(clip: Clip, profile: Profile, parts: NameParts | None) -> _Written | None:
    if parts and parts.local:
        return _Written(parts.local, "name", None, _name_step(profile))
    listed = _listed(clip.recorded)
    if listed is None:
        return None
    return _Written(listed.replace(tzinfo=None), "listing", listed.tzinfo, LISTING_STEP)


def _listed(text: str) -> datetime | None:
    try:
        return decode_moment(text)
    except Malformed:
        pass
    try:
        return datetime.fromisoformat(text) if _ISO.match(text) else None
    except ValueError:
        return None


def _name_step(profile: Profile) -> float:
    """The coarsest step in which names of this family are written, in seconds."""
    return max((_form_step(form.date + form.time) for form in profile.names), default=1.0)


def _form_step(form: str) -> float:
    if any(each in form for each in ("%S", "%T", "%X", "%c")):
        return 1.0
    if any(each in form for each in ("%M", "%R")):
        return 60.0
    return 3600.0


def _time(
    written: _Written | None,
    profile: Profile,
    reading: ClockReading | None,
    zone: tzinfo | None,
    now: datetime,
    earlier: Sequence[ClockReading],
) -> ClipTime | None:
    if written is None:
        return None
    try:
        offsets = _offsets(written.local, written.zone or zone)
        if reading is None or clock_error(reading, zone) is None:
            until, span, judge = now, _allowed(written, offsets, now), None
        else:
            until = max(now, reading.dock)
            past = [each for each in earlier if each.dock < reading.dock]
            readings = [*sorted(past, key=lambda each: each.dock), reading]
            span, judge = _Measured(written, profile, zone).span(readings, until)
        first, last = span or (BEGINNING, until)
    except (OverflowError, ValueError, OSError):  # datetime's ends, and the C library's
        return None
    return ClipTime(
        local=written.local,
        source=written.source,
        zone_offset=offsets[0].total_seconds(),
        clock_error=clock_error(judge, zone),
        earliest=_floor(first),
        latest=_floor(last) + _KEPT,
    )


def _offsets(local: datetime, zone: tzinfo | None) -> tuple[timedelta, timedelta]:
    """East of UTC, by either reading of a local time that there is twice or never."""
    first, second = (_aware(local, zone, fold).utcoffset() for fold in (0, 1))
    return first or timedelta(), second or timedelta()


def _aware(local: datetime, zone: tzinfo | None, fold: int) -> datetime:
    local = local.replace(fold=fold)
    return local.replace(tzinfo=zone) if zone else local.astimezone()


def _allowed(
    written: _Written, offsets: tuple[timedelta, timedelta], until: datetime
) -> Span | None:
    about = [written.local.replace(tzinfo=UTC) - offset for offset in offsets]
    apart = ALLOWANCE + timedelta(seconds=written.step)
    return _overlap((min(about) - apart, max(about) + apart), (BEGINNING, until))


@dataclass(frozen=True, slots=True)
class _Measured:
    """A clip's time beside measured clocks."""

    written: _Written
    profile: Profile
    zone: tzinfo | None

    def span(
        self, readings: Sequence[ClockReading], until: datetime
    ) -> tuple[Span | None, ClockReading]:
        """The interval by the first reading after the recording, or by those that may have been
        it, with the newest of them; None where by no reading the clip was recorded between the
        one before and this. `readings` are in order of the dock's time, and the clip was there
        at `until`, after the last."""
        found: list[Span] = []
        judge = readings[-1]
        since = BEGINNING
        for number, reading in enumerate(readings, 1):
            bar = timedelta(seconds=reading.round_trip / 2) + _KEPT
            last = number == len(readings)
            window = (since, until if last else reading.dock + bar)
            alone = self._by(reading)
            if alone and (span := _overlap(alone, window)):
                found.append(span)
                judge = reading
            since = reading.dock - bar
        if not found:
            return None, judge
        return (min(first for first, _ in found), max(last for _, last in found)), judge

    def _by(self, reading: ClockReading) -> Span | None:
        """The interval by one reading alone; None where that leaves the calendar."""
        try:
            ends = [
                (reading.dock - counted - apart, reading.dock - counted + apart)
                for counted in self._counted(reading)
                for apart in [self._unsure(reading, counted)]
            ]
        except OverflowError:
            return None
        return min(first for first, _ in ends), max(last for _, last in ends)

    def _counted(self, reading: ClockReading) -> Iterator[timedelta]:
        """What the recorder's clock may have counted from the clip to the reading."""
        shown, local = reading.recorder, self.written.local
        offsets = _offsets(local, self.written.zone or self.zone)
        if shown.tzinfo is not None:
            yield from (shown - (local.replace(tzinfo=UTC) - offset) for offset in offsets)
            return
        yield shown - local
        for there in _offsets(shown, self.zone):
            yield from ((shown - there) - (local - offset) for offset in offsets)

    def _unsure(self, reading: ClockReading, counted: timedelta) -> timedelta:
        """Of a clock that drifts by a share `rate` of true time, what it counted is true time
        within `rate / (1 - rate)` of itself."""
        clock = self.profile.clock
        rate = clock.drift_seconds_per_day / _DAY
        if rate >= 1:
            raise OverflowError("a clock that may stand still counts nothing")
        drift = abs(counted.total_seconds()) * rate / (1 - rate)
        steps = self.written.step + clock.resolution_seconds
        return timedelta(seconds=reading.round_trip / 2 + steps + drift) + _KEPT


def _overlap(one: Span, other: Span) -> Span | None:
    first, last = max(one[0], other[0]), min(one[1], other[1])
    return (first, last) if first <= last else None


def _floor(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
