"""A dock's spool and ledger in a folder, with a clock that only the test moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from agent.errors import LedgerBroken
from agent.model import Clip, ClipId, Identity
from agent.spool.cipher import Cipher
from agent.spool.entry import Entry, ReceiptRecord, Sealed, Sighting
from agent.spool.files import Spool
from agent.spool.ledger import Ledger
from agent.spool.recovery import Report, open_ledger, recover

from .age import opened

START = datetime(2026, 8, 4, 2, 0, tzinfo=UTC)
IDENTITY = Identity("Maker", "Model", "S0001", "1.0")
RECEIPT = ReceiptRecord("{}", "archive-1", "receiver-1", "e1", START, "archive-1/S0001/a.mp4")
ROOMY = 1 << 40


class HandClock:
    """Wall and running time, moved apart or together."""

    def __init__(self) -> None:
        self.wall = START
        self.elapsed = 500.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.elapsed

    def advance(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.elapsed += seconds


@dataclass
class Place:
    """One dock. `open` runs recovery, as the daemon does."""

    root: Path
    quota: int = ROOMY
    floor: int = 0
    hold_seconds: float = 3600.0
    digests: frozenset[str] = frozenset({"sha256"})
    clock: HandClock = field(default_factory=HandClock)
    random: Random = field(default_factory=lambda: Random(1))
    cipher: Cipher | None = None

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> Report:
        self.ledger: Ledger = open_ledger(self.root, self.clock)
        self.spool = Spool(
            self.root,
            self.ledger,
            quota=self.quota,
            floor=self.floor,
            digests=self.digests,
            hold_seconds=self.hold_seconds,
            random=self.random,
            cipher=self.cipher,
        )
        return recover(self.spool)

    def close(self) -> None:
        self.spool.close()
        self.ledger.close()

    def restart(self) -> Report:
        self.close()
        return self.open()

    def see(self, data: bytes, path: str = "DCIM/A.MP4") -> ClipId:
        clip = Clip("SD", path, len(data), "20260804T100000")
        contact = self.ledger.begin_contact("3", IDENTITY, None, None)
        return self.ledger.see(sighting_of(clip, contact)).clip

    def take_in(self, data: bytes, path: str = "DCIM/A.MP4") -> Sealed:
        """A clip all the way to SPOOLED."""
        sealed = self.write(self.see(data, path), data)
        self.ledger.spooled(sealed)
        return sealed

    def write(self, clip: ClipId, data: bytes) -> Sealed:
        intake = self.spool.intake(clip, len(data))
        for at in range(0, len(data), 100_000):
            intake.write(data[at : at + 100_000])
        return intake.finish()

    def entry(self, clip: ClipId) -> Entry:
        entry = self.ledger.find(clip)
        assert entry is not None
        return entry

    def file(self, clip: ClipId) -> Path:
        return self.spool.layout.clip(clip)

    def sums(self, clip: ClipId) -> Path:
        return self.spool.layout.sums(clip)

    def content(self, clip: ClipId) -> bytes:
        """What lies in the spool, opened with the archive's key where it is encrypted."""
        return self.plain(self.file(clip).read_bytes())

    def plain(self, lies: bytes) -> bytes:
        return opened(lies) if self.cipher else lies

    def quarantined(self) -> list[bytes]:
        return sorted(path.read_bytes() for path in self.spool.layout.quarantine.iterdir())

    def incoming(self) -> list[Path]:
        return list(self.spool.layout.incoming.iterdir())


def sighting_of(clip: Clip, contact: int, identity: Identity = IDENTITY) -> Sighting:
    return Sighting(
        clip=clip.id_on(identity.serial),
        contact=contact,
        identity=identity,
        bay="3",
        storage=clip.storage,
        path=clip.path,
        size=clip.size,
        recorded=clip.recorded,
        marked=clip.marked,
    )


def ledger_at(path: Path, clock: HandClock) -> Ledger | LedgerBroken:
    """The ledger, or the error that opening it gives; any other error is a fault of ours."""
    try:
        return Ledger(path, clock)
    except LedgerBroken as error:
        return error
