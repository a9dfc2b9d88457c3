"""From receipt to proof over a real Mosquitto, with a real archive, a real ledger and spool.

What an archive loses after its receipt is found out before any recorder would be cleared; an
archive that was restored, is silent, slow or killed, and a dock that is killed, end in a proof or
in nothing, never in a false one.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import Random, SystemRandom
from threading import Event, Thread

import pytest
from click.testing import CliRunner

from agent.archive.settings import KEY
from agent.archive.verify import verify_store
from agent.cli.main import cli
from agent.clock import SystemClock
from agent.custody.keys import SecretKey
from agent.link.mqtt import BrokerSettings, MqttLink
from agent.model import Clip, ClipId, Identity
from agent.spool.clearance import Clearance
from agent.spool.entry import Entry, Sighting
from agent.spool.files import Spool
from agent.spool.ledger import Ledger
from agent.spool.states import State
from agent.uplink import challenger
from agent.uplink.challenger import Challenger
from agent.uplink.settings import UplinkSettings
from agent.uplink.uplink import Uplink
from hwsim.broker import Broker, start_broker

WHO = Identity("maker", "model", "R1", "1.0")
SIZE = 700_000
PATIENCE = 30.0
QUICK = UplinkSettings(first_silence=1.0, longest_silence=2.0, presence_wait=0.2, idle=0.1)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    started = start_broker(kind="mosquitto", folder=tmp_path_factory.mktemp("broker"))
    yield started
    started.stop()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(challenger, "FIRST_SILENCE", 2.0)
    monkeypatch.setattr(challenger, "LOOK_EVERY", 0.2)


class Archive:
    """A receiver process on a folder."""

    def __init__(self, root: Path, port: int) -> None:
        self.root = root
        self.key = SecretKey.load_or_make(root / KEY).public
        self._command = [sys.executable, "-m", "tests.archive.serve", str(root), str(port)]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.send(number)
        self.process.wait(20)

    def object_of(self, entry: Entry) -> Path:
        assert entry.sealed is not None
        name = entry.sealed.digests.blake3
        return self.root / "objects" / name[:2] / name[2:]


class Dock:
    """A dock's ledger, spool and uplink; `stop` and `start` again as often as wanted."""

    def __init__(self, folder: Path, port: int, archive: Archive) -> None:
        self.folder, self.port, self.archive = folder, port, archive
        self.data: dict[ClipId, bytes] = {}
        self.start()

    def start(self) -> None:
        self._made = ExitStack()
        clock = SystemClock()
        key = SecretKey.load_or_make(self.folder / "keys" / "dock.pem")
        self.ledger = Ledger(self.folder / "ledger.db", clock)
        self._made.callback(self.ledger.close)
        self.spool = Spool(
            self.folder / "spool",
            self.ledger,
            quota=2**30,
            floor=0,
            digests=frozenset({"sha256"}),
            hold_seconds=3600.0,
            random=Random(1),
        )
        self._made.callback(self.spool.close)
        pinned, random = (self.archive.key,), SystemRandom()
        self.challenger = Challenger(
            dock="dock-1",
            books=self.ledger,
            spool=self.spool,
            key=key,
            pinned=pinned,
            clock=clock,
            random=random,
            wake=lambda: self.uplink.poke(),
        )
        self.uplink = Uplink(
            dock="dock-1",
            spool=self.spool,
            ledger=self.ledger,
            make_link=partial(MqttLink, BrokerSettings(host="127.0.0.1", port=self.port)),
            key=key,
            pinned=pinned,
            clock=clock,
            random=random,
            settings=QUICK,
            errands=[self.challenger],
        )
        self._stop = Event()
        self._thread = Thread(target=self.uplink.run, args=(self._stop,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self.uplink.poke()
        self._thread.join(20)
        self._made.close()

    def take_in(self, data: bytes) -> ClipId:
        contact = self.ledger.begin_contact("3", WHO, None, None)
        listed = Clip("1", f"DCIM/{len(self.data)}.MP4", len(data), "20261123T100000")
        clip = listed.id_on(WHO.serial)
        facts = (listed.path, listed.size, listed.recorded)
        self.ledger.see(Sighting(clip, contact, WHO, "3", "1", *facts, marked=False))
        intake = self.spool.intake(clip, len(data))
        intake.write(data)
        self.ledger.spooled(intake.finish())
        self.data[clip] = data
        self.uplink.poke()
        return clip

    def until(self, done: Callable[[], object], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < end, what
            assert self._thread.is_alive(), "the uplink ended"
            time.sleep(0.02)

    def entry(self, clip: ClipId) -> Entry:
        entry = self.ledger.find(clip)
        assert entry is not None
        return entry

    def receipted(self, clip: ClipId) -> None:
        self.until(lambda: self.entry(clip).state is State.RECEIPTED, "a receipt")

    def clearance(self, clip: ClipId) -> Clearance | None:
        clearing = self.ledger.clearing_of(clip)
        return clearing.state if clearing else None

    def proved(self, *clips: ClipId) -> None:
        """Ask for proofs wherever nobody does, and wait for them."""
        for clip in clips:
            self.receipted(clip)
            if self.clearance(clip) is None:
                self.ledger.want_proof(clip)
        wanted = [Clearance.PROVED] * len(clips)
        self.until(lambda: [self.clearance(clip) for clip in clips] == wanted, "proofs")

    def asked(self) -> bool:
        """Whether a challenge is on its way."""
        return any(one.tries for one in list(self.challenger._attempts.values()))


@pytest.fixture
def archive(tmp_path: Path, broker: Broker) -> Iterator[Archive]:
    started = Archive(tmp_path / "archive", broker.port)
    yield started
    started.send(signal.SIGCONT)
    started.stop()


@pytest.fixture
def dock(tmp_path: Path, broker: Broker, archive: Archive) -> Iterator[Dock]:
    started = Dock(tmp_path / "dock", broker.port, archive)
    yield started
    started.stop()


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


WAYS: tuple[Callable[[Path], object], ...] = (
    Path.unlink,
    flip,
    lambda path: path.write_bytes(path.read_bytes()[:4096]),
    lambda path: path.write_bytes(bytes(SIZE)),
    lambda path: None,
)
"""Deleted, one bit flipped, truncated, replaced; and left as it is."""


def test_what_is_lost_after_its_receipt_is_found_sent_again_and_then_proved(
    dock: Dock, archive: Archive, seed: int
) -> None:
    clips = [dock.take_in(Random(seed + n).randbytes(SIZE)) for n in range(len(WAYS))]
    for clip in clips:
        dock.receipted(clip)
    for clip, way in zip(clips, WAYS, strict=True):
        path = archive.object_of(dock.entry(clip))
        path.chmod(0o600)
        way(path)
    for clip in clips:
        dock.ledger.want_proof(clip)
    *damaged, sound = clips
    dock.until(lambda: all(dock.ledger.disproved(clip) for clip in damaged), "the losses")
    dock.until(lambda: dock.clearance(sound) is Clearance.PROVED, "the proof of the sound one")
    assert all(dock.clearance(clip) is not Clearance.PROVED for clip in damaged)
    dock.proved(*clips)
    assert verify_store(archive.root).sound
    for clip in clips:
        assert archive.object_of(dock.entry(clip)).read_bytes() == dock.data[clip]
    assert [len(dock.ledger.disproved(clip)) for clip in clips] == [1, 1, 1, 1, 0]


def test_an_archive_brought_back_from_a_copy_freezes_what_was_proved(
    dock: Dock, archive: Archive, tmp_path: Path, seed: int
) -> None:
    old = dock.take_in(Random(seed).randbytes(SIZE))
    dock.proved(old)
    archive.stop()
    shutil.copytree(archive.root, tmp_path / "copy")
    archive.start()
    new, third = (dock.take_in(Random(seed + n).randbytes(SIZE)) for n in (1, 2))
    dock.proved(new)
    dock.receipted(third)
    epoch = dock.ledger.epoch_of("county")
    archive.stop()
    shutil.rmtree(archive.root)
    shutil.copytree(tmp_path / "copy", archive.root)
    archive.start()
    dock.ledger.want_proof(third)  # nobody said that it was restored: its own receipt does
    dock.until(lambda: dock.ledger.epoch_of("county") != epoch, "another epoch")
    dock.until(lambda: dock.ledger.disproved(new), "the loss of what had been proved")
    dock.proved(old, new, third)
    assert verify_store(archive.root).sound
    clearing = dock.ledger.clearing_of(old)
    assert clearing is not None
    assert clearing.epoch == dock.ledger.epoch_of("county") != epoch


def test_a_person_who_says_that_it_was_restored_freezes_clearing_at_once(
    dock: Dock, archive: Archive, tmp_path: Path, seed: int
) -> None:
    clip = dock.take_in(Random(seed).randbytes(SIZE))
    dock.proved(clip)
    epoch = dock.ledger.epoch_of("county")
    config = tmp_path / "archive.toml"
    config.write_text(f'[archive]\nid = "county"\nreceiver = "r1"\nroot = "{archive.root}"\n')
    words = ["archive", "restored", "--config", str(config), "--json"]
    words += ["--by", "Li", "--why", "a new disk"]
    said = CliRunner().invoke(cli, words, standalone_mode=False)
    assert said.exception is None, said.output
    dock.until(lambda: dock.ledger.epoch_of("county") != epoch, "another epoch")
    dock.proved(clip)
    clearing = dock.ledger.clearing_of(clip)
    assert clearing is not None
    assert clearing.epoch in said.output


def test_a_silent_archive_proves_nothing_and_a_slow_one_late(
    dock: Dock, archive: Archive, seed: int
) -> None:
    clip = dock.take_in(Random(seed).randbytes(SIZE))
    dock.receipted(clip)
    archive.send(signal.SIGSTOP)
    dock.ledger.want_proof(clip)
    dock.until(dock.asked, "a challenge")
    time.sleep(1.0)
    assert dock.clearance(clip) is Clearance.WANTED
    archive.send(signal.SIGCONT)
    dock.proved(clip)


def test_an_archive_killed_in_the_middle_is_asked_again(
    dock: Dock, archive: Archive, seed: int
) -> None:
    clip = dock.take_in(Random(seed).randbytes(SIZE))
    dock.receipted(clip)
    archive.send(signal.SIGSTOP)
    dock.ledger.want_proof(clip)
    dock.until(dock.asked, "a challenge")
    archive.stop(signal.SIGKILL)
    archive.start()
    dock.proved(clip)


def test_a_dock_that_starts_again_in_the_middle_takes_no_answer_to_its_old_nonce(
    dock: Dock, archive: Archive, seed: int
) -> None:
    clip = dock.take_in(Random(seed).randbytes(SIZE))
    dock.receipted(clip)
    archive.send(signal.SIGSTOP)
    dock.ledger.want_proof(clip)
    dock.until(dock.asked, "a challenge")
    (before,) = [one.nonce for one in dock.challenger._attempts.values()]
    dock.stop()
    dock.start()
    archive.send(signal.SIGCONT)
    dock.proved(clip)
    clearing = dock.ledger.clearing_of(clip)
    assert clearing is not None
    assert before.hex() not in clearing.proof
