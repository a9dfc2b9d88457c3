"""The uplink over the real ledger and the real spool, in virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from agent.model import CHUNK_BYTES, Clip, ClipId, Identity
from agent.spool.entry import Sighting
from agent.spool.files import Spool
from agent.spool.ledger import Ledger
from agent.spool.states import State
from agent.uplink.parts import Books, Copies
from tests.spool.age import FORMS, cipher_for, opened

from .archive import PlayedArchive
from .world import Dock, ManualClock, content

CHUNK = CHUNK_BYTES
WHO = Identity("maker", "model", "R1", "1.0")


class Station:
    """A dock on disk with two clips, and an archive that it can reach."""

    def __init__(self, folder: Path, ledger: Ledger, clock: ManualClock, form: str) -> None:
        self.ledger = ledger
        self.form = form
        self.spool = Spool(
            folder / "spool",
            ledger,
            quota=2**30,
            floor=0,
            digests=frozenset({"sha256"}),
            hold_seconds=3600.0,
            random=Random(1),
            cipher=cipher_for(form),
        )
        books: Books = self.ledger
        copies: Copies = self.spool
        self.dock = Dock([], clock=clock, ledger=books, copies=copies)
        self.archive = PlayedArchive(self.dock.link.arrive)
        self.dock.link.network = self.archive.receive
        contact = ledger.begin_contact("3", WHO, None, None)
        self.data = [content(n, n * 3 * CHUNK + 5) for n in (1, 2)]
        self.clips = [self.take_in(n, data, contact) for n, data in enumerate(self.data)]

    def take_in(self, number: int, data: bytes, contact: int) -> ClipId:
        listed = Clip("1", f"DCIM/{number}.MP4", len(data), "20260804T100000")
        clip = listed.id_on(WHO.serial)
        size = len(data)
        self.ledger.see(
            Sighting(clip, contact, WHO, "3", "1", listed.path, size, listed.recorded, marked=False)
        )
        intake = self.spool.intake(clip, size)
        intake.write(data)
        self.ledger.spooled(intake.finish())
        return clip

    def connect(self) -> None:
        self.dock.link.connect()
        self.dock.link.arrive(*self.archive.presence(), retained=True)

    def states(self) -> list[State | None]:
        entries = [self.ledger.find(clip) for clip in self.clips]
        return [entry.state if entry else None for entry in entries]


@pytest.fixture(params=FORMS)
def station(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Station]:
    clock = ManualClock()
    with closing(Ledger(tmp_path / "ledger.db", clock)) as ledger:
        made = Station(tmp_path, ledger, clock, request.param)
        with closing(made.spool):
            yield made


def test_clips_go_from_the_spool_to_the_archive_and_stay_until_released(station: Station) -> None:
    station.connect()
    assert station.dock.run(60, lambda: station.states() == [State.RECEIPTED] * 2)
    stored = [station.archive.stored[clip].data for clip in station.clips]
    assert stored == [station.spool.layout.clip(clip).read_bytes() for clip in station.clips]
    assert [opened(data) if station.form == "age" else data for data in stored] == station.data
    for clip in station.clips:
        station.spool.verify(clip)


def test_rot_in_the_spool_is_found_by_the_archive_and_put_aside(station: Station) -> None:
    rotten, sound = station.clips
    path = station.spool.layout.clip(rotten)
    changed = bytearray(path.read_bytes())
    changed[CHUNK + 7] ^= 4
    path.chmod(0o600)
    path.write_bytes(changed)
    station.connect()
    assert station.dock.run_beside_a_thread(lambda: State.DAMAGED in station.states())
    assert station.dock.run(60, lambda: station.states() == [State.DAMAGED, State.RECEIPTED])
    assert not path.exists()
    assert list(station.archive.stored) == [sound]


def test_a_clip_whose_file_vanished_is_wanted_from_its_recorder_again(station: Station) -> None:
    station.spool.layout.clip(station.clips[0]).unlink()
    station.connect()
    assert station.dock.run(60, lambda: station.states() == [State.DAMAGED, State.RECEIPTED])
