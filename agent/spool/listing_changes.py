"""What became of a store's clips from one whole listing to the next. Pure.

A store is known by its volume's serial number and size, so that another card is another store and
has another past; where it has no number that tells it from others, by its place and size. Nothing
follows for a store that is not there now, nor from a store that was never listed before.

- **Vanished**: listed before, not listed now, and not taken off by this dock. That the dock has the
  clip, or that nobody ever pulled it, are two different things; a clip that could never be read is
  neither.
- **Resized**: the same path and time with another size.
- **Backdated**: new, and recorded well before the newest clip of the last listing. Nothing
  follows where the recorder's clock explains it: it was reset, or set back since.

One and the same shift of all times by quarters of an hour is the recorder's zone, or summer time.
The number that a listing gives to files of one name moves when one of them goes (`~2`), and tells
nothing.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from blake3 import blake3

from agent.model import Storage, framed
from agent.spool.changes import is_number

_NUMBER = re.compile(r"~[0-9]{1,6}(?=(\.[^./]*)?\Z)")
_QUARTER = timedelta(minutes=15)
_FURTHEST = timedelta(hours=26)
"""Between any two zones of this world."""
LATE = timedelta(hours=2)
"""How much older than the newest before a new clip must be; an hour of it is summer time's end."""
_BASIC = re.compile(r"\d{8}T\d{6}")


class Listed(NamedTuple):
    """One clip of a listing, as it is compared; `store` is `store_of` its storage."""

    store: str
    path: str
    size: int
    recorded: str

    @property
    def bare(self) -> Listed:
        """Without the number that the listing gave."""
        return self._replace(path=_NUMBER.sub("", self.path))


def store_of(storage: Storage) -> str:
    """By which a store is the same at the next contact."""
    name = storage.serial if is_number(storage.serial) else f"#{storage.id}"
    return f"{name}/{storage.total}"


def digest_of(clips: Iterable[Listed]) -> str:
    """BLAKE3 over path, size and recorded time of each, sorted and framed (`model.framed`)."""
    facts = sorted((clip.path, clip.size, clip.recorded) for clip in clips)
    return blake3(framed(str(part) for each in facts for part in each)).hexdigest()


def moment(recorded: str) -> datetime | None:
    """A recorder's own words for a time, without a zone; None where they are none."""
    text = recorded.strip()
    if _BASIC.match(text):  # MTP: 20260804T090030, with tenths or a zone behind it
        text = text[:15]
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None


def newest_of(clips: Iterable[Listed]) -> datetime | None:
    """The newest time that any of them tells."""
    return max(filter(None, (moment(clip.recorded) for clip in clips)), default=None)


@dataclass(frozen=True, slots=True)
class ClockTold:
    """`now` is what the recorder's clock showed at this contact, None where it shows none; `ahead`
    how far it was ahead at the last one, before it was set."""

    now: datetime | None = None
    ahead: timedelta = timedelta()

    def explains(self, when: datetime, newest: datetime) -> bool:
        """Whether a clip of that time may well be newer than the newest one before."""
        if when > newest - LATE - max(self.ahead, timedelta()):
            return True
        if self.now is not None:
            return self.now < newest
        return (when.month, when.day) == (1, 1)  # an unset clock begins at some New Year


@dataclass(slots=True)
class Differences:
    """Between two listings of one store."""

    gone: list[Listed] = field(default_factory=list)
    resized: list[tuple[Listed, Listed]] = field(default_factory=list)
    backdated: list[Listed] = field(default_factory=list)


def differences(before: Sequence[Listed], now: Sequence[Listed], clock: ClockTold) -> Differences:
    """What changed from a listing to the next one of the same store."""
    gone, new = less(before, now), less(now, before)
    if not gone and not new:
        return Differences()
    if _shifted(before, now):
        return Differences()
    found = Differences()
    _match_sizes(gone, new, found)
    found.gone = gone
    newest = newest_of(before)
    found.backdated = [clip for clip in new if newest and _is_old(clip, newest, clock)]
    return found


def less(clips: Sequence[Listed], others: Sequence[Listed]) -> list[Listed]:
    """Those of the clips that are not among the others, as often as they are listed."""
    left = Counter(clip.bare for clip in others)
    found = []
    for clip in clips:
        if left[clip.bare] > 0:
            left[clip.bare] -= 1
        else:
            found.append(clip)
    return found


def _shifted(before: Sequence[Listed], now: Sequence[Listed]) -> bool:
    """Whether all that was there is there with one and the same shift of its time; what is new
    beside it is as it is."""
    times: dict[tuple[str, int], set[datetime]] = defaultdict(set)
    for clip in now:
        if when := moment(clip.recorded):
            times[clip.bare.path, clip.size].add(when)
    shifts: set[timedelta] | None = None
    for clip in before:
        old = moment(clip.recorded)
        if old is None:
            return False
        here = {when - old for when in times[clip.bare.path, clip.size]}
        shifts = {each for each in here if _is_zone(each)} & (here if shifts is None else shifts)
        if not shifts:
            return False
    return shifts is not None


def _is_zone(shift: timedelta) -> bool:
    return bool(shift) and abs(shift) <= _FURTHEST and not shift % _QUARTER


def _match_sizes(gone: list[Listed], new: list[Listed], found: Differences) -> None:
    """Take out of both what has only another size."""
    same: dict[tuple[str, str], list[Listed]] = defaultdict(list)
    for clip in new:
        same[clip.bare.path, clip.recorded].append(clip)
    for clip in list(gone):
        if others := same[clip.bare.path, clip.recorded]:
            other = others.pop()
            found.resized.append((clip, other))
            gone.remove(clip)
            new.remove(other)


def _is_old(clip: Listed, newest: datetime, clock: ClockTold) -> bool:
    when = moment(clip.recorded)
    return when is not None and when < newest and not clock.explains(when, newest)
