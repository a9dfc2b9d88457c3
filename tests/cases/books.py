"""A ledger with clips in it, whose case data and holds tests look at."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from agent.model import CaseData, ClipId, Digests, Identity
from agent.spool.entry import Owned, Sealed, Sighting
from agent.spool.ledger import Ledger
from tests.spool.places import HandClock

IDENTITY = Identity("Maker", "Model", "S0001", "1.0")
OWNED = Owned(
    CaseData(name="a.mp4", officer="110101", officer_name="张三", unit="东城交警大队"),
    "register of recorders",
)
KEY = "ed25519:" + "ab" * 32


def clip_id(number: int) -> ClipId:
    return ClipId(f"{number:064x}")


def ledger_in(folder: Path, clock: HandClock | None = None) -> Ledger:
    return Ledger(folder / "ledger.db", clock or HandClock())


def sighting(ledger: Ledger, number: int, owned: Owned | None = OWNED) -> Sighting:
    contacts = ledger.contacts(IDENTITY.serial, limit=1)
    contact = contacts[0].number if contacts else ledger.begin_contact("3", IDENTITY, None, None)
    return Sighting(
        clip_id(number), contact, IDENTITY, "3", "card", f"DCIM/{number}.mp4", 5, "20260804T100000",
        marked=False, owned=owned,
    )  # fmt: skip


def seen(ledger: Ledger, number: int = 1, owned: Owned | None = OWNED) -> ClipId:
    return ledger.see(sighting(ledger, number, owned)).clip


def spooled(ledger: Ledger, number: int) -> ClipId:
    clip = seen(ledger, number)
    ledger.spooled(Sealed(clip, 5, Digests("11" * 32, "22" * 32, "33" * 32), "44" * 32))
    return clip


def dock_file(folder: Path, more: str = "") -> Path:
    path = folder / "dock.toml"
    path.write_text(
        f'[dock]\nid = "d1"\nstate = "{folder}"\nruntime = "{folder}"\n'
        f'[archive]\nkeys = ["{KEY}"]\n{more}',
        "utf-8",
    )
    return path


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
