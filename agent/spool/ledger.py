"""The ledger: what state every clip is in, and the only way to change that.

Each method is one transaction, durable when it returns (WAL, `synchronous=FULL`). A move that
`states.NEXT` does not have raises `WrongState` and changes nothing. All methods may be called
from any thread and raise `LedgerBroken` once the database failed, `SpoolFull` where its disk has
no room.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Any

from agent.clock import to_text
from agent.errors import LedgerBroken, WrongState
from agent.log_entry import Kind
from agent.model import ClipId
from agent.spool import rows
from agent.spool.cases import Cases
from agent.spool.checkpoints import Checkpoints
from agent.spool.disproved import Disproved
from agent.spool.entry import Entry, ReceiptRecord, Sealed, Sighting
from agent.spool.errand_book import ErrandBook
from agent.spool.exports import Exports
from agent.spool.keybook import Keybook
from agent.spool.listings import Listings
from agent.spool.policies import Policies
from agent.spool.restored import Restored
from agent.spool.stamps import Stamps
from agent.spool.states import State
from agent.spool.stored_rows import stored_columns

log = logging.getLogger(__name__)


class Ledger(
    Restored,
    Listings,
    Policies,
    Cases,
    ErrandBook,
    Keybook,
    Stamps,
    Exports,
    Checkpoints,
    Disproved,
):
    """The one writer. `path` is made if it is missing; its folder must be there.

    Raises `LedgerDamaged` for a file that is no sound database, `LedgerBroken` for one in use,
    of a newer version, or that cannot be opened.
    """

    # Clips coming in.

    def see(self, sighting: Sighting) -> Entry:
        """A recorder lists this clip. Known already, it keeps its state and what is known of it;
        only where it is still to be pulled does it belong to the newest contact."""
        self.see_all([sighting])
        if (entry := self.find(sighting.clip)) is None:
            raise LedgerBroken(f"clip {sighting.clip} vanished from the ledger")
        return entry

    def see_all(self, sightings: Iterable[Sighting]) -> None:
        """`see` for many clips in one transaction."""
        with self._writing():
            for sighting in sightings:
                self._see(sighting)

    def spooled(self, sealed: Sealed) -> None:
        """The clip is whole and durable in the spool.

        Where its recorder gave other bytes than for the copy that was lost here, `reason` and the
        log say so.
        """
        with self._moving(sealed.clip, State.SPOOLED) as row:
            if sealed.size != row["size"]:
                raise WrongState(f"clip {sealed.clip}: {sealed.size} bytes, not {row['size']}")
            reason, before = "", row["blake3"]
            if before not in (None, sealed.digests.blake3):
                reason = f"its recorder now gives other bytes than before (BLAKE3 {before})"
                log.error("clip %s: %s", sealed.clip, reason)
            self._update(
                sealed.clip,
                **rows.sealed_columns(sealed),
                spooled_at=self._now(),
                reason=reason,
                attempts=0,
                due=None,
            )
            digests = {
                name: value
                for name, value in rows.sealed_columns(sealed).items()
                if value and name != "fingerprint"
            }
            form = self._keep_form(sealed)
            self._enter(Kind.SEALED, clip=sealed.clip, size=sealed.size, **digests, **form)

    def wanted_again(self, clip: ClipId) -> None:
        """The recorder still has the clip whose copy here was damaged: pull it anew. The BLAKE3
        stays, for `spooled` to compare."""
        with self._moving(clip, State.SEEN):
            self._update(
                clip,
                **dict.fromkeys(("fingerprint", "chunks", "sha256", "sm3")),
                spooled_at=None,
                attempts=0,
                due=None,
            )
            self._database.change(
                "DELETE FROM stored WHERE clip = (SELECT seq FROM clip WHERE id = ?)", [clip]
            )
            self._enter(Kind.WANTED, clip=clip)

    # Clips going out.

    def offered(self, clip: ClipId) -> None:
        """The archive was told of the clip; nothing changes where it had been."""
        with self._moving(clip, State.OFFERED, staying=(State.OFFERED,)) as row:
            if rows.state_of(row) is not State.OFFERED:
                self._enter(Kind.OFFERED, clip=clip)

    def receipted(self, clip: ClipId, receipt: ReceiptRecord) -> None:
        """A checked receipt; its hold begins. A clip that has one keeps the first."""
        done = (State.RECEIPTED, State.RELEASED)
        with self._moving(clip, State.RECEIPTED, staying=done) as row:
            if rows.state_of(row) not in done:
                self._update(
                    clip,
                    **rows.receipt_columns(receipt),
                    receipted_at=self._now(),
                    held_from=self.running,
                    reason="",
                    attempts=0,
                    due=None,
                )
                columns = rows.receipt_columns(receipt)
                envelope = sha256(columns.pop("envelope").encode()).hexdigest()
                self._enter(Kind.RECEIPTED, clip=clip, **columns, envelope_sha256=envelope)
                self._doubt_if_stale(clip, receipt.archive, receipt.epoch)

    def refused(self, clip: ClipId, reason: str, due: datetime) -> None:
        """The archive will not take the clip as it is; it is offered again at `due`."""
        with self._moving(clip, State.REFUSED, staying=(State.REFUSED,)) as row:
            self._update(clip, reason=rows.storable(reason), due=to_text(due))
            if rows.state_of(row) is not State.REFUSED:
                self._enter(Kind.REFUSED, clip=clip, reason=_short(reason))

    def damaged(self, clip: ClipId, reason: str) -> None:
        """The dock's copy is not what its digests promise."""
        with self._moving(clip, State.DAMAGED):
            self._update(clip, reason=rows.storable(reason), due=None)
            self._enter(Kind.DAMAGED, clip=clip, reason=_short(reason))

    def released(self, clip: ClipId, reason: str = "") -> None:
        """The tombstone: from here on the dock's copy may go. A `reason` says that it is lost; an
        orderly release raises `WrongState` while nobody knows what became of a deletion."""
        with self._moving(clip, State.RELEASED):
            self._leave(clip, orderly=not reason)
            self._update(clip, reason=rows.storable(reason))
            self._enter(Kind.RELEASED, clip=clip, reason=_short(reason))

    def postpone(self, clip: ClipId, due: datetime, reason: str) -> None:
        """An attempt failed; the next may go at `due`, and a restart keeps to that."""
        with self._writing():
            attempts = self._row(clip)["attempts"] + 1
            self._update(clip, attempts=attempts, due=to_text(due), reason=rows.storable(reason))

    def progressed(self, clip: ClipId) -> None:
        """An attempt got somewhere: what went wrong before is over, the next failure is the first.
        Writes nothing where nothing had gone wrong."""
        with self._writing():
            row = self._row(clip)
            if row["attempts"] or row["due"]:
                self._update(clip, attempts=0, due=None, reason="")

    def note(self, clip: ClipId, reason: str) -> None:
        """The newest trouble with a clip, in words; empty where it is over."""
        with self._writing():
            if self._row(clip)["reason"] != reason:
                self._update(clip, reason=rows.storable(reason))

    def _keep_form(self, sealed: Sealed) -> dict[str, Any]:
        """Keep how an encrypted clip lies here; what the custody log says of that."""
        if not sealed.stored:
            return {}
        columns = stored_columns(sealed.stored)
        names, values = ", ".join(columns), ", ".join(f":{name}" for name in columns)
        sql = f"""INSERT INTO stored (clip, {names})
            SELECT seq, {values} FROM clip WHERE id = :clip_id"""  # noqa: S608, names of our own
        self._database.change(sql, {**columns, "clip_id": sealed.clip})
        return {"stored": {name: value for name, value in columns.items() if value is not None}}


def _short(text: str) -> str:
    """Words for the custody log, which takes no long ones."""
    return rows.storable(text)[:4096]
