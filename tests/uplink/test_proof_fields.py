"""Each field of a proof alone: what it must be, and what is said where it is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from blake3 import blake3

from agent.clock import to_text
from agent.custody.envelopes import seal, unseal
from agent.errors import Malformed, ReceiptRejected, Untrusted
from agent.spool.entry import Entry, ReceiptRecord
from agent.uplink import proofs
from agent.uplink.proofs import NotPossessed, NotProvable
from agent.wire.contract import Presence, decode
from agent.wire.evidence import (
    CHALLENGE_TYPE,
    OTHER_FORM,
    PROOF_TYPE,
    RECEIPT_LIMIT,
    Challenge,
    Proof,
)

from .world import ARCHIVE_KEY, DOCK, DOCK_KEY, START, STRANGER, entry_of

DATA = b"footage " * 9
NONCE = "ab" * 32
KEYED = blake3(DATA, key=bytes.fromhex(NONCE)).hexdigest()
RECEIPT = ReceiptRecord("{}", "archive-1", "receiver-1", "epoch-1", START, "objects/x")
ENTRY = replace(entry_of(1, DATA), receipt=RECEIPT)
HERE = Presence(archive="archive-1", receiver="receiver-1", online=True, epoch="epoch-1")


def proof(**changes: Any) -> Proof:
    facts = {
        "archive": "archive-1",
        "epoch": "epoch-1",
        "receiver": "receiver-1",
        "dock": DOCK,
        "clip": ENTRY.clip,
        "size": len(DATA),
        "blake3": blake3(DATA).hexdigest(),
        "nonce": NONCE,
        "keyed": KEYED,
        "proved_at": to_text(START),
    }
    return Proof.model_validate(facts | changes)


def check(
    said: Proof, *, entry: Entry = ENTRY, keyed: str = KEYED, presence: Presence | None = HERE
) -> None:
    proofs.check(said, dock=DOCK, entry=entry, nonce=NONCE, keyed=keyed, presence=presence)


def test_a_true_proof_fits() -> None:
    check(proof())
    check(proof(), presence=None)
    read = proofs.read(seal(PROOF_TYPE, proof().encode(), ARCHIVE_KEY), [ARCHIVE_KEY.public])
    assert read == proof()


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("dock", {"dock": "dock-2"}),
        ("clip", {"clip": "0" * 64}),
        ("nonce", {"nonce": "0" * 64}),
        ("archive", {"archive": "archive-2"}),
        ("size", {"size": 1}),
        ("blake3", {"blake3": "0" * 64}),
        ("no epoch", {"epoch": ""}),
    ],
)
@pytest.mark.parametrize("presence", [None, HERE])
@pytest.mark.parametrize("lost", ["", "its file is gone", OTHER_FORM])
def test_each_field_must_fit_before_any_word_of_a_loss_counts(
    name: str, changes: dict[str, Any], presence: Presence | None, lost: str
) -> None:
    with pytest.raises(ReceiptRejected, match=f": {name}( is .+, not .+)?$") as refused:
        check(proof(lost=lost, **changes), presence=presence)
    assert type(refused.value) is ReceiptRejected
    assert ENTRY.clip in str(refused.value) or name == "clip"


def test_the_receiver_of_another_archive() -> None:
    words = ": its receiver's archive is archive-1, not archive-2"
    with pytest.raises(ReceiptRejected, match=words):
        check(proof(), presence=HERE.model_copy(update={"archive": "archive-2"}))


@pytest.mark.parametrize("moment", ["", "yesterday", "9999-99-99T00:00:00Z"])
def test_a_time_that_is_none(moment: str) -> None:
    with pytest.raises(Malformed, match="Proof"):
        check(proof(proved_at=moment))


def test_other_bytes_are_no_possession() -> None:
    with pytest.raises(NotPossessed, match="not those of this dock"):
        check(proof(keyed="0" * 64))
    with pytest.raises(NotPossessed, match="not those of this dock"):
        check(proof(keyed=""))
    with pytest.raises(NotPossessed, match="not those of this dock"):
        check(proof(keyed=""), keyed="")


def test_what_it_says_it_lost() -> None:
    """Even beside a digest that would fit."""
    with pytest.raises(NotPossessed, match="gone") as lost:
        check(proof(lost="gone" + "x" * 900))
    assert str(lost.value).endswith(": gone" + "x" * 196)
    with pytest.raises(NotProvable, match=OTHER_FORM):
        check(proof(lost=OTHER_FORM))


def test_words_of_others_are_cut_and_cannot_steer_a_terminal() -> None:
    with pytest.raises(NotPossessed) as lost:
        check(proof(lost="\x1b[2J"))
    assert "\x1b" not in str(lost.value)


def test_a_clip_without_a_receipt_or_a_copy() -> None:
    with pytest.raises(ReceiptRejected, match="no receipt"):
        check(proof(), entry=replace(ENTRY, receipt=None))
    bare = replace(ENTRY, sealed=None)
    for asked in (lambda: check(proof(), entry=bare), lambda: proofs.delivered(bare)):
        with pytest.raises(ReceiptRejected, match="no copy"):
            asked()


def test_only_pinned_keys_and_only_ascii() -> None:
    genuine = seal(PROOF_TYPE, proof().encode(), ARCHIVE_KEY)
    with pytest.raises(Untrusted, match="no pinned key") as refused:
        proofs.read(genuine, [STRANGER.public])
    assert "archive key" in refused.value.do
    with pytest.raises(Malformed, match="ASCII"):
        proofs.read(genuine + "é".encode(), [ARCHIVE_KEY.public])
    with pytest.raises((Malformed, Untrusted)):
        proofs.read(seal(CHALLENGE_TYPE, proof().encode(), ARCHIVE_KEY), [ARCHIVE_KEY.public])
    with pytest.raises(Malformed):
        proofs.read(seal(PROOF_TYPE, b"{}", ARCHIVE_KEY), [ARCHIVE_KEY.public])


@pytest.mark.parametrize(
    ("entry", "receipt"),
    [
        (ENTRY, "{}"),
        (replace(ENTRY, receipt=None), ""),
        (replace(ENTRY, receipt=replace(RECEIPT, envelope="x" * RECEIPT_LIMIT)), "full"),
        (replace(ENTRY, receipt=replace(RECEIPT, envelope="x" * (RECEIPT_LIMIT + 1))), ""),
    ],
)
def test_a_challenge(entry: Entry, receipt: str) -> None:
    envelope = proofs.signed_challenge(entry, DOCK, NONCE, DOCK_KEY)
    said = decode(Challenge, unseal(CHALLENGE_TYPE, envelope, [DOCK_KEY.public]))
    wanted = "x" * RECEIPT_LIMIT if receipt == "full" else receipt
    assert said == Challenge(
        dock=DOCK,
        clip=ENTRY.clip,
        size=len(DATA),
        blake3=blake3(DATA).hexdigest(),
        nonce=NONCE,
        receipt=wanted,
    )
