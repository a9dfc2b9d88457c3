"""A receiver at a real broker: uploads that are cut, receivers that are killed, and its manners."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from agent.archive.catalogue import CatalogueView
from agent.archive.receiver import Receiver
from agent.archive.settings import CATALOGUE, MIB, ArchiveSettings
from agent.archive.verify import verify_store
from agent.clock import SystemClock
from agent.custody.keys import SecretKey, public_key
from agent.errors import ConfigError, UsageError
from agent.link.mqtt import BrokerSettings
from hwsim.broker import Broker, start_broker

from .docks import RECEIVER, manifest_of, secret_key
from .wired import WiredDock

CHUNK = 256 * 1024
SIZE = 20 * MIB + 12_345


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    started = start_broker(kind="mosquitto", folder=tmp_path_factory.mktemp("broker"))
    yield started
    started.stop()


class Served:
    """A receiver process in a folder; started, killed, started again."""

    def __init__(self, root: Path, port: int) -> None:
        self.root = root
        self._command = [sys.executable, "-m", "tests.archive.serve", str(root), str(port)]
        self.process = subprocess.Popen(self._command)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def again(self) -> None:
        self.process = subprocess.Popen(self._command)


@pytest.fixture
def served(tmp_path: Path, broker: Broker) -> Iterator[Served]:
    started = Served(tmp_path / "archive", broker.port)
    yield started
    started.process.terminate()
    assert started.process.wait(15) == 0


def dock_with(port: int, data: bytes, key: SecretKey | None = None) -> WiredDock:
    manifest = manifest_of(data, chunk_bytes=CHUNK)
    dock = WiredDock(port, key or secret_key(), manifest, data)
    dock.until(lambda: dock.presence and dock.presence.online)
    return dock


def test_an_upload_that_is_cut_resumes_and_is_receipted(
    served: Served, broker: Broker, seed: int
) -> None:
    data = Random(seed).randbytes(SIZE)
    dock = dock_with(broker.port, data)
    dock.stop_at = 50
    dock.offer()
    dock.until(lambda: dock.confirmed == 50 * CHUNK)
    dock.link.stop()

    again = dock_with(broker.port, data, dock.key)
    again.offer()
    again.until(lambda: again.receipt)
    assert again.granted == [(0, 50 * CHUNK)]
    assert again.sent == len(again.chunks) - 50
    check_stored(served, again, data)
    again.link.stop()


def test_a_killed_receiver_goes_on_where_the_disk_says(
    served: Served, broker: Broker, seed: int
) -> None:
    data = Random(seed).randbytes(SIZE)
    dock = dock_with(broker.port, data)
    dock.stop_at = 60
    dock.offer()
    dock.until(lambda: dock.confirmed > SIZE // 3)
    served.kill()
    confirmed, dock.stop_at = dock.confirmed, len(dock.chunks)
    dock.until(lambda: dock.presence and not dock.presence.online)  # its will
    served.again()
    dock.until(lambda: dock.presence and dock.presence.online)
    dock.offer()
    dock.until(lambda: dock.grants == 2)
    assert sum(end - start for start, end in dock.granted) >= confirmed
    dock.until(lambda: dock.receipt)
    check_stored(served, dock, data)
    dock.link.stop()


def check_stored(served: Served, dock: WiredDock, data: bytes) -> None:
    """The receipt verifies with the announced key, and everything it says is so on disk."""
    assert dock.presence is not None
    receipt = dock.proof(public_key(dock.presence.keys[0]))
    assert (served.root / receipt.stored_as).read_bytes() == data
    assert verify_store(served.root).sound
    with CatalogueView(served.root / CATALOGUE) as catalogue:
        (row,) = catalogue.clips()
        assert row.receipt.encode() == dock.receipt
        assert catalogue.epoch == receipt.epoch == dock.presence.epoch


def settings(root: Path, **changes: str) -> ArchiveSettings:
    facts = {"archive": "county", "receiver": RECEIVER} | changes
    return ArchiveSettings(root=root, floor=0, **facts)  # type: ignore[arg-type]


def test_two_receivers_never_share_a_folder(tmp_path: Path, broker: Broker) -> None:
    tie = BrokerSettings(host="127.0.0.1", port=broker.port)
    stop = threading.Event()
    stop.set()
    first = Receiver(settings(tmp_path), tie, SystemClock())
    with pytest.raises(UsageError, match="another receiver"):
        Receiver(settings(tmp_path), tie, SystemClock())
    first.run(stop)
    second = Receiver(settings(tmp_path), tie, SystemClock())
    assert second.key == first.key
    second.run(stop)
    with pytest.raises(ConfigError, match="belongs to archive"):
        Receiver(settings(tmp_path, archive="town"), tie, SystemClock())


def test_a_receiver_that_stops_says_so(tmp_path: Path, broker: Broker) -> None:
    tie = BrokerSettings(host="127.0.0.1", port=broker.port)
    stop = threading.Event()
    receiver = Receiver(settings(tmp_path), tie, SystemClock())
    thread = threading.Thread(target=receiver.run, args=(stop,))
    thread.start()
    dock = dock_with(broker.port, b"x")
    stop.set()
    thread.join(15)
    assert not thread.is_alive()
    dock.until(lambda: dock.presence and not dock.presence.online)
    dock.link.stop()
