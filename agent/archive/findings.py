"""What docks found, and what they cleared, from their custody logs.

A clip that vanished for one dock may have been cleared by another, which the recorder visited in
between; then the finding says so.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from agent.archive.case_queries import CaseQueries
from agent.archive.plain import plain
from agent.errors import Malformed
from agent.log_entry import Kind, LogEntry, read_entry
from agent.model import Clip
from agent.spool.changes import Change

log = logging.getLogger(__name__)

_VANISHED = frozenset({"vanished", "vanished-kept"})
_GENERATIONS = 4
"""Different footage met under one name on one recorder, as far as is looked."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A clip that vanished here and is accounted for: cleared by `dock` (entry `n` of its log), or
    in the archive, delivered by `dock`."""

    clip: str
    dock: str
    at: str
    cleared: bool


@dataclass(frozen=True, slots=True)
class Told:
    """A finding, or a clip that was cleared. `words` are for people, `number` is how many clips it
    is about, as far as it says."""

    dock: str
    log: int
    n: int
    at: str
    kind: str
    recorder: str
    clip: str
    words: str
    number: int
    elsewhere: tuple[Elsewhere, ...]

    def document(self) -> dict[str, Any]:
        return asdict(self)


def findings(
    view: CaseQueries, *, dock: str = "", recorder: str = "", cleared: bool = False
) -> Iterator[Told]:
    """Every finding of a dock or recorder where named, by dock and in the order of its log; with
    the clips that it `cleared` on request."""
    for kind in [Kind.FINDING, *([Kind.CLEARED] if cleared else [])]:
        sql = (
            f"select dock, log, entry from custody where kind = '{kind.value}'"  # noqa: S608
            " and (?1 = '' or dock = ?1) order by dock, log, n"
        )
        for row in view.ask(sql, dock):
            try:
                entry = read_entry(row["entry"])
            except Malformed as error:
                log.error("an entry of dock %s cannot be read: %s", row["dock"], error)
                continue
            told = _told(view, row["dock"], row["log"], entry)
            if not recorder or told.recorder == recorder:
                yield told


def _told(view: CaseQueries, dock: str, number: int, entry: LogEntry) -> Told:
    what = plain(dict(entry.what))
    kind = str(what.get("finding", "")) if entry.kind is Kind.FINDING else Kind.CLEARED.value
    serial = str(what.get("serial", "")) or _recorder_of(view, entry.clip)
    words = f"clip {entry.clip[:12]} was cleared from its recorder"
    if entry.kind is Kind.FINDING:
        words = Change(kind, str(what.get("before", "")), str(what.get("after", ""))).words
    about = list(_about(what)) if kind in _VANISHED else []
    many = what.get("number", 1)
    return Told(
        dock=dock,
        log=number,
        n=entry.number,
        at=plain(entry.at),
        kind=kind,
        recorder=serial,
        clip=entry.clip,
        words=words,
        number=many if type(many) is int else 1,
        elsewhere=tuple(found for clip in about for found in _elsewhere(view, dock, clip, serial)),
    )


def _about(what: Any) -> Iterator[Clip]:
    """The clips that a finding names: path, size, recorded, words."""
    about = what.get("about")
    for each in about if isinstance(about, list) else []:
        if not isinstance(each, list) or len(each) < 3:
            continue
        path, size, recorded = each[:3]
        if isinstance(path, str) and type(size) is int and isinstance(recorded, str):
            yield Clip("", path, size, recorded)


def _elsewhere(view: CaseQueries, dock: str, clip: Clip, serial: str) -> Iterator[Elsewhere]:
    """Where another dock's log, or the archive, has it."""
    for generation in range(_GENERATIONS):
        id_ = clip.id_on(serial, generation)
        where = (
            "select dock, entry from custody where clip = ?1 and kind = 'cleared' and dock <> ?2"
            " order by dock, log, n"
        )
        for row in view.ask(where, id_, dock):
            yield Elsewhere(id_, row["dock"], _at(row["entry"]), cleared=True)
        where = "select dock, received_at from clip where clip = ? order by received_at limit 1"
        for row in view.ask(where, id_):
            yield Elsewhere(id_, row["dock"], row["received_at"], cleared=False)


def _at(text: str) -> str:
    """When an entry was written; empty where it cannot be read any more."""
    try:
        return str(plain(read_entry(text).at))
    except Malformed:
        return ""


def _recorder_of(view: CaseQueries, clip: str) -> str:
    rows = view.ask("select recorder_serial from clip where clip = ? limit 1", clip)
    return str(rows[0]["recorder_serial"]) if rows else ""
