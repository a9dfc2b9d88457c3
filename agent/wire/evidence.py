"""The contract's messages about evidence: custody, possession, orders. See `agent.wire.contract`.

| topic | payload | signed by |
|---|---|---|
| `dock/D/up/custody` | `CustodyUp`: a checkpoint, and the entries that the archive lacks | the dock's key, inside the checkpoint |
| `dock/D/down/custody` | `CustodyDown`: how far the archive has the log, its cosignature | the archive's key, inside the note |
| `dock/D/up/challenge` | `Challenge`, in an envelope | dock |
| `dock/D/down/challenge` | `Proof`, in an envelope | archive |
| `dock/D/down/command` | `Command`, in an envelope | a key that the dock was given for that |
| `dock/D/up/result` | `Result`, in an envelope | dock |
"""  # noqa: E501, a table

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from agent.wire.contract import Message
from agent.wire.facts import Hex64, Name, Seconds, Size, Text

CHALLENGE_TYPE = "application/vnd.bodydock.challenge.v1+json"
PROOF_TYPE = "application/vnd.bodydock.proof.v1+json"
COMMAND_TYPE = "application/vnd.bodydock.command.v1+json"
RESULT_TYPE = "application/vnd.bodydock.result.v1+json"
POLICY_TYPE = "application/vnd.bodydock.policy.v1+json"
KEY_CHANGE_TYPE = "application/vnd.bodydock.key-change.v1+json"

OTHER_FORM = "stored in another form"
"""`Proof.lost` where nothing is lost, and yet nothing can be proved about the delivered bytes."""
RECEIPT_LIMIT = 16_384
"""Characters of a receipt that a challenge carries."""

Note = Annotated[str, Field(max_length=8192)]
Line = Annotated[str, Field(max_length=65_536)]


class CustodyUp(Message):
    """A signed checkpoint (C2SP tlog-checkpoint), and entries from number `first` as written.

    Without entries it only says how long the log is; the archive answers with what it has. With
    entries the checkpoint ends with the last of them, and `base`, unless `first` is 0, is the
    dock's checkpoint of size `first`: what the entries are said to continue.
    """

    dock: Name
    checkpoint: Note
    base: Note | None = None
    first: Size = 0
    entries: list[Line] = Field(default_factory=list, max_length=4096)


class CustodyDown(Message):
    """What the archive has of a dock's log: `held` entries.

    `cosigned` is the checkpoint of that size with the archive's cosignature. `refused` says why a
    checkpoint contradicts what the archive has: then the log was restored, cut, edited or forked,
    and `cosigned` is the one that it contradicts.
    """

    archive: Name
    held: Size
    cosigned: Note | None = None
    refused: Text = ""


class Challenge(Message):
    """The dock asks for a possession proof: BLAKE3 of the stored object, keyed with `nonce`.

    `size` and `blake3` are those of the bytes as delivered. `receipt` is the archive's own receipt
    that the dock holds: an archive that signed it and does not know it was restored from a copy.
    """

    dock: Name
    clip: Hex64
    size: Size
    blake3: Hex64
    nonce: Hex64
    receipt: Annotated[str, Field(max_length=RECEIPT_LIMIT)] = ""


class Proof(Message):
    """Says: at `proved_at` this archive read the object and this is its keyed BLAKE3.

    `size` and `blake3` are those of the bytes as delivered, found again by the same reading. An
    archive that no longer has them as they were says so in `lost`, with an empty `keyed`; one that
    was told to store another form than was delivered says `OTHER_FORM` there.
    """

    archive: Name
    epoch: Text
    receiver: Name
    dock: Name
    clip: Hex64
    size: Size
    blake3: Hex64
    nonce: Hex64
    keyed: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    proved_at: Text
    lost: Text = ""


class Command(Message):
    """An order from elsewhere: carried out once, however often it comes.

    `id` is the sender's own, never used again; `not_after` (RFC 3339) ends its validity.
    """

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{7,63}$")]
    dock: Name
    action: Literal["annotate", "hold", "lift", "policy"]
    clip: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    who: Annotated[str, Field(min_length=1, max_length=255)]
    why: Annotated[str, Field(min_length=1, max_length=1024)]
    approval: Annotated[str, Field(max_length=255)] = ""
    not_after: Text = ""
    what: dict[str, Any] = Field(default_factory=dict)


class Result(Message):
    """What became of a command. `done` False: refused, `words` say why."""

    id: Text
    dock: Name
    done: bool
    words: Text = ""


class Policy(Message):
    """A fleet policy, in an envelope signed by an archive's key: what docks may do. `serial`
    counts upwards, so that an older one never comes back."""

    serial: Size
    issued_at: Text
    by: Text
    approval: Text
    clearing: bool
    grace_hours: Seconds = 72.0
    """After the receipt."""
    early_below: Annotated[int, Field(ge=0, le=100)] = 0
    """Per cent of a recorder's storage; while less is free, the grace is not waited for."""


class KeyChange(Message):
    """A key gives way to its successor, in an envelope that both signed. `owner` is
    `dock/<id>` or `archive/<id>`."""

    owner: Annotated[str, Field(pattern=r"^(dock|archive)/[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    old: Text
    new: Text
    at: Text
    by: Text
    why: Text
    approval: Text = ""
