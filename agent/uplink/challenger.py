"""Asks the archive to prove that it still has what it receipted, before a recorder is cleared.

For each clip that the ledger wants a proof of: draw a nonce, read our own copy with it (which also
shows whether that copy is sound), send the challenge, and repeat it for ever where nothing comes.
A nonce is used for one series of challenges on one connection. What the archive answers under its
signature to that nonce is the only thing that counts, also for its epoch; what a receiver says of
itself unsigned can stop clearing, and never allow it.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from random import Random
from typing import Protocol

from agent.clock import Clock
from agent.custody.keys import PublicKey, SecretKey
from agent.errors import ClipDamaged, ReceiptRejected, WrongState
from agent.model import ClipId, printable
from agent.patience import delay_before
from agent.spool.clearance import DOUBTED, Clearance, Clearing
from agent.spool.entry import Entry, Sealed
from agent.spool.layout import Layout
from agent.spool.possession import NONCE_BYTES, keyed_digest
from agent.spool.states import State
from agent.uplink import proofs
from agent.uplink.errands import Errand, Post
from agent.uplink.own_copies import OwnCopies
from agent.uplink.receivers import Receivers
from agent.wire.contract import Presence, up
from agent.wire.evidence import Proof

log = logging.getLogger(__name__)

PLACES = 2
"""Clips of which a proof is waited for at once."""
FIRST_SILENCE = 20.0
LONGEST_SILENCE = 600.0
"""Seconds between two challenges of one series; in between they double."""
ASK_AGAIN = 1.0
"""Seconds from when a receiver is back to the next challenge."""
TRIES = 3
"""Challenges without an answer before a clip makes way for others."""
REST = 600.0
"""Seconds for which it does, and for which a copy that could not be read is left alone."""
RESTING = 64
LOOK_EVERY = 2.0
"""Seconds between two questions to the ledger."""
EPOCHS, EPOCHS_WITHIN = 4, 600.0
"""So many epochs of one archive are taken from unsigned words within so many seconds."""
ARCHIVES = 8
"""Of so many archives."""


class Proving(Protocol):
    """What of `agent.spool.ledger.Ledger` is needed."""

    def find(self, clip: ClipId) -> Entry | None: ...
    def proof_wanted(self, limit: int) -> list[Entry]: ...
    def clearing_of(self, clip: ClipId) -> Clearing | None: ...
    def proved(self, clip: ClipId, archive: str, epoch: str, nonce: str, envelope: str) -> None: ...
    def unproved(self, clip: ClipId, why: str) -> None: ...
    def drop(self, clip: ClipId) -> None: ...
    def note(self, clip: ClipId, reason: str) -> None: ...
    def epoch_of(self, archive: str) -> str | None: ...
    def epoch_seen(self, archive: str, epoch: str) -> bool: ...


class Kept(Protocol):
    """What of `agent.spool.files.Spool` is needed; `quarantine` tells the ledger too."""

    @property
    def layout(self) -> Layout: ...
    def quarantine(self, clip: ClipId, reason: str) -> object: ...


@dataclass(slots=True, eq=False)
class _Attempt:
    """One series. `keyed` is empty until our own copy was read; `deadline` is monotonic."""

    entry: Entry
    nonce: bytes
    keyed: str = ""
    tries: int = 0
    deadline: float = -inf


class Challenger(Errand):
    """Sees to it that every clip which is to be proved is proved, or found lost."""

    hears = ("challenge",)

    def __init__(
        self,
        *,
        dock: str,
        books: Proving,
        spool: Kept,
        key: SecretKey,
        pinned: Sequence[PublicKey],
        clock: Clock,
        random: Random,
        wake: Callable[[], None],
        draw: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """`draw` gives unguessable bytes; `wake` makes the uplink's thread look again."""
        self._dock = dock
        self._books = books
        self._spool = spool
        self._key = key
        self._pinned = pinned
        self._clock = clock
        self._random = random
        self._draw = draw
        self._copies = OwnCopies(self._keyed_digest, wake)
        self._receivers = Receivers()
        self._attempts: dict[ClipId, _Attempt] = {}
        self._resting: dict[ClipId, float] = {}
        self._look_at = -inf
        self._heard: dict[str, str] = {}
        self._told: dict[str, list[float]] = {}

    def lost(self) -> None:
        """Nonces that were told are used no more."""
        self._attempts = {clip: one for clip, one in self._attempts.items() if not one.tries}
        self._receivers.clear()

    def on_presence(self, presence: Presence) -> None:
        before = self._receivers.update(presence)
        if presence.online and before and (not before.online or before.since != presence.since):
            soon = self._clock.monotonic() + ASK_AGAIN  # what it was asked before is forgotten
            for one in self._attempts.values():
                one.deadline = min(one.deadline, soon)
        ours = {key.text for key in self._pinned}
        if presence.online and presence.epoch and not ours.isdisjoint(presence.keys or ours):
            known = self._heard.keys() | self._told.keys()
            if presence.archive in known or len(known) < ARCHIVES:
                self._heard[presence.archive] = presence.epoch

    def on_message(self, name: str, payload: bytes) -> str:
        """A proof. Raises as `proofs.read` and `proofs.check`."""
        proof = proofs.read(payload, self._pinned)
        clip = ClipId(proof.clip)
        if not (attempt := self._attempts.get(clip)) or not attempt.keyed:
            return f"a {name} answered for clip {clip} that nobody sent"
        if (entry := self._wanted(clip)) is None:
            del self._attempts[clip]
            return f"clip {clip} is not waiting for a proof any more"
        self._judge(proof, payload, attempt, entry)
        return ""

    def tick(self, now: float, post: Post) -> None:
        self._note_epochs(now)
        self._take_readings(now)
        if now >= self._look_at:
            self._look_at = now + LOOK_EVERY
            self._fill(now)
        for one in list(self._attempts.values()):
            if one.keyed and one.deadline <= now:
                self._ask(one, now, post)

    def next_moment(self, now: float) -> float:
        deadlines = [one.deadline for one in self._attempts.values() if one.keyed]
        return max(now, min([self._look_at, *deadlines]))

    # What the archive says.

    def _judge(self, proof: Proof, envelope: bytes, attempt: _Attempt, entry: Entry) -> None:
        clip, presence = entry.clip, self._receivers.get(proof.receiver)
        try:
            proofs.check(
                proof,
                dock=self._dock,
                entry=entry,
                nonce=attempt.nonce.hex(),
                keyed=attempt.keyed,
                presence=presence,
            )
        except proofs.NotPossessed as error:
            self._conclude(proof)
            log.critical("%s; it is sent again, and nothing is cleared on the old receipt", error)
            self._books.unproved(clip, error.what)
        except proofs.NotProvable as error:
            self._conclude(proof)
            self._cannot(entry, proof, error)
        else:
            self._conclude(proof)
            nonce = attempt.nonce.hex()
            self._books.proved(clip, proof.archive, proof.epoch, nonce, envelope.decode())
            log.info("clip %s: archive %s proved that it has it", clip, proof.archive)

    def _conclude(self, proof: Proof) -> None:
        """The series is over; its signed and fresh answer also tells the archive's epoch."""
        del self._attempts[ClipId(proof.clip)]
        self._look_at = -inf
        self._books.epoch_seen(proof.archive, proof.epoch)

    def _cannot(self, entry: Entry, proof: Proof, error: ReceiptRejected) -> None:
        """Not lost, and not provable: it stays on its recorder. A receipt of an epoch that is over
        is asked for anew, once, since nothing else can show that it still holds."""
        log.warning("%s; its recorder is not cleared", error)
        clearing = self._books.clearing_of(entry.clip)
        doubted = clearing is not None and clearing.note == DOUBTED
        if entry.receipt and (doubted or entry.receipt.epoch != proof.epoch):
            self._books.unproved(entry.clip, f"{error.what}; its epoch changed after its receipt")
            return
        self._books.note(entry.clip, error.what)
        if clearing and clearing.state is Clearance.WANTED:
            self._books.drop(entry.clip)
        else:
            self._resting[entry.clip] = self._clock.monotonic() + REST

    def _note_epochs(self, now: float) -> None:
        for archive, epoch in list(self._heard.items()):
            told = [at for at in self._told.get(archive, []) if now - at < EPOCHS_WITHIN]
            self._told[archive] = told
            if len(told) >= EPOCHS:
                continue
            del self._heard[archive]
            if self._books.epoch_of(archive) != epoch:
                told.append(now)
                self._books.epoch_seen(archive, epoch)
                self._look_at = -inf

    # What goes out.

    def _wanted(self, clip: ClipId) -> Entry | None:
        """The clip as the ledger has it now, if it still waits for a proof."""
        clearing, entry = self._books.clearing_of(clip), self._books.find(clip)
        if not clearing or clearing.proof or entry is None or entry.state is not State.RECEIPTED:
            return None
        return entry if clearing.state in {Clearance.WANTED, Clearance.CLEARED} else None

    def _fill(self, now: float) -> None:
        """Take clips from the ledger where there are places, and begin to read our copies."""
        self._resting = {clip: until for clip, until in self._resting.items() if until > now}
        places = PLACES - len(self._attempts)
        if places <= 0:
            return
        known = self._attempts.keys() | self._resting.keys()
        found = self._books.proof_wanted(PLACES + len(self._resting))
        for entry in [each for each in found if each.clip not in known][:places]:
            if entry.sealed:
                attempt = _Attempt(entry, self._draw(NONCE_BYTES))
                self._attempts[entry.clip] = attempt
                self._copies.read(entry.sealed, attempt.nonce)

    def _take_readings(self, now: float) -> None:
        while (reading := self._copies.found()) is not None:
            clip = reading.sealed.clip
            attempt = self._attempts.get(clip)
            if attempt is None or attempt.nonce != reading.nonce:
                continue
            if reading.error is None:
                attempt.keyed = reading.keyed
                continue
            log.error("clip %s cannot be compared: %s", clip, reading.error)
            self._rest(clip, now)
            if isinstance(reading.error, ClipDamaged) and self._wanted(clip):
                self._spool.quarantine(clip, str(reading.error))

    def _ask(self, one: _Attempt, now: float, post: Post) -> None:
        """Challenge, once more where nothing came."""
        clip = one.entry.clip
        if (entry := self._wanted(clip)) is None:
            del self._attempts[clip]
            return
        if one.tries >= TRIES and len(self._books.proof_wanted(PLACES + 1)) > PLACES:
            self._rest(clip, now)
            return
        try:
            envelope = proofs.signed_challenge(entry, self._dock, one.nonce.hex(), self._key)
        except (ReceiptRejected, WrongState) as error:
            log.error("clip %s cannot be asked for: %s", clip, printable(str(error)))
            self._rest(clip, now)
            return
        post(up(self._dock, "challenge"), envelope)
        one.tries += 1
        first, longest = FIRST_SILENCE, LONGEST_SILENCE
        one.deadline = now + delay_before(
            one.tries, random=self._random, first=first, longest=longest
        )

    def _keyed_digest(self, sealed: Sealed, nonce: bytes) -> str:
        """In a thread of its own."""
        return keyed_digest(self._spool.layout.clip(sealed.clip), sealed, nonce)

    def _rest(self, clip: ClipId, now: float) -> None:
        self._attempts.pop(clip, None)
        while len(self._resting) >= RESTING:
            del self._resting[min(self._resting, key=self._resting.__getitem__)]
        self._resting[clip] = now + REST
