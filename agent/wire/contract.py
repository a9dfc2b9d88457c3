"""The contract between dock and archive: topics and messages, version 1.

All meaning is in topics and payloads. JSON messages are read strictly: a wrong type, a missing
key or a number out of range is `Malformed`; an unknown key is ignored, so that a later minor
version may add one. A message of another version is `Malformed` too.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.errors import Malformed
from agent.wire.facts import (
    CaseFacts,
    Hex64,
    HoldFacts,
    Name,
    Ranges,
    RecorderFacts,
    RetentionFacts,
    Sent,
    Size,
    StoredFacts,
    Text,
    ToldFacts,
)

PREFIX = "bodydock/1"
JSON_LIMIT = 256 * 1024
"""No JSON message is longer; longer ones are dropped unread."""


class Message(BaseModel):
    """What all JSON messages share."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    v: Literal[1] = 1

    def encode(self) -> bytes:
        return self.model_dump_json(exclude_none=True).encode()


M = TypeVar("M", bound=Message)


def decode(kind: type[M], payload: bytes) -> M:
    """Read one message. Raises `Malformed` with the first thing that is wrong."""
    if len(payload) > JSON_LIMIT:
        raise Malformed(f"{kind.__name__}: {len(payload)} bytes, the limit is {JSON_LIMIT}")
    try:
        return kind.model_validate_json(payload, strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "payload"
        raise Malformed(f"{kind.__name__}: {where}: {first['msg']}") from error


class Manifest(Message):
    """`dock/D/up/offer`, inside an envelope signed by the dock: everything known of one clip."""

    dock: Name
    clip: Hex64
    recorder: RecorderFacts
    bay: Text
    contact: Size
    path: Text
    size: Size
    recorded: Text
    marked: bool
    chunk_bytes: Annotated[int, Field(ge=4096, le=1024 * 1024)]
    blake3: Hex64
    chunks: Hex64
    sha256: Hex64 | None = None
    sm3: Hex64 | None = None
    spooled_at: Text
    facts: ToldFacts | None = None
    case: CaseFacts | None = None
    holds: Annotated[list[HoldFacts], Field(max_length=64)] | None = None
    retention: RetentionFacts | None = None
    stored: StoredFacts | None = None
    """Where set, it is these bytes that travel, and `size` and digests above are of the clip as
    it was recorded."""

    @property
    def recorded_form(self) -> Sent:
        """Size and digests of the clip as it was recorded."""
        return Sent(self.size, self.blake3, self.chunks, self.sha256, self.sm3)

    @property
    def sent(self) -> Sent:
        """Size and digests of the bytes that travel."""
        if (form := self.stored) is None:
            return self.recorded_form
        return Sent(form.size, form.blake3, form.chunks, form.sha256, None)


class Answer(Enum):
    """What the archive says to an offer."""

    GO = "go"
    """Send what is missing."""
    LATER = "later"
    """Busy or full for now; offer again later."""
    NEVER = "never"
    """Cannot be stored as offered; a person must look."""


class Grant(Message):
    """`dock/D/down/grant`: the answer to an offer.

    `blake3` is of the bytes that travel, `have` what the archive already holds of them, `window`
    the dock's credit in bytes: how much may be under way, over all clips, and not yet confirmed by
    progress.
    """

    clip: Hex64
    blake3: Hex64
    receiver: Name
    answer: Answer
    reason: Text = ""
    have: Ranges = []
    window: Size = 0


class Progress(Message):
    """`dock/D/down/progress`: what is stored by now, whole, and chunks that were refused."""

    clip: Hex64
    receiver: Name
    have: Ranges
    bad: Annotated[list[Size], Field(max_length=4096)] = []


class Receipt(Message):
    """`dock/D/down/receipt`, inside an envelope signed by the archive.

    Says: this archive holds this clip's bytes, synced and read back, under `stored_as`.

    Of an encrypted clip, `stored` is the form that arrived, found again by that reading; without
    it the clip was not encrypted. `opened`: whether the archive also decrypted it and found size
    and digests of the clip as it was recorded; if not, those are the dock's word. `kept`: in which
    form it lies there.
    """

    archive: Name
    epoch: Text
    receiver: Name
    dock: Name
    recorder: Text
    clip: Hex64
    size: Size
    blake3: Hex64
    sha256: Hex64 | None = None
    sm3: Hex64 | None = None
    stored_as: Text
    stored_at: Text
    stored: StoredFacts | None = None
    opened: bool | None = None
    kept: Literal["as-sent", "plain"] | None = None

    @property
    def object_blake3(self) -> str:
        """BLAKE3 of the object under `stored_as`."""
        return self.stored.blake3 if self.stored and self.kept == "as-sent" else self.blake3


class Presence(Message):
    """`archive/R/status`, retained: a receiver is there (or, as its will, no longer)."""

    archive: Name
    receiver: Name
    online: bool
    epoch: Text
    window: Size = 0
    chunk_limit: Size = 0
    keys: Annotated[list[Text], Field(max_length=2)] = []
    since: Text = ""
    changes: Annotated[list[Annotated[str, Field(max_length=16_384)]], Field(max_length=8)] = []
    """Statements by which the archive's keys gave way to the newest, the oldest first, see
    `agent.custody.rotation`."""


class DockStatus(Message):
    """`dock/D/up/status`, retained: birth, and death as the last will."""

    dock: Name
    online: bool
    agent: Text = ""
    key: Text = ""
    since: Text = ""
    changes: Annotated[list[Annotated[str, Field(max_length=16_384)]], Field(max_length=8)] = []
    """Statements by which earlier keys gave way to this one, see `agent.custody.rotation`."""


# Types of payload for signed messages (DSSE payloadType).
OFFER_TYPE = "application/vnd.bodydock.offer.v1+json"
RECEIPT_TYPE = "application/vnd.bodydock.receipt.v1+json"


def up(dock: str, *parts: str) -> str:
    """A topic that the dock writes."""
    return "/".join((PREFIX, "dock", dock, "up", *parts))


def down(dock: str, *parts: str) -> str:
    """A topic that the dock reads."""
    return "/".join((PREFIX, "dock", dock, "down", *parts))


def presence_topic(receiver: str) -> str:
    """Where a receiver says that it is there; `+` for all of them."""
    return f"{PREFIX}/archive/{receiver}/status"
