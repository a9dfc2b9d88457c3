"""Whether a possession proof shows that the archive still has exactly the bytes of a clip.

A proof is checked against the pinned keys, then field by field against the ledger and the
challenge that it answers. What it proves is its keyed digest: BLAKE3 keyed with a nonce that
nobody knew before, over the bytes as delivered, cannot be told without reading them.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.clock import from_text
from agent.custody.envelopes import seal, unseal
from agent.custody.keys import PublicKey, SecretKey
from agent.errors import Malformed, ReceiptRejected, Untrusted
from agent.model import printable
from agent.spool.entry import Entry
from agent.wire.contract import Presence, decode
from agent.wire.evidence import (
    CHALLENGE_TYPE,
    OTHER_FORM,
    PROOF_TYPE,
    RECEIPT_LIMIT,
    Challenge,
    Proof,
)


class NotPossessed(ReceiptRejected):
    """The archive's own signed answer shows that it does not have the clip's bytes."""


class NotProvable(ReceiptRejected):
    """The archive stores the clip in another form than was delivered: sending it again would
    change nothing, and its recorder is not cleared on a proof."""


def read(envelope: bytes, pinned: Sequence[PublicKey]) -> Proof:
    """The proof in an envelope that a pinned key signed.

    Raises `Malformed` for what is none, `Untrusted` where no pinned key signed it.
    """
    if not envelope.isascii():
        raise Malformed("Proof: an envelope is base64 and field names, all ASCII")
    try:
        payload = unseal(PROOF_TYPE, envelope, pinned)
    except Untrusted as error:
        raise Untrusted(
            "a proof that no pinned key signed", do="compare with `bodydock archive key`"
        ) from error
    return decode(Proof, payload)


def check(
    proof: Proof, *, dock: str, entry: Entry, nonce: str, keyed: str, presence: Presence | None
) -> None:
    """Raise `ReceiptRejected` unless every field fits the clip, the nonce and our own digest.

    `keyed` is BLAKE3 keyed with `nonce` over this dock's own copy. `NotPossessed` is raised only
    for an answer to this very challenge by the archive that receipted the clip; `NotProvable`
    where it says that it stores another form.
    """
    for name, (said, known) in _expected(proof, dock, entry, nonce, presence).items():
        if said != known:
            words = printable(f"{name} is {said}, not {known}")
            raise ReceiptRejected(f"proof for clip {proof.clip}: {words}")
    _check_moment(proof)
    if proof.lost == OTHER_FORM:
        raise NotProvable(f"the archive has clip {proof.clip} {OTHER_FORM}")
    if proof.lost:
        words = printable(proof.lost[:200])
        raise NotPossessed(f"the archive lost clip {proof.clip}: {words}")
    if proof.keyed != keyed or not keyed:
        raise NotPossessed(f"the archive's bytes of clip {proof.clip} are not those of this dock")


def delivered(entry: Entry) -> tuple[int, str]:
    """Size and BLAKE3 of a clip as this dock sends it. Raises `ReceiptRejected` without a copy."""
    if entry.sealed is None:
        raise ReceiptRejected(f"clip {entry.clip} has no copy on this dock to compare with")
    return entry.sealed.file_size, entry.sealed.file_digests.blake3


def signed_challenge(entry: Entry, dock: str, nonce: str, key: SecretKey) -> bytes:
    """The challenge for one clip, in its envelope."""
    size, blake3 = delivered(entry)
    challenge = Challenge(
        dock=dock,
        clip=entry.clip,
        size=size,
        blake3=blake3,
        nonce=nonce,
        receipt=_carried(entry),
    )
    return seal(CHALLENGE_TYPE, challenge.encode(), key)


def _carried(entry: Entry) -> str:
    """The receipt, unless it is of a length that no archive of ours writes."""
    envelope = entry.receipt.envelope if entry.receipt else ""
    return envelope if len(envelope) <= RECEIPT_LIMIT else ""


def _expected(
    proof: Proof, dock: str, entry: Entry, nonce: str, presence: Presence | None
) -> dict[str, tuple[object, object]]:
    """Each field as the proof says it, and as it must be."""
    if entry.receipt is None:
        raise ReceiptRejected(f"proof for clip {proof.clip}, of which there is no receipt")
    size, blake3 = delivered(entry)
    expected: dict[str, tuple[object, object]] = {
        "dock": (proof.dock, dock),
        "clip": (proof.clip, entry.clip),
        "nonce": (proof.nonce, nonce),
        "archive": (proof.archive, entry.receipt.archive),
        "size": (proof.size, size),
        "blake3": (proof.blake3, blake3),
    }
    if presence is not None:
        expected["its receiver's archive"] = (proof.archive, presence.archive)
    return expected


def _check_moment(proof: Proof) -> None:
    if not proof.epoch:
        raise ReceiptRejected(f"proof for clip {proof.clip}: no epoch")
    try:
        from_text(proof.proved_at)
    except (ValueError, OverflowError) as error:
        raise Malformed(f"Proof: {error}") from error
