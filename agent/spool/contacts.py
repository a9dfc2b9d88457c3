"""The ledger's side of a contact: who docked, how, and what changed since it was last here."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import islice
from typing import Any

from agent.errors import WrongState
from agent.log_entry import Kind
from agent.model import ClockReading, Health, Identity, Storage, printable
from agent.spool import rows
from agent.spool.changes import Change, Stores, Volume, identity_changes, newest
from agent.spool.entry import Contact
from agent.spool.writer import Writer

log = logging.getLogger(__name__)

_STORES = 64
"""Of one contact that are followed over time; no recorder has as many."""


class Contacts(Writer):
    """Contacts and findings; each finding is committed with what it was concluded from."""

    def begin_contact(
        self,
        bay: str,
        identity: Identity,
        health: Health | None,
        reading: ClockReading | None,
        *,
        profile: str = "",
        clock_error: float | None = None,
        serial_is_label: bool = False,
    ) -> int:
        """A recorder was docked; the number of this contact.

        `profile` is the id of the one that it matched, `clock_error` how far its clock is ahead in
        seconds, `serial_is_label` that profile's quirk. What changed since is kept as findings.
        """
        with self._writing():
            number = self._insert(
                "contact",
                recorder=self._recorder(identity),
                bay=rows.storable(bay),
                began_at=self._now(),
                health=rows.health_text(health),
                **rows.reading_columns(reading),
            )
            said = rows.introduction_columns(identity, profile)
            self._insert("introduction", contact=number, **said, clock_error=clock_error)
            told = {**rows.identity_columns(identity), **said, **rows.reading_columns(reading)}
            told |= {"bay": rows.storable(bay), "clock_error": clock_error}
            self._enter(Kind.CONTACT, contact=number, **told)
            contact = self._contact(number)
            before = newest(self._said_before(contact))
            changes = list(identity_changes(before, contact.identity))
            if health and health.storages:
                changes += self._see_stores(
                    contact, health.storages, serial_is_label=serial_is_label
                )
            self._keep(contact, changes)
        _tell(contact, changes)
        return number

    def storages_seen(
        self, contact: int, storages: Sequence[Storage], *, serial_is_label: bool = False
    ) -> None:
        """The stores that a recorder shows only later in its contact, once it became a disk; they
        replace those of its first phase, none replace nothing. Raises `WrongState` for a contact
        that is not there."""
        if not storages:
            return
        with self._writing():
            now = self._contact(contact)
            battery = now.health.battery_percent if now.health else None
            self._database.change(
                "UPDATE contact SET health = ? WHERE id = ?",
                [rows.health_text(Health(battery, tuple(storages))), contact],
            )
            changes = self._see_stores(now, storages, serial_is_label=serial_is_label)
            self._keep(now, changes)
        _tell(now, changes)

    def end_contact(self, contact: int, reason: str) -> None:
        """The contact is over; the first reason stays."""
        with self._writing():
            if self._database.change(
                "UPDATE contact SET ended_at = ?, reason = ? WHERE id = ? AND ended_at IS NULL",
                [self._now(), rows.storable(reason), contact],
            ):
                words = rows.storable(reason)[:4096]
                self._enter(Kind.CONTACT_ENDED, contact=contact, reason=words)

    def _contact(self, number: int) -> Contact:
        sql = "SELECT * FROM docking WHERE id = ?"
        for contact in self._decoded(rows.contact_of, self._database.rows(sql, [number])):
            return contact
        raise WrongState(f"the ledger knows no contact {number}")

    def _said_before(self, contact: Contact) -> list[Identity]:
        """What the recorder of this serial said of itself at earlier contacts, newest first."""
        found = self.contacts(contact.identity.serial, before=contact.number)
        return [each.identity for each in found]

    def _see_stores(
        self, contact: Contact, storages: Sequence[Storage], *, serial_is_label: bool
    ) -> list[Change]:
        """What changed about the stores; keeps them as they are now."""
        serial = contact.identity.serial
        shown = [_storable(each) for each in islice(storages, _STORES)]
        stores = Stores(
            identity=contact.identity,
            contact=contact.number,
            storages=shown,
            mine=self.volumes(serial),
            elsewhere=self._elsewhere(serial, shown),
            is_new=not self.contacts(serial, before=contact.number, limit=1),
            serial_is_label=serial_is_label,
        )
        changes = list(stores.changes())
        for storage in shown:
            self._see_store(contact, storage)
        return changes

    def _elsewhere(self, serial: str, storages: Sequence[Storage]) -> list[Volume]:
        numbers = sorted({each.serial for each in storages if each.serial})
        marks = ", ".join("?" * len(numbers))
        where = f"volume.serial IN ({marks}) AND volume.recorder <> ?"
        return self._volumes(where, [*numbers, serial])

    def _see_store(self, contact: Contact, storage: Storage) -> None:
        self._database.change(
            """INSERT INTO volume VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
                SET label = excluded.label, dirty = excluded.dirty, contact = excluded.contact""",
            [
                contact.identity.serial,
                storage.id,
                storage.serial,
                storage.label,
                int(storage.dirty),
                contact.number,
            ],
        )

    def _keep(self, contact: Contact, changes: Sequence[Change]) -> None:
        for change in changes:
            self._keep_one(contact, change)

    def _keep_one(self, contact: Contact, change: Change, **evidence: Any) -> None:
        """Keep a finding; `evidence` goes with it into the custody log."""
        serial, bay = contact.identity.serial, contact.bay
        facts: dict[str, Any] = {"contact": contact.number, "serial": serial, "bay": bay}
        said = {"before": rows.storable(change.before), "after": rows.storable(change.after)}
        self._insert("finding", at=self._now(), kind=change.kind, **facts, **said)
        self._enter(Kind.FINDING, **facts, finding=change.kind, **said, **evidence)


def _tell(contact: Contact, changes: Sequence[Change]) -> None:
    bay, serial = printable(contact.bay), printable(contact.identity.serial)
    for change in changes:
        log.warning("bay %s: recorder %s: %s", bay, serial, change.words)


def _storable(storage: Storage) -> Storage:
    return Storage(
        rows.storable(storage.id),
        rows.storable(storage.label),
        storage.total,
        storage.free,
        rows.storable(storage.serial),
        storage.dirty,
    )
