"""Clearing in a session, once everything on the recorder is on the dock.

For each clip that the recorder lists and the rule lets go: the dock's copy is read and proved, the
clip is read whole from the recorder and hashed, the rule is asked again, the intent is committed,
that one object is deleted, and a new listing shows what became of it. Where a deletion's end was
never seen, the next session looks first. No answer of a recorder is believed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import count

from blake3 import blake3

from agent.errors import ClipDamaged, RecorderError, RecorderGone, WrongState
from agent.model import CHUNK_BYTES, Clip, ClipId, printable
from agent.offload.clearing.docked import Docked, known_case, same_identity, suspect
from agent.offload.clearing.eraser import Eraser
from agent.offload.clearing.listing import Key, Listing, ids_of, key_of
from agent.offload.clearing.rule import Limits, Reason, standing, wants_proof
from agent.offload.source import Source, facts, wrong_with
from agent.spool.clearance import Clearance
from agent.spool.entry import Entry
from agent.spool.files import Spool
from agent.spool.ledger import Ledger
from agent.spool.rows import storable

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Cleared:
    """What a session did: clips cleared, kept by the recorder, and now waiting for a proof."""

    cleared: int = 0
    kept: int = 0
    wanted: int = 0


@dataclass(frozen=True, slots=True)
class Office:
    """What clearing in all bays shares. `limits` is the policy in force, `custody` why the custody
    log is in doubt (empty: it is not); both are asked each time anew."""

    ledger: Ledger
    spool: Spool
    limits: Callable[[], Limits]
    custody: Callable[[], str]

    def run(self, docked: Docked) -> Cleared:
        """Raises `RecorderGone` when it is unplugged, other `RecorderError`s where it cannot be
        listed; then what was begun stays begun, and the next session looks."""
        if docked.eraser is None:
            return Cleared()
        return Clearing(self, docked, docked.eraser).run()


class Clearing:
    """One session's."""

    def __init__(self, office: Office, docked: Docked, eraser: Eraser) -> None:
        self._office = office
        self._ledger = office.ledger
        self._docked = docked
        self._eraser = eraser
        self._serial = storable(docked.identity.serial)
        self._source = Source(docked.recorder, self._rest)
        self._done = Cleared()
        self._ended = False

    def run(self) -> Cleared:
        limits, unsettled = self._office.limits(), self._ledger.unsettled(self._serial)
        if not (limits.clearing or unsettled):
            return self._done
        listing = Listing(self._eraser.look())
        for entry in unsettled:
            self._settle(entry, listing)
        for entry in self._ledger.cleared_from(self._serial):
            self._see_again(entry, listing)
        for clip in listing.clips:
            if self._ended or self._docked.over.is_set():
                break
            if not wrong_with(clip):
                listing = self._consider(clip, listing)
        return self._done

    # What earlier sessions left.

    def _settle(self, entry: Entry, listing: Listing) -> None:
        """A deletion of which nobody saw the end: look, never repeat."""
        key = key_of(entry.sighting)
        if listing.count(key):
            self._keep(entry, "its deletion was cut short")
        elif self._is_same_medium(entry, key, listing):
            self._ledger.cleared(entry.clip, self._docked.contact)
            self._done.cleared += 1
        else:
            log.warning("clip %s: its storage is not here; not known to be cleared", entry.clip)

    def _is_same_medium(self, entry: Entry, key: Key, listing: Listing) -> bool:
        """Whether the storage is the one that the deletion was begun on: what else lay on it then
        is there still, as far as it was written down."""
        clearing, storage = self._ledger.clearing_of(entry.clip), self._docked.storage(key.storage)
        return storage is not None and clearing is not None and listing.knows(clearing.note)

    def _see_again(self, entry: Entry, listing: Listing) -> None:
        """A clip that was cleared and is listed again is not cleared. Other footage under its name
        was pulled as a clip of its own before."""
        sighting = entry.sighting
        later = Clip(sighting.storage, sighting.path, sighting.size, sighting.recorded).id_on(
            self._serial, sighting.generation + 1
        )
        if listing.count(key_of(sighting)) and self._ledger.find(later) is None:
            self._keep(entry, "it is listed again after it was cleared")

    # One clip.

    def _consider(self, clip: Clip, listing: Listing) -> Listing:
        """Clear it, or ask for its proof, or leave it; the recorder's newest listing."""
        for entry in self._known(clip):
            reasons = self._reasons(entry, clip, listing)
            if wants_proof(reasons):
                self._want(entry)
            elif not reasons and self._is_proved_anew(entry, clip):
                return self._delete(entry)
        return listing

    def _known(self, clip: Clip) -> Iterator[Entry]:
        """What the ledger knows under this clip's facts, all generations."""
        for generation in count():
            ids = ids_of(clip, self._serial, generation)
            found = [entry for each in ids if (entry := self._ledger.find(each))]
            if not found:
                return
            yield from found

    def _reasons(self, entry: Entry, clip: Clip, listing: Listing) -> tuple[Reason, ...]:
        """The rule's word at this moment."""
        docked, key = self._docked, key_of(entry.sighting)
        case = known_case(self._ledger, entry, self._office.limits(), self._ledger.running)
        return standing(
            replace(
                case,
                free_percent=docked.free_percent(clip.storage),
                same_identity=same_identity(entry, docked),
                in_place=key == key_of(facts(clip)),
                alone=listing.count(key) == 1,
                clock_trust=self._ledger.clock_trust,
                clock_error=docked.clock_error,
                reserve_met=self._office.spool.room.lacking(0) <= 0,
                storage_sound=not suspect(self._ledger, docked, clip.storage),
                custody_trouble=self._office.custody(),
                firmware_known=docked.firmware_known,
            )
        )

    def _may(self, known: ClipId, clip: Clip, listing: Listing) -> bool:
        """The rule about what the ledger says now."""
        entry = self._ledger.find(known)
        return entry is not None and not self._reasons(entry, clip, listing)

    def _want(self, entry: Entry) -> None:
        clearing = self._ledger.clearing_of(entry.clip)
        if clearing is None or clearing.state is not Clearance.WANTED:
            self._ledger.want_proof(entry.clip)
        self._done.wanted += 1

    def _is_proved_anew(self, entry: Entry, clip: Clip) -> bool:
        """Whether the dock's copy and the recorder's are both, now, what the receipt is about."""
        try:
            self._office.spool.verify(entry.clip)
        except ClipDamaged as error:
            self._office.spool.quarantine(entry.clip, str(error))
            return False
        if entry.sealed is None or self._digest(clip) != entry.sealed.digests.blake3:
            log.warning("clip %s: its recorder gives other bytes; it stays there", entry.clip)
            return False
        return True

    def _digest(self, clip: Clip) -> str | None:
        """BLAKE3 of the clip as it lies on the recorder; None where it cannot be read as listed,
        or the session ended."""
        digest = blake3()
        try:
            for at in range(0, clip.size, CHUNK_BYTES):
                if self._docked.over.is_set():
                    return None
                digest.update(self._source.read(clip, at, CHUNK_BYTES))
            self._source.insist_end(clip)
        except RecorderGone:
            raise
        except RecorderError as error:
            log.warning("%s: %s", printable(clip.path), printable(str(error)))
            return None
        return digest.hexdigest()

    def _delete(self, entry: Entry) -> Listing:
        """Found again, the rule a last time, the intent, the command, and the look."""
        key = key_of(entry.sighting)
        before = Listing(self._eraser.look())
        clip = before.find(key)
        if clip is None:
            return before
        try:
            self._ledger.begin_clearing(
                entry.clip,
                self._docked.contact,
                partial(self._may, entry.clip, clip, before),
                before.witnesses(key),
            )
        except WrongState as error:  # a hold, or another epoch, since it was hashed
            log.info("clip %s is not cleared: %s", entry.clip, error)
            return before
        said = self._erase(clip)
        after = Listing(self._eraser.look())
        self._conclude(entry, said, before, after)
        return after

    def _erase(self, clip: Clip) -> str:
        """What the recorder says of it."""
        try:
            self._eraser.erase(clip)
        except RecorderGone:
            raise
        except RecorderError as error:
            return printable(str(error))
        return "its recorder says that it deleted it"

    def _conclude(self, entry: Entry, said: str, before: Listing, after: Listing) -> None:
        """A listing without the storage says nothing of the clip: then the intent stays."""
        key = key_of(entry.sighting)
        if not self._shows(key.storage):
            self._ended = True
            return
        if lost := after.lost_since(before, key):
            self._tell_lost(entry, lost)
        if after.count(key):
            self._keep(entry, said)
        elif after.knows(before.witnesses(key)):
            self._ledger.cleared(entry.clip, self._docked.contact)
            self._done.cleared += 1
            log.info("bay %s: clip %s is cleared", self._docked.bay, entry.clip)

    def _shows(self, storage: str) -> bool:
        """Whether it is there; and how much is free by now, which may end what goes early."""
        self._docked = replace(self._docked, health=self._docked.recorder.health())
        return self._docked.storage(storage) is not None

    def _rest(self, seconds: float) -> None:
        self._docked.over.wait(seconds)

    def _tell_lost(self, entry: Entry, lost: list[Key]) -> None:
        """The worst that can be: never again on this recorder."""
        self._ended = True
        words = printable(", ".join(each.path for each in lost[:8]))[:1000]
        log.critical(
            "bay %s: recorder %s was told to delete clip %s, and %s is gone too",
            self._docked.bay,
            printable(self._serial),
            entry.clip,
            words,
        )
        self._ledger.erred(self._docked.contact, entry.clip, words)

    def _keep(self, entry: Entry, why: str) -> None:
        clearing = self._ledger.clearing_of(entry.clip)
        if clearing and not clearing.kept:  # told once, however often it is tried
            log.warning("clip %s is still on its recorder: %s", entry.clip, why)
        self._ledger.kept(entry.clip, self._docked.contact, why)
        self._done.kept += 1
