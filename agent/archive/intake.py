"""Clips on their way in: places, credit, chunks, progress, and the hand-over to sealing.

Rules:

1. A clip's partial has one writer at a time; another dock that offers the same clip waits, or
   goes on with it once the first fell silent.
2. Open clips, credit and memory are bounded, whatever docks do.
3. Nothing here blocks for long: hashing what an earlier run left, and sealing, go to `background`.
"""

from __future__ import annotations

import logging

from agent.archive.background import Background
from agent.archive.credit import Credit
from agent.archive.partial import Written
from agent.archive.readback import Contradiction, DigestMismatch
from agent.archive.replies import Replies
from agent.archive.sealing import Offer, Sealer
from agent.archive.settings import ArchiveSettings
from agent.archive.store import Store
from agent.archive.strikes import Strikes
from agent.archive.upload import REPORT_BYTES, Stage, Upload, Uploads
from agent.clock import Clock
from agent.errors import BodydockError, StoreBroken, StoreFull
from agent.wire.chunk import decode
from agent.wire.contract import Manifest, up

log = logging.getLogger(__name__)

MESSAGES_EACH = 64
"""Chunks that one dock may have under way; brokers count messages, not bytes."""
BAD_AT_ONCE = 64
LINGER_S = 0.005
"""Progress short of a full step is told once no chunk has come for so long."""
IDLE_S = 60.0
"""After so long without a chunk an upload is closed; what it brought stays on disk."""
TAKE_OVER_S = 20.0
"""After so long without a chunk an upload makes way for others."""
OPEN_PER_DOCK = 16


class Intake:
    """All uploads of a receiver. Called from one thread."""

    def __init__(
        self,
        settings: ArchiveSettings,
        store: Store,
        sealer: Sealer,
        background: Background,
        replies: Replies,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._store = store
        self._sealer = sealer
        self._background = background
        self._replies = replies
        self._clock = clock
        self._credit = Credit(settings.credit, settings.window)
        self._due: dict[str, Upload] = {}
        self.strikes = Strikes(clock)
        self.uploads = Uploads()

    def topic(self, manifest: Manifest) -> str:
        """Where the chunks of a clip come."""
        return up(manifest.dock, "chunk", self._settings.receiver, manifest.clip)

    def admit(self, offer: Offer, *, offered: bool = True) -> bool:
        """Open a clip if there is a place for it, else say so to the dock where it `offered`.

        Raises `StoreFull` or `StoreBroken` with nothing left open.
        """
        manifest = offer.manifest
        if why := self._no_place(offer):
            if offered:
                self._replies.later(manifest, why)
            return False
        try:
            partial = self._store.open_partial(manifest)
        except (StoreFull, StoreBroken):
            self._release_credit(manifest.dock)
            raise
        upload = Upload(offer, self.topic(manifest), partial, self._clock.monotonic(), offered)
        self.uploads[upload.topic] = upload
        try:
            partial.keep_offer(offer.envelope)
        except (StoreFull, StoreBroken):
            self.close(upload)
            raise
        self._check(upload)
        return True

    def grant(self, upload: Upload) -> None:
        """Tell the dock to send what is missing."""
        window = self._ask_credit(upload.offer.manifest)
        upload.step = min(REPORT_BYTES, window // 4)
        self._replies.go(upload, window)

    def chunk(self, upload: Upload, payload: bytes) -> None:
        """Take one chunk message of an upload that receives. Raises `Malformed`."""
        chunk = decode(payload)
        try:
            written = upload.partial.write(chunk)
        except (StoreFull, StoreBroken) as error:
            return self._give_up(upload, error)
        upload.active = self._clock.monotonic()
        upload.unreported += len(chunk.data)
        self._due[upload.topic] = upload
        if written is Written.BAD:
            upload.bad.append(chunk.offset)
        if upload.partial.complete:
            self._seal(upload)
        elif upload.unreported >= upload.step or len(upload.bad) >= BAD_AT_ONCE:
            self.report(upload)
        return None

    def report(self, upload: Upload) -> None:
        """Tell the dock what is stored by now."""
        self._replies.progress(upload)
        upload.unreported = 0
        upload.bad = []
        self._due.pop(upload.topic, None)

    @property
    def due(self) -> bool:
        """Whether progress waits to be told."""
        return bool(self._due)

    def flush(self) -> None:
        """Tell progress of the uploads that paused."""
        now = self._clock.monotonic()
        for upload in list(self._due.values()):
            if now - upload.active >= LINGER_S:
                self.report(upload)

    def tick(self) -> None:
        """Once in a while: close what went silent, so that others get its place."""
        for upload in self.uploads.idle(self._clock.monotonic(), IDLE_S):
            log.info("clip %s of dock %s fell silent", upload.offer.manifest.clip, upload.dock)
            self.close(upload)

    def close(self, upload: Upload) -> None:
        """Let go of an upload; what it brought stays on disk."""
        upload.partial.close()
        self._forget(upload)

    def _no_place(self, offer: Offer) -> str:
        """Why this clip cannot be opened now, empty where it can; silent uploads make way."""
        idle = self.uploads.idle(self._clock.monotonic(), TAKE_OVER_S)
        if rival := self.uploads.rival(offer):
            if rival not in idle:
                return f"dock {rival.dock} is sending this clip"
            self.close(rival)
        elif self.uploads.of(offer.manifest.dock) >= OPEN_PER_DOCK:
            return f"{OPEN_PER_DOCK} clips of this dock are open"
        elif len(self.uploads) >= self._settings.open_limit:
            if not idle:
                return f"{len(self.uploads)} clips are open"
            self.close(idle[0])
        return "" if self._ask_credit(offer.manifest) else "too many docks are sending"

    def _check(self, upload: Upload) -> None:
        def checked(outcome: BodydockError | None) -> None:
            if outcome is not None:
                self._give_up(upload, outcome)
            else:
                self._receive(upload)

        if upload.partial.doubtful:
            self._background.submit(upload.partial.recheck, checked)
        else:
            self._receive(upload)

    def _receive(self, upload: Upload) -> None:
        upload.stage = Stage.RECEIVING
        upload.active = self._clock.monotonic()
        if upload.offered:
            self.grant(upload)
        else:
            self.report(upload)
        if upload.partial.complete:
            self._seal(upload)

    def _seal(self, upload: Upload) -> None:
        upload.stage = Stage.SEALING
        self.report(upload)

        def sealed(outcome: bytes | BodydockError) -> None:
            self._forget(upload)
            if isinstance(outcome, bytes):
                self._replies.receipt(upload.dock, outcome)
            elif isinstance(outcome, Contradiction):
                self._replies.never(upload.offer.manifest, outcome.what)
            elif isinstance(outcome, DigestMismatch):
                self._once_more(upload.offer, outcome)
            else:
                self._replies.later(upload.offer.manifest, str(outcome))

        self._background.submit(lambda: self._sealer.seal(upload.offer, upload.partial), sealed)

    def _once_more(self, offer: Offer, error: DigestMismatch) -> None:
        """The clip arrived whole and did not fit: all of it again, or never, after three times."""
        self.strikes.add(offer, error.what)
        if why := self.strikes.out(offer):
            return self._replies.never(offer.manifest, why)
        try:
            self.admit(offer)
        except (StoreFull, StoreBroken) as broken:
            self._replies.later(offer.manifest, str(broken))
        return None

    def _give_up(self, upload: Upload, error: BodydockError) -> None:
        """The disk failed under an upload: what it has is not trusted any more."""
        log.error("clip %s of dock %s: %s", upload.offer.manifest.clip, upload.dock, error)
        self.close(upload)
        if not isinstance(error, StoreFull):
            self._store.set_aside(upload.partial.folder, f"dock {upload.dock}: {error}")
        self._replies.later(upload.offer.manifest, str(error))

    def _forget(self, upload: Upload) -> None:
        self._due.pop(upload.topic, None)
        if self.uploads.get(upload.topic) is upload:
            del self.uploads[upload.topic]
        self._release_credit(upload.dock)

    def _ask_credit(self, manifest: Manifest) -> int:
        """The dock's credit taken anew, else what it holds; 0 where it gets none."""
        asked = self._credit.ask(
            manifest.dock,
            least=2 * manifest.chunk_bytes,
            most=MESSAGES_EACH * manifest.chunk_bytes,
            now=self._clock.monotonic(),
        )
        return asked or self._credit.held(manifest.dock)

    def _release_credit(self, dock: str) -> None:
        if not self.uploads.of(dock):
            self._credit.release(dock)
