"""Answers to docks that ask whether the archive still has what it receipted.

The object is read from the disk, never from the cache, once: the same pass finds its own BLAKE3
and the one keyed with the dock's nonce. An object that is gone or changed goes to quarantine, its
receipts hold no longer, and the dock is told that it is lost.
"""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from agent.archive.background import Background
from agent.archive.catalogue import Catalogue
from agent.archive.complaints import Complaints
from agent.archive.files import guarded, is_unreadable, sync
from agent.archive.readback import from_disk
from agent.archive.records import ClipRow
from agent.archive.settings import ArchiveSettings
from agent.archive.store import Store
from agent.archive.trust import Trust
from agent.clock import Clock, to_text
from agent.custody.envelopes import peek, seal, unseal
from agent.custody.keys import PublicKey, SecretKey
from agent.errors import BodydockError, Malformed, Untrusted
from agent.wire.contract import RECEIPT_TYPE, Manifest, Receipt, decode, down
from agent.wire.evidence import CHALLENGE_TYPE, OTHER_FORM, PROOF_TYPE, Challenge, Proof

log = logging.getLogger(__name__)

WAITING = 64
"""Challenges that wait or are answered; further ones are dropped, and their docks ask again."""
WAITING_EACH = 4
"""Of one dock."""
REMEMBERED = 64
REMEMBERED_S = 60.0
"""For so long a repeated challenge gets the same answer again, without reading."""
UNKNOWN = "not known here"
"""What a dock is told of a clip that it never delivered to this catalogue."""

_Asked = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Finding:
    """What reading an object found; `lost` says why there is nothing to prove."""

    keyed: str = ""
    lost: str = ""


class Prover:
    """Takes challenges, reads one object at a time in the background, answers through `send`."""

    def __init__(
        self,
        settings: ArchiveSettings,
        store: Store,
        catalogue: Catalogue,
        trust: Trust,
        key: SecretKey,
        background: Background,
        send: Callable[[str, bytes], None],
        clock: Clock,
        former: Sequence[PublicKey] = (),
    ) -> None:
        """`former` are keys that gave way to `key`, by which older receipts are signed."""
        self._known = (key.public, *former)
        self._settings = settings
        self._store = store
        self._catalogue = catalogue
        self._trust = trust
        self._key = key
        self._background = background
        self._send = send
        self._clock = clock
        self._complaints = Complaints(clock)
        self._open: OrderedDict[_Asked, Challenge] = OrderedDict()
        self._busy = False
        self._answered: OrderedDict[_Asked, tuple[float, bytes]] = OrderedDict()

    def challenged(self, dock: str, envelope: bytes) -> None:
        """Take one challenge. Raises `Malformed`; one that is not the dock's is dropped."""
        if not envelope.isascii():
            raise Malformed("challenge: an envelope is base64 and field names, all ASCII")
        if (known := self._trust.key_of(dock)) is None:
            return self._complaints.about("challenge", f"no key of dock {dock} is known")
        try:
            challenge = decode(Challenge, unseal(CHALLENGE_TYPE, envelope, [known]))
        except Untrusted as error:
            words = f"dock {dock}: {error}"
            return self._complaints.about("challenge not trusted", words, level=logging.CRITICAL)
        if challenge.dock != dock:
            raise Malformed(f"challenge: names dock {challenge.dock}")
        return self._take((dock, challenge.clip, challenge.nonce), challenge)

    def _take(self, asked: _Asked, challenge: Challenge) -> None:
        """Answer again, or read as soon as there is time."""
        if (known := self._answered.get(asked)) and self._is_fresh(known[0]):
            return self._send(down(challenge.dock, "challenge"), known[1])
        each = Counter(dock for dock, _, _ in self._open)[challenge.dock]
        if asked in self._open or len(self._open) >= WAITING or each >= WAITING_EACH:
            return None
        self._open[asked] = challenge
        return self._next()

    def _is_fresh(self, at: float) -> bool:
        return self._clock.monotonic() - at < REMEMBERED_S

    def _next(self) -> None:
        if self._busy or not self._open:
            return
        asked, challenge = next(iter(self._open.items()))
        self._busy = True
        self._background.submit(
            lambda: self._answer(challenge), lambda outcome: self._done(asked, outcome)
        )

    def _done(self, asked: _Asked, outcome: bytes | BodydockError) -> None:
        self._busy = False
        self._open.pop(asked, None)
        if isinstance(outcome, bytes):
            self._answered[asked] = (self._clock.monotonic(), outcome)
            if len(self._answered) > REMEMBERED:
                self._answered.popitem(last=False)
            self._send(down(asked[0], "challenge"), outcome)
        else:  # the dock asks again
            self._complaints.about("no proof now", str(outcome), level=logging.ERROR)
        self._next()

    # In the background.

    def _answer(self, challenge: Challenge) -> bytes:
        """The signed proof, or the signed word that there is none. Raises `StoreBroken` where the
        disk fails otherwise than by losing this object."""
        found = self._find(challenge)
        proof = Proof(
            archive=self._settings.archive,
            epoch=self._catalogue.epoch,
            receiver=self._settings.receiver,
            dock=challenge.dock,
            clip=challenge.clip,
            size=challenge.size,
            blake3=challenge.blake3,
            nonce=challenge.nonce,
            keyed=found.keyed,
            proved_at=to_text(self._clock.now()),
            lost=found.lost,
        )
        if found.lost:
            log.error("clip %s of dock %s: %s", challenge.clip, challenge.dock, found.lost)
        return seal(PROOF_TYPE, proof.encode(), self._key)

    def _find(self, challenge: Challenge) -> Finding:
        row = self._delivery(challenge)
        if row is None:
            self._look_at_receipt(challenge)
            return Finding(lost=UNKNOWN)
        if self._catalogue.doubted(row.clip, row.blake3, row.dock):
            return Finding(lost="lost after its receipt")
        receipt = decode(Receipt, peek(row.receipt.encode()))
        if receipt.stored_as != self._store.stored_as(challenge.blake3):
            return Finding(lost=OTHER_FORM)
        return self._read(challenge.blake3, challenge.size, bytes.fromhex(challenge.nonce))

    def _delivery(self, challenge: Challenge) -> ClipRow | None:
        """What this dock delivered under the clip's id as these bytes."""
        asked = (challenge.dock, challenge.size, challenge.blake3)
        for row in self._catalogue.versions(challenge.clip):
            manifest = decode(Manifest, peek(row.manifest.encode()))
            sent = manifest.sent
            if (row.dock, sent.size, sent.blake3) == asked:
                return row
        return None

    def _read(self, name: str, size: int, nonce: bytes) -> Finding:
        """Read the object whole; what is not as it was is put aside for good."""
        path = self._store.object_path(name)
        try:
            plain, keyed, found = _digests(path, nonce)
        except FileNotFoundError:
            return self._lost(name, "its file is gone")
        except OSError as error:
            if not is_unreadable(error):
                with guarded("prove"):
                    raise
            return self._put_aside(name, f"it cannot be read: {error.strerror or error}")
        if (plain, found) != (name, size):
            return self._put_aside(name, f"BLAKE3 is now {plain}")
        return Finding(keyed=keyed)

    def _put_aside(self, name: str, why: str) -> Finding:
        self._store.quarantine_object(name, why)
        return self._lost(name, why)

    def _lost(self, name: str, why: str) -> Finding:
        log.critical("object %s is lost: %s", name, why)
        self._catalogue.lose([name], why, to_text(self._clock.now()))
        return Finding(lost=why)

    def _look_at_receipt(self, challenge: Challenge) -> None:
        """A receipt of ours, of this epoch, for a delivery that we know nothing of: it was
        committed before it went out, so this catalogue is an older copy of the one that was."""
        if not challenge.receipt:
            return
        try:
            payload = unseal(RECEIPT_TYPE, challenge.receipt.encode(), self._known)
            receipt = decode(Receipt, payload)
        except (Malformed, Untrusted) as error:
            log.info("the receipt of clip %s proves nothing here: %s", challenge.clip, error)
            return
        ours = (self._settings.archive, self._catalogue.epoch)
        if (receipt.archive, receipt.epoch) == ours and not self._knows(receipt):
            why = f"it signed a receipt for clip {receipt.clip} of dock {receipt.dock}"
            why += f" at {receipt.stored_at}, and does not know it: restored from a copy"
            self._catalogue.renew_epoch(why, to_text(self._clock.now()))

    def _knows(self, receipt: Receipt) -> bool:
        delivery = (receipt.clip, receipt.object_blake3, receipt.dock)
        return self._catalogue.delivery(*delivery) is not None


def _digests(path: Path, nonce: bytes) -> tuple[str, str, int]:
    """BLAKE3, BLAKE3 keyed with `nonce` (32 bytes), and size, as the disk gives the bytes."""
    sync(path)
    plain, keyed, size = blake3(), blake3(key=nonce), 0
    for piece in from_disk(path):
        plain.update(piece)
        keyed.update(piece)
        size += len(piece)
    return plain.hexdigest(), keyed.hexdigest(), size
