"""Rows of the table `stored` as values and back."""

from __future__ import annotations

from typing import Any

from agent.model import Digests, Stored, is_digest
from agent.spool.database import Row


def stored_of(row: Row) -> Stored | None:
    """How a clip lies here, from a row of the view `entry`; None where it is as it was recorded.
    Raises ValueError or TypeError for a row that makes no sense."""
    if row["form"] is None:
        return None
    for name in ("stored_blake3", "stored_chunks"):
        if not is_digest(row[name]):
            raise ValueError(f"{name} is no digest")
    if not isinstance(row["stored_size"], int):
        raise TypeError("stored_size is no int")
    digests = Digests(row["stored_blake3"], row["stored_chunks"], row["stored_sha256"])
    return Stored(row["form"], row["stored_size"], digests, row["recipient"])


def stored_columns(stored: Stored) -> dict[str, Any]:
    """The columns of `stored` beside the clip; the custody log tells them in the same words."""
    digests = stored.digests
    return {
        "form": stored.form,
        "size": stored.size,
        "blake3": digests.blake3,
        "chunks": digests.chunks,
        "sha256": digests.sha256,
        "recipient": stored.recipient,
    }
