"""What `bodydock export` builds before it begins: keys, clips, proofs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from agent.clock import from_text
from agent.config import DockConfig
from agent.config.retention import classes
from agent.custody.dock_key import CREDENTIAL
from agent.custody.export.dock import Shelf
from agent.custody.export.proofs import Proving, fresh_note
from agent.custody.export.supply import Evidence, Exhibit
from agent.custody.keys import PublicKey, SecretKey, is_credential, public_key
from agent.custody.pinned import ever
from agent.errors import KeyUnusable, UsageError
from agent.spool.case_queries import Wanted
from agent.spool.entry import Entry
from agent.spool.exports import EvidenceView
from agent.spool.layout import Layout
from agent.uplink.case_facts import case_told
from agent.uplink.offers import signed_offer

EVERYTHING = 10_000_000
"""Clips; no dock holds as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What clips are looked for by; what is None does not matter."""

    case_number: str | None
    officer: str | None
    party: str | None
    since: datetime | None
    until: datetime | None
    held: bool


def seal_key(config: DockConfig) -> SecretKey:
    """The dock's own key. Raises `KeyUnusable` where it cannot be used; none is made here."""
    if not (config.key.exists() or is_credential(CREDENTIAL)):
        raise KeyUnusable(
            f"there is no key at {config.key}",
            do="has the dock run here? Where systemd hands the key over, it must to this, too",
        )
    return SecretKey.load_or_make(config.key, CREDENTIAL)


def exhibits_of(config: DockConfig, key: SecretKey, asked: dict[str, Any]) -> list[Exhibit]:
    """The clips that were asked for, oldest first, with what the ledger knows of them.

    Raises `UsageError` where nothing was asked for, or a clip cannot be supplied from here.
    """
    with EvidenceView(config.ledger) as ledger:
        shelf = Shelf(
            dock=config.dock.id,
            ledger=ledger,
            layout=Layout(config.dock.state),
            offer=partial(_offer, config, key, ledger),
            known=[key.public, *_archives(config, ledger)],
        )
        return [shelf.exhibit(entry) for entry in _chosen(shelf, asked)]


def _offer(config: DockConfig, key: SecretKey, ledger: EvidenceView, entry: Entry) -> bytes:
    """The manifest with all that is known now, as it would be offered today."""
    told = partial(case_told, ledger, entry.clip, classes(config.retention))
    return signed_offer(entry, config.dock.id, key, told)


def proofs_of(config: DockConfig, key: SecretKey, clips: Sequence[str]) -> Evidence:
    """What the log proves of clips. It is opened anew: where no daemon runs, a view that was
    opened before an order was carried out is no view of what the ledger holds after it."""
    stamping = config.timestamps
    with EvidenceView(config.ledger) as ledger:
        newest = ledger.journal.newest(cosigned=True)
        proving = Proving(
            log=ledger.journal,
            dock=config.dock.id,
            note=fresh_note(ledger.journal, config.dock.id, key),
            keys=[key.public],
            archives=_archives(config, ledger),
            cosigned=newest.cosigned if newest else None,
            stamps=[s for s in ledger.stamps() if stamping and s.authority == stamping.url],
            authority=stamping.certificates if stamping else None,
        )
        return proving.evidence(clips)


def _archives(config: DockConfig, ledger: EvidenceView) -> list[PublicKey]:
    """Those of now and before: what they signed in their time is supplied as well."""
    configured = [public_key(text) for text in config.archive.keys]
    return ever(configured, ledger.journal.archive_changes())


def _chosen(shelf: Shelf, asked: dict[str, Any]) -> list[Entry]:
    named = [shelf.by_prefix(prefix) for prefix in asked["prefixes"]]
    search = search_of(asked)
    if search is None:
        found = named
    elif named:
        fitting = {each.clip for each in _searched(shelf.ledger, search)}
        found = [each for each in named if each.clip in fitting]
    else:
        found = _searched(shelf.ledger, search)
    return sorted({each.clip: each for each in found}.values(), key=lambda each: each.seq)


def _searched(ledger: EvidenceView, search: Search) -> list[Entry]:
    wanted = Wanted(case_number=search.case_number, party=search.party, held=search.held)
    found = ledger.search(wanted, limit=EVERYTHING)
    return [each for each in found if _fits(ledger, each, search)]


def _fits(ledger: EvidenceView, entry: Entry, search: Search) -> bool:
    """By officer, as the case data have it or else the clip's name; by when it was recorded, or
    else found."""
    if search.officer is not None:
        case = ledger.case_of(entry.clip)
        names = {case.case.officer, case.case.officer_name} - {""} if case else set()
        if search.officer not in (names or {entry.facts.officer}):
            return False
    time = entry.facts.time
    first, last = (time.earliest, time.latest) if time else (entry.seen_at, entry.seen_at)
    if search.since and last < search.since:
        return False
    return not (search.until and first >= search.until)


def search_of(asked: dict[str, Any]) -> Search | None:
    """From the options; None where only ids were given. Raises `UsageError` where nothing was."""
    texts = {name: asked[name] for name in ("case_number", "officer", "party")}
    times = {name: _moment(name, asked[name]) for name in ("since", "until")}
    if not (asked["held"] or any([*texts.values(), *times.values()])):
        if not asked["prefixes"]:
            raise UsageError("say which clips", do="`--help` lists the ways")
        return None
    return Search(
        case_number=texts["case_number"],
        officer=texts["officer"],
        party=texts["party"],
        since=times["since"],
        until=times["until"],
        held=asked["held"],
    )


def _moment(name: str, text: str | None) -> datetime | None:
    try:
        return from_text(text) if text else None
    except ValueError as error:
        raise UsageError(
            f"--{name}: {error}", do="write it like 2026-08-04T08:00:00+08:00"
        ) from error
