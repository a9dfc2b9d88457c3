"""The courier: takes the dock's custody log to the archive, and brings cosignatures home.

It says how long the log is; the archive answers how far it has it; the courier sends what is
missing, one batch at a time, each under a checkpoint of its own. Nothing is kept of what was sent:
silence makes it begin anew, and the archive's answer says where.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from json import dumps
from math import inf
from random import Random
from typing import Protocol

from agent.custody.keys import PublicKey
from agent.custody.log import EVERY, CustodyLog
from agent.custody.notes import (
    COSIGNATURE,
    Checkpoint,
    Note,
    Verifier,
    archive_name,
    read_checkpoint,
    read_note,
)
from agent.errors import Malformed, Untrusted
from agent.model import printable
from agent.patience import delay_before
from agent.spool.journal import Journal
from agent.uplink.errands import Errand, Post
from agent.wire.contract import Presence, decode, up
from agent.wire.evidence import CustodyDown, CustodyUp

BATCH_BYTES = 96 * 1024
"""Of entries as JSON; one more, of the longest kind, still fits a message."""
BATCH_ENTRIES = 1024
LOOKS = 8
"""So often in one run an archive is taken for restored on its unsigned word."""
FIRST_SILENCE, LONGEST_SILENCE = 10.0, 300.0
"""Seconds without an answer before the courier begins anew."""


class Book(Protocol):
    """What of `agent.spool.ledger.Ledger` the courier needs."""

    @property
    def journal(self) -> Journal: ...
    def keep_cosignature(self, size: int, note: str) -> None: ...
    def refuse_custody(self, why: str) -> bool: ...
    def archive_has(self, archive: str, held: int) -> bool: ...


@dataclass(slots=True, eq=False)
class Courier(Errand):
    """One dock's. `pinned` are the archive's keys, whose cosignatures count."""

    dock: str
    ledger: Book
    log: CustodyLog
    pinned: Sequence[PublicKey]
    random: Random
    hears = ("custody",)
    _announced: int = field(init=False, default=-1)
    _announce_at: float = field(init=False, default=-inf)
    _send_from: int | None = field(init=False, default=None)
    _answer_by: float = field(init=False, default=inf)
    _silences: int = field(init=False, default=0)
    _sent_from: int | None = field(init=False, default=None)
    _show: int | None = field(init=False, default=None)
    """The size of a checkpoint that the archive is to see, since it contradicts its own."""
    _since: dict[str, str] = field(init=False, default_factory=dict)
    _looks: int = field(init=False, default=LOOKS)

    def connected(self, now: float) -> None:  # noqa: ARG002, the first tick knows
        self._announced, self._announce_at, self._silences = -1, -inf, 0
        self.lost()

    def lost(self) -> None:
        self._send_from = self._sent_from = self._show = None
        self._answer_by = inf

    def on_presence(self, presence: Presence) -> None:
        """One that began anew may have been restored: it is asked soon how far it has the log."""
        if presence.online and self._since.get(presence.archive) != presence.since:
            self._since = {presence.archive: presence.since}
            self._announced, self._announce_at = -1, -inf

    def tick(self, now: float, post: Post) -> None:
        """Send the batch that was asked for, or say how long the log is by now."""
        if now >= self._answer_by:
            self._silences += 1
            self._announced, self._answer_by, self._sent_from = -1, inf, None
        if (size := self._show) is not None:
            self._show = None
            self._post(now, post, CustodyUp(dock=self.dock, checkpoint=self.log.signed(size).text))
        elif (first := self._send_from) is not None:
            self._send_from, self._sent_from = None, first
            self._post(now, post, self._batch(first))
        elif self._answer_by == inf and now >= self._announce_at:
            self._announce(now, post)

    def next_moment(self, now: float) -> float:
        if self._send_from is not None or self._show is not None:
            return now
        return self._answer_by if self._answer_by != inf else max(now, self._announce_at)

    def on_message(self, name: str, payload: bytes) -> str:  # noqa: ARG002, the only one
        """The archive's answer. Raises `Malformed` and `Untrusted` for a cosignature that is none;
        whatever stands beside it is then not acted on either."""
        answer = decode(CustodyDown, payload)
        cosigned = self._cosigned(answer)
        if answer.held == self._sent_from:  # nothing of it was taken: silence, for all we know
            return f"the archive did not take entries from {answer.held} on"
        self._answer_by, self._silences, self._sent_from = inf, 0, None
        if self._looks and self.ledger.archive_has(answer.archive, answer.held):
            self._looks -= 1
        if answer.refused:
            if cosigned is None:
                return "a refusal without the checkpoint that this log contradicts"
            self.ledger.refuse_custody(answer.refused)
            self._announced = -1  # said again now and then, until a person there settles it
            return ""
        if cosigned is not None and not self._keep(*cosigned):
            return ""
        if answer.held < self.ledger.journal.size and answer.held < self._announced:
            self._send_from = answer.held
        return ""

    def _announce(self, now: float, post: Post) -> None:
        self._announce_at = now + EVERY
        if self.ledger.journal.size == self._announced:
            return
        note = self.log.newest()
        self._announced = read_checkpoint(note).size
        message = CustodyUp(dock=self.dock, checkpoint=note.text)
        self._post(now, post, message, retain=True)

    def _post(self, now: float, post: Post, message: CustodyUp, *, retain: bool = False) -> None:
        """An answer is due from here on; what could not be sent is found out by silence, too."""
        post(up(self.dock, "custody"), message.encode(), retain=retain)
        silence = delay_before(
            self._silences + 1, random=self.random, first=FIRST_SILENCE, longest=LONGEST_SILENCE
        )
        self._answer_by = now + silence

    def _batch(self, first: int) -> CustodyUp:
        """Entries from number `first`, under a checkpoint that ends with the last of them."""
        entries, left = [], BATCH_BYTES
        for line in self.ledger.journal.lines(first, BATCH_ENTRIES):
            if left <= 0:
                break
            entries.append(line)
            left -= len(dumps(line, ensure_ascii=False).encode("utf-8", "replace"))
        return CustodyUp(
            dock=self.dock,
            checkpoint=self.log.signed(first + len(entries)).text,
            base=self.log.signed(first).text if first else None,
            first=first,
            entries=entries,
        )

    def _cosigned(self, answer: CustodyDown) -> tuple[Note, Checkpoint] | None:
        """The checkpoint in an answer, cosigned by an archive whose key is pinned."""
        if answer.cosigned is None:
            return None
        note = read_note(answer.cosigned)
        checkpoint = read_checkpoint(note)
        if checkpoint.origin != self.log.origin:
            raise Malformed(f"custody: a checkpoint of {printable(checkpoint.origin[:100])}")
        name = archive_name(answer.archive)
        if not any(Verifier(name, key, COSIGNATURE).verifies(note) for key in self.pinned):
            raise Untrusted(f"custody: no cosignature of {name} by a pinned key")
        return note, checkpoint

    def _keep(self, note: Note, checkpoint: Checkpoint) -> bool:
        """Keep a cosigned checkpoint of this very log. One of another means that this ledger is
        not the one that it was: whether it fits."""
        journal, size = self.ledger.journal, checkpoint.size
        if size > (ours := journal.size):
            self.ledger.refuse_custody(
                f"an archive cosigned {size} entries of this log, the ledger has only {ours}: "
                "was it restored from a backup?"
            )
        elif journal.root(size) != checkpoint.root:
            self.ledger.refuse_custody(
                f"an archive cosigned {size} entries of this log, the ledger has others: "
                "was it restored from a backup, or changed?"
            )
        else:
            self.ledger.keep_cosignature(size, note.text)
            return True
        self._show = min(size, ours)
        return False
