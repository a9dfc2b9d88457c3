"""The dock's custody log as it is shown to others: signed checkpoints, and proofs as documents.

`README.md` beside this file describes the documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from threading import Lock
from typing import Any, Protocol

from agent import __version__
from agent.clock import Clock
from agent.config import DockConfig
from agent.custody.keys import SecretKey
from agent.custody.notes import Checkpoint, Note, dock_origin, read_checkpoint, read_note, sign
from agent.errors import UsageError
from agent.log_entry import LogEntry
from agent.merkle import Node, consistency_proof, inclusion_proof
from agent.spool.journal import Journal

EVERY = 10.0
"""Seconds between two checkpoints, unless somebody asks for one."""


class Tree(Protocol):
    """What proofs need of a log; `agent.spool.journal.Journal` or an archive's copy."""

    @property
    def size(self) -> int: ...

    @property
    def node(self) -> Node: ...


class Entries(Tree, Protocol):
    """What proofs of a clip need."""

    def of(self, clip: str) -> list[LogEntry]: ...


class Book(Protocol):
    """What of `agent.spool.ledger.Ledger` is needed here."""

    @property
    def journal(self) -> Journal: ...
    def keep_checkpoint(self, size: int, note: str) -> None: ...


class Starts(Protocol):
    """What of `agent.spool.ledger.Ledger` a start needs."""

    def started(self, agent: str) -> None: ...
    def configured(self, digest: str) -> None: ...


class CustodyLog:
    """Signs checkpoints of one ledger's log. May be used from any thread."""

    def __init__(self, ledger: Book, dock: str, key: SecretKey, clock: Clock) -> None:
        self._ledger = ledger
        self._key = key
        self._clock = clock
        self._lock = Lock()
        self._looked_at: float | None = None
        self.origin = dock_origin(dock)

    def signed(self, size: int) -> Note:
        """A checkpoint over the first `size` entries; nothing is kept of it."""
        root = self._ledger.journal.root(size)
        return sign(Checkpoint(self.origin, size, root), self._key)

    def newest(self) -> Note:
        """A checkpoint over all entries there are; kept in the ledger."""
        with self._lock:
            journal = self._ledger.journal
            size, kept = journal.size, journal.newest()
            if kept is not None and kept.size == size:
                return read_note(kept.note)
            note = self.signed(size)
            self._ledger.keep_checkpoint(size, note.text)
            return note

    def keep_up(self) -> None:
        """Make a checkpoint where the log grew and the last look is `EVERY` ago. Call it often."""
        now = self._clock.monotonic()
        if self._looked_at is not None and now - self._looked_at < EVERY:
            return
        self._looked_at = now
        self.newest()


def tell_start(ledger: Starts, config: DockConfig) -> None:
    """Enter that the agent begins to work, and its settings where they are others than before."""
    ledger.started(f"bodydock {__version__}")
    ledger.configured(settings_digest(config))


def settings_digest(config: DockConfig) -> str:
    """SHA-256 of the settings in effect. Files that hold secrets are in it by their names alone,
    which is all that a configuration has of them."""
    return sha256(config.model_dump_json(fallback=str).encode()).hexdigest()


def entry_proof(tree: Tree, entry: LogEntry, checkpoint: str) -> dict[str, Any]:
    """That an entry is in the log of a checkpoint; `checkpoint` is its note, cosigned where it is.

    Raises `UsageError` where the checkpoint ends before the entry, `Malformed` for no checkpoint.
    """
    size = read_checkpoint(read_note(checkpoint)).size
    if entry.number >= size:
        raise UsageError(f"entry {entry.number} is not covered by a checkpoint of {size} entries")
    return {
        "v": 1,
        "number": entry.number,
        "size": size,
        "entry": entry.text,
        "proof": _hex(inclusion_proof(entry.number, size, tree.node)),
        "checkpoint": checkpoint,
    }


def clip_proofs(journal: Entries, clip: str, checkpoint: str) -> list[dict[str, Any]]:
    """`entry_proof` for everything that the log says of a clip up to this checkpoint, in order."""
    size = read_checkpoint(read_note(checkpoint)).size
    return [
        entry_proof(journal, entry, checkpoint) for entry in journal.of(clip) if entry.number < size
    ]


def consistency(tree: Tree, first: str, second: str) -> dict[str, Any]:
    """That the log of checkpoint `second` begins with that of `first`; both are notes.

    Raises `UsageError` where `first` is the longer one, or of an empty log.
    """
    old, new = (read_checkpoint(read_note(each)).size for each in (first, second))
    if not 0 < old <= new:
        raise UsageError(f"a log of {new} entries does not continue one of {old}")
    proof = _hex(consistency_proof(old, new, tree.node))
    return {"v": 1, "first": first, "second": second, "proof": proof}


def _hex(hashes: Sequence[bytes]) -> list[str]:
    return [each.hex() for each in hashes]
