"""A dock that encrypts: what it clears is what its archive opened, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.custody.envelopes import seal
from agent.offload.clearing.docked import opened
from agent.spool.cipher import Cipher
from agent.spool.clearance import Clearance
from agent.spool.entry import Entry
from agent.uplink.offers import manifest_of
from agent.wire.contract import RECEIPT_TYPE
from tests.spool.age import RECIPIENT
from tests.spool.places import RECEIPT
from tests.uplink.archive import PlayedArchive
from tests.uplink.world import ARCHIVE_KEY, DOCK

from .docks import HOUR, ClearingDock, Erasable

A, B = "DCIM/A.MP4", "DCIM/B.MP4"
BYTES = {A: b"a" * 300_000, B: b"b" * 65_536}


@pytest.fixture
def dock(tmp_path: Path) -> ClearingDock:
    dock = ClearingDock(tmp_path)
    dock.place.close()
    dock.place.cipher = Cipher(RECIPIENT)
    dock.place.open()
    return dock


def receipt(dock: ClearingDock, entry: Entry, **said: object) -> None:
    told = PlayedArchive(lambda *_: None).receipt_for(manifest_of(entry, DOCK), **said)
    envelope = seal(RECEIPT_TYPE, told.encode(), ARCHIVE_KEY).decode()
    dock.ledger.receipted(entry.clip, replace(RECEIPT, envelope=envelope))


def test_only_what_the_archive_opened_is_cleared(dock: ClearingDock) -> None:
    recorder = Erasable(dict(BYTES))
    dock.pull(recorder)
    for path in BYTES:
        receipt(dock, dock.place.entry(dock.clip(path)), opened=path == A)
    dock.place.clock.advance(73 * HOUR)
    assert dock.clear(recorder).wanted == 1
    assert dock.prove() == 1
    assert dock.clear(recorder).cleared == 1
    assert recorder.contents == {B: BYTES[B]}
    assert dock.step(A) is Clearance.CLEARED
    assert dock.step(B) is None


@pytest.mark.parametrize("envelope", ["", "{}", "footage"])
def test_a_receipt_that_cannot_be_read_says_nothing(dock: ClearingDock, envelope: str) -> None:
    dock.pull(Erasable(dict(BYTES)))
    clip = dock.clip(A)
    assert not opened(dock.place.entry(clip))
    dock.ledger.receipted(clip, replace(RECEIPT, envelope=envelope))
    assert not opened(dock.place.entry(clip))


def test_a_plain_clip_lies_with_its_archive_as_it_was_recorded(tmp_path: Path) -> None:
    dock = ClearingDock(tmp_path)
    dock.pull(Erasable(dict(BYTES)))
    assert opened(dock.place.entry(dock.clip(A)))
    dock.receipt()
    assert opened(dock.place.entry(dock.clip(A)))
