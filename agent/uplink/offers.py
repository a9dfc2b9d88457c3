"""A clip's manifest, as the dock signs and offers it."""

from __future__ import annotations

from collections.abc import Callable

from agent.clock import to_text
from agent.custody.envelopes import seal
from agent.custody.keys import SecretKey
from agent.errors import Malformed, WrongState
from agent.model import CHUNK_BYTES, ClipFacts, ClipTime, Stored
from agent.spool.entry import Entry
from agent.spool.told import NOTHING
from agent.uplink.case_facts import CaseTold
from agent.wire.contract import OFFER_TYPE, Manifest
from agent.wire.facts import RecorderFacts, StoredFacts, TimeFacts, ToldFacts


def manifest_of(entry: Entry, dock: str, told: CaseTold | None = None) -> Manifest:
    """Everything that is known of one spooled clip, with what is `told` of its case. Raises
    `WrongState` where it is not spooled."""
    sighting, sealed = entry.sighting, entry.sealed
    if sealed is None:
        raise WrongState(f"clip {entry.clip} is {entry.state.value}, there is nothing to offer")
    identity = sighting.identity
    return Manifest(
        dock=dock,
        clip=entry.clip,
        recorder=RecorderFacts(
            maker=identity.maker,
            model=identity.model,
            serial=identity.serial,
            firmware=identity.firmware,
            id_code=identity.id_code,
            officer=identity.officer,
            unit=identity.unit,
        ),
        bay=sighting.bay,
        contact=sighting.contact,
        path=sighting.path,
        size=sealed.size,
        recorded=sighting.recorded,
        marked=sighting.marked,
        chunk_bytes=CHUNK_BYTES,
        blake3=sealed.digests.blake3,
        chunks=sealed.digests.chunks,
        sha256=sealed.digests.sha256,
        sm3=sealed.digests.sm3,
        spooled_at=to_text(entry.spooled_at) if entry.spooled_at else "",
        facts=told_facts(entry.facts) if entry.facts != NOTHING else None,
        stored=stored_facts(sealed.stored) if sealed.stored else None,
        case=told.case if told else None,
        holds=list(told.holds) if told and told.holds else None,
        retention=told.retention if told else None,
    )


def stored_facts(stored: Stored) -> StoredFacts:
    """How an encrypted clip travels, in the contract's words."""
    digests = stored.digests
    return StoredFacts(
        form="age",
        size=stored.size,
        blake3=digests.blake3,
        chunks=digests.chunks,
        sha256=digests.sha256,
        recipient=stored.recipient,
    )


def told_facts(facts: ClipFacts) -> ToldFacts:
    """What was told of a clip, in the contract's words."""
    return ToldFacts(
        kind=facts.kind,
        profile=facts.profile,
        device=facts.device,
        officer=facts.officer,
        marked=facts.marked,
        time=_time_facts(facts.time) if facts.time else None,
    )


def _time_facts(time: ClipTime) -> TimeFacts:
    return TimeFacts(
        local=time.local.isoformat(),
        source=time.source,
        zone_offset=time.zone_offset,
        clock_error=time.clock_error,
        earliest=to_text(time.earliest),
        latest=to_text(time.latest),
    )


def signed_offer(
    entry: Entry, dock: str, key: SecretKey, told: Callable[[], CaseTold] | None = None
) -> bytes:
    """The manifest in its envelope; `told` says what is known of the clip's case.

    Raises `Malformed` where the contract has no place for what the recorder said of the clip.
    """
    try:
        payload = manifest_of(entry, dock, told() if told else None).encode()
    except ValueError as error:  # pydantic's, for a text that is too long or no Unicode
        raise Malformed(f"clip {entry.clip} fits no manifest: {type(error).__name__}") from error
    return seal(OFFER_TYPE, payload, key)
