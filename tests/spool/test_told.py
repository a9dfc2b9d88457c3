"""What a clip's name and its contact told is kept with the clip, the first word for good."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.model import Clip, ClipFacts, ClipTime, ClockReading
from agent.spool.ledger import Ledger
from agent.spool.view import LedgerView

from .places import IDENTITY, START, HandClock, sighting_of

TIME = ClipTime(
    local=datetime(2026, 8, 4, 9, 0),  # noqa: DTZ001 - recorders name no zone
    source="name",
    zone_offset=28_800,
    clock_error=-3.5,
    earliest=datetime(2026, 8, 4, 1, 0, 1, 250_000, tzinfo=UTC),
    latest=datetime(2026, 8, 4, 1, 0, 6, tzinfo=UTC),
)
FACTS = ClipFacts("footage", "family-a", "CAM001", "000001", True, TIME)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    ledger = Ledger(path, HandClock())
    yield ledger
    ledger._let_go()


def told(ledger: Ledger, facts: ClipFacts, name: str = "A") -> ClipFacts:
    identity = replace(IDENTITY, id_code="AB123", officer="000001", unit="310000")
    contact = ledger.begin_contact("3", identity, None, None, profile="family-a")
    sighting = sighting_of(Clip("SD", name, 5, ""), contact, identity)
    return ledger.see(replace(sighting, facts=facts)).facts


@pytest.mark.parametrize(
    "facts",
    [
        FACTS,
        replace(FACTS, time=None),
        replace(FACTS, time=replace(TIME, clock_error=None)),
        ClipFacts(kind="log"),
        ClipFacts(),
    ],
)
def test_facts_are_kept_as_they_were_told(ledger: Ledger, path: Path, facts: ClipFacts) -> None:
    assert told(ledger, facts) == facts
    with LedgerView(path) as view:
        (entry,) = view.entries()
    assert entry.facts == facts
    assert entry.sighting.identity.officer == "000001"


def test_a_clock_that_was_set_since_does_not_tell_otherwise(ledger: Ledger) -> None:
    """After the first contact the clock stood right, and tells nothing of how it stood before."""
    told(ledger, FACTS)
    later = replace(TIME, clock_error=0.0, latest=TIME.latest + timedelta(hours=1))
    assert told(ledger, replace(FACTS, time=later)) == FACTS


def test_what_was_untold_is_told_later(ledger: Ledger) -> None:
    assert told(ledger, ClipFacts()) == ClipFacts()
    assert told(ledger, FACTS) == FACTS


def test_text_that_no_database_holds_is_kept_readable(ledger: Ledger) -> None:
    assert told(ledger, ClipFacts(device="C\ud800'\"")).device == "C\\ud800'\""


def test_readings_are_given_in_their_order_and_without_gaps(ledger: Ledger) -> None:
    readings = [
        ClockReading(datetime(2026, 8, 4, 10, n), START + timedelta(minutes=n), 0.5)  # noqa: DTZ001
        for n in range(20)
    ]
    for reading in readings:
        ledger.begin_contact("3", IDENTITY, None, reading)
        ledger.begin_contact("3", IDENTITY, None, None)
    ledger.begin_contact("3", replace(IDENTITY, serial="other"), None, readings[0])
    assert ledger.readings(IDENTITY.serial) == readings[-16:]
    number = ledger.contacts(IDENTITY.serial)[1].number
    assert ledger.readings(IDENTITY.serial, before=number, limit=3) == readings[-4:-1]
    assert ledger.readings("nobody") == []
