"""Which archive keys count for a dock: those of its configuration, and those that they led to.

Where an archive lets its key give way to another, both keys sign a statement (`rotation.py`). A
dock that pins the old key keeps the statement in its ledger, and the new key counts beside it
without an edit of the configuration. A key gives way once: a second statement by it changes
nothing. Once its successor gave way too, it counts for nothing new; what it signed before stays
verifiable (`ever`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from threading import Lock
from typing import Protocol, overload

from agent.custody.envelopes import peek
from agent.custody.keys import PublicKey, public_key
from agent.custody.rotation import change_of
from agent.errors import BodydockError, Malformed, Untrusted
from agent.model import printable
from agent.wire.contract import decode
from agent.wire.evidence import KeyChange

FOLLOWED_LIMIT = 256
"""Changes that one ledger follows; one a month for twenty years."""

log = logging.getLogger(__name__)


class Book(Protocol):
    """What of `agent.spool.ledger.Ledger` is needed."""

    def archive_key_changed(self, statement: str) -> None: ...


def ever(configured: Iterable[PublicKey], statements: Iterable[str]) -> list[PublicKey]:
    """Every key that counts or counted before, as a ledger's statements have it."""
    return list(Pinned(configured, statements).ever)


class Pinned(Sequence[PublicKey]):
    """As a sequence: the keys whose word counts now, the newest first. From any thread.

    `statements` are those of the ledger, in the order in which it took them on; each is verified
    again. Without a `book` nothing new is followed.
    """

    def __init__(
        self,
        configured: Iterable[PublicKey],
        statements: Iterable[str] = (),
        book: Book | None = None,
    ) -> None:
        self._configured = tuple(configured)
        self._book = book
        self._after: dict[str, str] = {}
        self._ties: list[tuple[str, str]] = []
        self._lock = Lock()
        for each in statements:
            self._recall(each)
        self._now = self._counting()

    @overload
    def __getitem__(self, at: int) -> PublicKey: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[PublicKey]: ...
    def __getitem__(self, at: int | slice) -> PublicKey | Sequence[PublicKey]:
        return self._now[at]

    def __len__(self) -> int:
        return len(self._now)

    def __iter__(self) -> Iterator[PublicKey]:
        return iter(self._now)  # one tuple for the whole loop, whatever is followed meanwhile

    @property
    def ever(self) -> tuple[PublicKey, ...]:
        """Every key that counts or counted before, for what was signed in its time."""
        known = {key.text for key in self._configured}
        while more := [tie for tie in self._ties if len(known.intersection(tie)) == 1]:
            for tie in more:
                known.update(tie)
        return tuple(public_key(text) for text in sorted(known))

    @property
    def missing(self) -> list[PublicKey]:
        """Keys that sign, or will, and that the configuration does not have yet."""
        return [key for key in self._now if key not in self._configured and not self.gave_way(key)]

    def gave_way(self, key: PublicKey) -> bool:
        """Whether a statement names its successor."""
        return key.text in self._after

    def follow(self, archive: str, envelopes: Sequence[str]) -> str:
        """Take on what leads from a key that counts; why something of it was not, or nothing.

        Raises `SpoolFull`, `LedgerBroken`; then no key was taken on.
        """
        if self._book is None:
            return ""
        ignored = ""
        with self._lock:
            for _ in envelopes:  # in whichever order they stand
                before = len(self._ties)
                for each in envelopes:
                    ignored = self._step(archive, each, self._book) or ignored
                if len(self._ties) == before:
                    break
        return ignored

    def _step(self, archive: str, envelope: str, book: Book) -> str:
        """Follow one statement, if it leads on; why it is none."""
        try:
            claimed = decode(KeyChange, peek(_encoded(envelope)))
            if claimed.owner != f"archive/{archive}" or not self._leads_on(claimed):
                return ""
            change = change_of(_encoded(envelope))
        except (Malformed, Untrusted) as error:
            return str(error)
        if len(self._ties) >= FOLLOWED_LIMIT:
            return f"the key changed {FOLLOWED_LIMIT} times; put it into [archive] keys yourself"
        book.archive_key_changed(envelope)
        self._take(change)
        self._now = self._counting()
        old, new = (public_key(text).name for text in (change.old, change.new))
        why, by = printable(change.why), printable(change.by)
        log.warning(
            "archive %s changes its key from %s to %s: %s, by %s", archive, old, new, why, by
        )
        self.tell()
        return ""

    def tell(self) -> None:
        """Say that the configuration is behind, where it is."""
        if missing := self.missing:
            log.warning(
                "[archive] keys of the configuration is behind: put %s there",
                ", ".join(key.text for key in missing),
            )

    def _leads_on(self, change: KeyChange) -> bool:
        """A key gives way once, and never to one that gave way before."""
        if change.old in self._after or change.new in self._after or change.old == change.new:
            return False
        return change.old in self._reached()

    def _recall(self, statement: str) -> None:
        """A statement of the ledger; of a key that is no longer pinned it may still tell who
        signed before."""
        try:
            self._take(change_of(_encoded(statement)))
        except BodydockError as error:
            log.error("a change of the archive's key in the ledger: %s", error)

    def _take(self, change: KeyChange) -> None:
        self._ties.append((change.old, change.new))
        self._after.setdefault(change.old, change.new)

    def _reached(self) -> list[str]:
        """The configured keys, and then those that they led to."""
        found = dict.fromkeys(key.text for key in self._configured)
        for text in tuple(found):
            at = self._after.get(text)
            while at is not None and at not in found:
                found[at] = None
                at = self._after.get(at)
        return list(found)

    def _counting(self) -> tuple[PublicKey, ...]:
        found = [text for text in self._reached() if self._after.get(text) not in self._after]
        return tuple(public_key(text) for text in reversed(found))


def _encoded(envelope: str) -> bytes:
    if not envelope.isascii():
        raise Malformed("KeyChange: an envelope is base64 and field names, all ASCII")
    return envelope.encode("ascii")
