"""What the ledger knows of one clip, and what it is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from agent.model import CaseData, ClipFacts, ClipId, ClockReading, Digests, Health, Identity, Stored
from agent.spool.changes import Change
from agent.spool.states import State
from agent.spool.told import NOTHING


@dataclass(frozen=True, slots=True)
class Owned:
    """Whose a clip was when it was recorded, and why that is said."""

    case: CaseData
    why: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """A clip as first met: whose, in which contact, and its facts as the recorder gave them.

    `facts` is what its name and its contact's clock told when it was first met: no clock was set
    in between.
    """

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
    facts: ClipFacts = NOTHING
    owned: Owned | None = None
    """Counts for a clip that is new to the ledger, and never again."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A clip that is whole and durable in the spool: size and digests as it was recorded.

    `fingerprint` is `spool.sidecar.fingerprint` of some of its bytes, by which the same
    clip is known again on a recorder without reading it whole. `stored` is set where the clip
    lies here in another form.
    """

    clip: ClipId
    size: int
    digests: Digests
    fingerprint: str
    stored: Stored | None = None

    @property
    def file_size(self) -> int:
        """Of the bytes that lie in the spool, and are sent."""
        return self.stored.size if self.stored else self.size

    @property
    def file_digests(self) -> Digests:
        """Of the bytes that lie in the spool, and are sent."""
        return self.stored.digests if self.stored else self.digests


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
    urgent: bool = False
    """Goes to the archive before others: held, of a class of its own, or marked by a person."""

    @property
    def clip(self) -> ClipId:
        return self.sighting.clip

    @property
    def facts(self) -> ClipFacts:
        return self.sighting.facts


@dataclass(frozen=True, slots=True)
class Contact:
    """One docking of one recorder, and what it said of itself when it began.

    `ended_at` is None while it lasts; `reason` says why it ended. `profile` is the one that the
    recorder matched, `clock_error` how far its clock was ahead of ours, in seconds; empty and
    None where that was not said.
    """

    number: int
    identity: Identity
    bay: str
    began_at: datetime
    ended_at: datetime | None
    reason: str
    health: Health | None
    reading: ClockReading | None
    profile: str = ""
    clock_error: float | None = None


@dataclass(frozen=True, slots=True)
class KnownRecorder:
    """A recorder that docked here: how often, since when, and its newest contact."""

    contacts: int
    first_seen: datetime
    latest: Contact


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that changed on a recorder between two contacts, see `spool.changes`."""

    at: datetime
    contact: int
    serial: str
    bay: str
    change: Change
