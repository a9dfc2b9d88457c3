"""Days without broker or archive, with a real ledger: bounded memory, then all in order."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.model import ClipId
from agent.spool.ledger import Ledger
from agent.spool.states import State
from agent.uplink.settings import UplinkSettings

from .archive import PlayedArchive
from .world import Dock, ManualClock, MemoryBooks, MemoryCopies, content, entry_of

MIB = 1024 * 1024
HOUR = 3600.0
WEEK = 7 * 24
CLIPS_AN_HOUR = 2


class Station:
    """A dock whose ledger is real and grows while time passes."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.ledger = Ledger(folder / "ledger.db", self.clock)
        first = entry_of(1, b"").sighting
        self.contact = self.ledger.begin_contact("3", first.identity, None, None)
        self.clips: list[ClipId] = []
        self.data: dict[ClipId, bytes] = {}
        # The uplink waits a minute at a time, else the week has 600,000 turns.
        self.dock = Dock(
            [],
            clock=self.clock,
            ledger=self.ledger,
            copies=MemoryCopies(self.data, MemoryBooks()),
            settings=UplinkSettings(idle=60.0),
        )

    def record(self) -> None:
        """One more clip comes in and is spooled."""
        number = len(self.clips) + 1
        data = content(number, number % 3000)
        entry = entry_of(number, data, contact=self.contact)
        assert entry.sealed is not None
        self.ledger.see(entry.sighting)
        self.ledger.spooled(entry.sealed)
        self.data[entry.clip] = data
        self.clips.append(entry.clip)

    def pass_week(self) -> None:
        for _ in range(WEEK):
            for _ in range(CLIPS_AN_HOUR):
                self.record()
            self.dock.run(HOUR)

    def all_receipted(self) -> bool:
        return self.ledger.counts()[State.RECEIPTED][0] == len(self.clips)


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    made = Station(tmp_path)
    yield made
    made.ledger.close()


def peak_of(work: Callable[[], object]) -> int:
    """The most memory that `work` had at one moment above what there was, in bytes."""
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    work()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak - before


def reach(station: Station) -> PlayedArchive:
    archive = PlayedArchive(station.dock.link.arrive)
    station.dock.link.network = archive.receive
    station.dock.link.connect()
    station.dock.link.arrive(*archive.presence(), retained=True)
    return archive


def test_a_week_without_a_broker(station: Station) -> None:
    assert peak_of(station.pass_week) < 8 * MIB
    held = station.ledger.counts()
    assert held[State.SPOOLED][0] == len(station.clips) == WEEK * CLIPS_AN_HOUR
    archive = reach(station)
    assert peak_of(lambda: deliver(station)) < 8 * MIB
    assert archive.offers == station.clips
    assert {clip: held.data for clip, held in archive.stored.items()} == station.data


def deliver(station: Station) -> None:
    assert station.dock.run(HOUR, station.all_receipted)


def test_days_with_a_broker_and_no_archive(station: Station) -> None:
    link = station.dock.link
    offers: list[bytes] = []
    link.network = lambda topic, payload: offers.append(payload) if "offer" in topic else None
    link.connect()
    station.record()
    station.dock.run(HOUR)
    assert peak_of(lambda: station.dock.run(3 * 24 * HOUR)) < 4 * MIB
    for _ in range(100):
        station.record()
    station.dock.run(HOUR)
    assert station.ledger.counts()[State.OFFERED][0] == 1, "only the oldest tries its luck"
    link.lose()
    archive = reach(station)
    assert station.dock.run(HOUR, station.all_receipted)
    assert archive.offers == station.clips


def test_clocks_that_jump_lose_nothing_and_keep_the_order(station: Station) -> None:
    archive = reach(station)
    archive.mute = True
    for _ in range(30):
        station.record()
    station.dock.run(2 * HOUR)
    for years in (10, -20, 10):
        station.clock.wall = station.clock.wall.replace(year=station.clock.wall.year + years)
        station.dock.run(HOUR)
    archive.mute = False
    station.dock.link.lose()
    station.dock.link.connect()
    station.dock.link.arrive(*archive.presence(), retained=True)
    assert station.dock.run(HOUR, station.all_receipted)
    assert sorted(archive.stored) == sorted(station.clips)
