"""The ledger for commands that run beside the daemon: read only."""

from __future__ import annotations

from pathlib import Path

from agent.errors import LedgerBroken
from agent.spool.database import open_readonly
from agent.spool.queries import Queries


class LedgerView(Queries):
    """A reader for the length of one command; never writes or checkpoints.

    Raises `LedgerBroken` where there is no ledger, or one of a version that we do not know.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(open_readonly(path))
        try:
            self.know()
        except LedgerBroken:
            self.close()
            raise

    def __enter__(self) -> LedgerView:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
