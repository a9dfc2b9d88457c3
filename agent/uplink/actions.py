"""What a session asks to be done; it does nothing itself."""

from __future__ import annotations

from dataclasses import dataclass

from agent.model import ClipId
from agent.spool.entry import Entry


@dataclass(frozen=True, slots=True)
class Offer:
    """Publish this clip's manifest, signed."""

    entry: Entry

    @property
    def clip(self) -> ClipId:
        return self.entry.clip


@dataclass(frozen=True, slots=True)
class Postpone:
    """An attempt failed: the ledger shall not give this clip before `seconds` have passed."""

    clip: ClipId
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Progressed:
    """The archive confirmed new bytes of a clip that had failed before."""

    clip: ClipId


@dataclass(frozen=True, slots=True)
class Refuse:
    """The archive will never take this clip as it was offered."""

    clip: ClipId
    reason: str


@dataclass(frozen=True, slots=True)
class Suspect:
    """The archive kept refusing a chunk: our own copy must be read and checked."""

    clip: ClipId
    reason: str


Action = Offer | Postpone | Progressed | Refuse | Suspect


@dataclass(frozen=True, slots=True)
class Send:
    """One chunk whose turn has come."""

    entry: Entry
    receiver: str
    index: int
    offset: int
