"""Pulled into a spool over a serial line: resumed where it stopped, little is read twice."""

from __future__ import annotations

import threading
from pathlib import Path
from random import Random

from agent.errors import RecorderGone
from agent.model import CHUNK_BYTES
from agent.offload.pull import Offload, Pulled
from agent.recorder.base import Recorder
from hwsim.faces.smp_make import SmpMake
from hwsim.faults import Faults, OtherBytes
from tests.contracts.recorder import FOOTAGE, LONG, small_body
from tests.contracts.smp import SmpDocks
from tests.spool.places import Place

MAKE = SmpMake(buffer=2048)
ON_THE_LINE = 1.6
"""Bytes on the line for each of a clip's: Base64, marks, heads, listings; no more."""


def pull(place: Place, recorder: Recorder) -> Pulled:
    identity = recorder.identify()
    contact = place.ledger.begin_contact("1", identity, None, None)
    try:
        return Offload(place.spool, place.ledger).pull(
            recorder, identity, "1", contact, stop=threading.Event()
        )
    finally:
        place.ledger.end_contact(contact, "test")
        recorder.close()


def spooled(place: Place) -> dict[str, bytes]:
    entries = place.ledger.entries()
    return {
        each.sighting.path: place.file(each.clip).read_bytes() for each in entries if each.sealed
    }


def test_a_contact_is_spooled_as_it_was_recorded(tmp_path: Path) -> None:
    place, docks = Place(tmp_path), SmpDocks()
    try:
        assert pull(place, docks.dock(small_body(), MAKE).recorder).complete
        assert spooled(place) == FOOTAGE
    finally:
        docks.unplug()
        place.close()


def test_unplugged_again_and_again_it_ends_whole_and_little_is_read_twice(
    tmp_path: Path, seed: int
) -> None:
    place, docks, body, random = Place(tmp_path), SmpDocks(), small_body(), Random(seed)
    cuts = [random.randrange(2_000, 700_000) for _ in range(6)]
    sent = 0
    try:
        for cut in cuts:
            port = docks.port(body, MAKE, cut=cut)
            try:
                pull(place, docks.open(port, body))
            except RecorderGone:
                assert all(data == FOOTAGE[path] for path, data in spooled(place).items())
            sent += port.sent
        port = docks.port(body, MAKE)
        assert pull(place, docks.open(port, body)).complete
        sent += port.sent
        assert spooled(place) == FOOTAGE
        total = sum(map(len, FOOTAGE.values()))
        again = len(cuts) * (CHUNK_BYTES + 8 * 16_384)
        assert sent < ON_THE_LINE * (total + again)
    finally:
        docks.unplug()
        place.close()


def test_a_clip_that_is_never_read_as_digested_is_failed_and_the_others_are_not(
    tmp_path: Path,
) -> None:
    place, docks = Place(tmp_path), SmpDocks()
    faults = Faults(OtherBytes(at=3, times=1000))  # behind the list; both tries of the first clips
    try:
        result = pull(place, docks.dock(small_body(), MAKE, faults).recorder)
        assert not result.complete
        assert any("own digest" in str(error) for _, error in result.failed)
        assert all(data == FOOTAGE[path] for path, data in spooled(place).items())
        assert LONG not in spooled(place).values()
    finally:
        docks.unplug()
        place.close()
