"""One clip of one dock on its way in, and the bounded set of all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from agent.archive.partial import Partial
from agent.archive.sealing import Offer

REPORT_BYTES = 1024 * 1024


class Stage(Enum):
    CHECKING = "checking"
    """What an earlier run left is being hashed."""
    RECEIVING = "receiving"
    SEALING = "sealing"


@dataclass(slots=True, eq=False)
class Upload:
    """`topic` is where its chunks come; `active` is when it last moved, in monotonic seconds.

    `offered` is whether the dock waits for a grant; after a restart we may go on unasked.
    """

    offer: Offer
    topic: str
    partial: Partial
    active: float
    offered: bool
    stage: Stage = Stage.CHECKING
    step: int = REPORT_BYTES
    """Bytes after which progress is told."""
    unreported: int = 0
    bad: list[int] = field(default_factory=list)

    @property
    def dock(self) -> str:
        return self.offer.manifest.dock


class Uploads(dict[str, Upload]):
    """Uploads by their chunk topic."""

    def of(self, dock: str) -> int:
        """How many this dock has."""
        return sum(upload.dock == dock for upload in self.values())

    def rival(self, offer: Offer) -> Upload | None:
        """Another dock's upload of the same clip with the same bytes: it holds the partial."""
        wanted = (offer.manifest.clip, offer.manifest.sent.blake3)
        for upload in self.values():
            manifest = upload.offer.manifest
            same = (manifest.clip, manifest.sent.blake3) == wanted
            if same and manifest.dock != offer.manifest.dock:
                return upload
        return None

    def idle(self, now: float, seconds: float) -> list[Upload]:
        """Those that receive and have not for so long, longest first."""
        found = [
            upload
            for upload in self.values()
            if upload.stage is Stage.RECEIVING and now - upload.active >= seconds
        ]
        return sorted(found, key=lambda upload: upload.active)
