"""The procedure: what it deletes, in which order, and what it makes of every answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import RecorderGone, RecorderMisbehaved, RecorderRefused
from agent.log_entry import Kind
from agent.model import Clip, Identity
from agent.offload.clearing.rule import Limits
from agent.spool.clearance import Clearance
from agent.spool.states import State

from .docks import ARCHIVE, HOUR, ON, STORE, ClearingDock, Erasable

A, B, C = "DCIM/A.MP4", "DCIM/B.MP4", "DCIM/C.MP4"
BYTES = {A: b"a" * 300_000, B: b"b" * 1000, C: b""}


@pytest.fixture
def dock(tmp_path: Path) -> ClearingDock:
    return ClearingDock(tmp_path)


@pytest.fixture
def recorder() -> Erasable:
    return Erasable(dict(BYTES))


def test_the_whole_way(dock: ClearingDock, recorder: Erasable) -> None:
    dock.pull(recorder)
    assert dock.clear(recorder).wanted == 0
    dock.receipt()
    assert dock.clear(recorder).wanted == 0, "its grace is not over"
    dock.place.clock.advance(72 * HOUR)
    assert dock.clear(recorder).wanted == 3
    assert dock.clear(recorder).wanted == 3, "asked for once, waited for as long as it takes"
    assert recorder.deleted == []
    assert dock.prove() == 3
    done = dock.clear(recorder)
    assert (done.cleared, done.kept) == (3, 0)
    assert sorted(recorder.deleted) == [A, B, C]
    assert recorder.contents == {}
    for path in BYTES:
        assert dock.step(path) is Clearance.CLEARED
        assert dock.kinds(path)[-4:] == [
            Kind.RECEIPTED,
            Kind.PROVED,
            Kind.CLEARING,
            Kind.CLEARED,
        ]
        assert dock.place.entry(dock.clip(path)).state is State.RECEIPTED, "the copy here stays"


def test_no_more_goes_early_than_makes_room(dock: ClearingDock, recorder: Erasable) -> None:
    """Once enough is free for the next shift, what is left waits for the end of its grace."""
    dock.limits = Limits(clearing=True, grace=72 * HOUR, early_below=20)
    used = (replace(STORE, free=100), replace(STORE, free=150), replace(STORE, free=200))
    recorder.storages = used[:1]
    dock.pull(recorder)
    dock.receipt()
    assert dock.clear(recorder).wanted == 3
    assert dock.prove() == 3

    def delete(clip: Clip) -> None:
        recorder.forget(clip)
        recorder.storages = (used[len(recorder.deleted)],)

    recorder.on_delete = delete
    assert dock.clear(recorder).cleared == 2, "10, then 15 per cent were free, then 20"
    assert len(recorder.contents) == 1


def test_a_copy_is_released_a_hold_time_after_its_clip_was_cleared(
    dock: ClearingDock, recorder: Erasable
) -> None:
    hold = dock.place.hold_seconds
    dock.ripe(recorder)
    dock.place.clock.advance(HOUR)
    dock.clear(recorder)
    assert dock.ledger.releasable(hold, 9) == []
    dock.place.clock.advance(hold - 1)
    assert dock.ledger.releasable(hold, 9) == []
    dock.place.clock.advance(1)
    assert len(dock.ledger.releasable(hold, 9)) == 3


def test_every_command_follows_its_intent_and_its_hash(
    dock: ClearingDock, recorder: Erasable
) -> None:
    dock.ripe(recorder)
    seen: list[object] = []

    def delete(clip: Clip) -> None:
        assert dock.step(clip.path) is Clearance.CLEARING, "committed before the command"
        read = {at for path, at, _ in recorder.reads if path == clip.path}
        assert not clip.size or max(read) == clip.size, "read to its end, and asked for more"
        seen.append(clip.path)
        recorder.reads.clear()
        recorder.forget(clip)

    recorder.on_delete = delete
    recorder.reads.clear()
    dock.clear(recorder)
    assert len(seen) == 3


HINDRANCES: dict[str, Callable[[ClearingDock, Erasable], None]] = {
    "off": lambda dock, _: setattr(dock, "limits", replace(ON, clearing=False)),
    "longer grace": lambda dock, _: setattr(dock, "limits", replace(ON, grace=74 * HOUR)),
    "custody": lambda dock, _: setattr(dock, "custody", "the log was cut"),
    "firmware": lambda dock, _: setattr(dock, "firmware_known", False),
    "recorder's clock": lambda dock, _: setattr(dock, "clock_error", 25 * HOUR),
    "dock's clock": lambda dock, _: setattr(dock.place, "trust", "unsynchronised"),
    "dock's clock unknown": lambda dock, _: setattr(dock.place, "trust", "unknown"),
    "reserve": lambda dock, _: setattr(dock.place.spool.room, "_floor", 1 << 60),
    "dirty": lambda _, recorder: setattr(recorder, "storages", (replace(STORE, dirty=True),)),
    "no storage": lambda _, recorder: setattr(recorder, "storages", ()),
    "another card": lambda _, recorder: setattr(
        recorder, "storages", (replace(STORE, serial="BBBB-1234"),)
    ),
    "another model": lambda _, recorder: setattr(
        recorder, "identity", Identity("Maker", "Other", "S0001", "1.0")
    ),
    "epoch": lambda dock, _: _epoch(dock),
    "proof too old": lambda dock, _: dock.place.clock.advance(6 * HOUR + 1),
    "other bytes": lambda _, recorder: recorder.contents.update(
        {path: b"x" * len(data) for path, data in BYTES.items() if data}, **{C: b"1"}
    ),
    "damaged copies": lambda dock, _: _damage(dock),
    "erred before": lambda dock, recorder: dock.ledger.erred(
        dock.contact(recorder), dock.clip(A), "x"
    ),
}


@pytest.mark.parametrize("name", HINDRANCES)
def test_anything_against_it_and_nothing_is_deleted(
    dock: ClearingDock, recorder: Erasable, name: str
) -> None:
    recorder.storages = (replace(STORE, serial="AAAA-1234"),)
    dock.ripe(recorder)
    HINDRANCES[name](dock, recorder)
    assert dock.clear(recorder).cleared == 0
    assert recorder.deleted == []


def test_a_hold_stops_only_its_clip(dock: ClearingDock, recorder: Erasable) -> None:
    dock.ripe(recorder)
    _hold(dock, A)
    dock.clear(recorder)
    assert sorted(recorder.deleted) == [B, C]


def test_a_hold_set_while_the_clip_is_hashed_stops_it(
    dock: ClearingDock, recorder: Erasable
) -> None:
    dock.ripe(recorder)

    def hold(clip: Clip, offset: int, _size: int) -> bytes | None:
        if clip.path == A and offset == 0:
            _hold(dock, A)
        return None

    recorder.before_read = hold
    dock.clear(recorder)
    assert A not in recorder.deleted


def test_a_hold_set_when_all_is_hashed_stops_it(
    dock: ClearingDock, recorder: Erasable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule has its last word in the transaction of the intent."""
    dock.ripe(recorder)
    begin = dock.ledger.begin_clearing

    def late(clip, *more):  # type: ignore[no-untyped-def]
        if dock.place.entry(clip).sighting.path == A:
            _hold(dock, A)
        begin(clip, *more)

    monkeypatch.setattr(dock.ledger, "begin_clearing", late)
    dock.clear(recorder)
    assert sorted(recorder.deleted) == [B, C]
    assert Kind.CLEARING not in dock.kinds(A)


def test_early_where_the_recorder_would_be_full(dock: ClearingDock, recorder: Erasable) -> None:
    dock.limits = replace(ON, early_below=30)
    dock.pull(recorder)
    dock.receipt()
    recorder.storages = (replace(STORE, free=300),)
    assert dock.clear(recorder).wanted == 0, "30 per cent are not less than 30"
    recorder.storages = (replace(STORE, free=299),)
    assert dock.clear(recorder).wanted == 3
    dock.prove()
    assert dock.clear(recorder).cleared == 3


def test_a_recorder_that_keeps_what_it_deleted_is_told_of_once(
    dock: ClearingDock, recorder: Erasable, caplog: pytest.LogCaptureFixture
) -> None:
    recorder.contents = {A: BYTES[A]}
    recorder.on_delete = lambda _: None
    dock.ripe(recorder)
    for _ in range(5):
        dock.clear(recorder)
        assert dock.step(A) is Clearance.PROVED
    assert len(recorder.deleted) == 3, "then it is left alone"
    assert dock.kinds(A).count(Kind.KEPT) == 3
    assert sum("still on its recorder" in each.message for each in caplog.records) == 1


@pytest.mark.parametrize("error", [RecorderRefused, RecorderMisbehaved])
@pytest.mark.parametrize("does", [False, True])
def test_what_it_answers_decides_nothing(
    dock: ClearingDock, recorder: Erasable, error: type[Exception], does: bool
) -> None:
    def delete(clip: Clip) -> None:
        if does:
            recorder.forget(clip)
        raise error("so it says")

    recorder.on_delete = delete
    dock.ripe(recorder)
    done = dock.clear(recorder)
    assert (done.cleared, done.kept) == ((3, 0) if does else (0, 3))


@pytest.mark.parametrize("keeps", [False, True])
def test_a_recorder_that_deletes_another_is_never_cleared_again(
    dock: ClearingDock, recorder: Erasable, keeps: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def delete(clip: Clip) -> None:
        other = next(path for path in recorder.contents if path != clip.path)
        del recorder.contents[other]
        if not keeps:
            recorder.forget(clip)

    dock.ripe(recorder)
    recorder.on_delete = delete
    done = dock.clear(recorder)
    assert (done.cleared, done.kept) == ((0, 1) if keeps else (1, 0))
    assert len(recorder.deleted) == 1
    dock.clear(recorder)
    assert len(recorder.deleted) == 1
    [finding] = dock.ledger.findings()
    assert finding.change.kind == "cleared-other"
    assert any(each.levelname == "CRITICAL" for each in caplog.records)


def test_a_recorder_that_deletes_all_is_told_of_too(dock: ClearingDock, recorder: Erasable) -> None:
    dock.ripe(recorder)
    recorder.on_delete = lambda _: recorder.contents.clear()
    dock.clear(recorder)
    assert len(recorder.deleted) == 1
    assert [each.change.kind for each in dock.ledger.findings()] == ["cleared-other"]
    assert Clearance.CLEARING in [dock.step(path) for path in BYTES], "who knows what is there"


def test_a_card_that_goes_after_the_command_tells_nothing(
    dock: ClearingDock, recorder: Erasable
) -> None:
    dock.ripe(recorder)
    kept = dict(recorder.contents)

    def delete(clip: Clip) -> None:
        recorder.contents, recorder.storages = {}, ()

    recorder.on_delete = delete
    done = dock.clear(recorder)
    assert (done.cleared, done.kept) == (0, 0)
    assert dock.ledger.findings() == []
    [path] = [path for path in BYTES if dock.step(path) is Clearance.CLEARING]
    done = dock.clear(recorder)
    assert dock.step(path) is Clearance.CLEARING, "still not here"
    recorder.contents, recorder.storages = {"OTHER.MP4": b"!"}, (STORE,)
    recorder.recorded["OTHER.MP4"] = "20260805T100000"
    assert dock.clear(recorder).cleared == 0, "another card in the same slot"
    assert dock.step(path) is Clearance.CLEARING
    recorder.contents = kept
    dock.limits = Limits()
    assert dock.clear(recorder).kept == 1, "looked at also with clearing off"
    assert dock.step(path) is Clearance.PROVED


CALLS = 60


@pytest.mark.parametrize("deletes", [False, True])
def test_an_unplug_at_each_call_and_then_one_look(tmp_path: Path, deletes: bool) -> None:
    """The recorder goes at each call in turn, also in the middle of the command, having done it or
    not. The next session finds out, and only what is still there is deleted (again)."""
    for at in range(CALLS):
        dock, recorder = ClearingDock(tmp_path / f"{deletes}{at}"), Erasable(dict(BYTES))
        dock.ripe(recorder)
        calls = iter(range(1000))

        def before(name: str, at: int = at, calls: object = calls) -> None:
            if next(calls) == at:  # type: ignore[call-overload]
                raise RecorderGone(f"unplugged at {name}")

        recorder.before_call = before
        if not deletes:
            recorder.on_delete = lambda _: None
        error = dock.gone(recorder)
        recorder.before_call = lambda _: None
        recorder.on_delete = recorder.forget
        gone = [path for path in BYTES if path not in recorder.contents]
        before_look = list(recorder.deleted)
        dock.limits = Limits()
        dock.clear(recorder)
        assert recorder.deleted == before_look, "only looked"
        for path in BYTES:
            assert (dock.step(path) is Clearance.CLEARED) == (path in gone), (at, path)
        dock.limits = ON
        dock.clear(recorder)
        assert recorder.contents == {}
        assert all(dock.step(path) is Clearance.CLEARED for path in BYTES)
        dock.place.close()
        if error is None:
            break
    assert 15 <= at < CALLS - 1


@pytest.mark.parametrize("deletes", [False, True])
def test_a_dock_that_dies_at_each_call(tmp_path: Path, deletes: bool) -> None:
    """Killed at each call to the recorder, with its ledger and spool opened anew by recovery: the
    clip is on its recorder, or the intent says so and the copy is here."""
    for at in range(CALLS):
        dock, recorder = ClearingDock(tmp_path / f"{deletes}{at}"), Erasable({A: b"1", B: b"2"})
        dock.ripe(recorder)
        calls = iter(range(1000))

        def die(name: str, at: int = at, calls: object = calls) -> None:
            if next(calls) == at:  # type: ignore[call-overload]
                raise KeyboardInterrupt(name)

        recorder.before_call = die
        if not deletes:
            recorder.on_delete = lambda _: None
        died = False
        try:
            dock.clear(recorder)
        except KeyboardInterrupt:
            died = True
        dock.place.restart()
        recorder.before_call = lambda _: None
        for path in (A, B):
            begun = dock.step(path) in {Clearance.CLEARING, Clearance.CLEARED}
            assert path in recorder.contents or begun
            assert dock.place.file(dock.clip(path)).exists()
        recorder.on_delete = recorder.forget
        commands = list(recorder.deleted)
        dock.limits = Limits()
        dock.clear(recorder)
        assert recorder.deleted == commands
        dock.place.close()
        if not died:
            break
    assert 10 <= at < CALLS - 1


def test_a_dock_that_dies_in_the_command_looks_first(
    dock: ClearingDock, recorder: Erasable
) -> None:
    dock.ripe(recorder)

    def die(clip: Clip) -> None:
        recorder.forget(clip)
        raise KeyboardInterrupt

    recorder.on_delete = die
    with pytest.raises(KeyboardInterrupt):
        dock.clear(recorder)
    dock.place.restart()
    recorder.on_delete = recorder.forget
    assert dock.clear(recorder).cleared == 3
    assert len(recorder.deleted) == 3


def test_cleared_and_listed_again_is_not_cleared(dock: ClearingDock, recorder: Erasable) -> None:
    dock.ripe(recorder)
    dock.clear(recorder)
    recorder.contents = {B: BYTES[B]}
    done = dock.clear(recorder)
    assert done.kept == 1
    assert dock.step(B) is Clearance.CLEARED, "its proof was fresh, so it went at once"
    assert recorder.contents == {}


def test_other_footage_under_the_name_of_a_cleared_clip(
    dock: ClearingDock, recorder: Erasable
) -> None:
    dock.ripe(recorder)
    dock.clear(recorder)
    recorder.contents = {B: b"c" * 1000}
    dock.pull(recorder)
    done = dock.clear(recorder)
    assert (done.kept, done.cleared) == (0, 0)
    assert recorder.contents == {B: b"c" * 1000}
    dock.receipt()
    dock.place.clock.advance(73 * HOUR)
    dock.clear(recorder)
    dock.prove()
    assert dock.clear(recorder).cleared == 1
    assert recorder.contents == {}


class TwoCards(Erasable):
    """The same name, size and date on two storages, listed as drivers do."""

    def __init__(self) -> None:
        super().__init__({"1": b"first", "2": b"other"})
        self.storages = (replace(STORE, id="1"), replace(STORE, id="2"))

    def clips(self):  # type: ignore[no-untyped-def]
        for number, storage in enumerate(sorted(self.contents)):
            path = "A.MP4" if number == 0 else "A~2.MP4"
            yield Clip(storage, path, 5, "20260804T100000")

    def read(self, clip: Clip, offset: int, size: int) -> bytes:
        return self.contents[clip.storage][offset : offset + size]

    def forget(self, clip: Clip) -> None:
        del self.contents[clip.storage]


def test_one_name_on_two_storages(dock: ClearingDock) -> None:
    """When the first goes, the second is listed under the first's name."""
    recorder = TwoCards()
    dock.ripe(recorder)
    assert dock.clear(recorder).cleared == 2
    assert recorder.contents == {}
    assert dock.ledger.findings() == []


def test_twins_on_one_storage_stay(dock: ClearingDock) -> None:
    recorder = Erasable({"A.MP4": b"12345", "A~2.MP4": b"67890"})
    dock.pull(recorder)
    dock.receipt()
    dock.place.clock.advance(73 * HOUR)
    assert dock.clear(recorder).wanted == 0


def test_stopped_in_the_middle_of_hashing(dock: ClearingDock, recorder: Erasable) -> None:
    dock.ripe(recorder)
    recorder.before_read = lambda *_: dock.over.set()
    dock.clear(recorder)
    assert recorder.deleted == []


def test_a_listing_that_is_not_whole_ends_the_session(
    dock: ClearingDock, recorder: Erasable
) -> None:
    dock.ripe(recorder)

    def clips(name: str) -> None:
        if name == "clips" and recorder.deleted:
            raise RecorderMisbehaved("one storage could not be listed")

    recorder.before_call = clips
    with pytest.raises(RecorderMisbehaved):
        dock.clear(recorder)
    assert len(recorder.deleted) == 1
    assert Clearance.CLEARING in [dock.step(path) for path in BYTES]


def test_no_eraser_no_clearing(dock: ClearingDock, recorder: Erasable) -> None:
    dock.ripe(recorder)
    assert dock.clear(recorder, eraser=None).cleared == 0
    assert recorder.deleted == []


def _epoch(dock: ClearingDock) -> None:
    assert dock.ledger.epoch_seen(ARCHIVE, "e2")


def _damage(dock: ClearingDock) -> None:
    for entry in dock.ledger.entries():
        file = dock.place.file(entry.clip)
        if entry.sighting.size:
            file.write_bytes(b"?" * entry.sighting.size)
        else:
            file.unlink()


def _hold(dock: ClearingDock, path: str) -> None:
    sql = "INSERT INTO hold SELECT NULL, seq, 'other', '', 'x', 'y', 'z', NULL, NULL, NULL, NULL"
    with dock.ledger._writing():
        dock.ledger._database.change(f"{sql} FROM clip WHERE id = ?", [dock.clip(path)])
