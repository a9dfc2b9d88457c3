"""A receipt for an encrypted clip speaks of both forms, and each word of it is checked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.errors import ReceiptRejected
from agent.model import Digests, Stored
from agent.spool.entry import Entry
from agent.uplink import receipts
from agent.uplink.offers import manifest_of, stored_facts
from agent.wire.contract import Manifest, Receipt, decode

from .archive import PlayedArchive
from .world import DOCK, content, entry_of

STORED = Stored("age", 1300, Digests("1" * 64, "2" * 64, "3" * 64), "age1" + "q" * 58)
OTHER = {"size": 1301, "blake3": "4" * 64, "chunks": "5" * 64, "sha256": "6" * 64,
         "recipient": "age1" + "z" * 58}  # fmt: skip


def sealed_entry() -> Entry:
    entry = entry_of(1, content(1, 1000))
    assert entry.sealed
    return replace(entry, sealed=replace(entry.sealed, stored=STORED))


def receipt_for(entry: Entry, **changes: Any) -> Receipt:
    return PlayedArchive(lambda *_: None).receipt_for(manifest_of(entry, DOCK), **changes)


def check(entry: Entry, receipt: Receipt) -> None:
    receipts.check(receipt, dock=DOCK, entry=entry, presence=None)


@pytest.mark.parametrize(
    ("opened", "kept"), [(True, "as-sent"), (True, "plain"), (False, "as-sent")]
)
def test_an_honest_receipt_is_taken_opened_or_not(opened: bool, kept: str) -> None:
    entry = sealed_entry()
    receipt = decode(Receipt, receipt_for(entry, opened=opened, kept=kept).encode())
    check(entry, receipt)
    assert receipt.opened is opened


def test_what_was_never_opened_cannot_be_kept_decrypted() -> None:
    entry = sealed_entry()
    with pytest.raises(ReceiptRejected, match="never opened"):
        check(entry, receipt_for(entry, opened=False, kept="plain"))


@pytest.mark.parametrize("fact", OTHER)
def test_a_receipt_for_another_stored_form_is_refused(fact: str) -> None:
    entry = sealed_entry()
    wrong = stored_facts(STORED).model_copy(update={fact: OTHER[fact]})
    with pytest.raises(ReceiptRejected, match="stored form"):
        check(entry, receipt_for(entry, stored=wrong))


@pytest.mark.parametrize("field", ["stored", "opened", "kept"])
def test_a_receipt_that_is_silent_on_the_stored_form_is_refused(field: str) -> None:
    entry = sealed_entry()
    with pytest.raises(ReceiptRejected):
        check(entry, receipt_for(entry, **{field: None}))


@pytest.mark.parametrize(
    "said", [{"stored": stored_facts(STORED)}, {"opened": True}, {"kept": "plain"}]
)
def test_a_receipt_that_tells_of_encryption_where_none_was_is_refused(said: dict[str, Any]) -> None:
    entry = entry_of(1, content(1, 1000))
    check(entry, receipt_for(entry))
    with pytest.raises(ReceiptRejected):
        check(entry, receipt_for(entry, **said))


def test_what_was_recorded_is_still_checked() -> None:
    entry = sealed_entry()
    with pytest.raises(ReceiptRejected, match="blake3"):
        check(entry, receipt_for(entry, blake3=STORED.digests.blake3))
    with pytest.raises(ReceiptRejected, match="size"):
        check(entry, receipt_for(entry, size=STORED.size))


def test_both_forms_stand_in_the_manifest() -> None:
    entry = sealed_entry()
    manifest = decode(Manifest, manifest_of(entry, DOCK).encode())
    assert entry.sealed
    assert (manifest.size, manifest.blake3) == (entry.sealed.size, entry.sealed.digests.blake3)
    assert (manifest.sent.size, manifest.sent.blake3) == (1300, "1" * 64)
    assert manifest.stored == stored_facts(STORED)
