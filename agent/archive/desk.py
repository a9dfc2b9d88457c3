"""The receiver's decisions: what each message of a dock is answered with.

Knows no broker: messages come in through `handle`, answers go out through `send`, slow work goes
to `background`. Nothing is written for a dock whose signed offer of that very clip was not
verified. Whatever gets lost on the way, the dock's silence and its new offer mend it: every
answer can be given again.
"""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping

from agent.archive.background import Background
from agent.archive.complaints import Complaints
from agent.archive.intake import Intake
from agent.archive.partial import chunk_count
from agent.archive.readback import DigestMismatch, can_sm3
from agent.archive.replies import Replies
from agent.archive.sealing import Offer, Sealer
from agent.archive.settings import ArchiveSettings
from agent.archive.store import Store
from agent.archive.trust import Trust
from agent.archive.upload import Stage
from agent.clock import Clock
from agent.custody.envelopes import peek
from agent.errors import BodydockError, Malformed, StoreBroken, StoreFull, Untrusted
from agent.wire.contract import PREFIX, DockStatus, Manifest, decode

log = logging.getLogger(__name__)

CHUNKS_LIMIT = 1_048_576
"""Chunks of one clip: 256 GiB at 256 KiB each."""
STRAY_S = 5.0
"""How often a chunk without a grant makes us look on disk for its clip."""
_STRAYS_LIMIT = 1024

_TOPIC = re.compile(
    re.escape(PREFIX) + r"/dock/([A-Za-z0-9][A-Za-z0-9._-]{0,63})/up/"
    r"(?:([a-z]{1,16})|chunk/([A-Za-z0-9._-]{1,64})/([0-9a-f]{64}))\Z"
)


class Desk:
    """Answers docks. All methods are called from one thread, and none blocks for long."""

    def __init__(
        self,
        settings: ArchiveSettings,
        store: Store,
        trust: Trust,
        sealer: Sealer,
        background: Background,
        send: Callable[[str, bytes], None],
        clock: Clock,
        others: Mapping[str, Callable[[str, bytes], None]] | None = None,
    ) -> None:
        """`others` take further messages of docks by name: `(dock, payload)` of `up/<name>`."""
        self._others = others or {}
        self._settings = settings
        self._store = store
        self._trust = trust
        self._sealer = sealer
        self._background = background
        self._clock = clock
        self._replies = Replies(settings.receiver, send)
        self._complaints = Complaints(clock)
        self._adopting: set[str] = set()
        self._strays: OrderedDict[str, float] = OrderedDict()
        self.intake = Intake(settings, store, sealer, background, self._replies, clock)

    def handle(self, topic: str, payload: bytes) -> None:
        """Take one message. Whatever is wrong with it is logged, sparingly, and it is dropped."""
        try:
            upload = self.intake.uploads.get(topic)
            if upload is not None and upload.stage is Stage.RECEIVING:
                self.intake.chunk(upload, payload)
            elif upload is None:
                self._route(topic, payload)
        except Malformed as error:
            self._complaints.about("malformed message", f"{topic[:200]}: {error}")
        except (StoreFull, StoreBroken) as error:  # the dock says it again
            self._complaints.about("store", str(error), level=logging.ERROR)

    def close(self) -> None:
        """Let go of every file; what was received stays for the next run."""
        for upload in list(self.intake.uploads.values()):
            self.intake.close(upload)

    def _route(self, topic: str, payload: bytes) -> None:
        if not (match := _TOPIC.match(topic)):
            raise Malformed("no topic of the contract")
        dock, kind, receiver, clip = match.groups()
        if kind == "status":
            self._status(dock, payload)
        elif kind == "offer":
            self._offer(dock, payload)
        elif kind in self._others:
            self._others[kind](dock, payload)
        elif receiver == self._settings.receiver:
            self._stray(topic, dock, clip)

    def _status(self, dock: str, payload: bytes) -> None:
        status = decode(DockStatus, payload)
        if status.dock != dock:
            raise Malformed(f"status: names dock {status.dock}")
        try:
            self._trust.announce(status)
        except Untrusted as error:
            self._complaints.about("wrong key", str(error), level=logging.CRITICAL)

    def _offer(self, dock: str, envelope: bytes) -> None:
        if not envelope.isascii():
            raise Malformed("offer: an envelope is base64 and field names, all ASCII")
        claimed = decode(Manifest, peek(envelope))
        if claimed.dock != dock:
            raise Malformed(f"offer: names dock {claimed.dock}")
        try:
            manifest = decode(Manifest, self._trust.unseal(dock, envelope))
            self._take(Offer(manifest, envelope))
        except Untrusted as error:
            level = logging.WARNING if error.retry else logging.CRITICAL
            self._complaints.about("offer not trusted", str(error), level=level)
            # Never "never": whoever forges an offer would put off the honest dock's clip a day.
            self._replies.later(claimed, str(error))

    def _take(self, offer: Offer) -> None:
        """Answer a verified offer; where the disk fails, with a request to come later."""
        try:
            self._consider(offer)
        except (StoreFull, StoreBroken) as error:
            self._complaints.about("store", str(error), level=logging.ERROR)
            self._replies.later(offer.manifest, str(error))

    def _consider(self, offer: Offer) -> None:
        """With a receipt, a grant, or no."""
        manifest, topic = offer.manifest, self.intake.topic(offer.manifest)
        if topic in self._adopting or self._goes_on(offer, topic):
            return
        if receipt := self._sealer.stored(manifest):
            self._replies.receipt(manifest.dock, receipt)
        elif why := _impossible(manifest) or self.intake.strikes.out(offer):
            self._replies.never(manifest, why)
        elif self._store.object_size(manifest.sent.blake3) is not None:
            self._adopt(offer, topic)
        else:
            self.intake.admit(offer)

    def _goes_on(self, offer: Offer, topic: str) -> bool:
        """Whether the offer repeats one that is under way; one of other bytes replaces it."""
        if not (known := self.intake.uploads.get(topic)):
            return False
        if known.stage is not Stage.RECEIVING:
            known.offered = True  # what comes out of it answers this offer
            return True
        if not _same_bytes(known.offer.manifest, offer.manifest):
            self.intake.close(known)
            return False
        known.offer = offer
        known.partial.keep_offer(offer.envelope)
        self.intake.grant(known)
        return True

    def _adopt(self, offer: Offer, topic: str) -> None:
        """The bytes are there, from another delivery or without a record: read, then receipt."""
        if len(self._adopting) >= self._settings.open_limit:
            return self._replies.later(offer.manifest, f"{len(self._adopting)} clips wait")
        self._adopting.add(topic)

        def adopted(outcome: bytes | BodydockError | None) -> None:
            self._adopting.discard(topic)
            if isinstance(outcome, bytes):
                self._replies.receipt(offer.manifest.dock, outcome)
            elif isinstance(outcome, DigestMismatch):
                self._replies.never(offer.manifest, f"the offer contradicts itself: {outcome}")
            elif outcome is None:
                self._take(offer)  # ours was damaged: theirs is wanted
            else:
                self._replies.later(offer.manifest, str(outcome))

        return self._background.submit(lambda: self._sealer.adopt(offer), adopted)

    def _stray(self, topic: str, dock: str, clip: str) -> None:
        """A chunk without a grant: after our restart, say what the disk holds of its clip."""
        now = self._clock.monotonic()
        if now - self._strays.get(topic, -STRAY_S) < STRAY_S:
            return
        self._strays[topic] = now
        self._strays.move_to_end(topic)
        if len(self._strays) > _STRAYS_LIMIT:
            self._strays.popitem(last=False)
        try:
            if self._trust.knows(dock) and self._resume(dock, clip):
                return
        except (StoreFull, StoreBroken) as error:
            self._complaints.about("store", str(error), level=logging.ERROR)
        self._complaints.about("chunk without a grant", topic, level=logging.INFO)

    def _resume(self, dock: str, clip: str) -> bool:
        """Go on with a partial of an earlier run, if this dock's own offer lies beside it."""
        for envelope in self._store.offers_for(clip):
            try:
                manifest = decode(Manifest, self._trust.unseal(dock, envelope))
            except (Malformed, Untrusted) as error:
                log.info("partial of clip %s is not for dock %s: %s", clip, dock, error)
                continue
            offer = Offer(manifest, envelope)
            if (manifest.dock, manifest.clip) == (dock, clip):
                return self.intake.admit(offer, offered=False)
        return False


def _impossible(manifest: Manifest) -> str:
    """Why no archive of this kind can store such a clip, empty where it can."""
    if chunk_count(manifest) > CHUNKS_LIMIT:
        return f"{chunk_count(manifest)} chunks, at most {CHUNKS_LIMIT}; send larger ones"
    if manifest.sm3 and not can_sm3():
        return "this archive cannot compute SM3"
    return ""


def _same_bytes(one: Manifest, other: Manifest) -> bool:
    """Whether a partial of one offer serves the other."""
    facts = (one.sent.blake3, one.sent.size, one.chunk_bytes)
    return facts == (other.sent.blake3, other.sent.size, other.chunk_bytes)
