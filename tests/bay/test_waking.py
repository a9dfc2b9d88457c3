"""The daemon between two looks that are a minute apart: a plug wakes it, and so does a stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent import live
from agent.clock import SystemClock
from agent.config import DockConfig, load
from agent.daemon import DockDaemon
from agent.link.udev import Doorbell
from hwsim.body import Body
from hwsim.faces.ptp import PtpFace
from hwsim.ports.usb_memory import MemoryBus

CONFIG = """
[dock]
id = "d"
state = "{0}/state"
runtime = "{0}/run"
[spool]
floor = "1 MiB"
[archive]
keys = ["ed25519:{1}"]
[broker]
port = 1
[recorders]
poll_seconds = 60
"""


class Running:
    def __init__(self, folder: Path, bell: Doorbell) -> None:
        path = folder / "dock.toml"
        path.write_text(CONFIG.format(folder, "ab" * 32), "utf-8")
        self.config = load(DockConfig, path)
        self.bell, self.bus, self.stop = bell, MemoryBus(), threading.Event()
        self.daemon = DockDaemon(self.config, usb_backend=self.bus)
        self.thread = threading.Thread(target=self.daemon.run, args=(self.stop,))
        self.thread.start()
        self.until(lambda: self.moment() is not None)

    def moment(self) -> live.Live | None:
        return live.read(self.config.dock.runtime, SystemClock().now())

    def bays(self) -> int:
        moment = self.moment()
        return len(moment.bays) if moment else 0

    def until(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + 20
        while not true():
            assert time.monotonic() < end
            threading.Event().wait(0.01)

    def end(self) -> None:
        self.stop.set()
        self.thread.join(20)
        assert not self.thread.is_alive()


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    bell = Doorbell()
    monkeypatch.setattr("agent.daemon.Doorbell", lambda: bell)
    running = Running(tmp_path, bell)
    yield running
    running.end()


def test_a_plug_is_noticed_at_once(running: Running) -> None:
    running.bus.plug("1-1", PtpFace(Body(serial="A1", clock=SystemClock())))

    def noticed() -> bool:
        running.bell.ring()  # again, since the live file is written once a second at most
        return running.bays() == 1

    running.until(noticed)


def test_a_stop_does_not_wait_for_the_next_look(running: Running) -> None:
    began = time.monotonic()
    running.end()
    assert time.monotonic() - began < 15
