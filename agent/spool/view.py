"""The ledger for commands that run beside the daemon: read only."""

from __future__ import annotations

from pathlib import Path

from agent.errors import LedgerBroken
from agent.spool.case_queries import CaseQueries
from agent.spool.clearing_queries import ClearingQueries
from agent.spool.database import open_readonly
from agent.spool.schema import VERSION


class LedgerView(ClearingQueries, CaseQueries):
    """A reader for the length of one command; never writes or checkpoints.

    Raises `LedgerBroken` where there is no ledger, or one of a version that we do not know.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(open_readonly(path))
        try:
            self._insist_current(path)
        except LedgerBroken:
            self.close()
            raise

    def _insist_current(self, path: Path) -> None:
        if (version := self.know()) < VERSION:
            raise LedgerBroken(
                f"{path} has version {version}, this bodydock reads {VERSION}",
                do="start the dock once, which brings it up to date",
            )

    def __enter__(self) -> LedgerView:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
