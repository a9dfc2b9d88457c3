"""Receipts that an archive itself disproved later; they never count again."""

from __future__ import annotations

from agent.log_entry import Kind
from agent.model import ClipId
from agent.spool.queries import Queries


class Disproved(Queries):
    """Read from the custody log, where each of them stays whole."""

    def disproved(self, clip: ClipId) -> list[str]:
        """The envelopes of a clip's receipts that were found untrue, the oldest first. Raises
        `LedgerDamaged` where the log cannot be read."""
        entries = [each for each in self.journal.of(clip) if each.kind is Kind.UNPROVED]
        return [str(each.what["receipt"]) for each in entries if each.what.get("receipt")]
