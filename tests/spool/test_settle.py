"""A clip is in one bay's hand from before the ledger is asked until its commit."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import RecorderBusy, SpoolFull, WrongState
from agent.spool.entry import Sealed
from agent.spool.recovery import open_ledger
from agent.spool.states import State

from .age import FORMS, cipher_for
from .places import RECEIPT, Place

OURS, THEIRS = b"A" * 300_000, b"B" * 300_000


@pytest.fixture(params=FORMS)
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    return Place(tmp_path, cipher=cipher_for(request.param))


def test_a_bay_that_was_slow_to_find_room_does_not_get_what_came_in_meanwhile(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = place.see(OURS)
    make_room = place.spool.make_room

    def slow(need: int) -> int:
        monkeypatch.setattr(place.spool, "make_room", make_room)
        with pytest.raises(RecorderBusy):
            place.write(clip, OURS)  # the other bay
        return make_room(need)

    monkeypatch.setattr(place.spool, "make_room", slow)
    intake = place.spool.intake(clip, len(THEIRS))
    intake.write(THEIRS)
    sealed = intake.finish()
    assert place.spool.settle(clip)
    assert place.entry(clip).sealed == sealed
    assert place.quarantined() == []
    place.spool.verify(clip)


def test_nobody_gets_between_a_finished_file_and_its_commit(place: Place) -> None:
    clip = place.see(OURS)
    sealed = place.write(clip, OURS)
    with pytest.raises(RecorderBusy):
        place.spool.intake(clip, len(OURS))
    assert place.spool.settle(clip)
    assert not place.spool.settle(clip)
    with pytest.raises(WrongState):
        place.spool.intake(clip, len(OURS))
    assert place.entry(clip).sealed == sealed
    assert (place.quarantined(), place.incoming()) == ([], [])
    place.spool.verify(clip)


def test_a_commit_that_met_a_full_ledger_is_made_later(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = place.see(OURS)
    place.write(clip, OURS)

    def full(_: Sealed) -> None:
        raise SpoolFull("no space left to write the ledger")

    with monkeypatch.context() as patch:
        patch.setattr(place.ledger, "spooled", full)
        with pytest.raises(SpoolFull):
            place.spool.settle(clip)
    assert place.file(clip).exists()
    assert place.spool.settle(clip)
    assert place.entry(clip).state is State.SPOOLED


def test_a_clip_that_was_lost_after_its_commit_can_come_in_again(place: Place) -> None:
    clip = place.take_in(OURS).clip
    place.spool.quarantine(clip, "rot")
    place.ledger.wanted_again(clip)
    place.write(clip, OURS)
    assert place.spool.settle(clip)


def test_one_bad_row_at_the_front_stops_neither_sending_nor_releasing(tmp_path: Path) -> None:
    place = Place(tmp_path, quota=4000, hold_seconds=0)
    clips = [place.take_in(bytes([number]) * 1000, f"{number}.MP4").clip for number in range(3)]
    sql = "UPDATE clip SET seen_at = 'x' WHERE id = ?"
    place.ledger._database.change(sql, [clips[0]])
    assert [each.clip for each in place.ledger.to_send(place.clock.now(), 1)] == [clips[1]]
    assert [each.clip for each in place.ledger.to_send(place.clock.now(), 2)] == clips[1:]
    for clip in clips:
        place.ledger.receipted(clip, RECEIPT)
    assert [each.clip for each in place.ledger.releasable(0, 1)] == [clips[1]]
    place.take_in(b"n" * 1000, "new.MP4")
    assert place.entry(clips[1]).state is State.RELEASED


def test_a_receipt_counts_for_a_copy_that_was_found_damaged_meanwhile(place: Place) -> None:
    clip = place.take_in(OURS).clip
    place.spool.quarantine(clip, "rot")
    place.ledger.receipted(clip, RECEIPT)
    assert place.entry(clip).receipt == RECEIPT
    place.spool.release(clip)
    assert place.entry(clip).state is State.RELEASED


def test_what_a_recorder_still_owes_is_counted(place: Place) -> None:
    assert place.ledger.wanting("S0001") == 0
    place.see(THEIRS, "B.MP4")
    clip = place.take_in(OURS).clip
    assert place.ledger.wanting("S0001") == 1
    place.spool.quarantine(clip, "rot")
    assert place.ledger.wanting("S0001") == 2
    assert place.ledger.wanting("S0002") == 0


def test_the_log_of_a_ledger_that_is_gone_is_kept_for_a_person(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.close()
    (tmp_path / "ledger.db").unlink()
    (tmp_path / "ledger.db-wal").write_bytes(b"what was committed last")
    open_ledger(tmp_path, place.clock).close()
    assert b"what was committed last" in place.quarantined()
