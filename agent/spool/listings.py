"""The ledger's side of whole listings: what vanished, changed or appeared since the last one."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

from agent.errors import WrongState
from agent.log_entry import Kind
from agent.model import Clip, ClipId, printable
from agent.spool import rows
from agent.spool.changes import Change
from agent.spool.contacts import Contacts
from agent.spool.entry import Contact
from agent.spool.listing_changes import (
    ClockTold,
    Listed,
    differences,
    digest_of,
    less,
    store_of,
)
from agent.spool.states import State

log = logging.getLogger(__name__)

EACH_UP_TO = 20
"""Findings of one kind and store; more become one that counts them."""
_ENTRY_BYTES = 32 * 1024
"""Of the clips that a custody entry lists; how many more there are is said."""
_PATH, _TIME = 512, 64
"""Characters of a path and of a recorded time in a finding."""
_SHORT = 16
"""Digits of a listing's digest in words; the custody entry has them all."""
_KINDS = ("vanished", "vanished-kept", "resized", "backdated")
_HAD = (State.SPOOLED, State.OFFERED, State.RECEIPTED, State.RELEASED, State.REFUSED)
_UNREADABLE = ("RecorderMisbehaved", "RecorderRefused")
"""How the note of a clip begins that was asked for and could not be read."""


@dataclass(frozen=True, slots=True)
class _Store:
    """One store's listing, now and before; the digest before is empty where there is none."""

    name: str
    now: list[Listed]
    before: list[Listed]
    digest: str
    digest_before: str

    @property
    def digests(self) -> dict[str, str]:
        return {"store": self.name, "listing_before": self.digest_before, "listing": self.digest}


@dataclass(slots=True)
class _Fate:
    """What the ledger knows of a clip that is gone; `excused` says that no finding follows."""

    words: str
    kept: bool = False
    excused: bool = False


@dataclass(slots=True)
class _Finding:
    """One kind's findings in one store: each clip with what it is now."""

    kind: str
    store: _Store
    clips: list[tuple[Listed, str]] = field(default_factory=list)


class Listings(Contacts):
    """Listings that came to their end; of each store the last one is kept."""

    def listed(self, contact: int, clips: Iterable[Clip]) -> None:
        """Everything that a recorder listed, without an error, at a contact.

        Kept with its digest in the custody log, and compared with the last listing of each store
        that is there now, all in one transaction. Raises `WrongState` for a contact that is not
        there.
        """
        with self._writing():
            now = self._contact(contact)
            serial = now.identity.serial
            stores = self._stores(now, clips)
            number = sum(len(store.now) for store in stores)
            kept = [[each.name, len(each.now), each.digest] for each in stores]
            whole = digest_of(clip for store in stores for clip in store.now)
            self._enter(
                Kind.LISTED,
                contact=contact,
                serial=serial,
                number=number,
                digest=whole,
                stores=kept,
            )
            found: list[_Finding] = []
            for store in stores:
                if store.before:
                    found += self._judged(store, now)
                self._keep_listing(now, store)
            changes = [self._find(now, each) for each in found]
        for change in (one for several in changes for one in several):
            bay, shown = printable(now.bay), printable(serial)
            log.warning("bay %s: recorder %s: %s", bay, shown, change.words)

    def rewritten(self, contact: int, clip: ClipId, size: int) -> None:
        """A recorder has other bytes under the very path, size and time of a clip that is here,
        for the first time. Nothing follows where the dock took that clip off itself."""
        with self._writing():
            now, entry = self._contact(contact), self.find(clip)
            if entry is None:
                raise WrongState(f"the ledger knows no clip {clip[:64]}")
            if self._clearing_of(clip):
                return
            words = _words(Listed("", entry.sighting.path, size, entry.sighting.recorded))
            change = Change(
                "rewritten", words, f"other bytes; the clip here is {entry.state.value}"
            )
            self._keep_one(now, change, about=[clip])
        log.warning("bay %s: %s", printable(now.bay), change.words)

    def _stores(self, contact: Contact, clips: Iterable[Clip]) -> list[_Store]:
        """All that are there: those with clips, and those that the recorder shows and are empty."""
        storages = contact.health.storages if contact.health else ()
        names = {rows.storable(each.id): rows.storable(store_of(each)) for each in storages}
        listed: dict[str, list[Listed]] = {name: [] for name in names.values()}
        for clip in clips:
            name = names.get(rows.storable(clip.storage), f"#{rows.storable(clip.storage)}/?")
            one = Listed(name, rows.storable(clip.path), clip.size, rows.storable(clip.recorded))
            listed.setdefault(name, []).append(one)
        serial = contact.identity.serial
        return [self._store(serial, name, listed[name]) for name in sorted(listed)]

    def _store(self, serial: str, name: str, now: list[Listed]) -> _Store:
        digest, before = digest_of(now), self._last_digest(serial, name)
        old: list[Listed] = []
        if before and before != digest:
            sql = "SELECT path, size, recorded FROM listed WHERE serial = ? AND store = ?"
            old = [
                Listed(name, row["path"], row["size"], row["recorded"])
                for row in self._database.rows(sql, [serial, name])
            ]
        return _Store(name, now, old, digest, before)

    def _last_digest(self, serial: str, name: str) -> str:
        sql = """SELECT digest FROM listing WHERE serial = ? AND store = ?
            ORDER BY contact DESC LIMIT 1"""
        return self._database.value(sql, [serial, name]) or ""

    def _keep_listing(self, contact: Contact, store: _Store) -> None:
        """In the place of the last one; only what differs is written."""
        serial = contact.identity.serial
        self._database.change(
            "INSERT OR REPLACE INTO listing VALUES (?, ?, ?, ?, ?, ?)",
            [contact.number, store.name, serial, self._now(), len(store.now), store.digest],
        )
        if store.digest == store.digest_before:
            return
        old, new = set(store.before), set(store.now)
        for clip in old - new:
            self._database.change(
                """DELETE FROM listed WHERE serial = ? AND store = ? AND path = ? AND size = ?
                    AND recorded = ?""",
                [serial, *clip],
            )
        for clip in new - old:
            self._database.change("INSERT INTO listed VALUES (?, ?, ?, ?, ?)", [serial, *clip])

    def _clock_told(self, contact: Contact) -> ClockTold:
        """What the recorder's clock says about dates: now, and at the contact before."""
        before = self.contacts(contact.identity.serial, before=contact.number, limit=1)
        ahead = before[0].clock_error if before else None
        now = contact.reading.recorder.replace(tzinfo=None) if contact.reading else None
        return ClockTold(now, timedelta(seconds=min(max(ahead or 0.0, 0.0), 1e9)))

    def _judged(self, store: _Store, contact: Contact) -> list[_Finding]:
        """What follows; a clip that went as it should is as if it had never been listed."""
        serial = contact.identity.serial
        fates = {clip: self._fate(serial, clip) for clip in less(store.before, store.now)}
        before = [clip for clip in store.before if clip not in fates or not fates[clip].excused]
        found = differences(before, store.now, self._clock_told(contact))
        kinds = {kind: _Finding(kind, store) for kind in _KINDS}
        for clip in found.gone:
            kind = "vanished-kept" if fates[clip].kept else "vanished"
            kinds[kind].clips.append((clip, fates[clip].words))
        for clip, other in found.resized:
            kinds["resized"].clips.append((clip, f"{other.size} bytes; {fates[clip].words}"))
        kinds["backdated"].clips = [(clip, "") for clip in found.backdated]
        return [each for each in kinds.values() if each.clips]

    def _fate(self, serial: str, clip: Listed) -> _Fate:
        """What became of it here, by the newest of its generations."""
        row = None
        for generation in count():
            facts = Clip("", clip.path, clip.size, clip.recorded)
            sql = """SELECT clip.state, clip.reason, clearing.state AS clearing
                FROM clip LEFT JOIN clearing ON clearing.clip = clip.seq WHERE clip.id = ?"""
            found = self._database.rows(sql, [facts.id_on(serial, generation)])
            if not found:
                break
            row = found[0]
        if row is None:
            return _Fate("this dock never had it")
        state = row["state"]
        excused = row["clearing"] in ("clearing", "cleared")
        if state in {each.value for each in _HAD}:
            return _Fate(f"this dock has it: {state}", kept=True, excused=excused)
        unreadable = state == State.SEEN.value and row["reason"].startswith(_UNREADABLE)
        return _Fate(f"this dock never had it: {state}", excused=excused or unreadable)

    def _clearing_of(self, clip: ClipId) -> bool:
        sql = """SELECT count(*) FROM clearing WHERE state IN ('clearing', 'cleared')
            AND clip = (SELECT seq FROM clip WHERE id = ?)"""
        return bool(self._database.value(sql, [clip]))

    def _find(self, contact: Contact, found: _Finding) -> Sequence[Change]:
        """Keep what was found, with its evidence."""
        one_by_one = found.kind != "vanished-kept" and len(found.clips) <= EACH_UP_TO
        groups = [[each] for each in found.clips] if one_by_one else [found.clips]
        changes = []
        for group in groups:
            change = _SAYING.get(found.kind, _said_gone)(found, group)
            self._keep_one(contact, change, **found.store.digests, **_evidence(group))
            changes.append(change)
        return changes


def _words(clip: Listed) -> str:
    recorded = clip.recorded[:_TIME] or "no time"
    return f"{clip.path[:_PATH]}, {clip.size} bytes, {recorded}"


def _first(group: list[tuple[Listed, str]]) -> str:
    more = f" and {len(group) - 1} more" if len(group) > 1 else ""
    return f"{_words(group[0][0])}{more}"


def _said_gone(found: _Finding, group: list[tuple[Listed, str]]) -> Change:
    store = found.store
    now = f"{group[0][1]} (listing {store.digest[:_SHORT]})"
    return Change(found.kind, f"{_first(group)} (listing {store.digest_before[:_SHORT]})", now)


def _said_new(found: _Finding, group: list[tuple[Listed, str]]) -> Change:
    store = found.store
    newest = max((clip.recorded for clip in store.before), default="")
    before = f"the newest was of {newest[:_TIME]} (listing {store.digest_before[:_SHORT]})"
    return Change(found.kind, before, f"{_first(group)} (listing {store.digest[:_SHORT]})")


_SAYING: dict[str, Callable[[_Finding, list[tuple[Listed, str]]], Change]] = {
    "backdated": _said_new
}


def _evidence(group: list[tuple[Listed, str]]) -> dict[str, Any]:
    """The clips of a finding, as many as one entry should hold."""
    kept: list[list[Any]] = []
    left = _ENTRY_BYTES
    for clip, words in group:
        one = [clip.path[:_PATH], clip.size, clip.recorded[:_TIME], words]
        left -= len(json.dumps(one, ensure_ascii=False).encode())
        if left < 0:
            break
        kept.append(one)
    return {"about": kept, "number": len(group)}
