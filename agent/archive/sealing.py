"""From a complete partial, or an object that is already there, to a committed receipt.

The order: the store seals (synced, read back, named, names synced), then the receipt is signed
and committed to the catalogue with the clip, and only a committed receipt leaves this module.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from agent.archive.catalogue import Catalogue
from agent.archive.opening import Opening
from agent.archive.partial import Partial
from agent.archive.readback import DigestMismatch
from agent.archive.settings import ArchiveSettings
from agent.archive.store import Store
from agent.clock import Clock, to_text
from agent.custody.envelopes import seal, unseal
from agent.custody.keys import SecretKey
from agent.errors import Malformed, StoreBroken, StoreFull, Untrusted
from agent.wire.contract import RECEIPT_TYPE, Manifest, Receipt, decode
from agent.wire.facts import Sent

REPEATS = 8
"""How often one receipt is given out before another is made."""
_HANDED_LIMIT = 1024

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Offer:
    """A manifest and the signed envelope that it came in; the signature was verified."""

    manifest: Manifest
    envelope: bytes


class Sealer:
    """Makes receipts. All but `stored` are slow and raise `StoreFull` or `StoreBroken`."""

    def __init__(
        self,
        settings: ArchiveSettings,
        store: Store,
        catalogue: Catalogue,
        key: SecretKey,
        clock: Clock,
        opening: Opening | None = None,
    ) -> None:
        """`opening` decrypts clips that arrive encrypted to this archive."""
        self._opening = opening
        self._settings = settings
        self._store = store
        self._catalogue = catalogue
        self._key = key
        self._clock = clock
        self._handed: OrderedDict[tuple[str, str, str], int] = OrderedDict()

    def stored(self, manifest: Manifest) -> bytes | None:
        """The receipt committed for this very delivery, where it still says the truth.

        None where there is none, the object is gone or of another size, or was lost since, or key,
        epoch or wanted digests have changed since.
        """
        for form in dict.fromkeys((manifest.sent, manifest.recorded_form)):
            if receipt := self._stored(manifest, form):
                return receipt
        return None

    def _stored(self, manifest: Manifest, form: Sent) -> bytes | None:
        """`stored`, for a clip that lies here in this form."""
        delivery = (manifest.clip, form.blake3, manifest.dock)
        row = self._catalogue.delivery(*delivery)
        if row is None or self._catalogue.doubted(*delivery):
            return None
        if self._store.object_size(form.blake3) != form.size:
            return None
        envelope = row.receipt.encode()
        try:
            receipt = decode(Receipt, unseal(RECEIPT_TYPE, envelope, [self._key.public]))
        except (Malformed, Untrusted) as error:
            log.info("receipt of clip %s is made anew: %s", manifest.clip, error)
            return None
        wanted = (self._catalogue.epoch, manifest.size, manifest.sha256, manifest.sm3)
        found = (receipt.epoch, receipt.size, receipt.sha256, receipt.sm3)
        same = wanted == found and receipt.stored == manifest.stored
        if same and self._opens(manifest) and not receipt.opened:
            return None  # more can be said of it than was
        return envelope if same and self._may_repeat(delivery) else None

    def _opens(self, manifest: Manifest) -> bool:
        return self._opening is not None and self._opening.opens(manifest)

    def _may_repeat(self, delivery: tuple[str, str, str]) -> bool:
        """A dock that asks again and again does not take the receipt: another is made, from the
        object."""
        number = self._handed.pop(delivery, 0) + 1
        if number > REPEATS:
            return False
        self._handed[delivery] = number
        if len(self._handed) > _HANDED_LIMIT:
            self._handed.popitem(last=False)
        return True

    def seal(self, offer: Offer, partial: Partial) -> bytes:
        """Store a complete partial; its receipt. The partial is closed in any case.

        Raises `DigestMismatch` after moving the partial to quarantine.
        """
        try:
            form = self._store.seal(partial, offer.manifest, self._opening)
        except (DigestMismatch, StoreBroken) as error:
            self._store.set_aside(partial.folder, f"dock {offer.manifest.dock}: {error}")
            raise
        finally:
            partial.close()
        return self._commit(offer, form)

    def adopt(self, offer: Offer) -> bytes | None:
        """The receipt for an object that is already there, after reading it whole.

        None where it turned out damaged, or is gone: then the clip is wanted. Raises
        `DigestMismatch` where the offer contradicts the object.
        """
        form = offer.manifest.sent
        if self._store.object_size(form.blake3) is None:
            return None
        if self._store.object_is_sound(offer.manifest):
            if self._opening and self._opens(offer.manifest):
                self._opening.prove(self._store.object_path(form.blake3), offer.manifest)
            return self._commit(offer, form)
        lost = [form.blake3]
        self._catalogue.lose(lost, "damaged", to_text(self._clock.now()))
        return None

    def _commit(self, offer: Offer, form: Sent) -> bytes:
        """`form` is how the clip lies here."""
        manifest = offer.manifest
        told = _told_of(manifest, form, opened=self._opens(manifest)) if manifest.stored else {}
        receipt = Receipt(
            archive=self._settings.archive,
            epoch=self._catalogue.epoch,
            receiver=self._settings.receiver,
            dock=manifest.dock,
            recorder=manifest.recorder.serial,
            clip=manifest.clip,
            size=manifest.size,
            blake3=manifest.blake3,
            sha256=manifest.sha256,
            sm3=manifest.sm3,
            stored_as=self._store.stored_as(form.blake3),
            stored_at=to_text(self._clock.now()),
            **told,
        )
        envelope = seal(RECEIPT_TYPE, receipt.encode(), self._key)
        self._catalogue.record(manifest, offer.envelope, receipt, envelope)
        log.info("clip %s of dock %s stored, %d bytes", manifest.clip, manifest.dock, manifest.size)
        try:
            self._store.drop(self._store.partial_folder(manifest))
        except (StoreFull, StoreBroken) as error:
            log.warning("left-overs of clip %s stay: %s", manifest.clip, error)
        return envelope


def _told_of(manifest: Manifest, form: Sent, *, opened: bool) -> dict[str, Any]:
    """What a receipt says more of an encrypted clip."""
    kept = "as-sent" if form == manifest.sent else "plain"
    return {"stored": manifest.stored, "opened": opened, "kept": kept}
