"""The keeper: has a copy of every dock's custody log, cosigns it, and notices when it changes.

A checkpoint is taken when its root is that of our own copy, with the new entries added; then it is
cosigned. Only what a dock's key signed counts against its log: a checkpoint of a size that we have,
with another root. Entries that do not lead to their checkpoint may have been changed on their way,
and are dropped.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from agent.archive.catalogue import Catalogue
from agent.archive.complaints import Complaints
from agent.archive.mirror_queries import Mirror
from agent.archive.mirrors import NewEntry, OnEntries
from agent.archive.trust import Trust
from agent.clock import Clock, to_text
from agent.custody.keys import SecretKey
from agent.custody.notes import (
    COSIGNATURE,
    Checkpoint,
    Note,
    Verifier,
    archive_name,
    cosign,
    dock_origin,
    read_checkpoint,
    read_note,
)
from agent.custody.verify import read_entry_loosely
from agent.errors import Malformed, StoreBroken, StoreFull, Untrusted
from agent.log_entry import LogEntry, read_entry
from agent.merkle import HASH_BYTES, completed, completed_by, leaf_hash, root
from agent.model import is_digest, printable
from agent.wire.contract import decode, down
from agent.wire.evidence import CustodyDown, CustodyUp

log = logging.getLogger(__name__)

_COSTS = 8
"""Bytes that a character of an entry takes at most: in the table, and again in SQLite's WAL."""
_KIND = re.compile(r"[a-z][a-z0-9-]{0,63}\Z")
"""Kinds that later versions may write, too."""


@dataclass(slots=True)
class Keeper:
    """Called from the receiver's thread. `told` are those who fold entries, see `OnEntries`."""

    archive: str
    catalogue: Catalogue
    trust: Trust
    key: SecretKey
    send: Callable[[str, bytes], None]
    clock: Clock
    told: Sequence[OnEntries] = ()
    room: Callable[[int], None] = lambda _: None
    """Raises `StoreFull` or `StoreBroken` where the disk has no room for so many bytes more."""
    _complaints: Complaints = field(init=False)

    def __post_init__(self) -> None:
        self._complaints = Complaints(self.clock)

    def heard(self, dock: str, payload: bytes) -> None:
        """Take what a dock says of its log. Raises `Malformed` for what is no such message."""
        message = decode(CustodyUp, payload)
        if message.dock != dock:
            raise Malformed(f"custody: names dock {message.dock}")
        try:
            answer = self._answer(message)
        except Untrusted as error:
            level = logging.WARNING if error.retry else logging.CRITICAL
            self._complaints.about("custody not trusted", str(error), level=level)
        except (StoreFull, StoreBroken) as error:
            self._complaints.about("custody log not kept", str(error), level=logging.ERROR)
        else:
            self.send(down(dock, "custody"), answer.encode())

    def _answer(self, message: CustodyUp) -> CustodyDown:
        dock = message.dock
        note, checkpoint = self._signed(dock, message.checkpoint)
        base = self._signed(dock, message.base) if message.base is not None else None
        mirror = self.catalogue.mirror(dock)
        if refused := self.catalogue.troubles(dock, open_only=True):
            return self._has(mirror, refused[0].why)
        for each in (base, (note, checkpoint)):
            if each is not None and (why := _against(mirror, each[1])):
                return self._refuse(mirror, why, each[0])
        if checkpoint.size == mirror.size:
            self._cosign(mirror, note, checkpoint)
        elif message.entries and message.first <= mirror.size < checkpoint.size:
            self._extend(mirror, message, note, checkpoint)
        return self._has(mirror)

    def _signed(self, dock: str, text: str) -> tuple[Note, Checkpoint]:
        """A checkpoint of this dock's log that its key signed."""
        note = read_note(text)
        checkpoint, origin = read_checkpoint(note), dock_origin(dock)
        if checkpoint.origin != origin:
            raise Malformed(f"custody: a checkpoint of {checkpoint.origin[:100]}")
        self.trust.insist(dock, lambda key: Verifier(origin, key).verifies(note))
        return note, checkpoint

    def _has(self, mirror: Mirror, refused: str = "") -> CustodyDown:
        """How far we have the log, and our newest cosignature."""
        newest, held = mirror.newest(), mirror.size
        if newest is not None and (refused or newest.size == held):
            self._cosign_anew(mirror, read_note(newest.note))
            newest = mirror.newest()
        note = newest.note if newest is not None and (refused or newest.size == held) else None
        return CustodyDown(archive=self.archive, held=held, cosigned=note, refused=refused)

    def _cosign_anew(self, mirror: Mirror, newest: Note) -> None:
        """A dock may take no cosignature any more by a key that gave way long ago."""
        name = dock_origin(mirror.dock)
        signed = tuple(each for each in newest.signatures if each.name == name)
        self._cosign(mirror, Note(newest.body, signed), read_checkpoint(newest))

    def _cosign(self, mirror: Mirror, note: Note, checkpoint: Checkpoint) -> None:
        """Unless we did already, by the key that we have now."""
        newest, by = mirror.newest(), archive_name(self.archive)
        ours = Verifier(by, self.key.public, COSIGNATURE)
        if newest and newest.size == checkpoint.size and ours.verifies(read_note(newest.note)):
            return
        now = self.clock.now()
        cosigned = cosign(note, by, self.key, max(0, int(now.timestamp())))
        self.catalogue.keep_cosigned(
            mirror.dock, mirror.log, checkpoint.size, cosigned.text, to_text(now)
        )

    def _extend(
        self, mirror: Mirror, message: CustodyUp, note: Note, checkpoint: Checkpoint
    ) -> None:
        """Add what is new, if it leads to the checkpoint: all with its cosignature, or nothing."""
        held = mirror.size
        texts = message.entries[held - message.first :]
        if held + len(texts) != checkpoint.size:
            raise Malformed("custody: a checkpoint that does not end with the last entry")
        added = _Added(mirror, held)
        entries = [added.add(text) for text in texts]
        self.room(_COSTS * sum(len(each.text) for each in entries))
        if root(checkpoint.size, added.node) != checkpoint.root:
            what = f"dock {mirror.dock}: entries from {held} on do not lead to their checkpoint"
            self._complaints.about("custody entries dropped", what, level=logging.CRITICAL)
            return
        if odd := [each for each in entries if each.read is None]:
            # Of a kind that a later version writes, perhaps: kept, not understood.
            what = f"dock {mirror.dock}: {len(odd)} entries, the first is number {odd[0].number}"
            self._complaints.about("custody entries not understood", what, level=logging.INFO)
        with self.catalogue.writing("keep custody log"):
            self.catalogue.mirror_entries(mirror.dock, mirror.log, entries, self.told)
            self._cosign(mirror, note, checkpoint)

    def _refuse(self, mirror: Mirror, why: str, note: Note) -> CustodyDown:
        log.critical("dock %s: %s; nothing of it is cosigned from now on", mirror.dock, why)
        now = to_text(self.clock.now())
        self.catalogue.refuse_log(mirror.dock, mirror.log, why, note.text, now)
        return self._has(mirror, why)


def _against(mirror: Mirror, checkpoint: Checkpoint) -> str:
    """What a signed checkpoint says against our copy; nothing where it agrees or goes beyond."""
    if checkpoint.size > mirror.size or mirror.root(checkpoint.size) == checkpoint.root:
        return ""
    return (
        f"its custody log of {checkpoint.size} entries is not the one that this archive has "
        f"({mirror.size} entries): restored from a backup, changed, or another log"
    )


class _Added:
    """Entries on top of a copy, before they are kept."""

    def __init__(self, mirror: Mirror, size: int) -> None:
        self._mirror = mirror
        self._next = self._held = size
        self._nodes: dict[int, bytes] = {}

    def add(self, text: str) -> NewEntry:
        """Raises `Malformed` for what is no entry, or one of another number."""
        number = self._next
        parts = read_entry_loosely(text)
        kind, clip = parts.get("kind"), parts.get("clip", "")
        if parts.get("n") != number or not isinstance(kind, str) or not isinstance(clip, str):
            raise Malformed(f"custody: entry {number} is none, or says another number")
        if not _KIND.match(kind) or (clip and not is_digest(clip)):
            raise Malformed(f"custody: entry {number} is of no kind, or about no clip")
        nodes = b"".join(completed(number, leaf_hash(text.encode("utf-8", "replace")), self.node))
        self._nodes[number] = nodes
        self._next += 1
        return NewEntry(number, clip, kind, text, nodes, _read(text))

    def node(self, level: int, index: int) -> bytes:
        number = completed_by(level, index)
        if number < self._held:
            return self._mirror.node(level, index)
        return self._nodes[number][level * HASH_BYTES :][:HASH_BYTES]


def _read(text: str) -> LogEntry | None:
    try:
        return read_entry(text)
    except Malformed as error:
        log.debug("custody log: %s", printable(error.what))
        return None
