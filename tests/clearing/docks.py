"""A dock that clears recorders: ledger, spool and procedure are real, the archive is the test."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.errors import BodydockError, RecorderGone
from agent.log_entry import Kind
from agent.model import Clip, ClipId, Health, Identity, Storage
from agent.offload.clearing.clear import Cleared, Office
from agent.offload.clearing.docked import Docked
from agent.offload.clearing.eraser import RecorderEraser
from agent.offload.clearing.rule import Limits
from agent.offload.pull import Offload
from agent.spool.clearance import Clearance
from agent.spool.ledger import Ledger
from agent.spool.recovery import Report
from tests.offload.recorders import IDENTITY, MemoryRecorder
from tests.spool.places import RECEIPT, Place

HOUR = 3600.0
ARCHIVE, EPOCH = RECEIPT.archive, RECEIPT.epoch
ON = Limits(clearing=True, grace=72 * HOUR)
STORE = Storage("SD", "CARD", 1000, 500)


class Erasable(MemoryRecorder):
    """Deletes what it is told to, unless `on_delete` does something else."""

    def __init__(self, contents: dict[str, bytes], recorded: str = "20260804T100000") -> None:
        super().__init__(contents, recorded)
        self.identity = IDENTITY
        self.storages: tuple[Storage, ...] = (STORE,)
        self.deleted: list[str] = []
        self.on_delete: Callable[[Clip], None] = self.forget
        self.before_call: Callable[[str], None] = lambda _name: None

    def identify(self) -> Identity:
        return self.identity

    def health(self) -> Health:
        self.before_call("health")
        return Health(80, self.storages)

    def clips(self):  # type: ignore[no-untyped-def]  # an iterator of clips
        self.before_call("clips")
        yield from list(super().clips())

    def read(self, clip: Clip, offset: int, size: int) -> bytes:
        self.before_call("read")
        return super().read(clip, offset, size)

    def forget(self, clip: Clip) -> None:
        del self.contents[clip.path]

    def delete(self, clip: Clip) -> None:
        self.before_call("delete")
        self.deleted.append(clip.path)
        self.on_delete(clip)
        self.before_call("deleted")


class TrustedPlace(Place):
    """Its clock is kept right by somebody."""

    trust = "synchronised"

    def open(self) -> Report:
        report = super().open()
        self.ledger._trust = lambda: self.trust
        return report


@dataclass
class ClearingDock:
    """One dock and whatever is docked there."""

    root: Path
    limits: Limits = ON
    custody: str = ""
    firmware_known: bool = True
    clock_error: float | None = 1.0
    place: TrustedPlace = field(init=False)
    over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.place = TrustedPlace(self.root)

    @property
    def ledger(self) -> Ledger:
        return self.place.ledger

    def contact(self, recorder: Erasable) -> int:
        return self.ledger.begin_contact("3", recorder.identity, recorder.health(), None)

    def pull(self, recorder: Erasable) -> None:
        contact = self.contact(recorder)
        Offload(self.place.spool, self.ledger).pull(
            recorder, recorder.identity, "3", contact, stop=self.over, sleep=lambda _: None
        )
        self.ledger.end_contact(contact, "pulled")

    def receipt(self) -> None:
        """The archive has all that is here, since long."""
        for entry in self.ledger.entries():
            if not entry.receipt:
                self.ledger.receipted(entry.clip, RECEIPT)

    def prove(self, epoch: str = EPOCH) -> int:
        wanted = self.ledger.proof_wanted(100)
        for entry in wanted:
            self.ledger.proved(entry.clip, ARCHIVE, epoch, "00" * 32, "{}")
        return len(wanted)

    def ripe(self, recorder: Erasable) -> None:
        """Everything on it may go, as far as the dock can see to that."""
        self.pull(recorder)
        self.receipt()
        self.place.clock.advance(73 * HOUR)
        self.clear(recorder)
        assert self.prove()

    def clear(self, recorder: Erasable, **facts: object) -> Cleared:
        """One session, from its contact on."""
        contact = self.contact(recorder)
        docked = Docked(
            recorder=recorder,
            identity=recorder.identity,
            bay="3",
            contact=contact,
            health=recorder.health(),
            clock_error=self.clock_error,
            firmware_known=self.firmware_known,
            eraser=RecorderEraser(recorder),
            over=self.over,
        )
        office = Office(self.ledger, self.place.spool, lambda: self.limits, lambda: self.custody)
        try:
            return office.run(replace(docked, **facts))  # type: ignore[arg-type]
        finally:
            self.ledger.end_contact(contact, "test")

    def gone(self, recorder: Erasable) -> BodydockError | None:
        """A session that may be cut short by an unplug."""
        try:
            self.clear(recorder)
        except RecorderGone as error:
            return error
        return None

    def clip(self, path: str) -> ClipId:
        return next(e.clip for e in self.ledger.entries() if e.sighting.path == path)

    def step(self, path: str) -> Clearance | None:
        clearing = self.ledger.clearing_of(self.clip(path))
        return clearing.state if clearing else None

    def kinds(self, path: str) -> list[Kind]:
        return [each.kind for each in self.ledger.journal.of(self.clip(path))]
