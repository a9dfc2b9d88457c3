"""A scripted dock for the archive's tests: signs offers, cuts chunks, and keeps what it is told.

`Far` is an archive without broker or threads: what a dock sends goes straight to the desk, slow
work waits until `work()`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import new as hashlib_new
from pathlib import Path
from typing import Any, TypeVar

from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.archive.catalogue import Catalogue
from agent.archive.desk import Desk
from agent.archive.opening import opening_of
from agent.archive.prover import Prover
from agent.archive.recovery import Recovery
from agent.archive.sealing import Sealer
from agent.archive.settings import CATALOGUE, ArchiveSettings
from agent.archive.store import Store
from agent.archive.trust import Trust
from agent.custody.envelopes import seal, unseal
from agent.custody.keys import PublicKey, SecretKey
from agent.errors import BodydockError
from agent.model import framed
from agent.wire.chunk import Chunk, encode
from agent.wire.contract import (
    OFFER_TYPE,
    RECEIPT_TYPE,
    Answer,
    DockStatus,
    Grant,
    Manifest,
    Message,
    Progress,
    Receipt,
    decode,
    up,
)
from agent.wire.evidence import CHALLENGE_TYPE, PROOF_TYPE, Challenge, Proof
from agent.wire.facts import RecorderFacts

RECEIVER = "r1"
CHUNK = 4096
T = TypeVar("T")
M = TypeVar("M", bound=Message)


class Watch:
    """A clock that tests turn by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 11, 23, 8, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


def secret_key() -> SecretKey:
    return SecretKey(Ed25519PrivateKey.generate())


def cut(data: bytes, size: int = CHUNK) -> list[Chunk]:
    return [
        Chunk(at, blake3(data[at : at + size]).digest(), data[at : at + size])
        for at in range(0, len(data), size)
    ]


def manifest_of(data: bytes, **changes: Any) -> Manifest:
    """An honest manifest of `data`; `changes` make it less so."""
    size = changes.get("chunk_bytes", CHUNK)
    facts: dict[str, Any] = {
        "dock": "d1",
        "clip": blake3(framed(["clip", data.hex()])).hexdigest(),
        "recorder": RecorderFacts(maker="Acme", model="A1", serial="S-1", firmware="1.0"),
        "bay": "3",
        "contact": 1,
        "path": "DCIM/../../etc/passwd",
        "size": len(data),
        "recorded": "20261123T080000",
        "marked": False,
        "chunk_bytes": CHUNK,
        "blake3": blake3(data).hexdigest(),
        "chunks": blake3(b"".join(chunk.digest for chunk in cut(data, size))).hexdigest(),
        "sha256": hashlib_new("sha256", data).hexdigest(),
        "sm3": hashlib_new("sm3", data).hexdigest(),
        "spooled_at": "2026-11-23T08:00:00.000Z",
    }
    return Manifest(**(facts | changes))


@dataclass
class Dock:
    """One dock: its key, and what the archive told it, newest last."""

    name: str
    send: Callable[[str, bytes], None]
    key: SecretKey

    def __post_init__(self) -> None:
        self.told: list[tuple[str, bytes]] = []

    def announce(self, key: PublicKey | None = None) -> None:
        key = key or self.key.public
        status = DockStatus(dock=self.name, online=True, key=key.text)
        self.send(up(self.name, "status"), status.encode())

    def offer(self, manifest: Manifest, *, signed_by: SecretKey | None = None) -> None:
        envelope = seal(OFFER_TYPE, manifest.encode(), signed_by or self.key)
        self.send(up(self.name, "offer"), envelope)

    def chunk(self, manifest: Manifest, chunk: Chunk) -> None:
        self.send(up(self.name, "chunk", RECEIVER, manifest.clip), encode(chunk))

    def chunks(self, manifest: Manifest, data: bytes) -> None:
        for chunk in cut(data, manifest.chunk_bytes):
            self.chunk(manifest, chunk)

    def heard(self, kind: type[M], what: str) -> list[M]:
        return [decode(kind, payload) for topic, payload in self.told if topic == what]

    @property
    def grants(self) -> list[Grant]:
        return self.heard(Grant, "grant")

    @property
    def answers(self) -> list[Answer]:
        return [grant.answer for grant in self.grants]

    @property
    def progress(self) -> list[Progress]:
        return self.heard(Progress, "progress")

    def challenge(self, manifest: Manifest, nonce: bytes, **changes: Any) -> None:
        sent = manifest.sent
        facts: dict[str, Any] = {
            "dock": self.name,
            "clip": manifest.clip,
            "size": sent.size,
            "blake3": sent.blake3,
            "nonce": nonce.hex(),
        }
        signed_by = changes.pop("signed_by", self.key)
        challenge = Challenge(**(facts | changes))
        self.send(up(self.name, "challenge"), seal(CHALLENGE_TYPE, challenge.encode(), signed_by))

    def proofs(self, key: PublicKey) -> list[Proof]:
        """Proofs that verify with the archive's key; any other fails the test."""
        envelopes = [payload for topic, payload in self.told if topic == "challenge"]
        return [decode(Proof, unseal(PROOF_TYPE, one, [key])) for one in envelopes]

    def receipts(self, key: PublicKey) -> list[Receipt]:
        """Receipts that verify with the archive's key; any other fails the test."""
        envelopes = [payload for topic, payload in self.told if topic == "receipt"]
        return [decode(Receipt, unseal(RECEIPT_TYPE, one, [key])) for one in envelopes]


class Later:
    """A background whose work waits until a test says so."""

    def __init__(self) -> None:
        self.jobs: deque[Callable[[], None]] = deque()

    def submit(self, work: Callable[[], T], then: Callable[[T | BodydockError], None]) -> None:
        def job() -> None:
            try:
                outcome: T | BodydockError = work()
            except BodydockError as error:
                outcome = error
            then(outcome)

        self.jobs.append(job)

    def run(self) -> None:
        while self.jobs:
            self.jobs.popleft()()


class Far:
    """The far end, in this thread: a store in `root`, a desk, and docks tied to it."""

    def __init__(self, root: Path, key: SecretKey, **changes: Any) -> None:
        self.key = key
        self.clock = Watch()
        facts: dict[str, Any] = {
            "archive": "county",
            "receiver": RECEIVER,
            "root": root,
            "floor": 0,
        }
        self.settings = ArchiveSettings(**(facts | changes))
        self.store = Store(root, self.settings.floor)
        self.store.make()
        self.catalogue = Catalogue(root / CATALOGUE, archive="county", epoch="e1")
        self.trust = Trust(self.settings.docks, self.catalogue, self.clock)
        opening = opening_of(self.settings)
        self.sealer = Sealer(self.settings, self.store, self.catalogue, key, self.clock, opening)
        Recovery(self.store, self.catalogue, self.trust, self.sealer, self.clock).run()
        self.later = Later()
        self.docks: dict[str, Dock] = {}
        self.prover = Prover(
            *(self.settings, self.store, self.catalogue, self.trust, key),
            *(self.later, self._tell, self.clock),
        )
        self.desk = Desk(
            *(self.settings, self.store, self.trust, self.sealer, self.later, self._tell),
            self.clock,
            {"challenge": self.prover.challenged},
        )

    def dock(self, name: str = "d1", *, key: SecretKey | None = None) -> Dock:
        dock = self.docks[name] = Dock(name, self.desk.handle, key or secret_key())
        dock.announce()
        return dock

    def work(self) -> None:
        self.later.run()

    def close(self) -> None:
        """As a crash would leave it: only descriptors go."""
        self.desk.close()
        self.catalogue.close()

    def objects(self) -> list[Path]:
        return sorted(p for p in (self.settings.root / "objects").rglob("*") if p.is_file())

    def quarantined(self) -> list[str]:
        return sorted(p.name for p in (self.settings.root / "quarantine").iterdir())

    def _tell(self, topic: str, payload: bytes) -> None:
        _, _, _, name, way, what = topic.split("/")
        assert way == "down"
        self.docks[name].told.append((what, payload))
