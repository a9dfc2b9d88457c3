"""A recorder without a protocol: who it is, its battery, its clock, its cards.

Faces speak for it, ports carry them. Time comes from the clock it is given, plus whatever
`advance` adds, so that a week of drift takes no time; by default it stands still between the
two, at a fixed moment.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agent.clock import Clock
from agent.errors import ConfigError
from hwsim.card import Card, Content, HeldClip, InMemory, OnDisk

__all__ = ["Body", "Card", "Content", "HeldClip", "InMemory", "OnDisk", "StillClock"]

DAY = 86_400.0
CHINA = timedelta(hours=8)


class StillClock:
    """A clock that never moves by itself."""

    def __init__(self, moment: datetime = datetime(2026, 8, 4, 2, 0, tzinfo=UTC)) -> None:
        self._moment = moment

    def now(self) -> datetime:
        return self._moment

    def monotonic(self) -> float:
        return 0.0


@dataclass(slots=True, kw_only=True)
class Body:
    """One recorder. It takes no attribute that is not named here, so a typo makes no new state.

    `clock_error` is how far its clock is ahead of true local time, in seconds, when it comes to
    life; `drift` is what it gains a day, in seconds. `battery` is its charge in percent then;
    while it is `charging` it gains `charge_rate` percent an hour, else it loses `drain_rate`.
    """

    maker: str = "Bodydock"
    model: str = "Simulated Recorder"
    serial: str = "SIM0001"
    firmware: str = "1.0.0"
    cards: list[Card] = field(default_factory=lambda: [Card()])
    battery: float = 80.0
    charging: bool = True
    charge_rate: float = 40.0
    drain_rate: float = 12.0
    clock: Clock = field(default_factory=StillClock)
    zone: timedelta = CHINA
    clock_error: float = 0.0
    drift: float = 0.0
    folder: Path | None = None
    """Where its clips lie as files, for a body made by `from_folder`."""
    edition: int = 0
    """Goes up whenever a clip comes or goes, so that a face knows when to look again."""

    _skipped: float = field(default=0.0, init=False)
    _born: float = field(default=0.0, init=False)
    _clock_set: float = field(default=0.0, init=False)
    _battery_seen: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._born = self.clock.monotonic()

    # Time.

    def elapsed(self) -> float:
        """Seconds that it has lived."""
        return self.clock.monotonic() - self._born + self._skipped

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass, beside those that its clock counts."""
        self._skipped += seconds

    def now(self) -> datetime:
        """What its clock shows: local time, naive."""
        gained = self.drift * (self.elapsed() - self._clock_set) / DAY
        return self._true_local() + timedelta(seconds=self.clock_error + gained)

    def set_clock(self, local: datetime) -> None:
        """Make its clock show `local` (naive); drift starts anew."""
        self.clock_error = (local - self._true_local()).total_seconds()
        self._clock_set = self.elapsed()

    def _true_local(self) -> datetime:
        true = self.clock.now() + timedelta(seconds=self._skipped)
        return true.astimezone(UTC).replace(tzinfo=None) + self.zone

    # Power.

    def battery_percent(self) -> int:
        """The charge that it shows, 0 to 100."""
        self._settle_battery()
        return round(self.battery)

    def charge(self, *, on: bool) -> None:
        """Put it on the charger or take it off."""
        self._settle_battery()
        self.charging = on

    def _settle_battery(self) -> None:
        rate = self.charge_rate if self.charging else -self.drain_rate
        hours = (self.elapsed() - self._battery_seen) / 3600
        self.battery = min(100.0, max(0.0, self.battery + rate * hours))
        self._battery_seen = self.elapsed()

    # Footage.

    @property
    def clips(self) -> list[HeldClip]:
        """Every clip on every card; a copy, change the cards by `add` and `delete`."""
        return [clip for card in self.cards for clip in card.clips]

    def add(self, clip: HeldClip, card: int = 0) -> HeldClip:
        """Put a clip on a card. Whether it fits is not checked: cards lie about that."""
        self.cards[card].clips.append(clip)
        self.edition += 1
        return clip

    def delete(self, clip: HeldClip) -> None:
        """Take a clip off its card. Raises ValueError where no card holds it."""
        for card in self.cards:
            if clip in card.clips:
                card.clips.remove(clip)
                if self.folder is not None and isinstance(clip.content, OnDisk):
                    clip.content.path.unlink()
                self.edition += 1
                return
        raise ValueError(f"no card holds {clip.path}")

    @classmethod
    def from_folder(cls, folder: Path, *, clock: Clock | None = None) -> Body:
        """A body whose facts are `folder/recorder.toml` and whose clips are files beside it.

        Keys: the names of this class's texts and numbers, `zone_hours`, `marked` (clip paths), and
        one `[[card]]` with `folder`, `label` and `capacity` for each card. A clip's time is its
        file's. Deleting a clip deletes the file, so the body survives its process.
        Raises ConfigError for a file that says anything else.
        """
        facts = _read_facts(folder / "recorder.toml")
        zone = timedelta(hours=facts.pop("zone_hours", CHINA / timedelta(hours=1)))
        marked = frozenset(facts.pop("marked", ()))
        tables = facts.pop("card", [{}])
        try:
            cards = [_card_from(folder, zone=zone, marked=marked, **table) for table in tables]
            clock = clock or StillClock()
            return cls(**facts, cards=cards, zone=zone, clock=clock, folder=folder)
        except TypeError as cause:
            raise ConfigError(f"{folder / 'recorder.toml'}: {cause}") from cause


def _read_facts(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as cause:
        raise ConfigError(f"{path}: {cause}") from cause


def _card_from(
    root: Path,
    *,
    zone: timedelta,
    marked: frozenset[str],
    folder: str = "card",
    label: str = "CARD",
    capacity: int = 64 * 10**9,
) -> Card:
    base = root / folder
    found = sorted(path for path in base.rglob("*") if path.is_file())
    return Card(label, capacity, [_clip_from(path, base, zone, marked) for path in found])


def _clip_from(path: Path, base: Path, zone: timedelta, marked: frozenset[str]) -> HeldClip:
    name = path.relative_to(base).as_posix()
    written = datetime.fromtimestamp(int(path.stat().st_mtime), UTC).replace(tzinfo=None) + zone
    return HeldClip(name, recorded=written, marked=name in marked, content=OnDisk(path))
