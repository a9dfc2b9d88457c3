"""From a complete partial, or an object that is already there, to a committed receipt.

The order: the store seals (synced, read back, named, names synced), then the receipt is signed
and committed to the catalogue with the clip, and only a committed receipt leaves this module.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from agent.archive.catalogue import Catalogue
from agent.archive.partial import Partial
from agent.archive.readback import DigestMismatch
from agent.archive.settings import ArchiveSettings
from agent.archive.store import Store
from agent.clock import Clock, to_text
from agent.custody.envelopes import seal, unseal
from agent.custody.keys import SecretKey
from agent.errors import Malformed, StoreBroken, StoreFull, Untrusted
from agent.wire.contract import RECEIPT_TYPE, Manifest, Receipt, decode

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
    ) -> None:
        self._settings = settings
        self._store = store
        self._catalogue = catalogue
        self._key = key
        self._clock = clock
        self._epoch = catalogue.epoch

    def stored(self, manifest: Manifest) -> bytes | None:
        """The receipt committed for this very delivery, where it still says the truth.

        None where there is none, the object is gone or of another size, or key, epoch or wanted
        digests have changed since.
        """
        row = self._catalogue.delivery(manifest.clip, manifest.blake3, manifest.dock)
        if row is None or self._store.object_size(manifest.blake3) != manifest.size:
            return None
        envelope = row.receipt.encode()
        try:
            receipt = decode(Receipt, unseal(RECEIPT_TYPE, envelope, [self._key.public]))
        except (Malformed, Untrusted) as error:
            log.info("receipt of clip %s is made anew: %s", manifest.clip, error)
            return None
        wanted = (self._epoch, manifest.size, manifest.sha256, manifest.sm3)
        found = (receipt.epoch, receipt.size, receipt.sha256, receipt.sm3)
        return envelope if wanted == found else None

    def seal(self, offer: Offer, partial: Partial) -> bytes:
        """Store a complete partial; its receipt. The partial is closed in any case.

        Raises `DigestMismatch` after moving the partial to quarantine.
        """
        try:
            self._store.seal(partial, offer.manifest)
        except (DigestMismatch, StoreBroken) as error:
            self._store.set_aside(partial.folder, f"dock {offer.manifest.dock}: {error}")
            raise
        finally:
            partial.close()
        return self._commit(offer)

    def adopt(self, offer: Offer) -> bytes | None:
        """The receipt for an object that is already there, after reading it whole.

        None where it turned out damaged, or is gone: then the clip is wanted. Raises
        `DigestMismatch` where the offer contradicts the object.
        """
        if self._store.object_size(offer.manifest.blake3) is None:
            return None
        return self._commit(offer) if self._store.object_is_sound(offer.manifest) else None

    def _commit(self, offer: Offer) -> bytes:
        manifest = offer.manifest
        receipt = Receipt(
            archive=self._settings.archive,
            epoch=self._epoch,
            receiver=self._settings.receiver,
            dock=manifest.dock,
            recorder=manifest.recorder.serial,
            clip=manifest.clip,
            size=manifest.size,
            blake3=manifest.blake3,
            sha256=manifest.sha256,
            sm3=manifest.sm3,
            stored_as=self._store.stored_as(manifest.blake3),
            stored_at=to_text(self._clock.now()),
        )
        envelope = seal(RECEIPT_TYPE, receipt.encode(), self._key)
        self._catalogue.record(manifest, offer.envelope, receipt, envelope)
        log.info("clip %s of dock %s stored, %d bytes", manifest.clip, manifest.dock, manifest.size)
        try:
            self._store.drop(self._store.partial_folder(manifest))
        except (StoreFull, StoreBroken) as error:
            log.warning("left-overs of clip %s stay: %s", manifest.clip, error)
        return envelope
