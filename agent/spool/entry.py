"""What the ledger knows of one clip, and what it is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from agent.model import ClipFacts, ClipId, ClockReading, Digests, Health, Identity
from agent.spool.changes import Change
from agent.spool.states import State
from agent.spool.told import NOTHING


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


@dataclass(frozen=True, slots=True)
class Sealed:
    """A clip that is whole and durable in the spool.

    `fingerprint` is `spool.sidecar.fingerprint` of some of its bytes, by which the same
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
