"""What the receiver does before it listens: go on where the evidence on disk says."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from agent.archive.catalogue import Catalogue
from agent.archive.files import guarded
from agent.archive.partial import DATA, SLOTS
from agent.archive.sealing import Offer, Sealer
from agent.archive.store import PREFIXES, Store, kept_offer
from agent.archive.trust import Trust
from agent.clock import Clock, to_text
from agent.custody.envelopes import peek
from agent.errors import BodydockError, Malformed
from agent.wire.contract import Manifest, decode

log = logging.getLogger(__name__)

FORGOTTEN_S = 30 * 24 * 3600.0
"""A partial that nothing was written to for so long is deleted; its dock still holds the clip."""
_SHOWN = 5


class Recovery:
    """Brings folder and catalogue together. One bad record never stops it."""

    def __init__(
        self, store: Store, catalogue: Catalogue, trust: Trust, sealer: Sealer, clock: Clock
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._trust = trust
        self._sealer = sealer
        self._clock = clock

    def run(self) -> None:
        """Raises `StoreBroken` where the folder itself cannot be read."""
        for clip, blake3, folder in self._store.partials():
            try:
                with guarded("recover"):
                    self._partial(clip, blake3, folder)
            except BodydockError as error:
                log.warning("partial %s is left in place: %s", folder.name, error)
        self._compare()

    def _partial(self, clip: str, blake3: str, folder: Path) -> None:
        """Finish what a crash cut between sealing and commit, or between commit and clean-up."""
        stored = self._store.object_size(blake3) is not None
        has_data = (folder / DATA).exists()
        if (stored and self._catalogue.has(clip, blake3)) or not (stored or has_data):
            self._store.drop(folder)
        elif self._forgotten(folder):
            log.warning("partial %s was forgotten by its dock; deleted", folder.name)
            self._store.drop(folder)
        elif stored and not has_data and (envelope := kept_offer(folder)):
            self._adopt(clip, blake3, envelope)

    def _adopt(self, clip: str, blake3: str, envelope: bytes) -> None:
        claimed = decode(Manifest, peek(envelope))
        manifest = decode(Manifest, self._trust.unseal(claimed.dock, envelope))
        if (manifest.clip, manifest.sent.blake3) == (clip, blake3):
            log.info("clip %s was sealed and not recorded; reading it back", clip)
            self._sealer.adopt(Offer(manifest, envelope))

    def _forgotten(self, folder: Path) -> bool:
        touched = [path.stat().st_mtime for path in (folder, folder / SLOTS) if path.exists()]
        return self._clock.now().timestamp() - max(touched) > FORGOTTEN_S

    def _compare(self) -> None:
        """Folder and catalogue: where they differ in what is news, one of them was restored."""
        strangers: list[str] = []
        missing: list[str] = []
        for prefix in PREFIXES:
            found = self._store.objects(prefix).keys()
            recorded = self._catalogue.object_sizes(prefix).keys()
            strangers += found - recorded
            missing += recorded - found
        self._report(strangers)
        unfinished = set(self._unfinished())
        now = to_text(self._clock.now())
        self._catalogue.compared(set(strangers) - unfinished, missing, now)

    def _unfinished(self) -> Iterator[str]:
        """The names that objects of clips on their way have, or will have once decrypted."""
        for _, blake3, folder in self._store.partials():
            yield blake3
            try:
                envelope = kept_offer(folder)
                yield decode(Manifest, peek(envelope)).blake3 if envelope else blake3
            except (Malformed, OSError) as error:
                log.info("the offer beside %s says nothing: %s", folder.name, error)

    def _report(self, strangers: list[str]) -> None:
        """Objects that no record names stay: their dock's next offer, or a person, decides."""
        for name in strangers[:_SHOWN]:
            log.warning("object %r has no record; left in place", name)
        if len(strangers) > _SHOWN:
            log.warning("%d objects have no record in all", len(strangers))
