"""A dock's log and an archive's keeper, with the network between them played by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.archive.catalogue import Catalogue
from agent.archive.keeper import Keeper
from agent.archive.trust import Trust
from agent.clock import to_text
from agent.custody.keys import SecretKey
from agent.custody.log import CustodyLog
from agent.custody.orders import Order
from agent.log_entry import Kind, LogEntry
from agent.spool.ledger import Ledger
from agent.uplink.custody import Courier

DOCK = "dock-1"
DOCK_KEY = SecretKey(Ed25519PrivateKey.from_private_bytes(b"d" * 32))
ARCHIVE_KEY = SecretKey(Ed25519PrivateKey.from_private_bytes(b"a" * 32))
ARCHIVE = "archive-1"
CLIP = "c1" * 32
OTHER = "c2" * 32


class ManualClock:
    """Stands still until told to move."""

    def __init__(self) -> None:
        self.elapsed = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 11, 23, 8, tzinfo=UTC) + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    def advance(self, seconds: float) -> None:
        self.elapsed += seconds


class Dock:
    """A ledger that grows at the test's word, its log and its courier."""

    def __init__(
        self,
        path: Path,
        clock: ManualClock,
        key: SecretKey = DOCK_KEY,
        archive: SecretKey = ARCHIVE_KEY,
    ) -> None:
        self.path = path
        self.clock = clock
        self.ledger = Ledger(path, clock, lambda: "synchronised")
        self.log = CustodyLog(self.ledger, DOCK, key, clock)
        pinned = [archive.public]
        self.courier = Courier(DOCK, self.ledger, self.log, pinned, Random(1))
        self.sent: list[bytes] = []
        self.retained: bytes | None = None

    def grow(self, number: int = 1, agent: str = "bodydock") -> None:
        for each in range(number):
            self.ledger.started(f"{agent} {each}")

    def speak(self, clip: str = CLIP) -> None:
        """An entry about a clip that nothing else knows of."""
        with self.ledger._writing():
            self.ledger._enter(Kind.PROVED, clip=clip, n=self.ledger.journal.size)

    def connect(self) -> None:
        self.courier.connected(self.clock.monotonic())

    def tick(self, seconds: float = 0.0) -> list[bytes]:
        """What it publishes at this step."""
        self.clock.advance(seconds)
        self.sent = []
        self.courier.tick(self.clock.monotonic(), self._post)
        return self.sent

    def _post(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        assert topic == f"bodydock/1/dock/{DOCK}/up/custody"
        assert len(payload) < 256 * 1024
        self.sent.append(payload)
        if retain:
            self.retained = payload
        return True

    def close(self) -> None:
        self.ledger.close()


class Archive:
    """A keeper over a catalogue; `told` is what it hands to those who fold entries."""

    def __init__(
        self,
        folder: Path,
        clock: ManualClock,
        key: SecretKey = ARCHIVE_KEY,
        **docks: SecretKey,
    ) -> None:
        self.clock = clock
        self.catalogue = Catalogue(folder / "catalogue.db", archive=ARCHIVE, epoch="e")
        keys = {name.replace("_", "-"): key.public for name, key in docks.items()}
        self.trust = Trust(keys or {DOCK: DOCK_KEY.public}, self.catalogue, clock)
        self.told: list[LogEntry] = []
        self.answers: list[bytes] = []
        self.keeper = Keeper(
            ARCHIVE,
            self.catalogue,
            self.trust,
            key,
            lambda _, payload: self.answers.append(payload),
            clock,
            (lambda _, entries: self.told.extend(entries),),
        )

    def hear(self, payload: bytes) -> list[bytes]:
        self.answers.clear()
        self.keeper.heard(DOCK, payload)
        return list(self.answers)

    def restart(self, why: str = "its disk was replaced") -> dict[str, Any]:
        order = Order("restart-custody", who="R. Liu", why=why, what={"dock": DOCK})
        return self.catalogue.restart_custody(order, to_text(self.clock.now()))

    def close(self) -> None:
        self.catalogue.close()


Lose = Callable[[], bool]


def settle(dock: Dock, archive: Archive, lose: Lose = lambda: False, steps: int = 200) -> None:
    """Let both talk until the archive cosigned all there is, or refuses."""
    for _ in range(steps):
        for message in dock.tick(1.0):
            answers = [] if lose() else archive.hear(message)
            for answer in answers:
                if not lose():
                    dock.courier.on_message("custody", answer)
        newest = dock.ledger.journal.newest(cosigned=True)
        if dock.ledger.custody_trouble():
            continue
        if newest is not None and newest.size == dock.ledger.journal.size:
            return
