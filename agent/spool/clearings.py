"""The ledger's side of clearing: each step from its evidence, the intent before the command.

A proof counts for one epoch of one archive. Where the archive's epoch changes, every proof of it
is worthless at that moment, and its clips that are still here are to be proved again: what it had
may be gone, and a copy of which a recorder was cleared is not released before that is known.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

from agent.errors import WrongState
from agent.log_entry import Kind
from agent.model import ClipId
from agent.spool import rows
from agent.spool.changes import Change
from agent.spool.clearance import DOUBTED, Clearance, Clearing, Step, check_step
from agent.spool.contacts import Contacts
from agent.spool.entry import Entry
from agent.spool.states import State, check_move

log = logging.getLogger(__name__)

_NO_PROOF = dict.fromkeys(("nonce", "archive", "epoch", "proof", "proved_from"))
_NO_RECEIPT = dict.fromkeys(
    ("archive", "receiver", "epoch", "stored_at", "stored_as", "envelope", "receipted_at"),
)


class Clearings(Contacts):
    """Verbs of clearing. A step that `clearance.NEXT` does not have raises `WrongState`."""

    @property
    def clock_trust(self) -> str:
        """How far this machine's wall clock can be trusted now, see `agent.clock.trust`."""
        return self._trust()

    def want_proof(self, clip: ClipId) -> None:
        """Only the archive's proof is missing, or what there is of it is too old. Raises
        `WrongState` for a clip without a receipt or a copy here."""
        with self._stepping(clip, Clearance.WANTED, staying=(Clearance.WANTED,)) as now:
            self._insist_unbegun(clip, now, Clearance.CLEARED)
            self._insist(clip, State.RECEIPTED)
            if now is None:
                self._set_out(clip)
            elif now is Clearance.PROVED:
                self._clear_row(clip, **_NO_PROOF)

    def proved(self, clip: ClipId, archive: str, epoch: str, nonce: str, envelope: str) -> None:
        """The archive that signed the receipt proved that it has the clip, in its current epoch.

        Raises `WrongState` where the proof is another archive's or another epoch's, or where
        nobody asked for one.
        """
        again = (Clearance.PROVED, Clearance.CLEARED)
        with self._stepping(clip, Clearance.PROVED, staying=again) as now:
            self._insist_unbegun(clip, now)
            self._insist(clip, State.RECEIPTED)
            self._insist_epoch(clip, archive, epoch)
            facts = {"archive": archive, "epoch": epoch, "nonce": nonce}
            self._clear_row(clip, **facts, proof=envelope, proved_from=self.running)
            if now is Clearance.WANTED:
                self._clear_row(clip, note="")
            digest = sha256(envelope.encode()).hexdigest()
            self._enter(Kind.PROVED, clip=clip, **facts, envelope_sha256=digest)

    def unproved(self, clip: ClipId, why: str) -> None:
        """The archive does not have the clip any more, as it says itself: its receipt counts no
        longer. A clip that is here is sent again; one whose copy was given up is wanted from its
        recorder. The receipt stays in the custody log. Raises `WrongState` for a clip without one.
        """
        with self._writing():
            state = rows.state_of(self._row(clip))
            to = State.DAMAGED if state is State.RELEASED else State.SPOOLED
            check_move(state, to)
            envelope = self._column(clip, "envelope")
            self._update(clip, **_NO_RECEIPT, held_from=None, state=to.value, attempts=0)
            self._update(clip, due=None, reason=rows.storable(why))
            self._disprove(clip)
            words = rows.storable(why)[:4096]
            self._enter(Kind.UNPROVED, clip=clip, reason=words, receipt=envelope)
        log.critical("clip %s: its archive lost it: %s", clip, words)

    def begin_clearing(
        self, clip: ClipId, contact: int, may: Callable[[], bool], note: str = "[]"
    ) -> None:
        """The intent to delete, committed before the command. `may` is the rule; it is asked within
        the transaction, so that nothing changes between its word and the intent. `note` are the
        witnesses of the storage, see `Clearing.note`. Raises `WrongState` where it says no."""
        with self._stepping(clip, Clearance.CLEARING):
            self._insist(clip, State.RECEIPTED)
            proof = self.clearing_of(clip)
            if proof is None or not may():
                raise WrongState(f"clip {clip} may not be cleared any more")
            self._clear_row(clip, contact=contact, note=note)
            digest = sha256(proof.proof.encode()).hexdigest()
            facts = {"archive": proof.archive, "epoch": proof.epoch, "proof_sha256": digest}
            self._enter(Kind.CLEARING, clip=clip, contact=contact, **facts)

    def cleared(self, clip: ClipId, contact: int) -> None:
        """Looked for in a whole listing after the command, and not there any more."""
        with self._stepping(clip, Clearance.CLEARED):
            self._clear_row(clip, cleared_from=self.running)
            self._enter(Kind.CLEARED, clip=clip, contact=contact)

    def kept(self, clip: ClipId, contact: int, why: str) -> None:
        """The recorder still has the clip, though it was told to delete it or listed as without
        it: back to what is still proved."""
        with self._writing():
            if not (now := self.clearing_of(clip)):
                raise WrongState(f"clip {clip} was not being cleared")
            to = self._fallback(clip, now)
            check_step(now.state, to)
            if to is None:
                self._forget(clip)
            else:
                changes = {"state": to.value, "kept": now.kept + 1, "cleared_from": None}
                note = DOUBTED if to is Clearance.WANTED else ""
                self._clear_row(clip, **changes, contact=None, note=note)
            words = rows.storable(why)[:4096]
            self._enter(Kind.KEPT, clip=clip, contact=contact, reason=words)

    def erred(self, contact: int, clip: ClipId, lost: str) -> None:
        """A recorder that was told to delete a clip deleted something else: a finding for ever."""
        with self._writing():
            self._keep(self._contact(contact), [Change("cleared-other", clip, lost)])

    def drop(self, clip: ClipId) -> None:
        """It does not go any more; nothing changes where it was not on its way."""
        with self._stepping(clip, None, staying=(None,)) as now:
            self._insist_unbegun(clip, now, Clearance.CLEARED)
            self._forget(clip)

    def epoch_seen(self, archive: str, epoch: str) -> bool:
        """An archive says what its epoch is; whether that is another than before.

        Then its proofs count no longer, and what is here and has its receipt is to be proved again.
        """
        archive, epoch = rows.storable(archive), rows.storable(epoch)
        with self._writing():
            before = self.epoch_of(archive)
            if before == epoch:
                return False
            self._database.change(
                """INSERT INTO epoch VALUES (?, ?, ?)
                    ON CONFLICT DO UPDATE SET epoch = excluded.epoch, at = excluded.at""",
                [archive, epoch, self._now()],
            )
            self._enter(Kind.EPOCH, archive=archive, before=before or "", after=epoch)
            if before is not None:
                self._doubt(archive)
        if before is not None:
            log.warning("archive %s is of epoch %s now: all is to be proved again", archive, epoch)
        return before is not None

    def releasable(self, hold_seconds: float, limit: int) -> list[Entry]:
        """Clips whose copy here may go, in this order: those cleared from their recorders for
        `hold_seconds` of running time, then those receipted for so long, the oldest first.

        A clip on its way off its recorder stays for the hold time from when it set out, and as
        long as nobody knows whether a deletion was carried out; one whose archive has another
        epoch since stays until it is proved again.
        """
        asked = {"until": self.running - hold_seconds, "doubted": DOUBTED}
        found = self._sound(_CLEARED, asked, limit)
        return found + self._sound(_HELD, asked, limit - len(found))

    # Inside.

    def _leave(self, clip: ClipId, *, orderly: bool) -> None:
        """A copy leaves the spool, in its transaction: then it cannot be cleared any more. An
        `orderly` release waits while nobody knows what became of a deletion."""
        now = self.clearing_of(clip)
        if now and now.state is Clearance.CLEARING and orderly:
            raise WrongState(f"clip {clip} is being cleared from its recorder")
        if now and now.state in {Clearance.WANTED, Clearance.PROVED}:
            self._forget(clip)

    def _doubt_if_stale(self, clip: ClipId, archive: str, epoch: str) -> None:
        """A receipt of an epoch that is over, as it comes late, is to be proved."""
        if self.epoch_of(archive) not in {None, epoch} and not self.clearing_of(clip):
            self._set_out(clip)

    def _doubt(self, archive: str) -> None:
        """Proofs of this archive are worthless from now on."""
        mine = "clip IN (SELECT clip.seq FROM clip WHERE clip.archive = :archive)"
        nothing = ", ".join(f"{name} = NULL" for name in _NO_PROOF)
        for sql in (
            f"UPDATE clearing SET {nothing} WHERE {mine}",  # noqa: S608, names of our own
            f"UPDATE clearing SET state = 'wanted' WHERE state = 'proved' AND {mine}",  # noqa: S608
            f"UPDATE clearing SET note = '{DOUBTED}' WHERE state = 'wanted' AND {mine}",  # noqa: S608
        ):
            self._database.change(sql, {"archive": archive})
        self._database.change(
            """INSERT INTO clearing (clip, state, at, wanted_from, note)
                SELECT seq, 'wanted', :now, :running, :note FROM clip
                WHERE archive = :archive AND state = 'receipted'
                ON CONFLICT DO NOTHING""",
            {"archive": archive, "now": self._now(), "running": self.running, "note": DOUBTED},
        )

    def _disprove(self, clip: ClipId) -> None:
        now = self.clearing_of(clip)
        if now and now.state in {Clearance.CLEARING, Clearance.CLEARED}:
            self._clear_row(clip, **_NO_PROOF)
        else:
            self._forget(clip)

    def _fallback(self, clip: ClipId, now: Clearing) -> Step:
        if rows.state_of(self._row(clip)) is not State.RECEIPTED:
            return None
        return Clearance.PROVED if now.proof else Clearance.WANTED

    @contextmanager
    def _stepping(
        self, clip: ClipId, to: Step, *, staying: tuple[Step, ...] = ()
    ) -> Iterator[Step]:
        """A transaction that makes one step, unless the clip is `staying`; what it was before."""
        with self._writing():
            clearing = self.clearing_of(clip)
            now = clearing.state if clearing else None
            if now not in staying:
                check_step(now, to)
            yield now
            if now is not None and now not in staying and to is not None:
                self._clear_row(clip, state=to.value)

    def _insist(self, clip: ClipId, state: State) -> None:
        if (now := rows.state_of(self._row(clip))) is not state:
            raise WrongState(f"clip {clip} is {now.value}, not {state.value}")

    def _insist_unbegun(self, clip: ClipId, now: Step, *ended: Step) -> None:
        """What was begun, only a listing ends."""
        if now is Clearance.CLEARING or now in ended:
            raise WrongState(f"clip {clip} is being cleared, or was: only a listing changes that")

    def _insist_epoch(self, clip: ClipId, archive: str, epoch: str) -> None:
        """A proof tells no epoch that the archive itself does not: where it was never heard, the
        receipt's stands for it."""
        if (mine := self._column(clip, "archive")) != archive:
            raise WrongState(f"clip {clip}: the receipt is of archive {mine}, the proof of another")
        if self.epoch_of(archive) is None:
            self.epoch_seen(archive, str(self._column(clip, "epoch")))
        if (now := self.epoch_of(archive)) != epoch:
            raise WrongState(f"clip {clip}: the proof is not of the archive's epoch {now}")

    def _column(self, clip: ClipId, name: str) -> Any:
        sql = f"SELECT {name} FROM clip WHERE id = ?"  # noqa: S608, names of our own
        return self._database.value(sql, [clip])

    def _set_out(self, clip: ClipId) -> None:
        self._database.change(
            """INSERT INTO clearing (clip, state, at, wanted_from)
                SELECT seq, 'wanted', ?, ? FROM clip WHERE id = ?""",
            [self._now(), self.running, clip],
        )

    def _clear_row(self, clip: ClipId, **columns: Any) -> None:
        sets = ", ".join(f"{name} = :{name}" for name in columns)
        sql = f"""UPDATE clearing SET {sets}, at = :now
            WHERE clip = (SELECT seq FROM clip WHERE id = :clip_id)"""  # noqa: S608, our names
        self._database.change(sql, {**columns, "now": self._now(), "clip_id": clip})

    def _forget(self, clip: ClipId) -> None:
        sql = "DELETE FROM clearing WHERE clip = (SELECT seq FROM clip WHERE id = ?)"
        self._database.change(sql, [clip])


_CLEARED = """SELECT entry.* FROM clearing CROSS JOIN entry ON entry.seq = clearing.clip
    JOIN epoch ON epoch.archive = clearing.archive
    WHERE clearing.state = 'cleared' AND clearing.cleared_from <= :until
        AND clearing.proof IS NOT NULL AND clearing.epoch = epoch.epoch
        AND entry.state = 'receipted' AND entry.held_from <= :until
    ORDER BY clearing.cleared_from, clearing.clip LIMIT :limit OFFSET :offset"""

_HELD = """SELECT * FROM entry WHERE seq IN (
        SELECT clip.seq FROM clip INDEXED BY clip_held
            LEFT JOIN clearing ON clearing.clip = clip.seq
            LEFT JOIN epoch ON epoch.archive = clip.archive
        WHERE clip.state = 'receipted' AND clip.held_from <= :until
            AND (clearing.clip IS NULL
                OR clearing.state IN ('wanted', 'proved') AND clearing.wanted_from <= :until
                    AND clearing.note <> :doubted)
            AND (epoch.epoch IS NULL OR epoch.epoch = ifnull(clearing.epoch, clip.epoch))
        ORDER BY clip.held_from, clip.seq LIMIT :limit OFFSET :offset)
    ORDER BY held_from, seq"""
