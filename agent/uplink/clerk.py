"""Does what a session asks for: publishes offers and chunks, and tells the ledger."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from agent.clock import Clock
from agent.config import Retained
from agent.custody.keys import SecretKey
from agent.errors import ClipDamaged, Malformed, SpoolBroken, SpoolFull, WrongState
from agent.model import ClipId
from agent.uplink.actions import Action, Offer, Postpone, Progressed, Refuse, Send, Suspect
from agent.uplink.case_facts import NO_CLASSES, case_told
from agent.uplink.doubts import Doubts
from agent.uplink.grumbles import Grumbles
from agent.uplink.offers import signed_offer
from agent.uplink.parts import Books, Copies, Link
from agent.uplink.settings import UplinkSettings
from agent.wire import chunk
from agent.wire.contract import up

log = logging.getLogger(__name__)

DIGEST_BYTES = 32


@dataclass(slots=True, eq=False)
class Clerk:
    """What returns False could not be done for this clip, which is not to be sent for now."""

    dock: str
    spool: Copies
    ledger: Books
    link: Link
    key: SecretKey
    clock: Clock
    settings: UplinkSettings
    grumbles: Grumbles
    classes: Mapping[str, Retained] = field(default_factory=lambda: NO_CLASSES)
    _doubts: Doubts = field(init=False)
    _digests: OrderedDict[ClipId, bytes] = field(init=False, default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self._doubts = Doubts(self.spool.verify, self.link.wake)

    def perform(self, action: Action) -> bool:
        """Carry out one action. Raises `LedgerBroken` and `SpoolFull` from the ledger."""
        try:
            self._perform(action)
        except WrongState as error:  # somebody else moved the clip
            self.grumbles.about("clip not sent", str(error))
            return False
        except Malformed as error:
            self.grumbles.about("clip not sent", str(error))
            self._postpone(action.clip, self.settings.refused_again, str(error))
            return False
        return True

    def send(self, send: Send) -> bool:
        """Publish one chunk. Where the link is gone meanwhile, that is found out by silence."""
        clip = send.entry.clip
        try:
            digest = self._digest(clip, send.index)
            data = self.spool.read_chunk(clip, send.index)
        except ClipDamaged as error:
            self._damaged(clip, error)
            return False
        except WrongState as error:  # it left the spool meanwhile
            self.grumbles.about("clip not sent", str(error))
            return False
        except (SpoolBroken, SpoolFull) as error:
            self.grumbles.about("clip cannot be read", str(error))
            self._postpone(clip, self.settings.verify_again, str(error))
            return False
        payload = chunk.encode(chunk.Chunk(send.offset, digest, data))
        self.link.publish(up(self.dock, "chunk", send.receiver, clip), payload)
        return True

    def settle_doubts(self) -> None:
        """Act on what checking suspect clips has shown."""
        while (verdict := self._doubts.verdict()) is not None:
            if isinstance(verdict.error, ClipDamaged):
                self._damaged(verdict.clip, verdict.error)
            elif verdict.error is not None:
                self.grumbles.about("clip cannot be checked", str(verdict.error))
            else:
                log.info("clip %s was refused by the archive and is sound here", verdict.clip)

    def _perform(self, action: Action) -> None:
        match action:
            case Offer(entry):
                told = partial(case_told, self.ledger, entry.clip, self.classes)
                envelope = signed_offer(entry, self.dock, self.key, told)
                self._digests.pop(entry.clip, None)
                self.ledger.offered(entry.clip)
                self.link.publish(up(self.dock, "offer"), envelope)
            case Postpone(clip, seconds, reason):
                self._postpone(clip, seconds, reason)
            case Progressed(clip):
                self.ledger.progressed(clip)
            case Refuse(clip, reason):
                self.grumbles.about("the archive refuses a clip", f"{clip}: {reason}")
                due = self.clock.now() + timedelta(seconds=self.settings.refused_again)
                self.ledger.refused(clip, reason, due)
            case Suspect(clip, reason):
                self._postpone(clip, self.settings.verify_again, reason)
                self._doubts.about(clip)

    def _digest(self, clip: ClipId, index: int) -> bytes:
        """A chunk's digest; those of the few clips on their way are kept, 32 bytes a chunk."""
        if clip not in self._digests:
            while len(self._digests) >= self.settings.clips:
                self._digests.popitem(last=False)
            self._digests[clip] = b"".join(self.spool.chunk_digests(clip))
        at = index * DIGEST_BYTES
        return self._digests[clip][at : at + DIGEST_BYTES]

    def _postpone(self, clip: ClipId, seconds: float, reason: str) -> None:
        log.info("clip %s waits %.0f s: %s", clip, seconds, reason)
        self.ledger.postpone(clip, self.clock.now() + timedelta(seconds=seconds), reason)

    def _damaged(self, clip: ClipId, error: ClipDamaged) -> None:
        """Out of the way with it: it is wanted from its recorder again, unless it has a receipt."""
        self.grumbles.about("clip damaged", str(error))
        self.spool.quarantine(clip, str(error))
