"""Keys in the custody log: the dock's own, and the archive's where they gave way to others."""

from __future__ import annotations

import json
from collections.abc import Sequence

from agent.log_entry import Kind
from agent.spool.journal import ARCHIVE_CHANGES
from agent.spool.writer import Writer

_KEY, _CHANGES = "key", "key-changes"


class Keybook(Writer):
    """Which key the dock signs with, since when, and by whose word it gave way to another."""

    def key_in_use(self, key: str, changes: Sequence[str]) -> None:
        """The dock starts with this public key. `changes` are all statements of its changes, the
        oldest first; those that the log does not have yet are entered as they are."""
        with self._writing():
            known = self._fact(_KEY)
            told = int(self._fact(_CHANGES) or 0)
            for statement in changes[told:]:
                self._enter(Kind.KEY, event="changed", statement=statement)
            if known is None:
                self._enter(Kind.KEY, event="first", key=key)
            elif known != key and not changes[told:]:
                self._enter(Kind.KEY, event="replaced without a statement", key=key, before=known)
            self._set_fact(_KEY, key)
            self._set_fact(_CHANGES, str(max(told, len(changes))))

    def archive_key_changed(self, statement: str) -> None:
        """The archive's key gave way to another; `statement` was verified. Said again, it changes
        nothing."""
        with self._writing():
            known = self.journal.archive_changes()
            if statement not in known:
                self._enter(Kind.KEY, event="archive changed", statement=statement)
                self._set_fact(ARCHIVE_CHANGES, json.dumps([*known, statement]))
