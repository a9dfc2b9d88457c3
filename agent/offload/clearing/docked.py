"""What one session knows of its recorder, and what the ledger knows of its clips: cases."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field

from agent.custody.envelopes import peek
from agent.errors import Malformed
from agent.model import Health, Identity, Storage
from agent.offload.clearing.eraser import Eraser
from agent.offload.clearing.rule import Case, Limits, ProofFacts
from agent.recorder.base import Recorder
from agent.spool.clearing_queries import ClearingQueries, Safety
from agent.spool.entry import Entry
from agent.wire.contract import Receipt, decode

log = logging.getLogger(__name__)

SUSPECT = frozenset({"card", "foreign-card", "serial", "dirty"})
"""Findings of a contact, see `spool.changes`, after which its storages are not to be trusted."""
ERRED = "cleared-other"
"""The finding that a deletion took something else with it; it stands for ever."""


@dataclass(frozen=True, slots=True)
class Docked:
    """One recorder in one session.

    `eraser` is None where nothing deletes on it; `clock_error` is how far its clock is ahead, in
    seconds; `firmware_known` is its profile's word; `over` ends the session.
    """

    recorder: Recorder
    identity: Identity
    bay: str
    contact: int
    health: Health
    clock_error: float | None
    firmware_known: bool
    eraser: Eraser | None
    over: threading.Event = field(default_factory=threading.Event)

    def storage(self, name: str) -> Storage | None:
        """One of its storages, as it showed them in this session."""
        return next((each for each in self.health.storages if each.id == name), None)

    def free_percent(self, name: str) -> float | None:
        """Of one of its storages; None where it tells nothing."""
        storage = self.storage(name)
        return 100 * storage.free / storage.total if storage and storage.total > 0 else None


def known_case(ledger: ClearingQueries, entry: Entry, limits: Limits, running: float) -> Case:
    """All that the ledger knows; what only a session can know counts as being in order.

    `running` is the dock's running time in seconds. Raises `Malformed` for a row that is none.
    """
    safety = ledger.safety_of(entry.clip)
    clearing, receipt, findings = (
        safety.clearing,
        entry.receipt,
        ledger.findings(serial=entry.sighting.identity.serial),
    )
    return Case(
        limits=limits,
        state=entry.state,
        clearance=clearing.state if clearing else None,
        receipt_archive=receipt.archive if receipt else "",
        opened=opened(entry),
        since_receipt=None if safety.held_from is None else running - safety.held_from,
        epoch=safety.epoch,
        proof=_proof(safety, running),
        holds=safety.holds,
        kept=clearing.kept if clearing else 0,
        kind=entry.facts.kind,
        same_identity=True,
        capable=True,
        in_place=True,
        alone=True,
        clock_trust="synchronised",
        reserve_met=True,
        storage_sound=True,
        firmware_known=True,
        erred=any(each.change.kind == ERRED for each in findings),
    )


def suspect(ledger: ClearingQueries, docked: Docked, storage: str) -> bool:
    """Whether a storage is not to be trusted in this session: it is not there, was not closed in
    order, or this contact found something about the recorder's storages."""
    shown = docked.storage(storage)
    found = ledger.findings(serial=docked.identity.serial)
    return (
        shown is None
        or shown.dirty
        or any(each.contact == docked.contact and each.change.kind in SUSPECT for each in found)
    )


def same_identity(entry: Entry, docked: Docked) -> bool:
    """Whether a clip came from the recorder that is here, by everything that stays of it."""
    was, now = entry.sighting.identity, docked.identity
    return (was.serial, was.maker, was.model) == (now.serial, now.maker, now.model)


def opened(entry: Entry) -> bool:
    """Whether the archive reads the bytes that were recorded: of an encrypted clip it says so in
    its receipt (`Receipt.opened`), every other clip it gets as it was recorded."""
    if entry.sealed is None or entry.sealed.stored is None:
        return True
    if entry.receipt is None:
        return False
    try:
        receipt = decode(Receipt, peek(entry.receipt.envelope.encode()))
    except Malformed as error:
        log.error("the receipt of clip %s in the ledger is none: %s", entry.clip, error)
        return False
    return receipt.opened is True


def _proof(safety: Safety, running: float) -> ProofFacts | None:
    clearing = safety.clearing
    if clearing is None or not clearing.proof or clearing.proved_from is None:
        return None
    return ProofFacts(clearing.archive, clearing.epoch, running - clearing.proved_from)
