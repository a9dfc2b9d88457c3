"""What a dock can supply: clips that lie whole and plain in its spool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from agent.clock import to_text
from agent.custody.export.evidence import signed_by
from agent.custody.export.supply import Exhibit, plain_file
from agent.custody.keys import PublicKey
from agent.errors import ClipDamaged, UsageError
from agent.model import printable
from agent.spool.entry import Entry, Sealed
from agent.spool.exports import EvidenceView
from agent.spool.layout import Layout
from agent.spool.states import State

HERE = frozenset({State.SPOOLED, State.OFFERED, State.REFUSED, State.RECEIPTED})
"""States in which the dock has a copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """A dock's clips. `offer` makes the signed manifest of one; `known` are the keys by which
    offers and receipts may be signed, the dock's own among them."""

    dock: str
    ledger: EvidenceView
    layout: Layout
    offer: Callable[[Entry], bytes]
    known: Sequence[PublicKey]

    def exhibit(self, entry: Entry) -> Exhibit:
        """Raises `UsageError` for a clip that is not here, or encrypted; `ClipDamaged` for one
        whose copy is gone."""
        sealed = _insist_here(entry)
        sighting, receipt = entry.sighting, entry.receipt
        record = self.ledger.case_record(entry.clip)
        path = self.layout.clip(entry.clip)
        return Exhibit(
            clip=entry.clip,
            serial=sighting.identity.serial,
            maker=sighting.identity.maker,
            model=sighting.identity.model,
            path=sighting.path,
            recorded=sighting.recorded,
            size=sealed.size,
            digests=sealed.digests,
            source=path,
            pour=plain_file(path, entry.clip, printable(sighting.path)),
            marked=sighting.marked,
            facts=entry.facts,
            dock=self.dock,
            bay=sighting.bay,
            pulled_at=to_text(entry.spooled_at) if entry.spooled_at else "",
            archive=receipt.archive if receipt else "",
            stored_at=to_text(receipt.stored_at) if receipt else "",
            offer=signed_by(self.offer(entry), self.known),
            receipt=signed_by(receipt.envelope.encode(), self.known) if receipt else None,
            case=newest_case(record),
            record=record,
        )

    def by_prefix(self, prefix: str) -> Entry:
        """The one clip whose id begins so. Raises `UsageError` for none or several."""
        found = self.ledger.entries(prefix=prefix, limit=2) if prefix else []
        if len(found) == 1:
            return found[0]
        many = "more than one clip's id begins" if found else "no clip's id begins"
        raise UsageError(f"{many} with {printable(prefix[:64])!r}", do="see `bodydock clips`")


def newest_case(record: dict[str, Any]) -> dict[str, Any]:
    """The fields of the newest version; empty where there is none."""
    versions = record["versions"]
    fields = versions[-1]["fields"] if versions else {}
    return fields if isinstance(fields, dict) else {}


def _insist_here(entry: Entry) -> Sealed:
    named = f"clip {entry.clip[:12]} ({printable(entry.sighting.path)})"
    if entry.state is State.DAMAGED:
        raise ClipDamaged(f"{named} is damaged here", do="leave it out; its recorder has it")
    if entry.sealed is None or entry.state not in HERE:
        raise UsageError(
            f"{named} is {entry.state.value}: this dock has no copy of it",
            do="export it at the archive, or leave it out",
        )
    if entry.sealed.stored is not None:
        raise UsageError(
            f"{named} is encrypted to the archive's key, which this dock cannot open",
            do="use `bodydock archive export` at the archive",
        )
    return entry.sealed
