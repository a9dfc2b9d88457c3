"""Custody entries of docks, laid into a catalogue without a dock: what a keeper would have kept."""

from __future__ import annotations

from typing import Any

from agent.archive.catalogue import Catalogue
from agent.archive.mirrors import NewEntry
from agent.log_entry import Kind, read_entry, write_entry


def entry(n: int, kind: Kind, clip: str = "", *, at: str = "", who: str = "li", **what: Any) -> str:
    at = at or f"2026-11-23T08:00:{n % 60:02}.000Z"
    return write_entry(n, kind, at=at, trust="synchronised", run=1.0, who=who, clip=clip, what=what)


def tell(catalogue: Catalogue, dock: str, *texts: str, log: int = 0) -> None:
    """As the keeper does: the entries first, then those who fold them, in one transaction."""
    read = [read_entry(text) for text in texts]
    new = [NewEntry(e.number, e.clip, e.kind.value, e.text, b"", e) for e in read]
    catalogue.mirror_entries(dock, log, new, (catalogue.fold_entries,))


def annotated(
    n: int, clip: str, version: int, /, *, at: str = "", who: str = "li", **after: Any
) -> str:
    empty = {"importance": 0}
    before = {name: empty.get(name, "") for name in after} if version > 1 else {}
    what = {"version": version, "why": "known now", "before": before, "after": after}
    return entry(n, Kind.ANNOTATED, clip, at=at, who=who, **what)


def held(n: int, clip: str, hold: int, /, *, who: str = "li", **what: Any) -> str:
    said = {"reason": "dispute", "note": "a complaint", "approval": "A-1"} | what
    return entry(n, Kind.HELD, clip, who=who, hold=hold, **said)


def lifted(n: int, clip: str, hold: int, /, *, who: str = "wang") -> str:
    return entry(n, Kind.LIFTED, clip, who=who, hold=hold, why="settled", approval="A-2")
