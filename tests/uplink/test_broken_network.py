"""The uplink's own thread and real links over a real Mosquitto that is cut, silenced and killed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from threading import Event as Flag
from threading import Thread

import pytest

from agent.clock import SystemClock
from agent.link.mqtt import Arrived, BrokerSettings, Connected, MqttLink
from agent.model import CHUNK_BYTES
from agent.spool.states import State
from agent.uplink.settings import UplinkSettings
from agent.uplink.uplink import Uplink
from agent.wire.contract import PREFIX, DockStatus, decode, up
from hwsim.broker import Broker, start_broker
from hwsim.net import TcpLink

from .archive import PlayedArchive
from .world import ARCHIVE_KEY, DOCK, DOCK_KEY, MemoryBooks, MemoryCopies, content, entry_of

QUICK = UplinkSettings(
    first_silence=1.0, longest_silence=2.0, progress_silence=2.0, presence_wait=0.2, idle=0.2
)


class FarEnd:
    """The played archive on a link of its own."""

    def __init__(self, broker: Broker) -> None:
        self.link = MqttLink(
            BrokerSettings(host=broker.host, port=broker.port),
            client_id="far end",
            subscriptions=[f"{PREFIX}/dock/+/up/#"],
            will=None,
        )
        self.archive = PlayedArchive(lambda topic, payload: self._say(topic, payload))
        self._stop = Flag()
        self._thread = Thread(target=self._run, daemon=True)
        self.link.start()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)
        self.link.stop()

    def _say(self, topic: str, payload: bytes) -> None:
        self.link.publish(topic, payload)

    def _run(self) -> None:
        while not self._stop.is_set():
            event = self.link.next(0.1)
            if isinstance(event, Connected):
                self.link.publish(*self.archive.presence(), retain=True)
            elif isinstance(event, Arrived):
                self.archive.receive(event.topic, event.payload)


class Rig:
    """Dock, breakable link, broker and far end; `sizes` of the clips that wait."""

    def __init__(self, folder: Path, sizes: list[int], seed: int) -> None:
        self.broker = start_broker(kind="mosquitto", folder=folder)
        self.net = TcpLink(self.broker.host, self.broker.port)
        self.far = FarEnd(self.broker)
        contents = [content(n, size) for n, size in enumerate(sizes, 1)]
        entries = [entry_of(n, data) for n, data in enumerate(contents, 1)]
        self.data = {entry.clip: data for entry, data in zip(entries, contents, strict=True)}
        self.books = MemoryBooks(entries)
        settings = BrokerSettings(host=self.net.host, port=self.net.port, keepalive=2)
        self.uplink = Uplink(
            dock=DOCK,
            spool=MemoryCopies(dict(self.data), self.books),
            ledger=self.books,
            make_link=partial(MqttLink, settings),
            key=DOCK_KEY,
            pinned=[ARCHIVE_KEY.public],
            clock=SystemClock(),
            random=Random(seed),
            settings=QUICK,
        )
        self._stop = Flag()
        self._thread = Thread(target=self.uplink.run, args=(self._stop,), daemon=True)
        self._thread.start()

    def until(self, what: Callable[[], bool], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end, self.uplink.snapshot()
            time.sleep(0.005)

    def until_chunks(self, count: int) -> None:
        seen = len(self.far.archive.arrivals)
        self.until(lambda: len(self.far.archive.arrivals) >= seen + count)

    def everything_arrives(self) -> None:
        self.until(lambda: len(self.books.clips_in(State.RECEIPTED)) == len(self.data))
        stored = self.far.archive.stored
        assert {clip: held.data for clip, held in stored.items()} == self.data

    def stop_uplink(self) -> None:
        self._stop.set()
        self.uplink.poke()
        self._thread.join(15)
        assert not self._thread.is_alive()

    def close(self) -> None:
        self.stop_uplink()
        self.far.stop()
        self.net.stop()
        self.broker.stop()


@pytest.fixture
def rig(tmp_path: Path, seed: int) -> Iterator[Rig]:
    made = Rig(tmp_path, [40 * CHUNK_BYTES, 0, 5, 90 * CHUNK_BYTES + 1, CHUNK_BYTES], seed)
    yield made
    made.close()


def test_everything_arrives_and_birth_and_death_are_told(rig: Rig) -> None:
    rig.everything_arrives()
    rig.stop_uplink()
    told = rig.far.archive.others[up(DOCK, "status")]
    rig.until(lambda: len(told) >= 2)
    assert [decode(DockStatus, one).online for one in told] == [True, False]


def test_cuts(rig: Rig) -> None:
    for _ in range(3):
        rig.until_chunks(10)
        rig.net.cut()
        rig.until(lambda: not rig.uplink.snapshot()["connected"])
        rig.net.mend()
    rig.everything_arrives()


def test_silence_of_the_network(rig: Rig) -> None:
    rig.until_chunks(10)
    rig.net.stall()
    rig.until(lambda: not rig.uplink.snapshot()["connected"])
    rig.net.mend()
    rig.everything_arrives()


def test_a_broker_killed_and_started_again(rig: Rig) -> None:
    for _ in range(2):
        rig.until_chunks(10)
        rig.broker.kill()
        rig.broker.restart()
    rig.everything_arrives()


def test_an_archive_that_forgets_everything(rig: Rig) -> None:
    rig.until_chunks(30)
    rig.far.stop()
    stored = rig.far.archive.stored
    rig.far = FarEnd(rig.broker)
    rig.far.archive.stored.update(stored)
    rig.everything_arrives()
