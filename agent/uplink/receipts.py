"""Whether a receipt proves what it says, for exactly the bytes that this dock holds.

This is the only way to `receipted`. A receipt is checked against the pinned keys, then field by
field against the ledger, and never against what a connection or a session believes.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.clock import from_text
from agent.custody.envelopes import peek, unseal
from agent.custody.keys import PublicKey
from agent.errors import Malformed, ReceiptRejected, Untrusted
from agent.model import printable
from agent.spool.entry import Entry, ReceiptRecord
from agent.uplink.offers import stored_facts
from agent.wire.contract import RECEIPT_TYPE, Presence, Receipt, decode


def read(envelope: bytes, pinned: Sequence[PublicKey]) -> Receipt:
    """The receipt in an envelope that a pinned key signed.

    Raises `Malformed` for what is none, `Untrusted` where no pinned key signed it.
    """
    try:
        payload = unseal(RECEIPT_TYPE, envelope, pinned)
    except Untrusted as error:
        raise Untrusted(
            "a receipt that no pinned key signed", do="compare with `bodydock archive key`"
        ) from error
    return decode(Receipt, payload)


def check(receipt: Receipt, *, dock: str, entry: Entry, presence: Presence | None) -> None:
    """Raise `ReceiptRejected` unless every field fits the clip as the ledger knows it.

    `presence` is what the receipt's receiver says of itself, where anything is known: the same
    receiver under another archive's name is refused.
    """
    if entry.sealed is None:
        raise ReceiptRejected(f"receipt for clip {receipt.clip}, of which this dock has no copy")
    ours = entry.sealed
    expected: dict[str, tuple[object, object]] = {
        "dock": (receipt.dock, dock),
        "clip": (receipt.clip, entry.clip),
        "recorder": (receipt.recorder, entry.sighting.identity.serial),
        "size": (receipt.size, ours.size),
        "blake3": (receipt.blake3, ours.digests.blake3),
        "stored form": (receipt.stored, stored_facts(ours.stored) if ours.stored else None),
        "word on opening": (receipt.opened is not None, ours.stored is not None),
        "word on keeping": (receipt.kept is not None, ours.stored is not None),
    }
    if ours.digests.sha256 is not None:
        expected["sha256"] = (receipt.sha256, ours.digests.sha256)
    if ours.digests.sm3 is not None:
        expected["sm3"] = (receipt.sm3, ours.digests.sm3)
    if presence is not None:
        expected["archive"] = (receipt.archive, presence.archive)
    for name, (said, known) in expected.items():
        if said != known:
            said = printable(str(said)[:100])
            raise ReceiptRejected(
                f"receipt for clip {receipt.clip}: {name} is {said}, not {printable(str(known))}"
            )
    if receipt.kept == "plain" and not receipt.opened:
        raise ReceiptRejected(
            f"receipt for clip {receipt.clip}: kept decrypted, and never opened, cannot be"
        )
    if not receipt.epoch or not receipt.stored_as:
        raise ReceiptRejected(f"receipt for clip {receipt.clip} does not say where and under what")


def refuse_disproved(receipt: Receipt, disproved: Sequence[str]) -> None:
    """Raise `ReceiptRejected` for a receipt that its archive itself disproved since: such a one can
    come again, from the archive or from who recorded it, and says nothing new."""
    for envelope in disproved:
        if decode(Receipt, peek(envelope.encode())) == receipt:
            raise ReceiptRejected(f"receipt for clip {receipt.clip} was disproved since")


def record_of(receipt: Receipt, envelope: bytes) -> ReceiptRecord:
    """What the ledger keeps. Raises `Malformed` for a time that is none, or no UTF-8."""
    try:
        stored_at = from_text(receipt.stored_at)
        text = envelope.decode()
    except (ValueError, OverflowError) as error:
        raise Malformed(f"Receipt: {error}") from error
    return ReceiptRecord(
        envelope=text,
        archive=receipt.archive,
        receiver=receipt.receiver,
        epoch=receipt.epoch,
        stored_at=stored_at,
        stored_as=receipt.stored_as,
    )
