"""What a session knows of its recorder, and what the receipt of a clip says of its opening."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.custody.envelopes import seal
from agent.model import Digests, Health, Identity, Storage, Stored
from agent.offload.clearing.docked import Docked, opened, same_identity
from agent.spool.entry import Entry, ReceiptRecord
from agent.uplink.offers import manifest_of
from agent.wire.contract import RECEIPT_TYPE
from tests.offload.recorders import MemoryRecorder
from tests.uplink.archive import PlayedArchive
from tests.uplink.world import ARCHIVE_KEY, DOCK, START, entry_of

PLAIN = entry_of(1, b"data")
STORED = Stored("age", 1300, Digests("1" * 64, "2" * 64, "3" * 64), "age1" + "q" * 58)


def docked(*storages: Storage) -> Docked:
    return Docked(
        recorder=MemoryRecorder({}),
        identity=PLAIN.sighting.identity,
        bay="3",
        contact=1,
        health=Health(80, storages),
        clock_error=None,
        firmware_known=True,
        eraser=None,
    )


def test_storages_and_their_free_part() -> None:
    here = docked(Storage("A", "CARD", 200, 50), Storage("B", "CARD", 0, 0), Storage("C", "", 1, 1))
    assert here.storage("B") == Storage("B", "CARD", 0, 0)
    assert here.storage("X") is None
    free = [here.free_percent(name) for name in ("A", "B", "C", "X")]
    assert free == [25, None, 100, None]


@pytest.mark.parametrize("field", ["serial", "maker", "model", "firmware"])
def test_a_recorder_is_the_same_by_what_stays_of_it(field: str) -> None:
    here = docked()
    assert same_identity(PLAIN, here)
    other: Identity = replace(here.identity, **{field: "other"})
    assert same_identity(PLAIN, replace(here, identity=other)) is (field == "firmware")


def encrypted(envelope: str | None) -> Entry:
    assert PLAIN.sealed
    record = ReceiptRecord(envelope or "", "archive-1", "receiver-1", "epoch-1", START, "x")
    sealed = replace(PLAIN.sealed, stored=STORED)
    return replace(PLAIN, sealed=sealed, receipt=record if envelope is not None else None)


@pytest.mark.parametrize("said", [True, False])
def test_an_encrypted_clip_is_opened_where_its_receipt_says_so(said: bool) -> None:
    manifest = manifest_of(encrypted(None), DOCK)
    receipt = PlayedArchive(lambda *_: None).receipt_for(manifest, opened=said, kept="as-sent")
    envelope = seal(RECEIPT_TYPE, receipt.encode(), ARCHIVE_KEY).decode()
    assert opened(encrypted(envelope)) is said


def test_what_is_not_encrypted_needs_no_opening_and_no_word_is_no_opening() -> None:
    assert opened(PLAIN) is True
    assert opened(replace(PLAIN, sealed=None)) is True
    assert opened(encrypted(None)) is False
    assert opened(encrypted("{}")) is False
