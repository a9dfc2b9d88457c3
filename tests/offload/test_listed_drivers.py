"""What a real driver lists, over a simulated recorder: one clip that goes is told, and no more."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from agent.log_entry import Kind, read_entry
from agent.offload.pull import Offload
from agent.recorder.base import Recorder
from agent.spool.changes import Change
from hwsim.images import Kind as FileSystem
from hwsim.images import make_image
from tests.contracts.mtp import dock_mtp
from tests.contracts.recorder import small_body, small_card
from tests.contracts.volume import DiskPort
from tests.spool.places import Place

GONE = "DCIM/101BODY/CAM_0001.MP4"


def docked(place: Place, recorder: Recorder) -> list[Change]:
    """A contact as a bay makes it; what it found."""
    identity = recorder.identify()
    contact = place.ledger.begin_contact("3", identity, recorder.health(), recorder.clock())
    offload = Offload(place.spool, place.ledger)
    assert offload.pull(recorder, identity, "3", contact, stop=threading.Event()).complete
    place.ledger.end_contact(contact, "test")
    recorder.close()
    return [each.change for each in place.ledger.findings() if each.contact == contact]


def stores(place: Place) -> set[str]:
    journal = place.ledger.journal
    entries = map(read_entry, journal.lines(0, journal.size))
    listed = [entry.what["stores"] for entry in entries if entry.kind is Kind.LISTED]
    return {store[0] for each in listed for store in each}


def test_over_mtp(tmp_path: Path) -> None:
    place, body = Place(tmp_path), small_body()
    assert docked(place, dock_mtp(body).recorder) == []
    assert docked(place, dock_mtp(body).recorder) == []
    clips = body.cards[0].clips
    gone = next(clip for clip in clips if clip.path == GONE)
    clips.remove(gone)  # and every handle behind it is another
    (change,) = docked(place, dock_mtp(body).recorder)
    assert change.kind == "vanished-kept"
    assert GONE in change.before
    assert not any(store.endswith("/?") for store in stores(place))
    place.close()


@pytest.mark.parametrize("kind", ["fat32", "exfat"])
def test_over_a_disk(kind: FileSystem, tmp_path: Path) -> None:
    place, port, cards = Place(tmp_path / "dock"), DiskPort(tmp_path / "machine"), small_card()
    for number, volume_id in enumerate((0x20260804, 0x20260804, 0x7777AAAA, 0x20260804)):
        if number == 2:  # another card, with one clip of its own
            image = make_image(tmp_path / "2", cards, kind=kind, volume_id=volume_id)
            cards[0].clips = [clip for clip in cards[0].clips if clip.path != GONE]
        else:
            image = make_image(tmp_path / f"{number}", cards, kind=kind, volume_id=volume_id)
        port.plug(image)
        found = [each for each in docked(place, port.open()) if each.kind != "card"]
        port.unplug()
        assert [each.kind for each in found] == (["vanished-kept"] if number == 3 else [])
    assert GONE in found[0].before
    assert len(stores(place)) == 2
    place.close()
