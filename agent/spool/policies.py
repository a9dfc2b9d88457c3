"""The ledger's side of fleet policies."""

from __future__ import annotations

from typing import Any

from agent.errors import WrongState
from agent.log_entry import AGENT, Kind
from agent.spool.writer import Writer


class Policies(Writer):
    """Policies are only ever added, each with a higher serial than all before."""

    def policy_taken(self, serial: int, envelope: str, *, who: str = AGENT, **what: Any) -> None:
        """A policy whose signature was verified. Raises `WrongState` unless it is newer than the
        newest."""
        with self._writing():
            newest = self._database.value("SELECT max(serial) FROM policy")
            if newest is not None and serial <= newest:
                raise WrongState(
                    f"policy {serial} is not newer than policy {newest}, which is in force",
                    do="sign one with a higher serial",
                )
            self._insert("policy", at=self._now(), serial=serial, envelope=envelope)
            self._enter(Kind.POLICY, who=who, serial=serial, **what)
