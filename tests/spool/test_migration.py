"""A ledger of version 1 is brought up to date: all of it or nothing, and nothing is lost.

`version_1.sql` is the dump of a ledger that bodydock wrote before there was a version 2.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from agent.errors import LedgerBroken, LedgerDamaged, SpoolFull
from agent.model import Clip, ClipFacts, ClockReading, Health, Storage
from agent.spool import schema
from agent.spool.ledger import Ledger
from agent.spool.states import State
from agent.spool.view import LedgerView

from .places import IDENTITY, START, HandClock, sighting_of

OLD = Path(__file__).with_name("version_1.sql")
TABLES = ("meta", "recorder", "contact", "clip", "tally")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript(OLD.read_text("utf-8"))
    return path


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as raw:
        return int(raw.execute("PRAGMA user_version").fetchone()[0])


def rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as raw:
        return {
            table: sorted(raw.execute(f"SELECT * FROM {table}"), key=str)  # noqa: S608, ours
            for table in TABLES
        }


def test_every_row_of_version_1_is_there_afterwards(path: Path) -> None:
    before = rows(path)
    ledger = Ledger(path, HandClock())
    ledger._let_go()
    after = rows(path)
    changed = {"clean", "running"}
    for kept in (before, after):
        kept["meta"] = [row for row in kept["meta"] if row[0] not in changed]
    # Seven contacts were left open, as in any crash: the start ends those, as it did before.
    contacts = [row[:4] for row in after.pop("contact")]
    assert [row[:4] for row in before.pop("contact")] == contacts
    assert after == before
    assert version(path) == schema.VERSION == 3


def test_every_clip_keeps_its_state_and_goes_on(path: Path) -> None:
    ledger = Ledger(path, HandClock())
    found = {entry.state: entry for entry in ledger.entries()}
    assert found.keys() == set(State)
    assert {state: number for state, (number, _) in ledger.counts().items()} == dict.fromkeys(
        State, 1
    )
    assert all(entry.facts == ClipFacts() for entry in found.values())
    assert {entry.sighting.identity for entry in found.values()} == {IDENTITY}
    receipt = found[State.RECEIPTED].receipt
    assert receipt is not None
    assert receipt.stored_as == "archive-1/S0001/a.mp4"
    first = ledger.contacts(IDENTITY.serial)[-1]
    assert first.health == Health(55, (Storage("00010001", "SD", 100, 40),))
    assert first.reading == ClockReading(datetime(2026, 8, 4, 10, 0, 7), START, 0.25)  # noqa: DTZ001
    assert (first.profile, first.clock_error) == ("", None)
    ledger.offered(found[State.SPOOLED].clip)
    assert len(ledger.to_send(START, 10)) == 2
    ledger.close()
    with LedgerView(path) as view:
        assert len(view.entries()) == 7


def test_a_clip_that_was_seen_before_is_told_of_when_it_is_met_again(path: Path) -> None:
    ledger = Ledger(path, HandClock())
    (seen,) = ledger.entries(state=State.SEEN)
    contact = ledger.begin_contact("3", IDENTITY, None, None, profile="family-a")
    sighting = replace(seen.sighting, contact=contact, facts=ClipFacts(profile="family-a"))
    assert ledger.see(sighting).facts == ClipFacts(profile="family-a")
    ledger.close()


def test_a_change_against_what_version_1_knew_is_a_finding(path: Path) -> None:
    ledger = Ledger(path, HandClock())
    ledger.begin_contact("3", replace(IDENTITY, firmware="9.9"), None, None)
    (finding,) = ledger.findings()
    assert (finding.change.kind, finding.change.before) == ("firmware", "1.0")
    ledger.close()


@pytest.mark.parametrize("number", range(len(list(schema.steps_from(1)))))
def test_what_fails_half_way_leaves_version_1(
    path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows(path)
    steps = list(schema.steps_from(1))
    steps[number] = "INSERT INTO nowhere VALUES (1)"
    with monkeypatch.context() as patched:
        patched.setattr(schema, "steps_from", lambda _version: iter(steps))
        with pytest.raises(LedgerBroken, match="nowhere"):
            Ledger(path, HandClock())
    assert version(path) == 1
    assert rows(path) == before
    ledger = Ledger(path, HandClock())
    assert len(ledger.entries()) == 7
    ledger.close()


def test_no_room_for_the_new_tables_leaves_version_1(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [f"PRAGMA max_page_count = {_pages(path)}", *schema.steps_from(1)]
    with monkeypatch.context() as patched:
        patched.setattr(schema, "steps_from", lambda _version: iter(steps))
        with pytest.raises(SpoolFull):
            Ledger(path, HandClock())
    assert version(path) == 1
    Ledger(path, HandClock()).close()
    assert version(path) == schema.VERSION


def _pages(path: Path) -> int:
    with closing(sqlite3.connect(path)) as raw:
        return int(raw.execute("PRAGMA page_count").fetchone()[0])


def test_a_damaged_version_1_is_not_brought_up_but_called_damaged(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("DROP INDEX clip_sending")
        raw.commit()
    with pytest.raises(LedgerDamaged, match="version 1"):
        Ledger(path, HandClock())
    assert version(path) == 1


def test_a_command_says_what_brings_it_up_and_changes_nothing(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(LedgerBroken, match="start the dock once"):
        LedgerView(path)
    assert path.read_bytes() == before


def test_old_and_new_ledgers_have_the_same_tables(path: Path, tmp_path: Path) -> None:
    Ledger(path, HandClock()).close()
    Ledger(tmp_path / "new.db", HandClock()).close()

    def laid(path: Path) -> set[str]:
        with closing(sqlite3.connect(path)) as raw:
            return {row[0] for row in raw.execute("SELECT sql FROM sqlite_schema") if row[0]}

    assert laid(path) == laid(tmp_path / "new.db")


def test_new_clips_come_in_beside_old_ones(path: Path) -> None:
    ledger = Ledger(path, HandClock())
    contact = ledger.begin_contact("3", IDENTITY, None, None)
    entry = ledger.see(sighting_of(Clip("SD", "DCIM/new.MP4", 5, ""), contact))
    assert entry.seq == 8
    ledger.close()
