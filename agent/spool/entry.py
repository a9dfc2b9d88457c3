"""What the ledger knows of one clip, and what it is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from agent.model import ClipId, Digests, Identity
from agent.spool.states import State


@dataclass(frozen=True, slots=True)
class Sighting:
    """A clip as first met: whose, in which contact, and its facts as the recorder gave them."""

    clip: ClipId
    contact: int
    identity: Identity
    bay: str
    storage: str
    path: str
    size: int
    recorded: str
    marked: bool
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Sealed:
    """A clip that is whole and durable in the spool.

    `fingerprint` is `spool.sidecar.fingerprint` of its first and last bytes, by which the same
    clip is known again on a recorder without reading it whole.
    """

    clip: ClipId
    size: int
    digests: Digests
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ReceiptRecord:
    """A receipt that was checked: the envelope as it came, and the facts one asks for."""

    envelope: str
    archive: str
    receiver: str
    epoch: str
    stored_at: datetime
    stored_as: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One clip in the ledger. `seq` is the order in which the dock met its clips.

    `due` is when the next offer may go (None: at once), `attempts` how often it was tried since
    it last made progress, `reason` the words for the newest thing that went wrong.
    """

    seq: int
    sighting: Sighting
    state: State
    reason: str
    sealed: Sealed | None
    receipt: ReceiptRecord | None
    seen_at: datetime
    spooled_at: datetime | None
    receipted_at: datetime | None
    attempts: int
    due: datetime | None

    @property
    def clip(self) -> ClipId:
        return self.sighting.clip
