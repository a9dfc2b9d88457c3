"""Each field of a receipt alone: what it must be, what is said where it is not, what is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.clock import to_text
from agent.custody.envelopes import seal
from agent.errors import Malformed, ReceiptRejected, Untrusted
from agent.model import Digests, Stored
from agent.spool.entry import Entry, ReceiptRecord
from agent.uplink import receipts
from agent.uplink.offers import manifest_of, stored_facts
from agent.wire.contract import OFFER_TYPE, RECEIPT_TYPE, Presence, Receipt

from .archive import PlayedArchive
from .world import ARCHIVE_KEY, DOCK, START, STRANGER, content, entry_of

STORED = Stored("age", 1300, Digests("1" * 64, "2" * 64, "3" * 64), "age1" + "q" * 58)
PLAIN = entry_of(1, content(1, 1000))
HERE = Presence(archive="archive-1", receiver="receiver-1", online=True, epoch="epoch-1")


def with_digests(sha256: str | None, sm3: str | None) -> Entry:
    assert PLAIN.sealed
    digests = replace(PLAIN.sealed.digests, sha256=sha256, sm3=sm3)
    return replace(PLAIN, sealed=replace(PLAIN.sealed, digests=digests))


def receipt(entry: Entry = PLAIN, **changes: Any) -> Receipt:
    true = PlayedArchive(lambda *_: None).receipt_for(manifest_of(entry, DOCK))
    return true.model_copy(update=changes)


def check(said: Receipt, *, entry: Entry = PLAIN, presence: Presence | None = HERE) -> None:
    receipts.check(said, dock=DOCK, entry=entry, presence=presence)


@pytest.mark.parametrize("presence", [None, HERE])
@pytest.mark.parametrize(
    ("sha256", "sm3"), [(None, None), ("2" * 64, None), (None, "3" * 64), ("2" * 64, "3" * 64)]
)
def test_a_true_receipt_fits(sha256: str | None, sm3: str | None, presence: Presence) -> None:
    entry = with_digests(sha256, sm3)
    check(receipt(entry), entry=entry, presence=presence)


def test_what_the_dock_never_took_the_archive_may_add() -> None:
    check(receipt(sha256="2" * 64, sm3="3" * 64), entry=with_digests(None, None))


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("dock is dock-2, not", {"dock": "dock-2"}),
    ("clip is 0", {"clip": "0" * 64}),
    ("recorder is R9, not", {"recorder": "R9"}),
    ("size is 999, not 1000", {"size": 999}),
    ("blake3 is 1", {"blake3": "1" * 64}),
    ("sha256 is 1", {"sha256": "1" * 64}),
    ("sha256 is None", {"sha256": None}),
    ("sm3 is 1", {"sm3": "1" * 64}),
    ("sm3 is None", {"sm3": None}),
    ("stored form is ", {"stored": stored_facts(STORED)}),
    ("word on opening is True, not False", {"opened": True}),
    ("word on keeping is True, not False", {"kept": "plain"}),
    ("archive is archive-2, not archive-1", {"archive": "archive-2"}),
    ("where and under what", {"epoch": ""}),
    ("where and under what", {"stored_as": ""}),
]


@pytest.mark.parametrize(("words", "changes"), WRONG)
def test_one_wrong_field(words: str, changes: dict[str, Any]) -> None:
    entry = with_digests("2" * 64, "3" * 64)
    with pytest.raises(ReceiptRejected, match=f" {words}"):
        check(receipt(entry, **changes), entry=entry)


def test_a_clip_of_which_there_is_no_copy() -> None:
    with pytest.raises(ReceiptRejected, match="no copy"):
        check(receipt(), entry=replace(PLAIN, sealed=None))


def test_words_of_others_are_cut_and_cannot_steer_a_terminal() -> None:
    with pytest.raises(ReceiptRejected) as refused:
        check(receipt(recorder="\x1b[2J" + "~" * 900))
    assert "\x1b" not in str(refused.value)
    assert str(refused.value).count("~") == 96
    serial = "\x1b[2J"
    sighting = replace(PLAIN.sighting, identity=replace(PLAIN.sighting.identity, serial=serial))
    with pytest.raises(ReceiptRejected) as refused:
        check(receipt(), entry=replace(PLAIN, sighting=sighting))
    assert "\x1b" not in str(refused.value)


def test_only_pinned_keys_count() -> None:
    genuine = seal(RECEIPT_TYPE, receipt().encode(), ARCHIVE_KEY)
    assert receipts.read(genuine, [STRANGER.public, ARCHIVE_KEY.public]) == receipt()
    with pytest.raises(Untrusted, match="no pinned key") as refused:
        receipts.read(genuine, [STRANGER.public])
    assert "archive key" in refused.value.do
    with pytest.raises((Malformed, Untrusted)):
        receipts.read(seal(OFFER_TYPE, receipt().encode(), ARCHIVE_KEY), [ARCHIVE_KEY.public])
    with pytest.raises(Malformed):
        receipts.read(seal(RECEIPT_TYPE, b"{}", ARCHIVE_KEY), [ARCHIVE_KEY.public])


def test_one_that_was_disproved_does_not_come_again() -> None:
    old = seal(RECEIPT_TYPE, receipt().encode(), ARCHIVE_KEY).decode()
    other = seal(RECEIPT_TYPE, receipt(epoch="epoch-0").encode(), ARCHIVE_KEY).decode()
    receipts.refuse_disproved(receipt(), [])
    receipts.refuse_disproved(receipt(), [other])
    for disproved in ([old], [other, old]):
        with pytest.raises(ReceiptRejected, match="was disproved"):
            receipts.refuse_disproved(receipt(), disproved)


def test_what_the_ledger_keeps() -> None:
    envelope = seal(RECEIPT_TYPE, receipt().encode(), ARCHIVE_KEY)
    said = receipt(stored_at=to_text(START))
    assert receipts.record_of(said, envelope) == ReceiptRecord(
        envelope=envelope.decode(),
        archive=said.archive,
        receiver=said.receiver,
        epoch=said.epoch,
        stored_at=START,
        stored_as=said.stored_as,
    )
    with pytest.raises(Malformed, match="Receipt"):
        receipts.record_of(receipt(stored_at="yesterday"), envelope)
    with pytest.raises(Malformed, match="Receipt"):
        receipts.record_of(said, b"\xff")
