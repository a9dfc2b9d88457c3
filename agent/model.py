"""The words of the project as types: recorders, clips, health, clocks, digests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NewType

from blake3 import blake3

CHUNK_BYTES = 256 * 1024
"""A chunk: the unit of hashing, sending and resuming."""

ClipId = NewType("ClipId", str)
"""64 lower-case hexadecimal digits, see `Clip.id_on`."""

_HEX64 = re.compile(r"[0-9a-f]{64}\Z")


def is_digest(text: str) -> bool:
    """Whether `text` is a 256-bit digest as 64 lower-case hexadecimal digits."""
    return _HEX64.match(text) is not None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a recorder says it is. `serial` is never empty: a driver without one says why not.

    `id_code` is the maker and model code of the Chinese host interface; `officer` and `unit` are
    what the recorder itself holds of its wearer. All three are empty where it holds nothing.
    """

    maker: str
    model: str
    serial: str
    firmware: str
    id_code: str = ""
    officer: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Storage:
    """One store of a recorder, sizes in bytes. `serial` is the volume's own serial number,
    `dirty` its file system's word that it was not closed in order; empty, False where unknown.
    """

    id: str
    label: str
    total: int
    free: int
    serial: str = ""
    dirty: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """What a recorder tells of its own state. `battery_percent` is None where it tells nothing."""

    battery_percent: int | None
    storages: tuple[Storage, ...]


@dataclass(frozen=True, slots=True)
class ClockReading:
    """A recorder's clock beside ours, measured before anybody corrects it.

    `recorder` is naive where the recorder names no zone. `dock` is our UTC time in the middle
    of the exchange, `round_trip` its length in seconds: the error bar.
    """

    recorder: datetime
    dock: datetime
    round_trip: float


@dataclass(frozen=True, slots=True)
class ClipTime:
    """When a clip was recorded: the recorder's word and ours, neither in place of the other.

    `local` is the recorder's own time (naive), from `source` ("name" or "listing"), taken to be in
    a zone `zone_offset` seconds east of UTC. `clock_error` is how far its clock was ahead of ours
    at the contact by which the clip was judged, in seconds, None where it was not measured. The
    recording began, or the listing's date was written, between `earliest` and `latest` (UTC):
    `local` corrected, and the sum of what is uncertain (round trip, resolution, drift) on either
    side.
    """

    local: datetime
    source: str
    zone_offset: float
    clock_error: float | None
    earliest: datetime
    latest: datetime


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """What a clip's name and its contact tell beside its listing. Empty texts are unknown.

    `kind` is "footage" or "log", a recorder's own operation log. `device`, `officer` and `mark`
    are parts of its name; `profile` is the one that its recorder matched.
    """

    kind: str = "footage"
    profile: str = ""
    device: str = ""
    officer: str = ""
    marked: bool = False
    time: ClipTime | None = None


@dataclass(frozen=True, slots=True)
class Clip:
    """One file of footage as a recorder lists it, in this session.

    `path` is the recorder's own path and name, joined with "/"; it is never used as a path of
    ours. `recorded` is the recorder's own words for the time of recording (MTP: its DateModified
    or DateCreated), kept as they are; empty where it says nothing. `marked` is the recorder's
    own "important" mark.
    """

    storage: str
    path: str
    size: int
    recorded: str
    marked: bool = False

    def id_on(self, serial: str, generation: int = 0) -> ClipId:
        """The clip's id: the same wherever this recorder docks.

        BLAKE3 over serial, path, size and recorded time, each preceded by its length, so that
        no two different clips give the same input. `generation` counts different footage met
        under the same four facts (a recorder whose clock and numbering began again).
        """
        facts = [serial, self.path, str(self.size), self.recorded]
        if generation:
            facts.append(str(generation))
        return ClipId(blake3(framed(facts)).hexdigest())


def framed(parts: Iterable[str]) -> bytes:
    """Texts as bytes, each behind its length (8 bytes, big-endian)."""
    raw = [part.encode() for part in parts]
    return b"".join(len(part).to_bytes(8, "big") + part for part in raw)


@dataclass(frozen=True, slots=True)
class Digests:
    """Digests of one whole clip, hexadecimal. `chunks` is BLAKE3 over its chunk digests."""

    blake3: str
    chunks: str
    sha256: str | None = None
    sm3: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """How a clip lies in the spool where that is not as it was recorded: encrypted to `recipient`
    (an age public key), with the size and digests of those bytes."""

    form: str
    size: int
    digests: Digests
    recipient: str


@dataclass(frozen=True, slots=True)
class CaseData:
    """What an office knows of a clip: the fields of article 17 beside the recorder's number, and
    what is kept with them. Empty texts are unknown.

    `officer` is the number of who had the recorder when the clip was recorded, and stays so
    whoever has it later; moments are RFC 3339 text in UTC. `importance` is a person's mark, 0 to 9,
    apart from the recorder's own; `retention` names a class of the policy.
    """

    name: str = ""
    officer: str = ""
    officer_name: str = ""
    unit: str = ""
    used_from: str = ""
    used_until: str = ""
    party: str = ""
    cause: str = ""
    case_number: str = ""
    business: str = ""
    business_part: str = ""
    remark: str = ""
    importance: int = 0
    retention: str = ""


class HoldReason(Enum):
    """Why a clip may neither be cleared nor fall due (article 13, and what courts add)."""

    DISPUTE = "dispute"
    """Of the enforcement, a complaint or petition."""
    OBSTRUCTION = "obstruction"
    """Evasion, refusal, obstruction, abuse or assault."""
    MASS_INCIDENT = "mass-incident"
    EVIDENCE = "evidence"
    """Of a case that is open (articles 12 and 14)."""
    OTHER = "other"
    """Another important reason; the note says which."""


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold on a clip. It stands until `lifted_at` is set; moments in RFC 3339 text."""

    number: int
    reason: HoldReason
    note: str
    who: str
    approval: str
    at: str
    lifted_at: str = ""
    lifted_by: str = ""
    lifted_why: str = ""
    lifted_approval: str = ""

    @property
    def stands(self) -> bool:
        return not self.lifted_at


def printable(text: str) -> str:
    """Text from a device, made safe to show: control, bidi and unpaired characters escaped."""
    return "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in text)
