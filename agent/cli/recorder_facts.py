"""What is known of recorders, for machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agent.clock import to_text
from agent.config.register import Registered, state_of
from agent.model import Identity, Storage
from agent.spool.changes import WORDS, Volume
from agent.spool.entry import Contact, Finding, KnownRecorder


@dataclass(frozen=True, slots=True)
class Line:
    """One recorder: what the office knows of it, and what the dock does."""

    serial: str
    registered: Registered | None
    known: KnownRecorder | None
    findings: int

    @property
    def latest(self) -> Contact | None:
        return self.known.latest if self.known else None

    @property
    def said(self) -> Identity:
        latest = self.latest
        return latest.identity if latest else Identity("", "", self.serial, "")


def line_document(line: Line) -> dict[str, Any]:
    """One recorder for machines."""
    registered, said, known = line.registered, line.said, line.known
    return {
        "serial": line.serial,
        "state": state_of(registered),
        "registered": registered.model_dump() if registered else None,
        "differs": registered.differs(said) if registered else [],
        "contacts": known.contacts if known else 0,
        "first_seen": to_text(known.first_seen) if known else None,
        "findings": line.findings,
        "latest": _contact_document(known.latest) if known else None,
    }


def _contact_document(contact: Contact) -> dict[str, Any]:
    """One contact for machines: the recorder's clock in its own words, ours in UTC."""
    said, health, reading = contact.identity, contact.health, contact.reading
    return {
        "contact": contact.number,
        "bay": contact.bay,
        "began_at": to_text(contact.began_at),
        "ended_at": to_text(contact.ended_at) if contact.ended_at else None,
        "reason": contact.reason,
        "maker": said.maker,
        "model": said.model,
        "firmware": said.firmware,
        "id_code": said.id_code,
        "officer": said.officer,
        "unit": said.unit,
        "profile": contact.profile,
        "battery_percent": health.battery_percent if health else None,
        "storages": [_storage_document(each) for each in health.storages] if health else [],
        "clock_error": contact.clock_error,
        "clock": reading
        and {
            "recorder": reading.recorder.isoformat(),
            "dock": to_text(reading.dock),
            "round_trip": reading.round_trip,
        },
    }


def _storage_document(storage: Storage) -> dict[str, Any]:
    names = ("id", "label", "total", "free", "serial", "dirty")
    return {name: getattr(storage, name) for name in names}


def _volume_document(volume: Volume) -> dict[str, Any]:
    storage = volume.storage
    return {
        "storage": storage.id,
        "serial": storage.serial,
        "label": storage.label,
        "dirty": storage.dirty,
        "contact": volume.contact,
    }


def _finding_document(finding: Finding) -> dict[str, Any]:
    change = finding.change
    return {
        "at": to_text(finding.at),
        "contact": finding.contact,
        "bay": finding.bay,
        "kind": change.kind,
        "means": WORDS.get(change.kind, change.kind),
        "before": change.before,
        "after": change.after,
    }


def history_document(
    lines: Sequence[Line],
    contacts: Sequence[Contact],
    findings: Sequence[Finding],
    volumes: Sequence[Volume],
) -> dict[str, Any]:
    """Everything that is known of the recorders of one serial."""
    return {
        "recorders": [line_document(line) for line in lines],
        "volumes": [_volume_document(each) for each in volumes],
        "contacts": [_contact_document(each) for each in contacts],
        "findings": [_finding_document(each) for each in findings],
    }
