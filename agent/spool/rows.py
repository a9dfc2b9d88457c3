"""Rows of the ledger as values and back; a row that makes no sense is `Malformed`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from agent.clock import from_text, to_text
from agent.errors import ClipDamaged, Malformed, RecorderMisbehaved
from agent.model import ClipId, ClockReading, Digests, Health, Identity, Storage, is_digest
from agent.spool.changes import Change, Volume
from agent.spool.database import Row
from agent.spool.entry import (
    Contact,
    Entry,
    Finding,
    KnownRecorder,
    ReceiptRecord,
    Sealed,
    Sighting,
)
from agent.spool.states import State
from agent.spool.stored_rows import stored_of
from agent.spool.told import storable as storable
from agent.spool.told import told_of


@contextmanager
def _of(what: str) -> Iterator[None]:
    """Whatever a damaged row holds is `Malformed`."""
    try:
        yield
    except (ValueError, TypeError, KeyError) as error:
        raise Malformed(f"ledger: {what}: {error}") from error


def entry_of(row: Row) -> Entry:
    """A row of the view `entry`. Raises `Malformed` with the row's number."""
    with _of(f"clip row {row['seq']}"):
        return Entry(
            seq=row["seq"],
            sighting=_sighting(row),
            state=State(row["state"]),
            reason=row["reason"],
            sealed=_sealed(row),
            receipt=_receipt(row),
            seen_at=from_text(row["seen_at"]),
            spooled_at=_moment(row["spooled_at"]),
            receipted_at=_moment(row["receipted_at"]),
            attempts=row["attempts"],
            due=_moment(row["due"]),
            urgent=bool(row["urgent"]),
        )


def contact_of(row: Row) -> Contact:
    """A row of the view `docking`. Raises `Malformed` with the contact's number."""
    with _of(f"contact {row['id']}"):
        return Contact(
            number=row["id"],
            identity=_identity(row),
            bay=row["bay"],
            began_at=from_text(row["began_at"]),
            ended_at=_moment(row["ended_at"]),
            reason=row["reason"],
            health=_health(row["health"]),
            reading=_reading(row),
            profile=row["profile"] or "",
            clock_error=row["clock_error"],
        )


def recorder_of(row: Row) -> KnownRecorder:
    """The newest `docking` of a recorder, with their `number` and the `first` moment."""
    with _of(f"recorder of contact {row['id']}"):
        return KnownRecorder(row["number"], from_text(row["first"]), contact_of(row))


def reading_of(row: Row) -> ClockReading | None:
    """The clock's reading in a row of the view `docking`. Raises `Malformed`."""
    with _of(f"contact {row['id']}"):
        return _reading(row)


def finding_of(row: Row) -> Finding:
    """A row of `finding`. Raises `Malformed` with its number."""
    with _of(f"finding {row['id']}"):
        change = Change(row["kind"], row["before"], row["after"])
        at = from_text(row["at"])
        return Finding(at, row["contact"], row["serial"], row["bay"], change)


def volume_of(row: Row) -> Volume:
    """A row of `volume` with the maker and model of its recorder."""
    storage = Storage(row["storage"], row["label"], 0, 0, row["serial"], bool(row["dirty"]))
    model = f"{row['maker']} {row['model']}".strip()
    return Volume(row["recorder"], model, storage, row["contact"])


def expected_of(row: Row) -> tuple[ClipId, State, int, bool]:
    """Id and state of a clip, the size of its file, and whether that is encrypted. Raises
    `Malformed`."""
    try:
        stored = row["stored_size"]
        size = row["size"] if stored is None else stored
        return ClipId(row["id"]), State(row["state"]), int(size), stored is not None
    except (ValueError, TypeError) as error:
        raise Malformed(f"ledger: clip {row['id']}: {error}") from error


def state_of(row: Row) -> State:
    """Raises `ClipDamaged` for a state that is none."""
    try:
        return State(row["state"])
    except ValueError as error:
        raise ClipDamaged(f"ledger: {error}", do="see `bodydock doctor`") from error


def moment_of(text: str | None) -> datetime | None:
    """A moment as kept. Raises `Malformed` for text that is none."""
    with _of("a moment"):
        return _moment(text)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else from_text(text)


def sighting_columns(sighting: Sighting) -> dict[str, Any]:
    """Raises `RecorderMisbehaved` for a size that no file can have."""
    if not 0 <= sighting.size < 2**63:
        raise RecorderMisbehaved(f"a clip of {sighting.size} bytes")
    return {
        "id": sighting.clip,
        "contact": sighting.contact,
        "bay": storable(sighting.bay),
        "storage": storable(sighting.storage),
        "path": storable(sighting.path),
        "size": sighting.size,
        "recorded": storable(sighting.recorded),
        "marked": int(sighting.marked),
        "generation": sighting.generation,
    }


def sealed_columns(sealed: Sealed) -> dict[str, Any]:
    digests = sealed.digests
    return {
        "fingerprint": sealed.fingerprint,
        "blake3": digests.blake3,
        "chunks": digests.chunks,
        "sha256": digests.sha256,
        "sm3": digests.sm3,
    }


def receipt_columns(receipt: ReceiptRecord) -> dict[str, Any]:
    return {
        "archive": receipt.archive,
        "receiver": receipt.receiver,
        "epoch": receipt.epoch,
        "stored_at": to_text(receipt.stored_at),
        "stored_as": receipt.stored_as,
        "envelope": receipt.envelope,
    }


def identity_columns(identity: Identity) -> dict[str, Any]:
    return {
        "serial": storable(identity.serial),
        "maker": storable(identity.maker),
        "model": storable(identity.model),
        "firmware": storable(identity.firmware),
    }


def introduction_columns(identity: Identity, profile: str) -> dict[str, Any]:
    """What a recorder says of itself beyond what its row holds."""
    return {
        "profile": storable(profile),
        "id_code": storable(identity.id_code),
        "officer": storable(identity.officer),
        "unit": storable(identity.unit),
    }


def reading_columns(reading: ClockReading | None) -> dict[str, Any]:
    if reading is None:
        return {"clock_recorder": None, "clock_dock": None, "clock_round_trip": None}
    return {
        "clock_recorder": reading.recorder.isoformat(),
        "clock_dock": to_text(reading.dock),
        "clock_round_trip": float(reading.round_trip),
    }


def health_text(health: Health | None) -> str | None:
    if health is None:
        return None
    storages = [
        [each.id, each.label, each.total, each.free, each.serial, each.dirty]
        for each in health.storages
    ]
    return json.dumps({"battery": health.battery_percent, "storages": storages})


def _identity(row: Row) -> Identity:
    return Identity(
        row["maker"],
        row["model"],
        row["serial"],
        row["firmware"],
        row["id_code"] or "",
        row["officer"] or "",
        row["unit"] or "",
    )


_KINDS: dict[str, type] = {
    "id": str,
    "contact": int,
    "bay": str,
    "storage": str,
    "path": str,
    "size": int,
    "recorded": str,
    "generation": int,
    "reason": str,
    "attempts": int,
}


def _sighting(row: Row) -> Sighting:
    for name, kind in _KINDS.items():
        if not isinstance(row[name], kind):
            raise TypeError(f"{name} is no {kind.__name__}")
    if not is_digest(row["id"]):
        raise ValueError("its id is no digest")
    return Sighting(
        clip=ClipId(row["id"]),
        contact=row["contact"],
        identity=_identity(row),
        bay=row["bay"],
        storage=row["storage"],
        path=row["path"],
        size=row["size"],
        recorded=row["recorded"],
        marked=bool(row["marked"]),
        generation=row["generation"],
        facts=told_of(row),
    )


def _sealed(row: Row) -> Sealed | None:
    if row["fingerprint"] is None:
        return None
    for name in ("fingerprint", "blake3", "chunks"):
        if not is_digest(row[name]):
            raise ValueError(f"{name} is no digest")
    digests = Digests(row["blake3"], row["chunks"], row["sha256"], row["sm3"])
    return Sealed(ClipId(row["id"]), row["size"], digests, row["fingerprint"], stored_of(row))


def _receipt(row: Row) -> ReceiptRecord | None:
    if row["envelope"] is None:
        return None
    return ReceiptRecord(
        envelope=row["envelope"],
        archive=row["archive"],
        receiver=row["receiver"],
        epoch=row["epoch"],
        stored_at=from_text(row["stored_at"]),
        stored_as=row["stored_as"],
    )


def health_of(text: str | None) -> Health | None:
    """What a contact's row holds of a recorder's health. Raises `Malformed`."""
    with _of("a recorder's health"):
        return _health(text)


def _health(text: str | None) -> Health | None:
    if text is None:
        return None
    raw = json.loads(text)
    storages = tuple(Storage(*each) for each in raw["storages"])
    return Health(raw["battery"], storages)


def _reading(row: Row) -> ClockReading | None:
    if row["clock_recorder"] is None:
        return None
    recorder = datetime.fromisoformat(row["clock_recorder"])
    return ClockReading(recorder, from_text(row["clock_dock"]), row["clock_round_trip"])
