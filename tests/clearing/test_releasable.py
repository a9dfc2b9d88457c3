"""Each condition of a release alone, at its border; what guards the steps; what findings forbid."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.errors import WrongState
from agent.log_entry import Kind
from agent.model import ClipId, Health, Storage
from agent.offload.clearing.docked import Docked, suspect
from agent.spool.changes import Change
from agent.spool.clearance import DOUBTED, Clearance
from tests.offload.recorders import MemoryRecorder
from tests.spool.places import IDENTITY, RECEIPT

from .docks import ARCHIVE, EPOCH, TrustedPlace
from .test_clearings import HOLD, NONCE, PROOF, cleared, clearing, contact, proved, receipted, step


@pytest.fixture
def place(tmp_path: Path) -> TrustedPlace:
    return TrustedPlace(tmp_path)


class Undone(Exception):
    """Rolls back what a case changed."""


def change(place: TrustedPlace, table: str, clip: ClipId, **columns: Any) -> None:
    """Make one fact of a row another, which no verb would do alone."""
    sets = ", ".join(f"{name} = :{name}" for name in columns)
    key = "seq" if table == "clip" else "clip"
    sql = f"UPDATE {table} SET {sets} WHERE {key} = (SELECT seq FROM clip WHERE id = :clip_id)"  # noqa: S608
    with place.ledger._writing():
        assert place.ledger._database.change(sql, {**columns, "clip_id": clip}) == 1


def say_epoch(place: TrustedPlace, epoch: str | None) -> None:
    """What the archive last called its epoch, without what follows from a change."""
    with place.ledger._writing():
        place.ledger._database.change("DELETE FROM epoch")
        if epoch is not None:
            place.ledger._database.change("INSERT INTO epoch VALUES (?, ?, '')", [ARCHIVE, epoch])


def may_go(place: TrustedPlace, limit: int = 9) -> list[ClipId]:
    return [each.clip for each in place.ledger.releasable(HOLD, limit)]


HELD: list[tuple[bool, dict[str, Any], dict[str, Any]]] = [
    (True, {}, {}),
    (False, {"held_from": 100.5}, {}),
    (False, {"held_from": None}, {}),
    *((False, {"state": state}, {}) for state in ("seen", "spooled", "released", "damaged")),
    (False, {}, {"wanted_from": 100.5}),
    (True, {}, {"state": "wanted"}),
    (False, {}, {"state": "wanted", "wanted_from": 100.5}),
    (False, {}, {"state": "wanted", "note": DOUBTED}),
    (False, {}, {"note": DOUBTED}),
    (False, {}, {"state": "clearing"}),
    (False, {}, {"state": "cleared", "cleared_from": 100.5}),
    (False, {}, {"epoch": "e2"}),
    (True, {"epoch": "e2"}, {}),
    (True, {}, {"epoch": None}),
    (False, {"epoch": "e2"}, {"epoch": None}),
]
CLEARED: list[tuple[bool, dict[str, Any], dict[str, Any]]] = [
    (True, {}, {}),
    (False, {"held_from": 100.5}, {}),
    *((False, {"state": state}, {}) for state in ("seen", "spooled", "released", "damaged")),
    (False, {}, {"cleared_from": 100.5}),
    (False, {}, {"cleared_from": None}),
    (False, {}, {"state": "clearing"}),
    (False, {}, {"proof": None}),
    (False, {}, {"epoch": "e2"}),
    (False, {}, {"epoch": None}),
    (False, {}, {"archive": "archive-2"}),
]


def stand_still(place: TrustedPlace, clip: ClipId) -> None:
    """All of it 100 seconds after the first start, and exactly the hold time ago."""
    change(place, "clip", clip, held_from=100.0)
    change(place, "clearing", clip, wanted_from=100.0, cleared_from=100.0)
    place.clock.advance(HOLD + 100.0 - place.ledger.running)
    assert place.ledger.running == HOLD + 100.0


@pytest.mark.parametrize(("make", "cases"), [(proved, HELD), (cleared, CLEARED)])
def test_each_condition_alone(
    place: TrustedPlace,
    make: Callable[[TrustedPlace], ClipId],
    cases: list[tuple[bool, dict[str, Any], dict[str, Any]]],
) -> None:
    clip = make(place)
    stand_still(place, clip)
    for goes, own, way in cases:
        with suppress(Undone), place.ledger._writing():
            for table, columns in (("clip", own), ("clearing", way)):
                if columns:
                    change(place, table, clip, **columns)
            assert may_go(place) == ([clip] if goes else []), (own, way)
            raise Undone


def test_the_epoch_that_was_heard(place: TrustedPlace) -> None:
    plain, done = receipted(place, "1"), cleared(place, "2")
    place.clock.advance(HOLD)
    for epoch, found in ((EPOCH, [done, plain]), ("e2", []), (None, [plain])):
        say_epoch(place, epoch)
        assert may_go(place) == found, "a cleared one needs its archive's word"


def test_the_oldest_first_and_no_more_than_asked_for(place: TrustedPlace) -> None:
    done = [cleared(place, path) for path in "123"]
    held = [receipted(place, path) for path in "456"]
    for age, (one, other) in enumerate(zip(done, held, strict=True)):
        change(place, "clearing", one, cleared_from=-float(age))
        change(place, "clip", other, held_from=-float(age))
    place.clock.advance(HOLD)
    order = done[::-1] + held[::-1]
    for limit in range(8):
        assert may_go(place, limit) == order[:limit]
    for one, other in zip(done, held, strict=True):
        change(place, "clearing", one, cleared_from=0.0)
        change(place, "clip", other, held_from=0.0)
    assert may_go(place) == done + held, "of the same age: in the order they came"


def test_no_proof_for_a_cleared_clip_whose_copy_was_released(place: TrustedPlace) -> None:
    clip = cleared(place)
    place.ledger.released(clip)
    size = place.ledger.journal.size
    with pytest.raises(WrongState, match="not receipted"):
        place.ledger.proved(clip, ARCHIVE, EPOCH, NONCE, "{}")
    found = place.ledger.clearing_of(clip)
    assert found
    assert found.proof == PROOF
    assert place.ledger.journal.size == size


@pytest.mark.parametrize("state", ["spooled", "released"])
def test_no_intent_where_the_ledger_contradicts_itself(place: TrustedPlace, state: str) -> None:
    """No verb leads there: whatever does, and whatever the rule says, nothing is deleted."""
    clip = proved(place)
    change(place, "clip", clip, state=state)
    with pytest.raises(WrongState, match="not receipted"):
        place.ledger.begin_clearing(clip, contact(place), lambda: True)
    assert step(place, clip) is Clearance.PROVED


def test_waiting_for_a_proof_writes_nothing(place: TrustedPlace) -> None:
    clip = receipted(place)
    place.ledger.want_proof(clip)
    before = place.ledger._database.changes
    place.clock.advance(5)
    place.ledger.want_proof(clip)
    assert place.ledger._database.changes == before


def test_a_proof_ends_the_doubt_and_keeps_the_witnesses(place: TrustedPlace) -> None:
    doubted, done = proved(place, "1"), cleared(place, "2")
    place.ledger.epoch_seen(ARCHIVE, "e2")
    for clip, before, after in ((doubted, DOUBTED, ""), (done, '[["SD"]]', '[["SD"]]')):
        found = place.ledger.clearing_of(clip)
        assert found
        assert found.note == before
        place.ledger.proved(clip, ARCHIVE, "e2", NONCE, PROOF)
        found = place.ledger.clearing_of(clip)
        assert found
        assert found.note == after


def test_an_archive_may_say_long_why(place: TrustedPlace) -> None:
    clip = receipted(place)
    place.ledger.unproved(clip, "x" * 9999)
    entry = place.ledger.journal.of(clip)[-1]
    assert entry.kind is Kind.UNPROVED
    assert entry.what["reason"] == "x" * 4096


def test_only_another_epoch_is_news(place: TrustedPlace, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    assert place.ledger.epoch_seen(ARCHIVE, EPOCH) is False
    assert place.ledger.epoch_seen(ARCHIVE, EPOCH) is False
    assert "proved again" not in caplog.text
    assert place.ledger.epoch_seen(ARCHIVE, "e2") is True
    assert f"archive {ARCHIVE} is of epoch e2 now: all is to be proved again" in caplog.text


@pytest.mark.parametrize("kind", ["card", "foreign-card", "serial", "dirty", "label", "firmware"])
def test_what_this_contact_found_about_storages(place: TrustedPlace, kind: str) -> None:
    earlier, number = contact(place), contact(place)
    here = Docked(
        recorder=MemoryRecorder({}),
        identity=IDENTITY,
        bay="3",
        contact=number,
        health=Health(80, (Storage("SD", "CARD", 9, 9),)),
        clock_error=None,
        firmware_known=True,
        eraser=None,
    )
    ledger = place.ledger
    with ledger._writing():
        ledger._keep(ledger._contact(earlier), [Change(kind, "a", "b")])
    assert not suspect(ledger, here, "SD"), "an earlier contact's"
    with ledger._writing():
        ledger._keep(ledger._contact(number), [Change(kind, "a", "b")])
    assert suspect(ledger, here, "SD") is (kind not in {"label", "firmware"})
    assert suspect(ledger, replace(here, contact=number + 1), "SD") is False


def test_a_receipt_begins_the_hold(place: TrustedPlace) -> None:
    clip = receipted(place)
    place.clock.advance(HOLD - 1)
    place.ledger.receipted(clip, RECEIPT)
    assert may_go(place) == []
    place.clock.advance(1)
    assert may_go(place) == [clip], "a receipt that comes twice does not begin it anew"


def test_what_is_being_cleared_stays(place: TrustedPlace) -> None:
    clearing(place)
    place.clock.advance(1e7)
    assert may_go(place) == []
