"""One clip on its way to the archive."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from math import inf

from agent.model import CHUNK_BYTES, ClipId
from agent.spool.entry import Entry, Sealed
from agent.uplink.pieces import Pieces


class Stage(Enum):
    OFFERED = "waits for the archive's answer"
    SENDING = "is being sent"
    SENT = "waits for its receipt"


@dataclass(slots=True, eq=False)
class Delivery:
    """`deadline` (monotonic seconds) is when silence about this clip has lasted too long.

    `offers` counts those since the archive last confirmed something; `touched` is when a chunk
    was last sent or confirmed, or a grant came.
    """

    entry: Entry
    sealed: Sealed
    pieces: Pieces
    stage: Stage = Stage.OFFERED
    receiver: str = ""
    offers: int = 0
    offered_at: float = 0.0
    deadline: float = inf
    touched: float = 0.0
    troubled: bool = False
    """The ledger counts failed attempts, or has a `due`, until the archive confirms something."""
    refusals: dict[int, int] = field(default_factory=dict)
    """How often the archive refused a chunk, by its number."""

    @property
    def clip(self) -> ClipId:
        return self.entry.clip

    @property
    def backlog(self) -> int:
        """Bytes that will be sent before another clip gets its turn."""
        waits = self.stage is Stage.OFFERED and self.offers > 1
        return 0 if waits else self.pieces.unsent_bytes


def delivery_of(entry: Entry) -> Delivery | None:
    """A clip of the ledger at its beginning; None where the dock has no whole copy of it."""
    if entry.sealed is None:
        return None
    return Delivery(
        entry,
        entry.sealed,
        Pieces(entry.sealed.file_size, CHUNK_BYTES),
        troubled=bool(entry.attempts or entry.due),
    )
