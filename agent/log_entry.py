"""One entry of a custody log, as text and back. Pure.

An entry is one line of JSON, UTF-8, without a line end. Its bytes as first written are what is
hashed and kept; nothing ever writes an entry anew from its parts. Keys:

| key | means |
|---|---|
| `v` | 1 |
| `n` | its number in the log, from 0, without a gap |
| `kind` | what happened, a `Kind` |
| `at` | wall time, RFC 3339 in UTC with milliseconds |
| `trust` | how far that clock could be trusted: `synchronised`, `unsynchronised`, `unknown` |
| `run` | seconds that the dock ran by then, which no clock setting changes |
| `who` | `bodydock`, or the person who asked for it |
| `clip` | the clip that it is about; absent where it is about none |
| `what` | an object with what the kind needs |
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from agent.errors import Malformed

ENTRY_LIMIT = 64 * 1024
"""Bytes of one entry; the log takes no longer one."""
AGENT = "bodydock"
"""`who` of what the agent does by itself."""


class Kind(Enum):
    """What an entry tells."""

    STARTED = "started"
    """The agent began to work with this log."""
    CONFIGURED = "configured"
    """Started with another configuration than before."""
    KEY = "key"
    """A key was made, or changed for another."""
    CONTACT = "contact"
    """A recorder was docked: its identity, and its clock's reading before anybody set it."""
    LISTED = "listed"
    """Everything that the recorder listed, as a digest."""
    CONTACT_ENDED = "contact-ended"
    FINDING = "finding"
    """Something about a recorder changed between two contacts."""
    FOUND = "found"
    """A clip was listed for the first time."""
    SEALED = "sealed"
    """A clip was pulled whole, synced and read back; with its digests."""
    OFFERED = "offered"
    RECEIPTED = "receipted"
    """An archive's receipt was checked and kept."""
    REFUSED = "refused"
    DAMAGED = "damaged"
    WANTED = "wanted"
    """A damaged clip is to be pulled again."""
    PROVED = "proved"
    """An archive proved that it still has the clip."""
    UNPROVED = "unproved"
    """An archive says that it lost the clip; with the receipt, which counts no longer."""
    HELD = "held"
    LIFTED = "lifted"
    """A hold was lifted."""
    ANNOTATED = "annotated"
    """A new version of a clip's case data."""
    EXPORTED = "exported"
    CLEARING = "clearing"
    """The intent to delete a clip from its recorder, before the command."""
    CLEARED = "cleared"
    """Looked for after the command, and not there any more."""
    KEPT = "kept"
    """A clip was to be cleared and is still on its recorder."""
    RELEASED = "released"
    """The dock gave up its own copy."""
    EPOCH = "epoch"
    """An archive says that it was restored, or is another."""
    POLICY = "policy"
    """A fleet policy was taken on."""
    ORDER = "order"
    """Somebody's order from elsewhere was carried out, or refused."""
    STAMPED = "stamped"
    """An authority set its time stamp over a checkpoint."""
    BROKEN = "broken"
    """The archive refused a checkpoint of this log."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry; `text` is its line as written."""

    number: int
    kind: Kind
    at: str
    trust: str
    run: float
    who: str
    clip: str
    what: Mapping[str, Any]
    text: str = field(repr=False)

    @property
    def raw(self) -> bytes:
        """What is hashed."""
        return self.text.encode()


def write_entry(
    number: int,
    kind: Kind,
    *,
    at: str,
    trust: str,
    run: float,
    who: str = AGENT,
    clip: str = "",
    what: Mapping[str, Any] | None = None,
) -> str:
    """The line of a new entry. Raises `Malformed` for one that is too long or no JSON."""
    parts: dict[str, Any] = {"v": 1, "n": number, "kind": kind.value, "at": at, "trust": trust}
    parts |= {"run": round(run, 3), "who": who}
    if clip:
        parts["clip"] = clip
    parts["what"] = dict(what or {})
    try:
        text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        length = len(text.encode())
    except (ValueError, TypeError) as error:
        raise Malformed(f"custody entry: {error}") from error
    if length > ENTRY_LIMIT:
        raise Malformed(f"custody entry of {length} bytes, the limit is {ENTRY_LIMIT}")
    return text


def read_entry(text: str) -> LogEntry:
    """Raises `Malformed` for a line that is no entry."""
    try:
        if len(text.encode()) > ENTRY_LIMIT:
            raise ValueError("too long")
        parts = json.loads(text)
        if not isinstance(parts, dict) or parts.get("v") != 1:
            raise ValueError("no entry of version 1")
        if not isinstance(parts["n"], int) or isinstance(parts["n"], bool):
            raise TypeError("n is no number")
        for name in ("at", "trust", "who"):
            if not isinstance(parts[name], str):
                raise TypeError(f"{name} is no text")
        clip, what, run = parts.get("clip", ""), parts["what"], float(parts["run"])
        if not isinstance(clip, str) or not isinstance(what, dict) or not math.isfinite(run):
            raise TypeError("clip, what or run of a wrong type")
        return LogEntry(
            number=parts["n"],
            kind=Kind(parts["kind"]),
            at=parts["at"],
            trust=parts["trust"],
            run=run,
            who=parts["who"],
            clip=clip,
            what=what,
            text=text,
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise Malformed(f"custody entry: {type(error).__name__}: {str(error)[:120]}") from error
