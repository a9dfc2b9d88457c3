"""A custody log where it is kept, in a ledger or in an archive's catalogue, checked against what
was signed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from agent.custody.verdict import Verdict
from agent.custody.verify import Keys, verify_log
from agent.errors import LedgerDamaged, StoreBroken
from agent.spool.journal import Journal


class Stored(Protocol):
    """`agent.spool.journal.Journal`, or an archive's copy of one."""

    def kept(self) -> Iterator[tuple[str, bytes]]: ...
    def misfiled(self) -> int | None: ...


def verify_stored(
    log: Stored, notes: Iterable[tuple[str, str]], keys: Keys, origin: str
) -> Verdict:
    """Read everything anew. Entries beyond the longest checkpoint may be there: they wait for the
    next one."""
    try:
        verdict = verify_log(log.kept(), notes, keys, origin=origin, open_end=True)
    except (LedgerDamaged, StoreBroken) as error:
        verdict = Verdict()
        verdict.fault(error.what)
        return verdict
    if (number := log.misfiled()) is not None:
        verdict.fault(f"entry {number}: filed under another clip than it says")
    return verdict


def verify_journal(journal: Journal, keys: Keys, origin: str) -> Verdict:
    """Check a dock's own log, with all checkpoints that it keeps."""
    notes = []
    for each in journal.notes():
        notes.append((f"checkpoint of {each.size}", each.note))
        if each.cosigned is not None:
            notes.append((f"cosigned checkpoint of {each.size}", each.cosigned))
    verdict = verify_stored(journal, notes, keys, origin)
    if why := journal.trouble():
        verdict.fault(f"refused by the archive: {why}")
    return verdict
